// What is drawn over time: the chain of units, the state, the shares of the steps in the gradient. Each is a
// row of one sheet: every canvas in the page takes its time in every frame.
import { html, setText } from "../kit/dom.js";
import { curve, dash, grid, letter, measured, steps as stepNumbers, text, timeline } from "../kit/panel.js";
import { gradientText } from "../kit/words.js";
import { tickText } from "./words.js";

const RADIUS = 10.5;
const TURN = 2 * Math.PI;

// A row of the sheet: height(width), still(ctx, width, top) draws what stays, live(ctx) what moves.
function addRow(view, sheet, { height, still, live }) {
  let above = 0;
  let tall = 0;
  sheet.rows.push({
    height,
    still(ctx, width, top) {
      above = top;
      tall = height(width);
      still(ctx, width, top);
    },
  });
  view.add({
    draw(changed) {
      if (changed.size === 1 && changed.has("step")) return;
      const ctx = sheet.context();
      sheet.wipe(ctx, 0, above, sheet.width, tall);
      live(ctx);
    },
  });
}

// Where h_0 stands: left of step 1.
const before = (place) => place.left - (place.narrow ? 15 : 21);

// What fills a circle, from its middle up to v = 1 or down to v = -1; added to the path.
function gauge(ctx, x, y, r, v) {
  const a = Math.asin(Math.max(-1, Math.min(1, v)));
  ctx.moveTo(x - r, y);
  ctx.arc(x, y, r, Math.PI, Math.PI + a, a < 0);
  ctx.arc(x, y, r, -a, 0, a < 0);
}

function arrow(ctx, from, y, to) {
  const way = Math.sign(to - from);
  const head = Math.min(5, Math.abs(to - from));
  const neck = to - way * head;
  ctx.moveTo(from, y - 0.75);
  ctx.lineTo(neck, y - 0.75);
  ctx.lineTo(neck, y - 3.25);
  ctx.lineTo(to, y);
  ctx.lineTo(neck, y + 3.25);
  ctx.lineTo(neck, y + 0.75);
  ctx.lineTo(from, y + 0.75);
}

// The units, each filled as far as its state goes. Between them the state goes on; below them the gradient
// goes back, but for the border of a chunk.
export function addChain(view, sheet, T, now) {
  let place = null;
  let r = RADIUS;
  const x = (t) => (t === 0 ? before(place) : place.x(t));
  const at = { y: 0, back: 0 };
  addRow(view, sheet, {
    height: (width) => (width < 600 ? 78 : 60),
    still(ctx, width, top) {
      place = timeline(width, T);
      const { narrow, left, right, step } = place;
      const { colours } = view;
      r = Math.min(RADIUS, 0.38 * step);
      at.y = top + (narrow ? 38 : 18);
      at.back = at.y + 23;
      if (narrow) {
        letter(ctx, "h", "t", left, top + 17, { colour: colours.h, size: 20 });
        const end = left + 24 + measured(ctx, "one unit, unrolled", left + 24, top + 16, { colour: colours.ink, weight: 600 });
        if (right - end > 70) text(ctx, "← gradient", right, top + 16, { colour: colours.gradient, size: 12, align: "right" });
      } else {
        letter(ctx, "h", "t", 2, at.y + 6, { colour: colours.h });
        text(ctx, "one unit", 32, at.y + 5, { colour: colours.ink, weight: 600 });
        text(ctx, "gradient, going back", 32, at.back + 4, { colour: colours.gradient, size: 12 });
      }
      ctx.fillStyle = colours.muted;
      ctx.beginPath();
      for (let t = 1; t <= T; t++) {
        const from = x(t - 1) + r + 1.5;
        const to = x(t) - r - 1.5;
        if (to - from > 2) arrow(ctx, from, at.y, to);
      }
      ctx.fill();
      ctx.strokeStyle = colours.h;
      ctx.lineWidth = 1;
      ctx.beginPath();
      for (let t = 0; t <= T; t++) {
        ctx.moveTo(x(t) + r, at.y);
        ctx.arc(x(t), at.y, r, 0, TURN);
      }
      ctx.stroke();
    },
    live(ctx) {
      const { h, delta } = now.trace;
      if (!h) return;
      const { colours, state } = view;
      const { limit } = now;
      ctx.fillStyle = colours.h;
      ctx.beginPath();
      for (let t = 0; t <= T; t++) gauge(ctx, x(t), at.y, r, (t === 0 ? state.h0 : h[t - 1]) / limit);
      ctx.fill();
      ctx.fillStyle = colours.gradient;
      ctx.beginPath();
      for (let t = 1; t <= T; t++) {
        const cut = state.steps > 0 && t > 1 && (t - 1) % state.steps === 0;
        if (cut) ctx.rect((x(t) + x(t - 1)) / 2 - 1, at.back - 6, 2, 12);
        else if (delta[t - 1] !== 0) arrow(ctx, x(t) - 2, at.back, Math.min(x(t) - 4, x(t - 1) + 2));
      }
      ctx.fill();
    },
  });
}

