"""The buttons that copy code: by mouse and keyboard, announced, wherever the page is."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser

PAGE = "book/recurrence/rnn.html"
CODE = "article div[class*='highlight-'] > .highlight:has(> button.copy)"


def open_page(browser: Browser, site: Path, before: str = "", **options: object) -> Page:
    """The page, from its folder, after a script that takes away what a browser may lack.

    Its clock stands still: what is said goes away when the test lets time pass.
    """
    page = browser.new_page(**options)
    page.clock.install(time=0)
    if before:
        page.add_init_script(before)
    page.goto(f"{site.as_uri()}/{PAGE}")
    page.clock.pause_at(60_000)
    return page


def pasted(page: Page) -> str:
    """What a paste into a field of the page gives."""
    page.evaluate("document.querySelector('main').append(document.createElement('textarea'))")
    field = page.locator("main > textarea")
    field.focus()
    page.keyboard.press("Control+v")
    return field.input_value()


def code(block: Locator) -> str:
    return (block.locator("pre").text_content() or "").rstrip()


@pytest.mark.parametrize(
    "before",
    ["", "Object.defineProperty(navigator, 'clipboard', {value: undefined})"],
    ids=["clipboard", "no clipboard"],
)
def test_the_keyboard_copies_and_it_is_announced(browser: Browser, site: Path, before: str) -> None:
    page = open_page(browser, site, before)
    block = page.locator(CODE).first
    button = block.get_by_role("button")
    assert button.get_attribute("aria-label") == "Copy this code"
    status = page.locator("main > p.unseen[role=status]")
    assert status.text_content() == ""
    button.focus()
    expect(button).to_have_css("opacity", "1")
    page.keyboard.press("Enter")
    expect(button).to_have_text("Copied")
    expect(status).to_have_text("Copied")
    assert button.get_attribute("aria-label") == "Copied"
    assert page.evaluate("getSelection().isCollapsed")
    assert pasted(page).rstrip() == code(block)
    assert len(code(block).splitlines()) > 3
    page.clock.run_for(1400)
    expect(button).to_have_text("Copied")
    page.clock.run_for(200)
    expect(button).to_have_text("Copy")
    expect(status).to_have_text("")
    page.context.close()


def test_code_is_selected_where_nothing_can_copy(browser: Browser, site: Path) -> None:
    page = open_page(
        browser,
        site,
        "Object.defineProperty(navigator, 'clipboard', {value: undefined});"
        "document.execCommand = () => false",
    )
    block = page.locator(CODE).first
    block.get_by_role("button").click()
    expect(page.locator("main > p.unseen[role=status]")).to_have_text("Selected")
    assert page.evaluate("getSelection().toString()").rstrip() == code(block)
    page.context.close()


def test_code_has_a_button_that_the_tab_key_reaches_and_output_has_none(
    browser: Browser, site: Path
) -> None:
    page = open_page(browser, site)
    inputs = page.locator("article .cell_input .highlight")
    assert inputs.count() > 5
    assert inputs.locator("> button.copy").count() == inputs.count()
    assert page.locator(".output.stream .copy, .output.text_plain .copy").count() == 0
    assert page.locator(".output.stream .highlight").count()
    first = page.locator(CODE).first
    first.locator("pre").evaluate("pre => { pre.tabIndex = -1; pre.focus() }")
    page.keyboard.press("Tab")
    expect(first.locator("button")).to_be_focused()
    page.context.close()
