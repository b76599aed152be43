"""The built site for readers who use no mouse, cannot drag, or set spacing, size or colours themselves.

WCAG 2.2 AA beyond what axe finds, each criterion by its number.
"""

import io
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from bs4 import BeautifulSoup
from explorable_pages import ALL, Open, arrive, box_of, frame, resize, settle, state_of
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from unrolled.explorables import Explorable, TrainingReplay, UnrolledRNN

pytestmark = pytest.mark.browser

slow = pytest.mark.slow
CHAPTER = "book/gates/gru.html"
OTHERS = (
    "book/intro.html",
    "book/explorables.html",
    "book/notation.html",
    "book/api/cells.html",
    "search.html?q=gate",
    "404.html",
)
# Of each kind of page one; the chapter where a change is most likely to do harm also with every change.
PAGES = (CHAPTER, *OTHERS)
each_page = pytest.mark.parametrize("name", PAGES)
each_page_slowly = pytest.mark.parametrize(
    "name", [CHAPTER, *(pytest.param(name, marks=slow) for name in OTHERS)]
)


def open_page(
    browser: Browser, address: str, width: int, font: int = 16, height: int = 900, **options: Any
) -> Page:
    """A page in a fresh profile, its explorables alive; font: what the reader has set, in px."""
    page = browser.new_page(viewport={"width": width, "height": height}, **options)
    if font != 16:
        sizes = {"standard": font, "fixed": font * 13 // 16}
        page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": sizes})
    arrive(page, address)
    return page


# --------------------------------------------------------------------------- by keyboard alone

# What Tab should come to, in the order of the document: all that can be used and is seen. Of radio
# buttons one, of a row of bars the one that is chosen, of a closed fold only its label.
STOPS = """() => {
  const inOne = new Set();
  window.stops = [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, iframe, [tabindex], [contenteditable]'
  )].filter((e) => {
    if (e.disabled || e.tabIndex < 0 || !e.checkVisibility({ visibilityProperty: true })) return false;
    if (e.type !== 'radio') return e.getClientRects().length > 0;
    const group = [...document.getElementsByName(e.name)];
    if (inOne.has(e.name) || (group.some((one) => one.checked) && !e.checked)) return false;
    return inOne.add(e.name);
  });
  return window.stops.length;
}"""

# Where the focus is: the stop's number, null where it has left the page; its kind; what is wrong; and the
# part of the window that shows it, with room for what surrounds it.
HERE = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const wrong = [];
  const { outlineStyle, outlineWidth } = getComputedStyle(e);
  if (outlineStyle === 'none' || parseFloat(outlineWidth) < 2) wrong.push('no outline');
  if (e.tabIndex > 0) wrong.push('an order of its own');
  const bar = document.querySelector('.bar');
  const high = bar.contains(e) || e.matches('.skip') ? 0 : bar.offsetHeight;
  const all = e.getBoundingClientRect();
  if (all.height <= innerHeight - high && (all.top < high - 1 || all.bottom > innerHeight + 1)) wrong.push('not in view');
  const seen = [...e.getClientRects()].some((r) => {
    const [left, right] = [Math.max(0, r.left), Math.min(innerWidth, r.right)];
    const [top, bottom] = [Math.max(0, r.top), Math.min(innerHeight, r.bottom)];
    if (left >= right || top >= bottom) return false;
    const there = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    return there && (e.contains(there) || there.closest('label')?.control === e);
  });
  if (!seen) wrong.push('covered');
  if (e.matches('[aria-label$="scrolls sideways"]') && getComputedStyle(e).overflowX !== 'auto') wrong.push('scrolls nothing');
  const [left, top] = [Math.max(0, all.left - 6), Math.max(0, all.top - 6)];
  const clip = {
    x: left, y: top, width: Math.min(innerWidth, all.right + 6, left + 600) - left,
    height: Math.min(innerHeight, all.bottom + 6, top + 400) - top,
  };
  const home = e.closest('.bar, .sidebar, .contents, .unrolled, .sc, .turn, article, footer');
  const kind = [home?.className.split(' ')[0], e.tagName, e.type, e.getAttribute('role'), e.className].join(' ');
  return { stop: window.stops.indexOf(e), is: e.outerHTML.slice(0, 120), kind, wrong, clip };
}"""


def tab(page: Page, key: str, most: int) -> Iterator[dict[str, Any]]:
    """Press a key until the focus leaves the page, and say where it is each time."""
    for _ in range(most):
        page.keyboard.press(key)
        here = page.evaluate(HERE)
        if here is None:
            return
        yield here


def luminance(page: Page, clip: dict[str, float] | None = None) -> np.ndarray:
    """The relative luminance of each pixel of a part of the page."""
    pixels = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")) / 255
    linear = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ [0.2126, 0.7152, 0.0722])


def contrast(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray((np.maximum(a, b) + 0.05) / (np.minimum(a, b) + 0.05))


def shows_focus(page: Page, here: dict[str, Any]) -> bool:
    """Whether enough pixels change with the focus, and from dark to light or back.

    As many as a line along two sides; the focus stays where Tab goes on from.
    """
    clip = here["clip"]
    # What comes with the focus takes a moment.
    page.evaluate("() => Promise.all(document.getAnimations().map(a => a.finished.catch(() => 0)))")
    focused = luminance(page, clip)
    page.evaluate("document.activeElement.blur()")
    blurred = luminance(page, clip)
    changed = int((contrast(focused, blurred) >= 3).sum())
    return changed >= min(clip["width"], clip["height"]) + 12


def walk(page: Page, most: int) -> tuple[list[dict[str, Any]], list[str]]:
    """All stops, and those where the focus is not seen, of each kind the first one looked at."""
    walked: list[dict[str, Any]] = []
    kinds: set[str] = set()
    unseen: list[str] = []
    for here in tab(page, "Tab", most + 5):
        if here["kind"] not in kinds and not shows_focus(page, here):
            unseen.append(here["is"])
        kinds.add(here["kind"])
        walked.append(here)
    return walked, unseen


@each_page_slowly
def test_tab_walks_through_the_page(browser: Browser, served: str, name: str) -> None:
    """2.1.1, 2.1.2, 2.4.3, 2.4.7, 2.4.11: each stop once and in order, and seen where it is."""
    page = open_page(browser, served + name, 1280)
    count = page.evaluate(STOPS)
    page.evaluate("document.activeElement.blur()")
    walked, unseen = walk(page, count)
    assert [here["stop"] for here in walked] == list(range(count))
    assert [here for here in walked if here["wrong"]] == []
    assert unseen == []
    page.close()


@slow
@each_page
def test_tab_walks_forth_and_back_on_a_phone(browser: Browser, served: str, name: str) -> None:
    page = open_page(browser, served + name, 390)
    count = page.evaluate(STOPS)
    page.evaluate("document.activeElement.blur()")
    forth = list(tab(page, "Tab", count + 5))
    assert [here["stop"] for here in forth] == list(range(count))
    back = list(tab(page, "Shift+Tab", count))
    assert [here["stop"] for here in back] == list(range(count))[::-1]
    assert [here for here in forth + back if here["wrong"]] == []
    page.close()


BARE = """() => [...document.querySelectorAll('button, input:not([type=range], [type=radio]), textarea, .tool')]
  .filter((e) => e.checkVisibility())
  .filter((e) => ['Top', 'Bottom'].some((side) => {
    const style = getComputedStyle(e);
    return style[`border${side}Style`] === 'none' || parseFloat(style[`border${side}Width`]) < 1
      || style[`border${side}Color`] === getComputedStyle(document.body).backgroundColor;
  })).map((e) => e.outerHTML.slice(0, 120))"""


@slow
@pytest.mark.parametrize(
    ("name", "colours"),
    [
        ("book/explorables.html", "dark"),
        ("book/explorables.html", "forced dark"),
        (CHAPTER, "forced light"),
    ],
)
def test_focus_is_seen_in_all_colours(
    browser: Browser, served: str, name: str, colours: str
) -> None:
    """2.4.7, 1.4.11: the reader's own as well, where a line says what a background cannot."""
    *forced, scheme = colours.split()
    options = {"color_scheme": scheme, "forced_colors": "active" if forced else None}
    page = open_page(browser, served + name, 1280, **options)
    assert forced == [] or page.evaluate(BARE) == []
    _, unseen = walk(page, page.evaluate(STOPS))
    assert unseen == []
    page.close()


