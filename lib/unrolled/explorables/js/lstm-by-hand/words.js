// The lines of the step as they are written, the answers to compare, and the sentence. Pure: no DOM.
// Python: lstm_by_hand_lines.py. A line is { key, parts: [[relation, text]], note }: the first two texts are
// symbols for notation.js, the others are numbers; a relation is "=" where they are equal as shown.
import { power } from "../kit/words.js";
import {
  FULL, GATES, NUMBERS, PRECISIONS, ZERO, decimal, equal, given, plus, proper, settle, squash, textOf, times, unrounded, written,
} from "./math.js";

const bracket = (text) => (text.startsWith("−") ? `(${text})` : text);
const timesText = (a, b) => `${a} · ${bracket(b)}`;
const sumText = (terms) =>
  terms.reduce((sum, term) => sum + (term.startsWith("−") ? ` − ${term.slice(1)}` : ` + ${term}`));
const relation = (same) => (same ? "=" : "≈");
const minus = (d) => ({ m: -d.m, e: d.e });
const ONE = { m: 1n, e: 0 };
const beginning = (d, places) => `${textOf(settle(d, places, true))}…`; // 0.92166…

const begins = (operands, full) => relation(operands.every((s) => equal(s.value, s.seen) && (s.exact || !full)));

// The parts of a sum of products: the numbers put in, the products, rounded.
function products(pairs, rounded, rest, full) {
  const texts = rest.map((s) => s.text);
  const putIn = pairs.map(([a, b], k) => timesText(k === 0 ? a.text : bracket(a.text), b.text));
  const exact = pairs.map(([a, b]) => times(a.seen, b.seen));
  const same = exact.every((d, k) => equal(d, rounded[k].seen));
  const parts = [[begins([...pairs.flat(), ...rest], full), sumText([...putIn, ...texts])]];
  if (!same && !full) parts.push(["=", sumText([...exact.map((d) => textOf(d, true)), ...texts])]);
  const equalSums = equal(exact.reduce(plus), rounded.map((s) => s.seen).reduce(plus));
  parts.push([relation(equalSums), sumText([...rounded.map((s) => s.text), ...texts])]);
  return parts;
}

function linearLine(g, paper, full) {
  const [w_x, w_h, b, a] = [`w_${g}x`, `w_${g}h`, `b_${g}`, `a_${g}`].map((name) => paper[name]);
  const [p_x, p_h] = [paper[`p_${g}x`], paper[`p_${g}h`]];
  const parts = [["", `a_${g}`], ["=", `w_{${g}x} x_t + w_{${g}h} h_{t−1} + b_${g}`]];
  parts.push(...products([[w_x, paper.x], [w_h, paper.h_prev]], [p_x, p_h], [b], full));
  parts.push([relation(equal(plus(plus(p_x.seen, p_h.seen), b.seen), a.seen)), a.text]);
  return { key: `a_${g}`, parts, note: "" };
}

const SYMBOLS = {
  f: ["f_t", "σ(a_f)", "σ"],
  i: ["i_t", "σ(a_i)", "σ"],
  c_tilde: ["c~_t", "tanh a_c", "tanh"],
  o: ["o_t", "σ(a_o)", "σ"],
  tanh_c: ["tanh c_t", "", "tanh"],
};

function squashLine(key, of, paper, precision, digits) {
  const [left, symbol, name] = SYMBOLS[key];
  const full = precision === "full";
  const [a, result] = [paper[of], paper[key]];
  const parts = [["", left]];
  if (symbol) parts.push(["=", symbol]);
  parts.push([begins([a], full), `${name}(${a.text})`]);
  const exactly = a.value.m === 0n && (a.exact || !full); // σ(0) = 1/2 and tanh(0) = 0, nowhere else
  const whole = squash(key, a.value);
  if (!full && !exactly) parts.push(["=", beginning(whole, digits + 2)]);
  parts.push([relation(exactly && equal(result.seen, whole)), result.text]);
  let note = "";
  if (precision === "source" && (key === "c_tilde" || key === "tanh_c")) {
    const right = proper(key, paper, digits);
    note = right === null ? "cut; rounding gives the same" : `cut; rounded it is ${textOf(right)}`;
  }
  return { key, parts, note };
}

function cellLine(paper, precision, digits) {
  const full = precision === "full";
  const { f, i, c_tilde, c, kept, new: fresh, c_prev } = paper;
  const parts = [["", "c_t"], ["=", "f_t c_{t−1} + i_t c~_t"]];
  parts.push(...products([[f, c_prev], [i, c_tilde]], [kept, fresh], [], full));
  parts.push([relation(equal(plus(kept.seen, fresh.seen), c.seen)), c.text]);
  const right = full ? null : proper("c", paper, digits);
  const note = right === null ? ""
    : `products rounded before they are added; added whole: ${textOf(unrounded(paper), true)} ≈ ${textOf(right)}`;
  return { key: "c", parts, note };
}

