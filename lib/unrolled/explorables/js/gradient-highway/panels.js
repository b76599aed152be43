// The picture: the gradients on a log axis, with their numbers beside it, and what the gates keep.
import { html, setAttribute, setText, svg } from "../kit/dom.js";
import { colourClass } from "../kit/notation.js";
import { createPanel, dash, grid, locate, text, timeline } from "../kit/panel.js";
import { power } from "../kit/words.js";
import { halfLife, mean } from "./math.js";
import { FLOAT32, KEYS, halfLifeText, limits, magnitude, stepsShown, ticks } from "./words.js";

const ZERO = 17; // the height of the band below the log axis, for gradients of exactly 0
const TALL = 250;
const GUTTER = 156; // where it is wide: names and numbers
const LOW = 72; // of the gates' panel
const NAMES = { rnn: "RNN", gru: "GRU", lstm: "LSTM", direct: "direct path ∏ f" };
const SHARES = { lstm: { key: "f", letter: "f", of: "LSTM" }, gru: { key: "z", letter: "1 − z", of: "GRU" } };

const gutter = (width) => (width < 600 ? 0 : GUTTER);
// Steps 1…T from left to right, as in all explorables, in a panel that begins at the gutter.
function placeOf(width, T) {
  const { left, right, step, column } = timeline(width, T);
  const shift = gutter(width);
  return { left: left - shift, right: right - shift, x: (t) => left - shift + (t - 0.5) * step, column: (x) => column(x + shift) };
}

// A legend: for every entry a piece of the curve, its name and a number.
function legendOf(entries, className) {
  const numbers = {};
  const items = Object.entries(entries).map(([name, { key, words, note }]) => {
    numbers[name] = html("span", { class: "u-gh-number", "data-q": name });
    return html(
      "div", { class: `u-gh-entry ${colourClass(key)}` },
      svg("svg", { width: 32, height: 8, "aria-hidden": "true" }, svg("path", { d: "M0 4H32", "stroke-dasharray": dash(key).join(" ") || null })),
      html("span", { class: "u-gh-name" }, words, note ? html("span", { class: "u-gh-note" }, ` ${note}`) : null), numbers[name],
    );
  });
  return { root: html("div", { class: `u-gh-legend ${className}` }, ...items), numbers };
}

