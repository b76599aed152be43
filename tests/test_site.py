"""The built site as a reader meets it: in Chromium, from a server and from a folder."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

import pytest
import yaml
from bs4 import BeautifulSoup, Tag
from explorable_pages import alive, arrive, frame, resize, settle, violations
from playwright.sync_api import Browser, Locator, Page, expect

from unrolled.explorables.lstm_gates import lstm_trace

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[1]
WIDTHS = (1280, 390)
THEMES = ("light", "dark")


def pages_of_the_contents() -> list[str]:
    """Every page that _toc.yml names, and the search page."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter for part in toc["parts"] for chapter in part["chapters"]]
    sections = [section for chapter in chapters for section in chapter.get("sections", [])]
    files = [toc["root"], *(entry["file"] for entry in chapters + sections)]
    return [f"{file}.html" for file in files] + ["search.html"]


PAGES = pages_of_the_contents()


def open_page(
    browser: Browser, address: str, width: int = 1280, theme: str = "light", **options: Any
) -> Page:
    """A page in a fresh profile; its context is closed with it."""
    viewport = {"width": width, "height": 900}
    page = browser.new_page(viewport=viewport, color_scheme=theme, **options)
    arrive(page, address)
    return page


def not_in_the_math_font(page: Page) -> set[str | None]:
    """The formulas with a symbol that is not in the subset of the math font."""
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    found = session.send("DOM.querySelectorAll", {"nodeId": root, "selector": "article math"})
    others = set()
    for index, node in enumerate(found["nodeIds"]):
        fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
        if any(font["familyName"] != "STIX Two Math" for font in fonts):
            formula = page.locator("article math").nth(index)
            others.add(formula.locator("annotation").text_content())
    return others


# Of each kind of page one; all of them are looked at in all ways by the slow test.
ON_A_PHONE = (
    "book/intro.html",
    "book/gates/lstm.html",
    "book/api/cells.html",
    "search.html?q=gate",
)

# On a phone wide equations and code scroll in their own box, which the keyboard reaches.
WIDE = """() => [...document.querySelectorAll('article .scrolls, article pre')]
  .map((box) => [box.scrollWidth > box.clientWidth + 1, box.tabIndex === 0])"""


@pytest.mark.parametrize("way", ["served", "folder"])
@pytest.mark.parametrize("name", PAGES)
def test_page_is_whole(browser: Browser, addresses: dict[str, str], name: str, way: str) -> None:
    """No error, no failed request, no other host; math is MathML, in its font; explorables are drawn."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    trouble: list[str] = []
    requests: list[str] = []
    page.on(
        "console",
        lambda message: (
            trouble.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("requestfailed", lambda request: trouble.append(f"failed: {request.url}"))
    page.on("request", lambda request: requests.append(request.url))
    page.on(
        "response",
        lambda answer: (
            trouble.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None
        ),
    )
    page.goto(addresses[way] + name)
    # Pictures load when they are near.
    page.evaluate("for (const image of document.images) image.loading = 'eager'")
    page.wait_for_load_state("networkidle")
    alive(page)
    for host in page.locator("[data-explorable]").all():
        drawn = "svg, canvas, .sc-live"
        host.locator(drawn).first.wait_for(state="attached")
    assert trouble == []
    home = addresses[way]
    assert [url for url in requests if not url.startswith((home, "data:", "blob:"))] == []
    assert page.locator("[class*=MathJax], .katex, mjx-container").count() == 0
    leftovers = page.evaluate(
        "[...document.querySelectorAll('article p, article li')]"
        ".filter(p => /\\\\[([]|\\$\\$/.test(p.textContent)).map(p => p.textContent)"
    )
    assert leftovers == [], "formulas that were not rendered"
    if way == "served":
        settle(page)
        assert not_in_the_math_font(page) == set()
    page.close()


@pytest.mark.parametrize("way", ["served", "folder"])
def test_a_drag_on_the_chapter_gives_the_librarys_numbers(
    browser: Browser, addresses: dict[str, str], way: str
) -> None:
    """Paint the forget gate from high to low; every c_t and gradient is the library's, to 1e-9."""
    page = open_page(browser, addresses[way] + "book/gates/lstm.html")
    host = page.locator("[data-explorable=lstm-gates]").first
    host.scroll_into_view_if_needed()

    def bar(step: int, row: str = "forget") -> Locator:
        return host.locator(f"[role=slider][data-row={row}][data-step='{step}']")

    def shown(step: int, quantity: str) -> float:
        bar(step).hover()
        frame(page)
        expect(host.locator(".u-step")).to_have_text(f"step {step}")
        return float(host.locator(f"[data-q={quantity}]").first.get_attribute("data-value") or "")

    before = shown(20, "c")
    start, end = bar(6).bounding_box(), bar(16).bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + 0.1 * start["height"])
    page.mouse.down()
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + 0.7 * end["height"], steps=5)
    page.mouse.up()
    frame(page)

    rows = {
        row: [float(bar(t, row).get_attribute("aria-valuenow") or "") for t in range(1, 25)]
        for row in ("forget", "input", "output", "candidate")
    }
    assert rows["forget"][5:16] == sorted(rows["forget"][5:16], reverse=True)
    assert rows["forget"][15] < 0.5 < rows["forget"][5]
    trace = lstm_trace(**rows)
    for step in (1, 5, 6, 10, 16, 20, 24):
        for quantity in ("c", "h", "gradient"):
            drawn = shown(step, quantity)
            assert abs(drawn - trace[quantity][step - 1]) <= 1e-9
    assert shown(20, "c") != before
    page.close()


