"""Figures in the book's style, which follow the page's theme.

After ``figures.use_style()``, a notebook shows a figure as SVG whose colours are custom properties
with a second value for dark pages. An SVG in an ``<img>`` takes the ``color-scheme`` of the page
around it; its own background keeps it legible where that is not so. A quantity is drawn in its own
colour and dashes by ``axes.plot(t, c, **figures.look("c"))``.
"""

import io
import json
import re
from importlib.resources import files
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from IPython.core.getipython import get_ipython
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

PALETTE: dict[str, dict[str, str]] = json.loads(
    (files("unrolled") / "palette.json").read_text(encoding="utf-8")
)
INK, PAPER = ("#2b2b2b", "#f0f0f0"), ("#ffffff", "#14181e")  # light, dark
# For what has no letter: contrast of 4.5 at least in both themes, told apart without colour vision.
SERIES = (
    ("#0b62a8", "#6fb7ff"),
    ("#b04a00", "#ff9e5e"),
    ("#5c5c5c", "#b4b4b4"),
    ("#00735a", "#45cda3"),
)

STYLE: dict[str, Any] = {
    "axes.edgecolor": "#5c5c5c",
    "axes.labelcolor": INK[0],
    "axes.linewidth": 0.8,
    "axes.prop_cycle": mpl.cycler(color=[light for light, _ in SERIES]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.constrained_layout.use": True,
    "figure.facecolor": PAPER[0],
    "figure.figsize": (5.6, 3.2),
    "font.size": 10,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.scale_dashes": False,  # dashes are the palette's, in points
    "mathtext.fontset": "stix",
    "svg.fonttype": "path",
    "svg.hashsalt": "unrolled",  # the same picture is the same file
    "text.color": INK[0],
    "xtick.color": INK[0],
    "ytick.color": INK[0],
}


def look(letter: str, dash: float = 0.6) -> dict[str, Any]:
    """Return a quantity's colour and line style, for ``Axes.plot``.

    letter: its key in the palette: "f", "i", "o", "c_tilde", "c", "h", "z", "r" or "gradient".
    dash: points to a unit of the palette's dashes; 0 draws a solid line.
    Raises KeyError for another letter, and ValueError for a negative dash.
    """
    if letter not in PALETTE:
        raise KeyError(f"the palette has {', '.join(PALETTE)}; got {letter!r}")
    if dash < 0:
        raise ValueError(f"dash must not be negative, got {dash}")
    entry = PALETTE[letter]
    dashes = tuple(dash * float(length) for length in entry["dash"].split())
    return {"color": entry["light"], "linestyle": (0, dashes) if any(dashes) else "-"}


def shades(color: str) -> LinearSegmentedColormap:
    """Return a map from nothing to a colour, for ``pcolormesh``.

    Unlike a map from white, it suits both themes.
    color: a key of the palette, or a colour of Matplotlib.
    Raises ValueError for what is neither.
    """
    rgb = to_rgb(PALETTE[color]["light"] if color in PALETTE else color)
    return LinearSegmentedColormap.from_list(f"shades of {color}", [(*rgb, 0.0), (*rgb, 1.0)])


def on_dark(color: str) -> str | None:
    """Return the colour that a light figure's ``#rrggbb`` has on dark pages; None: it has none.

    Greys turn round between the ink and the paper of both themes.
    """
    pairs = {entry["light"]: entry["dark"] for entry in PALETTE.values()} | dict(SERIES)
    pairs |= {INK[0]: INK[1], PAPER[0]: PAPER[1]}
    if color in pairs:
        return pairs[color]
    red, green, blue = (int(color[k : k + 2], 16) for k in (1, 3, 5))
    if not red == green == blue:
        return None
    ends = [[int(end[k : k + 2], 16) for k in (1, 3, 5)] for end in (INK[1], PAPER[1])]
    mixed = (round(a + (b - a) * red / 255) for a, b in zip(*ends, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def themed_svg(figure: Figure) -> str:
    """Return a figure as SVG that follows the theme, 100 px to an inch."""
    text = io.StringIO()
    with mpl.rc_context({key: STYLE[key] for key in ("svg.fonttype", "svg.hashsalt")}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    picture = text.getvalue()
    picture = picture[picture.index("<svg") :]
    picture = re.sub(r"<metadata>.*?</metadata>\s*", "", picture, flags=re.DOTALL)
    width, height = (round(100 * side) for side in figure.get_size_inches())
    picture = re.sub(r'width="[\d.]+pt"', f'width="{width}"', picture, count=1)
    picture = re.sub(r'height="[\d.]+pt"', f'height="{height}"', picture, count=1)
    picture = re.sub(r"\s*\n\s*", "\n", picture)
    picture = re.sub(  # hundredths of a point are enough
        r' (?:d|x|y)="[^"]*"', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), picture
    )

    used = {found for found in re.findall(r": (#[0-9a-f]{6})\b", picture) if on_dark(found)}
    picture = re.sub(
        r": (#[0-9a-f]{6})\b",
        lambda found: f": var(--{found[1][1:]})" if found[1] in used else found[0],
        picture,
    )
    light = ";".join(f"--{color[1:]}:{color}" for color in sorted(used))
    dark = ";".join(f"--{color[1:]}:{on_dark(color)}" for color in sorted(used))
    style = f"<style>svg{{{light}}}@media (prefers-color-scheme:dark){{svg{{{dark}}}}}</style>\n"
    end = picture.index(">") + 2
    return picture[:end] + style + picture[end:]


def use_style() -> None:
    """Draw figures in the book's style from now on; notebooks show them by ``themed_svg``."""
    mpl.rcParams.update(STYLE)
    shell = get_ipython()
    if shell is None:
        return
    plt.switch_backend(mpl.get_backend())  # it sets formats of its own when it starts
    for kind, formatter in shell.display_formatter.formatters.items():
        if kind.startswith("image/") or kind == "application/pdf":
            formatter.pop(Figure, None)
    shell.display_formatter.formatters["image/svg+xml"].for_type(Figure, themed_svg)
