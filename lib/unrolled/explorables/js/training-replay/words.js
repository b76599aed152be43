// A moment of a film in words, and the axes of its picture. Pure: no DOM. The same in Python:
// training_replay_picture.py.
import { fixed, gradientText, power } from "../kit/words.js";
import { LOWEST } from "./math.js";

const TITLES = {
  rnn: "RNN", rnn_relu: "RNN with a rectifier", gru: "GRU", gru_reset_after: "GRU, reset after",
  lstm: "LSTM", lstm_peephole: "LSTM with peepholes", lstm_coupled: "LSTM with coupled gates",
};

// What a run is called on the picture.
export const title = (name) => (Object.hasOwn(TITLES, name) ? TITLES[name] : name);

// A loss with three decimals, or as a power of ten where it is small.
export const errorText = (loss) => (loss >= 0.01 ? fixed(loss, 3) : gradientText(loss));

// 10 to the power `exponent` with one digit: all that a film knows of a gradient.
export function about(exponent) {
  const value = 10 ** exponent;
  if (value >= 0.095 && value < 9.5) return value.toFixed(1);
  const [mantissa, shown] = value.toExponential(0).split("e");
  return `${mantissa}×${power(Number(shown))}`;
}

export function describe(film, now) {
  const first = film.marks[0];
  const path = now.gradient_c ?? now.gradient_h;
  const less = path[first] <= LOWEST ? "less than" : "about";
  return (
    `${title(film.name)}, after ${now.update} of ${film.settings.updates} updates: error ` +
    `${errorText(now.loss)} (guessing the mean: ${errorText(film.baseline)}). Here it reads ` +
    `${fixed(now.prediction)}; right is ${fixed(film.target)}. The gradient at step ` +
    `${first + 1}, the first to be added, is ${less} ${about(now.reach)} times that at step ${film.settings.T}.`
  );
}

// The exponents between which all losses are, in halves.
export function lossRange(films) {
  const values = Object.values(films).flatMap((film) => [...film.loss, film.baseline]);
  const low = Math.floor(2 * Math.log10(Math.max(Math.min(...values), 1e-8))) / 2;
  return [low, Math.max(Math.ceil(2 * Math.log10(Math.max(...values, 1e-8))) / 2, low + 1)];
}

// Those between which the gradients of all films are.
export function gradientRange(films) {
  const parts = Object.values(films).flatMap(({ arrays }) => [arrays.gradient_h, arrays.gradient_c].filter(Boolean));
  return [Math.floor(Math.min(...parts.map((part) => part.low))), Math.ceil(Math.max(...parts.map((part) => part.high)))];
}

// Round numbers of updates, from 0 on, up to `most` of them.
export function updateTicks(updates, most = 6.5) {
  const unit = 10 ** Math.max(0, String(updates).length - 2);
  const every = [1, 2, 5, 10, 20, 50, 100].map((k) => k * unit).find((size) => updates / size <= most);
  return Array.from({ length: Math.floor(updates / every) + 1 }, (_, k) => k * every);
}

// The limit of a symmetric axis that holds a state of the whole film.
export function stateLimit(film, key) {
  const { low, high } = film.arrays[key];
  return Math.max(Math.abs(low), Math.abs(high));
}
