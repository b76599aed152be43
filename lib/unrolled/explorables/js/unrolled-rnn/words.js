// What the picture shows, in words. Pure: no DOM. The same functions in Python: unrolled_rnn_picture.py.
import { fixed, gradientText, power } from "../kit/words.js";

const MANY = 9; // fixed points: more are counted, not listed

// A state with two decimals; one that would read as ±1 or 0 and is not, with more.
export function stateText(h) {
  const size = Math.abs(h);
  if (size >= 0.995 && size < 1) return fixed(h, 5);
  return size < 0.005 || size >= 99.5 ? gradientText(h) : fixed(h);
}

// The end of an axis, one digit times a power of ten: "0.2", "5×10⁻³".
export function tickText(v) {
  if (v === 0 || (Math.abs(v) >= 0.01 && Math.abs(v) < 1e4)) return String(v).replace("-", "−");
  const [digit, exponent] = Math.abs(v).toExponential(0).split("e");
  const text = power(Number(exponent));
  return (v < 0 ? "−" : "") + (digit === "1" ? text : `${digit}×${text}`);
}

export function describe({ loss, steps }, trace, points, cycle, driven = false) {
  if (!trace.h) return "Nothing is drawn: the step function failed.";
  const T = trace.h.length;
  const each = loss === "every" ? " of all steps together" : "";
  return [
    `After ${T} step${T > 1 ? "s" : ""} h is ${stateText(trace.h[T - 1])} and the loss${each} ${gradientText(trace.loss)}.`,
    sumText(steps, trace),
    `The derivative of h_${T} by h_0 is ${gradientText(trace.reach)}.`,
    `With the input of step ${T} held: ${pointsText(points, cycle, driven)}.`,
  ].join(" ");
}

function sumText(steps, { share, gradient, full_gradient }) {
  const T = share.length;
  const total = gradientText(gradient);
  if (steps > 0 && steps < T) {
    return `Truncated BPTT in chunks of ${steps} makes ∂L/∂w_h ${total}; in full it is ${gradientText(full_gradient)}.`;
  }
  let most = 0;
  for (let t = 1; t < T; t++) if (Math.abs(share[t]) > Math.abs(share[most])) most = t;
  if (share[most] === 0) return "∂L/∂w_h is 0, and so is the share of every step.";
  if (T === 1) return `∂L/∂w_h is ${total}, the share of the one step.`;
  return `∂L/∂w_h is ${total}, the sum of ${T} shares; the largest, ${gradientText(share[most])}, is that of step ${most + 1}.`;
}

export function pointsText(points, cycle, driven = false) {
  if (driven && points.length === 0) return "no fixed point is seen in the range drawn";
  if (points.length > MANY) return `the curve meets the diagonal in ${points.length} places or more`;
  const parts = [];
  for (const kind of ["stable", "unstable", "marginal"]) {
    const found = points.filter((point) => point.kind === kind).map((point) => stateText(point.h));
    if (found.length === 0) continue;
    const number = { 1: "one", 2: "two", 3: "three" }[found.length] ?? String(found.length);
    const last = found.pop();
    const places = found.length ? `${found.join(", ")} and ${last}` : last;
    const noun = parts.length ? "" : ` fixed point${found.length ? "s" : ""}`;
    parts.push(`${number} ${kind}${noun}${kind === "marginal" ? " (its slope has size 1)" : ""}, at ${places}`);
  }
  let said = parts.join(", and ");
  if (cycle) said += `; the unit settles into a 2-cycle of ${stateText(cycle[0])} and ${stateText(cycle[1])}`;
  return said;
}
