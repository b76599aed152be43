// The view of one explorable: its state and history, its frame on the page, and when what is drawn.
import { html, listeners, setAttribute, setText } from "./dom.js";
import { writeLink } from "./link.js";

const TEXT_EVERY = 250; // ms: no eye reads faster, and text is the dearest thing to lay out
const SAY_AFTER = 500; // ms of rest before the text line is spoken
const ONE_CHANGE = 1000; // ms: keys pressed on one control within this are one step of undo
const HISTORY = 200;

const LETTERS = ["f", "i", "o", "c-tilde", "c", "h", "z", "r", "gradient"];
const NEUTRALS = ["ink", "muted", "line", "track", "cursor", "focus", "bg", "edge", "alarm"];

export const same = (a, b) =>
  a === b || (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((v, k) => same(v, b[k])));
const copy = (value) => (Array.isArray(value) ? value.map(copy) : value);
export const button = (text, attributes) => html("button", { type: "button", class: "u-button", ...attributes }, text);

// Options: model, el, kind, label (what a screen reader calls the whole), handles (names), presets
// (names), presetValues(name) -> handles, hint (how to use it, a line).
export function createView({ model, el, kind, label, handles, presets = [], presetValues, hint = "" }) {
  const { on, remove } = listeners();
  const frozen = Boolean(model.get("_frozen"));
  const onPage = typeof model.results === "function";
  const keys = [...handles, ...(presets.length ? ["preset"] : []), "challenge"];
  const state = Object.fromEntries(keys.map((key) => [key, copy(model.get(key))]));
  const locks = new Set(model.get("_lock") ?? []);
  const isLocked = (key) => frozen || locks.has(key);
  const initial = () => {
    const given = model.get("_initial") ?? {};
    return Object.keys(given).length ? given : begun;
  };
  const begun = copyState();

  function copyState() {
    return Object.fromEntries(keys.filter((key) => key !== "challenge").map((key) => [key, copy(state[key])]));
  }

  // ---- the frame ---------------------------------------------------------------------------------

  const presetButtons = presets.map((name) => button(name, { "data-action": `preset:${name}`, "aria-pressed": "false" }));
  const undoButton = button("undo", { "data-action": "undo", title: "Undo (Ctrl+Z)" });
  const resetButton = button("reset", { "data-action": "reset" });
  const linkButton = onPage && !frozen ? button("copy link", { "data-action": "link", title: "Copy a link to this state" }) : null;
  const actions = html("div", { class: "u-buttons u-actions" }, undoButton, resetButton, linkButton);
  const toolbar = html(
    "div", { class: "u-toolbar" },
    presets.length ? html("div", { class: "u-buttons", role: "group", "aria-label": "Presets" }, ...presetButtons) : html("div", {}),
    actions,
  );
  const task = html("section", { class: "u-challenge", "aria-label": "Task" });
  const alarm = html("div", { class: "u-error", role: "alert" });
  const note = html("p", { class: "u-note", role: "status" });
  const body = html("div", { class: "u-body" });
  const linkField = html("input", { class: "u-link", type: "text", readonly: "", "aria-label": "Link to this state", hidden: "" });
  // Seen at once, heard when the hand rests.
  const says = html("p", { class: "u-says", "aria-hidden": "true" });
  const heard = html("p", { class: "u-heard", "aria-live": "polite" });
  const hintLine = html("p", { class: "u-hint" }, frozen ? "" : hint);
  const root = html(
    "div", { class: `unrolled unrolled-${kind}`, role: "group", "aria-label": label },
    toolbar, task, note, alarm, body, says, heard, hintLine, linkField,
  );
  el.append(root);
  const still = frozen ? "A Python function draws this picture, so it moves only where Python runs: open the notebook to change it." : "";

  function tell(text) {
    note.hidden = text === "";
    setText(note, text);
  }
  tell(still);
  if (onPage) model.say = (text) => tell(text || still);

  // ---- colours: canvas has no CSS, so they are read when the theme changes ---------------------------

  const colours = {};
  function readColours() {
    const style = getComputedStyle(root);
    for (const name of LETTERS) colours[name.replace("-", "_")] = style.getPropertyValue(`--u-${name}`).trim();
    colours.h_tilde = colours.c_tilde; // the candidate, whichever cell has it
    for (const name of NEUTRALS) colours[name] = style.getPropertyValue(`--u-${name}`).trim();
  }
  let theme = "";
  function followTheme() {
    readColours();
    const next = JSON.stringify(colours);
    if (next === theme) return;
    theme = next;
    relayout();
  }
  const themes = new MutationObserver(followTheme);
  themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  on(matchMedia("(prefers-color-scheme: dark)"), "change", followTheme);

  // ---- when what is drawn ------------------------------------------------------------------------------

  const parts = []; // { layout?(width), draw?(changed), text?() }
  const changed = new Set(); // handles changed since the last frame; "layout", "results", "step" too
  const unsaved = new Set();
  const gone = []; // what to do at the end
  let compute = () => {};
  let words = () => "";
  let frame = 0;
  let laidOut = 0;
  let holding = 0;
  let textAt = -Infinity;
  let textTimer = 0;
  let sayTimer = 0;
  let said = false;
  let started = false;

  function invalidate(what) {
    if (what) changed.add(what);
    if (started && !frame) frame = requestAnimationFrame(draw);
  }

  function relayout() {
    laidOut = 0;
    invalidate("layout");
  }

  function draw() {
    frame = 0;
    save();
    const width = Math.max(260, Math.floor(root.clientWidth) || 720);
    if (width !== laidOut) {
      laidOut = width;
      changed.add("layout");
      root.classList.toggle("u-narrow", width < 600);
      root.classList.toggle("u-tiny", width < 350);
      for (const part of parts) part.layout?.(width);
    }
    const now = new Set(changed);
    changed.clear();
    if (now.size > (now.has("step") ? 1 : 0) || !said) compute(now);
    for (const part of parts) part.draw?.(now);
    drawControls();
    clearTimeout(textTimer);
    const wait = holding ? textAt + TEXT_EVERY - performance.now() : 0;
    if (wait > 0) textTimer = setTimeout(drawText, wait);
    else drawText();
  }

  let drawnControls = "";
  function drawControls() {
    const error = model.get("error") || "";
    const now = `${state.preset}|${history.length > 0}|${error}|${state.challenge}`;
    if (now === drawnControls) return;
    drawnControls = now;
    presets.forEach((name, k) => setAttribute(presetButtons[k], "aria-pressed", state.preset === name));
    for (const control of [...presetButtons, resetButton]) control.disabled = frozen;
    undoButton.disabled = frozen || history.length === 0;
    alarm.hidden = error === "";
    setText(alarm, error);
    const text = typeof state.challenge === "string" ? state.challenge : "";
    if (!own) {
      task.hidden = text === "";
      setText(task, text);
    }
  }
  let own = false; // whether the explorable fills the task section itself

  function drawText() {
    textAt = performance.now();
    for (const part of parts) part.text?.();
    const text = words();
    setText(says, text);
    clearTimeout(sayTimer);
    if (said) sayTimer = setTimeout(() => setText(heard, text), SAY_AFTER);
    else setText(heard, text);
    said = true;
  }

  // ---- changing the state --------------------------------------------------------------------------------

  const history = [];
  let gesture = { name: null, at: 0 };

  // `changes`: handles by name (arrays are taken over, so give new ones). `by`: what makes the change; all
  // changes of one hold of a pointer, or by one control within a second, are one step of undo.
  function set(changes, by = null) {
    const news = Object.entries(changes).filter(([key, value]) => (key === "preset" || !isLocked(key)) && !same(state[key], value));
    if (news.length === 0 || frozen) return false;
    const now = performance.now();
    const goesOn = by !== null && gesture.name === by && (holding > 0 || now - gesture.at < ONE_CHANGE);
    if (!goesOn && news.some(([key]) => key !== "challenge")) {
      history.push(copyState());
      if (history.length > HISTORY) history.shift();
    }
    gesture = { name: by, at: now };
    put(Object.fromEntries(news));
    if (presets.length && !("preset" in changes) && news.some(([key]) => key !== "challenge")) put({ preset: null });
    return true;
  }

  function put(changes) {
    for (const [key, value] of Object.entries(changes)) {
      if (same(state[key], value)) continue;
      state[key] = value;
      unsaved.add(key);
      invalidate(key);
    }
  }

  function choose(name) {
    const values = presetValues(name);
    const whole = Object.entries(values).every(([key, value]) => !isLocked(key) || same(state[key], value));
    set({ ...values, preset: whole ? name : null });
  }

  function undo() {
    const before = history.pop();
    if (!before) return;
    gesture = { name: null, at: 0 };
    put(Object.fromEntries(Object.entries(before).filter(([key]) => !isLocked(key))));
    invalidate("results");
  }

  // Once a frame at most: the model hears what changed.
  function save() {
    if (unsaved.size === 0) return;
    const names = [...unsaved];
    unsaved.clear();
    for (const key of names) model.set(key, copy(state[key]));
    model.save_changes();
  }

  const follow = {};
  for (const key of [...keys, "_driven", "error", "_lock"]) {
    follow[`change:${key}`] = () => {
      if (key in state) {
        const value = model.get(key);
        if (same(value, state[key]) || unsaved.has(key)) return; // what the hand does now is newer
        state[key] = copy(value);
      }
      invalidate(key in state ? key : "results");
    };
    model.on(`change:${key}`, follow[`change:${key}`]);
  }

  function link() {
    const from = initial();
    const news = Object.entries(copyState()).filter(([key, value]) => !same(value, from[key]));
    return location.href.split("#")[0] + writeLink(kind, model.get("_place") ?? 1, Object.fromEntries(news));
  }

  async function copyLink() {
    const text = link();
    try {
      await navigator.clipboard.writeText(text);
      flash(linkButton, "copied");
    } catch {
      // No clipboard here: the link, ready to be copied by hand.
      linkField.hidden = false;
      linkField.value = text;
      linkField.select();
      flash(linkButton, "below");
    }
  }

  const flashes = new Set();
  function flash(element, text) {
    const before = "copy link";
    setText(element, text);
    const timer = setTimeout(() => {
      flashes.delete(timer);
      setText(element, before);
    }, 1500);
    flashes.add(timer);
  }

  on(toolbar, "click", (event) => {
    const action = event.target.closest("button")?.dataset.action;
    if (!action || frozen) return;
    if (action === "undo") undo();
    else if (action === "reset") set(initial());
    else if (action === "link") copyLink();
    else if (action.startsWith("preset:")) choose(action.slice("preset:".length));
  });
  on(root, "keydown", (event) => {
    if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.target.matches(".u-link")) {
      undo();
      event.preventDefault();
    }
    event.stopPropagation(); // a notebook has keys of its own
  });

  // ---- life --------------------------------------------------------------------------------------------

  const observer = new ResizeObserver(() => {
    const width = Math.max(260, Math.floor(root.clientWidth));
    if (root.clientWidth && width !== laidOut) invalidate("layout");
  });
  const sharp = () => {
    // Zoom changes the pixels of a canvas, and is heard of but once.
    on(matchMedia(`(resolution: ${devicePixelRatio}dppx)`), "change", () => {
      relayout();
      sharp();
    }, { once: true });
  };
  sharp();
  readColours();
  theme = JSON.stringify(colours);

  return {
    model, root, body, toolbar, actions, task, state, colours, on, frozen, onPage, isLocked, set, undo, invalidate, relayout, choose,
    reducedMotion: () => matchMedia("(prefers-reduced-motion: reduce)").matches,
    driven: () => model.get("_driven"),
    // While a pointer is down texts wait and a change goes on.
    hold: () => {
      holding += 1;
      gesture = { name: null, at: 0 };
    },
    release: () => {
      holding = Math.max(0, holding - 1);
      gesture = { name: null, at: 0 };
      invalidate("results");
    },
    held: () => holding > 0,
    // The explorable fills the task section itself.
    ownTask: () => {
      own = true;
      return task;
    },
    // A part of the picture: { layout(width), draw(changed), text() }, each where it has something to do.
    add: (part) => {
      parts.push(part);
      return part;
    },
    compute: (f) => { compute = f; },
    words: (f) => { words = f; },
    results: (f) => { if (onPage) model.results = f; },
    atEnd: (f) => gone.push(f),
    start() {
      started = true;
      invalidate("layout");
      cancelAnimationFrame(frame);
      draw();
      observer.observe(root);
    },
    destroy() {
      observer.disconnect();
      themes.disconnect();
      for (const f of gone) f();
      remove();
      for (const [event, listener] of Object.entries(follow)) model.off(event, listener);
      cancelAnimationFrame(frame);
      for (const timer of [textTimer, sayTimer, ...flashes]) clearTimeout(timer);
      save();
      if (onPage) {
        delete model.results;
        delete model.say;
      }
      root.remove();
    },
  };
}
