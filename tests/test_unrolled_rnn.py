"""UnrolledRNN: what it computes and refuses in Python, the same in JavaScript, and alive on a page."""

import base64
import copy
import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from explorable_pages import WIDTHS, box_of, frame, violations_at
from playwright.sync_api import Locator, Page, expect

from unrolled.bptt import backward, unroll
from unrolled.cells import lstm, rnn, rnn_relu
from unrolled.explorables.unrolled_rnn import (
    MARGINAL,
    PRESETS,
    UnrolledRNN,
    fixed_points,
    fold,
    preset_values,
    rnn_trace,
    two_cycle,
)
from unrolled.explorables.unrolled_rnn_picture import (
    describe,
    share_range,
    state_text,
    tick_text,
    waterfall,
)

HANDLES = UnrolledRNN.handles
ROWS = ("h", "slope", "local", "delta", "share", "full")
NUMBERS = ("loss", "gradient", "full_gradient", "reach")


def random_state(rng: np.random.Generator, T: int | None = None) -> dict[str, Any]:
    T = int(rng.integers(1, 30)) if T is None else T
    return {
        "w_x": float(rng.uniform(-3, 3)),
        "w_h": float(rng.uniform(-3, 3)),
        "b": float(rng.uniform(-2, 2)),
        "h0": float(rng.uniform(-1, 1)),
        "inputs": (rng.uniform(-2, 2, T) * (rng.random(T) < rng.random())).tolist(),
        "target": float(rng.uniform(-1, 1)),
        "loss": str(rng.choice(["last", "every"])),
        "steps": int(rng.integers(0, T + 1)),
    }


def run(state: dict[str, Any], **other: Any) -> tuple[list[float], float]:
    """Plain Python: h at every step, and the loss; `other` may hold a weight a step, `w_hs`."""
    s = state | other
    T = len(s["inputs"])
    w_hs = s.get("w_hs", [s["w_h"]] * T)
    h, hs = s["h0"], []
    for x, w_h in zip(s["inputs"], w_hs, strict=True):
        h = math.tanh(s["w_x"] * x + w_h * h + s["b"])
        hs.append(h)
    looked_at = hs if s["loss"] == "every" else hs[-1:]
    return hs, sum(0.5 * (v - s["target"]) ** 2 for v in looked_at)


# ------------------------------------------------------------------------------- the run


@pytest.mark.parametrize("seed", range(20))
def test_run_is_the_equation_and_shares_are_derivatives_of_each_steps_own_weight(seed: int) -> None:
    """Give every step a w_h of its own: the share of step t is ∂L/∂(w_h of step t)."""
    rng = np.random.default_rng(seed)
    state = random_state(rng, 1 + seed % 9) | {"steps": 0}
    trace = rnn_trace(**state)
    hs, loss = run(state)
    np.testing.assert_allclose(trace["h"], hs, rtol=1e-13)
    assert trace["loss"] == pytest.approx(loss, rel=1e-12, abs=1e-300)
    T, eps = len(hs), 1e-6
    for t in range(T):
        ends = [
            run(state, w_hs=[state["w_h"] + sign * eps * (k == t) for k in range(T)])[1]
            for sign in (1, -1)
        ]
        assert trace["share"][t] == pytest.approx((ends[0] - ends[1]) / (2 * eps), abs=2e-8)
    ends = [run(state, w_h=state["w_h"] + sign * eps)[1] for sign in (1, -1)]
    assert trace["gradient"] == pytest.approx((ends[0] - ends[1]) / (2 * eps), abs=1e-7)
    assert sum(trace["share"]) == pytest.approx(trace["gradient"], rel=1e-12, abs=1e-15)
    assert trace["full"] == trace["share"]
    assert trace["full_gradient"] == trace["gradient"]
    ends = [run(state, h0=state["h0"] + sign * eps)[0][-1] for sign in (1, -1)]
    assert trace["reach"] == pytest.approx((ends[0] - ends[1]) / (2 * eps), abs=1e-6)


def test_local_and_total_derivatives_are_kept_apart() -> None:
    state = random_state(np.random.default_rng(5), 8) | {"steps": 0, "loss": "every"}
    trace = rnn_trace(**state)
    h = [state["h0"], *trace["h"]]
    for t in range(1, 9):
        square = 1 - h[t] ** 2
        assert trace["local"][t - 1] == pytest.approx(square * h[t - 1], rel=1e-12)
        assert trace["slope"][t - 1] == pytest.approx(square * state["w_h"], rel=1e-12)
        later = trace["slope"][t] * trace["delta"][t] if t < 8 else 0.0
        assert trace["delta"][t - 1] == pytest.approx(h[t] - state["target"] + later, rel=1e-12)


def test_truncation_cuts_in_chunks_from_the_start() -> None:
    state = preset_values("memory", 10) | {"steps": 4}  # chunks 1…4, 5…8, 9…10
    trace = rnn_trace(**state)
    assert trace["share"][:8] == [0.0] * 8
    assert trace["share"][8:] == trace["full"][8:]
    assert trace["gradient"] == pytest.approx(sum(trace["full"][8:]), rel=1e-14)
    assert trace["h"] == rnn_trace(**state | {"steps": 0})["h"], "the state crosses the border"
    every = rnn_trace(**state | {"loss": "every"})
    h = [0.0, *every["h"]]
    assert every["delta"][3] == pytest.approx(h[4] - 1, rel=1e-15), "only its own loss, at a border"
    assert every["delta"][2] == pytest.approx(h[3] - 1 + every["slope"][3] * (h[4] - 1), rel=1e-14)
    for steps in (0, 10):
        assert rnn_trace(**state | {"steps": steps})["share"] == trace["full"]


def test_a_latch_keeps_its_bit_while_its_gradient_vanishes() -> None:
    """correctness: h ← tanh(2h) latches a bit for ever; its gradient is 3e-16 after 20 steps."""
    h = fixed_points(2.0, 0.0)[2].h
    w = UnrolledRNN("latch", inputs=[0.0] * 20, h0=h)
    assert w.trace["h"][-1] == pytest.approx(h, rel=1e-15)
    assert w.trace["reach"] == pytest.approx(3e-16, rel=0.15)
    assert w.trace["share"][0] == pytest.approx(
        w.trace["share"][-1] * w.fixed_points[2]["slope"] ** 19, rel=1e-9
    )


