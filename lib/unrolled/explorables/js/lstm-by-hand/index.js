// LSTMByHand: one step of an LSTM with one unit, line by line, forward and backward.
import { choice, numberField, slider } from "../kit/controls.js";
import { html, setText } from "../kit/dom.js";
import { colourClass, equation, label } from "../kit/notation.js";
import { draggable } from "../kit/panel.js";
import { createView } from "../kit/view.js";
import { gauges } from "./gauges.js";
import { GATES, LIMIT, NUMBERS, PRECISIONS, PRESETS, backward, forward, lineNumbers, presetValues, slipsAt } from "./math.js";
import { answers, backwardLines, departs, describe, lines, short, symbolOf } from "./words.js";

export const kind = "lstm-by-hand";
export const presets = PRESETS;

const FIELDS = [...NUMBERS, "dh", "dc"];
const STEP = 0.05; // what an arrow key changes, and the wheel of a field every other pixel

// The handles of a host element's state, checked; throws an Error that says what is wrong.
export function validated(state) {
  const handles = {};
  for (const key of FIELDS) {
    const value = state?.[key];
    if (typeof value !== "number" || !(Math.abs(value) <= LIMIT)) throw new Error(`${key}: expected a number from -10 to 10`);
    handles[key] = value + 0;
  }
  const { precision, digits } = state;
  if (!PRECISIONS.includes(precision)) throw new Error(`precision: expected one of ${PRECISIONS.join(", ")}`);
  if (!Number.isInteger(digits) || digits < 1 || digits > 6) throw new Error("digits: expected a whole number from 1 to 6");
  return { ...handles, precision, digits };
}

const QUANTITY = { f: "f", i: "i", c: "c_tilde", o: "o" };
const LETTER = { f: "f_t", i: "i_t", c: "c~_t", o: "o_t" };
const NAME = { f: "the forget gate", i: "the input gate", c: "the candidate", o: "the output gate" };

export function render({ model, el }) {
  const view = createView({
    model, el, kind, label: "An LSTM step by hand", handles: [...FIELDS, "precision", "digits"], presets: PRESETS, presetValues,
    hint: "Type a number, or drag the ridges below it sideways. Keys in a field: ↑ ↓ by 0.05, Page keys by 0.5, Ctrl with Home and End to the ends. "
      + "The source: the course notes that this example comes from.",
  });
  const { state } = view;
  let numbers = null; // in full precision
  let gradients = null; // these two when texts are written
  let compared = null;
  view.compute(() => {
    numbers = forward(state);
    gradients = compared = null;
  });
  const back = () => (gradients ??= backward(state));
  const told = () => (compared ??= answers(state, numbers, state.digits));
  // While a hand drags, texts change half and half: one time what is forward, one time what is backward.
  let turn = 0;
  const now = (half) => !view.held() || turn % 2 === half;
  view.add({ text: () => { turn += 1; } });
  const outcome = () => {
    const driven = view.driven();
    if (!driven) return null;
    return driven.own ? driven.differs : false;
  };

  view.body.append(
    html("div", { class: "lh-top" }, givenNumbers(view, () => numbers), working(view, () => numbers, told, () => now(0))),
    ...forwardPart(view, () => numbers, told, () => now(0)),
    ...backwardPart(view, () => numbers, back, () => now(1)),
    ownPart(view, () => ({ ...back(), ...numbers })),
  );
  view.words(() => describe(state, numbers, back(), outcome(), told()));
  view.results(() => ({
    forward: numbers, backward: back(), lines: lineNumbers(state, numbers, state.precision, state.digits),
    slips: slipsAt(state, numbers, state.digits), differs: view.driven()?.differs ?? [],
  }));
  view.start();
  return view.destroy;
}

// ---- what is given ---------------------------------------------------------------------------------------

// A field with a wheel below it: ridges to drag sideways, 0.05 every two pixels. They stand still, as what
// moves under a hand is dear: the number tells.
function cell(view, key, name, symbol = "") {
  const wheel = html("div", { class: "lh-wheel", "aria-hidden": "true", "data-wheel": key });
  const field = numberField(view, { key, name, symbol, min: -LIMIT, max: LIMIT, step: STEP });
  const root = html("div", { class: "lh-cell" }, field, wheel);
  const set = (value) => view.set({ [key]: value }, `wheel:${key}`);
  draggable(view, wheel, {
    hit: ({ x }) => (view.isLocked(key) ? null : { x, from: view.state[key] }),
    move: ({ x, from }, place) => {
      const value = from + STEP * Math.round((place.x - x) / 2);
      set(Math.min(LIMIT, Math.max(-LIMIT, Number(value.toFixed(6)))) + 0);
    },
    cancel: ({ from }) => set(from),
  });
  let locked = false;
  view.add({
    draw() {
      if (view.isLocked(key) !== locked) root.classList.toggle("lh-still", (locked = !locked));
    },
  });
  return root;
}

