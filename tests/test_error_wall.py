"""ErrorWall: numbers against the library, JavaScript against Python, the picture in Chromium."""

import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from explorable_pages import WIDTHS, box_of, frame, scrolled, swipe, violations_at
from playwright.sync_api import Page, expect

from unrolled import backward, unroll
from unrolled.cells import rnn
from unrolled.explorables import error_wall
from unrolled.explorables.error_wall import (
    CLIPS,
    LEVELS,
    PRESETS,
    RANGES,
    TARGET,
    X_0,
    ErrorWall,
    T,
    contours,
    descend,
    loss,
    loss_and_gradient,
    on_map,
    step,
    step_backward,
)
from unrolled.explorables.error_wall_picture import describe
from unrolled.gradcheck import gradcheck

NAN = float("nan")
HANDLES = ("w", "b", "clip", "threshold", "learning_rate", "updates")
InJS = Callable[[str, str, Any], Any]
Open = Callable[..., Page]


def wall(w: float) -> float:
    """The b at which x_0 is the unstable fixed point."""
    return X_0 - w / (1 + math.exp(-X_0))


def random_states(seed: int, n: int, updates: int = 40) -> list[dict[str, Any]]:
    """Start points all over the map, a fifth of them beside the wall; all kinds of descent."""
    rng = np.random.default_rng(seed)
    states = []
    for k in range(n):
        w, b = (float(rng.uniform(*RANGES[name])) for name in ("w", "b"))
        if k % 5 == 0:
            b = max(RANGES["b"][0], wall(w) + float(rng.normal(scale=0.05)))
        rates = {
            name: float(np.exp(rng.uniform(*np.log(RANGES[name]))))
            for name in ("threshold", "learning_rate")
        }
        states.append(
            {"w": w, "b": b, "clip": CLIPS[k % 3], "updates": int(rng.integers(updates + 1))}
            | {name: min(rate, RANGES[name][1]) for name, rate in rates.items()}
        )
    return states


# ------------------------------------------------------------------------------- what is computed


