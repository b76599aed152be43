"""Explorables on a page without a kernel, opened from a folder, in Chromium."""

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from unrolled.explorables import LSTMGates
from unrolled.explorables.explorable import STATIC
from unrolled.explorables.lstm_gates import (
    PRESETS,
    challenge_candidate,
    lstm_trace,
    preset_rows,
    score,
)
from unrolled.explorables.lstm_gates_picture import describe, gradient_text

pytestmark = pytest.mark.browser

ROWS = ("forget", "input", "output", "candidate")
Open = Callable[..., Page]


def html_page(*hosts: str, theme: str | None = None, script: bool = True) -> str:
    bundle = (STATIC / "unrolled-explorables.js").as_uri()
    style = (STATIC / "unrolled-explorables.css").as_uri()
    return (
        f'<!doctype html><html lang="en"{f" data-theme={theme}" if theme else ""}><head>'
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>Host</title><link rel="stylesheet" href="{style}">'
        + (f'<script defer src="{bundle}"></script>' if script else "")
        + "</head><body><main><h1>Host</h1><p>Before.</p>"
        + "".join(hosts)
        + "<p>After.</p></main></body></html>"
    )


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a page with the given hosts; at the end no page may have complained."""
    pages: list[Page] = []
    trouble: list[str] = []

    def open_(*hosts: str, theme: str | None = None, script: bool = True, **options: Any) -> Page:
        path = tmp_path / f"page{len(pages)}.html"
        path.write_text(html_page(*hosts, theme=theme, script=script), encoding="utf-8")
        options.setdefault("viewport", {"width": 1280, "height": 1000})
        page = browser.new_page(**options)
        pages.append(page)
        page.on(
            "console", lambda m: trouble.append(m.text) if m.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("requestfailed", lambda request: trouble.append(f"failed: {request.url}"))
        page.goto(path.as_uri())
        if script:
            page.wait_for_function("document.readyState === 'complete'")
        return page

    yield open_
    for page in pages:
        page.context.close()
    assert trouble == []


def bar(page: Page, row: str, step: int) -> Locator:
    return page.locator(f"[role=slider][data-row={row}][data-step='{step}']").first


def box(page: Page, row: str, step: int) -> dict[str, float]:
    found = bar(page, row, step).bounding_box()
    assert found is not None
    return dict(found)


def at(page: Page, row: str, step: int, share: float) -> tuple[float, float]:
    """The place on a bar's column, `share` of its height from below."""
    b = box(page, row, step)
    return b["x"] + b["width"] / 2, b["y"] + b["height"] * (1 - share)


def frame(page: Page) -> None:
    """Let what is pending be drawn."""
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")


def drag(page: Page, row: str, stops: list[tuple[int, float]]) -> None:
    page.mouse.move(*at(page, row, *stops[0]))
    page.mouse.down()
    for stop in stops[1:]:
        page.mouse.move(*at(page, row, *stop))
    page.mouse.up()
    frame(page)


def values(page: Page, row: str) -> list[float]:
    """What a screen reader is told of a row."""
    sliders = page.locator(f"[role=slider][data-row={row}]")
    return [
        float(v) for v in sliders.evaluate_all("s => s.map(e => e.getAttribute('aria-valuenow'))")
    ]


def rows(page: Page) -> dict[str, list[float]]:
    return {row: values(page, row) for row in ROWS}


def shown(page: Page, step: int) -> dict[str, float]:
    """The numbers of one step, as the picture shows them when the pointer is there."""
    b = box(page, "forget", step)
    page.mouse.move(b["x"] + b["width"] / 2, b["y"] + b["height"] / 2)
    frame(page)
    expect(page.locator(".u-step").first).to_have_text(f"step {step}")
    pairs = (
        page.locator(".u-readout")
        .first.locator("[data-q]")
        .evaluate_all("e => e.map(x => [x.dataset.q, Number(x.dataset.value)])")
    )
    return dict(pairs)


