// A panel of the picture: a canvas. What stays (axes, labels) is drawn when the width or the theme changes, into
// a bitmap, and copied; what moves is drawn over it. Changing shapes in SVG costs twice as much, copying from a
// canvas instead of a bitmap half as much again, and a second canvas in the page is not free either.
import palette from "../../../palette.json";
import { html, setAttribute } from "./dom.js";
import { power } from "./words.js";

export const SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
const SERIF = "'STIX Two Text', 'Times New Roman', 'Liberation Serif', Georgia, serif";
const SWIPE = 8; // px: a finger that has gone this far, mostly up or down and at once, scrolls
const AT_ONCE = 200; // ms

export const dash = (key) => (palette[key]?.dash || "").split(" ").filter(Boolean).map(Number);

// Steps 1…T from left to right, the same for every panel of an explorable; labels to the left of it where
// the width allows, else above.
export function timeline(width, T) {
  const narrow = width < 600;
  const left = narrow ? 34 : 196;
  const right = width - (narrow ? 6 : 10);
  const step = (right - left) / T;
  return {
    narrow, left, right, step, T,
    x: (t) => left + (t - 0.5) * step, // the middle of step t; t = 0.5 is the left edge
    column: (x) => Math.min(T, Math.max(1, Math.floor((x - left) / step) + 1)),
  };
}

// Options: label (what a screen reader is told that the picture is), height(width), still(ctx, panel) and
// live(ctx, panel, changed) draw in CSS pixels; when: names of the changes that move it (all, if not given);
// across(width): its own width, if it is not as wide as the view.
export function createPanel(view, { label, height, across = null, still, live, when = null, name = "", className = "" }) {
  const canvas = html("canvas", { class: "u-canvas", role: "img", "aria-label": label });
  const back = new OffscreenCanvas(1, 1);
  let bitmap = null;
  const root = html("div", { class: `u-panel ${className}`, "data-panel": name || null }, canvas);
  const panel = { root, width: 0, height: 0, view, restill: () => { dirty = true; } };
  let dirty = true;
  let ratio = 1;

  function sized(one) {
    const w = Math.round(panel.width * ratio);
    const h = Math.round(panel.height * ratio);
    if (one.width !== w || one.height !== h) {
      one.width = w;
      one.height = h;
    }
    const ctx = one.getContext("2d");
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    return ctx;
  }

  function drawStill() {
    dirty = false;
    const ctx = sized(back);
    ctx.clearRect(0, 0, panel.width, panel.height);
    still?.(ctx, panel);
    bitmap?.close();
    // A panel that has no room yet, in a tab that is not shown, has nothing to copy.
    bitmap = panel.width && panel.height ? back.transferToImageBitmap() : null;
  }
  view.atEnd(() => bitmap?.close());

  // Puts what stays back: the whole panel, or a rectangle of it.
  panel.wipe = (ctx, x = 0, y = 0, wide = panel.width, tall = panel.height) => {
    const [left, top, right, bottom] = [x, y, x + wide, y + tall].map((v) => Math.round(v * ratio));
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(left, top, right - left, bottom - top);
    if (bitmap) ctx.drawImage(bitmap, left, top, right - left, bottom - top, left, top, right - left, bottom - top);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  };
  panel.context = () => canvas.getContext("2d");

  view.add({
    layout(width) {
      panel.width = across ? across(width) : width;
      if (across) root.style.width = `${panel.width}px`;
      panel.height = Math.round(height(width));
      root.style.height = `${panel.height}px`;
      dirty = true;
    },
    draw(changed) {
      const all = dirty || changed.has("layout");
      if (!all && when && !when.some((key) => changed.has(key)) && !changed.has("results")) return;
      if (!all && !live) return;
      if (all) {
        ratio = Math.min(3, globalThis.devicePixelRatio || 1);
        drawStill();
      }
      const ctx = sized(canvas);
      panel.wipe(ctx);
      live?.(ctx, panel, changed);
      if (!dirty) return;
      // What moves has found that the axes must change: panel.restill().
      drawStill();
      panel.wipe(ctx);
      live?.(ctx, panel, changed);
      dirty = false;
    },
  });
  panel.describe = (text) => setAttribute(canvas, "aria-label", text);
  return panel;
}