def test_gradient_is_that_of_the_librarys_recurrent_cell() -> None:
    """In u = tanh(x / 2) the unit is the library's: u ← tanh(w/4 u + w/4 + b/2)."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        w, b = (float(rng.uniform(*RANGES[name])) for name in ("w", "b"))
        p = rnn.Params(np.zeros((1, 1)), np.full((1, 1), w / 4), np.full((1, 1), w / 4 + b / 2))
        s0 = rnn.State(np.full((1, 1), math.tanh(X_0 / 2)))
        states, caches = unroll(rnn, p, s0, np.zeros((T, 1, 1)))
        y = (1 + float(states.h[-1, 0, 0])) / 2
        dstates = np.zeros((T, 1, 1))
        dstates[-1] = y - TARGET  # dE/du, as dy/du is one half
        grads = backward(rnn, p, caches, rnn.State(dstates)).p
        got = loss_and_gradient(w, b)
        assert got.loss == pytest.approx((y - TARGET) ** 2, rel=1e-9, abs=1e-15)
        d_h, d_b = float(grads.W_h[0, 0]), float(grads.b[0, 0])
        assert got.d_w == pytest.approx(d_h / 4 + d_b / 4, rel=1e-7, abs=1e-12)
        assert got.d_b == pytest.approx(d_b / 2, rel=1e-7, abs=1e-12)
        assert loss(w, b) == got.loss


def test_gradient_agrees_with_central_differences() -> None:
    rng = np.random.default_rng(1)
    checked = 0
    while checked < 60:
        theta = np.array([rng.uniform(*RANGES["w"]), rng.uniform(*RANGES["b"])])
        got = loss_and_gradient(*theta.tolist())
        if math.hypot(got.d_w, got.d_b) > 2:  # on the wall differences see no slope
            continue
        gradcheck(lambda p: float(loss(*p.tolist())), theta, np.array([got.d_w, got.d_b]))
        checked += 1


def test_surface_has_a_wall_where_the_start_is_the_unstable_fixed_point() -> None:
    for w in (5.0, 5.5, 6.0, 6.4):
        b = wall(w)
        assert step(w, b, X_0)[0] == pytest.approx(X_0, abs=1e-15), "a fixed point"
        assert step_backward(w, step(w, b, X_0)[1], 1.0)[2] > 1, "and unstable"
        assert loss(w, b + 0.03) < 0.1
        assert loss(w, b - 0.03) > 0.25
        assert abs(loss_and_gradient(w, b).d_b) > 40, "far steeper than anywhere else"
    calm = loss_and_gradient(np.linspace(3, 3.9, 40)[:, None], np.linspace(-3.5, -1, 40)[None])
    assert np.hypot(calm.d_w, calm.d_b).max() < 5


@pytest.mark.parametrize("clip", CLIPS)
def test_path_is_plain_descent(clip: str) -> None:
    threshold, rate = 0.2, 1.5
    path = descend(5.0, -3.2, clip, threshold, rate, 50)
    assert {
        name: len(path[name]) for name in path if name not in ("turn", "left")
    } == dict.fromkeys(("w", "b", "loss", "gradient", "norm", "clipped"), 51)
    assert len(path["turn"]) == 50
    acted = 0
    for k in range(51):
        w, b = path["w"][k], path["b"][k]
        here = loss_and_gradient(w, b)
        g, c = np.array(path["gradient"][k]), np.array(path["clipped"][k])
        assert [here.d_w, here.d_b] == g.tolist()
        assert path["loss"][k] == here.loss
        assert path["norm"][k] == pytest.approx(np.linalg.norm(g), rel=1e-15)
        if clip == "none":
            assert c.tolist() == g.tolist()
        elif clip == "norm":
            np.testing.assert_allclose(c, g * min(1, threshold / np.linalg.norm(g)), rtol=1e-14)
        else:
            assert c.tolist() == np.clip(g, -threshold, threshold).tolist()
        acted += c.tolist() != g.tolist()
        if k < 50:
            assert path["w"][k + 1] == w - rate * c[0]
            assert path["b"][k + 1] == b - rate * c[1]
            cosine = g @ c / np.linalg.norm(g) / np.linalg.norm(c)
            turned = math.degrees(math.acos(min(1.0, cosine)))
            assert path["turn"][k] == pytest.approx(turned, abs=1e-5)
    assert acted == 0 if clip == "none" else acted > 3


def test_clipping_by_norm_keeps_the_direction_and_by_value_does_not() -> None:
    paths = ErrorWall(threshold=0.1).paths
    assert max(paths["none"]["turn"]) == 0
    assert max(paths["norm"]["turn"]) < 1e-12
    assert max(paths["value"]["turn"]) > 5
    assert max(np.hypot(*np.array(paths["norm"]["clipped"]).T)) <= 0.1 + 1e-15
    assert np.abs(paths["value"]["clipped"]).max() <= 0.1
    assert max(np.hypot(*np.array(paths["value"]["clipped"]).T)) > 0.1


def test_presets_show_what_they_say() -> None:
    over, clipped, turned, valley, plateau = (ErrorWall(name) for name in PRESETS)
    path = over.path
    assert path["left"] is not None
    k = path["left"]
    assert max(path["norm"]) == path["norm"][k - 1] > 10 * np.median(path["norm"])
    assert path["loss"][-1] > path["loss"][0], "thrown onto a plateau, from which it does not move"
    assert math.dist((path["w"][k], path["b"][k]), (path["w"][-1], path["b"][-1])) < 0.01
    for w in (clipped, turned):
        assert w.path["left"] is None
        assert w.path["loss"][-1] < w.path["loss"][0]
        assert w.path["norm"] != w.path["clipped"]
    assert max(turned.path["turn"]) > 20
    assert valley.path["loss"][-1] < 1e-20
    assert valley.paths["none"] == valley.paths["norm"] == valley.paths["value"]
    # None of them cures vanishing.
    for path in plateau.paths.values():
        assert max(path["norm"]) < 0.02
        assert path["loss"][-1] > 0.9 * path["loss"][0]


def test_a_path_that_is_too_far_away_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ErrorWall()
    monkeypatch.setattr(error_wall, "FAR", 6.55)
    short = ErrorWall()
    assert short.path["w"] == whole.path["w"][:38]
    assert len(short.path["turn"]) == 37
    assert "in 37 updates. The point is then too far away to follow." in short.picture()[1]
    assert_picture(short)


def test_no_update_is_a_path_of_one_point() -> None:
    w = ErrorWall(updates=0)
    assert w.path["w"] == [5.5]
    assert w.path["turn"] == []
    assert "No update yet: at w = 5.50, b = −2.50 the loss is 0.054" in w.picture()[1]
    assert_picture(w)


NEAR = [(0.008 * math.cos(a), 0.008 * math.sin(a)) for a in np.linspace(0, 6, 12)]  # a pixel


def test_contours_are_where_the_loss_is_the_level() -> None:
    for level in LEVELS:
        rings = contours(level)
        assert rings
        for w, b in (point for ring in rings for point in ring):
            assert on_map(w, b)
            if w in RANGES["w"] or b in RANGES["b"]:
                continue
            around = [loss(w + dw, b + db) for dw, db in NEAR]
            assert min(around) < level < max(around), (level, w, b)
    # Every point of the map is inside the ring of a level exactly if E is above it.
    rng = np.random.default_rng(2)
    for level in LEVELS:
        wrong = 0
        for w, b in zip(
            rng.uniform(*RANGES["w"], 300), rng.uniform(*RANGES["b"], 300), strict=True
        ):
            wrong += inside(w, b, contours(level)) != bool(loss(w, b) >= level)
        assert wrong <= 3, f"{level}: {wrong} of 300, at most what lies on a line"


def inside(w: float, b: float, rings: list[list[tuple[float, float]]]) -> bool:
    odd = False
    for ring in rings:
        for (w0, b0), (w1, b1) in zip(ring, ring[1:] + ring[:1], strict=True):
            if (b0 > b) != (b1 > b) and w < w0 + (b - b0) / (b1 - b0) * (w1 - w0):
                odd = not odd
    return odd


# ------------------------------------------------------------------------------- the widget


def test_results_follow_every_change() -> None:
    w = ErrorWall("clipped")
    for name, value in [
        ("w", 4.2),
        ("b", -1.5),
        ("clip", "value"),
        ("threshold", 0.05),
        ("learning_rate", 0.3),
        ("updates", 7),
    ]:
        setattr(w, name, value)
        state = {name: w.state()[name] for name in HANDLES}
        assert w.path == descend(**state)
        assert w.paths == {clip: descend(**(state | {"clip": clip})) for clip in CLIPS}
        assert w.preset is None
    w.preset = "plateau"
    assert w.path == ErrorWall("plateau").path


def test_values_come_from_the_page_as_from_python() -> None:
    w = ErrorWall(lock=["threshold"])
    w.set_state({"w": 4, "b": -2.25, "updates": 12.0, "threshold": 1.0, "preset": None})
    assert w.path == descend(4.0, -2.25, "none", 0.5, 1.0, 12)
    assert w.preset is None
    assert isinstance(w.updates, int)
    with pytest.raises(ValueError, match="w: expected a number from 3 to 6.5, got 7.0"):
        w.set_state({"w": 7.0})
    assert w.w == 4.0


def test_state_challenge_and_repr() -> None:
    assert repr(ErrorWall()) == "ErrorWall(preset='over the wall')"
    w = ErrorWall("valley", lock=["w", "b"], challenge="Reach 0.01.", clip="value")
    assert repr(w) == (
        "ErrorWall(w=3.3, b=-3.0, clip='value', threshold=1.0, learning_rate=1.0, updates=60, "
        "lock=['w', 'b'], challenge=...)"
    )
    assert w.state() == {
        **{"w": 3.3, "b": -3.0, "clip": "value", "threshold": 1.0, "learning_rate": 1.0},
        **{"updates": 60, "preset": None, "challenge": "Reach 0.01."},
    }
    json.dumps(w.page_state(), allow_nan=False)


WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: ErrorWall("cliff"), ValueError, "preset: expected one of over the wall, .*'cliff'"),
    (lambda: ErrorWall(3), ValueError, "preset: .* got 3"),  # type: ignore[arg-type]
    (lambda: ErrorWall(w=2.9), ValueError, "w: expected a number from 3 to 6.5, got 2.9"),
    (lambda: ErrorWall(w=NAN), ValueError, "w: expected a number from 3 to 6.5, got nan"),
    (lambda: ErrorWall(w="4"), TypeError, "w: expected a number from 3 to 6.5, got '4'"),  # type: ignore[arg-type]
    (lambda: ErrorWall(b=0.0), ValueError, "b: expected a number from -3.5 to -1, got 0.0"),
    (lambda: ErrorWall(b=math.inf), ValueError, "b: .* got inf"),
    (lambda: ErrorWall(clip="global"), ValueError, "clip: expected one of none, .*'global'"),
    (lambda: ErrorWall(clip=1), ValueError, "clip: expected one of none, norm, value, got 1"),  # type: ignore[arg-type]
    (lambda: ErrorWall(threshold=0), ValueError, "threshold: .* 0.01 to 3, got 0.0"),
    (lambda: ErrorWall(threshold=NAN), ValueError, "threshold: .* got nan"),
    (lambda: ErrorWall(learning_rate=-1), ValueError, "learning_rate: .* 0.01 to 2, got -1.0"),
    (lambda: ErrorWall(learning_rate=[1]), TypeError, r"learning_rate: .* got \[1\]"),  # type: ignore[arg-type]
    (lambda: ErrorWall(updates=201), ValueError, "updates: .* from 0 to 200, got 201"),
    (lambda: ErrorWall(updates=-1), ValueError, "updates: .* from 0 to 200, got -1"),
    (lambda: ErrorWall(updates=2.5), TypeError, "updates: expected a whole number .* got 2.5"),  # type: ignore[arg-type]
    (lambda: ErrorWall(T=50), TypeError, "ErrorWall has no argument T"),
    (lambda: ErrorWall(lock=["v"]), ValueError, "lock: expected names of w, b, .* got 'v'"),
    (lambda: ErrorWall(challenge=True), ValueError, "challenge: expected a text"),
    (lambda: ErrorWall(challenge=1), TypeError, "challenge: .* got 1"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "error", "message"), WRONG)
def test_wrong_arguments_are_named(
    make: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


def assert_picture(w: ErrorWall) -> None:
    svg, alt = w.picture()
    title = ET.fromstring(svg).find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text is not None
    assert alt.endswith(title.text)
    assert not re.search(r"nan|inf\b|e[+-]\d", svg + alt)
    assert len(w.to_html()) < 55_000
    assert w.to_html() == w.to_html()


@pytest.mark.parametrize("name", PRESETS)
def test_static_picture(name: str) -> None:
    assert_picture(ErrorWall(name))


def test_static_picture_at_extremes() -> None:
    for state in random_states(3, 12, updates=200):
        assert_picture(ErrorWall(**state))
    for w in RANGES["w"]:
        for b in RANGES["b"]:
            for clip in CLIPS:
                assert_picture(ErrorWall(w=w, b=b, clip=clip, learning_rate=2, threshold=3))


def test_words() -> None:
    def says(**handles: Any) -> str:
        return ErrorWall(**handles).picture()[1].split("on it. ")[1]

    assert says() == (
        "From w = 5.50, b = −2.50 the loss goes from 0.054 to 0.090 in 60 updates. Update 37 leads "
        "off the map, to w = 6.60, b = 3.22. The gradient’s norm is largest after 36 updates: 5.8. "
        "Nothing is clipped."
    )
    assert says(preset="clipped").endswith(
        "Clipping by norm at 0.50 acts on 3 updates and turns none of them."
    )
    assert says(preset="turned").endswith(
        "Clipping by value at 0.50 acts on 4 updates and turns them by up to 24 degrees."
    )
    assert "never acts. So small a gradient hardly moves the point" in says(preset="plateau")
    assert "in 1 update. The gradient’s norm is largest at the start" in says(
        updates=1, w=3.3, b=-1.5
    )


# ------------------------------------------------------------------------------- JavaScript

MATH = "error-wall/math.js"


@pytest.mark.browser
def test_a_step_and_its_way_back_agree(in_javascript: InJS) -> None:
    rng = np.random.default_rng(4)
    cases = rng.uniform([-8, -8, -40, -2], [8, 8, 40, 2], (1000, 4)).tolist()
    got = in_javascript(
        MATH,
        "(m, cases) => cases.map(([w, b, x, dx]) => { const after = m.step(w, b, x);"
        " return [...after, ...m.stepBackward(w, after[1], dx)]; })",
        cases,
    )
    for (w, b, x, dx), result in zip(cases, got, strict=True):
        x_next, s = step(w, b, x)
        expected = [x_next, s, *step_backward(w, s, dx)]
        for value, wanted in zip(result, expected, strict=True):
            assert abs(value - wanted) <= 1e-12 * max(1, abs(wanted))


def close(got: Any, expected: Any) -> None:
    expected = np.array(expected, dtype=float)
    assert np.shape(got) == expected.shape
    assert (np.abs(np.array(got) - expected) <= 1e-9 * np.maximum(1, np.abs(expected))).all()


ULPS = ((1, 0), (0, 1))


def moved(state: dict[str, Any], dw: int, db: int) -> dict[str, Any]:
    """The state with w or b one ulp up or down."""
    w, b = (float(np.nextafter(state[k], state[k] + d)) for k, d in (("w", dw), ("b", db)))
    return state | {"w": w, "b": b}


@pytest.mark.browser
def test_loss_and_gradient_agree(in_javascript: InJS) -> None:
    states = random_states(5, 1000)
    points = [[s["w"], s["b"]] for s in states]
    got = in_javascript(
        MATH,
        "(m, points) => points.map(([w, b]) => { const g = m.lossAndGradient(w, b);"
        " return [m.loss(w, b), g.loss, g.d_w, g.d_b]; })",
        points,
    )
    assert [result[0] for result in got] == [result[1] for result in got]
    w, b = np.array(points).T
    expected = np.array(loss_and_gradient(w, b))
    others = loss_and_gradient(np.nextafter(w, 9), b), loss_and_gradient(w, np.nextafter(b, 9))
    growth = np.max([np.abs(np.array(other) - expected) for other in others], axis=(0, 1))
    calm = growth < 1e3 * np.spacing(w)
    assert calm.sum() > 800
    close(np.array(got)[calm, 1:].T, expected[:, calm])


@pytest.mark.browser
@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_paths_agree(in_javascript: InJS, count: int) -> None:
    states = random_states(6, count, updates=24)
    got = in_javascript(
        MATH, "(m, states) => states.map(s => [m.descend(s), m.descendAll(s)])", states
    )
    compared = 0
    for state, (path, paths) in zip(states, got, strict=True):
        assert paths[state["clip"]] == path, "together as alone"
        expected = descend(**state)
        assert [len(path[name]) for name in expected if name != "left"] == [
            len(expected[name]) for name in expected if name != "left"
        ]
        growth = 0.0
        for dw, db in ULPS:
            other = descend(**moved(state, dw, db))
            for name in ("w", "b", "loss", "norm"):
                change = np.abs(np.array(other[name]) - expected[name]).max()
                growth = max(growth, change / np.spacing(max(state["w"], -state["b"])))
        if growth < 1e3:
            compared += 1
            assert path["left"] == expected["left"]
            for name in ("w", "b", "loss", "gradient", "norm", "clipped"):
                close(path[name], expected[name])
            sizes = np.array(expected["norm"][: len(path["turn"])])
            # The angle of what is nearly nothing is not a number to compare.
            seen = sizes > 1e-5
            close(np.array(path["turn"])[seen], np.array(expected["turn"])[seen])
    assert compared > 0.6 * count


@pytest.mark.browser
def test_presets_contours_and_words_agree(in_javascript: InJS) -> None:
    presets, ranges = in_javascript(MATH, "m => [m.PRESETS, m.RANGES]", None)
    assert list(presets) == list(PRESETS)
    for name in PRESETS:
        assert presets[name] == {k: v for k, v in ErrorWall(name).state().items() if k in HANDLES}
    assert ranges == {name: list(limits) for name, limits in RANGES.items()}

    drawn = in_javascript(MATH, "(m, levels) => levels.map(m.contours)", list(LEVELS))
    for level, rings in zip(LEVELS, drawn, strict=True):
        assert_same_outline(rings, contours(level))

    states = random_states(7, 200)
    found = in_javascript(MATH, "(m, states) => states.map(m.descend)", states)
    words = in_javascript(
        "error-wall/words.js",
        "(m, cases) => cases.map(([state, path]) => m.describe(state, path))",
        [[state, path] for state, path in zip(states, found, strict=True)],
    )
    assert words == [describe(state, path) for state, path in zip(states, found, strict=True)]


def assert_same_outline(rings: Any, expected: Any) -> None:
    """The same closed lines, wherever each of them begins."""
    rest = [sorted((round(w, 6) + 0.0, round(b, 6) + 0.0) for w, b in ring) for ring in rings]
    assert len(rest) == len(expected)
    areas = sorted(abs(area(ring)) for ring in rings)
    np.testing.assert_allclose(areas, sorted(abs(area(ring)) for ring in expected), atol=0.01)


def area(ring: Any) -> float:
    w, b = np.array(ring).T
    return float(w @ np.roll(b, -1) - b @ np.roll(w, -1)) / 2


# ------------------------------------------------------------------------------- on a page


def results(page: Page) -> dict[str, Any]:
    frame(page)
    return dict(page.evaluate("document.querySelector('[data-explorable]').explorable.results()"))


def handles(page: Page) -> dict[str, Any]:
    """What the model on the page has."""
    frame(page)
    get = "names => names.map(n => document.querySelector('[data-explorable]').explorable.get(n))"
    return dict(zip(HANDLES, page.evaluate(get, list(HANDLES)), strict=True))


def assert_numbers(page: Page) -> dict[str, Any]:
    """What is drawn is the library's path for the handles; returns these."""
    drawn, state = results(page), handles(page)
    expected = descend(**state)
    for name in ("w", "b", "loss", "norm"):
        np.testing.assert_allclose(drawn[name], expected[name], rtol=1e-6, atol=1e-6)
    assert drawn["left"] == expected["left"]
    return state