// h over time, and where the loss wants it.
export function addStates(view, sheet, T, now) {
  let place = null;
  let middle = 0;
  const y = (v) => middle - (v / now.limit) * 44;
  addRow(view, sheet, {
    height: (width) => (width < 600 ? 135 : 118),
    still(ctx, width, top) {
      place = timeline(width, T);
      const { narrow, left, right } = place;
      const { colours } = view;
      middle = top + (narrow ? 81 : 64);
      grid(ctx, { left, right, colours, ticks: [-now.limit, 0, now.limit].map((v) => [y(v), tickText(v)]) });
      if (narrow) {
        letter(ctx, "h", "t", left, top + 19, { colour: colours.h, size: 20 });
        text(ctx, "state", left + 24, top + 18, { colour: colours.ink, weight: 600 });
        const words = "target of the loss";
        text(ctx, words, right, top + 18, { colour: colours.muted, size: 12, align: "right" });
        const wide = ctx.measureText(words).width;
        target(ctx, right - wide - 36, right - wide - 6, top + 14);
      } else {
        letter(ctx, "h", "t", 2, middle - 12, { colour: colours.h });
        text(ctx, "state", 32, middle - 13, { colour: colours.ink, weight: 600 });
        curve(ctx, [[84, middle - 17], [128, middle - 17]], { colour: colours.h, pattern: dash("h") });
        text(ctx, "target", 32, middle + 12, { colour: colours.muted, size: 12 });
        target(ctx, 84, 128, middle + 8);
      }
    },
    live(ctx) {
      const { h } = now.trace;
      if (!h) return;
      const { state, colours } = view;
      const points = h.map((v, k) => [place.x(k + 1), y(v)]);
      target(ctx, state.loss === "every" ? place.left : place.right - place.step, place.right, y(state.target));
      curve(ctx, [[place.x(0.5), y(state.h0)], ...points], { colour: colours.h, pattern: dash("h") });
      if (place.step > 9) curve(ctx, points, { colour: colours.h, width: 0, dots: 3 });
    },
  });
  function target(ctx, from, to, at) {
    curve(ctx, [[from, at], [to, at]], { colour: view.colours.ink, width: 2, pattern: [3, 3] });
  }
}

