// LSTMGates: the gates of one LSTM unit, painted or made of weights and inputs; see c, h and the gradient.
import { html, setAttribute } from "../kit/dom.js";
import { button, createView, same } from "../kit/view.js";
import { PRESETS, READ_STEP, preset } from "./math.js";
import { painted } from "./painted.js";
import { C0_LIMIT, INPUT_LIMIT, MAX_STEPS, VARIANTS, WEIGHTS, WEIGHTS_PRESETS, WEIGHT_LIMIT, weightsPreset } from "./weights-math.js";
import { weights } from "./weights.js";

export const kind = "lstm-gates";

const MODES = {
  painted: {
    presets: PRESETS, values: (name, variant, T) => preset(name, T, variant), draw: painted, text: "paint the gates",
    hint: "Drag across the bars to paint. Keys: ← → step, ↑ ↓ by 0.05, Page keys by 0.25, Home and End to the ends.",
  },
  weights: {
    presets: WEIGHTS_PRESETS, values: weightsPreset, draw: weights, text: "set the weights",
    hint: "Move the sliders, drag across the input to paint it. Keys on the input: ← → step, ↑ ↓ by 0.05, Page keys by 0.25, Home and End to the ends.",
  },
};
const VARIANT_TEXTS = { lstm: "LSTM", peephole: "with peepholes", coupled: "coupled: i = 1 − f" };
export const presets = [...new Set(Object.values(MODES).flatMap((mode) => mode.presets))];

const ROWS = ["forget", "input", "candidate", "output", "x"];
const HANDLES = [...ROWS, "c0", "mode", "variant", ...WEIGHTS, "D", "H"];

function one(state, key, options) {
  if (!options.includes(state[key])) throw new Error(`${key}: expected one of ${options.join(", ")}, got ${state[key]}`);
}

// The handles of a host element's state, checked; throws an Error that says what is wrong.
export function validated(state) {
  const T = state?.forget?.length;
  if (!(T >= 1)) throw new Error("forget: expected at least one step");
  one(state, "mode", Object.keys(MODES));
  one(state, "variant", Object.keys(VARIANTS));
  for (const key of ROWS) {
    const [low, high] = { x: [-INPUT_LIMIT, INPUT_LIMIT], candidate: [-1, 1] }[key] ?? [0, 1];
    const values = state[key];
    const good = Array.isArray(values) && values.length === T;
    if (!good || !values.every((v) => typeof v === "number" && v >= low && v <= high)) {
      throw new Error(`${key}: expected ${T} numbers from ${low} to ${high}`);
    }
  }
  for (const key of WEIGHTS) {
    if (!(typeof state[key] === "number" && Math.abs(state[key]) <= WEIGHT_LIMIT)) {
      throw new Error(`${key}: expected a number from −${WEIGHT_LIMIT} to ${WEIGHT_LIMIT}`);
    }
  }
  for (const key of ["D", "H"]) {
    if (!(Number.isInteger(state[key]) && state[key] >= 1 && state[key] <= 1000)) throw new Error(`${key}: expected a whole number from 1 to 1000`);
  }
  if (!(typeof state.c0 === "number" && Math.abs(state.c0) <= C0_LIMIT)) throw new Error(`c0: expected a number from −${C0_LIMIT} to ${C0_LIMIT}`);
  if (state.mode === "weights" && T > MAX_STEPS) throw new Error(`x: expected at most ${MAX_STEPS} steps`);
  if (state.challenge === true && T < READ_STEP) throw new Error(`challenge: expected T ≥ ${READ_STEP}`);
  if (state.preset ?? null) one(state, "preset", MODES[state.mode].presets);
  return Object.fromEntries(HANDLES.map((key) => [key, state[key]]));
}

// The preset whose values the handles of a mode have, or null.
function fitting(mode, state) {
  const { presets: names, values } = MODES[mode];
  const T = state.forget.length;
  return names.find((name) => Object.entries(values(name, state.variant, T)).every(([key, v]) => same(state[key], v))) ?? null;
}

// Which handles there are, and which cell: two groups of buttons above the toolbar.
function addSwitches(view, mode) {
  const { state } = view;
  const T = state.forget.length;
  const modes = Object.entries(MODES).map(([name, { text }]) => {
    const element = button(text, { "aria-pressed": name === mode, "data-mode": name });
    view.on(element, "click", () => {
      if (name !== mode) view.set({ mode: name, preset: fitting(name, state) });
    });
    return element;
  });
  const variants = Object.keys(VARIANTS).filter((name) => mode === "weights" || name !== "peephole").map((name) => {
    const element = button(VARIANT_TEXTS[name], { "aria-pressed": "false", "data-variant": name });
    view.on(element, "click", () => {
      // What is a preset stays it, in its new form.
      const found = Object.keys(MODES).map((one) => [one, fitting(one, state)]).filter(([, fits]) => fits !== null);
      const values = Object.assign({}, ...found.map(([one, fits]) => MODES[one].values(fits, name, T)));
      const whole = Object.entries(values).every(([key, v]) => !view.isLocked(key) || same(state[key], v));
      view.set({ ...values, variant: name, preset: whole ? Object.fromEntries(found)[mode] ?? null : null });
    });
    return element;
  });
  view.toolbar.before(
    html(
      "div", { class: "u-switches" },
      html("div", { class: "u-buttons", role: "group", "aria-label": "What is moved" }, ...modes),
      html("div", { class: "u-buttons", role: "group", "aria-label": "Cell" }, ...variants),
    ),
  );
  view.add({
    draw() {
      // The reader's own function belongs to its mode; a long run to the painted one.
      const fixed = view.isLocked("mode") || view.driven() !== null || T > MAX_STEPS;
      for (const element of modes) element.disabled = fixed;
      const shown = mode === "painted" && state.variant === "peephole" ? "lstm" : state.variant;
      for (const element of variants) {
        setAttribute(element, "aria-pressed", element.dataset.variant === shown);
        element.disabled = view.isLocked("variant");
      }
    },
  });
}

export function render({ model, el }) {
  let view = null;
  let shown = null;
  let gone = false;
  function show() {
    const mode = model.get("mode");
    if (gone || mode === shown) return;
    const atSwitch = el.contains(document.activeElement) && "mode" in document.activeElement.dataset;
    if (view) {
      view.destroy();
      el.style.minHeight = "0"; // what was kept free was for the other one
    }
    shown = mode;
    const { presets: names, values, draw, hint } = MODES[mode];
    view = createView({
      model, el, kind, label: "LSTM gates", handles: HANDLES, presets: names, hint,
      presetValues: (name) => values(name, view.state.variant, view.state.forget.length),
    });
    addSwitches(view, mode);
    draw(view);
    view.start();
    if (atSwitch) el.querySelector(`[data-mode="${mode}"]`).focus({ preventScroll: true });
  }
  // Once the view that hears of it has done its part.
  const follow = () => queueMicrotask(show);
  model.on("change:mode", follow);
  show();
  return () => {
    gone = true;
    model.off("change:mode", follow);
    view.destroy();
  };
}
