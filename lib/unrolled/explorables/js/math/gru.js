// Gated recurrent unit, r before the product with W_h. Python: unrolled.cells.gru.
// Gates z, r, candidate: W_x (3, H, D), W_h (3, H, H), b (3, H, 1); arrays as in matrix.js.
import { addGate, preactivation, sigmoid } from "./gates.js";
import { zerosLike } from "./matrix.js";

export const zeroState = (H) => ({ h: new Float64Array(H) });

export function step(p, s, x) {
  const z = preactivation(p, 0, x, s.h).map(sigmoid);
  const r = preactivation(p, 1, x, s.h).map(sigmoid);
  const h_tilde = preactivation(p, 2, x, r.map((r_j, j) => r_j * s.h[j])).map(Math.tanh);
  const h = z.map((z_j, j) => (1 - z_j) * s.h[j] + z_j * h_tilde[j]);
  return { s: { h }, cache: { x, h_prev: s.h, z, r, h_tilde } };
}

// dL/d(state after) gives dL/dp, dL/d(state before), dL/dx. Gradients of the parameters are added to
// `dp`, fresh zeros if it is not given; with null none are computed.
export function stepBackward(p, cache, ds, dp = zerosLike(p)) {
  const { x, h_prev, z, r, h_tilde } = cache;
  const grads = { dp, dh: ds.h.map((dh, j) => dh * (1 - z[j])), dx: new Float64Array(x.length) };
  const da_h = ds.h.map((dh, j) => dh * z[j] * (1 - h_tilde[j] ** 2));
  const drh = new Float64Array(h_prev.length); // dL/d(r ⊙ h_prev)
  addGate(p, 2, da_h, x, h_prev.map((h_j, j) => r[j] * h_j), { ...grads, dh: drh });
  const da_z = ds.h.map((dh, j) => dh * (h_tilde[j] - h_prev[j]) * z[j] * (1 - z[j]));
  const da_r = drh.map((d, j) => d * h_prev[j] * r[j] * (1 - r[j]));
  for (let j = 0; j < drh.length; j++) grads.dh[j] += drh[j] * r[j];
  addGate(p, 0, da_z, x, h_prev, grads);
  addGate(p, 1, da_r, x, h_prev, grads);
  return { dp, ds: { h: grads.dh }, dx: grads.dx };
}
