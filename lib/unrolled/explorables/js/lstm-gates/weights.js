// The weights mode: weights and inputs are the handles; gates, c, h and both gradients follow.
import palette from "../../../palette.json";
import { numberField, slider } from "../kit/controls.js";
import { html, setText } from "../kit/dom.js";
import { colourClass, equation } from "../kit/notation.js";
import { createPanel, curve, dash, decades, grid, legend, letter, measured, steps, text, timeline } from "../kit/panel.js";
import { createReadout } from "../kit/readout.js";
import { createMarker, paintedRow } from "../kit/rows.js";
import { fixed, gradientText } from "../kit/words.js";
import { GRADIENT_FLOOR, gradientCeiling, stateLimit } from "./axes.js";
import { INPUT_LIMIT, VARIANTS, WEIGHT_LIMIT, countText, describeWeights, parameterCount, weightsTrace } from "./weights-math.js";

const GATES = [
  { gate: "f", quantity: "f", symbol: "f_t", role: "how much of c is kept", low: 0 },
  { gate: "i", quantity: "i", symbol: "i_t", role: "how much is written", low: 0 },
  { gate: "c", quantity: "c_tilde", symbol: "c~_t", role: "what is written", low: -1 },
  { gate: "o", quantity: "o", symbol: "o_t", role: "how much of c is shown", low: 0 },
];

export function weights(view) {
  const { state } = view;
  const T = state.x.length;
  let trace = null;

  view.compute(() => {
    trace = view.driven() ?? weightsTrace(state.variant, state, state.x, state.c0);
  });
  view.results(() => ({ ...trace }));
  view.words(() => describeWeights({ ...state, driven: view.driven() }, trace));
  const has = () => trace.c.length === T;

  const picture = html("div", { class: "u-marked" });
  const marker = createMarker(view, picture, T);
  const colour = "ink";
  picture.append(
    paintedRow(view, {
      key: "x", symbol: "x", colour, title: "input", role: () => "what comes in", low: -INPUT_LIMIT, high: INPUT_LIMIT, height: 46, marker,
    }).root,
    stack(view, {
      label: "Bars of the gates and the candidate at every step, which follow from the weights and the input; curves of the cell state c and "
        + "the hidden state h; the gradient of the last cell state with respect to each earlier one, the total and the direct path, on a logarithmic axis",
      name: "consequences",
    }, [gatesPart(view, T, () => trace), statesPart(view, T, () => trace), gradientPart(view, T, () => trace, has)]).root,
  );
  view.body.append(sliders(view), picture, readout(view, marker, T, () => trace), counts(view));
}

// ---- the weights ---------------------------------------------------------------------------------------

function sliders(view) {
  const { state } = view;
  const rows = GATES.map(({ gate, quantity, symbol }) => {
    const { name } = palette[quantity];
    const one = (key, notation, words) =>
      slider(view, { key, name: `${name}: ${words}`, symbol: notation, min: -WEIGHT_LIMIT, max: WEIGHT_LIMIT, step: 0.1 });
    const peephole = gate === "c" ? null : one(`p_${gate}`, `p_${gate}`, "peephole");
    const moved = [one(`w_${gate}x`, `w_{${gate}x}`, "weight of x"), one(`w_${gate}h`, `w_{${gate}h}`, "weight of h"), one(`b_${gate}`, `b_${gate}`, "bias")];
    const follows = gate === "i" ? html("div", { class: "u-follows" }, ...equation("= 1 − f_t: it follows f")) : null;
    const element = html(
      "div", { class: `u-gate ${colourClass(quantity)}`, role: "group", "aria-label": name },
      html("span", { class: "u-gate-name", "aria-hidden": "true" }, ...equation(symbol)), ...moved, peephole, follows,
    );
    return { gate, element, moved, peephole, follows };
  });
  const root = html("div", { class: "u-weights" }, ...rows.map((row) => row.element));
  view.add({
    draw(changed) {
      if (!changed.has("variant") && !changed.has("layout")) return;
      root.classList.toggle("u-peepholes", state.variant === "peephole");
      for (const { gate, moved, peephole, follows } of rows) {
        const coupled = gate === "i" && state.variant === "coupled";
        for (const element of moved) element.hidden = coupled;
        if (peephole) peephole.hidden = state.variant !== "peephole";
        if (follows) follows.hidden = !coupled;
      }
    },
  });
  return root;
}

