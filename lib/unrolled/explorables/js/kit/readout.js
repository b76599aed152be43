// Equations with the numbers of one step, or of the whole.
import { html, setAttribute, setText } from "./dom.js";
import { equation, subscript } from "./notation.js";
import { fixed } from "./words.js";

// lines(): [[left, symbols, numbers]], notation each, with {name} where the number `name` belongs; it may
// change with `kind()`. values(step): the numbers by name, null where there is none (shown as "?"). formats:
// by name, where not two decimals. step(): the step that is shown, or null; without it there is but one.
export function createReadout(view, { lines, kind = () => "", values, formats = {}, step = null, T = 0 }) {
  const root = html("div", { class: `u-readout ${step ? "" : "u-one"}` });
  let built = null;
  let shownStep;
  let fields = {};
  let subs = [];

  function build() {
    root.replaceChildren(
      ...(step ? [html("div", { class: "u-step" })] : []),
      ...lines().map(([left, symbols, numbers], k) =>
        html(
          "div", { class: "u-equation", "data-line": k }, html("span", { class: "u-left" }, ...equation(left)),
          symbols ? html("span", { class: "u-symbols" }, ...equation(symbols)) : null,
          numbers ? html("span", { class: "u-numbers" }, ...equation(numbers)) : null,
        )),
    );
    fields = {};
    for (const field of root.querySelectorAll("[data-q]")) (fields[field.dataset.q] ??= []).push(field);
    subs = [...root.querySelectorAll("sub")].map((element) => ({ element, source: element.textContent }));
    shownStep = undefined;
  }

  view.add({
    text() {
      const now = kind();
      if (now !== built) {
        built = now;
        build();
      }
      const selected = step ? step() : null;
      if (step && shownStep !== selected) {
        shownStep = selected;
        root.classList.toggle("u-one", selected !== null);
        setText(root.firstChild, selected === null ? "any step" : `step ${selected}`);
        for (const { element, source } of subs) setText(element, subscript(source, selected, T));
      }
      if (step && selected === null) return;
      const numbers = values(selected);
      for (const [name, elements] of Object.entries(fields)) {
        const value = numbers[name];
        const missing = value === undefined || value === null || Number.isNaN(value);
        const format = formats[name] ?? fixed;
        for (const element of elements) {
          setText(element, missing ? "?" : format(value));
          setAttribute(element, "data-value", missing ? "" : value);
        }
      }
    },
  });
  return root;
}
