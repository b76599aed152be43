// UnrolledRNN: one tanh unit, unrolled; its run, its fixed points, and ∂L/∂w_h as a sum over time.
import { choice, slider } from "../kit/controls.js";
import { html } from "../kit/dom.js";
import { createReadout } from "../kit/readout.js";
import { createMarker, createSheet, paintedRow } from "../kit/rows.js";
import { createView } from "../kit/view.js";
import { gradientText } from "../kit/words.js";
import { createMap } from "./map.js";
import {
  INPUT_MAX, LOSSES, PRESETS, T_MAX, fixedPoints, presetValues, rnnTrace, shareRange, stateLimit, twoCycle, waterfall,
} from "./math.js";
import { addChain, addShares, addStates } from "./panels.js";
import { describe, stateText } from "./words.js";

export const kind = "unrolled-rnn";
export const presets = PRESETS;

const RANGES = { w_x: 3, w_h: 3, b: 2, h0: 1, target: 1 }; // from minus that to that
const HANDLES = ["w_x", "w_h", "b", "h0", "inputs", "target", "loss", "steps"];

// The handles of a host element's state, checked; throws an Error that says what is wrong.
export function validated(state) {
  const within = (v, most) => typeof v === "number" && Math.abs(v) <= most;
  const { inputs, loss, steps } = state ?? {};
  for (const [key, most] of Object.entries(RANGES)) {
    if (!within(state?.[key], most)) throw new Error(`${key}: expected a number from ${-most} to ${most}`);
  }
  const good = Array.isArray(inputs) && inputs.length >= 1 && inputs.length <= T_MAX;
  if (!good || !inputs.every((v) => within(v, INPUT_MAX))) {
    throw new Error(`inputs: expected 1 to ${T_MAX} numbers from ${-INPUT_MAX} to ${INPUT_MAX}`);
  }
  if (!LOSSES.includes(loss)) throw new Error(`loss: expected one of ${LOSSES.join(", ")}`);
  if (!Number.isInteger(steps) || steps < 0 || steps > inputs.length) {
    throw new Error(`steps: expected a whole number from 0 to ${inputs.length}`);
  }
  return Object.fromEntries(HANDLES.map((key) => [key, state[key]]));
}

