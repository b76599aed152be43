"""How soon a drag is seen: every explorable beside the least that a page can do and the usual way.

    python tools/bench_explorables.py [--drags 300] [--usual 30] [kind ...]

Chromium, its CPU slowed four times. A drag is one move of a pointer that is held and, as a hand's,
does not rest: moves come about as often as frames. The time runs from the event's own time stamp to
the end of the frame in which it is painted (a message posted from an animation callback arrives
after style, layout and paint). The floor is the same on a page where a drag moves one rectangle,
measured before and after each explorable. The usual way is ``ipywidgets.interactive_output`` with a
matplotlib redraw of the same picture, in a local kernel, shown in JupyterLab: there the time runs
until the new picture is painted.

Bars: median at most 1.4 and 98th percentile at most 2 times the floor's; the usual way at least 10
times as long. Exits with 1 if one is missed.
"""

import argparse
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from conftest import CHROMIUM_FLAGS, find_chromium  # noqa: E402
from explorable_pages import TARGETS, html_page  # noqa: E402
from lab import lab  # noqa: E402

from unrolled import explorables  # noqa: E402

SLOWED = 4

FLOOR = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Floor</title>
<body style="margin:0">
<svg id="target" width="880" height="700"><rect width="40" height="40" fill="teal"/></svg>
<script>
const svg = document.getElementById('target'), rect = svg.firstChild;
let frame = 0, x = 0, y = 0;
svg.addEventListener('pointermove', (event) => {
  if (!event.buttons) return;
  x = event.clientX; y = event.clientY;
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    rect.setAttribute('x', x);
    rect.setAttribute('y', y);
  });
});
</script>"""

PROBE = """() => {
  window.times = [];
  let waiting = [];
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    const now = performance.now();
    for (const start of waiting) times.push(now - start);
    waiting = [];
  };
  addEventListener('pointermove', (event) => {
    if (!event.buttons) return;
    waiting.push(event.timeStamp);
    if (waiting.length === 1) requestAnimationFrame(() => channel.port2.postMessage(0));
  }, { capture: true, passive: true });
}"""

# The picture that the kernel sends replaces the one before: its paint ends the time of a move.
USUAL_PROBE = """() => {
  window.times = [];
  let start = null;
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    if (start !== null) times.push(performance.now() - start);
    start = null;
  };
  addEventListener('pointermove', (event) => {
    if (event.buttons && start === null) start = event.timeStamp;
  }, { capture: true, passive: true });
  new MutationObserver((records) => {
    const added = records.flatMap((record) => [...record.addedNodes]);
    const image = added.map((node) => node.querySelector?.('img')).find(Boolean);
    if (!image || start === null) return;
    const painted = () => requestAnimationFrame(() => channel.port2.postMessage(0));
    image.decode().catch(() => 0).then(painted);
  }).observe(document.querySelector('.jp-Notebook'), { childList: true, subtree: true });
}"""


def percentile(times: list[float], share: float) -> float:
    """Return the value below which that share of the times lies."""
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def drag(page: Page, selector: str, drags: int, rng: np.random.Generator) -> list[float]:
    """Hold the pointer on the element and move it about inside; return the times in ms."""
    target = page.locator(selector).first
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    assert box is not None
    page.evaluate(PROBE)
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for k in range(drags + 10):
        across, along = 0.5 + 0.45 * math.sin(k / 7), 0.5 + 0.4 * math.cos(k / 5)
        page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * along)
        time.sleep(0.004 + 0.008 * rng.random())  # a hand does not rest between frames
    page.mouse.up()
    page.wait_for_timeout(300)
    times: list[float] = page.evaluate("times")
    page.close()
    return times[10:]


def target_of(page: Page, kind: str) -> str:
    """Return the selector of what is dragged."""
    choices = [TARGETS.get(kind), "[data-bench]", ".u-columns", "input[type=range]"]
    return next(choice for choice in choices if choice and page.locator(choice).count())


def measure(
    browser: Browser, folder: Path, kind: str, drags: int
) -> tuple[list[float], list[float]]:
    """Return the times of the floor and of the explorable."""
    rng = np.random.default_rng(0)

    def opened(name: str, text: str) -> Page:
        file = folder / f"{name}.html"
        file.write_text(text, encoding="utf-8")
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(file.as_uri())
        page.wait_for_timeout(500)
        return page

    def floor() -> list[float]:
        return drag(opened("floor", FLOOR), "#target", drags // 2, rng)

    before = floor()
    page = opened(kind, html_page(CLASSES[kind]().to_html()))
    ours = drag(page, target_of(page, kind), drags, rng)
    return before + floor(), ours


def usual(browser: Browser, address: str, kind: str, drags: int) -> list[float]:
    """Return the times of a matplotlib redraw in a kernel, in ms."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(f"{address}/lab/tree/{kind}.ipynb?reset")
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=60_000)
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+Enter")
    page.locator(".jp-OutputArea-output img").first.wait_for(timeout=60_000)
    page.wait_for_timeout(1000)
    handle = page.locator(".noUi-handle").first
    box, rail = handle.bounding_box(), page.locator(".noUi-target").first.bounding_box()
    assert box is not None
    assert rail is not None
    page.evaluate(USUAL_PROBE)
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    for k in range(drags):
        page.mouse.move(rail["x"] + rail["width"] * (0.5 + 0.4 * math.sin(k + 1)), y)
        page.wait_for_function("n => times.length > n", arg=k, timeout=20_000)
    page.mouse.up()
    times: list[float] = page.evaluate("times")
    page.close()
    return times


