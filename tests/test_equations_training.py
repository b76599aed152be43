"""The numbered equations of the chapter "Training", by plain arithmetic, against the library."""

import math

import numpy as np
import pytest
from helpers import assert_close, random_case

from unrolled import backward, initialisers, numerical_gradient, optimizers, unroll
from unrolled.cells import lstm, rnn, rnn_relu
from unrolled.readout import squared_error
from unrolled.training import init_model, loss_and_gradients, predict

# Where to start


@pytest.mark.equation("training-uniform")
@pytest.mark.parametrize("cell", [rnn, lstm])
def test_usual_weights_are_uniform_with_mean_0_and_variance_one_over_3h(cell):
    H = 150
    p = cell.init(np.random.default_rng(0), 20, H)
    for W in (p.W_x, p.W_h):
        values = sorted(W.ravel().tolist())
        k = 1 / math.sqrt(H)
        assert -k <= values[0]
        assert values[-1] <= k
        # Every value of a uniform distribution is near the place that its rank gives it.
        n = len(values)
        places = [-k + 2 * k * (j + 0.5) / n for j in range(n)]
        assert max(abs(v - place) for v, place in zip(values, places, strict=True)) < 0.05 * k
        mean = math.fsum(values) / n
        assert abs(mean) < 0.03 * k
        variance = math.fsum((v - mean) ** 2 for v in values) / n
        assert variance == pytest.approx(1 / (3 * H), rel=0.03)


