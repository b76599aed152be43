"""The fonts of the printed book: the site's own, one file a weight.

A variable font would be drawn into a PDF as Type 3, which viewers show without hinting and cannot
search well; so each weight that the style sheet asks for becomes a font of its own.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

WEIGHTS = {400: "Regular", 600: "SemiBold", 700: "Bold"}
# The family in the style sheet, its style, and its file in the site's _static/fonts.
SITE_FONTS = (
    ("Print Serif", "normal", "unrolled-serif.woff2"),
    ("Print Serif", "italic", "unrolled-serif-italic.woff2"),
    ("Print Sans", "normal", "unrolled-sans.woff2"),
)
# Matplotlib brings the monospaced one, so that the book is the same wherever it is printed.
MONO = {
    (400, "normal"): "DejaVuSansMono.ttf",
    (400, "italic"): "DejaVuSansMono-Oblique.ttf",
    (700, "normal"): "DejaVuSansMono-Bold.ttf",
    (700, "italic"): "DejaVuSansMono-BoldOblique.ttf",
}


def face(family: str, weight: int | str, style: str, file: Path) -> str:
    """Return a rule of a style sheet that names a font's file."""
    return (
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {style}; '
        f'src: url("{file.resolve().as_uri()}"); }}\n'
    )


def instance(variable: Path, weight: int, folder: Path) -> Path:
    """Write one weight of a variable font into `folder`, and return the file."""
    name = variable.stem.title().replace("-", "")
    target = folder / f"{name}-{WEIGHTS[weight]}.ttf"
    if target.exists() and target.stat().st_mtime > variable.stat().st_mtime:
        return target
    font = TTFont(variable, recalcTimestamp=False)
    if "fvar" in font:
        font = instantiateVariableFont(font, {"wght": weight})
    font.flavor = None
    for record in font["name"].names:
        if record.nameID in (4, 6):
            record.string = target.stem
    font.save(target)
    return target


def font_faces(static: Path, folder: Path) -> str:
    """Write the fonts into `folder`, and return the rules that name them."""
    folder.mkdir(parents=True, exist_ok=True)
    rules = ""
    for family, style, file in SITE_FONTS:
        for weight in WEIGHTS:
            rules += face(family, weight, style, instance(static / "fonts" / file, weight, folder))
    own = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for (weight, style), file in MONO.items():
        rules += face("Print Mono", weight, style, own / file)
    # Signs that those lack, at any weight: a weight that is made up would be Type 3 again.
    rules += face("Print Signs", "400 700", "normal", static / "fonts" / "stix-two-math.woff2")
    rules += face("Print Symbols", "400 700", "normal", own / "DejaVuSans.ttf")
    return rules