def test_the_edge_explodes() -> None:
    """Near an unstable fixed point the derivative grows: 1.5 a step, until h has left it."""
    w = UnrolledRNN("edge")
    assert w.trace["slope"][0] == pytest.approx(1.5, abs=1e-3)
    assert w.trace["reach"] > 20


# ------------------------------------------------------------------------------- the map


def count_by_scan(w_h: float, a: float) -> int:
    """Sign changes of tanh(w_h h + a) - h on a fine grid."""
    h = np.linspace(-1, 1, 20_001)
    return int(np.count_nonzero(np.diff(np.sign(np.tanh(w_h * h + a) - h))))


def test_fixed_points_are_all_found_and_to_1e_12() -> None:
    rng = np.random.default_rng(2)
    seen = {1: 0, 3: 0}
    for _ in range(400):
        w_h, a = float(rng.uniform(-3, 3)), float(rng.normal() * rng.choice([0.1, 1, 5]))
        if abs(abs(a) - fold(w_h)) < 1e-3:
            continue
        points = fixed_points(w_h, a)
        assert len(points) == count_by_scan(w_h, a)
        seen[len(points)] += 1
        for point in points:
            assert math.tanh(w_h * point.h + a) == pytest.approx(point.h, abs=1e-12)
            assert point.slope == pytest.approx(w_h * (1 - point.h**2), abs=1e-12)
            assert point.kind == ("stable" if abs(point.slope) < 1 else "unstable")
            assert math.isfinite(point.h)
        assert [p.h for p in points] == sorted(p.h for p in points)
        if len(points) == 3:
            assert [p.kind for p in points] == ["stable", "unstable", "stable"]
    assert min(seen.values()) > 50


@pytest.mark.parametrize("w_h", [1.0001, 1.01, 1.2, 1.7, 2.0, 2.5, 3.0])
@pytest.mark.parametrize("side", [1, -1])
def test_the_tangent_bifurcation(w_h: float, side: int) -> None:
    """Inside the cusp three, outside one, on it two, of which the pair is marginal: to 1e-12."""
    limit = fold(w_h)
    h = math.sqrt(1 - 1 / w_h)  # where the slope is 1
    assert limit == pytest.approx(w_h * h - math.atanh(h), abs=1e-14)
    on = fixed_points(w_h, side * limit)
    assert sorted(p.kind for p in on) == ["marginal", "stable"]
    pair = next(p for p in on if p.kind == "marginal")
    assert pair.h == pytest.approx(-side * h, abs=1e-12)
    assert math.tanh(w_h * pair.h + side * limit) == pytest.approx(pair.h, abs=1e-12)
    gap = 4e-12
    assert len(fixed_points(w_h, side * (limit + gap))) == 1
    inside = fixed_points(w_h, side * (limit - gap))
    assert len(inside) == 3
    for point in inside:
        assert math.tanh(w_h * point.h + side * (limit - gap)) == pytest.approx(point.h, abs=1e-12)
    near = sorted(inside, key=lambda p: abs(p.h - pair.h))[:2]
    assert {p.kind for p in near} == {"stable", "unstable"}


def test_the_cusp_and_the_flip_are_marginal() -> None:
    for w_h, slope in [(1.0, 1.0), (-1.0, -1.0)]:
        (point,) = fixed_points(w_h, 0.0)
        assert point == (0.0, slope, "marginal")
    assert [p.kind for p in fixed_points(1 + 2 * MARGINAL, 0.0)] == ["stable", "unstable", "stable"]
    assert [p.kind for p in fixed_points(1 - 2 * MARGINAL, 0.0)] == ["stable"]
    assert [p.kind for p in fixed_points(1 + 1e-9, 0.0)] == ["marginal"]
    for w_h in (-0.5, 0.0, 0.5, 1.0):
        assert fold(w_h) == 0
        assert len(fixed_points(w_h, 0.3)) == 1


def test_negative_feedback_ends_in_a_fixed_point_or_a_2_cycle() -> None:
    """Against iteration: 1,000 random maps with w_h < 0, from random starts."""
    rng = np.random.default_rng(3)
    cycles = 0
    for _ in range(1000):
        w_h, a = float(rng.uniform(-3, 0)), float(rng.uniform(-3, 3))
        (point,) = fixed_points(w_h, a)
        if abs(abs(point.slope) - 1) < 0.02:
            continue  # slow to settle
        h = float(rng.uniform(-1, 1))
        for _ in range(3000):
            h = math.tanh(w_h * h + a)
        after = math.tanh(w_h * h + a)
        cycle = two_cycle(w_h, a)
        if cycle is None:
            assert point.kind == "stable"
            assert h == pytest.approx(point.h, abs=1e-9)
        else:
            cycles += 1
            assert point.kind == "unstable"
            assert cycle == pytest.approx((min(h, after), max(h, after)), abs=1e-9)
            assert cycle[0] < point.h < cycle[1]
            assert w_h**2 * math.prod(1 - v**2 for v in cycle) < 1, "the cycle is stable"
    assert cycles > 100


def test_two_cycle_just_after_it_is_born() -> None:
    for w_h in (-1.00001, -1.001):
        cycle = two_cycle(w_h, 0.0)
        assert cycle is not None
        low, high = cycle
        assert high == pytest.approx(-low, abs=1e-9)
        assert high == pytest.approx(math.sqrt(3 * (-w_h - 1)), rel=1e-2)
        assert math.tanh(w_h * low) == pytest.approx(high, abs=1e-12)
    for w_h in (-1.0, -0.99, 0.0, 2.0):
        assert two_cycle(w_h, 0.0) is None
    assert two_cycle(-3.0, 3.7) is None, "a bias can keep negative feedback calm"


# ------------------------------------------------------------------------------- the explorable


