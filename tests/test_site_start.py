"""What a page leaves for later, so that it is there at once, and that nothing is missed by it."""

import base64
import json
import re
from io import BytesIO

import pytest
from explorable_pages import alive, settle, violations
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = pytest.mark.browser

GALLERY = "book/explorables.html"
CHAPTER = "book/gates/gru.html"


def scripts(page: Page) -> set[str]:
    """The kinds of explorables whose scripts the page has asked for."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('head > script[src*=\"_static/\"]:not([defer])')]"
        ".map((script) => script.src.replace(/^.*_static\\/([a-z-]+)\\.js.*$/, '$1'))"
    )
    return set(found)


def at(page: Page, place: str) -> float:
    """How far below the top of the window a place is."""
    return float(
        page.evaluate("id => document.getElementById(id).getBoundingClientRect().top", place)
    )


@pytest.mark.parametrize("way", ["served", "folder"])
def test_explorables_start_when_they_are_near(
    browser: Browser, addresses: dict[str, str], way: str
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 850})
    page.goto(addresses[way] + GALLERY)
    settle(page)
    far = page.locator("[data-explorable=error-wall]")
    assert far.evaluate("host => host.explorable === undefined")
    assert "error-wall" not in scripts(page)
    # Meanwhile it is a picture, of which the reader sees the size at least.
    still = far.locator("img.unrolled-picture")
    assert still.get_attribute("alt")
    far.scroll_into_view_if_needed()
    expect(far.locator("svg, canvas").first).to_be_visible()
    assert far.evaluate("host => host.explorable !== undefined")
    page.close()


def test_the_keyboard_finds_all_of_them(browser: Browser, served: str) -> None:
    page = browser.new_page()
    page.goto(served + GALLERY)
    page.keyboard.press("Tab")
    expect(page.locator("[data-script]:not(:has(.u-live))")).to_have_count(0)
    kinds = page.evaluate(
        "[...document.querySelectorAll('[data-explorable]')].map(h => h.dataset.explorable)"
    )
    assert scripts(page) == set(kinds)
    page.close()


def test_a_link_to_a_state_is_followed_once(browser: Browser, served: str) -> None:
    """What comes alive later does not undo what the reader has done since."""
    changes = base64.urlsafe_b64encode(json.dumps({"w_h": -1.5}).encode()).decode().rstrip("=")
    page = browser.new_page()
    page.goto(f"{served}{GALLERY}#unrolled=unrolled-rnn.1.{changes}")
    host = page.locator("[data-explorable=unrolled-rnn]")
    host.locator(".u-live").wait_for()
    assert host.evaluate("host => host.explorable.get('w_h')") == -1.5
    host.evaluate("host => { host.explorable.set('w_h', 0.5); host.explorable.save_changes() }")
    alive(page)
    assert host.evaluate("host => host.explorable.get('w_h')") == 0.5
    page.close()


def test_a_script_that_did_not_come_is_asked_for_again(browser: Browser, served: str) -> None:
    """A train leaves the tunnel: the picture comes alive without a new visit."""
    page = browser.new_page()
    tunnel: list[Route] = []

    def block(route: Route) -> None:
        tunnel.append(route)
        route.abort()

    page.route("**/lstm-gates.js*", block)
    page.goto(served + "book/intro.html")
    host = page.locator("[data-explorable=lstm-gates]")
    host.scroll_into_view_if_needed()
    expect(host.locator("img")).to_be_visible()
    page.wait_for_load_state("load")
    assert tunnel
    page.unroute("**/lstm-gates.js*")
    page.evaluate("dispatchEvent(new Event('online'))")
    host.locator("[role=slider]").first.wait_for()
    page.close()


@pytest.mark.parametrize("system", ["light", "dark"])
def test_a_still_picture_has_the_colours_of_the_page(
    browser: Browser, served: str, system: str
) -> None:
    page = browser.new_page(color_scheme=system)
    page.goto(served + "book/practice/training.html")
    settle(page)
    host = page.locator("[data-explorable=training-replay]")
    host.scroll_into_view_if_needed()
    found = {}
    for _ in range(2):
        theme = page.locator("html").get_attribute("data-theme")
        settle(page)
        shot = Image.open(BytesIO(host.locator("img").screenshot())).convert("L")
        found[theme] = shot.getpixel((2, shot.height - 2))
        page.locator("button.theme").click()
    assert found["light"] > 240
    assert found["dark"] < 40
    page.close()


@pytest.mark.parametrize("way", ["served", "folder"])
def test_a_recorded_run_comes_when_it_is_asked_for(
    browser: Browser, addresses: dict[str, str], way: str
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(addresses[way] + "book/practice/training.html")
    settle(page)
    host = page.locator("[data-explorable=training-replay]")
    host.scroll_into_view_if_needed()
    expect(host.locator("img.unrolled-picture")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert not [
        address for address in asked if "_states/" in address or "training-replay" in address
    ]
    load = host.get_by_role("button")
    expect(load).to_have_text(re.compile(r"^Load the recorded run \(\d\d KiB\)$"))
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert violations(page, colours=True) == []
    height = host.evaluate("host => host.getBoundingClientRect().height")
    load.press("Enter")
    host.locator(".u-live").wait_for()
    expect(page.get_by_text("Load the recorded run")).to_have_count(0)
    assert host.evaluate("host => host.contains(document.activeElement)"), (
        "the keyboard goes on there"
    )
    assert abs(host.evaluate("host => host.getBoundingClientRect().height") - height) < 2
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("place", ["who-means-what", "history", "exercises"])
def test_a_link_leads_to_its_place(browser: Browser, served: str, place: str, width: int) -> None:
    """Sections that were not laid out yet must not move what a reader came for."""
    page = browser.new_page(viewport={"width": width, "height": 850})
    page.goto(f"{served}{CHAPTER}#{place}")
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready.then(() => {})")
    expected = page.evaluate(
        "parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop)"
    )
    page.wait_for_timeout(300)
    assert abs(at(page, place) - expected) < 100
    page.goto(served + CHAPTER)
    page.locator(f"a[href='#{place}']").first.evaluate("link => link.click()")
    page.wait_for_timeout(300)
    assert abs(at(page, place) - expected) < 100
    page.close()