@pytest.mark.browser
@pytest.mark.parametrize("name", PRESETS)
def test_it_draws_its_state(opened: Open, name: str) -> None:
    w = ErrorWall(name)
    page = opened(w.to_html())
    assert assert_numbers(page) == {k: v for k, v in w.state().items() if k in HANDLES}
    pressed = page.locator("[data-action][aria-pressed=true]")
    expect(pressed).to_have_text(name)
    expect(page.locator(".u-says")).to_have_text(w.picture()[1].split("on it. ")[1])


@pytest.mark.browser
def test_a_drag_on_the_map_moves_the_start(opened: Open) -> None:
    page = opened(ErrorWall("valley", learning_rate=0.3).to_html())
    box = box_of(page.locator(".u-map"))

    def at(w: float, b: float) -> tuple[float, float]:
        across = (w - RANGES["w"][0]) / (RANGES["w"][1] - RANGES["w"][0])
        return (
            box["x"] + across * box["width"],
            box["y"] + (RANGES["b"][1] - b) / (RANGES["b"][1] - RANGES["b"][0]) * box["height"],
        )

    page.mouse.move(*at(3.5, -2.5))
    page.mouse.down()
    page.mouse.move(*at(3.6, -2.6))
    page.mouse.move(*at(3.7, -2.7))
    page.mouse.up()
    state = assert_numbers(page)
    assert (state["w"], state["b"]) == pytest.approx((3.7, -2.7), abs=0.011)
    expect(page.locator("[data-action][aria-pressed=true]")).to_have_count(0)
    expect(page.get_by_role("slider", name="w,")).to_have_attribute("aria-valuetext", "3.70")
    # Beyond the edge it stays on the map; one drag is one step of undo.
    page.mouse.move(*at(4.0, -1.5))
    page.mouse.down()
    page.mouse.move(2000, 2)
    page.mouse.up()
    assert {**handles(page)} == {**state, "w": 6.5, "b": -1.0}
    assert_numbers(page)
    page.keyboard.press("Control+z") if page.evaluate(
        "document.activeElement !== document.body"
    ) else None
    page.get_by_role("button", name="undo").click()
    assert assert_numbers(page) == state


