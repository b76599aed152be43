// TrainingReplay: a recorded training run as a film.
import { createView } from "../kit/view.js";
import { film } from "./film.js";
import { FASTEST, SLOWEST, checkFilms } from "./math.js";

export const kind = "training-replay";
export const data = ["_films"]; // what a state holds besides handles

const HANDLES = ["frame", "cell", "speed", "playing"];

// The handles of a host element's state, checked, and its films; throws an Error that says what is wrong.
export function validated(state) {
  const { _films: films, frame, cell, speed, playing } = state ?? {};
  checkFilms(films);
  if (typeof cell !== "string" || !Object.hasOwn(films, cell)) throw new Error(`cell: expected one of ${Object.keys(films).join(", ")}`);
  const F = films[cell].frames.length;
  if (!Number.isInteger(frame) || frame < 0 || frame >= F) throw new Error(`frame: expected a whole number from 0 to ${F - 1}`);
  if (!(typeof speed === "number" && speed >= SLOWEST && speed <= FASTEST)) throw new Error(`speed: expected a number from ${SLOWEST} to ${FASTEST}`);
  if (typeof playing !== "boolean") throw new Error("playing: expected true or false");
  return { _films: films, frame, cell, speed, playing: false }; // a page never begins to play by itself
}

export function render({ model, el }) {
  const view = createView({
    model, el, kind, label: "A recorded training run", handles: HANDLES,
    hint: "Play, or drag across the curves of training. Keys on the slider: ← → one frame, Page keys many, Home and End to the ends.",
  });
  film(view, model.get("_films"));
  view.start();
  return view.destroy;
}
