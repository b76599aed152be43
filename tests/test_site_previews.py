"""Previews of what links lead to: by mouse and keyboard, from a server and from a folder."""

import json
import posixpath
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from explorable_pages import alive, settle, violations
from playwright.sync_api import Browser, Locator, Page, expect

from unrolled.sphinxext.previews import LONGEST, mark_links, preview, previews

LSTM = "book/gates/lstm.html"
# Where the page under the pointer is not: an equation, a work, a term; and the page's own equation.
CASES = {
    "an equation elsewhere": (LSTM, "a[data-preview][href*='rnn.html#equation-eq-rnn-recurrence']"),
    "an equation here": (LSTM, "a[data-preview][href='#equation-eq-lstm-cell-state']"),
    "a work": (LSTM, "a[data-preview][href*='bibliography.html']"),
    "a term": ("book/glossary.html", "a[data-preview][href='#term-Cell-state']"),
}


def open_page(browser: Browser, address: str, width: int = 1280, **options: object) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 900}, **options)
    page.goto(address)
    settle(page)  # a link that moves away from under the pointer loses its preview
    return page


def box(page: Page) -> Locator:
    return page.locator("#preview:popover-open")


# --------------------------------------------------------------------------------- what is built


@lru_cache
def preview_data(site: Path, page: str) -> dict[str, str]:
    """The previews of a page's targets, as the script that pages load has them."""
    text = (site / "_previews" / f"{page}.js").read_text(encoding="utf-8")
    name, data = re.fullmatch(r'unrolledPreviews\.set\("([^"]+)", (.*)\);\n', text).groups()
    assert name == page
    return json.loads(data)


def test_every_link_to_an_equation_a_term_or_a_work_has_a_preview(site: Path) -> None:
    count: Counter[str] = Counter()
    for path in site.glob("book/**/*.html"):
        page = path.relative_to(site).as_posix()
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for link in soup.select("article a.reference.internal[href*='#']"):
            to, _, place = str(link["href"]).partition("#")
            kind = "work" if to.endswith("bibliography.html") else place.partition("-")[0]
            if link.has_attr("data-preview"):
                target = posixpath.normpath(posixpath.join(posixpath.dirname(page), to))
                name = (target if to else page).removesuffix(".html")
                assert preview_data(site, name)[place]
                count[kind] += 1
            else:
                assert kind not in ("equation", "term", "work"), f"{link} on {page}"
    assert count["equation"] > 70
    assert count["term"] > 10
    assert count["work"] > 70


def test_previews_can_stand_on_any_page(site: Path) -> None:
    """No ids that would be there twice, no links, no styles, pictures from the top of the site."""
    total = 0
    for path in site.glob("_previews/**/*.js"):
        page = path.relative_to(site / "_previews").with_suffix("").as_posix()
        assert path.stat().st_size < 60_000
        for html in preview_data(site, page).values():
            soup = BeautifulSoup(html, "html.parser")
            assert soup.select("[id], [style], a, button, script, annotation, .headerlink") == []
            assert soup.get_text(strip=True)
            for image in soup.select("img"):
                assert (site / str(image["src"])).is_file()
            total += 1
    assert total > 150
    assert (site / "_static/previews.js").stat().st_size < 8_000


def test_links_are_marked_by_where_they_lead() -> None:
    found = {("book/a", "equation-eq-x"), ("book/c/d", "id1")}
    body = (
        '<a class="reference internal" href="../a.html#equation-eq-x">1</a>'
        '<a class="reference internal" href="../a.html#elsewhere">2</a>'
        '<a class="reference internal" href="#id1" title="T">3</a>'
        '<a aria-label="Link" class="headerlink" href="#id1">#</a>'
        '<a class="reference external" href="https://example.org/#id1">4</a>'
    )
    marked = BeautifulSoup(mark_links(body, "book/c/d", found), "html.parser")
    assert [link.text for link in marked.select("a[data-preview]")] == ["1", "3"]
    assert len(marked.select("a")) == 5


