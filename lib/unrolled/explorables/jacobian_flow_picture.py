"""The static picture of JacobianFlow, and its words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from unrolled.explorables.picture import (
    WIDTH,
    Picture,
    Point,
    fixed,
    gradient_text,
    linear,
    power,
    px,
)

LEFT, RIGHT = 60, WIDTH - 14
SIDE, TOP = 190, 52  # the three planes
PLANES = (22, 266, 510)
BOUND, RATE, SECOND = "7 4", "2 3", "5 3"
DECADES = (1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40, 60, 80, 100)
SAME = 1e-7  # as far as an eigenvalue is known where two coincide
SPANS = (1.25, 2.0, 3.0, 4.25)
SUB = '<tspan dy="4" font-size="10">{}</tspan><tspan dy="-4">\u200b</tspan>'
SUPER = '<tspan dy="-5" font-size="10">{}</tspan><tspan dy="5">\u200b</tspan>'


# The same functions in JavaScript: js/jacobian-flow/words.js and geometry.js


def log_text(log10: float) -> str:
    """Return a positive number in words' form, of its logarithm: however small or large."""
    if log10 == -math.inf:
        return "0"
    if abs(log10) < 1e-12:
        return "1"
    if abs(log10) < 300:
        return gradient_text(10.0**log10)
    exponent = math.floor(log10)
    mantissa = f"{10.0 ** (log10 - exponent):.1f}"
    return f"1.0×{power(exponent + 1)}" if mantissa == "10.0" else f"{mantissa}×{power(exponent)}"


def near_one(v: float) -> str:
    """Return a number with two decimals, or as many as tell it from 1."""
    if abs(v - 1) <= SAME:
        return "1"
    digits = 2
    while digits < 10 and float(f"{v:.{digits}f}") == 1:
        digits += 1
    return fixed(v, digits)


def describe(
    log10: Sequence[float],
    *,
    steps: int,
    sigma: Sequence[float],
    rho: float,
    tanh: bool,
    amplitude: float,
    linear: float | None,
    driven: bool,
) -> str:
    """Return what the picture shows, in words.

    log10: of the norms, k = 0…T; sigma and rho: singular values and spectral radius of W_h;
    linear: log10 ‖W_h^k‖ at k = steps, None where the reader's own step runs.
    """
    if not log10:
        return "Nothing is drawn: the step function failed."
    text = log_text(log10[steps])
    says = f"Over k = {steps} step{'s'[: steps > 1]} a gradient is multiplied by at most {text}."
    if driven:
        return f"{says} That is what the step function given makes of it."
    if tanh and amplitude > 0:
        assert linear is not None
        why = (
            "under this input the slopes 1 − h² of tanh are below 1."
            if log10[steps] <= linear
            else "the slopes 1 − h² are below 1, but a product of different matrices may be larger."
        )
        return f"{says} Without tanh it would be {log_text(linear)}: {why}"
    still = " With h = 0 all the way, tanh has slope 1." if tanh else ""
    s, r, tol = near_one(sigma[0]), near_one(rho), SAME
    peak = max(range(len(log10)), key=log10.__getitem__)
    if sigma[0] < 1 - tol:
        why = f"The largest singular value, {s}, is below 1: it must vanish."
    elif rho > 1 + tol:
        why = f"The spectral radius, {r}, is above 1: in the long run it explodes."
    elif sigma[0] <= 1 + tol and sigma[1] >= 1 - tol:
        why = "Both singular values are 1: it neither vanishes nor explodes."
    elif rho < 1 - tol and sigma[0] > 1 + tol:
        why = (
            f"It grows to {log_text(log10[peak])} at k = {peak} (the largest singular value, {s}, "
            f"is above 1), then vanishes (the spectral radius, {r}, is below 1)."
        )
    elif rho < 1 - tol:
        why = f"It never grows; in the end it vanishes: the spectral radius, {r}, is below 1."
    elif sigma[0] > 1 + tol:
        why = (
            f"The spectral radius, 1, does not decide; the largest singular value, {s}, "
            f"lets it grow, to {log_text(log10[peak])} at k = {peak}."
        )
    else:
        why = "The largest singular value is 1 and so is the spectral radius: the norm stays 1."
    return f"{says}{still} {why}"


def log_limits(log10: Sequence[float], sigma_max: float, rho: float) -> tuple[int, int]:
    """Return the ends of the log axis: all norms fit in, the lines of σ_max^k and ρ^k in part."""
    k = len(log10) - 1
    seen = [v for v in log10 if v > -math.inf]
    low, high = min(0.0, *seen, 0.0), max(0.0, *seen, 0.0)
    if rho > 0:
        low = min(low, max(k * math.log10(rho), 2 * low - 2))
    if sigma_max > 0:
        high = max(high, min(k * math.log10(sigma_max), 2 * high + 1))
    if high - low < 2:
        low, high = min(low, -1), max(high, 1)
    return -_decades(-low), _decades(high)


