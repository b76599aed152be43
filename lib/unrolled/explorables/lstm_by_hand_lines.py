"""The lines of LSTMByHand, worked with a pencil: exact decimal arithmetic, rounded or cut.

The same functions in JavaScript: ``js/lstm-by-hand/math.js`` and ``words.js``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal, localcontext
from typing import NamedTuple

import numpy as np

from unrolled.cells.protocol import sigmoid
from unrolled.explorables.picture import power

PRECISIONS = ("full", "rounded", "source")
FULL = 7
"""Decimals that full precision is shown with."""

# Wide enough for the exact product of any two floats: nothing is lost but where we round.
EXACT = Context(prec=2500)
ZERO = Decimal(0)
BELOW_ONE = Decimal("0.999999999999999")


class Shown(NamedTuple):
    """A number on paper: what the next line works with, whether nothing was lost so far, the text.

    `seen` is the text as a decimal; it differs from `value` only in full precision.
    """

    value: Decimal
    exact: bool
    seen: Decimal
    text: str


class Line(NamedTuple):
    """One line: its parts, each a relation ('' at first, '=' or '≈') and a text, and a note.

    The first two texts are symbols as ``js/kit/notation.js`` reads them; the others are numbers.
    """

    key: str
    parts: list[tuple[str, str]]
    note: str = ""


def decimal(v: float) -> Decimal:
    """Return the decimal that a float is written as: 0.1 is 0.1."""
    return Decimal(repr(float(v)))


def settle(d: Decimal, places: int, *, cut: bool = False) -> Decimal:
    """Return a decimal with so many places: rounded half up (ties away from zero), or cut."""
    rounding = ROUND_DOWN if cut else ROUND_HALF_UP
    result = d.quantize(Decimal(1).scaleb(-places), rounding, EXACT)
    return result if result else result.copy_abs()  # no negative zero


def text_of(d: Decimal, *, strip: bool = False) -> str:
    """Return a decimal as text, without trailing zeros if asked; never a negative zero."""
    text = f"{d.copy_abs():f}"
    if strip and "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"−{text}" if d < 0 else text


def on_paper(
    d: Decimal, exact: bool, places: int, *, cut: bool = False, keep: bool = False
) -> Shown:
    """Return a number as it is written down; `keep`: the next line works with all its digits."""
    seen = settle(d, places, cut=cut)
    exact = exact and seen == d
    return Shown(d if keep else seen, exact, seen, text_of(seen, strip=exact))


def given(v: float) -> Shown:
    """Return a number that the reader has set: it is taken as it is, shown with 7 decimals."""
    d = decimal(v)
    seen = settle(d, FULL)
    return Shown(d, True, seen, text_of(seen, strip=True))


def squash(key: str, a: Decimal) -> Decimal:
    """Return tanh(a) for the candidate and the cell state, σ(a) for the gates.

    Neither is ever 1, though the nearest float may be: cut, 0.999… stays below it.
    """
    v = np.array(float(a))
    d = decimal(float(np.tanh(v) if key in ("c_tilde", "tanh_c") else sigmoid(v)))
    return max(-BELOW_ONE, min(BELOW_ONE, d))


def _product(a: Shown, b: Shown) -> tuple[Decimal, bool]:
    nothing = (a.exact and a.value == 0) or (b.exact and b.value == 0)
    return a.value * b.value, nothing or (a.exact and b.exact)


def written(
    values: Mapping[str, float], numbers: Mapping[str, float], precision: str, digits: int
) -> dict[str, Shown]:
    """Return every number of the step as it is written down, and those that were given, by name.

    numbers: those of `forward`, which full precision shows.  p_fx is w_fx x, p_fh is w_fh h_prev.
    """
    full = precision == "full"
    places = FULL if full else digits
    paper = {name: given(values[name]) for name in values}

    def put(name: str, d: Decimal, exact: bool) -> None:
        cut = precision == "source" and name in ("c_tilde", "tanh_c")
        # Sums and products of what is given are exact in decimals; the rest is the library's.
        if full and not name.startswith(("p_", "a_")):
            d = decimal(numbers[name])
        paper[name] = on_paper(d, exact, places, cut=cut, keep=full)

    def put_squashed(name: str, a: Shown) -> None:
        put(name, squash(name, a.value), a.exact and a.value == 0)

    with localcontext(EXACT):
        for g in "fico":
            for of, factor in (("x", "x"), ("h", "h_prev")):
                put(f"p_{g}{of}", *_product(paper[f"w_{g}{of}"], paper[factor]))
            terms = [paper[name] for name in (f"p_{g}x", f"p_{g}h", f"b_{g}")]
            put(f"a_{g}", sum((t.value for t in terms), ZERO), all(t.exact for t in terms))
            put_squashed("c_tilde" if g == "c" else g, paper[f"a_{g}"])
        put("kept", *_product(paper["f"], paper["c_prev"]))
        put("new", *_product(paper["i"], paper["c_tilde"]))
        kept, new = paper["kept"], paper["new"]
        put("c", kept.value + new.value, kept.exact and new.exact)
        put_squashed("tanh_c", paper["c"])
        put("h", *_product(paper["o"], paper["tanh_c"]))
    return {name: shown for name, shown in paper.items() if name not in values}


def slips_at(values: Mapping[str, float], numbers: Mapping[str, float], digits: int) -> list[str]:
    """Return the lines that the source's slips change: c_tilde, c, tanh_c."""
    paper = written(values, numbers, "source", digits)
    return [
        key for key in ("c_tilde", "c", "tanh_c") if _proper(key, values, paper, digits) is not None
    ]


