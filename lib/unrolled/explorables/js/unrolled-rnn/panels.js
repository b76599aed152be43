// The panels over time: the chain of units, the state, the shares of the steps in the gradient.
import { createPanel, curve, dash, grid, letter, measured, steps as stepNumbers, text, timeline } from "../kit/panel.js";
import { gradientText } from "../kit/words.js";
import { shareRange, stateLimit, waterfall } from "./math.js";
import { tickText } from "./words.js";

const RADIUS = 10.5;
const TURN = 2 * Math.PI;

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
export function createChain(view, T, now) {
  let place = null;
  let r = RADIUS;
  const x = (t) => (t === 0 ? before(place) : place.x(t));
  const panel = createPanel(view, {
    label: "The unit at every step, in a chain: the state goes on to the right, the gradient back to the left", name: "chain",
    height: (width) => (width < 600 ? 78 : 60),
    still(ctx, { width }) {
      place = timeline(width, T);
      const { narrow, left, right, step } = place;
      const { colours } = view;
      r = Math.min(RADIUS, 0.38 * step);
      panel.y = narrow ? 38 : 18;
      panel.back = panel.y + 23;
      if (narrow) {
        letter(ctx, "h", "t", left, 17, { colour: colours.h, size: 20 });
        const end = left + 24 + measured(ctx, "one unit, unrolled", left + 24, 16, { colour: colours.ink, weight: 600 });
        if (right - end > 70) text(ctx, "← gradient", right, 16, { colour: colours.gradient, size: 12, align: "right" });
      } else {
        letter(ctx, "h", "t", 2, panel.y + 6, { colour: colours.h });
        text(ctx, "one unit", 32, panel.y + 5, { colour: colours.ink, weight: 600 });
        text(ctx, "gradient, going back", 32, panel.back + 4, { colour: colours.gradient, size: 12 });
      }
      ctx.fillStyle = colours.muted;
      ctx.beginPath();
      for (let t = 1; t <= T; t++) {
        const from = x(t - 1) + r + 1.5;
        const to = x(t) - r - 1.5;
        if (to - from > 2) arrow(ctx, from, panel.y, to);
      }
      ctx.fill();
      ctx.strokeStyle = colours.h;
      ctx.lineWidth = 1;
      ctx.beginPath();
      for (let t = 0; t <= T; t++) {
        ctx.moveTo(x(t) + r, panel.y);
        ctx.arc(x(t), panel.y, r, 0, TURN);
      }
      ctx.stroke();
    },
    live(ctx) {
      const { h, delta } = now.trace;
      if (!h) return;
      const { colours, state } = view;
      const limit = view.driven() ? stateLimit([state.h0, ...h]) : 1;
      ctx.fillStyle = colours.h;
      ctx.beginPath();
      for (let t = 0; t <= T; t++) gauge(ctx, x(t), panel.y, r, (t === 0 ? state.h0 : h[t - 1]) / limit);
      ctx.fill();
      ctx.fillStyle = colours.gradient;
      ctx.beginPath();
      for (let t = 1; t <= T; t++) {
        const cut = state.steps > 0 && t > 1 && (t - 1) % state.steps === 0;
        if (cut) ctx.rect((x(t) + x(t - 1)) / 2 - 1, panel.back - 6, 2, 12);
        else if (delta[t - 1] !== 0) arrow(ctx, x(t) - 2, panel.back, Math.min(x(t) - 4, x(t - 1) + 2));
      }
      ctx.fill();
    },
  });
  return panel;
}

