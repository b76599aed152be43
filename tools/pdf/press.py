"""Printing: a document goes through Chromium until the page numbers in it are right."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pikepdf
from playwright.sync_api import Error, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
NEEDED = 131  # the first with page heads and page numbers in style sheets
FLAGS = ("--disable-gpu", "--disable-background-networking", "--disable-component-update")
FIT = Path(__file__).with_name("fit.js")
PASSES = 5
HOW = "on Debian `apt-get install chromium`, elsewhere `.venv/bin/playwright install chromium`"


def find_chromium(own: str) -> str:
    """Return the path of a Chromium: one that is installed, else Playwright's `own`."""
    for path in (*map(shutil.which, NAMES), own):
        if path and Path(path).exists():
            return path
    raise SystemExit(f"The book is printed by Chromium, and there is none: {HOW}.")


@contextmanager
def opened(document: Path) -> Iterator[Page]:
    """Open a document in Chromium as it is to be printed: light, its fonts loaded."""
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        # As root, which containers are, Chromium has no sandbox; the document is our own.
        flags = [*FLAGS, *(["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else [])]
        try:
            browser = playwright.chromium.launch(executable_path=path, args=flags)
        except Error as error:
            raise SystemExit(f"Chromium ({path}) does not start: {error}") from None
        if int(browser.version.split(".")[0]) < NEEDED:
            raise SystemExit(
                f"Chromium {NEEDED} or later is needed for page heads, and {path} is "
                f"{browser.version}: {HOW}."
            )
        page = browser.new_page(color_scheme="light")
        page.emulate_media(media="print", color_scheme="light")
        trouble: list[str] = []
        page.on("requestfailed", lambda request: trouble.append(request.url))
        page.goto(document.as_uri(), timeout=180_000)
        page.evaluate("document.fonts.ready.then(() => null)")
        if trouble:
            raise SystemExit(
                f"What the document needs is missing: {', '.join(sorted(set(trouble)))}"
            )
        yield page
        browser.close()


def fit(page: Page) -> list[str]:
    """Make what is too wide for the column wider or smaller; return what is still too wide."""
    return list(page.evaluate(f"({FIT.read_text(encoding='utf-8')})()"))


def printed(page: Page, target: Path) -> None:
    """Print the page into a file, tagged and with an outline."""
    session = page.context.new_cdp_session(page)
    answer = session.send(
        "Page.printToPDF",
        {
            "preferCSSPageSize": True,
            "printBackground": True,
            "generateTaggedPDF": True,
            "generateDocumentOutline": True,
            "transferMode": "ReturnAsStream",
        },
    )
    with target.open("wb") as file:
        while True:
            part = session.send("IO.read", {"handle": answer["stream"], "size": 1 << 22})
            data = part["data"]
            file.write(base64.b64decode(data) if part.get("base64Encoded") else data.encode())
            if part["eof"]:
                break
    session.send("IO.close", {"handle": answer["stream"]})
    session.detach()


def pages_of(file: Path) -> tuple[dict[str, int], int]:
    """Return the page of every named place in a printed file, and how many pages there are."""
    with pikepdf.open(file) as pdf:
        numbers = {page.objgen: k for k, page in enumerate(pdf.pages, start=1)}
        places = pdf.Root.get("/Dests", {})
        found = {
            str(name).removeprefix("/"): numbers[place[0].objgen] for name, place in places.items()
        }
        return found, len(pdf.pages)


def fill(page: Page, numbers: dict[str, int]) -> None:
    """Write page numbers to where they are asked for; before they are known, three digits."""
    page.evaluate(
        """numbers => {
          for (const place of document.querySelectorAll("[data-page-of]"))
            place.textContent = numbers[place.dataset.pageOf] ?? "000";
        }""",
        numbers,
    )


def press(document: Path, target: Path, say: Callable[[str], None]) -> None:
    """Print a document into `target`, again and again until its page numbers hold."""
    with opened(document) as page:
        fill(page, {})
        if wide := fit(page):
            raise SystemExit("Too wide for the page:\n" + "\n".join(wide))
        asked = set(
            page.evaluate(
                "[...document.querySelectorAll('[data-page-of]')].map(p => p.dataset.pageOf)"
            )
        )
        known: dict[str, int] = {}
        for k in range(1, PASSES + 1):
            printed(page, target)
            places, count = pages_of(target)
            if missing := sorted(asked - set(places)):
                raise SystemExit(f"These places are on no page: {', '.join(missing[:10])}")
            numbers = {name: places[name] for name in asked}
            say(f"pass {k}: {count} pages")
            if numbers == known:
                return
            known = numbers
            fill(page, known)
    raise SystemExit(f"The page numbers do not settle in {PASSES} passes.")
