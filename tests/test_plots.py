"""Figures in the book's style: colours of both themes, the same file each time, SVG in notebooks."""

import re
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from nbclient import NotebookClient

from unrolled import figures


@pytest.fixture(autouse=True)
def style():
    with plt.rc_context(figures.STYLE):
        yield
    plt.close("all")


def luminance(color):
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def picture():
    figure, axes = plt.subplots()
    for letter in figures.PALETTE:
        axes.plot([0, 1], [0, ord(letter[-1])], label=letter, **figures.look(letter))
    for _ in figures.SERIES:
        axes.plot([1, 0], [0, 50])
    axes.plot([0.5], [50], "o", color="0.35")
    axes.pcolormesh([[0.1, 0.9]], cmap=figures.shades("c"))
    axes.legend()
    return figures.themed_svg(figure)


@pytest.mark.parametrize("pair", [*figures.SERIES, figures.INK], ids=str)
def test_series_have_contrast_in_both_themes(pair):
    for color, paper in zip(pair, figures.PAPER, strict=True):
        assert contrast(color, paper) >= 4.5


def test_greys_keep_their_order_and_most_of_their_contrast():
    greys = [f"#{v:02x}{v:02x}{v:02x}" for v in range(0, 256, 5)]
    dark = [luminance(figures.on_dark(grey)) for grey in greys]
    assert dark == sorted(dark, reverse=True)
    for grey in greys:
        if contrast(grey, figures.PAPER[0]) >= 4.5:
            assert contrast(figures.on_dark(grey), figures.PAPER[1]) >= 4.5


def test_every_colour_has_a_second_value():
    svg = picture()
    style = re.search(
        r"<style>svg\{(.*?)\}@media \(prefers-color-scheme:dark\)\{svg\{(.*?)\}\}", svg
    )
    light, dark = (dict(re.findall(r"--(\w+):(#\w+)", part)) for part in style.groups())
    assert light.keys() == dark.keys() == set(re.findall(r"var\(--(\w+)\)", svg))
    assert all(f"#{name}" == value for name, value in light.items())
    for entry in figures.PALETTE.values():
        assert dark[entry["light"][1:]] == entry["dark"]
    for a, b in (*figures.SERIES, figures.INK, figures.PAPER):
        assert dark[a[1:]] == b
    assert not re.search(r"(fill|stroke): #", svg)


def test_a_colour_without_a_partner_stays_as_it_is():
    assert figures.on_dark("#ff8800") is None
    figure, axes = plt.subplots()
    axes.plot([0, 1], color="#ff8800")
    assert "stroke: #ff8800" in figures.themed_svg(figure)


def test_a_figure_is_the_same_file_each_time_and_sized_in_pixels():
    first, second = picture(), picture()
    assert first == second
    root = ET.fromstring(first)
    assert (root.get("width"), root.get("height")) == ("560", "320")
    assert "metadata" not in first
    assert not re.search(r' [dxy]="[^"]*\.\d{3}', first)


def test_look():
    assert figures.look("c") == {"color": figures.PALETTE["c"]["light"], "linestyle": "-"}
    assert figures.look("f")["linestyle"] == (0, (0.6 * 7, 0.6 * 3))
    assert figures.look("f", dash=0)["linestyle"] == "-"
    with pytest.raises(KeyError, match="got 'q'"):
        figures.look("q")
    with pytest.raises(ValueError, match="got -1"):
        figures.look("f", dash=-1)


def test_shades_go_from_nothing_to_the_colour():
    shades = figures.shades("z")
    assert shades(0.0)[3] == 0
    assert np.allclose(shades(1.0), (*to_rgb(figures.PALETTE["z"]["light"]), 1))
    assert np.allclose(shades(0.5)[:3], shades(1.0)[:3])
    with pytest.raises(ValueError, match="no colour"):
        figures.shades("no colour")


def test_a_notebook_shows_svg_alone(tmp_path):
    cells = [
        "import matplotlib.pyplot as plt\nfrom unrolled import figures\nfigures.use_style()",
        "fig, axes = plt.subplots()\naxes.plot([1, 2], **figures.look('h'))\nplt.show()",
        "plt.figure();",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, resources={"metadata": {"path": tmp_path}}).execute()
    assert notebook.cells[0].outputs == []
    for cell in notebook.cells[1:]:
        shown = [output.data for output in cell.outputs if "image/svg+xml" in output.data]
        assert len(shown) == 1
        assert set(shown[0]) == {"image/svg+xml", "text/plain"}
        assert "prefers-color-scheme" in shown[0]["image/svg+xml"]
