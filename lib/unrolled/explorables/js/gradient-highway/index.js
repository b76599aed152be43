// GradientHighway: one input through an RNN, a GRU and an LSTM, and how large the gradient is, back to step 1.
import { slider } from "../kit/controls.js";
import { html } from "../kit/dom.js";
import { createView } from "../kit/view.js";
import { fixed } from "../kit/words.js";
import { PRESETS, T_MAX, T_MIN, halfLife, highway, mean } from "./math.js";
import { createPicture } from "./panels.js";
import { describe } from "./words.js";

export const kind = "gradient-highway";
export const presets = Object.keys(PRESETS);

const HANDLES = {
  forget_bias: { low: -4, high: 6, name: "forget bias of the LSTM", symbol: "b_f", text: " forget bias" },
  update_bias: { low: -6, high: 4, name: "update bias of the GRU", symbol: "b_z", text: " update bias" },
  recurrent_scale: { low: 0, high: 8, name: "recurrent scale: what W h of all cells is multiplied by", symbol: "W_h", text: " scale", format: (v) => `× ${fixed(v)}` },
  T: { low: T_MIN, high: T_MAX, whole: true, name: "number of steps T", symbol: "T", text: " steps" },
  seed: { low: 0, high: 99, whole: true, name: "seed of the weights and the input", text: "seed" },
};
const NAMES = Object.keys(HANDLES);

// The handles of a host element's state, checked; throws an Error that says what is wrong.
export function validated(state) {
  for (const [key, { low, high, whole }] of Object.entries(HANDLES)) {
    const value = state?.[key];
    const good = typeof value === "number" && value >= low && value <= high && (!whole || Number.isInteger(value));
    if (!good) throw new Error(`${key}: expected a ${whole ? "whole " : ""}number from ${low} to ${high}`);
  }
  return Object.fromEntries(NAMES.map((key) => [key, state[key]]));
}

export function render({ model, el }) {
  const view = createView({
    model, el, kind, label: "Gates against the gradient", handles: NAMES, presets, presetValues: (name) => PRESETS[name],
    hint: "Drag the sliders, or use the arrow keys on them. The gradient starts on the right, at the last step, and goes left.",
  });
  const run = highway();
  let now = null; // { T, norms, kept }, each a list of T numbers by name, or null where there is none
  view.compute(() => {
    now = run(view.state);
    const driven = view.driven();
    if (!driven) return;
    // The reader's own step is in the LSTM's place.
    const list = (values) => (values?.length ? values.map((v) => v ?? -Infinity) : null);
    now.norms = { ...now.norms, lstm: list(driven.lstm), direct: list(driven.direct) };
    now.kept = { ...now.kept, lstm: list(driven.kept) };
  });

  const first = () => Object.fromEntries(Object.entries(now.norms).map(([name, values]) => [name, values ? values[0] : undefined]));
  const most = () => {
    let largest = 0;
    for (const values of Object.values(now.norms)) for (let t = 0; values && t < now.T; t++) largest = Math.max(largest, values[t]);
    return largest;
  };
  view.words(() => describe(first(), most(), now.T, Boolean(view.driven())));
  view.results(() => {
    const plain = (values) => values && Array.from({ length: now.T }, (_, t) => (Number.isFinite(values[t]) ? values[t] : null));
    const each = (lists, of) => Object.fromEntries(Object.entries(lists).map(([name, values]) => [name, values && of(values)]));
    return { log10_norms: each(now.norms, plain), kept: each(now.kept, plain), half_life: each(now.kept, (values) => halfLife(mean(values, now.T))) };
  });

  const sliders = NAMES.map((key) => {
    const { low, high, whole, name, symbol, text, format = whole ? String : (v) => fixed(v) } = HANDLES[key];
    return slider(view, { key, name, symbol, text, min: low, max: high, step: whole ? 1 : 0.05, format });
  });
  view.body.append(html("div", { class: "u-sliders" }, ...sliders), createPicture(view, NAMES, () => now));
  view.start();
  return view.destroy;
}
