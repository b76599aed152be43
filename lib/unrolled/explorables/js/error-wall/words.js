// What the picture shows, in words; the same sentences as Python's error_wall_picture.describe. Pure: no DOM.
import { fixed, gradientText } from "../kit/words.js";

export function describe(state, path) {
  const { loss, norm, left } = path;
  const start = `w = ${fixed(state.w)}, b = ${fixed(state.b)}`;
  if (state.updates === 0) {
    return `No update yet: at ${start} the loss is ${gradientText(loss[0])} and the gradient’s norm ${gradientText(norm[0])}.`;
  }
  const made = loss.length - 1;
  const says = [`From ${start} the loss goes from ${gradientText(loss[0])} to ${gradientText(loss[made])} in ${count(made, "update")}.`];
  if (made < state.updates) says.push("The point is then too far away to follow.");
  if (left !== null) says.push(`Update ${left} leads off the map, to w = ${place(path.w[left])}, b = ${place(path.b[left])}.`);
  const most = Math.max(...norm);
  const after = norm.indexOf(most);
  says.push(`The gradient’s norm is largest ${after ? `after ${count(after, "update")}` : "at the start"}: ${gradientText(most)}.`);
  says.push(clipping(state, path, made));
  if (most < 0.05 && loss[made] > 0.01) says.push("So small a gradient hardly moves the point, and no clipping makes it larger.");
  return says.join(" ");
}

function clipping({ clip, threshold }, { gradient, clipped, turn }, made) {
  if (clip === "none") return "Nothing is clipped.";
  let acts = 0;
  for (let k = 0; k < made; k++) if (gradient[k][0] !== clipped[k][0] || gradient[k][1] !== clipped[k][1]) acts += 1;
  const name = `Clipping by ${clip} at ${gradientText(threshold)}`;
  if (acts === 0) return `${name} never acts.`;
  if (clip === "norm") return `${name} acts on ${count(acts, "update")} and turns none of them.`;
  return `${name} acts on ${count(acts, "update")} and turns them by up to ${count(Math.floor(Math.max(...turn) + 0.5), "degree")}.`;
}

const count = (n, what) => (n === 1 ? `${n} ${what}` : `${n} ${what}s`);
const place = (v) => (Math.abs(v) < 1000 ? fixed(v) : gradientText(v));
