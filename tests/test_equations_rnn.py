"""The equations of the simple recurrent network, by plain loops and differences, against the library.

One sequence (B = 1), as in the chapter; a loss at every step; nothing symmetric, nothing zero.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from helpers import assert_close, random_case, random_like

from unrolled import backward, numerical_gradient, readout, unroll
from unrolled.cells import rnn

H, D, K, T = 4, 3, 2, 5
P, S0, XS, _ = random_case(rnn, T, 1, D, H, seed=21)
RNG = np.random.default_rng(22)
OUT = random_like(RNG, readout.init(RNG, H, K))
TARGET = RNG.standard_normal((T, K, 1))
STATES, CACHES = unroll(rnn, P, S0, XS)
Y = readout.linear(OUT, STATES.h)


def product(W: Any, v: Any) -> list[float]:
    """W v by plain sums, for a column v."""
    return [math.fsum(W[i, j] * v[j, 0] for j in range(W.shape[1])) for i in range(W.shape[0])]


def step(p: Any, h: Any, x: Any) -> np.ndarray:
    sums = zip(product(p.W_x, x), product(p.W_h, h), p.b[:, 0], strict=True)
    return np.array([[math.tanh(a + b + c)] for a, b, c in sums])


def losses(h: Sequence[Any], first: int, out: Any = OUT) -> float:
    """The losses of the steps from `first` on, of their states h: (y - target)² / T, summed."""
    total = 0.0
    for t, state in enumerate(h, start=first):
        y = product(out.W_y, state)
        total += math.fsum((y[k] + out.b_y[k, 0] - TARGET[t, k, 0]) ** 2 for k in range(K)) / T
    return total


def from_state(h: Any, t: int, p: Any = P) -> float:
    """All losses from step t on if its state is replaced by h and the later ones follow."""
    states = [h]
    for x in XS[t + 1 :]:
        states.append(step(p, states[-1], x))
    return losses(states, t)


def whole(p: Any = P, h_0: Any = S0.h, xs: Any = XS, out: Any = OUT) -> float:
    states = []
    for x in xs:
        states.append(step(p, states[-1] if states else h_0, x))
    return losses(states, 0, out)


# What the formulas are made of: the gradient of every y, and of every state by central differences.
E = 2 * (Y - TARGET) / T
DELTA = np.stack(
    [numerical_gradient(lambda h, t=t: from_state(h, t), STATES.h[t]) for t in range(T)]
)
SLOPE = [np.diag(1 - np.tanh(P.W_x @ c + P.W_h @ h + P.b)[:, 0] ** 2) for c, h in zip(XS, [S0.h, *STATES.h[:-1]], strict=True)]  # fmt: skip
BEFORE = [S0.h, *STATES.h[:-1]]
GRADIENTS = backward(rnn, P, CACHES, rnn.State(readout.linear_backward(OUT, STATES.h, E)[1]))


@pytest.mark.equation("rnn-recurrence")
def test_a_state_is_tanh_of_the_input_and_the_state_before():
    expected = [step(P, h, x) for h, x in zip(BEFORE, XS, strict=True)]
    assert_close(STATES.h, np.stack(expected), 1e-14)


@pytest.mark.equation("rnn-readout")
def test_the_read_out_is_linear():
    expected = [[[v + b] for v, b in zip(product(OUT.W_y, h), OUT.b_y[:, 0], strict=True)] for h in STATES.h]  # fmt: skip
    assert_close(Y, np.array(expected), 1e-14)


@pytest.mark.equation("rnn-unrolled")
def test_three_steps_written_into_each_other():
    f, (W_x, W_h, b), (x_1, x_2, x_3) = np.tanh, P, XS[:3]
    h_3 = f(W_x @ x_3 + W_h @ f(W_x @ x_2 + W_h @ f(W_x @ x_1 + W_h @ S0.h + b) + b) + b)
    assert_close(STATES.h[2], h_3, 1e-14)


@pytest.mark.equation("rnn-memory-capacity")
def test_a_linear_network_uses_its_whole_budget_exactly():
    """h_t = A h_{t-1} + w x_t: R_k² = (A^k w)ᵀ C⁻¹ A^k w with C the covariance of h, no sampling."""
    rng = np.random.default_rng(23)
    A = rng.standard_normal((H, H))
    A *= 0.8 / np.abs(np.linalg.eigvals(A)).max()
    impulse = [rng.standard_normal(H)]
    for _ in range(400):
        impulse.append(A @ impulse[-1])
    C = sum(np.outer(v, v) for v in impulse)
    R2 = np.array([v @ np.linalg.solve(C, v) for v in impulse])
    assert R2.min() >= 0
    assert R2.max() <= 1 + 1e-9
    assert_close(R2.sum(), float(H), 1e-8)


@pytest.mark.equation("rnn-memory-capacity")
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_network_of_tanh_stays_within_its_budget(scale):
    """R² by least squares of each lag on the states; fitting noise adds about H/n a lag."""
    rng, n, lags = np.random.default_rng(24), 4000, 25
    p = rnn.init(rng, 1, H)
    p = p._replace(W_h=scale * p.W_h, b=rng.standard_normal((H, 1)))
    xs = rng.standard_normal((n, 1, 1))
    h = unroll(rnn, p, rnn.zero_state(H, 1), xs)[0].h[lags:, :, 0]
    A, total = np.hstack([h, np.ones((n - lags, 1))]), 0.0
    for k in range(lags):
        x = xs[lags - k : n - k, 0, 0]
        fit = A @ np.linalg.lstsq(A, x, rcond=None)[0]
        total += 1 - np.var(x - fit) / np.var(x)
    assert 0.9 < total < H + lags * H / n


@pytest.mark.equation("rnn-jacobian")
def test_the_local_derivative_of_a_step_is_slope_times_weights():
    for t in range(T):
        for i in range(H):
            row = numerical_gradient(lambda h, t=t, i=i: float(step(P, h, XS[t])[i, 0]), BEFORE[t])
            assert_close((SLOPE[t] @ P.W_h)[i], row[:, 0], 1e-9)


@pytest.mark.equation("rnn-delta")
def test_the_gradient_of_a_state_is_its_own_loss_and_all_later_ones():
    for t in range(T):
        later = P.W_h.T @ SLOPE[t + 1] @ DELTA[t + 1] if t + 1 < T else 0
        assert_close(OUT.W_y.T @ E[t] + later, DELTA[t], 1e-9)
    assert_close(GRADIENTS.states.h, DELTA, 1e-9)


@pytest.mark.equation("rnn-all-later-losses")
def test_each_later_loss_comes_back_through_the_steps_between_in_order():
    for t in range(T):
        total = np.zeros((H, 1))
        for s in range(t, T):
            J = np.eye(H)
            for r in range(t + 1, s + 1):
                J = SLOPE[r] @ P.W_h @ J  # the later step to the left
            total += J.T @ OUT.W_y.T @ E[s]
        assert_close(total, DELTA[t], 1e-9)


@pytest.mark.equation("rnn-sum-over-time")
@pytest.mark.parametrize("name", rnn.Params._fields)
def test_the_gradient_of_shared_weights_is_a_sum_of_total_times_local(name):
    """Both factors by differences; the truth by differences of the whole run."""
    total = np.zeros_like(getattr(P, name))
    for t in range(T):
        for k in range(H):
            local = numerical_gradient(
                lambda W, t=t, k=k: float(step(P._replace(**{name: W}), BEFORE[t], XS[t])[k, 0]),
                getattr(P, name),
            )
            total += DELTA[t, k, 0] * local
    truth = numerical_gradient(lambda W: whole(P._replace(**{name: W})), getattr(P, name))
    assert_close(total, truth, 1e-8)


@pytest.mark.equation("rnn-weight-gradients")
def test_the_three_sums_of_the_cell():
    da = [SLOPE[t] @ DELTA[t] for t in range(T)]
    W_h = sum(da[t] @ BEFORE[t].T for t in range(T))
    W_x = sum(da[t] @ XS[t].T for t in range(T))
    truth = numerical_gradient(lambda p: whole(p), P)
    for formula, exact, library in zip((W_x, W_h, sum(da)), truth, GRADIENTS.p, strict=True):
        assert_close(formula, exact, 1e-8)
        assert_close(library, exact, 1e-8)


@pytest.mark.equation("rnn-readout-gradients")
def test_the_two_sums_of_the_read_out():
    truth = numerical_gradient(lambda out: whole(out=out), OUT)
    library = readout.linear_backward(OUT, STATES.h, E)[0]
    W_y = sum(E[t] @ STATES.h[t].T for t in range(T))
    for formula, exact, found in zip((W_y, sum(E)), truth, library, strict=True):
        assert_close(formula, exact, 1e-8)
        assert_close(found, exact, 1e-8)


@pytest.mark.equation("rnn-input-gradients")
def test_the_input_and_the_start_have_one_term_each():
    dx = np.stack([P.W_x.T @ SLOPE[t] @ DELTA[t] for t in range(T)])
    dh_0 = P.W_h.T @ SLOPE[0] @ DELTA[0]
    assert_close(dx, numerical_gradient(lambda xs: whole(xs=xs), XS), 1e-8)
    assert_close(dh_0, numerical_gradient(lambda h: whole(h_0=h), S0.h), 1e-8)
    assert_close(GRADIENTS.xs, dx, 1e-8)
    assert_close(GRADIENTS.s0.h, dh_0, 1e-8)


def test_the_case_is_a_good_one():
    """A transpose, a dropped term and a dropped factor would all show."""
    assert np.abs(P.W_h - P.W_h.T).max() > 0.1
    assert min(np.abs(S0.h).max(), np.abs(E).min(axis=0).max()) > 1e-2
    assert np.abs(DELTA[:-1] - OUT.W_y.T @ E[:-1]).max() > 1e-2
    assert min(np.diag(slope).min() for slope in SLOPE) < 0.9
