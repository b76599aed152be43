// Gated recurrent unit, r after the product with W_h. Python: unrolled.cells.gru_reset_after.
// Gates z, r, candidate: W_x (3, H, D), W_h (3, H, H), b (3, H, 1), b_hn (H, 1); arrays as in matrix.js.
import { addGate, preactivation, sigmoid } from "./gates.js";
import { addMatTVec, addMatVec, addOuter, zerosLike } from "./matrix.js";

export const zeroState = (H) => ({ h: new Float64Array(H) });

export function step(p, s, x) {
  const H = s.h.length;
  const z = preactivation(p, 0, x, s.h).map(sigmoid);
  const r = preactivation(p, 1, x, s.h).map(sigmoid);
  const n = addMatVec(p.b_hn.slice(), p.W_h, s.h, 2 * H * H);
  const a = addMatVec(p.b.slice(2 * H), p.W_x, x, 2 * H * x.length);
  const h_tilde = a.map((a_j, j) => Math.tanh(a_j + r[j] * n[j]));
  const h = z.map((z_j, j) => (1 - z_j) * s.h[j] + z_j * h_tilde[j]);
  return { s: { h }, cache: { x, h_prev: s.h, z, r, h_tilde, n } };
}

// dL/d(state after) gives dL/dp, dL/d(state before), dL/dx. Gradients of the parameters are added to
// `dp`, fresh zeros if it is not given; with null none are computed.
export function stepBackward(p, cache, ds, dp = zerosLike(p)) {
  const { x, h_prev, z, r, h_tilde, n } = cache;
  const H = h_prev.length;
  const grads = { dp, dh: ds.h.map((dh, j) => dh * (1 - z[j])), dx: new Float64Array(x.length) };
  const da_h = ds.h.map((dh, j) => dh * z[j] * (1 - h_tilde[j] ** 2));
  const da_z = ds.h.map((dh, j) => dh * (h_tilde[j] - h_prev[j]) * z[j] * (1 - z[j]));
  const da_r = da_h.map((da, j) => da * n[j] * r[j] * (1 - r[j]));
  const dn = da_h.map((da, j) => da * r[j]);
  addGate(p, 0, da_z, x, h_prev, grads);
  addGate(p, 1, da_r, x, h_prev, grads);
  addMatTVec(grads.dh, p.W_h, dn, 2 * H * H);
  addMatTVec(grads.dx, p.W_x, da_h, 2 * H * x.length);
  if (dp) {
    addOuter(dp.W_x, da_h, x, 2 * H * x.length);
    addOuter(dp.W_h, dn, h_prev, 2 * H * H);
    for (let j = 0; j < H; j++) {
      dp.b[2 * H + j] += da_h[j];
      dp.b_hn[j] += dn[j];
    }
  }
  return { dp, ds: { h: grads.dh }, dx: grads.dx };
}
