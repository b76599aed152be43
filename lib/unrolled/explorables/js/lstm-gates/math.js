// The mathematics of one LSTM unit whose gates are given, and of the challenge. Pure: no DOM.
// The same functions in Python: lstm_gates_painted.py. Arrays hold one number a step; index 0 is step 1.

import { fixed, gradientText } from "../kit/words.js";

export const T_DEFAULT = 24;
export const PRESETS = ["remember", "forget", "overwrite", "leak"];
export const READ_STEP = 21; // the challenge: write at step 1, carry for 20 steps, read out here

// What the candidate offers at step t, besides what matters: never 0, looks random, is not.
function distractor(t) {
  const k = ((7 * t) % 16) - 8;
  return (k < 0 ? k : k + 1) / 10;
}

// Gates and candidate of a preset over T steps. A coupled unit writes by forgetting: its forget gate shuts to
// write; to forget it writes 0.
export function preset(name, T = T_DEFAULT, variant = "lstm") {
  if (!PRESETS.includes(name)) throw new RangeError(`no preset ${name}`);
  const coupled = variant === "coupled";
  const middle = Math.floor(T / 2) + 1;
  const rows = { forget: [], input: [], output: [], candidate: [] };
  for (let t = 1; t <= T; t++) {
    const wiped = t === middle && (name === "forget" || name === "overwrite");
    const written = t === 1 || (t === middle && name === "overwrite");
    rows.forget.push(wiped || (coupled && written) ? 0 : name === "leak" ? 0.8 : 1);
    rows.input.push(written ? 1 : 0);
    rows.output.push(1);
    rows.candidate.push(t === 1 ? 0.9 : t === middle ? (coupled && name === "forget" ? 0 : -0.7) : distractor(t));
  }
  return rows;
}

// c_t = f_t c_{t-1} + i_t c̃_t,  h_t = o_t tanh(c_t),
// gradient_t = ∂c_T/∂c_t = f_{t+1} ⋯ f_T: along the direct path, with the gates held fixed.
export function lstmTrace({ forget, input, output, candidate, c0 = 0 }) {
  const T = forget.length;
  const c = new Array(T);
  const h = new Array(T);
  const gradient = new Array(T);
  let state = c0;
  for (let t = 0; t < T; t++) {
    state = forget[t] * state + input[t] * candidate[t];
    c[t] = state;
    h[t] = output[t] * Math.tanh(state);
  }
  let product = 1;
  for (let t = T - 1; t >= 0; t--) {
    gradient[t] = product;
    product *= forget[t];
  }
  return { c, h, gradient };
}

// The candidate of the challenge: a bit, then distractors.
export function challengeCandidate(bit = 1, T = T_DEFAULT) {
  return Array.from({ length: T }, (_, k) => (k === 0 ? bit : distractor(k + 1)));
}

// How well h of the two runs (bit +1 and -1) carries the bit:
//   read  = |h_21(+) - h_21(-)| / (2 tanh 1), at most 1
//   quiet = 1 - (mean over steps 1…20 of the larger |h_t| of the two runs) / tanh 1, at least 0
//   score = 100 read quiet
export function scoreOf(hPlus, hMinus) {
  const last = READ_STEP - 1;
  const read = Math.min(1, Math.abs(hPlus[last] - hMinus[last]) / (2 * Math.tanh(1)));
  let loud = 0;
  for (let t = 0; t < last; t++) loud += Math.max(Math.abs(hPlus[t]), Math.abs(hMinus[t]));
  const quiet = Math.max(0, 1 - loud / last / Math.tanh(1));
  return { score: 100 * read * quiet, read, quiet };
}

// The score of gates: run with the bit +1, run with -1, compare.
export function score({ forget, input, output, c0 = 0 }) {
  const T = forget.length;
  const run = (bit) =>
    lstmTrace({ forget, input, output, candidate: challengeCandidate(bit, T), c0 }).h;
  return scoreOf(run(1), run(-1));
}

// What the picture shows, in words. `driven`: the reader's own update makes the trace.
export function describe({ forget, challenge, driven }, trace, result) {
  const T = forget.length;
  if (trace.c.length === 0) return "Nothing is drawn: the update function failed.";
  const says = [`After ${T} steps c is ${fixed(trace.c[T - 1])} and h is ${fixed(trace.h[T - 1])}.`];
  const g = trace.gradient[0];
  let shut = 0; // the last step whose forget gate is 0 cuts the direct path
  for (let t = 2; t <= T; t++) if (forget[t - 1] === 0) shut = t;
  if (driven) {
    says.push(`Through the update function given, the gradient from step ${T} back to step 1 is ${gradientText(g)}.`);
  } else if (shut) {
    says.push(`The forget gate is 0 at step ${shut}: along the direct path no gradient reaches an earlier step.`);
  } else if (g === 1) {
    says.push("No forget gate after step 1 is below 1: the gradient reaches step 1 undiminished.");
  } else {
    says.push(`The gradient from step ${T} back to step 1 is ${gradientText(g)}.`);
  }
  if (challenge && result) {
    says.push(`Score ${Math.floor(result.score)} of 100: read-out ${Math.round(100 * result.read)} percent, quiet ${Math.round(100 * result.quiet)} percent.`);
  }
  return says.join(" ");
}
