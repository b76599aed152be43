"""The static picture of LSTMGates, for print and pages without JavaScript, and its words."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

PALETTE = json.loads((Path(__file__).parents[1] / "palette.json").read_text(encoding="utf-8"))

WIDTH, LEFT, RIGHT = 720, 196, 10
FLOOR = -8  # the log axis of the gradient ends at 10^-8; 0 has a band of its own below
ROWS = (
    ("forget", "f", "how much of c is kept", 46),
    ("input", "i", "how much is written", 46),
    ("candidate", "c_tilde", "what is written", 56),
    ("output", "o", "how much of c is shown", 46),
)
LETTERS = ("f", "i", "c_tilde", "o", "c", "h", "gradient")
NEUTRALS = {
    "light": "--ink:#1f2328;--faint:#59636e;--grid:#d5d9de;--band:#f1f3f5;--page:#fff",
    "dark": "--ink:#e6e9ed;--faint:#a3adb8;--grid:#39424d;--band:#1f262e;--page:#14181e",
}
LIMITS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
X = Callable[[float], float]  # from a step to its place
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def fixed(v: float) -> str:
    """Return a number with two decimals; never a negative zero."""
    text = f"{abs(v):.2f}"
    return f"−{text}" if v < 0 and float(text) else text


def gradient_text(g: float) -> str:
    """Return a gradient in words' form: "0" and "1" exactly when it is exactly that."""
    sign, a = "−" if g < 0 else "", abs(g)
    if a in (0.0, 1.0):
        return f"{sign if a else ''}{a:.0f}"
    if 0.995 <= a < 1:
        return f"{sign}{a:.3f}"
    mantissa, exponent = f"{a:.1e}".split("e")
    if 0.01 <= a < 99.5:
        return f"{sign}{a:.{max(0, 1 - int(exponent))}f}"
    return f"{sign}{mantissa}×10{str(int(exponent)).translate(SUPERSCRIPT)}"


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


def _px(v: float) -> str:
    return f"{v:.1f}".rstrip("0").rstrip(".").replace("-0", "0" if abs(v) < 0.05 else "-0")


def _text(x: float, y: float, content: str, style: str = "", anchor: str = "") -> str:
    attributes = f' class="{style}"' if style else ""
    attributes += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{_px(x)}" y="{_px(y)}"{attributes}>{content}</text>'


def _letter(x: float, y: float, key: str) -> str:
    # The tilde by hand: fonts without a combining one would change for the whole letter.
    letter = 'c<tspan dx="-7.5">\u02dc</tspan>' if key == "c_tilde" else key
    return (
        f'<text x="{_px(x)}" y="{_px(y)}" class="m" style="fill:var(--{key})">'
        f'{letter}<tspan dy="5" font-size="14">t</tspan></text>'
    )


def _grid(ticks: Sequence[tuple[float, str]]) -> str:
    d = "".join(f"M{LEFT} {_px(y)}H{WIDTH - RIGHT}" for y, _ in ticks)
    labels = [_text(LEFT - 6, y + 4, label, "t", "end") for y, label in ticks]
    return f'<path class="g" d="{d}"/>' + "".join(labels)


def _curve(key: str, points: Sequence[tuple[float, float] | None], from_: str = "") -> str:
    """Draw a line through the points, broken where one is None, and a dot on each."""
    colour, dash = f"var(--{key})", PALETTE[key]["dash"]
    d, pen = from_, "L" if from_ else "M"
    dots = ""
    for point in points:
        if point is None:
            pen = "M"
            continue
        x, y = map(_px, point)
        d += f"{pen}{x} {y}"
        dots += f"M{x} {y}h0"
        pen = "L"
    pattern = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<path class="l" stroke="{colour}"{pattern} d="{d}"/>'
        f'<path class="d" stroke="{colour}" d="{dots}"/>'
    )


def _sample(key: str, x: float, y: float) -> str:
    dash = PALETTE[key]["dash"]
    pattern = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path class="l" stroke="var(--{key})"{pattern} d="M{_px(x)} {_px(y)}h44"/>'


def _band(top: float, height: float) -> str:
    width = WIDTH - LEFT - RIGHT
    return f'<rect class="b" x="{LEFT}" y="{_px(top)}" width="{width}" height="{_px(height)}"/>'


def _bars(values: Sequence[float], letter: str, low: int, top: float, height: float, x: X) -> str:
    def y(v: float) -> float:
        return top + height * (1 - v) / (1 - low)

    wide = max(1.0, x(1) - x(0) - 4)
    d = ""
    for t, value in enumerate(values, 1):
        tall = max(2.0, abs(y(value) - y(0)))  # a bar of 0 is still a line
        start = y(0) - tall if value > 0 or low == 0 else y(0)
        d += f"M{_px(x(t - 0.5) + 2)} {_px(start)}h{_px(wide)}v{_px(tall)}h{_px(-wide)}z"
    ticks = [(y(v), "−1" if v < 0 else str(v)) for v in ((-1, 0, 1) if low else (0, 1))]
    bars = f'<path fill="var(--{letter})" d="{d}"/>'
    return _band(top, height) + _grid(ticks) + bars


