"""LSTMGates where weights are the handles, and its coupled variant: numbers, errors, the page."""

import html
import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from explorable_pages import WIDTHS, Open, box_of, frame, violations_at
from playwright.sync_api import Page, expect

from unrolled.bptt import backward, unroll
from unrolled.cells import lstm, lstm_coupled, lstm_peephole
from unrolled.explorables.lstm_gates import LSTMGates
from unrolled.explorables.lstm_gates_painted import PRESETS as PAINTED_PRESETS
from unrolled.explorables.lstm_gates_painted import READ_STEP, challenge_candidate, preset_rows
from unrolled.explorables.lstm_gates_picture import count_text, describe_weights
from unrolled.explorables.lstm_gates_weights import (
    KEYS,
    PRESETS,
    VARIANTS,
    WEIGHTS,
    driven_weights_trace,
    parameter_count,
    parameters,
    weights_preset,
    weights_trace,
)
from unrolled.flow import total_cell_gradient

NAN = float("nan")
ROWS = ("forget", "input", "output", "candidate")
Weights = dict[str, float]


def sigmoid(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def random_case(rng: np.random.Generator, T: int = 24) -> tuple[str, Weights, list[float], float]:
    variant = str(rng.choice(list(VARIANTS)))
    scale = 10 ** rng.uniform(-1, 0.7)
    weights = {name: float(np.clip(rng.normal(0, scale), -10, 10)) for name in WEIGHTS}
    return variant, weights, rng.uniform(-2, 2, T).tolist(), float(rng.normal(0, 1))


def by_hand(variant: str, w: Weights, x: list[float], c: float) -> dict[str, list[float]]:
    """The equations, one number at a time."""
    h = 0.0
    trace: dict[str, list[float]] = {key: [] for key in ("i", "f", "c_tilde", "o", "c", "h")}
    peephole = variant == "peephole"
    for x_t in x:
        a = {g: w[f"w_{g}x"] * x_t + w[f"w_{g}h"] * h + w[f"b_{g}"] for g in "ifco"}
        f = sigmoid(a["f"] + peephole * w["p_f"] * c)
        i = 1 - f if variant == "coupled" else sigmoid(a["i"] + peephole * w["p_i"] * c)
        c_tilde = math.tanh(a["c"])
        c = f * c + i * c_tilde
        o = sigmoid(a["o"] + peephole * w["p_o"] * c)
        h = o * math.tanh(c)
        for key, value in zip(trace, (i, f, c_tilde, o, c, h), strict=True):
            trace[key].append(value)
    return trace


# ------------------------------------------------------------------------------- what is computed


@pytest.mark.parametrize("seed", range(12))
def test_trace_is_the_equations(seed: int) -> None:
    variant, weights, x, c0 = random_case(np.random.default_rng(seed))
    w = LSTMGates(mode="weights", variant=variant, x=x, c0=c0, **weights)
    for key, values in by_hand(variant, weights, x, c0).items():
        np.testing.assert_allclose(w.trace[key], values, rtol=1e-9, atol=1e-12)
    direct = [np.prod(w.trace["f"][t + 1 :]) for t in range(24)]
    np.testing.assert_allclose(w.trace["direct"], direct, rtol=1e-12)
    assert set(w.trace) == set(KEYS)


@pytest.mark.parametrize("seed", range(12))
def test_gradient_is_the_total_one(seed: int) -> None:
    """Kick c_t, let h_t follow, run the rest, see c_T; and the same by backpropagation."""
    variant, weights, x, c0 = random_case(np.random.default_rng(seed), 9)
    trace = weights_trace(variant, weights, x, c0)
    cell: Any = VARIANTS[variant]
    p = parameters(variant, weights)

    def end(t: int, kick: float) -> float:
        c = trace["c"][t] + kick
        a = weights["w_ox"] * x[t] + weights["b_o"]
        a += weights["w_oh"] * (trace["h"][t - 1] if t else 0.0)
        o = sigmoid(a + (weights["p_o"] * c if variant == "peephole" else 0))
        s = cell.State(np.array([[o * math.tanh(c)]]), np.array([[c]]))
        for x_t in x[t + 1 :]:
            s, _ = cell.step(p, s, np.array([[x_t]]))
        return float(s.c[0, 0])

    for t in range(9):
        eps = 6e-6 * max(1.0, abs(trace["c"][t]))
        slope = (end(t, eps) - end(t, -eps)) / (2 * eps)
        assert trace["gradient"][t] == pytest.approx(slope, rel=1e-6, abs=1e-9)

    s0 = cell.State(np.zeros((1, 1)), np.full((1, 1), c0))
    states, caches = unroll(cell, p, s0, np.reshape(x, (-1, 1, 1)))
    dstates = cell.State(np.zeros_like(states.h), np.zeros_like(states.c))
    dstates.c[-1] = 1.0
    back = backward(cell, p, caches, dstates)
    total = total_cell_gradient(cell, p, caches, back.states)
    np.testing.assert_allclose(trace["gradient"], total.ravel(), rtol=1e-9, atol=1e-300)


def test_total_and_direct_differ() -> None:
    """What the mode is for: the direct path vanishes while the total explodes."""
    w = LSTMGates("explode", mode="weights")
    assert abs(w.trace["gradient"][0]) > 1e5
    assert w.trace["direct"][0] == pytest.approx(0.5**23)
    # And without a way back from h, the total is the direct path.
    for variant in VARIANTS:
        w = LSTMGates("leak", mode="weights", variant=variant)
        np.testing.assert_allclose(w.trace["gradient"], w.trace["direct"], rtol=1e-12)
    # A peephole is a way back of its own.
    w = LSTMGates("leak", mode="weights", variant="peephole", p_f=2.0)
    assert w.trace["gradient"][0] > 2 * w.trace["direct"][0]


@pytest.mark.parametrize("variant", VARIANTS)
def test_presets_do_what_they_say(variant: str) -> None:
    def c(name: str) -> list[float]:
        return list(LSTMGates(name, mode="weights", variant=variant).trace["c"])

    middle = 12  # step 13
    assert c("remember")[0] > 0.9
    assert c("remember")[-1] > 0.7
    assert c("forget")[middle - 1] > 0.8
    assert abs(c("forget")[middle]) < 0.05
    assert c("overwrite")[middle - 1] > 0.8
    assert c("overwrite")[middle] < -0.8
    assert abs(c("leak")[-1]) < 0.25
    for name in PRESETS:
        for T in (1, 2, 5, 100):
            w = LSTMGates(name, mode="weights", variant=variant, T=T)
            assert w.preset == name
            assert np.isfinite([*w.trace["gradient"], *w.trace["direct"]]).all()


def test_parameter_counts() -> None:
    for D, H in ((1, 1), (5, 7), (3, 100), (1000, 1000)):
        counts = LSTMGates(D=D, H=H).parameter_counts
        assert counts == {
            "lstm": 4 * (H * (D + H) + H),
            "peephole": 4 * (H * (D + H) + H) + 3 * H,
            "coupled": 3 * (H * (D + H) + H),
        }
    assert parameter_count("lstm", 5, 7) == 364
    assert len(WEIGHTS) == parameter_count("peephole")


def test_extremes_stay_finite() -> None:
    rng = np.random.default_rng(0)
    for n in range(120):
        weights = {name: float(rng.choice([-10, 0, 10])) for name in WEIGHTS}
        variant = list(VARIANTS)[n % 3]
        c0 = float(rng.choice([-1e6, 0, 1, 1e6]))
        T = 100 if n % 5 == 0 else 10
        trace = weights_trace(variant, weights, rng.choice([-2, 0, 2], T).tolist(), c0)
        for values in trace.values():
            assert np.isfinite(values).all()


# ------------------------------------------------------------------------------- handles


def test_trace_follows_every_handle() -> None:
    w = LSTMGates("explode", mode="weights", variant="peephole")
    seen: list[bool] = []

    def now() -> dict[str, list[float]]:
        weights = {name: getattr(w, name) for name in WEIGHTS}
        return weights_trace(w.variant, weights, list(w.x), w.c0)

    w.observe(lambda _: seen.append(w.trace == now()), ["w_ch", "x", "variant", "c0"])
    before = w.trace
    for name in WEIGHTS:
        setattr(w, name, 0.5)
        assert w.trace == now() != before, name
        assert w.preset is None
        before = w.trace
    w.x[3] = -1.5
    assert w.trace == now() != before
    w.c0 = 0.5
    w.variant = "coupled"
    assert w.trace == now()
    w.preset = "forget"
    assert w.trace == now()
    assert w.x == weights_preset("forget", "coupled", 24)["x"]
    assert len(seen) >= 5
    assert all(seen)


def test_modes_have_presets_of_their_own() -> None:
    w = LSTMGates("leak")
    assert w.presets == PAINTED_PRESETS
    w.mode = "weights"
    assert w.presets == PRESETS
    assert w.preset == "remember", "the weights have not been touched"
    w.preset = "explode"
    assert w.w_ch == -4
    w.mode = "painted"
    assert w.preset == "leak"
    with pytest.raises(ValueError, match="preset: expected one of remember, .*leak, got 'explode'"):
        w.preset = "explode"
    w.forget[3] = 0.1
    w.mode = "weights"
    w.mode = "painted"
    assert w.preset is None
    assert set(w.trace) == {"c", "h", "gradient"}


def test_a_preset_stays_it_in_another_variant() -> None:
    w = LSTMGates("forget", mode="weights")
    w.variant = "coupled"
    assert w.preset == "forget"
    assert (w.w_cx, w.b_c) == (-2, 4)
    w.mode = "painted"
    assert w.preset == "remember"
    assert w.forget[0] == 0, "what writes in a coupled unit is forgetting"
    w.variant = "lstm"
    assert (w.preset, w.forget[0]) == ("remember", 1)
    w.forget[5] = 0.5
    w.variant = "coupled"
    assert w.forget == [1.0] * 5 + [0.5] + [1.0] * 18, "what is painted stays"


def test_values_come_from_the_page() -> None:
    w = LSTMGates()
    w.set_state({"preset": "explode", "mode": "weights"})
    assert (w.preset, w.mode, w.w_ih) == ("explode", "weights", 6)
    w.set_state({"w_fh": 2.5, "preset": None})
    assert w.preset is None
    assert w.w_fh == 2.5
    w.set_state({"variant": "coupled", "w_fh": 0.0, "preset": None})
    assert w.trace == weights_trace("coupled", {n: getattr(w, n) for n in WEIGHTS}, w.x)
    with pytest.raises(ValueError, match="w_fx: expected a number from -10 to 10, got 11"):
        w.set_state({"w_fx": 11})
    locked = LSTMGates(mode="weights", lock=["w_fx", "x", "mode"])
    locked.set_state({"w_fx": 1.0, "x": [0.0] * 24, "mode": "painted", "b_f": 1.0})
    assert (locked.w_fx, locked.mode, locked.b_f) == (0, "weights", 1)


def test_html_is_small_and_holds_the_handles() -> None:
    state = LSTMGates("explode", mode="weights", variant="peephole", D=3).page_state()
    assert set(state) == {*LSTMGates.handles, "preset", "challenge"}
    assert (state["mode"], state["variant"], state["D"]) == ("weights", "peephole", 3)
    for name in PRESETS:
        for variant in VARIANTS:
            page = LSTMGates(name, mode="weights", variant=variant).to_html()
            assert len(page.encode()) < 25_000
            assert page == LSTMGates(name, mode="weights", variant=variant).to_html()


def test_repr() -> None:
    assert repr(LSTMGates("explode", mode="weights")) == (
        "LSTMGates(T=24, mode='weights', preset='explode')"
    )
    assert repr(LSTMGates(variant="coupled", forget=[0.5])) == "LSTMGates(T=1, variant='coupled')"
    own = LSTMGates(mode="weights", step=lstm.step)
    assert repr(own) == "LSTMGates(T=24, mode='weights', preset='remember', step=step)"


# ------------------------------------------------------------------------------- coupled, painted


def test_painted_coupled_gates() -> None:
    w = LSTMGates("leak", variant="coupled", input=[0.3] * 24)
    c = 0.0
    for t in range(24):
        c = w.forget[t] * c + (1 - w.forget[t]) * w.candidate[t]
        assert w.trace["c"][t] == pytest.approx(c, rel=1e-13)
    assert w.input == [0.3] * 24, "the row itself is kept for the other variant"
    assert w.trace["gradient"][0] == pytest.approx(0.8**23)
    for name, last in (("remember", 0.9), ("forget", 0.0), ("overwrite", -0.7)):
        w = LSTMGates(name, variant="coupled")
        assert w.trace["c"][-1] == pytest.approx(last)
        assert w.trace["c"][5] == pytest.approx(0.9)
    svg = LSTMGates(forget=[0.25] * 4, variant="coupled").picture()[0]
    bars = re.search(r'<path fill="var\(--i\)" d="([^"]+)"', svg)
    assert bars is not None
    heights = re.findall(r"M[\d.]+ [\d.]+h[\d.]+v([\d.]+)h", bars[1])
    assert [float(height) for height in heights] == pytest.approx([46 * 0.75] * 4)


def test_challenge_is_solvable_with_coupled_gates() -> None:
    rows = {
        "forget": [0.0] + [1.0] * 23,
        "output": [float(t >= READ_STEP) for t in range(1, 25)],
    }
    assert LSTMGates(variant="coupled", challenge=True, **rows).score().score > 99
    for name in PAINTED_PRESETS:
        assert LSTMGates(name, variant="coupled").score().score < 99

    def own(f: float, i: float, g: float, o: float, c: float) -> tuple[float, float]:
        assert i == 1 - f
        return f * c + i * g, o * math.tanh(f * c + i * g)

    assert LSTMGates(variant="coupled", update=own, **rows).score().score > 99
    assert challenge_candidate(1, 24)[0] == 1
    assert preset_rows("remember", 24, "coupled")["forget"][0] == 0


# ------------------------------------------------------------------------------- the reader's own


@pytest.mark.parametrize("variant", VARIANTS)
def test_own_step_drives_the_trace(variant: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(5):
        _, weights, x, c0 = random_case(rng)
        weights = {name: value / 2 for name, value in weights.items()}
        own = LSTMGates(
            mode="weights", variant=variant, x=x, c0=c0, step=VARIANTS[variant].step, **weights
        )
        plain = weights_trace(variant, weights, x, c0)
        for key in KEYS:
            np.testing.assert_allclose(own.trace[key], plain[key], rtol=1e-5, atol=1e-7)
    own.w_ch = 1.0
    weights["w_ch"] = 1.0
    np.testing.assert_allclose(
        own.trace["gradient"], weights_trace(variant, weights, x, c0)["gradient"], rtol=1e-5
    )
    assert set(own.page_state()["driven"]) == set(KEYS)


def test_own_step_with_another_output() -> None:
    """h = o c, without a tanh: how h moves along with c is seen, not assumed."""

    def step(p: Any, s: Any, x: Any) -> tuple[Any, Any]:
        new, cache = lstm.step(p, s, x)
        return new._replace(h=cache.o * new.c), cache

    weights = dict.fromkeys(WEIGHTS, 0.4)
    x = np.linspace(-1, 1, 6).tolist()
    trace = driven_weights_trace(step, "lstm", weights, x, 0.3)

    def end(t: int, kick: float) -> float:
        s = lstm.State(np.zeros((1, 1)), np.full((1, 1), 0.3))
        for k, x_t in enumerate(x):
            s, cache = step(parameters("lstm", weights), s, np.array([[x_t]]))
            if k == t:
                c = s.c + kick
                s = lstm.State(cache.o * c, c)
        return float(s.c[0, 0])

    for t in range(6):
        slope = (end(t, 1e-5) - end(t, -1e-5)) / 2e-5
        assert trace["gradient"][t] == pytest.approx(slope, rel=1e-6)


def test_own_step_cannot_spoil_its_arguments() -> None:
    def step(p: Any, s: Any, x: Any) -> tuple[Any, Any]:
        result = lstm.step(p, s, x)
        for array in (*p, x):
            array += 1
        return result

    w = LSTMGates("explode", mode="weights", step=step)
    np.testing.assert_allclose(
        w.trace["c"], LSTMGates("explode", mode="weights").trace["c"], rtol=1e-9
    )


def test_own_step_that_fails_later_is_shown() -> None:
    def picky(p: Any, s: Any, x: Any) -> tuple[Any, Any]:
        if p.b[1, 0, 0] < 0:
            raise ZeroDivisionError("a negative forget bias")
        return lstm.step(p, s, x)

    w = LSTMGates(mode="weights", step=picky)
    w.b_f = -1.0
    assert "ZeroDivisionError: a negative forget bias" in w.error
    assert "step 1 of 24" in w.error
    assert w.trace == {key: [] for key in KEYS}
    assert "step function failed" in w.picture()[1]
    assert w._driven == w.trace
    w.b_f = 1.0
    assert w.error == ""
    assert len(w.trace["c"]) == 24
    with pytest.raises(ValueError, match="mode: expected 'weights', as step= is given"):
        w.mode = "painted"


# ------------------------------------------------------------------------------- what is refused


def returns(**changes: Any) -> Callable[[Any, Any, Any], Any]:
    """A step whose State or Cache has other fields than it should."""

    def mine(p: Any, s: Any, x: Any) -> Any:
        state, cache = lstm.step(p, s, x)
        for name, value in changes.items():
            if name in ("h", "c"):
                state = state._replace(**{name: value})
            else:
                cache = cache._replace(**{name: value})
        return state, cache

    return mine


def make(**arguments: Any) -> Callable[[], Any]:
    return lambda: LSTMGates(**{"mode": "weights"} | arguments)


WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (make(mode="weight"), ValueError, "mode: expected one of painted, weights, got 'weight'"),
    (
        make(variant="gru"),
        ValueError,
        "variant: expected one of lstm, peephole, coupled, got 'gru'",
    ),
    (make(preset="recall"), ValueError, "preset: expected one of .*explode, got 'recall'"),
    (make(T=101), ValueError, "T: expected a whole number from 1 to 100, got 101"),
    (make(x=[0.0, 2.5]), ValueError, "x, step 2: expected a number from -2 to 2, got 2.5"),
    (make(x=[NAN]), ValueError, "x, step 1: .* got nan"),
    (make(x=3), TypeError, "x: expected a sequence of numbers from -2 to 2"),
    (make(x=[1.0], T=2), ValueError, "x: expected T = 2 values, got 1"),
    (make(w_ix=10.5), ValueError, "w_ix: expected a number from -10 to 10, got 10.5"),
    (make(p_o=NAN), ValueError, "p_o: .* got nan"),
    (make(b_c="1"), TypeError, "b_c: .* got '1'"),
    (make(w_zx=1.0), TypeError, "LSTMGates has no argument w_zx"),
    (make(c0=2e6), ValueError, r"c0: expected a number from -1e\+06 to 1e\+06, got 2000000.0"),
    (make(D=0), ValueError, "D: expected a whole number from 1 to 1000, got 0"),
    (make(H=1.5), TypeError, "H: expected a whole number from 1 to 1000, got 1.5"),
    (make(challenge=True), ValueError, "challenge: expected a text in the mode 'weights'"),
    (lambda: LSTMGates(mode="weights").score(), ValueError, "challenge: .*mode='painted'"),
    (make(lock=["w_zx"]), ValueError, "lock: expected names of .*w_ix.*got 'w_zx'"),
    (make(update=lambda *_: (0.0, 0.0)), ValueError, "update: expected mode='painted'.*'weights'"),
    (make(mode="painted", step=lstm.step), ValueError, "step: expected mode='weights'.*'painted'"),
    (make(step=3), TypeError, r"step: expected a function \(p, s, x\) .*got 3"),
    (make(step=lambda *_: 1.0), TypeError, r"step: .*return \(State, Cache\), got 1.0 at step 1"),
    (make(step=lambda p, s, x: (s, None)), TypeError, "step: .*the Cache with f, got None at"),
    (make(step=lambda p, s, x: (s.h, s)), TypeError, "step: .*the State with h"),
    (make(step=lambda p: p), TypeError, "positional argument"),
    (make(step=lambda *_: 1 / 0), ZeroDivisionError, "division"),
    (make(step=returns(h=np.zeros(1))), ValueError, r"State.h of mine .*\(1, 1\), got \(1,\) at"),
    (make(step=returns(c=np.zeros((2, 1)))), ValueError, r"State.c .*\(1, 1\), got \(2, 1\)"),
    (make(step=returns(f=0.5)), ValueError, r"Cache.f .*\(1, 1\), got \(\) at step 1"),
    (make(step=returns(c=np.full((1, 1), NAN))), ValueError, "State.c .*finite, got nan at step 1"),
    (make(step=returns(h=np.array([["a"]]))), TypeError, "State.h .*numbers, got <U1"),
    (
        make(step=lambda p, s, x: (s._replace(c=1e100 * s.c + 1e-3), lstm.step(p, s, x)[1])),
        ValueError,
        "State.c .*finite",
    ),
]


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(("make", "error", "message"), WRONG)
def test_wrong_arguments_are_named(
    make: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with np.errstate(over="ignore"), pytest.raises(error, match=message):
        make()


def test_wrong_values_later_leave_the_widget_as_it_was() -> None:
    w = LSTMGates("leak", mode="weights")
    for name, value in [
        *[("x", [0.5]), ("x", [3.0] * 24), ("w_fh", NAN), ("variant", "gru"), ("mode", "paint")],
        *[("D", 0), ("c0", 1e9), ("preset", "recall"), ("challenge", True)],
    ]:
        before = w.state()
        with pytest.raises((ValueError, TypeError), match=f"^{name}"):
            setattr(w, name, value)
        assert w.state() == before
    long = LSTMGates(T=101)
    with pytest.raises(ValueError, match="T: expected a whole number from 1 to 100, got 101"):
        long.mode = "weights"
    assert long.mode == "painted"


# ------------------------------------------------------------------------------- pictures


def test_pictures_of_extremes() -> None:
    for w in (
        LSTMGates(mode="weights", T=1),
        LSTMGates("explode", mode="weights", T=100),
        LSTMGates(mode="weights", variant="coupled", c0=-1e6),
        LSTMGates(mode="weights", **dict.fromkeys(WEIGHTS, -10.0)),
        LSTMGates(mode="weights", variant="peephole", **dict.fromkeys(WEIGHTS, 10.0)),
        LSTMGates(mode="weights", **dict.fromkeys(WEIGHTS, 0.0)),
        LSTMGates(mode="weights", step=lstm.step, challenge="Find <the> wall & climb it."),
        LSTMGates(mode="weights", variant="peephole", step=lstm_peephole.step),
        LSTMGates(mode="weights", variant="coupled", step=lstm_coupled.step),
    ):
        svg, alt = w.picture()
        ET.fromstring(svg)
        assert "nan" not in svg
        assert "inf" not in svg
        assert alt
        json.dumps(w.page_state(), allow_nan=False)


def test_words() -> None:
    assert LSTMGates("explode", mode="weights").picture()[1] == (
        "One LSTM unit over 24 steps. After 24 steps c is 0.30 and h is 0.29. In total the gradient "
        "from step 24 back to step 1 is −4.6×10⁵; the direct path, gates held fixed, gives 1.2×10⁻⁷."
    )
    alone = "No weight leads from the state back to what makes c"
    assert alone in LSTMGates(mode="weights").picture()[1]
    for name in ("w_oh", "p_o"):  # they lead to the output gate, and there the way ends
        w = LSTMGates(mode="weights", variant="peephole", **{name: 2.0})
        assert alone in w.picture()[1]
        assert np.allclose(w.trace["gradient"], w.trace["direct"], rtol=1e-12, atol=0)
    for name in ("w_ih", "w_fh", "w_ch", "p_i", "p_f"):
        w = LSTMGates(mode="weights", variant="peephole", **{name: 2.0})
        assert alone not in w.picture()[1]
        assert not np.allclose(w.trace["gradient"], w.trace["direct"], rtol=1e-6, atol=0)
    shut = LSTMGates(mode="weights", b_f=-10.0, w_fx=-10.0, w_fh=-10.0, x=[2.0] * 24)
    assert "gives below 10⁻¹⁵" in shut.picture()[1]
    own = LSTMGates(mode="weights", step=lstm.step).picture()[1]
    assert "Through the step function given" in own


# ------------------------------------------------------------------------------- JavaScript's numbers

Run = Callable[[str, str, Any], Any]


def far(found: Any, expected: Any) -> float:
    value, other = np.asarray(expected, dtype=float), np.asarray(found, dtype=float)
    assert value.shape == other.shape
    return float(np.max(np.abs(value - other) / np.maximum(1, np.abs(value))))


@pytest.mark.browser
def test_one_step_in_javascript(in_javascript: Run) -> None:
    """T = 2, so that the gradient is that of one step: 1,000 random weights and states."""
    rng = np.random.default_rng(0)
    cases = [random_case(rng, 2) for _ in range(1000)]
    text = in_javascript(
        "lstm-gates/weights-math.js",
        "(m, text) => JSON.stringify(JSON.parse(text).map((c) => m.weightsTrace(...c)))",
        json.dumps(cases),
    )
    for found, case in zip(json.loads(text), cases, strict=True):
        wanted = weights_trace(*case)
        assert found.keys() == wanted.keys()
        assert max(far(found[key], wanted[key]) for key in KEYS) <= 1e-12


@pytest.mark.browser
@pytest.mark.parametrize("count", [60, pytest.param(250, marks=pytest.mark.slow)])
def test_trajectories_in_javascript(in_javascript: Run, count: int) -> None:
    """To 1e-9, wherever one ulp of the inputs grows by less than 1e3; and the words are the same."""
    rng = np.random.default_rng(1)
    cases = [random_case(rng, int(rng.integers(1, 101))) for _ in range(count)]
    cases += [
        (variant, *split(weights_preset(name, variant, 24)), 0.0)
        for name in PRESETS
        for variant in VARIANTS
    ]
    text = in_javascript(
        "lstm-gates/weights-math.js",
        """(m, text) => JSON.stringify(JSON.parse(text).map(([variant, w, x, c0]) => {
          const trace = m.weightsTrace(variant, w, x, c0);
          return [trace, m.describeWeights({ ...w, x, variant, driven: null }, trace)];
        }))""",
        json.dumps(cases),
    )
    calm = 0
    for (found, words), (variant, w, x, c0) in zip(json.loads(text), cases, strict=True):
        wanted = weights_trace(variant, w, x, c0)
        up = {name: float(np.nextafter(value, np.inf)) for name, value in w.items()}
        nudged = weights_trace(variant, up, np.nextafter(x, np.inf).tolist(), np.nextafter(c0, 9))
        growth = max(far(nudged[key], wanted[key]) for key in KEYS) / np.finfo(float).eps
        if growth < 1e3:
            calm += 1
            assert max(far(found[key], wanted[key]) for key in KEYS) <= 1e-9
            assert words == describe_weights({**w, "x": x, "variant": variant}, wanted)
    assert calm > 0.65 * len(cases), "most are not chaotic"


def split(preset: dict[str, Any]) -> tuple[Weights, list[float]]:
    return {name: preset[name] for name in WEIGHTS}, preset["x"]


@pytest.mark.browser
def test_presets_and_counts_in_javascript(in_javascript: Run) -> None:
    cases = [(n, v, T) for n in PRESETS for v in VARIANTS for T in (1, 2, 5, 24, 100)]
    found = in_javascript(
        "lstm-gates/weights-math.js", "(m, cs) => cs.map((c) => m.weightsPreset(...c))", cases
    )
    assert found == [weights_preset(*case) for case in cases]
    painted = [(n, T, v) for n in PAINTED_PRESETS for v in VARIANTS for T in (1, 2, 5, 24, 300)]
    found = in_javascript("lstm-gates/math.js", "(m, cs) => cs.map((c) => m.preset(...c))", painted)
    assert found == [preset_rows(*case) for case in painted]
    sizes = [(v, D, H) for v in VARIANTS for D, H in ((1, 1), (5, 7), (1000, 1000))]
    found = in_javascript(
        "lstm-gates/weights-math.js",
        "(m, cs) => cs.map((c) => [m.parameterCount(...c), m.countText(...c)])",
        sizes,
    )
    for (count, words), (v, D, H) in zip(found, sizes, strict=True):
        assert count == parameter_count(v, D, H)
        assert words.replace("\u00a0", " ") == count_text(v, D, H, count)


# ------------------------------------------------------------------------------- on the page

HOST = "document.querySelector('[data-explorable]').explorable"


def state_of(page: Page) -> dict[str, Any]:
    frame(page)
    names = [*LSTMGates.handles, "preset"]
    found: dict[str, Any] = page.evaluate(
        f"names => Object.fromEntries(names.map(n => [n, {HOST}.get(n)]))", names
    )
    return found


def assert_the_library_is_drawn(page: Page) -> None:
    state = state_of(page)
    weights = {name: state[name] for name in WEIGHTS}
    wanted = weights_trace(state["variant"], weights, state["x"], state["c0"])
    found = page.evaluate(f"{HOST}.results()")
    for key in KEYS:
        # The preset "explode" is as sensitive as its gradient is large.
        assert far(found[key], wanted[key]) <= 1e-14 * max(1e5, *map(abs, wanted["gradient"])), key
    words = describe_weights({**state}, wanted)
    expect(page.locator(".u-says")).to_have_text(words)


@pytest.mark.browser
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_drag_of_a_weight_and_of_the_input(opened: Open, variant: str) -> None:
    page = opened(LSTMGates("leak", mode="weights", variant=variant).to_html())
    assert_the_library_is_drawn(page)
    for key in ("w_ch", "b_f"):
        box = box_of(page.locator(f".u-range[data-key={key}]"))
        y = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] / 2, y)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.7, y, steps=4)
        page.mouse.up()
        frame(page)
        assert state_of(page)[key] == pytest.approx(4, abs=1)
        assert_the_library_is_drawn(page)
    row = box_of(page.locator("[data-row=x][role=group]"))
    page.mouse.move(row["x"] + 1, row["y"] + 1)
    page.mouse.down()
    page.mouse.move(row["x"] + row["width"] - 1, row["y"] + row["height"] - 1)
    page.mouse.up()
    frame(page)
    x = state_of(page)["x"]
    assert (x[0], x[-1]) == (pytest.approx(2, abs=0.15), pytest.approx(-2, abs=0.15))
    assert_the_library_is_drawn(page)
    assert state_of(page)["preset"] is None
    for _ in range(3):
        page.get_by_role("button", name="undo").click()
    frame(page)
    assert state_of(page)["preset"] == "leak"
    assert_the_library_is_drawn(page)


