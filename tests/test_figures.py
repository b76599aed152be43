"""The drawn figures: reproducible, legible, in the book's colours."""

import importlib.util
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
STATIC = ROOT / "book" / "_static"
SVG = "{http://www.w3.org/2000/svg}"
PALETTE = json.loads((ROOT / "lib" / "unrolled" / "palette.json").read_text(encoding="utf-8"))
PAGES = {"light": ["#ffffff"], "dark": ["#121212", "#14181e"]}
LETTERS = {"f": "f", "i": "i", "o": "o", "c\u0303": "c_tilde", "c": "c", "h": "h"}
UNITS = {"forget": "f", "input": "i", "output": "o", "candidate": "c_tilde"}

themes = pytest.mark.parametrize("theme", PAGES)


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw", ROOT / "tools" / "draw_lstm_cell.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def picture() -> ET.Element:
    return ET.parse(STATIC / "lstm-cell.svg").getroot()


def colours(theme: str) -> dict[str, str]:
    """What the picture's style sheet says in a theme: `var(--key)` to #rrggbb."""
    light, dark = picture().findtext(f"{SVG}style").split("@media (prefers-color-scheme:dark)")
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


def test_generator_reproduces_the_committed_file(generator, tmp_path):
    generator.main(tmp_path / "cell.svg")
    assert (tmp_path / "cell.svg").read_bytes() == (STATIC / "lstm-cell.svg").read_bytes()


@themes
def test_text_has_contrast_on_the_page_and_in_the_picture(theme):
    root, value = picture(), colours(theme)
    surfaces = {rect.get("fill") for rect in root.iter(f"{SVG}rect") if rect.get("rx") != "3"}
    assert surfaces == {"var(--page)", "var(--sheet)"}
    for text in root.iter(f"{SVG}text"):
        for background in [*PAGES[theme], *(value[surface] for surface in surfaces)]:
            assert contrast(value[text.get("fill")], background) >= 4.5, (text.text, background)


@themes
def test_letters_and_units_have_the_colours_of_the_palette(theme):
    seen, value = set(), colours(theme)
    for text in picture().iter(f"{SVG}text"):
        key = LETTERS.get(letter(text)) or UNITS.get(text.text)
        if key:
            seen.add(key)
            assert value[text.get("fill")] == PALETTE[key][theme], key
    assert seen == set(LETTERS.values())


def test_wires_have_the_dashes_of_the_palette(generator):
    drawn = {
        (path.get("stroke"), path.get("stroke-dasharray", ""))
        for path in picture().iter(f"{SVG}path")
        if path.get("stroke")
    }
    for key in LETTERS.values():
        lengths = (generator.DASH_SCALE * float(length) for length in PALETTE[key]["dash"].split())
        assert (f"var(--{key})", " ".join(f"{length:g}" for length in lengths)) in drawn, key


def test_picture_says_what_it_shows_and_is_small():
    root = picture()
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title")
    assert root.findtext(f"{SVG}desc")
    assert (STATIC / "lstm-cell.svg").stat().st_size < 12_000


@pytest.mark.browser
def test_picture_follows_the_color_scheme_of_its_page(browser):
    page = browser.new_page()
    for theme, sheet in (("light", "#f4f5f8"), ("dark", "#20252e")):
        page.goto((STATIC / "lstm-cell.svg").as_uri())
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(
            "() => getComputedStyle(document.documentElement).getPropertyValue('--sheet')"
            f" === '{sheet}'"
        )
    page.close()
