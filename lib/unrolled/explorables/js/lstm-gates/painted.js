// The painted mode: the gates are the handles, c, h and the gradient follow.
import { html, px, setAttribute, setText } from "../kit/dom.js";
import { equation } from "../kit/notation.js";
import {
  createPanel, curve, dash, decades, grid, legend, letter, measured, steps, text, timeline,
} from "../kit/panel.js";
import { createReadout } from "../kit/readout.js";
import { createMarker, createSheet, paintedRow } from "../kit/rows.js";
import { button } from "../kit/view.js";
import { fixed, gradientText } from "../kit/words.js";
import { GRADIENT_FLOOR, gradientCeiling, stateLimit } from "./axes.js";
import { READ_STEP, challengeCandidate, describe, lstmTrace, score, scoreOf } from "./math.js";

const ROWS = [
  { key: "forget", quantity: "f", role: "how much of c is kept", low: 0, height: 46 },
  { key: "input", quantity: "i", role: "how much is written", low: 0, height: 46 },
  { key: "candidate", quantity: "c_tilde", role: "what is written", spoken: "candidate c tilde", low: -1, height: 56 },
  { key: "output", quantity: "o", role: "how much of c is shown", low: 0, height: 46 },
];
const ZERO = 17; // the height of the band below the log axis, for exact zeros

