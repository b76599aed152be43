// The picture: painted rows, the blend, the gradient, reset before beside after, and the box of two units.
import { html, setAttribute, setText } from "../kit/dom.js";
import { slider } from "../kit/controls.js";
import { equation } from "../kit/notation.js";
import { createPanel, curve, dash, decades, grid, legend, letter, measured, steps, text, timeline } from "../kit/panel.js";
import { createReadout } from "../kit/readout.js";
import { createMarker, createSheet, paintedRow } from "../kit/rows.js";
import { button } from "../kit/view.js";
import { fixed, gradientText } from "../kit/words.js";
import { CONVENTIONS, ROWS, SAME, SCALARS, halfLife, halfStep, renamed, trace as traceOf } from "./math.js";
import { describe, halfLifeText } from "./words.js";

const FLOOR = -8; // the log axis of the gradient ends at 10^−8; 0 has a band of its own below
const ZERO = 17; // the height of that band
const SECOND = [2, 3]; // the dashes of what stands beside the main curve: the total gradient, reset after
const SIDE = 300; // the width of the box of two units, where there is room beside the sliders
const HANDLES = [...Object.keys(ROWS), ...Object.keys(SCALARS), "convention"];
const MOVES = [...HANDLES, "results"];
const LIMITS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

const NAMES = {
  w_x: ["w_x", "weight of the input", "w_x"], w_h: ["w_h", "weight of the unit's own state", "w_h"],
  w_2: ["w_2", "weight of the neighbour's state", "w_2"], b: ["b", "bias", "b"],
  b_hn: ["b_hn", "bias inside the reset product", "b_{hn}"], h0: ["h0", "state before step 1", "h_0"],
  z_2: ["z_2", "update gate of the neighbour", "z_2"], r_2: ["r_2", "reset gate of the neighbour", "r_2"],
};

// The least symmetric limit of an axis that holds all values.
function limitOf(most) {
  return LIMITS.find((limit) => most <= limit) ?? 10 ** Math.ceil(Math.log10(most));
}

function largest(values, least) {
  let most = least;
  for (const v of values) most = Math.max(most, Math.abs(v));
  return most;
}

export function blend(view) {
  const { state } = view;
  const T = state.update_gate.length;
  let now = null; // what is drawn
  view.compute(() => { now = traceOf(state, view.driven()); });
  view.results(() => now);
  view.words(() => describe(state, now));
  const has = () => now.shown.h.length === T;

  const picture = html("div", { class: "u-marked" });
  const marker = createMarker(view, picture, T);
  let laid = null;
  const place = (width) => {
    if (laid?.width !== width) laid = { width, ...timeline(width, T) };
    return laid;
  };
  const parts = { view, T, place, now: () => now, has, marker };
  picture.append(rows(view, marker), stacked(view, [shares, stretches, gradient, resets].map((section) => section(parts))));
  view.body.append(conventionSwitch(view), picture, readout(parts), lower(parts));
}

// ---- which z -------------------------------------------------------------------------------------------

function conventionSwitch(view) {
  const buttons = CONVENTIONS.map((name) => button(`the ${name}`, { "aria-pressed": "false", "data-convention": name }));
  const formulas = CONVENTIONS.map((name) => html(
    "span", { class: "u-gb-formula" },
    ...equation(name === "new" ? "h_t = (1 − z_t) h_{t−1} + z_t h~_t" : "h_t = z_t h_{t−1} + (1 − z_t) h~_t"),
  ));
  const group = html("div", { class: "u-buttons", role: "group", "aria-label": "z is the share of" }, ...buttons);
  const root = html(
    "div", { class: "u-gb-convention" },
    html("span", { class: "u-gb-words" }, html("i", { class: "u-symbol u-c-z" }, "z"), " is the share of"), group, ...formulas,
  );
  // A row that cannot be painted keeps its name, too.
  const locked = () => ["convention", "update_gate", "z_2"].some((key) => view.isLocked(key));
  buttons.forEach((one, k) => view.on(one, "click", () => {
    // The same picture under another name: so the preset stays what it is.
    if (!locked() && view.state.convention !== CONVENTIONS[k]) view.set({ ...renamed(view.state), preset: view.state.preset });
  }));
  view.add({
    draw() {
      CONVENTIONS.forEach((name, k) => {
        const on = view.state.convention === name;
        setAttribute(buttons[k], "aria-pressed", on);
        buttons[k].disabled = locked();
        formulas[k].hidden = !on;
      });
    },
  });
  return root;
}

