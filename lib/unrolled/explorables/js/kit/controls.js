// Controls for one handle each. All of them change the state by `view.set`, follow it when it changes
// elsewhere, and are still where the handle is locked.
import { html, setAttribute, setText } from "./dom.js";
import { label as mathLabel } from "./notation.js";
import { button } from "./view.js";
import { fixed } from "./words.js";

let count = 0;

// A range input. `name`: words for a screen reader; `symbol`: notation such as "w_h", shown before it
// (or `text`, plain); `format(value)`: what is shown and spoken.
export function slider(view, { key, name, symbol = "", text = "", min, max, step = 0.01, format = (v) => fixed(v), disabled = () => false }) {
  const output = html("output", { class: "u-slider-value" });
  const input = html("input", {
    type: "range", class: "u-range", min, max, step, "aria-label": name, "data-key": key,
  });
  const shown = html("span", { class: "u-slider-name", "aria-hidden": "true" }, ...(symbol ? mathLabel(symbol) : []), text ? html("span", {}, text) : null);
  const root = html("div", { class: "u-slider" }, shown, input, output);
  let held = false;
  const release = () => {
    if (held) view.release();
    held = false;
  };
  view.on(input, "pointerdown", () => {
    if (!held) view.hold();
    held = true;
  });
  for (const event of ["pointerup", "pointercancel", "change", "blur"]) view.on(input, event, release);
  view.on(input, "input", () => view.set({ [key]: Number(input.value) }, `slider:${key}`));
  view.atEnd(release);
  let drawn = null;
  function follow() {
    const value = view.state[key];
    if (drawn === value) return;
    drawn = value;
    if (Number(input.value) !== value) input.value = value;
    setText(output, format(value));
    input.setAttribute("aria-valuetext", format(value));
  }
  view.add({
    draw() {
      const locked = view.isLocked(key) || disabled();
      if (input.disabled !== locked) input.disabled = locked;
      if (held || !view.held()) follow();
    },
    text: follow, // what another gesture moves follows at the pace of texts
  });
  return root;
}

// On or off.
export function toggle(view, { key, text, name, value = true, off = false }) {
  const root = button(text, { "aria-pressed": "false", "data-key": key, ...(name ? { "aria-label": name } : {}) });
  view.on(root, "click", () => view.set({ [key]: view.state[key] === value ? off : value }));
  view.add({
    draw() {
      setAttribute(root, "aria-pressed", view.state[key] === value);
      root.disabled = view.isLocked(key);
    },
  });
  return root;
}

// One of several: `options` is [{ value, text }], `name` what a screen reader calls the group.
export function choice(view, { key, name, options }) {
  const buttons = options.map(({ text }) => button(text, { "aria-pressed": "false", "data-key": key }));
  const root = html("div", { class: "u-buttons", role: "group", "aria-label": name }, ...buttons);
  buttons.forEach((one, k) => view.on(one, "click", () => view.set({ [key]: options[k].value })));
  view.add({
    draw() {
      options.forEach(({ value }, k) => {
        setAttribute(buttons[k], "aria-pressed", view.state[key] === value);
        buttons[k].disabled = view.isLocked(key);
      });
    },
  });
  return root;
}

// A number to type, a spin button to a screen reader. Nonsense is refused: the field says what it expects,
// and goes back to the number that holds when it is left.
export function numberField(view, { key, name, symbol = "", min, max, step = 0.1, digits = 12, whole = false }) {
  const id = `u-field-${(count += 1)}`;
  const show = (value) => String(Number(value.toPrecision(digits))).replace("-", "−");
  const input = html("input", {
    type: "text", class: "u-field", inputmode: "decimal", role: "spinbutton", autocomplete: "off", spellcheck: "false",
    "aria-label": name, "aria-valuemin": min, "aria-valuemax": max, "data-key": key,
  });
  const complaint = html("span", { class: "u-complaint", id, role: "status" });
  const shown = symbol ? html("span", { class: "u-slider-name", "aria-hidden": "true" }, ...mathLabel(symbol)) : null;
  const root = html("div", { class: "u-numberfield" }, shown, input, complaint);
  const clean = () => {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
    setText(complaint, "");
  };
  view.on(input, "input", () => {
    const text = input.value.trim().replace("−", "-").replace(",", ".");
    const value = text === "" ? NaN : Number(text);
    if (Number.isFinite(value) && value >= min && value <= max && (!whole || Number.isInteger(value))) {
      clean();
      view.set({ [key]: value + 0 }, `field:${key}`);
    } else {
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", id);
      setText(complaint, `a ${whole ? "whole " : ""}number from ${show(min)} to ${show(max)}`);
    }
  });
  view.on(input, "blur", () => {
    clean();
    input.value = show(view.state[key]);
  });
  view.on(input, "keydown", (event) => {
    const change = { ArrowUp: step, ArrowDown: -step, PageUp: 10 * step, PageDown: -10 * step }[event.key];
    const end = { Home: event.ctrlKey ? min : undefined, End: event.ctrlKey ? max : undefined }[event.key];
    if (change === undefined && end === undefined) return;
    event.preventDefault();
    const value = end ?? Math.min(max, Math.max(min, Number((view.state[key] + change).toPrecision(12))));
    clean();
    view.set({ [key]: value + 0 }, `field:${key}`);
    input.value = show(view.state[key]);
  });
  let drawn = null;
  view.add({
    draw() {
      const value = view.state[key];
      input.disabled = view.isLocked(key);
      if (drawn === value) return;
      drawn = value;
      input.setAttribute("aria-valuenow", value);
      const typing = document.activeElement === input && Number(input.value.replace("−", "-").replace(",", ".")) === value;
      if (!typing) {
        input.value = show(value);
        clean();
      }
    },
  });
  return root;
}
