"""The static picture of ErrorWall, and its words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
    px,
)

LEFT, RIGHT, TOP, BOTTOM = 44, 444, 34, 320  # the map
AXIS_W, AXIS_B = (3.0, 6.5), (-3.5, -1.0)
# Log axes of the panels on the right; what is beyond is drawn at their ends.
AXES = {"loss": (-6, 0, 2), "norm": (-6, 4, 2)}  # from, to, a line every
DASHES = {"none": "8 3 2 3", "norm": "6 3", "value": "2 3"}
NAMES = {"none": "unclipped", "norm": "clipped by norm", "value": "clipped by value"}
SHADE = 0.055  # of ink, for every level that a place is above
HALO = 'fill="none" stroke="var(--page)" stroke-width="5" stroke-linejoin="round"'


def describe(state: Mapping[str, Any], path: Mapping[str, Any]) -> str:
    """Return what the picture shows, in words."""
    start = f"w = {fixed(state['w'])}, b = {fixed(state['b'])}"
    losses, norms = path["loss"], path["norm"]
    if state["updates"] == 0:
        return (
            f"No update yet: at {start} the loss is {gradient_text(losses[0])} "
            f"and the gradient’s norm {gradient_text(norms[0])}."
        )
    made = len(losses) - 1
    says = [
        f"From {start} the loss goes from {gradient_text(losses[0])} "
        f"to {gradient_text(losses[-1])} in {count(made, 'update')}."
    ]
    most = max(norms)
    if made < state["updates"]:
        says.append("The point is then too far away to follow.")
    if (left := path["left"]) is not None:
        w, b = path["w"][left], path["b"][left]
        says.append(f"Update {left} leads off the map, to w = {place(w)}, b = {place(b)}.")
    after = norms.index(most)
    when = f"after {count(after, 'update')}" if after else "at the start"
    says.append(f"The gradient’s norm is largest {when}: {gradient_text(most)}.")
    says.append(clipping(state, path, made))
    if most < 0.05 and losses[-1] > 0.01:
        says.append("So small a gradient hardly moves the point, and no clipping makes it larger.")
    return " ".join(says)


def clipping(state: Mapping[str, Any], path: Mapping[str, Any], made: int) -> str:
    """Return what clipping does to the updates of a path, in words."""
    clip = state["clip"]
    if clip == "none":
        return "Nothing is clipped."
    pairs = zip(path["gradient"][:made], path["clipped"], strict=False)
    acts = sum(before != after for before, after in pairs)
    name = f"Clipping by {clip} at {gradient_text(state['threshold'])}"
    if acts == 0:
        return f"{name} never acts."
    if clip == "norm":
        return f"{name} acts on {count(acts, 'update')} and turns none of them."
    most = math.floor(max(path["turn"]) + 0.5)
    return (
        f"{name} acts on {count(acts, 'update')} and turns them by up to {count(most, 'degree')}."
    )


def count(n: int, what: str) -> str:
    """Return a number of things: "1 update", "2 updates"."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def place(v: float) -> str:
    """Return a coordinate with two decimals, or in powers of ten if it is far out."""
    return fixed(v) if abs(v) < 1000 else gradient_text(v)


def picture(
    state: Mapping[str, Any],
    paths: Mapping[str, Mapping[str, Any]],
    contours: Mapping[float, Sequence[Sequence[Point]]],
    says: str,
) -> str:
    """Return the SVG: the map with the paths, and loss and gradient norm along them."""
    p = Picture()
    x, y = linear(*AXIS_W, LEFT, RIGHT), linear(*AXIS_B, BOTTOM, TOP)
    chosen = state["clip"]
    order = [clip for clip in paths if clip != chosen] + [chosen]
    _surface(p, contours, x, y)
    p.add(f'<clipPath id="map"><path d="M{LEFT} {TOP}H{RIGHT}V{BOTTOM}H{LEFT}z"/></clipPath>')
    p.add('<g clip-path="url(#map)">')
    for clip in order:
        _path(p, clip, _places(paths[clip], x, y), chosen=clip == chosen)
    p.add("</g>")
    for clip in order:
        _end(p, paths[clip], x, y, chosen=clip == chosen)
    _exit(p, paths[chosen], x, y)
    p.add(
        f'<circle cx="{px(x(state["w"]))}" cy="{px(y(state["b"]))}" r="6.5" fill="var(--page)" '
        'stroke="var(--ink)" stroke-width="2.5"/>'
    )
    _legend(p, sorted(contours), chosen)
    _panel(p, "loss", "loss", paths, order, state, TOP, TOP + 118)
    _panel(p, "norm", "norm of the gradient", paths, order, state, BOTTOM - 118, BOTTOM)
    return p.svg(says, BOTTOM + 104)