function hiddenLine({ o, tanh_c, h }, full) {
  const parts = [["", "h_t"], ["=", "o_t tanh c_t"], [begins([o, tanh_c], full), timesText(o.text, tanh_c.text)]];
  const exact = times(o.seen, tanh_c.seen);
  if (!full && !equal(exact, h.seen)) parts.push(["=", textOf(exact, true)]);
  parts.push([relation(equal(exact, h.seen)), h.text]);
  return { key: "h", parts, note: "" };
}

// The lines of the step: pre-activation and gate four times, c, tanh c, h.
export function lines(values, numbers, precision, digits) {
  const full = precision === "full";
  const paper = written(values, numbers, precision, digits);
  const result = [];
  for (const g of GATES) {
    result.push(linearLine(g, paper, full));
    result.push(squashLine(g === "c" ? "c_tilde" : g, `a_${g}`, paper, precision, digits));
    if (g === "c") result.push(cellLine(paper, precision, digits));
  }
  result.push(squashLine("tanh_c", "c", paper, precision, digits), hiddenLine(paper, full));
  return result;
}

// ---- backward -------------------------------------------------------------------------------------------

// A number with so many significant figures, 0.38617 or 1.2345×10⁻⁸: its text, the decimal that this is,
// whether that is all of it.
export function short(v, figures = 5) {
  const d = decimal(v);
  if (d.m === 0n) return { text: "0", seen: ZERO, whole: true };
  const size = { m: d.m < 0n ? -d.m : d.m, e: d.e };
  let exponent = String(size.m).length - 1 + d.e;
  const scaled = (by) => ({ m: d.m, e: d.e - by });
  if (equal(settle({ m: size.m, e: size.e - exponent }, figures - 1), { m: 10n, e: 0 })) exponent += 1;
  if (exponent >= -4 && exponent <= figures) {
    const seen = settle(d, Math.max(0, figures - 1 - exponent));
    const whole = equal(seen, d);
    return { text: textOf(seen, whole), seen, whole };
  }
  const mantissa = settle(scaled(exponent), figures - 1);
  const seen = { m: mantissa.m, e: mantissa.e + exponent };
  const whole = equal(seen, d);
  return { text: `${textOf(mantissa, whole)}×${power(exponent)}`, seen, whole };
}

// A gate or a tanh is never 1 (nor a gate 0), whatever its float.
function squashedFigure(name, figure) {
  const { text, seen } = figure;
  if (equal(seen, ONE) || equal(seen, minus(ONE))) return { text: `${text.replace(/\.0+$/, "")}.0000`, seen, whole: false };
  return { ...figure, whole: figure.whole && !("fio".includes(name) && seen.m === 0n) };
}

