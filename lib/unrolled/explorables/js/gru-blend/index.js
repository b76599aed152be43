// GRUBlend: paint z and r of a GRU; see each step as the blend of old and new that it is.
import { createView } from "../kit/view.js";
import { CONVENTIONS, PRESETS, ROWS, SCALARS, presetValues } from "./math.js";
import { blend } from "./picture.js";

export const kind = "gru-blend";
export const presets = PRESETS;

const MOST = 100; // steps

// The handles of a host element's state, checked; throws an Error that says what is wrong.
export function validated(state) {
  const T = state?.update_gate?.length;
  if (!(Number.isInteger(T) && T >= 1 && T <= MOST)) throw new Error(`update_gate: expected from 1 to ${MOST} steps`);
  const handles = {};
  for (const [key, [low, high]] of Object.entries(ROWS)) {
    const values = state[key];
    const good = Array.isArray(values) && values.length === T;
    if (!good || !values.every((v) => typeof v === "number" && v >= low && v <= high)) {
      throw new Error(`${key}: expected ${T} numbers from ${low} to ${high}`);
    }
    handles[key] = values;
  }
  for (const [key, [low, high]] of Object.entries(SCALARS)) {
    const value = state[key];
    if (!(typeof value === "number" && value >= low && value <= high)) throw new Error(`${key}: expected a number from ${low} to ${high}`);
    handles[key] = value;
  }
  if (!CONVENTIONS.includes(state.convention)) throw new Error(`convention: expected one of ${CONVENTIONS.join(", ")}`);
  return { ...handles, convention: state.convention };
}

export function render({ model, el }) {
  const T = model.get("update_gate").length;
  const view = createView({
    model, el, kind, label: "GRU blend", presets: PRESETS,
    handles: [...Object.keys(ROWS), ...Object.keys(SCALARS), "convention"],
    presetValues: (name) => presetValues(name, T, view.state.convention),
    hint: "Drag across the bars to paint. Keys: ← → step, ↑ ↓ by 0.05, Page keys by 0.25, Home and End to the ends.",
  });
  blend(view);
  view.start();
  return view.destroy;
}
