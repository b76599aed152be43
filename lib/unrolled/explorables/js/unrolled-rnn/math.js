// The mathematics of one tanh unit, unrolled: its run, the shares of all steps in its gradient, and its
// fixed points. Pure: no DOM. The same functions in Python: unrolled_rnn.py. Index 0 is step 1.
import { backward, unroll } from "../math/bptt.js";
import * as rnn from "../math/rnn.js";

export const PRESETS = ["fade", "latch", "flip", "alternate", "memory", "edge"];
export const T_MAX = 100;
export const INPUT_MAX = 2;
export const LOSSES = ["last", "every"];

const TANGENT = 1e-12; // how near the fold a map counts as on it: two of its fixed points are then one
const MARGINAL = 1e-7; // how near 1 a slope's size counts as 1

// The handles of a preset over T steps, by name.
export function presetValues(name, T) {
  if (!PRESETS.includes(name)) throw new RangeError(`no preset ${name}`);
  const [w_x, w_h, target] = {
    fade: [1, 0.8, 1], latch: [1, 2, -1], flip: [1.5, 2, 1],
    alternate: [1, -1.5, 0], memory: [1, 1, 1], edge: [1, 1.5, 0],
  }[name];
  const inputs = new Array(T).fill(0);
  if (name !== "edge") inputs[0] = 1;
  if (name === "flip" && T > 1) inputs[Math.floor(T / 2)] = -2;
  return { w_x, w_h, b: 0, h0: name === "edge" ? 0.01 : 0, inputs, target, loss: "last", steps: 0 };
}

const column = (v) => Float64Array.of(v);

// The run and its gradient, by the shared loops. h, slope, local, delta, share and full are arrays of T
// numbers: h_t; ∂⁺h_t/∂h_{t-1}; ∂⁺h_t/∂w_h; ∂L/∂h_t and the step's share in ∂L/∂w_h, both as BPTT in chunks of
// `steps` gives them; the share that full BPTT gives. reach is ∂h_T/∂h_0.
export function rnnTrace({ w_x, w_h, b, h0, inputs, target, loss = "last", steps = 0 }) {
  const p = { W_x: column(w_x), W_h: column(w_h), b: column(b) };
  const T = inputs.length;
  const { states, caches } = unroll(rnn, p, { h: column(h0) }, inputs.map(column));
  const h = states.map((s) => s.h[0]);
  let value = 0;
  const own = h.map((v, t) => {
    if (loss === "last" && t < T - 1) return null;
    value += 0.5 * (v - target) ** 2;
    return { h: column(v - target) };
  });
  const whole = backward(rnn, p, caches, own);
  const kept = steps > 0 && steps < T ? backward(rnn, p, caches, own, { steps }) : whole;
  const one = { h: column(1) };
  const slope = new Array(T);
  const local = new Array(T);
  let reach = 1;
  for (let t = 0; t < T; t++) {
    const before = rnn.stepBackward(p, caches[t], one); // at δ_t = 1: the local derivatives
    slope[t] = before.ds.h[0];
    local[t] = before.dp.W_h[0];
    reach *= slope[t];
  }
  const delta = kept.states.map((s) => s.h[0]);
  return {
    h, slope, local, delta,
    share: delta.map((d, t) => d * local[t]),
    full: whole.states.map((s, t) => s.h[0] * local[t]),
    loss: value, gradient: kept.p.W_h[0], full_gradient: whole.p.W_h[0], reach,
  };
}

// ---- the map h ← tanh(w_h h + a) ---------------------------------------------------------------------

// The |a| at which two of three fixed points meet and vanish; 0 where w_h ≤ 1. In the preactivation u a
// fixed point is a zero of u - w_h tanh u - a; the slope w_h / cosh² u is 1 where cosh² u = w_h.
export function fold(w_h) {
  return w_h > 1 ? Math.sqrt(w_h * (w_h - 1)) - Math.asinh(Math.sqrt(w_h - 1)) : 0;
}

// All fixed points, from the lowest h to the highest: [{ h, slope, kind }].
export function fixedPoints(w_h, a) {
  const g = (u) => u - w_h * Math.tanh(u) - a;
  const far = Math.abs(w_h) + Math.abs(a) + 1;
  const limit = fold(w_h);
  if (limit <= TANGENT || Math.abs(a) > limit + TANGENT) return [point(w_h, zero(g, -far, far))];
  const turn = Math.asinh(Math.sqrt(w_h - 1)); // g rises up to -turn, falls, and rises again from turn
  if (Math.abs(a) >= limit - TANGENT) {
    const side = a > 0 ? 1 : -1;
    const pair = { h: Math.tanh(-side * turn), slope: 1, kind: "marginal" };
    const lone = point(w_h, side > 0 ? zero(g, turn, far) : zero(g, -far, -turn));
    return side > 0 ? [pair, lone] : [lone, pair];
  }
  return [
    point(w_h, zero(g, -far, -turn)),
    point(w_h, zero((u) => -g(u), -turn, turn)),
    point(w_h, zero(g, turn, far)),
  ];
}

// The two values between which the map alternates in the end, [low, high], or null. There is such a 2-cycle
// exactly where the one fixed point has a slope below -1.
export function twoCycle(w_h, a) {
  if (w_h >= -1) return null;
  const [middle] = fixedPoints(w_h, a);
  if (middle.kind !== "unstable") return null;
  const f = (h) => Math.tanh(w_h * h + a);
  const low = f(zero((h) => h - f(f(h)), middle.h, 1));
  return [low, f(low)];
}

function point(w_h, u) {
  const slope = w_h / Math.cosh(u) ** 2;
  return { h: Math.tanh(u) + 0, slope, kind: kindOf(slope) };
}

function kindOf(slope) {
  const size = Math.abs(slope);
  if (Math.abs(size - 1) <= MARGINAL) return "marginal";
  return size < 1 ? "stable" : "unstable";
}

// The zero of a function that is below 0 at `low` and above at `high`, by bisection.
function zero(g, low, high) {
  for (;;) {
    const middle = low + (high - low) / 2;
    if (!(low < middle && middle < high)) return middle;
    const value = g(middle);
    if (value === 0) return middle;
    if (value < 0) low = middle;
    else high = middle;
  }
}

// ---- for the picture -----------------------------------------------------------------------------------

// The T + 1 levels of the sum of shares, from 0 after step T back to the whole sum.
export function waterfall(shares) {
  const levels = new Array(shares.length + 1);
  levels[shares.length] = 0;
  for (let t = shares.length - 1; t >= 0; t--) levels[t] = levels[t + 1] + shares[t];
  return levels;
}

const SMALLEST = -12; // the axis of the shares never ends below 10^-12

// The ends of an axis that holds 0 and all values; 1, 2, 5 times a power of ten.
export function shareRange(values) {
  let low = 0;
  let high = 0;
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  const most = Math.max(high, -low);
  const limit = most === 0 ? 1 : roundLimit(most);
  return [low < 0 ? -limit : 0, high > 0 || most === 0 ? limit : 0];
}

function roundLimit(most) {
  for (let e = Math.max(SMALLEST, Math.floor(Math.log10(most)) - 1); e < 309; e++) {
    for (const digit of [1, 2, 5]) {
      const limit = Number(`${digit}e${e}`);
      if (limit >= most) return limit;
    }
  }
  return most;
}

const LIMITS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

// The least round limit of a symmetric axis that holds all values.
export function stateLimit(values) {
  let most = 0;
  for (const v of values) most = Math.max(most, Math.abs(v));
  return LIMITS.find((limit) => most <= limit) ?? 10 ** Math.ceil(Math.log10(most));
}
