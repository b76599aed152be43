"""The numbered equations on the LSTM's way back, by plain arithmetic, against the library."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from helpers import assert_close, random_case

from unrolled import backward, numerical_gradient, unroll
from unrolled.cells import lstm


@pytest.mark.equation("lstm-central-difference")
def test_a_central_difference_is_the_slope_up_to_the_square_of_epsilon():
    """For w³ exactly: ((w + ε)³ - (w - ε)³) / 2ε = 3w² + ε²."""
    for w in (-1.5, 0.3, 2.0):
        for epsilon in (0.1, 0.01, 1e-3):
            found = numerical_gradient(lambda v: float(v[0] ** 3), np.array([w]), epsilon)
            assert math.isclose(found[0], 3 * w**2 + epsilon**2, rel_tol=1e-9)


@pytest.mark.equation("lstm-central-difference")
def test_a_tenth_of_epsilon_makes_a_hundredth_of_the_error_in_a_step_of_the_lstm():
    W_x, W_h, b = ([0.9, 0.5, -0.9, 1.2], [-0.8, -1.2, -0.2, 0.4], [-0.5, 1.0, 0.9, -1.1])

    def loss(b_f: float) -> float:
        """h + c / 2 of the second example, by plain arithmetic."""
        a = [u * 0.5 + v * 0.1 + w for u, v, w in zip(W_x, W_h, [b[0], b_f, *b[2:]], strict=True)]
        i, f, o = (1 / (1 + math.exp(-a[k])) for k in (0, 1, 3))
        c = f * 0.2 + i * math.tanh(a[2])
        return o * math.tanh(c) + 0.5 * c

    p = lstm.Params(*(np.array(v).reshape(4, 1, 1) for v in (W_x, W_h, b)))
    s, x = lstm.State(np.array([[0.1]]), np.array([[0.2]])), np.array([[0.5]])
    _, cache = lstm.step(p, s, x)
    ds = lstm.State(np.array([[1.0]]), np.array([[0.5]]))
    claimed = lstm.step_backward(p, cache, ds)[0].b[1].item()
    errors = [abs((loss(1 + e) - loss(1 - e)) / (2 * e) - claimed) for e in (0.1, 0.01, 0.001)]
    assert errors[0] < 1e-5
    assert all(90 < first / second < 110 for first, second in pairwise(errors))


# Gate by gate: the formulas of the chapter, each against differences of a loss in which one quantity
# of one step is moved and everything after it follows.

H, D, B, T = 4, 3, 2, 5
P, S0, XS, UPSTREAM = random_case(lstm, T, B, D, H, seed=31)
STATES, CACHES = unroll(lstm, P, S0, XS)
BLOCKS = {"i": 0, "f": 1, "c_tilde": 2, "o": 3}


def logistic(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def before(t: int) -> Any:
    """The state before step t."""
    return S0 if t == 0 else lstm.State(STATES.h[t - 1], STATES.c[t - 1])


def rest(s: Any, t: int) -> float:
    """The loss of step t and later, of a state s at step t."""
    total = float(np.sum(s.h * UPSTREAM.h[t]) + np.sum(s.c * UPSTREAM.c[t]))
    for later in range(t + 1, T):
        s, _ = lstm.step(P, s, XS[later])
        total += float(np.sum(s.h * UPSTREAM.h[later]) + np.sum(s.c * UPSTREAM.c[later]))
    return total


def loss_of_gates(t: int, **gates: Any) -> float:
    """The loss of step t and later, when these gates of step t are given and all else follows."""
    i, f, c_tilde, o = (gates.get(name, getattr(CACHES, name)[t]) for name in BLOCKS)
    c = f * before(t).c + i * c_tilde
    return rest(lstm.State(o * np.tanh(c), c), t)


def loss_of_pre_activation(t: int, name: str, a: Any) -> float:
    return loss_of_gates(t, **{name: np.tanh(a) if name == "c_tilde" else logistic(a)})


def pre_activation(t: int, name: str) -> np.ndarray:
    """W_x x + W_h h + b of a block at step t, summed term by term."""
    k, h = BLOCKS[name], before(t).h
    terms = [np.outer(P.W_x[k][:, j], XS[t][j]) for j in range(D)]
    terms += [np.outer(P.W_h[k][:, j], h[j]) for j in range(H)]
    return np.sum(terms, axis=0) + P.b[k]


def whole(t: int) -> tuple[Any, Any]:
    """The whole dL/dh_t and dL/dc_t by differences; c_t moves h_t as well."""
    dh = numerical_gradient(lambda h: rest(lstm.State(h, STATES.c[t]), t), STATES.h[t])
    dc = numerical_gradient(lambda c: rest(lstm.State(CACHES.o[t] * np.tanh(c), c), t), STATES.c[t])
    return dh, dc


def by_difference(t: int, name: str) -> Any:
    """dL/da of a block at step t by differences."""
    a = pre_activation(t, name)
    return numerical_gradient(lambda a: loss_of_pre_activation(t, name, a), a)


@pytest.mark.equation("lstm-gate-gradients")
@pytest.mark.parametrize("t", [0, 2, T - 1])
def test_a_gates_gradient_is_what_arrives_times_its_partner(t):
    dh, dc = whole(t)
    partner = {
        "i": dc * CACHES.c_tilde[t],
        "f": dc * before(t).c,
        "c_tilde": dc * CACHES.i[t],
        "o": dh * np.tanh(STATES.c[t]),
    }
    for name, claimed in partner.items():
        value = getattr(CACHES, name)[t]
        found = numerical_gradient(lambda v, name=name: loss_of_gates(t, **{name: v}), value)
        assert_close(claimed, found, 1e-8)
        assert np.abs(found).max() > 0.01


@pytest.mark.equation("lstm-slopes")
def test_the_slopes_of_the_logistic_function_and_of_tanh_follow_from_their_values():
    for a in (-6.0, -1.2, 0.0, 0.4, 3.0):
        e = 1e-5
        s, t = 1 / (1 + math.exp(-a)), math.tanh(a)
        by_s = (1 / (1 + math.exp(-a - e)) - 1 / (1 + math.exp(-a + e))) / (2 * e)
        by_t = (math.tanh(a + e) - math.tanh(a - e)) / (2 * e)
        assert math.isclose(s * (1 - s), by_s, abs_tol=1e-9)
        assert math.isclose(1 - t**2, by_t, abs_tol=1e-9)
        assert s * (1 - s) <= 0.25


@pytest.mark.equation("lstm-pre-activation-gradients")
@pytest.mark.parametrize("name", BLOCKS)
def test_a_pre_activations_gradient_is_its_gates_times_the_slope(name):
    for t in (0, 2, T - 1):
        value = getattr(CACHES, name)[t]
        d_gate = numerical_gradient(lambda v, t=t: loss_of_gates(t, **{name: v}), value)
        slope = 1 - value * value if name == "c_tilde" else value * (1 - value)
        assert_close(d_gate * slope, by_difference(t, name), 1e-8)


@pytest.mark.equation("lstm-hidden-gradient")
@pytest.mark.parametrize("t", range(1, T))
def test_the_hidden_state_collects_from_four_blocks_by_their_transposes(t):
    found, _ = whole(t - 1)
    claimed = UPSTREAM.h[t - 1].copy()  # the loss's own term
    for name, k in BLOCKS.items():
        da = by_difference(t, name)
        for j in range(H):
            for unit in range(H):
                claimed[j] += P.W_h[k, unit, j] * da[unit]
    assert_close(claimed, found, 1e-8)


@pytest.mark.equation("lstm-input-gradient")
@pytest.mark.parametrize("t", [0, T - 1])
def test_the_input_collects_from_four_blocks_by_their_transposes(t):
    found = numerical_gradient(lambda x: rest(lstm.step(P, before(t), x)[0], t), XS[t])
    claimed = np.zeros((D, B))
    for name, k in BLOCKS.items():
        da = by_difference(t, name)
        for j in range(D):
            for unit in range(H):
                claimed[j] += P.W_x[k, unit, j] * da[unit]
    assert_close(claimed, found, 1e-8)


@pytest.mark.equation("lstm-weight-gradients")
def test_the_gradient_of_a_weight_is_a_sum_over_time_and_over_the_batch():
    def loss(p: Any) -> float:
        states, _ = unroll(lstm, p, S0, XS)
        return float(np.sum(states.h * UPSTREAM.h) + np.sum(states.c * UPSTREAM.c))

    found = numerical_gradient(loss, P)
    for name, k in BLOCKS.items():
        da = [by_difference(t, name) for t in range(T)]
        for unit in range(H):
            for j in range(D):
                terms = (da[t][unit, b] * XS[t, j, b] for t in range(T) for b in range(B))
                assert_close(found.W_x[k, unit, j], math.fsum(terms), 1e-8)
            for j in range(H):
                terms = (da[t][unit, b] * before(t).h[j, b] for t in range(T) for b in range(B))
                assert_close(found.W_h[k, unit, j], math.fsum(terms), 1e-8)
            terms = (da[t][unit, b] for t in range(T) for b in range(B))
            assert_close(found.b[k, unit, 0], math.fsum(terms), 1e-8)


def test_the_library_goes_back_the_same_way():
    """What the chapter shows as code is what its equations say."""
    g = backward(lstm, P, CACHES, UPSTREAM)
    for t in range(T):
        dh, dc = whole(t)
        assert_close(g.states.h[t], dh, 1e-8)
        through_h = g.states.h[t] * CACHES.o[t] * (1 - np.tanh(STATES.c[t]) ** 2)
        assert_close(g.states.c[t] + through_h, dc, 1e-8)