def test_a_preview_is_cut_between_blocks() -> None:
    long = "word " * (LONGEST // 5)
    body = BeautifulSoup(
        f'<div class="exercise admonition" id="e"><p>Exercise 1</p><div><p>{long}</p>'
        "<p>Next.</p><ul><li>More.</li></ul></div></div>"
        '<dl class="glossary"><dt id="t">A <a href="#x" class="headerlink">#</a></dt>'
        '<dd><p>What <a href="#y" id="z">it</a> is.</p></dd><dt id="u">B</dt></dl>'
        '<figure id="f"><img src="../../_images/a.svg" style="width: 1px" alt="A"></figure>',
        "html.parser",
    )
    found = previews(str(body), "book/c/d", {"e", "t", "f", "missing"})
    assert set(found) == {"e", "t", "f"}
    cut = BeautifulSoup(found["e"], "html.parser")
    assert [p.text.strip() for p in cut.select("div > div > *")] == [long.strip(), "…"]
    assert found["t"] == "<dl><dt>A </dt><dd><p>What it is.</p></dd></dl>"
    assert found["f"] == '<figure><img alt="A" src="_images/a.svg"/></figure>'
    (term,) = body.select("#u")
    assert preview(term, "book/c/d") == "<dl><dt>B</dt></dl>"


# ------------------------------------------------------------------------------------ in Chromium


@pytest.mark.browser
@pytest.mark.parametrize("way", ["served", "folder"])
@pytest.mark.parametrize("case", CASES)
def test_pointing_shows_what_the_link_leads_to(
    browser: Browser, addresses: dict[str, str], case: str, way: str
) -> None:
    name, selector = CASES[case]
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    asked, trouble = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(addresses[way] + name)
    # What still moves would move the link from under the pointer.
    alive(page)
    settle(page)
    assert not [url for url in asked if "_previews" in url], "nothing before the first is wanted"
    link = page.locator(f"article {selector}").first
    expected = {"an equation elsewhere": "(1.1)", "an equation here": "(4.1)"}.get(case)
    link.hover()
    expect(box(page)).to_be_visible()
    text = box(page).inner_text()
    if expected:
        assert expected == link.inner_text()
        assert expected in text
        assert box(page).locator("math").count() == 1
    else:
        assert {"a work": "1997", "a term": "Cell state\n"}[case] in text
    assert link.get_attribute("aria-describedby") == "preview"
    assert link.get_attribute("title") is None
    assert len([url for url in asked if "_previews" in url]) == 1
    page.mouse.move(5, 5)
    expect(box(page)).to_be_hidden()
    assert link.get_attribute("aria-describedby") is None
    link.hover()
    expect(box(page)).to_be_visible()
    assert len([url for url in asked if "_previews" in url]) == 1, "asked for once"
    assert trouble == []
    page.context.close()


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["fig-lstm-cell", "ex-lstm-one-gate"])
def test_figures_and_exercises_have_previews(browser: Browser, site: Path, kind: str) -> None:
    """No chapter links to these two yet: a link as the build would mark it."""
    page = open_page(browser, f"{site.as_uri()}/book/gates/gru.html")
    page.locator("article p").first.evaluate(
        "(p, id) => p.insertAdjacentHTML('beforeend', "
        '`<a data-preview class="reference internal" href="lstm.html#${id}">there</a>`)',
        kind,
    )
    page.get_by_role("link", name="there").hover()
    expect(box(page)).to_contain_text("Fig. 4.1" if kind.startswith("fig") else "Exercise 4.1")
    images = box(page).locator("img")
    assert images.count() == kind.startswith("fig")
    for image in images.all():
        page.wait_for_function("image => image.naturalWidth > 0", arg=image.element_handle())
    page.context.close()


@pytest.mark.browser
def test_the_keyboard_shows_and_dismisses(browser: Browser, site: Path) -> None:
    """Focus shows it at once, Escape takes it away and keeps the focus, and it can come back."""
    page = open_page(browser, f"{site.as_uri()}/{LSTM}")
    link = page.locator("article a[data-preview]").first
    link.evaluate(
        "link => { const a = document.createElement('span'); a.tabIndex = 0; link.before(a); a.focus() }"
    )
    page.keyboard.press("Tab")
    expect(link).to_be_focused()
    expect(box(page)).to_be_visible()
    assert box(page).get_attribute("role") == "tooltip"
    assert link.get_attribute("aria-describedby") == "preview"
    page.keyboard.press("Escape")
    expect(box(page)).to_be_hidden()
    assert link.get_attribute("aria-describedby") is None
    expect(link).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(box(page)).to_be_visible()
    page.keyboard.press("Tab")
    expect(link).not_to_be_focused()
    assert link.get_attribute("aria-describedby") is None
    page.context.close()


@pytest.mark.browser
def test_the_pointer_may_go_over_to_it(browser: Browser, site: Path) -> None:
    """It stays while it is pointed at, leaves afterwards, and Escape works there as well."""
    page = open_page(browser, f"{site.as_uri()}/{LSTM}")
    link = page.locator("article a[data-preview]").first
    link.hover()
    expect(box(page)).to_be_visible()
    box(page).hover()
    page.wait_for_timeout(700)
    expect(box(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(box(page)).to_be_hidden()
    page.mouse.move(5, 5)
    page.wait_for_timeout(500)
    link.hover()
    box(page).hover()
    page.mouse.move(5, 5)
    expect(box(page)).to_be_hidden()
    page.context.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_covers_no_link_and_is_accessible(
    browser: Browser, site: Path, width: int, theme: str
) -> None:
    """In the window, beside its link, with every id still there once; axe finds nothing."""
    page = open_page(browser, f"{site.as_uri()}/{LSTM}", width, color_scheme=theme)
    links = page.locator("article p > a[data-preview], article .cite a[data-preview]")
    assert links.count() > 10
    for link in links.all()[:12]:
        link.scroll_into_view_if_needed()
        page.mouse.move(2, 2)
        link.hover()
        expect(link).to_have_attribute("aria-describedby", "preview")
        shown = box(page).bounding_box()
        assert shown is not None
        assert shown["x"] >= 0
        assert shown["x"] + shown["width"] <= width
        for line in link.evaluate("link => [...link.getClientRects()].map(r => r.toJSON())"):
            apart = shown["y"] >= line["bottom"] or shown["y"] + shown["height"] <= line["top"]
            assert apart, link.inner_text()
    scrolls = page.evaluate(
        "[...document.querySelectorAll('#preview .scrolls')].map(s => s.scrollWidth - s.clientWidth)"
    )
    assert all(over <= 1 for over in scrolls), "a wide formula becomes smaller"
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert [each for each, count in Counter(ids).items() if count > 1] == []
    assert violations(page) == []
    page.context.close()


@pytest.mark.browser
def test_a_touch_shows_none(browser: Browser, site: Path) -> None:
    page = open_page(browser, f"{site.as_uri()}/{LSTM}", 390, has_touch=True, is_mobile=True)
    page.locator("article a[data-preview][href='#equation-eq-lstm-cell-state']").first.tap()
    page.wait_for_url("**#equation-eq-lstm-cell-state")  # the link is followed
    page.wait_for_timeout(600)
    assert page.locator("#preview").count() == 0
    page.context.close()