def _proper(
    key: str, values: Mapping[str, float], paper: Mapping[str, Shown], digits: int
) -> Decimal | None:
    """Return what the line should give from its own operands, rounded once; None if it does."""
    with localcontext(EXACT):
        if key == "c":
            d = _unrounded(values, paper)
        else:
            d = squash(key, paper["a_c" if key == "c_tilde" else "c"].value)
        proper = settle(d, digits)
    return None if proper == paper[key].value else proper


def _unrounded(values: Mapping[str, float], paper: Mapping[str, Shown]) -> Decimal:
    f, i, c_tilde = (paper[name].value for name in ("f", "i", "c_tilde"))
    return f * decimal(values["c_prev"]) + i * c_tilde


# Lines


def _bracket(text: str) -> str:
    return f"({text})" if text.startswith("−") else text


def _times(a: str, b: str) -> str:
    return f"{a} · {_bracket(b)}"


def _sum(terms: Sequence[str]) -> str:
    result = terms[0]
    for term in terms[1:]:
        result += f" − {term[1:]}" if term.startswith("−") else f" + {term}"
    return result


def _relation(same: bool) -> str:
    return "=" if same else "≈"


def _beginning(d: Decimal, places: int) -> str:
    """Return the first digits of a number that goes on: 0.92166…"""
    return f"{text_of(settle(d, places, cut=True))}…"


def lines(
    values: Mapping[str, float], numbers: Mapping[str, float], precision: str, digits: int
) -> list[Line]:
    """Return the lines of the step: pre-activation and gate four times, c, tanh c, h.

    A relation is "=" where the numbers as shown are equal, else "≈".
    """
    full = precision == "full"
    paper = {name: given(v) for name, v in values.items()}
    paper |= written(values, numbers, precision, digits)
    with localcontext(EXACT):
        result = []
        for g in "fico":
            key = "c_tilde" if g == "c" else g
            result.append(_linear_line(g, paper, full))
            result.append(_squash_line(key, f"a_{g}", values, paper, precision, digits))
            if g == "c":
                result.append(_cell_line(values, paper, precision, digits))
        result.append(_squash_line("tanh_c", "c", values, paper, precision, digits))
        result.append(_hidden_line(paper, full))
    return result


def _begins(operands: Sequence[Shown], full: bool) -> str:
    return _relation(all(s.value == s.seen and (s.exact or not full) for s in operands))