// ---- the rows that are painted ---------------------------------------------------------------------------

function rows(view, marker) {
  const own = (words) => () => (view.driven() ? "" : words);
  const sheet = createSheet(view, "rows");
  for (const row of [
    { key: "update_gate", quantity: "z", height: 46, role: () => `share of the ${view.state.convention}` },
    { key: "reset_gate", quantity: "r", height: 46, role: own("old h in the candidate") },
    { key: "inputs", symbol: "x", colour: "muted", title: "input", low: -2, high: 2, height: 56, role: own("the same for both units") },
  ]) paintedRow(view, { ...row, marker, sheet });
  let named = null;
  view.add({
    draw() {
      // The words beside the row say what z is.
      if (named !== null && named !== view.state.convention) {
        sheet.restill();
        view.invalidate("results");
      }
      named = view.state.convention;
    },
  });
  return sheet.root;
}

// Sections one below the other on one canvas, as every canvas in the page takes its time in every frame. A
// section: name, height(width), still(ctx, width) and live(ctx, width), which draw from y = 0 on; and, where it
// has words that change, note: an element, and place(width), where it is.
function stacked(view, sections) {
  const each = (ctx, width, draw) => {
    let top = 0;
    for (const section of sections) {
      ctx.save();
      ctx.translate(0, top);
      draw(section);
      ctx.restore();
      top += section.height(width);
    }
  };
  const panel = createPanel(view, {
    label: sections.map(({ label }) => label).join("; "), name: "curves", when: MOVES,
    height: (width) => sections.reduce((sum, { height }) => sum + height(width), 0),
    still: (ctx, { width }) => each(ctx, width, (section) => section.still(ctx, width)),
    live: (ctx, { width }) => each(ctx, width, (section) => section.live(ctx, width, panel)),
  });
  for (const { note } of sections) if (note) panel.root.append(note);
  view.add({
    layout(width) {
      let top = 0;
      for (const { note, height, noted } of sections) {
        if (note) noted(width, top);
        top += height(width);
      }
    },
  });
  return panel.root;
}

// Words over the canvas: they are laid out a few times a second, not in every frame.
const noteOf = () => html("span", { class: "u-gb-note", "aria-hidden": "true" });

// ---- old share and new share ---------------------------------------------------------------------------------

function hatch(ctx, colour) {
  const tile = document.createElement("canvas");
  const ratio = Math.min(3, globalThis.devicePixelRatio || 1);
  const size = 6;
  tile.width = tile.height = size * ratio;
  const pen = tile.getContext("2d");
  pen.scale(ratio, ratio);
  pen.strokeStyle = colour;
  pen.lineWidth = 1.6;
  for (const x of [-size, 0, size]) {
    pen.moveTo(x - 1, size + 1);
    pen.lineTo(x + size + 1, -1);
  }
  pen.stroke();
  const pattern = ctx.createPattern(tile, "repeat");
  pattern.setTransform(new DOMMatrix().scale(1 / ratio));
  return pattern;
}

function shares({ view, T, place, now }) {
  const { colours } = view;
  const tall = 36;
  let pattern = null;
  const fill = (ctx, x, y, wide, high, isNew) => {
    ctx.fillStyle = isNew ? pattern : colours.h;
    ctx.fillRect(x, y, wide, high);
  };
  let top = 0;
  const frameOf = (ctx, x, y, wide, high) => {
    ctx.strokeStyle = colours.h_tilde;
    ctx.lineWidth = 1;
    ctx.strokeRect(x + 0.5, y + 0.5, wide - 1, high - 1);
  };
  return {
    label: "a bar at every step: how much is old, how much is new",
    height: (width) => (width < 600 ? 74 : 58),
    still(ctx, width) {
      const { narrow, left, right } = place(width);
      pattern = hatch(ctx, colours.h_tilde);
      top = narrow ? 31 : 11;
      grid(ctx, { left, right, colours, ticks: [[top, "1"], [top + tall, "0"]] });
      const sample = (x, y, words, isNew) => {
        fill(ctx, x, y - 11, 18, 12, isNew);
        if (isNew) frameOf(ctx, x, y - 11, 18, 12);
        return x + 26 + measured(ctx, words, x + 26, y, { colour: colours.ink, weight: 600 });
      };
      if (narrow) sample(sample(left, 19, "new share", true) + 22, 19, "old share", false);
      else {
        sample(6, top + 13, "new share", true);
        sample(6, top + 33, "old share", false);
      }
    },
    live(ctx, width) {
      const { left, step, narrow } = place(width);
      const gap = narrow ? 1 : 2;
      const wide = Math.max(1, step - 2 * gap);
      for (const isNew of [true, false]) {
        ctx.fillStyle = isNew ? pattern : colours.h;
        ctx.beginPath();
        for (let k = 0; k < T; k++) {
          const middle = top + tall * (1 - now().kept[k]);
          ctx.rect(left + k * step + gap, isNew ? top : middle, wide, isNew ? middle - top : top + tall - middle);
        }
        ctx.fill();
        if (!isNew) continue;
        ctx.strokeStyle = colours.h_tilde;
        ctx.lineWidth = 1;
        ctx.stroke();
      }
    },
  };
}

