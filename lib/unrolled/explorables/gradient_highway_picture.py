"""The static picture of GradientHighway, and its words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import Any

from unrolled.explorables.picture import (
    WIDTH,
    Picture,
    Point,
    Scale,
    fixed,
    gradient_text,
    linear,
    power,
)

LEFT, RIGHT = 66, WIDTH - 10
# Which quantity's colour and dash a curve has: the state that carries its memory, or its gate.
KEYS = {"rnn": "h", "gru": "z", "lstm": "c", "direct": "f"}
NAMES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM", "direct": "direct path ∏ f"}
CEILINGS = (4, 8, 16, 24, 40)  # of the log axis: what is beyond is infinite in float32 ...
FLOORS = (-4, -8, -16, -24, -32, -48)  # ... or 0
FLOAT32 = {"above: infinite in float32": 38.53, "below: 0 in float32": -44.85}
MARKED = 3  # decades from 1: the words say that a gradient vanishes, or explodes
CHAOTIC = 15  # decades: what a float64 holds

Logs = Sequence[float | None]


def magnitude(log: float | None) -> str:
    """Return 10^log in words' form; None is 0."""
    if log is None:
        return "0"
    if -2 <= log < 2:
        return gradient_text(10.0**log)
    exponent = math.floor(log)
    mantissa = fixed(10.0 ** (log - exponent), 1)
    if mantissa == "10.0":
        mantissa, exponent = "1.0", exponent + 1
    return f"{mantissa}×{power(exponent)}"


