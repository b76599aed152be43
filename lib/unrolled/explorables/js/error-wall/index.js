// ErrorWall: the error surface of one unit over fifty steps, and gradient descent released on it.
import { choice, slider } from "../kit/controls.js";
import { html } from "../kit/dom.js";
import { createPanel, curve, draggable, grid, measured, text } from "../kit/panel.js";
import { button, createView } from "../kit/view.js";
import { power } from "../kit/words.js";
import { exit, layout, pointAt, visible } from "./geometry.js";
import { CLIPS, LEVELS, PRESETS, RANGES, contours, descend, descendAll, onMap } from "./math.js";
import { describe } from "./words.js";

export const kind = "error-wall";
export const presets = Object.keys(PRESETS);

const HANDLES = ["w", "b", "clip", "threshold", "learning_rate", "updates"];
const NAMES = { none: "unclipped", norm: "by norm", value: "by value" };
const DASHES = { none: [8, 3, 2, 3], norm: [6, 3], value: [2, 3] };
const AXES = { loss: { low: -6, high: 0, every: 2 }, norm: { low: -6, high: 4, every: 2 } }; // powers of ten
const SHADE = 0.055; // of ink, for every level that a place is above
const RELEASE = 45; // ms an update when the point is released
const REST = 150; // ms after which a hand that holds something is at rest

// The handles of a host element's state, checked; throws an Error that says what is wrong.
export function validated(state) {
  const handles = {};
  for (const key of HANDLES) {
    const value = state?.[key];
    if (key === "clip") {
      if (!CLIPS.includes(value)) throw new Error(`clip: expected one of ${CLIPS.join(", ")}`);
    } else {
      const [low, high] = RANGES[key];
      const whole = key === "updates";
      if (typeof value !== "number" || !(value >= low && value <= high) || (whole && !Number.isInteger(value))) {
        throw new Error(`${key}: expected a ${whole ? "whole " : ""}number from ${low} to ${high}`);
      }
    }
    handles[key] = value;
  }
  return handles;
}

