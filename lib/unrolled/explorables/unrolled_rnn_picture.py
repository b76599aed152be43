"""The static picture of UnrolledRNN, and its words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from unrolled.explorables.picture import (
    Picture,
    Point,
    Scale,
    fixed,
    gradient_text,
    limit_of,
    linear,
    power,
)

LEFT, RIGHT = 52, 424  # the panels over time
SQUARE, SIDE = 464, 248  # the map: its left edge, its side
RADIUS = 10.5
SMALLEST = -12  # the axis of the shares never ends below 10^-12
CURVE = 120
MANY = 9  # fixed points: more are counted, not listed

Results = tuple[dict[str, Any], Sequence[dict[str, Any]], Sequence[float] | None]


# In words; the same functions in JavaScript: js/unrolled-rnn/words.js


def describe(
    state: dict[str, Any],
    trace: dict[str, Any],
    points: Sequence[dict[str, Any]],
    cycle: Sequence[float] | None,
    *,
    driven: bool = False,
) -> str:
    """Return what the picture shows, in words."""
    if not trace:
        return "Nothing is drawn: the step function failed."
    T = len(trace["h"])
    each = " of all steps together" if state["loss"] == "every" else ""
    after = f"After {T} step{'s' * (T > 1)} h is {state_text(trace['h'][-1])}"
    held = points_text(points, cycle, driven=driven)
    says = [
        f"{after} and the loss{each} {gradient_text(trace['loss'])}.",
        _sum_text(state["steps"], trace),
        f"The derivative of h_{T} by h_0 is {gradient_text(trace['reach'])}.",
        f"With the input of step {T} held: {held}.",
    ]
    return " ".join(says)


def _sum_text(steps: int, trace: dict[str, Any]) -> str:
    T = len(trace["h"])
    total, full = trace["gradient"], trace["full_gradient"]
    if 0 < steps < T:
        return (
            f"Truncated BPTT in chunks of {steps} makes ∂L/∂w_h {gradient_text(total)}; "
            f"in full it is {gradient_text(full)}."
        )
    sizes = [abs(share) for share in trace["share"]]
    if not any(sizes):
        return "∂L/∂w_h is 0, and so is the share of every step."
    if T == 1:
        return f"∂L/∂w_h is {gradient_text(total)}, the share of the one step."
    most = sizes.index(max(sizes))
    return (
        f"∂L/∂w_h is {gradient_text(total)}, the sum of {T} shares; the largest, "
        f"{gradient_text(trace['share'][most])}, is that of step {most + 1}."
    )


def points_text(
    points: Sequence[dict[str, Any]], cycle: Sequence[float] | None, *, driven: bool = False
) -> str:
    """Return what the fixed points are, in words."""
    if driven and not points:
        return "no fixed point is seen in the range drawn"
    if len(points) > MANY:
        return f"the curve meets the diagonal in {len(points)} places or more"
    places = {
        kind: [state_text(point["h"]) for point in points if point["kind"] == kind]
        for kind in ("stable", "unstable", "marginal")
    }
    parts: list[str] = []
    for kind, found in places.items():
        if found:
            number = {1: "one", 2: "two", 3: "three"}.get(len(found), str(len(found)))
            places_text = " and ".join([", ".join(found[:-1]), found[-1]] if found[1:] else found)
            noun = "" if parts else " fixed points" if found[1:] else " fixed point"
            slope = " (its slope has size 1)" if kind == "marginal" else ""
            parts.append(f"{number} {kind}{noun}{slope}, at {places_text}")
    said = ", and ".join(parts)
    if cycle is not None:
        said += "; the unit settles into a 2-cycle of "
        said += f"{state_text(cycle[0])} and {state_text(cycle[1])}"
    return said


def state_text(h: float) -> str:
    """Return a state with two decimals; one that would read as ±1 or 0 and is not, with more."""
    size = abs(h)
    if 0.995 <= size < 1:
        return fixed(h, 5)
    return gradient_text(h) if size < 0.005 or size >= 99.5 else fixed(h)


# The picture


def share_range(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis that holds 0 and all values; 1, 2, 5 times a power of ten."""
    most = max(map(abs, values))
    if most == 0:
        return 0.0, 1.0
    first = max(SMALLEST, math.floor(math.log10(most)) - 1)
    limits = (float(f"{digit}e{e}") for e in range(first, 309) for digit in (1, 2, 5))
    limit = next((limit for limit in limits if limit >= most), most)
    return -limit if min(values) < 0 else 0.0, limit if max(values) > 0 else 0.0


