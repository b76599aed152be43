// On a page: every host element comes alive once the document and its explorable's script are there. The site asks
// for a script when a host of its kind comes near, `data-script` (site.js); such a host is none that nobody knows.
// Several scripts may be on one page; what the first one puts into `Unrolled` serves them all.
import { readLink } from "./link.js";
import { PageModel } from "./model.js";

const mounted = new Map();
const hosts = (kind) => [...document.querySelectorAll(`[data-explorable="${kind}"]`)];

function note(host, text) {
  const element = host.querySelector(".unrolled-note") ?? document.createElement("p");
  element.className = "unrolled-note";
  element.textContent = text;
  host.append(element);
}

// The handles, checked by the explorable itself, and what all explorables have.
function checked(explorable, state) {
  const presets = explorable.presets ?? [];
  const { preset = null, challenge = false, lock = [], driven = null } = state;
  if (preset !== null && !presets.includes(preset)) throw new Error(`preset: expected one of ${presets.join(", ")}, got ${preset}`);
  if (typeof challenge !== "boolean" && typeof challenge !== "string") throw new Error("challenge: expected a text");
  const handles = explorable.validated(state);
  return {
    // Without a kernel the reader's own function cannot run: its picture stays as Python drew it.
    ...handles, preset, challenge, error: "", _lock: lock, _driven: driven, _frozen: driven !== null,
  };
}

// Makes one host element alive; returns the function that takes it down again.
// A host whose state cannot be read keeps its static picture and says so.
function mount(host) {
  if (mounted.has(host)) return mounted.get(host).unmount;
  const { explorable: kind } = host.dataset;
  const explorable = globalThis.Unrolled.explorables[kind];
  let state;
  try {
    if (!explorable) throw new Error(`no explorable "${kind}"`);
    state = checked(explorable, JSON.parse(host.dataset.state));
  } catch (error) {
    note(host, `This picture stays still: its state cannot be read (${error.message}).`);
    return () => {};
  }
  const frame = host.querySelector(".unrolled-frame") ?? host;
  const initial = Object.fromEntries(Object.entries(state).filter(([key]) => !key.startsWith("_") && key !== "error" && key !== "challenge"));
  const model = new PageModel({ ...state, _initial: initial, _place: hosts(kind).indexOf(host) + 1 });
  frame.classList.add("u-live");
  const cleanUp = explorable.render({ model, el: frame });
  host.explorable = model;
  const unmount = () => {
    cleanUp();
    frame.classList.remove("u-live");
    delete host.explorable;
    mounted.delete(host);
  };
  mounted.set(host, { unmount });
  return unmount;
}

// A link to a state: `#unrolled=<kind>.<which on the page>.<what differs>`. What is malformed changes nothing.
// It is followed once, however many scripts come after.
let followed = "";
function followLink() {
  const link = readLink(location.hash);
  if (!link || followed === location.hash) return;
  const host = hosts(link.kind ?? "none")[link.place - 1];
  const model = host?.explorable;
  if (!model) {
    // Its script may come yet; a link that is broken is for the first picture to say.
    const loading = link.kind && host;
    const first = document.querySelector("[data-explorable]");
    if (!loading && first?.explorable) {
      followed = location.hash;
      first.explorable.say("The link to a state cannot be read: this is the picture as it was.");
    }
    return;
  }
  followed = location.hash;
  try {
    if (link.error) throw new Error(link.error);
    const { explorables } = globalThis.Unrolled;
    const lock = model.get("_lock");
    const before = model.get("_initial");
    const unknown = Object.keys(link.changes).find((key) => !(key in before));
    if (unknown) throw new Error(`no handle ${unknown}`);
    // What is drawn but is no handle, such as a recording, is in no link.
    const data = Object.fromEntries((explorables[link.kind].data ?? []).map((key) => [key, model.get(key)]));
    const state = checked(explorables[link.kind], { ...before, challenge: model.get("challenge"), ...link.changes, ...data });
    const longer = Object.keys(before).find((key) => Array.isArray(before[key]) && before[key].length !== state[key]?.length);
    if (longer) throw new Error(`${longer}: another number of steps`); // which the picture has from the beginning
    for (const key of Object.keys(before)) if (!lock.includes(key)) model.set(key, state[key]);
    model.save_changes();
    model.say("");
    host.scrollIntoView({ block: "nearest" });
  } catch {
    model.say("The link to a state cannot be read: this is the picture as it was.");
  }
}

function mountAll(root = document) {
  for (const host of root.querySelectorAll("[data-explorable]")) {
    if (globalThis.Unrolled.explorables[host.dataset.explorable]) mount(host);
  }
  followLink();
}

// All scripts are there: a host that none of them knows says so.
function complain() {
  for (const host of document.querySelectorAll("[data-explorable]:not([data-script])")) mount(host);
}

export function register(explorable) {
  if (!globalThis.Unrolled) {
    globalThis.Unrolled = { explorables: {}, mount, mountAll };
    addEventListener("hashchange", () => {
      followed = "";
      followLink();
    });
    if (document.readyState === "complete") setTimeout(complain);
    else addEventListener("load", complain, { once: true });
  }
  const { explorables, mountAll: all } = globalThis.Unrolled;
  explorables[explorable.kind] = explorable;
  // A deferred script runs when the document is parsed, before it is "complete".
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => all(), { once: true });
  else all();
}