// ---- what the gates make of it ----------------------------------------------------------------------------

// Parts of a picture one under the other on one canvas: each canvas in the page takes its time.
function stack(view, { label, name }, parts) {
  const within = (ctx, panel, draw) => {
    let top = 0;
    for (const part of parts) {
      ctx.save();
      ctx.translate(0, top);
      draw(part);
      ctx.restore();
      top += part.height(panel.width);
    }
  };
  return createPanel(view, {
    label, name,
    height: (width) => parts.reduce((sum, part) => sum + part.height(width), 0),
    still: (ctx, panel) => within(ctx, panel, (part) => part.still(ctx, panel)),
    live: (ctx, panel, changed) => within(ctx, panel, (part) => part.live(ctx, panel, changed)),
  });
}

function gatesPart(view, T, now) {
  const TALL = 34;
  let place = null;
  let scales = [];
  return {
    height: (width) => (width < 600 ? 6 : 12) + GATES.length * (TALL + (width < 600 ? 26 : 13)),
    still(ctx, panel) {
      const { colours } = view;
      place = timeline(panel.width, T);
      const { narrow, left, right } = place;
      const gap = narrow ? 26 : 13;
      scales = GATES.map(({ low }, k) => {
        const top = k * (TALL + gap) + (narrow ? gap : 13);
        return (v) => top + (TALL * (1 - v)) / (1 - low);
      });
      GATES.forEach(({ quantity, role, low }, k) => {
        const y = scales[k];
        ctx.fillStyle = colours.track;
        ctx.fillRect(left, y(1), right - left, TALL);
        grid(ctx, { left, right, colours, ticks: (low < 0 ? [-1, 1] : [0, 1]).map((v) => [y(v), v < 0 ? "−1" : String(v)]) });
        if (low < 0) grid(ctx, { left, right, colours, ticks: [[y(0), ""]] });
        const { name } = palette[quantity];
        const words = quantity === "i" && view.state.variant === "coupled" ? "1 − f: it follows f" : role;
        if (narrow) {
          letter(ctx, quantity, "t", left, y(1) - 7, { colour: colours[quantity], size: 20 });
          measured(ctx, name, left + 24, y(1) - 8, { colour: colours.ink, weight: 600 });
          if (panel.width > 340) text(ctx, words, right, y(1) - 8, { colour: colours.muted, size: 12, align: "right" });
        } else {
          const middle = (y(1) + y(low)) / 2;
          letter(ctx, quantity, "t", 2, middle + 1, { colour: colours[quantity] });
          text(ctx, name, 32, middle - 1, { colour: colours.ink, weight: 600 });
          text(ctx, words, 32, middle + 14, { colour: colours.muted, size: 12 });
        }
      });
    },
    live(ctx, panel, changed) {
      if (changed.has("variant")) panel.restill();
      const { left, step, narrow } = place;
      const gap = narrow ? 1 : 2;
      const wide = Math.max(1, step - 2 * gap);
      GATES.forEach(({ quantity }, k) => {
        const y = scales[k];
        const zero = y(0);
        ctx.fillStyle = view.colours[quantity];
        now()[quantity].forEach((v, n) => {
          const tall = Math.max(2, Math.abs(y(v) - zero)); // a bar of 0 is still a line
          ctx.fillRect(left + n * step + gap, v < 0 ? zero : zero - tall, wide, tall);
        });
      });
    },
  };
}

// ---- what follows from them ---------------------------------------------------------------------------------

// A name on the left: letter, words, a piece of the curve.
function named(ctx, quantity, y, colours) {
  letter(ctx, quantity, "t", 2, y, { colour: colours[quantity] });
  text(ctx, palette[quantity].name, 32, y - 1, { colour: colours.ink, weight: 600 });
  curve(ctx, [[32, y + 11], [76, y + 11]], { colour: colours[quantity], pattern: dash(quantity) });
}