def assert_numbers(page: Page, steps: list[int]) -> None:
    """The picture's numbers are the library's, to 1e-9, for the gates that it shows."""
    state = rows(page)
    trace = lstm_trace(**state)
    for t in steps:
        numbers = shown(page, t)
        for key in ("c", "h", "gradient"):
            assert numbers[key] == pytest.approx(trace[key][t - 1], rel=1e-9, abs=1e-12), (key, t)
        assert numbers["f"] == state["forget"][t - 1]
        assert numbers["c_tilde"] == state["candidate"][t - 1]
    # And the curves are where the numbers say: c on a linear axis, the gradient on a log axis.
    curves = [
        page.locator(f"[data-curve={key}]").first.get_attribute("d") or "" for key in ("c", "h")
    ]
    points = [re.findall(r"[ML]([\d.-]+),([\d.-]+)", d) for d in curves]
    cs = [float(y) for _, y in points[0]][1:]  # from c_0
    hs = [float(y) for _, y in points[1]]
    assert len(cs) == len(hs) == len(state["forget"])
    limit = next(v for v in (1, 2, 5, 10, 20, 50) if max(map(abs, trace["c"])) <= v)
    for key, drawn in (("c", cs), ("h", hs)):
        middle = cs[0] + trace["c"][0] / limit * 54
        expected = [middle - v / limit * 54 for v in trace[key]]
        np.testing.assert_allclose(drawn, expected, atol=0.02)


# ----------------------------------------------------------------------------- the same mathematics


def test_javascript_agrees_with_python_on_random_states(opened: Open) -> None:
    rng = np.random.default_rng(7)
    states = []
    for k in range(1000):
        T = int(rng.integers(21, 60)) if k % 2 else int(rng.integers(1, 21))
        state: dict[str, Any] = {row: rng.uniform(0, 1, T) for row in ROWS[:3]}
        state["candidate"] = rng.uniform(-1, 1, T)
        if k % 5 == 0:  # the corners
            state = {row: np.round(v) for row, v in state.items()}
        states.append({row: v.tolist() for row, v in state.items()} | {"c0": float(rng.normal())})
    page = opened()
    traces, scores = page.evaluate(
        "states => [states.map(Unrolled.lstmTrace),"
        " states.map(s => s.forget.length > 20 ? Unrolled.score(s) : null)]",
        states,
    )
    scored = 0
    for state, trace, got in zip(states, traces, scores, strict=True):
        expected = lstm_trace(**state)
        for key, values_ in expected.items():
            np.testing.assert_allclose(trace[key], values_, rtol=1e-12, atol=1e-15)
        if got is not None:
            scored += 1
            result = score(state["forget"], state["input"], state["output"], state["c0"])
            for part in ("score", "read", "quiet"):
                assert got[part] == pytest.approx(getattr(result, part), rel=1e-12, abs=1e-12)
    assert scored == 500


def test_javascript_has_the_same_presets_and_words(opened: Open) -> None:
    page = opened()
    for T in (1, 2, 7, 24, 60):
        for name in PRESETS:
            assert page.evaluate("([n, T]) => Unrolled.preset(n, T)", [name, T]) == preset_rows(
                name, T
            )
        for bit in (1, -1):
            candidate = page.evaluate("([b, T]) => Unrolled.challengeCandidate(b, T)", [bit, T])
            assert candidate == challenge_candidate(bit, T)
    for name in PRESETS:
        w = LSTMGates(name)
        state = {**w.state(), "challenge": True}
        words = page.evaluate(
            "s => Unrolled.describe(s, Unrolled.lstmTrace(s), Unrolled.score(s))", state
        )
        assert words == describe(w.forget, w.trace, w.score())
    numbers = [0, 1, -1, 0.9999, 0.5, 0.01, 0.0052, 3e-12, 12.34, -250, 5e-324]
    assert page.evaluate("n => n.map(Unrolled.gradientText)", numbers) == [
        gradient_text(v) for v in numbers
    ]


# ----------------------------------------------------------------------------- it is alive