// ---- the stretch from old to candidate ------------------------------------------------------------------------

function ring(ctx, x, y) {
  ctx.moveTo(x + 3, y);
  ctx.arc(x, y, 3, 0, 6.2832);
}

function diamond(ctx, x, y) {
  ctx.moveTo(x - 4, y);
  ctx.lineTo(x, y - 4);
  ctx.lineTo(x + 4, y);
  ctx.lineTo(x, y + 4);
  ctx.closePath();
}

// One of the three marks: "new" is h after the step, "old" before it.
function mark(ctx, which, x, y, colours) {
  ctx.beginPath();
  if (which === "candidate") diamond(ctx, x, y);
  else ring(ctx, x, y);
  ctx.fillStyle = { candidate: colours.h_tilde, old: colours.bg, new: colours.h }[which];
  ctx.fill();
  if (which !== "old") return;
  ctx.strokeStyle = colours.h;
  ctx.lineWidth = 1.5;
  ctx.stroke();
}

function stretches({ view, T, place, now, has }) {
  const { colours, state } = view;
  let limit = 1;
  let top = 0;
  const tall = 132;
  const y = (v) => top + tall * (0.5 - v / limit / 2);
  return {
    label: "at every step the old h, the candidate and the new h between them",
    height: (width) => (width < 600 ? 176 : 156),
    still(ctx, width) {
      const { narrow, left, right } = place(width);
      top = narrow ? 34 : 12;
      grid(ctx, { left, right, colours, ticks: [-limit, 0, limit].map((v) => [y(v), v < 0 ? `−${-v}` : String(v)]) });
      const entries = [["new", "h", "t", "after the step"], ["old", "h", "t−1", "before it"], ["candidate", "h_tilde", "t", "candidate"]];
      if (narrow) {
        let x = left + 4;
        for (const [which, key, sub, words] of entries) {
          mark(ctx, which, x, 15, colours);
          const end = letter(ctx, key, sub, x + 9, 20, { colour: colours[key], size: 18 });
          x = end + 6 + measured(ctx, { new: "new", old: "old", candidate: "candidate" }[which], end + 6, 19, { colour: colours.ink, size: 12 }) + 22;
        }
        return;
      }
      entries.forEach(([which, key, sub, words], k) => {
        const at = top + 22 + 26 * k;
        mark(ctx, which, 15, at - 5, colours);
        const end = letter(ctx, key, sub, 32, at, { colour: colours[key] });
        text(ctx, words, Math.max(end + 8, 62), at - 1, { colour: colours.ink, weight: 600 });
      });
      text(ctx, "from old to candidate,", 32, top + 100, { colour: colours.muted, size: 12 });
      text(ctx, "the new share of the way", 32, top + 116, { colour: colours.muted, size: 12 });
    },
    live(ctx, width, panel) {
      if (!has()) return;
      const { h, h_tilde: candidate } = now().shown;
      // While a hand is painting the axis may grow, but shrinks only when it lets go.
      const wanted = limitOf(Math.max(largest(h, 1), largest(candidate, 1)));
      const next = view.held() ? Math.max(limit, wanted) : wanted;
      if (next !== limit) {
        limit = next;
        panel.restill();
      }
      const { x, step } = place(width);
      const old = (k) => (k === 0 ? state.h0 : h[k - 1]);
      ctx.setLineDash([]);
      ctx.strokeStyle = colours.h_tilde;
      ctx.lineWidth = 1;
      ctx.beginPath();
      for (let k = 0; k < T; k++) {
        ctx.moveTo(x(k + 1), y(old(k)));
        ctx.lineTo(x(k + 1), y(candidate[k]));
      }
      ctx.stroke();
      ctx.strokeStyle = colours.h;
      ctx.lineWidth = step > 9 ? 4 : 2;
      ctx.beginPath();
      for (let k = 0; k < T; k++) {
        ctx.moveTo(x(k + 1), y(old(k)));
        ctx.lineTo(x(k + 1), y(h[k]));
      }
      ctx.stroke();
      const marks = step > 9;
      if (marks) {
        ctx.fillStyle = colours.bg;
        ctx.lineWidth = 1.5;
        ctx.beginPath();
        for (let k = 0; k < T; k++) ring(ctx, x(k + 1), y(old(k)));
        ctx.fill();
        ctx.stroke();
        ctx.fillStyle = colours.h_tilde;
        ctx.beginPath();
        for (let k = 0; k < T; k++) diamond(ctx, x(k + 1), y(candidate[k]));
        ctx.fill();
      }
      curve(ctx, h.map((v, k) => [x(k + 1), y(v)]), { colour: colours.h, pattern: dash("h"), dots: marks ? 3 : 0 });
    },
  };
}

