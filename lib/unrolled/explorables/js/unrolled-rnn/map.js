// The map h_{t-1} → h_t of one step, with its input held: its curve, its fixed points, and the run as a
// staircase between it and the diagonal.
import { html, setText } from "../kit/dom.js";
import { createPanel, curve, draggable, letter, text } from "../kit/panel.js";
import { fixed } from "../kit/words.js";
import { stateText, tickText } from "./words.js";

const TOP = 26;
const BELOW = 24;
const PIECES = 48;
const LISTED = 4;
const REACH = 22; // px: how far from its handle h_0 can be taken
const TURN = 2 * Math.PI;

function layout(width) {
  const narrow = width < 600;
  const side = Math.min(300, narrow ? width - 48 : Math.round(0.42 * width));
  return { narrow, side, left: narrow ? Math.max(34, Math.round((width - side) / 2)) : 44 };
}

export function createMap(view, T, now) {
  let place = null;
  const x = (v) => place.left + ((v / now.limit + 1) * place.side) / 2;
  const y = (v) => TOP + ((1 - v / now.limit) * place.side) / 2;

  const panel = createPanel(view, {
    label: "Map from the state before a step to the state after it, with its fixed points and the run as a staircase", name: "map",
    height: (width) => TOP + layout(width).side + BELOW,
    across(width) {
      place = layout(width);
      return place.left + place.side + 14;
    },
    still(ctx) {
      const { left, side } = place;
      const { colours } = view;
      ctx.fillStyle = colours.track;
      ctx.fillRect(left, TOP, side, side);
      ctx.strokeStyle = colours.line;
      ctx.lineWidth = 1;
      ctx.beginPath();
      ctx.moveTo(Math.round(x(0)) + 0.5, TOP);
      ctx.lineTo(Math.round(x(0)) + 0.5, TOP + side);
      ctx.moveTo(left, Math.round(y(0)) + 0.5);
      ctx.lineTo(left + side, Math.round(y(0)) + 0.5);
      ctx.stroke();
      ctx.strokeStyle = colours.muted;
      ctx.beginPath();
      ctx.moveTo(left, TOP + side);
      ctx.lineTo(left + side, TOP);
      ctx.stroke();
      for (const v of [-now.limit, 0, now.limit]) {
        text(ctx, tickText(v), left - 6, y(v) + 4, { colour: colours.muted, size: 11, align: "right" });
        text(ctx, tickText(v), x(v), TOP + side + 15, { colour: colours.muted, size: 11, align: "center" });
      }
      const up = letter(ctx, "h", "t", left + side - 104, 16, { colour: colours.h, size: 18 });
      text(ctx, " against", up, 15, { colour: colours.muted, size: 12 });
      letter(ctx, "h", "t−1", left + side - 34, 16, { colour: colours.h, size: 18 });
    },
    live(ctx) {
      const { h } = now.trace;
      const { state, colours } = view;
      const hs = h ? [state.h0, ...h] : [state.h0];
      const { left, side } = place;
      ctx.save();
      ctx.beginPath();
      ctx.rect(left - 1, TOP - 1, side + 2, side + 2);
      ctx.clip();
      curve(ctx, line(), { colour: colours.ink, width: 2 });
      if (now.cycle) {
        const [low, high] = now.cycle;
        ctx.strokeStyle = colours.ink;
        ctx.lineWidth = 1;
        ctx.setLineDash([2, 3]);
        ctx.strokeRect(x(low), y(high), x(high) - x(low), y(low) - y(high));
        ctx.setLineDash([]);
      }
      ctx.strokeStyle = colours.h;
      ctx.lineWidth = 1.25;
      ctx.beginPath();
      ctx.moveTo(x(hs[0]), TOP + side);
      for (let t = 1; t < hs.length; t++) {
        ctx.lineTo(x(hs[t - 1]), y(hs[t]));
        ctx.lineTo(x(hs[t]), y(hs[t]));
      }
      ctx.stroke();
      ctx.restore();
      // The step itself, and where the run begins.
      if (h) {
        ctx.strokeStyle = colours.focus;
        ctx.lineWidth = 2;
        ctx.beginPath();
        dot(ctx, x(hs[now.step - 1]), y(hs[now.step]), 6);
        ctx.stroke();
      }
      for (const kind of ["stable", "unstable", "marginal"]) points(ctx, kind);
      if (Math.abs(state.h0) <= now.limit) {
        const at = x(state.h0);
        ctx.fillStyle = view.isLocked("h0") ? colours.muted : colours.focus;
        ctx.beginPath();
        ctx.moveTo(at, TOP + side - 8);
        ctx.lineTo(at + 7, TOP + side + 3);
        ctx.lineTo(at - 7, TOP + side + 3);
        ctx.fill();
      }
    },
  });

  function line() {
    if (now.curve) return now.curve.map(([before, after]) => [x(before), y(after)]);
    const { w_h, w_x, b, inputs } = view.state;
    const a = w_x * inputs[now.step - 1] + b;
    const found = new Array(PIECES + 1);
    for (let k = 0; k <= PIECES; k++) {
      const before = (2 * k) / PIECES - 1;
      found[k] = [x(before), y(Math.tanh(w_h * before + a))];
    }
    return found;
  }

  function dot(ctx, at, up, r) {
    ctx.moveTo(at + r, up);
    ctx.arc(at, up, r, 0, TURN);
  }

  // Filled if stable, hollow if unstable, half filled if marginal.
  function points(ctx, kind) {
    const { colours } = view;
    ctx.strokeStyle = colours.ink;
    ctx.lineWidth = 2;
    ctx.fillStyle = kind === "stable" ? colours.ink : colours.bg;
    ctx.beginPath();
    for (const point of now.points) if (point.kind === kind) dot(ctx, x(point.h), y(point.h), 5);
    ctx.fill();
    ctx.stroke();
    if (kind !== "marginal") return;
    ctx.fillStyle = colours.ink;
    ctx.beginPath();
    for (const point of now.points) {
      if (point.kind !== kind) continue;
      ctx.moveTo(x(point.h) - 5, y(point.h));
      ctx.arc(x(point.h), y(point.h), 5, Math.PI, TURN);
    }
    ctx.fill();
  }

  // ---- h_0 can be taken where the run begins ----------------------------------------------------------

  const square = panel.root;
  const value = (at) => {
    const v = ((2 * (at - place.left)) / place.side - 1) * now.limit;
    return Math.round(Math.max(-1, Math.min(1, v)) * 100) / 100 + 0;
  };
  const near = (spot) => Math.hypot(spot.x - x(view.state.h0), spot.y - TOP - place.side) <= REACH;
  draggable(view, square, {
    hit: (spot) => (!view.isLocked("h0") && near(spot) ? "h0" : null),
    move: (_, spot) => view.set({ h0: value(spot.x) }, "map:h0"),
    cancel: () => view.undo(),
    hover: (spot) => square.classList.toggle("u-grab", spot !== null && !view.isLocked("h0") && near(spot)),
  });

  // Text in the page, not on the canvas: it is set anew only when a hand rests.
  const title = html("p", { class: "u-map-title" });
  panel.root.append(title);

  // ---- the fixed points by number -----------------------------------------------------------------------

  const head = html("p", { class: "u-points-head" });
  const rows = Array.from({ length: LISTED }, () => {
    const mark = html("span", { class: "u-point", "aria-hidden": "true" });
    const words = html("span", {});
    return { mark, words, root: html("li", {}, mark, words) };
  });
  const list = html("div", { class: "u-points" }, head, html("ul", {}, ...rows.map((row) => row.root)));
  view.add({
    text() {
      const { points: found, cycle, step } = now;
      setText(title, step === T ? "the map of the last step" : `the map of step ${step}`);
      title.style.left = `${place.left}px`;
      setText(head, `with the input of step ${step} held, ${fixed(view.state.inputs[step - 1])}`);
      const shown = found.slice(0, LISTED).map(({ kind, h, slope }) => [kind, `${kind} at ${stateText(h)}, slope ${stateText(slope)}`]);
      if (cycle) shown.push(["cycle", `2-cycle of ${stateText(cycle[0])} and ${stateText(cycle[1])}, stable`]);
      if (found.length > LISTED) shown[LISTED - 1] = ["none", `and ${found.length - LISTED + 1} more`];
      rows.forEach(({ mark, words, root }, k) => {
        root.hidden = shown[k] === undefined;
        if (root.hidden) return;
        mark.dataset.kind = shown[k][0];
        setText(words, shown[k][1]);
      });
    },
  });
  return { panel, list };
}
