// LSTMGates: paint the gates of one LSTM unit and see c, h and the gradient that the gates imply.
import { createView } from "../kit/view.js";
import { PRESETS, READ_STEP, preset } from "./math.js";
import { painted } from "./painted.js";

export const kind = "lstm-gates";
export const presets = PRESETS;

const ROWS = ["forget", "input", "candidate", "output"];

// The handles of a host element's state, checked; throws an Error that says what is wrong.
export function validated(state) {
  const T = state?.forget?.length;
  if (!(T >= 1)) throw new Error("forget: expected at least one step");
  for (const key of ROWS) {
    const low = key === "candidate" ? -1 : 0;
    const values = state[key];
    const good = Array.isArray(values) && values.length === T;
    if (!good || !values.every((v) => typeof v === "number" && v >= low && v <= 1)) {
      throw new Error(`${key}: expected ${T} numbers from ${low} to 1`);
    }
  }
  if (!Number.isFinite(state.c0)) throw new Error("c0: expected a finite number");
  if (state.challenge === true && T < READ_STEP) throw new Error(`challenge: expected T ≥ ${READ_STEP}`);
  return { ...Object.fromEntries(ROWS.map((key) => [key, state[key]])), c0: state.c0 };
}

export function render({ model, el }) {
  const T = model.get("forget").length;
  const view = createView({
    model, el, kind, label: "LSTM gates", handles: [...ROWS, "c0"], presets: PRESETS, presetValues: (name) => preset(name, T),
    hint: "Drag across the bars to paint. Keys: ← → step, ↑ ↓ by 0.05, Page keys by 0.25, Home and End to the ends.",
  });
  painted(view);
  view.start();
  return view.destroy;
}
