"""The static picture of TrainingReplay, and its words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from unrolled.explorables.picture import (
    PALETTE,
    WIDTH,
    Picture,
    Scale,
    fixed,
    gradient_text,
    linear,
    power,
    px,
)
from unrolled.explorables.recordings import CURVES, LOWEST, Recording

LEFT, RIGHT = 196, WIDTH - 10
ROW = 10
"""The height of one unit's row in the map of a gate."""
SHADES = 16
DASHES = ("2 3", "7 3", "", "9 3 2 3", "4 2", "12 4")
TITLES = {
    "rnn": "RNN",
    "rnn_relu": "RNN with a rectifier",
    "gru": "GRU",
    "gru_reset_after": "GRU, reset after",
    "lstm": "LSTM",
    "lstm_peephole": "LSTM with peepholes",
    "lstm_coupled": "LSTM with coupled gates",
}


# In words; the same functions in JavaScript: js/training-replay/words.js


def title(name: str) -> str:
    """Return what a run is called on the picture."""
    return TITLES.get(name, name)


def error_text(loss: float) -> str:
    """Return a loss with three decimals, or as a power of ten where it is small."""
    return fixed(loss, 3) if loss >= 0.01 else gradient_text(loss)


def about(exponent: float) -> str:
    """Return 10 to the power `exponent` with one digit: all that a film knows of a gradient."""
    value = 10**exponent
    if 0.095 <= value < 9.5:
        return f"{value:.1f}"
    mantissa, shown = f"{value:.0e}".split("e")
    return f"{mantissa}×{power(int(shown))}"


def describe(run: Recording, now: dict[str, Any]) -> str:
    """Return what the picture shows, in words."""
    s, first = run.settings, run.marks[0]
    path = now.get("gradient_c", now["gradient_h"])
    reach = f"about {about(now['reach'])} times"
    if path[first] <= LOWEST:
        reach = f"less than {about(now['reach'])} times"
    return (
        f"{title(run.name)}, after {now['update']} of {s['updates']} updates: error "
        f"{error_text(now['loss'])} (guessing the mean: {error_text(run.baseline)}). Here it reads "
        f"{fixed(now['prediction'])}; right is {fixed(run.target)}. The gradient at step "
        f"{first + 1}, the first to be added, is {reach} that at step {s['T']}."
    )


# The picture


def loss_range(runs: dict[str, Recording]) -> tuple[float, float]:
    """Return the exponents between which all losses are, in halves."""
    values = [v for run in runs.values() for v in (*run.loss, run.baseline)]
    low = math.floor(2 * math.log10(max(min(values), 1e-8))) / 2
    return low, max(math.ceil(2 * math.log10(max(*values, 1e-8))) / 2, low + 1)


def picture(
    runs: dict[str, Recording], cell: str, frame: int, now: dict[str, Any], says: str
) -> str:
    """Return the SVG: loss and gradient norm over the updates; the sequence at the frame."""
    p = Picture()
    run = runs[cell]
    updates, T = run.settings["updates"], run.settings["T"]
    x = linear(0, updates, LEFT, RIGHT)
    top = _training(p, runs, cell, x)
    at = px(x(now["update"]))
    p.add(f'<path d="M{at} 8V{px(top - 26)}" stroke="var(--ink)" stroke-width="1.5"/>')

    step = (RIGHT - LEFT) / T
    middles = [LEFT + (t + 0.5) * step for t in range(T)]
    start = top
    top = _inputs(p, run, middles, step, top)
    for gate in run.gates:
        top = _map(p, gate, now[gate], step, top)
    for state in run.states:
        top = _state(p, run, state, now[state], middles, top)
    top = _gradient(p, runs, now, middles, top)
    for t in run.marks:
        line = f"M{px(middles[t])} {px(start)}V{px(top - 22)}"
        p.add(f'<path class="g" stroke-dasharray="2 2" d="{line}"/>')
    every = max(1, math.ceil(T / 24))
    shown = [t for t in range(1, T + 1) if t in (1, T) or (t % every == 0 and T - t >= every / 2)]
    p.text(LEFT - 12, top, 'step <tspan font-style="italic">t</tspan>', "r", "end")
    p.ticks(top, [(middles[t - 1], str(t)) for t in shown])
    return p.svg(says, top + 8)