def expected(w: UnrolledRNN) -> tuple[Any, Any, Any]:
    state = {name: w.state()[name] for name in HANDLES}
    a = w.w_x * w.inputs[-1] + w.b
    cycle = two_cycle(w.w_h, a)
    return (
        rnn_trace(**state),
        [p._asdict() for p in fixed_points(w.w_h, a)],
        None if cycle is None else list(cycle),
    )


def assert_follows(w: UnrolledRNN) -> None:
    assert (w.trace, w.fixed_points, w.cycle) == expected(w)


@pytest.mark.parametrize("name", PRESETS)
def test_results_follow_every_change(name: str) -> None:
    w = UnrolledRNN(name)
    assert w.preset == name
    assert_follows(w)
    seen: list[bool] = []
    w.observe(lambda _: seen.append((w.trace, w.fixed_points, w.cycle) == expected(w)), "w_h")
    for handle, value in [
        ("w_h", -2.5),
        ("w_x", 0.25),
        ("b", -0.5),
        ("h0", 0.75),
        ("target", -0.25),
        ("loss", "every"),
        ("steps", 3),
        ("inputs", [0.5] * 12),
    ]:
        setattr(w, handle, value)
        assert_follows(w)
        assert w.preset is None
    w.inputs[11] = -2
    assert_follows(w)
    w.preset = name
    assert {key: w.state()[key] for key in HANDLES} == preset_values(name, 12)
    assert_follows(w)
    assert seen
    assert all(seen), "an observer of a handle sees the results of the new handles"


def test_presets_are_what_they_are_called() -> None:
    kinds = {name: [p["kind"] for p in UnrolledRNN(name, T=30).fixed_points] for name in PRESETS}
    bistable = ["stable", "unstable", "stable"]
    assert kinds == {
        "fade": ["stable"],
        "latch": bistable,
        "flip": bistable,
        "alternate": ["unstable"],
        "memory": ["marginal"],
        "edge": bistable,
    }
    w = UnrolledRNN("flip")
    assert w.trace["h"][5] > 0.9
    assert w.trace["h"][-1] < -0.9
    assert UnrolledRNN("alternate").cycle is not None
    for T in (1, 2, 100):
        for name in PRESETS:
            assert UnrolledRNN(name, T=T).preset == name


def test_values_come_from_the_page_as_from_python() -> None:
    w = UnrolledRNN()
    w.set_state({**preset_values("latch", 12), "preset": "latch"})
    assert w.preset == "latch"
    assert_follows(w)
    w.set_state({"inputs": [0.5] * 12, "steps": 5, "preset": None})
    assert repr(w) == "UnrolledRNN(T=12)"
    assert_follows(w)
    with pytest.raises(ValueError, match="inputs, step 1"):
        w.set_state({"inputs": [7.0] * 12})
    assert w.inputs == [0.5] * 12
    locked = UnrolledRNN(lock=["w_h"], challenge="Make h forget.")
    locked.set_state({"w_h": 2.0, "w_x": 2.0})
    assert (locked.w_h, locked.w_x) == (0.8, 2.0)
    assert locked.state()["challenge"] == "Make h forget."
    json.dumps(locked.page_state(), allow_nan=False)


def test_inputs_give_the_number_of_steps() -> None:
    w = UnrolledRNN(inputs=np.array([1, 0, -1], dtype=np.float32), w_h=np.float64(0.5))
    assert w.T == 3
    assert w.inputs == [1.0, 0.0, -1.0]
    assert type(copy.deepcopy(w.inputs)) is list
    assert w.preset is None
    w.steps = None
    assert w.steps == 0
    w.steps = 2.0  # a page, or a FloatSlider, has but one kind of number
    assert w.steps == 2


# ------------------------------------------------------------------------------- the reader's own


def scaled(p: Any, s: Any, x: Any) -> Any:
    """A smooth cell that is no library cell: h = tanh(a) / (1 + h_prev²)."""
    h = np.tanh(p.W_x @ x + p.W_h @ s.h + p.b) / (1 + s.h**2)
    return rnn.State(h), rnn.Cache(x, s.h, h)


def test_own_step_drives_everything() -> None:
    rng = np.random.default_rng(1)
    for seed in range(6):
        state = random_state(rng, 6)
        own, plain = UnrolledRNN(**state, step=rnn.step), UnrolledRNN(**state)
        for key in ROWS + NUMBERS:
            np.testing.assert_allclose(
                own.trace[key], plain.trace[key], rtol=1e-7, atol=1e-9, err_msg=f"{seed} {key}"
            )
        assert [p["kind"] for p in own.fixed_points] == [p["kind"] for p in plain.fixed_points]
        np.testing.assert_allclose(
            [p["h"] for p in own.fixed_points], [p["h"] for p in plain.fixed_points], atol=1e-12
        )
    own = UnrolledRNN("latch", step=scaled, steps=5, loss="every")
    assert repr(own) == "UnrolledRNN(T=12, step=scaled)"
    assert own.step is scaled

    def loss(w_h: float) -> float:
        h, total = np.zeros((1, 1)), 0.0
        for x in own.inputs:
            p = rnn.Params(np.array([[1.0]]), np.array([[w_h]]), np.zeros((1, 1)))
            h = scaled(p, rnn.State(h), np.array([[x]]))[0].h
            total += 0.5 * (float(h[0, 0]) + 1) ** 2
        return total

    slope = (loss(2 + 1e-6) - loss(2 - 1e-6)) / 2e-6
    assert own.trace["full_gradient"] == pytest.approx(slope, rel=1e-6)
    assert own.trace["gradient"] != pytest.approx(slope, rel=1e-3)
    for point in own.fixed_points:
        h = point["h"]
        assert math.tanh(2 * h) / (1 + h * h) == pytest.approx(h, abs=1e-12)
    driven = own.page_state()["driven"]
    assert set(driven) == {"trace", "fixed_points", "curve"}
    np.testing.assert_allclose(driven["trace"]["share"], own.trace["share"], rtol=1e-8)
    before = own.trace["h"]
    own.w_h = 0.5
    assert own.trace["h"] != before