def waterfall(shares: Sequence[float]) -> list[float]:
    """Return the T + 1 levels of the sum of shares, from 0 after step T back to the whole sum."""
    levels = [0.0]
    for share in reversed(shares):
        levels.append(levels[-1] + share)
    return levels[::-1]


def picture(
    state: dict[str, Any],
    trace: dict[str, Any],
    points: Sequence[dict[str, Any]],
    cycle: Sequence[float] | None,
    says: str,
    curve: Sequence[Sequence[float]] = (),
) -> str:
    """Return the SVG: the chain, the input, h and the shares over time; beside them the map."""
    p = Picture()
    inputs = state["inputs"]
    T = len(inputs)
    step = (RIGHT - LEFT) / (T + 1)
    middles = [LEFT + (k + 0.5) * step for k in range(T + 1)]  # that of h_0 comes first
    hs = [state["h0"], *trace["h"]] if trace else [state["h0"]]
    limit = limit_of(hs)

    _title(p, 18, "h", "one unit, unrolled")
    _chain(p, hs, middles, state["steps"], trace.get("delta", []), limit)

    _title(p, 98, "var(--ink)", "input", letter="x")
    y = linear(-2, 2, 162, 108)
    p.band(LEFT + step, 108, RIGHT - LEFT - step, 54)
    p.grid(LEFT + step, RIGHT, [(y(v), fixed(v, 0)) for v in (-2, 0, 2)])
    edges = [LEFT + k * step for k in range(1, T + 2)]
    p.bars("var(--ink)", inputs, edges, y, gap=min(2, step / 6))

    _title(p, 188, "h", "state")
    p.text(RIGHT, 188, "dashed: the target of the loss", "t", "end")
    y = linear(-limit, limit, 276, 200)
    p.grid(LEFT, RIGHT, [(y(v), tick_text(v)) for v in (-limit, 0.0, limit)])
    at = y(state["target"])
    first = LEFT if state["loss"] == "every" else RIGHT - step
    p.add(
        f'<path stroke="var(--ink)" stroke-width="2" stroke-dasharray="3 3" '
        f'd="M{first:.1f} {at:.1f}H{RIGHT}"/>'
    )
    p.curve("h", [(x, y(h)) for x, h in zip(middles, hs, strict=False)])

    _shares(p, trace, middles, step)
    every = max(1, math.ceil(T / 14))
    shown = [t for t in range(T + 1) if t in (0, T) or (t % every == 0 and T - t >= every / 2)]
    p.ticks(442, [(middles[t], str(t)) for t in shown])
    p.text(LEFT - 12, 442, 'step <tspan font-style="italic">t</tspan>', "r", "end")

    _map(p, state, hs, limit, curve, points, cycle)
    return p.svg(says, 464)


def _title(p: Picture, y: float, key: str, name: str, letter: str = "") -> None:
    p.letter(LEFT, y, key, letter=letter)
    p.text(LEFT + 26, y - 1, name, "n")


def tick_text(v: float) -> str:
    """Return the end of an axis, one digit times a power of ten: "0.2", "5×10⁻³"."""
    if v == 0 or 0.01 <= abs(v) < 1e4:
        return f"{v:g}".replace("-", "−")
    digit, exponent = f"{abs(v):.0e}".split("e")
    text = power(int(exponent))
    return ("−" if v < 0 else "") + (text if digit == "1" else f"{digit}×{text}")


def gauge(x: float, y: float, r: float, v: float) -> str:
    """Return the outline of what fills a circle: from its middle up to v = 1, or down to -1."""
    v = max(-1.0, min(1.0, v))
    half = r * math.sqrt(1 - v * v)
    sweep = 1 if v > 0 else 0
    return (
        f"M{x - r:.2f} {y:.2f}A{r:g} {r:g} 0 0 {sweep} {x - half:.2f} {y - v * r:.2f}"
        f"H{x + half:.2f}A{r:g} {r:g} 0 0 {sweep} {x + r:.2f} {y:.2f}z"
    )


