// One unit, fifty steps, two parameters: the same functions, by the same names, as in Python's
// unrolled.explorables.error_wall. Pure: no DOM.
import { sigmoid } from "../math/gates.js";

export const T = 50;
export const X_0 = 0.5;
export const TARGET = 0.7;
export const CLIPS = ["none", "norm", "value"];
// The ranges of the handles; those of w and b are the map.
export const RANGES = {
  w: [3, 6.5],
  b: [-3.5, -1],
  threshold: [0.01, 3],
  learning_rate: [0.01, 2],
  updates: [0, 200],
};
const FAR = 1e6; // a path ends where w or b is farther out
export const LEVELS = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4];
const COLUMNS = 112; // cells of the grid on which contour lines are looked for
const ROWS = 80;
const STEEP = 0.03; // a difference in σ(x_50) between neighbours on that grid that needs a closer look

const WALL = { w: 5.5, b: -2.5, threshold: 0.5, learning_rate: 1, updates: 60 };
export const PRESETS = {
  "over the wall": { ...WALL, clip: "none" },
  clipped: { ...WALL, clip: "norm" },
  turned: { ...WALL, clip: "value" },
  valley: { ...WALL, w: 3.3, b: -3, threshold: 1, clip: "norm" },
  plateau: { ...WALL, w: 6.3, b: -1.3, clip: "norm" },
};

// The next state w σ(x) + b, and σ(x), which the step backwards needs.
export function step(w, b, x) {
  const s = sigmoid(x);
  return [w * s + b, s];
}

// dE/d(state after) gives its share in dE/dw, in dE/db, and dE/dx.
export function stepBackward(w, s, dx) {
  return [dx * s, dx, dx * w * s * (1 - s)];
}

// σ(x_50) - 0.7
export function residual(w, b) {
  let x = X_0;
  for (let t = 0; t < T; t++) x = w * sigmoid(x) + b;
  return sigmoid(x) - TARGET;
}

export const loss = (w, b) => residual(w, b) ** 2;

const kept = new Float64Array(T); // σ(x) of every step: rewritten by each call

// { loss, d_w, d_b }, by backpropagation through all fifty steps.
export function lossAndGradient(w, b) {
  let x = X_0;
  for (let t = 0; t < T; t++) [x, kept[t]] = step(w, b, x);
  const y = sigmoid(x);
  let dx = 2 * (y - TARGET) * y * (1 - y);
  let d_w = 0;
  let d_b = 0;
  for (let t = T - 1; t >= 0; t--) {
    const share = stepBackward(w, kept[t], dx);
    d_w += share[0];
    d_b += share[1];
    dx = share[2];
  }
  return { loss: (y - TARGET) ** 2, d_w, d_b };
}

// √(a² + b²), scaled by the larger, as the library's tree_norm.
function norm(a, b) {
  const largest = Math.max(Math.abs(a), Math.abs(b));
  return largest > 0 ? largest * Math.sqrt((a / largest) ** 2 + (b / largest) ** 2) : largest;
}

function clipped([a, b], size, clip, threshold) {
  if (clip === "norm" && size > threshold) return [a * (threshold / size), b * (threshold / size)];
  if (clip === "value") return [a, b].map((g) => Math.min(Math.max(g, -threshold), threshold));
  return [a, b];
}

// The angle between the vectors (a, b) and (c, d), in degrees; 0 if one is 0.
const angle = ([a, b], [c, d]) => (Math.atan2(Math.abs(a * d - b * c), a * c + b * d) * 180) / Math.PI;

export const onMap = (w, b) => w >= RANGES.w[0] && w <= RANGES.w[1] && b >= RANGES.b[0] && b <= RANGES.b[1];

// A path of gradient descent: w, b, loss, gradient, norm, clipped have an item for every number of updates
// made, from 0 on; turn (degrees by which clipping turned the step) one for every update; left is the
// number of the first update that leads off the map, or null.
export function descend(state) {
  return goOn({ w: [], b: [], loss: [], gradient: [], norm: [], clipped: [], turn: [], left: null }, state.w, state.b, state);
}

function goOn(path, w, b, { clip, threshold, learning_rate, updates }) {
  for (let k = path.w.length; k <= updates; k++) {
    if (path.left === null && !onMap(w, b)) path.left = k;
    const here = lossAndGradient(w, b);
    const gradient = [here.d_w, here.d_b];
    const size = norm(here.d_w, here.d_b);
    const followed = clipped(gradient, size, clip, threshold);
    path.w.push(w);
    path.b.push(b);
    path.loss.push(here.loss);
    path.gradient.push(gradient);
    path.norm.push(size);
    path.clipped.push(followed);
    if (k === updates || Math.max(Math.abs(w), Math.abs(b)) > FAR) break;
    path.turn.push(angle(gradient, followed));
    w -= learning_rate * followed[0];
    b -= learning_rate * followed[1];
  }
  return path;
}