export function render({ model, el }) {
  const view = createView({
    model, el, kind, label: "Error wall", handles: HANDLES, presets, presetValues: (name) => PRESETS[name],
    hint: "Drag the ring, or press anywhere on the map, to begin the descent there; w and b are sliders too.",
  });
  const { state } = view;
  let paths = null;
  let place = null;
  let released = null; // when the point was released, while it is on its way

  // While the hand moves only the chosen path follows it; the others come when it rests.
  let resting = 0;
  const everyPath = () => {
    paths = descendAll(state);
  };
  view.compute((changed) => {
    if (paths && changed.size === 1 && changed.has("layout")) return;
    released = null;
    clearTimeout(resting);
    if (!view.held()) {
      everyPath();
      return;
    }
    paths = { [state.clip]: descend(state) };
    resting = setTimeout(() => {
      everyPath();
      view.invalidate("step");
    }, REST);
  });
  view.atEnd(() => clearTimeout(resting));
  view.results(() => ({ ...paths[state.clip], paths }));
  view.words(() => describe(state, paths[state.clip]));

  // ---- what stays: the surface, axes, legends ----------------------------------------------------------

  function surface(ctx) {
    const { map, x, y } = place;
    const { colours } = view;
    for (const level of LEVELS) {
      ctx.beginPath();
      for (const ring of contours(level)) {
        ring.forEach(([w, b], k) => (k ? ctx.lineTo(x(w), y(b)) : ctx.moveTo(x(w), y(b))));
        ctx.closePath();
      }
      shade(ctx);
    }
    frameOf(ctx, map.left, map.top, map.wide, map.tall);
    text(ctx, "the loss after 50 steps, as a map", map.left, 16, { colour: colours.ink, weight: 600 });
    const tick = { colour: colours.muted, size: 11 };
    for (let w = 3; w <= 6.5; w += 0.5) text(ctx, String(w), x(w), map.bottom + 15, { ...tick, align: "center" });
    for (let b = -3.5; b <= -1; b += 0.5) text(ctx, `−${-b}`, map.left - 6, y(b) + 4, { ...tick, align: "right" });
    const axis = { colour: colours.ink, size: 14, style: "italic" };
    text(ctx, "w", (map.left + map.right) / 2, map.bottom + 31, { ...axis, align: "center" });
    text(ctx, "b", place.narrow ? map.left - 20 : 6, y(-2.25) + 4, axis);
    ctx.save();
    ctx.translate(x(5.78), y(-3.1));
    ctx.rotate(Math.atan(0.6225)); // the wall falls by σ(0.5) for every unit of w
    text(ctx, "the wall", 0, 17, { colour: colours.ink, size: 12, align: "center" });
    ctx.restore();
  }

  function shade(ctx) {
    ctx.fillStyle = view.colours.ink;
    ctx.globalAlpha = SHADE;
    ctx.fill("evenodd");
    ctx.strokeStyle = view.colours.ink;
    ctx.lineWidth = 0.6;
    ctx.globalAlpha = 0.4;
    ctx.stroke();
    ctx.globalAlpha = 1;
  }

  function frameOf(ctx, x, y, wide, tall) {
    ctx.strokeStyle = view.colours.muted;
    ctx.lineWidth = 1;
    ctx.strokeRect(x, y, wide, tall);
  }

  function legends(ctx) {
    const { map, scale, lines, narrow, norm } = place;
    const { colours } = view;
    const cell = map.wide / (LEVELS.length + 1);
    LEVELS.forEach((level, k) => {
      const from = map.left + (k + 1) * cell;
      ctx.beginPath();
      ctx.rect(from, scale, map.right - from, 10);
      shade(ctx);
      const label = narrow ? String(level).replace(/^0/, "") : String(level);
      text(ctx, label, from, scale + 23, { colour: colours.muted, size: narrow ? 10.5 : 11, align: "center" });
    });
    frameOf(ctx, map.left, scale, map.wide, 10);
    text(ctx, "E", map.left - 8, scale + 10, { colour: colours.ink, size: 14, style: "italic", align: "right" });
    let left = map.left;
    const long = narrow ? 20 : 34;
    for (const clip of CLIPS) {
      const chosen = clip === state.clip;
      const points = [[left, lines], [left + long / 2, lines], [left + long, lines]];
      if (chosen) curve(ctx, points, { colour: colours.gradient, width: 1.6, dots: 2.5 });
      else curve(ctx, points, { colour: colours.ink, width: 1, pattern: DASHES[clip] });
      const words = { colour: chosen ? colours.ink : colours.muted, size: 12, weight: chosen ? 600 : 400 };
      left += long + 7 + measured(ctx, NAMES[clip], left + long + 7, lines + 4, words) + (narrow ? 10 : 22);
    }
    const [x, y] = narrow ? [norm.right - 108, norm.top - 15] : [norm.left, scale + 9];
    curve(ctx, [[x, y - 4], [x + 24, y - 4]], { colour: colours.ink, width: 1.4, pattern: [10, 4] });
    text(ctx, "threshold", x + 31, y, { colour: colours.muted, size: 12 });
  }

  function axes(ctx, what, title) {
    const box = place[what];
    const { low, high, every } = AXES[what];
    const { colours } = view;
    const ticks = [];
    for (let e = high; e >= low; e -= every) {
      ticks.push([heightOf(what, e), e === low ? `≤ ${power(e)}` : e === 0 ? "1" : power(e)]);
    }
    text(ctx, title, place.narrow ? 4 : box.left, box.top - 14, { colour: colours.ink, weight: 600 });
    grid(ctx, { left: box.left, right: box.right, ticks, colours });
    if (what === "norm") text(ctx, "updates", (box.left + box.right) / 2, box.bottom + 31, { colour: colours.muted, size: 12, align: "center" });
  }

  const heightOf = (what, exponent) => {
    const { top, bottom } = place[what];
    const { low, high } = AXES[what];
    return bottom - ((Math.min(high, Math.max(low, exponent)) - low) / (high - low)) * (bottom - top);
  };
  const across = (box, k) => box.left + (k / Math.max(1, state.updates)) * (box.right - box.left);

  // ---- what moves: the paths -----------------------------------------------------------------------------

  const panel = createPanel(view, {
    when: [...HANDLES, "step"],
    label: "A map of the loss over w and b with the path of gradient descent on it, and the loss and the norm of the gradient along the path, on logarithmic axes",
    name: "wall",
    height: (width) => layout(width).height,
    still(ctx) {
      place = layout(panel.width);
      surface(ctx);
      legends(ctx);
      axes(ctx, "loss", "loss");
      axes(ctx, "norm", "norm of the gradient");
    },
    live(ctx, _panel, changed) {
      if (changed.has("clip")) panel.restill();
      const shown = progress();
      const others = CLIPS.filter((clip) => paths[clip] && paths[clip] !== paths[state.clip]);
      for (const clip of others) route(ctx, clip, shown);
      route(ctx, state.clip, shown);
      start(ctx);
      threshold(ctx);
      ticks(ctx);
      for (const what of ["loss", "norm"]) {
        for (const clip of others) series(ctx, what, clip, shown);
        series(ctx, what, state.clip, shown);
      }
    },
  });

  // How many updates are shown: all of them, but for the time after the point was released.
  function progress() {
    if (released === null) return state.updates;
    const made = Math.floor((performance.now() - released) / RELEASE);
    if (made >= state.updates) released = null;
    else view.invalidate("step");
    return Math.min(made, state.updates);
  }

  function route(ctx, clip, shown) {
    const { colours } = view;
    const { map } = place;
    const path = paths[clip];
    const points = [];
    for (let k = 0; k < Math.min(path.w.length, shown + 1); k++) points.push([place.x(path.w[k]), place.y(path.b[k])]);
    const seen = path.left === null ? points : visible(points, map);
    const end = points.length - 1;
    const stays = end > 0 && onMap(path.w[end], path.b[end]);
    if (clip !== state.clip) {
      curve(ctx, seen, { colour: colours.ink, width: 1, pattern: DASHES[clip] });
      if (stays) disc(ctx, points[end], 3.5, colours.bg, colours.ink, 1.2);
      return;
    }
    haloed(ctx, seen, 5, 1.6);
    const dots = path.left === null ? points : points.filter((_, k) => onMap(path.w[k], path.b[k]));
    curve(ctx, dots, { colour: colours.gradient, width: 0, dots: 2.5 });
    if (stays) disc(ctx, points[end], 5, colours.gradient, colours.bg, 1.5);
    const out = path.left !== null && path.left <= shown ? exit(points[path.left - 1], points[path.left], map) : null;
    if (out) arrow(ctx, out);
  }

  // A line in the colour of the gradient, with a rim that keeps it apart from what it crosses.
  function haloed(ctx, points, rim, width) {
    curve(ctx, points, { colour: view.colours.bg, width: rim });
    ctx.strokeStyle = view.colours.gradient;
    ctx.lineWidth = width;
    ctx.stroke(); // the same line once more
  }

  function disc(ctx, [x, y], radius, fill, line, width) {
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 6.2832);
    ctx.fillStyle = fill;
    ctx.fill();
    ctx.strokeStyle = line;
    ctx.lineWidth = width;
    ctx.stroke();
  }

  function arrow(ctx, { x, y, u, v }) {
    ctx.beginPath();
    ctx.moveTo(x + 7 * u, y + 7 * v);
    ctx.lineTo(x - 6 * u - 6 * v, y - 6 * v + 6 * u);
    ctx.lineTo(x - 6 * u + 6 * v, y - 6 * v - 6 * u);
    ctx.closePath();
    ctx.fillStyle = view.colours.gradient;
    ctx.fill();
    ctx.strokeStyle = view.colours.bg;
    ctx.lineWidth = 1;
    ctx.stroke();
  }

  function start(ctx) {
    disc(ctx, [place.x(state.w), place.y(state.b)], 6.5, view.colours.bg, view.colours.ink, 2.5);
  }

  function ticks(ctx) {
    const n = Math.max(1, state.updates);
    const { norm } = place;
    const tick = { colour: view.colours.muted, size: 11, align: "center" };
    for (const k of n < 10 ? [0, n] : [0, Math.floor(n / 2), n]) text(ctx, String(k), across(norm, k), norm.bottom + 15, tick);
  }

  function threshold(ctx) {
    const { left, right } = place.norm;
    const y = heightOf("norm", Math.log10(state.threshold));
    curve(ctx, [[left, y], [right, y]], { colour: view.colours.ink, width: 1.4, pattern: [10, 4] });
  }

  function series(ctx, what, clip, shown) {
    const { colours } = view;
    const box = place[what];
    const values = paths[clip][what];
    const points = [];
    for (let k = 0; k < Math.min(values.length, shown + 1); k++) {
      points.push([across(box, k), heightOf(what, values[k] > 0 ? Math.log10(values[k]) : -Infinity)]);
    }
    if (clip !== state.clip) {
      curve(ctx, points, { colour: colours.ink, width: 1, pattern: DASHES[clip] });
      return;
    }
    haloed(ctx, points, 4.5, 2);
    if (points.length === 1) curve(ctx, points, { colour: colours.gradient, width: 0, dots: 3 });
  }

  // ---- the hand ------------------------------------------------------------------------------------------

  const ground = html("div", { class: "u-map", "data-bench": "1" });
  const still = () => view.isLocked("w") && view.isLocked("b");
  let moved = false;
  const put = (at) => {
    moved = view.set(pointAt(at, place.map), "map") || moved;
  };
  const hand = draggable(view, ground, {
    hit: () => (still() ? null : "start"),
    start(_target, at) {
      moved = false;
      put(at);
    },
    move: (_target, at) => put(at),
    cancel: () => moved && view.undo(),
  });
  panel.root.append(ground);
  view.add({
    layout(width) {
      const { map } = layout(width);
      ground.style.cssText = `left:${map.left}px;top:${map.top}px;width:${map.wide}px;height:${map.tall}px`;
    },
    draw() {
      if (ground.classList.contains("u-locked") !== still()) ground.classList.toggle("u-locked", still());
    },
  });

  // The sliders of w and b follow a drag on the map at the pace of the words: they are words.
  const unhurried = {
    ...view,
    add: (part) => view.add({ draw: (changed) => hand.held() || part.draw(changed), text: () => part.draw(new Set()) }),
  };

  const release = button("release", { title: "Watch the descent from its beginning" });
  view.on(release, "click", () => {
    released = performance.now();
    view.invalidate("step");
  });
  release.hidden = view.reducedMotion();

  view.body.append(
    html(
      "div", { class: "u-clip" }, choice(view, {
        key: "clip", name: "clipping of the gradient",
        options: [{ value: "none", text: "unclipped" }, { value: "norm", text: "by norm" }, { value: "value", text: "by value" }],
      }),
      release,
    ),
    panel.root,
    html(
      "div", { class: "u-sliders" },
      slider(unhurried, { key: "w", name: "w, where the descent begins", symbol: "w", min: 3, max: 6.5, step: 0.01 }),
      slider(unhurried, { key: "b", name: "b, where the descent begins", symbol: "b", min: -3.5, max: -1, step: 0.01 }),
      slider(view, { key: "threshold", name: "threshold of clipping", text: "threshold", min: 0.01, max: 3, step: 0.01 }),
      slider(view, { key: "learning_rate", name: "learning rate", text: "learning rate", min: 0.01, max: 2, step: 0.01 }),
      slider(view, { key: "updates", name: "number of updates", text: "updates", min: 0, max: 200, step: 1, format: String }),
    ),
  );
  view.start();
  return view.destroy;
}