@slow
def test_what_opens_closes_by_keyboard(browser: Browser, served: str) -> None:
    """The way past what all pages have; the contents on a phone, with the focus where it came from."""
    page = open_page(browser, served + CHAPTER, 390)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    button = page.get_by_role("button", name="Contents of the book")
    button.focus()
    page.keyboard.press("Enter")
    inside = page.locator("#sidebar :is(a[href], input, button)")
    expect(inside.first).to_be_visible()
    for one in inside.all():
        page.keyboard.press("Tab")
        expect(one).to_be_focused()
        expect(one).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(page.locator("#sidebar")).to_be_hidden()
    expect(button).to_be_focused()
    page.close()


@slow
def test_contents_show_where_the_reader_is(browser: Browser, served: str) -> None:
    """2.4.8: the page's own place is in view in the book's contents, far down as it may be."""
    page = open_page(browser, served + "book/api/notebooks.html", 1280)
    current = page.locator("#sidebar a[aria-current=page]")
    expect(current).to_be_in_viewport(ratio=1)
    resize(page, 390, 800)
    page.get_by_role("button", name="Contents of the book").click()
    expect(current).to_be_in_viewport(ratio=1)
    page.close()


# ----------------------------------------------------------------------------- by pointer alone

# Targets that are too small and have no room around them. What is seen or comes with the pointer counts;
# a link in a line of text has the line's height; a row of bars is one target, on which a place is a value.
CRAMPED = """() => {
  const all = [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [role=slider], .u-columns, label.sc-option'
  )].filter((e) => !e.disabled && !e.matches('.u-column, .skip, .sc-option input') && e.checkVisibility({ visibilityProperty: true }));
  const boxes = all.map((e) => e.getBoundingClientRect());
  const textOf = (e) => [...e.childNodes].map((one) =>
    one.nodeType === 3 ? one.data : one.nodeType === 1 && !one.matches('a[href], button') ? textOf(one) : '').join('');
  const inLine = all.map((e) => {
    if (getComputedStyle(e).display !== 'inline') return false;
    let line = e.parentElement;
    while (getComputedStyle(line).display === 'inline') line = line.parentElement;
    return textOf(line).trim().length > 0;
  });
  const small = boxes.map(({ width, height }, k) => !inLine[k] && (width < 24 || height < 24));
  const middle = ({ left, right, top, bottom }) => [(left + right) / 2, (top + bottom) / 2];
  const near = (k, n) => {
    if (k === n || all[k].contains(all[n]) || all[n].contains(all[k])) return false;
    const [x, y] = middle(boxes[k]);
    const [u, v] = middle(boxes[n]);
    if (small[n] && Math.hypot(u - x, v - y) < 23.9) return true;
    return [...all[n].getClientRects()].some((r) =>
      Math.hypot(Math.max(r.left - x, 0, x - r.right), Math.max(r.top - y, 0, y - r.bottom)) < 11.9);
  };
  return all.filter((e, k) => small[k] && all.some((_, n) => near(k, n))).map((e) => e.outerHTML.slice(0, 120));
}"""


