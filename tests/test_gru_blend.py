"""GRUBlend: a GRU's gates painted, both reset placements, both conventions of z."""

import html
import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from explorable_pages import Open, box_of, frame, inked, violations_at
from playwright.sync_api import Page, expect

from unrolled import flow, unroll
from unrolled.cells import gru, gru_reset_after
from unrolled.explorables.gru_blend import GRUBlend
from unrolled.explorables.gru_blend_math import (
    CONVENTIONS,
    PRESETS,
    ROWS,
    SCALARS,
    as_cell,
    driven_run,
    mirrored,
    preset_values,
    run,
    shares,
)
from unrolled.explorables.gru_blend_picture import describe, half_step, outside

NAN = float("nan")
MATH, WORDS = "gru-blend/math.js", "gru-blend/words.js"
InJavascript = Callable[[str, str, Any], Any]


def random_state(rng: np.random.Generator, T: int, corner: bool = False) -> dict[str, Any]:
    state: dict[str, Any] = {name: rng.uniform(*ends, T) for name, ends in ROWS.items()}
    if corner:
        state = {name: np.round(row) for name, row in state.items()}
    state = {name: row.tolist() for name, row in state.items()}
    state |= {name: float(rng.uniform(*ends)) for name, ends in SCALARS.items()}
    return state | {"convention": CONVENTIONS[int(rng.integers(2))]}


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def by_the_cells(state: dict[str, Any], placement: str) -> dict[str, list[float]]:
    """The run by the library's cells, their gates made by biases alone: σ(logit z) = z."""
    T = len(state["inputs"])
    W_x, W_h, b = np.zeros((3, 2, 1)), np.zeros((3, 2, 2)), np.zeros((3, 2, 1))
    W_x[2] = state["w_x"]
    W_h[2] = [[state["w_h"], state["w_2"]], [state["w_2"], state["w_h"]]]
    new = [z if state["convention"] == "new" else 1 - z for z in state["update_gate"]]
    new_2 = state["z_2"] if state["convention"] == "new" else 1 - state["z_2"]
    h = np.full((2, 1), state["h0"])
    result: dict[str, list[float]] = {"h": [], "h_tilde": [], "h_2": [], "h_tilde_2": []}
    for t in range(T):
        b[0] = [[logit(new[t])], [logit(new_2)]]
        b[1] = [[logit(state["reset_gate"][t])], [logit(state["r_2"])]]
        x = np.full((1, 1), state["inputs"][t])
        if placement == "before":
            b[2] = state["b"] + state["b_hn"]
            s, cache = gru.step(gru.Params(W_x, W_h, b), gru.State(h), x)
            h_tilde = cache.h_tilde
        else:
            b[2] = state["b"]
            b_hn = np.full((2, 1), state["b_hn"])
            s, after = gru_reset_after.step(
                gru_reset_after.Params(W_x, W_h, b, b_hn), gru_reset_after.State(h), x
            )
            h_tilde = after.h_tilde
        h = s.h
        for name, value in zip(result, (h[0], h_tilde[0], h[1], h_tilde[1]), strict=True):
            result[name].append(float(value[0]))
    return result


def standard(z: float, r: float, h_prev: float, x: float) -> tuple[float, float]:
    h_tilde = math.tanh(x + 0.5 * r * h_prev)
    return h_tilde, (1 - z) * h_prev + z * h_tilde


# ------------------------------------------------------------------------------- what is computed


@pytest.mark.parametrize("placement", ["before", "after"])
def test_runs_are_those_of_the_cells(placement: str) -> None:
    rng = np.random.default_rng(1)
    for T in (1, 2, 7, 24):
        for _ in range(10):
            state = random_state(rng, T)
            got, expected = run(state, placement), by_the_cells(state, placement)
            for name, values in expected.items():
                np.testing.assert_allclose(got[name], values, rtol=0, atol=1e-10)


def test_before_and_after_on_paper() -> None:
    """One step, h = h_2 = ½, r = 0, r_2 = 1: before, the neighbour comes in; after, nothing does."""
    state = GRUBlend(
        update_gate=[1], reset_gate=[0], inputs=[0], w_h=1, w_2=2, b=0.1, b_hn=0.2
    ).state()
    state |= {"h0": 0.5, "r_2": 1.0, "z_2": 1.0}
    before, after = run(state, "before"), run(state, "after")
    assert before["h"] == [pytest.approx(math.tanh(2 * 0.5 + 0.1 + 0.2), rel=1e-15)]
    assert before["h_2"] == [pytest.approx(math.tanh(1 * 0.5 + 0.1 + 0.2), rel=1e-15)]
    assert after["h"] == [pytest.approx(math.tanh(0.1), rel=1e-15)]
    assert after["h_2"] == [pytest.approx(math.tanh(0.1 + 3 * 0.5 + 0.2), rel=1e-15)]


def test_the_placements_coincide_exactly_when_they_should() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        state = random_state(rng, 12) | {"h0": 0.7}
        equal_r = {"reset_gate": [state["r_2"]] * 12}
        whole_r = {"reset_gate": [1.0] * 12, "r_2": 1.0}
        for changes in (
            equal_r | {"b_hn": 0.0},
            {"w_2": 0.0, "b_hn": 0.0},
            whole_r,
        ):
            w = GRUBlend(**state | changes)
            assert w.difference.value < 1e-13
            assert "give the same h" in w.picture()[1]
        for changes in (
            equal_r | {"b_hn": 1.0},
            {"w_2": 1.0, "b_hn": 0.0},
            {"w_2": 0.0, "b_hn": 1.0},
        ):
            assert GRUBlend(**state | changes | {"w_x": 0.5, "b": 0.0}).difference.value > 1e-6


