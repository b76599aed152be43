"""The numbered equations of "Variants of the LSTM", by plain arithmetic, against the library."""

import math
from typing import Any

import numpy as np
import pytest
from helpers import assert_close, random_case

from unrolled import numerical_gradient, unroll
from unrolled.cells import gru, gru_reset_after, lstm, lstm_coupled, lstm_peephole
from unrolled.tree import tree_leaves

H, D, B, T = 4, 3, 2, 6


def logistic(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def pre_activation(p: Any, block: int, x: Any, h: Any, k: int, b: int) -> float:
    """Unit k's W_x x + W_h h + b in sequence b, summed term by term."""
    a = p.b[block, k, 0] + math.fsum(p.W_x[block, k, j] * x[j, b] for j in range(D))
    return a + math.fsum(p.W_h[block, k, j] * h[j, b] for j in range(H))


def everywhere(f: Any) -> np.ndarray:
    """Return f(k, b) for all units and sequences, (H, B)."""
    return np.array([[f(k, b) for b in range(B)] for k in range(H)])


@pytest.mark.equation("variants-peepholes")
@pytest.mark.parametrize(
    ("block", "name", "new"), [(0, "i", False), (1, "f", False), (3, "o", True)]
)
def test_input_and_forget_gate_see_the_old_cell_state_and_the_output_gate_the_new(block, name, new):
    p, s, xs, _ = random_case(lstm_peephole, 1, B, D, H, seed=21)
    after, cache = lstm_peephole.step(p, s, xs[0])
    seen, peephole = (after if new else s).c, getattr(p, f"p_{name}")

    def gate(k, b):
        a = pre_activation(p, block, xs[0], s.h, k, b)
        return logistic(a + peephole[k, 0] * seen[k, b])

    assert_close(getattr(cache, name), everywhere(gate), 1e-14)
    assert np.abs(after.c - s.c).max() > 0.1  # else old and new could be swapped


@pytest.mark.equation("variants-peephole-slope")
def test_the_slope_of_a_step_in_the_cell_state_has_terms_through_the_peepholes():
    p, s, xs, _ = random_case(lstm_peephole, 1, B, D, H, seed=22)
    _, cache = lstm_peephole.step(p, s, xs[0])

    def slope(k, b):
        i, f, c_tilde, c_prev = (float(a[k, b]) for a in (cache.i, cache.f, cache.c_tilde, s.c))
        by_f, by_i = c_prev * f * (1 - f), c_tilde * i * (1 - i)
        return f + p.p_f[k, 0] * by_f + p.p_i[k, 0] * by_i

    def new_c(c):
        return float(np.sum(lstm_peephole.step(p, lstm.State(s.h, c), xs[0])[0].c))

    # A unit's c is seen by no other unit within a step, so the sum's gradient is each unit's slope.
    assert_close(everywhere(slope), numerical_gradient(new_c, s.c), 1e-9)
    assert np.abs(everywhere(slope) - cache.f).max() > 0.01


@pytest.mark.equation("variants-coupled")
def test_what_a_coupled_cell_writes_takes_the_place_of_what_it_keeps():
    p, s, xs, _ = random_case(lstm_coupled, 1, B, D, H, seed=23)
    after, _ = lstm_coupled.step(p, s, xs[0])

    def c(k, b):
        f = logistic(pre_activation(p, 0, xs[0], s.h, k, b))
        candidate = math.tanh(pre_activation(p, 1, xs[0], s.h, k, b))
        return candidate + f * (s.c[k, b] - candidate)

    assert_close(after.c, everywhere(c), 1e-14)


@pytest.mark.equation("variants-complement")
def test_the_complement_of_a_gate_is_the_gate_of_the_negative():
    for a in (-30.0, -2.5, -0.1, 0.0, 0.7, 4.0, 30.0):
        share = math.exp(-a) / (1 + math.exp(-a))  # 1 - σ(a), without a difference
        assert math.isclose(logistic(-a), share, rel_tol=1e-12)
        assert math.isclose(1 - logistic(a), share, rel_tol=1e-12, abs_tol=1e-15)


@pytest.mark.equation("variants-complement")
def test_so_a_coupled_cell_is_an_lstm_whose_input_gate_has_the_forget_gates_weights_negated():
    p, s0, xs, _ = random_case(lstm_coupled, T, B, D, H, seed=24)
    tied = lstm.Params(*(np.stack([-a[0], a[0], a[1], a[2]]) for a in p))
    wrong = lstm.Params(*(np.stack([a[0], a[0], a[1], a[2]]) for a in p))
    coupled, as_lstm, other = (
        unroll(cell, q, s0, xs)[0].h for cell, q in ((lstm_coupled, p), (lstm, tied), (lstm, wrong))
    )
    assert_close(coupled, as_lstm, 1e-13)
    assert np.abs(coupled - other).max() > 0.01


def held_open(seed: int) -> tuple[Any, Any, Any, Any]:
    """Return a random LSTM with f = 1 at every step, as that of 1997, and a case for it."""
    p, s0, xs, upstream = random_case(lstm, T, B, D, H, seed=seed)
    p.W_x[1], p.W_h[1], p.b[1] = 0, 0, 40
    return p, s0, xs, upstream


@pytest.mark.equation("variants-original")
def test_without_a_forget_gate_the_cell_state_is_the_sum_of_all_that_was_written():
    p, s0, xs, _ = held_open(25)
    states, caches = unroll(lstm, p, s0, xs)

    def last_c(k, b):
        h = [s0.h, *states.h[:-1]]
        written = (
            logistic(pre_activation(p, 0, xs[t], h[t], k, b))
            * math.tanh(pre_activation(p, 2, xs[t], h[t], k, b))
            for t in range(T)
        )
        return s0.c[k, b] + math.fsum(written)

    assert_close(states.c[-1], everywhere(last_c), 1e-13)
    assert np.all(caches.f == 1)


@pytest.mark.equation("variants-truncated")
@pytest.mark.parametrize("forget", [False, True], ids=["1997", "with a forget gate"])
def test_the_truncated_error_is_the_gradient_with_all_gates_and_candidates_held(forget):
    """The formula, backwards in time, against differences of a loss whose gates do not move."""
    if forget:
        p, s0, xs, upstream = random_case(lstm, T, B, D, H, seed=26)
    else:
        p, s0, xs, upstream = held_open(26)
    states, caches = unroll(lstm, p, s0, xs)

    def loss(c, t):
        """The loss of h_t and after, from c_t on, gates and candidates as they were."""
        total = 0.0
        for s in range(t, T):
            if s > t:
                c = caches.f[s] * c + caches.i[s] * caches.c_tilde[s]
            total += float(np.sum(upstream.h[s] * caches.o[s] * np.tanh(c)))
        return total

    e = np.zeros((H, B))
    for t in reversed(range(T)):
        kept = e * caches.f[t + 1] if t + 1 < T else 0
        e = kept + upstream.h[t] * caches.o[t] * (1 - np.tanh(states.c[t]) ** 2)
        assert_close(e, numerical_gradient(lambda c, t=t: loss(c, t), states.c[t]), 1e-8)


@pytest.mark.equation("variants-parameters")
@pytest.mark.parametrize(("D", "H"), [(1, 1), (5, 7), (64, 128)])
def test_parameter_counts_are_those_of_the_arrays(D, H):
    def count(cell: Any) -> int:
        return sum(a.size for _, a in tree_leaves(cell.init(np.random.default_rng(0), D, H)))

    block = sum(D + H + 1 for _ in range(H))  # a row of weights and a bias for each unit
    assert count(lstm) == 4 * block
    assert count(lstm_peephole) == 4 * block + 3 * H
    assert count(lstm_coupled) == count(gru) == 3 * block
    assert count(gru_reset_after) == 3 * block + H
    # The cell of 1997 is the LSTM without its block of the forget gate.
    p = lstm.init(np.random.default_rng(0), D, H)
    assert sum(np.delete(a, 1, axis=0).size for a in p) == 3 * block
