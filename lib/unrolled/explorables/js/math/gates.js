// What the cells share: a gate's line and its way back. p = { W_x, W_h, b }, gates stacked in front.
import { addMatTVec, addMatVec, addOuter } from "./matrix.js";

// σ(a) = 1 / (1 + exp(-a)), as (1 + tanh(a / 2)) / 2, which is the same and cannot overflow.
export const sigmoid = (a) => 0.5 * (1 + Math.tanh(0.5 * a));

// a = W_x x + W_h h + b of the gate with number `gate`.
export function preactivation(p, gate, x, h) {
  const H = h.length;
  const a = p.b.slice(gate * H, (gate + 1) * H);
  addMatVec(a, p.W_x, x, gate * H * x.length);
  return addMatVec(a, p.W_h, h, gate * H * H);
}

// The way back through the line above: da = dL/da adds its share to dL/dp, dL/dh and dL/dx. dp is null
// where weights get no gradient.
export function addGate(p, gate, da, x, h, { dp, dh, dx }) {
  const H = h.length;
  if (dp) {
    addOuter(dp.W_x, da, x, gate * H * x.length);
    addOuter(dp.W_h, da, h, gate * H * H);
    for (let j = 0; j < H; j++) dp.b[gate * H + j] += da[j];
  }
  addMatTVec(dh, p.W_h, da, gate * H * H);
  addMatTVec(dx, p.W_x, da, gate * H * x.length);
}
