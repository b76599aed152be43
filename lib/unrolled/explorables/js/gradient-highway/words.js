// GradientHighway in words, and the axis that its picture has. Pure: no DOM. The same functions in
// Python: gradient_highway_picture.py.
import { fixed, gradientText, power } from "../kit/words.js";

export const KEYS = { rnn: "h", gru: "z", lstm: "c", direct: "f" }; // whose colour and dash a curve has
export const CEILINGS = [4, 8, 16, 24, 40]; // of the log axis: what is beyond is infinite in float32 …
export const FLOORS = [-4, -8, -16, -24, -32, -48]; // … or 0
export const FLOAT32 = { "above: infinite in float32": 38.53, "below: 0 in float32": -44.85 };
const MARKED = 3; // decades from 1: the words say that a gradient vanishes, or explodes
const CHAOTIC = 15; // decades: what a float64 holds

// 10^log in words' form; null and −Infinity are 0.
export function magnitude(log) {
  if (log === null || log === -Infinity) return "0";
  if (log >= -2 && log < 2) return gradientText(10 ** log);
  let exponent = Math.floor(log);
  let mantissa = fixed(10 ** (log - exponent), 1);
  if (mantissa === "10.0") {
    mantissa = "1.0";
    exponent += 1;
  }
  return `${mantissa}×${power(exponent)}`;
}

export const halfLifeText = (steps) => `${steps < 99.95 ? fixed(steps, 1) : steps.toFixed(0)} steps`;

const listed = (names) => [names.slice(0, -1).join(", "), ...names.slice(-1)].filter(Boolean).join(" and ");

// What the picture shows. `first`: the logarithm at step 1 of rnn, gru, lstm, direct (null for 0; undefined
// where there is none); `most`: the largest of all.
export function describe(first, most, T, own = false) {
  const within = { rnn: "in the RNN", gru: "in the GRU", lstm: own ? "through the step function given" : "in the LSTM" };
  if (first.lstm === undefined) delete within.lstm;
  const names = Object.keys(within);
  const zero = (v) => v === null || v === -Infinity;
  const says = [`Back from step ${T} to step 1 the gradient is ${listed(names.map((name) => `${magnitude(first[name])} ${within[name]}`))}.`];
  if (first.lstm === undefined) return `${says[0]} Nothing is drawn for the LSTM: the step function failed.`;
  const kinds = [
    ["vanishes", names.filter((name) => zero(first[name]) || first[name] < -MARKED)],
    ["explodes", names.filter((name) => !zero(first[name]) && first[name] > MARKED)],
  ];
  const verdicts = kinds.filter(([, w]) => w.length)
    .map(([verb, w]) => `${verb} ${w.length === names.length ? "in all three" : listed(w.map((name) => within[name]))}`);
  if (verdicts.length) says.push(`It ${verdicts.join(" and ")}.`);
  if (first.direct !== undefined) {
    const more = !zero(first.lstm) && (zero(first.direct) || first.lstm - first.direct > MARKED);
    says.push(`Along the direct path ∏ f alone it is ${magnitude(first.direct)}${more ? ": what arrives comes through h and the gates." : "."}`);
  }
  if (most > CHAOTIC) says.push(`Past ${power(CHAOTIC)} rounding decides the digits.`);
  return says.join(" ");
}

// The ends of the log axis, as exponents: it grows in leaps, up to float32's range.
export function limits(low, high) {
  return [FLOORS.find((e) => e <= low) ?? FLOORS.at(-1), CEILINGS.find((e) => e >= high) ?? CEILINGS.at(-1)];
}

// The exponents that the axis names.
export function ticks(floor, ceiling) {
  const every = [1, 2, 4, 8, 16].find((e) => (ceiling - floor) / e <= 8);
  const shown = [];
  for (let e = Math.ceil(floor / every) * every; e <= ceiling; e += every) shown.push(e + 0);
  return shown;
}

// The steps that the axis of time names.
export function stepsShown(T) {
  const every = [2, 5, 10, 20, 25].find((e) => T / e <= 10);
  const shown = [1];
  for (let t = every; t < T; t += every) if (t > every / 2 && T - t >= 0.7 * every) shown.push(t);
  return [...shown, T];
}
