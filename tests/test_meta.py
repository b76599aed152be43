"""What other sites and search engines are told, the page for what is missing, and the front page."""

import json
import re
import subprocess
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urljoin, urlsplit
from urllib.request import urlopen
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from helpers import BASE_URL
from PIL import Image
from playwright.sync_api import Browser, expect
from sphinx.config import Config
from sphinx.errors import ConfigError

from unrolled import explorables
from unrolled.sphinxext.live import explorable
from unrolled.sphinxext.metadata import CARD_ALT, from_the_root, last_changes, read_base_url

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("published")]

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["book/intro.html", "book/glossary.html", "book/gates/lstm-by-hand.html"]


def markup(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser")


def content(soup: BeautifulSoup, selector: str) -> str:
    (found,) = soup.select(selector)
    return str(found.get("content") or found.get("href"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_one_address_and_a_card(published: Path, name: str) -> None:
    soup = markup(published, name)
    assert content(soup, "link[rel=canonical]") == BASE_URL + name
    assert content(soup, "meta[property='og:url']") == BASE_URL + name
    image = content(soup, "meta[property='og:image']")
    assert (published / image.removeprefix(BASE_URL)).is_file()
    assert content(soup, "meta[property='og:image:alt']") == CARD_ALT
    assert content(soup, "meta[name='twitter:card']") == "summary_large_image"
    assert content(soup, "meta[property='og:title']")
    told = content(soup, "meta[property='og:description']")
    assert told == content(soup, "meta[name=description]")
    (data,) = soup.select("script[type='application/ld+json']")
    said = json.loads(data.get_text())
    assert said["@context"] == "https://schema.org"
    assert said["url"] == BASE_URL + name
    book = said if name == PAGES[0] else said["isPartOf"]
    assert (book["@type"], book["url"]) == ("Book", BASE_URL + PAGES[0])
    assert said["license"].startswith("https://creativecommons.org/")


def test_the_policy_lets_data_be(browser: Browser, published: Path) -> None:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto((published / PAGES[1]).as_uri())
    page.wait_for_load_state("networkidle")
    assert said == []
    page.close()


def test_the_site_map_has_every_page_and_robots_find_it(published: Path) -> None:
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    places = ElementTree.parse(published / "sitemap.xml").iter(f"{space}loc")
    assert sorted(place.text or "" for place in places) == sorted(BASE_URL + n for n in PAGES)
    assert f"Sitemap: {BASE_URL}sitemap.xml" in (published / "robots.txt").read_text()
    index = markup(published, "index.html")
    assert content(index, "link[rel=canonical]") == BASE_URL + PAGES[0]


def test_days_of_changes_are_gits(tmp_path: Path) -> None:
    def git(*arguments: str, folder: Path = tmp_path) -> None:
        who = ["-c", "user.name=Reader", "-c", "user.email=reader@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)

    assert last_changes(tmp_path) == {}
    git("init", "-b", "main")
    (tmp_path / "book").mkdir()
    for day, text in (("2026-01-02", "a"), ("2026-03-04", "b")):
        (tmp_path / "book/p.md").write_text(text)
        git("add", ".")
        git("commit", "-m", "Change", "--date", f"{day}T12:00:00")
    assert list(last_changes(tmp_path)) == ["book/p.md"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", last_changes(tmp_path)["book/p.md"])
    git("clone", "--depth", "1", tmp_path.as_uri(), "shallow")
    assert last_changes(tmp_path / "shallow") == {}, "days that are not known are not told"


@pytest.mark.parametrize(
    ("url", "kept"), [("", ""), ("https://a.example", "https://a.example/"), (BASE_URL, BASE_URL)]
)
def test_the_address_of_the_site(url: str, kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BASE_URL", raising=False)
    config = Config({}, {})
    config.add("html_baseurl", url, "html", ())
    read_base_url(None, config)
    assert config.html_baseurl == kept
    monkeypatch.setenv("BASE_URL", "reader.example")
    with pytest.raises(ConfigError, match=r"expected https://HOST/PATH/, got 'reader.example'"):
        read_base_url(None, config)


def test_a_site_without_an_address_names_none(site: Path) -> None:
    soup = markup(site, PAGES[1])
    assert soup.select("link[rel=canonical], meta[property='og:image']") == []
    assert soup.select("script[type='application/ld+json']") == []
    assert not (site / "sitemap.xml").exists()
    assert "Sitemap" not in (site / "robots.txt").read_text()
    assert (site / "favicon.ico").read_bytes()[:4] == b"\0\0\1\0"


@pytest.fixture
def unknown(served: str) -> str:
    """An address that the server does not know, some folders down."""
    return f"{served}book/gates/none/at/all.html"


def test_what_is_missing_has_a_page_that_leads_on(browser: Browser, unknown: str) -> None:
    with pytest.raises(HTTPError, match="404") as missing:
        urlopen(unknown, timeout=10)
    missing.value.close()
    page = browser.new_page()
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    answer = page.goto(unknown)
    assert answer is not None
    assert answer.status == 404
    assert page.locator("h1").inner_text() == "There is no such page"
    assert failed == [unknown], "its styles and scripts are found"
    assert page.locator("main").evaluate("main => getComputedStyle(main).maxWidth") == "none"
    page.locator("main input[type=search]").fill("gate")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=gate")
    page.go_back()
    page.get_by_role("link", name="start from the first page").click()
    page.wait_for_url("**/book/intro.html")
    page.close()


def test_its_links_hold_below_a_path_as_well(published: Path) -> None:
    soup = markup(published, "404.html")
    path = urlsplit(BASE_URL).path
    links = [
        str(e.get("href") or e.get("src") or e.get("action"))
        for e in soup.select("[href], [src], [action]")
    ]
    inside = [link for link in links if not re.match("[a-z]+:|#", link)]
    assert inside
    assert [link for link in inside if not link.startswith(path)] == []
    for link in inside:
        place = urlsplit(urljoin(BASE_URL, link)).path.removeprefix(path)
        assert (published / place).is_file(), link
    assert from_the_root('<a href="#a"> <a href="https://a/">', BASE_URL).count(path) == 0


def test_the_card_is_of_the_size_that_others_show() -> None:
    card = ROOT / "book/_static/card.png"
    with Image.open(card) as picture:
        assert picture.size == (1200, 630)
    assert card.stat().st_size < 60_000
    with Image.open(ROOT / "book/_static/apple-touch-icon.png") as icon:
        assert icon.size == (180, 180)
    count = (ROOT / "book/_static/favicon.ico").read_bytes()[4]
    assert count == 2, "16 and 32 pixels"


# The front page


def test_a_live_picture_is_on_the_front_page(browser: Browser, site: Path) -> None:
    """It comes alive without moving anything, and a forget gate at 0 lets no gradient through."""
    heights = []
    for blocked in (True, False):
        page = browser.new_page(viewport={"width": 390, "height": 844})
        if blocked:
            page.route("**/lstm-gates.js*", lambda route: route.abort())
        page.goto((site / PAGES[0]).as_uri())
        page.wait_for_load_state("networkidle")
        page.evaluate("document.fonts.ready")
        host = page.locator("[data-explorable=lstm-gates]")
        heights.append(host.evaluate("host => host.getBoundingClientRect().height"))
        if blocked:
            page.close()
    bar = host.locator("[role=slider][data-row=forget][data-step='12']")
    bar.wait_for()
    assert abs(heights[0] - heights[1]) <= 4, "fonts may differ from visit to visit"
    bar.focus()
    page.keyboard.press("Home")
    expect(bar).to_have_attribute("aria-valuenow", "0")
    expect(host).to_contain_text("no gradient reaches an earlier step", use_inner_text=True)
    page.close()


def test_counts_are_those_of_the_repository(site: Path) -> None:
    text = " ".join(markup(site, PAGES[0]).select_one("article").get_text().split())  # type: ignore[union-attr]
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "tests").glob("test_*.py"))
    equations = set(re.findall(r'mark\.equation\("([\w-]+)"\)', source))
    assert f"each of the {len(equations)} numbered equations" in text
    assert re.search(r"the \d+ notebooks print, \d+ outputs", text)
    assert f"{len(explorables.__all__) - 1} of them run where you read" in text


@pytest.mark.parametrize(
    "text",
    [
        "LSTMGates",
        "LSTMGates('remember')",
        "Nothing()",
        "LSTMGates(T=print(1))",
        "os.system()",
        "(",
    ],
)
def test_an_explorable_is_a_call_with_literals(text: str) -> None:
    with pytest.raises(ValueError, match="expected one of .*LSTMGates"):
        explorable(text)


def test_an_explorable_has_what_it_is_given() -> None:
    assert repr(explorable('LSTMGates(preset="leak", T=12)')) == "LSTMGates(T=12, preset='leak')"