def _decades(v: float) -> int:
    if v <= 1e-9:
        return 0
    return next((d for d in DECADES if v <= d + 1e-9), 50 * math.ceil(v / 50))


def log_ticks(low: int, high: int) -> list[int]:
    """Return the exponents to label: 0 among them, and at most seven."""
    every = 1
    for every in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000):
        if (high - low) / every <= 6:
            break
    return [e * every for e in range(math.ceil(low / every), math.floor(high / every) + 1)]


def span(v: float) -> float:
    """Return the half-width of the complex plane that shows v."""
    return next((s for s in SPANS if 1.03 * v <= s), SPANS[-1])


def complex_text(values: Sequence[complex]) -> str:
    """Return two eigenvalues: two real numbers, or a pair with ±."""
    first, second = values
    if abs(first.imag) < SAME:
        return f"{fixed(first.real, 3)}, {fixed(second.real, 3)}"
    return f"{fixed(first.real, 3)} ± {fixed(abs(first.imag), 3)}i"


# The picture


def picture(
    W_h: Any, eigenvalues: Any, singular_values: Any, shapes: Any, steps: int, says: str
) -> str:
    """Return the SVG: columns, ellipses, the complex plane, the norms; its title is `says`."""
    p = Picture()
    sigma, rho = singular_values.tolist(), float(max(abs(v) for v in eigenvalues))
    log10 = [0.0] if shapes is None else shapes.log10.tolist()
    low, high = log_limits(log10, sigma[0], rho)
    titles = (
        ("columns of " + _math("W", "h"), "● the first, □ the second"),
        (f"unit circle, {_math('k')} steps back", "shapes are true; size on log axis"),
        ("complex plane", "× eigenvalues, ◇ singular values"),
    )
    for x, (name, role) in zip(PLANES, titles, strict=True):
        p.text(x, 18, name, "n")
        p.text(x, 36, role, "r")
        p.band(x, TOP, SIDE, SIDE)
    _columns(p, PLANES[0], W_h)
    _ellipses(p, PLANES[1], shapes, steps, low, high)
    _plane(p, PLANES[2], eigenvalues, sigma, rho)
    y = TOP + SIDE + 24
    rows = ", ".join(f"({fixed(a)}, {fixed(b)})" for a, b in W_h.tolist())
    p.text(PLANES[0], y, f"rows: {rows}")
    p.text(PLANES[1], y, f"{_math('σ')} = {fixed(sigma[0], 3)}, {fixed(sigma[1], 3)}")
    p.text(PLANES[2], y, f"{_math('λ')} = {complex_text(eigenvalues)}")
    _norms(p, y + 46, log10, steps, sigma[0], rho, low, high)
    return p.svg(says, y + 46 + 200)


def _tick(exponent: int) -> str:
    return "1" if exponent == 0 else power(exponent)


def _math(letter: str, sub: str = "") -> str:
    return f'<tspan font-style="italic">{letter}</tspan>' + (SUB.format(sub) if sub else "")


def _circle(p: Picture, x: float, y: float, r: float, style: str) -> None:
    p.add(f'<circle cx="{px(x)}" cy="{px(y)}" r="{px(r)}" fill="none" {style}/>')


def _stroke(p: Picture, key: str, wide: float = 1, dash: str = "") -> str:
    pattern = f' stroke-dasharray="{dash}"' if dash else ""
    return f'stroke="{p.colour(key)}" stroke-width="{wide:g}"{pattern}'


def _axes(p: Picture, left: float) -> tuple[float, float]:
    x, y = left + SIDE / 2, TOP + SIDE / 2
    p.add(f'<path class="g" d="M{px(left)} {px(y)}h{SIDE}M{px(x)} {px(TOP)}v{SIDE}"/>')
    return x, y


def _columns(p: Picture, left: float, W_h: Any) -> None:
    x0, y0 = _axes(p, left)
    unit = SIDE / 2 / 2.25
    for v in (-2, -1, 1, 2):
        p.text(x0 + v * unit, y0 + 13, fixed(v, 0), "t", "middle")
    _circle(p, x0, y0, unit, _stroke(p, "var(--faint)"))
    for j, dash in enumerate(("", SECOND)):
        x, y = x0 + W_h[0, j] * unit, y0 - W_h[1, j] * unit
        line = f"M{px(x0)} {px(y0)}L{px(x)} {px(y)}"
        p.add(f'<path {_stroke(p, "var(--ink)", 2.5, dash)} fill="none" d="{line}"/>')
        if j == 0:
            p.add(f'<circle cx="{px(x)}" cy="{px(y)}" r="6" fill="var(--ink)"/>')
        else:
            p.add(
                f'<rect x="{px(x - 5.5)}" y="{px(y - 5.5)}" width="11" height="11" '
                f'fill="var(--page)" {_stroke(p, "var(--ink)", 2.5)}/>'
            )