@pytest.mark.browser
def test_keys_and_sliders_have_names(opened: Open) -> None:
    page = opened(LSTMGates("explode", mode="weights", variant="peephole").to_html())
    names = page.locator(".u-range").evaluate_all("all => all.map(e => e.ariaLabel)")
    assert len(names) == len(set(names)) == 15
    slider = page.get_by_role("slider", name="input gate: weight of h")
    expect(slider).to_have_attribute("aria-valuetext", "6.00")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    frame(page)
    assert state_of(page)["w_ih"] == pytest.approx(5.9)
    page.keyboard.press("End")
    frame(page)
    assert state_of(page)["w_ih"] == 10
    assert_the_library_is_drawn(page)
    page.get_by_role("slider", name="input x, step 3 of 24").focus()
    page.keyboard.press("PageUp")
    frame(page)
    assert state_of(page)["x"][2] == pytest.approx(0.25)
    expect(page.locator(".u-step")).to_have_text("step 3")
    shown = page.locator(".u-readout [data-q=gradient]").get_attribute("data-value")
    assert float(shown or "nan") == page.evaluate(f"{HOST}.results().gradient[2]")
    assert_the_library_is_drawn(page)


@pytest.mark.browser
def test_presets_modes_and_variants(opened: Open) -> None:
    """What a click sets is what Python sets."""
    page = opened(LSTMGates("leak").to_html())
    own = LSTMGates("leak")

    def click(name: str) -> None:
        page.get_by_role("button", name=name, exact=True).click()
        frame(page)

    def same_state() -> None:
        frame(page)
        wanted = {key: value for key, value in own.state().items() if key != "challenge"}
        assert state_of(page) == wanted

    click("set the weights")
    expect(page.get_by_role("button", name="set the weights")).to_be_focused()
    own.mode = "weights"
    same_state()
    for preset in PRESETS:
        for variant, text in VARIANT_TEXTS.items():
            click(preset)
            click(text)
            own.preset = preset
            own.variant = variant
            same_state()
            assert_the_library_is_drawn(page)
    assert page.locator("[data-key=w_ix]").is_hidden(), "coupled: the input gate has no weights"
    click("paint the gates")
    own.mode = "painted"
    same_state()
    assert own.preset == "leak"
    click("LSTM")
    own.variant = "lstm"
    same_state()
    click("forget")
    click("coupled: i = 1 − f")
    own.preset = "forget"
    own.variant = "coupled"
    same_state()
    found = page.evaluate(f"{HOST}.results()")
    np.testing.assert_allclose(found["c"], own.trace["c"], rtol=1e-12, atol=1e-15)
    page.mouse.click(*middle_of(page, "input", 5))
    frame(page)
    same_state()
    bar = page.locator("[data-row=input][data-step='5']")
    expect(bar).to_have_attribute("aria-disabled", "true")
    expect(bar).to_have_attribute("aria-valuenow", "0")
    # The whole way back, in one.
    click("reset")
    assert state_of(page) == {
        k: v for k, v in LSTMGates("leak").state().items() if k != "challenge"
    }


