// Where things are on the panel, in CSS pixels, and what of a path can be seen there. Pure: no DOM.
import { RANGES } from "./math.js";

const [WEST, EAST] = RANGES.w;
const [SOUTH, NORTH] = RANGES.b;

// The map has one scale for w and b, so that a gradient stands at right angles on the contour lines.
export function layout(width) {
  const narrow = width < 600;
  const left = narrow ? 34 : 44;
  const wide = narrow ? width - left - 8 : Math.round(0.535 * width);
  const top = 30;
  const tall = Math.round((wide * (NORTH - SOUTH)) / (EAST - WEST));
  const map = { left, top, right: left + wide, bottom: top + tall, wide, tall };
  const scale = map.bottom + 46; // the legend of the shades
  const lines = scale + 45; // and of the lines
  let loss;
  let norm;
  if (narrow) {
    const at = (from) => ({ left: 44, right: width - 8, top: from, bottom: from + 84 });
    loss = at(lines + 44);
    norm = at(loss.bottom + 36);
  } else {
    const sides = { left: map.right + 62, right: width - 10 };
    const high = Math.round((tall - 42) / 2);
    loss = { ...sides, top, bottom: top + high };
    norm = { ...sides, top: map.bottom - high, bottom: map.bottom };
  }
  return {
    narrow, map, scale, lines, loss, norm, height: narrow ? norm.bottom + 40 : lines + 14,
    x: (w) => left + ((w - WEST) / (EAST - WEST)) * wide,
    y: (b) => map.bottom - ((b - SOUTH) / (NORTH - SOUTH)) * tall,
  };
}

// The place on the map for a point in its own pixels, on the grid of the sliders.
export function pointAt({ x, y }, { wide, tall }) {
  const within = (low, high, share) => Math.round((low + (high - low) * Math.min(1, Math.max(0, share))) * 100) / 100;
  return { w: within(WEST, EAST, x / wide), b: within(NORTH, SOUTH, y / tall) };
}

// The share of the way from p to q that lies in the box, [from, to], or null.
function shareWithin(p, q, box) {
  let from = 0;
  let to = 1;
  for (const [start, end, low, high] of [[p[0], q[0], box.left, box.right], [p[1], q[1], box.top, box.bottom]]) {
    const change = end - start;
    if (change === 0) {
      if (start < low || start > high) return null;
      continue;
    }
    const [one, other] = [(low - start) / change, (high - start) / change];
    from = Math.max(from, Math.min(one, other));
    to = Math.min(to, Math.max(one, other));
  }
  return from <= to ? [from, to] : null;
}

// What of a path lies in a box: points [x, y], with [0, null] where it is broken. A path that jumps a million
// pixels away is nothing to hand to a canvas.
export function visible(points, box) {
  const seen = [];
  let last = null;
  for (let k = 1; k < points.length; k++) {
    const [p, q] = [points[k - 1], points[k]];
    const share = shareWithin(p, q, box);
    if (!share) {
      last = null;
      continue;
    }
    const at = (s) => [p[0] + s * (q[0] - p[0]), p[1] + s * (q[1] - p[1])];
    if (last !== p || share[0] > 0) {
      if (seen.length) seen.push([0, null]);
      seen.push(share[0] > 0 ? at(share[0]) : p);
    }
    seen.push(share[1] < 1 ? at(share[1]) : q);
    last = share[1] < 1 ? null : q;
  }
  return seen;
}

// Where the step from p to q leaves the box, and in which direction.
export function exit(p, q, box) {
  const share = shareWithin(p, q, box);
  if (!share) return null;
  const long = Math.hypot(q[0] - p[0], q[1] - p[1]);
  return {
    x: p[0] + share[1] * (q[0] - p[0]), y: p[1] + share[1] * (q[1] - p[1]),
    u: (q[0] - p[0]) / long, v: (q[1] - p[1]) / long,
  };
}
