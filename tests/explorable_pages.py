"""Pages that hold explorables, without a kernel and opened from a folder."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from unrolled import explorables
from unrolled.explorables.explorable import STATIC

Place = tuple[float, float]
# What the fixture `opened` gives: opens a page with the given hosts.
Open = Callable[..., Page]

# Widths of a window; all of them in the slow tests.
WIDTHS = [390, 1280, *(pytest.param(w, marks=pytest.mark.slow) for w in (320, 600, 700, 900))]

ALL = [
    one
    for name in explorables.__all__
    if (one := getattr(explorables, name)) is not explorables.Explorable
]


def html_page(*hosts: str, theme: str | None = None, script: bool = True) -> str:
    """Return a page with the given hosts and the scripts that they need."""
    kinds = sorted(set(re.findall(r'data-explorable="([a-z-]+)"', "".join(hosts))))
    files = [STATIC / f"{kind}.js" for kind in kinds]
    scripts = [f'<script defer src="{file.as_uri()}"></script>' for file in files if file.exists()]
    style = (STATIC / "unrolled-explorables.css").as_uri()
    return (
        f'<!doctype html><html lang="en"{f" data-theme={theme}" if theme else ""}><head>'
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>Host</title><link rel="stylesheet" href="{style}">'
        # The site has a style of its own for the dark theme.
        "<style>html[data-theme=dark] body { background: #14181e; color: #eee }</style>"
        + ("".join(scripts) if script else "")
        + "</head><body><main><h1>Host</h1><p>Before.</p>"
        + "".join(hosts)
        + "<p>After.</p></main></body></html>"
    )


# What is dragged of a kind.
TARGETS = {
    "error-wall": ".u-map",
    "gradient-highway": "input[data-key=forget_bias]",
    "gru-blend": "[data-row=update_gate][role=group]",
    "jacobian-flow": "[data-panel=columns]",
    "lstm-by-hand": "[data-wheel=w_fx]",
    "lstm-gates": "[data-row=forget][role=group]",
    "training-replay": "[data-panel=training]",
    "unrolled-rnn": "[data-row=inputs][role=group]",
}


def frame(page: Page) -> None:
    """Let what is pending be drawn."""
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")


def alive(page: Page) -> None:
    """Make all explorables of a page of the site alive, as the first Tab of a keyboard does."""
    page.evaluate("dispatchEvent(new KeyboardEvent('keydown', { key: 'Tab' }))")
    expect(page.locator("[data-script]:not(:has(.u-live))")).to_have_count(0)


def settle(page: Page) -> None:
    """Let all sections be laid out and fonts come that they need, and what is pending be drawn."""
    # The page's policy forbids Playwright's waiting for a function.
    whole = page.locator("html[data-whole], html:not(:has(script[src*='site.js']))")
    whole.wait_for(state="attached")
    frame(page)
    page.evaluate("() => document.fonts.ready.then(() => {})")
    frame(page)


def arrive(page: Page, address: str) -> None:
    """Open a page of the site: what it found is there, its explorables are alive, nothing moves."""
    page.goto(address)
    if "?q=" in address:
        page.locator("#search-results li").first.wait_for()
    alive(page)
    settle(page)


def resize(page: Page, width: int, height: int = 1000) -> None:
    """Give the window another size, and let what is drawn for it be drawn anew."""
    page.set_viewport_size({"width": width, "height": height})
    for _ in range(2):  # it is heard of with one frame, and drawn with the next
        frame(page)


def scrolled(page: Page, least: int) -> None:
    """Wait until the page has scrolled by a finger, and no longer moves."""
    page.wait_for_function(
        """least => {
          const same = window.lastY === scrollY;
          [window.lastY, window.stillFor] = [scrollY, same ? (window.stillFor ?? 0) + 1 : 0];
          return scrollY > least && window.stillFor > 10;
        }""",
        arg=least,
    )


def swipe(page: Page, start: Place, end: Place, rest: int = 0) -> None:
    """Move a finger over the page, after `rest` ms at its start.

    With times of its own: on a busy machine a finger would rest longer than it is told to.
    """
    session = page.context.new_cdp_session(page)
    began = time.time()

    def send(kind: str, after: int, *places: Place) -> None:
        touches = [{"x": x, "y": y} for x, y in places]
        message = {"type": kind, "touchPoints": touches, "timestamp": began + after / 1000}
        session.send("Input.dispatchTouchEvent", message)

    send("touchStart", 0, start)
    page.wait_for_timeout(rest)
    for k in range(1, 9):
        x, y = (a + (b - a) * k / 8 for a, b in zip(start, end, strict=True))
        send("touchMove", rest + 16 * k, (x, y))
    send("touchEnd", rest + 16 * 9)
    session.detach()
    frame(page)


def violations(
    page: Page, preload: bool = False, colours: bool | None = None
) -> list[tuple[str, list[tuple[str, str]]]]:
    """What axe finds wrong on the page as it is now: WCAG 2.2 AA and best practice.

    preload: whether axe may fetch the style sheets anew, which a page opened from a folder may not.
    colours: True for colours alone, where another theme was looked at in full; False for all but
    colours, which take two thirds of the time and do not depend on the width.
    """
    # Colours on their way from one to another are neither.
    page.evaluate("() => Promise.all(document.getAnimations().map(a => a.finished.catch(() => 0)))")
    options: dict[str, Any] = {
        "rules": {"target-size": {"enabled": True}},  # WCAG 2.2's own, left out unless asked for
        "resultTypes": ["violations"],  # a third of the time
        "preload": preload,
    }
    rules = ["color-contrast", "link-in-text-block"]
    if colours:
        options["runOnly"] = {"type": "rule", "values": rules}
        del options["rules"]
    elif colours is False:
        options["rules"] |= {rule: {"enabled": False} for rule in rules}
    return [
        (found["id"], [(node["html"][:160], node["failureSummary"]) for node in found["nodes"][:3]])
        for found in Axe().run(page, options=options).response["violations"]
    ]


def violations_at(page: Page, *widths: int) -> list[tuple[str, list[tuple[str, str]]]]:
    """What axe finds on a light page: in full, then at other widths, then its colours in the dark."""
    found = []
    for k, width in enumerate(widths):
        resize(page, width)
        found += violations(page, colours=False if k else None)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    frame(page)
    return found + violations(page, colours=True)


def box_of(locator: Locator) -> dict[str, float]:
    """Return x, y, width and height of an element, which must be there."""
    found = locator.bounding_box()
    assert found is not None
    return dict(found)


def write_page(path: Path, *hosts: str, theme: str | None = None, script: bool = True) -> str:
    """Write a page with the given hosts; return its address."""
    path.write_text(html_page(*hosts, theme=theme, script=script), encoding="utf-8")
    return path.as_uri()


def inked(page: Page, panel: str, x: float, y: float, quantity: str = "ink") -> bool:
    """Whether a quantity's colour is drawn within a pixel of a place: x on the page, y in the panel."""
    drawn = page.evaluate(
        """([name, x, y, quantity]) => {
          const canvas = document.querySelector(`[data-panel="${name}"] canvas`);
          const left = x - canvas.getBoundingClientRect().left;
          const k = canvas.width / canvas.offsetWidth;
          const copy = document.createElement('canvas');
          copy.width = copy.height = Math.round(3 * k);
          const ctx = copy.getContext('2d', { willReadFrequently: true });
          ctx.fillStyle = getComputedStyle(canvas.closest('.unrolled')).getPropertyValue(`--u-${quantity}`);
          ctx.fillRect(0, 0, 1, 1);
          const wanted = ctx.getImageData(0, 0, 1, 1).data;
          ctx.clearRect(0, 0, copy.width, copy.height);
          ctx.drawImage(canvas, -Math.round((left - 1) * k), -Math.round((y - 1) * k));
          const { data } = ctx.getImageData(0, 0, copy.width, copy.height);
          for (let i = 0; i < data.length; i += 4) {
            if (data[i + 3] > 128 && [0, 1, 2].every(c => Math.abs(data[i + c] - wanted[c]) < 40)) return true;
          }
          return false;
        }""",
        [panel, x, y, quantity],
    )
    return bool(drawn)


def state_of(page: Page, names: tuple[str, ...], host: int = 0) -> dict[str, Any]:
    """The handles as the page has them: the model hears of them once a frame."""
    frame(page)
    state: dict[str, Any] = page.evaluate(
        "([names, k]) => { const model = document.querySelectorAll('[data-explorable]')[k].explorable;"
        " return Object.fromEntries(names.map(n => [n, model.get(n)])) }",
        [list(names), host],
    )
    return state
