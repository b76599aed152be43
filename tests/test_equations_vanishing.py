"""The equations of "The vanishing gradient", each against an independent computation.

Plain loops, `math` and central differences; where the library has a function for the same thing, it
is held to them as well.
"""

import math

import numpy as np
import pytest
from helpers import assert_close, random_case

from unrolled import backward, flow, initialisers, numerical_gradient, unroll
from unrolled.cells import rnn

H, D, T = 4, 3, 7
P, S0, XS, UPSTREAM = random_case(rnn, T, 1, D, H, seed=21)  # no symmetric W_h, no zero state
STATES, CACHES = unroll(rnn, P, S0, XS)
J = flow.jacobians(rnn, P, CACHES)[:, 0]


def state_after(h, t, n):
    """The state n steps after h_t, by plain arithmetic, (H,)."""
    for x in XS[t + 1 : t + 1 + n, :, 0]:
        h = [
            math.tanh(
                P.b[i, 0]
                + math.fsum(P.W_x[i, j] * x[j] for j in range(D))
                + math.fsum(P.W_h[i, j] * h[j] for j in range(H))
            )
            for i in range(H)
        ]
    return np.array(h)


def slopes(t, n, epsilon=1e-6):
    """∂h_{t+n}/∂h_t by central differences."""
    columns = []
    for j in range(H):
        up, down = STATES.h[t, :, 0].copy(), STATES.h[t, :, 0].copy()
        up[j] += epsilon
        down[j] -= epsilon
        columns.append((state_after(up, t, n) - state_after(down, t, n)) / (2 * epsilon))
    return np.stack(columns, axis=1)


def stretch(A, tries=4000):
    """The largest ‖A v‖ of many unit vectors v: the norm, from below, without its definition."""
    v = np.random.default_rng(0).standard_normal((A.shape[1], tries))
    return float((np.linalg.norm(A @ v, axis=0) / np.linalg.norm(v, axis=0)).max())


@pytest.mark.equation("vanishing-jacobian")
def test_a_step_multiplies_the_rows_of_the_weights_by_the_slopes():
    for t in range(1, T):
        h = STATES.h[t, :, 0]
        formula = [[(1 - h[i] ** 2) * P.W_h[i, j] for j in range(H)] for i in range(H)]
        assert_close(slopes(t - 1, 1), np.array(formula), 1e-9)
        assert_close(J[t], np.array(formula), 1e-15)
        assert np.abs(formula - P.W_h * (1 - h**2)).max() > 0.01  # columns: another matrix


@pytest.mark.equation("vanishing-product")
def test_many_steps_are_the_product_with_the_last_step_leftmost():
    t = 1
    expected = np.eye(H)
    for s in range(T - 1, t, -1):  # from the left: J_T first
        expected = expected @ J[s]
    assert_close(slopes(t, T - 1 - t), expected, 1e-9)
    assert_close(flow.product(J[t + 1 :]), expected, 1e-15)
    backwards = np.eye(H)
    for s in range(t + 1, T):
        backwards = backwards @ J[s]
    assert np.abs(backwards - expected).max() > 0.1 * np.abs(expected).max()


@pytest.mark.equation("vanishing-back")
def test_a_gradient_goes_back_by_the_transposes_in_the_opposite_order():
    weights = UPSTREAM.h[-1, :, 0]  # the loss is a weighted sum of h_T
    for t in range(T - 1):
        loss = lambda h, t=t: float(weights @ state_after(h, t, T - 1 - t))  # noqa: E731
        expected = numerical_gradient(loss, STATES.h[t, :, 0].copy())
        column = weights
        for s in range(T - 1, t, -1):
            column = J[s].T @ column
        assert_close(column, expected, 1e-8)
        without = weights
        for s in range(T - 1, t, -1):
            without = J[s] @ without  # no transpose
        assert np.abs(without - expected).max() > 1e-3


