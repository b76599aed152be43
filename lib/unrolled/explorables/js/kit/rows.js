// Rows of bars that are painted, one bar a step, over one timeline: a drag across paints every bar passed.
// Every bar is a slider to a screen reader; one tab stop a row, arrows go from step to step.
import palette from "../../../palette.json";
import { html, setText } from "./dom.js";
import { createPanel, draggable, grid, letter, locate, measured, text, timeline } from "./panel.js";
import { fixed } from "./words.js";

const STEP = 0.05;
const PAGE = 0.25;

// Onto the range and a grid of hundredths, which keeps numbers short; no negative zero.
export const snap = (value, low, high = 1) => Math.round(Math.min(high, Math.max(low, value)) * 100) / 100 + 0;

// A stroke from one point to the next paints every column passed, values in between interpolated.
export function stroke(from, to) {
  const painted = [];
  const steps = Math.abs(to.column - from.column);
  const direction = Math.sign(to.column - from.column);
  for (let k = steps === 0 ? 0 : 1; k <= steps; k++) {
    const share = steps === 0 ? 1 : k / steps;
    painted.push({ column: from.column + k * direction, value: from.value + (to.value - from.value) * share });
  }
  return painted;
}

// A panel that several rows share: every canvas in the page takes its time in every frame.
export function createSheet(view, name) {
  const rows = [];
  const panel = createPanel(view, {
    label: "Bars, one a step", name,
    height: (width) => rows.reduce((sum, row) => sum + row.height(width), 0),
    still(ctx, { width }) {
      let top = 0;
      for (const row of rows) {
        row.still(ctx, width, top);
        top += row.height(width);
      }
    },
  });
  panel.rows = rows;
  return panel;
}

// One row, on a sheet or, if none is given, on one of its own, which is returned. key: the handle (an array of
// T numbers); quantity: its letter in palette.json, or symbol, colour and title of its own; role(): what it
// does, a few words; values(): what is shown, if not the handle; locked(): whether the reader cannot paint it
// now; marker: of createMarker, shared by all panels of a timeline.
export function paintedRow(view, {
  key, quantity = "", symbol = quantity, colour = quantity, title = palette[quantity]?.name, why = () => "fixed here", spoken = `${title} ${symbol}`, role = () => "", low = 0, high = 1,
  height = 46, values = () => view.state[key], locked = () => view.isLocked(key), marker, unit = (v) => fixed(v), sheet = createSheet(view, key),
}) {
  const T = view.state[key].length;
  const gapAbove = (narrow) => (narrow ? 27 : 9);
  let place = null;
  let drawn = [];
  let scale = null;

  const sliders = Array.from({ length: T }, (_, k) =>
    html("div", {
      class: "u-column", role: "slider", tabindex: k === 0 ? 0 : -1, "data-row": key, "data-step": k + 1,
      "aria-label": `${spoken}, step ${k + 1} of ${T}`, "aria-orientation": "vertical", "aria-valuemin": low, "aria-valuemax": high,
    }));
  const group = html("div", { class: "u-columns", role: "group", "aria-label": `${spoken}: ${role()}`, "data-row": key }, ...sliders);

  const ink = () => view.colours[colour] || view.colours.ink;
  function bar(ctx, k) {
    const value = values()[k];
    const { left, step, narrow } = place;
    const gap = narrow ? 1 : 2;
    const x = left + k * step + gap;
    const wide = Math.max(1, step - 2 * gap);
    const base = scale(Math.max(low, Math.min(high, 0)));
    const tall = Math.max(2, Math.abs(scale(value) - base)); // a bar of 0 is still a line
    const y = value > 0 || low === 0 ? base - tall : base;
    sheet.wipe(ctx, left + k * step, above, step, height + 8);
    ctx.fillStyle = ink();
    if (locked()) {
      ctx.globalAlpha = 0.28;
      ctx.fillRect(x, y, wide, tall);
      ctx.globalAlpha = 1;
      ctx.strokeStyle = ink();
      ctx.lineWidth = 1.5;
      ctx.setLineDash([3, 2]);
      ctx.strokeRect(x + 0.75, y + 0.75, Math.max(0, wide - 1.5), Math.max(0, tall - 1.5));
      ctx.setLineDash([]);
    } else ctx.fillRect(x, y, wide, tall);
  }

  let above = 0;
  sheet.rows.push({
    height: (width) => height + 2 * 4 + gapAbove(width < 600),
    still(ctx, width, y) {
      place = timeline(width, T);
      const { narrow, left, right } = place;
      const top = y + gapAbove(narrow);
      above = top;
      scale = (v) => top + 4 + (height * (high - v)) / (high - low);
      const { colours } = view;
      ctx.fillStyle = colours.track;
      ctx.fillRect(left, top + 4, right - left, height);
      const ticks = low < 0 ? [low, 0, high] : [low, high];
      grid(ctx, { left, right, colours, ticks: ticks.map((v) => [scale(v), v < 0 ? `−${-v}` : String(v)]) });
      const words = locked() ? why() : role();
      if (narrow) {
        letter(ctx, symbol, "t", left, top - 7, { colour: ink(), size: 20 });
        const end = left + 24 + measured(ctx, title, left + 24, top - 8, { colour: colours.ink, weight: 600 });
        ctx.font = "12px system-ui, sans-serif";
        if (end + 12 + ctx.measureText(words).width < right) text(ctx, words, right, top - 8, { colour: colours.muted, size: 12, align: "right" });
      } else {
        const middle = top + 4 + height / 2;
        letter(ctx, symbol, "t", 2, middle - 1, { colour: ink() });
        text(ctx, title, 32, middle - 2, { colour: colours.ink, weight: 600 });
        text(ctx, words, 32, middle + 15, { colour: colours.muted, size: 12 });
      }
      Object.assign(group.style, { left: `${left}px`, top: `${top + 4}px`, width: `${right - left}px`, height: `${height}px` });
      drawn = [];
    },
  });
  sheet.root.append(group);

  // Only the bars that changed.
  let wasLocked = null;
  view.add({
    draw() {
      const ctx = sheet.context();
      const now = values();
      const isLocked = locked();
      if (isLocked !== wasLocked) {
        if (wasLocked !== null) {
          sheet.restill();
          view.invalidate("results");
        }
        wasLocked = isLocked;
        group.classList.toggle("u-locked", isLocked);
        for (const one of sliders) {
          if (isLocked) one.setAttribute("aria-disabled", "true");
          else one.removeAttribute("aria-disabled");
        }
        drawn = [];
      }
      for (let k = 0; k < T; k++) {
        if (drawn[k] === now[k]) continue;
        drawn[k] = now[k];
        bar(ctx, k);
        sliders[k].setAttribute("aria-valuenow", now[k]);
        sliders[k].setAttribute("aria-valuetext", unit(now[k]));
      }
    },
  });

  // ---- pointer and touch ------------------------------------------------------------------------------

  function edit(column, value, by) {
    if (locked() || view.state[key][column - 1] === value) return;
    const row = [...view.state[key]];
    row[column - 1] = value;
    view.set({ [key]: row }, by);
  }
  const point = ({ x, y }) => ({
    column: place.column(x + place.left),
    value: snap(high - (y / height) * (high - low), low, high),
  });
  let last = null;
  draggable(view, group, {
    hit: () => (locked() ? null : key),
    start(_, at, event) {
      last = point(at);
      // What a mouse does by itself: the keyboard goes on where the finger was.
      if (event.pointerType === "touch") sliders[last.column - 1].focus({ preventScroll: true });
      edit(last.column, last.value, `paint:${key}`);
      marker?.hover(last.column);
    },
    move(_, at) {
      const next = point(at);
      for (const { column, value } of stroke(last, next)) edit(column, snap(value, low, high), `paint:${key}`);
      last = next;
      marker?.hover(next.column);
    },
    cancel: () => view.undo(),
  });

  // ---- keyboard: one tab stop a row -----------------------------------------------------------------------

  let tab = 1;
  view.on(group, "focusin", (event) => {
    const step = Number(event.target.dataset.step);
    sliders[tab - 1].tabIndex = -1;
    sliders[step - 1].tabIndex = 0;
    tab = step;
    marker?.focus(step, event.target.matches(":focus-visible"));
  });
  view.on(group, "focusout", () => marker?.focus(null, false));
  view.on(group, "keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const step = Number(event.target.dataset.step);
    const go = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const change = { ArrowUp: STEP, ArrowDown: -STEP, PageUp: PAGE, PageDown: -PAGE }[event.key];
    const end = { Home: low, End: high }[event.key];
    if (go !== undefined) sliders[Math.min(T, Math.max(1, step + go)) - 1].focus();
    else if (change === undefined && end === undefined) return;
    else edit(step, end ?? snap(view.state[key][step - 1] + change, low, high), `key:${key}:${step}`);
    event.preventDefault();
    event.stopPropagation();
  });
  return sheet;
}

