"""Draw what others show of the book: the card beside a link to it, and its icons.

    python tools/draw_card.py

`book/_static/card.png` (1200 by 630), `favicon.ico` for old browsers and `apple-touch-icon.png`, by
Chromium, from the book's own fonts, colours and pictures.
"""

import io
import json
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from unrolled.explorables import LSTMGates

STATIC = Path(__file__).resolve().parents[1] / "book" / "_static"
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/google-chrome")

CARD = """<!doctype html><meta charset="utf-8"><style>
@font-face {{ font-family: S; font-weight: 400 700;
  src: url({static}/fonts/unrolled-serif.woff2) }}
* {{ margin: 0 }}
body {{ width: 1200px; height: 630px; overflow: hidden; background: #fff; color: #21242b }}
div {{ position: absolute; left: 64px; top: 72px; width: 420px }}
svg.mark {{ width: 174px; height: 60px; color: #1c5a92 }}
h1 {{ margin: 34px 0 18px; font: 600 76px/1 S; letter-spacing: -0.02em }}
p {{ font: 33px/1.35 S; color: #3f444e }}
img {{ position: absolute; left: 520px; top: 44px; width: 640px }}
hr {{ position: absolute; left: 0; bottom: 0; width: 100%; height: 14px; border: 0;
  background: #1c5a92 }}
</style>
<div>{mark}<h1>Unrolled</h1><p>An interactive textbook on recurrent networks.<br><br>
Drag a gate, and watch the memory and the gradient follow.</p></div>
<img src="{picture}"><hr>"""

ICON = """<!doctype html><style>* {{ margin: 0 }} body {{ background: {paper} }}
img {{ display: block; width: {inner}px; margin: {margin}px }}</style>
<img src="{static}/favicon.svg">"""


def card(page: Page) -> None:
    """Draw the card: in few colours, so that it is small."""
    shown = LSTMGates(preset="leak")
    rows = [0.98 if t < 9 else 0.62 if t < 15 else 0.96 for t in range(24)]
    shown.forget = rows
    picture = STATIC / "card-picture.svg"
    picture.write_text(shown.picture()[0], encoding="utf-8")
    mark = (STATIC / "logo.svg").read_text(encoding="utf-8").replace("<svg", '<svg class="mark"', 1)
    page.set_viewport_size({"width": 1200, "height": 630})
    show(page, CARD.format(static=STATIC.as_uri(), mark=mark, picture=picture.as_uri()))
    drawn = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    drawn.quantize(96, dither=Image.Dither.NONE).save(STATIC / "card.png", optimize=True)
    picture.unlink()


def icon(page: Page, size: int, paper: str, margin: int) -> Image.Image:
    """Draw the icon at a size, on paper or on nothing."""
    page.set_viewport_size({"width": size, "height": size})
    inner = size - 2 * margin
    show(page, ICON.format(static=STATIC.as_uri(), paper=paper, inner=inner, margin=margin))
    return Image.open(io.BytesIO(page.screenshot(omit_background=paper == "transparent")))


def show(page: Page, text: str) -> None:
    """Open a page from the folder of the book's own files."""
    file = STATIC / "card.html"
    file.write_text(text, encoding="utf-8")
    page.goto(file.as_uri())
    page.evaluate("document.fonts.ready")
    file.unlink()


def main() -> None:
    """Draw all."""
    chromium = next((path for path in CHROMIUM if Path(path).exists()), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(color_scheme="light")
        card(page)
        icon(page, 180, "#ffffff", 18).convert("RGB").save(
            STATIC / "apple-touch-icon.png", optimize=True
        )
        small, large = (icon(page, size, "transparent", 0) for size in (16, 32))
        large.save(STATIC / "favicon.ico", sizes=[(16, 16), (32, 32)], append_images=[small])
        browser.close()
    sizes = {path.name: path.stat().st_size for path in STATIC.glob("*.[pi][nc][go]")}
    print(json.dumps(sizes))


if __name__ == "__main__":
    main()