@pytest.mark.equation("vanishing-bound")
@pytest.mark.parametrize(
    ("f", "slope", "gamma"),
    [
        (np.tanh, lambda a: 1 / np.cosh(a) ** 2, 1),
        (
            lambda a: 1 / (1 + np.exp(-a)),
            lambda a: np.exp(-a) / (1 + np.exp(-a)) ** 2,
            1 / 4,
        ),
        (lambda a: np.maximum(a, 0), lambda a: (a > 0) * 1.0, 1),
    ],
    ids=["tanh", "logistic", "rectifier"],
)
def test_no_product_stretches_more_than_the_bound(f, slope, gamma):
    grid = np.linspace(-20, 20, 40001)
    assert slope(grid).max() <= gamma * (1 + 1e-12)
    assert slope(grid).max() > 0.999 * gamma  # no smaller γ would do
    rng = np.random.default_rng(3)
    for scale in (0.3, 1, 3):
        W_h = scale * rng.standard_normal((H, H))
        h, product = rng.standard_normal(H), np.eye(H)
        largest = math.sqrt(max(np.linalg.eigvalsh(W_h.T @ W_h)))  # σ_max
        for k in range(1, 9):
            a = W_h @ h + rng.standard_normal(H)
            step = slope(a)[:, None] * W_h
            h, product = f(a), step @ product
            assert stretch(step) <= gamma * largest * (1 + 1e-12)
            assert stretch(product) <= (gamma * largest) ** k * (1 + 1e-12)
            assert math.isclose(flow.contraction_bound(W_h, gamma, k), (gamma * largest) ** k)


@pytest.mark.equation("vanishing-bound")
def test_the_bound_is_reached():
    """At rest, where tanh has slope 1, along the direction that W_h stretches most."""
    _, _, Vt = np.linalg.svd(P.W_h)
    assert math.isclose(np.linalg.norm(P.W_h @ Vt[0]), flow.contraction_bound(P.W_h))


@pytest.mark.equation("vanishing-below-one")
def test_a_product_of_factors_below_1_need_not_vanish():
    product = 1.0
    for n in range(2, 5000):
        product *= 1 - 1 / n**2
        assert math.isclose(product, (n + 1) / (2 * n), rel_tol=1e-12)
        assert product > 0.5
    assert math.prod([0.999] * 20000) < 1e-8  # while a common η < 1 makes it vanish


@pytest.mark.equation("vanishing-gelfand")
def test_the_spectral_radius_is_the_growth_of_powers_in_the_long_run():
    rng = np.random.default_rng(5)
    for _ in range(5):
        A = rng.standard_normal((H, H))
        characteristic = np.abs(np.roots(np.poly(A))).max()  # by its polynomial
        log, power = 0.0, np.eye(H)
        for _ in range(2000):
            power = A @ power
            size = np.abs(power).max()
            log, power = log + math.log(size), power / size
        rate = math.exp((log + math.log(stretch(power))) / 2000)
        assert math.isclose(rate, characteristic, rel_tol=5e-3)
        assert math.isclose(flow.spectral_radius(A), characteristic, rel_tol=1e-9)
        assert stretch(A) > 1.02 * characteristic  # and not of the first step


@pytest.mark.equation("vanishing-nonnormal")
def test_powers_of_the_sheared_matrix_have_k_in_the_corner():
    lam, mu = 0.95, 1.3
    A = np.array([[lam, mu], [0, lam]])
    power, norms = np.eye(2), [1.0]
    for k in range(1, 101):
        power = power @ A
        formula = np.array([[lam**k, k * mu * lam ** (k - 1)], [0, lam**k]])
        assert_close(power, formula, 1e-13)
        # The norm of [[a, b], [0, a]] in closed form.
        a, b = formula[0]
        norms.append((b + math.hypot(b, 2 * a)) / 2)
    assert_close(flow.power_norms(A, 100), np.array(norms), 1e-12)
    assert norms.index(max(norms)) == 19
    assert round(max(norms), 2) == 9.83
    assert round(norms[1], 2) == 1.80


@pytest.mark.equation("vanishing-alternating")
def test_a_matrix_and_its_transpose_in_turn_reach_the_bound():
    B = np.array([[0.5, 2], [0, 0.5]])
    sigma = 1 + math.sqrt(1 + 0.25)  # (2 + √(4 + 4 · ¼)) / 2
    product = np.eye(2)
    for m in range(1, 51):
        product = B.T @ (B @ product)
        assert math.isclose(np.linalg.norm(product, 2), sigma ** (2 * m), rel_tol=1e-12)
    assert f"{sigma**100:.0e}" == "4e+32"
    assert np.trace(B) == 1  # with the determinant: both eigenvalues are 1/2
    assert np.linalg.det(B) == 0.25
    assert_close(flow.product(np.array([B, B.T] * 50)), product, 1e-12)


