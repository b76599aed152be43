// LSTMGates: paint the gates of one LSTM unit and see c, h and the gradient that the gates imply.
import { axisBottom, axisLeft } from "d3-axis";
import { scaleLinear } from "d3-scale";
import { select } from "d3-selection";
import { line } from "d3-shape";

import palette from "../../palette.json";
import { html, listeners, px, setAttribute, setText, svg } from "./dom.js";
import {
  GRADIENT_FLOOR, barScale, gradientCeiling, gradientScale, layout, snap, stateLimit, stateScale, stroke,
} from "./geometry.js";
import { PRESETS, READ_STEP, challengeCandidate, lstmTrace, preset, score, scoreOf } from "./lstm.js";
import { SUB, colourClass, equation, letterParts, subscript } from "./notation.js";
import { describe, fixed, gradientText, power } from "./words.js";

const ROWS = [
  { key: "forget", letter: "f", role: "how much of c is kept", low: 0 },
  { key: "input", letter: "i", role: "how much is written", low: 0 },
  { key: "candidate", letter: "c_tilde", role: "what is written", low: -1 },
  { key: "output", letter: "o", role: "how much of c is shown", low: 0 },
];
const ROW_KEYS = ROWS.map((row) => row.key);
const STATE_KEYS = [...ROW_KEYS, "c0", "preset", "challenge"];
const STEP = 0.05;
const PAGE = 0.25;
const READ_EVERY = 100; // ms
const SAY_AFTER = 500; // ms of rest before the text line is spoken
const SWIPE = 8; // px: a finger that has gone this far, mostly up or down and at once, scrolls
const AT_ONCE = 200; // ms

const sameNumbers = (a, b) => a.length === b.length && a.every((v, k) => v === b[k]);

// The state of a host element, checked; throws an Error that says what is wrong.
export function validated(state) {
  const T = state?.forget?.length;
  if (!(T >= 1)) throw new Error("forget: expected at least one step");
  for (const { key, low } of ROWS) {
    const values = state[key];
    const good = Array.isArray(values) && values.length === T;
    if (!good || !values.every((v) => typeof v === "number" && v >= low && v <= 1)) {
      throw new Error(`${key}: expected ${T} numbers from ${low} to 1`);
    }
  }
  if (!Number.isFinite(state.c0)) throw new Error("c0: expected a finite number");
  if (state.challenge && T < READ_STEP) throw new Error(`challenge: expected T ≥ ${READ_STEP}`);
  const driven = state.driven ?? null;
  // Without a kernel the reader's own function cannot run: its picture stays as Python drew it.
  return {
    ...Object.fromEntries(ROW_KEYS.map((key) => [key, state[key]])),
    c0: state.c0, preset: state.preset ?? null, challenge: Boolean(state.challenge),
    error: "", _driven: driven, _frozen: driven !== null,
  };
}