def test_own_step_of_the_library_that_does_not_squash() -> None:
    w = UnrolledRNN("latch", step=rnn_relu.step)
    assert w.trace["h"] == [2.0**t for t in range(12)]
    assert w.trace["reach"] == pytest.approx(2**12, rel=1e-6)
    ET.fromstring(w.picture()[0])


def test_own_step_that_fails_later_is_shown() -> None:
    def picky(p: Any, s: Any, x: Any) -> Any:
        if p.W_h[0, 0] > 2:
            raise ZeroDivisionError("w_h is too large for me")
        return rnn.step(p, s, x)

    w = UnrolledRNN(step=picky)
    w.w_h = 2.5
    assert "ZeroDivisionError: w_h is too large for me" in w.error
    assert "raised by picky at step 1 of 12" in w.error
    assert (w.trace, w.fixed_points, w.cycle) == ({}, [], None)
    svg, alt = w.picture()
    ET.fromstring(svg)
    assert "failed" in alt
    w.w_h = 1.5
    assert w.error == ""
    assert len(w.trace["h"]) == 12


# ------------------------------------------------------------------------------- what is refused

NAN = float("nan")
State = rnn.State


def returning(h: Any) -> Any:
    return lambda p, s, x: (State(h), None)


WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: UnrolledRNN("recall"), ValueError, "preset: expected one of fade, .*'recall'"),
    (lambda: UnrolledRNN(T=0), ValueError, "T: expected a whole number from 1 to 100, got 0"),
    (lambda: UnrolledRNN(T=101), ValueError, "T: expected .* got 101"),
    (lambda: UnrolledRNN(T=2.5), TypeError, "T: expected a whole number .*got 2.5"),  # type: ignore[arg-type]
    (lambda: UnrolledRNN(inputs=[]), ValueError, "T: .*got 0"),
    (lambda: UnrolledRNN(inputs=[0.0] * 5, T=4), ValueError, "inputs: expected T = 4 .*got 5"),
    (lambda: UnrolledRNN(inputs=[0, 2.5]), ValueError, "inputs, step 2: .* -2 to 2, got 2.5"),
    (lambda: UnrolledRNN(inputs=[0, NAN]), ValueError, "inputs, step 2: .* got nan"),
    (lambda: UnrolledRNN(inputs="11"), TypeError, "inputs: expected a sequence"),  # type: ignore[arg-type]
    (lambda: UnrolledRNN(inputs=1.0), TypeError, "inputs: expected a sequence .*got 1.0"),  # type: ignore[arg-type]
    (lambda: UnrolledRNN(w_h=3.5), ValueError, "w_h: expected a number from -3 to 3, got 3.5"),
    (lambda: UnrolledRNN(w_x=NAN), ValueError, "w_x: expected .* got nan"),
    (lambda: UnrolledRNN(b="1"), TypeError, "b: expected a number from -2 to 2, got '1'"),  # type: ignore[arg-type]
    (lambda: UnrolledRNN(h0=-1.5), ValueError, "h0: expected .* -1 to 1, got -1.5"),
    (lambda: UnrolledRNN(target=math.inf), ValueError, "target: expected .* got inf"),
    (lambda: UnrolledRNN(loss="first"), ValueError, "loss: expected one of last, every, got 'first'"),
    (lambda: UnrolledRNN(steps=13), ValueError, "steps: expected .* from 0 to 12, got 13"),
    (lambda: UnrolledRNN(steps=-1), ValueError, "steps: expected .* got -1"),
    (lambda: UnrolledRNN(steps=1.5), TypeError, "steps: expected a whole number .*got 1.5"),  # type: ignore[arg-type]
    (lambda: UnrolledRNN(lock=["w_y"]), ValueError, "lock: expected names of .*'w_y'"),
    (lambda: UnrolledRNN(challenge=True), ValueError, "challenge: expected a text"),
    (lambda: UnrolledRNN(w_y=1), TypeError, "UnrolledRNN has no argument w_y"),
    (lambda: UnrolledRNN(step=3), TypeError, r"step: expected a function \(p, s, x\).*got 3"),  # type: ignore[arg-type]
    (lambda: UnrolledRNN(step=lambda *_: 1.0), TypeError, r"step: .*\(State, Cache\), got 1.0 at step 1"),  # type: ignore[arg-type,return-value]
    (lambda: UnrolledRNN(step=lambda p, s, x: s), TypeError, r"step: .*\(State, Cache\)"),
    (lambda: UnrolledRNN(step=lstm.step), ValueError, "not enough values"),
    (lambda: UnrolledRNN(step=returning(np.zeros(1))), ValueError, r"h of shape \(1, 1\), got shape \(1,\) at step 1"),
    (lambda: UnrolledRNN(step=returning(0.5)), ValueError, r"got shape \(\) at step 1"),
    (lambda: UnrolledRNN(step=returning(np.full((1, 1), NAN))), ValueError, "finite h, got nan at step 1"),
    (lambda: UnrolledRNN(step=returning([["a"]])), TypeError, "h of numbers"),
    (lambda: UnrolledRNN(step=lambda p: p), TypeError, "positional argument"),  # type: ignore[arg-type,misc]
    (lambda: UnrolledRNN(step=lambda *_: 1 / 0), ZeroDivisionError, "division"),  # type: ignore[arg-type,return-value]
    (lambda: preset_values("recall", 3), ValueError, "preset: .*'recall'"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), WRONG)