@pytest.mark.browser
def test_a_swipe_over_the_map_scrolls_and_a_finger_that_rests_drags(opened: Open) -> None:
    page = opened(
        ErrorWall("plateau").to_html(),
        "<div style='height: 2000px'></div>",
        viewport={"width": 390, "height": 700},
        has_touch=True,
        is_mobile=True,
    )
    box = box_of(page.locator(".u-map"))
    x, y = box["x"] + 200, box["y"] + 150
    before = handles(page)
    swipe(page, (x, y), (x, y - 80))
    scrolled(page, 20)
    assert handles(page) == before
    expect(page.get_by_role("button", name="undo")).to_be_disabled()
    page.evaluate("scrollTo(0, 0)")
    swipe(page, (x, y), (x, y - 80), rest=600)
    assert page.evaluate("scrollY") == 0
    state = assert_numbers(page)
    assert (state["w"], state["b"]) != (before["w"], before["b"])
    expect(page.get_by_role("slider", name="b,")).to_have_attribute(
        "aria-valuetext", f"−{-state['b']:.2f}"
    )


@pytest.mark.browser
def test_other_paths_come_when_the_hand_rests(opened: Open) -> None:
    page = opened(ErrorWall("clipped", updates=12).to_html())  # few: the wall is chaotic
    assert list(results(page)["paths"]) == list(CLIPS)
    box = box_of(page.locator(".u-map"))
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 210, box["y"] + 110)
    assert_numbers(page)
    count = (
        "Object.keys(document.querySelector('[data-explorable]').explorable.results().paths).length"
    )
    page.wait_for_function(f"{count} === 3")
    page.mouse.move(box["x"] + 220, box["y"] + 120)
    page.mouse.up()
    assert list(results(page)["paths"]) == list(CLIPS)
    assert_numbers(page)


