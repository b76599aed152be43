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


def picture(rows: dict[str, Any], trace: dict[str, list[float]], says: str) -> str:
    """Return the SVG: four rows of bars, c and h, the gradient (log axis); its title is `says`."""
    p = Picture()
    T = len(rows["forget"])
    step = (RIGHT - LEFT) / T
    edges = [LEFT + k * step for k in range(T + 1)]
    middles = [edge + step / 2 for edge in edges[:-1]]

    top = 14.0
    for key, letter, role, height in ROWS:
        low = -1 if key == "candidate" else 0
        y = linear(low, 1, top + height, top)
        p.band(LEFT, top, RIGHT - LEFT, height)
        p.grid(LEFT, RIGHT, [(y(v), "−1" if v < 0 else str(v)) for v in range(low, 2)])
        p.bars(letter, rows[key], edges, y)
        middle = top + height / 2
        p.letter(2, middle - 1, letter)
        p.text(32, middle - 2, PALETTE[letter]["name"], "n")
        p.text(32, middle + 15, role, "r")
        top += height + 18
    top += 6

    limit = limit_of([rows["c0"], *trace["c"], *trace["h"]])
    y = linear(-limit, limit, top + 112, top + 4)
    p.grid(LEFT, RIGHT, [(y(v), fixed(v).removesuffix(".00")) for v in (-limit, 0.0, limit)])
    for key, start, baseline in (("c", (LEFT, y(rows["c0"])), 33), ("h", None, 81)):
        values = zip(middles, map(y, trace[key]), strict=False)
        p.curve(key, list(values), start=start)
        p.letter(2, top + baseline, key)
        p.text(32, top + baseline - 1, PALETTE[key]["name"], "n")
        p.sample(key, 32, top + baseline + 11)
    top += 136

    _gradient(p, trace["gradient"], middles, top)
    top += 136
    every = max(1, math.ceil(T / 24))
    shown = [t for t in range(1, T + 1) if t in (1, T) or (t % every == 0 and T - t >= every / 2)]
    p.text(LEFT - 12, top, 'step <tspan font-style="italic">t</tspan>', "r", "end")
    p.ticks(top, [(middles[t - 1], str(t)) for t in shown])
    return p.svg(says, top + 8)


def _gradient(
    p: Picture, gradient: Sequence[float], middles: Sequence[float], top: float
) -> None:
    ceiling = math.ceil(math.log10(max([1.0, *map(abs, gradient)])) - 1e-9)
    bottom = top + 100
    y = linear(FLOOR, ceiling, bottom, top + 5)
    exponents = range(ceiling, FLOOR - 1, -2 * math.ceil((ceiling - FLOOR) / 12))
    p.band(LEFT, bottom + 4, RIGHT - LEFT, 17)
    p.grid(LEFT, RIGHT, [(y(e), "1" if e == 0 else power(e)) for e in exponents])
    p.text(LEFT - 6, bottom + 17, "0", "t", "end")
    pairs = list(zip(middles, gradient, strict=False))
    p.curve("gradient", [g and (x, y(max(math.log10(abs(g)), FLOOR))) or None for x, g in pairs])
    colour = p.colour("gradient")
    for x, g in pairs:
        if g == 0:
            p.add(f'<text x="{x:.1f}" y="{bottom + 17:g}" class="z" style="fill:{colour}">0</text>')
    sub = '<tspan dy="5" font-size="14">'
    p.add(
        f'<text x="2" y="{top + 28:g}" class="m" style="fill:{colour}">'
        f'∂c{sub}T</tspan><tspan dy="-5"> / ∂c</tspan>{sub}t</tspan></text>'
    )
    p.text(88, top + 27, "gradient", "n")
    p.sample("gradient", 32, top + 42)
    p.text(32, top + 62, "direct path,", "r")
    p.text(32, top + 78, "gates held fixed", "r")
