// Simple recurrent network: h_t = tanh(W_x x_t + W_h h_{t-1} + b). Python: unrolled.cells.rnn.
// W_x (H, D), W_h (H, H), b (H, 1); arrays as in matrix.js.
import { addGate, preactivation } from "./gates.js";
import { zerosLike } from "./matrix.js";

export const zeroState = (H) => ({ h: new Float64Array(H) });

export function step(p, s, x) {
  const h = preactivation(p, 0, x, s.h).map(Math.tanh);
  return { s: { h }, cache: { x, h_prev: s.h, h } };
}

// dL/d(state after) gives dL/dp, dL/d(state before), dL/dx. Gradients of the parameters are added to
// `dp`, fresh zeros if it is not given; with null none are computed.
export function stepBackward(p, cache, ds, dp = zerosLike(p)) {
  const { x, h_prev, h } = cache;
  const grads = { dp, dh: new Float64Array(h.length), dx: new Float64Array(x.length) };
  const da = ds.h.map((dh, j) => dh * (1 - h[j] ** 2));
  addGate(p, 0, da, x, h_prev, grads);
  return { dp, ds: { h: grads.dh }, dx: grads.dx };
}
