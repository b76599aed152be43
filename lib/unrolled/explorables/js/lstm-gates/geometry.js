// Where things are: rows, columns, scales, and what a pointer's path paints. Pure: no DOM.
import { scaleLinear, scaleLog } from "d3-scale";

export const GRADIENT_FLOOR = 1e-8; // the log axis ends here; smaller values sit on its edge, 0 below it
const WIDE = 600;

// Rows from top to bottom; `label` is the height of a label above its row (narrow only).
export function layout(width, T) {
  const narrow = width < WIDE;
  const label = narrow ? 27 : 0;
  const left = narrow ? 30 : 196;
  const right = narrow ? 4 : 10;
  const bars = narrow ? 50 : 46;
  const gap = narrow ? 8 : 18;
  const rows = {};
  let y = narrow ? 0 : 14;
  for (const [name, height] of [
    ["forget", bars], ["input", bars], ["candidate", bars + 10], ["output", bars],
    ["curves", narrow ? 110 : 116], ["gradient", narrow ? 104 : 100],
  ]) {
    y += label;
    rows[name] = { top: y, height };
    y += height + gap + (name === "output" ? 6 : name === "curves" ? 2 : 0);
  }
  const zero = 17; // the band below the log axis for exact zeros
  rows.zero = { top: rows.gradient.top + rows.gradient.height + 4, height: zero };
  const axis = rows.zero.top + zero + 2;
  const plot = Math.max(width - left - right, T);
  const step = plot / T;
  return {
    narrow, width, left, plot, step, rows, axis, height: axis + (narrow ? 36 : 22),
    x: (t) => left + (t - 0.5) * step, // the middle of step t = 1…T; t = 0.5 is the left edge
    column: (px) => Math.min(T, Math.max(1, Math.floor((px - left) / step) + 1)),
  };
}

export function barScale(row, low) {
  return scaleLinear([low, 1], [row.top + row.height, row.top]);
}

const LIMITS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

// The least symmetric limit of the state axis that holds all values.
export function stateLimit(values) {
  let most = 0;
  for (const v of values) most = Math.max(most, Math.abs(v));
  const limit = LIMITS.find((l) => most <= l);
  return limit ?? 10 ** Math.ceil(Math.log10(most));
}

export function stateScale(row, limit) {
  return scaleLinear([-limit, limit], [row.top + row.height - 4, row.top + 4]);
}

// The log axis runs from 1 (or the power of ten that holds the largest value) down to the floor.
export function gradientCeiling(values) {
  let most = 1;
  for (const v of values) most = Math.max(most, Math.abs(v));
  return 10 ** Math.min(300, Math.ceil(Math.log10(most) - 1e-9));
}

export function gradientScale(row, ceiling) {
  return scaleLog([GRADIENT_FLOOR, ceiling], [row.top + row.height, row.top + 5]).clamp(true);
}

// A stroke from one point to the next paints every column passed, values in between interpolated.
export function stroke(from, to) {
  const painted = [];
  const steps = Math.abs(to.column - from.column);
  const direction = Math.sign(to.column - from.column);
  for (let k = steps === 0 ? 0 : 1; k <= steps; k++) {
    const share = steps === 0 ? 1 : k / steps;
    painted.push({
      column: from.column + k * direction,
      value: from.value + (to.value - from.value) * share,
    });
  }
  return painted;
}

// Onto the range and a grid of hundredths, which keeps numbers short; no negative zero.
export function snap(value, low, high = 1) {
  return Math.round(Math.min(high, Math.max(low, value)) * 100) / 100 + 0;
}