def _products(
    pairs: Sequence[tuple[Shown, Shown]],
    products: Sequence[Shown],
    rest: Sequence[Shown],
    full: bool,
) -> list[tuple[str, str]]:
    """Return the parts of a sum of products: the numbers put in, the products, rounded."""
    texts = [s.text for s in rest]
    put_in = [a.text if k == 0 else _bracket(a.text) for k, (a, _) in enumerate(pairs)]
    put_in = [_times(a, b.text) for a, (_, b) in zip(put_in, pairs, strict=True)]
    exact = [a.seen * b.seen for a, b in pairs]
    same = all(d == p.seen for d, p in zip(exact, products, strict=True))
    operands = [s for pair in pairs for s in pair] + list(rest)
    parts = [(_begins(operands, full), _sum([*put_in, *texts]))]
    if not same and not full:
        parts.append(("=", _sum([*(text_of(d, strip=True) for d in exact), *texts])))
    sums = (sum(ds, ZERO) for ds in (exact, [p.seen for p in products]))
    parts.append((_relation(next(sums) == next(sums)), _sum([*(p.text for p in products), *texts])))
    return parts


def _linear_line(g: str, paper: Mapping[str, Shown], full: bool) -> Line:
    w_x, w_h, b, a = (paper[name] for name in (f"w_{g}x", f"w_{g}h", f"b_{g}", f"a_{g}"))
    p_x, p_h = paper[f"p_{g}x"], paper[f"p_{g}h"]
    parts = [("", f"a_{g}"), ("=", f"w_{{{g}x}} x_t + w_{{{g}h}} h_{{t−1}} + b_{g}")]
    parts += _products([(w_x, paper["x"]), (w_h, paper["h_prev"])], [p_x, p_h], [b], full)
    parts.append((_relation(p_x.seen + p_h.seen + b.seen == a.seen), a.text))
    return Line(f"a_{g}", parts)


SYMBOLS = {
    "f": ("f_t", "σ(a_f)", "σ"),
    "i": ("i_t", "σ(a_i)", "σ"),
    "c_tilde": ("c~_t", "tanh a_c", "tanh"),
    "o": ("o_t", "σ(a_o)", "σ"),
    "tanh_c": ("tanh c_t", "", "tanh"),
}


def _squash_line(
    key: str,
    of: str,
    values: Mapping[str, float],
    paper: Mapping[str, Shown],
    precision: str,
    digits: int,
) -> Line:
    left, symbol, function = SYMBOLS[key]
    full = precision == "full"
    a, result = paper[of], paper[key]
    parts = [("", left)] + ([("=", symbol)] if symbol else [])
    parts.append((_begins([a], full), f"{function}({a.text})"))
    exactly = a.value == 0 and (a.exact or not full)  # σ(0) = 1/2 and tanh(0) = 0, nowhere else
    if not full and not exactly:
        parts.append(("=", _beginning(squash(key, a.value), digits + 2)))
    parts.append((_relation(exactly and result.seen == squash(key, a.value)), result.text))
    note = ""
    if precision == "source" and key in ("c_tilde", "tanh_c"):
        proper = _proper(key, values, paper, digits)
        note = (
            "cut; rounding gives the same"
            if proper is None
            else f"cut; rounded it is {text_of(proper)}"
        )
    return Line(key, parts, note)


def _cell_line(
    values: Mapping[str, float], paper: Mapping[str, Shown], precision: str, digits: int
) -> Line:
    full = precision == "full"
    f, i, c_tilde, c = (paper[name] for name in ("f", "i", "c_tilde", "c"))
    kept, new = paper["kept"], paper["new"]
    parts = [("", "c_t"), ("=", "f_t c_{t−1} + i_t c~_t")]
    parts += _products([(f, paper["c_prev"]), (i, c_tilde)], [kept, new], [], full)
    parts.append((_relation(kept.seen + new.seen == c.seen), c.text))
    note = ""
    if not full and (proper := _proper("c", values, paper, digits)) is not None:
        whole = text_of(_unrounded(values, paper), strip=True)
        note = f"products rounded before they are added; added whole: {whole} ≈ {text_of(proper)}"
    return Line("c", parts, note)