def decade(exponent: int) -> str:
    """Return the label of a power of ten on a log axis."""
    return power(exponent) if exponent else "1"


def _training(p: Picture, runs: dict[str, Recording], cell: str, x: Scale) -> float:
    run = runs[cell]
    low, high = loss_range(runs)
    y = linear(low, high, 118, 12)
    p.grid(LEFT, RIGHT, [(y(e), decade(e)) for e in range(math.ceil(low), math.floor(high) + 1)])
    base = y(math.log10(run.baseline)) if run.baseline > 0 else y(low)
    p.curve("var(--faint)", [(LEFT, base), (RIGHT, base)], dots=False, dash="5 4")
    p.text(RIGHT, base - 5, f"guessing the mean: {error_text(run.baseline)}", "t", "end")
    p.text(2, 24, "error", "n")
    p.text(42, 24, "on fresh sequences", "r")
    for k, (name, one) in enumerate(runs.items()):
        colour = "var(--ink)" if name == cell else "var(--faint)"
        points = [
            (x(u), y(math.log10(max(v, 10.0**low))))
            for u, v in zip(one.frames, one.loss, strict=True)
        ]
        p.curve(colour, points, dots=False, dash=DASHES[k])
        p.curve(colour, [(2, 42 + 19 * k), (40, 42 + 19 * k)], dots=False, dash=DASHES[k])
        p.text(48, 46 + 19 * k, escape(title(name)), "n" if name == cell else "")

    norms = run.array("gradient_norm")
    part = run.film["arrays"]["gradient_norm"]
    y = linear(part["low"], part["high"], 216, 146)
    ends = range(int(part["low"]), int(part["high"]) + 1)
    p.grid(LEFT, RIGHT, [(y(e), decade(e)) for e in ends])
    # As fine as the picture: the smallest and the largest norm of every two pixels.
    few = np.array_split(norms, min(len(norms), 250))
    at = np.array_split(np.arange(len(norms)), len(few))
    places = [
        f"{px(x(float(u.mean())))} {px(y(float(v)))}"
        for u, vs in zip(at, few, strict=True)
        for v in dict.fromkeys((vs.min(), vs.max()))
    ]
    colour = p.colour("gradient")
    p.add(f'<path fill="none" stroke="{colour}" d="M{"L".join(places)}"/>')
    p.text(2, 162, "gradient norm", "n")
    p.text(2, 179, f"{escape(title(cell))}, all parameters", "r")
    if run.settings["clip"] is not None:
        p.text(2, 195, f"clipped at {run.settings['clip']:g}", "r")
    p.text(LEFT - 12, 234, "updates", "r", "end")
    for u in update_ticks(run.settings["updates"]):
        p.text(x(u), 234, str(u), "t", "end" if u == run.settings["updates"] else "middle")
    return 258.0


def update_ticks(updates: int) -> list[int]:
    """Return round numbers of updates, from 0 on, up to seven of them."""
    unit = 10 ** max(0, len(str(updates)) - 2)
    every = next(k * unit for k in (1, 2, 5, 10, 20, 50) if updates / (k * unit) <= 6.5)
    return list(range(0, updates + 1, every))


def _inputs(p: Picture, run: Recording, middles: Sequence[float], step: float, top: float) -> float:
    low, high = min(0.0, *run.inputs), max(1.0, *run.inputs)
    y = linear(low, high, top + 40, top)
    p.band(LEFT, top, RIGHT - LEFT, 40)
    edges = [x - step / 2 for x in middles] + [middles[-1] + step / 2]
    for marked, colour in ((False, "var(--faint)"), (True, "var(--ink)")):
        for t, value in enumerate(run.inputs):
            if (t in run.marks) == marked:
                p.bars(colour, [value], edges[t : t + 2], y, gap=1 if step > 6 else 0.5)
    p.letter(2, top + 20, "var(--ink)", letter="x")
    p.text(32, top + 18, "the sequence", "n")
    p.text(32, top + 34, "add the two marked", "r")
    return top + 54


