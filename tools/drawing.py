"""What the drawings of cells have in common: letters, wires, units and operators, as SVG.

Colours and dash patterns are those of `lib/unrolled/palette.json`. In an <img>, a picture's
`prefers-color-scheme` is the `color-scheme` of the page around it, so one file serves both themes.
Where a browser does not do so, its own background keeps it legible.
"""

import json
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PALETTE = ROOT / "lib" / "unrolled" / "palette.json"

# Ink: text and operators. Input: x and what x and h become when stacked. Sheet: behind the cell.
# Page: behind everything, and in the units.
NEUTRALS = {
    "light": {"ink": "#2b2b2b", "input": "#5a6169", "sheet": "#f4f5f8", "page": "#ffffff"},
    "dark": {"ink": "#f0f0f0", "input": "#a9b1ba", "sheet": "#20252e", "page": "#14181e"},
}
MATHS = "'STIX Two Text',Cambria,Georgia,'DejaVu Serif',serif"
WORDS = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"

STROKE, PATH_STROKE = 2.5, 4.5  # wires; the path of a state
DASH_SCALE = 1.5  # the palette's dashes are for thinner lines
LETTER, SUBSCRIPT, WORD = 38, 27, 27
CORNER, OPERATOR, JOINT = 14, 21, 6
UNIT_WIDTH, UNIT_HEIGHT = 88, 48
BRIDGE = 16  # the radius with which a wire passes over another


class Letter(NamedTuple):
    """A quantity as it is written: its key in the palette, the letter, the subscript.

    function: what stands before it, closing: what stands after it.
    """

    key: str
    letter: str
    subscript: str = "t"
    function: str = ""
    closing: str = ""


def read_palette() -> dict[str, dict[str, str]]:
    """Return the palette and the neutral colours: for every key light, dark and dash."""
    palette = json.loads(PALETTE.read_text(encoding="utf-8"))
    for key, light in NEUTRALS["light"].items():
        palette[key] = {"light": light, "dark": NEUTRALS["dark"][key], "dash": ""}
    return palette


def colour(key: str) -> str:
    """Return a reference to the colour of a quantity, whichever the theme."""
    return f"var(--{key})"


def rounded(points: list[tuple[float, float]]) -> str:
    """Return path data for a polyline of horizontal and vertical pieces with rounded corners."""
    data = f"M{points[0][0]:g} {points[0][1]:g}"
    for (x0, y0), (x1, y1), (x2, y2) in zip(points, points[1:], points[2:], strict=False):
        into, out = (
            (x1 + CORNER * sign(x - x1), y1 + CORNER * sign(y - y1))
            for x, y in ((x0, y0), (x2, y2))
        )
        data += f"L{into[0]:g} {into[1]:g}Q{x1:g} {y1:g} {out[0]:g} {out[1]:g}"
    return data + f"L{points[-1][0]:g} {points[-1][1]:g}"


def sign(number: float) -> int:
    """Return -1, 0 or 1."""
    return (number > 0) - (number < 0)