export function render({ model, el }) {
  const T = model.get("inputs").length;
  const view = createView({
    model, el, kind, label: "One recurrent unit, unrolled", handles: HANDLES, presets: PRESETS,
    presetValues: (name) => presetValues(name, T),
    hint: "Drag the sliders, paint the input; point at a step for its numbers and its map. Keys on the bars: ← → step, ↑ ↓ by 0.05, Page keys by 0.25, Home and End to the ends.",
  });
  const { state } = view;

  // What is drawn: the run, and the map of one step, with that step's input held.
  const now = {
    trace: {}, kept: [], whole: [], truncated: false, // the sums of the shares, as truncated and in full
    limit: 1, range: [0, 1], // the axes of h and of the shares
    step: T, points: [], cycle: null, curve: null,
  };
  const marked = html("div", { class: "u-marked" });
  const marker = createMarker(view, marked, T);
  const mapOf = (step) => {
    const a = state.w_x * state.inputs[step - 1] + state.b;
    return { points: fixedPoints(state.w_h, a), cycle: twoCycle(state.w_h, a) };
  };
  view.compute(() => {
    const driven = view.driven();
    now.trace = driven ? driven.trace : rnnTrace(state);
    const { h, share, full } = now.trace;
    if (!h) return;
    now.truncated = share.some((v, k) => v !== full[k]);
    now.kept = waterfall(share);
    now.whole = now.truncated ? waterfall(full) : now.kept;
    const limit = driven ? stateLimit([state.h0, ...h]) : 1;
    const range = shareRange(now.truncated ? [...now.kept, ...now.whole] : now.kept);
    if (view.held()) {
      // While a hand moves, the axis may grow, but shrinks only when it lets go.
      range[0] = Math.min(range[0], now.range[0]);
      range[1] = Math.max(range[1], now.range[1]);
    }
    if (limit !== now.limit || range[0] !== now.range[0] || range[1] !== now.range[1]) {
      Object.assign(now, { limit, range });
      sheet.restill();
      map.panel.restill();
    }
  });
  view.add({
    draw() {
      const driven = view.driven();
      // Another step's map of the reader's own cell only Python knows.
      now.step = driven ? T : marker.selected ?? T;
      if (driven) Object.assign(now, { points: driven.fixed_points, cycle: null, curve: driven.curve });
      else Object.assign(now, mapOf(now.step), { curve: null });
    },
  });
  view.results(() => ({ ...now.trace, step: now.step, fixed_points: now.points, cycle: now.cycle }));
  view.words(() => {
    const driven = view.driven();
    const last = driven ? now : mapOf(T);
    return describe(state, now.trace, last.points, last.cycle, driven !== null);
  });

  // ---- controls -------------------------------------------------------------------------------------

  const weight = (key, symbol, name) => slider(view, { key, name, symbol, min: -RANGES[key], max: RANGES[key] });
  const controls = html(
    "div", { class: "u-controls" },
    weight("w_x", "w_x", "weight of the input, w x"),
    weight("w_h", "w_h", "weight of the state, w h"),
    weight("b", "b", "bias, b"),
    weight("h0", "h_0", "state before step 1, h 0"),
    slider(view, { key: "target", name: "target of the loss", text: "target", min: -1, max: 1 }),
    slider(chunked(view, T), {
      key: "steps", name: "truncated backpropagation: length of a chunk, in steps", text: "BPTT", min: 1, max: T, step: 1,
      format: (v) => (v === T ? "in full" : `by ${v}`),
    }),
    choice(view, { key: "loss", name: "Loss", options: [{ value: "last", text: "loss at the last step" }, { value: "every", text: "at every step" }] }),
  );
  const map = createMap(view, T, now);
  view.body.append(html("div", { class: "u-top" }, controls, map.panel.root, map.list));

  // ---- over time --------------------------------------------------------------------------------------

  const sheet = createSheet(view, "time");
  sheet.describe(
    "Over time: the unit at every step in a chain, the state going on and the gradient going back; the input; the state; "
      + "the shares of all steps in the gradient of the loss by w h, summed from the last step back",
  );
  addChain(view, sheet, T, now);
  paintedRow(view, {
    key: "inputs", symbol: "x", colour: "ink", title: "input", spoken: "input x", role: () => "what the unit reads",
    low: -INPUT_MAX, high: INPUT_MAX, height: 54, marker, sheet,
  });
  addStates(view, sheet, T, now);
  addShares(view, sheet, T, now);
  marked.append(sheet.root);
  const readout = createReadout(view, {
    T, step: () => marker.selected, kind: () => `${view.driven() !== null} ${marker.selected === T}`,
    formats: { h: stateText, h_prev: stateText, delta: gradientText, local: gradientText, own: gradientText, later: gradientText, share: gradientText },
    lines() {
      const driven = view.driven() !== null;
      const last = marker.selected === T;
      const back = driven ? "∂⁺h_{t+1}/∂h_t δ_{t+1}" : "w_h (1 − h_{t+1}²) δ_{t+1}";
      return [
        driven
          ? ["h_t", "= step(p, h_{t−1}, x_t)", "= step(p, {h_prev}, {x}) = {h}"]
          : ["h_t", "= tanh(w_x x_t + w_h h_{t−1} + b)", "= tanh({w_x} × {x} + {w_h} × {h_prev} + {b}) = {h}"],
        ["δ_t = ∂L/∂h_t", last ? "= ∂⁺L/∂h_t" : `= ∂⁺L/∂h_t + ${back}`, last ? "= {own}" : "= {own} + {later} = {delta}"],
        driven
          ? ["its share", "= δ_t ∂⁺h_t/∂w_h", "= {delta} × {local} = {share}"]
          : ["its share", "= δ_t ∂⁺h_t/∂w_h = δ_t (1 − h_t²) h_{t−1}", "= {delta} × (1 − {h}²) × {h_prev} = {share}"],
      ];
    },
    values(step) {
      const k = step - 1;
      const { h, delta, local, share } = now.trace;
      if (!h) return { ...state, x: state.inputs[k] };
      const own = state.loss === "every" || step === T ? h[k] - state.target : 0;
      return {
        ...state, x: state.inputs[k], h_prev: k === 0 ? state.h0 : h[k - 1], h: h[k],
        own, later: step === T ? 0 : delta[k] - own, delta: delta[k], local: local[k], share: share[k],
      };
    },
  });
  view.body.append(marked, readout);
  view.start();
  return view.destroy;
}

// The view as the slider of `steps` sees it: full BPTT, 0, is its right end.
function chunked(view, T) {
  return {
    ...view,
    get state() {
      return { steps: view.state.steps || T };
    },
    set: ({ steps }, by) => view.set({ steps: steps === T ? 0 : steps }, by),
  };
}
