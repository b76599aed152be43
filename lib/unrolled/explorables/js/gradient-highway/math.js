// The mathematics of GradientHighway: one input through an RNN, a GRU and an LSTM, and a gradient back
// through each. Pure: no DOM. The same numbers in Python: gradient_highway.py, from the library's cells;
// here without weight gradients, without batches and into arrays made once, so that a step of 16 units
// takes about a microsecond. Index 0 is step 1; matrices are flat, row after row.

export const H = 16;
export const D = 4;
export const T_MIN = 10;
export const T_MAX = 200;
export const GATES = { rnn: 1, gru: 3, lstm: 4 }; // in the library's order: z r h̃; i f c̃ o
export const PRESETS = {
  usual: { forget_bias: 1, update_bias: 0, recurrent_scale: 1 },
  "zero biases": { forget_bias: 0, update_bias: 0, recurrent_scale: 1 },
  open: { forget_bias: 5, update_bias: -5, recurrent_scale: 1 },
  exploding: { forget_bias: 0, update_bias: 0, recurrent_scale: 8 },
  "open, exploding": { forget_bias: 5, update_bias: -5, recurrent_scale: 8 },
  shut: { forget_bias: -4, update_bias: 4, recurrent_scale: 1 },
  "no W_h": { forget_bias: 0, update_bias: 0, recurrent_scale: 0 },
};

const HH = H * H;
const U = 1 / Math.sqrt(H); // L = uᵀ h_T with u = (1, …, 1) / √H
const LOG10_2 = Math.log10(2);
const SHIFT = 200; // the gradient is kept near 1 by powers of two
const UP = 2 ** SHIFT;
const DOWN = 2 ** -SHIFT;
const HIGH = UP * UP; // of squares
const LOW = DOWN * DOWN;

// ---- the same weights and input everywhere -------------------------------------------------------