def _chain(
    p: Picture,
    hs: Sequence[float],
    middles: Sequence[float],
    steps: int,
    delta: Sequence[float],
    limit: float,
) -> None:
    """Draw the units; between them the state goes on, and below them the gradient goes back."""
    y, back = 44.0, 66.0
    step = middles[1] - middles[0]
    r = min(RADIUS, 0.38 * step)
    h, gradient = p.colour("h"), p.colour("gradient")
    room = step - 2 * r
    for t, (x, v) in enumerate(zip(middles, hs, strict=False)):
        p.add(f'<path fill="{h}" d="{gauge(x, y, r, v / limit)}"/>')
        p.add(f'<circle cx="{px1(x)}" cy="{y:g}" r="{r:.1f}" fill="none" stroke="{h}"/>')
        if t == 0:
            continue
        if room > 3:
            p.add(f'<path fill="var(--faint)" d="{_arrow(x - step + r + 1, y, x - r - 1)}"/>')
        cut = steps > 0 and t > 1 and (t - 1) % steps == 0
        if cut:  # the gradient stops here
            p.add(
                f'<path stroke="{gradient}" stroke-width="2" '
                f'd="M{px1(x - step / 2)} {back - 6:g}v12"/>'
            )
        elif t <= len(delta) and delta[t - 1]:
            d = _arrow(x - 2, back, x - step + 2)
            p.add(f'<path fill="{gradient}" d="{d}"/>')


def px1(v: float) -> str:
    """Return a coordinate with one decimal."""
    return f"{v:.1f}"


def _arrow(start: float, y: float, end: float) -> str:
    way = math.copysign(1.0, end - start)
    head = min(5.0, abs(end - start))
    neck = end - way * head
    return (
        f"M{start:.1f} {y - 0.75:g}H{neck:.1f}v-2.5L{end:.1f} {y:g}L{neck:.1f} {y + 3.25:g}"
        f"v-2.5H{start:.1f}z"
    )


def _shares(p: Picture, trace: dict[str, Any], middles: Sequence[float], step: float) -> None:
    gradient = p.colour("gradient")
    top, bottom = 316.0, 424.0
    sub = '<tspan dy="4" font-size="11">'
    p.add(
        f'<text x="{LEFT}" y="304" class="n" style="fill:{gradient}">shares of all steps in '
        f'∂<tspan font-style="italic">L</tspan>/∂<tspan font-style="italic">w</tspan>{sub}h</tspan>'
        "</text>"
    )
    if not trace:
        return
    kept, full = waterfall(trace["share"]), waterfall(trace["full"])
    low, high = share_range([*kept, *full])
    y = linear(low, high, bottom, top)
    p.grid(LEFT, RIGHT, [(y(v), tick_text(v)) for v in sorted({low, 0.0, high})])
    truncated = trace["share"] != trace["full"]
    says = f"sum {gradient_text(trace['gradient'])}"
    if truncated:
        says += f", in full {gradient_text(trace['full_gradient'])}"
    p.text(RIGHT, 304, says, "n", "end")
    if truncated:
        d = _falls(full, middles, step, y)
        p.add(f'<path fill="none" stroke="{gradient}" stroke-dasharray="3 2" d="{d}"/>')
    d = _falls(kept, middles, step, y)
    p.add(f'<path fill="{gradient}" d="{d}"/>')
    d = "".join(
        f"M{px1(x - step / 2)} {px1(y(v))}h{px1(-step)}"
        for x, v in zip(middles[1:], kept, strict=False)
    )
    p.add(f'<path stroke="var(--faint)" d="{d}"/>')  # the sum so far, from the last step back
    p.text(middles[0], bottom + 32, "sum", "t", "middle")


def _falls(levels: Sequence[float], middles: Sequence[float], step: float, y: Scale) -> str:
    """Return the bars: that of step t from the sum of later shares to the sum with its own; the
    whole sum, from 0, where h_0 stands."""
    wide = max(1.0, step - 2 * min(2.0, step / 6))
    d = ""
    for t, x in enumerate(middles):
        start, end = (0.0, levels[0]) if t == 0 else (levels[t], levels[t - 1])
        if start == end:
            continue
        tall = max(1.0, abs(y(end) - y(start)))
        d += f"M{x - wide / 2:.1f} {min(y(start), y(end)):.1f}h{wide:.1f}v{tall:.1f}h{-wide:.1f}z"
    return d


