"""The equations of "Gates and gradients", by loops, finite differences and powers taken by hand."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from helpers import assert_close, random_case

from unrolled import flow, unroll
from unrolled.cells import gru, lstm
from unrolled.initialisers import chrono

H, D, T = 3, 2, 6
P, S0, XS, _ = random_case(lstm, T, 1, D, H, seed=21)
EPS = 1e-5


def logistic(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def after(p: Any, h: list[float], c: list[float], x: np.ndarray) -> tuple[list[float], ...]:
    """One step of an LSTM in plain loops: h, c, i, f, candidate, o, each a list of H numbers."""

    def a(gate: int, k: int) -> float:
        inputs = math.fsum(p.W_x[gate, k, j] * x[j, 0] for j in range(x.shape[0]))
        return p.b[gate, k, 0] + inputs + math.fsum(p.W_h[gate, k, j] * h[j] for j in range(len(h)))

    units = range(len(h))
    i, f, o = ([logistic(a(gate, k)) for k in units] for gate in (0, 1, 3))
    cand = [math.tanh(a(2, k)) for k in units]
    c = [f[k] * c[k] + i[k] * cand[k] for k in units]
    return [o[k] * math.tanh(c[k]) for k in units], c, i, f, cand, o


def run(p: Any, s0: Any, xs: np.ndarray) -> list[tuple[list[float], ...]]:
    """All steps, each as `after` returns it; the state before the first stands at index 0."""
    trace = [(s0.h[:, 0].tolist(), s0.c[:, 0].tolist(), None, None, None, None)]
    for x in xs:
        trace.append(after(p, trace[-1][0], trace[-1][1], x))
    return trace


TRACE = run(P, S0, XS)


def differences(function: Any, point: list[float]) -> np.ndarray:
    """Return d function(point) / d point by central differences: a column for each coordinate."""
    columns = []
    for j in range(len(point)):
        up, down = (
            function([v + sign * EPS * (k == j) for k, v in enumerate(point)]) for sign in (1, -1)
        )
        columns.append([(a - b) / (2 * EPS) for a, b in zip(up, down, strict=True)])
    return np.array(columns).T


def side(t: int) -> np.ndarray:
    """S_t, entry by entry, by the formula; t counts from 1."""
    c_prev = TRACE[t - 1][1]
    _, _, i, f, cand, _ = TRACE[t]
    S = np.zeros((H, H))
    for k, j in product(range(H), repeat=2):
        S[k, j] = c_prev[k] * f[k] * (1 - f[k]) * P.W_h[1, k, j]
        S[k, j] += cand[k] * i[k] * (1 - i[k]) * P.W_h[0, k, j]
        S[k, j] += i[k] * (1 - cand[k] ** 2) * P.W_h[2, k, j]
    return S


def slopes(t: int) -> tuple[list[float], list[float]]:
    """q_t and e_t by their formulas."""
    _, c, _, _, _, o = TRACE[t]
    q = [o[k] * (1 - math.tanh(c[k]) ** 2) for k in range(H)]
    return q, [math.tanh(c[k]) * o[k] * (1 - o[k]) for k in range(H)]


def block(t: int, upper: str, lower: str) -> np.ndarray:
    """∂⁺upper_t / ∂lower_{t-1} by differences of the step in loops, "h" or "c" each."""
    h, c, *_ = TRACE[t - 1]
    out = "hc".index(upper)
    if lower == "h":
        return differences(lambda v: after(P, v, c, XS[t - 1])[out], h)
    return differences(lambda v: after(P, h, v, XS[t - 1])[out], c)


def total(t: int, last: int) -> np.ndarray:
    """∂c_last / ∂c_t by differences: c_t is moved, h_t = o_t tanh(c_t) and all the rest follow."""
    o = TRACE[t][5]

    def rest(c: list[float]) -> list[float]:
        h = [o[k] * math.tanh(c[k]) for k in range(H)]
        for x in XS[t:last]:
            h, c, *_ = after(P, h, c, x)
        return c

    return differences(rest, TRACE[t][1])


@pytest.mark.equation("paths-side")
@pytest.mark.parametrize("t", range(1, T + 1))
def test_the_side_road_and_the_two_slopes_are_derivatives(t):
    assert_close(side(t), block(t, "c", "h"), 1e-8)
    _, c, _, _, _, o = TRACE[t]
    q, e = slopes(t)
    for k in range(H):
        up, down = (o[k] * math.tanh(c[k] + d) for d in (EPS, -EPS))
        assert q[k] == pytest.approx((up - down) / (2 * EPS), abs=1e-8)
        a = math.log(o[k] / (1 - o[k]))
        up, down = (logistic(a + d) * math.tanh(c[k]) for d in (EPS, -EPS))
        assert e[k] == pytest.approx((up - down) / (2 * EPS), abs=1e-8)


@pytest.mark.equation("paths-lstm-jacobian")
@pytest.mark.parametrize("t", range(1, T + 1))
def test_the_blocks_of_the_jacobian(t):
    q, e = slopes(t)
    f, S = TRACE[t][3], side(t)
    assert_close(np.diag(f), block(t, "c", "c"), 1e-8)
    assert_close(np.diag([q[k] * f[k] for k in range(H)]), block(t, "h", "c"), 1e-8)
    assert_close(np.diag(q) @ S + np.diag(e) @ P.W_h[3], block(t, "h", "h"), 1e-8)
    J = np.block([[block(t, a, b) for b in "hc"] for a in "hc"])
    _, caches = unroll(lstm, P, S0, XS)
    assert_close(flow.jacobians(lstm, P, caches)[t - 1, 0], J, 1e-8)


@pytest.mark.equation("paths-lstm-step")
@pytest.mark.parametrize("t", range(2, T + 1))
def test_a_total_step_has_a_direct_and_an_indirect_part(t):
    q, _ = slopes(t - 1)
    assert_close(np.diag(TRACE[t][3]) + side(t) @ np.diag(q), total(t - 1, t), 1e-8)


@pytest.mark.equation("paths-sum")
@pytest.mark.parametrize("t", range(1, T))
def test_the_total_is_the_sum_over_all_paths_and_one_of_them_is_direct(t):
    n = T - t
    terms = {}
    for path in product("hc", repeat=n):
        term = np.diag(slopes(t)[0]) if path[0] == "h" else np.eye(H)
        for step, (a, b) in enumerate(zip(path, [*path[1:], "c"], strict=True), start=t + 1):
            term = block(step, b, a) @ term
        terms[path] = term
    assert len(terms) == 2**n
    assert_close(sum(terms.values()), total(t, T), 1e-8)
    direct = [math.prod(TRACE[s][3][k] for s in range(t + 1, T + 1)) for k in range(H)]
    assert_close(terms[("c",) * n], np.diag(direct), 1e-8)
    _, caches = unroll(lstm, P, S0, XS)
    assert_close(flow.total_path(lstm, P, caches)[t - 1, 0], total(t, T), 1e-8)


@pytest.mark.equation("paths-silence")
@pytest.mark.parametrize(("b_f", "b_i"), [(0, 0), (1, 0), (5, 0), (2, -2)])
def test_in_silence_the_derivative_of_an_lstm_is_a_power(b_f, b_i):
    n = 7
    p = lstm.init(np.random.default_rng(4), D, H, forget_bias=b_f)
    p = p._replace(W_h=4 * p.W_h)
    p.b[0] = b_i

    def rest(c):
        h = [0.5 * math.tanh(v) for v in c]
        for _ in range(n):
            h, c, *_ = after(p, h, c, np.zeros((D, 1)))
        return c

    step = [
        [logistic(b_f) * (j == k) + logistic(b_i) * p.W_h[2, k, j] / 2 for j in range(H)]
        for k in range(H)
    ]
    power = np.eye(H)
    for _ in range(n):
        power = np.array(step) @ power
    assert_close(power, differences(rest, [0.0] * H), 1e-6)


@pytest.mark.equation("paths-silence")
@pytest.mark.parametrize("b_z", [0, -2, 1])
def test_in_silence_the_derivative_of_a_gru_is_a_power(b_z):
    n = 7
    p = gru.init(np.random.default_rng(5), D, H)
    p = p._replace(W_h=4 * p.W_h)
    p.b[0] = b_z

    def rest(h):
        for _ in range(n):
            h = gru_step(p, h, np.zeros((D, 1)))
        return h

    step = np.array(
        [
            [logistic(-b_z) * (j == k) + logistic(b_z) * p.W_h[2, k, j] / 2 for j in range(H)]
            for k in range(H)
        ]
    )
    power = np.eye(H)
    for _ in range(n):
        power = step @ power
    assert_close(power, differences(rest, [0.0] * H), 1e-6)


def gru_parts(p: Any, h: list[float], x: np.ndarray) -> tuple[list[float], ...]:
    """z, r and the candidate of a GRU in plain loops."""

    def a(gate: int, k: int, old: list[float]) -> float:
        inputs = math.fsum(p.W_x[gate, k, j] * x[j, 0] for j in range(x.shape[0]))
        return p.b[gate, k, 0] + inputs + math.fsum(p.W_h[gate, k, j] * old[j] for j in range(H))

    z, r = ([logistic(a(gate, k, h)) for k in range(H)] for gate in (0, 1))
    reset = [r[k] * h[k] for k in range(H)]
    return z, r, [math.tanh(a(2, k, reset)) for k in range(H)]


def gru_step(p: Any, h: list[float], x: np.ndarray) -> list[float]:
    z, _, cand = gru_parts(p, h, x)
    return [(1 - z[k]) * h[k] + z[k] * cand[k] for k in range(H)]


@pytest.mark.equation("paths-gru-jacobian")
@pytest.mark.parametrize("seed", range(4))
def test_the_terms_of_the_jacobian_of_a_gru(seed):
    p, s0, xs, _ = random_case(gru, 1, 1, D, H, seed=30 + seed)
    h = s0.h[:, 0].tolist()
    z, r, cand = gru_parts(p, h, xs[0])
    J = np.zeros((H, H))
    for k, j in product(range(H), repeat=2):
        inner = p.W_h[2, k, j] * r[j]
        inner += math.fsum(
            p.W_h[2, k, m] * h[m] * r[m] * (1 - r[m]) * p.W_h[1, m, j] for m in range(H)
        )
        J[k, j] = (1 - z[k]) * (j == k)
        J[k, j] += (cand[k] - h[k]) * z[k] * (1 - z[k]) * p.W_h[0, k, j]
        J[k, j] += z[k] * (1 - cand[k] ** 2) * inner
    assert_close(J, differences(lambda v: gru_step(p, v, xs[0]), h), 1e-8)
    _, caches = unroll(gru, p, s0, xs)
    assert_close(flow.jacobians(gru, p, caches)[0, 0], J, 1e-12)


@pytest.mark.equation("paths-half-life")
@pytest.mark.parametrize("b", [-2, 0, 0.5, 1, 3, 5, 7])
def test_half_is_left_after_the_half_life_of_a_bias(b):
    n = math.log(2) / math.log(1 + math.exp(-b))
    assert logistic(b) ** n == pytest.approx(0.5, rel=1e-12)
    assert flow.half_life(logistic(b)) == pytest.approx(n, rel=1e-12)
    steps = 0  # and by counting
    while logistic(b) ** (steps + 1) >= 0.5 - 1e-12:
        steps += 1
    assert steps == math.floor(n + 1e-9)
    if b >= 5:
        assert n == pytest.approx(math.exp(b) * math.log(2), rel=0.005)


@pytest.mark.equation("paths-chrono")
def test_chrono_spreads_the_time_scales_evenly():
    T_max, units = 50, 600
    p = lstm.init(np.random.default_rng(0), 1, units)
    b = chrono(lstm, p, np.random.default_rng(1), T_max=T_max).b[:, :, 0].tolist()
    u = sorted(math.exp(v) for v in b[1])
    assert u[0] >= 1
    assert u[-1] <= T_max - 1
    for share in (0.25, 0.5, 0.75):  # evenly: the quantiles of U(1, T_max - 1)
        assert u[int(share * units)] == pytest.approx(1 + share * (T_max - 2), abs=4)
    for b_i, b_f in zip(b[0], b[1], strict=True):
        v = math.exp(b_f)
        assert logistic(b_f) == pytest.approx(v / (1 + v), rel=1e-12)
        assert logistic(b_f) == pytest.approx(1 - 1 / (1 + v), rel=1e-12)
        assert logistic(b_i) == pytest.approx(1 / (1 + v), rel=1e-12)


@pytest.mark.equation("paths-carousel")
def test_with_f_at_1_and_nothing_through_h_the_error_stays():
    """Truncated: the hidden state that the gates of the later steps see is held as it was."""
    p, s0, xs, _ = random_case(lstm, T, 1, D, H, seed=22)
    p.b[1] = 800.0  # f = 1 to the last digit
    trace = run(p, s0, xs)
    t = 1

    def held(c):
        for s in range(t + 1, T + 1):
            _, c, *_ = after(p, trace[s - 1][0], c, xs[s - 1])
        return c

    assert trace[t][3] == [1.0] * H
    assert_close(differences(held, trace[t][1]), np.eye(H), 1e-9)

    def whole(c):
        h = [trace[t][5][k] * math.tanh(c[k]) for k in range(H)]
        for s in range(t + 1, T + 1):
            h, c, *_ = after(p, h, c, xs[s - 1])
        return c

    assert np.abs(differences(whole, trace[t][1]) - np.eye(H)).max() > 0.05


def test_the_case_is_a_good_one():
    """No symmetric matrix, no zero start, side roads of some size: else the tests prove less."""
    for W in P.W_h:
        assert np.abs(W - W.T).max() > 0.1
    assert np.abs(S0.c).min() > 1e-3
    assert np.abs(side(3)).max() > 0.05
