"""What holds for every explorable on a page without a kernel, opened from a folder, in Chromium."""

import html
import json
import re
from base64 import b64decode
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from explorable_pages import ALL, WIDTHS, Open, box_of, frame, resize, state_of, violations
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from unrolled.explorables import Explorable, LSTMGates

pytestmark = pytest.mark.browser

every = pytest.mark.parametrize("explorable", ALL, ids=lambda one: one.kind)
Kind = type[Explorable]

HOST = "document.querySelector('[data-explorable]').explorable"


def same(a: Any, b: Any) -> bool:
    """Equal but for the last digits of a number."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, int | float) and isinstance(b, int | float) and not isinstance(a, bool):
        return abs(a - b) <= 1e-12 * max(1, abs(b))
    return bool(a == b)


def controls(page: Page) -> Locator:
    """Sliders of either kind, and number fields, that can be moved."""
    return page.locator(
        ".unrolled [role=slider]:not([aria-disabled]), .unrolled input[type=range]:enabled,"
        " .unrolled [role=spinbutton]:enabled"
    )


def move_something(page: Page, explorable: Kind) -> dict[str, Any]:
    """Move a control by a key so that the results change; return the handles after it."""
    drawn = f"JSON.stringify({HOST}.results())"
    before = page.evaluate(drawn)
    # One from the middle first: at its ends a row may have no say in what follows.
    count = controls(page).count()
    for k in sorted(range(count), key=lambda k: abs(k - count // 3))[:30]:
        for key in ("PageUp", "PageDown", "ArrowUp", "ArrowDown"):
            controls(page).nth(k).focus()
            page.keyboard.press(key)
            frame(page)
            if page.evaluate(drawn) != before:
                return state_of(page, explorable.handles)
    raise AssertionError("no key moves a control")


def button(page: Page, name: str) -> Locator:
    return page.locator(".u-actions").first.get_by_role("button", name=name, exact=True)


# ----------------------------------------------------------------------------- it is alive


@every
def test_it_is_alive_and_says_what_it_shows(opened: Open, explorable: Kind) -> None:
    w = explorable()
    page = opened(w.to_html())
    expect(page.locator(".unrolled")).to_have_attribute("role", "group")
    expect(page.locator("img.unrolled-picture")).to_be_hidden()
    live = page.locator("[aria-live=polite]")
    first = live.text_content()
    assert first
    assert first in html.unescape(w.to_html()), "the words below the picture are the Python ones"
    assert page.evaluate(f"{HOST}.results()") is not None
    move_something(page, explorable)
    expect(live).not_to_have_text(first)


@every
def test_controls_are_real_sliders(opened: Open, explorable: Kind) -> None:
    """Role, name, bounds and value text of each; a key moves it and the picture follows."""
    page = opened(explorable().to_html())
    found = controls(page)
    assert found.count() > 0
    names = set()
    for one in found.all():
        name = one.get_attribute("aria-label")
        assert name
        names.add(name)
        if one.get_attribute("type") == "range":
            assert one.get_attribute("min") is not None
            assert one.get_attribute("max") is not None
            assert one.get_attribute("aria-valuetext")
        else:
            for part in ("valuemin", "valuemax", "valuenow"):
                float(one.get_attribute(f"aria-{part}") or "nan")
    assert len(names) == found.count(), "no two have one name"
    before = page.evaluate(f"JSON.stringify({HOST}.results())")
    move_something(page, explorable)
    assert page.evaluate(f"JSON.stringify({HOST}.results())") != before
    for key in ("Home", "End", "ArrowLeft", "ArrowRight", "PageUp", "PageDown"):
        page.keyboard.press(key)
    frame(page)
    kept = state_of(page, explorable.handles)
    explorable().set_state(kept)  # within bounds, or this raises


@every
def test_presets_are_those_of_python(opened: Open, explorable: Kind) -> None:
    page = opened(explorable().to_html())
    group = page.get_by_role("group", name="Presets")
    assert group.count() == bool(explorable.presets)
    for name in explorable.presets:
        group.get_by_role("button", name=name, exact=True).click()
        frame(page)
        expect(group.locator("[aria-pressed=true]")).to_have_text(name)
        wanted = explorable(preset=name).state()
        got = state_of(page, explorable.handles)
        assert all(same(got[key], wanted[key]) for key in explorable.handles), name


@every
def test_undo_and_reset(opened: Open, explorable: Kind) -> None:
    page = opened(explorable().to_html())
    begun = state_of(page, explorable.handles)

    def press() -> dict[str, Any]:
        """One key that moves a handle."""
        before = state_of(page, explorable.handles)
        for key in ("PageUp", "PageDown"):
            controls(page).first.focus()
            page.keyboard.press(key)
            frame(page)
            if (after := state_of(page, explorable.handles)) != before:
                return after
        raise AssertionError("no key moves the first control")

    expect(button(page, "undo")).to_be_disabled()
    first = press()
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(1100)  # keys within a second are one change
    second = press()
    assert second != first
    page.keyboard.press("Control+z")
    frame(page)
    assert state_of(page, explorable.handles) == first
    button(page, "undo").click()
    frame(page)
    assert state_of(page, explorable.handles) == begun
    expect(button(page, "undo")).to_be_disabled()
    press()
    button(page, "reset").click()
    frame(page)
    assert state_of(page, explorable.handles) == begun
    button(page, "undo").click()
    frame(page)
    assert state_of(page, explorable.handles) != begun, "a reset can be undone"


@every
def test_a_link_brings_the_state_back(opened: Open, explorable: Kind) -> None:
    host = explorable().to_html()
    page = opened(host, host)
    moved = move_something(page, explorable)
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', { configurable: true,"
        " value: { writeText: async (text) => { window.copied = text } } })"
    )
    button(page, "copy link").click()
    address = page.evaluate("copied")
    fragment = "#" + address.split("#")[1]
    assert address.startswith(page.url.split("#")[0])
    other = opened(host, host, fragment=fragment)
    frame(other)
    assert state_of(other, explorable.handles) == moved
    assert state_of(other, explorable.handles, 1) == state_of(page, explorable.handles, 1)
    expect(other.locator(".u-note").first).to_be_hidden()
    # Without a clipboard the link is there to be copied by hand.
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', { configurable: true,"
        " value: { writeText: () => Promise.reject(new Error('no')) } })"
    )
    button(page, "copy link").click()  # as soon as it no longer says "copied"
    expect(page.get_by_label("Link to this state").first).to_have_value(address)


@every
def test_a_malformed_link_gives_the_default_and_a_quiet_note(
    opened: Open, explorable: Kind
) -> None:
    host = explorable().to_html()
    kind = explorable.kind
    page = opened(host)
    begun = state_of(page, explorable.handles)

    def code(state: Any) -> str:
        return str(
            page.evaluate(
                "s => btoa(s).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')",
                json.dumps(state),
            )
        )

    first = explorable.handles[0]
    for bad in (
        "%%%",
        f"{kind}.1.!!!",
        f"{kind}.1.AAAA",
        f"{kind}.1.{code([1])}",
        f"{kind}.1.{code({'no_such_handle': 1})}",
        f"{kind}.1.{code({first: 'x'})}",
        f"{kind}.1.{code({first: 1e9})}",
        f"{kind}.1.{code({first: None})}",
        f"{kind}.9.{code({})}",
        "no-such-thing.1.e30",
    ):
        page.evaluate("f => { location.hash = f }", f"#unrolled={bad}")
        expect(page.locator(".u-note")).to_contain_text("cannot be read")
        frame(page)
        assert state_of(page, explorable.handles) == begun, bad
        page.evaluate(f"f => {{ {HOST}.say('') }}", bad)
    page.evaluate("f => { location.hash = f }", f"#unrolled={kind}.1.{code({})}")
    frame(page)
    expect(page.locator(".u-note")).to_be_hidden()


@every
def test_locked_controls_stay(opened: Open, explorable: Kind) -> None:
    w = explorable(lock=explorable.handles, challenge="Say why nothing moves.")
    page = opened(w.to_html())
    begun = state_of(page, explorable.handles)
    expect(page.locator(".u-challenge")).to_contain_text("Say why nothing moves.")
    for one in controls(page).all():  # such as the one that chooses the step to be read
        one.focus()
        page.keyboard.press("PageDown")
    for name in explorable.presets:
        page.get_by_role("group", name="Presets").get_by_role(
            "button", name=name, exact=True
        ).click()
    for one in page.locator(".u-panel").all():
        box = box_of(one)
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3, steps=3)
        page.mouse.up()
    frame(page)
    assert state_of(page, explorable.handles) == begun


@every
def test_the_host_says_what_changed(opened: Open, explorable: Kind) -> None:
    """Other scripts read the state from the host element and may set it."""
    page = opened(explorable().to_html())
    begun = state_of(page, explorable.handles)
    page.evaluate(
        f"() => {{ window.heard = 0; {HOST}.on('change', () => {{ window.heard += 1 }}) }}"
    )
    moved = move_something(page, explorable)
    assert page.evaluate("heard") >= 1
    page.evaluate(
        f"state => {{ for (const key in state) {HOST}.set(key, state[key]); {HOST}.save_changes() }}",
        begun,
    )
    frame(page)
    assert state_of(page, explorable.handles) == begun != moved
    stored = page.locator("[data-explorable]").get_attribute("data-state") or "{}"
    assert {key: json.loads(stored)[key] for key in explorable.handles} == begun


# ----------------------------------------------------------------------------- wherever it is read


OVERLAPPING = """() => {
          const seen = [...document.querySelectorAll('.unrolled :is(button, input, output, .u-slider-name, .u-says, .u-hint)')]
            .map(e => [e, e.getBoundingClientRect()]).filter(([, r]) => r.width && r.height);
          const bad = [];
          for (const [a, p] of seen) for (const [b, q] of seen)
            if (a !== b && !a.contains(b) && !b.contains(a) && p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1)
              bad.push(a.className + ' ' + a.textContent + ' | ' + b.className + ' ' + b.textContent);
          return bad;
        }"""


@every
def test_accessible_and_in_its_place(opened: Open, explorable: Kind) -> None:
    """Axe finds nothing, nothing scrolls sideways, no control lies over another."""
    page = opened(explorable().to_html(), theme="light")
    move_something(page, explorable)
    for width in (1280, 390, 320):
        resize(page, width)
        assert violations(page, colours=None if width == 1280 else False) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(OVERLAPPING) == []
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    frame(page)
    assert violations(page, colours=True) == []


@pytest.mark.slow
@every
@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible_in_full(opened: Open, explorable: Kind, theme: str, width: int) -> None:
    page = opened(explorable().to_html(), theme=theme, viewport={"width": width, "height": 1000})
    move_something(page, explorable)
    assert violations(page) == []


def picture(page: Page) -> np.ndarray:
    """The pixels of the canvas, once they stay as they are: a theme takes some frames."""
    drawn, calm = "", 0
    for _ in range(100):
        frame(page)
        now = page.evaluate("document.querySelector('.unrolled canvas').toDataURL()")
        calm = calm + 1 if now == drawn else 0
        drawn = now
        if calm == 5:
            break
    return np.asarray(Image.open(BytesIO(b64decode(drawn.partition(",")[2]))).convert("RGBA"))


def alike(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two pictures are one: corners that are drawn over may differ in their smoothing."""
    different = np.abs(a.astype(int) - b.astype(int)).max(axis=-1) > 16
    return bool(different.mean() < 0.005)