def test_wrong_arguments_are_named(
    make: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


def test_wrong_values_later_leave_the_widget_as_it_was() -> None:
    w = UnrolledRNN()
    for name, value in [
        ("inputs", [0.5]),
        ("w_h", 4),
        ("b", NAN),
        ("h0", "0"),
        ("target", 2),
        ("loss", "none"),
        ("steps", 13),
        ("preset", "recall"),
    ]:
        before = w.state()
        with pytest.raises((ValueError, TypeError), match=f"^{name}"):
            setattr(w, name, value)
        assert w.state() == before
        assert_follows(w)
    for name in ("trace", "fixed_points", "cycle", "error"):
        with pytest.raises(Exception, match="read-only"):
            setattr(w, name, {})


def test_own_gradients_that_overflow_are_named() -> None:
    def steep(p: Any, s: Any, x: Any) -> Any:
        return rnn.State(1e200 * s.h), None

    with pytest.raises(OverflowError, match="steep.*not finite"):
        UnrolledRNN(inputs=[0.0] * 3, h0=0.0, step=steep)


# ------------------------------------------------------------------------------- picture and words


@pytest.mark.parametrize("name", PRESETS)
def test_html_holds_state_and_picture(name: str) -> None:
    w = UnrolledRNN(name)
    page = w.to_html()
    assert page == UnrolledRNN(name).to_html()
    assert page.startswith('<div data-explorable="unrolled-rnn" data-state="')
    svg, alt = w.picture()
    title = ET.fromstring(svg).find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text
    assert alt == f"One recurrent unit unrolled over 12 steps. {title.text}"


def extremes() -> list[UnrolledRNN]:
    ends = [
        UnrolledRNN(T=1),
        UnrolledRNN(T=1, steps=1, loss="every"),
        UnrolledRNN(T=100, steps=7),
        UnrolledRNN(w_x=3, w_h=3, b=2, h0=1, inputs=[2.0] * 60, target=-1, loss="every"),
        UnrolledRNN(w_x=0, w_h=0, b=0, h0=0, inputs=[0.0] * 5, target=0),
        UnrolledRNN(w_h=-3, b=-2, inputs=[2.0, -2.0] * 20, steps=1, loss="every"),
        UnrolledRNN(step=lambda p, s, x: (State(1 + 0 * s.h), None)),
        UnrolledRNN("latch", step=lambda p, s, x: (State(s.h + 50), None)),
        UnrolledRNN(step=lambda p, s, x: (State(s.h), None)),
        UnrolledRNN("latch", T=100, step=rnn_relu.step),
    ]
    return ends


def test_pictures_of_extremes() -> None:
    for w in extremes():
        svg, alt = w.picture()
        ET.fromstring(svg)
        for word in ("nan", "inf", "None"):
            assert word not in svg
        assert alt.endswith(".")
        json.dumps(w.page_state(), allow_nan=False)


def test_picture_draws_what_the_state_says() -> None:
    w = UnrolledRNN("latch")
    svg = w.picture()[0]
    assert svg.count('r="5"') == 2 * len(w.fixed_points), "on the map and in its key"
    assert svg.count("v12") == 0, "no cut without truncation"
    assert UnrolledRNN("latch", steps=4).picture()[0].count("v12") == 2


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"preset": "fade"}, "held: one stable fixed point, at 0."),
        (
            {"preset": "latch"},
            "held: two stable fixed points, at −0.96 and 0.96, and one unstable, at 0.",
        ),
        (
            {"preset": "alternate"},
            "one unstable fixed point, at 0; the unit settles into a 2-cycle of −0.86 and 0.86.",
        ),
        ({"preset": "memory"}, "one marginal fixed point (its slope has size 1), at 0."),
        ({"preset": "memory", "steps": 4}, "Truncated BPTT in chunks of 4 makes ∂L/∂w_h −0.72;"),
        ({"preset": "latch"}, "the largest, 0.16, is that of step 12."),
        ({"preset": "latch", "target": 0, "loss": "every"}, "and the loss of all steps together"),
        ({"w_h": 0, "inputs": [0.0]}, "∂L/∂w_h is 0, and so is the share of every step."),
        ({"inputs": [1.0], "h0": 0.5}, "the share of the one step."),
        ({"w_x": 3, "w_h": 3, "inputs": [2.0] * 4}, "After 4 steps h is 1.00000 and"),
    ],
)
def test_words(arguments: dict[str, Any], part: str) -> None:
    assert part in UnrolledRNN(**arguments).picture()[1]


def test_axis_of_shares() -> None:
    assert share_range([0.0]) == (0.0, 1.0)
    assert share_range([0.0, 0.21]) == (0.0, 0.5)
    assert share_range([-0.2, 0.0]) == (-0.2, 0.0)
    assert share_range([-3e-5, 1e-5]) == (-5e-5, 5e-5)
    assert share_range([1e-300]) == (0.0, 1e-12)
    assert waterfall([1.0, 2.0, 3.0]) == [6.0, 5.0, 3.0, 0.0]
    assert [tick_text(v) for v in (0.0, 0.2, -5.0, 1e-3, -2e7, 0.05)] == [
        *("0", "0.2", "−5", "10⁻³", "−2×10⁷", "0.05")
    ]
    assert [state_text(v) for v in (0.0, 0.9999, -1e-4, 1.0, 250.0)] == [
        *("0", "0.99990", "−1.0×10⁻⁴", "1.00", "2.5×10²")
    ]


# ------------------------------------------------------------------------------- in JavaScript

InJavaScript = Callable[[str, str, Any], Any]


def close(a: Any, b: Any, tolerance: float) -> bool:
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    return bool(np.all(np.abs(a - b) <= tolerance * np.maximum(1, np.abs(b))))


@pytest.mark.browser
def test_javascript_one_step(in_javascript: InJavaScript) -> None:
    """One step forward and backward: 1,000 random states, to 1e-12."""
    rng = np.random.default_rng(11)
    cases = [random_state(rng, 1) for _ in range(1000)]
    for case, got in zip(
        cases,
        in_javascript("unrolled-rnn/math.js", "(m, cases) => cases.map(m.rnnTrace)", cases),
        strict=True,
    ):
        wanted = rnn_trace(**case)
        assert set(got) == set(wanted)
        for key, value in wanted.items():
            assert close(got[key], value, 1e-12), (key, case)