def _surface(
    p: Picture, contours: Mapping[float, Sequence[Sequence[Point]]], x: Scale, y: Scale
) -> None:
    for rings in contours.values():
        d = ""
        for ring in rings:
            places = [f"{px(x(w))} {px(y(b))}" for w, b in ring]
            d += f"M{places[0]}L{' '.join(places[1:])}z"
        p.add(
            f'<path d="{d}" fill="var(--ink)" fill-opacity="{SHADE}" fill-rule="evenodd" '
            'stroke="var(--ink)" stroke-opacity=".4" stroke-width=".6"/>'
        )
    p.add(f'<path d="M{LEFT} {TOP}H{RIGHT}V{BOTTOM}H{LEFT}z" fill="none" stroke="var(--faint)"/>')
    # The wall falls by σ(0.5) = 0.6225 for every unit of w.
    p.add(
        f'<text transform="translate({px(x(5.78))} {px(y(-3.1))}) rotate(31.9)" y="17" '
        'font-size="12" text-anchor="middle">the wall</text>'
    )
    p.text(LEFT, 18, "the loss after 50 steps, as a map", "n")
    for tenths in range(30, 66, 5):
        p.text(x(tenths / 10), BOTTOM + 15, f"{tenths / 10:g}", "t", "middle")
    for tenths in range(-35, -9, 5):
        p.text(LEFT - 6, y(tenths / 10) + 4, f"−{-tenths / 10:g}", "t", "end")
    p.text((LEFT + RIGHT) / 2, BOTTOM + 32, '<tspan font-style="italic">w</tspan>', "", "middle")
    p.text(8, (TOP + BOTTOM) / 2 + 4, '<tspan font-style="italic">b</tspan>')


def _places(path: Mapping[str, Any], x: Scale, y: Scale) -> list[Point]:
    """Return a path in pixels; what is far off is cut, so that no renderer has to cope with it."""
    return [
        (min(max(x(w), -9e3), 9e3), min(max(y(b), -9e3), 9e3))
        for w, b in zip(path["w"], path["b"], strict=True)
    ]


