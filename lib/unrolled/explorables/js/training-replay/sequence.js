// One sequence at the moment of the playhead: its inputs, the gates and states of some units, and how the
// gradient goes back. Every run has the same height: what one has fewer rows for, its other rows get.
import palette from "../../../palette.json";
import { createPanel, curve, dash, decades, grid, letter, measured, steps, text, timeline } from "../kit/panel.js";
import { GATES, STATES, lettersOf } from "./math.js";
import { fixed } from "../kit/words.js";
import { gradientRange, stateLimit } from "./words.js";

const UNIT = 9; // px: the row of a unit in the map of a gate
const TOP = 12;
const GAP = 18;
const LABEL = 22; // px: a line of words above a plot, where there is no room beside it
const LEAST = { inputs: 36, gate: 32, state: 60, gradient: 92 };

const gatesOf = (film) => lettersOf(film, GATES);
const statesOf = (film) => lettersOf(film, STATES);
const mapTall = (film) => Math.max(film.units.length * UNIT, LEAST.gate);
const pathsOf = (film) => ["c", "h"].filter((name) => `gradient_${name}` in film.arrays);

// How tall all rows of a film are at least, but for its inputs.
function need(film, label) {
  const gates = gatesOf(film).length * (mapTall(film) + GAP + label);
  return gates + statesOf(film).length * (LEAST.state + GAP + label) + LEAST.gradient + label;
}

function rowsOf(film, label, most) {
  const shared = (most - need(film, label)) / (statesOf(film).length + 1);
  const rows = [];
  let top = TOP;
  const add = (row, tall) => {
    rows.push({ ...row, top: top + label, bottom: top + label + tall, middle: top + label + tall / 2 });
    top += label + tall + GAP;
  };
  add({ kind: "inputs" }, LEAST.inputs);
  for (const key of gatesOf(film)) add({ kind: "gate", key }, mapTall(film));
  for (const key of statesOf(film)) add({ kind: "state", key }, LEAST.state + shared);
  add({ kind: "gradient" }, LEAST.gradient + shared);
  return rows;
}

