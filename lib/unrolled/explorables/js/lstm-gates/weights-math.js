// The mathematics where weights and inputs are the handles: one unit (H = 1) on one input (D = 1) over T
// steps, by the cells of ../math/. Pure: no DOM. The same functions in Python: lstm_gates_weights.py.
import { unroll, backward } from "../math/bptt.js";
import * as lstm from "../math/lstm.js";
import * as coupled from "../math/lstm_coupled.js";
import * as peephole from "../math/lstm_peephole.js";
import { fixed, gradientText } from "../kit/words.js";

export const VARIANTS = { lstm, peephole, coupled };
export const WEIGHTS = [
  ...["i", "f", "c", "o"].flatMap((gate) => [`w_${gate}x`, `w_${gate}h`, `b_${gate}`]), "p_i", "p_f", "p_o",
];
export const WEIGHTS_PRESETS = ["remember", "forget", "overwrite", "leak", "explode"];
export const WEIGHT_LIMIT = 10;
export const INPUT_LIMIT = 2;
export const C0_LIMIT = 1e6;
export const MAX_STEPS = 100; // with more a total gradient could leave the range of numbers
export const KEYS = ["i", "f", "c_tilde", "o", "c", "h", "gradient", "direct"];

// What comes in at step t besides what matters: never 0, looks random, small.
function distractor(t) {
  const k = ((7 * t) % 16) - 8;
  return (k < 0 ? k : k + 1) / 40;
}

// Weights by name, and x. An input of 1 writes; in the middle comes one that wipes or overwrites, where the
// preset has it. A coupled unit writes by forgetting, so its forget gate shuts to write.
export function weightsPreset(name, variant, T) {
  if (!WEIGHTS_PRESETS.includes(name)) throw new RangeError(`no preset ${name}`);
  const isCoupled = variant === "coupled";
  const middle = Math.floor(T / 2);
  const x = Array.from({ length: T }, (_, k) => (k === 0 ? 1 : distractor(k + 1)));
  const w = Object.fromEntries(WEIGHTS.map((key) => [key, 0]));
  if (name === "explode") { // c overshoots and comes back, again and again, on a knife's edge
    Object.assign(w, { w_ih: 6, w_cx: 2, w_ch: -4, b_c: 2, b_o: 6 }, isCoupled ? { w_fh: -6 } : {});
    return { ...w, x: x.map((_, k) => (k === 0 ? 1 : 0)) };
  }
  Object.assign(w, { w_ix: 10, b_i: -5, w_cx: 2, b_f: 5, b_o: 4 }, isCoupled ? { w_fx: -10 } : {});
  if (name === "leak") w.b_f = 1.4;
  if (name === "forget" && T > 1) {
    Object.assign(w, isCoupled ? { w_cx: -2, b_c: 4 } : { w_fx: 10 }); // coupled: all it can do is to write 0
    x[middle] = isCoupled ? 2 : -1;
  }
  if (name === "overwrite" && T > 1) {
    Object.assign(w, { w_cx: -3, b_c: 4.5, w_fx: isCoupled ? -10 : -5 });
    x[middle] = 2;
  }
  return { ...w, x };
}

// The parameters of the variant's cell for one unit on one input.
export function parameters(variant, w) {
  const gates = [...(variant === "coupled" ? "fco" : "ifco")];
  const p = {
    W_x: Float64Array.from(gates, (gate) => w[`w_${gate}x`]),
    W_h: Float64Array.from(gates, (gate) => w[`w_${gate}h`]),
    b: Float64Array.from(gates, (gate) => w[`b_${gate}`]),
  };
  if (variant === "peephole") for (const key of ["p_i", "p_f", "p_o"]) p[key] = Float64Array.of(w[key]);
  return p;
}

// How many parameters a layer of H units on D inputs has.
export function parameterCount(variant, D = 1, H = 1) {
  const gate = H * (D + H) + H;
  return { lstm: 4 * gate, peephole: 4 * gate + 3 * H, coupled: 3 * gate }[variant];
}

// i, f, c_tilde, o, c, h, and ∂c_T/∂c_t: gradient, the total one, in which h_t moves along with c_t and the
// gates with h_t, and direct = f_{t+1} ⋯ f_T, gates held fixed; T numbers each.
export function weightsTrace(variant, w, x, c0 = 0) {
  const cell = VARIANTS[variant];
  const p = parameters(variant, w);
  const T = x.length;
  const { states, caches } = unroll(cell, p, { h: new Float64Array(1), c: Float64Array.of(c0) }, x.map((x_t) => Float64Array.of(x_t)));
  const last = { h: new Float64Array(1), c: Float64Array.of(1) };
  const back = backward(cell, p, caches, states.map((_, k) => (k === T - 1 ? last : null)), { params: false });
  const trace = Object.fromEntries(KEYS.map((key) => [key, new Array(T)]));
  let direct = 1;
  for (let t = T - 1; t >= 0; t--) {
    const { f: [f], c_tilde: [c_tilde], o: [o], c: [c], i } = caches[t];
    const tanh_c = Math.tanh(c);
    const dh_dc = o * (1 - tanh_c ** 2) + (variant === "peephole" ? tanh_c * o * (1 - o) * w.p_o : 0);
    trace.i[t] = i ? i[0] : 1 - f;
    trace.f[t] = f;
    trace.c_tilde[t] = c_tilde;
    trace.o[t] = o;
    trace.c[t] = c;
    trace.h[t] = states[t].h[0];
    trace.gradient[t] = back.states[t].c[0] + back.states[t].h[0] * dh_dc;
    trace.direct[t] = direct;
    direct *= f;
  }
  return trace;
}

// A sigmoid is never 0, but rounds to it; so may a product of them.
const size = (g) => (g === 0 ? "below 10⁻¹⁵" : gradientText(g));

// What the picture shows, in words. `driven`: the reader's own cell makes the trace.
export function describeWeights({ variant, driven, ...w }, trace) {
  const T = w.x.length;
  if (trace.c.length === 0) return "Nothing is drawn: the step function failed.";
  const says = `After ${T} steps c is ${fixed(trace.c[T - 1])} and h is ${fixed(trace.h[T - 1])}.`;
  const [total] = trace.gradient;
  const [direct] = trace.direct;
  const subject = `the gradient from step ${T} back to step 1`;
  if (driven) return `${says} Through the step function given, ${subject} is ${size(total)} in total and ${size(direct)} along the direct path.`;
  // o acts on h alone.
  const back = ["w_fh", "w_ch", ...(variant === "coupled" ? [] : ["w_ih"]), ...(variant === "peephole" ? ["p_i", "p_f"] : [])];
  if (!back.some((key) => w[key])) {
    return `${says} No weight leads from the state back to what makes c, so ${subject} has but the direct path: ${size(total)}.`;
  }
  return `${says} In total ${subject} is ${size(total)}; the direct path, gates held fixed, gives ${size(direct)}.`;
}

// How many parameters a layer has, and by which formula.
export function countText(variant, D, H) {
  const count = parameterCount(variant, D, H);
  const formula = { lstm: "4 (H (D + H) + H)", peephole: "4 (H (D + H) + H) + 3 H", coupled: "3 (H (D + H) + H)" }[variant].replaceAll(" ", "\u00a0");
  const unit = D === 1 && H === 1 ? "This unit" : `A layer of H = ${H} units on D = ${D} inputs`;
  return `${unit} has ${count} parameters: ${formula}${D === 1 && H === 1 ? ", D\u00a0=\u00a0H\u00a0=\u00a01." : "."}`;
}