def _ellipses(p: Picture, left: float, shapes: Any, steps: int, low: int, high: int) -> None:
    x0, y0 = _axes(p, left)
    radius = linear(low, high, 5, SIDE / 2 - 6)
    for e in log_ticks(low, high):
        if e != 0:
            _circle(p, x0, y0, radius(e), _stroke(p, "var(--grid)"))
    _circle(p, x0, y0, radius(0), _stroke(p, "var(--ink)", 1.5))
    for e in {0, high}:
        p.text(x0 + 4, y0 - radius(e) + (12 if e == high else -3), _tick(e), "t")
    if shapes is None:
        return
    faint = _stroke(p, "var(--faint)", 0.7) + ' stroke-opacity="0.5"'
    for k in range(1, steps + 1):
        if shapes.log10[k] == -math.inf:
            continue
        a = radius(shapes.log10[k])
        # An ellipse without width is not drawn at all.
        b = max(a * shapes.ratio[k], 0.3)
        p.add(
            f'<ellipse cx="{px(x0)}" cy="{px(y0)}" rx="{px(a)}" ry="{px(b)}" fill="none" '
            f"{_stroke(p, 'gradient', 3) if k == steps else faint} "
            f'transform="rotate({-math.degrees(shapes.angle[k]):.1f} {px(x0)} {px(y0)})"/>'
        )


def _plane(p: Picture, left: float, eigenvalues: Any, sigma: list[float], rho: float) -> None:
    x0, y0 = _axes(p, left)
    limit = span(max(sigma[0], 1.0))
    unit = SIDE / 2 / limit
    _circle(p, x0, y0, unit, _stroke(p, "var(--faint)"))
    p.text(x0 + unit - 9, y0 + 14, "1", "t", "end")
    p.text(x0 + 5, TOP + 10, "Im", "t")
    p.text(left + SIDE - 4, y0 + 14, "Re", "t", "end")
    _circle(p, x0, y0, rho * unit, _stroke(p, "var(--ink)", 1.5, RATE))
    _circle(p, x0, y0, sigma[0] * unit, _stroke(p, "var(--ink)", 1.5, BOUND))
    for v in sigma:
        x = x0 + v * unit
        d = f"M{px(x - 6)} {px(y0)}l6 -6l6 6l-6 6z"
        p.add(f'<path fill="var(--page)" {_stroke(p, "var(--ink)", 1.5)} d="{d}"/>')
    for value in eigenvalues:
        x, y = x0 + value.real * unit, y0 - value.imag * unit
        d = f"M{px(x - 5)} {px(y - 5)}l10 10m0 -10l-10 10"
        p.add(f'<path fill="none" {_stroke(p, "var(--ink)", 2.5)} d="{d}"/>')


def _norms(
    p: Picture,
    top: float,
    log10: list[float],
    steps: int,
    sigma_max: float,
    rho: float,
    low: int,
    high: int,
) -> None:
    T = max(len(log10) - 1, 100)
    bottom = top + 160
    x, y = linear(0, T, LEFT, RIGHT), linear(low, high, bottom, top)
    p.text(LEFT, top - 16, f"‖∂{_math('h', 'T')} / ∂{_math('h', 'T−k')}‖", "n")
    kth = SUPER.format("k")
    names = (
        ("gradient", None, LEFT + 104, "norm"),
        ("var(--ink)", BOUND, LEFT + 204, f"{_math('σ', 'max')}{kth}, the bound of the norm"),
        ("var(--ink)", RATE, LEFT + 436, f"{_math('ρ')}{kth}, the long run if linear"),
    )
    for key, dash, left, name in names:
        p.curve(key, [(left, top - 20), (left + 36, top - 20)], dots=False, dash=dash)
        p.text(left + 42, top - 16, name, "r")
    p.grid(LEFT, RIGHT, [(y(e), _tick(e)) for e in log_ticks(low, high)])
    for v, dash in ((sigma_max, BOUND), (rho, RATE)):
        if v > 0:
            line = _clipped(math.log10(v), T, x, y, low, high)
            p.curve("var(--ink)", line, dots=False, dash=dash)
    points = [(x(k), y(v)) if v > -math.inf else None for k, v in enumerate(log10)]
    if len(log10) > 1:
        p.curve("gradient", points, dots=False)
        at = points[steps]
        p.add(f'<path class="g" d="M{px(x(steps))} {px(top)}V{px(bottom)}"/>')
        if at is not None:
            p.add(
                f'<circle cx="{px(at[0])}" cy="{px(at[1])}" r="5" fill="{p.colour("gradient")}"/>'
            )
    p.text(LEFT - 12, bottom + 20, "steps back " + _math("k"), "r", "start")
    p.ticks(bottom + 20, [(x(k), str(k)) for k in range(20, T + 1, 20)])


def _clipped(slope: float, T: int, x: Any, y: Any, low: int, high: int) -> list[Point | None]:
    """Return the line from (0, 1) as far as it stays between `low` and `high`."""
    k = float(T)
    if slope * T > high:
        k = high / slope
    elif slope * T < low:
        k = low / slope
    return [(x(0), y(0)), (x(k), y(slope * k))]