// ---- the gradient ------------------------------------------------------------------------------------------------

function gradient({ view, T, place, now, has }) {
  const { colours } = view;
  let ceiling = 0;
  let driven = null;
  let top = 0;
  let bottom = 0;
  const note = noteOf();
  let noteTop = 0;
  const y = (e) => bottom - ((e - FLOOR) * (bottom - top)) / (ceiling - FLOOR);
  const at = (g) => (g === 0 ? null : y(Math.max(FLOOR, Math.log10(Math.abs(g)))));
  let width = 0;
  view.add({
    text() {
      const half = now().direct ? halfStep(now().direct) : 0;
      setText(note, half ? `½ or less of h of step ${half}` : "");
      const { x } = place(width);
      const right = half > T / 2;
      note.style.transform = `translate(${Math.round(x(half)) + (right ? -5 : 6)}px, ${noteTop + bottom - 19}px)${right ? " translateX(-100%)" : ""}`;
    },
  });
  return {
    label: "gradient of the last h with respect to each earlier one, gates held fixed, on a logarithmic axis",
    height: (wide) => (wide < 600 ? 184 : 136),
    note,
    noted(wide, above) {
      width = wide;
      noteTop = above;
    },
    still(ctx, width) {
      const { narrow, left, right } = place(width);
      const { gradient: colour } = colours;
      top = narrow ? 52 : 8;
      bottom = top + 95;
      ctx.fillStyle = colours.track;
      ctx.fillRect(left, bottom + 5, right - left, ZERO);
      grid(ctx, { left, right, colours, ticks: decades(FLOOR, ceiling, 4).map(([e, words]) => [y(e), words]) });
      text(ctx, "0", left - 6, bottom + 18, { colour: colours.muted, size: 11, align: "right" });
      const name = (x, line) => {
        let end = letter(ctx, "∂h", "T", x, line, { colour, size: 20 });
        end += measured(ctx, " / ", end, line, { colour, size: 18 });
        return letter(ctx, "∂h", "t", end, line, { colour, size: 20 });
      };
      const first = view.driven() ? null : "direct path";
      const second = view.driven() ? "by your update" : "by every path";
      const beside = { colour, colours };
      if (narrow) {
        const end = name(left, 19);
        text(ctx, right - end > 200 ? "gradient, gates held fixed" : "gates held fixed", right, 18, { colour: colours.muted, size: 12, align: "right" });
        const x = first ? legend(ctx, first, left, 39, { ...beside, pattern: dash("gradient") }) + 18 : left;
        legend(ctx, second, x, 39, { ...beside, pattern: SECOND });
      } else {
        text(ctx, "gradient", name(2, top + 22) + 10, top + 21, { colour: colours.ink, weight: 600 });
        if (first) legend(ctx, first, 32, top + 49, { ...beside, pattern: dash("gradient") });
        legend(ctx, second, 32, top + 69, { ...beside, pattern: SECOND });
        text(ctx, "gates held fixed", 68, top + 86, { colour: colours.muted, size: 12 });
      }
    },
    live(ctx, width, panel) {
      const { direct, total, kept } = now();
      const { x, step, narrow } = place(width);
      const next = Math.min(300, Math.ceil(Math.log10(largest(total, 1)) - 1e-9));
      if (next !== ceiling || Boolean(view.driven()) !== driven) {
        ceiling = next;
        driven = Boolean(view.driven());
        panel.restill();
      }
      if (!has()) return;
      const colour = colours.gradient;
      const points = (row) => row.map((g, k) => [x(k + 1), at(g)]);
      curve(ctx, points(total), { colour, pattern: SECOND });
      ctx.fillStyle = colour;
      total.forEach((g, k) => {
        if (g < 0) ctx.fillRect(x(k + 1) - 4, at(g) - 6, 8, 2);
      });
      if (!direct) return;
      curve(ctx, points(direct), { colour, pattern: dash("gradient"), dots: step > 9 ? 3 : 0 });
      let cut = 0; // the last step that keeps nothing
      for (let k = 1; k < T; k++) if (kept[k] === 0) cut = k;
      if (cut) text(ctx, "0", x(1), bottom + 18, { colour, size: narrow ? 11 : 12.5, weight: 700, align: "center" });
      for (let k = 1; k < cut; k++) ctx.fillText("0", x(k + 1), bottom + 18);
      const half = halfStep(direct);
      if (half === 0) return;
      ctx.strokeStyle = colours.ink;
      ctx.lineWidth = 1;
      ctx.setLineDash([1, 2]);
      ctx.beginPath();
      ctx.moveTo(Math.round(x(half)) + 0.5, top - 4);
      ctx.lineTo(Math.round(x(half)) + 0.5, bottom);
      ctx.stroke();
      ctx.setLineDash([]);
    },
  };
}

