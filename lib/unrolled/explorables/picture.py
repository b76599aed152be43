"""Static pictures, for print and for pages without JavaScript: an SVG that is light and dark."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from html import escape
from pathlib import Path

PALETTE = json.loads((Path(__file__).parents[1] / "palette.json").read_text(encoding="utf-8"))

WIDTH = 720
NEUTRALS = {
    "light": "--ink:#1f2328;--faint:#59636e;--grid:#d5d9de;--band:#f1f3f5;--page:#fff",
    "dark": "--ink:#e6e9ed;--faint:#a3adb8;--grid:#39424d;--band:#1f262e;--page:#14181e",
}
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:var(--ink)}.n{font-weight:600}"
    ".r{font-size:12px;fill:var(--faint)}.t{font-size:11px;fill:var(--faint)}"
    ".m{font:italic 21px 'Times New Roman','Liberation Serif',serif}"
    ".z{font-size:12.5px;font-weight:700;text-anchor:middle}"
    ".g{stroke:var(--grid);fill:none}.l{fill:none;stroke-width:2;stroke-linejoin:round}"
    ".d{fill:none;stroke-width:6;stroke-linecap:round}.b{fill:var(--band)}"
)
LIMITS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

Point = tuple[float, float]
Scale = Callable[[float], float]


# Numbers in words; the same functions in JavaScript: js/kit/words.js


EXACT = Context(prec=400, rounding=ROUND_HALF_UP)  # ties go up in size, as in JavaScript


def fixed(v: float, digits: int = 2) -> str:
    """Return a number with two decimals; never a negative zero."""
    text = f"{EXACT.quantize(Decimal(abs(v)), Decimal(1).scaleb(-digits)):f}"
    return f"−{text}" if v < 0 and float(text) else text


def power(exponent: int) -> str:
    """Return a power of ten, 10⁻³."""
    return "10" + str(exponent).translate(SUPERSCRIPT)


def gradient_text(g: float) -> str:
    """Return a gradient in words' form: "0" and "1" exactly when it is exactly that."""
    sign, a = "−" if g < 0 else "", abs(g)
    if a in (0.0, 1.0):
        return f"{sign if a else ''}{a:.0f}"
    if 0.995 <= a < 1:
        return sign + fixed(a, 3)
    two = EXACT.quantize(Decimal(a), Decimal(1).scaleb(Decimal(a).adjusted() - 1))
    exponent = two.adjusted()
    if 0.01 <= a < 99.5:
        return sign + fixed(float(two), max(0, 1 - exponent))
    return f"{sign}{fixed(float(two.scaleb(-exponent)), 1)}×{power(exponent)}"


def limit_of(values: Sequence[float]) -> float:
    """Return the least round limit of a symmetric axis that holds all values."""
    most = max(map(abs, values))
    limits = [limit for limit in LIMITS if most <= limit]
    return limits[0] if limits else 10.0 ** math.ceil(math.log10(most))


def linear(low: float, high: float, bottom: float, top: float) -> Scale:
    """Return a scale: `low` at the place `bottom`, `high` at `top`."""
    return lambda v: bottom + (v - low) * (top - bottom) / (high - low)


def px(v: float) -> str:
    """Return a coordinate with at most one decimal."""
    return f"{v:.1f}".rstrip("0").rstrip(".").replace("-0", "0" if abs(v) < 0.05 else "-0")


