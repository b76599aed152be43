"""Every explorable in JupyterLab and in Notebook 7, in Chromium: in sync with Python both ways."""

import json
import re
import sys
from collections.abc import Iterator

import nbformat
import pytest
from explorable_pages import ALL, box_of, frame
from lab import SLOW, lab, run
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, Locator, Page, expect

from unrolled.explorables import Explorable

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.xdist_group("explorables_notebook"),
]

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
FRONTENDS = {"JupyterLab": "lab/tree", "Notebook 7": "notebooks"}

# After the picture: what the reader has set, as JSON; then a preset, or the state at the beginning, from Python.
PICTURES = [
    cell
    for one in ALL
    for cell in (
        f"from unrolled.explorables import {one.__name__}\nw = {one.__name__}()\nbegun = w.state()\nw",
        "import json\nprint('read', json.dumps(w.state()))",
        "w.set_state({k: v for k, v in begun.items() if k in w.handles})",
    )
]
# As any other ipywidget: in boxes, linked in the browser and in Python, observed.
COMPOSED = [
    "import ipywidgets as W\n"
    "from traitlets import dlink\n"
    "from unrolled.explorables import LSTMGates, UnrolledRNN\n"
    "w = UnrolledRNN()\n"
    "slider = W.FloatSlider(value=w.w_h, min=-3, max=3, step=0.01)\n"
    "W.jslink((slider, 'value'), (w, 'w_h'))\n"
    "seen = []\n"
    "w.observe(lambda change: seen.append(change.new), 'w_h')\n"
    "W.VBox([slider, W.HBox([w])])",
    "print('seen', seen[-1], slider.value)",
    "gates = LSTMGates()\n"
    "level = W.FloatSlider(value=1, min=0, max=1, step=0.01, description='all f')\n"
    "dlink((level, 'value'), (gates, 'forget'), lambda v: [v] * gates.T)\n"
    "W.VBox([level, gates])",
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("notebooks")
    for name, sources in {"pictures": PICTURES, "composed": COMPOSED}.items():
        cells = [new_code_cell(source) for source in sources]
        notebook = new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
        nbformat.write(notebook, root / f"{name}.ipynb")
    with lab(sys.executable, root) as running:
        yield running


def open_notebook(browser: Browser, address: str, frontend: str, name: str) -> Page:
    page = browser.new_page(viewport={"width": 1400, "height": 1300})
    page.goto(f"{address}/{FRONTENDS[frontend]}/{name}.ipynb?reset")
    # What is run before the kernel is there would be lost.
    if frontend == "JupyterLab":
        expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=SLOW)
    else:
        page.locator("[data-status=idle]").first.wait_for(state="attached", timeout=SLOW)
    return page


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_every_explorable_goes_both_ways(browser: Browser, address: str, frontend: str) -> None:
    page = open_notebook(browser, address, frontend, "pictures")
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    for k, one in enumerate(ALL):
        goes_both_ways(page, one, 3 * k)
    page.context.close()
    assert trouble == []


def goes_both_ways(page: Page, one: type[Explorable], number: int) -> None:
    cell = run(page, number)
    control = cell.locator(
        ".unrolled :is([role=slider]:not([aria-disabled]), input[type=range]:enabled,"
        " [role=spinbutton]:enabled)"
    ).first
    control.wait_for(timeout=SLOW)

    def value() -> str:
        return str(control.evaluate("e => e.getAttribute('aria-valuenow') ?? e.value"))

    before = value()
    for key in ("PageUp", "PageDown"):
        control.focus()
        page.keyboard.press(key)
        frame(page)
        if value() != before:
            break
    moved = value()
    assert moved != before, one.kind
    printed = run(page, number + 1).locator(".jp-OutputArea-output").last
    expect(printed).to_contain_text("read {")
    state = json.loads((printed.text_content() or "").split("read ", 1)[1])
    flat = json.dumps([state[name] for name in one.handles])
    assert float(moved) in [float(v) for v in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", flat)], one.kind
    run(page, number + 2)
    control.scroll_into_view_if_needed()
    page.wait_for_function(  # it follows Python
        "([e, v]) => Number(e.getAttribute('aria-valuenow') ?? e.value) === v",
        arg=[control.element_handle(), float(before)],
    )
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_they_compose_with_ipywidgets(browser: Browser, address: str, frontend: str) -> None:
    page = open_notebook(browser, address, frontend, "composed")
    cell = run(page, 0)
    ours = cell.locator(".unrolled input[data-key=w_h]")
    ours.wait_for(timeout=SLOW)
    handle = cell.locator(".noUi-handle")
    rail = box_of(cell.locator(".noUi-target"))
    page.mouse.move(*middle(handle))
    page.mouse.down()
    page.mouse.move(rail["x"] + rail["width"] * 0.75, rail["y"] + 2, steps=4)
    page.mouse.up()
    expect(ours).not_to_have_value("0")
    frame(page)
    linked = float(ours.input_value())
    assert linked == pytest.approx(1.5, abs=0.1)
    ours.focus()
    page.keyboard.press("ArrowRight")
    readout = cell.locator(".widget-readout")
    expect(readout).to_have_text(f"{float(ours.input_value()):.2f}")
    shown = run(page, 1).locator(".jp-OutputArea-output").last
    last, linked_value = map(float, (shown.text_content() or "").split()[1:])
    assert [last, linked_value] == pytest.approx([float(ours.input_value())] * 2, abs=1e-9)

    cell = run(page, 2)
    bar = cell.get_by_role("slider", name="forget gate f, step 5 of 24", exact=True)
    bar.wait_for(timeout=SLOW)
    rail = box_of(cell.locator(".noUi-target"))
    page.mouse.move(*middle(cell.locator(".noUi-handle")))
    page.mouse.down()
    page.mouse.move(rail["x"] + rail["width"] * 0.25, rail["y"] + 2, steps=4)
    page.mouse.up()
    expect(bar).to_have_attribute("aria-valuetext", re.compile(r"0\.2\d"))
    page.context.close()


def middle(locator: Locator) -> tuple[float, float]:
    box = box_of(locator)
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