export function createPicture(view, handles, now) {
  // Panels as wide as what moves in them: clearing and handing on a canvas costs by its size.
  const beside = { ...view, add: (part) => view.add({ ...part, layout: (width) => part.layout(width - gutter(width)) }) };
  let whole = 0;
  let place = null;
  let drawnT = 0;
  let floor = 0;
  let ceiling = 0;
  const panels = [];
  view.add({
    layout: (width) => {
      whole = width;
      place = null;
    },
  });
  // All panels have the same axes, which follow T and the largest and smallest norm.
  view.add({
    draw() {
      const { T, norms } = now();
      const followed = follow(norms, T);
      if (drawnT === T && !followed && place) return;
      drawnT = T;
      place = placeOf(whole, T);
      for (const panel of panels) panel.restill();
    },
  });

  // ---- the gradients --------------------------------------------------------------------------------

  const y = (e) => gradients.bottom - ((e - floor) * (gradients.bottom - gradients.top)) / (ceiling - floor);
  const gradients = createPanel(beside, {
    label: "Norm of the gradient at every step on a logarithmic axis: of the RNN and of the GRU",
    name: "gradients", when: handles.filter((key) => key !== "forget_bias"),
    height: () => 14 + TALL + ZERO + 5,
    still(ctx, panel) {
      const { colours } = view;
      const { left, right } = place;
      panel.top = 14;
      panel.bottom = panel.top + TALL;
      ctx.fillStyle = colours.track;
      ctx.fillRect(left, panel.bottom + 4, right - left, ZERO);
      grid(ctx, { left, right, colours, ticks: ticks(floor, ceiling).map((e) => [y(e), e === 0 ? "1" : power(e)]) });
      ctx.strokeStyle = colours.muted;
      ctx.strokeRect(left, Math.round(y(0)) + 0.5, right - left, 0);
      const small = { colour: colours.muted, size: 12 };
      text(ctx, "0", left - 6, panel.bottom + 17, { ...small, size: 11, align: "right" });
      text(ctx, "explodes ↑", right - 6, panel.top + 14, { ...small, align: "right" });
      text(ctx, "vanishes ↓", right - 6, panel.bottom - 24, { ...small, align: "right" });
      for (const [label, exponent] of Object.entries(FLOAT32)) {
        if (exponent < floor || exponent > ceiling) continue;
        ctx.setLineDash([2, 4]);
        ctx.strokeRect(left, y(exponent), right - left, 0);
        ctx.setLineDash([]);
        text(ctx, label, left + 6, y(exponent) + (exponent > 0 ? 14 : -5), { ...small, size: 11 });
      }
    },
    live: (ctx) => curvesOf(ctx, ["rnn", "gru"]),
  });
  // What the forget bias moves, apart from what it does not.
  const over = createPanel(beside, {
    label: "The same of the LSTM, and along its direct path", name: "lstm", className: "u-gh-over",
    when: handles.filter((key) => key !== "update_bias"), height: () => 14 + TALL + ZERO + 5, live: (ctx) => curvesOf(ctx, ["lstm", "direct"]),
  });

  function curvesOf(ctx, names) {
    const { T, norms } = now();
    const { left, right } = place;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, 12.5, right - left, TALL + 3);
    ctx.clip();
    for (const name of names) if (norms[name]) line(ctx, norms[name], T, KEYS[name], (v) => (v === -Infinity ? NaN : y(v)));
    ctx.restore();
    for (const name of names) {
      if (norms[name]?.[0] === -Infinity) zeros(ctx, norms[name], T, KEYS[name], 14 + TALL + 7.5 + 3 * Object.keys(KEYS).indexOf(name));
    }
  }

  // The log axis grows when it must; while a hand is on a handle it does not shrink.
  function follow(norms, T) {
    let low = 0;
    let high = 0;
    for (const name in norms) {
      const values = norms[name];
      if (!values) continue;
      for (let t = 0; t < T; t++) {
        const v = values[t];
        if (v > high) high = v;
        else if (v < low && v !== -Infinity) low = v;
      }
    }
    let [next, top] = limits(low, high);
    if (view.held() && floor) {
      next = Math.min(floor, next);
      top = Math.max(ceiling, top);
    }
    if (next === floor && top === ceiling) return false;
    [floor, ceiling] = [next, top];
    return true;
  }

  function line(ctx, values, T, key, at) {
    ctx.strokeStyle = view.colours[key];
    ctx.lineWidth = 2;
    ctx.lineJoin = "round";
    ctx.setLineDash(dashes[key]);
    ctx.beginPath();
    let pen = false;
    for (let t = T - 1; t >= 0; t--) {
      const v = at(values[t]);
      if (Number.isNaN(v)) break;
      // Far outside nothing is drawn; a canvas need not know how far.
      const h = Math.max(-1e4, Math.min(1e4, v));
      if (pen) ctx.lineTo(place.x(t + 1), h);
      else ctx.moveTo(place.x(t + 1), h);
      pen = true;
    }
    ctx.stroke();
    ctx.setLineDash([]);
  }

  // A line in the band of 0, over the steps whose gradient is exactly that.
  function zeros(ctx, values, T, key, height) {
    let last = 0;
    while (last + 1 < T && values[last + 1] === -Infinity) last += 1;
    ctx.strokeStyle = view.colours[key];
    ctx.lineWidth = 2;
    ctx.setLineDash(dashes[key]);
    ctx.beginPath();
    ctx.moveTo(place.x(0.5), height);
    ctx.lineTo(place.x(last + 1.5), height);
    ctx.stroke();
    ctx.setLineDash([]);
  }
  const dashes = Object.fromEntries(Object.values(KEYS).map((key) => [key, dash(key)]));

  // What never moves, apart from what does.
  const axis = createPanel(beside, {
    label: "The axis of time, from step 1 to step T", name: "steps", height: () => 39,
    still(ctx, panel) {
      const small = { colour: view.colours.muted, size: 11 };
      for (const t of stepsShown(now().T)) text(ctx, String(t), Math.min(place.x(t), panel.width - 11), 15, { ...small, align: "center" });
      text(ctx, "step t; the gradient goes from right to left", place.right, 33, { ...small, size: 12, align: "right" });
    },
  });

  // ---- what the gates keep ------------------------------------------------------------------------------

  const shareY = (v) => 8 + LOW * (1 - v);
  const gates = createPanel(beside, {
    label: "Share of the old state that a step keeps, mean over units: f of the LSTM, 1 minus z of the GRU", name: "gates", when: handles,
    height: () => LOW + 16,
    still(ctx) {
      grid(ctx, { left: place.left, right: place.right, colours: view.colours, ticks: [0, 0.5, 1].map((v) => [shareY(v), String(v)]) });
    },
    live(ctx) {
      const { T, kept } = now();
      for (const name of ["gru", "lstm"]) if (kept[name]) line(ctx, kept[name], T, SHARES[name].key, shareY);
    },
  });
  panels.push(gradients, over, axis, gates);

  // ---- the numbers ----------------------------------------------------------------------------------------

  const own = view.driven() ? { lstm: view.driven().name } : {};
  const entries = Object.fromEntries(Object.entries({ ...NAMES, ...own }).map(([name, words]) => [name, { key: KEYS[name], words }]));
  const curves = legendOf(entries, "u-gh-curves");
  const shares = legendOf(
    Object.fromEntries(Object.entries(SHARES).map(([name, { key, letter, of }]) => [name, { key, words: letter, note: `in the ${of}` }])), "u-gh-shares",
  );
  const title = html("p", { class: "u-gh-title" });
  const reader = createReader(view, gradients, () => place, () => now().T);
  view.add({
    text() {
      const { T, norms, kept } = now();
      const k = reader.step() - 1;
      setText(title, `gradient norm at step ${k + 1}`);
      for (const name in NAMES) setText(curves.numbers[name], norms[name] ? magnitude(norms[name][k]) : "not known");
      for (const name in SHARES) {
        const life = kept[name] && halfLife(mean(kept[name], T));
        setText(shares.numbers[name], life === null ? "" : `half-life ${halfLifeText(life)}`);
      }
      reader.describe(Object.keys(NAMES).filter((name) => norms[name]).map((name) => `${entries[name].words} ${magnitude(norms[name][k])}`).join(", "));
    },
  });
  return html(
    "div", { class: "u-gh" },
    html("div", { class: "u-gh-part" }, html("div", { class: "u-gh-side" }, title, curves.root), gradients.root, over.root, axis.root),
    html("div", { class: "u-gh-part" }, html("div", { class: "u-gh-side u-gh-low" }, html("p", { class: "u-gh-title" }, "share kept at each step"), shares.root), gates.root),
  );
}