function statesPart(view, T, now) {
  let place = null;
  let limit = 1;
  let top = 0;
  let tall = 0;
  const y = (v) => top + tall / 2 - (v / limit) * (tall / 2 - 4);
  const height = (width) => (width < 600 ? 143 : 122);
  return {
    height,
    still(ctx, { width }) {
      const { colours } = view;
      place = timeline(width, T);
      const { narrow, left, right } = place;
      top = narrow ? 31 : 10;
      tall = narrow ? 106 : 102;
      grid(ctx, { left, right, colours, ticks: [-limit, 0, limit].map((v) => [y(v), v < 0 ? `−${-v}` : String(v)]) });
      if (narrow) {
        letter(ctx, "c", "t", left, 17, { colour: colours.c, size: 20 });
        const x = legend(ctx, "cell state", left + 24, 16, { colour: colours.c, pattern: dash("c"), colours }) + 18;
        letter(ctx, "h", "t", x, 17, { colour: colours.h, size: 20 });
        legend(ctx, right - x > 140 ? "hidden state" : "hidden", x + 24, 16, { colour: colours.h, pattern: dash("h"), colours });
      } else {
        named(ctx, "c", height(width) / 2 - 25, colours);
        named(ctx, "h", height(width) / 2 + 22, colours);
      }
    },
    live(ctx, panel) {
      const { c, h } = now();
      const { c0 } = view.state;
      // While a hand moves a handle the axis may grow, but shrinks only when it lets go.
      const wanted = stateLimit([c0, ...c, ...h]);
      const next = view.held() ? Math.max(limit, wanted) : wanted;
      if (next !== limit) {
        limit = next;
        panel.restill();
      }
      if (c.length === 0) return;
      const { colours } = view;
      const points = (series) => series.map((v, k) => [place.x(k + 1), y(v)]);
      const dots = place.step > 9 ? 3 : 0;
      curve(ctx, [[place.x(0.5), y(c0)], ...points(c)], { colour: colours.c, pattern: dash("c") });
      curve(ctx, points(c), { colour: colours.c, width: 0, dots });
      curve(ctx, points(h), { colour: colours.h, pattern: dash("h"), dots });
    },
  };
}

function gradientPart(view, T, now, has) {
  let place = null;
  let ceiling = 0;
  let top = 0;
  let bottom = 0;
  const y = (e) => bottom - ((e - GRADIENT_FLOOR) * (bottom - top)) / (ceiling - GRADIENT_FLOOR);
  return {
    height: (width) => (width < 600 ? 184 : 150),
    still(ctx, { width }) {
      const { colours } = view;
      place = timeline(width, T);
      const { narrow, left, right } = place;
      top = narrow ? 34 : 10;
      bottom = top + (narrow ? 108 : 112);
      grid(ctx, { left, right, colours, ticks: decades(GRADIENT_FLOOR, ceiling, 5).map(([e, label]) => [y(e), label]) });
      const name = (x, at) => {
        const options = { colour: colours.gradient, size: narrow ? 20 : 21 };
        let end = letter(ctx, "∂c", "T", x, at, options);
        end += measured(ctx, " / ", end, at, { colour: colours.gradient, size: 18 });
        return letter(ctx, "∂c", "t", end, at, options);
      };
      const total = { colour: colours.gradient, pattern: dash("gradient"), colours };
      const direct = { colour: colours.f, pattern: dash("f"), colours };
      if (narrow) {
        const x = legend(ctx, "total", name(left, 19) + 14, 18, total) + 12;
        legend(ctx, right - x > 112 ? "direct path" : "direct", x, 18, direct);
      } else {
        const middle = top + 52;
        text(ctx, "gradient", name(2, middle - 26) + 10, middle - 27, { colour: colours.ink, weight: 600 });
        legend(ctx, "total", 32, middle - 3, { ...total, long: 44 });
        legend(ctx, "direct path", 32, middle + 18, { ...direct, long: 44 });
        text(ctx, "gates held fixed", 32, middle + 35, { colour: colours.muted, size: 12 });
        text(ctx, "bar above: negative", 32, middle + 52, { colour: colours.muted, size: 12 });
      }
      steps(ctx, place, bottom + 20, colours);
    },
    live(ctx, panel) {
      const { gradient, direct } = now();
      const wanted = gradientCeiling([...gradient, ...direct]);
      const next = view.held() ? Math.max(ceiling, wanted) : wanted;
      if (next !== ceiling) {
        ceiling = next;
        panel.restill();
      }
      if (!has()) return;
      for (const [values, quantity] of [[direct, "f"], [gradient, "gradient"]]) {
        const colour = view.colours[quantity];
        const points = values.map((g, k) => [place.x(k + 1), y(g === 0 ? GRADIENT_FLOOR : Math.max(GRADIENT_FLOOR, Math.log10(Math.abs(g))))]);
        curve(ctx, points, { colour, pattern: dash(quantity) });
        // What lies below the axis has no dot.
        const inside = points.filter((_, k) => Math.abs(values[k]) >= 10 ** GRADIENT_FLOOR);
        curve(ctx, inside, { colour, width: 0, dots: place.step > 9 ? 3 : 0 });
        ctx.fillStyle = colour;
        values.forEach((g, k) => {
          if (g < 0) ctx.fillRect(points[k][0] - 5, points[k][1] - 8, 10, 2);
        });
      }
    },
  };
}