@pytest.mark.equation("vanishing-power-law")
@pytest.mark.parametrize("start", [0.1, 0.7, 1.0, 2.0])
def test_a_unit_without_input_fades_by_a_power_law(start):
    h, scaled, t = start, {}, 0
    slope = 1.0
    for t in range(1, 10**5 + 1):
        h = math.tanh(h)
        slope *= 1 - h * h
        if t in (10**4, 10**5):
            scaled[t] = slope * t**1.5
    assert math.isclose(h, math.sqrt(3 / (2 * t)), rel_tol=2e-3)
    assert math.isclose(scaled[10**4], scaled[10**5], rel_tol=0.03)  # the same C
    # ∂h_t/∂h_0 as the product is the slope of the whole map.
    ends = [start + 1e-6, start - 1e-6]
    for _ in range(200):
        ends = [math.tanh(end) for end in ends]
    product, h = 1.0, start
    for _ in range(200):
        h = math.tanh(h)
        product *= 1 - h * h
    assert math.isclose((ends[0] - ends[1]) / 2e-6, product, rel_tol=1e-5)


@pytest.mark.equation("vanishing-weight-sum")
def test_the_gradient_of_the_weights_is_a_sum_over_time():
    weights = UPSTREAM.h[-1]

    def loss(W_h):
        return float(np.sum(unroll(rnn, P._replace(W_h=W_h), S0, XS)[0].h[-1] * weights))

    expected = numerical_gradient(loss, P.W_h.copy())
    total, first_term = np.zeros((H, H)), None
    column = weights[:, 0]  # dL/dh_T
    for t in reversed(range(T)):
        h, h_prev = STATES.h[t, :, 0], (STATES.h[t - 1] if t else S0.h)[:, 0]
        term = np.array(
            [[(1 - h[i] ** 2) * column[i] * h_prev[j] for j in range(H)] for i in range(H)]
        )
        first_term = term if first_term is None else first_term
        total += term
        column = J[t].T @ column
    assert_close(total, expected, 1e-8)
    assert np.abs(first_term - expected).max() > 1e-3  # a sum, not one term
    upstream = rnn.State(np.concatenate([0 * UPSTREAM.h[:-1], weights[None]]))
    assert_close(backward(rnn, P, CACHES, upstream).p.W_h, total, 1e-13)


@pytest.mark.equation("vanishing-latch")
def test_the_latch_holds_and_its_slope_is_below_1():
    low, high = 0.5, 1.0  # bisection: tanh(2h) - h changes sign
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if math.tanh(2 * middle) > middle else (low, middle)
    h = low
    slope = (math.tanh(2 * (h + 1e-6)) - math.tanh(2 * (h - 1e-6))) / 2e-6
    assert math.isclose(slope, 2 * (1 - h**2), rel_tol=1e-8)
    assert round(h, 4) == 0.9575
    assert round(slope, 3) == 0.166
    assert f"{slope**20:.0e}" == "3e-16"
    for start in (1e-3, 0.5, 2.0):  # stable: every positive start ends there
        end = start
        for _ in range(100):
            end = math.tanh(2 * end)
        assert math.isclose(end, h, rel_tol=1e-12)


# What the chapter says in words


def test_an_orthogonal_matrix_with_tanh_vanishes_under_persistent_input():
    """About 1e-12 after 100 steps at a standard deviation of 0.5; not at all at rest."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        p = initialisers.orthogonal(rnn, rnn.init(rng, 16, 16), rng)
        p = p._replace(W_x=np.eye(16))
        ends = {}
        for sd in (0, 0.5):
            h, product = np.zeros(16), np.eye(16)
            for _ in range(100):
                h = np.tanh(p.W_h @ h + sd * rng.standard_normal(16))
                product = (1 - h[:, None] ** 2) * p.W_h @ product
            ends[sd] = np.linalg.norm(product, 2)
        assert 1e-14 < ends[0.5] < 1e-10
        assert math.isclose(ends[0], 1, rel_tol=1e-12)


def test_the_usual_initialisation_is_not_neutral():
    W_h = [rnn.init(np.random.default_rng(seed), 1, 256).W_h for seed in range(5)]
    assert math.isclose(np.var(W_h), 1 / (3 * 256), rel_tol=0.02)
    assert abs(np.mean([flow.spectral_radius(W) for W in W_h]) - 3**-0.5) < 0.04
    assert abs(np.mean([flow.sigma_max(W) for W in W_h]) - 2 * 3**-0.5) < 0.03