@pytest.mark.parametrize("name", PRESETS)
def test_it_draws_its_state(opened: Open, name: str) -> None:
    page = opened(LSTMGates(name).to_html())
    assert rows(page) == preset_rows(name, 24)
    assert page.locator("img").count() == 0, "the static picture has made way"
    expect(page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    assert_numbers(page, [1, 12, 13, 24])
    zeros = page.locator(".u-zero.u-on")
    expect(zeros).to_have_count(12 if name in ("forget", "overwrite") else 0)


def test_drag_changes_c_and_the_gradient(opened: Open) -> None:
    page = opened(LSTMGates().to_html())
    before = shown(page, 20)
    drag(page, "forget", [(6, 0.9), (12, 0.4), (15, 0.6)])
    drag(page, "candidate", [(1, 0.25)])
    drag(page, "output", [(18, 0.5), (24, 0.1)])
    drag(page, "input", [(8, 0.5), (9, 0.7)])
    after = shown(page, 20)
    assert after["c"] != before["c"]
    assert after["h"] != before["h"]
    assert shown(page, 3)["gradient"] < 0.5
    assert_numbers(page, [1, 3, 6, 9, 12, 15, 18, 20, 24])
    assert page.locator("[aria-pressed=true]").count() == 0, "no preset any more"


def test_a_fast_stroke_paints_every_column_it_passes(opened: Open) -> None:
    page = opened(LSTMGates().to_html())
    drag(page, "input", [(2, 0.2), (22, 0.8)])
    painted = values(page, "input")
    assert painted[1:22] == pytest.approx(np.linspace(0.2, 0.8, 21), abs=0.02)
    assert painted[22:] == [0.0, 0.0]
    # Backwards, beyond the edges: values stay on the scale and the ends are reached.
    page.mouse.move(*at(page, "input", 20, 0.5))
    page.mouse.down()
    page.mouse.move(2, 2)
    page.mouse.up()
    frame(page)
    assert values(page, "input")[0] == 1.0
    assert values(page, "forget") == [1.0] * 24, "only the row on which the stroke began"


def test_painting_stops_when_the_pointer_lifts_or_is_lost(opened: Open) -> None:
    page = opened(LSTMGates().to_html())
    drag(page, "forget", [(3, 0.5)])
    page.mouse.move(*at(page, "forget", 9, 0.2))
    frame(page)
    assert values(page, "forget")[8] == 1.0
    page.mouse.move(*at(page, "forget", 9, 0.5))
    page.mouse.click(*at(page, "forget", 9, 0.5), button="right")
    frame(page)
    assert values(page, "forget")[8] == 1.0, "only the main button paints"


def test_keyboard(opened: Open) -> None:
    page = opened(LSTMGates().to_html())
    stops = page.locator("[role=slider][tabindex='0']")
    expect(stops).to_have_count(4)
    bar(page, "forget", 1).focus()
    for key, step, value in [
        ("ArrowRight", 2, 1.0),
        ("ArrowRight", 3, 1.0),
        ("ArrowDown", 3, 0.95),
        ("PageDown", 3, 0.7),
        ("ArrowUp", 3, 0.75),
        ("Home", 3, 0.0),
        ("ArrowDown", 3, 0.0),
        ("PageUp", 3, 0.25),
        ("End", 3, 1.0),
        ("ArrowLeft", 2, 1.0),
        ("ArrowLeft", 1, 1.0),
        ("ArrowLeft", 1, 1.0),
    ]:
        page.keyboard.press(key)
        frame(page)
        focused = page.evaluate(
            "[document.activeElement.dataset.row, document.activeElement.dataset.step]"
        )
        assert focused == ["forget", str(step)]
        assert values(page, "forget")[step - 1] == pytest.approx(value), key
    expect(stops).to_have_count(4)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.row") == "input"
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    frame(page)
    assert values(page, "candidate")[0] == -1.0
    expect(bar(page, "candidate", 1)).to_have_attribute("aria-valuetext", "−1.00")
    expect(page.locator(".u-step")).to_have_text("step 1")
    ring = bar(page, "candidate", 1).locator("rect").first
    assert ring.evaluate("e => getComputedStyle(e).strokeWidth") == "2.5px"
    assert_numbers(page, [1, 2, 24])


def test_screen_reader_is_told(opened: Open) -> None:
    page = opened(LSTMGates().to_html())
    slider = page.get_by_role("slider", name="forget gate f, step 3 of 24", exact=True)
    for name, value in {
        "valuemin": "0",
        "valuemax": "1",
        "valuenow": "1",
        "valuetext": "1.00",
    }.items():
        expect(slider).to_have_attribute(f"aria-{name}", value)
    expect(page.get_by_role("slider")).to_have_count(96)
    live = page.locator("[aria-live=polite]")
    expect(live).to_contain_text("undiminished")
    drag(page, "forget", [(9, 0.0)])
    expect(live).to_contain_text("The forget gate is 0 at step 9")
    # Moving about is not announced.
    text = live.text_content()
    shown(page, 4)
    page.wait_for_timeout(700)
    assert live.text_content() == text


def test_touch_paints_bars_and_scrolls_elsewhere(opened: Open) -> None:
    page = opened(
        LSTMGates().to_html(),
        "<div style='height: 2000px'></div>",
        viewport={"width": 390, "height": 700},
        has_touch=True,
        is_mobile=True,
    )
    session = page.context.new_cdp_session(page)

    def swipe(start: tuple[float, float], end: tuple[float, float], rest: int = 0) -> None:
        def send(kind: str, *points: tuple[float, float]) -> None:
            touches = [{"x": x, "y": y} for x, y in points]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

        send("touchStart", start)
        page.wait_for_timeout(rest)
        for k in range(1, 9):
            share = k / 8
            send("touchMove", tuple(a + (b - a) * share for a, b in zip(start, end, strict=True)))  # type: ignore[arg-type]
        send("touchEnd")
        frame(page)

    swipe(at(page, "forget", 2, 0.9), at(page, "forget", 20, 0.1))
    painted = values(page, "forget")
    assert painted[1:20] == pytest.approx(np.linspace(0.9, 0.1, 19), abs=0.05)
    assert page.evaluate("scrollY") == 0
    expect(page.locator(".u-step")).to_have_text("step 20")
    # On bars a finger that rests first paints up and down as well; a quick swipe scrolls the page
    # and leaves no paint behind.
    swipe(at(page, "output", 9, 0.9), at(page, "output", 9, 0.2), rest=300)
    assert values(page, "output")[8] == pytest.approx(0.2, abs=0.05)
    assert page.evaluate("scrollY") == 0
    drawn = rows(page)
    x, y = at(page, "output", 15, 0.5)
    swipe((x, y), (x, y - 250))
    page.wait_for_function("scrollY > 50")
    assert rows(page) == drawn
    page.evaluate("scrollTo(0, 0)")
    # A finger on the curves scrolls the page.
    curves = page.locator("[data-curve=h]").bounding_box()
    assert curves is not None
    swipe((200, curves["y"]), (200, curves["y"] - 300))
    page.wait_for_function("scrollY > 50")
    assert values(page, "forget") == painted


def test_presets_and_reset(opened: Open) -> None:
    w = LSTMGates(forget=[0.5] * 24, candidate=[0.1] * 24)
    page = opened(w.to_html())
    for name in PRESETS:
        page.get_by_role("button", name=name).click()
        frame(page)
        assert rows(page) == preset_rows(name, 24)
        expect(page.locator("[aria-pressed=true]")).to_have_text(name)
    drag(page, "output", [(1, 0.5), (24, 0.5)])
    page.get_by_role("button", name="reset").click()
    frame(page)
    assert rows(page) == {row: getattr(w, row) for row in ROWS}
    expect(page.locator("[aria-pressed=true]")).to_have_count(0)


def test_challenge_by_hand(opened: Open) -> None:
    page = opened(LSTMGates("remember").to_html())
    expect(page.locator(".u-challenge")).to_be_hidden()
    page.get_by_role("button", name="challenge").click()
    frame(page)
    assert values(page, "candidate") == challenge_candidate(1, 24)
    expect(bar(page, "candidate", 1)).to_have_attribute("aria-disabled", "true")
    drag(page, "candidate", [(2, 0.1), (9, 0.9)])
    bar(page, "candidate", 3).focus()
    page.keyboard.press("Home")
    frame(page)
    assert values(page, "candidate") == challenge_candidate(1, 24), "it is locked"

    def scored() -> float:
        state = rows(page)
        expected = score(state["forget"], state["input"], state["output"])
        number = page.locator(".u-score")
        assert float(number.get_attribute("data-value") or "nan") == pytest.approx(expected.score)
        assert number.text_content() == str(math.floor(expected.score))
        return expected.score

    assert scored() < 1
    drag(page, "output", [(1, 0.0), (10, 0.0)])
    assert 10 < scored() < 90
    drag(page, "output", [(10, 0.1), (10, -0.2), (20, -0.2)])
    assert scored() >= 99
    expect(page.locator("[aria-live=polite]")).to_contain_text(
        f"Score {math.floor(scored())} of 100"
    )
    page.get_by_role("button", name="challenge").click()
    frame(page)
    assert values(page, "candidate") == preset_rows("remember", 24)["candidate"]


def test_challenge_from_python(opened: Open) -> None:
    page = opened(LSTMGates("leak", challenge=True).to_html(), LSTMGates(T=20).to_html())
    expect(page.locator(".u-challenge").first).to_be_visible()
    expect(page.get_by_role("button", name="challenge")).to_have_count(1)


def test_tiny_gradients_are_not_zeros(opened: Open) -> None:
    page = opened(LSTMGates(forget=[0.1] * 24).to_html())
    expect(page.locator(".u-zero.u-on")).to_have_count(0)
    d = page.locator("[data-curve=below]").get_attribute("d") or ""
    assert d.count("M") == 15, "10^-9 to 10^-23 lie below the axis"
    assert shown(page, 1)["gradient"] == pytest.approx(1e-23, rel=1e-9)
    expect(page.locator("[data-q=gradient]")).to_have_text("1.0×10⁻²³")


def test_own_python_draws_and_the_page_says_that_it_is_still(opened: Open) -> None:
    w = LSTMGates(update=lambda f, i, g, o, c: (0.5 * f * c + i * g, o * c))
    page = opened(w.to_html())
    expect(page.locator(".u-note")).to_contain_text("moves only where Python runs")
    numbers = shown(page, 5)
    assert numbers["c"] == w.trace["c"][4]
    assert numbers["gradient"] == pytest.approx(0.5**19)
    drag(page, "forget", [(1, 0.2), (9, 0.9)])
    assert values(page, "forget") == w.forget
    expect(page.get_by_role("button", name="leak")).to_be_disabled()


# ----------------------------------------------------------------------------- wherever it is read


@pytest.mark.parametrize("width", [320, 390, 700, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible_and_in_its_place(opened: Open, theme: str, width: int) -> None:
    """Axe finds nothing, nothing scrolls sideways, no two labels overlap."""
    page = opened(
        LSTMGates("overwrite").to_html(),
        LSTMGates("leak", challenge=True).to_html(),
        theme=theme,
        viewport={"width": width, "height": 1000},
    )
    # The host page of this test has no style of its own for the dark theme.
    page.add_style_tag(content="html[data-theme=dark] body { background: #14181e; color: #eee }")
    shown(page, 13)
    # Without preloading: axe would fetch the style sheet anew, which a page in a folder may not.
    options = {"rules": {"target-size": {"enabled": True}}, "preload": False}
    report = Axe().run(page, options=options)
    assert report.response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    overlapping = page.evaluate(
        """() => {
          const seen = [...document.querySelectorAll('.u-drawing text')]
            .filter(e => e.textContent && getComputedStyle(e).display !== 'none' && !e.closest('.u-time') && !e.matches('.u-cursor-label, .u-zero'))
            .map(e => [e, e.getBoundingClientRect()]).filter(([, r]) => r.width);
          const bad = [];
          for (const [a, p] of seen) for (const [b, q] of seen)
            if (a !== b && p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 7 && q.top < p.bottom - 7)
              bad.push(a.textContent + ' | ' + b.textContent);
          return bad;
        }"""
    )
    assert overlapping == []


def contrast(page: Page, selector: str, property_: str) -> float:
    """Contrast of a drawn colour against the background of the explorable."""
    colours = page.evaluate(
        """([s, p]) => [getComputedStyle(document.querySelector(s))[p],
                        getComputedStyle(document.querySelector('.unrolled')).backgroundColor]""",
        [selector, property_],
    )

    def luminance(colour: str) -> float:
        channels = [int(v) / 255 for v in re.findall(r"\d+", colour)[:3]]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    a, b = sorted(map(luminance, colours))
    return (b + 0.05) / (a + 0.05)


@pytest.mark.parametrize(
    ("theme", "scheme", "dark"),
    [
        ("light", "dark", False),
        ("dark", "light", True),
        (None, "dark", True),
        (None, "light", False),
    ],
)
def test_theme_follows_the_page_then_the_system(
    opened: Open, theme: str | None, scheme: str, dark: bool
) -> None:
    page = opened(LSTMGates("forget").to_html(), theme=theme, color_scheme=scheme)
    background = page.locator(".unrolled").evaluate("e => getComputedStyle(e).backgroundColor")
    assert (background == "rgb(20, 24, 30)") is dark
    for row in ("f", "i", "o", "c-tilde"):
        assert contrast(page, f".u-row.u-c-{row} .u-fill", "fill") >= 4.5
        assert contrast(page, f".u-row.u-c-{row} .u-math", "fill") >= 4.5
    for letter in ("c", "h", "gradient"):
        assert contrast(page, f".u-curve.u-c-{letter}", "stroke") >= 4.5
    assert contrast(page, ".u-role", "fill") >= 4.5
    other = "light" if dark else "dark"
    page.evaluate("t => { document.documentElement.dataset.theme = t }", other)
    switched = page.locator(".unrolled").evaluate("e => getComputedStyle(e).backgroundColor")
    assert switched != background, "the page's toggle has an effect at once"


def test_jupyterlab_theme(opened: Open) -> None:
    page = opened(LSTMGates().to_html())
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    background = page.locator(".unrolled").evaluate("e => getComputedStyle(e).backgroundColor")
    assert background == "rgb(20, 24, 30)"


def test_reduced_motion(opened: Open) -> None:
    duration = "e => getComputedStyle(e).transitionDuration"
    for preference, still in (("reduce", True), ("no-preference", False)):
        page = opened(LSTMGates().to_html(), reduced_motion=preference)
        for part in (".u-button", ".u-meter-fill"):
            assert (page.locator(part).first.evaluate(duration) == "0s") is still


@pytest.mark.parametrize("width", [320, 390, 600, 700, 900, 1280])
def test_nothing_jumps_when_it_comes_alive(opened: Open, width: int) -> None:
    host = LSTMGates().to_html()
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


def test_it_follows_the_width(opened: Open) -> None:
    page = opened(LSTMGates().to_html())
    drag(page, "forget", [(5, 0.5)])
    for width in (390, 1280, 500):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(
            "Math.abs(document.querySelector('.u-drawing').clientWidth"
            " - Math.min(880, innerWidth - 16)) < 2"
        )
        frame(page)
        assert values(page, "forget")[4] == pytest.approx(0.5, abs=0.02)
        drag(page, "input", [(7, 0.5)])
        assert values(page, "input")[6] == pytest.approx(0.5, abs=0.02)


def test_without_javascript_and_in_print(opened: Open) -> None:
    w = LSTMGates("leak")
    page = opened(w.to_html(), java_script_enabled=False, script=False)
    image = page.get_by_role("img", name=w.picture()[1])
    expect(image).to_be_visible()
    size = image.bounding_box()
    assert size is not None
    drawn = re.search(r'width="(\d+)" height="(\d+)"', w.picture()[0])
    assert drawn is not None
    assert (size["width"], size["height"]) == (float(drawn[1]), float(drawn[2]))
    page.emulate_media(media="print")
    expect(image).to_be_visible()


def test_malformed_state_keeps_the_picture_and_says_so(opened: Open) -> None:
    good = LSTMGates().to_html()
    wrong = [
        good.replace('data-state="', 'data-state="{', 1),
        good.replace("1.0", "7.0", 1),
        good.replace("&quot;c0&quot;:0.0", "&quot;c0&quot;:null", 1),
        good.replace("lstm-gates", "no-such-thing", 1),
    ]
    page = opened(*wrong)
    expect(page.locator(".unrolled-note")).to_have_count(4)
    expect(page.locator("img.unrolled-picture")).to_have_count(4)
    expect(page.locator("[role=slider]")).to_have_count(0)


# ----------------------------------------------------------------------------- rough handling


def test_random_operations(opened: Open) -> None:
    """Some hundred operations of a careless hand: numbers stay numbers, values in bounds."""
    rng = np.random.default_rng(11)
    page = opened(LSTMGates().to_html(), LSTMGates("leak", challenge=True).to_html())
    keys = ["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End", "ArrowLeft", "ArrowRight"]
    buttons = page.locator("button:not(:disabled)")
    sliders = page.locator("[role=slider]")
    for k in range(300):
        kind = int(rng.integers(6))
        if kind <= 1:
            start, *stops = rng.uniform([-40, -40], [1320, 1600], size=(4, 2)).tolist()
            page.mouse.move(*start)
            page.mouse.down()
            for stop in stops:
                page.mouse.move(*stop)
            page.mouse.up()
        elif kind == 2:
            sliders.nth(int(rng.integers(192))).focus()
            for _ in range(8):
                page.keyboard.press(keys[int(rng.integers(len(keys)))])
        elif kind == 3:
            buttons.nth(int(rng.integers(buttons.count()))).evaluate("b => b.click()")
        elif kind == 4:
            page.evaluate(
                "t => { document.documentElement.dataset.theme = t }", ["light", "dark"][k % 2]
            )
        else:
            width = int(rng.integers(300, 1300))
            page.set_viewport_size({"width": width, "height": 900})
    frame(page)
    content = page.content()
    assert not re.search(r"\b(NaN|Infinity|undefined)\b", content)
    for host in range(2):
        for row in ROWS:
            found = (
                page.locator("[data-explorable]")
                .nth(host)
                .locator(f"[data-row={row}][role=slider]")
            )
            numbers = [
                float(v)
                for v in found.evaluate_all("s => s.map(e => e.getAttribute('aria-valuenow'))")
            ]
            assert len(numbers) == 24
            assert all((-1 if row == "candidate" else 0) <= v <= 1 for v in numbers)


def test_mounting_and_unmounting_leaves_nothing(opened: Open) -> None:
    page = opened(LSTMGates().to_html())
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def counts() -> tuple[int, int]:
        session.send("HeapProfiler.collectGarbage")
        metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
        return int(metrics["Nodes"]), int(metrics["JSEventListeners"])

    def cycle(times: int) -> None:
        page.evaluate(
            """async times => {
              const host = document.querySelector('[data-explorable]');
              for (let k = 0; k < times; k++) {
                Unrolled.mount(host)();  // the first time: what was mounted when the page loaded
                const unmount = Unrolled.mount(host);
                await new Promise(requestAnimationFrame);
                unmount();
              }
              await new Promise(requestAnimationFrame);
            }""",
            times,
        )

    assert counts()[1] > 5, "it listens while it is alive"
    cycle(5)
    assert page.locator("img.unrolled-picture").count() == 1, "the static picture is back"
    nodes, listeners = counts()
    cycle(60)
    after_nodes, after_listeners = counts()
    assert after_listeners <= listeners
    assert after_nodes <= nodes + 50, (nodes, after_nodes)


def test_the_host_says_what_changed(opened: Open) -> None:
    """Other scripts read the state from the host element and may set it."""
    page = opened(LSTMGates().to_html())
    page.evaluate(
        """() => {
          const model = document.querySelector('[data-explorable]').explorable;
          window.heard = 0;
          model.on('change:forget', () => { window.heard += 1 });
        }"""
    )
    drag(page, "forget", [(3, 0.5), (4, 0.5)])
    state = page.evaluate("document.querySelector('[data-explorable]').explorable.get('forget')")
    assert state == values(page, "forget")
    assert page.evaluate("heard") >= 1
    page.evaluate(
        "document.querySelector('[data-explorable]').explorable.set('forget', Array(24).fill(0.5))"
    )
    frame(page)
    assert values(page, "forget") == [0.5] * 24
    assert (
        json.loads(page.locator("[data-explorable]").get_attribute("data-state") or "{}")["forget"]
        == [1.0] * 24
    )