// The lines of the backward pass: c_t, each gate and its pre-activation, what goes on to the step before.
// Full precision, shown with five significant figures.
export function backwardLines(values, numbers, gradients) {
  const s = {};
  for (const [name, v] of Object.entries({ ...numbers, ...gradients, ...values })) if (typeof v === "number") s[name] = short(v);
  for (const name of ["f", "i", "c_tilde", "o", "tanh_c"]) s[name] = squashedFigure(name, s[name]);

  function line(key, left, symbols, putIn, exact, operands) {
    const begin = relation(operands.every((n) => s[n].whole && (n in values || s[n].seen.m === 0n)));
    return { key, parts: [["", left], ["=", symbols], [begin, putIn], [relation(equal(exact, s[key].seen)), s[key].text]], note: "" };
  }

  function productLine(key, left, symbols, ...pairs) {
    const texts = pairs.map(([a, b], k) => timesText(k === 0 ? s[a].text : bracket(s[a].text), s[b].text));
    const exact = pairs.map(([a, b]) => times(s[a].seen, s[b].seen)).reduce(plus);
    return line(key, left, symbols, sumText(texts), exact, pairs.flat());
  }

  function slope(g, of, gate, letter) {
    const { text, seen: v } = s[gate];
    const candidate = g === "c";
    const symbols = candidate ? `(1 − ${letter}²)` : `${letter} (1 − ${letter})`;
    const putIn = candidate ? `(1 − ${bracket(text)}²)` : `${text} · (1 − ${text})`;
    const factor = candidate ? plus(ONE, minus(times(v, v))) : times(v, plus(ONE, minus(v)));
    return line(
      `da_${g}`, `∂L/∂a_${g}`, `∂L/∂${letter} · ${symbols}`, `${s[of].text} · ${putIn}`, times(s[of].seen, factor), [of, gate],
    );
  }

  const slopeC = plus(ONE, minus(times(s.tanh_c.seen, s.tanh_c.seen)));
  const putIn = `${timesText(s.dh.text, s.o.text)} · (1 − ${bracket(s.tanh_c.text)}²)`;
  const through = times(times(s.dh.seen, s.o.seen), slopeC);
  const back = (of) => GATES.map((g) => [`da_${g}`, `w_${g}${of}`]);
  const backText = (of) => GATES.map((g) => `∂L/∂a_${g} · w_{${g}${of}}`).join(" + ");
  return [
    line(
      "dc_all", "∂L/∂c_t", "∂⁺L/∂c_t + ∂L/∂h_t · o_t (1 − tanh² c_t)", sumText([s.dc.text, putIn]),
      plus(s.dc.seen, through), ["dc", "dh", "o", "tanh_c"],
    ),
    productLine("df", "∂L/∂f_t", "∂L/∂c_t · c_{t−1}", ["dc_all", "c_prev"]),
    slope("f", "df", "f", "f_t"),
    productLine("di", "∂L/∂i_t", "∂L/∂c_t · c~_t", ["dc_all", "c_tilde"]),
    slope("i", "di", "i", "i_t"),
    productLine("dc_tilde", "∂L/∂c~_t", "∂L/∂c_t · i_t", ["dc_all", "i"]),
    slope("c", "dc_tilde", "c_tilde", "c~_t"),
    productLine("do", "∂L/∂o_t", "∂L/∂h_t · tanh c_t", ["dh", "tanh_c"]),
    slope("o", "do", "o", "o_t"),
    productLine("dx", "∂L/∂x_t", backText("x"), ...back("x")),
    productLine("dh_prev", "∂L/∂h_{t−1}", backText("h"), ...back("h")),
    productLine("dc_prev", "∂L/∂c_{t−1}", "∂L/∂c_t · f_t", ["dc_all", "f"]),
  ];
}

// ---- words ------------------------------------------------------------------------------------------------

const LETTERS = { c_tilde: "c~_t", x: "x_t", h_prev: "h_{t−1}", c_prev: "c_{t−1}" };

// The symbol of a number that the reader's step gives: f, c_tilde, dx, dw_fx ...
export function symbolOf(name) {
  if (["f", "i", "o", "c", "h", "c_tilde"].includes(name)) return LETTERS[name] ?? `${name}_t`;
  const of = name.slice(1);
  return `∂L/∂${LETTERS[of] ?? (of.startsWith("w") ? `w_{${of.slice(2)}}` : of)}`;
}

// The texts to compare: rounded once at the end ("full"), "rounded" and "source".
export function answers(values, numbers, digits) {
  const result = { full: {} };
  for (const [name, v] of Object.entries(numbers)) result.full[name] = textOf(settle(decimal(v), digits));
  for (const precision of PRECISIONS.slice(1)) {
    const paper = written(values, numbers, precision, digits);
    result[precision] = {};
    for (const name of Object.keys(numbers)) result[precision][name] = textOf(settle(paper[name].value, digits));
  }
  return result;
}

// At which character a text departs from the proper one; its length if nowhere.
export function departs(text, right) {
  for (let k = 0; k < Math.min(text.length, right.length); k++) if (text[k] !== right[k]) return k;
  return text.length;
}

// What the picture shows. outcome: of the reader's own step: null without one, false if it failed, else the
// names in which it differs.
export function describe(state, numbers, gradients, outcome = null, shown = answers(state, numbers, state.digits)) {
  const { digits } = state;
  const [c, h] = ["c", "h"].map((name) => textOf(settle(decimal(numbers[name]), FULL)));
  const ways = [["full", "rounded once, at the end,"], ["rounded", "rounded at every step"], ["source", "with the source's slips"]]
    .map(([p, how]) => `${how} c = ${shown[p].c} and h = ${shown[p].h}`);
  const says = [
    `In full precision c = ${c} and h = ${h}. To ${digits} decimal${digits > 1 ? "s" : ""}: ${ways.join("; ")}.`,
    `Backward, the gradient is ${short(gradients.dx).text} at x, ${short(gradients.dh_prev).text} at the h before, ${short(gradients.dc_prev).text} at the c before.`,
  ];
  if (outcome === false) says.push("The step given failed.");
  else if (outcome && outcome.length === 0) says.push("The step given agrees in every number.");
  else if (outcome) says.push(`The step given differs in ${outcome.join(", ")}.`);
  return says.join(" ");
}

export { given, NUMBERS };
