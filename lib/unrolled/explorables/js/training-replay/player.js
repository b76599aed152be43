// Playing: the frames go by, while the picture can be seen.
import { html, setAttribute, setText } from "../kit/dom.js";
import { button } from "../kit/view.js";

const COARSE = 12; // for those who have asked for less motion: so many pictures in all,
const CALM = 1500; // ms each

// The button that plays and pauses, and one for a frame back and forth: a row, to be put somewhere. `F`: frames.
export function createPlayer(view, F) {
  const { state } = view;
  const last = F - 1;
  const glyph = html("span", { class: "u-play-glyph", "aria-hidden": "true" });
  const words = html("span", {});
  const play = button("", { "data-action": "play", class: "u-button u-play" });
  play.append(glyph, words);
  const back = button("‹", { "data-action": "back", "aria-label": "One frame back" });
  const forth = button("›", { "data-action": "forth", "aria-label": "One frame forth" });
  const root = html("div", { class: "u-buttons u-player" }, play, back, forth);

  // Whatever moves the film by hand stops it; one gesture is one step of undo.
  const go = (frame, by) => view.set({ frame: Math.min(last, Math.max(0, frame)), playing: false }, by);
  view.on(back, "click", () => go(state.frame - 1, "step"));
  view.on(forth, "click", () => go(state.frame + 1, "step"));
  view.on(play, "click", () => {
    if (state.playing) {
      view.set({ playing: false }, "play");
      return;
    }
    turn(true); // before it plays, so that all of it is one step of undo
    view.set({ playing: true, frame: state.frame === last ? 0 : state.frame }, "play");
  });

  let runs = false; // the film is on
  let timer = 0; // it moves, too: somebody can see it
  let due = 0;
  let seen = true;

  function tick() {
    timer = 0;
    if (!runs) return;
    const calm = view.reducedMotion();
    const next = Math.min(last, state.frame + (calm ? Math.max(1, Math.round(F / COARSE)) : 1));
    view.set(next === last ? { frame: next, playing: false } : { frame: next }, "play"); // drawn, it asks for the next
  }

  function wait() {
    const now = performance.now();
    const pause = view.reducedMotion() ? CALM : 1000 / state.speed;
    due = Math.min(Math.max(due + pause, now), now + pause); // a frame that was late does not make the film slower
    timer = setTimeout(tick, due - now);
  }

  // The timer runs while the film is on and can be seen.
  function follow(anew = true) {
    const wanted = runs && seen && !document.hidden;
    if (wanted && !timer) {
      if (anew) due = performance.now();
      wait();
    } else if (!wanted && timer) {
      clearTimeout(timer);
      timer = 0;
    }
  }

  function turn(on) {
    if (runs === on) return;
    runs = on;
    if (on) view.hold(); // texts wait
    else view.release();
    follow();
  }

  const observer = new IntersectionObserver((entries) => {
    seen = entries[entries.length - 1].isIntersecting;
    follow();
  });
  observer.observe(view.root);
  view.on(document, "visibilitychange", () => follow());
  view.atEnd(() => {
    observer.disconnect();
    runs = false;
    clearTimeout(timer);
    timer = 0;
  });

  let first = true;
  view.add({
    draw() {
      // Nobody asked for motion yet.
      if (first && state.playing && view.reducedMotion()) view.set({ playing: false });
      first = false;
      turn(state.playing && !view.isLocked("frame"));
      if (runs) follow(false);
      setAttribute(glyph, "data-playing", state.playing);
      setText(words, state.playing ? "pause" : "play");
      const locked = view.isLocked("frame");
      play.disabled = locked || view.isLocked("playing");
      back.disabled = locked || state.frame === 0;
      forth.disabled = locked || state.frame === last;
    },
  });
  return { root, go };
}
