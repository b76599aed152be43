"""LSTMGates on a page without a kernel, opened from a folder, in Chromium: painting the gates."""

import math
from typing import Any

import numpy as np
import pytest
from explorable_pages import Open, box_of, frame, inked, scrolled, swipe
from playwright.sync_api import Locator, Page, expect

from unrolled.explorables import LSTMGates
from unrolled.explorables.lstm_gates import (
    PRESETS,
    challenge_candidate,
    lstm_trace,
    preset_rows,
    score,
)
from unrolled.explorables.lstm_gates_picture import describe
from unrolled.explorables.picture import gradient_text

pytestmark = pytest.mark.browser

ROWS = ("forget", "input", "output", "candidate")


def bar(page: Page, row: str, step: int) -> Locator:
    return page.locator(f"[role=slider][data-row={row}][data-step='{step}']").first


def box(page: Page, row: str, step: int) -> dict[str, float]:
    return box_of(bar(page, row, step))


def at(page: Page, row: str, step: int, share: float) -> tuple[float, float]:
    """The place on a bar's column, `share` of its height from below."""
    b = box(page, row, step)
    return b["x"] + b["width"] / 2, b["y"] + b["height"] * (1 - share)


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


def pressed(page: Page) -> Locator:
    """The preset that the gates are, if any."""
    return page.get_by_role("group", name="Presets").locator("[aria-pressed=true]")


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
    # And the marks are where the numbers say: states on a linear axis, the gradient on a log axis.
    limit = next(v for v in (1, 2, 5, 10, 20, 50) if max(map(abs, trace["c"])) <= v)
    for t in steps:
        x = box(page, "forget", t)["x"] + box(page, "forget", t)["width"] / 2
        h = 66 - trace["h"][t - 1] / limit * 50
        assert inked(page, "states", x, h, "h"), ("h", t)
        c = 66 - trace["c"][t - 1] / limit * 50
        assert inked(page, "states", x, c, "c") or abs(h - c) < 3, ("c", t)
        assert not inked(page, "states", x, 4, "c")
        g = trace["gradient"][t - 1]
        if g >= 1e-8:
            assert inked(page, "gradient", x, 103 + (math.log10(g) + 8) * -95 / 8, "gradient"), (
                "gradient",
                t,
            )


# ----------------------------------------------------------------------------- the same mathematics


def test_javascript_agrees_with_python_on_random_states(in_javascript: Any) -> None:
    rng = np.random.default_rng(7)
    states = []
    for k in range(1000):
        T = int(rng.integers(21, 60)) if k % 2 else int(rng.integers(1, 21))
        state: dict[str, Any] = {row: rng.uniform(0, 1, T) for row in ROWS[:3]}
        state["candidate"] = rng.uniform(-1, 1, T)
        if k % 5 == 0:  # the corners
            state = {row: np.round(v) for row, v in state.items()}
        states.append({row: v.tolist() for row, v in state.items()} | {"c0": float(rng.normal())})
    traces, scores = in_javascript(
        "lstm-gates/math.js",
        "(m, states) => [states.map(m.lstmTrace),"
        " states.map(s => s.forget.length > 20 ? m.score(s) : null)]",
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


def test_javascript_has_the_same_presets_and_words(in_javascript: Any) -> None:
    def call(function: str, argument: Any) -> Any:
        return in_javascript("lstm-gates/math.js", function, argument)

    for T in (1, 2, 7, 24, 60):
        for name in PRESETS:
            assert call("(m, [n, T]) => m.preset(n, T)", [name, T]) == preset_rows(name, T)
        for bit in (1, -1):
            candidate = call("(m, [b, T]) => m.challengeCandidate(b, T)", [bit, T])
            assert candidate == challenge_candidate(bit, T)
    for name in PRESETS:
        w = LSTMGates(name)
        state = {**w.state(), "challenge": True}
        words = call("(m, s) => m.describe(s, m.lstmTrace(s), m.score(s))", state)
        assert words == describe(w.forget, w.trace, w.score())
    numbers = [0, 1, -1, 0.9999, 0.5, 0.01, 0.0052, 3e-12, 12.34, -250, 5e-324]
    words = in_javascript("kit/words.js", "(m, n) => n.map(m.gradientText)", numbers)
    assert words == [gradient_text(v) for v in numbers]


# ----------------------------------------------------------------------------- it is alive


@pytest.mark.parametrize("name", PRESETS)
def test_it_draws_its_state(opened: Open, name: str) -> None:
    page = opened(LSTMGates(name).to_html())
    assert rows(page) == preset_rows(name, 24)
    expect(page.locator("img")).to_be_hidden()
    expect(page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    assert_numbers(page, [1, 12, 13, 24])
    for t in range(1, 25):
        x = box(page, "forget", t)["x"] + box(page, "forget", t)["width"] / 2
        zero = name in ("forget", "overwrite") and t <= 12
        assert inked(page, "gradient", x - 3, 116, "gradient") is zero, (
            "an exact 0 has a band of its own"
        )


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
    assert pressed(page).count() == 0, "no preset any more"


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
    style = bar(page, "candidate", 1).evaluate(
        "e => { const s = getComputedStyle(e); return [s.outlineStyle, parseFloat(s.outlineWidth)]; }"
    )
    assert style[0] == "solid"
    assert style[1] >= 2
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
    swipe(page, at(page, "forget", 2, 0.9), at(page, "forget", 20, 0.1))
    painted = values(page, "forget")
    assert painted[1:20] == pytest.approx(np.linspace(0.9, 0.1, 19), abs=0.05)
    assert page.evaluate("scrollY") == 0
    expect(page.locator(".u-step")).to_have_text("step 20")
    # On bars a finger that rests first paints up and down as well; a quick swipe scrolls the page
    # and leaves no paint behind.
    swipe(page, at(page, "output", 9, 0.9), at(page, "output", 9, 0.2), rest=300)
    assert values(page, "output")[8] == pytest.approx(0.2, abs=0.05)
    assert page.evaluate("scrollY") == 0
    drawn = rows(page)
    x, y = at(page, "output", 15, 0.5)
    swipe(page, (x, y), (x, y - 250))
    scrolled(page, 50)
    assert rows(page) == drawn
    page.evaluate("scrollTo(0, 0)")
    # A finger on the curves scrolls the page.
    curves = page.locator("[data-panel=states]").bounding_box()
    assert curves is not None
    swipe(page, (200, curves["y"]), (200, curves["y"] - 300))
    scrolled(page, 50)
    assert values(page, "forget") == painted


def test_presets_and_reset(opened: Open) -> None:
    w = LSTMGates(forget=[0.5] * 24, candidate=[0.1] * 24)
    page = opened(w.to_html())
    for name in PRESETS:
        page.get_by_role("button", name=name).click()
        frame(page)
        assert rows(page) == preset_rows(name, 24)
        expect(pressed(page)).to_have_text(name)
    drag(page, "output", [(1, 0.5), (24, 0.5)])
    page.get_by_role("button", name="reset").click()
    frame(page)
    assert rows(page) == {row: getattr(w, row) for row in ROWS}
    expect(pressed(page)).to_have_count(0)


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
    for t in range(1, 25):
        x = box(page, "forget", t)["x"] + box(page, "forget", t)["width"] / 2
        assert not inked(page, "gradient", x - 3, 116, "gradient"), "tiny is not 0"
        # 10^-9 to 10^-23 lie below the axis: a triangle on its edge, its tip below the edge.
        if t != 16:  # 10^-8 is the edge itself
            assert inked(page, "gradient", x, 103 + 2.5, "gradient") is (t < 16)
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
