// Letters as mathematics: italic, with subscripts, each in its colour.
import palette from "../../../palette.json";
import { html } from "./dom.js";

const COLOURED = { f: "f", i: "i", o: "o", "c~": "c_tilde", c: "c", h: "h", "h~": "h_tilde", z: "z", r: "r" };

export const colourClass = (quantity) => `u-c-${quantity.replaceAll("_", "-")}`;

// A letter with a subscript, as HTML; `letter` may end in a tilde, "c~".
function symbol(letter, sub, partial = "") {
  const colour = COLOURED[letter];
  const tilde = letter.endsWith("~");
  return html(
    "span", { class: `u-symbol ${colour ? colourClass(colour) : ""}` }, partial,
    html("i", tilde ? { class: "u-tilde" } : {}, tilde ? letter[0] : letter),
    sub ? html("sub", /^[a-z]/i.test(sub) ? { class: "u-it" } : {}, sub) : null,
  );
}

const TOKEN = /\{(\w+)\}|(∂?)([a-zA-Zα-ω]~?)_(\{[^}]+\}|\w)/g;

// "c_t = f_t c_{t−1}" as HTML; {f} becomes an empty field for the number f.
export function equation(source) {
  const parts = [];
  let from = 0;
  for (const match of source.matchAll(TOKEN)) {
    parts.push(source.slice(from, match.index));
    from = match.index + match[0].length;
    const [, field, partial, letter, sub] = match;
    if (field) {
      const quantity = field.replace(/_(prev|next|[0-9]+)$/, "");
      parts.push(html("b", { class: `u-number ${quantity in palette || quantity === "h_tilde" ? colourClass(quantity) : ""}`, "data-q": field }));
    } else {
      parts.push(symbol(letter, sub.replace(/[{}]/g, ""), partial));
    }
  }
  parts.push(source.slice(from));
  return parts.filter((part) => part !== "");
}

// The name of a control: "w_h", "W_{11}", or a letter alone.
export function label(source) {
  return /^[a-zA-Zα-ω]~?$/.test(source) ? [symbol(source, "")] : equation(source);
}

// The subscript t, t−1, t+1 or T at one step; as it is where no step is chosen.
export function subscript(source, step, T) {
  if (step === null || step === undefined) return source;
  const steps = { t: step, "t−1": step - 1, "t+1": step + 1, T };
  return source.split(",").map((part) => String(steps[part] ?? part)).join(",");
}
