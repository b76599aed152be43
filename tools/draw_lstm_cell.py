"""Draw the LSTM cell: `book/_static/lstm-cell.svg`, which follows the theme of its page.

Colours and dash patterns are those of `lib/unrolled/palette.json`. The same palette always gives
the same bytes: change the drawing here and run `python tools/draw_lstm_cell.py`.

In an <img>, a picture's `prefers-color-scheme` is the `color-scheme` of the page around it, so one
file serves both themes. Where a browser does not do so, its own background keeps it legible.
"""

import json
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PALETTE = ROOT / "lib" / "unrolled" / "palette.json"
OUTPUT = ROOT / "book" / "_static" / "lstm-cell.svg"

# Ink: text and operators. Input: x and what x and h become when stacked. Sheet: behind the cell.
# Page: behind everything, and in the units.
NEUTRALS = {
    "light": {"ink": "#2b2b2b", "input": "#5a6169", "sheet": "#f4f5f8", "page": "#ffffff"},
    "dark": {"ink": "#f0f0f0", "input": "#a9b1ba", "sheet": "#20252e", "page": "#14181e"},
}
MATHS = "'STIX Two Text',Cambria,Georgia,'DejaVu Serif',serif"
WORDS = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"

WIDTH, HEIGHT = 864, 704
STROKE, PATH_STROKE = 2.5, 4.5  # wires; the path of the cell state
DASH_SCALE = 1.5  # the palette's dashes are for thinner lines
LETTER, SUBSCRIPT, WORD = 38, 27, 27
CORNER, OPERATOR, JOINT = 14, 21, 6

# The grid: the columns, and the rows from the cell state down to the output gate.
PORT_LEFT, STACK, BUS, UNIT, KEEP = 92, 148, 188, 260, 412
WRITE, SHOW, READ_OUT, PORT_RIGHT = 516, 664, 740, 796
CELL, FORGET, INPUT, CANDIDATE, OUT = 164, 254, 344, 434, 524
SHEET = (110, 54, 774, 640)  # left, top, right, bottom
UNIT_WIDTH, UNIT_HEIGHT = 88, 48

DESCRIPTION = """\
From left to right. The cell state runs straight across the top, from c with index t minus 1 to c \
with index t: it is first multiplied by the forget gate f (what is kept), then the input gate i \
times the candidate c tilde is added (what is written). Below it stand four units, from top to \
bottom forget (sigma), input (sigma), candidate (tanh) and output (sigma); each reads the input x \
with index t and the previous hidden state h with index t minus 1, stacked. The new cell state \
also goes down through tanh and is multiplied by the output gate o (what is shown). That is h with \
index t, which goes right, to the next step, and up, to the read-out."""


class Letter(NamedTuple):
    """A quantity as it is written: its key in the palette, the letter, the subscript."""

    key: str
    letter: str
    subscript: str = "t"
    function: str = ""


F, I, O = Letter("f", "f"), Letter("i", "i"), Letter("o", "o")
CANDIDATE_LETTER = Letter("c_tilde", "c\u0303")
C, H, X = Letter("c", "c"), Letter("h", "h"), Letter("input", "x")
C_PREV, H_PREV = (letter._replace(subscript="t\u22121") for letter in (C, H))
TANH_C = C._replace(function="tanh")


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
    """Collects the elements of one picture."""

    def __init__(self, palette: dict[str, dict[str, str]]):
        self.palette = palette
        self.elements: list[str] = []

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

    def box(self, key: str, x: float, y: float, name: str, function: str) -> None:
        """Draw a unit: a box with its function, its name above."""
        self.add(
            f'<rect x="{x - UNIT_WIDTH / 2:g}" y="{y - UNIT_HEIGHT / 2:g}" width="{UNIT_WIDTH}"'
            f' height="{UNIT_HEIGHT}" rx="10" fill="{colour("page")}" stroke="{colour(key)}"'
            f' stroke-width="{STROKE}"/>'
        )
        self.add(
            f'<text x="{x}" y="{y + 10}" font-size="31" fill="{colour(key)}">{function}</text>'
        )
        if name:
            self.word(x, y - UNIT_HEIGHT / 2 - 9, name, key)

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
        function = f'<tspan font-style="normal" font-size="32">{what.function} </tspan>'
        self.add(
            f'<text x="{x:g}" y="{y:g}" font-size="{LETTER}"'
            f' font-style="italic" fill="{colour(what.key)}"{anchored}>'
            f"{function if what.function else ''}{what.letter}"
            f'<tspan dx="2" dy="9" font-size="{SUBSCRIPT}">{what.subscript}</tspan></text>'
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
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
                f' width="{WIDTH}" height="{HEIGHT}" role="img"'
                ' aria-labelledby="lstm-cell-title lstm-cell-desc"'
                f' font-family="{MATHS}" text-anchor="middle">',
                '<title id="lstm-cell-title">One step of an LSTM cell</title>',
                f'<desc id="lstm-cell-desc">{DESCRIPTION}</desc>',
                f"<style>svg{{{light}}}",
                f"@media (prefers-color-scheme:dark){{svg{{{dark}}}}}</style>",
                *self.elements,
                "</svg>\n",
            ]
        )


