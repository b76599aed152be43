// JacobianFlow: pull at the columns of W_h and see what its Jacobians make of a gradient.
import { slider, toggle } from "../kit/controls.js";
import { html } from "../kit/dom.js";
import { createReadout } from "../kit/readout.js";
import { createView } from "../kit/view.js";
import { fixed } from "../kit/words.js";
import { PRESETS, T, flow, linearLog10, preset, shape } from "./math.js";
import { panels } from "./panels.js";
import { complexText, describe, logText } from "./words.js";

export const kind = "jacobian-flow";
export const presets = PRESETS;

const ENTRIES = ["w_11", "w_12", "w_21", "w_22"];
const NUMBERS = [...ENTRIES.map((key) => [key, -2, 2]), ["steps", 1, T], ["amplitude", 0, 2]];

// The handles of a host element's state, checked; throws an Error that says what is wrong.
export function validated(state) {
  for (const [key, low, high] of NUMBERS) {
    const value = state?.[key];
    if (!(typeof value === "number" && value >= low && value <= high && (key !== "steps" || Number.isInteger(value)))) {
      throw new Error(`${key}: expected a ${key === "steps" ? "whole " : ""}number from ${low} to ${high}`);
    }
  }
  if (typeof state.tanh !== "boolean") throw new Error("tanh: expected true or false");
  return { ...Object.fromEntries(NUMBERS.map(([key]) => [key, state[key]])), tanh: state.tanh };
}

// The Jacobians that the reader's own step has in Python, row by row; null where it has failed.
function ownJacobians({ J }) {
  const flat = Array.isArray(J) ? J.flat() : [];
  return flat.length === 4 * T && flat.every(Number.isFinite) ? flat : null;
}

export function render({ model, el }) {
  const view = createView({
    model, el, kind, label: "The flow of a gradient through Jacobians", handles: [...ENTRIES, "steps", "tanh", "amplitude"],
    presets: PRESETS, presetValues: preset,
    hint: "Drag the columns of W, or across the curve to choose k. Keys on a slider: arrows, Page keys, Home and End.",
  });
  const { state } = view;
  const driven = view.driven() !== null;

  // What is drawn: of the present state, or of the reader's own step.
  let now = null;
  const has = () => now.log10.length > 0;
  view.compute((changed) => {
    if (now && changed.size === 1 && changed.has("steps")) return;
    const J = driven ? ownJacobians(view.driven()) : null;
    now = flow(state, J);
    if (driven && J === null) now = { ...now, log10: [], peak: 0 };
    follow();
  });
  view.words(() => describe(now.log10, {
    steps: state.steps, sigma: now.sigma, rho: now.rho, tanh: state.tanh, amplitude: state.amplitude,
    linear: driven ? null : linearLog10(now.W)[state.steps], driven,
  }));
  view.results(() => ({
    sigma: now.sigma.slice(0, 2), rho: now.rho, eigenvalues: now.eigenvalues, peak: now.peak,
    log10: Array.from(now.log10, (v) => (v === -Infinity ? null : v)),
    shapes: Array.from(now.log10, (_, k) => shape(now.M, k)),
  }));

  const { planes, norms, follow, pulling } = panels(view, { flow: () => now, has, driven });

  // While a column is pulled its two sliders follow at the pace of texts: in the page each takes its time.
  const paced = {
    ...view,
    add: ({ draw }) => view.add({
      draw: (changed) => {
        if (!pulling()) draw(changed);
      },
      text: draw,
    }),
  };
  const entry = (key, row, column) => slider(paced, {
    key, name: `W ${row} ${column}: entry of W, row ${row}, column ${column}`, symbol: `w_{${row}${column}}`, min: -2, max: 2,
  });
  const controls = html(
    "div", { class: "jf-controls" },
    html("div", { class: "jf-matrix", role: "group", "aria-label": "Entries of the recurrent matrix W" },
      entry("w_11", 1, 1), entry("w_12", 1, 2), entry("w_21", 2, 1), entry("w_22", 2, 2)),
    html("div", { class: "jf-run", role: "group", "aria-label": "The run" },
      slider(view, { key: "steps", name: "steps back k", symbol: "k", min: 1, max: T, step: 1, format: String }),
      html("div", { class: "jf-tanh" },
        driven ? null : toggle(view, { key: "tanh", text: "tanh" }),
        slider(view, {
          key: "amplitude", name: "amplitude of the input, its standard deviation", text: "input", min: 0, max: 2,
          disabled: () => !driven && !state.tanh, // without tanh the Jacobians do not depend on it
        }))),
  );

  const readout = createReadout(view, {
    lines: () => [
      ["‖∂h_T / ∂h_{T−k}‖", "", "= {norm}"],
      ["◇ σ", "", "= {sigma}"],
      ["× λ", "", "= {lambda}"],
      ["largest:", "", "{peak} at k = {at}"],
      ["σ_{max}ᵏ", "", "= {bound}"],
      ["ρᵏ", "", "= {rate}"],
    ],
    formats: {
      lambda: complexText, sigma: (pair) => pair.map((v) => fixed(v, 3)).join(", "), norm: logText, peak: logText, at: String,
      bound: logText, rate: logText,
    },
    values: () => ({
      lambda: now.eigenvalues, sigma: now.sigma.slice(0, 2), norm: has() ? now.log10[state.steps] : null,
      peak: has() ? now.log10[now.peak] : null, at: has() ? now.peak : null,
      bound: state.steps * Math.log10(now.sigma[0]), rate: state.steps * Math.log10(now.rho),
    }),
  });
  planes.append(readout);
  view.body.append(planes, controls, norms);
  view.start();
  return view.destroy;
}
