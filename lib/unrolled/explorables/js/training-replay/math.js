// Recordings of training: how a film is read, and what a frame of it shows. Pure: no DOM. The same in
// Python: recordings.py and training_replay.py. F frames, T steps, N units, U updates.

export const FORMAT = "unrolled training replay 1";
export const GATES = ["f", "i", "o", "z", "r"];
export const STATES = ["c", "h"];
export const CURVES = ["gradient_h", "gradient_c"];
export const LOWEST = -10; // log10 of the smallest gradient that a film tells from 0
export const MOST = 6; // runs side by side
export const SLOWEST = 2; // frames a second
export const FASTEST = 30;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const MANY = "!#%()*+,.:;=?@^"; // before a digit: once, twice … 64 more

const DIGIT = new Int16Array(128).fill(-1);
[...DIGITS].forEach((ch, n) => { DIGIT[ch.charCodeAt(0)] = n; });
[...MANY].forEach((ch, n) => { DIGIT[ch.charCodeAt(0)] = 64 * (n + 1); });

// The array of a part of a film, flat, the last axis fastest: Float64Array. Of a level its part says how it
// changed since the frame before less how the step before did, modulo the number of levels.
export function decode({ low, high, levels, shape, data }) {
  const rows = shape[0];
  const columns = shape.length > 1 ? shape[shape.length - 1] : 1;
  const size = shape.reduce((a, b) => a * b, 1);
  const each = size / rows; // numbers a frame
  const q = new Int32Array(size);
  let more = 0;
  let k = 0;
  for (let at = 0; at < data.length; at++) {
    const n = DIGIT[data.charCodeAt(at)];
    if (n >= 64) {
      more = n;
      continue;
    }
    const counted = more + n;
    more = 0;
    q[k++] = counted % 2 ? (counted + 1) / 2 : -counted / 2;
  }
  const array = new Float64Array(size);
  for (k = 0; k < size; k++) {
    if (shape.length > 1 && k % columns) q[k] += q[k - 1]; // along the steps
  }
  for (k = 0; k < size; k++) {
    if (k >= each) q[k] += q[k - each]; // from frame to frame
    q[k] = ((q[k] % levels) + levels) % levels;
    array[k] = low + ((high - low) * q[k]) / (levels - 1);
  }
  return array;
}

const decoded = new WeakMap();

// An array of a film by its name, decoded once.
export function arrayOf(film, name) {
  const part = film.arrays[name];
  if (!decoded.has(part)) decoded.set(part, decode(part));
  return decoded.get(part);
}

export const lettersOf = (film, letters) => letters.filter((letter) => letter in film.arrays);

// What a film shows at a frame. Gates and states are flat, unit by unit; the gradients are log10 of norms;
// reach is log10 of the gradient at the first marked step over that at the last one.
export function momentOf(film, frame) {
  const update = film.frames[frame];
  const { T } = film.settings;
  const found = {
    update,
    loss: film.loss[frame],
    gradient_norm: 10 ** arrayOf(film, "gradient_norm")[update],
    prediction: film.prediction[frame],
    target: film.target,
  };
  for (const name of lettersOf(film, [...GATES, ...STATES, ...CURVES])) {
    const size = CURVES.includes(name) ? T : film.units.length * T;
    found[name] = arrayOf(film, name).subarray(frame * size, (frame + 1) * size);
  }
  const path = found.gradient_c ?? found.gradient_h;
  return { ...found, reach: path[film.marks[0]] - path[T - 1] };
}

// ---- what a film must be -----------------------------------------------------------------------------------

const whole = (v, low, high) => Number.isInteger(v) && v >= low && v <= high;
const isObject = (v) => v !== null && typeof v === "object" && !Array.isArray(v);
function expect(good, name, expected) {
  if (!good) throw new Error(`${name}: expected ${expected}`);
}

function ascending(name, values, low, high) {
  expect(Array.isArray(values), name, "a list");
  for (const [k, v] of values.entries()) {
    expect(whole(v, low, high), name, `whole numbers from ${low} to ${high}`);
    expect(k === 0 || values[k - 1] < v, name, "whole numbers in ascending order");
  }
}

function numbers(name, values, count, least = -Infinity) {
  expect(Array.isArray(values) && values.length === count, name, `${count} numbers`);
  expect(values.every((v) => Number.isFinite(v) && v >= least), name, `${count} finite numbers`);
}