// h over time, and where the loss wants it.
export function createStates(view, T, now) {
  let place = null;
  let limit = 1;
  const y = (v) => panel.top + panel.tall / 2 - (v / limit) * (panel.tall / 2 - 4);
  const panel = createPanel(view, {
    label: "Curve of the state h over time, and the target of the loss", name: "states",
    height: (width) => (width < 600 ? 135 : 118),
    still(ctx, { width }) {
      place = timeline(width, T);
      const { narrow, left, right } = place;
      const { colours } = view;
      panel.top = narrow ? 33 : 16;
      panel.tall = 96;
      grid(ctx, { left, right, colours, ticks: [-limit, 0, limit].map((v) => [y(v), tickText(v)]) });
      if (narrow) {
        letter(ctx, "h", "t", left, 19, { colour: colours.h, size: 20 });
        text(ctx, "state", left + 24, 18, { colour: colours.ink, weight: 600 });
        const words = "target of the loss";
        text(ctx, words, right, 18, { colour: colours.muted, size: 12, align: "right" });
        const wide = ctx.measureText(words).width;
        target(ctx, right - wide - 36, right - wide - 6, 14);
      } else {
        const middle = panel.top + panel.tall / 2;
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
      const wanted = view.driven() ? stateLimit([state.h0, ...h]) : 1;
      if (wanted !== limit) {
        limit = wanted;
        panel.restill();
      }
      const points = h.map((v, k) => [place.x(k + 1), y(v)]);
      target(ctx, state.loss === "every" ? place.left : place.right - place.step, place.right, y(state.target));
      curve(ctx, [[place.x(0.5), y(state.h0)], ...points], { colour: colours.h, pattern: dash("h") });
      if (place.step > 9) curve(ctx, points, { colour: colours.h, width: 0, dots: 3 });
    },
  });
  function target(ctx, from, to, at) {
    curve(ctx, [[from, at], [to, at]], { colour: view.colours.ink, width: 2, pattern: [3, 3] });
  }
  return panel;
}

// The shares, summed from the last step back: the bar of a step goes from the sum of the later shares to the
// sum with its own. Hollow: what full BPTT gives, where truncation gives something else.
export function createShares(view, T, now) {
  let place = null;
  let range = [0, 1];
  const y = (v) => panel.bottom - ((v - range[0]) / (range[1] - range[0])) * (panel.bottom - panel.top);
  const panel = createPanel(view, {
    label: "Shares of all steps in the gradient of the loss with respect to w h, summed from the last step back", name: "shares",
    height: (width) => (width < 600 ? 184 : 158),
    still(ctx, { width, height }) {
      place = timeline(width, T);
      const { narrow, left, right } = place;
      const { colours } = view;
      panel.top = narrow ? 34 : 18;
      panel.bottom = height - (narrow ? 44 : 30);
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
      const middle = (panel.top + panel.bottom) / 2;
      const x = narrow ? left : 2;
      panel.line = narrow ? 18 : middle - 12;
      panel.sum = letter(ctx, "∂L/∂w", "h", x, panel.line, { colour: colours.gradient, size: 20 }) + 6;
      if (!narrow) {
        text(ctx, "shares of all steps,", 2, middle + 10, { colour: colours.muted, size: 12 });
        text(ctx, "summed from the last", 2, middle + 26, { colour: colours.muted, size: 12 });
      }
      stepNumbers(ctx, place, height - (narrow ? 26 : 12), colours);
    },
    live(ctx) {
      const { share, full, gradient, full_gradient } = now.trace;
      if (!share) return;
      const { colours } = view;
      const truncated = share.some((v, k) => v !== full[k]);
      const kept = waterfall(share);
      const whole = truncated ? waterfall(full) : kept;
      const wanted = shareRange([...kept, ...whole]);
      // While a hand moves, the axis may grow, but shrinks only when it lets go.
      if (view.held()) {
        wanted[0] = Math.min(wanted[0], range[0]);
        wanted[1] = Math.max(wanted[1], range[1]);
      }
      if (wanted[0] !== range[0] || wanted[1] !== range[1]) {
        range = wanted;
        panel.restill();
      }
      ctx.fillStyle = ctx.strokeStyle = colours.gradient;
      ctx.lineWidth = 1;
      if (truncated) {
        ctx.setLineDash([3, 2]);
        ctx.beginPath();
        falls(ctx, whole, 0.5);
        ctx.stroke();
        ctx.setLineDash([]);
      }
      ctx.beginPath();
      falls(ctx, kept, 0);
      ctx.fill();
      ctx.strokeStyle = colours.muted;
      ctx.beginPath();
      for (let t = T; t >= 1; t--) {
        const level = Math.round(y(kept[t - 1])) + 0.5;
        ctx.moveTo(place.left + (t - 1) * place.step, level);
        ctx.lineTo(t === 1 ? place.left - 9 : place.left + (t - 2) * place.step, level);
      }
      ctx.stroke();
      text(ctx, `= ${gradientText(gradient)}`, panel.sum, panel.line, { colour: colours.ink, size: 15, weight: 600 });
      if (truncated) {
        const words = `in full ${gradientText(full_gradient)}`;
        if (place.narrow) text(ctx, words, place.right, panel.line, { colour: colours.muted, size: 12, align: "right" });
        else text(ctx, words, 2, panel.line - 22, { colour: colours.muted, size: 12 });
      }
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
  return panel;
}