CLASSES: dict[str, Any] = {
    one.kind: one
    for name in explorables.__all__
    if (one := getattr(explorables, name)) is not explorables.Explorable
}

# The same pictures by matplotlib: `draw(v)` redraws when a slider moves to v.
SETUP = """
import ipywidgets, matplotlib.pyplot as plt, numpy as np
from unrolled.explorables import *
def bars(ax, values): ax.bar(range(1, len(values) + 1), values)
"""
USUAL = {
    "error-wall": """
from unrolled.explorables.error_wall import *
w = ErrorWall()
W, B = np.meshgrid(np.linspace(*RANGES["w"], 90), np.linspace(*RANGES["b"], 60))
Z = loss(W, B)
def draw(v):
    w.b = v
    figure, axes = plt.subplots(3, figsize=(8.8, 7.7), height_ratios=(4, 1, 1))
    axes[0].contourf(W, B, Z, 12); axes[0].plot(w.path["w"], w.path["b"], "o-")
    axes[0].set(xlim=RANGES["w"], ylim=RANGES["b"])
    axes[1].semilogy(w.path["loss"]); axes[2].semilogy(w.path["norm"])
    plt.show()
low, high = w.b - 0.2, w.b + 0.2
""",
    "gradient-highway": """
w = GradientHighway()
def draw(v):
    w.forget_bias = v
    figure, axes = plt.subplots(2, figsize=(8.8, 6), height_ratios=(3, 1))
    for name, norms in w.log10_norms.items(): axes[0].plot(norms, label=name)
    axes[0].legend()
    plt.show()
low, high = -2.0, 4.0
""",
    "gru-blend": """
w = GRUBlend()
def draw(v):
    w.update_gate = [v] * w.T
    figure, axes = plt.subplots(6, figsize=(8.8, 8.5))
    for ax, row in zip(axes, (w.update_gate, w.reset_gate, w.inputs)): bars(ax, row)
    for name in ("before", "after"): axes[3].plot(w.trace[name]["h"], "o-")
    axes[4].bar(range(w.T), [v] * w.T); axes[4].bar(range(w.T), [1 - v] * w.T, bottom=v)
    axes[5].plot(w.trace["before"]["h_tilde"], "o-")
    plt.show()
low, high = 0.05, 0.95
""",
    "jacobian-flow": """
w = JacobianFlow()
turns = np.linspace(0, 2 * np.pi, 100)
circle = np.array([np.cos(turns), np.sin(turns)])
def draw(v):
    w.w_12 = v
    A, power = np.array(w.W_h), np.eye(2)
    figure, axes = plt.subplots(2, 2, figsize=(8.8, 7.7))
    norms = []
    for k in range(w.steps):
        power = A @ power
        norms.append(np.linalg.norm(power, 2))
        axes[0, 0].plot(*(power @ circle), lw=0.5)
    axes[0, 1].semilogy(norms)
    axes[1, 0].quiver([0, 0], [0, 0], A[0], A[1], angles="xy", scale_units="xy", scale=1)
    eigenvalues = np.linalg.eigvals(A)
    axes[1, 1].plot(eigenvalues.real, eigenvalues.imag, "x"); axes[1, 1].plot(*circle)
    plt.show()
low, high = -1.5, 1.5
""",
    "lstm-by-hand": """
from unrolled.cells import lstm
w = LSTMByHand()
def draw(v):
    w.x = v
    one = np.ones((4, 1, 1))
    p, s = lstm.Params(one, one, one), lstm.State(np.full((1, 1), 0.1), np.full((1, 1), 0.2))
    s, cache = lstm.step(p, s, np.full((1, 1), v))
    numbers = [cache.f, cache.i, cache.c_tilde, cache.o, s.c, s.h]
    figure, ax = plt.subplots(figsize=(8.8, 6))
    ax.barh("f i c~ o c h".split(), [n.item() for n in numbers])
    for k, n in enumerate(numbers): ax.text(0.01, k, f"{n.item():.7f}")
    plt.show()
low, high = -1.0, 1.0
""",
    "lstm-gates": """
w = LSTMGates()
def draw(v):
    w.forget = [v] * w.T
    figure, axes = plt.subplots(6, figsize=(8.8, 7.7))
    for ax, row in zip(axes, (w.forget, w.input, w.candidate, w.output)): bars(ax, row)
    axes[4].plot(w.trace["c"], "o-"); axes[4].plot(w.trace["h"], "o--")
    axes[5].semilogy(w.trace["gradient"], "o-")
    plt.show()
low, high = 0.1, 1.0
""",
    "training-replay": """
w = TrainingReplay()
run = w.runs[w.cell]
def draw(v):
    w.frame = int(v)
    figure, axes = plt.subplots(6, figsize=(8.8, 8.5))
    for key, ax in zip(("f", "i", "o", "c", "h"), axes): ax.imshow(w.moment[key], aspect="auto")
    axes[5].plot(w.moment["gradient_h"])
    plt.show()
low, high = 0, w.F - 1
""",
    "unrolled-rnn": """
w = UnrolledRNN()
grid = np.linspace(-1, 1, 200)
def draw(v):
    w.w_h = v
    figure, axes = plt.subplots(4, figsize=(8.8, 8))
    bars(axes[0], w.inputs); axes[1].plot(w.trace["h"], "o-"); bars(axes[2], w.trace["share"])
    axes[3].plot(grid, np.tanh(w.w_h * grid + w.b)); axes[3].plot(grid, grid)
    plt.show()
low, high = -2.0, 2.0
""",
}


