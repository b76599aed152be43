// Long short-term memory. Python: unrolled.cells.lstm.
// Gates i, f, candidate, o: W_x (4, H, D), W_h (4, H, H), b (4, H, 1); arrays as in matrix.js.
import { addGate, preactivation, sigmoid } from "./gates.js";
import { zerosLike } from "./matrix.js";

export const zeroState = (H) => ({ h: new Float64Array(H), c: new Float64Array(H) });

export function step(p, s, x) {
  const i = preactivation(p, 0, x, s.h).map(sigmoid);
  const f = preactivation(p, 1, x, s.h).map(sigmoid);
  const c_tilde = preactivation(p, 2, x, s.h).map(Math.tanh);
  const c = f.map((f_j, j) => f_j * s.c[j] + i[j] * c_tilde[j]);
  const o = preactivation(p, 3, x, s.h).map(sigmoid);
  const h = o.map((o_j, j) => o_j * Math.tanh(c[j]));
  return { s: { h, c }, cache: { x, h_prev: s.h, c_prev: s.c, i, f, c_tilde, o, c } };
}

// dL/d(state after) gives dL/dp, dL/d(state before), dL/dx. Gradients of the parameters are added to
// `dp`, fresh zeros if it is not given; with null none are computed.
export function stepBackward(p, cache, ds, dp = zerosLike(p)) {
  const { x, h_prev, c_prev, i, f, c_tilde, o, c } = cache;
  const grads = { dp, dh: new Float64Array(c.length), dx: new Float64Array(x.length) };
  const tanh_c = c.map(Math.tanh);
  const dc = ds.c.map((dc_j, j) => dc_j + ds.h[j] * o[j] * (1 - tanh_c[j] ** 2));
  const da_i = dc.map((d, j) => d * c_tilde[j] * i[j] * (1 - i[j])); // σ' = σ(1 - σ)
  const da_f = dc.map((d, j) => d * c_prev[j] * f[j] * (1 - f[j]));
  const da_c = dc.map((d, j) => d * i[j] * (1 - c_tilde[j] ** 2)); // tanh' = 1 - tanh²
  const da_o = ds.h.map((dh, j) => dh * tanh_c[j] * o[j] * (1 - o[j]));
  [da_i, da_f, da_c, da_o].forEach((da, gate) => addGate(p, gate, da, x, h_prev, grads));
  return { dp, ds: { h: grads.dh, c: dc.map((d, j) => d * f[j]) }, dx: grads.dx };
}