// Where a pointer is in an element, in the element's own pixels (the page may be zoomed by CSS).
export function locate(element, event) {
  const box = element.getBoundingClientRect();
  const zoom = box.width / element.offsetWidth || 1;
  return { x: (event.clientX - box.left) / zoom, y: (event.clientY - box.top) / zoom };
}

// Drag things on a panel (or any element). `hit({x, y})` returns what is there, or null; `start`, `move` and
// `end` get that target and the place. A finger that lands on a target drags it, but a quick swipe up or
// down scrolls the page: `cancel(target)` then takes back what its start did.
export function draggable(view, element, { hit, start, move, end, cancel, hover }) {
  let now = null; // { pointer, target }
  let swipe = null; // where and when a finger came down that drags or may yet scroll
  const finish = () => {
    if (!now) return;
    const { target } = now;
    now = null;
    view.release();
    end?.(target);
  };
  view.on(element, "touchstart", (event) => {
    const { clientX: x, clientY: y } = event.touches[0];
    swipe = now && event.touches.length === 1 ? { x, y, at: event.timeStamp, drags: false } : null;
  }, { passive: true });
  view.on(element, "touchmove", (event) => {
    if (!swipe) return;
    if (!swipe.drags) {
      const across = Math.abs(event.touches[0].clientX - swipe.x);
      const along = Math.abs(event.touches[0].clientY - swipe.y);
      const quick = event.timeStamp - swipe.at < AT_ONCE;
      if (cancel && quick && along > 2 * across && along >= SWIPE) {
        swipe = null;
        const target = now?.target;
        finish();
        cancel(target);
        return;
      }
      swipe.drags = !cancel || across >= SWIPE || !quick;
    }
    if (event.cancelable) event.preventDefault();
  }, { passive: false });
  view.on(element, "pointerdown", (event) => {
    if (now || event.button !== 0) return;
    const place = locate(element, event);
    const target = hit(place, event);
    if (target === null || target === undefined) return;
    now = { pointer: event.pointerId, target };
    element.setPointerCapture(event.pointerId);
    view.hold();
    start?.(target, place, event);
  });
  view.on(element, "pointermove", (event) => {
    if (!now) {
      hover?.(locate(element, event), event);
      return;
    }
    if (event.pointerId !== now.pointer) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const one of moves.length ? moves : [event]) move(now.target, locate(element, one), one);
  });
  const lift = (event) => {
    if (now && event.pointerId === now.pointer) finish();
  };
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) view.on(element, type, lift);
  view.on(element, "pointerleave", (event) => {
    // A finger that lifts leaves too, and its reader still wants the numbers.
    if (event.pointerType !== "touch" && !now) hover?.(null, event);
  });
  view.atEnd(finish);
  return { held: () => now !== null };
}

// ---- drawing -------------------------------------------------------------------------------------------

export function text(ctx, content, x, y, { colour, size = 13, weight = 400, align = "left", font = SANS, style = "normal", baseline = "alphabetic" } = {}) {
  ctx.font = `${style} ${weight} ${size}px ${font}`;
  ctx.fillStyle = colour;
  ctx.textAlign = align;
  ctx.textBaseline = baseline;
  ctx.fillText(content, x, y);
}

// The same; returns how wide it is. Measuring takes time: not for what is drawn every frame.
export function measured(ctx, content, x, y, options) {
  text(ctx, content, x, y, options);
  return ctx.measureText(content).width;
}