// ---- reset before and after the product ------------------------------------------------------------------------------

function resets({ view, place, now }) {
  const { colours } = view;
  let top = 0;
  const tall = 92;
  const note = noteOf();
  const y = (v) => top + tall * (0.5 - v / 2);
  const square = (ctx, x, at) => ctx.rect(x - 3, at - 3, 6, 6);
  view.add({
    text() {
      const { value } = now().difference;
      setText(note, value >= SAME ? `at most ${gradientText(value)} apart` : "the same h");
    },
  });
  return {
    label: "h of the same weights with the reset gate before and after the product",
    height: (width) => (width < 600 ? 195 : 142),
    note,
    noted(width, above) {
      const { narrow, right } = place(width);
      note.style.transform = narrow ? `translate(${right}px, ${above + 5}px) translateX(-100%)` : `translate(68px, ${above + 77}px)`;
    },
    still(ctx, width) {
      const { narrow, left, right } = place(width);
      top = narrow ? 56 : 14;
      grid(ctx, { left, right, colours, ticks: [[y(-1), "−1"], [y(0), "0"], [y(1), "1"]] });
      const entry = (words, x, line, dashes, after) => {
        const end = legend(ctx, words, x, line, { colour: colours.h, pattern: dashes, colours });
        ctx.beginPath();
        if (after) square(ctx, x + 15, line - 4);
        else ring(ctx, x + 15, line - 4);
        ctx.fillStyle = after ? colours.bg : colours.h;
        ctx.fill();
        if (after) {
          ctx.lineWidth = 1.5;
          ctx.strokeStyle = colours.h;
          ctx.stroke();
        }
        return end;
      };
      if (narrow) {
        text(ctx, "reset gate", left, 19, { colour: colours.ink, weight: 600 });
        entry("after", entry("before the product", left, 40, dash("h"), false) + 18, 40, SECOND, true);
      } else {
        text(ctx, "reset gate", 32, top + 12, { colour: colours.ink, weight: 600 });
        entry("before the product", 32, top + 35, dash("h"), false);
        entry("after the product", 32, top + 56, SECOND, true);
      }
      steps(ctx, place(width), top + tall + 21, colours);
    },
    live(ctx, width) {
      const { x, step } = place(width);
      const { before, after, difference } = now();
      if (difference.value >= SAME) {
        const k = difference.step - 1;
        ctx.strokeStyle = colours.r;
        ctx.lineWidth = 5;
        ctx.beginPath();
        ctx.moveTo(x(k + 1), y(before.h[k]));
        ctx.lineTo(x(k + 1), y(after.h[k]));
        ctx.stroke();
      }
      const points = (run) => run.h.map((v, k) => [x(k + 1), y(v)]);
      const marks = step > 9;
      curve(ctx, points(before), { colour: colours.h, pattern: dash("h"), dots: marks ? 3 : 0 });
      curve(ctx, points(after), { colour: colours.h, pattern: SECOND });
      if (!marks) return;
      ctx.fillStyle = colours.bg;
      ctx.lineWidth = 1.5;
      ctx.beginPath();
      after.h.forEach((v, k) => square(ctx, x(k + 1), y(v)));
      ctx.fill();
      ctx.stroke();
    },
  };
}

