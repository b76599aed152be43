// The mathematics of GRUBlend: two units of a GRU whose gates are given. Pure: no DOM.
// The same functions in Python: gru_blend_math.py. Arrays hold one number a step; index 0 is step 1.
// The state is as in Python: rows update_gate, reset_gate, inputs; numbers w_x, w_h, w_2, b, b_hn, z_2, r_2, h0.

export const T_DEFAULT = 24;
export const PRESETS = ["leak", "keep", "overwrite", "reset", "alternate"];
export const CONVENTIONS = ["new", "old"];
export const ROWS = { update_gate: [0, 1], reset_gate: [0, 1], inputs: [-2, 2] };
export const SCALARS = {
  w_x: [-3, 3], w_h: [-3, 3], w_2: [-3, 3], b: [-2, 2], b_hn: [-2, 2], z_2: [0, 1], r_2: [0, 1], h0: [-1, 1],
};
export const WEIGHTS = { w_x: 1, w_h: 0.5, w_2: 1.5, b: 0, b_hn: 0, z_2: 0.5, r_2: 0.2 };
export const SAME = 1e-12; // two runs of one function, calculated in two orders

// 1 − z, the same gate in the other convention: 0.7 gives 0.3 as on paper, and 0.3 gives 0.7.
export function mirrored(z) {
  const exact = 1 - z;
  const short = Math.floor(exact * 1e12 + 0.5) / 1e12;
  return Math.abs(short - exact) <= 2 ** -53 ? short : exact;
}

// What switching the convention changes: only the name of z.
export function renamed(state) {
  return {
    convention: state.convention === "new" ? "old" : "new",
    update_gate: state.update_gate.map(mirrored), z_2: mirrored(state.z_2),
  };
}

// Rows and weights of a preset.
export function presetValues(name, T = T_DEFAULT, convention = "new") {
  if (!PRESETS.includes(name)) throw new RangeError(`no preset ${name}`);
  const middle = Math.floor(T / 2) + 1;
  const values = { update_gate: [], reset_gate: [], inputs: [], ...WEIGHTS };
  for (let t = 1; t <= T; t++) {
    const written = (t === 1 && (name === "keep" || name === "overwrite")) || (t === middle && name === "overwrite");
    let z = written ? 1 : 0;
    let r = 1;
    if (name === "leak") z = 0.2;
    if (name === "reset") [z, r] = [0.5, t >= middle && t < middle + 4 ? 0 : 1];
    if (name === "alternate") [z, r] = t % 4 === 1 ? [0.8, 1] : [0.1, 0.2];
    values.update_gate.push(convention === "old" ? mirrored(z) : z);
    values.reset_gate.push(r);
    values.inputs.push(t === 1 ? 1.5 : t === middle ? -1.5 : (((7 * t) % 16) - 8) / 10);
  }
  if (convention === "old") values.z_2 = mirrored(values.z_2);
  return values;
}

// How much of the old state a step keeps, and how much it takes in.
export const keptShare = (z, convention) => (convention === "new" ? mirrored(z) : z);
export const newShare = (z, convention) => (convention === "new" ? z : mirrored(z));
export const keptShares = (state) => state.update_gate.map((z) => keptShare(z, state.convention));

// One step of both units from h and h_2: [h, h_tilde, h_2, h_tilde_2]. `t` counts from 0.
export function step(state, placement, t, h, h2) {
  const { w_x, w_h, w_2, b, b_hn, r_2, convention } = state;
  const r = state.reset_gate[t];
  const x = state.inputs[t];
  let a;
  let a2;
  if (placement === "before") {
    a = w_x * x + w_h * (r * h) + w_2 * (r_2 * h2) + b + b_hn;
    a2 = w_x * x + w_h * (r_2 * h2) + w_2 * (r * h) + b + b_hn;
  } else {
    a = w_x * x + b + r * (w_h * h + w_2 * h2 + b_hn);
    a2 = w_x * x + b + r_2 * (w_h * h2 + w_2 * h + b_hn);
  }
  const candidate = Math.tanh(a);
  const candidate2 = Math.tanh(a2);
  const z = state.update_gate[t];
  return [
    keptShare(z, convention) * h + newShare(z, convention) * candidate, candidate,
    keptShare(state.z_2, convention) * h2 + newShare(state.z_2, convention) * candidate2, candidate2,
  ];
}

