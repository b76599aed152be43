"""Every numbered equation of the book, by plain arithmetic, against the library.

A test is marked with the label of the equation that it verifies; `test_repository.py` holds the two
lists against each other.
"""

import math
from typing import Any

import numpy as np
import pytest
from helpers import assert_close, random_case

from unrolled import backward, numerical_gradient, unroll
from unrolled.cells import lstm

H, D, B, T = 4, 3, 2, 7
P, S0, XS, UPSTREAM = random_case(lstm, T, B, D, H, seed=11)
STATES, CACHES = unroll(lstm, P, S0, XS)
I, F, CANDIDATE, O = range(4)


def pre_activation(gate: int, t: int, k: int, b: int) -> float:
    """Unit k's W_x x_t + W_h h_{t-1} + b in sequence b, summed term by term."""
    h_prev = S0.h if t == 0 else STATES.h[t - 1]
    a = P.b[gate, k, 0]
    a += math.fsum(P.W_x[gate, k, j] * XS[t, j, b] for j in range(D))
    return a + math.fsum(P.W_h[gate, k, j] * h_prev[j, b] for j in range(H))


def logistic(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def everywhere(f: Any) -> np.ndarray:
    """Return f(t, k, b) for all steps, units and sequences, (T, H, B)."""
    return np.array([[[f(t, k, b) for b in range(B)] for k in range(H)] for t in range(T)])


@pytest.mark.parametrize(
    ("gate", "name"),
    [
        pytest.param(F, "f", marks=pytest.mark.equation("lstm-forget-gate")),
        pytest.param(I, "i", marks=pytest.mark.equation("lstm-input-gate")),
        pytest.param(O, "o", marks=pytest.mark.equation("lstm-output-gate")),
    ],
)
def test_gates_are_the_logistic_function_of_input_and_hidden_state(gate, name):
    expected = everywhere(lambda *tkb: logistic(pre_activation(gate, *tkb)))
    assert_close(getattr(CACHES, name), expected, 1e-14)


@pytest.mark.equation("lstm-candidate")
def test_candidate_is_tanh_of_input_and_hidden_state():
    expected = everywhere(lambda *tkb: math.tanh(pre_activation(CANDIDATE, *tkb)))
    assert_close(CACHES.c_tilde, expected, 1e-14)


@pytest.mark.equation("lstm-cell-state")
def test_cell_state_is_what_is_kept_and_what_is_written():
    def c(t, k, b):
        c_prev = S0.c[k, b] if t == 0 else STATES.c[t - 1, k, b]
        return CACHES.f[t, k, b] * c_prev + CACHES.i[t, k, b] * CACHES.c_tilde[t, k, b]

    assert_close(STATES.c, everywhere(c), 1e-15)


@pytest.mark.equation("lstm-hidden-state")
def test_hidden_state_is_what_the_output_gate_shows():
    def h(t, k, b):
        return CACHES.o[t, k, b] * math.tanh(STATES.c[t, k, b])

    assert_close(STATES.h, everywhere(h), 1e-15)


@pytest.mark.equation("lstm-concatenation")
def test_two_products_are_one_of_the_stacked_vector():
    rng = np.random.default_rng(0)
    W_x, W_h = rng.standard_normal((H, D)), rng.standard_normal((H, H))
    x, h = rng.standard_normal((D, B)), rng.standard_normal((H, B))
    assert_close(np.hstack([W_h, W_x]) @ np.vstack([h, x]), W_x @ x + W_h @ h, 1e-14)


@pytest.mark.equation("lstm-direct-path")
def test_with_the_gates_held_fixed_the_gradient_is_the_product_of_forget_gates():
    t = 2

    def last_c(c):
        for s in range(t + 1, T):
            c = CACHES.f[s] * c + CACHES.i[s] * CACHES.c_tilde[s]
        return c

    for k in range(H):
        for b in range(B):
            slope = numerical_gradient(lambda c, k=k, b=b: float(last_c(c)[k, b]), STATES.c[t])
            expected = np.zeros((H, B))
            expected[k, b] = math.prod(CACHES.f[s, k, b] for s in range(t + 1, T))
            assert_close(slope, expected, 1e-9)


@pytest.mark.equation("lstm-cell-gradient")
def test_gradient_of_the_cell_state_is_what_comes_along_c_and_from_h():
    """For every step: the formula's right side, and the truth by central differences."""
    upstream_h = UPSTREAM._replace(c=np.zeros_like(UPSTREAM.c))  # the loss looks at h alone
    g = backward(lstm, P, CACHES, upstream_h).states
    through_h = g.h * CACHES.o * (1 - np.tanh(STATES.c) ** 2)
    dc = g.c + through_h  # the code's dc: along c, and through h
    for t in range(T):
        later = dc[t + 1] * CACHES.f[t + 1] if t + 1 < T else 0
        right = later + through_h[t]

        def loss(c, t=t):
            """The loss when c_t is replaced by c, with h_t following it."""
            h = CACHES.o[t] * np.tanh(c)
            total = float(np.sum(h * upstream_h.h[t]))
            if t + 1 < T:
                rest, _ = unroll(lstm, P, lstm.State(h, c), XS[t + 1 :])
                total += float(np.sum(rest.h * upstream_h.h[t + 1 :]))
            return total

        assert_close(right, numerical_gradient(loss, STATES.c[t]), 1e-8)


def test_the_case_is_a_good_one():
    """No two gates alike, no symmetric matrix, no zero start: else the tests above prove less."""
    for W in P.W_h:
        assert np.abs(W - W.T).max() > 0.1
    for a, b in ((CACHES.i, CACHES.f), (CACHES.f, CACHES.o), (CACHES.i, CACHES.o)):
        assert np.abs(a - b).max() > 0.1
    assert np.abs(S0.h).min() > 1e-3