@every
def test_theme_follows_the_page_then_the_system(opened: Open, explorable: Kind) -> None:
    page = opened(explorable().to_html(), color_scheme="dark")
    background = page.locator(".unrolled")
    pictures: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for theme, scheme, dark in [
        (None, "dark", True),
        (None, "light", False),
        ("dark", "light", True),
        ("light", "light", False),
        ("light", "dark", False),
        ("dark", "dark", True),
    ]:
        page.emulate_media(color_scheme=scheme)
        page.evaluate(
            "t => { if (t) document.documentElement.dataset.theme = t }",
            theme,
        )
        expect(background).to_have_css(
            "background-color", "rgb(20, 24, 30)" if dark else "rgb(255, 255, 255)"
        )
        pictures[dark].append(picture(page))
        assert alike(pictures[dark][0], pictures[dark][-1])
    assert not alike(pictures[True][0], pictures[False][0]), "canvases follow, too"
    page = opened(explorable().to_html(), theme="dark", color_scheme="light")
    expect(page.locator(".unrolled")).to_have_css("background-color", "rgb(20, 24, 30)")
    assert alike(picture(page), pictures[True][0]), "from the beginning"


@every
def test_reduced_motion(opened: Open, explorable: Kind) -> None:
    duration = "e => [...e.querySelectorAll('*')].map(x => getComputedStyle(x)).filter(s => s.transitionDuration !== '0s' || s.animationName !== 'none').length"
    page = opened(explorable().to_html(), reduced_motion="reduce")
    assert page.locator(".unrolled").evaluate(duration) == 0
    page = opened(explorable().to_html(), reduced_motion="no-preference")
    assert page.locator(".unrolled").evaluate(duration) > 0


