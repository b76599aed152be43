"""The site's Content-Security-Policy: strict, in each page and its header, and never violated."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from urllib.request import urlopen

import pytest
from explorable_pages import alive, frame, settle
from playwright.sync_api import Browser, Page
from test_site import PAGES

from unrolled.sphinxext.policy import inline_styles, policy

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("policy")]

WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile, sample }) =>
  violations.push([violatedDirective, blockedURI, sourceFile, sample].join(' ')));
"""


def directives(text: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in map(str.split, text.split(";"))}


def pages(site: Path) -> list[str]:
    return [path.relative_to(site).as_posix() for path in sorted(site.rglob("*.html"))]


HEAD = re.compile(
    r"<head>\s*<meta charset=\"utf-8\">\s*"
    r"<meta http-equiv=\"Content-Security-Policy\" content=\"([^\"]*)\">"
)


def test_the_policy_is_strict_sent_and_in_each_page(site: Path, served: str) -> None:
    assert len(pages(site)) > len(PAGES)
    for name in pages(site):
        with urlopen(served + name, timeout=10) as answer:
            sent = answer.headers["Content-Security-Policy"]
            text = answer.read().decode()
        stated = HEAD.search(text)
        assert stated is not None, f"{name}: the policy comes before all that it is about"
        assert sent == f"{stated[1]}; frame-ancestors 'self'"
        scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        hashes = [b64encode(sha256(code.encode()).digest()).decode() for code in scripts]
        found = directives(sent)
        if scripts:  # the first page only leads to the book, without a script
            assert found["script-src"] == ["'self'", *(f"'sha256-{code}'" for code in hashes)]
        assert len(scripts) == (name != "index.html")
        assert found["default-src"] == ["'self'"]
        assert found["img-src"] == ["'self'", "data:"]
        assert {"style-src", "connect-src", "font-src"}.isdisjoint(found), "nothing but the default"
        for closed in ("object-src", "base-uri"):
            assert found[closed] == ["'none'"]
        assert "unsafe" not in sent
        assert "*" not in sent


def test_a_page_has_no_style_or_handler_of_its_own(site: Path) -> None:
    for name in pages(site):
        text = (site / name).read_text(encoding="utf-8")
        assert inline_styles(text) == [], name
        assert re.findall(r"<[^<>]*\son[a-z]+=[^<>]*>", text) == [], name
        assert "javascript:" not in text, name


def test_inline_styles_are_found() -> None:
    body = '<p style="color: red">a</p><style>b {}</style><p class="style">style="c"</p>'
    assert inline_styles(body) == ['<p style="color: red">', "<style>"]
    assert policy("a") != policy("b")


def watched(browser: Browser, address: str) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(WATCH)
    page.goto(address)
    settle(page)
    return page


def use(page: Page) -> None:
    """What a reader does: scrolls to the end, changes colours, follows links, moves every handle."""
    alive(page)
    page.evaluate("for (const image of document.images) image.loading = 'eager'")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.locator("button.theme").click()
    for link in page.locator("a[data-preview]").all()[:2]:
        link.focus()
    for host in page.locator("[data-explorable]").all():
        host.scroll_into_view_if_needed()
        for control in host.locator("[role=slider], input, button:not(:disabled)").all()[:3]:
            if control.is_visible() and control.is_enabled():
                control.focus()
                page.keyboard.press("ArrowRight")
                page.keyboard.press("Space")
    frame(page)


@pytest.mark.parametrize("name", [*PAGES, "search.html?q=gate"])
def test_no_page_violates_its_policy(browser: Browser, served: str, name: str) -> None:
    """From a folder it would be an error on the console: test_page_is_whole finds none."""
    page = watched(browser, served + name)
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    use(page)
    assert page.evaluate("violations") == []
    assert complaints == []
    page.close()


@pytest.mark.parametrize("way", ["served", "folder"])
def test_violations_are_seen(browser: Browser, addresses: dict[str, str], way: str) -> None:
    """The policy holds: an inline style, an inline script and another host are all refused."""
    page = watched(browser, addresses[way] + PAGES[0])
    page.evaluate(
        """async () => {
          document.body.setAttribute('style', 'color: red');
          const inline = document.createElement('script');
          inline.textContent = 'window.ran = true';
          document.head.append(inline);
          const image = new Image();
          image.src = 'http://127.0.0.2:9/afar.png';
          await new Promise((done) => { image.onerror = done });
        }"""
    )
    page.wait_for_function("violations.length >= 3")
    seen = page.evaluate("violations")
    assert {re.match(r"[a-z]+-src", text)[0] for text in seen} == {
        "style-src",
        "script-src",
        "img-src",
    }
    assert page.evaluate("window.ran === undefined")
    page.close()