// ---- the numbers of one step -----------------------------------------------------------------------------------------

function readout({ view, T, now, marker }) {
  const { state } = view;
  const driven = () => Boolean(view.driven());
  const shared = [
    [
      "reset before: h~_t", "= tanh(w_x x_t + w_h r_t h_{t−1} + w_2 r_2 h_{2,t−1} + b_{\u200a} + b_{hn})",
      "= tanh({w_x} × {x} + {w_h} × {r} × {h_prev} + {w_2} × {r_2} × {other_prev} + {b} + {b_hn}) = {h_tilde}",
    ],
    [
      "reset after: h~_t", "= tanh(w_x x_t + b_{\u200a} + r_t (w_h h_{t−1} + w_2 h_{2,t−1} + b_{hn}))",
      "= tanh({w_x} × {x} + {b} + {r} × ({w_h} × {h_prev_3} + {w_2} × {other_prev_3} + {b_hn})) = {h_tilde_3}",
    ],
  ];
  const lines = () => {
    if (driven()) {
      return [
        ["(h~_t, h_t)", "= update(z_t, r_t, h_{t−1}, x_t)", "= update({z}, {r}, {h_prev}, {x}) = ({h_tilde}, {h})"],
        ["∂h_T / ∂h_t", "= product, over all later steps, of ∂h_s / ∂h_{s−1}", "= {total}"],
      ];
    }
    const old = state.convention === "old";
    return [
      [
        "h_t", old ? "= z_t h_{t−1} + (1 − z_t) h~_t" : "= (1 − z_t) h_{t−1} + z_t h~_t",
        "= {kept} × {h_prev} + {fresh} × {h_tilde} = {h}",
      ],
      ...shared,
      ["half-life", old ? "= log ½ / log z_t" : "= log ½ / log(1 − z_t)", "= {half} steps, if every step kept {kept}"],
      [
        "∂h_T / ∂h_t, direct path", old ? "= z_{t+1} ⋯ z_T" : "= (1 − z_{t+1}) ⋯ (1 − z_T)",
        "= {direct}; by every path {total}",
      ],
    ];
  };
  const root = createReadout(view, {
    T, step: () => marker.selected, kind: () => (driven() ? "driven" : state.convention), lines,
    formats: { direct: gradientText, total: gradientText, half: (kept) => halfLifeText(halfLife(kept)) },
    values(step) {
      const k = step - 1;
      const { shown, before, after, kept, direct, total } = now();
      const old = (row) => (k === 0 ? state.h0 : row[k - 1]);
      const { w_x, w_h, w_2, b, b_hn, r_2 } = state;
      return {
        w_x, w_h, w_2, b, b_hn, r_2, z: state.update_gate[k], r: state.reset_gate[k], x: state.inputs[k],
        kept: kept[k], fresh: state.convention === "new" ? state.update_gate[k] : 1 - state.update_gate[k], half: kept[k],
        h: shown.h[k], h_tilde: shown.h_tilde[k], h_prev: shown.h.length ? old(shown.h) : null, other_prev: old(before.h_2),
        h_prev_3: old(after.h), other_prev_3: old(after.h_2), h_tilde_3: after.h_tilde[k],
        direct: direct ? direct[k] : null, total: total[k],
      };
    },
  });
  root.classList.add("u-gb-readout");
  view.add({
    text() {
      // An empty product needs no factors.
      const product = root.querySelector("[data-line='4'] .u-symbols");
      if (product) product.hidden = marker.selected === T;
    },
  });
  return root;
}

// ---- weights, and the two units in one plane ---------------------------------------------------------------------------