// A letter of the equations with its subscript; returns where it ends. `key`: "c_tilde" is c with a tilde.
export function letter(ctx, key, sub, x, y, { colour, size = 21 }) {
  const tilde = key.endsWith("_tilde");
  const options = { colour, size, font: SERIF, style: "italic" };
  const glyph = tilde ? key[0] : key;
  const wide = measured(ctx, glyph, x, y, options);
  if (tilde) text(ctx, "\u02dc", x + wide * 0.22, y - size * 0.04, { ...options, style: "normal" });
  if (!sub) return x + wide;
  return x + wide + 1 + measured(ctx, sub, x + wide + 1, y + size * 0.24, { ...options, size: size * 0.68, style: /[a-zA-Z]/.test(sub) ? "italic" : "normal" });
}

// Horizontal lines at y, each with its label on the left: ticks is [[y, label]].
export function grid(ctx, { left, right, ticks, colours }) {
  ctx.strokeStyle = colours.line;
  ctx.lineWidth = 1;
  ctx.setLineDash([]);
  ctx.beginPath();
  for (const [y] of ticks) {
    ctx.moveTo(left, Math.round(y) + 0.5);
    ctx.lineTo(right, Math.round(y) + 0.5);
  }
  ctx.stroke();
  for (const [y, label] of ticks) text(ctx, label, left - 6, y + 4, { colour: colours.muted, size: 11, align: "right" });
}

// Powers of ten for a log axis from exponent `low` to `high`, at most `most` of them: [[exponent, label]].
export function decades(low, high, most = 6) {
  const every = Math.max(1, Math.ceil((high - low) / most));
  const ticks = [];
  for (let e = high; e >= low; e -= every) ticks.push([e, e === 0 ? "1" : power(e)]);
  return ticks;
}

// The numbers of the steps below a timeline.
export function steps(ctx, place, y, colours, { title = true } = {}) {
  const { T, step, left, narrow } = place;
  const every = step >= 20 ? 1 : Math.max(1, Math.ceil(T / Math.max(4, Math.floor((T * step) / 44))));
  for (let t = 1; t <= T; t++) {
    if (t === 1 || t === T || (t % every === 0 && T - t >= every / 2)) {
      text(ctx, String(t), place.x(t), y, { colour: colours.muted, size: 11, align: "center" });
    }
  }
  if (!title) return;
  if (narrow) {
    const middle = (place.left + place.right) / 2;
    const wide = measured(ctx, "step ", middle - 16, y + 17, { colour: colours.muted, size: 12 });
    text(ctx, "t", middle - 16 + wide, y + 17, { colour: colours.muted, size: 12, style: "italic" });
  } else {
    text(ctx, "t", left - 12, y, { colour: colours.muted, size: 12, style: "italic", align: "right" });
    text(ctx, "step", left - 19, y, { colour: colours.muted, size: 12, align: "right" });
  }
}

// A line through points [[x, y]], broken where y is null (none if width is 0); dots if `dots` is their size.
export function curve(ctx, points, { colour, pattern = [], width = 2, dots = 0 }) {
  if (width) line(ctx, points, colour, pattern, width);
  if (!dots) return;
  ctx.fillStyle = colour;
  ctx.beginPath();
  for (const [x, y] of points) {
    if (y === null || Number.isNaN(y)) continue;
    ctx.moveTo(x + dots, y);
    ctx.arc(x, y, dots, 0, 6.2832);
  }
  ctx.fill();
}

function line(ctx, points, colour, pattern, width) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.lineJoin = "round";
  ctx.lineCap = "butt";
  ctx.setLineDash(pattern);
  ctx.beginPath();
  let pen = false;
  for (const [x, y] of points) {
    if (y === null || Number.isNaN(y)) pen = false;
    else if (pen) ctx.lineTo(x, y);
    else {
      ctx.moveTo(x, y);
      pen = true;
    }
  }
  ctx.stroke();
  ctx.setLineDash([]);
}

// A legend entry: a piece of the curve, then words; returns where it ends.
export function legend(ctx, words, x, y, { colour, pattern = [], colours, long = 30 }) {
  curve(ctx, [[x, y - 4], [x + long, y - 4]], { colour, pattern });
  return x + long + 6 + measured(ctx, words, x + long + 6, y, { colour: colours.ink, size: 12 });
}
