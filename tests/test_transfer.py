"""What a reader's line has to carry: a first visit to a chapter, and the next one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from test_site import PAGES

CHAPTERS = [name for name in PAGES if Path(name).parent.name in ("recurrence", "gates", "practice")]
# KiB, compressed, read to the end: fonts, figures and explorables included.
FIRST, SECOND = 350, 120

pytestmark = pytest.mark.browser


class Meter:
    """Counts what comes over the line to a page, as the browser's own network log says it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.came: dict[str, float] = {}
        self.addresses: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self.asked)
        session.on("Network.loadingFinished", self.finished)

    def asked(self, event: dict[str, Any]) -> None:
        self.addresses[event["requestId"]] = event["request"]["url"]

    def finished(self, event: dict[str, Any]) -> None:
        if not self.addresses.get(event["requestId"], "data:").startswith("data:"):
            self.came[event["requestId"]] = event["encodedDataLength"]

    def read(self, address: str) -> float:
        """Open a page and read it to its end; returns what came, in KiB."""
        self.came.clear()
        self.page.goto(address)
        self.page.wait_for_load_state("networkidle")
        for _ in range(200):  # screens
            self.page.mouse.wheel(0, 700)
            self.page.wait_for_timeout(30)
            if self.page.evaluate(
                "scrollY + innerHeight >= document.documentElement.scrollHeight - 2"
            ):
                break
        self.page.wait_for_load_state("networkidle")
        assert self.page.locator("[data-explorable] svg, [data-explorable] .sc-live").count() > 0
        return sum(self.came.values()) / 1024


@pytest.fixture
def meter(browser: Browser) -> Iterator[Meter]:
    context = browser.new_context(viewport={"width": 412, "height": 823})
    yield Meter(context.new_page())
    context.close()


def test_a_first_chapter_and_a_second_one_are_light(meter: Meter, served: str) -> None:
    first = meter.read(f"{served}book/gates/gru.html")
    assert 50 < first <= FIRST, "what is not counted would be light as well"
    second = meter.read(f"{served}book/gates/lstm.html")
    assert 20 < second <= SECOND


@pytest.mark.slow
@pytest.mark.parametrize("name", CHAPTERS)
def test_every_chapter_is_light(meter: Meter, served: str, name: str) -> None:
    assert meter.read(served + name) <= FIRST


@pytest.mark.slow
@pytest.mark.parametrize("name", CHAPTERS)
def test_every_chapter_is_lighter_after_another(meter: Meter, served: str, name: str) -> None:
    meter.read(served + CHAPTERS[name == CHAPTERS[0]])
    assert meter.read(served + name) <= SECOND
