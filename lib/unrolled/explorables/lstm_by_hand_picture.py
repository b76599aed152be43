"""The static picture of LSTMByHand: the numbers given, the lines, the three answers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from unrolled.explorables.lstm_by_hand_lines import (
    PRECISIONS,
    Line,
    answers,
    backward_lines,
    given,
    lines,
    short,
    symbol_of,
)
from unrolled.explorables.picture import WIDTH, Picture, linear, px

LETTERS = {"f": "f", "i": "i", "c~": "c_tilde", "o": "o", "c": "c", "h": "h"}
GATES = (("f", "f"), ("i", "i"), ("c", "c~"), ("o", "o"))
TOKEN = re.compile(r"(∂?)([a-z]~?)_(\{[^}]+\}|\w)")
STYLE = (
    "<style>.s,.u,.p{font-family:'Times New Roman','Liberation Serif',serif}"
    ".s{font-size:15.5px;font-style:italic}.u{font-size:11px}.p{font-style:normal}"
    ".w{font-weight:700;text-decoration:underline}</style>"
)
B = '<tspan class="s">b</tspan>'
ROW = 22
MOST = 112  # characters that fit in one row
TABLE = 428  # where the answers begin

HEADS = {
    "full": ("rounded", "at the end"),
    "rounded": ("rounded at", "every step"),
    "source": ("the source's", "slips"),
}
NAMES = {
    "full": "full precision, shown with 7 decimals",
    "rounded": "rounded at every step",
    "source": "the source's slips: cut and rounded at every step",
}
COMPARED = (
    ("f_t", "f"),
    ("i_t", "i"),
    ("c~_t", "c_tilde"),
    ("c_t", "c"),
    ("o_t", "o"),
    ("tanh c_t", "tanh_c"),
    ("h_t", "h"),
)


def mathematics(p: Picture, source: str) -> str:
    """Return "c_t = f_t c_{t−1}" as SVG: letters in italics and in their colours."""

    def symbol(match: re.Match[str]) -> str:
        partial, letter, sub = match.groups()
        key = LETTERS.get(letter)
        fill = f' style="fill:{p.colour(key)}"' if key else ""
        tilde = '<tspan class="p" dx="-6">\u02dc</tspan>' if letter.endswith("~") else ""
        partial = f'<tspan class="p">{partial}</tspan>' if partial else ""
        return (
            f'<tspan class="s"{fill}>{partial}{letter[0]}{tilde}'
            f'<tspan class="u" dy="3">{sub.strip("{}")}</tspan></tspan>'
            '<tspan dy="-3">\u200b</tspan>'
        )

    return TOKEN.sub(symbol, source)


def departs(text: str, proper: str) -> int:
    """Return at which character a text departs from the proper one; its length if nowhere."""
    return next(
        (k for k, pair in enumerate(zip(text, proper, strict=False)) if len({*pair}) > 1), len(text)
    )


def picture(
    state: Mapping[str, Any],
    numbers: Mapping[str, float],
    gradients: Mapping[str, float],
    says: str,
    own: Mapping[str, float] | None = None,
    differs: Sequence[str] = (),
) -> str:
    """Return the SVG; its title is `says`.  own, differs: of the reader's step, if there is one."""
    p = Picture()
    p.add(STYLE)
    values = {name: v for name, v in state.items() if isinstance(v, float)}
    _given(p, values, numbers)
    _answers(p, values, numbers, state["digits"])
    top = _heading(p, 262, f"Forward: {NAMES[state['precision']]}")
    top = _lines(p, top, lines(values, numbers, state["precision"], state["digits"]))
    top = _heading(p, top + 14, "Backward: full precision, shown with 5 figures")
    top = _lines(p, top, backward_lines(values, numbers, gradients))
    top = _weights(p, top + 8, gradients)
    if own is not None:
        top = _heading(p, top + 24, "The step given, beside ours")
        top = _own(p, top, own, {**gradients, **numbers}, differs)
    return p.svg(says, top)


def _heading(p: Picture, y: float, text: str) -> float:
    p.text(2, y, text, "n")
    p.add(f'<path class="g" d="M2 {px(y + 7)}H{WIDTH - 10}"/>')
    return y + 30


def _given(p: Picture, values: Mapping[str, float], numbers: Mapping[str, float]) -> None:
    p.text(2, 20, "Given", "n")
    for k, (letter, name) in enumerate(
        (("x_t", "x"), ("h_{t−1}", "h_prev"), ("c_{t−1}", "c_prev"))
    ):
        p.text(2 + 134 * k, 48, f"{mathematics(p, letter)} = {given(values[name]).text}")
    for x, of in ((86, "x"), (150, "h")):
        p.text(x, 82, mathematics(p, f"w_{of}"), "", "end")
    p.text(214, 82, B, "", "end")
    for k, (g, letter) in enumerate(GATES):
        y = 108 + 30 * k
        p.text(2, y, mathematics(p, f"{letter}_t"))
        for x, name in ((86, f"w_{g}x"), (150, f"w_{g}h"), (214, f"b_{g}")):
            p.text(x, y, given(values[name]).text, "", "end")
        low = -1 if g == "c" else 0
        _gauge(p, LETTERS[letter], numbers[LETTERS[letter]], low, 1, y)
        p.text(244, y + 1, "−1" if low else "0", "t", "end")
        p.text(396, y + 1, "1", "t")


