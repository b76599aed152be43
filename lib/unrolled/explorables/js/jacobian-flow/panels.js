// The four panels: columns, ellipses, the complex plane, the norms.
import { html } from "../kit/dom.js";
import { createPanel, curve, dash, draggable, grid, legend, letter, measured, text } from "../kit/panel.js";
import { T, shape } from "./math.js";
import { logLimits, logText, logTicks, span, tick } from "./words.js";

const BOUND = [7, 4];
const RATE = [2, 3];
const SECOND = [5, 3];
const TITLE = 44; // above a plane
const RANGE = 2.25; // half the width of the plane of the columns
const FEW = 14; // ellipses while a hand is on it
const TAU = 2 * Math.PI;

export function panels(view, { flow, has, driven }) {
  const { state } = view;
  const MATRIX = ["w_11", "w_12", "w_21", "w_22"];
  const RUN = [...MATRIX, "tanh", "amplitude"];
  const planes = html("div", { class: "jf-planes" });

  // ---- planes: squares side by side, below a title ---------------------------------------------------------

  const planeSide = (width) => Math.floor(width < 600 ? (width - 16) / 2 : (width - 48) / 3);

  // A plane with its title; `still` and `live` draw around the middle of a square of half-width `half`.
  function plane({ name, label, title, role, still, live, when }) {
    const panel = createPanel(view, {
      name, label, when, height: (width) => TITLE + planeSide(width),
      still(ctx, p) {
        const { colours } = view;
        const side = p.width;
        p.half = side / 2;
        p.x = p.half;
        p.y = TITLE + p.half;
        title(ctx, colours, side);
        text(ctx, role(side), 0, 33, { colour: colours.muted, size: 12 });
        ctx.fillStyle = colours.track;
        ctx.fillRect(0, TITLE, side, side);
        ctx.strokeStyle = colours.line;
        ctx.lineWidth = 1;
        ctx.setLineDash([]);
        ctx.beginPath();
        ctx.moveTo(0, Math.round(p.y) + 0.5);
        ctx.lineTo(side, Math.round(p.y) + 0.5);
        ctx.moveTo(Math.round(p.x) + 0.5, TITLE);
        ctx.lineTo(Math.round(p.x) + 0.5, TITLE + side);
        ctx.stroke();
        still(ctx, p, colours);
      },
      live,
    });
    view.add({ layout: (width) => { panel.width = planeSide(width); } });
    planes.append(panel.root);
    return panel;
  }

  const bold = (words) => (ctx, colours) => text(ctx, words, 0, 16, { colour: colours.ink, weight: 600 });

  function circle(ctx, x, y, r, { colour, width = 1, pattern = [] }) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = width;
    ctx.setLineDash(pattern);
    ctx.beginPath();
    ctx.arc(x, y, Math.max(0, r), 0, TAU);
    ctx.stroke();
    ctx.setLineDash([]);
  }

  // ---- the columns of W_h -----------------------------------------------------------------------------------

  const columns = plane({
    name: "columns", label: "The columns of W as arrows", when: MATRIX,
    title(ctx, colours) {
      const end = measured(ctx, "columns of ", 0, 16, { colour: colours.ink, weight: 600 });
      letter(ctx, "W", "h", end, 16, { colour: colours.ink, size: 16 });
    },
    role: (side) => (view.frozen ? "● first, □ second" : side < 190 ? "drag ● first, □ second" : "drag them: ● the first, □ the second"),
    still(ctx, p, colours) {
      const unit = p.half / RANGE;
      circle(ctx, p.x, p.y, unit, { colour: colours.muted });
      for (const v of [-2, -1, 1, 2]) {
        text(ctx, v < 0 ? `−${-v}` : String(v), p.x + v * unit, p.y + 14, { colour: colours.muted, size: 11, align: "center" });
        text(ctx, v < 0 ? `−${-v}` : String(v), p.x - 5, p.y - v * unit + 4, { colour: colours.muted, size: 11, align: "right" });
      }
    },
    live(ctx, p) {
      const { ink, bg } = view.colours;
      for (const j of [1, 0]) {
        const [x, y] = tip(j);
        curve(ctx, [[p.x, p.y], [x, y]], { colour: ink, width: 2.5, pattern: j ? SECOND : [] });
        ctx.fillStyle = j ? bg : ink;
        ctx.strokeStyle = ink;
        ctx.lineWidth = 2.5;
        ctx.beginPath();
        if (j) ctx.rect(x - 7, y - 7, 14, 14);
        else ctx.arc(x, y, 8, 0, TAU);
        ctx.fill();
        if (j) ctx.stroke();
      }
    },
  });
  const keysOf = (j) => (j ? ["w_12", "w_22"] : ["w_11", "w_21"]);
  const tip = (j) => {
    const [across, up] = keysOf(j);
    const unit = columns.half / RANGE;
    return [columns.x + state[across] * unit, columns.y - state[up] * unit];
  };
  const onGrid = (v) => Math.round(Math.min(2, Math.max(-2, v)) * 100) / 100 + 0;
  const free = (j) => keysOf(j).some((key) => !view.isLocked(key));

  // The hand takes the nearer column from wherever it is, and the column moves as the hand does.
  let grip = null;
  const columnDrag = draggable(view, columns.root, {
    hit({ x, y }) {
      if (y < TITLE) return null;
      const near = [0, 1].filter(free).map((j) => [j, Math.hypot(tip(j)[0] - x, tip(j)[1] - y)]);
      return near.length ? near.reduce((a, b) => (b[1] < a[1] ? b : a))[0] : null;
    },
    start(j, { x, y }) {
      const [across, up] = keysOf(j);
      grip = { x, y, across: state[across], up: state[up], moved: false };
    },
    move(j, { x, y }) {
      const unit = columns.half / RANGE;
      const [across, up] = keysOf(j);
      const moved = view.set({
        [across]: onGrid(grip.across + (x - grip.x) / unit), [up]: onGrid(grip.up - (y - grip.y) / unit),
      }, `column:${j}`);
      grip.moved ||= moved;
    },
    cancel() {
      if (grip?.moved) view.undo();
    },
  });
  if (!view.frozen) columns.root.classList.add("jf-drag");

  // ---- the ellipses -------------------------------------------------------------------------------------------

  let low = -1;
  let high = 1;
  const radius = (p, log10) => 5 + ((log10 - low) / (high - low)) * (p.half - 11);

  const shapes = plane({
    name: "ellipses", label: "The unit circle under the Jacobian of 1 to k steps", when: [...RUN, "steps"],
    title(ctx, colours, side) {
      const small = side < 180;
      let end = measured(ctx, "unit circle, ", 0, 16, { colour: colours.ink, weight: 600 });
      end = letter(ctx, "k", "", end, 16, { colour: colours.ink, size: 16 });
      text(ctx, small ? " steps" : " steps back", end, 16, { colour: colours.ink, weight: 600 });
    },
    role: (side) => (side < 150 ? "size: log axis below" : side < 240 ? "size on the log axis below" : "shapes are true; size on the log axis below"),
    still(ctx, p, colours) {
      for (const e of logTicks(low, high)) if (e !== 0) circle(ctx, p.x, p.y, radius(p, e), { colour: colours.line });
      circle(ctx, p.x, p.y, radius(p, 0), { colour: colours.ink, width: 1.5 });
      text(ctx, "1", p.x + 4, p.y - radius(p, 0) + (high === 0 ? 13 : -4), { colour: colours.muted, size: 11 });
      if (high > 0) text(ctx, tick(high), p.x + 4, p.y - radius(p, high) + 13, { colour: colours.muted, size: 11 });
    },
    live(ctx, p) {
      const { log10, M } = flow();
      if (!has()) return;
      const { colours } = view;
      const k = state.steps;
      const draw = (j) => {
        if (log10[j] === -Infinity) return;
        const a = radius(p, log10[j]);
        const [ratio, angle] = shape(M, j);
        ctx.moveTo(p.x + a * Math.cos(angle), p.y - a * Math.sin(angle));
        ctx.ellipse(p.x, p.y, a, Math.max(0.3, a * ratio), -angle, 0, TAU);
      };
      const every = view.held() ? Math.ceil(k / FEW) : 1;
      ctx.strokeStyle = colours.muted;
      ctx.globalAlpha = 0.5;
      ctx.lineWidth = 0.8;
      ctx.beginPath();
      for (let j = k - every; j > 0; j -= every) draw(j);
      ctx.stroke();
      ctx.globalAlpha = 1;
      ctx.strokeStyle = colours.gradient;
      ctx.lineWidth = 3;
      ctx.beginPath();
      draw(k);
      ctx.stroke();
    },
  });

  // ---- the complex plane ----------------------------------------------------------------------------------------

  let limit = 2;
  plane({
    name: "complex", label: "Eigenvalues and singular values in the complex plane", when: MATRIX,
    title: bold("complex plane"),
    role: (side) => (side < 160 ? "× eigen-, ◇ singular" : side < 190 ? "× eigen-, ◇ singular val." : "× eigenvalues, ◇ singular values"),
    still(ctx, p, colours) {
      const unit = p.half / limit;
      circle(ctx, p.x, p.y, unit, { colour: colours.muted });
      text(ctx, "Im", p.x + 5, TITLE + 11, { colour: colours.muted, size: 11 });
      text(ctx, "Re", p.x + p.half - 4, p.y + 14, { colour: colours.muted, size: 11, align: "right" });
      text(ctx, "1", p.x + unit - 9, p.y + 14, { colour: colours.muted, size: 11, align: "right" });
    },
    live(ctx, p) {
      const { sigma, rho, eigenvalues } = flow();
      const wanted = span(Math.max(1, sigma[0]));
      const next = view.held() ? Math.max(limit, wanted) : wanted;
      if (next !== limit) {
        limit = next;
        p.restill();
      }
      const unit = p.half / limit;
      const { ink, bg } = view.colours;
      circle(ctx, p.x, p.y, rho * unit, { colour: ink, width: 1.5, pattern: RATE });
      circle(ctx, p.x, p.y, sigma[0] * unit, { colour: ink, width: 1.5, pattern: BOUND });
      ctx.fillStyle = bg;
      ctx.lineWidth = 1.5;
      ctx.beginPath();
      for (const v of [sigma[0], sigma[1]]) {
        const x = p.x + v * unit;
        ctx.moveTo(x - 7, p.y);
        ctx.lineTo(x, p.y - 7);
        ctx.lineTo(x + 7, p.y);
        ctx.lineTo(x, p.y + 7);
        ctx.closePath();
      }
      ctx.fill();
      ctx.stroke();
      ctx.lineWidth = 2.5;
      ctx.beginPath();
      for (const [re, im] of eigenvalues) {
        const x = p.x + re * unit;
        const y = p.y - im * unit;
        ctx.moveTo(x - 5, y - 5);
        ctx.lineTo(x + 5, y + 5);
        ctx.moveTo(x + 5, y - 5);
        ctx.lineTo(x - 5, y + 5);
      }
      ctx.stroke();
    },
  });

  // ---- the norms ------------------------------------------------------------------------------------------------

  const LEFT = 50;
  const norms = createPanel(view, {
    name: "norms", label: "The norm of the Jacobian over k steps, on a logarithmic axis, with its bound", when: [...RUN, "steps"],
    height: (width) => (width < 600 ? 282 : 252),
    still(ctx, p) {
      const { colours } = view;
      const narrow = p.width < 600;
      p.top = narrow ? 60 : 42;
      p.bottom = p.height - 40;
      p.right = p.width - 12;
      let x = letter(ctx, "∂h", "T", measured(ctx, "‖", 0, 18, { colour: colours.gradient, size: 19 }), 18, { colour: colours.gradient, size: 19 });
      x += measured(ctx, " / ", x, 18, { colour: colours.gradient, size: 16 });
      x = letter(ctx, "∂h", "T−k", x, 18, { colour: colours.gradient, size: 19 });
      x += measured(ctx, "‖", x, 18, { colour: colours.gradient, size: 19 }) + 10;
      curve(ctx, [[x, 14], [x + 42, 14]], { colour: colours.gradient, pattern: dash("gradient") });
      x += 70;
      const y = narrow ? 42 : 18;
      if (narrow) x = 0;
      x = power(ctx, x, y, "σ", "max", BOUND, driven ? "" : narrow ? ", the bound" : ", the bound of the norm") + 22;
      power(ctx, x, y, "ρ", "", RATE, narrow ? ", if linear" : ", the long run of the linear network");
      grid(ctx, { left: LEFT, right: p.right, colours, ticks: logTicks(low, high).map((e) => [normY(e), tick(e)]) });
      for (let k = 0; k <= T; k += 20) text(ctx, String(k), normX(k), p.bottom + 17, { colour: colours.muted, size: 11, align: "center" });
      const end = measured(ctx, "steps back ", LEFT, p.bottom + 34, { colour: colours.muted, size: 12 });
      text(ctx, "k", LEFT + end, p.bottom + 34, { colour: colours.muted, size: 12, style: "italic" });
    },
    live(ctx, p) {
      const { log10, sigma, rho, peak } = flow();
      const { colours } = view;
      const k = state.steps;
      ctx.fillStyle = colours.muted;
      ctx.fillRect(Math.round(normX(k)), p.top, 1, p.bottom - p.top);
      straight(ctx, sigma[0], colours.ink, BOUND);
      straight(ctx, rho, colours.ink, RATE);
      if (!has()) return;
      const points = Array.from(log10, (v, j) => [normX(j), v === -Infinity ? null : normY(v)]);
      curve(ctx, points, { colour: colours.gradient, pattern: dash("gradient") });
      if (points[k][1] !== null) curve(ctx, [points[k]], { colour: colours.gradient, width: 0, dots: 5.5 });
      const zero = log10.indexOf(-Infinity);
      if (zero > 0) text(ctx, `0 from k = ${zero} on`, normX(zero) + 6, p.bottom - 6, { colour: colours.gradient, size: 12, weight: 600 });
      if (peak > 0 && peak < T && log10[peak] > 0.05) {
        const [x, y] = points[peak];
        const words = `largest ${logText(log10[peak])} at k = ${peak}`;
        const align = peak < 25 ? "left" : peak > 75 ? "right" : "center";
        text(ctx, words, x, Math.max(p.top + 10, y - 9), { colour: colours.gradient, size: 12, weight: 600, align });
      }
    },
  });
  const normX = (k) => LEFT + (k / T) * (norms.right - LEFT);
  const normY = (log10) => norms.bottom - ((log10 - low) / (high - low)) * (norms.bottom - norms.top);

  // A legend entry: a piece of the line, a letter to the power of k, words; returns where it ends.
  function power(ctx, x, y, glyph, sub, pattern, words) {
    const { colours } = view;
    let end = legend(ctx, "", x, y, { colour: colours.ink, pattern, colours });
    end = letter(ctx, glyph, sub, end, y, { colour: colours.ink, size: 16 });
    end += 1 + measured(ctx, "k", end + 1, y - 6, { colour: colours.ink, size: 11, style: "italic" });
    return end + measured(ctx, words, end, y, { colour: colours.muted, size: 12 });
  }

  // The line of v^k, as far as it stays within the axis.
  function straight(ctx, v, colour, pattern) {
    if (!(v > 0)) return;
    const slope = Math.log10(v);
    let k = T;
    if (slope * k > high) k = high / slope;
    else if (slope * k < low) k = low / slope;
    curve(ctx, [[normX(0), normY(0)], [normX(k), normY(slope * k)]], { colour, width: 1.5, pattern });
  }

  // The axis of the norms, which the sizes of the ellipses share. While a hand is on it, it may grow, but
  // shrinks only when the hand lets go.
  function follow() {
    const { log10, sigma, rho } = flow();
    const [bottom, top] = logLimits(has() ? log10 : new Float64Array(T + 1), sigma[0], rho);
    const [l, h] = view.held() ? [Math.min(low, bottom), Math.max(high, top)] : [bottom, top];
    if (l === low && h === high) return;
    [low, high] = [l, h];
    norms.restill();
    shapes.restill();
  }

  let before = false;
  const choose = ({ x }) => view.set({ steps: Math.min(T, Math.max(1, Math.round(((x - LEFT) / (norms.right - LEFT)) * T))) }, "curve");
  draggable(view, norms.root, {
    hit: ({ y }) => (y > norms.top - 8 && !view.isLocked("steps") ? "k" : null),
    start(_, place) {
      before = choose(place);
    },
    move(_, place) {
      before = choose(place) || before;
    },
    cancel() {
      if (before) view.undo();
    },
  });
  if (!view.frozen) norms.root.classList.add("jf-across");

  return { planes, norms: norms.root, follow, pulling: columnDrag.held };
}
