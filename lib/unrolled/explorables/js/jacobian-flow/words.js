// JacobianFlow in words, and the ends of its axes. Pure: no DOM. The same in Python: jacobian_flow_picture.py.
import { fixed, gradientText, power } from "../kit/words.js";

const DECADES = [1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40, 60, 80, 100];
const SAME = 1e-7; // as far as an eigenvalue is known where two coincide
const SPANS = [1.25, 2, 3, 4.25];

// A positive number of its logarithm, however small or large.
export function logText(log10) {
  if (log10 === -Infinity) return "0";
  if (Math.abs(log10) < 1e-12) return "1";
  if (Math.abs(log10) < 300) return gradientText(10 ** log10);
  const exponent = Math.floor(log10);
  const mantissa = (10 ** (log10 - exponent)).toFixed(1);
  return mantissa === "10.0" ? `1.0×${power(exponent + 1)}` : `${mantissa}×${power(exponent)}`;
}

// Two decimals, or as many as tell the number from 1.
export function nearOne(v) {
  if (Math.abs(v - 1) <= SAME) return "1";
  let digits = 2;
  while (digits < 10 && Number(v.toFixed(digits)) === 1) digits += 1;
  return fixed(v, digits);
}

// log10: of the norms, k = 0…T; linear: log10 ‖W_h^k‖ at k = steps.
export function describe(log10, { steps, sigma, rho, tanh, amplitude, linear, driven }) {
  if (log10.length === 0) return "Nothing is drawn: the step function failed.";
  const says = `Over k = ${steps} step${steps > 1 ? "s" : ""} a gradient is multiplied by at most ${logText(log10[steps])}.`;
  if (driven) return `${says} That is what the step function given makes of it.`;
  if (tanh && amplitude > 0) {
    const why = log10[steps] <= linear
      ? "under this input the slopes 1 − h² of tanh are below 1."
      : "the slopes 1 − h² are below 1, but a product of different matrices may be larger.";
    return `${says} Without tanh it would be ${logText(linear)}: ${why}`;
  }
  const still = tanh ? " With h = 0 all the way, tanh has slope 1." : "";
  const s = nearOne(sigma[0]);
  const r = nearOne(rho);
  const tol = SAME;
  let peak = 0;
  for (let k = 1; k < log10.length; k++) if (log10[k] > log10[peak]) peak = k;
  let why;
  if (sigma[0] < 1 - tol) {
    why = `The largest singular value, ${s}, is below 1: it must vanish.`;
  } else if (rho > 1 + tol) {
    why = `The spectral radius, ${r}, is above 1: in the long run it explodes.`;
  } else if (sigma[0] <= 1 + tol && sigma[1] >= 1 - tol) {
    why = "Both singular values are 1: it neither vanishes nor explodes.";
  } else if (rho < 1 - tol && sigma[0] > 1 + tol) {
    why = `It grows to ${logText(log10[peak])} at k = ${peak} (the largest singular value, ${s}, is above 1), `
      + `then vanishes (the spectral radius, ${r}, is below 1).`;
  } else if (rho < 1 - tol) {
    why = `It never grows; in the end it vanishes: the spectral radius, ${r}, is below 1.`;
  } else if (sigma[0] > 1 + tol) {
    why = `The spectral radius, 1, does not decide; the largest singular value, ${s}, lets it grow, to ${logText(log10[peak])} at k = ${peak}.`;
  } else {
    why = "The largest singular value is 1 and so is the spectral radius: the norm stays 1.";
  }
  return `${says}${still} ${why}`;
}

// The ends of the log axis: all norms fit in, the lines of σ_max^k and ρ^k in part.
export function logLimits(log10, sigmaMax, rho) {
  const k = log10.length - 1;
  let low = 0;
  let high = 0;
  for (const v of log10) {
    if (v === -Infinity) continue;
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  if (rho > 0) low = Math.min(low, Math.max(k * Math.log10(rho), 2 * low - 2));
  if (sigmaMax > 0) high = Math.max(high, Math.min(k * Math.log10(sigmaMax), 2 * high + 1));
  if (high - low < 2) {
    low = Math.min(low, -1);
    high = Math.max(high, 1);
  }
  return [-decades(-low) + 0, decades(high)];
}

function decades(v) {
  if (v <= 1e-9) return 0;
  return DECADES.find((d) => v <= d + 1e-9) ?? 50 * Math.ceil(v / 50);
}

// The exponents to label: 0 among them, and at most seven.
export function logTicks(low, high) {
  const every = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000].find((e) => (high - low) / e <= 6) ?? 100000;
  const ticks = [];
  for (let e = Math.ceil(low / every); e <= Math.floor(high / every); e++) ticks.push(e * every + 0);
  return ticks;
}

export const tick = (exponent) => (exponent === 0 ? "1" : power(exponent));

// The half-width of the complex plane that shows v.
export const span = (v) => SPANS.find((s) => 1.03 * v <= s) ?? SPANS[SPANS.length - 1];

export function complexText([first, second]) {
  if (Math.abs(first[1]) < SAME) return `${fixed(first[0], 3)}, ${fixed(second[0], 3)}`;
  return `${fixed(first[0], 3)} ± ${fixed(Math.abs(first[1]), 3)}i`;
}