@every
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_jumps_when_it_comes_alive(opened: Open, explorable: Kind, width: int) -> None:
    host = explorable().to_html()
    page = opened(host, host, viewport={"width": width, "height": 2500})
    shift = page.evaluate(
        """() => new Promise(resolve => {
          let sum = 0;
          new PerformanceObserver(list => { for (const e of list.getEntries()) sum += e.value })
            .observe({ type: 'layout-shift', buffered: true });
          setTimeout(() => resolve(sum), 150);
        })"""
    )
    assert shift == 0
    reserved, used = page.evaluate(
        """() => [parseFloat(getComputedStyle(document.querySelector('.unrolled-frame')).minHeight),
                  document.querySelector('.unrolled').offsetHeight]"""
    )
    assert used <= reserved <= used + 60, "the frame keeps the height that is needed, not much more"


@every
def test_without_javascript_and_in_print(opened: Open, explorable: Kind) -> None:
    w = explorable()
    svg, alt = w.picture()
    page = opened(w.to_html(), java_script_enabled=False, script=False)
    image = page.get_by_role("img", name=alt)
    expect(image).to_be_visible()
    size = box_of(image)
    drawn = re.search(r'width="(\d+)" height="(\d+)"', svg)
    assert drawn is not None
    assert (size["width"], size["height"]) == (float(drawn[1]), float(drawn[2]))
    # On paper the picture of the state at the beginning, wherever the live one has got to.
    page = opened(w.to_html())
    move_something(page, explorable)
    page.emulate_media(media="print")
    expect(page.locator("img.unrolled-picture")).to_be_visible()
    expect(page.locator(".unrolled")).to_be_hidden()