def draw() -> str:
    """Return the picture as SVG."""
    d = Drawing(read_palette())
    left, top, right, bottom = SHEET
    d.add(f'<rect width="{WIDTH}" height="{HEIGHT}" rx="22" fill="{colour("page")}"/>')
    d.add(
        f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" rx="22"'
        f' fill="{colour("sheet")}"/>'
    )

    # The cell state, straight across; it passes under the read-out's bridge.
    d.wire("c", (PORT_LEFT, CELL), (KEEP - OPERATOR - 2, CELL), width=PATH_STROKE)
    d.wire("c", (KEEP + OPERATOR, CELL), (WRITE - OPERATOR - 2, CELL), width=PATH_STROKE)
    bridge, gap = 16, 5
    d.path(f"M{WRITE + OPERATOR} {CELL}H{READ_OUT - bridge - gap}", "c", width=PATH_STROKE)
    d.wire("c", (READ_OUT - bridge + gap, CELL), (PORT_RIGHT, CELL), width=PATH_STROKE)

    # x and the previous h, stacked, to the four units.
    cell_width, cell_height = 22, 26
    d.wire("h", (PORT_LEFT, OUT), (STACK - cell_width / 2 - 2, OUT))
    d.wire("input", (STACK, bottom + 14), (STACK, OUT + cell_height + 2))
    d.wire("input", (BUS, OUT), (BUS, FORGET), (UNIT - UNIT_WIDTH / 2 - 2, FORGET))
    for y in (INPUT, CANDIDATE):
        d.wire("input", (BUS, y), (UNIT - UNIT_WIDTH / 2 - 2, y))
        d.joint("input", BUS, y)
    d.wire("input", (STACK + cell_width / 2, OUT), (UNIT - UNIT_WIDTH / 2 - 2, OUT))
    d.joint("input", BUS, OUT)
    for key, y in (("h", OUT - cell_height), ("input", OUT + 2)):
        d.add(
            f'<rect x="{STACK - cell_width / 2:g}" y="{y}" width="{cell_width}"'
            f' height="{cell_height - 2}" rx="3" fill="{colour(key)}"/>'
        )

    # The gates' wires, and what they open.
    unit_right = UNIT + UNIT_WIDTH / 2
    d.wire("f", (unit_right, FORGET), (KEEP, FORGET), (KEEP, CELL + OPERATOR + 2))
    d.wire("i", (unit_right, INPUT), (WRITE - OPERATOR - 2, INPUT))
    d.wire("c_tilde", (unit_right, CANDIDATE), (WRITE, CANDIDATE), (WRITE, INPUT + OPERATOR + 2))
    d.wire("o", (unit_right, OUT), (SHOW - OPERATOR - 2, OUT))
    d.wire("c", (WRITE, INPUT - OPERATOR), (WRITE, CELL + OPERATOR + 2))

    # What is shown.
    d.wire("c", (SHOW, CELL), (SHOW, CANDIDATE - UNIT_HEIGHT / 2 - 2))
    d.wire("c", (SHOW, CANDIDATE + UNIT_HEIGHT / 2), (SHOW, OUT - OPERATOR - 2))
    d.joint("c", SHOW, CELL)
    d.wire("h", (SHOW + OPERATOR, OUT), (PORT_RIGHT, OUT))
    d.path(f"M{READ_OUT} {OUT}V{CELL + bridge}", "h")
    d.path(
        f"M{READ_OUT} {CELL + bridge}a{bridge} {bridge} 0 0 1 0 {-2 * bridge}", "h", dashed=False
    )
    d.wire("h", (READ_OUT, CELL - bridge), (READ_OUT, top - 10))
    d.joint("h", READ_OUT, OUT)

    for key, y, name, function in (
        ("f", FORGET, "forget", "σ"),
        ("i", INPUT, "input", "σ"),
        ("c_tilde", CANDIDATE, "candidate", "tanh"),
        ("o", OUT, "output", "σ"),
    ):
        d.box(key, UNIT, y, name, function)
    d.box("c", SHOW, CANDIDATE, "", "tanh")
    for symbol, x, y in (
        ("⊙", KEEP, CELL),
        ("+", WRITE, CELL),
        ("⊙", WRITE, INPUT),
        ("⊙", SHOW, OUT),
    ):
        d.operator(symbol, x, y)

    for y, what in ((FORGET, F), (INPUT, I), (CANDIDATE, CANDIDATE_LETTER), (OUT, O)):
        d.letter(362, y - 17, what)
    middle = (KEEP + WRITE) // 2
    d.word(middle, 87, "kept", "ink")
    d.product(middle - 14, 123, F, C_PREV)
    d.word(WRITE + 74, 229, "written", "ink")
    d.product(WRITE + 68, 269, I, CANDIDATE_LETTER)
    d.word(SHOW - 22, 583, "shown", "ink")
    d.product(SHOW - 70, 619, O, TANH_C)

    d.letter(46, CELL + 10, C_PREV)
    d.letter(46, OUT + 10, H_PREV)
    d.letter(828, CELL + 10, C)
    d.letter(828, OUT + 10, H)
    d.letter(STACK, bottom + 46, X)
    d.letter(READ_OUT, 34, H)
    d.word(READ_OUT - 26, 34, "read-out", "ink", "end")
    return d.svg()


def main(output: Path = OUTPUT) -> None:
    """Write the picture to a file."""
    output.write_text(draw(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