export function painted(view) {
  const { state } = view;
  const T = state.forget.length;
  const challenged = () => state.challenge === true;
  const coupled = () => state.variant === "coupled"; // i follows f
  const shown = (key) => {
    if (key === "candidate" && challenged()) return challengeCandidate(1, T);
    return key === "input" && coupled() ? state.forget.map((f) => 1 - f) : state[key];
  };
  let trace = null;
  let result = null;

  view.compute(() => {
    const driven = view.driven();
    if (driven) {
      trace = driven;
      result = challenged() && driven.minus && driven.c.length ? scoreOf(driven.h, driven.minus.h) : null;
    } else {
      const rows = { ...state, input: shown("input") };
      trace = lstmTrace({ ...rows, candidate: shown("candidate") });
      trace.minus = challenged() ? lstmTrace({ ...rows, candidate: challengeCandidate(-1, T) }) : null;
      result = challenged() ? score(rows) : null;
    }
  });
  view.results(() => ({ ...trace, score: result }));
  view.words(() => describe({ ...state, challenge: challenged(), driven: view.driven() }, trace, result));

  if (T >= READ_STEP) addChallenge(view, challenged, () => result);

  // ---- the picture ----------------------------------------------------------------------------------

  const picture = html("div", { class: "u-marked" });
  const marker = createMarker(view, picture, T);
  const sheet = createSheet(view, "gates");
  picture.append(sheet.root);
  for (const { role, ...row } of ROWS) {
    const follows = () => row.key === "input" && coupled();
    const locked = () => view.isLocked(row.key) || follows() || (row.key === "candidate" && challenged());
    // What the reader's own function does with a row, only the reader knows.
    const words = () => (view.driven() ? "" : role);
    const why = () => (follows() ? "follows f: i = 1 − f" : "fixed here");
    paintedRow(view, { ...row, role: words, why, values: () => shown(row.key), locked, marker, sheet });
  }

  let limit = 1;
  let ceiling = 0;
  let place = null;
  const has = () => trace.c.length === T;

  const states = createPanel(view, {
    label: "Curves of the cell state c and the hidden state h over time", name: "states",
    height: (width) => (width < 600 ? 143 : 130),
    still(ctx, panel) {
      place = timeline(panel.width, T);
      const { narrow, left, right } = place;
      const { colours } = view;
      panel.top = narrow ? 31 : 12;
      panel.tall = narrow ? 106 : 108;
      const ticks = [-limit, 0, limit].map((v) => [stateY(v), v < 0 ? `−${-v}` : String(v)]);
      grid(ctx, { left, right, ticks, colours });
      if (narrow) {
        const { c, h } = view.colours;
        letter(ctx, "c", "t", left, 17, { colour: c, size: 20 });
        let x = legend(ctx, "cell state", left + 24, 16, { colour: c, pattern: dash("c"), colours }) + 18;
        letter(ctx, "h", "t", x, 17, { colour: h, size: 20 });
        legend(ctx, right - x > 140 ? "hidden state" : "hidden", x + 24, 16, { colour: h, pattern: dash("h"), colours });
      } else {
        named(ctx, "c", "t", "cell state", panel.height / 2 - 27, colours);
        named(ctx, "h", "t", "hidden state", panel.height / 2 + 23, colours);
      }
      if (challenged()) drawRead(ctx, panel.height, true);
    },
    live(ctx, panel) {
      const { c, h, minus } = trace;
      // While a hand is painting the axis may grow, but shrinks only when it lets go.
      const wanted = stateLimit([state.c0, ...c, ...h, ...(minus ? [...minus.c, ...minus.h] : [])]);
      const next = view.held() ? Math.max(limit, wanted) : wanted;
      if (next !== limit || challenged() !== panel.challenged) {
        limit = next;
        panel.challenged = challenged();
        panel.restill();
      }
      const { colours } = view;
      const points = (series) => series.map((v, k) => [place.x(k + 1), stateY(v)]);
      const start = [[place.x(0.5), stateY(state.c0)]];
      if (minus) {
        curve(ctx, [...start, ...points(minus.c)], { colour: colours.c, width: 1, pattern: dash("c") });
        curve(ctx, points(minus.h), { colour: colours.h, width: 1, pattern: dash("h") });
      }
      if (!has()) return;
      const dots = place.step > 9 ? 3 : 0;
      curve(ctx, [...start, ...points(c)], { colour: colours.c, pattern: dash("c") });
      curve(ctx, points(c), { colour: colours.c, width: 0, dots });
      curve(ctx, points(h), { colour: colours.h, pattern: dash("h"), dots });
    },
  });
  const stateY = (v) => states.top + states.tall / 2 - (v / limit) * (states.tall / 2 - 4);

  // A name on the left: letter, words, a piece of the curve.
  function named(ctx, quantity, sub, words, y, colours) {
    letter(ctx, quantity, sub, 2, y, { colour: colours[quantity] });
    text(ctx, words, 32, y - 1, { colour: colours.ink, weight: 600 });
    curve(ctx, [[32, y + 11], [76, y + 11]], { colour: colours[quantity], pattern: dash(quantity) });
  }

  function drawRead(ctx, height, words) {
    const x = place.x(READ_STEP - 0.5);
    ctx.strokeStyle = view.colours.muted;
    ctx.lineWidth = 1;
    ctx.setLineDash([2, 3]);
    ctx.strokeRect(x + 0.5, -2, place.step - 1, height + 4);
    ctx.setLineDash([]);
    if (words) text(ctx, "read", place.x(READ_STEP), height - 3, { colour: view.colours.muted, size: 11, align: "center" });
  }

  const slope = createPanel(view, {
    label: "Gradient of the last cell state with respect to each earlier one, direct path, gates held fixed, on a logarithmic axis",
    name: "gradient",
    height: (width) => (width < 600 ? 196 : 152),
    still(ctx, panel) {
      const { narrow, left, right } = place;
      const { colours } = view;
      panel.top = narrow ? 34 : 8;
      panel.bottom = panel.top + (narrow ? 99 : 95);
      ctx.fillStyle = colours.track;
      ctx.fillRect(left, panel.bottom + 5, right - left, ZERO);
      grid(ctx, { left, right, colours, ticks: decades(GRADIENT_FLOOR, ceiling, 4).map(([e, label]) => [slopeY(e), label]) });
      text(ctx, "0", left - 6, panel.bottom + 18, { colour: colours.muted, size: 11, align: "right" });
      const name = (x, y) => {
        let end = letter(ctx, "∂c", "T", x, y, { colour: colours.gradient, size: narrow ? 20 : 21 });
        end += measured(ctx, " / ", end, y, { colour: colours.gradient, size: 18 });
        return letter(ctx, "∂c", "t", end, y, { colour: colours.gradient, size: narrow ? 20 : 21 });
      };
      if (narrow) {
        const end = name(left, 19);
        text(ctx, right - end > 250 ? "gradient: direct path, gates held fixed" : "direct path, gates held fixed", right, 18, { colour: colours.muted, size: 12, align: "right" });
      } else {
        const middle = panel.top + 48;
        text(ctx, "gradient", name(2, middle - 22) + 10, middle - 23, { colour: colours.ink, weight: 600 });
        curve(ctx, [[32, middle - 8], [76, middle - 8]], { colour: colours.gradient, pattern: dash("gradient") });
        text(ctx, "direct path,", 32, middle + 12, { colour: colours.muted, size: 12 });
        text(ctx, "gates held fixed", 32, middle + 28, { colour: colours.muted, size: 12 });
      }
      steps(ctx, place, panel.bottom + ZERO + 20, colours);
    },
    live(ctx, panel) {
      const { gradient } = trace;
      const next = gradientCeiling(gradient);
      if (next !== ceiling) {
        ceiling = next;
        panel.restill();
      }
      if (!has()) return;
      const colour = view.colours.gradient;
      const points = gradient.map((g, k) => [place.x(k + 1), g === 0 ? null : slopeY(Math.max(GRADIENT_FLOOR, Math.log10(Math.abs(g))))]);
      const small = (k) => gradient[k] !== 0 && Math.abs(gradient[k]) < 10 ** GRADIENT_FLOOR;
      curve(ctx, points, { colour, pattern: dash("gradient") });
      curve(ctx, points.filter((_, k) => !small(k)), { colour, width: 0, dots: place.step > 9 ? 3 : 0 });
      ctx.fillStyle = colour;
      ctx.strokeStyle = colour;
      points.forEach(([x, y], k) => {
        if (gradient[k] === 0) text(ctx, "0", x, panel.bottom + 18, { colour, size: 12.5, weight: 700, align: "center" });
        else if (small(k)) {
          ctx.beginPath();
          ctx.moveTo(x - 4, y - 3);
          ctx.lineTo(x + 4, y - 3);
          ctx.lineTo(x, y + 4);
          ctx.fill();
        }
        if (gradient[k] < 0) ctx.fillRect(x - 5, y - 8, 10, 2);
      });
    },
  });
  const slopeY = (e) => slope.bottom - ((e - GRADIENT_FLOOR) * (slope.bottom - slope.top)) / (ceiling - GRADIENT_FLOOR);
  picture.append(states.root, slope.root);

  // ---- the numbers of one step --------------------------------------------------------------------------

  const readout = createReadout(view, {
    T, step: () => marker.selected, kind: () => `${Boolean(view.driven())} ${coupled()}`, formats: { gradient: gradientText },
    lines: () => (view.driven()
      ? [
          ["(c_t, h_t)", "= update(f_t, i_t, c~_t, o_t, c_{t−1})", "= update({f}, {i}, {c_tilde}, {o}, {c_prev}) = ({c}, {h})"],
          ["∂c_T / ∂c_t", "= product, over all later steps, of ∂c_s / ∂c_{s−1}", "= {gradient}"],
        ]
      : [
          ["c_t", coupled() ? "= f_t c_{t−1} + (1 − f_t) c~_t" : "= f_t c_{t−1} + i_t c~_t", "= {f} × {c_prev} + {i} × {c_tilde} = {c}"],
          ["h_t", "= o_t tanh c_t", "= {o} × tanh {c} = {h}"],
          ["∂c_T / ∂c_t", "= f_{t+1} ⋯ f_T", "= {gradient}"],
        ]),
    values(step) {
      const k = step - 1;
      return {
        f: state.forget[k], i: shown("input")[k], c_tilde: shown("candidate")[k], o: state.output[k],
        c_prev: k === 0 ? state.c0 : trace.c[k - 1], c: trace.c[k], h: trace.h[k], gradient: trace.gradient[k],
      };
    },
  });
  view.body.append(picture, readout);
}