class Drawing:
    """Collects the elements of one picture: its file's name, what it shows in brief and in full."""

    def __init__(self, name: str, width: int, height: int, title: str, description: str) -> None:
        self.palette = read_palette()
        self.name, self.width, self.height = name, width, height
        self.title, self.description = title, description
        self.elements: list[str] = []
        self.add(f'<rect width="{width}" height="{height}" rx="22" fill="{colour("page")}"/>')

    def sheet(self, left: float, top: float, right: float, bottom: float) -> None:
        """Draw what lies behind a cell."""
        self.add(
            f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" rx="22"'
            f' fill="{colour("sheet")}"/>'
        )

    def stack(self, x: float, y: float, *keys: str) -> None:
        """Draw two columns stacked into one, around the point where their wire leaves."""
        for key, top in zip(keys, (y - 26, y + 2), strict=True):
            place = f'x="{x - 11:g}" y="{top:g}" width="22" height="24"'
            self.add(f'<rect {place} rx="3" fill="{colour(key)}"/>')

    def bridge(self, key: str, x: float, y: float) -> None:
        """Draw the half circle with which a vertical wire passes over a horizontal one."""
        self.path(
            f"M{x:g} {y + BRIDGE:g}a{BRIDGE} {BRIDGE} 0 0 1 0 {-2 * BRIDGE}", key, dashed=False
        )

    def add(self, element: str) -> None:
        """Append one element."""
        self.elements.append(element)

    def path(self, data: str, key: str, *, width: float = STROKE, dashed: bool = True) -> None:
        """Draw a line in the colour, and with the dashes, of the quantity that it carries."""
        lengths = self.palette[key]["dash"].split() if dashed else []
        dash = " ".join(f"{DASH_SCALE * float(length):g}" for length in lengths)
        pattern = f' stroke-dasharray="{dash}"' if dash else ""
        self.add(
            f'<path d="{data}" fill="none" stroke="{colour(key)}" stroke-width="{width}"{pattern}/>'
        )

    def wire(self, key: str, *points: tuple[float, float], width: float = STROKE) -> None:
        """Draw a wire that ends in an arrowhead at its last point."""
        (x0, y0), (x, y) = points[-2:]
        dx, dy = sign(x - x0), sign(y - y0)
        length, half = (16, 7.5) if width == STROKE else (19, 9.5)
        back = (x - length * dx, y - length * dy)
        self.path(rounded([*points[:-1], back]), key, width=width)
        left, right = (
            f"{back[0] + side * half * dy:g} {back[1] + side * half * dx:g}" for side in (1, -1)
        )
        self.add(f'<path d="M{x:g} {y:g}L{left}L{right}Z" fill="{colour(key)}"/>')

    def joint(self, key: str, x: float, y: float) -> None:
        """Mark where a wire splits."""
        self.add(f'<circle cx="{x}" cy="{y}" r="{JOINT}" fill="{colour(key)}"/>')

    def unit(
        self,
        key: str,
        x: float,
        y: float,
        name: str,
        function: str,
        width: float = UNIT_WIDTH,
        height: float = UNIT_HEIGHT,
    ) -> None:
        """Draw a unit: a box with its function, its name above."""
        self.add(
            f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width}"'
            f' height="{height}" rx="10" fill="{colour("page")}" stroke="{colour(key)}"'
            f' stroke-width="{STROKE}"/>'
        )
        self.add(
            f'<text x="{x}" y="{y + 10}" font-size="31" fill="{colour(key)}">{function}</text>'
        )
        if name:
            self.word(x, y - height / 2 - 9, name, key)

    def operator(self, symbol: str, x: float, y: float) -> None:
        """Draw ⊙ or + as a node."""
        self.add(
            f'<circle cx="{x}" cy="{y}" r="{OPERATOR}" fill="{colour("page")}"'
            f' stroke="{colour("ink")}" stroke-width="{STROKE}"/>'
        )
        if symbol == "+":
            self.path(f"M{x - 11} {y}h22M{x} {y - 11}v22", "ink", width=3)
        else:
            self.add(f'<circle cx="{x}" cy="{y}" r="5" fill="{colour("ink")}"/>')

    def word(self, x: float, y: float, word: str, key: str, anchor: str = "middle") -> None:
        """Write a word on the baseline y."""
        anchored = f' text-anchor="{anchor}"' if anchor != "middle" else ""
        self.add(
            f'<text x="{x:g}" y="{y:g}" font-family="{WORDS}" font-size="{WORD}"'
            f' fill="{colour(key)}"{anchored}>{word}</text>'
        )

    def letter(self, x: float, y: float, what: Letter, anchor: str = "middle") -> None:
        """Write a quantity with its subscript on the baseline y."""
        anchored = f' text-anchor="{anchor}"' if anchor != "middle" else ""
        before = f'<tspan font-style="normal" font-size="32">{what.function} </tspan>'
        after = f'<tspan dy="-9" font-style="normal" font-size="32">{what.closing}</tspan>'
        self.add(
            f'<text x="{x:g}" y="{y:g}" font-size="{LETTER}"'
            f' font-style="italic" fill="{colour(what.key)}"{anchored}>'
            f"{before if what.function else ''}{what.letter}"
            f'<tspan dx="2" dy="9" font-size="{SUBSCRIPT}">{what.subscript}</tspan>'
            f"{after if what.closing else ''}</text>"
        )

    def product(self, x: float, y: float, left: Letter, right: Letter) -> None:
        """Write left ⊙ right, with the sign at x: drawn, since not every font has it."""
        self.letter(x - 21, y, left, "end")
        self.add(
            f'<circle cx="{x}" cy="{y - 9}" r="10" fill="none" stroke="{colour("ink")}"'
            ' stroke-width="2"/>'
        )
        self.add(f'<circle cx="{x}" cy="{y - 9}" r="2.6" fill="{colour("ink")}"/>')
        self.letter(x + 21, y, right, "start")

    def svg(self) -> str:
        """Return the file's text."""
        light, dark = (
            "".join(f"--{key}:{entry[theme]};" for key, entry in self.palette.items())
            for theme in ("light", "dark")
        )
        name = self.name
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}"'
                f' width="{self.width}" height="{self.height}" role="img"'
                f' aria-labelledby="{name}-title {name}-desc"'
                f' font-family="{MATHS}" text-anchor="middle">',
                f'<title id="{name}-title">{self.title}</title>',
                f'<desc id="{name}-desc">{self.description}</desc>',
                f"<style>svg{{{light}}}",
                f"@media (prefers-color-scheme:dark){{svg{{{dark}}}}}</style>",
                *self.elements,
                "</svg>\n",
            ]
        )