def test_every_h_is_in_the_box_and_not_on_the_segment() -> None:
    """Coordinate by coordinate h is between old and candidate; the point is not on the line."""
    rng = np.random.default_rng(3)
    off = 0
    for _ in range(50):
        state = random_state(rng, 10)
        for placement in ("before", "after"):
            r = run(state, placement)
            for h, h_tilde in (("h", "h_tilde"), ("h_2", "h_tilde_2")):
                assert outside(state["h0"], {"h": r[h], "h_tilde": r[h_tilde]}) == 0
                assert max(map(abs, r[h])) <= 1
            old = np.array([r["h"][:-1], r["h_2"][:-1]])
            way = np.array([r["h_tilde"][1:], r["h_tilde_2"][1:]]) - old
            gone = np.array([r["h"][1:], r["h_2"][1:]]) - old
            off += int(np.sum(np.abs(way[0] * gone[1] - way[1] * gone[0]) > 1e-3))
    assert off > 100


def test_gradients_are_the_derivatives_of_the_last_h() -> None:
    """Central differences: nudge h_t, gates held fixed; the whole run for total, the blend alone for direct."""
    rng = np.random.default_rng(4)
    for _ in range(10):
        state = random_state(rng, 8)
        w = GRUBlend(**state)
        kept, new = shares(state["update_gate"], state["convention"])
        before = w.trace["before"]
        assert w.direct is not None
        for t in range(8):
            ends, blends = [], []
            for nudge in (1e-5, -1e-5):
                h = np.array([before["h"][t] + nudge, before["h_2"][t]])
                blend = h[0]
                for s in range(t + 1, 8):
                    here = {n: [state[n][s]] for n in ROWS}
                    # `run` starts both units at one h0, so the step is written out here.
                    r = np.array([here["reset_gate"][0], state["r_2"]])
                    W = np.array([[state["w_h"], state["w_2"]], [state["w_2"], state["w_h"]]])
                    a = state["w_x"] * here["inputs"][0] + W @ (r * h) + state["b"] + state["b_hn"]
                    k = np.array([kept[s], shares([state["z_2"]], state["convention"])[0][0]])
                    h = k * h + (1 - k) * np.tanh(a)
                    blend = kept[s] * blend + new[s] * before["h_tilde"][s]
                ends.append(h[0])
                blends.append(blend)
            assert w.total[t] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-8)
            assert w.direct[t] == pytest.approx((blends[0] - blends[1]) / 2e-5, rel=1e-5, abs=1e-8)