@pytest.mark.equation("training-radius")
def test_spectral_radius_and_largest_singular_value_of_the_usual_start():
    """By power iteration: the radius from the growth of ‖W^k v‖, σ_max from that of WᵀW."""
    H, radii, sigmas = 300, [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        W = rnn.init(rng, 1, H).W_h
        v = rng.standard_normal(H)
        growth = []
        for _ in range(400):
            v = W @ v
            growth.append(math.log(np.linalg.norm(v)))
            v /= np.linalg.norm(v)
        radii.append(math.exp(math.fsum(growth[100:]) / len(growth[100:])))
        u = rng.standard_normal(H)
        for _ in range(300):
            u = W.T @ (W @ u)
            squared = np.linalg.norm(u)
            u /= squared
        sigmas.append(math.sqrt(squared))
    assert np.mean(radii) == pytest.approx(1 / math.sqrt(3), abs=0.03)
    assert np.mean(sigmas) == pytest.approx(2 / math.sqrt(3), abs=0.03)


@pytest.mark.equation("training-orthogonal")
def test_an_orthogonal_start_keeps_every_length():
    rng = np.random.default_rng(1)
    p = initialisers.orthogonal(lstm, lstm.init(rng, 2, 9), rng)
    for W in p.W_h:
        for i in range(9):
            for j in range(9):
                entry = math.fsum(W[k, i] * W[k, j] for k in range(9))
                assert abs(entry - (i == j)) < 1e-14
        v = rng.standard_normal(9)
        assert math.hypot(*(W @ v)) == pytest.approx(math.hypot(*v), rel=1e-13)


@pytest.mark.equation("training-identity")
def test_a_rectifier_with_the_identity_adds_up_its_input_and_keeps_its_gradient():
    rng = np.random.default_rng(2)
    T, D, H = 12, 3, 7
    p = initialisers.identity(rnn_relu, rnn_relu.init(rng, D, H))
    xs = rng.standard_normal((T, D, 1))
    states, caches = unroll(rnn_relu, p, rnn_relu.zero_state(H, 1), xs)
    last_off = [0] * H
    for k in range(H):
        h = 0.0
        for t in range(T):
            h = max(math.fsum(p.W_x[k, j] * xs[t, j, 0] for j in range(D)) + h, 0)
            assert states.h[t, k, 0] == pytest.approx(h, abs=1e-14)
            last_off[k] = t if h == 0 else last_off[k]
    dstates = rnn_relu.State(np.zeros((T, H, 1)))
    dstates.h[-1] = 1
    g = backward(rnn_relu, p, caches, dstates).states.h[..., 0]
    for k in range(H):  # exactly 1 back to where the unit was last at 0, and 0 before that
        assert g[last_off[k] + 1 :, k].tolist() == [1] * (T - 1 - last_off[k])
        assert not g[: last_off[k], k].any()
    assert len(set(last_off)) > 2


@pytest.mark.equation("training-chrono")
@pytest.mark.equation("training-time-scale")
def test_chrono_biases_give_shares_that_add_up_to_one_and_even_time_scales():
    T_max, H = 60, 4000
    p = lstm.init(np.random.default_rng(3), 1, H)
    p = initialisers.chrono(lstm, p, np.random.default_rng(4), T_max=T_max)
    p = p._replace(W_x=0 * p.W_x, W_h=0 * p.W_h)
    _, caches = unroll(lstm, p, lstm.zero_state(H, 1), np.ones((1, 1, 1)))
    u = [math.exp(b) for b in p.b[1, :, 0]]
    assert min(u) >= 1
    assert max(u) <= T_max - 1
    places = [1 + (T_max - 2) * (j + 0.5) / H for j in range(H)]  # uniform: as its rank says
    assert max(abs(a - b) for a, b in zip(sorted(u), places, strict=True)) < 0.03 * T_max
    for k in range(0, H, 97):
        f, i = caches.f[0, k, 0], caches.i[0, k, 0]
        assert p.b[0, k, 0] == -p.b[1, k, 0]
        tau = 1 + u[k]
        assert f == pytest.approx(1 - 1 / tau, abs=1e-14)
        assert f == pytest.approx(u[k] / (1 + u[k]), abs=1e-14)
        assert i == pytest.approx(1 / tau, abs=1e-14)
        assert f**tau == pytest.approx(1 / math.e, abs=0.13)  # "about e in τ steps"; 1/4 at τ = 2


# How far back


T, K = 8, 3
W, W_X, BIAS, H_0 = 1.3, 0.7, 0.1, 0.4
XS = np.random.default_rng(5).standard_normal(T)
UP = np.random.default_rng(6).standard_normal(T)  # ∂ℓ_t/∂h_t, of the loss ℓ_t = UP_t h_t


def states_from(w: float, h: float, first: int, last: int) -> list[float]:
    """Return h_first ... h_last of one tanh unit (steps from 1) that is at h before."""
    found = []
    for t in range(first, last + 1):
        h = math.tanh(W_X * XS[t - 1] + w * h + BIAS)
        found.append(h)
    return found


STATES = [H_0, *states_from(W, H_0, 1, T)]  # STATES[t] is h_t


def term(t: int, k: int) -> float:
    """The term (t, k) of the double sum."""
    product = math.prod(W * (1 - STATES[j] ** 2) for j in range(k + 1, t + 1))
    return UP[t - 1] * product * (1 - STATES[k] ** 2) * STATES[k - 1]


def slope(f) -> float:
    return (f(W + 1e-6) - f(W - 1e-6)) / 2e-6


def by_the_library(steps: int | None) -> float:
    p = rnn.Params(*(np.array([[v]]) for v in (W_X, W, BIAS)))
    _, caches = unroll(rnn, p, rnn.State(np.array([[H_0]])), XS.reshape(T, 1, 1))
    g = backward(rnn, p, caches, rnn.State(UP.reshape(T, 1, 1)), steps=steps)
    return float(g.p.W_h[0, 0])


@pytest.mark.equation("training-double-sum")
def test_gradient_of_a_weight_is_a_double_sum_over_time():
    total = math.fsum(term(t, k) for t in range(1, T + 1) for k in range(1, t + 1))

    def loss(w):
        return math.fsum(u * h for u, h in zip(UP, states_from(w, H_0, 1, T), strict=True))

    assert total == pytest.approx(slope(loss), rel=1e-7)
    assert total == pytest.approx(by_the_library(None), rel=1e-12)


@pytest.mark.equation("training-chunks")
@pytest.mark.parametrize("K", [1, 2, 3, 5, 8])
def test_chunks_keep_the_terms_within_a_chunk_from_the_start(K):
    """The truth by differences: the state at every border is a constant, as the run left it."""

    def loss(w):
        total = 0.0
        for first in range(1, T + 1, K):
            last = min(first + K - 1, T)
            hs = states_from(w, STATES[first - 1], first, last)
            total += math.fsum(UP[t - 1] * h for t, h in enumerate(hs, start=first))
        return total

    kept = math.fsum(
        term(t, k)
        for t in range(1, T + 1)
        for k in range(1, t + 1)
        if math.ceil(t / K) == math.ceil(k / K)
    )
    assert kept == pytest.approx(slope(loss), rel=1e-7)
    assert kept == pytest.approx(by_the_library(K), rel=1e-12)


@pytest.mark.equation("training-window")
@pytest.mark.parametrize("K", [1, 3, 4])
def test_a_window_keeps_the_last_uses_of_the_weight(K):
    """The truth by differences: every loss sees K steps, from a constant state before them."""

    def loss(w):
        total = 0.0
        for t in range(1, T + 1):
            first = max(t - K + 1, 1)
            total += UP[t - 1] * states_from(w, STATES[first - 1], first, t)[-1]
        return total

    kept = math.fsum(term(t, k) for t in range(1, T + 1) for k in range(1, T + 1) if 0 <= t - k < K)
    assert kept == pytest.approx(slope(loss), rel=1e-7)
    assert K == 1 or abs(kept - by_the_library(K)) > 1e-3 * abs(kept)  # chunks are another thing


def test_truncation_leaves_every_state_and_cuts_what_is_beyond_the_border():
    p, s0, xs, up = random_case(lstm, 8, 2, 3, 4, seed=8)
    _, caches = unroll(lstm, p, s0, xs)
    up.h[:7], up.c[:7] = 0, 0
    cut = backward(lstm, p, caches, up, steps=3)
    whole = backward(lstm, p, caches, up)
    assert not cut.xs[:6].any()
    assert np.all(cut.xs[6:] == whole.xs[6:])
    assert np.abs(whole.xs[:6]).min() > 0


# When the gradient is too large


def gradients(scale: float) -> rnn.Params:
    rng = np.random.default_rng(9)
    return rnn.Params(
        scale * rng.standard_normal((3, 2)),
        5 * scale * rng.standard_normal((3, 3)),
        0.2 * scale * rng.standard_normal((3, 1)),
    )


def entries(tree) -> list[float]:
    return [float(v) for array in tree for v in array.ravel()]


@pytest.mark.equation("training-clip-norm")
@pytest.mark.parametrize("scale", [0.01, 1, 100])
def test_clipping_by_global_norm_multiplies_all_by_one_number(scale):
    g = gradients(scale)
    clipped, norm = optimizers.clip_by_norm(g, 2)
    size = math.sqrt(math.fsum(v**2 for v in entries(g)))
    assert norm == pytest.approx(size, rel=1e-14)
    expected = [v * min(1, 2 / size) for v in entries(g)]
    assert_close(np.array(entries(clipped)), np.array(expected), 1e-14)
    parts = math.fsum(np.linalg.norm(array) ** 2 for array in g)
    assert size**2 == pytest.approx(parts, rel=1e-13)


@pytest.mark.equation("training-clip-tensor")
def test_clipping_per_tensor_turns_the_gradient_but_not_its_parts():
    g = gradients(1)
    clipped = rnn.Params(*(optimizers.clip_by_norm(array, 2)[0] for array in g))
    factors = []
    for array, part in zip(g, clipped, strict=True):
        size = math.sqrt(math.fsum(v**2 for v in array.ravel()))
        factors.append(min(1, 2 / size))
        assert_close(part, array * factors[-1], 1e-14)
    assert factors[2] == 1
    assert 0 < factors[1] < factors[0]


@pytest.mark.equation("training-clip-value")
def test_clipping_by_value_cuts_entries_and_keeps_their_signs():
    g = gradients(1)
    clipped = entries(optimizers.clip_by_value(g, 0.5))
    for before, after in zip(entries(g), clipped, strict=True):
        expected = before if abs(before) <= 0.5 else math.copysign(0.5, before)
        assert after == expected == max(-0.5, min(0.5, before))
    assert 0 < sum(abs(v) == 0.5 for v in clipped) < len(clipped)


# Sequences of different lengths


@pytest.mark.equation("training-token-mean")
@pytest.mark.equation("training-sequence-mean")
def test_means_over_valid_steps_by_token_and_by_sequence():
    """The library's loss of a padded batch is the mean by token, from each sequence alone."""
    rng, lengths = np.random.default_rng(10), [2, 7, 4]
    model = init_model(lstm, rng, 3, 5, 1)
    xs, target = rng.standard_normal((7, 3, 3)), rng.standard_normal((7, 1, 3))
    losses = []
    for b, n in enumerate(lengths):
        y = predict(lstm, model, xs[:n, :, b : b + 1])
        losses.append([float(y[t, 0, 0] - target[t, 0, b]) ** 2 for t in range(n)])
    by_token = math.fsum(sum(row) for row in losses) / sum(lengths)
    by_sequence = math.fsum(sum(row) / len(row) for row in losses) / len(losses)
    loss, _ = loss_and_gradients(
        lstm, model, xs, target, squared_error, lengths=lengths, every_step=True
    )
    assert loss == pytest.approx(by_token, rel=1e-13)
    assert abs(by_sequence - by_token) > 1e-3
    # The example of the text, by hand.
    rows = [[1.0] * 2, [0.2] * 10]
    assert math.fsum(map(sum, rows)) / 12 == pytest.approx(1 / 3)
    assert math.fsum(sum(row) / len(row) for row in rows) / 2 == pytest.approx(0.6)
    assert math.fsum(map(sum, rows)) / (2 * 10) == pytest.approx(0.2)


# How long a step


@pytest.mark.equation("training-step-limit")
@pytest.mark.parametrize("share", [0.1, 0.99, 1.01, 2.5])
def test_gradient_descent_on_a_bowl_converges_below_two_over_the_curvature(share):
    curvature = 3.7
    rate, theta = share * 2 / curvature, np.array([1.5])
    rule = optimizers.sgd(rate)
    for _ in range(500):
        g = numerical_gradient(lambda v: 0.5 * curvature * float(v[0]) ** 2, theta)
        before, (theta, _) = theta, rule.update(theta, g, None)
        factor = 1 - rate * curvature
        assert theta[0] == pytest.approx(factor * before[0], rel=1e-6, abs=1e-9)
        if not 1e-3 < abs(theta[0]) < 1e3:
            break
    assert (abs(theta[0]) < 1e-3) == (share < 1)
    assert (abs(theta[0]) > 1e3) == (share > 1)


def steps_of(rule, gs: list[list[float]]) -> np.ndarray:
    """Return the parameters after every step, from 0."""
    theta = np.zeros(len(gs[0]))
    memory, found = rule.init(theta), []
    for g in gs:
        theta, memory = rule.update(theta, np.array(g), memory)
        found.append(theta)
    return np.array(found)


GS = (np.random.default_rng(11).standard_normal((12, 3)) * [100, 1, 0.01]).tolist()


@pytest.mark.equation("training-momentum")
def test_momentum_follows_a_running_sum():
    """Each step is -lr Σ μ^(n-m) g_m, written without the running v."""
    expected = [
        [-0.02 * math.fsum(0.9 ** (n - m) * GS[m][j] for m in range(n + 1)) for j in range(3)]
        for n in range(12)
    ]
    assert_close(steps_of(optimizers.sgd(0.02, 0.9), GS), np.cumsum(expected, axis=0), 1e-13)
    # A steady gradient is followed at lr / (1 - μ).
    path = steps_of(optimizers.sgd(0.02, 0.9), [[1.0]] * 400)
    assert path[-1, 0] - path[-2, 0] == pytest.approx(-0.02 / (1 - 0.9), rel=1e-9)


@pytest.mark.equation("training-rmsprop")
def test_rmsprop_divides_by_the_root_of_a_running_mean_of_squares():
    def step(n, j):
        s = math.fsum(0.1 * 0.9 ** (n - m) * GS[m][j] ** 2 for m in range(n + 1))
        return -0.02 * GS[n][j] / (math.sqrt(s) + 1e-8)

    expected = [[step(n, j) for j in range(3)] for n in range(12)]
    assert_close(steps_of(optimizers.rmsprop(0.02), GS), np.cumsum(expected, axis=0), 1e-13)
    assert [abs(v) for v in expected[0]] == pytest.approx([0.02 / math.sqrt(0.1)] * 3, rel=1e-5)


@pytest.mark.equation("training-adam")
def test_adam_divides_one_corrected_mean_by_the_root_of_another():
    def step(n, j):
        m = math.fsum(0.1 * 0.9 ** (n - k) * GS[k][j] for k in range(n + 1))
        v = math.fsum(0.001 * 0.999 ** (n - k) * GS[k][j] ** 2 for k in range(n + 1))
        m_hat, v_hat = m / (1 - 0.9 ** (n + 1)), v / (1 - 0.999 ** (n + 1))
        return -0.02 * m_hat / (math.sqrt(v_hat) + 1e-8)

    expected = [[step(n, j) for j in range(3)] for n in range(12)]
    assert_close(steps_of(optimizers.adam(0.02), GS), np.cumsum(expected, axis=0), 1e-12)
    assert [abs(v) for v in expected[0]] == pytest.approx([0.02] * 3, rel=1e-5)