def listed(names: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def describe(logs: dict[str, Any], T: int, *, own: bool = False) -> str:
    """Return what the picture shows, in words."""
    within = {"rnn": "in the RNN", "gru": "in the GRU", "lstm": "in the LSTM"}
    if own:
        within["lstm"] = "through the step function given"
    if not logs["lstm"]:
        del within["lstm"]
    first = {name: logs[name][0] for name in within}
    numbers = [f"{magnitude(first[name])} {where}" for name, where in within.items()]
    says = [f"Back from step {T} to step 1 the gradient is {listed(numbers)}."]
    if not logs["lstm"]:
        return f"{says[0]} Nothing is drawn for the LSTM: the step function failed."
    kinds = {
        "vanishes": [name for name, v in first.items() if v is None or v < -MARKED],
        "explodes": [name for name, v in first.items() if v is not None and v > MARKED],
    }
    verdicts = [
        f"{verb} {listed([within[name] for name in names]) if len(names) < 3 else 'in all three'}"
        for verb, names in kinds.items()
        if names
    ]
    if verdicts:
        says.append(f"It {' and '.join(verdicts)}.")
    if logs["direct"]:
        direct, full = logs["direct"][0], first["lstm"]
        more = full is not None and (direct is None or full - direct > MARKED)
        says.append(
            f"Along the direct path ∏ f alone it is {magnitude(direct)}"
            + (": what arrives comes through h and the gates." if more else ".")
        )
    known = [v for values in logs.values() for v in values or () if v is not None]
    if max(known) > CHAOTIC:
        says.append(f"Past {power(CHAOTIC)} rounding decides the digits.")
    return " ".join(says)


def limits(logs: dict[str, Any]) -> tuple[int, int]:
    """Return the ends of the log axis, as exponents: it grows in leaps, up to float32's range."""
    known = [v for values in logs.values() for v in values or () if v is not None]
    low, high = min(known), max(known)
    floor = next((e for e in FLOORS if e <= low), FLOORS[-1])
    return floor, next((e for e in CEILINGS if e >= high), CEILINGS[-1])


def ticks(floor: int, ceiling: int) -> list[int]:
    """Return the exponents that the axis names: at most ten of them, with 0."""
    every = next(e for e in (1, 2, 4, 8, 16) if (ceiling - floor) / e <= 8)
    return list(range(-(-floor // every) * every, ceiling + 1, every))


def steps_shown(T: int) -> list[int]:
    """Return the steps that the axis of time names."""
    every = next(e for e in (2, 5, 10, 20, 25) if T / e <= 10)
    return [1, *(t for t in range(every, T, every) if t > every / 2 and T - t >= 0.7 * every), T]


def inside(points: Sequence[Point | None], low: float, high: float) -> list[Point | None]:
    """Return the points of a line, cut where it leaves the band from `low` to `high`."""
    result: list[Point | None] = []
    for a, b in pairwise(points):
        if a is None or b is None:
            continue
        ends = [(0.0, a), (1.0, b)]
        for edge in (low, high):
            if (a[1] - edge) * (b[1] - edge) < 0:
                share = (edge - a[1]) / (b[1] - a[1])
                ends.append((share, (a[0] + share * (b[0] - a[0]), edge)))
        part = [point for _, point in sorted(ends) if low <= point[1] <= high]
        if len(part) > 1:
            result += part[1:] if result and result[-1] == part[0] else [None, *part]
    return result[1:]


def picture(
    logs: dict[str, Any],
    shares: dict[str, Any],
    half_lives: dict[str, float | None],
    T: int,
    says: str,
    own: str | None = None,
) -> str:
    """Return the SVG: a legend with numbers, the gradients (log axis), what the gates keep."""
    p = Picture()
    names = NAMES | ({} if own is None else {"lstm": escape(own)})
    for k, (name, key) in enumerate(KEYS.items()):
        left = LEFT + k * (RIGHT - LEFT) / 4
        p.sample(key, left, 16, 32)
        p.text(left + 40, 20, names[name], "n")
        value = magnitude(logs[name][0]) if logs[name] else "not known"
        p.text(left + 40, 38, f"{value} at step 1", "r")

    x = linear(1, T, LEFT + 4, RIGHT - 4)
    _gradients(p, logs, T, x, 74)
    top = 368.0
    shown = steps_shown(T)
    p.ticks(top, [(x(t), str(t)) for t in shown])
    p.text(RIGHT, top + 20, "step t; the gradient goes from right to left", "r", "end")
    _gates(p, shares, half_lives, T, x, top + 44)
    return p.svg(says, top + 152)


def _gradients(p: Picture, logs: dict[str, Any], T: int, x: Scale, top: float) -> None:
    floor, ceiling = limits(logs)
    bottom = top + 250
    y = linear(floor, ceiling, bottom, top)
    p.text(LEFT, top - 10, "norm of ∂L/∂s, from the loss at the last step back", "r")
    p.band(LEFT, bottom + 4, RIGHT - LEFT, 17)
    p.grid(LEFT, RIGHT, [(y(e), "1" if e == 0 else power(e)) for e in ticks(floor, ceiling)])
    p.add(f'<path stroke="var(--faint)" d="M{LEFT} {y(0):.1f}H{RIGHT}"/>')
    p.text(LEFT - 6, bottom + 17, "0", "t", "end")
    p.text(RIGHT - 6, top + 14, "explodes ↑", "r", "end")
    p.text(RIGHT - 6, bottom - 24, "vanishes ↓", "r", "end")
    for label, exponent in FLOAT32.items():
        if floor < exponent < ceiling:
            p.add(
                f'<path stroke="var(--faint)" stroke-dasharray="2 4" '
                f'd="M{LEFT} {y(exponent):.1f}H{RIGHT}"/>'
            )
            p.text(LEFT + 6, y(exponent) + (14 if exponent > 0 else -5), label, "t")
    for k, (name, key) in enumerate(KEYS.items()):
        values = logs[name] or []
        points = [None if v is None else (x(t), y(v)) for t, v in enumerate(values, 1)]
        p.curve(key, inside(points, top, bottom), dots=False)
        nothing = [x(t) for t, v in enumerate(values, 1) if v is None]
        if nothing:
            height = bottom + 7.5 + 3 * k
            p.curve(key, [(nothing[0], height), (nothing[-1], height)], dots=False)


def _gates(
    p: Picture,
    shares: dict[str, Any],
    half_lives: dict[str, float | None],
    T: int,
    x: Scale,
    top: float,
) -> None:
    p.text(LEFT, top + 4, "kept at a step, mean over units:", "r")
    for name, key, letter, left in (("lstm", "f", "f", 200), ("gru", "z", "1 − z", 424)):
        p.sample(key, LEFT + left, top, 32)
        life = half_lives[name]
        after = "" if life is None else f", half-life {half_life_text(life)}"
        p.text(LEFT + left + 40, top + 4, f'<tspan class="n">{letter}</tspan>{after}', "r")
    y = linear(0, 1, top + 90, top + 18)
    p.grid(LEFT, RIGHT, [(y(v), f"{v:g}") for v in (0, 0.5, 1)])
    for name, key in (("gru", "z"), ("lstm", "f")):
        values = shares[name] or []
        p.curve(key, [(x(t), y(v)) for t, v in enumerate(values, 1)], dots=False)


def half_life_text(steps: float) -> str:
    """Return a half-life in words' form."""
    return f"{fixed(steps, 1) if steps < 99.95 else f'{steps:.0f}'} steps"