export function createSequence(view, films, moment) {
  const { colours } = view;
  const most = (label) => Math.max(...Object.values(films).map((film) => need(film, label)));
  const label = (width) => (width < 600 ? LABEL : 0);
  const pixels = document.createElement("canvas"); // a gate: a pixel a unit and step
  const brush = pixels.getContext("2d");

  // What stays: names on the left, or above where it is narrow; axes.
  const STILL = {
    inputs(ctx, panel, row) {
      const { film, place } = panel;
      const low = Math.min(0, ...film.inputs);
      const high = Math.max(1, ...film.inputs);
      const y = (v) => row.bottom - ((v - low) * (row.bottom - row.top)) / (high - low);
      const gap = place.step > 6 ? 1 : 0.5;
      ctx.fillStyle = colours.track;
      ctx.fillRect(place.left, row.top, place.right - place.left, row.bottom - row.top);
      film.inputs.forEach((v, t) => {
        ctx.fillStyle = film.marks.includes(t) ? colours.ink : colours.edge;
        ctx.fillRect(panel.xs[t] - place.step / 2 + gap, Math.min(y(v), y(0)), place.step - 2 * gap, Math.max(1, Math.abs(y(v) - y(0))));
      });
      for (const t of film.marks) triangle(ctx, panel.xs[t], row.top - 7, colours.ink);
      const role = "the two marked are to be added";
      if (place.narrow) above(ctx, panel, row, letter(ctx, "x", "t", place.left, row.top - 12, { colour: colours.ink, size: 19 }) + 10, "the sequence", role, 12);
      else aside(ctx, row, "x", colours.ink, "the sequence", "add the two marked");
    },
    gate(ctx, panel, row) {
      const { film, place } = panel;
      const role = `${film.units.length} unit${film.units.length > 1 ? "s" : ""}, full colour is 1`;
      const { name } = palette[row.key];
      ctx.clearRect(place.left, row.top, place.right - place.left, row.bottom - row.top); // of the lines of the marks
      ctx.strokeStyle = colours.line;
      ctx.lineWidth = 1;
      ctx.strokeRect(place.left - 0.5, Math.round(row.top) - 1.5, place.right - place.left + 1, row.bottom - row.top + 2);
      if (place.narrow) above(ctx, panel, row, letter(ctx, row.key, "t", place.left, row.top - 9, { colour: colours[row.key], size: 19 }) + 10, name, role);
      else aside(ctx, row, row.key, colours[row.key], name, role);
    },
    state(ctx, panel, row) {
      const { film, place } = panel;
      const limit = stateLimit(film, row.key);
      row.y = (v) => row.middle - (v / limit) * ((row.bottom - row.top) / 2);
      const ticks = [-limit, 0, limit].map((v) => [row.y(v), fixed(v, 1).replace(".0", "")]);
      grid(ctx, { left: place.left, right: place.right, ticks, colours });
      const { name } = palette[row.key];
      if (place.narrow) {
        const end = above(ctx, panel, row, letter(ctx, row.key, "t", place.left, row.top - 9, { colour: colours[row.key], size: 19 }) + 10, name);
        sample(ctx, end + 12, row.top - 13, colours[row.key], dash(row.key));
        return;
      }
      aside(ctx, row, row.key, colours[row.key], name, "");
      sample(ctx, 32, row.middle + 11, colours[row.key], dash(row.key));
    },
    gradient(ctx, panel, row) {
      const { film, place } = panel;
      const ends = gradientRange(films);
      row.y = (v) => row.bottom - ((v - ends[0]) * (row.bottom - row.top)) / (ends[1] - ends[0]);
      grid(ctx, { left: place.left, right: place.right, ticks: decades(...ends, 5).map(([e, words]) => [row.y(e), words]), colours });
      const name = (quantity, x, y) => {
        let end = letter(ctx, "‖∂y", "", x, y, { colour: colours.gradient, size: 19 });
        end += 2 + measured(ctx, "/", end + 1, y, { colour: colours.gradient, size: 17 });
        end = letter(ctx, `∂${quantity}`, "t", end + 1, y, { colour: colours.gradient, size: 19 });
        return letter(ctx, "‖", "", end + 1, y, { colour: colours.gradient, size: 19 });
      };
      if (place.narrow) {
        let x = place.left;
        for (const quantity of pathsOf(film)) {
          x = name(quantity, x, row.top - 9) + 6;
          sample(ctx, x, row.top - 14, colours.gradient, pathDash(quantity), 30);
          x += 44;
        }
        const role = "of the read-out y at the last step";
        if (place.right - x > 6.4 * role.length) text(ctx, role, x, row.top - 9, { colour: colours.muted, size: 12 });
        return;
      }
      let y = row.top + 16;
      for (const quantity of pathsOf(film)) {
        sample(ctx, name(quantity, 2, y) + 10, y - 5, colours.gradient, pathDash(quantity));
        y += 26;
      }
      text(ctx, "gradient of the read-out y", 2, y - 2, { colour: colours.muted, size: 12 });
      text(ctx, "at the last step", 2, y + 14, { colour: colours.muted, size: 12 });
    },
  };

  // Beside a plot: letter, name, role.
  function aside(ctx, row, key, colour, words, role) {
    letter(ctx, key, "t", 2, row.middle - 1, { colour });
    text(ctx, words, 32, row.middle - 2, { colour: colours.ink, weight: 600 });
    text(ctx, role, 32, row.middle + 14, { colour: colours.muted, size: 12 });
  }

  // Above a plot: the same; returns where the name ends.
  function above(ctx, panel, row, x, words, role = "", up = 9) {
    const y = row.top - up;
    const end = x + measured(ctx, words, x, y, { colour: colours.ink, size: 13, weight: 600 });
    if (role && panel.place.right - end > 6.4 * role.length) text(ctx, role, end + 8, y, { colour: colours.muted, size: 12 });
    return end;
  }

  return createPanel(view, {
    label: "The filmed sequence", name: "sequence", when: ["frame", "cell"],
    height: (width) => TOP + label(width) + LEAST.inputs + GAP + most(label(width)) + (width < 600 ? 40 : 24),
    still(ctx, panel) {
      const film = films[view.state.cell];
      const { T } = film.settings;
      const N = film.units.length;
      const place = timeline(panel.width, T);
      const words = label(panel.width);
      Object.assign(panel, { film, place, rows: rowsOf(film, words, most(words)), xs: Array.from({ length: T }, (_, t) => place.x(t + 1)) });
      pixels.width = T;
      pixels.height = N;
      for (const row of panel.rows) if (row.kind === "gate") row.image = painted(brush, T, N, colours[row.key]);

      const end = panel.rows[panel.rows.length - 1].bottom;
      ctx.strokeStyle = colours.muted;
      ctx.lineWidth = 1;
      ctx.setLineDash([2, 3]);
      ctx.beginPath();
      // Where lines would cross words, only within the plots.
      const parts = words ? panel.rows.filter((row) => row.kind === "state" || row.kind === "gradient").map((row) => [row.top, row.bottom]) : [[panel.rows[0].bottom, end]];
      for (const t of film.marks) {
        for (const [from, to] of parts) {
          ctx.moveTo(Math.round(panel.xs[t]) + 0.5, from);
          ctx.lineTo(Math.round(panel.xs[t]) + 0.5, to);
        }
      }
      ctx.stroke();
      ctx.setLineDash([]);
      for (const row of panel.rows) STILL[row.kind](ctx, panel, row);
      steps(ctx, place, end + 18, colours);
      const letters = [...gatesOf(film), ...statesOf(film)].map((key) => palette[key].name);
      panel.describe(`The filmed sequence, and over its ${T} steps ${letters.join(", ")} of ${N} units and the gradient of the read-out`);
    },
    live(ctx, panel) {
      const { left, right } = panel.place;
      const now = moment();
      ctx.imageSmoothingEnabled = false;
      ctx.lineJoin = "round";
      for (const row of panel.rows) {
        if (row.kind === "gate") {
          const { image } = row;
          const values = now[row.key];
          for (let k = 0; k < values.length; k++) image.data[4 * k + 3] = 255 * values[k];
          brush.putImageData(image, 0, 0);
          const tall = (row.bottom - row.top) / image.height;
          // Rows apart, so that they can be told.
          for (let n = 0; n < image.height; n++) {
            ctx.drawImage(pixels, 0, n, image.width, 1, left, row.top + n * tall, right - left, tall - 1);
          }
        } else if (row.kind === "state") {
          stroke(ctx, panel.xs, now[row.key], row.y, colours[row.key], dash(row.key), 1.5);
        } else if (row.kind === "gradient") {
          for (const name of pathsOf(panel.film)) stroke(ctx, panel.xs, now[`gradient_${name}`], row.y, colours.gradient, pathDash(name), 2);
        }
      }
    },
  });
}

