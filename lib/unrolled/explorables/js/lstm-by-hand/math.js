// One step of an LSTM with D = H = B = 1, forward and backward, and the same worked with a pencil: exact
// decimal arithmetic, rounded or cut. Pure: no DOM. Python: lstm_by_hand.py and lstm_by_hand_lines.py.
import { sigmoid } from "../math/gates.js";
import * as lstm from "../math/lstm.js";

export const GATES = ["f", "i", "c", "o"];
export const PRECISIONS = ["full", "rounded", "source"];
export const FULL = 7; // decimals that full precision is shown with
export const LIMIT = 10; // numbers that the reader sets are from -LIMIT to LIMIT

export const NUMBERS = [
  "x", "h_prev", "c_prev", ...GATES.flatMap((g) => [`w_${g}x`, `w_${g}h`]), ...GATES.map((g) => `b_${g}`),
];
export const COMPARED = ["f", "i", "c_tilde", "o", "c", "h"];

// x, h, c, then w_x, w_h and b of f, i, candidate and o.
const PRESET = {
  "all ones": [[0.5, 0.1, 0.2], [1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]],
  "all different": [[0.5, 0.1, 0.2], [0.5, -1.2, 1], [0.9, -0.8, -0.5], [-0.9, -0.2, 0.9], [1.2, 0.4, -1.1]],
  keeps: [[0.5, 0.1, 0.8], [1, 0.5, 5], [-1, 0.5, -5], [-1.5, 0.4, -0.6], [1, 1, 1]],
  forgets: [[0.5, 0.1, 0.8], [-1, 0.5, -5], [1, 0.5, 5], [-1.5, 0.4, -0.6], [1, 1, 1]],
};
export const PRESETS = Object.keys(PRESET);

export function presetValues(name) {
  if (!PRESETS.includes(name)) throw new RangeError(`no preset ${name}`);
  const [[x, h_prev, c_prev], ...gates] = PRESET[name];
  const values = { x, h_prev, c_prev };
  gates.forEach(([w_x, w_h, b], k) => {
    const g = GATES[k];
    values[`w_${g}x`] = w_x;
    values[`w_${g}h`] = w_h;
    values[`b_${g}`] = b;
  });
  return values;
}

const BLOCKS = ["i", "f", "c", "o"]; // as the cell stacks them

function step(v) {
  const block = (name) => Float64Array.from(BLOCKS, name);
  const p = { W_x: block((g) => v[`w_${g}x`]), W_h: block((g) => v[`w_${g}h`]), b: block((g) => v[`b_${g}`]) };
  return { p, ...lstm.step(p, { h: Float64Array.of(v.h_prev), c: Float64Array.of(v.c_prev) }, Float64Array.of(v.x)) };
}

// Every number of the step in full precision: a_f … a_o the pre-activations, kept = f c_prev, new = i c_tilde.
export function forward(v) {
  const { s, cache } = step(v);
  const [f, i, c_tilde, o] = [cache.f[0], cache.i[0], cache.c_tilde[0], cache.o[0]];
  const [c, h] = [s.c[0], s.h[0]];
  const result = {};
  for (const g of GATES) result[`a_${g}`] = v[`w_${g}x`] * v.x + v[`w_${g}h`] * v.h_prev + v[`b_${g}`];
  return Object.assign(result, { f, i, c_tilde, kept: f * v.c_prev, new: i * c_tilde, c, o, tanh_c: Math.tanh(c), h });
}

// The gradients of a loss of which dL/dh_t is `dh`, and that has `dc` at c_t besides. dc_all is the whole
// dL/dc_t; df, di, dc_tilde, do are those of the gates, da_f … da_o of the pre-activations.
export function backward(v) {
  const { p, cache } = step(v);
  const { dp, ds, dx } = lstm.stepBackward(p, cache, { h: Float64Array.of(v.dh), c: Float64Array.of(v.dc) });
  const [i, c_tilde, o, tanh_c] = [cache.i[0], cache.c_tilde[0], cache.o[0], Math.tanh(cache.c[0])];
  const dc_all = v.dc + v.dh * o * (1 - tanh_c ** 2);
  const result = { dc_all, df: dc_all * v.c_prev, di: dc_all * c_tilde, dc_tilde: dc_all * i, do: v.dh * tanh_c };
  const gates = GATES.map((g) => [g, BLOCKS.indexOf(g)]);
  for (const [g, k] of gates) result[`da_${g}`] = dp.b[k];
  for (const [g, k] of gates) result[`dw_${g}x`] = dp.W_x[k];
  for (const [g, k] of gates) result[`dw_${g}h`] = dp.W_h[k];
  for (const [g, k] of gates) result[`db_${g}`] = dp.b[k];
  return Object.assign(result, { dx: dx[0], dh_prev: ds.h[0], dc_prev: ds.c[0] });
}

// ---- decimals: { m, e } is m · 10^e, m a BigInt -------------------------------------------------------

const ten = (n) => 10n ** BigInt(n);
const magnitude = (m) => (m < 0n ? -m : m);
export const ZERO = { m: 0n, e: 0 };

