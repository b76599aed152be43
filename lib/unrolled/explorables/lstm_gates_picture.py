"""The static picture of LSTMGates, and its words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from unrolled.explorables.picture import (
    PALETTE,
    WIDTH,
    Picture,
    fixed,
    gradient_text,
    limit_of,
    linear,
    power,
)

LEFT, RIGHT = 196, WIDTH - 10
INPUT_LIMIT = 2
FLOOR = -8  # the log axis of the gradient ends at 10^-8; 0 has a band of its own below
ROWS = (
    ("forget", "f", "how much of c is kept", 46),
    ("input", "i", "how much is written", 46),
    ("candidate", "c_tilde", "what is written", 56),
    ("output", "o", "how much of c is shown", 46),
)


def describe(
    forget: Sequence[float],
    trace: dict[str, list[float]],
    result: Any = None,
    *,
    driven: bool = False,
) -> str:
    """Return what the picture shows, in words."""
    T = len(forget)
    if not trace["c"]:
        return "Nothing is drawn: the update function failed."
    says = [f"After {T} steps c is {fixed(trace['c'][-1])} and h is {fixed(trace['h'][-1])}."]
    g = trace["gradient"][0]
    shut = max((t for t in range(2, T + 1) if forget[t - 1] == 0), default=0)
    if driven:
        says.append(
            f"Through the update function given, the gradient from step {T} back to step 1 "
            f"is {gradient_text(g)}."
        )
    elif shut:
        says.append(
            f"The forget gate is 0 at step {shut}: "
            "along the direct path no gradient reaches an earlier step."
        )
    elif g == 1:
        says.append(
            "No forget gate after step 1 is below 1: the gradient reaches step 1 undiminished."
        )
    else:
        says.append(f"The gradient from step {T} back to step 1 is {gradient_text(g)}.")
    if result is not None:
        says.append(
            f"Score {math.floor(result.score)} of 100: "
            f"read-out {round(100 * result.read)} percent, "
            f"quiet {round(100 * result.quiet)} percent."
        )
    return " ".join(says)


def describe_weights(
    state: dict[str, Any], trace: dict[str, list[float]], *, driven: bool = False
) -> str:
    """Return what the picture shows where weights are the handles, in words."""
    T = len(state["x"])
    if not trace["c"]:
        return "Nothing is drawn: the step function failed."
    says = f"After {T} steps c is {fixed(trace['c'][-1])} and h is {fixed(trace['h'][-1])}."
    total, direct = trace["gradient"][0], trace["direct"][0]
    subject = f"the gradient from step {T} back to step 1"
    if driven:
        return (
            f"{says} Through the step function given, {subject} is {_size(total)} in total "
            f"and {_size(direct)} along the direct path."
        )
    back = ["w_ih", "w_fh", "w_ch"]  # o acts on h alone
    if state["variant"] == "coupled":
        back.remove("w_ih")
    elif state["variant"] == "peephole":
        back += ["p_i", "p_f"]
    if not any(state[name] for name in back):
        return (
            f"{says} No weight leads from the state back to what makes c, so {subject} has "
            f"but the direct path: {_size(total)}."
        )
    return (
        f"{says} In total {subject} is {_size(total)}; "
        f"the direct path, gates held fixed, gives {_size(direct)}."
    )


def _size(g: float) -> str:
    # A sigmoid is never 0, but rounds to it; so may their product.
    return gradient_text(g) if g else "below 10⁻¹⁵"


def picture(rows: dict[str, Any], trace: dict[str, list[float]], says: str) -> str:
    """Return the SVG: four rows of bars, c and h, the gradient (log axis); its title is `says`."""
    p = Picture()
    columns = _Columns(len(rows["forget"]))
    top = 14.0
    for key, letter, role, height in ROWS:
        top = _bars(p, columns, rows[key], letter, role, top, height)
    top = _states(p, columns, rows["c0"], trace, top + 6)
    _gradient(p, trace["gradient"], columns.middles, top)
    roles = ("direct path,", "gates held fixed")
    for line, role in enumerate(roles):
        p.text(32, top + 62 + 16 * line, role, "r")
    top = _steps(p, columns, top + 136)
    return p.svg(says, top)


def weights_picture(
    state: dict[str, Any], trace: dict[str, list[float]], counts: dict[str, int], says: str
) -> str:
    """Return the SVG: the equations, x, what the gates make of it, c and h, both gradients."""
    p = Picture()
    variant = state["variant"]
    columns = _Columns(len(state["x"]))
    top = 22.0
    for letter in ("f", "i", "c_tilde", "o"):
        p.letter(2, top, letter)
        p.text(34, top - 1, _formula(letter, state))
        top += 25
    p.text(2, top + 2, count_text(variant, state["D"], state["H"], counts[variant]), "r")
    top = _bars(p, columns, state["x"], "x", "what comes in", top + 24, 46)
    for key, role in (
        ("f", "how much of c is kept"),
        ("i", "how much is written"),
        ("c_tilde", "what is written"),
        ("o", "how much of c is shown"),
    ):
        top = _bars(p, columns, trace[key], key, role, top, 56 if key == "c_tilde" else 46)
    top = _states(p, columns, state["c0"], trace, top + 6)
    _gradient(p, trace["gradient"], columns.middles, top, direct=trace["direct"])
    for line, text in enumerate(("total", "direct path,", "gates held fixed")):
        p.text(84 if line < 2 else 32, top + (46, 66, 84)[line], text, "r")
    p.sample("f", 32, top + 62)
    top = _steps(p, columns, top + 126)
    return p.svg(says, top)


def count_text(variant: str, D: int, H: int, count: int) -> str:
    """Return how many parameters a layer has, and by which formula."""
    formula = {
        "lstm": "4 (H (D + H) + H)",
        "peephole": "4 (H (D + H) + H) + 3 H",
        "coupled": "3 (H (D + H) + H)",
    }[variant]
    s = "" if count == 1 else "s"
    unit = "This unit" if D == H == 1 else f"A layer of H = {H} units on D = {D} inputs"
    return f"{unit} has {count} parameter{s}: {formula}" + (", D = H = 1." if D == H == 1 else ".")


def _formula(letter: str, state: dict[str, Any]) -> str:
    """Return the line of a gate with its numbers, = σ(10 x_t − 5), as SVG; without terms of 0."""
    if letter == "i" and state["variant"] == "coupled":
        return "= 1 − " + _term("f", "t")
    gate = "c" if letter == "c_tilde" else letter
    terms = [(state[f"w_{gate}x"], _term("x", "t")), (state[f"w_{gate}h"], _term("h", "t−1"))]
    if state["variant"] == "peephole" and gate != "c":
        terms.append((state[f"p_{gate}"], _term("c", "t" if gate == "o" else "t−1")))
    terms.append((state[f"b_{gate}"], ""))
    inside = ""
    for value, symbol in terms:
        if value:
            sign = "−" if value < 0 else "+"
            sign = f" {sign} " if inside else sign.replace("+", "")
            inside += f"{sign}{abs(value):.4g}{symbol and chr(0xA0) + symbol}"
    return f"= {'tanh' if gate == 'c' else 'σ'}({inside or '0'})"


def _term(letter: str, sub: str) -> str:
    return (
        f'<tspan font-style="italic">{letter}</tspan><tspan dy="4" font-size="10">{sub}</tspan>'
        '<tspan dy="-4">\u200b</tspan>'
    )


class _Columns:
    """Where the steps stand, side by side."""

    def __init__(self, T: int) -> None:
        step = (RIGHT - LEFT) / T
        self.T = T
        self.edges = [LEFT + k * step for k in range(T + 1)]
        self.middles = [edge + step / 2 for edge in self.edges[:-1]]


def _bars(
    p: Picture,
    columns: _Columns,
    values: Sequence[float],
    letter: str,
    role: str,
    top: float,
    height: float,
) -> float:
    """Add a row of bars with its labels; return where the next one begins."""
    high = INPUT_LIMIT if letter == "x" else 1
    low = -high if letter in ("x", "c_tilde") else 0
    y = linear(low, high, top + height, top)
    p.band(LEFT, top, RIGHT - LEFT, height)
    p.grid(LEFT, RIGHT, [(y(v), f"{v:g}".replace("-", "−")) for v in sorted({low, 0, high})])
    p.bars("var(--faint)" if letter == "x" else letter, values, columns.edges, y)
    middle = top + height / 2
    if letter == "x":
        p.letter(2, middle - 1, "var(--ink)", letter="x")
    else:
        p.letter(2, middle - 1, letter)
    p.text(32, middle - 2, PALETTE[letter]["name"] if letter in PALETTE else "input", "n")
    p.text(32, middle + 15, role, "r")
    return top + height + 18


def _states(
    p: Picture, columns: _Columns, c0: float, trace: dict[str, list[float]], top: float
) -> float:
    """Add the curves of c and h; return where what follows begins."""
    limit = limit_of([c0, *trace["c"], *trace["h"]])
    y = linear(-limit, limit, top + 112, top + 4)
    p.grid(LEFT, RIGHT, [(y(v), fixed(v).removesuffix(".00")) for v in (-limit, 0.0, limit)])
    for key, start, baseline in (("c", (LEFT, y(c0)), 33), ("h", None, 81)):
        values = zip(columns.middles, map(y, trace[key]), strict=False)
        p.curve(key, list(values), start=start)
        p.letter(2, top + baseline, key)
        p.text(32, top + baseline - 1, PALETTE[key]["name"], "n")
        p.sample(key, 32, top + baseline + 11)
    return top + 136


def _steps(p: Picture, columns: _Columns, top: float) -> float:
    """Add the numbers of the steps; return where the picture ends."""
    T = columns.T
    every = max(1, math.ceil(T / 24))
    shown = [t for t in range(1, T + 1) if t in (1, T) or (t % every == 0 and T - t >= every / 2)]
    p.text(LEFT - 12, top, 'step <tspan font-style="italic">t</tspan>', "r", "end")
    p.ticks(top, [(columns.middles[t - 1], str(t)) for t in shown])
    return top + 8


def _gradient(
    p: Picture,
    gradient: Sequence[float],
    middles: Sequence[float],
    top: float,
    *,
    direct: Sequence[float] | None = None,
) -> None:
    """Add the gradient over time on a log axis; with `direct` that beside the total one."""
    every = [*gradient, *(direct or [])]
    ceiling = math.ceil(math.log10(max([1.0, *map(abs, every)])) - 1e-9)
    bottom = top + 100
    y = linear(FLOOR, ceiling, bottom, top + 5)
    exponents = range(ceiling, FLOOR - 1, -2 * math.ceil((ceiling - FLOOR) / 12))
    if direct is None:
        p.band(LEFT, bottom + 4, RIGHT - LEFT, 17)
    p.grid(LEFT, RIGHT, [(y(e), "1" if e == 0 else power(e)) for e in exponents])
    height = {g: y(max(math.log10(abs(g)), FLOOR)) for g in every if g}
    if direct is None:
        p.text(LEFT - 6, bottom + 17, "0", "t", "end")
        pairs = list(zip(middles, gradient, strict=False))
        p.curve("gradient", [(x, height[g]) if g else None for x, g in pairs])
        colour = p.colour("gradient")
        for x, g in pairs:
            if g == 0:
                p.add(
                    f'<text x="{x:.1f}" y="{bottom + 17:g}" class="z" style="fill:{colour}">'
                    "0</text>"
                )
    else:  # a product of sigmoids is never 0, though it may round to it
        for key, values in (("f", direct), ("gradient", gradient)):
            p.curve(
                key, [(x, height.get(g, bottom)) for x, g in zip(middles, values, strict=False)]
            )
    sub = '<tspan dy="5" font-size="14">'
    p.add(
        f'<text x="2" y="{top + 28:g}" class="m" style="fill:{p.colour("gradient")}">'
        f'∂c{sub}T</tspan><tspan dy="-5"> / ∂c</tspan>{sub}t</tspan></text>'
    )
    p.text(88, top + 27, "gradient", "n")
    p.sample("gradient", 32, top + 42)