// The image of a gate: its colour everywhere; how much of it is the gate's value.
function painted(brush, T, N, colour) {
  brush.fillStyle = colour;
  const parts = [1, 3, 5].map((at) => parseInt(brush.fillStyle.slice(at, at + 2), 16)); // now "#rrggbb"
  const image = brush.createImageData(T, N);
  for (let k = 0; k < image.data.length; k++) if (k % 4 < 3) image.data[k] = parts[k % 4];
  return image;
}

const pathDash = (name) => (name === "c" ? [] : dash("h"));

function sample(ctx, x, y, colour, pattern, long = 44) {
  curve(ctx, [[x, y], [x + long, y]], { colour, pattern, width: 2 });
}

function triangle(ctx, x, y, colour) {
  ctx.fillStyle = colour;
  ctx.beginPath();
  ctx.moveTo(x - 4.5, y);
  ctx.lineTo(x + 4.5, y);
  ctx.lineTo(x, y + 6);
  ctx.fill();
}

// Curves of values, flat, one after the other, each as long as xs: one path.
function stroke(ctx, xs, values, y, colour, pattern, width) {
  const T = xs.length;
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.setLineDash(pattern);
  ctx.beginPath();
  for (let k = 0; k < values.length; k++) {
    if (k % T) ctx.lineTo(xs[k % T], y(values[k]));
    else ctx.moveTo(xs[0], y(values[k]));
  }
  ctx.stroke();
  ctx.setLineDash([]);
}