def _map(p: Picture, key: str, values: Any, step: float, top: float) -> float:
    N, T = map(int, values.shape)
    tall = N * ROW
    p.band(LEFT, top, RIGHT - LEFT, tall)
    shades = np.rint(values * SHADES).astype(int)
    for shade in range(1, SHADES + 1):
        d = ""
        for n in range(N):
            t = 0
            while t < T:
                end = t
                while end < T and shades[n, end] == shade:
                    end += 1
                if end > t:
                    wide = px((end - t) * step)
                    d += f"M{px(LEFT + t * step)} {px(top + n * ROW)}h{wide}v{ROW - 1}h-{wide}z"
                t = end + 1
        if d:
            p.add(f'<path fill="{p.colour(key)}" fill-opacity="{shade / SHADES:.3g}" d="{d}"/>')
    p.letter(2, top + tall / 2 - 1, key)
    p.text(32, top + tall / 2 - 2, PALETTE[key]["name"], "n")
    p.text(32, top + tall / 2 + 14, f"{N} unit{'s' * (N > 1)}, full colour is 1", "r")
    return top + max(tall, 32) + 14


def _state(
    p: Picture, run: Recording, key: str, values: Any, middles: Sequence[float], top: float
) -> float:
    part = run.film["arrays"][key]
    limit = max(abs(part["low"]), abs(part["high"]))
    y = linear(-limit, limit, top + 66, top)
    ticks = (-limit, 0.0, limit)
    p.grid(LEFT, RIGHT, [(y(v), fixed(v, 1).replace(".0", "")) for v in ticks])
    for row in values:
        p.curve(key, list(zip(middles, map(y, row), strict=True)), dots=False)
    p.letter(2, top + 32, key)
    p.text(32, top + 31, PALETTE[key]["name"], "n")
    p.sample(key, 32, top + 43)
    return top + 82


def _gradient(
    p: Picture,
    runs: dict[str, Recording],
    now: dict[str, Any],
    middles: Sequence[float],
    top: float,
) -> float:
    low, high = gradient_range(runs)
    y = linear(low, high, top + 84, top + 4)
    every = math.ceil((high - low) / 6)
    p.grid(
        LEFT,
        RIGHT,
        [(y(e), decade(e)) for e in range(high, low - 1, -every)],
    )
    row = top + 18
    for key, letter in (("gradient_c", "c"), ("gradient_h", "h")):
        if key not in now:
            continue
        points = [(x, y(max(low, v))) for x, v in zip(middles, now[key], strict=True)]
        p.curve("gradient", points, dots=False, dash="" if letter == "c" else PALETTE["h"]["dash"])
        sub = '<tspan dy="5" font-size="14">t</tspan>'
        colour = p.colour("gradient")
        p.add(f'<text x="2" y="{px(row)}" class="m" style="fill:{colour}">∂y/∂{letter}{sub}</text>')
        dash = "" if letter == "c" else PALETTE["h"]["dash"]
        p.curve("gradient", [(74, row - 5), (118, row - 5)], dots=False, dash=dash)
        row += 28
    p.text(2, row - 6, "norm, of the read-out y", "r")
    p.text(2, row + 10, "at the last step", "r")
    return top + 106


def gradient_range(runs: dict[str, Recording]) -> tuple[int, int]:
    """Return the exponents between which the gradients of all films are."""
    films = [run.film["arrays"] for run in runs.values()]
    parts = [arrays[key] for arrays in films for key in CURVES if key in arrays]
    low, high = min(part["low"] for part in parts), max(part["high"] for part in parts)
    return math.floor(low), math.ceil(high)