def _states(c0: float, trace: dict[str, list[float]], top: float, x: X) -> str:
    most = max(map(abs, [c0, *trace["c"], *trace["h"]]))
    limits = [limit for limit in LIMITS if most <= limit]
    limit = limits[0] if limits else 10.0 ** math.ceil(math.log10(most))

    def y(v: float) -> float:
        return top + 58 - v / limit * 54

    parts = [_grid([(y(v), fixed(v).removesuffix(".00")) for v in (-limit, 0.0, limit)])]
    for key, start in (("c", f"M{LEFT} {_px(y(c0))}"), ("h", "")):
        points = [(x(t), y(v)) for t, v in enumerate(trace[key], 1)]
        parts.append(_curve(key, points, start))
    for key, baseline in (("c", top + 33), ("h", top + 81)):
        parts.append(_letter(2, baseline, key))
        parts.append(_text(32, baseline - 1, PALETTE[key]["name"], "n"))
        parts.append(_sample(key, 32, baseline + 11))
    return "".join(parts)


def _gradient(gradient: Sequence[float], top: float, x: X) -> str:
    most = max([1.0, *map(abs, gradient)])
    ceiling = math.ceil(math.log10(most) - 1e-9)
    colour = "var(--gradient)"
    bottom = top + 100

    def y(exponent: float) -> float:
        return bottom - (max(exponent, FLOOR) - FLOOR) * 95 / (ceiling - FLOOR)

    exponents = range(ceiling, FLOOR - 1, -2 * math.ceil((ceiling - FLOOR) / 12))
    labels = ["1" if e == 0 else f"10{str(e).translate(SUPERSCRIPT)}" for e in exponents]
    ticks = [(y(e), label) for e, label in zip(exponents, labels, strict=True)]
    points = [None if g == 0 else (x(t), y(math.log10(abs(g)))) for t, g in enumerate(gradient, 1)]
    parts = [_band(bottom + 4, 17), _grid(ticks), _text(LEFT - 6, bottom + 17, "0", "t", "end")]
    parts.append(_curve("gradient", points))
    parts += [
        f'<text x="{_px(x(t))}" y="{_px(bottom + 17)}" class="z" style="fill:{colour}">0</text>'
        for t, g in enumerate(gradient, 1)
        if g == 0
    ]
    sub = '<tspan dy="5" font-size="14">'
    parts.append(
        f'<text x="2" y="{_px(top + 28)}" class="m" style="fill:{colour}">'
        f'∂c{sub}T</tspan><tspan dy="-5"> / ∂c</tspan>{sub}t</tspan></text>'
    )
    parts.append(_text(88, top + 27, "gradient", "n"))
    parts.append(_sample("gradient", 32, top + 42))
    parts.append(_text(32, top + 62, "direct path,", "r"))
    parts.append(_text(32, top + 78, "gates held fixed", "r"))
    return "".join(parts)


def picture(rows: dict[str, Any], trace: dict[str, list[float]], says: str) -> str:
    """Return the SVG: four rows of bars, c and h, the gradient (log axis); its title is `says`."""
    T = len(rows["forget"])
    step = (WIDTH - LEFT - RIGHT) / T

    def x(t: float) -> float:
        return LEFT + (t - 0.5) * step

    parts: list[str] = []
    top = 14.0
    for key, letter, role, height in ROWS:
        parts.append(_bars(rows[key], letter, -1 if key == "candidate" else 0, top, height, x))
        middle = top + height / 2
        parts.append(_letter(2, middle - 1, letter))
        parts.append(_text(32, middle - 2, PALETTE[letter]["name"], "n"))
        parts.append(_text(32, middle + 15, role, "r"))
        top += height + 18
    top += 6
    parts.append(_states(rows["c0"], trace, top, x))
    top += 136
    parts.append(_gradient(trace["gradient"], top, x))
    top += 136

    every = max(1, math.ceil(T / 24))
    shown = [t for t in range(1, T + 1) if t in (1, T) or (t % every == 0 and T - t >= every / 2)]
    parts.append(_text(LEFT - 12, top, 'step <tspan font-style="italic">t</tspan>', "r", "end"))
    parts += [_text(x(t), top, str(t), "t", "middle") for t in shown]
    bottom = round(top + 8)
    # In an <img>, prefers-color-scheme is the color-scheme of the page around it.
    light, dark = (
        "".join(f"--{key}:{PALETTE[key][theme]};" for key in LETTERS) + neutral
        for theme, neutral in NEUTRALS.items()
    )
    style = (
        f"svg{{{light}}}@media (prefers-color-scheme:dark){{svg{{{dark}}}}}"
        "text{font:13px system-ui,sans-serif;fill:var(--ink)}.n{font-weight:600}"
        ".r{font-size:12px;fill:var(--faint)}.t{font-size:11px;fill:var(--faint)}"
        ".m{font:italic 21px 'Times New Roman','Liberation Serif',serif}"
        ".z{font-size:12.5px;font-weight:700;text-anchor:middle}"
        ".g{stroke:var(--grid)}.l{fill:none;stroke-width:2;stroke-linejoin:round}"
        ".d{fill:none;stroke-width:6;stroke-linecap:round}.b{fill:var(--band)}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{WIDTH}" height="{bottom}" '
        f'viewBox="0 0 {WIDTH} {bottom}"><title>{escape(says)}</title><style>{style}</style>'
        f'<rect width="{WIDTH}" height="{bottom}" fill="var(--page)"/>{"".join(parts)}</svg>'
    )