def notebook(kind: str) -> Any:
    """Return the notebook of the usual way."""
    source = (
        SETUP
        + USUAL[kind]
        + (
            "slider = ipywidgets.FloatSlider((low + high) / 2, min=low, max=high, step=0.001)\n"
            "display(slider, ipywidgets.interactive_output(draw, {'v': slider}))"
        )
    )
    return new_notebook(
        cells=[new_code_cell(source)],
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
        },
    )


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", nargs="*", help=f"of {', '.join(CLASSES)}; all, if none is named")
    parser.add_argument("--drags", type=int, default=300)
    parser.add_argument(
        "--usual", type=int, default=30, help="drags of the usual way; 0 leaves it out"
    )
    options = parser.parse_args()
    kinds = options.kind or list(CLASSES)
    if unknown := [kind for kind in kinds if kind not in CLASSES]:
        parser.error(f"no explorable {unknown[0]}: expected {', '.join(CLASSES)}")
    missed = []
    print(f"ms from input to paint, CPU slowed {SLOWED} times: median and 98th percentile")
    print(f"{'explorable':18}{'floor':>14}{'ours':>14}{'ratio':>12}{'usual way':>12}{'/ ours':>8}")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
        for kind in kinds:
            nbformat.write(notebook(kind), folder / f"{kind}.ipynb")
        with lab(sys.executable, folder) as address:
            for kind in kinds:
                floor, ours = measure(browser, folder, kind, options.drags)
                pairs = [(statistics.median(t), percentile(t, 0.98)) for t in (floor, ours)]
                (f50, f98), (o50, o98) = pairs
                line = f"{kind:18}{f50:7.1f}{f98:7.1f}{o50:7.1f}{o98:7.1f}"
                line += f"{o50 / f50:6.2f}{o98 / f98:6.2f}"
                good = o50 <= 1.4 * f50 and o98 <= 2 * f98
                if options.usual:
                    slow = statistics.median(usual(browser, address, kind, options.usual))
                    line += f"{slow:12.0f}{slow / o50:8.1f}"
                    good = good and slow >= 10 * o50
                print(line + ("" if good else "  missed"), flush=True)
                missed += [] if good else [kind]
        browser.close()
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
