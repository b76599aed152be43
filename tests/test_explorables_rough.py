"""Every explorable under a careless hand, and taken away and put back many times."""

import json
import re

import numpy as np
import pytest
from explorable_pages import ALL, Open, resize, state_of
from playwright.sync_api import expect

from unrolled.explorables import Explorable

pytestmark = pytest.mark.browser

every = pytest.mark.parametrize("explorable", ALL, ids=lambda one: one.kind)
Kind = type[Explorable]

KEYS = ["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End", "ArrowLeft", "ArrowRight"]
NONSENSE = ["", "-", "1e999", "NaN", "Infinity", "−0", "1,5", "0x10", "drop table", "9" * 400, "١"]


@every
@pytest.mark.parametrize("operations", [50, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_careless_hand(opened: Open, explorable: Kind, operations: int) -> None:
    """On ten of a kind: no complaint, numbers stay numbers, values in bounds, no sideways scroll."""
    rng = np.random.default_rng(11)
    host = explorable().to_html()
    page = opened(*[host] * 10, viewport={"width": 900, "height": 900})
    page.evaluate(
        """() => {
          window.pick = (selector, k) => { const all = document.querySelectorAll(selector); return all[k % all.length]; };
          window.scrollTo(0, 0);
        }"""
    )
    fragment = "#unrolled=" + explorable.kind + ".1."
    for _ in range(operations):
        kind = int(rng.integers(20))
        one = int(rng.integers(1 << 20))
        if kind < 8:  # drags, beyond the edges as well; from something that can be dragged
            if kind < 6:
                page.evaluate(
                    "k => pick('.unrolled :is(.u-panel, .u-columns, input[type=range])', k).scrollIntoView({ block: 'center' })",
                    one,
                )
            start, *stops = rng.uniform([-40, -40], [940, 940], size=(3, 2)).tolist()
            if kind < 6:
                start = [float(rng.uniform(0, 880)), float(rng.uniform(380, 520))]
            page.mouse.move(*start)
            page.mouse.down()
            for stop in stops:
                page.mouse.move(*stop)
            page.mouse.up()
        elif kind < 12:  # keys, held
            page.evaluate(
                "k => pick('.unrolled :is([role=slider], input)', k)?.focus({ preventScroll: true })",
                one,
            )
            key = KEYS[int(rng.integers(len(KEYS)))]
            for _ in range(int(rng.integers(1, 6))):
                page.keyboard.down(key)
            page.keyboard.up(key)
        elif kind < 15:  # buttons in haste
            page.evaluate(
                "k => { for (let n = 0; n < 3; n++) pick('.unrolled button:enabled', k + n).click() }",
                one,
            )
        elif kind < 17:  # nonsense where a number belongs
            page.evaluate(
                """([k, text]) => {
                  const field = pick('.unrolled [role=spinbutton]:enabled', k);
                  if (!field) return;
                  field.focus({ preventScroll: true });
                  field.value = text;
                  field.dispatchEvent(new InputEvent('input', { bubbles: true }));
                  if (k % 2) field.blur();
                }""",
                [one, NONSENSE[one % len(NONSENSE)]],
            )
        elif kind == 17:
            page.evaluate(
                "t => { document.documentElement.dataset.theme = t }", ["light", "dark"][one % 2]
            )
        elif kind == 18 and one % 3 == 0:
            width = int(rng.integers(300, 1300))
            page.set_viewport_size({"width": width, "height": 900})
        else:
            page.evaluate(
                "f => { location.hash = f }", fragment + ["e30", "AA", "%", "W10"][one % 4]
            )
    for width in (390, 900):
        resize(page, width, 900)
        wide = page.evaluate(
            """width => [...document.querySelectorAll('main *')]
              .filter((e) => e.getBoundingClientRect().right > width + 0.5)
              .map((e) => `${e.tagName}.${e.className}: ${e.textContent.slice(0, 80)}`)""",
            width,
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width, wide[:9]
    assert not re.search(r"\b(NaN|Infinity|undefined)\b", page.content())
    for number in range(10):
        state = state_of(page, explorable.handles, number)
        json.dumps(state, allow_nan=False)
        explorable().set_state(state)  # within bounds, or this raises
        results = page.evaluate(
            "k => JSON.stringify(document.querySelectorAll('[data-explorable]')[k].explorable.results(),"
            " (key, v) => typeof v === 'number' && !Number.isFinite(v) ? 'not finite' : v)",
            number,
        )
        assert "not finite" not in results


@every
@pytest.mark.parametrize("times", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_mounting_and_unmounting_leaves_nothing(opened: Open, explorable: Kind, times: int) -> None:
    page = opened(explorable().to_html())
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
    expect(page.locator("img.unrolled-picture")).to_be_visible()
    nodes, heard = counts()
    cycle(times)
    after_nodes, after_heard = counts()
    assert after_heard <= heard
    assert after_nodes <= nodes + times / 2, (nodes, after_nodes)