def test_total_is_what_the_unrolled_cell_says() -> None:
    """A constant gate needs no painting: `unroll` makes the same run, `flow` the same derivative."""
    state = random_state(np.random.default_rng(5), 9) | {"convention": "new", "z_2": 0.3}
    state |= {"update_gate": [0.6] * 9, "reset_gate": [0.4] * 9}
    w = GRUBlend(**state)
    p, cache = as_cell(w.state(), w.trace["before"])
    p.b[0], p.b[1] = [[logit(0.6)], [logit(0.3)]], [[logit(0.4)], [logit(state["r_2"])]]
    states, caches = unroll(gru, p, gru.State(np.full((2, 1), state["h0"])), cache.x)
    np.testing.assert_allclose(w.trace["before"]["h"], states.h[:, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(w.total, flow.total_path(gru, p, caches)[:, 0, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(w.direct, flow.direct_path(gru, caches)[:, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(w.kept, flow.kept(gru, caches)[:, 0, 0], rtol=1e-12)


def test_a_shut_path_is_an_exact_zero_and_the_total_is_not() -> None:
    w = GRUBlend("overwrite")
    assert w.direct == [0.0] * 12 + [1.0] * 12
    assert all(abs(g) > 0.1 for g in w.total), "the candidate saw the old h"
    assert w.half_lives == [0.0] + [math.inf] * 11 + [0.0] + [math.inf] * 11
    assert "Step 13 keeps nothing" in w.picture()[1]


def test_half_life_and_half_step() -> None:
    w = GRUBlend("leak")
    assert w.half_lives == [pytest.approx(math.log(0.5) / math.log(0.8), rel=1e-14)] * 24
    assert w.direct is not None
    assert half_step(w.direct) == 20, "0.8⁴ is below a half, 0.8³ is not"
    assert half_step([0.6, 0.8, 1.0]) == 0
    assert half_step([0.25, 0.5, 1.0]) == 2
    assert "the last 4 steps together keep at most half" in w.picture()[1]


# ------------------------------------------------------------------------------- the two conventions


def test_to_switch_the_convention_renames_z_and_nothing_else() -> None:
    rng = np.random.default_rng(6)
    for name in (*PRESETS, None):
        w = GRUBlend(name) if name else GRUBlend(**random_state(rng, 24) | {"convention": "new"})
        before = w.state()
        trace, total = w.trace, w.total
        w.convention = "old"
        np.testing.assert_allclose(w.update_gate, 1 - np.array(before["update_gate"]), atol=1e-15)
        assert w.z_2 == pytest.approx(1 - before["z_2"], abs=1e-15)
        assert w.preset == name
        if name:
            assert w.trace == trace, "to the last bit"
        np.testing.assert_allclose(w.trace["before"]["h"], trace["before"]["h"], atol=1e-14)
        np.testing.assert_allclose(w.total, total, rtol=1e-12, atol=1e-14)
        w.convention = "new"
        np.testing.assert_allclose(w.update_gate, before["update_gate"], atol=1e-15)
        if name:
            assert w.state() == before


def test_mirrored_is_one_minus_z_as_on_paper() -> None:
    for hundredths in range(101):
        z = hundredths / 100
        assert mirrored(z) == (100 - hundredths) / 100
        assert mirrored(mirrored(z)) == z
    for z in np.random.default_rng(7).uniform(0, 1, 1000):
        assert abs(mirrored(z) - (1 - z)) <= 2.0**-53
    assert (mirrored(0.0), mirrored(1.0), mirrored(5e-324)) == (1, 0, 1)
    assert mirrored(1e-15) == 1 - 1e-15


def test_old_convention_at_construction() -> None:
    old = GRUBlend("leak", convention="old")
    assert (old.update_gate, old.z_2, old.preset) == ([0.8] * 24, 0.5, "leak")
    assert old.trace == GRUBlend("leak").trace
    assert GRUBlend(update_gate=[0.25, 1], convention="old").kept == [0.25, 1]
    old.preset = "overwrite"
    assert old.update_gate[:2] == [0, 1]
    assert old.trace == GRUBlend("overwrite").trace


def test_the_page_switches_the_convention_with_or_without_the_row() -> None:
    w = GRUBlend("leak")
    trace = w.trace
    w.set_state({"convention": "old", "update_gate": [0.8] * 24, "z_2": 0.5})
    assert (w.convention, w.preset, w.trace) == ("old", "leak", trace)
    w.set_state({"convention": "new"})
    assert (w.convention, w.preset, w.trace) == ("new", "leak", trace)
    w.set_state({"update_gate": [0.3] * 24, "preset": None, "convention": "old", "z_2": 0.1})
    assert (w.update_gate, w.z_2, w.kept) == ([0.3] * 24, 0.1, [0.3] * 24)

    locked = GRUBlend("leak", lock=["update_gate"])
    locked.set_state({"convention": "old", "update_gate": [0.1] * 24, "z_2": 0.5})
    assert locked.update_gate == [0.8] * 24, "renamed by Python, not set by the page"
    assert locked.trace == trace


# ------------------------------------------------------------------------------- it follows


@pytest.mark.parametrize("name", PRESETS)
def test_results_follow_every_change(name: str) -> None:
    w = GRUBlend(name, T=9, h0=0.3)

    def expected() -> dict[str, Any]:
        return {placement: run(w.state(), placement) for placement in ("before", "after")}

    seen: list[bool] = []
    w.observe(lambda _: seen.append(w.trace == expected()), ["update_gate", "w_h"])
    w.update_gate[3] = 0.25
    assert w.preset is None
    w.reset_gate[2] = 0.5
    w.inputs[0] = -2.0
    for key, (low, high) in SCALARS.items():
        setattr(w, key, low + 0.7 * (high - low))
        assert w.trace == expected()
    w.preset = name
    assert w.preset == name
    assert {key: w.state()[key] for key in preset_values(name, 9)} == preset_values(name, 9)
    assert w.trace == expected()
    assert seen
    assert all(seen), "an observer of a handle sees the trace of the new one"


def test_values_come_from_the_page_as_from_python() -> None:
    w = GRUBlend()
    w.set_state({**preset_values("reset", 24), "preset": "reset"})
    assert w.preset == "reset"
    w.set_state({"w_h": 2, "preset": None})
    assert (w.w_h, repr(w)) == (2.0, "GRUBlend(T=24)")
    with pytest.raises(ValueError, match="update_gate, step 1"):
        w.set_state({"update_gate": [7.0] * 24})
    assert w.update_gate == preset_values("reset", 24)["update_gate"]


def test_state_is_plain_json_and_makes_the_same_picture() -> None:
    rng = np.random.default_rng(8)
    w = GRUBlend(**random_state(rng, 6), lock=["w_h"], challenge="Forget at step 3.")
    state = json.loads(json.dumps(w.state(), allow_nan=False))
    assert state.pop("challenge") == "Forget at step 3."
    assert GRUBlend(**state).trace == w.trace
    assert w.lock == ("w_h",)
    assert w.page_state()["lock"] == ["w_h"]


# ------------------------------------------------------------------------------- the reader's own


def test_own_update_drives_the_picture() -> None:
    rng = np.random.default_rng(9)
    rows = {name: rng.uniform(*ends, 12).tolist() for name, ends in ROWS.items()}
    plain = GRUBlend(**rows, w_x=1, w_h=0.5, w_2=0, b=0, h0=0.2)
    own = GRUBlend(**rows, w_x=1, w_h=0.5, w_2=0, b=0, h0=0.2, update=standard)
    for key in ("h", "h_tilde"):
        np.testing.assert_allclose(own.trace["own"][key], plain.trace["before"][key], rtol=1e-13)
    np.testing.assert_allclose(own.total, plain.total, rtol=1e-7)
    assert own.direct is None
    own.update_gate[5] = plain.update_gate[5] = 0.9
    np.testing.assert_allclose(own.total, plain.total, rtol=1e-7)
    assert own._driven is not None
    assert own.page_state()["driven"]["h"] == pytest.approx(own.trace["own"]["h"], rel=1e-8)
    assert repr(own) == "GRUBlend(T=12, update=standard)"
    assert "Every h is between" in own.picture()[1]


def test_own_update_gets_z_as_it_is_named() -> None:
    def cho(z: float, r: float, h_prev: float, x: float) -> tuple[float, float]:
        h_tilde, _ = standard(z, r, h_prev, x)
        return h_tilde, z * h_prev + (1 - z) * h_tilde

    new, old = (
        GRUBlend("alternate", update=standard),
        GRUBlend("alternate", convention="old", update=cho),
    )
    assert old.trace["own"]["h"] == pytest.approx(new.trace["own"]["h"], rel=1e-14)


def test_own_update_that_is_no_blend_is_found_out() -> None:
    def greedy(z: float, r: float, h_prev: float, x: float) -> tuple[float, float]:
        h_tilde = math.tanh(x)
        return h_tilde, h_prev + z * h_tilde

    w = GRUBlend("leak", update=greedy)
    step = outside(0.0, w.trace["own"])
    assert step > 0
    assert f"At step {step} h is not between its old value and the candidate" in w.picture()[1]


def test_own_update_that_fails_later_is_shown() -> None:
    def picky(z: float, r: float, h_prev: float, x: float) -> tuple[float, float]:
        if z > 0.9:
            raise ZeroDivisionError("z is too large for me")
        return standard(z, r, h_prev, x)

    w = GRUBlend(update=picky)
    w.update_gate[3] = 1.0
    assert "ZeroDivisionError: z is too large for me" in w.error
    assert "picky" in w.error
    assert "step 4 of 24" in w.error
    assert w.trace["own"] == {"h": [], "h_tilde": [], "gradient": []}
    assert w.total == []
    assert "the update function failed" in w.picture()[1]
    w.update_gate[3] = 0.5
    assert w.error == ""
    assert len(w.total) == 24


# ------------------------------------------------------------------------------- what is refused

WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: GRUBlend("recall"), ValueError, "preset: expected one of leak, .*'recall'"),
    (lambda: GRUBlend(T=0), ValueError, "T: expected a whole number from 1 to 100, got 0"),
    (lambda: GRUBlend(T=101), ValueError, "T: expected a whole number from 1 to 100, got 101"),
    (lambda: GRUBlend(T=2.5), TypeError, "T: expected a whole number .*got 2.5"),  # type: ignore[arg-type]
    (lambda: GRUBlend(update_gate=[]), ValueError, "T: expected a whole number .*got 0"),
    (lambda: GRUBlend(reset_gate=[1.0] * 5, T=4), ValueError, "reset_gate: expected T = 4 .*got 5"),
    (
        lambda: GRUBlend(update_gate=[1, 1], inputs=[1]),
        ValueError,
        "inputs: expected T = 2 .*got 1",
    ),
    (lambda: GRUBlend(update_gate=[1, 1.2]), ValueError, "update_gate, step 2: .* 0 to 1, got 1.2"),
    (lambda: GRUBlend(reset_gate=[-0.1]), ValueError, "reset_gate, step 1: .* 0 to 1, got -0.1"),
    (lambda: GRUBlend(inputs=[2.5]), ValueError, "inputs, step 1: .* -2 to 2, got 2.5"),
    (lambda: GRUBlend(update_gate=[0, NAN]), ValueError, "update_gate, step 2: .* got nan"),
    (lambda: GRUBlend(update_gate="11"), TypeError, "update_gate: expected a sequence"),  # type: ignore[arg-type]
    (lambda: GRUBlend(update_gate=1.0), TypeError, "update_gate: expected a sequence .*got 1.0"),  # type: ignore[arg-type]
    (lambda: GRUBlend(forget=[1.0]), TypeError, "GRUBlend has no argument forget"),
    (lambda: GRUBlend(w_h=NAN), ValueError, "w_h: expected a number from -3 to 3, got nan"),
    (lambda: GRUBlend(w_2=4), ValueError, "w_2: expected a number from -3 to 3, got 4.0"),
    (lambda: GRUBlend(b_hn="a"), TypeError, "b_hn: expected a number from -2 to 2, got 'a'"),  # type: ignore[arg-type]
    (lambda: GRUBlend(h0=math.inf), ValueError, "h0: expected a number from -1 to 1, got inf"),
    (lambda: GRUBlend(convention="mine"), ValueError, "convention: expected one of new, old.*mine"),
    (lambda: GRUBlend(lock=["forget"]), ValueError, "lock: expected names of .*got 'forget'"),
    (lambda: GRUBlend(challenge=3), TypeError, "challenge: .*got 3"),  # type: ignore[arg-type]
    (lambda: GRUBlend(update=3), TypeError, "update: expected a function .*got 3"),  # type: ignore[arg-type]
    (
        lambda: GRUBlend(update=lambda *_: 1.0),
        TypeError,
        r"update: .*\(h_tilde, h\).*got 1.0 at step 1",
    ),  # type: ignore[arg-type,return-value]
    (lambda: GRUBlend(update=lambda *_: (1, 2, 3)), TypeError, r"update: .*got \(1, 2, 3\)"),  # type: ignore[arg-type,return-value]
    (lambda: GRUBlend(update=lambda *_: (NAN, 0.0)), ValueError, "update: .*finite.*got"),
    (lambda: GRUBlend(update=lambda z: (z, z)), TypeError, "positional argument"),  # type: ignore[arg-type,misc]
    (lambda: GRUBlend(update=lambda *_: 1 / 0), ZeroDivisionError, "division"),  # type: ignore[arg-type]
    (
        lambda: GRUBlend(
            T=60, update=lambda z, r, h, x: (0.0, 0.0 if h == 0 else math.copysign(1e8, h))
        ),
        OverflowError,
        "update: the gradient through <lambda> overflows",
    ),
]


@pytest.mark.parametrize(("make", "error", "message"), WRONG)
def test_wrong_arguments_are_named(
    make: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


def test_wrong_values_later_leave_the_widget_as_it_was() -> None:
    w = GRUBlend()
    for name, value in [
        ("update_gate", [0.5]),
        ("inputs", [3.0] * 24),
        ("w_x", NAN),
        ("convention", "other"),
        ("preset", "recall"),
        ("challenge", 1),
    ]:
        before = w.state()
        with pytest.raises((ValueError, TypeError), match=f"^{name}"):
            setattr(w, name, value)
        assert w.state() == before
    for name in ("trace", "error"):
        with pytest.raises(Exception, match="read-only"):
            setattr(w, name, {})


def test_error_of_an_update_says_where() -> None:
    state = GRUBlend(T=2).state()
    with pytest.raises(ZeroDivisionError) as caught:
        driven_run(lambda *_: 1 / 0, state)  # type: ignore[arg-type]
    assert "at step 1 of 2" in caught.value.__notes__[0]


# ------------------------------------------------------------------------------- the static picture


@pytest.mark.parametrize("name", PRESETS)
def test_html_is_stable_and_small(name: str) -> None:
    assert GRUBlend(name).to_html() == GRUBlend(name).to_html()
    assert len(GRUBlend(name).to_html().encode()) < 28_000
    assert repr(GRUBlend(name, convention="old")) == (
        f"GRUBlend(T=24, preset={name!r}, convention='old')"
    )


def test_picture_draws_what_the_state_says() -> None:
    w = GRUBlend(**random_state(np.random.default_rng(10), 5))
    svg = w.picture()[0]
    bars = re.search(r'<path fill="var\(--z\)" d="([^"]+)"', svg)
    assert bars is not None
    drawn = re.findall(r"M[\d.]+ ([\d.]+)h[\d.]+v([\d.]+)h", bars[1])
    for (top, height), value in zip(drawn, w.update_gate, strict=True):
        assert float(height) == pytest.approx(46 * value, abs=0.06)
        assert float(top) == pytest.approx(60 - 46 * value, abs=0.06)
    # The curves of h: −1…1 on 132 px, and twice on 100 px.
    curves = re.findall(r'<path class="l" stroke="var\(--h\)"[^>]* d="([^"]+)"', svg)
    for d, placement in ((curves[0], "before"), (curves[1], "before"), (curves[2], "after")):
        ys = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", d)]
        tall = 66 if d is curves[0] else 50
        zero = ys[0] + tall * w.trace[placement]["h"][0]
        expected = [zero - tall * h for h in w.trace[placement]["h"]]
        np.testing.assert_allclose(ys, expected, atol=0.15)


def test_pictures_of_extremes() -> None:
    for w in (
        GRUBlend(T=1),
        GRUBlend(T=100),
        GRUBlend(update_gate=[1.0] * 4, h0=-1),
        GRUBlend(update_gate=[1 - 1e-12] * 40, T=40),
        GRUBlend(update_gate=[1e-300] * 40, convention="old"),
        GRUBlend(w_x=3, w_h=3, w_2=-3, b=2, b_hn=-2, r_2=1, z_2=1, T=100),
        GRUBlend("reset", w_x=0, w_h=3, w_2=3, z_2=1, r_2=1, T=100),
        GRUBlend(update=lambda z, r, h, x: (x, -3 * h + x)),
        GRUBlend(challenge="A text."),
    ):
        svg, alt = w.picture()
        ET.fromstring(svg)
        assert not re.search(r"\bnan|\binf", svg.lower())
        assert alt


# ------------------------------------------------------------------------------- the same in JavaScript


def nudged(state: dict[str, Any]) -> dict[str, Any]:
    """The state with one ulp more in every input and weight."""
    up = {name: [float(np.nextafter(v, 3)) for v in state[name]] for name in ("inputs",)}
    return state | up | {name: float(np.nextafter(state[name], 3)) for name in ("w_h", "w_2", "h0")}


@pytest.mark.browser
@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_javascript_agrees_on_runs_and_gradients(in_javascript: InJavascript, count: int) -> None:
    rng = np.random.default_rng(11)
    states = [random_state(rng, int(rng.integers(1, 60)), corner=k % 5 == 0) for k in range(count)]
    got = in_javascript(MATH, "(m, states) => states.map((s) => m.trace(s))", states)
    calm = 0
    for state, trace in zip(states, got, strict=True):
        expected = {placement: run(state, placement) for placement in ("before", "after")}
        w = GRUBlend(**state)
        assert w.trace == expected
        np.testing.assert_allclose(trace["kept"], w.kept, rtol=0, atol=0)
        np.testing.assert_allclose(trace["direct"], w.direct, rtol=1e-12, atol=1e-300)
        growth = 0.0
        for placement in ("before", "after"):
            other = run(nudged(state), placement)
            for name, values in expected[placement].items():
                change = np.abs(np.array(values) - other[name]).max()
                growth = max(growth, float(change) / 2.0**-52)
        if growth >= 1e3:
            continue
        calm += 1
        for placement in ("before", "after"):
            for name, values in expected[placement].items():
                np.testing.assert_allclose(trace[placement][name], values, rtol=0, atol=1e-9)
        scale = max(1.0, *map(abs, w.total))
        np.testing.assert_allclose(trace["total"], w.total, rtol=0, atol=1e-9 * scale)
        assert trace["difference"]["value"] == pytest.approx(w.difference.value, abs=1e-9)
    assert calm > 0.9 * count


@pytest.mark.browser
def test_javascript_agrees_on_one_step_forward_and_backward(in_javascript: InJavascript) -> None:
    rng = np.random.default_rng(12)
    states = [random_state(rng, 1, corner=k % 5 == 0) for k in range(1000)]
    got = in_javascript(
        MATH,
        "(m, states) => states.map((s) => { const before = m.run(s, 'before');"
        " return ['before', 'after'].map((p) => m.step(s, p, 0, s.h0, s.h0)).concat([m.jacobian(s, before, 0)]); })",
        states,
    )
    for state, (*steps, jacobian) in zip(states, got, strict=True):
        for placement, values in zip(("before", "after"), steps, strict=True):
            r = run(state, placement)
            expected = [r[name][0] for name in ("h", "h_tilde", "h_2", "h_tilde_2")]
            np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)
        J = flow.jacobians(gru, *as_cell(state, run(state, "before")))[0, 0]
        for a, b in zip(jacobian, J.ravel().tolist(), strict=True):
            assert a == pytest.approx(b, abs=1e-12 * max(1, abs(b)))


@pytest.mark.browser
def test_javascript_has_the_same_names_presets_and_half_lives(in_javascript: InJavascript) -> None:
    rng = np.random.default_rng(13)
    zs = [
        0.0,
        1.0,
        5e-324,
        1e-15,
        *(k / 100 for k in range(101)),
        *rng.uniform(0, 1, 1000).tolist(),
    ]
    assert in_javascript(MATH, "(m, zs) => zs.map(m.mirrored)", zs) == [mirrored(z) for z in zs]
    got = in_javascript(MATH, "(m, zs) => zs.map(m.halfLife)", zs)
    for z, value in zip(zs, got, strict=True):
        expected = flow.half_life(z)
        if math.isinf(expected):
            assert value is None or math.isinf(value)
        else:
            assert value == pytest.approx(expected, rel=1e-12)
    cases = [[n, T, c] for n in PRESETS for T in (1, 2, 7, 24, 60) for c in CONVENTIONS]
    got = in_javascript(MATH, "(m, cases) => cases.map((c) => m.presetValues(...c))", cases)
    assert got == [preset_values(*case) for case in cases]
    constants = in_javascript(MATH, "(m) => [m.PRESETS, m.CONVENTIONS, m.ROWS, m.SCALARS]", None)
    assert [tuple(constants[0]), tuple(constants[1])] == [PRESETS, CONVENTIONS]
    assert {k: tuple(v) for k, v in constants[2].items()} == ROWS
    assert {k: tuple(v) for k, v in constants[3].items()} == SCALARS
    states = [random_state(rng, 9) for _ in range(50)]
    for state, renamed in zip(
        states, in_javascript(MATH, "(m, s) => s.map(m.renamed)", states), strict=True
    ):
        w = GRUBlend(**state)
        w.convention = renamed["convention"]
        assert (w.update_gate, w.z_2) == (renamed["update_gate"], renamed["z_2"])


@pytest.mark.browser
def test_javascript_says_the_same(in_javascript: InJavascript) -> None:
    rng = np.random.default_rng(14)

    def greedy(z: float, r: float, h_prev: float, x: float) -> tuple[float, float]:
        return math.tanh(x), h_prev + z * math.tanh(x)

    def broken(z: float, r: float, h_prev: float, x: float) -> tuple[float, float]:
        if z == 0.125:
            raise ValueError("no")
        return standard(z, r, h_prev, x)

    widgets = [GRUBlend(name, T=T) for name in PRESETS for T in (1, 2, 24)]
    widgets += [GRUBlend(**random_state(rng, 5)) for _ in range(30)]
    widgets += [GRUBlend(update_gate=[0.5, 0.1, v, 0.9]) for v in (0.0, 0.5, 1.0)]
    widgets += [GRUBlend(name, update=f) for name in PRESETS for f in (standard, greedy, broken)]
    widgets[-1].update_gate[0] = 0.125
    cases = [[w.state(), w.trace.get("own")] for w in widgets]
    got = in_javascript(
        WORDS,
        "async (m, cases) => { const { trace } = await import('/js/gru-blend/math.js');"
        " return cases.map(([s, own]) => m.describe(s, trace(s, own))); }",
        cases,
    )
    assert widgets[-1].error
    for w, words in zip(widgets, got, strict=True):
        assert words == describe(w.state(), w.trace, w.kept, w.direct, w.total)


# ------------------------------------------------------------------------------- on a page


def results(page: Page) -> dict[str, Any]:
    """What is drawn."""
    frame(page)
    found: dict[str, Any] = page.evaluate(
        "document.querySelector('[data-explorable]').explorable.results()"
    )
    return found


def page_handles(page: Page) -> dict[str, Any]:
    """The handles that the page has."""
    frame(page)
    found: dict[str, Any] = page.evaluate(
        "(keys) => { const m = document.querySelector('[data-explorable]').explorable;"
        " return Object.fromEntries(keys.map((k) => [k, m.get(k)])); }",
        [*GRUBlend.handles, "preset"],
    )
    return found


def assert_drawn(page: Page, preset: str | None = None) -> GRUBlend:
    """The numbers drawn are the library's for the handles of the page; return the widget."""
    drawn, state = results(page), page_handles(page)
    assert state.pop("preset") == preset
    w = GRUBlend(**state)
    for placement in ("before", "after"):
        for name, values in w.trace[placement].items():
            np.testing.assert_allclose(drawn[placement][name], values, rtol=0, atol=1e-9)
    np.testing.assert_allclose(drawn["direct"], w.direct, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(drawn["total"], w.total, rtol=0, atol=1e-9)
    assert drawn["difference"]["value"] == pytest.approx(w.difference.value, abs=1e-9)
    says = describe(w.state(), w.trace, w.kept, w.direct, w.total)
    expect(page.locator(".u-says")).to_have_text(says)
    return w


def group(page: Page, row: str) -> dict[str, float]:
    return box_of(page.locator(f"[data-row={row}][role=group]"))


def paint(page: Page, row: str, *stops: tuple[float, float]) -> None:
    """Drag over a row: each stop is a share of its width and, from below, of its height."""
    b = group(page, row)
    for k, (across, up) in enumerate(stops):
        page.mouse.move(b["x"] + b["width"] * across, b["y"] + b["height"] * (1 - up))
        if k == 0:
            page.mouse.down()
    page.mouse.up()
    frame(page)


@pytest.mark.browser
@pytest.mark.parametrize("name", PRESETS)
def test_it_draws_its_state(opened: Open, name: str) -> None:
    page = opened(GRUBlend(name).to_html())
    assert_drawn(page, name)
    expect(page.locator(f"[data-action='preset:{name}']")).to_have_attribute("aria-pressed", "true")


@pytest.mark.browser
def test_a_drag_changes_the_numbers_to_the_librarys(opened: Open) -> None:
    page = opened(GRUBlend().to_html())
    paint(page, "update_gate", (0.2, 0.9), (0.5, 0.3))
    paint(page, "reset_gate", (0.6, 0.0), (0.9, 0.4))
    paint(page, "inputs", (0.02, 0.2), (0.02, 0.9))
    w = assert_drawn(page)
    assert w.update_gate != GRUBlend().update_gate
    assert max(w.update_gate) == pytest.approx(0.9, abs=0.03)
    assert w.inputs[0] == pytest.approx(1.6, abs=0.1)
    page.get_by_role("button", name="undo").click()
    assert assert_drawn(page).inputs == GRUBlend().inputs
    page.locator("[data-action=reset]").click()
    assert_drawn(page, "leak")


@pytest.mark.browser
def test_what_is_drawn_is_where_the_numbers_say(opened: Open) -> None:
    """h on −1…1 over 132 px below the shares; reset after as squares in the last section."""
    page = opened(GRUBlend("alternate").to_html())
    drawn = results(page)
    columns = page.locator("[data-row=update_gate][role=slider]")
    curves = box_of(page.locator("[data-panel=curves]"))
    assert curves["height"] == 58 + 156 + 136 + 142
    for t in (1, 4, 5, 9, 13, 24):
        b = box_of(columns.nth(t - 1))
        x = b["x"] + b["width"] / 2
        h, h_tilde = drawn["before"]["h"][t - 1], drawn["before"]["h_tilde"][t - 1]
        assert inked(page, "curves", x, 58 + 12 + 66 * (1 - h), "h")
        assert inked(page, "curves", x, 58 + 12 + 66 * (1 - h_tilde), "c-tilde")
        after = drawn["after"]["h"][t - 1]
        assert inked(page, "curves", x + 3, 58 + 156 + 136 + 14 + 46 * (1 - after), "h")
        direct = math.log10(drawn["direct"][t - 1])
        assert inked(page, "curves", x, 58 + 156 + 103 - 95 * (direct + 8) / 8, "gradient")


@pytest.mark.browser
def test_the_convention_renames_z_and_h_stays(opened: Open) -> None:
    page = opened(GRUBlend("leak").to_html())
    before = results(page)
    page.get_by_role("group", name="z is the share of").get_by_role(
        "button", name="the old"
    ).click()
    w = assert_drawn(page, "leak")
    assert w.convention == "old"
    assert w.update_gate == [0.8] * 24
    assert results(page) == before
    expect(page.locator(".u-gb-formula:visible")).to_have_text(
        re.compile("= zt ht−1 \\+ \\(1 − zt\\)")
    )
    page.locator("[data-action='preset:overwrite']").click()
    assert assert_drawn(page, "overwrite").update_gate[:2] == [0, 1]
    page.locator("[data-action=undo]").click()
    page.locator("[data-action=undo]").click()
    assert assert_drawn(page, "leak").convention == "new"


@pytest.mark.browser
def test_weights_by_mouse_and_keyboard(opened: Open) -> None:
    page = opened(GRUBlend().to_html())
    slider = page.get_by_role("slider", name="weight of the neighbour's state")
    slider.focus()
    page.keyboard.press("Home")
    assert assert_drawn(page).w_2 == -3
    page.keyboard.press("ArrowRight")
    assert assert_drawn(page).w_2 == -2.95
    expect(slider).to_have_attribute("aria-valuetext", "−2.95")
    b = box_of(page.get_by_role("slider", name="reset gate of the neighbour"))
    page.mouse.move(b["x"] + 5, b["y"] + b["height"] / 2)
    page.mouse.down()
    page.mouse.move(b["x"] + b["width"] * 0.7, b["y"] + b["height"] / 2, steps=4)
    page.mouse.up()
    assert assert_drawn(page).r_2 == pytest.approx(0.7, abs=0.1)
    bar = page.locator("[data-row=update_gate][data-step='3'][role=slider]")
    bar.focus()
    for key, value in (("End", 1.0), ("PageDown", 0.75), ("ArrowDown", 0.7), ("Home", 0.0)):
        page.keyboard.press(key)
        assert assert_drawn(page).update_gate[2] == value
    expect(bar).to_have_attribute("aria-label", "update gate z, step 3 of 24")


@pytest.mark.browser
def test_the_numbers_of_one_step_are_the_librarys(opened: Open) -> None:
    for convention in CONVENTIONS:
        w = GRUBlend("alternate", convention=convention, h0=0.5, b_hn=0.25, b=-0.1)
        page = opened(w.to_html())
        for t in (1, 5, 24):
            b = box_of(page.locator(f"[data-row=inputs][data-step='{t}'][role=slider]"))
            page.mouse.move(b["x"] + b["width"] / 2, b["y"] + b["height"] / 2)
            frame(page)
            expect(page.locator(".u-step")).to_have_text(f"step {t}")
            pairs = page.locator(".u-readout [data-q]").evaluate_all(
                "e => e.map(x => [x.dataset.q, Number(x.dataset.value)])"
            )
            numbers = dict(pairs)
            k = t - 1
            before, after = w.trace["before"], w.trace["after"]
            assert w.direct is not None
            expected = {
                "h": before["h"][k],
                "h_tilde": before["h_tilde"][k],
                "h_prev": before["h"][k - 1] if k else 0.5,
                "h_tilde_3": after["h_tilde"][k],
                "kept": w.kept[k],
                "fresh": 1 - w.kept[k],
                "direct": w.direct[k],
                "total": w.total[k],
                "r": w.reset_gate[k],
            }
            for name, value in expected.items():
                assert numbers[name] == pytest.approx(value, rel=1e-9, abs=1e-12), (name, t)


@pytest.mark.browser
def test_own_update_on_a_page_stays_as_python_drew_it(opened: Open) -> None:
    w = GRUBlend("alternate", update=standard, T=12)
    page = opened(w.to_html())
    drawn = results(page)
    np.testing.assert_allclose(drawn["own"]["h"], w.trace["own"]["h"], rtol=1e-8)
    assert drawn["direct"] is None
    paint(page, "update_gate", (0.2, 0.9), (0.5, 0.3))
    assert results(page) == drawn
    expect(page.locator(".u-note")).to_contain_text("A Python function draws this picture")
    expect(page.locator(".u-says")).to_contain_text("Through the update function given")


@pytest.mark.browser
def test_locks_hold_on_the_page(opened: Open) -> None:
    w = GRUBlend(lock=["update_gate", "w_h"], challenge="Make the two resets agree.")
    page = opened(w.to_html())
    expect(page.locator(".u-challenge")).to_have_text("Make the two resets agree.")
    paint(page, "update_gate", (0.2, 0.9), (0.5, 0.3))
    assert page_handles(page)["update_gate"] == w.update_gate
    assert page.get_by_role("slider", name="weight of the unit's own state").is_disabled()
    for one in page.locator("[data-convention]").all():
        assert one.is_disabled()
    paint(page, "reset_gate", (0.2, 0.9), (0.5, 0.3))
    assert page_handles(page)["reset_gate"] != w.reset_gate


@pytest.mark.browser
@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("update_gate", []), ("update_gate", [0.5] * 23 + [1.5]), ("inputs", [0.0] * 5)],
        *[("w_h", 9), ("w_x", "1"), ("z_2", None), ("convention", "mine"), ("reset_gate", "x")],
    ],
)
def test_a_state_that_cannot_be_is_refused(opened: Open, key: str, value: Any) -> None:
    w = GRUBlend()
    state = json.dumps(w.page_state() | {key: value})
    host = re.sub(r'data-state="[^"]*"', f'data-state="{html.escape(state)}"', w.to_html())
    page = opened(host)
    note = page.locator(".unrolled-note")
    expect(note).to_contain_text("cannot be read")
    expect(note).to_contain_text(f"{'update_gate' if value == [] else key}: expected")


@pytest.mark.browser
def test_a_link_brings_the_state_back(opened: Open) -> None:
    page = opened(GRUBlend().to_html())
    paint(page, "update_gate", (0.2, 0.9), (0.5, 0.3))
    page.locator("[data-convention=old]").click()
    state = page_handles(page)
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', { configurable: true,"
        " value: { writeText: () => Promise.reject() } })"
    )
    page.locator("[data-action=link]").click()
    expect(page.locator(".u-link")).to_be_visible()
    link = page.locator(".u-link").input_value()
    again = opened(GRUBlend().to_html(), fragment="#" + link.split("#")[1])
    assert page_handles(again) == state
    assert_drawn(again)


@pytest.mark.browser
def test_no_violation_of_accessibility(opened: Open) -> None:
    page = opened(
        GRUBlend("alternate").to_html(),
        theme="light",
    )
    assert violations_at(page, 1280, 390) == []


@pytest.mark.browser
def test_it_fits_and_nothing_jumps(opened: Open) -> None:
    for width in (320, 390, 600, 700, 900, 1280):
        page = opened(GRUBlend().to_html(), viewport={"width": width, "height": 900})
        frame(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        used = box_of(page.locator(".unrolled"))["height"]
        reserved = page.evaluate(
            "parseFloat(getComputedStyle(document.querySelector('.unrolled-frame')).minHeight)"
        )
        assert used <= reserved <= used + 60, width
        b = group(page, "inputs")
        page.mouse.move(b["x"] + b["width"] / 2, b["y"] + 20)
        frame(page)
        assert box_of(page.locator(".unrolled"))["height"] == used, width