@pytest.mark.browser
@pytest.mark.parametrize("count", [250, pytest.param(1000, marks=pytest.mark.slow)])
def test_javascript_whole_runs(in_javascript: InJavaScript, count: int) -> None:
    """Whole runs to 1e-9 where an ulp of h_0 and the inputs grows by less than 1e3."""
    rng = np.random.default_rng(12)
    cases = [random_state(rng) for _ in range(count)]
    found = in_javascript("unrolled-rnn/math.js", "(m, cases) => cases.map(m.rnnTrace)", cases)
    calm = 0
    for case, got in zip(cases, found, strict=True):
        wanted = rnn_trace(**case)
        nudged = case | {
            "h0": float(np.nextafter(case["h0"], 0)),
            "inputs": np.nextafter(case["inputs"], 0).tolist(),
        }
        moved = np.abs(np.subtract(run(nudged)[0], run(case)[0])).max()
        if moved > 1e3 * np.finfo(float).eps:
            continue
        calm += 1
        for key, value in wanted.items():
            assert close(got[key], value, 1e-9), (key, case)
    assert calm > 0.9 * count


@pytest.mark.browser
def test_javascript_finds_the_same_fixed_points(in_javascript: InJavaScript) -> None:
    rng = np.random.default_rng(13)
    cases = [
        [float(rng.uniform(-3, 3)), float(rng.normal() * rng.choice([0.1, 1, 4]))]
        for _ in range(1000)
    ]
    cases += [[w, s * fold(w)] for w in (1.1, 1.5, 2.0, 3.0) for s in (1, -1)]
    cases += [[w, 0.0] for w in (-3.0, -1.0, -0.99, -1.01, 0.0, 1.0, 1.01, 2.0, 3.0)]
    found = in_javascript(
        "unrolled-rnn/math.js",
        "(m, cases) => cases.map(([w, a]) => [m.fixedPoints(w, a), m.twoCycle(w, a), m.fold(w)])",
        cases,
    )
    strict = 0
    for (w_h, a), (points, cycle, limit) in zip(cases, found, strict=True):
        wanted = fixed_points(w_h, a)
        assert [p["kind"] for p in points] == [p.kind for p in wanted]
        assert close(limit, fold(w_h), 1e-12)
        for got, point in zip(points, wanted, strict=True):
            # A rounding error moves a fixed point by 1 / |1 - slope| of itself.
            loose = 1 / min(1, max(abs(1 - point.slope), 1e-4))
            strict += loose < 100
            assert close(got["h"], point.h, 1e-14 * max(100, loose)), (w_h, a)
            assert close(got["slope"], point.slope, 1e-13 * max(10, loose)), (w_h, a)
            assert abs(math.tanh(w_h * got["h"] + a) - got["h"]) < 1e-12
        expected_cycle = two_cycle(w_h, a)
        assert (cycle is None) == (expected_cycle is None)
        if expected_cycle is not None:
            assert close(cycle, expected_cycle, 1e-9), (w_h, a)
    assert strict > 1000


@pytest.mark.browser
def test_javascript_has_the_same_presets_axes_and_words(in_javascript: InJavaScript) -> None:
    for T in (1, 2, 12, 100):
        got = in_javascript(
            "unrolled-rnn/math.js", "(m, T) => m.PRESETS.map(n => m.presetValues(n, T))", T
        )
        assert got == [preset_values(name, T) for name in PRESETS]
    rng = np.random.default_rng(14)
    rows = [(rng.normal(size=4) * 10.0 ** rng.integers(-15, 5)).tolist() for _ in range(300)]
    got = in_javascript(
        "unrolled-rnn/math.js",
        "(m, rows) => rows.map(r => [m.waterfall(r), m.shareRange(m.waterfall(r))])",
        rows,
    )
    for row, (levels, ends) in zip(rows, got, strict=True):
        assert levels == waterfall(row)
        assert tuple(ends) == share_range(waterfall(row))
    values = [*rng.normal(size=50), *(10.0 ** rng.uniform(-9, 7, 50)), 0.0, 1.0, -1.0, 0.9999]
    limits = [float(f"{d}e{e}") for d in (1, 2, 5) for e in range(-12, 9)]
    values, limits = [float(v) for v in values], [*limits, 0.0, *(-v for v in limits)]
    texts = in_javascript(
        "unrolled-rnn/words.js",
        "(m, [v, l]) => [v.map(m.stateText), l.map(m.tickText)]",
        [values, limits],
    )
    assert texts == [[state_text(v) for v in values], [tick_text(v) for v in limits]]


@pytest.mark.browser
def test_javascript_says_the_same(in_javascript: InJavaScript) -> None:
    rng = np.random.default_rng(15)
    widgets = [UnrolledRNN(name) for name in PRESETS] + extremes()
    widgets += [UnrolledRNN(**random_state(rng)) for _ in range(200)]
    cases = [[w.state(), w.trace, w.fixed_points, w.cycle, w.step is not None] for w in widgets]
    said = in_javascript(
        "unrolled-rnn/words.js", "(m, cases) => cases.map(c => m.describe(...c))", cases
    )
    for w, text in zip(widgets, said, strict=True):
        wanted = describe(w.state(), w.trace, w.fixed_points, w.cycle, driven=w.step is not None)
        assert text == wanted


def test_library_functions_are_what_is_shown() -> None:
    """The trace is `unroll` and `backward` of the library, at H = D = B = 1."""
    state = random_state(np.random.default_rng(21), 9) | {"steps": 4, "loss": "every"}
    trace = rnn_trace(**state)
    p = rnn.Params(*(np.array([[state[k]]]) for k in ("w_x", "w_h", "b")))
    xs = np.array(state["inputs"]).reshape(9, 1, 1)
    states, caches = unroll(rnn, p, rnn.State(np.array([[state["h0"]]])), xs)
    dstates = rnn.State(states.h - state["target"])
    g = backward(rnn, p, caches, dstates, steps=4)
    assert trace["gradient"] == g.p.W_h[0, 0]
    assert trace["delta"] == g.states.h.ravel().tolist()
    assert trace["h"] == states.h.ravel().tolist()


# ------------------------------------------------------------------------------- alive on a page

Open = Callable[..., Page]
PAGE_KEYS = (*ROWS, *NUMBERS)


def results(page: Page) -> dict[str, Any]:
    found = page.evaluate("() => document.querySelector('[data-explorable]').explorable.results()")
    return dict(found)