// The step under the pointer or the keyboard: a mark across all panels of `element`, a positioned box.
// `marker.selected` is a step from 1 to T, or null; "step" is what changed then.
export function createMarker(view, element, T) {
  const number = html("span", { class: "u-mark-step" });
  const mark = html("div", { class: "u-mark", "aria-hidden": "true" }, number);
  element.append(mark);
  let hovered = null;
  let focused = null;
  let place = null;
  let drawn = null;
  const marker = {
    selected: null,
    hover(step) {
      hovered = step;
      update();
    },
    focus(step, byKeyboard) {
      focused = step;
      if (byKeyboard && step !== null) hovered = null; // the keyboard has the say
      update();
    },
  };
  function update() {
    const next = hovered ?? focused;
    if (next === marker.selected) return;
    marker.selected = next;
    view.invalidate("step");
  }
  view.add({
    layout(width) {
      place = timeline(width, T);
      mark.style.width = `${place.step}px`;
      drawn = undefined;
    },
    draw() {
      if (drawn === marker.selected) return;
      drawn = marker.selected;
      mark.style.visibility = drawn === null ? "hidden" : "visible";
      // Unseen it still has a place, which would make a page that has become narrow scroll sideways.
      mark.style.transform = `translateX(${drawn === null ? 0 : place.left + (drawn - 1) * place.step}px)`;
      if (drawn === null) return;
      if (view.held()) number.style.visibility = "hidden"; // text is dear: it comes back when the hand rests
    },
    text() {
      setText(number, marker.selected === null ? "" : String(marker.selected));
      number.style.visibility = "";
    },
  });
  view.on(element, "pointermove", (event) => {
    if (!place || view.held()) return;
    const { x } = locate(element, event);
    marker.hover(x >= place.left && x <= place.right ? place.column(x) : null);
  });
  view.on(element, "pointerleave", (event) => {
    if (event.pointerType !== "touch" && !view.held()) marker.hover(null);
  });
  return marker;
}