function lower({ view, T, now, marker }) {
  const make = (key) => {
    const [, name, symbol] = NAMES[key];
    const [min, max] = SCALARS[key];
    return slider(view, { key, name, symbol, min, max, step: 0.05 });
  };
  const group = (words, keys) => html(
    "div", { role: "group", "aria-label": words }, html("p", { class: "u-gb-title" }, words), html("div", { class: "u-sliders" }, ...keys.map(make)),
  );
  const plane = box(view, T, now, marker);
  return html(
    "div", { class: "u-gb-lower" },
    html(
      "div", {},
      group("Weights, the same for both units", ["w_x", "w_h", "w_2", "b", "b_hn", "h0"]),
      group("Gates of the second unit, the neighbour", ["z_2", "r_2"]),
      html(
        "p", { class: "u-fine" },
        ...equation("Reset before the product acts on what a unit sends, after it on what a unit receives. Both are the same where r_t = r_2 (or w_2 = 0) and b_{hn} = 0 (or every r is 1)."),
      ),
    ),
    plane,
  );
}

// A step of both units in the plane of h and h_2: coordinate by coordinate a blend, so in the box between
// old and candidate, and on its diagonal only where both z are equal.
function box(view, T, now, marker) {
  const { colours, state } = view;
  const beside = (width) => (width < 600 ? width : SIDE);
  const side = { ...view, add: (part) => view.add({ ...part, ...(part.layout ? { layout: (w) => part.layout(beside(w)) } : {}) }) };
  const top = 8;
  const tall = 190;
  let left = 0;
  let shown = Math.floor(T / 2) + 1;
  const x = (v) => left + (tall * (v + 1)) / 2;
  const y = (v) => top + (tall * (1 - v)) / 2;
  const panel = createPanel(side, {
    label: "One step of both units: the new point is in the box between old and candidate", name: "box", when: [...MOVES, "step"],
    height: () => top + tall + 24,
    still(ctx, { width }) {
      left = Math.round((width - tall) / 2) + 8;
      ctx.strokeStyle = colours.line;
      ctx.lineWidth = 1;
      for (const v of [-1, 0, 1]) {
        ctx.strokeRect(left + 0.5, top + 0.5, tall, tall);
        ctx.beginPath();
        ctx.moveTo(Math.round(x(v)) + 0.5, top);
        ctx.lineTo(Math.round(x(v)) + 0.5, top + tall);
        ctx.moveTo(left, Math.round(y(v)) + 0.5);
        ctx.lineTo(left + tall, Math.round(y(v)) + 0.5);
        ctx.stroke();
        const words = v < 0 ? "−1" : String(v);
        text(ctx, words, x(v), top + tall + 15, { colour: colours.muted, size: 11, align: "center" });
        text(ctx, words, left - 7, y(v) + 4, { colour: colours.muted, size: 11, align: "right" });
      }
      letter(ctx, "h", "t", x(0.5) - 4, top + tall + 17, { colour: colours.h, size: 17 });
      letter(ctx, "h", "2,t", left - 36, y(0.5) + 5, { colour: colours.h, size: 17 });
    },
    live(ctx) {
      shown = marker.selected ?? shown;
      const { h, h_tilde, h_2, h_tilde_2 } = now().before;
      const k = shown - 1;
      const old = k === 0 ? [state.h0, state.h0] : [h[k - 1], h_2[k - 1]];
      const from = [x(old[0]), y(old[1])];
      const to = [x(h_tilde[k]), y(h_tilde_2[k])];
      const at = [x(h[k]), y(h_2[k])];
      ctx.globalAlpha = 0.12;
      ctx.fillStyle = colours.h_tilde;
      ctx.fillRect(from[0], from[1], to[0] - from[0], to[1] - from[1]);
      ctx.globalAlpha = 1;
      ctx.setLineDash([]);
      ctx.strokeStyle = colours.h_tilde;
      ctx.lineWidth = 1;
      ctx.strokeRect(from[0], from[1], to[0] - from[0], to[1] - from[1]);
      curve(ctx, [from, to], { colour: colours.h_tilde, width: 1, pattern: dash("c_tilde") });
      curve(ctx, [from, at], { colour: colours.h, width: 3 });
      mark(ctx, "candidate", to[0], to[1], colours);
      mark(ctx, "old", from[0], from[1], colours);
      mark(ctx, "new", at[0], at[1], colours);
    },
  });
  const title = html("p", { class: "u-gb-title" });
  view.add({
    text() {
      const equal = state.update_gate[shown - 1] === state.z_2;
      setText(title, `Step ${shown}, both units: ${equal ? "z = z₂, on the diagonal" : "z ≠ z₂, in the box"}`);
    },
  });
  return html("div", {}, title, panel.root);
}
