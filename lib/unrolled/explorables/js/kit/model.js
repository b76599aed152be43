// On a page without a kernel: the part of an anywidget model that the explorables use.

export class PageModel {
  #state;
  #listeners = new Map();
  #changed = new Set();

  constructor(state) {
    this.#state = { ...state };
  }

  // The view replaces these two: what is drawn now, and a quiet note to the reader.
  results() {
    return null;
  }

  say() {}

  get(name) {
    return this.#state[name];
  }

  set(name, value) {
    if (this.#state[name] === value) return;
    this.#state[name] = value;
    this.#changed.add(name);
    this.#emit(`change:${name}`);
  }

  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event).add(listener);
  }

  off(event, listener) {
    this.#listeners.get(event)?.delete(listener);
  }

  // Nothing to save to; says what changed, as the tests and other scripts on the page may want to know.
  save_changes() {
    if (this.#changed.size === 0) return;
    this.#changed.clear();
    this.#emit("change");
  }

  #emit(event) {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener();
  }
}