// The step whose numbers are shown: the one under the pointer, else the one that was clicked or chosen by
// keys, at first step 1. A slider to a screen reader; no handle, as it changes nothing but what is read.
function createReader(view, panel, place, length) {
  let pinned = 1;
  let hovered = null;
  const mark = html("div", { class: "u-gh-mark" });
  const root = html("div", {
    class: "u-gh-reader", role: "slider", tabindex: 0, "aria-label": "step whose numbers are shown", "aria-valuemin": 1, "aria-valuemax": 1, "aria-valuenow": 1,
  }, mark);
  panel.root.append(root);
  const step = () => Math.min(length(), hovered ?? pinned);
  const at = (event) => place().column(locate(root, event).x + place().left);
  const hover = (next) => {
    if (next === hovered) return;
    hovered = next;
    view.invalidate("step");
  };
  view.on(root, "pointermove", (event) => { if (event.pointerType !== "touch") hover(at(event)); });
  view.on(root, "pointerleave", () => hover(null));
  view.on(root, "click", (event) => {
    pinned = at(event);
    view.invalidate("step");
  });
  view.on(root, "keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const change = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity }[event.key];
    if (change === undefined) return;
    pinned = Math.min(length(), Math.max(1, step() + change));
    hovered = null;
    view.invalidate("step");
    event.preventDefault();
  });
  let drawn = "";
  view.add({
    draw() {
      const { left, right, x } = place();
      const now = `${step()} ${left} ${right} ${length()} ${panel.top}`;
      if (now === drawn) return;
      drawn = now;
      Object.assign(root.style, { left: `${left}px`, width: `${right - left}px`, top: `${panel.top}px`, height: `${panel.bottom + ZERO + 4 - panel.top}px` });
      mark.style.transform = `translateX(${Math.round(x(step()) - left)}px)`;
    },
  });
  return {
    step,
    describe(text) {
      setAttribute(root, "aria-valuenow", step());
      setAttribute(root, "aria-valuemax", length());
      setAttribute(root, "aria-valuetext", `step ${step()}: ${text}`);
    },
  };
}