@every
def test_malformed_state_keeps_the_picture_and_says_so(opened: Open, explorable: Kind) -> None:
    good = explorable().page_state()

    def host(state: Any) -> str:
        text = html.escape(state if isinstance(state, str) else json.dumps(state))
        return re.sub(
            r'data-state="[^"]*"', lambda _: f'data-state="{text}"', explorable().to_html()
        )

    bad: list[Any] = ["{", "null", "[]", {}, good | {"preset": "no such preset"}]
    for handle in explorable.handles:
        bad += [good | {handle: wrong} for wrong in ("x", None, 1e9, [[]])]
        bad.append({key: value for key, value in good.items() if key != handle})
    hosts = [*map(host, bad), explorable().to_html().replace(explorable.kind, "no-such-thing", 1)]
    page = opened(explorable().to_html(), *hosts)
    notes = page.locator(".unrolled-note")
    expect(notes).to_have_count(len(hosts))
    assert page.locator(".unrolled").count() == 1
    assert page.locator("img.unrolled-picture:visible").count() == len(hosts)


def test_it_follows_the_width(opened: Open) -> None:
    page = opened(LSTMGates().to_html())
    for width in (390, 1280, 500):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(
            "Math.abs(document.querySelector('.u-panel canvas').clientWidth"
            " - Math.min(880, innerWidth - 16)) < 2"
        )
        frame(page)
        bars = box_of(page.get_by_role("slider", name="input gate i, step 7 of 24", exact=True))
        page.mouse.click(bars["x"] + bars["width"] / 2, bars["y"] + bars["height"] / 2)
        frame(page)
        assert state_of(page, ("input",))["input"][6] == pytest.approx(0.5, abs=0.02)


def test_jupyterlab_theme(opened: Open) -> None:
    page = opened(LSTMGates().to_html())
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    expect(page.locator(".unrolled")).to_have_css("background-color", "rgb(20, 24, 30)")
