"""Pages that hold explorables, without a kernel and opened from a folder."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

from unrolled import explorables
from unrolled.explorables.explorable import STATIC

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


def frame(page: Page) -> None:
    """Let what is pending be drawn."""
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")


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
    """The handles as the page has them."""
    state: dict[str, Any] = page.evaluate(
        "([names, k]) => { const model = document.querySelectorAll('[data-explorable]')[k].explorable;"
        " return Object.fromEntries(names.map(n => [n, model.get(n)])) }",
        [list(names), host],
    )
    return state