// The shares, summed from the last step back: the bar of a step goes from the sum of the later shares to the
// sum with its own. Hollow: what full BPTT gives, where truncation gives something else.
export function addShares(view, sheet, T, now) {
  let place = null;
  const at = { top: 0, bottom: 0, line: 0, sum: 0 };
  const y = (v) => at.bottom - ((v - now.range[0]) / (now.range[1] - now.range[0])) * (at.bottom - at.top);
  const height = (width) => (width < 600 ? 184 : 158);
  addRow(view, sheet, {
    height,
    still(ctx, width, top) {
      place = timeline(width, T);
      const { narrow, left, right } = place;
      const { colours } = view;
      const { range } = now;
      at.top = top + (narrow ? 34 : 18);
      at.bottom = top + height(width) - (narrow ? 44 : 30);
      const ends = [...new Set([range[0], 0, range[1]])];
      // Room for the sum between the axis and its labels.
      if (narrow) {
        grid(ctx, { left, right, colours, ticks: ends.map((v) => [y(v), ""]) });
        text(ctx, "0", left - 11, y(0) + 4, { colour: colours.muted, size: 11, align: "right" });
        for (const v of ends.filter((v) => v !== 0)) {
          text(ctx, tickText(v), right, y(v) + (v > 0 ? 12 : -4), { colour: colours.muted, size: 11, align: "right" });
        }
      } else {
        grid(ctx, { left, right, colours, ticks: ends.map((v) => [y(v), ""]) });
        for (const v of ends) text(ctx, tickText(v), left - 13, y(v) + 4, { colour: colours.muted, size: 11, align: "right" });
      }
      const middle = (at.top + at.bottom) / 2;
      const x = narrow ? left : 2;
      at.line = narrow ? top + 18 : middle - 12;
      at.sum = letter(ctx, "∂L/∂w", "h", x, at.line, { colour: colours.gradient, size: 20 }) + 6;
      if (!narrow) {
        text(ctx, "shares of all steps,", 2, middle + 10, { colour: colours.muted, size: 12 });
        text(ctx, "summed from the last", 2, middle + 26, { colour: colours.muted, size: 12 });
      }
      stepNumbers(ctx, place, top + height(width) - (narrow ? 26 : 12), colours);
    },
    live(ctx) {
      if (!now.trace.share) return;
      const { colours } = view;
      const { truncated } = now;
      ctx.fillStyle = ctx.strokeStyle = colours.gradient;
      ctx.lineWidth = 1;
      if (truncated) {
        ctx.setLineDash([3, 2]);
        ctx.beginPath();
        falls(ctx, now.whole, 0.5);
        ctx.stroke();
        ctx.setLineDash([]);
      }
      ctx.beginPath();
      falls(ctx, now.kept, 0);
      ctx.fill();
      ctx.strokeStyle = colours.muted;
      ctx.beginPath();
      for (let t = T; t >= 1; t--) {
        const level = Math.round(y(now.kept[t - 1])) + 0.5;
        ctx.moveTo(place.left + (t - 1) * place.step, level);
        ctx.lineTo(t === 1 ? place.left - 9 : place.left + (t - 2) * place.step, level);
      }
      ctx.stroke();
    },
  });

  // Text in the page, not on the canvas: it is set anew only when a hand rests.
  const sum = html("p", { class: "u-sum" });
  const inFull = html("p", { class: "u-in-full" });
  sheet.root.append(sum, inFull);
  view.add({
    text() {
      const { gradient, full_gradient } = now.trace;
      const none = gradient === undefined;
      setText(sum, none ? "" : `= ${gradientText(gradient)}`);
      setText(inFull, none || !now.truncated ? "" : `in full ${gradientText(full_gradient)}`);
      sum.style.left = `${at.sum}px`;
      sum.style.top = `${at.line - 17}px`;
      inFull.style.left = place.narrow ? "" : "2px";
      inFull.style.right = place.narrow ? `${sheet.width - place.right}px` : "";
      inFull.style.top = `${at.line - (place.narrow ? 15 : 39)}px`;
    },
  });

  // The bars of all steps, and left of the axis that of the whole sum; added to the path.
  function falls(ctx, levels, inset) {
    const { left, step, narrow } = place;
    const gap = Math.min(narrow ? 1 : 2, step / 6);
    for (let t = 0; t <= T; t++) {
      const from = y(t === 0 ? 0 : levels[t]);
      const to = y(levels[Math.max(0, t - 1)]);
      if (from === to) continue;
      const x = t === 0 ? left - 9 : left + (t - 1) * step + gap;
      const wide = t === 0 ? 7 : Math.max(1, step - 2 * gap);
      const tall = Math.max(1, Math.abs(to - from));
      ctx.rect(x + inset, Math.min(from, to) + inset, Math.max(0.5, wide - 2 * inset), Math.max(0.5, tall - 2 * inset));
    }
  }
}
