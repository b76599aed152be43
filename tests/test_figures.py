"""The drawn figures: reproducible, legible, in the book's colours."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STATIC = ROOT / "book" / "_static"
DASH_SCALE = 1.5  # the palette's dashes are for thinner lines
SVG = "{http://www.w3.org/2000/svg}"
PALETTE = json.loads((ROOT / "lib" / "unrolled" / "palette.json").read_text(encoding="utf-8"))
PAGES = {"light": ["#ffffff"], "dark": ["#121212", "#14181e"]}
LETTERS = {
    "f": "f", "i": "i", "o": "o", "c\u0303": "c_tilde", "c": "c", "h": "h",
    "z": "z", "r": "r", "h\u0303": "c_tilde",
}  # fmt: skip
UNITS = {
    "forget": "f", "input": "i", "output": "o", "candidate": "c_tilde", "update": "z", "reset": "r",
}  # fmt: skip
# The quantities of each picture.
FIGURES = {
    "lstm-cell": {"f", "i", "o", "c_tilde", "c", "h"},
    "gru-cell": {"z", "r", "c_tilde", "h"},
    "rnn-cell": {"h"},
    "rnn-unrolled": {"h"},
}

themes = pytest.mark.parametrize("theme", PAGES)
figures = pytest.mark.parametrize("name", FIGURES)


def picture(name: str) -> ET.Element:
    return ET.parse(STATIC / f"{name}.svg").getroot()


def colours(name: str, theme: str) -> dict[str, str]:
    """What the picture's style sheet says in a theme: `var(--key)` to #rrggbb."""
    light, dark = picture(name).findtext(f"{SVG}style").split("@media (prefers-color-scheme:dark)")
    pairs = re.findall(r"--(\w+):(#[0-9a-f]{6})", {"light": light, "dark": dark}[theme])
    return {f"var(--{key})": value for key, value in pairs}


def letter(text: ET.Element) -> str:
    """The quantity that a text names, without its subscript and without a function before it."""
    function = text.find(f"{SVG}tspan[@font-style='normal']")
    return (text.text or "") if function is None else (function.tail or "")


def luminance(colour: str) -> float:
    """The relative luminance of #rrggbb, as WCAG 2 defines it."""
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def test_generator_reproduces_the_committed_files(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import draw_cells, pathlib, sys; draw_cells.main(pathlib.Path(sys.argv[1]))",
            tmp_path,
        ],
        cwd=ROOT / "tools",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in tmp_path.iterdir()} == set(FIGURES)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (STATIC / path.name).read_bytes(), path.name


@themes
@figures
def test_text_has_contrast_on_the_page_and_in_the_picture(name, theme):
    root, value = picture(name), colours(name, theme)
    surfaces = {rect.get("fill") for rect in root.iter(f"{SVG}rect") if rect.get("rx") != "3"}
    assert surfaces == {"var(--page)", "var(--sheet)"}
    for text in root.iter(f"{SVG}text"):
        for background in [*PAGES[theme], *(value[surface] for surface in surfaces)]:
            assert contrast(value[text.get("fill")], background) >= 4.5, (text.text, background)


@themes
@figures
def test_letters_and_units_have_the_colours_of_the_palette(name, theme):
    seen, value = set(), colours(name, theme)
    for text in picture(name).iter(f"{SVG}text"):
        key = LETTERS.get(letter(text)) or UNITS.get(text.text)
        if key:
            seen.add(key)
            assert value[text.get("fill")] == PALETTE[key][theme], key
    assert seen == FIGURES[name]


@figures
def test_wires_have_the_dashes_of_the_palette(name):
    drawn = {
        (path.get("stroke"), path.get("stroke-dasharray", ""))
        for path in picture(name).iter(f"{SVG}path")
        if path.get("stroke")
    }
    for key in FIGURES[name]:
        lengths = (DASH_SCALE * float(length) for length in PALETTE[key]["dash"].split())
        assert (f"var(--{key})", " ".join(f"{length:g}" for length in lengths)) in drawn, key


@figures
def test_nothing_is_drawn_outside(name):
    root = picture(name)
    width, height = (float(size) for size in root.get("viewBox").split()[2:])
    for element in root.iter():
        for key, most in (("x", width), ("cx", width), ("y", height), ("cy", height)):
            assert 0 <= float(element.get(key, 0)) <= most


@figures
def test_picture_says_what_it_shows_and_is_small(name):
    root = picture(name)
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title")
    assert root.findtext(f"{SVG}desc")
    assert (STATIC / f"{name}.svg").stat().st_size < 12_000


@pytest.mark.browser
@figures
def test_picture_follows_the_color_scheme_of_its_page(browser, name):
    page = browser.new_page()
    for theme, sheet in (("light", "#f4f5f8"), ("dark", "#20252e")):
        page.goto((STATIC / f"{name}.svg").as_uri())
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(
            "() => getComputedStyle(document.documentElement).getPropertyValue('--sheet')"
            f" === '{sheet}'"
        )
    page.close()
