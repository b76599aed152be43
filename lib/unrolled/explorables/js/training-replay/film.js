// The picture of a film: above the training of all runs, below one sequence at the moment of the playhead.
import { choice, slider } from "../kit/controls.js";
import { html, setAttribute, setText } from "../kit/dom.js";
import { createPanel, curve, decades, draggable, grid, measured, text, timeline } from "../kit/panel.js";
import { fixed, gradientText } from "../kit/words.js";
import { CURVES, FASTEST, GATES, SLOWEST, STATES, arrayOf, momentOf } from "./math.js";
import { createPlayer } from "./player.js";
import { createSequence } from "./sequence.js";
import { describe, errorText, lossRange, title, updateTicks } from "./words.js";

const DASHES = [[2, 3], [7, 3], [], [9, 3, 2, 3], [4, 2], [12, 4]]; // the runs, in their order

export function film(view, films) {
  const { state } = view;
  const names = Object.keys(films);
  const { frames, settings } = films[names[0]];
  const F = frames.length;
  const updates = settings.updates;
  const now = () => films[state.cell];
  let moment = null;
  let sequence = null;

  view.compute((changed) => {
    moment = momentOf(now(), state.frame);
    if (!changed.has("cell")) return;
    training.restill();
    sequence.restill();
  });
  view.words(() => describe(now(), moment));
  view.results(() => ({
    ...moment,
    ...Object.fromEntries([...GATES, ...STATES, ...CURVES].filter((key) => key in moment).map((key) => [key, [...moment[key]]])),
  }));

  // ---- controls -----------------------------------------------------------------------------------------

  const player = createPlayer(view, F);
  const scrub = slider(view, {
    key: "frame", name: "Frame: updates of training", text: "update", min: 0, max: F - 1, step: 1, format: (k) => `${frames[k]} of ${updates}`,
  });
  scrub.classList.add("u-scrub");
  view.on(scrub.querySelector("input"), "input", () => view.set({ playing: false }, "slider:frame"));
  const speed = slider(view, {
    key: "speed", name: "Speed, frames a second", text: "speed", min: SLOWEST, max: FASTEST, step: 1, format: (v) => `${Math.round(v)} a second`,
  });
  speed.classList.add("u-speed");
  const runs = names.length > 1
    ? choice(view, { key: "cell", name: "The run whose sequence is shown", options: names.map((name) => ({ value: name, text: title(name) })) })
    : null;
  if (runs) view.toolbar.firstChild.append(runs);
  view.body.append(html("div", { class: "u-film-row" }, player.root, scrub, speed));

  // ---- the training of all runs ---------------------------------------------------------------------------

  const losses = lossRange(films);
  const training = createPanel(view, {
    label: "", name: "training", when: ["frame", "cell"],
    height: (width) => (width < 600 ? 300 : 244),
    still(ctx, panel) {
      const { colours } = view;
      const place = timeline(panel.width, settings.T);
      const { narrow, left, right } = place;
      const one = now();
      panel.x = (u) => left + ((right - left) * u) / updates;
      panel.left = left;
      panel.right = right;
      panel.loss = narrow ? [46, 150] : [12, 120]; // from, to
      panel.norm = narrow ? [190, 262] : [142, 212];
      panel.lossY = scale(losses, panel.loss);
      const ends = [one.arrays.gradient_norm.low, one.arrays.gradient_norm.high];
      panel.normY = scale(ends, panel.norm);

      grid(ctx, { left, right, colours, ticks: decades(Math.ceil(losses[0]), Math.floor(losses[1]), 5).map(([e, label]) => [panel.lossY(e), label]) });
      const base = panel.lossY(Math.log10(Math.max(one.baseline, 10 ** losses[0])));
      curve(ctx, [[left, base], [right, base]], { colour: colours.muted, pattern: [5, 4], width: 1.5 });
      for (const name of [...names.filter((other) => other !== state.cell), state.cell]) {
        const line = films[name];
        curve(ctx, line.frames.map((u, k) => [panel.x(u), panel.lossY(Math.log10(Math.max(line.loss[k], 10 ** losses[0])))]), style(name));
      }
      const guess = `guessing the mean: ${errorText(one.baseline)}`;
      text(ctx, guess, right, base - 6, { colour: colours.muted, size: 11, align: "right" });

      grid(ctx, { left, right, colours, ticks: decades(...ends, 4).map(([e, label]) => [panel.normY(e), label]) });
      const norms = arrayOf(one, "gradient_norm");
      curve(ctx, Array.from(norms, (v, u) => [panel.x(u), panel.normY(v)]), { colour: colours.gradient, width: 1 });
      const { clip } = one.settings;
      const clipped = clip === null ? "" : `clipped at ${clip}`;
      if (clip !== null) {
        const y = panel.normY(Math.log10(clip));
        if (y >= panel.norm[0] && y <= panel.norm[1]) curve(ctx, [[left, y], [right, y]], { colour: colours.ink, pattern: [2, 2], width: 1 });
      }

      if (narrow) {
        const words = measured(ctx, "error", left, 15, { colour: colours.ink, weight: 600 });
        text(ctx, "on fresh sequences", left + words + 8, 15, { colour: colours.muted, size: 12 });
        let x = left;
        names.forEach((name) => {
          curve(ctx, [[x, 29], [x + 24, 29]], style(name));
          x += 30 + measured(ctx, title(name), x + 30, 33, { colour: colours.ink, size: 12, weight: name === state.cell ? 600 : 400 }) + 16;
        });
        const end = left + measured(ctx, "gradient norm", left, 180, { colour: colours.ink, weight: 600 });
        text(ctx, [title(state.cell), clipped].filter(Boolean).join(", "), end + 10, 180, { colour: colours.muted, size: 12 });
      } else {
        const end = measured(ctx, "error", 2, 24, { colour: colours.ink, weight: 600 });
        text(ctx, "on fresh sequences", end + 8, 24, { colour: colours.muted, size: 12 });
        names.forEach((name, k) => {
          const y = 47 + 19 * k;
          curve(ctx, [[2, y - 4], [40, y - 4]], style(name));
          text(ctx, title(name), 50, y, { colour: colours.ink, weight: name === state.cell ? 600 : 400 });
        });
        text(ctx, "gradient norm", 2, 158, { colour: colours.ink, weight: 600 });
        text(ctx, `${title(state.cell)}, all parameters`, 2, 176, { colour: colours.muted, size: 12 });
        text(ctx, clipped, 2, 192, { colour: colours.muted, size: 12 });
      }
      const y = panel.norm[1] + 19;
      for (const u of updateTicks(updates, narrow ? 4.5 : 6.5)) {
        text(ctx, String(u), panel.x(u), y, { colour: colours.muted, size: 11, align: u === updates ? "right" : "center" });
      }
      if (narrow) text(ctx, "updates", (left + right) / 2, y + 15, { colour: colours.muted, size: 12, align: "center" });
      else text(ctx, "updates", left - 12, y, { colour: colours.muted, size: 12, align: "right" });
      panel.describe(`Error of ${names.map(title).join(", ")} on fresh sequences, and the gradient norm of ${title(state.cell)}, over ${updates} updates, on logarithmic axes`);
    },
    live(ctx, panel) {
      const { colours } = view;
      const x = Math.round(panel.x(moment.update)) + 0.5;
      ctx.strokeStyle = colours.focus;
      ctx.lineWidth = 1.5;
      ctx.beginPath();
      ctx.moveTo(x, panel.loss[0] - 8);
      ctx.lineTo(x, panel.loss[1] + 4);
      ctx.moveTo(x, panel.norm[0] - 4);
      ctx.lineTo(x, panel.norm[1] + 4);
      ctx.stroke();
      ctx.fillStyle = colours.focus;
      ctx.beginPath();
      ctx.moveTo(x - 6, panel.loss[0] - 10);
      ctx.lineTo(x + 6, panel.loss[0] - 10);
      ctx.lineTo(x, panel.loss[0] - 2);
      ctx.fill();
      for (const name of names) {
        const chosen = name === state.cell;
        const y = panel.lossY(Math.log10(Math.max(films[name].loss[state.frame], 10 ** losses[0])));
        dot(ctx, x, y, chosen ? 4.5 : 3, chosen ? colours.ink : colours.muted, colours.bg);
      }
      dot(ctx, x, panel.normY(Math.log10(moment.gradient_norm)), 4, colours.gradient, colours.bg);
    },
  });
  training.root.classList.add("u-training");
  const style = (name) => {
    const chosen = name === state.cell;
    return { colour: chosen ? view.colours.ink : view.colours.muted, pattern: DASHES[names.indexOf(name)], width: chosen ? 2.5 : 1.5 };
  };

  // The hand on the curves moves the playhead: to the frame that is nearest.
  const frameAt = ({ x }) => {
    const u = (updates * (x - training.left)) / (training.right - training.left);
    let best = 0;
    for (let k = 1; k < F; k++) if (Math.abs(frames[k] - u) < Math.abs(frames[best] - u)) best = k;
    return best;
  };
  let before = null;
  draggable(view, training.root, {
    hit: ({ x, y }) => (view.isLocked("frame") || x < training.left - 8 || y > training.norm[1] + 8 ? null : "frame"),
    start(_, at) {
      before = { frame: state.frame, playing: state.playing };
      player.go(frameAt(at), "scrub");
    },
    move: (_, at) => player.go(frameAt(at), "scrub"),
    cancel: () => view.set(before, "scrub"),
  });
  view.body.append(training.root);

  // ---- the numbers of the moment ----------------------------------------------------------------------------

  const field = (name, words) => {
    const number = html("b", { class: "u-number", "data-q": name });
    return [number, html("span", { class: "u-now-field" }, html("span", { class: "u-now-words" }, ...words), " ", number)];
  };
  const heading = html("span", { class: "u-now-title" });
  const [error, errorField] = field("loss", ["error"]);
  const [norm, normField] = field("gradient_norm", ["gradient norm"]);
  const [reads, readsField] = field("prediction", [html("span", { class: "u-wide" }, "this sequence: "), "reads"]);
  const [right, rightField] = field("target", ["right is"]);
  norm.classList.add("u-c-gradient");
  view.body.append(html("div", { class: "u-now" }, heading, errorField, normField, readsField, rightField));
  view.add({
    text() {
      setText(heading, `${title(state.cell)}, ${moment.update} updates`);
      for (const [element, value, shown] of [
        [error, moment.loss, errorText(moment.loss)], [norm, moment.gradient_norm, gradientText(moment.gradient_norm)],
        [reads, moment.prediction, fixed(moment.prediction)], [right, moment.target, fixed(moment.target)],
      ]) {
        setText(element, shown);
        setAttribute(element, "data-value", value);
      }
    },
  });

  sequence = createSequence(view, films, () => moment);
  view.body.append(sequence.root);
}

function scale([low, high], [top, bottom]) {
  return (v) => bottom - ((v - low) * (bottom - top)) / (high - low);
}

// A dot with a rim, so that it stands out from curves.
function dot(ctx, x, y, radius, colour, rim) {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 6.2832);
  ctx.fillStyle = colour;
  ctx.fill();
  ctx.strokeStyle = rim;
  ctx.lineWidth = 1.5;
  ctx.stroke();
}