def _hidden_line(paper: Mapping[str, Shown], full: bool) -> Line:
    o, tanh_c, h = paper["o"], paper["tanh_c"], paper["h"]
    parts = [("", "h_t"), ("=", "o_t tanh c_t")]
    parts.append((_begins([o, tanh_c], full), _times(o.text, tanh_c.text)))
    exact = o.seen * tanh_c.seen
    if not full and exact != h.seen:
        parts.append(("=", text_of(exact, strip=True)))
    parts.append((_relation(exact == h.seen), h.text))
    return Line("h", parts)


# Backward


class Figure(NamedTuple):
    """A number of the backward pass: its text, the decimal that it is, whether that is all."""

    text: str
    seen: Decimal
    whole: bool


def short(v: float, figures: int = 5) -> Figure:
    """Return a number with so many significant figures, 0.38617 or 1.2345×10⁻⁸."""
    d = decimal(v)
    if d == 0:
        return Figure("0", ZERO, True)
    with localcontext(EXACT):
        exponent = d.adjusted()
        if settle(d.copy_abs().scaleb(-exponent), figures - 1) == 10:
            exponent += 1
        if -4 <= exponent <= figures:
            seen = settle(d, max(0, figures - 1 - exponent))
            return Figure(text_of(seen, strip=seen == d), seen, seen == d)
        mantissa = settle(d.scaleb(-exponent), figures - 1)
        seen = mantissa.scaleb(exponent)
        return Figure(f"{text_of(mantissa, strip=seen == d)}×{power(exponent)}", seen, seen == d)


def _squashed_figure(name: str, figure: Figure) -> Figure:
    """Return the figure of a gate or a tanh: never 1 (nor a gate 0), whatever its float."""
    if abs(figure.seen) == 1:
        return Figure(f"{figure.text.rstrip('.0')}.0000", figure.seen, False)
    return figure._replace(whole=figure.whole and not (name in "fio" and figure.seen == 0))


def backward_lines(
    values: Mapping[str, float], numbers: Mapping[str, float], gradients: Mapping[str, float]
) -> list[Line]:
    """Return the lines of the backward pass: c_t, each gate and its pre-activation, what goes on.

    Full precision, shown with five significant figures.
    """
    s = {name: short(v) for name, v in {**numbers, **gradients, **values}.items()}
    for name in ("f", "i", "c_tilde", "o", "tanh_c"):
        s[name] = _squashed_figure(name, s[name])

    def line(
        key: str, left: str, symbols: str, put_in: str, exact: Decimal, *operands: str
    ) -> Line:
        begins = _relation(all(s[n].whole and (n in values or s[n].seen == 0) for n in operands))
        ends = _relation(exact == s[key].seen)
        return Line(key, [("", left), ("=", symbols), (begins, put_in), (ends, s[key].text)])

    def product(key: str, left: str, symbols: str, *pairs: tuple[str, str]) -> Line:
        texts = [
            _times(s[a].text if k == 0 else _bracket(s[a].text), s[b].text)
            for k, (a, b) in enumerate(pairs)
        ]
        exact = sum((s[a].seen * s[b].seen for a, b in pairs), ZERO)
        return line(key, left, symbols, _sum(texts), exact, *(n for pair in pairs for n in pair))

    def slope(g: str, of: str, gate: str, letter: str) -> Line:
        text, v, _ = s[gate]
        if g == "c":
            symbols, put_in, factor = f"(1 − {letter}²)", f"(1 − {_bracket(text)}²)", 1 - v * v
        else:
            symbols, put_in, factor = (
                f"{letter} (1 − {letter})",
                f"{text} · (1 − {text})",
                v * (1 - v),
            )
        symbols, put_in = f"∂L/∂{letter} · {symbols}", f"{s[of].text} · {put_in}"
        return line(f"da_{g}", f"∂L/∂a_{g}", symbols, put_in, s[of].seen * factor, of, gate)

    with localcontext(EXACT):
        slope_c = 1 - s["tanh_c"].seen ** 2
        put_in = f"{_times(s['dh'].text, s['o'].text)} · (1 − {_bracket(s['tanh_c'].text)}²)"
        result = [
            line(
                "dc_all",
                "∂L/∂c_t",
                "∂⁺L/∂c_t + ∂L/∂h_t · o_t (1 − tanh² c_t)",
                _sum([s["dc"].text, put_in]),
                s["dc"].seen + s["dh"].seen * s["o"].seen * slope_c,
                *("dc", "dh", "o", "tanh_c"),
            ),
            product("df", "∂L/∂f_t", "∂L/∂c_t · c_{t−1}", ("dc_all", "c_prev")),
            slope("f", "df", "f", "f_t"),
            product("di", "∂L/∂i_t", "∂L/∂c_t · c~_t", ("dc_all", "c_tilde")),
            slope("i", "di", "i", "i_t"),
            product("dc_tilde", "∂L/∂c~_t", "∂L/∂c_t · i_t", ("dc_all", "i")),
            slope("c", "dc_tilde", "c_tilde", "c~_t"),
            product("do", "∂L/∂o_t", "∂L/∂h_t · tanh c_t", ("dh", "tanh_c")),
            slope("o", "do", "o", "o_t"),
        ]
        for key, left, of in (("dx", "x_t", "x"), ("dh_prev", "h_{t−1}", "h")):
            symbols = " + ".join(f"∂L/∂a_{g} · w_{{{g}{of}}}" for g in "fico")
            pairs = [(f"da_{g}", f"w_{g}{of}") for g in "fico"]
            result.append(product(key, f"∂L/∂{left}", symbols, *pairs))
        result.append(product("dc_prev", "∂L/∂c_{t−1}", "∂L/∂c_t · f_t", ("dc_all", "f")))
    return result