// The run of both units with the reset gate "before" or "after" the product.
export function run(state, placement) {
  const T = state.update_gate.length;
  const result = { h: new Array(T), h_tilde: new Array(T), h_2: new Array(T), h_tilde_2: new Array(T) };
  let h = state.h0;
  let h2 = state.h0;
  for (let t = 0; t < T; t++) {
    const [next, candidate, next2, candidate2] = step(state, placement, t, h, h2);
    result.h[t] = h = next;
    result.h_tilde[t] = candidate;
    result.h_2[t] = h2 = next2;
    result.h_tilde_2[t] = candidate2;
  }
  return result;
}

// The largest distance between the first unit's h in two runs, and the step (from 1 on) where it is.
export function difference(before, after) {
  let value = 0;
  let at = 1;
  before.h.forEach((h, k) => {
    const distance = Math.abs(h - after.h[k]);
    if (distance > value) [value, at] = [distance, k + 1];
  });
  return { value, step: at };
}

// The Jacobian of step t of the run with reset before, gates held fixed, row by row: ∂(h, h_2)/∂(h, h_2) before it.
export function jacobian(state, before, t) {
  const { w_h, w_2, r_2, z_2, convention } = state;
  const r = state.reset_gate[t];
  const slope = newShare(state.update_gate[t], convention) * (1 - before.h_tilde[t] ** 2);
  const slope2 = newShare(z_2, convention) * (1 - before.h_tilde_2[t] ** 2);
  return [
    keptShare(state.update_gate[t], convention) + slope * w_h * r, slope * w_2 * r_2,
    slope2 * w_2 * r, keptShare(z_2, convention) + slope2 * w_h * r_2,
  ];
}

// ∂h_T/∂h_t along the direct path: the product of what is kept after step t.
export function directPath(kept) {
  const path = new Array(kept.length);
  let product = 1;
  for (let t = kept.length - 1; t >= 0; t--) {
    path[t] = product;
    product *= kept[t];
  }
  return path;
}

// ∂h_T/∂h_t by every path, gates held fixed: the first entry of J_T ⋯ J_{t+1}.
export function totalPath(state, before) {
  const T = before.h.length;
  const path = new Array(T);
  let p = 1; // the first row of the product, and no more of it
  let q = 0;
  for (let t = T - 1; t >= 0; t--) {
    path[t] = p;
    const [a, b, c, d] = jacobian(state, before, t);
    [p, q] = [p * a + q * c, p * b + q * d];
  }
  return path;
}

// After how many steps half is left if a share is kept at each.
export function halfLife(kept) {
  if (kept === 1) return Infinity;
  return kept === 0 ? 0 : Math.log(0.5) / Math.log(kept);
}

// The last step of whose h at most half is left at the end; 0 if there is none.
export function halfStep(direct) {
  for (let t = direct.length; t >= 1; t--) if (direct[t - 1] <= 0.5) return t;
  return 0;
}

// The first step whose h is not between the old h and the candidate; 0 if there is none.
export function outside(h0, own) {
  for (let k = 0; k < own.h.length; k++) {
    const old = k === 0 ? h0 : own.h[k - 1];
    const candidate = own.h_tilde[k];
    const slack = SAME * Math.max(1, Math.abs(old), Math.abs(candidate));
    if (own.h[k] < Math.min(old, candidate) - slack || own.h[k] > Math.max(old, candidate) + slack) return k + 1;
  }
  return 0;
}

// All that the picture shows. `own`: the run of the reader's own update, or null.
export function trace(state, own = null) {
  const before = run(state, "before");
  const after = run(state, "after");
  const kept = keptShares(state);
  return {
    before, after, own, kept, shown: own ?? before, difference: difference(before, after),
    direct: own ? null : directPath(kept), total: own ? own.gradient : totalPath(state, before),
  };
}
