// On a page: every host element comes alive once the document is there.
import { PageModel } from "./model.js";
import { explorables } from "./registry.js";

export { challengeCandidate, lstmTrace, preset, score } from "./lstm.js";
export { describe, gradientText } from "./words.js";

const mounted = new Map();

// Makes one host element alive; returns the function that takes it down again.
// A host whose state cannot be read keeps its static picture and says so.
export function mount(host) {
  if (mounted.has(host)) return mounted.get(host);
  const explorable = explorables[host.dataset.explorable];
  let state;
  try {
    if (!explorable) throw new Error(`no explorable "${host.dataset.explorable}"`);
    state = explorable.validated(JSON.parse(host.dataset.state));
  } catch (error) {
    if (!host.querySelector(".unrolled-note")) {
      const note = document.createElement("p");
      note.className = "unrolled-note";
      note.textContent = `This picture stays still: its state cannot be read (${error.message}).`;
      host.append(note);
    }
    return () => {};
  }
  const frame = host.querySelector(".unrolled-frame") ?? host;
  const still = [...frame.childNodes];
  const model = new PageModel(state);
  frame.replaceChildren();
  const cleanUp = explorable.render({ model, el: frame });
  host.explorable = model;
  const unmount = () => {
    cleanUp();
    frame.replaceChildren(...still);
    delete host.explorable;
    mounted.delete(host);
  };
  mounted.set(host, unmount);
  return unmount;
}

export function mountAll(root = document) {
  for (const host of root.querySelectorAll("[data-explorable]")) mount(host);
}

if (document.readyState === "loading") {
  document.addEventListener("DOMContentLoaded", () => mountAll(), { once: true });
} else {
  mountAll();
}