VARIANT_TEXTS = {"lstm": "LSTM", "peephole": "with peepholes", "coupled": "coupled: i = 1 − f"}


def middle_of(page: Page, row: str, step: int) -> tuple[float, float]:
    box = box_of(page.locator(f"[data-row={row}][data-step='{step}']"))
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.browser
def test_parameters_of_a_layer(opened: Open) -> None:
    page = opened(LSTMGates(mode="weights").to_html())
    words = page.locator(".u-count-words")
    expect(words).to_contain_text("This unit has 12 parameters")
    page.get_by_role("spinbutton", name="inputs D").fill("5")
    page.get_by_role("spinbutton", name="hidden units H").fill("7")
    expect(words).to_contain_text("H = 7 units on D = 5 inputs has 364 parameters")
    expect(words).to_contain_text("LSTM 364 · with peepholes 385 · coupled 273")
    page.get_by_role("spinbutton", name="inputs D").fill("2.5")
    expect(page.locator(".u-complaint").first).to_have_text("a whole number from 1 to 1000")
    assert state_of(page)["D"] == 5


@pytest.mark.browser
def test_own_step_keeps_its_picture(opened: Open) -> None:
    """Without a kernel: the trace of the reader's cell as Python drew it, and nothing that moves."""
    w = LSTMGates("explode", mode="weights", step=lstm.step)
    page = opened(w.to_html())
    found = page.evaluate(f"{HOST}.results()")
    for key in KEYS:
        np.testing.assert_allclose(found[key], w.trace[key], rtol=1e-8)
    expect(page.locator(".u-says")).to_contain_text("Through the step function given")
    expect(page.locator(".u-note")).to_contain_text("A Python function draws this picture")
    assert page.locator(".u-range:enabled").count() == 0
    expect(page.get_by_role("button", name="paint the gates")).to_be_disabled()


