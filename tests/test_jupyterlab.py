"""Explorables in JupyterLab, in Chromium: in sync with Python both ways; still without a kernel."""

import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest
from explorable_pages import frame
from lab import SLOW, lab, run
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import Browser, Locator, Page, expect

from unrolled.explorables import LSTMGates

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("jupyterlab")]

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}

TWO_WAYS = [
    "from unrolled.explorables import LSTMGates\nw = LSTMGates()\nw",
    "print('read back', w.forget[3], w.trace['gradient'][0], w.preset, len(w.forget))",
    "w.preset = 'overwrite'\nw.candidate[12] = -0.35",
    "w.challenge = True\nw.score()",
]
CHAPTER = Path(__file__).parents[1] / "book" / "gates" / "lstm.ipynb"
AFTER_THE_CHAPTER = ["print('read back', w.forget[3])", "w.forget[3] = 0.25"]
OWN_UPDATE = [
    "import math\n"
    "from unrolled.explorables import LSTMGates\n"
    "def mine(f, i, c_tilde, o, c_prev):\n"
    "    if f < 0.1:\n"
    "        raise ValueError('f is too small for me')\n"
    "    c = math.tanh(f * c_prev + i * c_tilde)\n"
    "    return c, o * c\n"
    "w = LSTMGates(update=mine)\n"
    "w",
    "print('mine', w.trace['c'][4], w.trace['gradient'][0])",
]


def write(path: Path, sources: list[str]) -> None:
    cells = [new_code_cell(source) for source in sources]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), path)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("lab")
    write(root / "two-ways.ipynb", TWO_WAYS)
    write(root / "own-update.ipynb", OWN_UPDATE)
    # What a stored notebook holds: no widget, no signature, and here no kernel either.
    html = {"text/plain": "LSTMGates(T=24, preset='overwrite')"}
    html["text/html"] = LSTMGates("overwrite").to_html()
    cell = new_code_cell("w", execution_count=1, outputs=[new_output("display_data", data=html)])
    nbformat.write(new_notebook(cells=[cell]), root / "stored.ipynb")
    chapter = nbformat.read(CHAPTER, as_version=4)
    chapter.cells += [new_code_cell(source) for source in AFTER_THE_CHAPTER]
    nbformat.write(chapter, root / "chapter.ipynb")
    with lab(sys.executable, root) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1400, "height": 1300})
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    yield page
    page.context.close()
    assert trouble == []


def open_notebook(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/lab/tree/{name}?reset")  # without the tabs of the test before
    # What is run before the kernel is there would be lost.
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=SLOW)


def paint(page: Page, cell: Locator, step: int, share: float) -> None:
    """Drag over one bar of the forget gate, `share` of its height from below."""
    bar = cell.locator(f"[role=slider][data-row=forget][data-step='{step}']")
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    assert box is not None
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + box["height"] * 0.1)
    page.mouse.down()
    page.mouse.move(x, box["y"] + box["height"] * (1 - share))
    page.mouse.up()
    frame(page)


def value(cell: Locator, row: str, step: int) -> Locator:
    return cell.locator(f"[role=slider][data-row={row}][data-step='{step}']")


def test_traits_go_both_ways(page: Page, address: str) -> None:
    open_notebook(page, address, "two-ways.ipynb")
    cell = run(page, 0)
    expect(value(cell, "forget", 4)).to_have_attribute("aria-valuenow", "1", timeout=SLOW)

    paint(page, cell, 4, 0.5)
    painted = value(cell, "forget", 4).get_attribute("aria-valuenow")
    assert painted is not None
    assert 0.4 < float(painted) < 0.6
    output = run(page, 1).locator(".jp-OutputArea-output")
    expect(output).to_have_text(f"read back {painted} {painted} None 24")

    run(page, 2)
    expect(value(cell, "forget", 13)).to_have_attribute("aria-valuenow", "0")
    expect(value(cell, "forget", 4)).to_have_attribute("aria-valuenow", "1")
    expect(value(cell, "candidate", 13)).to_have_attribute("aria-valuenow", "-0.35")
    expect(cell.locator(".u-says")).to_contain_text("The forget gate is 0 at step 13")
    value(cell, "candidate", 13).hover()
    number = cell.locator("[data-q=c]").first
    expect(number).to_have_text("−0.35")
    assert float(number.get_attribute("data-value") or "nan") == pytest.approx(-0.35, rel=1e-9)

    solved = run(page, 3).locator(".jp-OutputArea-output")
    expect(solved).to_contain_text("Score(score=")
    expect(cell.locator(".u-challenge")).to_be_visible()
    expect(value(cell, "candidate", 1)).to_have_attribute("aria-valuenow", "1")

    # The theme is JupyterLab's.
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    expect(cell.locator(".unrolled")).to_have_css("background-color", "rgb(20, 24, 30)")