def handles(page: Page) -> dict[str, Any]:
    """The state that the page holds."""
    frame(page)
    return dict(
        page.evaluate(
            "names => Object.fromEntries(names.map(n => "
            "[n, document.querySelector('[data-explorable]').explorable.get(n)]))",
            list(HANDLES),
        )
    )


def assert_library(page: Page, step: int | None = None) -> dict[str, Any]:
    """What is drawn is what the library says of the state that the page holds; return it."""
    state, got = handles(page), results(page)
    wanted = rnn_trace(**state)
    for key in PAGE_KEYS:
        assert close(got[key], wanted[key], 1e-9), key
    step = len(state["inputs"]) if step is None else step
    a = state["w_x"] * state["inputs"][step - 1] + state["b"]
    assert got["step"] == step
    assert [p["kind"] for p in got["fixed_points"]] == [
        p.kind for p in fixed_points(state["w_h"], a)
    ]
    for point, known in zip(got["fixed_points"], fixed_points(state["w_h"], a), strict=True):
        assert close(point["h"], known.h, 1e-9)
    cycle = two_cycle(state["w_h"], a)
    assert (got["cycle"] is None) == (cycle is None)
    return got


def slider(page: Page, key: str) -> Locator:
    return page.locator(f"input[type=range][data-key={key}]")


def pull(page: Page, key: str, start: float, *stops: float) -> None:
    """Drag a slider's thumb from a share of its length to others."""
    b = box_of(slider(page, key))
    at = [b["x"] + 8 + share * (b["width"] - 16) for share in (start, *stops)]
    page.mouse.move(at[0], b["y"] + b["height"] / 2)
    page.mouse.down()
    for x in at[1:]:
        page.mouse.move(x, b["y"] + b["height"] / 2, steps=4)
    page.mouse.up()
    frame(page)


@pytest.mark.browser
@pytest.mark.parametrize("name", PRESETS)
def test_page_draws_its_state(opened: Open, name: str) -> None:
    w = UnrolledRNN(name, steps=5)
    page = opened(w.to_html())
    assert handles(page) == {key: w.state()[key] for key in HANDLES}
    assert_library(page)
    expect(page.locator(".u-says")).to_have_text(w.picture()[1].split(". ", 1)[1])
    page.get_by_role("button", name=name, exact=True).click()
    frame(page)
    assert handles(page) == preset_values(name, 12)
    assert_library(page)
    expect(page.get_by_role("button", name=name, exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )


@pytest.mark.browser
def test_page_drags(opened: Open) -> None:
    page = opened(UnrolledRNN("latch").to_html())
    before = assert_library(page)
    pull(page, "w_h", 5 / 6, 0.3, 0.1)
    after = assert_library(page)
    assert handles(page)["w_h"] < -2
    assert after["cycle"] is not None
    assert after["gradient"] != before["gradient"]
    assert page.locator("[aria-pressed=true]").count() == 1, "no preset any more; the loss is one"
    row = box_of(page.locator("[data-row=inputs][role=group]"))
    page.mouse.move(row["x"] + 3, row["y"] + 5)
    page.mouse.down()
    page.mouse.move(row["x"] + row["width"] + 40, row["y"] + row["height"] + 20, steps=9)
    page.mouse.up()
    page.mouse.move(2, 2)
    frame(page)
    inputs = handles(page)["inputs"]
    assert inputs[0] > 1.5
    assert inputs[-1] == -2
    assert inputs == sorted(inputs, reverse=True)
    assert_library(page, step=1)  # where the hand came down the keyboard goes on
    page.get_by_role("button", name="undo").click()
    page.get_by_role("button", name="undo").click()
    frame(page)
    assert handles(page) == preset_values("latch", 12)
    assert_library(page)


@pytest.mark.browser
def test_page_truncates_by_its_slider(opened: Open) -> None:
    page = opened(UnrolledRNN("memory").to_html())
    chunk = slider(page, "steps")
    expect(chunk).to_have_attribute("aria-valuetext", "in full")
    expect(page.locator(".u-in-full")).to_have_text("")
    chunk.focus()
    for _ in range(8):
        chunk.press("ArrowLeft")
    frame(page)
    assert handles(page)["steps"] == 4
    expect(chunk).to_have_attribute("aria-valuetext", "by 4")
    got = assert_library(page)
    assert got["share"][:8] == [0] * 8
    expect(page.locator(".u-sum")).to_have_text("= −0.72")
    expect(page.locator(".u-in-full")).to_have_text("in full −1.3")
    chunk.press("End")
    frame(page)
    assert handles(page)["steps"] == 0, "the right end is full BPTT"
    page.get_by_role("button", name="at every step").click()
    frame(page)
    assert handles(page)["loss"] == "every"
    assert_library(page)


@pytest.mark.browser
def test_page_keyboard(opened: Open) -> None:
    page = opened(UnrolledRNN("latch").to_html())
    w_h = slider(page, "w_h")
    expect(w_h).to_have_attribute("aria-label", "weight of the state, w h")
    w_h.focus()
    for key, value in [("ArrowRight", 2.01), ("Home", -3), ("End", 3), ("PageDown", 2.4)]:
        w_h.press(key)
        frame(page)
        assert handles(page)["w_h"] == pytest.approx(value, abs=0.011)
        assert_library(page)
    bars = page.locator("[role=slider][data-row=inputs]")
    bars.nth(0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageUp")
    frame(page)
    assert handles(page)["inputs"][1] == 0.25
    expect(bars.nth(1)).to_have_attribute("aria-valuetext", "0.25")
    page.keyboard.press("Home")
    frame(page)
    assert handles(page)["inputs"][1] == -2
    assert_library(page, step=2)


@pytest.mark.browser
def test_page_shows_one_step_its_numbers_and_its_map(opened: Open) -> None:
    page = opened(UnrolledRNN("flip").to_html())
    row = box_of(page.locator("[data-row=inputs][role=group]"))
    for step in (7, 1, 12):
        x = row["x"] + row["width"] * (step - 0.5) / 12
        page.mouse.move(x, row["y"] + row["height"] / 2)
        frame(page)
        got = assert_library(page, step=step)
        expect(page.locator(".u-step")).to_have_text(f"step {step}")
        numbers = dict(
            page.locator(".u-readout [data-q]").evaluate_all(
                "e => e.map(x => [x.dataset.q, Number(x.dataset.value)])"
            )
        )
        assert numbers["share"] == pytest.approx(got["share"][step - 1], rel=1e-12)
        assert numbers["h"] == pytest.approx(got["h"][step - 1], rel=1e-12)
        title = "the map of the last step" if step == 12 else f"the map of step {step}"
        expect(page.locator(".u-map-title")).to_have_text(title)
        shown = page.locator(".u-points li:visible")
        expect(shown).to_have_count(1 if step in (1, 7) else 3)


@pytest.mark.browser
def test_page_moves_h_0_on_the_map(opened: Open) -> None:
    page = opened(UnrolledRNN("fade").to_html())
    panel = box_of(page.locator("[data-panel=map]"))
    x, y = panel["x"] + 44 + 150, panel["y"] + 26 + 300
    page.mouse.move(x, y - 4)
    page.mouse.down()
    page.mouse.move(x + 75, y - 60, steps=3)
    page.mouse.up()
    frame(page)
    assert handles(page)["h0"] == pytest.approx(0.5, abs=0.02)
    assert_library(page)
    for key in ("w_h", "h0"):
        locked = opened(UnrolledRNN("fade", lock=[key]).to_html())
        expect(slider(locked, key)).to_be_disabled()
    panel = box_of(locked.locator("[data-panel=map]"))
    locked.mouse.move(panel["x"] + 194, panel["y"] + 322)
    locked.mouse.down()
    locked.mouse.move(panel["x"] + 250, panel["y"] + 322, steps=3)
    locked.mouse.up()
    frame(locked)
    assert handles(locked)["h0"] == 0, "locked"


@pytest.mark.browser
def test_page_of_the_readers_own_step_stands_still(opened: Open) -> None:
    w = UnrolledRNN("latch", step=scaled)
    page = opened(w.to_html())
    got = results(page)
    for key in PAGE_KEYS:
        assert close(got[key], w.trace[key], 1e-8), key
    assert [p["kind"] for p in got["fixed_points"]] == [p["kind"] for p in w.fixed_points]
    expect(slider(page, "w_h")).to_be_disabled()
    expect(page.locator(".u-note")).to_contain_text("open the notebook to change it")
    row = box_of(page.locator("[data-row=inputs][role=group]"))
    page.mouse.move(row["x"] + 20, row["y"] + 20)
    frame(page)
    expect(page.locator(".u-readout")).to_contain_text("step(p, ")
    failing = UnrolledRNN("latch", step=scaled)
    failing.set_trait("error", "no")
    failing._driven = failing.failed() | {"curve": []}
    expect(opened(failing.to_html()).locator(".u-says")).to_have_text(
        "Nothing is drawn: the step function failed."
    )


@pytest.mark.browser
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"w_h": 4}, "w_h: expected a number from -3 to 3"),
        ({"b": None}, "b: expected"),
        ({"target": "1"}, "target: expected"),
        ({"inputs": []}, "inputs: expected 1 to 100 numbers"),
        ({"inputs": [0, 5]}, "inputs: expected"),
        ({"inputs": "no"}, "inputs: expected"),
        ({"loss": "first"}, "loss: expected one of last, every"),
        ({"steps": 13}, "steps: expected a whole number from 0 to 12"),
        ({"steps": 1.5}, "steps: expected"),
        ({"preset": "recall"}, "preset: expected"),
    ],
)
def test_page_refuses_a_malformed_state(
    opened: Open, change: dict[str, Any], complaint: str
) -> None:
    w = UnrolledRNN()
    w.page_state = lambda: w.state() | change  # type: ignore[method-assign]
    page = opened(w.to_html())
    expect(page.locator(".unrolled-note")).to_contain_text(complaint)
    expect(page.locator("img.unrolled-picture")).to_be_visible()


