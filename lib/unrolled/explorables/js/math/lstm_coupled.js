// LSTM with coupled gates, i = 1 - f. Python: unrolled.cells.lstm_coupled.
// Gates f, candidate, o: W_x (3, H, D), W_h (3, H, H), b (3, H, 1); arrays as in matrix.js.
import { addGate, preactivation, sigmoid } from "./gates.js";
import { zerosLike } from "./matrix.js";

export { zeroState } from "./lstm.js";

export function step(p, s, x) {
  const f = preactivation(p, 0, x, s.h).map(sigmoid);
  const c_tilde = preactivation(p, 1, x, s.h).map(Math.tanh);
  const c = f.map((f_j, j) => f_j * s.c[j] + (1 - f_j) * c_tilde[j]);
  const o = preactivation(p, 2, x, s.h).map(sigmoid);
  const h = o.map((o_j, j) => o_j * Math.tanh(c[j]));
  return { s: { h, c }, cache: { x, h_prev: s.h, c_prev: s.c, f, c_tilde, o, c } };
}

// dL/d(state after) gives dL/dp, dL/d(state before), dL/dx. Gradients of the parameters are added to
// `dp`, fresh zeros if it is not given; with null none are computed.
export function stepBackward(p, cache, ds, dp = zerosLike(p)) {
  const { x, h_prev, c_prev, f, c_tilde, o, c } = cache;
  const grads = { dp, dh: new Float64Array(c.length), dx: new Float64Array(x.length) };
  const tanh_c = c.map(Math.tanh);
  const dc = ds.c.map((dc_j, j) => dc_j + ds.h[j] * o[j] * (1 - tanh_c[j] ** 2));
  const da_f = dc.map((d, j) => d * (c_prev[j] - c_tilde[j]) * f[j] * (1 - f[j]));
  const da_c = dc.map((d, j) => d * (1 - f[j]) * (1 - c_tilde[j] ** 2));
  const da_o = ds.h.map((dh, j) => dh * tanh_c[j] * o[j] * (1 - o[j]));
  [da_f, da_c, da_o].forEach((da, gate) => addGate(p, gate, da, x, h_prev, grads));
  return { dp, ds: { h: grads.dh, c: dc.map((d, j) => d * f[j]) }, dx: grads.dx };
}