def test_own_python_drives_the_picture(page: Page, address: str) -> None:
    open_notebook(page, address, "own-update.ipynb")
    cell = run(page, 0)
    bar = value(cell, "forget", 4)
    expect(bar).to_have_attribute("aria-valuenow", "1", timeout=SLOW)

    def numbers(step: int) -> tuple[float, float]:
        value(cell, "forget", step).hover()
        expect(cell.locator(".u-step")).to_have_text(f"step {step}")
        return tuple(  # type: ignore[return-value]
            float(cell.locator(f"[data-q={key}]").first.get_attribute("data-value") or "nan")
            for key in ("c", "gradient")
        )

    before = numbers(5)
    paint(page, cell, 4, 0.5)
    gate = float(bar.get_attribute("aria-valuenow") or "nan")

    c, slope = 0.0, []
    for t in range(1, 25):
        f, i = (gate if t == 4 else 1.0), float(t == 1)
        c = np.tanh(f * c + 0.9 * i)
        slope.append(f * (1 - c**2))
        if t == 5:
            expected = c
    value(cell, "forget", 5).hover()
    drawn = cell.locator("[data-q=c]").first
    expect(drawn).to_have_text(f"{expected:.2f}")
    after = numbers(5)
    assert after[0] != before[0]
    assert after[0] == pytest.approx(expected, rel=1e-9)
    assert after[1] == pytest.approx(np.prod(slope[5:]), rel=1e-7)
    printed = run(page, 1).locator(".jp-OutputArea-output")
    expect(printed).to_contain_text(f"mine {after[0]!r}")

    # What the reader's function raises is shown, and goes away with its cause.
    alarm = cell.get_by_role("alert")
    expect(alarm).to_be_hidden()
    paint(page, cell, 4, 0.0)
    expect(alarm).to_contain_text("ValueError: f is too small for me")
    expect(alarm).to_contain_text("mine")
    paint(page, cell, 4, 0.5)
    expect(alarm).to_be_hidden()


def test_without_a_kernel_the_static_picture_shows(page: Page, address: str) -> None:
    page.goto(f"{address}/lab/tree/stored.ipynb?reset")
    page.locator(".jp-Dialog").get_by_role("button", name="No Kernel").click(timeout=SLOW)
    image = page.get_by_role("img", name=LSTMGates("overwrite").picture()[1])
    expect(image).to_be_visible(timeout=SLOW)
    loaded = image.evaluate("i => [i.complete, i.naturalWidth, i.getBoundingClientRect().width]")
    assert loaded[0] is True
    assert loaded[1] == 720
    assert loaded[2] > 500


def test_the_chapter_runs_and_its_picture_goes_both_ways(page: Page, address: str) -> None:
    """All of the LSTM chapter, then its `w`, the picture that the reader's own update drives."""
    open_notebook(page, address, "chapter.ipynb")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    number = cells.count() - 1
    prompt = cells.nth(number).locator(".jp-InputPrompt")
    expect(prompt).to_have_text(f"[{number + 1}]:", timeout=4 * SLOW)
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0

    cell = cells.filter(has_text="update=coupled").first
    cell.scroll_into_view_if_needed()
    expect(value(cell, "forget", 4)).to_have_attribute("aria-valuenow", "0.25", timeout=SLOW)
    paint(page, cell, 4, 0.6)
    painted = value(cell, "forget", 4).get_attribute("aria-valuenow")
    assert painted is not None
    assert 0.5 < float(painted) < 0.7
    expect(run(page, number - 1).locator(".jp-OutputArea-output")).to_have_text(
        f"read back {painted}"
    )
    run(page, number)
    expect(value(cell, "forget", 4)).to_have_attribute("aria-valuenow", "0.25")
