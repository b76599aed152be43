"""The numbered equations of the chapter on the GRU, by plain arithmetic, against the library."""

import math
from typing import Any

import numpy as np
import pytest
from helpers import assert_close, random_case

from unrolled import backward, flow, unroll
from unrolled.cells import gru, gru_reset_after, rnn

H, D, B, T = 4, 3, 2, 5
P, S0, XS, UPSTREAM = random_case(gru, T, B, D, H, seed=21)
STATES, CACHES = unroll(gru, P, S0, XS)
Z, R, CANDIDATE = range(3)
EPSILON = 1e-5


def logistic(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def product(W: np.ndarray, v: Any) -> list[float]:
    """W v, number by number."""
    return [math.fsum(w * value for w, value in zip(row, v, strict=True)) for row in W]


def h_before(t: int) -> np.ndarray:
    return S0.h if t == 0 else STATES.h[t - 1]


def plain_step(x: Any, h: Any, shift: Any = None) -> dict[str, list[float]]:
    """Take a step of one sequence; `shift` (3, H) is added to the pre-activations."""
    shift = np.zeros((3, H)) if shift is None else shift

    def a(block: int, seen: Any) -> list[float]:
        parts = product(P.W_x[block], x), product(P.W_h[block], seen), P.b[block, :, 0]
        return [math.fsum(values) for values in zip(*parts, shift[block], strict=True)]

    z, r = ([logistic(v) for v in a(block, h)] for block in (Z, R))
    h_tilde = [math.tanh(v) for v in a(CANDIDATE, [r[k] * h[k] for k in range(H)])]
    new = [(1 - z[k]) * h[k] + z[k] * h_tilde[k] for k in range(H)]
    return {"z": z, "r": r, "h_tilde": h_tilde, "h": new}


def plain_loss(t: int, b: int, h: Any) -> float:
    """What sequence b's loss has from step t on, if h is the state after step t - 1."""
    loss = 0.0
    for s in range(t, T):
        h = plain_step(XS[s, :, b], h)["h"]
        loss += math.fsum(u * v for u, v in zip(UPSTREAM.h[s, :, b], h, strict=True))
    return loss


def slope(f: Any, at: Any) -> np.ndarray:
    """Return df/d(each entry), by central differences; f may return an array."""
    at, slopes = np.array(at, dtype=float), []
    for index in np.ndindex(at.shape):
        values = []
        for sign in (1, -1):
            moved = at.copy()
            moved[index] += sign * EPSILON
            values.append(np.array(f(moved)))
        slopes.append((values[0] - values[1]) / (2 * EPSILON))
    return np.array(slopes)


def everywhere(key: str) -> np.ndarray:
    """A quantity of all steps, units and sequences by plain steps from the library's states."""
    columns = [
        [plain_step(XS[t, :, b], h_before(t)[:, b])[key] for b in range(B)] for t in range(T)
    ]
    return np.array(columns).transpose(0, 2, 1)


@pytest.mark.parametrize(
    ("key", "got"),
    [
        pytest.param("z", CACHES.z, marks=pytest.mark.equation("gru-update-gate")),
        pytest.param("r", CACHES.r, marks=pytest.mark.equation("gru-reset-gate")),
        pytest.param("h_tilde", CACHES.h_tilde, marks=pytest.mark.equation("gru-candidate")),
        pytest.param("h", STATES.h, marks=pytest.mark.equation("gru-hidden-state")),
    ],
)
def test_a_gru_step_number_by_number(key, got):
    assert_close(got, everywhere(key), 1e-14)


@pytest.mark.equation("gru-box")
def test_every_coordinate_of_the_new_state_is_between_old_and_candidate():
    """And somewhere it is near either end, so that no narrower box would do."""
    rng = np.random.default_rng(0)
    xs = 5 * rng.standard_normal((200, D, B))
    p = P._replace(W_x=4 * P.W_x)
    states, caches = unroll(gru, p, S0, xs)
    shares = []
    for t, k, b in np.ndindex(*states.h.shape):
        old, new = float(caches.h_prev[t, k, b]), float(caches.h_tilde[t, k, b])
        h = float(states.h[t, k, b])
        assert min(old, new) - 1e-15 <= h <= max(old, new) + 1e-15
        if abs(new - old) > 0.1:
            shares.append((h - old) / (new - old))
    assert min(shares) < 0.01
    assert max(shares) > 0.99


@pytest.mark.equation("gru-half-life")
def test_after_the_half_life_half_is_left():
    for b in (-6.0, -2.0, -0.3, 0.0, 0.7):
        z = logistic(b)
        n = math.log(2) / -math.log(1 - z)
        assert math.isclose((1 - z) ** n, 0.5, rel_tol=1e-12)
        assert math.isclose(n, math.log(2) / math.log(1 + math.exp(b)), rel_tol=1e-12)
        assert math.isclose(flow.half_life(1 - z), n, rel_tol=1e-12)
    # A whole number of steps, counted: z = 1 - 2^(-1/7) has a half-life of seven.
    p = gru.Params(np.zeros((3, 1, 1)), np.zeros((3, 1, 1)), np.zeros((3, 1, 1)))
    p.b[Z] = math.log(2 ** (1 / 7) - 1)
    states, _ = unroll(gru, p, gru.State(np.ones((1, 1))), np.zeros((14, 1, 1)))
    assert_close(states.h[[6, 13], 0, 0], np.array([0.5, 0.25]), 1e-14)


def weights_of_the_past(k: int, b: int) -> tuple[float, list[float]]:
    """Return the weight of h_0, and of every candidate, in unit k's last state."""
    z = CACHES.z[:, k, b]
    kept = [math.prod(1 - z[t] for t in range(s + 1, T)) for s in range(T)]
    return math.prod(1 - z), [z[s] * kept[s] for s in range(T)]


@pytest.mark.equation("gru-weights")
def test_the_last_state_is_a_weighted_mean_of_the_start_and_all_candidates():
    for k, b in np.ndindex(H, B):
        start, weights = weights_of_the_past(k, b)
        candidates = CACHES.h_tilde[:, k, b]
        h = start * S0.h[k, b] + math.fsum(w * c for w, c in zip(weights, candidates, strict=True))
        assert math.isclose(h, STATES.h[-1, k, b], rel_tol=0, abs_tol=1e-14)


@pytest.mark.equation("gru-budget")
def test_the_weights_of_the_past_add_up_to_one():
    for k, b in np.ndindex(H, B):
        start, weights = weights_of_the_past(k, b)
        assert math.isclose(start + math.fsum(weights), 1, rel_tol=1e-14)
        assert all(0 < w < 1 for w in (start, *weights))


@pytest.mark.equation("gru-rnn-limit")
def test_with_both_gates_towards_one_a_gru_becomes_a_simple_network_and_only_in_the_limit():
    """The distance shrinks like exp(-b); with one of the two gates alone it does not."""
    simple = rnn.Params(P.W_x[CANDIDATE], P.W_h[CANDIDATE], P.b[CANDIDATE])
    expected = unroll(rnn, simple, rnn.State(S0.h), XS)[0].h

    def distance(b_z: float, b_r: float) -> float:
        p = P._replace(b=P.b.copy())
        p.b[Z], p.b[R] = b_z, b_r
        return float(np.abs(unroll(gru, p, S0, XS)[0].h - expected).max())

    for b in (6, 9, 12):
        assert 0 < distance(b + 3, b + 3) < 0.06 * distance(b, b)  # exp(-3) = 0.0498
    assert distance(0, 30) > 0.1
    assert distance(30, 0) > 0.1


# Backwards: every right side is made of what plain central differences give for dL/dh_t.

STEPS = [(t, b) for t in range(T) for b in range(B)]


def total(t: int, b: int) -> np.ndarray:
    """dL/dh_t: the loss's own term, and what all later steps make of a change of h_t."""
    return UPSTREAM.h[t, :, b] + slope(lambda h: plain_loss(t + 1, b, h), STATES.h[t, :, b])


def through_pre_activations(t: int, b: int) -> np.ndarray:
    """dL/da of step t, (3, H): the pre-activations are moved, and the loss is computed anew."""

    def loss(shift: np.ndarray) -> float:
        h = plain_step(XS[t, :, b], h_before(t)[:, b], shift)["h"]
        return float(UPSTREAM.h[t, :, b] @ np.array(h)) + plain_loss(t + 1, b, h)

    return slope(loss, np.zeros((3, H))).reshape(3, H)


def at(t: int, b: int) -> tuple[np.ndarray, ...]:
    cache = gru.Cache(*(array[t, :, b] for array in CACHES))
    return cache.h_prev, cache.z, cache.r, cache.h_tilde


@pytest.mark.equation("gru-backward-candidate")
def test_gradient_at_the_candidates_pre_activation():
    for t, b in STEPS:
        _, z, _, h_tilde = at(t, b)
        claimed = total(t, b) * z * (1 - h_tilde**2)
        assert_close(claimed, through_pre_activations(t, b)[CANDIDATE], 1e-8)


@pytest.mark.equation("gru-backward-update")
def test_gradient_at_the_update_gates_pre_activation():
    for t, b in STEPS:
        h_prev, z, _, h_tilde = at(t, b)
        claimed = total(t, b) * (h_tilde - h_prev) * z * (1 - z)
        assert_close(claimed, through_pre_activations(t, b)[Z], 1e-8)


def q_of(t: int, b: int) -> np.ndarray:
    """Return W_hhᵀ dL/da_h, summed term by term."""
    da_h = through_pre_activations(t, b)[CANDIDATE]
    W = P.W_h[CANDIDATE]
    return np.array([math.fsum(W[k, j] * da_h[k] for k in range(H)) for j in range(H)])


@pytest.mark.equation("gru-backward-product")
def test_gradient_at_the_product_of_reset_gate_and_state():
    """The truth: what the candidate reads is moved, and nothing else."""
    for t, b in STEPS:

        def loss(read: np.ndarray, t: int = t, b: int = b) -> float:
            shift = np.zeros((3, H))
            shift[CANDIDATE] = product(P.W_h[CANDIDATE], read)
            h = plain_step(XS[t, :, b], h_before(t)[:, b], shift)["h"]
            return float(UPSTREAM.h[t, :, b] @ np.array(h)) + plain_loss(t + 1, b, h)

        assert_close(q_of(t, b), slope(loss, np.zeros(H)), 1e-8)


@pytest.mark.equation("gru-backward-reset")
def test_gradient_at_the_reset_gates_pre_activation():
    for t, b in STEPS:
        h_prev, _, r, _ = at(t, b)
        claimed = q_of(t, b) * h_prev * r * (1 - r)
        assert_close(claimed, through_pre_activations(t, b)[R], 1e-8)


@pytest.mark.equation("gru-backward-state")
def test_gradient_of_the_old_state_is_the_local_term_and_four_ways_back():
    library = backward(gru, P, CACHES, UPSTREAM).states.h
    for t, b in STEPS[B:]:
        _, z, r, _ = at(t, b)
        da = through_pre_activations(t, b)
        claimed = UPSTREAM.h[t - 1, :, b] + total(t, b) * (1 - z) + q_of(t, b) * r
        for gate in (Z, R):
            W = P.W_h[gate]
            claimed = claimed + [
                math.fsum(W[k, j] * da[gate, k] for k in range(H)) for j in range(H)
            ]
        assert_close(claimed, total(t - 1, b), 1e-8)
        assert_close(library[t - 1, :, b], claimed, 1e-8)


@pytest.mark.equation("gru-weight-gradient")
def test_gradient_of_the_candidates_weights_is_a_sum_over_time():
    expected = np.zeros((H, H))
    for t, b in STEPS:
        h_prev, _, r, _ = at(t, b)
        expected += np.outer(through_pre_activations(t, b)[CANDIDATE], r * h_prev)
    assert_close(backward(gru, P, CACHES, UPSTREAM).p.W_h[CANDIDATE], expected, 1e-8)


@pytest.mark.equation("gru-jacobian")
def test_the_jacobian_of_a_gru_step_has_four_terms():
    library = flow.jacobians(gru, P, CACHES)
    for t, b in STEPS:
        h_prev, z, r, h_tilde = at(t, b)
        terms = np.zeros((4, H, H))
        for k, j in np.ndindex(H, H):
            through = z[k] * (1 - h_tilde[k] ** 2)
            terms[0, k, j] = (1 - z[k]) * (k == j)
            terms[1, k, j] = through * P.W_h[CANDIDATE, k, j] * r[j]
            terms[2, k, j] = through * math.fsum(
                P.W_h[CANDIDATE, k, m] * h_prev[m] * r[m] * (1 - r[m]) * P.W_h[R, m, j]
                for m in range(H)
            )
            terms[3, k, j] = (h_tilde[k] - h_prev[k]) * z[k] * (1 - z[k]) * P.W_h[Z, k, j]
        measured = slope(lambda h, t=t, b=b: plain_step(XS[t, :, b], h)["h"], h_prev).T
        assert_close(terms.sum(axis=0), measured, 1e-9)
        assert_close(library[t, b], terms.sum(axis=0), 1e-13)
        assert all(np.abs(term).max() > 1e-3 for term in terms)  # none may be left out


# One name, several functions


@pytest.mark.equation("gru-other-convention")
def test_the_other_convention_of_z_is_the_same_function_with_its_rows_negated():
    negated = gru.Params(*(array.copy() for array in P))
    for array in negated:
        array[Z] *= -1
    for b in range(B):
        h = S0.h[:, b]
        for t in range(T):
            a = np.array(product(negated.W_x[Z], XS[t, :, b])) + negated.b[Z, :, 0]
            a = a + product(negated.W_h[Z], h)
            z = [logistic(v) for v in a]
            new = plain_step(XS[t, :, b], h)["h_tilde"]
            assert_close(np.array(z), 1 - CACHES.z[t, :, b], 1e-14)
            h = [z[k] * h[k] + (1 - z[k]) * new[k] for k in range(H)]
            assert_close(np.array(h), STATES.h[t, :, b], 1e-14)


@pytest.mark.equation("gru-candidate-after")
def test_the_candidate_with_the_reset_after_the_product():
    p, s0, xs, _ = random_case(gru_reset_after, T, B, D, H, seed=22)
    states, caches = unroll(gru_reset_after, p, s0, xs)
    for t, b in STEPS:
        h_prev = s0.h[:, b] if t == 0 else states.h[t - 1, :, b]
        read = product(p.W_h[CANDIDATE], h_prev)
        fed = product(p.W_x[CANDIDATE], xs[t, :, b])
        for k in range(H):
            a_r = math.fsum(p.W_h[R, k, j] * h_prev[j] for j in range(H)) + p.b[R, k, 0]
            r = logistic(a_r + math.fsum(p.W_x[R, k, j] * xs[t, j, b] for j in range(D)))
            bracket = read[k] + p.b_hn[k, 0]
            expected = math.tanh(fed[k] + p.b[CANDIDATE, k, 0] + r * bracket)
            assert math.isclose(caches.h_tilde[t, k, b], expected, rel_tol=0, abs_tol=1e-14)


def test_the_gru_case_is_a_good_one():
    """No two gates alike, no symmetric matrix, no zero start: else the tests above prove less."""
    for W in P.W_h:
        assert np.abs(W - W.T).max() > 0.1
    for a, b in ((CACHES.z, CACHES.r), (CACHES.z, 1 - CACHES.z), (STATES.h, CACHES.h_tilde)):
        assert np.abs(a - b).max() > 0.1
    assert np.abs(S0.h).min() > 1e-3
