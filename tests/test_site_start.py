"""What a page leaves for later, so that it is there at once, and that nothing is missed by it."""

import base64
import json

import pytest
from explorable_pages import alive, settle
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
    far = page.locator("[data-explorable=training-replay]")
    assert far.evaluate("host => host.explorable === undefined")
    assert "training-replay" not in scripts(page)
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