@slow
@each_page
def test_targets_are_large_or_apart(browser: Browser, served: str, name: str) -> None:
    """2.5.8: 24 by 24 px, or a circle of 24 px around its middle that meets no other target."""
    page = open_page(browser, served + name, 1280)
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    assert page.evaluate(CRAMPED) == []
    resize(page, 390)
    settle(page)
    assert page.evaluate(CRAMPED) == []
    page.get_by_role("button", name="Contents of the book").click()
    expect(page.locator("#sidebar")).to_be_visible()
    assert page.evaluate(CRAMPED) == []
    page.close()


def presses(page: Page) -> Iterator[Locator]:
    """Click on everything that a press can move, and type into fields; give what was pressed."""
    row = page.locator(".unrolled .u-columns")
    for one in row.all():
        box = box_of(one)
        one.click(position={"x": box["width"] * 0.6, "y": box["height"] * 0.3})
        yield one
    for one in page.locator(".unrolled input[type=range]:enabled").all():
        box = box_of(one)
        for share in (0.3, 0.7):
            one.click(position={"x": box["width"] * share, "y": box["height"] / 2})
        yield one
    for one in page.locator(".unrolled [role=spinbutton]:enabled").all():
        one.fill("1" if one.input_value() != "1" else "2")
        one.press("Enter")
        yield one
    for one in page.locator(".unrolled button:enabled").all():
        one.click()
        yield one


# What has controls of its own; what Python alone can set has none.
MODES: dict[str, list[dict[str, Any]]] = {
    "lstm-gates": [{"mode": "painted"}, {"mode": "weights", "variant": "peephole"}],
    "jacobian-flow": [{}, {"tanh": True}],
}
BY_PYTHON = {"lstm-gates": {"c0"}}