@pytest.mark.browser
def test_keyboard_and_choices(opened: Open) -> None:
    page = opened(ErrorWall("valley").to_html())
    for name, key, press, value in [
        ("w, where the descent begins", "w", "ArrowRight", 3.31),
        ("b, where the descent begins", "b", "Home", -3.5),
        ("threshold of clipping", "threshold", "Home", 0.01),
        ("learning rate", "learning_rate", "End", 2),
        ("number of updates", "updates", "ArrowLeft", 59),
    ]:
        page.get_by_role("slider", name=name, exact=True).focus()
        page.keyboard.press(press)
        assert assert_numbers(page)[key] == pytest.approx(value)
    for text, clip in (("by norm", "norm"), ("by value", "value"), ("unclipped", "none")):
        page.get_by_role("button", name=text, exact=True).click()
        assert assert_numbers(page)["clip"] == clip
        chosen = page.get_by_role("group", name="clipping of the gradient")
        expect(chosen.locator("[aria-pressed=true]")).to_have_text(text)
    page.get_by_role("button", name="reset").click()
    start = {k: v for k, v in ErrorWall("valley").state().items() if k in HANDLES}
    assert assert_numbers(page) == start


@pytest.mark.browser
def test_release_plays_the_descent_unless_motion_is_unwanted(opened: Open) -> None:
    page = opened(ErrorWall(updates=10).to_html())
    picture = "document.querySelector('canvas').toDataURL()"
    frame(page)
    whole = page.evaluate(picture)
    # The page's clock is the test's, so that a slow machine sees the descent half-way as well.
    page.evaluate(
        "() => { const now = performance.now(); window.passed = 0;"
        " performance.now = () => now + passed }"
    )
    page.get_by_role("button", name="release").click()
    page.evaluate("passed = 200")
    frame(page)
    assert page.evaluate(picture) != whole
    page.evaluate("passed = 500")
    page.wait_for_function(f"whole => {picture} === whole", arg=whole)
    assert_numbers(page)
    calm = opened(ErrorWall().to_html(), reduced_motion="reduce")
    expect(calm.get_by_role("button", name="release")).to_have_count(0)


