"""JacobianFlow: numbers against the library, JavaScript against Python, the picture in Chromium."""

import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from explorable_pages import WIDTHS, box_of, frame, inked, scrolled, swipe, violations_at
from playwright.sync_api import Page, expect

from unrolled import flow, unroll
from unrolled.cells import rnn, rnn_relu
from unrolled.explorables.jacobian_flow import (
    ENTRIES,
    PRESETS,
    JacobianFlow,
    T,
    driven_jacobians,
    eigenvalues,
    ellipses,
    inputs,
    jacobians,
    log10_norms,
    params,
)
from unrolled.explorables.jacobian_flow_picture import (
    complex_text,
    describe,
    log_limits,
    log_text,
    log_ticks,
    near_one,
    span,
)

NON_NORMAL = np.array([[0.95, 1.3], [0.0, 0.95]])
IN_JS = Callable[[str, str, Any], Any]


def random_matrices(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """Matrices of all kinds: any, orthogonal, defective, nearly singular, singular, tiny."""
    result = []
    for k in range(n):
        W = rng.uniform(-2, 2, (2, 2))
        kind = k % 8
        if kind == 0:
            W, _ = np.linalg.qr(W)
        elif kind == 1:  # a double eigenvalue, defective, in numbers that hold it exactly
            m, b, u = rng.integers(-8, 9), rng.integers(1, 5), rng.integers(1, 5)
            W = np.array([[m + b * u, b * u * u], [-b, m - b * u]]) / 16
        elif kind == 2:
            W[1] = W[0] * rng.uniform(-1, 1) * (1 + 1e-13 * rng.normal(size=2))
        elif kind == 3:
            W = np.round(W)
        elif kind == 4:
            W *= 10.0 ** -rng.integers(0, 9)
        elif kind == 5:
            W[1, 0] = 0.0
        result.append(np.clip(W, -2, 2))
    return result


def states(rng: np.random.Generator, n: int) -> list[dict[str, Any]]:
    return [
        dict(zip(ENTRIES, W.ravel().tolist(), strict=True))
        | {
            "steps": int(rng.integers(1, 101)),
            "tanh": bool(k % 2),
            "amplitude": float(rng.choice([0.0, 2.0, rng.uniform(0, 2)])),
        }
        for k, W in enumerate(random_matrices(rng, n))
    ]


def matrix(state: dict[str, Any]) -> np.ndarray:
    return np.array([state[name] for name in ENTRIES]).reshape(2, 2)


def setting(state: dict[str, Any]) -> dict[str, Any]:
    return {name: state[name] for name in ("tanh", "amplitude")}


# ------------------------------------------------------------------------------- what is computed


@pytest.mark.parametrize("name", PRESETS)
def test_norms_are_those_of_the_chain_rule(name: str) -> None:
    """Nudge h_{T-k}, run the rest of the network: the derivative of h_T, with no product in it."""
    w = JacobianFlow(name)
    x, p = inputs(w.amplitude), params(w.W_h)

    def run(h: np.ndarray, k: int) -> np.ndarray:
        for t in range(T - k, T):
            a = p.W_h @ h + x[t]
            h = np.tanh(a) if w.tanh else a
        return h

    h = [np.zeros((2, 1))]
    for t in range(T):
        a = p.W_h @ h[-1] + x[t]
        h.append(np.tanh(a) if w.tanh else a)
    for k in (1, 2, 7, 19):
        J = np.empty((2, 2))
        for j in range(2):
            nudge = np.eye(2)[:, [j]] * 1e-5
            J[:, [j]] = (run(h[T - k] + nudge, k) - run(h[T - k] - nudge, k)) / 2e-5
        norm = np.linalg.norm(J, 2)
        assert 10 ** w.log10_norms[k] == pytest.approx(norm, rel=1e-6, abs=1e-10)


def test_non_normal_grows_to_9_83_at_19_and_then_vanishes() -> None:
    w = JacobianFlow()
    assert w.preset == "non-normal"
    assert w.sigma_max == pytest.approx(1.80, abs=0.005)
    assert w.spectral_radius == 0.95
    assert np.argmax(w.log10_norms) == 19
    assert 10 ** w.log10_norms[19] == pytest.approx(9.83, abs=0.005)
    np.testing.assert_allclose(10**w.log10_norms, flow.power_norms(NON_NORMAL, T), rtol=1e-12)
    assert w.log10_norms[-1] < 0
    assert "grows to 9.8 at k = 19" in w.picture()[1]


def test_presets_are_what_they_are_called() -> None:
    w = JacobianFlow("contracting")
    assert w.sigma_max < 1
    assert np.diff(w.log10_norms).max() < 0
    for name in ("rotation", "orthogonal-tanh"):
        np.testing.assert_allclose(
            JacobianFlow(name).W_h.T @ JacobianFlow(name).W_h, np.eye(2), atol=1e-15
        )
    np.testing.assert_allclose(JacobianFlow("rotation").log10_norms, 0, atol=1e-12)
    w = JacobianFlow("orthogonal-tanh")
    assert w.log10_norms[-1] < -10, "no singular value is below 1, and yet it vanishes"
    w.amplitude = 0.0
    np.testing.assert_allclose(w.log10_norms, 0, atol=1e-12)
    w = JacobianFlow("exploding")
    assert w.spectral_radius > 1
    assert w.log10_norms[-1] > 2
    w.tanh = True
    assert w.log10_norms[-1] < -10, "σ_max > 1 is needed for explosion, and not enough"


def test_bounds_hold() -> None:
    for state in states(np.random.default_rng(1), 200):
        w = JacobianFlow(**state)
        norms, k = w.log10_norms, np.arange(T + 1)
        with np.errstate(divide="ignore"):
            bound, rate = np.log10(w.sigma_max), np.log10(w.spectral_radius)
        seen = np.isfinite(norms)
        assert (norms[seen] <= (k * bound)[seen] + 1e-9).all()
        if not state["tanh"] and w.spectral_radius > 1e-6:
            # ‖A^k‖ ≥ ρ^k; a defective pair of eigenvalues is known to 1e-8 only.
            assert (norms >= k * (rate - 1e-7)).all()


def test_input_is_what_it_says() -> None:
    x = inputs(0.5)
    assert x.shape == (T, 2, 1)
    np.testing.assert_array_equal(x, inputs(0.5))
    assert x.std() == pytest.approx(0.5, rel=0.05)
    assert abs(x.mean()) < 0.05
    assert np.abs(x).max() <= 0.5 * math.sqrt(3)
    assert not inputs(0.0).any()


def test_eigenvalues_and_singular_values_follow() -> None:
    w = JacobianFlow("rotation")
    np.testing.assert_allclose(w.eigenvalues, [0.8 + 0.6j, 0.8 - 0.6j])
    np.testing.assert_allclose(w.singular_values, [1, 1])
    seen: list[tuple[float, float]] = []
    w.observe(lambda c: seen.append((w.sigma_max, w.spectral_radius)), ["sigma_max"])
    w.W_h = [[0, 2], [0.5, 0]]
    np.testing.assert_allclose(w.eigenvalues, [1, -1])
    np.testing.assert_allclose(w.singular_values, [2, 0.5])
    assert seen == [(2.0, 1.0)]


def test_ellipses_are_the_products() -> None:
    rng = np.random.default_rng(2)
    for state in states(rng, 50):
        J = jacobians(matrix(state), **setting(state))
        shapes = ellipses(J)
        M = np.eye(2)
        for k in range(6):
            s = np.linalg.svd(M)[1]
            if s[0] > 1e-200:
                assert shapes.log10[k] == pytest.approx(np.log10(s[0]), abs=1e-9)
                assert shapes.ratio[k] == pytest.approx(s[1] / s[0], abs=1e-9)
                axis = np.array([math.cos(shapes.angle[k]), math.sin(shapes.angle[k])])
                # As a quadratic form, as the axis of a circle can be any.
                form = s[0] ** 2 * np.outer(axis, axis)
                form += s[1] ** 2 * (np.eye(2) - np.outer(axis, axis))
                np.testing.assert_allclose(form, M @ M.T, atol=1e-9 * s[0] ** 2)
            M = M @ J[T - 1 - k]


def test_nothing_is_nothing() -> None:
    w = JacobianFlow(W_h=np.zeros((2, 2)))
    assert w.log10_norms.tolist() == [0.0] + [-math.inf] * T
    w.W_h = [[0, 1], [0, 0]]
    assert w.log10_norms.tolist() == [0.0, 0.0] + [-math.inf] * (T - 1)
    assert "at most 0." in w.picture()[1]


# ------------------------------------------------------------------------------- handles


def test_handles_can_be_set_one_by_one_and_together() -> None:
    w = JacobianFlow("rotation", w_12=0.0, steps=7, tanh=True)
    assert w.W_h.tolist() == [[0.8, 0.0], [0.6, 0.8]]
    assert w.preset is None
    assert w.state() == {
        **{"w_11": 0.8, "w_12": 0.0, "w_21": 0.6, "w_22": 0.8},
        **{"steps": 7, "tanh": True, "amplitude": 0.5, "preset": None, "challenge": False},
    }
    w.w_12 = -0.6
    w.tanh, w.steps = False, 40
    assert w.preset is None
    w.preset = "rotation"
    changes: list[str] = []
    w.observe(lambda change: changes.append(change.name), list(ENTRIES))
    w.W_h = np.array([[1, 2], [-2, 0.5]], dtype=np.float32)
    assert sorted(changes) == list(ENTRIES)
    assert w.preset is None
    assert [w.w_11, w.w_12, w.w_21, w.w_22] == [1, 2, -2, 0.5]
    with pytest.raises(ValueError, match="read-only"):
        w.W_h[0, 0] = 1
    w.preset = "orthogonal-tanh"
    assert w.W_h.tolist() == [[0.8, -0.6], [0.6, 0.8]]
    assert w.tanh is True


def test_results_follow_the_page() -> None:
    w = JacobianFlow()
    w.set_state({"w_12": 0.0, "w_21": 0.5, "preset": None})
    assert w.sigma_max == pytest.approx(np.linalg.norm([[0.95, 0], [0.5, 0.95]], 2))
    assert 10 ** w.log10_norms[1] == pytest.approx(w.sigma_max)
    w.set_state({"tanh": True, "amplitude": 1, "steps": 12})
    p = params(w.W_h)
    _, caches = unroll(rnn, p, rnn.zero_state(2, 1), inputs(1.0))
    J = flow.jacobians(rnn, p, caches)[:, 0]
    np.testing.assert_array_equal(w.jacobians, J)
    assert 10 ** w.log10_norms[2] == pytest.approx(np.linalg.norm(J[-1] @ J[-2], 2))
    with pytest.raises(ValueError, match="w_11"):
        w.set_state({"w_11": 7})
    assert w.w_11 == 0.95


def test_lock_of_the_matrix_is_that_of_its_entries() -> None:
    w = JacobianFlow(lock=["W_h", "tanh"], challenge="Keep the norm at 100 steps below 1.")
    assert w.lock == (*ENTRIES, "tanh")
    w.set_state({"w_11": 0.0, "amplitude": 2.0})
    assert (w.w_11, w.amplitude) == (0.95, 2.0)
    w.W_h = np.eye(2)
    assert w.w_11 == 1.0, "a program still can"
    assert JacobianFlow(lock="W_h").lock == ENTRIES
    assert w.page_state()["lock"] == [*ENTRIES, "tanh"]


# ------------------------------------------------------------------------------- the reader's own


def leaky(p: Any, s: Any, x: Any) -> Any:
    h = 0.5 * s.h + 0.5 * np.tanh(p.W_h @ s.h + p.W_x @ x + p.b)
    return rnn.State(h), None


def test_own_step_makes_the_jacobians() -> None:
    for name in ("contracting", "orthogonal-tanh", "exploding"):
        own, plain = JacobianFlow(name, step=rnn.step, tanh=True), JacobianFlow(name, tanh=True)
        np.testing.assert_allclose(own.jacobians, plain.jacobians, atol=2e-10)
        own.w_12 = plain.w_12 = 0.25
        np.testing.assert_allclose(own.jacobians, plain.jacobians, atol=2e-10)
        np.testing.assert_allclose(own.log10_norms, plain.log10_norms, atol=1e-6)
    own = JacobianFlow("rotation", step=leaky, amplitude=1.0)
    h, W = np.zeros((2, 1)), own.W_h
    for t in range(T):
        tanh = np.tanh(W @ h + inputs(1.0)[t])
        np.testing.assert_allclose(
            own.jacobians[t], 0.5 * np.eye(2) + 0.5 * (1 - tanh**2) * W, atol=1e-9
        )
        h = 0.5 * h + 0.5 * tanh
    assert repr(own) == "JacobianFlow(W_h=[[0.8, -0.6], [0.6, 0.8]], step=leaky)"
    assert "the step function given" in own.picture()[1]
    own = JacobianFlow("exploding", step=rnn_relu.step)
    assert own.log10_norms[0] == 0


def test_own_step_goes_to_the_page() -> None:
    own = JacobianFlow("orthogonal-tanh", step=leaky)
    state = json.loads(json.dumps(own.page_state(), allow_nan=False))
    J = np.array(state["driven"]["J"]).reshape(T, 2, 2)
    np.testing.assert_allclose(J, own.jacobians, rtol=1e-8)


def test_own_step_that_fails_later_is_shown() -> None:
    def picky(p: Any, s: Any, x: Any) -> Any:
        if p.W_h[0, 0] > 1:
            raise ZeroDivisionError("too much for me")
        return rnn.step(p, s, x)

    w = JacobianFlow("rotation", step=picky)
    w.w_11 = 1.5
    assert (
        w.error == "ZeroDivisionError: too much for me\nraised by picky(p, s, x) at step 1 of 100"
    )
    assert w.jacobians.shape == (0, 2, 2)
    assert w.log10_norms.shape == (0,)
    assert w._driven == {"J": []}
    assert w.sigma_max == pytest.approx(np.linalg.norm(w.W_h, 2))
    assert "failed" in w.picture()[1]
    w.w_11 = 0.8
    assert w.error == ""
    assert len(w.log10_norms) == T + 1


def test_own_step_cannot_spoil_the_run() -> None:
    def rude(p: Any, s: Any, x: Any) -> Any:
        h = np.tanh(p.W_h @ s.h + x)
        for array in (p.W_h, s.h, x):
            array[:] = 7.0
        return rnn.State(h), None

    w = JacobianFlow("exploding", tanh=True)
    np.testing.assert_allclose(driven_jacobians(rude, w.W_h, w.amplitude), w.jacobians, atol=2e-10)


# ------------------------------------------------------------------------------- what is refused

NAN = float("nan")
H3 = rnn.State(np.zeros((3, 1)))
WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"preset": "normal"}, ValueError, "preset: expected one of contracting, .*'normal'"),
    ({"preset": 3}, ValueError, "preset: .* got 3"),
    ({"W_h": [[1, 2], [3, 0]]}, ValueError, r"W_h\[1\]\[0\]: .* -2 to 2, got 3"),
    ({"W_h": [[1, 2]]}, ValueError, r"W_h: expected 2 rows of 2 numbers .* got \[\[1, 2\]\]"),
    ({"W_h": np.eye(3)}, ValueError, "W_h: expected 2 rows of 2 numbers"),
    ({"W_h": 1.0}, TypeError, "W_h: expected 2 rows of 2 numbers .* got 1.0"),
    ({"W_h": [[1, NAN], [0, 1]]}, ValueError, r"W_h\[0\]\[1\]: .* got nan"),
    ({"W_h": [[1, "a"], [0, 1]]}, TypeError, r"W_h\[0\]\[1\]: .* got 'a'"),
    ({"w_21": -2.1}, ValueError, "w_21: expected a number from -2 to 2, got -2.1"),
    ({"w_21": NAN}, ValueError, "w_21: .* got nan"),
    ({"w_22": "1"}, TypeError, "w_22: .* got '1'"),
    ({"steps": 0}, ValueError, "steps: expected a whole number from 1 to 100, got 0"),
    ({"steps": 101}, ValueError, "steps: .* got 101"),
    ({"steps": 2.5}, TypeError, "steps: .* got 2.5"),
    ({"tanh": 1}, TypeError, "tanh: expected True or False, got 1"),
    ({"amplitude": -1}, ValueError, "amplitude: .* 0 to 2, got -1"),
    ({"amplitude": math.inf}, ValueError, "amplitude: .* got inf"),
    ({"lock": ["W"]}, ValueError, "lock: expected names of w_11, .* got 'W'"),
    ({"challenge": True}, ValueError, "challenge: expected a text"),
    ({"challenge": 3}, TypeError, "challenge: .* got 3"),
    ({"T": 5}, TypeError, "JacobianFlow has no argument T"),
    ({"step": 3}, TypeError, "step: expected a function .* got 3"),
    ({"step": lambda p, s, x: s}, TypeError, r"step: .*\(State, Cache\).*at step 1"),
    ({"step": lambda p, s, x: (s.h, None)}, TypeError, "step: .* State with the field h"),
    ({"step": lambda p, s, x: (H3, None)}, ValueError, r"shape \(2, 1\), got shape \(3, 1\)"),
    ({"step": lambda p, s, x: (rnn.State(s.h * 1j), 0)}, TypeError, "real numbers, got complex"),
    ({"step": lambda p, s, x: (rnn.State(s.h * NAN), 0)}, ValueError, "finite, got .*nan"),
    ({"step": lambda p: 1}, TypeError, "positional argument"),
    ({"step": lambda p, s, x: 1 / 0}, ZeroDivisionError, "division"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), WRONG)