def _path(p: Picture, clip: str, places: Sequence[Point], *, chosen: bool) -> None:
    line = "M" + "L".join(f"{px(a)} {px(b)}" for a, b in places)
    if not chosen:
        p.add(
            f'<path d="{line}" fill="none" stroke="var(--ink)" stroke-opacity=".75" '
            f'stroke-dasharray="{DASHES[clip]}"/>'
        )
        return
    p.add(f'<path d="{line}" {HALO}/>')
    dots = "".join(f"M{px(a)} {px(b)}h0" for a, b in places[1:])
    colour = p.colour("gradient")
    p.add(f'<path class="d" d="{dots}" style="stroke:{colour};stroke-width:5"/>')
    p.add(f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="1.6"/>')


def _end(p: Picture, path: Mapping[str, Any], x: Scale, y: Scale, *, chosen: bool) -> None:
    """Mark where a path ends, if that is on the map."""
    w, b = path["w"][-1], path["b"][-1]
    if AXIS_W[0] <= w <= AXIS_W[1] and AXIS_B[0] <= b <= AXIS_B[1]:
        look = f'r="5" fill="{p.colour("gradient")}" stroke="var(--page)" stroke-width="1.5"'
        if not chosen:
            look = 'r="3.5" fill="var(--page)" stroke="var(--ink)" stroke-width="1.2"'
        p.add(f'<circle cx="{px(x(w))}" cy="{px(y(b))}" {look}/>')


def exit_of(path: Mapping[str, Any], x: Scale, y: Scale) -> tuple[Point, Point] | None:
    """Return where the chosen path leaves the map, in pixels, and in which direction; or None."""
    if path["left"] is None:
        return None
    k = path["left"] - 1
    (w0, b0), (w1, b1) = ((path["w"][n], path["b"][n]) for n in (k, k + 1))
    shares = [1.0]
    for start, end, (low, high) in ((w0, w1, AXIS_W), (b0, b1, AXIS_B)):
        if not low <= end <= high:
            shares.append(((high if end > high else low) - start) / (end - start))
    share = min(shares)
    dx, dy = x(w1) - x(w0), y(b1) - y(b0)
    long = math.hypot(dx, dy)
    return (x(w0 + share * (w1 - w0)), y(b0 + share * (b1 - b0))), (dx / long, dy / long)


def _exit(p: Picture, path: Mapping[str, Any], x: Scale, y: Scale) -> None:
    """Draw an arrow where the path leaves the map."""
    if (found := exit_of(path, x, y)) is None:
        return
    (a, b), (u, v) = found
    head = f"M{px(a + 7 * u)} {px(b + 7 * v)}"
    head += f"L{px(a - 6 * u - 6 * v)} {px(b - 6 * v + 6 * u)}"
    head += f"L{px(a - 6 * u + 6 * v)} {px(b - 6 * v - 6 * u)}z"
    p.add(f'<path d="{head}" fill="{p.colour("gradient")}" stroke="var(--page)"/>')


def _legend(p: Picture, levels: Sequence[float], chosen: str) -> None:
    """Draw the scale of the shades, and the names of the lines."""
    top, wide = BOTTOM + 48, (RIGHT - LEFT) / (len(levels) + 1)
    for k in range(len(levels)):
        start = LEFT + (k + 1) * wide
        p.add(
            f'<path d="M{px(start)} {top}H{RIGHT}v10H{px(start)}z" fill="var(--ink)" '
            f'fill-opacity="{SHADE}" stroke="var(--ink)" stroke-opacity=".4" stroke-width=".6"/>'
        )
    p.add(f'<path d="M{LEFT} {top}H{RIGHT}v10H{LEFT}z" fill="none" stroke="var(--faint)"/>')
    p.ticks(top + 24, [(LEFT + (k + 1) * wide, f"{v:g}") for k, v in enumerate(levels)])
    p.text(LEFT - 8, top + 10, '<tspan font-style="italic">E</tspan>', "", "end")
    left = float(LEFT)
    for clip, name in NAMES.items():
        middle = top + 44
        if clip == chosen:
            colour = p.colour("gradient")
            p.add(f'<path d="M{px(left)} {middle}h34" stroke="{colour}" stroke-width="1.6"/>')
            p.add(
                f'<path class="d" d="M{px(left)} {middle}h0M{px(left + 17)} {middle}h0'
                f'M{px(left + 34)} {middle}h0" style="stroke:{colour};stroke-width:5"/>'
            )
        else:
            p.add(
                f'<path d="M{px(left)} {middle}h34" stroke="var(--ink)" '
                f'stroke-dasharray="{DASHES[clip]}"/>'
            )
        p.text(left + 42, middle + 4, name, "n" if clip == chosen else "r")
        left += 196


def _panel(
    p: Picture,
    what: str,
    title: str,
    paths: Mapping[str, Mapping[str, Any]],
    order: Sequence[str],
    state: Mapping[str, Any],
    top: float,
    bottom: float,
) -> None:
    """Draw loss or norm against the number of updates, on a log axis."""
    left, right = 508, WIDTH - 12
    low, high, every = AXES[what]
    y = linear(low, high, bottom, top)
    x = linear(0, max(1, state["updates"]), left, right)
    p.text(left, top - 16, title, "n")
    ticks = range(high, low - 1, -every)
    names = {0: "1", low: f"≤ {power(low)}"}
    p.grid(left, right, [(y(e), names.get(e, power(e))) for e in ticks])
    if what == "norm":
        height = y(math.log10(state["threshold"]))
        p.add(
            f'<path d="M{left} {px(height)}H{right}M{left} {bottom + 53}h24" '
            'stroke="var(--ink)" stroke-width="1.4" stroke-dasharray="10 4"/>'
        )
        p.text(left + 32, bottom + 57, f"threshold {gradient_text(state['threshold'])}", "r")
    for clip in order:
        places = [
            (x(k), y(min(max(math.log10(v) if v > 0 else low, low), high)))
            for k, v in enumerate(paths[clip][what])
        ]
        line = "M" + "L".join(f"{px(a)} {px(b)}" for a, b in places)
        if clip == order[-1]:
            p.add(f'<path d="{line}" {HALO.replace("5", "4")}/>')
            p.curve("gradient", places, dots=False, dash="")
        else:
            p.add(
                f'<path d="{line}" fill="none" stroke="var(--ink)" stroke-opacity=".75" '
                f'stroke-dasharray="{DASHES[clip]}"/>'
            )
    if what == "norm":
        n = max(1, state["updates"])
        shown = [0, n] if n < 10 else [0, n // 2, n]
        p.ticks(bottom + 15, [(x(k), str(k)) for k in shown])
        p.text((left + right) / 2, bottom + 32, "updates", "r", "middle")
