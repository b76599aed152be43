// Letters as mathematics: italic, with subscripts, each in its colour.
import palette from "../../palette.json";
import { html, svg } from "./dom.js";

const COLOURED = { f: "f", i: "i", o: "o", "c~": "c_tilde", c: "c", h: "h" };

export const colourClass = (letter) => `u-c-${letter.replace("_", "-")}`;
const tilde = (letter) => letter === "c_tilde" || letter === "c~";
const glyph = (letter) => (tilde(letter) ? "c" : letter);

export const SUB = 5; // how far below the baseline a subscript is

// For an SVG <text>: the letter and its subscript; `from` is the baseline of what went before.
// The tilde is set by hand, as fonts that have no combining one would change for the whole letter.
export function letterParts(letter, sub, from = 0) {
  return [
    svg("tspan", { class: "u-it", dy: -from }, glyph(letter)),
    tilde(letter) ? svg("tspan", { dx: "-0.36em", dy: "-0.02em" }, "\u02dc") : null,
    svg("tspan", { class: "u-sub", dy: SUB, dx: tilde(letter) ? "0.03em" : null }, sub),
  ];
}

const TOKEN = /\{(\w+)\}|(∂?)([a-z]~?)_(\{[^}]+\}|\w)/g;

// "c_t = f_t c_{t−1}" as HTML; {f} becomes an empty field for the number f.
export function equation(source) {
  const parts = [];
  let from = 0;
  for (const match of source.matchAll(TOKEN)) {
    parts.push(source.slice(from, match.index));
    from = match.index + match[0].length;
    const [, field, partial, letter, sub] = match;
    if (field) {
      parts.push(html("b", { class: `u-number ${field in palette ? colourClass(field) : field === "c_prev" ? "u-c-c" : ""}`, "data-q": field }));
    } else {
      const colour = COLOURED[letter];
      parts.push(
        html(
          "span", { class: `u-symbol ${colour ? colourClass(colour) : ""}` }, partial ?? "",
          html("i", tilde(letter) ? { class: "u-tilde" } : {}, glyph(letter)),
          html("sub", /^\{?[a-z]/i.test(sub) ? { class: "u-it" } : {}, sub.replace(/[{}]/g, "")),
        ),
      );
    }
  }
  parts.push(source.slice(from));
  return parts.filter((part) => part !== "");
}

// The subscript t, t−1, t+1 or T at one step; as it is where no step is chosen.
export function subscript(source, step, T) {
  if (step === null || step === undefined) return source;
  return { t: String(step), "t−1": String(step - 1), "t+1": String(step + 1), T: String(T) }[source] ?? source;
}