function givenNumbers(view, numbers) {
  const head = (source) => html("div", { class: "lh-head", "aria-hidden": "true" }, ...label(source));
  const letter = (source, quantity) =>
    html("div", { class: `lh-letter ${colourClass(quantity)}`, "aria-hidden": "true" }, ...equation(source));
  const arriving = (source) => html("div", { class: "lh-arrives", "aria-hidden": "true" }, ...equation(source));
  return html(
    "div", { class: "lh-given" },
    html(
      "div", { class: "lh-state" },
      cell(view, "x", "input x", "x_t"),
      cell(view, "h_prev", "hidden state before, h", "h_{t−1}"),
      cell(view, "c_prev", "cell state before, c", "c_{t−1}"),
    ),
    html(
      "div", { class: "lh-grid" },
      html("div", {}), head("w_x"), head("w_h"), head("b"), html("div", {}),
      ...GATES.flatMap((g) => [
        letter(LETTER[g], QUANTITY[g]),
        cell(view, `w_${g}x`, `weight of x in ${NAME[g]}`),
        cell(view, `w_${g}h`, `weight of h in ${NAME[g]}`),
        cell(view, `b_${g}`, `bias of ${NAME[g]}`),
      ]),
      letter("c_t", "c"), arriving("∂⁺L/∂c_t, arriving"), cell(view, "dc", "gradient that arrives at c from later steps"),
      letter("h_t", "h"), arriving("∂L/∂h_t, arriving"), cell(view, "dh", "gradient that arrives at h"),
      gauges(view, numbers),
    ),
  );
}

// ---- three ways of working -------------------------------------------------------------------------------

// A text of which the last digits may be off.
function digitsOf() {
  const good = html("span", {});
  const off = html("b", { class: "lh-off" });
  return {
    parts: [good, off],
    set(text, right = text) {
      const k = departs(text, right);
      setText(good, text.slice(0, k));
      setText(off, text.slice(k));
    },
  };
}

const ROWS = [["f_t", "f"], ["i_t", "i"], ["c~_t", "c_tilde"], ["c_t", "c"], ["o_t", "o"], ["tanh c_t", "tanh_c"], ["h_t", "h"]];
const SLIPS = { c_tilde: "the candidate's tanh is cut", c: "products are rounded before they are added", tanh_c: "tanh c is cut" };

function working(view, numbers, told, now) {
  const { state } = view;
  const heads = { full: "rounded at the end", rounded: "rounded at every step", source: "the source's slips" };
  const columns = PRECISIONS.map((p) => html("th", { scope: "col", "data-precision": p }, heads[p]));
  const cells = ROWS.map(() => PRECISIONS.map(digitsOf));
  const boxes = cells.map((row) => row.map(({ parts }, k) => html("td", { "data-precision": PRECISIONS[k] }, ...parts)));
  const caption = html("caption", {}, "");
  const table = html(
    "table", { class: "lh-answers" }, caption,
    html("thead", {}, html("tr", {}, html("td", {}), ...columns)),
    html("tbody", {}, ...ROWS.map(([source], k) => html("tr", {}, html("th", { scope: "row" }, ...equation(source)), ...boxes[k]))),
  );
  const slips = html("p", { class: "lh-slips" });
  let marked = null;
  view.add({
    draw() {
      if (marked === state.precision) return;
      marked = state.precision;
      for (const box of [...columns, ...boxes.flat()]) box.classList.toggle("lh-chosen", box.dataset.precision === marked);
    },
    text() {
      if (!now()) return;
      const { digits } = state;
      const shown = told();
      ROWS.forEach(([, name], k) => PRECISIONS.forEach((p, j) => cells[k][j].set(shown[p][name], shown.full[name])));
      setText(caption, `To ${digits} decimal${digits > 1 ? "s" : ""}`);
      const here = slipsAt(state, numbers(), digits);
      const none = "Here none of the source's three slips changes its line.";
      setText(slips, here.length === 0 ? none : `The source's slips that change a line here: ${here.map((key) => SLIPS[key]).join("; ")}.`);
    },
  });
  const options = [["full", "full precision"], ["rounded", "rounded"], ["source", "the source's slips"]].map(([value, text]) => ({ value, text }));
  return html(
    "div", { class: "lh-working" },
    choice(view, { key: "precision", name: "How the lines are worked", options }),
    slider(view, { key: "digits", name: "decimals", text: "decimals", min: 1, max: 6, step: 1, format: String }),
    table, slips,
  );
}

// ---- lines -----------------------------------------------------------------------------------------------

const MOST = 4; // parts of a line between its symbols and its result

// Where a line may break: before a plus, a minus or a relation, outside of brackets.
const bound = (text) =>
  text.replace(/\([^()]*\)/g, (inner) => inner.replaceAll(" ", "\u00a0"))
    .replace(/ (?![+−])/g, "\u00a0").replaceAll("L/", "L/\u2060");