def _gauge(p: Picture, key: str, value: float, low: float, high: float, y: float) -> None:
    left, right = 250.0, 390.0
    x = linear(low, high, left, right)
    p.band(left, y - 12, right - left, 16)
    start, end = sorted((x(0), x(min(high, max(low, value)))))
    p.add(
        f'<rect x="{px(start)}" y="{px(y - 10)}" width="{px(max(2, end - start))}" height="12" '
        f'fill="{p.colour(key)}"/>'
    )
    if low < 0:
        p.add(f'<path stroke="var(--faint)" d="M{px(x(0))} {px(y - 12)}v16"/>')


def _answers(
    p: Picture, values: Mapping[str, float], numbers: Mapping[str, float], digits: int
) -> None:
    shown = answers(values, numbers, digits)
    p.text(TABLE, 20, f"To {digits} decimal{'s' * (digits > 1)}", "n")
    ends = (TABLE + 118, TABLE + 200, TABLE + 282)
    for x, precision in zip(ends, PRECISIONS, strict=True):
        for k, head in enumerate(HEADS[precision]):
            p.text(x, 42 + 14 * k, head, "r", "end")
    p.add(f'<path class="g" d="M{TABLE} 64H{WIDTH - 10}"/>')
    for row, (letter, name) in enumerate(COMPARED):
        y = 84 + 25 * row
        p.text(TABLE, y, mathematics(p, letter))
        for x, precision in zip(ends, PRECISIONS, strict=True):
            text = shown[precision][name]
            k = departs(text, shown["full"][name])
            fill = f'style="fill:{p.colour("gradient")}"'
            wrong = f'<tspan class="w" {fill}>{text[k:]}</tspan>' if k < len(text) else ""
            p.text(x, y, text[:k] + wrong, "", "end")


def _lines(p: Picture, top: float, rows: Sequence[Line]) -> float:
    for line in rows:
        left, at, text = 2, 0, ""
        for relation, part in line.parts:
            long = len(re.sub(r"[_{}~]", "", part)) + 3
            if at + long > MOST:
                p.text(left, top, text)
                left, at, text, top = 60, 8, "", top + ROW - 3
            text += (
                f"{' ' if text else ''}{relation}{' ' if relation else ''}{mathematics(p, part)}"
            )
            at += long
        p.text(left, top, text)
        top += ROW
        if line.note:
            p.text(60, top - 4, line.note, "r")
            top += ROW - 4
    return top


def _weights(p: Picture, top: float, gradients: Mapping[str, float]) -> float:
    ends = (200, 400, 540)
    x_t, h_prev = (mathematics(p, letter) for letter in ("x_t", "h_{t−1}"))
    a = '<tspan class="s">a</tspan>'
    w_x, w_h = (mathematics(p, letter) for letter in ("∂w_x", "∂w_h"))
    heads = (f"∂L/{w_x} = ∂L/∂{a} · {x_t}", f"∂L/{w_h} = ∂L/∂{a} · {h_prev}", f"∂L/∂{B} = ∂L/∂{a}")
    for x, head in zip(ends, heads, strict=True):
        p.text(x, top, head, "", "end")
    for k, (g, letter) in enumerate(GATES):
        y = top + 24 + ROW * k
        p.text(2, y, mathematics(p, f"{letter}_t"))
        for x, name in zip(ends, (f"dw_{g}x", f"dw_{g}h", f"db_{g}"), strict=True):
            p.text(x, y, short(gradients[name]).text, "", "end")
    return top + 14 + 4 * ROW


def _own(
    p: Picture,
    top: float,
    own: Mapping[str, float],
    ours: Mapping[str, float],
    differs: Sequence[str],
) -> float:
    rows = math.ceil(len(own) / 3)
    for k, (name, value) in enumerate(own.items()):
        x, y = 2 + 242 * (k // rows), top + ROW * (k % rows)
        mark = f'<tspan font-weight="700" style="fill:{p.colour("gradient")}">≠</tspan>'
        p.text(x, y, mathematics(p, symbol_of(name)))
        p.text(x + 132, y, short(value, 4).text, "", "end")
        p.text(x + 144, y, mark if name in differs else "=", "", "middle")
        p.text(x + 156, y, short(ours[name], 4).text)
    return top + ROW * (rows - 1) + 12