@pytest.mark.browser
def test_locked_start_stays(opened: Open) -> None:
    page = opened(ErrorWall(lock=["w", "b"]).to_html())
    before = handles(page)
    box = box_of(page.locator(".u-map"))
    page.mouse.click(box["x"] + 20, box["y"] + 20)
    assert assert_numbers(page) == before
    expect(page.get_by_role("slider", name="w,")).to_be_disabled()
    page.get_by_role("button", name="by norm").click()
    assert assert_numbers(page)["clip"] == "norm"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("&quot;w&quot;:5.5", "&quot;w&quot;:7", "w: expected a number from 3 to 6.5"),
        ("&quot;b&quot;:-2.5", "&quot;b&quot;:null", "b: expected a number"),
        ("&quot;clip&quot;:&quot;none", "&quot;clip&quot;:&quot;l2", "clip: expected one of none"),
        ("&quot;updates&quot;:60", "&quot;updates&quot;:6.5", "updates: expected a whole number"),
        ("over the wall&quot;,&quot;chall", "cliff&quot;,&quot;chall", "preset: expected one of"),
    ],
)
def test_malformed_state_is_named(opened: Open, before: str, after: str, message: str) -> None:
    host = ErrorWall().to_html()
    assert before in host
    page = opened(host.replace(before, after, 1))
    expect(page.locator(".unrolled-note")).to_contain_text(message)
    expect(page.locator("img.unrolled-picture")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_jumps_and_nothing_is_cut(opened: Open, width: int) -> None:
    host = ErrorWall().to_html()
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
    heights = """() => [parseFloat(getComputedStyle(document.querySelector('.unrolled-frame')).minHeight),
                        document.querySelector('.unrolled').offsetHeight]"""
    for name in PRESETS:
        page.get_by_role("button", name=name, exact=True).first.click()
        frame(page)
        reserved, used = page.evaluate(heights)
        assert used <= reserved <= used + 60, (name, reserved, used)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_accessible(opened: Open) -> None:
    page = opened(
        ErrorWall("turned").to_html(),
        ErrorWall(challenge="Come below 0.01.", lock=["w"]).to_html(),
        theme="light",
    )
    assert violations_at(page, 1280, 390) == []


@pytest.mark.browser
def test_random_handles_leave_only_numbers(opened: Open) -> None:
    page = opened(ErrorWall().to_html())
    for state in random_states(8, 40, updates=200):
        page.evaluate(
            "s => { const m = document.querySelector('[data-explorable]').explorable;"
            " for (const k in s) m.set(k, s[k]); m.save_changes(); }",
            state,
        )
        drawn = results(page)
        assert handles(page) == state
        assert np.isfinite(drawn["w"]).all()
        text = page.locator(".unrolled").inner_text()
        assert not re.search(r"NaN|Infinity|undefined", text)