function lineOf(source, symbols) {
  const part = (...children) => html("span", { class: "lh-part" }, ...children);
  const between = Array.from({ length: MOST }, () => part());
  const before = between.map(() => "");
  const result = digitsOf();
  const relation = html("span", {});
  const note = html("span", { class: "lh-note" });
  const fixed = source.map(([sign, text]) => part(...equation(bound(sign ? `${sign} ${text}` : text))));
  const last = html("span", { class: `lh-part lh-result ${symbols}` }, relation, ...result.parts);
  const root = html("p", { class: "lh-line" }, ...[...fixed, ...between, last, note].flatMap((one) => [one, " "]));
  return {
    root,
    set(line, right) {
      const numbers = line.parts.slice(source.length);
      const end = numbers.pop();
      between.forEach((span, k) => {
        const text = numbers[k] ? numbers[k].join(" ") : "";
        if (text === before[k]) return;
        before[k] = text;
        setText(span, bound(text));
      });
      setText(relation, `${end[0]}\u00a0`);
      result.set(end[1], right ?? end[1]);
      setText(note, line.note);
    },
  };
}

const COLOUR = { f: "f", i: "i", c_tilde: "c_tilde", o: "o", c: "c", tanh_c: "c", h: "h" };

// The lines appear at the first text, as their symbols do not depend on the numbers.
function listOf(name, title, make, right = () => undefined) {
  const root = html("div", { class: "lh-lines", role: "group", "aria-label": title, "data-lines": name });
  let rows = null;
  return {
    root, heading: html("div", { class: "lh-title" }, title),
    text() {
      const all = make();
      rows ??= all.map((line) => {
        const symbols = line.parts.slice(0, line.key === "tanh_c" ? 1 : 2);
        return lineOf(symbols, line.key in COLOUR ? colourClass(COLOUR[line.key]) : "");
      });
      if (!root.firstChild) root.append(...rows.map((row) => row.root));
      all.forEach((line, k) => rows[k].set(line, right(line)));
    },
  };
}

function forwardPart(view, numbers, told, now) {
  const { state } = view;
  const worked = {
    full: () => "Forward, in full precision",
    rounded: () => `Forward, every number rounded to ${state.digits} decimal${state.digits > 1 ? "s" : ""}`,
    source: () => `Forward, with the source's slips`,
  };
  const list = listOf(
    "forward", "Forward", () => lines(state, numbers(), state.precision, state.digits),
    (line) => (state.precision === "full" || !(line.key in COLOUR) ? undefined : told().full[line.key]),
  );
  view.add({
    text() {
      if (!now()) return;
      setText(list.heading, worked[state.precision]());
      list.text();
    },
  });
  return [list.heading, list.root];
}

function backwardPart(view, numbers, back, now) {
  const { state } = view;
  const list = listOf("backward", "Backward, in full precision", () => backwardLines(state, numbers(), back()));
  const cells = GATES.map((g) => [`dw_${g}x`, `dw_${g}h`, `db_${g}`].map((name) => [name, html("td", { "data-q": name })]));
  const b = () => html("i", { class: "u-symbol" }, "b");
  const a = () => html("i", { class: "u-symbol" }, "a");
  const table = html(
    "table", { class: "lh-weights" },
    html("caption", {}, "Gradients of the weights and biases"),
    html(
      "thead", {},
      html(
        "tr", {}, html("td", {}),
        heading(["∂L/", ...equation("∂w_x")], ["∂L/∂", a(), " · ", ...equation("x_t")]),
        heading(["∂L/", ...equation("∂w_h")], ["∂L/∂", a(), " · ", ...equation("h_{t−1}")]),
        heading(["∂L/∂", b()], ["∂L/∂", a()]),
      ),
    ),
    html("tbody", {}, ...GATES.map((g, k) => html("tr", {}, html("th", { scope: "row" }, ...equation(LETTER[g])), ...cells[k].map(([, td]) => td)))),
  );
  view.add({
    text() {
      if (!now()) return;
      list.text();
      for (const [name, td] of cells.flat()) setText(td, short(back()[name]).text);
    },
  });
  return [list.heading, list.root, table];
}

function heading(left, right) {
  return html(
    "th", { scope: "col" },
    html("span", { class: "lh-part" }, ...left), " ", html("span", { class: "lh-part lh-wide" }, "= ", ...right),
  );
}

// ---- the reader's own step -------------------------------------------------------------------------------

function ownPart(view, ours) {
  const list = html("div", { class: "lh-own" });
  const root = html("section", { hidden: "" }, html("div", { class: "lh-title" }, "The step given, beside ours"), list);
  view.add({
    text() {
      const driven = view.driven();
      root.hidden = !driven?.own;
      if (root.hidden) return;
      const right = ours();
      list.replaceChildren(...Object.entries(driven.own).map(([name, value]) => {
        const off = driven.differs.includes(name);
        return html(
          "div", { class: "lh-pair", "data-own": name },
          html("span", {}, ...equation(symbolOf(name))), html("span", {}, short(value).text),
          html("span", off ? { class: "lh-off" } : {}, off ? "≠" : "="), html("span", {}, short(right[name]).text),
        );
      }));
    },
  });
  return root;
}