@pytest.mark.browser
def test_locks_of_the_weights(opened: Open) -> None:
    w = LSTMGates("leak", mode="weights", lock=["w_fh", "mode", "variant", "x"])
    page = opened(w.to_html())
    expect(page.locator("[data-key=w_fh]")).to_be_disabled()
    expect(page.locator("[data-key=w_ch]")).to_be_enabled()
    for name in ("paint the gates", "set the weights", "LSTM", "with peepholes"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    page.mouse.click(*middle_of(page, "x", 5))
    frame(page)
    assert state_of(page)["x"] == w.x


@pytest.mark.browser
@pytest.mark.parametrize("variant", VARIANTS)
def test_accessible_at_every_width(opened: Open, variant: str) -> None:
    page = opened(LSTMGates("explode", mode="weights", variant=variant).to_html(), theme="light")
    assert violations_at(page, 1280, 390, 320) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_jumps_when_the_weights_come_alive(opened: Open, variant: str, width: int) -> None:
    host = LSTMGates("explode", mode="weights", variant=variant).to_html()
    page = opened(host, viewport={"width": width, "height": 2500})
    reserved, used = page.evaluate(
        """() => [parseFloat(getComputedStyle(document.querySelector('.unrolled-frame')).minHeight),
                  document.querySelector('.unrolled').offsetHeight]"""
    )
    assert used <= reserved <= used + 60


@pytest.mark.browser
def test_a_link_to_the_other_mode(opened: Open) -> None:
    page = opened(LSTMGates().to_html())
    page.get_by_role("button", name="set the weights").click()
    page.get_by_role("button", name="explode").click()
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', { configurable: true,"
        " value: { writeText: async (text) => { window.copied = text } } })"
    )
    page.get_by_role("button", name="copy link").click()
    fragment = "#" + page.evaluate("copied").split("#")[1]
    other = opened(LSTMGates().to_html(), fragment=fragment)
    frame(other)
    assert state_of(other) == state_of(page)
    assert state_of(other)["preset"] == "explode"
    expect(other.get_by_role("button", name="explode")).to_have_attribute("aria-pressed", "true")
    assert_the_library_is_drawn(other)


@pytest.mark.browser
def test_states_that_do_not_fit_keep_the_picture(opened: Open) -> None:
    good = LSTMGates(mode="weights").page_state()
    bad = [
        good | {"preset": "explode", "mode": "painted"},
        good | {"x": [*good["x"][1:], 3.0]},
        good | {"x": good["x"][1:]},
        good | {"w_fx": 11},
        good | {"variant": "gru"},
        good | {"D": 1.5},
        LSTMGates(T=101).page_state() | {"mode": "weights"},
    ]
    hosts = [
        re.sub(
            r'data-state="[^"]*"',
            lambda _, state=state: f'data-state="{html.escape(json.dumps(state))}"',
            LSTMGates().to_html(),
        )
        for state in bad
    ]
    page = opened(*hosts)
    expect(page.locator(".unrolled-note")).to_have_count(len(bad))
    notes = page.locator(".unrolled-note").all_text_contents()
    for note, what in zip(notes, ("preset", "x", "x", "w_fx", "variant", "D", "x"), strict=True):
        assert f"({what}: expected" in note