// Throws an Error that names the entry, for what is no film.
export function checkFilm(film, name = "recording") {
  expect(isObject(film), name, "a film");
  expect(film.format === FORMAT, `${name}.format`, `"${FORMAT}"`);
  expect(typeof film.name === "string" && film.name !== "", `${name}.name`, "a text");
  const { settings, frames, arrays } = film;
  expect(isObject(settings), `${name}.settings`, "an object");
  for (const key of ["task", "cell", "optimizer"]) expect(typeof settings[key] === "string", `${name}.settings.${key}`, "a text");
  for (const key of ["T", "H", "parameters", "B", "updates", "seed", "probe"]) {
    const least = key === "seed" || key === "probe" ? 0 : key === "T" ? 2 : 1;
    expect(whole(settings[key], least, Number.MAX_SAFE_INTEGER), `${name}.settings.${key}`, `a whole number from ${least} on`);
  }
  expect(Number.isFinite(settings.learning_rate), `${name}.settings.learning_rate`, "a finite number");
  expect(settings.clip === null || Number.isFinite(settings.clip), `${name}.settings.clip`, "a finite number or null");
  for (const key of ["baseline", "target"]) expect(Number.isFinite(film[key]), `${name}.${key}`, "a finite number");
  const { T, updates } = settings;
  ascending(`${name}.frames`, frames, 0, updates);
  const F = frames.length;
  expect(F >= 2 && frames[0] === 0 && frames[F - 1] === updates, `${name}.frames`, `updates in ascending order, from 0 to ${updates}`);
  numbers(`${name}.inputs`, film.inputs, T);
  numbers(`${name}.loss`, film.loss, F, 0);
  numbers(`${name}.prediction`, film.prediction, F);
  ascending(`${name}.marks`, film.marks, 0, T - 1);
  expect(film.marks.length === 2, `${name}.marks`, "two steps");
  ascending(`${name}.units`, film.units, 0, settings.H - 1);
  expect(film.units.length > 0, `${name}.units`, "at least one unit");
  expect(isObject(arrays), `${name}.arrays`, "an object");
  const known = [...GATES, ...STATES, ...CURVES, "gradient_norm"];
  for (const key of Object.keys(arrays)) expect(known.includes(key), `${name}.arrays`, `names of ${known.join(", ")}`);
  const needed = ["gradient_norm", "h", "gradient_h", ...("c" in arrays || "gradient_c" in arrays ? ["c", "gradient_c"] : [])];
  for (const key of needed) expect(key in arrays, `${name}.arrays`, `"${key}"`);
  for (const [key, part] of Object.entries(arrays)) {
    const shape = key === "gradient_norm" ? [updates + 1] : CURVES.includes(key) ? [F, T] : [F, film.units.length, T];
    checkPart(`${name}.arrays.${key}`, part, shape);
  }
}

function checkPart(name, part, shape) {
  expect(isObject(part), name, "an object");
  const { low, high, levels, data } = part;
  for (const [key, v] of [["low", low], ["high", high]]) expect(Number.isFinite(v) && Math.abs(v) <= 1e6, `${name}.${key}`, "a number");
  expect(low < high, name, "low < high");
  const same = Array.isArray(part.shape) && part.shape.length === shape.length && part.shape.every((n, k) => n === shape[k]);
  expect(same, `${name}.shape`, `[${shape.join(", ")}]`);
  expect(whole(levels, 2, 64 * MANY.length), `${name}.levels`, `a whole number from 2 to ${64 * MANY.length}`);
  expect(typeof data === "string", `${name}.data`, "a text");
  let found = 0;
  let open = false; // a character of MANY waits for its digit
  for (let at = 0; at < data.length; at++) {
    const code = data.charCodeAt(at);
    const n = code < 128 ? DIGIT[code] : -1;
    expect(n >= 0 && !(open && n >= 64), `${name}.data`, "what encode writes");
    open = n >= 64;
    if (!open) found += 1;
  }
  expect(!open, `${name}.data`, "what encode writes");
  const size = shape.reduce((a, b) => a * b, 1);
  expect(found === size, `${name}.data`, `${size} numbers`);
}

// The films of a replay: by name, the same frames and the same task in all of them.
export function checkFilms(films) {
  expect(isObject(films), "recording", "films by name");
  const entries = Object.entries(films);
  expect(entries.length >= 1 && entries.length <= MOST, "recording", `1 to ${MOST} films`);
  for (const [name, film] of entries) {
    checkFilm(film, `recording ${name}`);
    expect(film.name === name, `recording ${name}.name`, `"${name}"`);
    const first = entries[0][1];
    const same = film.frames.length === first.frames.length && film.frames.every((u, k) => u === first.frames[k]);
    expect(same, `recording ${name}.frames`, "the same frames in all runs");
    expect(film.settings.task === first.settings.task, `recording ${name}.settings.task`, "the same task in all runs");
  }
}