// ---- numbers ------------------------------------------------------------------------------------------------

function readout(view, marker, T, now) {
  const { state } = view;
  const before = (key, step, first) => (step === 1 ? first : now()[key][step - 2]);
  const peeps = (gate) => state.variant === "peephole" && gate !== "c";
  const inside = (gate) =>
    `w_{${gate}x} x_t + w_{${gate}h} h_{t−1} + ${peeps(gate) ? `p_${gate} c_{t${gate === "o" ? "" : "−1"}} + ` : ""}b_${gate}`;
  const line = ({ gate, quantity, symbol }) => {
    if (gate === "i" && state.variant === "coupled") return [symbol, "= 1 − f_t", `= 1 − {f} = {i}`];
    const f = gate === "c" ? "tanh" : "σ";
    return [symbol, `= ${f}(${inside(gate)})`, `= ${f}({a_${gate}}) = {${quantity}}`];
  };
  const root = createReadout(view, {
    T, step: () => marker.selected, kind: () => `${Boolean(view.driven())} ${state.variant}`,
    formats: { gradient: gradientText, direct: gradientText },
    lines: () => [
      ...(view.driven()
        ? [
          ["f_t, i_t, c~_t, o_t", "", "= {f}, {i}, {c_tilde}, {o}"],
          ["(h_t, c_t)", "= step(p, (h_{t−1}, c_{t−1}), x_t)", "= step(p, ({h_prev}, {c_prev}), {x}) = ({h}, {c})"],
        ]
        : [
          ...GATES.map(line),
          ["c_t", "= f_t c_{t−1} + i_t c~_t", "= {f} × {c_prev} + {i} × {c_tilde} = {c}"],
          ["h_t", "= o_t tanh c_t", "= {o} × tanh {c} = {h}"],
        ]),
      ["∂c_T / ∂c_t", "in total, by every way", "= {gradient}"],
      ["f_{t+1} ⋯ f_T", "along the direct path alone, gates held fixed", "= {direct}"],
    ],
    values(step) {
      const k = step - 1;
      const x = state.x[k];
      const numbers = { x, h_prev: before("h", step, 0), c_prev: before("c", step, state.c0) };
      for (const key of Object.keys(now())) numbers[key] = now()[key][k];
      for (const { gate } of GATES) {
        const peephole = peeps(gate) ? state[`p_${gate}`] * (gate === "o" ? numbers.c : numbers.c_prev) : 0;
        numbers[`a_${gate}`] = state[`w_${gate}x`] * x + state[`w_${gate}h`] * numbers.h_prev + peephole + state[`b_${gate}`];
      }
      return numbers;
    },
  });
  root.classList.add("u-readout-weights");
  return root;
}

// How many parameters a layer has: D and H to type, three cells to compare.
function counts(view) {
  const { state } = view;
  const NAMES = { lstm: "LSTM", peephole: "with peepholes", coupled: "coupled" };
  const words = html("p", {});
  const all = html("p", { class: "u-fine" });
  const field = (key, name) => numberField(view, { key, name, symbol: key, min: 1, max: 1000, step: 1, whole: true });
  view.add({
    text() {
      setText(words, countText(state.variant, state.D, state.H));
      setText(all, `${Object.keys(VARIANTS).map((name) => `${NAMES[name]} ${parameterCount(name, state.D, state.H)}`).join(" · ")}`);
    },
  });
  return html(
    "div", { class: "u-counts", role: "group", "aria-label": "Parameters of a layer" },
    field("D", "inputs D"), field("H", "hidden units H"), html("div", { class: "u-count-words" }, words, all),
  );
}