def _map(
    p: Picture,
    state: dict[str, Any],
    hs: Sequence[float],
    limit: float,
    curve: Sequence[Sequence[float]],
    points: Sequence[dict[str, Any]],
    cycle: Sequence[float] | None,
) -> None:
    T = len(state["inputs"])
    top = 30.0
    x = linear(-limit, limit, SQUARE, SQUARE + SIDE)
    y = linear(-limit, limit, top + SIDE, top)
    x_T = state["inputs"][-1]
    it = '<tspan font-style="italic">'
    low = f'<tspan dy="4" font-size="10">{T}</tspan>'
    p.text(SQUARE, 18, f'with {it}x</tspan>{low}<tspan dy="-4"> = {fixed(x_T)} held</tspan>', "n")
    p.band(SQUARE, top, SIDE, SIDE)
    p.add(f'<path class="g" d="M{px1(x(0))} {top:g}v{SIDE}M{SQUARE} {px1(y(0))}h{SIDE}"/>')
    p.add(f'<path stroke="var(--faint)" d="M{SQUARE} {top + SIDE:g}L{SQUARE + SIDE} {top:g}"/>')
    for v in (-limit, 0.0, limit):
        p.text(SQUARE - 6, y(v) + 4, tick_text(v), "t", "end")
        p.text(x(v), top + SIDE + 15, tick_text(v), "t", "end" if v == limit > 1 else "middle")
    minus = f'<tspan dy="4" font-size="10">{it}t</tspan>−1</tspan><tspan dy="-4">'
    p.text(
        SQUARE + SIDE / 2,
        top + SIDE + 33,
        f'across {it}h</tspan>{minus}, up {it}h</tspan></tspan><tspan dy="4" font-size="10">'
        f"{it}t</tspan></tspan>",
        "r",
        "middle",
    )

    if curve:
        line = [(h, after) for h, after in curve]
    else:
        a = state["w_x"] * x_T + state["b"]
        grid = [2 * k / CURVE - 1 for k in range(CURVE + 1)]
        line = [(h, math.tanh(state["w_h"] * h + a)) for h in grid]
    inside = [(x(h), y(v)) if abs(v) <= limit else None for h, v in line]
    p.curve("var(--ink)", inside, dots=False)
    if cycle is not None:
        a, b = cycle
        p.add(
            f'<path fill="none" stroke="var(--ink)" stroke-dasharray="2 3" '
            f'd="M{px1(x(a))} {px1(y(a))}V{px1(y(b))}H{px1(x(b))}V{px1(y(a))}z"/>'
        )
    h = p.colour("h")
    stairs: list[Point] = [(x(hs[0]), y(-limit))]
    for before, after in pairwise(hs):
        stairs += [(x(before), y(after)), (x(after), y(after))]
    d = "".join(f"L{px1(a)} {px1(b)}" for a, b in stairs).replace("L", "M", 1)
    p.add(f'<path class="l" style="stroke-width:1.25" stroke="{h}" d="{d}"/>')
    for point in points:
        _point(p, x(point["h"]), y(point["h"]), point["kind"])

    where = top + SIDE + 60
    for point in points[:5]:
        _point(p, SQUARE + 6, where - 4, point["kind"])
        p.text(
            SQUARE + 20,
            where,
            f"{point['kind']} at {state_text(point['h'])}, slope {state_text(point['slope'])}",
            "r",
        )
        where += 18
    if cycle is not None:
        text = f"2-cycle of {state_text(cycle[0])} and {state_text(cycle[1])}"
        p.add(
            f'<path fill="none" stroke="var(--ink)" stroke-dasharray="2 3" '
            f'd="M{SQUARE + 1} {where - 9:g}h10v10h-10z"/>'
        )
        p.text(SQUARE + 20, where, text, "r")


def _point(p: Picture, x: float, y: float, kind: str) -> None:
    """Draw a fixed point: filled if stable, hollow if unstable, half filled if marginal."""
    fill = "var(--ink)" if kind == "stable" else "var(--page)"
    p.add(
        f'<circle cx="{px1(x)}" cy="{px1(y)}" r="5" fill="{fill}" stroke="var(--ink)" '
        'stroke-width="2"/>'
    )
    if kind == "marginal":
        p.add(f'<path fill="var(--ink)" d="{gauge(x, y, 5, 1)}"/>')
