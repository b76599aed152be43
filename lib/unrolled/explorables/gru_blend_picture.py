"""The static picture of GRUBlend, and its words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from unrolled.explorables.picture import (
    PALETTE,
    WIDTH,
    Picture,
    Scale,
    fixed,
    gradient_text,
    limit_of,
    linear,
    power,
    px,
)

LEFT, RIGHT = 196, WIDTH - 10
FLOOR = -8  # the log axis of the gradient ends at 10^-8; 0 has a band of its own below
SECOND_DASH = "2 3"  # of what stands beside the main curve: the total gradient, reset after
SAME = 1e-12  # two runs of one function, calculated in two orders
INK, FAINT = "var(--ink)", "var(--faint)"


def half_step(direct: Sequence[float]) -> int:
    """Return the last step of whose h at most half is left at the end; 0 if there is none."""
    return max((t for t, share in enumerate(direct, 1) if share <= 0.5), default=0)


def outside(h0: float, own: Mapping[str, Sequence[float]]) -> int:
    """Return the first step whose h is not between the old h and the candidate; 0 if none."""
    before = [h0, *own["h"][:-1]]
    for t, (h_prev, h_tilde, h) in enumerate(zip(before, own["h_tilde"], own["h"], strict=True), 1):
        slack = SAME * max(1.0, abs(h_prev), abs(h_tilde))
        if not min(h_prev, h_tilde) - slack <= h <= max(h_prev, h_tilde) + slack:
            return t
    return 0


def describe(
    state: Mapping[str, Any],
    trace: Mapping[str, Any],
    kept: Sequence[float],
    direct: Sequence[float] | None,
    total: Sequence[float],
) -> str:
    """Return what the picture shows, in words."""
    T = len(kept)
    own = trace.get("own")
    if own is not None and not own["h"]:
        return "Nothing is drawn: the update function failed."
    h = (own or trace["before"])["h"]
    says = [f"After {T} {'step' if T == 1 else 'steps'} h is {fixed(h[-1])}."]
    if direct is None:
        says.append(
            f"Through the update function given, the gradient from step {T} back to step 1 "
            f"is {gradient_text(total[0])}."
        )
        step = outside(state["h0"], own or {})
        says.append(
            f"At step {step} h is not between its old value and the candidate: no blend."
            if step
            else "Every h is between its old value and the candidate."
        )
    else:
        says.append(_memory(kept, direct))
        says.append(f"By every path the gradient is {gradient_text(total[0])}.")
    before, after = trace["before"]["h"], trace["after"]["h"]
    distances = [abs(a - b) for a, b in zip(before, after, strict=True)]
    most = max(distances)
    says.append(
        "Reset before and after give the same h."
        if most < SAME
        else f"Reset before and after: h differs by at most {gradient_text(most)}, "
        f"at step {distances.index(most) + 1}."
    )
    return " ".join(says)


def _memory(kept: Sequence[float], direct: Sequence[float]) -> str:
    T = len(kept)
    cut = max((t for t in range(2, T + 1) if kept[t - 1] == 0), default=0)
    if cut:
        return f"Step {cut} keeps nothing: along the direct path no earlier h reaches step {T}."
    if direct[0] == 1:
        return "No step after the first takes in anything new: its h is kept whole."
    back = T - half_step(direct)
    if back == T:
        half = "all steps together keep more than half"
    elif back == 1:
        half = "the last step alone keeps at most half"
    else:
        half = f"the last {back} steps together keep at most half"
    share = gradient_text(direct[0])
    return f"Along the direct path {share} of the h of step 1 is left at step {T}; {half}."


def picture(
    state: Mapping[str, Any],
    trace: Mapping[str, Any],
    kept: Sequence[float],
    direct: Sequence[float] | None,
    total: Sequence[float],
    says: str,
) -> str:
    """Return the SVG: z, r and x as bars, the blend, the gradient, reset before beside after."""
    p = Picture()
    T = len(kept)
    step = (RIGHT - LEFT) / T
    edges = [LEFT + k * step for k in range(T + 1)]
    middles = [edge + step / 2 for edge in edges[:-1]]
    p.add(
        '<defs><pattern id="new" width="5" height="5" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><path d="M1 0v5" stroke="{p.colour("c_tilde")}" '
        'stroke-width="2"/></pattern></defs>'
    )

    top = 14.0
    named = f"share of the {state['convention']}"
    for name, key, letter, title, role, height in (
        ("update_gate", "z", "", PALETTE["z"]["name"], named, 46),
        ("reset_gate", "r", "", PALETTE["r"]["name"], "old h in the candidate", 46),
        ("inputs", FAINT, "x", "input", "the same for both units", 56),
    ):
        low, high = (-2, 2) if name == "inputs" else (0, 1)
        y = linear(low, high, top + height, top)
        p.band(LEFT, top, RIGHT - LEFT, height)
        p.grid(LEFT, RIGHT, [(y(v), fixed(v, 0)) for v in sorted({low, 0, high})])
        p.bars(key, state[name], edges, y)
        p.letter(2, top + height / 2 - 1, key, letter=letter)
        p.text(32, top + height / 2 - 2, title, "n")
        p.text(32, top + height / 2 + 15, role, "r")
        top += height + 18

    _shares(p, kept, edges, top)
    top += 36 + 22
    run = trace.get("own") or trace["before"]
    top = _blend(p, state["h0"], run, middles, top)
    top = _gradient(p, kept, direct, total, middles, top)
    top = _resets(p, trace, middles, top)

    every = max(1, math.ceil(T / 24))
    shown = [t for t in range(1, T + 1) if t in (1, T) or (t % every == 0 and T - t >= every / 2)]
    p.text(LEFT - 12, top, 'step <tspan font-style="italic">t</tspan>', "r", "end")
    p.ticks(top, [(middles[t - 1], str(t)) for t in shown])
    return p.svg(says, top + 8)


def _shares(p: Picture, kept: Sequence[float], edges: Sequence[float], top: float) -> None:
    """Add a bar a step: what is kept of the old from below, what is new on top of it."""
    y = linear(0, 1, top + 36, top)
    old = new = ""
    for k, share in enumerate(kept):
        x, wide = px(edges[k] + 2), max(1.0, edges[k + 1] - edges[k] - 4)
        middle = px(y(share))
        old += f"M{x} {px(top + 36)}V{middle}h{px(wide)}V{px(top + 36)}z"
        new += f"M{x} {middle}V{px(top)}h{px(wide)}V{middle}z"
    p.add(f'<path fill="{p.colour("h")}" d="{old}"/>')
    p.add(f'<path fill="url(#new)" stroke="{p.colour("c_tilde")}" d="{new}"/>')
    sample = f"M3 {px(top + 3)}h16v10h-16z"
    p.add(f'<path fill="url(#new)" stroke="{p.colour("c_tilde")}" d="{sample}"/>')
    p.add(f'<path fill="{p.colour("h")}" d="M2 {px(top + 23)}h18v11h-18z"/>')
    p.text(32, top + 13, "new share", "n")
    p.text(32, top + 33, "old share", "n")
    for place, label in ((top + 10, "1"), (top + 36, "0")):
        p.text(LEFT - 6, place, label, "t", "end")


def _diamond(x: float, y: float) -> str:
    return f"M{px(x - 4)} {px(y)}l4 -4l4 4l-4 4z"


def _blend(
    p: Picture, h0: float, run: Mapping[str, Sequence[float]], middles: Sequence[float], top: float
) -> float:
    """Add h from step to step on the stretch between the old h and the candidate."""
    limit = limit_of([1.0, *run["h"], *run["h_tilde"]])
    y = linear(-limit, limit, top + 136, top + 4)
    p.grid(LEFT, RIGHT, [(y(v), fixed(v, 0)) for v in (-limit, 0.0, limit)])
    old, candidate = p.colour("h"), p.colour("c_tilde")
    stretches = moved = rings = diamonds = ""
    rows = zip(middles, [h0, *run["h"]], run["h_tilde"], run["h"], strict=False)
    for x, h_prev, h_tilde, h in rows:
        stretches += f"M{px(x)} {px(y(h_prev))}V{px(y(h_tilde))}"
        moved += f"M{px(x)} {px(y(h_prev))}V{px(y(h))}"
        rings += f"M{px(x - 3)} {px(y(h_prev))}a3 3 0 1 1 6 0a3 3 0 1 1 -6 0z"
        diamonds += _diamond(x, y(h_tilde))
    p.add(f'<path fill="none" stroke="{candidate}" d="{stretches}"/>')
    p.add(f'<path fill="none" stroke="{old}" stroke-width="4" d="{moved}"/>')
    p.add(f'<path fill="var(--page)" stroke="{old}" stroke-width="1.5" d="{rings}"/>')
    p.add(f'<path fill="{candidate}" d="{diamonds}"/>')
    p.curve("h", [(x, y(h)) for x, h in zip(middles, run["h"], strict=False)])
    marks = (
        f'<path class="d" stroke="{old}" d="M11 {px(top + 26)}h0"/>',
        f'<circle cx="11" cy="{px(top + 50)}" r="3" fill="var(--page)" stroke="{old}" '
        'stroke-width="1.5"/>',
        f'<path fill="{candidate}" d="{_diamond(11, top + 74)}"/>',
    )
    labels = ("h", "t", "after the step"), ("h", "t−1", "before it"), ("h̃", "t", "candidate")
    for row, (mark, (letter, sub, words)) in enumerate(zip(marks, labels, strict=True)):
        p.add(mark)
        p.text(32, top + 30 + 24 * row, f"{_symbol(letter, sub)} {words}")
    p.text(32, top + 104, "from old to candidate,", "r")
    p.text(32, top + 119, "the new share of the way", "r")
    return top + 164


def _symbol(letter: str, sub: str) -> str:
    serif = "font-family=\"'Times New Roman','Liberation Serif',serif\" font-style=\"italic\""
    tilde = '<tspan dx="-8" dy="-4">\u02dc</tspan><tspan dx="1" dy="4">\u200a</tspan>'
    return (
        f'<tspan {serif} font-size="17">{letter[0]}{tilde if len(letter) > 1 else ""}</tspan>'
        f'<tspan {serif} font-size="12" dy="4">{sub}</tspan><tspan dy="-4">\u2009</tspan>'
    )


def _gradient(
    p: Picture,
    kept: Sequence[float],
    direct: Sequence[float] | None,
    total: Sequence[float],
    middles: Sequence[float],
    top: float,
) -> float:
    largest = max([1.0, *map(abs, total)])
    ceiling = math.ceil(math.log10(largest) - 1e-9)
    bottom = top + 100
    y = linear(FLOOR, ceiling, bottom, top + 5)
    exponents = range(ceiling, FLOOR - 1, -2 * math.ceil((ceiling - FLOOR) / 12))
    p.band(LEFT, bottom + 4, RIGHT - LEFT, 17)
    p.grid(LEFT, RIGHT, [(y(e), "1" if e == 0 else power(e)) for e in exponents])
    p.text(LEFT - 6, bottom + 17, "0", "t", "end")
    colour = p.colour("gradient")
    for values, dash in ((direct, None), (total, SECOND_DASH)):
        if values is not None:
            pairs = list(zip(middles, values, strict=False))
            p.curve("gradient", [_on_log(x, g, y) for x, g in pairs], dash=dash, dots=dash is None)
    if direct is not None:
        for k, share in enumerate(direct):
            if share == 0 and 0 in kept[k + 1 :]:
                p.add(
                    f'<text x="{px(middles[k])}" y="{px(bottom + 17)}" class="z" '
                    f'style="fill:{colour}">0</text>'
                )
        if step := half_step(direct):
            x = px(middles[step - 1])
            p.add(f'<path stroke="{INK}" stroke-dasharray="1 2" d="M{x} {px(top)}V{px(bottom)}"/>')
            right = step > len(kept) / 2
            words = f"½ or less of h of step {step}"
            anchor = "end" if right else "start"
            p.text(middles[step - 1] + (-5 if right else 5), bottom - 4, words, "t", anchor)
    sub = '<tspan dy="5" font-size="14">'
    p.add(
        f'<text x="2" y="{px(top + 22)}" class="m" style="fill:{colour}">'
        f'∂h{sub}T</tspan><tspan dy="-5"> / ∂h</tspan>{sub}t</tspan></text>'
    )
    p.text(92, top + 21, "gradient", "n")
    if direct is not None:
        p.sample("gradient", 2, top + 44)
        p.text(54, top + 48, "direct path")
    p.curve("gradient", [(2, top + 64), (46, top + 64)], dots=False, dash=SECOND_DASH)
    p.text(54, top + 68, "by every path" if direct is not None else "by your update")
    p.text(54, top + 84, "gates held fixed", "r")
    return top + 138


def _on_log(x: float, g: float, y: Scale) -> tuple[float, float] | None:
    return None if g == 0 else (x, y(max(math.log10(abs(g)), FLOOR)))


def _resets(p: Picture, trace: Mapping[str, Any], middles: Sequence[float], top: float) -> float:
    """Add h of both runs, and the step where they are farthest apart."""
    y = linear(-1, 1, top + 104, top + 4)
    p.grid(LEFT, RIGHT, [(y(v), fixed(v, 0)) for v in (-1.0, 0.0, 1.0)])
    before, after = trace["before"]["h"], trace["after"]["h"]
    distances = [abs(a - b) for a, b in zip(before, after, strict=True)]
    most = max(distances)
    if most >= SAME:
        k = distances.index(most)
        x = px(middles[k])
        p.add(
            f'<path stroke="{p.colour("r")}" stroke-width="5" opacity="0.6" '
            f'd="M{x} {px(y(before[k]))}V{px(y(after[k]))}"/>'
        )
    p.curve("h", [(x, y(h)) for x, h in zip(middles, before, strict=False)])
    p.curve(
        "h", [(x, y(h)) for x, h in zip(middles, after, strict=False)], dots=False, dash=SECOND_DASH
    )
    squares = "".join(
        f"M{px(x - 3)} {px(y(h) - 3)}h6v6h-6z" for x, h in zip(middles, after, strict=False)
    )
    p.add(f'<path fill="var(--page)" stroke="{p.colour("h")}" stroke-width="1.5" d="{squares}"/>')
    p.text(2, top + 14, "reset gate", "n")
    p.sample("h", 2, top + 34)
    p.text(54, top + 38, "before the product")
    p.curve("h", [(2, top + 54), (46, top + 54)], dots=False, dash=SECOND_DASH)
    p.text(54, top + 58, "after the product")
    words = "the same h" if most < SAME else f"at most {gradient_text(most)} apart"
    p.text(54, top + 78, words, "r")
    return top + 128