// The decimal that a float is written as: 0.1 is 0.1.
export function decimal(v) {
  const [, sign, whole, part = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/.exec(String(v));
  return { m: BigInt(`${sign}${whole}${part}`), e: Number(exponent) - part.length };
}

export const times = (a, b) => ({ m: a.m * b.m, e: a.e + b.e });

export function plus(a, b) {
  const e = Math.min(a.e, b.e);
  return { m: a.m * ten(a.e - e) + b.m * ten(b.e - e), e };
}

export const equal = (a, b) => plus(a, { m: -b.m, e: b.e }).m === 0n;

// So many decimals: rounded half up (ties away from zero), or cut.
export function settle(d, places, cut = false) {
  const down = -places - d.e;
  if (down <= 0) return { m: d.m * ten(-down), e: -places };
  const unit = ten(down);
  const all = magnitude(d.m);
  let m = all / unit;
  if (!cut && 2n * (all % unit) >= unit) m += 1n;
  return { m: d.m < 0n ? -m : m, e: -places };
}

// A decimal as text, without trailing zeros if asked.
export function textOf(d, strip = false) {
  const minus = d.m < 0n ? "−" : "";
  let digits = String(magnitude(d.m));
  if (d.e >= 0) return minus + (d.m === 0n ? "0" : digits + "0".repeat(d.e));
  digits = digits.padStart(1 - d.e, "0");
  let text = `${digits.slice(0, d.e)}.${digits.slice(d.e)}`;
  if (strip) text = text.replace(/\.?0+$/, "");
  return minus + text;
}

export const toNumber = (d) => Number(`${d.m}e${d.e}`) + 0;

// ---- numbers on paper: { value, exact, seen, text } ------------------------------------------------------

function onPaper(d, exact, places, { cut = false, keep = false } = {}) {
  const seen = settle(d, places, cut);
  const whole = exact && equal(seen, d);
  return { value: keep ? d : seen, exact: whole, seen, text: textOf(seen, whole) };
}

// What the reader has set is taken as it is, shown with 7 decimals.
export function given(v) {
  const value = decimal(v);
  const seen = settle(value, FULL);
  return { value, exact: true, seen, text: textOf(seen, true) };
}

// tanh(a) for the candidate and the cell state, σ(a) for the gates. Neither is ever 1, though the nearest
// float may be: cut, 0.999… stays below it.
const BELOW_ONE = 0.999999999999999;
export function squash(key, a) {
  const v = toNumber(a);
  const squashed = key === "c_tilde" || key === "tanh_c" ? Math.tanh(v) : sigmoid(v);
  return decimal(Math.max(-BELOW_ONE, Math.min(BELOW_ONE, squashed)));
}

function product(a, b) {
  const nothing = (a.exact && a.value.m === 0n) || (b.exact && b.value.m === 0n);
  return [times(a.value, b.value), nothing || (a.exact && b.exact)];
}

// Every number of the step as it is written down, and those that were given, by name. `numbers`: those of
// `forward`, which full precision shows. p_fx is w_fx x, p_fh is w_fh h_prev.
export function written(values, numbers, precision, digits) {
  const full = precision === "full";
  const places = full ? FULL : digits;
  const paper = {};
  for (const name of NUMBERS) paper[name] = given(values[name]);
  const put = (name, d, exact) => {
    const cut = precision === "source" && (name === "c_tilde" || name === "tanh_c");
    // Sums and products of what is given are exact in decimals; the rest is the cell's.
    const taken = full && !/^[pa]_/.test(name) ? decimal(numbers[name]) : d;
    paper[name] = onPaper(taken, exact, places, { cut, keep: full });
  };
  const putSquashed = (name, a) => put(name, full ? ZERO : squash(name, a.value), a.exact && a.value.m === 0n);
  for (const g of GATES) {
    put(`p_${g}x`, ...product(paper[`w_${g}x`], paper.x));
    put(`p_${g}h`, ...product(paper[`w_${g}h`], paper.h_prev));
    const [p_x, p_h, b] = [paper[`p_${g}x`], paper[`p_${g}h`], paper[`b_${g}`]];
    put(`a_${g}`, plus(plus(p_x.value, p_h.value), b.value), p_x.exact && p_h.exact);
    putSquashed(g === "c" ? "c_tilde" : g, paper[`a_${g}`]);
  }
  put("kept", ...product(paper.f, paper.c_prev));
  put("new", ...product(paper.i, paper.c_tilde));
  put("c", plus(paper.kept.value, paper.new.value), paper.kept.exact && paper.new.exact);
  putSquashed("tanh_c", paper.c);
  put("h", ...product(paper.o, paper.tanh_c));
  return paper;
}

export const unrounded = (paper) => plus(times(paper.f.value, paper.c_prev.value), times(paper.i.value, paper.c_tilde.value));

// What the line should give from its own operands, rounded once; null if it does.
export function proper(key, paper, digits) {
  const d = key === "c" ? unrounded(paper) : squash(key, paper[key === "c_tilde" ? "a_c" : "c"].value);
  const right = settle(d, digits);
  return equal(right, paper[key].value) ? null : right;
}

// The lines that the source's slips change.
export function slipsAt(values, numbers, digits) {
  const paper = written(values, numbers, "source", digits);
  return ["c_tilde", "c", "tanh_c"].filter((key) => proper(key, paper, digits) !== null);
}

// The numbers of `written` as floats, without those that were given.
export function lineNumbers(values, numbers, precision, digits) {
  const result = {};
  for (const [name, shown] of Object.entries(written(values, numbers, precision, digits))) {
    if (!NUMBERS.includes(name)) result[name] = toNumber(shown.value);
  }
  return result;
}
