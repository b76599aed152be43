// The loop over time, forward and backward, for any cell of this folder (import * as cell from "./lstm.js").
// Python: unrolled.bptt, for one sequence; arrays as in matrix.js, index 0 is step 1.
import { addTrees, zerosLike } from "./matrix.js";

// Runs a cell over xs, an array of T inputs of D numbers. Returns { states, caches }, arrays of T states
// and caches: states[t].h, caches[t].f.
export function unroll(cell, p, s0, xs) {
  const states = [];
  const caches = [];
  for (let t = 0, s = s0; t < xs.length; t++) {
    const after = cell.step(p, s, xs[t]);
    states.push((s = after.s));
    caches.push(after.cache);
  }
  return { states, caches };
}

// The backward pass of `unroll`. dstates: an array of T states, the gradient that the loss itself puts on
// each (null for none). steps = K: truncated, in chunks of K steps from the start: no gradient crosses the
// border of a chunk, though the state does. params = false: without the parameters' gradient.
// Returns { p, s0, xs, states } like Python's Gradients: states[t] is the whole dL/ds_t, in which an LSTM's
// c is what arrives at c_t from later steps and its own loss, and h_t's share in it is in h.
export function backward(cell, p, caches, dstates, { steps = null, params = true } = {}) {
  const dp = params ? zerosLike(p) : null; // one set of weights: its gradient is a sum over time
  const T = caches.length;
  const states = new Array(T);
  const xs = new Array(T);
  let ds = cell.zeroState(caches[0].h_prev.length); // what the later steps send back
  for (let t = T - 1; t >= 0; t--) {
    if (dstates[t]) ds = addTrees(ds, dstates[t]);
    states[t] = ds;
    const before = cell.stepBackward(p, caches[t], ds, dp);
    xs[t] = before.dx;
    ds = steps !== null && t > 0 && t % steps === 0 ? zerosLike(ds) : before.ds;
  }
  return { p: dp, s0: ds, xs, states };
}