def test_wrong_arguments_are_named(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        JacobianFlow(**arguments)


def test_wrong_values_later_leave_the_widget_as_it_was() -> None:
    w = JacobianFlow()
    wrong = {"w_11": 3, "steps": 0, "tanh": "yes", "amplitude": NAN, "preset": "x", "challenge": 1}
    for name, value in wrong.items():
        before = w.state()
        with pytest.raises((ValueError, TypeError), match=f"^{name}"):
            setattr(w, name, value)
        assert w.state() == before
    before = w.state()
    with pytest.raises(ValueError, match=r"W_h\[1\]\[1\]"):
        w.W_h = [[0, 0], [0, 5]]
    assert w.state() == before, "all four or none"
    for name in ("sigma_max", "spectral_radius", "error"):
        with pytest.raises(Exception, match="read-only"):
            setattr(w, name, 1.0)


# ------------------------------------------------------------------------------- in a notebook


def test_repr_and_html_are_short_and_stable() -> None:
    assert repr(JacobianFlow()) == "JacobianFlow(preset='non-normal')"
    assert repr(JacobianFlow(w_11=0)) == "JacobianFlow(W_h=[[0.0, 1.3], [0.0, 0.95]])"
    for name in PRESETS:
        page = JacobianFlow(name).to_html()
        assert page == JacobianFlow(name).to_html()
        assert len(page.encode()) < 25_000


def test_pictures_of_extremes() -> None:
    makers: list[JacobianFlow] = [
        JacobianFlow(W_h=np.zeros((2, 2))),
        JacobianFlow(W_h=np.full((2, 2), 2.0), steps=100),
        JacobianFlow(W_h=np.full((2, 2), 1e-300), steps=100),
        JacobianFlow(W_h=np.full((2, 2), -2.0), tanh=True, amplitude=2.0, steps=1),
        JacobianFlow(W_h=[[0, 1], [0, 0]], steps=2),
        JacobianFlow(W_h=np.eye(2)),
        JacobianFlow(step=lambda p, s, x: (rnn.State(1e-300 * s.h), None)),
        JacobianFlow(step=lambda p, s, x: (rnn.State(1e3 * s.h), None)),
        *map(JacobianFlow, PRESETS),
    ]
    for w in makers:
        svg, alt = w.picture()
        ET.fromstring(svg)
        assert not re.search(r"\b-?(nan|inf)\b", svg.lower())
        assert not re.search(r"\b-?(nan|inf)\b", alt.lower())


def test_picture_draws_what_the_state_says() -> None:
    svg = JacobianFlow(steps=19).picture()[0]
    # 19 steps back: 9.8 on the axis from 10^-3 to 10^3, its axis turned by the angle of the ellipse.
    shapes = ellipses(jacobians(NON_NORMAL, tanh=False, amplitude=0))
    drawn = re.findall(r'<ellipse [^>]*rx="([\d.]+)" ry="([\d.]+)"[^>]*rotate\((\S+) ', svg)
    assert len(drawn) == 19
    rx, ry, turn = map(float, drawn[-1])
    radius = 5 + (shapes.log10[19] + 3) / 6 * (89 - 5)
    assert rx == pytest.approx(radius, abs=0.06)
    assert ry == pytest.approx(radius * shapes.ratio[19], abs=0.31)
    assert turn == pytest.approx(-math.degrees(shapes.angle[19]), abs=0.06)


def test_words() -> None:
    def says(**arguments: Any) -> str:
        return JacobianFlow(**arguments).picture()[1]

    assert "must vanish" in says(preset="contracting")
    assert "neither vanishes nor explodes" in says(preset="rotation")
    assert "Without tanh it would be 1:" in says(preset="orthogonal-tanh")
    assert "tanh has slope 1. Both" in says(preset="orthogonal-tanh", amplitude=0)
    assert "explodes" in says(preset="exploding")
    assert "does not decide" in says(W_h=[[1, 1], [0, 1]])
    assert "does not decide" in says(W_h=[[1.5, 0.5], [-0.5, 0.5]]), "two eigenvalues 1, defective"
    assert "the norm stays 1" in says(W_h=[[1, 0], [0, 0.5]])
    assert "never grows" in says(W_h=[[0, 1], [0.5, 0]])
    assert "below 0.99995" not in says(W_h=[[0.99995, 0], [0, 0.99995]])
    assert "0.99995, is below 1" in says(W_h=[[0.99995, 0], [0, 0.99995]])
    assert "Over k = 1 step a" in says(steps=1)
    assert [log_text(v) for v in (-math.inf, 0.0, 1e-15, 1.5, -310.5, 320.0)] == [
        *("0", "1", "1", "32", "3.2×10⁻³¹¹", "1.0×10³²⁰"),
    ]
    assert near_one(1 - 1e-8) == "1"
    assert complex_text([0.8 + 0.6j, 0.8 - 0.6j]) == "0.800 ± 0.600i"
    assert complex_text([-1 + 0j, 0.5 + 0j]) == "−1.000, 0.500"


# ------------------------------------------------------------------------------- the same in JavaScript


def close(got: Any, expected: Any, tol: float) -> None:
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    assert got.shape == expected.shape
    error = np.abs(got - expected) / np.maximum(1, np.abs(expected))
    assert error.max(initial=0) <= tol, (got, expected)


MATH = "jacobian-flow/math.js"
WORDS = "jacobian-flow/words.js"


@pytest.mark.browser
def test_steps_agree(in_javascript: IN_JS) -> None:
    """One step forward and backward, 1,000 random states and parameters, to 1e-12."""
    rng = np.random.default_rng(10)
    cases = [
        {"W": W.ravel().tolist(), **{name: rng.normal(size=2).tolist() for name in ("h", "x", "d")}}
        for W in random_matrices(rng, 1000)
    ]
    got = in_javascript(
        MATH,
        "(m, cases) => cases.map(({ W, h, x, d }) => { const next = m.step(W, h, x);"
        " return [next, m.step(W, h, x, false), m.stepBackward(W, next, d)]; })",
        cases,
    )
    for case, (squashed, linear, back) in zip(cases, got, strict=True):
        W = np.array(case["W"]).reshape(2, 2)
        h, x, d = (np.array(case[name]).reshape(2, 1) for name in ("h", "x", "d"))
        after, cache = rnn.step(params(W), rnn.State(h), x)
        close(squashed, after.h[:, 0], 1e-12)
        close(linear, (W @ h + x)[:, 0], 1e-12)
        _, before, _ = rnn.step_backward(params(W), cache, rnn.State(d))
        close(back, before.h[:, 0], 1e-12)


@pytest.mark.browser
def test_singular_values_agree(in_javascript: IN_JS) -> None:
    matrices = random_matrices(np.random.default_rng(11), 1000)
    got = in_javascript(
        MATH, "(m, cases) => cases.map(m.singular)", [W.ravel().tolist() for W in matrices]
    )
    for W, (first, second, angle) in zip(matrices, got, strict=True):
        s = np.linalg.svd(W)[1]
        # NumPy knows σ_2 to a rounding of σ_1.
        close([first, second], s, 1e-14)
        close(first, s[0], 1e-15 * s[0] + 4e-15 * s[0])
        # Its own digits, where W is nearly singular: against exact arithmetic.
        exact = exact_singular(W)
        assert first == pytest.approx(float(exact[0]), rel=1e-15)
        assert second == pytest.approx(float(exact[1]), rel=1e-14)
        axis = np.array([math.cos(angle), math.sin(angle)])
        assert -math.pi / 2 < angle <= math.pi / 2
        form = first**2 * np.outer(axis, axis) + second**2 * (np.eye(2) - np.outer(axis, axis))
        np.testing.assert_allclose(form, W @ W.T, atol=1e-14 * first**2)


def exact_singular(W: np.ndarray) -> tuple[Decimal, Decimal]:
    with localcontext() as context:
        context.prec = 120
        a, b, c, d = (Decimal(v) for v in W.ravel().tolist())
        total, det = a * a + b * b + c * c + d * d, abs(a * d - b * c)
        plus, minus = (total + 2 * det).sqrt(), max(total - 2 * det, Decimal(0)).sqrt()
        first = (plus + minus) / 2
        return first, det / first if first else Decimal(0)


def exact_eigenvalues(W: np.ndarray) -> list[complex]:
    """Both eigenvalues, with 120 digits on the way."""
    with localcontext() as context:
        context.prec = 120
        a, b, c, d = (Decimal(v) for v in W.ravel().tolist())
        middle, disc = (a + d) / 2, ((a - d) ** 2 + 4 * b * c)
        half = abs(disc).sqrt() / 2
        if disc < 0:
            return [complex(float(middle), float(half)), complex(float(middle), -float(half))]
        first = middle - half if middle < 0 else middle + half
        second = 2 * middle - first
        return [complex(float(first)), complex(float(second))]


@pytest.mark.browser
def test_eigenvalues_agree(in_javascript: IN_JS) -> None:
    """Against exact arithmetic to the last digits; against NumPy as far as NumPy can know them.

    An eigenvalue λ moves by ε ‖W‖ / |y·x| when W is rounded (x and y its right and left unit
    vectors), and by √ε ‖W‖ at most where two coincide. Trace and determinant hold there too.
    """
    matrices = random_matrices(np.random.default_rng(12), 1000)
    got = in_javascript(
        MATH, "(m, cases) => cases.map(m.eigenvalues)", [W.ravel().tolist() for W in matrices]
    )
    well = 0
    for W, pair in zip(matrices, got, strict=True):
        values = np.array([complex(*v) for v in pair])
        for value, exact in zip(values, exact_eigenvalues(W), strict=True):
            assert abs(value - exact) <= 4e-16 * abs(exact) + 1e-300, W
        numpy = eigenvalues(W)
        norm = np.linalg.norm(W, 2)
        close([values.sum().real], [np.trace(W)], 1e-15)
        assert abs(values.prod() - np.linalg.det(W)) <= 1e-14 * norm**2
        # Their distance over 2 ‖W‖ is |y·x| within a small factor, for 2×2.
        apart = abs(values[0] - values[1])
        tolerance = min(1e-12, 1e-14 * norm * (1 + norm / apart)) if apart else 0.0
        if tolerance == 1e-12 or apart < 1e-4 * norm:
            tolerance = 4e-8 * norm
        else:
            well += 1
        assert min(np.abs(values - numpy).max(), np.abs(values[::-1] - numpy).max()) <= tolerance
    assert well > 800


@pytest.mark.browser
@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_whole_runs_agree(in_javascript: IN_JS, count: int) -> None:
    """Trajectories, Jacobians, norms and ellipses to 1e-9, wherever they are not chaotic."""
    cases = states(np.random.default_rng(13), count)
    got = in_javascript(
        MATH,
        """(m, cases) => cases.map((s) => {
          const W = [s.w_11, s.w_12, s.w_21, s.w_22];
          const f = { ...m.ellipses(m.jacobians(W, s)), log10: m.flow(s).log10 };
          return { x: [...m.inputs(s.amplitude)], h: [...m.trajectory(W, s)], J: [...m.jacobians(W, s)],
            log10: [...f.log10].map((v) => (v === -Infinity ? null : v)), angle: [...f.angle], ratio: [...f.ratio],
            linear: [...m.linearLog10(W)].map((v) => (v === -Infinity ? null : v)) };
        })""",
        cases,
    )
    calm = 0
    for state, result in zip(cases, got, strict=True):
        W = matrix(state)
        x = inputs(state["amplitude"])
        close(result["x"], x.ravel(), 1e-15)

        def run(x: np.ndarray, state: dict[str, Any] = state, W: np.ndarray = W) -> np.ndarray:
            h, hs = np.zeros((2, 1)), []
            for t in range(T):
                a = W @ h + x[t]
                h = np.tanh(a) if state["tanh"] else a
                hs.append(h[:, 0])
            return np.array(hs)

        h = run(x)
        ulp = 2.0**-52
        scale = np.maximum(1, np.abs(h))
        moved = max(
            float((np.abs(run(x * (1 + ulp * sign)) - h) / scale).max())
            for sign in (np.ones_like(x), np.where(np.arange(T).reshape(T, 1, 1) % 2, 1, -1))
        )
        J = jacobians(W, **setting(state))
        shapes = ellipses(J)
        # What one ulp in every Jacobian makes of the norms.
        nudged = J * (1 + ulp * np.where(np.arange(4).reshape(2, 2) % 3, 1, -1))
        norms, other = shapes.log10, ellipses(nudged).log10
        seen = np.isfinite(norms)
        drift = np.abs(norms[seen] - other[seen]).max()
        if moved > 1e3 * ulp or drift > 1e3 * ulp:
            continue
        calm += 1
        close(result["h"], h.ravel(), 1e-9)
        close(result["J"], J.ravel(), 1e-9)
        assert [v is None for v in result["log10"]] == (~seen).tolist()
        close([v for v in result["log10"] if v is not None], norms[seen], 1e-9)
        close(np.array(result["ratio"])[seen], shapes.ratio[seen], 1e-9)
        for k in np.flatnonzero(seen):
            r2 = shapes.ratio[k] ** 2
            forms = [
                np.outer(u, u) * (1 - r2) + r2 * np.eye(2)
                for angle in (result["angle"][k], shapes.angle[k])
                for u in [np.array([math.cos(angle), math.sin(angle)])]
            ]
            np.testing.assert_allclose(*forms, atol=1e-9)
        if not state["tanh"]:
            assert result["linear"] == result["log10"]
    assert calm > count / 2


@pytest.mark.browser
def test_presets_words_and_axes_agree(in_javascript: IN_JS) -> None:
    for name in PRESETS:
        state = JacobianFlow(name).state()
        expected = {key: state[key] for key in JacobianFlow.handles}
        assert in_javascript(MATH, "(m, name) => m.preset(name)", name) == expected
    assert in_javascript(MATH, "(m) => m.PRESETS", None) == list(PRESETS)

    rng = np.random.default_rng(14)
    special = [[1, 1, 0, 1], [1.5, 0.5, -0.5, 0.5], [1, 0, 0, 0.5], [0, 1, 0.5, 0], [0, 0, 0, 0]]
    cases = []
    for k, state in enumerate([*states(rng, 200), *({} for _ in special)]):
        if not state:
            entries = special[k - 200]
            state = dict(zip(ENTRIES, map(float, entries), strict=True))
            state |= {"steps": 40, "tanh": False, "amplitude": 1.0}
        W = matrix(state)
        log10 = log10_norms(jacobians(W, **setting(state)))
        cases.append(
            {
                "log10": [v if v > -math.inf else None for v in log10.tolist()],
                "steps": state["steps"],
                "sigma": flow.singular_values(W).tolist(),
                "rho": float(flow.spectral_radius(W)),
                **setting(state),
                "linear": float(max(log10_norms(np.tile(W, (T, 1, 1)))[state["steps"]], -1e6)),
                "driven": k % 17 == 0,
            }
        )
    got = in_javascript(
        WORDS,
        """(m, cases) => cases.map((c) => {
          const log10 = c.log10.map((v) => v ?? -Infinity);
          const limits = m.logLimits(log10, c.sigma[0], c.rho);
          return [m.describe(log10, c), limits, m.logTicks(...limits), m.span(c.sigma[0])];
        })""",
        cases,
    )
    for case, (says, limits, ticks, wide) in zip(cases, got, strict=True):
        log10 = [-math.inf if v is None else v for v in case.pop("log10")]
        assert says == describe(log10, **case)
        assert limits == list(log_limits(log10, case["sigma"][0], case["rho"]))
        assert ticks == log_ticks(*limits)
        assert 0 in ticks
        assert len(ticks) <= 7
        assert wide == span(case["sigma"][0])
    texts = [-400.04, -310.5, -12.3, -1.0, -0.001, 0.0, 1e-14, 0.3, 1.999, 5.0, 301.2]
    assert in_javascript(WORDS, "(m, vs) => vs.map(m.logText)", texts) == [*map(log_text, texts)]
    pairs = [[[0.8, 0.6], [0.8, -0.6]], [[-1, 0], [0.5, 0]]]
    assert in_javascript(WORDS, "(m, vs) => vs.map(m.complexText)", pairs) == [
        complex_text([complex(*v) for v in pair]) for pair in pairs
    ]


# ------------------------------------------------------------------------------- on a page

Open = Callable[..., Page]


def results(page: Page) -> dict[str, Any]:
    frame(page)
    return dict(page.evaluate("document.querySelector('[data-explorable]').explorable.results()"))


def handles(page: Page) -> dict[str, Any]:
    """What the model on the page has."""
    frame(page)
    get = "names => names.map(n => document.querySelector('[data-explorable]').explorable.get(n))"
    names = list(JacobianFlow.handles)
    return dict(zip(names, page.evaluate(get, names), strict=True))


def assert_numbers(page: Page) -> dict[str, Any]:
    """What is drawn is the library's, for the handles; returns these."""
    drawn, state = results(page), handles(page)
    w = JacobianFlow(**state)
    norms = w.log10_norms
    seen = np.isfinite(norms)
    assert [v is not None for v in drawn["log10"]] == seen.tolist()
    np.testing.assert_allclose([v for v in drawn["log10"] if v is not None], norms[seen], atol=1e-8)
    np.testing.assert_allclose(drawn["sigma"], w.singular_values, atol=1e-12)
    assert drawn["rho"] == pytest.approx(w.spectral_radius, abs=1e-7)
    np.testing.assert_allclose(
        [complex(*v) for v in drawn["eigenvalues"]], w.eigenvalues, atol=1e-7
    )
    shown = page.locator(".u-readout [data-q=norm]").inner_text()
    assert shown == log_text(norms[state["steps"]])
    assert page.locator(".u-readout [data-q=sigma]").inner_text() == ", ".join(
        f"{v:.3f}" for v in w.singular_values
    )
    expect(page.locator(".u-says")).to_have_text(w.picture()[1].split("to a gradient. ")[1])
    return state


def on_columns(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a point of the plane of the columns is on the page."""
    box = box_of(page.locator("[data-panel=columns]"))
    unit = box["width"] / 2 / 2.25
    return (
        box["x"] + box["width"] / 2 + x * unit,
        box["y"] + box["height"] - box["width"] / 2 - y * unit,
    )


def drag(page: Page, *stops: tuple[float, float]) -> None:
    page.mouse.move(*stops[0])
    page.mouse.down()
    for stop in stops[1:]:
        page.mouse.move(*stop, steps=3)
    page.mouse.up()
    frame(page)


@pytest.mark.browser
@pytest.mark.parametrize("name", PRESETS)
def test_it_draws_its_state(opened: Open, name: str) -> None:
    w = JacobianFlow(name)
    page = opened(w.to_html())
    assert assert_numbers(page) == {key: w.state()[key] for key in JacobianFlow.handles}
    expect(page.locator("[data-action][aria-pressed=true]")).to_have_text(name)


@pytest.mark.browser
def test_a_drag_moves_the_nearer_column(opened: Open) -> None:
    page = opened(JacobianFlow("contracting").to_html())
    before = handles(page)
    drag(page, on_columns(page, 0.7, 0.3), on_columns(page, 1.2, -0.4))
    state = assert_numbers(page)
    assert (state["w_11"], state["w_21"]) == pytest.approx((1.2, -0.4), abs=0.011)
    assert (state["w_12"], state["w_22"]) == (-0.4, 0.6)
    expect(page.locator("[data-action][aria-pressed=true]")).to_have_count(0)
    # The other one, taken from beside it: it moves as the hand does, and does not jump.
    drag(page, on_columns(page, -0.7, 0.9), on_columns(page, -0.2, 0.4))
    state = assert_numbers(page)
    assert (state["w_12"], state["w_22"]) == pytest.approx((0.1, 0.1), abs=0.011)
    # Beyond the edge it stays in range; one drag is one step of undo.
    drag(page, on_columns(page, 0.1, 0.1), on_columns(page, 0.1, 0.5), (3, 3))
    beyond = assert_numbers(page)
    assert (beyond["w_12"], beyond["w_22"]) == (-2, 2)
    page.get_by_role("button", name="undo").click()
    assert assert_numbers(page) == state
    for _ in range(2):
        page.get_by_role("button", name="undo").click()
    assert assert_numbers(page) == before
    # A press alone changes nothing.
    page.mouse.click(*on_columns(page, 2, 2))
    assert handles(page) == before


@pytest.mark.browser
def test_a_drag_across_the_curve_chooses_k(opened: Open) -> None:
    page = opened(JacobianFlow().to_html())
    box = box_of(page.locator("[data-panel=norms]"))

    def at(k: float) -> tuple[float, float]:
        return box["x"] + 50 + k / 100 * (box["width"] - 62), box["y"] + box["height"] / 2

    drag(page, at(40), at(30), at(19))
    assert assert_numbers(page)["steps"] == 19
    assert "9.8" in page.locator(".u-readout [data-q=norm]").inner_text()
    # The mark of k, and the norm on the axis from 10^-3 to 10^3.
    assert inked(page, "norms", at(19)[0], box["height"] / 2 + 40, "muted")
    height = 212 - (JacobianFlow().log10_norms[19] + 3) / 6 * (212 - 42)
    assert inked(page, "norms", at(19)[0], height, "gradient")
    assert not inked(page, "norms", at(19)[0], height - 30, "gradient")
    drag(page, at(19), at(-20))
    assert assert_numbers(page)["steps"] == 1
    drag(page, at(19), at(120))
    assert assert_numbers(page)["steps"] == 100


@pytest.mark.browser
def test_keyboard_presets_and_reset(opened: Open) -> None:
    page = opened(JacobianFlow("rotation").to_html())
    for name, key, press, value in [
        ("entry of W, row 1, column 1", "w_11", "ArrowRight", 0.81),
        ("entry of W, row 1, column 2", "w_12", "End", 2),
        ("entry of W, row 2, column 1", "w_21", "Home", -2),
        ("entry of W, row 2, column 2", "w_22", "ArrowLeft", 0.79),
        ("steps back k", "steps", "ArrowLeft", 39),
        ("steps back k", "steps", "End", 100),
    ]:
        page.get_by_role("slider", name=name).focus()
        page.keyboard.press(press)
        assert assert_numbers(page)[key] == pytest.approx(value)
    slider = page.get_by_role("slider", name="row 2, column 1")
    expect(slider).to_have_attribute("aria-valuetext", "−2.00")
    before = handles(page)["w_21"]
    slider.focus()
    page.keyboard.press("PageUp")
    assert handles(page)["w_21"] > before + 0.1
    amplitude = page.get_by_role("slider", name="amplitude of the input")
    expect(amplitude).to_be_disabled()
    page.get_by_role("button", name="tanh", exact=True).click()
    assert assert_numbers(page)["tanh"] is True
    amplitude.focus()
    page.keyboard.press("End")
    assert assert_numbers(page)["amplitude"] == 2
    for name in PRESETS:
        page.get_by_role("button", name=name, exact=True).click()
        expected = JacobianFlow(name).state()
        assert assert_numbers(page) == {key: expected[key] for key in JacobianFlow.handles}
    page.get_by_role("button", name="reset").click()
    assert handles(page)["w_12"] == -0.6
    expect(page.locator("[data-action][aria-pressed=true]")).to_have_text("rotation")


@pytest.mark.browser
def test_touch_drags_a_column_and_scrolls_elsewhere(opened: Open) -> None:
    page = opened(
        JacobianFlow("rotation").to_html(),
        "<div style='height: 2000px'></div>",
        viewport={"width": 390, "height": 700},
        has_touch=True,
        is_mobile=True,
    )
    swipe(page, on_columns(page, 0.8, 0.6), on_columns(page, 1.3, 0.2), rest=300)
    state = handles(page)
    assert (state["w_11"], state["w_21"]) == pytest.approx((1.3, 0.2), abs=0.05)
    assert page.evaluate("scrollY") == 0
    # A quick swipe up scrolls the page and leaves the matrix as it was.
    x, y = on_columns(page, 1.3, 0.2)
    swipe(page, (x, y), (x, y - 200))
    scrolled(page, 50)
    assert handles(page) == state


@pytest.mark.browser
def test_own_step_keeps_still_without_python(opened: Open) -> None:
    own = JacobianFlow("orthogonal-tanh", step=leaky)
    page = opened(own.to_html())
    drawn = results(page)
    np.testing.assert_allclose(drawn["log10"], own.log10_norms, atol=1e-6)
    expect(page.locator(".u-says")).to_have_text(own.picture()[1].split("to a gradient. ")[1])
    before = handles(page)
    drag(page, on_columns(page, 0.8, 0.6), on_columns(page, 1.3, 0.2))
    assert handles(page) == before
    expect(page.locator(".u-note")).to_contain_text("Python")
    expect(page.get_by_role("button", name="tanh", exact=True)).to_have_count(0)
    spoiled = own.to_html().replace("&quot;J&quot;:[[", "&quot;J&quot;:[[null,", 1)
    page = opened(spoiled)
    expect(page.locator(".u-says")).to_have_text("Nothing is drawn: the step function failed.")


@pytest.mark.browser
def test_locked_columns_stay(opened: Open) -> None:
    page = opened(JacobianFlow("rotation", lock=["w_11", "w_21", "steps"]).to_html())
    drag(page, on_columns(page, 0.8, 0.6), on_columns(page, 0.8, 0.1))
    state = assert_numbers(page)
    assert (state["w_11"], state["w_21"]) == (0.8, 0.6)
    assert (state["w_12"], state["w_22"]) == pytest.approx((-0.6, 0.3), abs=0.011)
    expect(page.get_by_role("slider", name="row 1, column 1")).to_be_disabled()
    box = box_of(page.locator("[data-panel=norms]"))
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert handles(page)["steps"] == 40


@pytest.mark.browser
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("&quot;w_12&quot;:1.3", "&quot;w_12&quot;:2.1", "w_12: expected a number from -2 to 2"),
        ("&quot;w_12&quot;:1.3", "&quot;w_12&quot;:null", "w_12: expected a number"),
        ("&quot;steps&quot;:40", "&quot;steps&quot;:4.5", "steps: expected a whole number from 1"),
        ("&quot;tanh&quot;:false", "&quot;tanh&quot;:0", "tanh: expected true or false"),
        ("&quot;amplitude&quot;:0.5", "&quot;amplitude&quot;:&quot;x&quot;", "amplitude: expected"),
        ("non-normal&quot;,&quot;chall", "normal&quot;,&quot;chall", "preset: expected one of"),
    ],
)
def test_malformed_state_is_named(opened: Open, before: str, after: str, message: str) -> None:
    host = JacobianFlow().to_html()
    assert before in host
    page = opened(host.replace(before, after, 1))
    expect(page.locator(".unrolled-note")).to_contain_text(message)
    expect(page.locator("img.unrolled-picture")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_jumps_and_nothing_is_cut(opened: Open, width: int) -> None:
    host = JacobianFlow().to_html()
    page = opened(host, host, viewport={"width": width, "height": 3200})
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
        JacobianFlow("orthogonal-tanh").to_html(),
        JacobianFlow(challenge="Keep the norm at 1 for 100 steps.", lock=["W_h"]).to_html(),
        theme="light",
    )
    assert violations_at(page, 1280, 390) == []


@pytest.mark.browser
def test_random_handles_leave_only_numbers(opened: Open) -> None:
    page = opened(JacobianFlow().to_html())
    for state in states(np.random.default_rng(20), 60):
        page.evaluate(
            "s => { const m = document.querySelector('[data-explorable]').explorable;"
            " for (const k in s) m.set(k, s[k]); m.save_changes(); }",
            state,
        )
        drawn = results(page)
        assert handles(page) == state
        assert np.isfinite(drawn["sigma"]).all()
        text = page.locator(".unrolled").inner_text()
        assert not re.search(r"NaN|Infinity|undefined|\?", text)
