// JacobianFlow: a network of two units for T steps from h_0 = 0, its Jacobians, their products. Pure: no DOM.
// The same functions in Python: jacobian_flow.py. Matrices are [a, b, c, d], row by row.

export const T = 100;
export const PRESETS = ["contracting", "rotation", "orthogonal-tanh", "non-normal", "exploding"];
const MATRICES = {
  contracting: [0.7, -0.4, 0.3, 0.6],
  rotation: [0.8, -0.6, 0.6, 0.8],
  "orthogonal-tanh": [0.8, -0.6, 0.6, 0.8],
  "non-normal": [0.95, 1.3, 0, 0.95],
  exploding: [1.1, 0.6, -0.2, 0.9],
};
const SQRT3 = 1.7320508075688772;

export function preset(name) {
  const [w_11, w_12, w_21, w_22] = MATRICES[name];
  return { w_11, w_12, w_21, w_22, steps: 40, tanh: name === "orthogonal-tanh", amplitude: 0.5 };
}

// What Park and Miller's generator gives from 2026 on, uniform on ±√3: its standard deviation is 1.
const NOISE = (() => {
  const u = new Float64Array(2 * T);
  for (let k = 0, s = 2026; k < 2 * T; k++) {
    s = (s * 16807) % 2147483647; // below 2^46: exact
    u[k] = 2 * (s / 2147483647) - 1;
  }
  return u;
})();

// The input x_1 … x_T, two numbers a step.
export function inputs(amplitude) {
  return NOISE.map((u) => amplitude * SQRT3 * u);
}

// h_t from h_{t-1} and x_t.
export function step(W, h, x, tanh = true) {
  const a = W[0] * h[0] + W[1] * h[1] + x[0];
  const b = W[2] * h[0] + W[3] * h[1] + x[1];
  return tanh ? [Math.tanh(a), Math.tanh(b)] : [a, b];
}

// dL/dh_{t-1} from dL/dh_t: the transpose of J_t = diag(1 - h_t²) W_h.
export function stepBackward(W, h, dh) {
  const a = dh[0] * (1 - h[0] * h[0]);
  const b = dh[1] * (1 - h[1] * h[1]);
  return [W[0] * a + W[2] * b, W[1] * a + W[3] * b];
}

// h_1 … h_T, two numbers a step.
export function trajectory(W, { tanh, amplitude }) {
  const hs = new Float64Array(2 * T);
  const k = amplitude * SQRT3;
  let h0 = 0;
  let h1 = 0;
  for (let t = 0; t < 2 * T; t += 2) {
    const a = W[0] * h0 + W[1] * h1 + k * NOISE[t];
    const b = W[2] * h0 + W[3] * h1 + k * NOISE[t + 1];
    h0 = hs[t] = tanh ? Math.tanh(a) : a;
    h1 = hs[t + 1] = tanh ? Math.tanh(b) : b;
  }
  return hs;
}

// J_1 … J_T, four numbers a step, row by row.
export function jacobians(W, { tanh, amplitude }) {
  const J = new Float64Array(4 * T);
  const hs = tanh ? trajectory(W, { tanh, amplitude }) : null;
  for (let t = 0; t < T; t++) {
    const top = hs ? 1 - hs[2 * t] * hs[2 * t] : 1;
    const below = hs ? 1 - hs[2 * t + 1] * hs[2 * t + 1] : 1;
    J[4 * t] = top * W[0];
    J[4 * t + 1] = top * W[1];
    J[4 * t + 2] = below * W[2];
    J[4 * t + 3] = below * W[3];
  }
  return J;
}

// ---- 2×2 matrices, with the digits that cancellation takes restored --------------------------------

const SPLIT = 134217729; // 2^27 + 1

// What a · b lost to rounding (Dekker 1971): a · b is exactly the sum of the product and this.
function productError(a, b, product) {
  const as = a * SPLIT;
  const ah = as - (as - a);
  const bs = b * SPLIT;
  const bh = bs - (bs - b);
  return (a - ah) * (b - bh) - (product - ah * bh - (a - ah) * bh - ah * (b - bh));
}

// a b + c d as if computed exactly and rounded, or nearly so (Ogita, Rump and Oishi 2005).
function sumOfProducts(a, b, c, d) {
  const p = a * b;
  const q = c * d;
  const s = p + q;
  const v = s - p;
  return s + (p - (s - v) + (q - v) + productError(a, b, p) + productError(c, d, q));
}

export const determinant = (W) => sumOfProducts(W[0], W[3], -W[1], W[2]);

// σ_1 ≥ σ_2 ≥ 0, and the angle of the longer half-axis of the ellipse, in (-π/2, π/2].
export function singular(W) {
  const e = (W[0] + W[3]) / 2;
  const f = (W[0] - W[3]) / 2;
  const g = (W[2] + W[1]) / 2;
  const h = (W[2] - W[1]) / 2;
  const q = Math.sqrt(e * e + h * h);
  const r = Math.sqrt(f * f + g * g);
  const first = q + r;
  // σ_1 σ_2 = |det|; the difference |q - r| has no correct digit where W is nearly singular.
  const second = first === 0 ? 0 : Math.min(first, Math.abs(determinant(W)) / first);
  let angle = (Math.atan2(g, f) + Math.atan2(h, e)) / 2;
  if (angle > Math.PI / 2) angle -= Math.PI;
  if (angle <= -Math.PI / 2) angle += Math.PI;
  return [first, second, angle];
}