@pytest.mark.parametrize("name", [*PAGES, "search.html?q=gate"])
def test_page_is_accessible(browser: Browser, served: str, name: str) -> None:
    """Axe finds nothing, nothing scrolls sideways but what the keyboard reaches.

    A theme is colours, a width is all but colours.
    """
    page = open_page(browser, served + name)
    assert violations(page, preload=True) == []
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    frame(page)
    assert violations(page, colours=True) == []
    resize(page, 390)
    if name in ON_A_PHONE:
        assert violations(page, colours=False) == []
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    for narrow in (390, 320):
        resize(page, narrow)
        assert page.evaluate("document.documentElement.scrollWidth") <= narrow
        boxes = page.evaluate(WIDE)
        assert all(scrolls == reached for scrolls, reached in boxes)
        assert name != "book/gates/lstm.html" or [True, True] in boxes, "nothing was tested"
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", [*PAGES, "search.html?q=gate"])
def test_page_is_accessible_in_full(
    browser: Browser, served: str, name: str, width: int, theme: str
) -> None:
    """Axe finds nothing by any rule, each width and theme opened afresh."""
    page = open_page(browser, served + name, width, theme)
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    assert violations(page, preload=True) == []
    page.close()


def markup(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser")


@pytest.mark.parametrize("name", PAGES)
def test_markup(site: Path, name: str) -> None:
    """One h1, levels in order, a title, alternatives to pictures, nothing from afar."""
    soup = markup(site, name)
    levels = [int(heading.name[1]) for heading in soup.find_all(re.compile("^h[1-6]$"))]
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels)), levels
    assert soup.title is not None
    assert "Unrolled" in soup.title.text
    assert soup.html is not None
    assert soup.html["lang"] == "en"
    assert [str(image) for image in soup.select("img") if not image.get("alt")] == []
    afar = soup.select('[src*="//"], link[href*="//"]:not([rel=canonical])')
    assert [str(element) for element in afar] == []


def test_the_tests_of_equations_are_listed_by_chapters(site: Path) -> None:
    """With a heading each, in the contents as well, so that they are laid out one by one."""
    listed = BeautifulSoup((site / "book/checks.html").read_text(encoding="utf-8"), "html.parser")
    sections = listed.select("article > div > section")
    assert len(sections) > 5
    links = listed.select(".contents nav a")
    for section, link in zip(sections, links, strict=True):
        assert link["href"] == f"#{section['id']}"
        title = section.select_one("h2")
        assert title is not None
        assert title.get_text() == f"{link.get_text()}#"
        first = section.select_one("p.check")
        assert first is not None
        number, _, chapter = link.get_text().partition(". ")
        assert re.match(rf"\({number}\.\d+\) in {re.escape(chapter)}\b", first.get_text())
    assert listed.select("article p.check") == listed.select("section > p.check")


def test_every_numbered_equation_leads_to_its_test(site: Path) -> None:
    listed = BeautifulSoup((site / "book/checks.html").read_text(encoding="utf-8"), "html.parser")
    checks = {line["id"]: line for line in listed.select("p.check")}
    count = 0
    for name in PAGES:
        page = BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser")
        for number in page.select(".eqno"):
            shown = re.match(r"\(([\d.]+)\)", number.get_text())
            link = number.select_one("a.eqcheck")
            assert shown is not None
            assert link is not None, f"{name} {number.get_text()}"
            address, test = urldefrag(str(link["href"]))
            assert (site / name).parent.joinpath(address).resolve() == site / "book/checks.html"
            assert f"({shown[1]})" in checks[test].get_text()
            # Its source stands below the line, whole.
            source = checks[test].find_next_sibling("div")
            assert isinstance(source, Tag)
            assert f"def {test.replace('-', '_')}(" in source.get_text()
            assert "mark.equation(" in source.get_text()
            count += 1
    # An equation may have several tests; its mark leads to the first.
    assert count == len({link["href"] for link in listed.select("p.check a")})
    assert count >= 9


def test_titles_differ(site: Path) -> None:
    titles = [markup(site, name).title for name in PAGES]
    assert len(set(map(str, titles))) == len(PAGES)


@pytest.mark.parametrize("way", ["served", "folder"])
def test_colours_follow_and_stay(browser: Browser, addresses: dict[str, str], way: str) -> None:
    """The page follows the system until the reader chooses, and keeps the choice on other pages."""
    page = open_page(browser, addresses[way] + PAGES[0])
    root, button = page.locator("html"), page.locator("button.theme")
    page.emulate_media(color_scheme="dark")
    expect(root).to_have_attribute("data-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(root).to_have_attribute("data-theme", "light")
    button.click()
    expect(root).to_have_attribute("data-theme", "dark")
    expect(button).to_have_attribute("aria-label", "Colours: dark")
    page.goto(addresses[way] + PAGES[1])
    expect(root).to_have_attribute("data-theme", "dark")
    button.click()
    expect(root).to_have_attribute("data-theme", "light")
    page.close()


def test_contents_open_on_a_phone(browser: Browser, served: str) -> None:
    """The button opens the book's contents, Escape closes them, a link in them leads on."""
    page = open_page(browser, served + PAGES[0], 390)
    contents = page.locator("#sidebar")
    assert not contents.is_visible()
    page.get_by_role("button", name="Contents of the book").click()
    expect(contents).to_be_visible()
    assert violations(page, preload=True) == []
    page.keyboard.press("Escape")
    expect(contents).to_be_hidden()
    page.get_by_role("button", name="Contents of the book").click()
    contents.get_by_role("link").nth(1).click()
    page.wait_for_url(served + PAGES[1])
    page.close()


def test_index_leads_to_the_book(browser: Browser, addresses: dict[str, str]) -> None:
    for way in addresses.values():
        page = browser.new_page()
        page.goto(f"{way}index.html")
        page.wait_for_url(way + PAGES[0])
        page.close()