@pytest.mark.browser
def test_link_with_another_number_of_steps_is_refused(opened: Open) -> None:
    changes = base64.urlsafe_b64encode(json.dumps({"inputs": [1.0] * 5}).encode()).decode()
    page = opened(
        UnrolledRNN().to_html(), fragment=f"#unrolled=unrolled-rnn.1.{changes.rstrip('=')}"
    )
    expect(page.locator(".u-note")).to_contain_text("cannot be read")
    assert handles(page) == preset_values("fade", 12)
    assert_library(page)


@pytest.mark.browser
def test_page_at_extremes_draws_no_nonsense(opened: Open) -> None:
    for w in extremes():
        page = opened(w.to_html())
        row = box_of(page.locator("[data-row=inputs][role=group]"))
        page.mouse.move(row["x"] + row["width"] / 2, row["y"] + 20)
        frame(page)
        text = page.locator(".unrolled").inner_text()
        assert not re.search("NaN|Infinity|undefined|null", text)
        json.dumps(results(page), allow_nan=False)


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_page_keeps_its_place_and_fits(opened: Open, width: int) -> None:
    """The height kept free holds the picture, and little more; nothing scrolls sideways."""
    for name in ("latch", "alternate"):
        page = opened(
            UnrolledRNN(name, steps=4).to_html(), viewport={"width": width, "height": 900}
        )
        row = box_of(page.locator("[data-row=inputs][role=group]"))
        used = box_of(page.locator(".unrolled"))["height"]
        page.mouse.move(row["x"] + row["width"] / 2, row["y"] + 20)
        frame(page)
        assert box_of(page.locator(".unrolled"))["height"] == used, "nothing jumps at a step"
        kept = page.locator(".unrolled-frame").evaluate(
            "e => parseFloat(getComputedStyle(e).minHeight)"
        )
        assert used <= kept <= used + 60
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_page_is_accessible(opened: Open) -> None:
    page = opened(
        UnrolledRNN("alternate", steps=4, challenge="Make it settle.").to_html(),
        theme="light",
    )
    assert violations_at(page, 1280, 390) == []