// n numbers from U[0, 1): mulberry32 (T. Ettinger, 2017), 32-bit integers only, so exact everywhere.
export function draws(seed, n) {
  const numbers = new Float64Array(n);
  let a = seed | 0;
  for (let k = 0; k < n; k++) {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    numbers[k] = ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  return numbers;
}

// Input xs (T_MAX, D) from U(-1, 1); W_x (gates, H, D) and W_h (gates, H, H) from U(-1/√H, 1/√H).
export function drawn(seed) {
  const sizes = Object.values(GATES);
  const numbers = draws(seed, T_MAX * D + sizes.reduce((sum, gates) => sum + gates * H * (D + H), 0));
  let from = 0;
  const next = (n, scale) => numbers.slice(from, (from += n)).map((r) => scale * (2 * r - 1));
  const result = { xs: next(T_MAX * D, 1) };
  for (const [kind, gates] of Object.entries(GATES)) result[kind] = { W_x: next(gates * H * D, U), W_h: next(gates * HH, U) };
  return result;
}

// ---- cells ---------------------------------------------------------------------------------------

// By e^x, which is faster than Math.tanh and as exact where it counts: the error is 2e-16, absolutely.
export const sigmoid = (a) => 1 / (1 + Math.exp(-a));
export const tanh = (a) => 1 - 2 / (1 + Math.exp(2 * a));

// Room for T_MAX steps of a cell: A (T, gates, H) is W_x x + b; h, c (T + 1, H) begin with the state
// before step 1; k (T, 6, H) are the slopes that the way back multiplies by; kept is the mean over units
// of f, or of 1 − z. W_h in both orders, as the ways forward and back read it.
export function room(kind, steps = T_MAX) {
  const gates = GATES[kind];
  return {
    kind, gates, steps, done: 0, // steps that are computed
    W: new Float64Array(gates * HH), Wt: new Float64Array(gates * HH), A: new Float64Array(steps * gates * H),
    h: new Float64Array((steps + 1) * H), c: new Float64Array((steps + 1) * H), k: new Float64Array(steps * 6 * H),
    kept: new Float64Array(steps), norms: new Float64Array(steps), direct: new Float64Array(steps),
  };
}

// Puts W_h · scale in place.
export function setRecurrent(cell, W_h, scale) {
  const { W, Wt } = cell;
  for (let g = 0; g < W.length; g += HH) {
    for (let i = 0; i < H; i++) for (let j = 0; j < H; j++) Wt[g + j * H + i] = W[g + i * H + j] = W_h[g + i * H + j] * scale;
  }
  cell.done = 0;
}

// Puts W_x x_t in place, without biases.
export function setInput(cell, W_x, xs) {
  const { A, gates, steps } = cell;
  for (let t = 0; t < steps; t++) {
    for (let i = 0; i < gates * H; i++) {
      let sum = 0;
      for (let j = 0; j < D; j++) sum += W_x[i * D + j] * xs[t * D + j];
      A[t * gates * H + i] = sum;
    }
  }
  cell.done = 0;
}

const a = new Float64Array(4 * H); // pre-activations, or their gradients on the way back
const rh = new Float64Array(H);

// y[to…] += M x[from…] where M is (H, H), column after column (so a matrix, row after row, is transposed).
// Eight sums at a time stay in registers.
function multiply(M, m, x, from, y, to) {
  for (let half = 0; half < H; half += 8) {
    const o = to + half;
    let y0 = y[o], y1 = y[o + 1], y2 = y[o + 2], y3 = y[o + 3], y4 = y[o + 4], y5 = y[o + 5], y6 = y[o + 6], y7 = y[o + 7];
    let k = m + half;
    for (let j = from; j < from + H; j++, k += H) {
      const v = x[j];
      y0 += M[k] * v;
      y1 += M[k + 1] * v;
      y2 += M[k + 2] * v;
      y3 += M[k + 3] * v;
      y4 += M[k + 4] * v;
      y5 += M[k + 5] * v;
      y6 += M[k + 6] * v;
      y7 += M[k + 7] * v;
    }
    y[o] = y0; y[o + 1] = y1; y[o + 2] = y2; y[o + 3] = y3; y[o + 4] = y4; y[o + 5] = y5; y[o + 6] = y6; y[o + 7] = y7;
  }
}

// Forward, from the last step computed to step T. `bias` is the forget gate's, or the update gate's.
export function forward(cell, T, bias) {
  const step = { rnn: rnnStep, gru: gruStep, lstm: lstmStep }[cell.kind];
  for (let t = cell.done; t < T; t++) step(cell, t, bias);
  cell.done = Math.max(cell.done, T);
}

function rnnStep({ A, Wt, h, k }, t) {
  const before = t * H, after = before + H, s = t * 6 * H;
  for (let n = 0; n < H; n++) a[n] = A[before + n];
  multiply(Wt, 0, h, before, a, 0);
  for (let n = 0; n < H; n++) {
    const v = tanh(a[n]);
    h[after + n] = v;
    k[s + n] = 1 - v * v;
  }
}

function gruStep({ A, Wt, h, k, kept }, t, bias) {
  const before = t * H, after = before + H, s = t * 6 * H, from = t * 3 * H;
  for (let n = 0; n < H; n++) {
    a[n] = A[from + n] + bias;
    a[n + H] = A[from + n + H];
    a[n + 2 * H] = A[from + n + 2 * H];
  }
  multiply(Wt, 0, h, before, a, 0);
  multiply(Wt, HH, h, before, a, H);
  for (let n = 0; n < H; n++) {
    const r = sigmoid(a[n + H]);
    const old = h[before + n];
    rh[n] = r * old;
    k[s + n + 3 * H] = r;
    k[s + n + 4 * H] = old * r * (1 - r);
  }
  multiply(Wt, 2 * HH, rh, 0, a, 2 * H);
  let sum = 0;
  for (let n = 0; n < H; n++) {
    const z = sigmoid(a[n]);
    const keep = 1 - z;
    const fresh = tanh(a[n + 2 * H]);
    const old = h[before + n];
    h[after + n] = keep * old + z * fresh;
    k[s + n] = keep;
    k[s + n + H] = (fresh - old) * z * keep;
    k[s + n + 2 * H] = z * (1 - fresh * fresh);
    sum += keep;
  }
  kept[t] = sum / H;
}

function lstmStep({ A, Wt, h, c, k, kept }, t, bias) {
  const before = t * H, after = before + H, s = t * 6 * H, from = t * 4 * H;
  for (let n = 0; n < 4 * H; n++) a[n] = A[from + n];
  for (let n = H; n < 2 * H; n++) a[n] += bias;
  multiply(Wt, 0, h, before, a, 0);
  multiply(Wt, HH, h, before, a, H);
  multiply(Wt, 2 * HH, h, before, a, 2 * H);
  multiply(Wt, 3 * HH, h, before, a, 3 * H);
  let sum = 0;
  for (let n = 0; n < H; n++) {
    const i = sigmoid(a[n]);
    const f = sigmoid(a[n + H]);
    const fresh = tanh(a[n + 2 * H]);
    const o = sigmoid(a[n + 3 * H]);
    const old = c[before + n];
    const now = f * old + i * fresh;
    const shown = tanh(now);
    c[after + n] = now;
    h[after + n] = o * shown;
    k[s + n] = f;
    k[s + n + H] = o * (1 - shown * shown);
    k[s + n + 2 * H] = fresh * i * (1 - i);
    k[s + n + 3 * H] = old * f * (1 - f);
    k[s + n + 4 * H] = i * (1 - fresh * fresh);
    k[s + n + 5 * H] = shown * o * (1 - o);
    sum += f;
  }
  kept[t] = sum / H;
}

// ---- the way back --------------------------------------------------------------------------------

const dh = new Float64Array(H);
const dc = new Float64Array(H);
const dr = new Float64Array(H);

// One step back: dh and dc of the state after step t become those of the state before it.
function rnnBack({ W, k }, t) {
  const s = t * 6 * H;
  for (let n = 0; n < H; n++) {
    a[n] = dh[n] * k[s + n];
    dh[n] = 0;
  }
  multiply(W, 0, a, 0, dh, 0);
}

function gruBack({ W, k }, t) {
  const s = t * 6 * H;
  for (let n = 0; n < H; n++) {
    const d = dh[n];
    a[n] = d * k[s + n + H];
    a[n + 2 * H] = d * k[s + n + 2 * H];
    dh[n] = d * k[s + n];
    dr[n] = 0;
  }
  multiply(W, 2 * HH, a, 2 * H, dr, 0);
  for (let n = 0; n < H; n++) {
    const d = dr[n];
    dh[n] += d * k[s + n + 3 * H];
    a[n + H] = d * k[s + n + 4 * H];
  }
  multiply(W, 0, a, 0, dh, 0);
  multiply(W, HH, a, H, dh, 0);
}

function lstmBack({ W, k }, t) {
  const s = t * 6 * H;
  for (let n = 0; n < H; n++) {
    const d = dh[n];
    const e = dc[n] + d * k[s + n + H];
    a[n] = e * k[s + n + 2 * H];
    a[n + H] = e * k[s + n + 3 * H];
    a[n + 2 * H] = e * k[s + n + 4 * H];
    a[n + 3 * H] = d * k[s + n + 5 * H];
    dc[n] = e * k[s + n];
    dh[n] = 0;
  }
  multiply(W, 0, a, 0, dh, 0);
  multiply(W, HH, a, H, dh, 0);
  multiply(W, 2 * HH, a, 2 * H, dh, 0);
  multiply(W, 3 * HH, a, 3 * H, dh, 0);
}

function squares(v) {
  let sum = 0;
  for (let n = 0; n < H; n++) sum += v[n] * v[n];
  return sum;
}

function scale(v, by) {
  for (let n = 0; n < H; n++) v[n] *= by;
}

// log10 ‖∂L/∂s_t‖ into cell.norms, −Infinity where it is exactly 0; s is h, in the LSTM h and c. L = uᵀ h_T,
// in the LSTM uᵀ c_T, unless ∂L/∂h_T and ∂L/∂c_T are given; the ends of both are returned (of the state
// before step 1, times 2 to the power of the third).
export function backward(cell, T, given) {
  const { kind, norms } = cell;
  const lstm = kind === "lstm";
  dh.fill(lstm ? 0 : U);
  dc.fill(lstm ? U : 0);
  if (given) {
    dh.set(given.h);
    dc.set(given.c ?? new Float64Array(H));
  }
  const back = lstm ? lstmBack : kind === "gru" ? gruBack : rnnBack;
  let exponent = 0;
  for (let t = T - 1; t >= 0; t--) {
    let sum = lstm ? squares(dh) + squares(dc) : squares(dh);
    if (sum < LOW || sum > HIGH) {
      if (sum === 0) {
        norms.fill(-Infinity, 0, t + 1);
        break;
      }
      const by = sum < LOW ? UP : DOWN;
      exponent += sum < LOW ? -SHIFT : SHIFT;
      scale(dh, by);
      scale(dc, by);
      sum *= by * by;
    }
    norms[t] = 0.5 * Math.log10(sum) + LOG10_2 * exponent;
    back(cell, t);
  }
  return given && { h: [...dh], c: [...dc], exponent };
}

// The same with gates and candidates held fixed, into cell.direct: log10 ‖u ⊙ f_T ⊙ ⋯ ⊙ f_{t+1}‖ (1 − z in the GRU).
export function directPath(cell, T) {
  const { k, direct } = cell;
  let exponent = 0;
  dc.fill(U);
  for (let t = T - 1; t >= 0; t--) {
    let sum = squares(dc);
    if (sum < LOW) {
      if (sum === 0) {
        direct.fill(-Infinity, 0, t + 1);
        return;
      }
      exponent -= SHIFT;
      scale(dc, UP);
      sum *= UP * UP;
    }
    direct[t] = 0.5 * Math.log10(sum) + LOG10_2 * exponent;
    const s = t * 6 * H;
    for (let n = 0; n < H; n++) dc[n] *= k[s + n];
  }
}

// ---- all of it -----------------------------------------------------------------------------------

// Makes the function that gives the results at a state; it computes again only what a handle touches, and
// the arrays that it returns are the same ones every time. norms: log10, −Infinity for 0, T of them count.
export function highway() {
  const cells = Object.fromEntries(Object.keys(GATES).map((kind) => [kind, room(kind)]));
  const list = Object.values(cells);
  let weights = null;
  const now = { seed: null, recurrent_scale: null, forget_bias: null, update_bias: null, T: null };
  return (state) => {
    const fresh = state.seed !== now.seed;
    const scaled = fresh || state.recurrent_scale !== now.recurrent_scale;
    if (fresh) weights = drawn(state.seed);
    for (const cell of list) {
      if (fresh) setInput(cell, weights[cell.kind].W_x, weights.xs);
      if (scaled) setRecurrent(cell, weights[cell.kind].W_h, state.recurrent_scale);
      const name = { gru: "update_bias", lstm: "forget_bias" }[cell.kind];
      const biased = name !== undefined && state[name] !== now[name];
      if (biased) cell.done = 0;
      if (!scaled && !biased && state.T === now.T) continue;
      forward(cell, state.T, name === undefined ? 0 : state[name]);
      backward(cell, state.T);
      if (cell === cells.lstm) directPath(cell, state.T);
    }
    for (const key of Object.keys(now)) now[key] = state[key];
    const { rnn, gru, lstm } = cells;
    return {
      T: state.T,
      norms: { rnn: rnn.norms, gru: gru.norms, lstm: lstm.norms, direct: lstm.direct },
      kept: { gru: gru.kept, lstm: lstm.kept },
    };
  };
}

// The mean over T steps.
export function mean(values, T) {
  let sum = 0;
  for (let t = 0; t < T; t++) sum += values[t];
  return sum / T;
}

// After how many steps half is left if a share f is kept at each: null if f = 1.
export const halfLife = (f) => (f >= 1 ? null : f <= 0 ? 0 : Math.log(0.5) / Math.log(f));

// As plain lists, null for the logarithm of 0: what Python has as log10_norms, kept and half_life.
export function results(state, run = highway()) {
  const { T, norms, kept } = run(state);
  const plain = (values) => Array.from(values.subarray(0, T), (v) => (Number.isFinite(v) ? v : null));
  const each = (lists, of) => Object.fromEntries(Object.entries(lists).map(([key, values]) => [key, of(values)]));
  return { log10_norms: each(norms, plain), kept: each(kept, plain), half_life: each(kept, (values) => halfLife(mean(values, T))) };
}