export function render({ model, el }) {
  const state = Object.fromEntries(STATE_KEYS.map((key) => [key, model.get(key)]));
  const initial = model.get("_initial") ?? { ...state };
  const frozen = Boolean(model.get("_frozen"));
  const T = state.forget.length;
  const steps = Array.from({ length: T }, (_, k) => k + 1);
  const { on, remove: removeListeners } = listeners();
  const isLocked = (key) => frozen || (key === "candidate" && state.challenge);
  const shown = (key) =>
    key === "candidate" && state.challenge ? challengeCandidate(1, T) : state[key];

  // ---- what is on the page ------------------------------------------------------------------

  const button = (text, action, extra) =>
    html("button", { type: "button", class: "u-button", "data-action": action, ...extra }, text);
  const presetButtons = PRESETS.map((name) => button(name, `preset:${name}`, { "aria-pressed": "false" }));
  const resetButton = button("reset", "reset");
  const challengeButton = button("challenge", "challenge", { "aria-pressed": "false" });
  const toolbar = html(
    "div", { class: "u-toolbar" },
    html("div", { class: "u-buttons", role: "group", "aria-label": "Presets" }, ...presetButtons),
    html("div", { class: "u-buttons u-actions" }, resetButton, T >= READ_STEP ? challengeButton : null),
  );

  const scoreNumber = html("strong", { class: "u-score", "data-q": "score" });
  const scoreParts = html("span", { class: "u-parts" });
  const scoreBar = html("div", { class: "u-meter-fill" });
  const task = html(
    "section", { class: "u-challenge", "aria-label": "Challenge" },
    html(
      "div", { class: "u-scoreline" },
      html("span", {}, "Score ", scoreNumber, " of 100"),
      html("div", { class: "u-meter", "aria-hidden": "true" }, scoreBar),
      scoreParts,
    ),
    html(
      "p", {}, html("strong", {}, "Carry the first bit for 20 steps, then read it out."),
      " The candidate is fixed: a bit at step 1 (+1; the thin lines show the same gates with −1), then distractors.",
      ` Keep h silent up to step ${READ_STEP - 1}; at step ${READ_STEP} it should tell the bit.`,
    ),
    html(
      "p", { class: "u-fine" },
      ...equation("score = 100 × read-out × quiet; read-out = |h_{21}(+1) − h_{21}(−1)| / (2 tanh 1);"),
      ...equation(" quiet = 1 − mean |h_{1…20}| / tanh 1, of the louder run."),
    ),
    html(
      "details", {}, html("summary", {}, "How the gates solve it"),
      html(
        "p", {},
        ...equation("Open i_t at step 1 only: it writes the bit and lets no distractor in. Hold f_t at 1 from step 2 on: it keeps the bit. "),
        ...equation("Keep o_t at 0 up to step 20 and open it at step 21: the bit stays hidden in c_t until it is read."),
      ),
    ),
  );
  const alarm = html("div", { class: "u-error", role: "alert" });
  const note = frozen
    ? html("p", { class: "u-note" }, "A Python function draws this picture, so it moves only where Python runs: open the notebook to paint.")
    : null;

  const uid = `u${Math.random().toString(36).slice(2, 9)}`;
  const drawing = svg("svg", { class: "u-drawing", role: "group", "aria-label": "Gates, states and gradient over time" });
  const cursor = svg("rect", { class: "u-cursor", rx: 3 });
  const cursorLabel = svg("text", { class: "u-cursor-label" });
  const readZone = svg("g", { class: "u-read" }, svg("rect", {}), svg("text", {}, "read"));
  const tracks = ROWS.map(() => svg("rect", { class: "u-track" }));
  const cursorLine = svg("rect", { class: "u-cursor-line", rx: 3 });
  drawing.append(svg("g", { "aria-hidden": "true" }, ...tracks, cursor, readZone));

  const mathLabel = (letter, sub) => svg("text", { class: `u-math ${colourClass(letter)}` }, ...letterParts(letter, sub).filter(Boolean));
  const text = (className, content) => svg("text", { class: className }, content);

  const rows = ROWS.map((row) => {
    const entry = palette[row.letter];
    const spoken = row.letter === "c_tilde" ? "candidate c tilde" : `${entry.name} ${row.letter}`;
    const columns = steps.map((t) => {
      const hit = svg("rect", { class: "u-hit" });
      const fill = svg("rect", { class: "u-fill" });
      const slider = svg(
        "g",
        {
          class: "u-column", role: "slider", tabindex: t === 1 ? 0 : -1, "data-row": row.key, "data-step": t,
          "aria-label": `${spoken}, step ${t} of ${T}`, "aria-orientation": "vertical",
          "aria-valuemin": row.low, "aria-valuemax": 1,
        },
        hit, fill,
      );
      return { slider, hit, fill, drawn: NaN };
    });
    const axis = svg("g", { class: "u-axis", "aria-hidden": "true" });
    const labels = {
      letter: mathLabel(row.letter, "t"), name: text("u-name", entry.name), role: text("u-role", row.role),
    };
    const group = svg(
      "g", { class: `u-row ${colourClass(row.letter)}`, role: "group", "aria-label": `${spoken}: ${row.role}`, "data-row": row.key },
      svg("g", { "aria-hidden": "true" }, labels.letter, labels.name, labels.role), axis,
      ...columns.map((column) => column.slider),
    );
    drawing.append(group);
    return { ...row, group, axis, columns, labels, tab: 1, drawnFrom: null, locked: false };
  });
  const rowOf = Object.fromEntries(rows.map((row) => [row.key, row]));

  const curve = (letter, extra = "") =>
    svg("path", { class: `u-curve ${colourClass(letter)} ${extra}`, "stroke-dasharray": palette[letter].dash || undefined });
  const dots = (letter) => svg("path", { class: `u-dots ${colourClass(letter)}` });
  const paths = {
    cMinus: curve("c", "u-thin"), hMinus: curve("h", "u-thin"),
    c: curve("c"), h: curve("h"), gradient: curve("gradient"),
    cDots: dots("c"), hDots: dots("h"), gradientDots: dots("gradient"),
    below: svg("path", { class: "u-below u-c-gradient" }), negative: svg("path", { class: "u-negative u-c-gradient" }),
  };
  for (const [key, path] of Object.entries(paths)) path.setAttribute("data-curve", key);
  const drawnPaths = Object.fromEntries(Object.keys(paths).map((key) => [key, ""]));
  const zeros = steps.map(() => svg("text", { class: "u-zero u-c-gradient" }, "0"));
  const zeroShown = steps.map(() => false);
  const axes = { state: svg("g", { class: "u-axis" }), gradient: svg("g", { class: "u-axis" }), time: svg("g", { class: "u-axis u-time" }) };
  const zeroLabel = text("u-tick", "0");
  const zeroBand = svg("rect", { class: "u-zero-band" });
  const timeTitle = svg("text", { class: "u-role" }, "step ", svg("tspan", { class: "u-it" }, "t"));
  const legend = {
    c: { letter: mathLabel("c", "t"), name: text("u-name", "cell state"), sample: curve("c") },
    h: { letter: mathLabel("h", "t"), name: text("u-name", "hidden state"), sample: curve("h") },
    gradient: {
      letter: svg("text", { class: "u-math u-c-gradient" }, ...letterParts("∂c", "T"), svg("tspan", { dy: -SUB }, " / "), ...letterParts("∂c", "t")),
      name: text("u-name", "gradient"), sample: curve("gradient"),
      role: text("u-role", "direct path,"), role2: text("u-role", "gates held fixed"),
    },
  };
  drawing.append(
    svg(
      "g", { role: "img", "aria-label": "Curves of the cell state c and the hidden state h over time" },
      axes.state, legend.c.sample, legend.c.letter, legend.c.name, legend.h.sample, legend.h.letter, legend.h.name,
      paths.cMinus, paths.hMinus, paths.c, paths.h, paths.cDots, paths.hDots,
    ),
    svg(
      "g", { role: "img", "aria-label": "Gradient of the last cell state with respect to each earlier one, direct path, gates held fixed, on a logarithmic axis" },
      zeroBand, axes.gradient, zeroLabel, legend.gradient.sample, legend.gradient.letter, legend.gradient.name,
      legend.gradient.role, legend.gradient.role2,
      paths.gradient, paths.gradientDots, paths.below, paths.negative, ...zeros,
    ),
    svg("g", { "aria-hidden": "true" }, axes.time, timeTitle, cursorLine, cursorLabel),
  );

  const readout = html("div", { class: "u-readout", id: `${uid}-readout` });
  // Seen at once, heard when the hand rests.
  const says = html("p", { class: "u-says", "aria-hidden": "true" });
  const heard = html("p", { class: "u-heard", "aria-live": "polite" });
  const hint = html(
    "p", { class: "u-hint" },
    frozen ? "" : "Drag across the bars to paint. Keys: ← → step, ↑ ↓ by 0.05, Page keys by 0.25, Home and End to the ends.",
  );
  const root = html(
    "div", { class: "unrolled unrolled-lstm-gates", role: "group", "aria-label": "LSTM gates" },
    toolbar, task, note, alarm, drawing, readout, says, heard, hint,
  );
  el.append(root);

  // ---- drawing: only what changed ------------------------------------------------------------

  let place = null;
  let limit = 0;
  let ceiling = 0;
  let trace = null;
  let result = null;
  let selected = null; // the step whose column is highlighted
  let hovered = null;
  let focused = null;
  let painting = null; // { pointer, row, column, value }
  const unsaved = new Set();
  const pending = { frame: 0, layout: true };
  let sayTimer = 0;
  let said = false;

  function invalidate() {
    if (!pending.frame) pending.frame = requestAnimationFrame(draw);
  }

  function draw() {
    pending.frame = 0;
    save();
    const arranged = pending.layout;
    if (arranged) arrange();
    compute();
    drawControls();
    drawBars();
    drawCurves(arranged);
    drawSelection(true);
    say();
  }

  function compute() {
    const driven = model.get("_driven");
    if (driven) {
      trace = driven;
      result = state.challenge && driven.minus && driven.c.length ? scoreOf(driven.h, driven.minus.h) : null;
    } else {
      trace = lstmTrace({ ...state, candidate: shown("candidate") });
      trace.minus = state.challenge ? lstmTrace({ ...state, candidate: challengeCandidate(-1, T) }) : null;
      result = state.challenge ? score(state) : null;
    }
  }

  function drawControls() {
    PRESETS.forEach((name, k) => setAttribute(presetButtons[k], "aria-pressed", state.preset === name));
    for (const control of [...presetButtons, resetButton, challengeButton]) control.disabled = frozen;
    setAttribute(challengeButton, "aria-pressed", Boolean(state.challenge));
    task.hidden = !state.challenge;
    if (state.challenge && result) {
      setText(scoreNumber, String(Math.floor(result.score)));
      setAttribute(scoreNumber, "data-value", result.score);
      scoreBar.style.transform = `scaleX(${px(result.score / 100)})`;
      setText(scoreParts, `read-out ${Math.round(100 * result.read)} % × quiet ${Math.round(100 * result.quiet)} %`);
    }
    readZone.style.display = state.challenge ? "" : "none";
    const error = model.get("error") || "";
    alarm.hidden = error === "";
    setText(alarm, error);
    for (const row of rows) {
      const locked = isLocked(row.key);
      // What the reader's own function does with a row, only the reader knows.
      setText(row.labels.role, locked ? "fixed here" : model.get("_driven") ? "" : row.role);
      if (row.locked === locked) continue;
      row.locked = locked;
      row.group.classList.toggle("u-locked", locked);
      for (const { slider } of row.columns) {
        if (locked) slider.setAttribute("aria-disabled", "true");
        else slider.removeAttribute("aria-disabled");
      }
    }
  }

  function drawBars() {
    for (const row of rows) {
      const values = shown(row.key);
      const scale = row.scale;
      const base = scale(0);
      for (let k = 0; k < T; k++) {
        const column = row.columns[k];
        const value = values[k];
        if (column.drawn === value) continue;
        column.drawn = value;
        const y = scale(value);
        const height = Math.max(2, Math.abs(base - y)); // a bar of 0 is still a line
        column.fill.setAttribute("y", px(value > 0 || row.low === 0 ? base - height : base));
        column.fill.setAttribute("height", px(height));
        column.slider.setAttribute("aria-valuenow", value);
        column.slider.setAttribute("aria-valuetext", fixed(value));
      }
    }
  }

  function setPath(key, d) {
    if (drawnPaths[key] === d) return;
    drawnPaths[key] = d;
    paths[key].setAttribute("d", d);
  }

  const dotsPath = (points) => points.map(([x, y]) => `M${px(x)} ${px(y)}h0`).join("");
  const round = (points) => points.map(([x, y]) => [Math.round(x * 100) / 100, Math.round(y * 100) / 100]);
  const polyline = line();

  function drawCurves(arranged) {
    const { c, h, gradient, minus } = trace;
    const has = c.length === T;
    root.classList.toggle("u-failed", !has);
    // While a hand is painting the axis may grow, but shrinks only when it lets go.
    const values = [state.c0, ...c, ...h, ...(minus ? [...minus.c, ...minus.h] : [])];
    const wanted = stateLimit(values);
    const nextLimit = painting ? Math.max(limit, wanted) : wanted;
    const nextCeiling = gradientCeiling(gradient);
    if (arranged || nextLimit !== limit) {
      limit = nextLimit;
      select(axes.state).call(
        axisLeft(stateScale(place.rows.curves, limit)).tickValues([-limit, 0, limit]).tickSize(-place.plot).tickPadding(6)
          .tickFormat((v) => (v < 0 ? `−${-v}` : String(v))),
      );
    }
    if (arranged || nextCeiling !== ceiling) {
      ceiling = nextCeiling;
      const top = Math.round(Math.log10(ceiling));
      const bottom = Math.round(Math.log10(GRADIENT_FLOOR));
      const every = 2 * Math.ceil((top - bottom) / 12);
      const exponents = [];
      for (let e = top; e >= bottom; e -= every) exponents.push(e);
      select(axes.gradient).call(
        axisLeft(gradientScale(place.rows.gradient, ceiling)).tickValues(exponents.map((e) => 10 ** e)).tickSize(-place.plot).tickPadding(6)
          .tickFormat((_, k) => (exponents[k] === 0 ? "1" : power(exponents[k]))),
      );
    }
    const y = stateScale(place.rows.curves, limit);
    const points = (series) => round(series.map((v, k) => [place.x(k + 1), y(v)]));
    const cPoints = points(c);
    const hPoints = points(h);
    const start = round([[place.x(0.5), y(state.c0)]]);
    setPath("c", has ? polyline([...start, ...cPoints]) : "");
    setPath("h", has ? polyline(hPoints) : "");
    setPath("cDots", dotsPath(cPoints));
    setPath("hDots", dotsPath(hPoints));
    setPath("cMinus", minus ? polyline([...start, ...points(minus.c)]) : "");
    setPath("hMinus", minus ? polyline(points(minus.h)) : "");

    const log = gradientScale(place.rows.gradient, ceiling);
    const gPoints = round(gradient.map((v, k) => [place.x(k + 1), v === 0 ? NaN : log(Math.abs(v))]));
    const seen = gPoints.filter(([, gy]) => !Number.isNaN(gy));
    setPath("gradient", line().defined(([, gy]) => !Number.isNaN(gy))(gPoints) ?? "");
    setPath("gradientDots", dotsPath(seen.filter(([, gy]) => gy < place.rows.gradient.top + place.rows.gradient.height)));
    setPath("below", gPoints.map(([x, gy], k) =>
      gradient[k] !== 0 && Math.abs(gradient[k]) < GRADIENT_FLOOR ? `M${px(x - 4)} ${px(gy - 3)}h8l-4 7z` : "").join(""));
    setPath("negative", gPoints.map(([x, gy], k) => (gradient[k] < 0 ? `M${px(x - 5)} ${px(gy - 7)}h10` : "")).join(""));
    for (let k = 0; k < T; k++) {
      const zero = has && gradient[k] === 0;
      if (zero === zeroShown[k]) continue;
      zeroShown[k] = zero;
      zeros[k].classList.toggle("u-on", zero);
    }
  }

  // Everything that depends on the width.
  function arrange() {
    pending.layout = false;
    const width = Math.max(280, Math.floor(root.clientWidth) || 720);
    place = layout(width, T);
    root.classList.toggle("u-narrow", place.narrow);
    root.classList.toggle("u-tiny", width < 350);
    setAttribute(drawing, "width", width);
    setAttribute(drawing, "height", place.height);
    setAttribute(drawing, "viewBox", `0 0 ${width} ${place.height}`);
    const { narrow, left, plot, step } = place;
    const at = (element, x, yy, anchor = "start") => {
      element.setAttribute("x", px(x));
      element.setAttribute("y", px(yy));
      element.setAttribute("text-anchor", anchor);
    };
    const gap = narrow ? 1 : 2;
    for (const row of rows) {
      const box = place.rows[row.key];
      row.scale = barScale(box, row.low);
      const middle = box.top + box.height / 2;
      if (narrow) {
        at(row.labels.letter, left, box.top - 9);
        at(row.labels.name, left + 24, box.top - 9);
        at(row.labels.role, left + plot, box.top - 9, "end");
        row.labels.role.style.display = plot < 300 ? "none" : "";
      } else {
        row.labels.role.style.display = "";
        at(row.labels.letter, 2, middle - 1);
        at(row.labels.name, 32, middle - 2);
        at(row.labels.role, 32, middle + 15);
      }
      const track = tracks[rows.indexOf(row)];
      for (const [name, value] of [["x", left], ["y", box.top], ["width", plot], ["height", box.height]]) track.setAttribute(name, px(value));
      const ticks = row.low < 0 ? [-1, 0, 1] : [0, 1];
      setAttribute(row.axis, "transform", `translate(${px(left)},0)`);
      select(row.axis).call(
        axisLeft(row.scale).tickValues(ticks).tickSize(-plot).tickPadding(6).tickFormat((v) => (v < 0 ? `−${-v}` : String(v))),
      );
      row.columns.forEach((column, k) => {
        const x = left + k * step;
        for (const [name, value] of [["x", x], ["y", box.top], ["width", step], ["height", box.height]]) {
          column.hit.setAttribute(name, px(value));
        }
        column.fill.setAttribute("x", px(x + gap));
        column.fill.setAttribute("width", px(Math.max(1, step - 2 * gap)));
        column.drawn = NaN;
      });
    }
    for (const key of ["state", "gradient", "time"]) setAttribute(axes[key], "transform", `translate(${px(left)},${key === "time" ? px(place.axis) : 0})`);
    const every = step >= 20 ? 1 : Math.max(1, Math.ceil(T / 6));
    const numbers = steps.filter((t) => t === 1 || t === T || (t % every === 0 && T - t >= every / 2));
    select(axes.time).call(axisBottom(scaleLinear([1, T], [place.x(1) - left, place.x(T) - left])).tickValues(numbers).tickSize(0).tickPadding(6).tickFormat(String));
    const sample = (item, x, yy, long = 44) => item.sample.setAttribute("d", `M${px(x)} ${px(yy)}h${long}`);
    const curves = place.rows.curves;
    const slope = place.rows.gradient;
    if (narrow) {
      const named = plot >= 316; // room for names beside the letters
      const second = named ? 160 : 90;
      at(legend.c.letter, left, curves.top - 9);
      at(legend.c.name, left + 24, curves.top - 9);
      sample(legend.c, left + (named ? 100 : 26), curves.top - 13, 38);
      at(legend.h.letter, left + second, curves.top - 9);
      at(legend.h.name, left + second + 24, curves.top - 9);
      sample(legend.h, left + second + (named ? 124 : 26), curves.top - 13, 32);
      for (const item of [legend.c, legend.h]) item.name.style.display = named ? "" : "none";
      at(legend.gradient.letter, left, slope.top - 9);
      at(legend.gradient.name, left + 80, slope.top - 9);
      legend.gradient.name.style.display = named ? "" : "none";
      at(legend.gradient.role, left + plot, slope.top - 9, "end"); setText(legend.gradient.role, "direct path, gates held fixed");
      setText(legend.gradient.role2, ""); legend.gradient.sample.setAttribute("d", "");
    } else {
      for (const item of [legend.c, legend.h, legend.gradient]) item.name.style.display = "";
      const m = curves.top + curves.height / 2;
      at(legend.c.letter, 2, m - 25); at(legend.c.name, 32, m - 26); sample(legend.c, 32, m - 14);
      at(legend.h.letter, 2, m + 23); at(legend.h.name, 32, m + 22); sample(legend.h, 32, m + 34);
      const g = slope.top + slope.height / 2;
      at(legend.gradient.letter, 2, g - 22); at(legend.gradient.name, 88, g - 23); sample(legend.gradient, 32, g - 8);
      at(legend.gradient.role, 32, g + 12); at(legend.gradient.role2, 32, g + 28);
      setText(legend.gradient.role, "direct path,"); setText(legend.gradient.role2, "gates held fixed");
    }
    if (narrow) at(timeTitle, left + plot / 2, place.axis + 31, "middle");
    else at(timeTitle, left - 12, place.axis + 15, "end");
    const band = place.rows.zero;
    for (const [name, value] of [["x", left], ["y", band.top], ["width", plot], ["height", band.height]]) zeroBand.setAttribute(name, px(value));
    at(zeroLabel, left - 6, band.top + band.height / 2 + 4.5, "end");
    zeros.forEach((zero, k) => at(zero, place.x(k + 1), band.top + band.height / 2 + 4.5, "middle"));
    const [zoneRect, zoneText] = readZone.children;
    for (const [name, value] of [["x", place.x(READ_STEP - 0.5)], ["y", rowTop()], ["width", step], ["height", place.axis - rowTop()]]) zoneRect.setAttribute(name, px(value));
    at(zoneText, place.x(READ_STEP), curves.top + curves.height + 10, "middle");
    selected = undefined;
  }

  const rowTop = () => place.rows.forget.top - 4;

  // ---- the numbers of one step ----------------------------------------------------------------

  let readoutKind = null;
  let fields = {};
  let subs = [];

  function buildReadout(kind) {
    readoutKind = kind;
    const driven = kind === "driven";
    const lines = driven
      ? [
          [equation("(c_t, h_t)"), equation("= update(f_t, i_t, c~_t, o_t, c_{t−1})"), equation("= update({f}, {i}, {c_tilde}, {o}, {c_prev}) = ({c}, {h})")],
          [equation("∂c_T / ∂c_t"), equation("= product, over all later steps, of ∂c_s / ∂c_{s−1}"), equation("= {gradient}")],
        ]
      : [
          [equation("c_t"), equation("= f_t c_{t−1} + i_t c~_t"), equation("= {f} × {c_prev} + {i} × {c_tilde} = {c}")],
          [equation("h_t"), equation("= o_t tanh c_t"), equation("= {o} × tanh {c} = {h}")],
          [equation("∂c_T / ∂c_t"), equation("= f_{t+1} ⋯ f_T"), equation("= {gradient}")],
        ];
    readout.replaceChildren(
      html("div", { class: "u-step" }),
      ...lines.map(([left, symbols, numbers], k) =>
        html(
          "div", { class: "u-equation", "data-line": k }, html("span", { class: "u-left" }, ...left),
          html("span", { class: "u-symbols" }, ...symbols), html("span", { class: "u-numbers" }, ...numbers),
        )),
    );
    fields = {};
    for (const field of readout.querySelectorAll("[data-q]")) (fields[field.dataset.q] ??= []).push(field);
    subs = [...readout.querySelectorAll("sub")].map((element) => ({ element, source: element.textContent }));
  }

  let readStep; // the step whose numbers are set out
  let readAt = 0;
  let readTimer = 0;

  // The mark moves with the hand; the numbers, which no eye reads at that speed and whose text is
  // the dearest to lay out, follow every READ_EVERY ms while it paints.
  function drawSelection(force) {
    const next = hovered ?? focused;
    if (next === selected && !force) return;
    if (next !== selected) {
      selected = next;
      const any = selected !== null;
      for (const mark of [cursor, cursorLine, cursorLabel]) mark.style.display = any ? "" : "none";
      if (any) {
        for (const [name, value] of [["x", place.x(selected - 0.5)], ["y", rowTop()], ["width", place.step], ["height", place.axis + 20 - rowTop()]]) {
          setAttribute(cursor, name, px(value));
          setAttribute(cursorLine, name, px(value));
        }
        cursorLabel.setAttribute("x", px(place.x(selected)));
        cursorLabel.setAttribute("y", px(place.axis + 15));
        setText(cursorLabel, String(selected));
      }
    }
    clearTimeout(readTimer);
    const wait = painting ? readAt + READ_EVERY - performance.now() : 0;
    if (wait > 0) readTimer = setTimeout(drawNumbers, wait);
    else drawNumbers();
  }

  function drawNumbers() {
    readAt = performance.now();
    const kind = model.get("_driven") ? "driven" : "own";
    const rebuilt = kind !== readoutKind;
    if (rebuilt) buildReadout(kind);
    if (readStep !== selected || rebuilt) {
      readStep = selected;
      const any = selected !== null;
      readout.classList.toggle("u-one", any);
      setText(readout.firstChild, any ? `step ${selected}` : "any step");
      for (const { element, source } of subs) setText(element, subscript(source, selected, T));
      // An empty product needs no factors.
      readout.lastChild.querySelector(".u-symbols").hidden = any && selected === T;
    }
    if (selected === null) return;
    const k = selected - 1;
    const none = trace.c.length !== T;
    const values = {
      f: state.forget[k], i: state.input[k], c_tilde: shown("candidate")[k], o: state.output[k],
      c_prev: k === 0 ? state.c0 : trace.c[k - 1], c: trace.c[k], h: trace.h[k], gradient: trace.gradient[k],
    };
    for (const [name, elements] of Object.entries(fields)) {
      const value = values[name];
      const missing = value === undefined || (none && name === "c_prev");
      for (const element of elements) {
        setText(element, missing ? "?" : name === "gradient" ? gradientText(value) : fixed(value));
        setAttribute(element, "data-value", missing ? "" : value);
      }
    }
  }

  function say() {
    const words = describe({ ...state, driven: model.get("_driven") }, trace, result);
    const speak = () => setText(heard, words);
    setText(says, words);
    clearTimeout(sayTimer);
    if (said) sayTimer = setTimeout(speak, SAY_AFTER);
    else speak();
    said = true;
  }

  // ---- changing the state -----------------------------------------------------------------------

  function edit(key, column, value) {
    if (state[key][column - 1] === value) return;
    if (!unsaved.has(key)) state[key] = [...state[key]]; // the model's own array is never written to
    state[key][column - 1] = value;
    unsaved.add(key);
    if (state.preset !== null) {
      state.preset = null;
      unsaved.add("preset");
    }
    invalidate();
  }

  function apply(changes) {
    for (const [key, value] of Object.entries(changes)) {
      state[key] = Array.isArray(value) ? [...value] : value;
      unsaved.add(key);
    }
    invalidate();
  }

  // Once a frame at most: the model hears what changed.
  function save() {
    if (unsaved.size === 0) return;
    const keys = [...unsaved];
    unsaved.clear();
    for (const key of keys) model.set(key, state[key]);
    model.save_changes();
  }

  const follow = {};
  for (const key of [...STATE_KEYS, "_driven", "error"]) {
    follow[`change:${key}`] = () => {
      if (key in state) {
        const value = model.get(key);
        const same = Array.isArray(value) ? sameNumbers(value, state[key]) : value === state[key];
        if (same || unsaved.has(key)) return; // what the hand does now is newer
        state[key] = value;
      }
      invalidate();
    };
    model.on(`change:${key}`, follow[`change:${key}`]);
  }

  on(toolbar, "click", (event) => {
    const action = event.target.closest("button")?.dataset.action;
    if (!action || frozen) return;
    if (action === "reset") {
      const { challenge, ...rest } = initial;
      apply(rest);
    } else if (action === "challenge") {
      apply({ challenge: !state.challenge });
    } else {
      const name = action.split(":")[1];
      apply({ ...preset(name, T), preset: name });
    }
  });

  // ---- pointer and touch ----------------------------------------------------------------------

  // Where the pointer is, in the drawing's own units (the page may be zoomed by CSS).
  function locate(event) {
    const box = drawing.getBoundingClientRect();
    const zoom = box.width / place.width || 1;
    return { x: (event.clientX - box.left) / zoom, y: (event.clientY - box.top) / zoom };
  }

  function point(row, event) {
    const { x, y } = locate(event);
    return { column: place.column(x), value: snap(row.scale.invert(y), row.low) };
  }

  function paint(event) {
    const { row } = painting;
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length ? moves : [event]) {
      const next = point(row, move);
      for (const { column, value } of stroke(painting, next)) edit(row.key, column, snap(value, row.low));
      painting.column = next.column;
      painting.value = next.value;
    }
    hover(painting.column);
  }

  function hover(column) {
    if (column === hovered) return;
    hovered = column;
    invalidateSelection();
  }

  let selectionFrame = 0;
  function invalidateSelection() {
    if (pending.frame || selectionFrame) return;
    selectionFrame = requestAnimationFrame(() => {
      selectionFrame = 0;
      if (place && trace) drawSelection(false);
    });
  }

  // On bars one finger paints, elsewhere it scrolls. A quick swipe up or down scrolls there, too, and
  // what its start painted is taken back. `touch-action` does not do this inside an SVG: Chromium
  // heeds it on the outermost element only.
  let swipe = null; // where and when a finger came down that paints or may yet scroll
  let before = null; // what its row and the preset were then
  on(drawing, "touchstart", (event) => {
    const { clientX: x, clientY: y } = event.touches[0];
    swipe = painting && event.touches.length === 1 ? { x, y, at: event.timeStamp, paints: false } : null;
  }, { passive: true });
  on(drawing, "touchmove", (event) => {
    if (!swipe) return;
    if (!swipe.paints) {
      const across = Math.abs(event.touches[0].clientX - swipe.x);
      const along = Math.abs(event.touches[0].clientY - swipe.y);
      const quick = event.timeStamp - swipe.at < AT_ONCE;
      if (quick && along > 2 * across && along >= SWIPE) {
        swipe = null;
        painting = null;
        apply(before);
        return;
      }
      swipe.paints = across >= SWIPE || !quick;
    }
    if (event.cancelable) event.preventDefault();
  }, { passive: false });

  on(drawing, "pointerdown", (event) => {
    const key = event.target.closest?.("[role=slider]")?.dataset.row;
    const row = rowOf[key];
    if (!row || painting || event.button !== 0 || isLocked(key)) return;
    painting = { pointer: event.pointerId, row, ...point(row, event) };
    before = { [key]: [...state[key]], preset: state.preset };
    row.group.setPointerCapture(event.pointerId);
    // What a mouse does by itself: the keyboard goes on where the finger was.
    if (event.pointerType === "touch") row.columns[painting.column - 1].slider.focus({ preventScroll: true });
    edit(key, painting.column, painting.value);
    hover(painting.column);
  });
  on(drawing, "pointermove", (event) => {
    if (painting) {
      if (event.pointerId === painting.pointer) paint(event);
      return;
    }
    if (!place) return;
    const { x } = locate(event);
    hover(x >= place.left && x <= place.left + place.plot ? place.column(x) : null);
  });
  const lift = (event) => {
    if (!painting || event.pointerId !== painting.pointer) return;
    painting = null;
    invalidate();
  };
  on(drawing, "pointerup", lift);
  on(drawing, "pointercancel", lift);
  on(drawing, "lostpointercapture", lift);
  on(drawing, "pointerleave", (event) => {
    // A finger that lifts leaves too, and its reader still wants the numbers.
    if (event.pointerType !== "touch" && !painting) hover(null);
  });

  // ---- keyboard: one tab stop a row -------------------------------------------------------------

  function tabTo(row, step) {
    if (row.tab === step) return;
    row.columns[row.tab - 1].slider.setAttribute("tabindex", "-1");
    row.columns[step - 1].slider.setAttribute("tabindex", "0");
    row.tab = step;
  }

  on(drawing, "focusin", (event) => {
    const slider = event.target.closest?.("[role=slider]");
    if (!slider) return;
    focused = Number(slider.dataset.step);
    tabTo(rowOf[slider.dataset.row], focused);
    if (!painting && slider.matches(":focus-visible")) hovered = null; // the keyboard has the say
    invalidateSelection();
  });
  on(drawing, "focusout", () => {
    focused = null;
    invalidateSelection();
  });
  on(drawing, "keydown", (event) => {
    const slider = event.target.closest?.("[role=slider]");
    if (!slider || event.altKey || event.ctrlKey || event.metaKey) return;
    const row = rowOf[slider.dataset.row];
    const step = Number(slider.dataset.step);
    const now = state[row.key][step - 1];
    const go = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const change = { ArrowUp: STEP, ArrowDown: -STEP, PageUp: PAGE, PageDown: -PAGE }[event.key];
    const end = { Home: row.low, End: 1 }[event.key];
    if (go !== undefined) row.columns[Math.min(T, Math.max(1, step + go)) - 1].slider.focus();
    else if (change === undefined && end === undefined) return;
    else if (!isLocked(row.key)) edit(row.key, step, end ?? snap(now + change, row.low));
    event.preventDefault();
    event.stopPropagation(); // a notebook has keys of its own
  });

  // ---- life ----------------------------------------------------------------------------------

  const observer = new ResizeObserver(() => {
    const width = Math.floor(root.clientWidth);
    if (!place || (width && Math.max(280, width) !== place.width)) {
      pending.layout = true;
      invalidate();
    }
  });
  observer.observe(root);
  draw();

  return () => {
    observer.disconnect();
    removeListeners();
    for (const [event, listener] of Object.entries(follow)) model.off(event, listener);
    cancelAnimationFrame(pending.frame);
    cancelAnimationFrame(selectionFrame);
    clearTimeout(sayTimer);
    clearTimeout(readTimer);
    save();
    root.remove();
  };
}