class Picture:
    """An SVG document that grows part by part; x to the right, y down, in CSS pixels.

    `key` is always a quantity of palette.json, or a colour such as ``var(--ink)``.
    """

    def __init__(self, width: int = WIDTH) -> None:
        self.width = width
        self.parts: list[str] = []
        self._keys: list[str] = []

    def colour(self, key: str) -> str:
        """Return the CSS colour of a quantity, and remember that the document needs it."""
        if key not in PALETTE:
            return key
        if key not in self._keys:
            self._keys.append(key)
        return f"var(--{key})"

    def add(self, svg: str) -> None:
        """Add SVG as it is."""
        self.parts.append(svg)

    def text(self, x: float, y: float, content: str, style: str = "", anchor: str = "") -> None:
        """Add text; style: n(ame), r(ole), t(ick) or m(ath); content is SVG, not escaped."""
        attributes = f' class="{style}"' if style else ""
        attributes += f' text-anchor="{anchor}"' if anchor else ""
        self.add(f'<text x="{px(x)}" y="{px(y)}"{attributes}>{content}</text>')

    def letter(self, x: float, y: float, key: str, sub: str = "t", letter: str = "") -> None:
        """Add the letter of a quantity in its colour, with a subscript."""
        # The tilde by hand: fonts without a combining one would change for the whole letter.
        tilde = {"c_tilde": "c", "h_tilde": "h"}.get(key)
        shown = f'{tilde}<tspan dx="-7.5">\u02dc</tspan>' if tilde else letter or key
        lower = f'<tspan dy="5" font-size="14">{sub}</tspan>' if sub else ""
        self.add(
            f'<text x="{px(x)}" y="{px(y)}" class="m" style="fill:{self.colour(key)}">'
            f"{shown}{lower}</text>"
        )

    def grid(self, left: float, right: float, ticks: Sequence[tuple[float, str]]) -> None:
        """Add horizontal lines at y, each with its label on the left."""
        d = "".join(f"M{px(left)} {px(y)}H{px(right)}" for y, _ in ticks)
        self.add(f'<path class="g" d="{d}"/>')
        for y, label in ticks:
            self.text(left - 6, y + 4, label, "t", "end")

    def ticks(self, y: float, ticks: Sequence[tuple[float, str]]) -> None:
        """Add labels at x below an axis."""
        for x, label in ticks:
            self.text(x, y, label, "t", "middle")

    def band(self, x: float, y: float, width: float, height: float) -> None:
        """Add the ground of a row."""
        self.add(
            f'<rect class="b" x="{px(x)}" y="{px(y)}" width="{px(width)}" height="{px(height)}"/>'
        )

    def curve(
        self,
        key: str,
        points: Sequence[Point | None],
        *,
        dots: bool = True,
        start: Point | None = None,
        dash: str | None = None,
    ) -> None:
        """Add a line through points, from `start` on, broken where one is None; a dot on each."""
        colour = self.colour(key)
        dash = PALETTE.get(key, {}).get("dash", "") if dash is None else dash
        d, pen = ("", "M") if start is None else (f"M{px(start[0])} {px(start[1])}", "L")
        marks = ""
        for point in points:
            if point is None:
                pen = "M"
                continue
            x, y = map(px, point)
            d += f"{pen}{x} {y}"
            marks += f"M{x} {y}h0"
            pen = "L"
        pattern = f' stroke-dasharray="{dash}"' if dash else ""
        self.add(f'<path class="l" stroke="{colour}"{pattern} d="{d}"/>')
        if dots:
            self.add(f'<path class="d" stroke="{colour}" d="{marks}"/>')

    def sample(self, key: str, x: float, y: float, long: float = 44) -> None:
        """Add a piece of a curve, for a legend."""
        self.curve(key, [(x, y), (x + long, y)], dots=False)

    def bars(
        self, key: str, values: Sequence[float], edges: Sequence[float], y: Scale, *, gap: float = 2
    ) -> None:
        """Add a bar a value, from y(0); `edges` are the left edges of the columns, and the end."""
        d = ""
        for k, value in enumerate(values):
            tall = max(2.0, abs(y(value) - y(0)))  # a bar of 0 is still a line
            start = y(0) if value < 0 else y(0) - tall
            wide = max(1.0, edges[k + 1] - edges[k] - 2 * gap)
            d += f"M{px(edges[k] + gap)} {px(start)}h{px(wide)}v{px(tall)}h{px(-wide)}z"
        self.add(f'<path fill="{self.colour(key)}" d="{d}"/>')

    def svg(self, says: str, height: float) -> str:
        """Return the document; `says` is its title."""
        tall = round(height)
        # In an <img>, prefers-color-scheme is the color-scheme of the page around it.
        light, dark = (
            "".join(f"--{key}:{PALETTE[key][theme]};" for key in self._keys) + neutral
            for theme, neutral in NEUTRALS.items()
        )
        style = f"svg{{{light}}}@media (prefers-color-scheme:dark){{svg{{{dark}}}}}{STYLE}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{self.width}" '
            f'height="{tall}" viewBox="0 0 {self.width} {tall}"><title>{escape(says)}</title>'
            f'<style>{style}</style><rect width="{self.width}" height="{tall}" fill="var(--page)"/>'
            f"{''.join(self.parts)}</svg>"
        )