# Words

LETTERS = {"c_tilde": "c~_t", "x": "x_t", "h_prev": "h_{t−1}", "c_prev": "c_{t−1}"}


def symbol_of(name: str) -> str:
    """Return the symbol of a number that the reader's step gives: f, c_tilde, dx, dw_fx ..."""
    if name in (*"fioch", "c_tilde"):
        return LETTERS.get(name, f"{name}_t")
    of = name[1:]
    return f"∂L/∂{LETTERS.get(of, f'w_{{{of[2:]}}}' if of.startswith('w') else of)}"


def answers(
    values: Mapping[str, float], numbers: Mapping[str, float], digits: int
) -> dict[str, dict[str, str]]:
    """Return the texts to compare: rounded once at the end ('full'), 'rounded' and 'source'."""
    once = {name: text_of(settle(decimal(v), digits)) for name, v in numbers.items()}
    result = {"full": once}
    for precision in PRECISIONS[1:]:
        paper = written(values, numbers, precision, digits)
        result[precision] = {n: text_of(settle(paper[n].value, digits)) for n in numbers}
    return result


def describe(
    state: Mapping[str, object],
    numbers: Mapping[str, float],
    gradients: Mapping[str, float],
    outcome: list[str] | bool | None = None,
) -> str:
    """Return what the picture shows, in words.

    outcome: of the reader's own step: None without one, False if it failed, else the names in
    which it differs.
    """
    values = {n: v for n, v in state.items() if isinstance(v, float)}
    digits = state["digits"]
    assert isinstance(digits, int)
    shown = answers(values, numbers, digits)
    c, h = (text_of(settle(decimal(numbers[n]), FULL)) for n in ("c", "h"))
    ways = [
        f"{how} c = {shown[p]['c']} and h = {shown[p]['h']}"
        for p, how in (
            ("full", "rounded once, at the end,"),
            ("rounded", "rounded at every step"),
            ("source", "with the source's slips"),
        )
    ]
    at_x, at_h, at_c = (short(gradients[name]).text for name in ("dx", "dh_prev", "dc_prev"))
    says = [
        f"In full precision c = {c} and h = {h}.",
        f"To {digits} decimal{'s' * (digits > 1)}: {'; '.join(ways)}.",
        f"Backward, the gradient is {at_x} at x, {at_h} at the h before, {at_c} at the c before.",
    ]
    if outcome is False:
        says.append("The step given failed.")
    elif isinstance(outcome, list):
        where = f"differs in {', '.join(outcome)}" if outcome else "agrees in every number"
        says.append(f"The step given {where}.")
    return " ".join(says)