// The paths with each way of clipping, by its name. They are one path up to where clipping first acts.
export function descendAll(state) {
  const none = descend({ ...state, clip: "none" });
  const paths = { none };
  for (const clip of CLIPS.slice(1)) {
    const acts = none.gradient.findIndex((gradient, k) => {
      const [a, b] = clipped(gradient, none.norm[k], clip, state.threshold);
      return a !== gradient[0] || b !== gradient[1];
    });
    if (acts < 0) {
      paths[clip] = none;
      continue;
    }
    const path = {};
    for (const name of ["w", "b", "loss", "gradient", "norm", "clipped", "turn"]) path[name] = none[name].slice(0, acts);
    path.left = none.left !== null && none.left < acts ? none.left : null;
    paths[clip] = goOn(path, none.w[acts], none.b[acts], { ...state, clip });
  }
  return paths;
}

let grid = null; // σ(x_50) - 0.7 at the corners of the cells: the same for all levels

function gridded() {
  if (grid) return grid;
  const axis = ([low, high], n) => {
    const inner = Array.from({ length: n + 1 }, (_, k) => (k === n ? high : low + (k * (high - low)) / n));
    return [low, ...inner, high]; // the frame lies on the edge of the map
  };
  const w = axis(RANGES.w, COLUMNS);
  const b = axis(RANGES.b, ROWS);
  const values = new Float64Array(w.length * b.length);
  for (let i = 1; i <= COLUMNS + 1; i++) {
    for (let j = 1; j <= ROWS + 1; j++) values[i * b.length + j] = residual(w[i], b[j]);
  }
  grid = { w, b, values };
  return grid;
}

// The borders of the region of the map where E ≥ level: closed rings of points [w, b]. Marching squares
// with a frame of lower ground around, so that every ring closes. Where a ring crosses an edge of the grid
// is interpolated, or looked for by bisection if the surface falls down the wall there.
export function contours(level) {
  const { w, b, values } = gridded();
  const rows = b.length;
  const high = new Uint8Array(values.length); // with a frame of lower ground
  for (let i = 1; i <= COLUMNS + 1; i++) {
    for (let j = 1; j <= ROWS + 1; j++) high[i * rows + j] = values[i * rows + j] ** 2 >= level ? 1 : 0;
  }
  const follows = new Map();
  const ends = new Map();
  for (let i = 0; i < w.length - 1; i++) {
    for (let j = 0; j < rows - 1; j++) {
      const at = i * rows + j;
      const above = high[at] + high[at + 1] + high[at + rows] + high[at + rows + 1];
      if (above === 0 || above === 4) continue;
      const walk = [at, at + rows, at + rows + 1, at + 1]; // the corners, to the left
      const up = [];
      const down = [];
      for (let k = 0; k < 4; k++) {
        const [here, there] = [walk[k], walk[(k + 1) % 4]];
        if (high[here] === high[there]) continue;
        const edge = Math.min(here, there) * 2 + (k % 2); // sides 0 and 2 run along w, 1 and 3 along b
        ends.set(edge, high[here] ? [here, there] : [there, here]);
        (high[here] ? down : up).push([k, edge]);
      }
      // From where the walk goes down, along the border to where it is up again.
      for (const [k, edge] of down) {
        const rise = up.reduce((best, other) => ((other[0] - k + 4) % 4 < (best[0] - k + 4) % 4 ? other : best));
        follows.set(edge, rise[1]);
      }
    }
  }
  const crossing = (edge) => {
    const [top, low] = ends.get(edge);
    const [w1, b1] = [w[Math.floor(top / rows)], b[top % rows]];
    const [w0, b0] = [w[Math.floor(low / rows)], b[low % rows]];
    if (w1 === w0 && b1 === b0) return [w1, b1]; // an edge and its frame
    // The residual is nearer to linear than its square.
    const rise = values[top] - values[low];
    let share = (Math.sign(values[top]) * Math.sqrt(level) - values[low]) / rise; // of the way
    if (Math.abs(rise) > STEEP) {
      let [from, to] = [0, 1];
      for (let k = 0; k < 6; k++) {
        share = (from + to) / 2;
        if (loss(w0 + share * (w1 - w0), b0 + share * (b1 - b0)) >= level) to = share;
        else from = share;
      }
    }
    return [w0 + share * (w1 - w0), b0 + share * (b1 - b0)];
  };
  const rings = [];
  for (const start of [...follows.keys()]) {
    const ring = [];
    for (let edge = start; follows.has(edge); ) {
      ring.push(edge);
      const next = follows.get(edge);
      follows.delete(edge);
      edge = next;
    }
    // Smaller ones are grains that the grid catches of the way down the wall.
    if (ring.length > 12) rings.push(straightened(ring.map(crossing)));
  }
  return rings;
}

// A ring without the points that lie within 0.002 of the line through their like.
function straightened(ring) {
  const kept = [ring[0]];
  for (let k = 1; k < ring.length; k++) {
    const [w, b] = ring[k];
    const [w_next, b_next] = ring[(k + 1) % ring.length];
    const [w_last, b_last] = kept[kept.length - 1];
    const [u, v] = [w_next - w_last, b_next - b_last];
    if (Math.abs((w - w_last) * v - (b - b_last) * u) > 0.002 * Math.hypot(u, v)) kept.push(ring[k]);
  }
  return kept;
}