@slow
@pytest.mark.parametrize("explorable", ALL, ids=lambda one: one.kind)
def test_nothing_has_to_be_dragged(opened: Open, explorable: type[Explorable]) -> None:
    """2.5.7: a click, or a number typed, moves whatever a drag can move."""
    moved: set[str] = set()
    for how in MODES.get(explorable.kind, [{}]):
        page = opened(explorable(**how).to_html())
        before = state_of(page, explorable.handles)
        for _ in presses(page):
            after = state_of(page, explorable.handles)
            moved |= {name for name in explorable.handles if after[name] != before[name]}
            before = after
    assert set(explorable.handles) - moved == BY_PYTHON.get(explorable.kind, set())


# ------------------------------------------------------------------ spacing, size, colours, motion

# What is cut off, what runs out of its box, what lies over something else; none where all can be read.
CUT = """() => {
  const wrong = [];
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const say = (what, ...them) => wrong.push([what, ...them.map((e) => e.outerHTML.slice(0, 120))]);
  for (const e of document.querySelectorAll('body *')) {
    if (!shown(e) || !e.innerText?.trim() || e.closest('svg, math, .unseen, .u-heard, .skip')) continue;
    const { overflowX, overflowY, display } = getComputedStyle(e);
    const [below, beside] = [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth];
    const keeps = (overflow) => ['hidden', 'clip'].includes(overflow);
    if (keeps(overflowY) && below > 1) say(`${below} px cut off below`, e);
    if (keeps(overflowX) && beside > 1) say(`${beside} px cut off beside`, e);
    if (display === 'inline' || !e.matches('button, label, td, th, :is(.unrolled, .sc) *')) continue;
    if (overflowY === 'visible' && below > 3) say(`runs out below by ${below} px`, e);
    if (overflowX === 'visible' && beside > 3) say(`runs out beside by ${beside} px`, e);
  }
  const pieces = [...document.querySelectorAll(
    'article :is(p, pre, figure, table, dt, dd, h1, h2, h3), :is(.unrolled, .sc, .bar, nav, .find) :is(button, input, output, a, summary,'
      + ' .u-slider-name, .u-says, .u-hint, .u-equation, .u-step)'
  )].filter((e) => shown(e) && !e.closest('.u-heard')).map((e) => [e, e.getBoundingClientRect()]).filter(([, r]) => r.width && r.height);
  // Search stays in view above the book's contents, which go on under it.
  const home = (e) => e.closest('.bar, .find, .sidebar, .contents, .unrolled, .sc, .turn, article, footer');
  pieces.forEach(([a, p], k) => pieces.slice(k + 1).forEach(([b, q]) => {
    if (home(a) !== home(b) || a.contains(b) || b.contains(a)) return;
    if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1) say('overlap', a, b);
  }));
  if (document.documentElement.scrollWidth > innerWidth) wrong.push(['the page scrolls sideways']);
  return wrong;
}"""

SPACING = """
* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }
p { margin-bottom: 2em !important }
"""


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=slow)])
@each_page_slowly
def test_text_may_be_spaced(browser: Browser, served: str, name: str, width: int) -> None:
    """1.4.12: with wide lines, words and letters nothing is cut off and nothing overlaps."""
    page = open_page(browser, served + name, width, bypass_csp=True)
    page.add_style_tag(content=SPACING)
    frame(page)
    settle(page)
    assert page.evaluate(CUT) == []
    page.close()


@slow
@pytest.mark.parametrize("way", ["the reader's font size", "zoom"])
@each_page
def test_text_may_be_twice_as_large(browser: Browser, served: str, name: str, way: str) -> None:
    """1.4.4: nothing is cut off, nothing overlaps, and text is as large as was asked for."""
    if way == "zoom":
        page = open_page(browser, served + name, 640, height=450, device_scale_factor=2)
    else:
        page = open_page(browser, served + name, 1280, font=32)
        expect(page.locator("html")).to_have_css("font-size", "32px")
    assert page.evaluate(CUT) == []
    page.close()