// The challenge: its button, its words, its score.
function addChallenge(view, challenged, result) {
  const toggle = button("challenge", { "aria-pressed": "false" });
  view.actions.append(toggle);
  view.on(toggle, "click", () => view.set({ challenge: view.state.challenge !== true }));
  const number = html("strong", { class: "u-score", "data-q": "score" });
  const parts = html("span", { class: "u-parts" });
  const bar = html("div", { class: "u-meter-fill" });
  const words = html("div", { class: "u-task-words" });
  const scored = html(
    "div", {},
    html(
      "div", { class: "u-scoreline" },
      html("span", {}, "Score ", number, " of 100"),
      html("div", { class: "u-meter", "aria-hidden": "true" }, bar),
      parts,
    ),
    html(
      "p", {}, html("strong", {}, "Carry the first bit for 20 steps, then read it out."),
      " The candidate is fixed: a bit at step 1 (+1; the thin lines show the same gates with −1), then distractors.",
      ` Keep h silent up to step ${READ_STEP - 1}; at step ${READ_STEP} it should tell the bit.`,
    ),
    html(
      "p", { class: "u-fine" },
      ...equation("score = 100 × read-out × quiet; read-out = |h_{21}(+1) − h_{21}(−1)| / (2 tanh 1);"),
      ...equation(" quiet = 1 − mean |h_{1…20}| / tanh 1, of the louder run."),
    ),
    html(
      "details", {}, html("summary", {}, "How the gates solve it"),
      html(
        "p", {},
        ...equation("Open i_t at step 1 only: it writes the bit and lets no distractor in. Hold f_t at 1 from step 2 on: it keeps the bit. "),
        ...equation("Keep o_t at 0 up to step 20 and open it at step 21: the bit stays hidden in c_t until it is read."),
      ),
    ),
  );
  const task = view.ownTask();
  task.setAttribute("aria-label", "Challenge");
  task.append(words, scored);
  view.add({
    draw() {
      const { challenge } = view.state;
      toggle.disabled = view.frozen;
      setAttribute(toggle, "aria-pressed", challenged());
      task.hidden = challenge === false || challenge === "";
      words.hidden = challenged();
      scored.hidden = !challenged();
      setText(words, typeof challenge === "string" ? challenge : "");
      if (result()) bar.style.transform = `scaleX(${px(result().score / 100)})`;
    },
    text() {
      const now = result();
      if (!now) return;
      setText(number, String(Math.floor(now.score)));
      setAttribute(number, "data-value", now.score);
      setText(parts, `read-out ${Math.round(100 * now.read)} % × quiet ${Math.round(100 * now.quiet)} %`);
    },
  });
}