// Both eigenvalues as [real, imaginary]; the larger first, of a pair the one above the axis.
export function eigenvalues(W) {
  const [a, b, c, d] = W;
  const middle = (a + d) / 2;
  // (a - d)² + 4 b c with a - d = s + e exactly: s² + 2 s e + e² + 4 b c.
  const s = a - d;
  const v = s - a;
  const e = a - (s - v) - (d + v);
  const disc = sumOfProducts(s, s, 4 * b, c) + (2 * s * e + e * e);
  if (disc < 0) {
    const height = Math.sqrt(-disc) / 2;
    return [[middle, height], [middle, -height]];
  }
  const half = Math.sqrt(disc) / 2;
  if (half === 0) return [[middle, 0], [middle, 0]];
  const first = middle < 0 ? middle - half : middle + half;
  // λ_1 λ_2 = det: the other sum would cancel where W is nearly singular.
  return [[first, 0], [middle === 0 ? -first : determinant(W) / first, 0]];
}

export const spectralRadius = (W) => {
  const [[re, im]] = eigenvalues(W);
  return im === 0 ? Math.abs(re) : Math.sqrt(re * re + im * im);
};

// ---- products ---------------------------------------------------------------------------------------

const LARGE = 2 ** 300;
const LOG10_2 = Math.LOG10E * Math.LN2;

// ∂h_T/∂h_{T-k} = J_T ⋯ J_{T-k+1} for k = 0…T, up to powers of two (M, four numbers each), and log10 of its
// norm, -Infinity where all is 0. Powers of two are split off, so nothing overflows or vanishes on the way.
export function products(J) {
  const n = J.length / 4;
  const log10 = new Float64Array(n + 1);
  const M = new Float64Array(4 * n + 4);
  let a = 1;
  let b = 0;
  let c = 0;
  let d = 1;
  let exponent = 0;
  M[0] = M[3] = 1;
  for (let k = 1; k <= n; k++) {
    const j = 4 * (n - k);
    let p = J[j];
    let q = J[j + 1];
    let r = J[j + 2];
    let s = J[j + 3];
    const size = Math.max(Math.abs(p), Math.abs(q), Math.abs(r), Math.abs(s));
    if (size !== 0 && (size > LARGE || size < 1 / LARGE)) {
      // Only where the reader's own step makes it.
      const e = Math.floor(Math.log2(size));
      [p, q, r, s] = [scaled(p, -e), scaled(q, -e), scaled(r, -e), scaled(s, -e)];
      exponent += e;
    }
    const a1 = a * p + b * r;
    const b1 = a * q + b * s;
    const c1 = c * p + d * r;
    const d1 = c * q + d * s;
    const largest = Math.max(Math.abs(a1), Math.abs(b1), Math.abs(c1), Math.abs(d1));
    let by = 1;
    if (largest !== 0 && (largest > LARGE || largest < 1 / LARGE)) {
      const e = Math.floor(Math.log2(largest));
      by = 2 ** -e;
      exponent += e;
    }
    M[4 * k] = a = a1 * by;
    M[4 * k + 1] = b = b1 * by;
    M[4 * k + 2] = c = c1 * by;
    M[4 * k + 3] = d = d1 * by;
    const f = Math.sqrt((a + d) * (a + d) + (c - b) * (c - b));
    const g = Math.sqrt((a - d) * (a - d) + (c + b) * (c + b));
    log10[k] = largest === 0 ? -Infinity : Math.log10((f + g) / 2) + LOG10_2 * exponent;
  }
  return { M, log10 };
}

// v · 2^e, exactly, where 2^e alone might overflow.
const scaled = (v, e) => v * 2 ** Math.trunc(e / 2) * 2 ** (e - Math.trunc(e / 2));

// One of the products, M as above: the ratio of its ellipse's half-axes, and the angle of the longer one.
export function shape(M, k) {
  // Near 1 in size, where the squares of its entries are at home.
  const size = Math.max(Math.abs(M[4 * k]), Math.abs(M[4 * k + 1]), Math.abs(M[4 * k + 2]), Math.abs(M[4 * k + 3]));
  if (size === 0) return [0, 0];
  const by = 2 ** -Math.floor(Math.log2(size));
  const [first, second, angle] = singular([M[4 * k] * by, M[4 * k + 1] * by, M[4 * k + 2] * by, M[4 * k + 3] * by]);
  return [second / first, angle];
}

// The unit circle under ∂h_T/∂h_{T-k}, k = 0…T: log10 of the longer half-axis, its angle, and the ratio of the
// shorter one to it.
export function ellipses(J) {
  const { M, log10 } = products(J);
  const shapes = Array.from(log10, (_, k) => shape(M, k));
  return { log10, ratio: shapes.map(([ratio]) => ratio), angle: shapes.map(([, angle]) => angle) };
}

// All that the picture shows. `J`: the Jacobians that the reader's own step has, or null.
export function flow(state, J = null) {
  const W = [state.w_11, state.w_12, state.w_21, state.w_22];
  const { M, log10 } = products(J ?? jacobians(W, state));
  let peak = 0;
  for (let k = 1; k < log10.length; k++) if (log10[k] > log10[peak]) peak = k;
  return { W, eigenvalues: eigenvalues(W), sigma: singular(W), rho: spectralRadius(W), M, log10, peak };
}

// log10 ‖W_h^k‖ for k = 0…T: what a network without tanh would do.
export const linearLog10 = (W) => products(jacobians(W, { tanh: false })).log10;