def extremes(locator: Locator) -> float:
    """The contrast between the lightest and the darkest of an element as it is drawn."""
    locator.scroll_into_view_if_needed()
    pixels = luminance(locator.page, box_of(locator))
    return float(contrast(pixels.max(), pixels.min()))


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=slow)])
def test_forced_colours_keep_what_colours_say(opened: Open, scheme: str) -> None:
    """What is pressed, whether it plays, what kind a fixed point is, how much is filled."""
    ways: dict[str, Any] = {"forced_colors": "active", "color_scheme": scheme}
    page = opened(TrainingReplay().to_html(), **ways)
    assert extremes(page.locator(".u-play-glyph")) >= 4.5
    pressed = page.locator(".u-button[aria-pressed=true]").first
    other = page.locator(".u-button[aria-pressed=false]").first
    backs = [np.median(luminance(page, box_of(one))) for one in (pressed, other)]
    assert contrast(*backs) >= 3
    page = opened(UnrolledRNN().to_html(), **ways)
    point = page.locator(".u-point[data-kind]").first
    page.evaluate("document.querySelector('.u-point').dataset.kind = 'unstable'")
    filled = {}
    for kind in ("stable", "marginal", "unstable"):
        page.evaluate("kind => { document.querySelector('.u-point').dataset.kind = kind }", kind)
        paper = luminance(page, box_of(page.locator(".u-points")))[0, -1]
        inside = luminance(page, box_of(point))[3:-3, 3:-3]
        filled[kind] = float((contrast(inside, paper) >= 3).mean())
    assert filled["stable"] > 0.9 > 0.7 > filled["marginal"] > 0.3 > 0.1 > filled["unstable"]


MOVING = """() => [
  document.getAnimations().length,
  ...new Set([document.documentElement, document.body].map((e) => getComputedStyle(e).scrollBehavior)),
]"""


@slow
@each_page
def test_nothing_moves_by_itself_where_motion_is_reduced(
    browser: Browser, served: str, name: str
) -> None:
    """2.3.3: no animation and no gliding, whatever is pressed or gone to."""
    page = open_page(browser, served + name, 1280, reduced_motion="reduce")
    still = [0, "auto"]
    assert page.evaluate(MOVING) == still
    buttons = page.locator(":is(.unrolled, .sc) button:enabled, .copy, button.theme")
    for button in buttons.all()[:40]:
        button.dispatch_event("click")
        assert page.evaluate(MOVING) == still
    for link in page.locator(".contents a").all()[-1:]:
        link.click()
        frame(page)
        there = page.evaluate("scrollY")
        assert there > 0
        page.wait_for_timeout(100)
        assert page.evaluate("scrollY") == there
    page.close()


# --------------------------------------------------------------------- structure, and on paper


@slow
def test_every_page_has_a_name_a_heading_and_landmarks(site: Path) -> None:
    """1.3.1, 2.4.2, 2.4.6, 3.1.1: of the pages of code and of the one for a wrong address as well."""
    titles, count = set(), 0
    for path in site.rglob("*.html"):
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "lxml")
        levels = [int(heading.name[1]) for heading in soup.find_all(re.compile("^h[1-6]$"))]
        assert levels.count(1) == 1, path
        assert all(b <= a + 1 for a, b in pairwise(levels)), path
        assert levels[0] == 1, path
        assert len(soup.find_all("main")) == 1, path
        names = [
            nav.get("aria-label") or nav.get("aria-labelledby") for nav in soup.find_all("nav")
        ]
        assert all(names), path
        assert len(set(names)) == len(names), path
        assert soup.html is not None
        assert soup.html["lang"] == "en", path
        assert soup.title is not None
        titles.add(soup.title.get_text())
        count += 1
    assert len(titles) == count > 40


@slow
def test_a_chapter_prints_as_a_chapter(browser: Browser, served: str) -> None:
    """Text and still pictures, dark on white; nothing that only a screen can use."""
    page = open_page(browser, served + CHAPTER, 1280, color_scheme="dark")
    hosts = page.locator("[data-explorable]:has(.unrolled)").count()
    assert hosts > 0
    document = pypdfium2.PdfDocument(page.pdf(format="A4"))
    text = "\n".join(sheet.get_textpage().get_text_range() for sheet in document)
    assert "The GRU cell" in text
    for heading in page.locator("article h2").all():
        assert (heading.inner_text().removesuffix("#").split("\n")[0].strip()) in text
    for words in ("copy link", "undo", "On this page", "Previous", "Skip to", "CC BY"):
        assert words not in text
    first = np.asarray(document[0].render().to_pil().convert("L"))
    assert np.median(first) == 255
    assert first.min() < 80
    page.emulate_media(media="print")
    still = page.locator("[data-explorable] img.unrolled-picture")
    expect(still.locator("visible=true")).to_have_count(hosts)
    for screen in (".bar", ".sidebar", ".contents", ".turn", ".copy", "footer", ".unrolled"):
        expect(page.locator(screen).locator("visible=true")).to_have_count(0)
    page.close()
