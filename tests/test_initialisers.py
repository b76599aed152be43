"""Initialisers: distributions with tolerances from their own spread, gates one by one."""

import numpy as np
import pytest
from helpers import CELLS, assert_close

from unrolled import flow, unroll
from unrolled import initialisers as ini
from unrolled.cells import gru, gru_reset_after, lstm, lstm_coupled, lstm_peephole, rnn, rnn_relu

FORGETFUL = {"lstm": lstm, "lstm_peephole": lstm_peephole, "lstm_coupled": lstm_coupled}
GRUS = {"gru": gru, "gru_reset_after": gru_reset_after}


def marked(cell, D, H, dtype=float):
    """Parameters whose every entry is another number, so that what is kept can be seen."""
    p = cell.init(np.random.default_rng(0), D, H, dtype)
    return type(p)(*(np.arange(a.size, dtype=dtype).reshape(a.shape) + 7 for a in p))


def zeros(cell, D, H):
    p = cell.init(np.random.default_rng(0), D, H)
    return type(p)(*(np.zeros_like(a) for a in p))


def gates_of(W):
    """(gates, n, m), also for a cell with one matrix."""
    return W.reshape(-1, *W.shape[-2:])


def one_step(cell, p, H, D=1):
    return unroll(cell, p, cell.zero_state(H, 1), np.zeros((1, D, 1)))[1]


def assert_uniform(sample, low, high):
    """Kolmogorov and Smirnov's test at the level 0.001."""
    u = np.sort((np.ravel(sample) - low) / (high - low))
    n = u.size
    assert u[0] >= 0
    assert u[-1] <= 1
    distance = max(np.abs(u - np.arange(n) / n).max(), np.abs(u - np.arange(1, n + 1) / n).max())
    assert distance < 1.95 / np.sqrt(n)


# Every initialiser

EVERY = {
    "uniform": (
        lambda cell, p, rng: ini.uniform(cell, p, rng),
        {"W_x", "W_h", "p_i", "p_f", "p_o"},
    ),
    "glorot": (lambda cell, p, rng: ini.glorot(cell, p, rng), {"W_x", "W_h"}),
    "orthogonal": (lambda cell, p, rng: ini.orthogonal(cell, p, rng, gain=1.3), {"W_h"}),
    "identity": (lambda cell, p, rng: ini.identity(cell, p, scale=0.7), {"W_h"}),
    "forget_bias": (lambda cell, p, rng: ini.forget_bias(cell, p, 1.1), {"b"}),
    "chrono": (lambda cell, p, rng: ini.chrono(cell, p, rng, T_max=50), {"b"}),
}
CASES = [
    (name, cell)
    for name in EVERY
    for cell in CELLS
    if (name != "forget_bias" or cell in FORGETFUL)
    and (name != "chrono" or cell in FORGETFUL or cell in GRUS)
]


@pytest.mark.parametrize(("name", "cell_name"), CASES)
def test_it_replaces_what_it_names_keeps_the_rest_and_the_dtype(name, cell_name):
    cell, (initialise, replaced) = CELLS[cell_name], EVERY[name]
    new = {}
    for dtype in ("f8", "f4"):
        p = marked(cell, 2, 5, dtype)
        before = [a.copy() for a in p]
        new[dtype] = initialise(cell, p, np.random.default_rng(3))
        assert type(new[dtype]) is type(p)
        for field, old, copy, a in zip(p._fields, p, before, new[dtype], strict=True):
            assert np.array_equal(old, copy)
            assert a.dtype == np.dtype(dtype)
            assert a.shape == old.shape
            assert np.array_equal(a, old) == (field not in replaced)
    for a, b in zip(new["f8"], new["f4"], strict=True):
        assert np.array_equal(a.astype("f4"), b)  # drawn in float64, then rounded


@pytest.mark.parametrize("name", CELLS)
def test_what_was_initialised_can_be_written_to_and_run(name):
    cell, rng = CELLS[name], np.random.default_rng(0)
    p = ini.identity(cell, ini.orthogonal(cell, ini.glorot(cell, cell.init(rng, 2, 3), rng), rng))
    p.W_h[..., 0, 1] = 5
    assert np.all(gates_of(p.W_h)[:, 0, 1] == 5)
    assert np.all(gates_of(p.W_h)[:, 1, 0] == 0)
    states, _ = unroll(cell, p, cell.zero_state(3, 1), rng.standard_normal((4, 2, 1)))
    assert np.abs(states.h).max() > 0


# Weights


@pytest.mark.parametrize("name", CELLS)
def test_uniform_is_how_the_cells_start(name):
    cell = CELLS[name]
    p = ini.uniform(cell, marked(cell, 3, 4), np.random.default_rng(5))
    start = cell.init(np.random.default_rng(5), 3, 4)
    for field in p._fields:
        if not field.startswith("b"):
            assert np.array_equal(getattr(p, field), getattr(start, field))


def test_uniform_is_uniform_up_to_one_over_root_H():
    p = ini.uniform(lstm_peephole, zeros(lstm_peephole, 7, 64), np.random.default_rng(0))
    for array in (*p.W_x, *p.W_h):
        assert_uniform(array, -1 / 8, 1 / 8)
    assert_uniform(np.concatenate([p.p_i, p.p_f, p.p_o]), -1 / 8, 1 / 8)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "lstm_coupled"])
def test_glorot_counts_the_fans_of_each_gate_alone(name):
    cell, D, H = CELLS[name], 100, 20
    p = ini.glorot(cell, zeros(cell, D, H), np.random.default_rng(1))
    for gate in gates_of(p.W_x):
        k = np.sqrt(6 / 120)
        assert_uniform(gate, -k, k)
        assert np.var(gate) == pytest.approx(2 / 120, rel=0.07)  # 2000 entries: 2 % is a sd
    for gate in gates_of(p.W_h):
        k = np.sqrt(6 / 40)
        assert_uniform(gate, -k, k)
        assert np.var(gate) == pytest.approx(2 / 40, rel=0.15)  # 400 entries: 4.5 % is a sd
    every = gates_of(p.W_h)
    assert len(np.unique(every)) == every.size  # no gate is a copy of another


@pytest.mark.parametrize("name", CELLS)
def test_orthogonal_makes_each_gate_orthogonal(name):
    cell, H = CELLS[name], 30
    p = ini.orthogonal(cell, zeros(cell, 2, H), np.random.default_rng(2), gain=1.5)
    for W in gates_of(p.W_h):
        assert_close(W.T @ W, 1.5**2 * np.eye(H), 1e-12)
        assert_close(W @ W.T, 1.5**2 * np.eye(H), 1e-12)
    every = gates_of(p.W_h)
    assert len(np.unique(every)) == every.size


def orthogonal_sample(H, n):
    """n times four gates: (4n, H, H)."""
    rng, p = np.random.default_rng(4), zeros(lstm, 1, H)
    return np.concatenate([ini.orthogonal(lstm, p, rng).W_h for _ in range(n)])


def test_orthogonal_matrices_are_all_equally_likely():
    Q = orthogonal_sample(3, 1000)
    for i in range(3):
        for j in range(3):  # a coordinate of a uniform point on a sphere is uniform (Archimedes)
            assert_uniform(Q[:, i, j], -1, 1)
    n = len(Q)
    assert abs(np.mean(np.linalg.det(Q) > 0) - 0.5) < 3.3 * 0.5 / np.sqrt(n)
    # The trace of a uniform Q has mean 0 and variance 1; so has that of Q after any fixed turn.
    for turn in (np.eye(3), np.eye(3)[[1, 2, 0]], np.eye(3)[[1, 0, 2]]):
        trace = np.trace(turn @ Q, axis1=1, axis2=2)
        assert abs(np.mean(trace)) < 3.3 / np.sqrt(n)
        assert np.var(trace) == pytest.approx(1, abs=0.1)
    # Q and its transpose are alike: entries across the diagonal are not tied to its signs.
    for i, j in ((0, 1), (0, 2), (1, 2)):
        for k in range(3):
            assert abs(np.mean(Q[:, k, k] * Q[:, i, j])) < 3.3 / 3 / np.sqrt(n) * 1.2
            assert abs(np.mean(Q[:, k, k] * Q[:, j, i])) < 3.3 / 3 / np.sqrt(n) * 1.2


def test_the_eigenvalues_of_an_orthogonal_matrix_have_uniform_phases():
    Q = orthogonal_sample(24, 25)
    phases = np.angle(np.linalg.eigvals(Q))
    upper = phases[(phases > 1e-9) & (phases < np.pi - 1e-9)]
    counts, _ = np.histogram(upper, bins=4, range=(0, np.pi))
    # They repel each other, so the counts are steadier than those of independent phases.
    assert np.abs(counts / counts.mean() - 1).max() < 0.1


def test_the_signs_are_those_that_make_the_triangle_positive():
    G = np.random.default_rng(6).standard_normal((5, 5))
    Q = ini.orthogonal(rnn, zeros(rnn, 1, 5), np.random.default_rng(6)).W_h
    R = Q.T @ G
    assert_close(np.tril(R, -1), np.zeros((5, 5)), 1e-14)
    assert np.diagonal(R).min() > 0


@pytest.mark.parametrize("name", CELLS)
def test_identity_sets_each_gate_to_a_multiple_of_the_identity(name):
    cell = CELLS[name]
    for W in gates_of(ini.identity(cell, marked(cell, 2, 4), scale=0.01).W_h):
        assert np.array_equal(W, 0.01 * np.eye(4))


def test_the_identity_and_the_rectifier_keep_the_state_for_ever():
    p = ini.identity(rnn_relu, zeros(rnn_relu, 1, 4))
    s0 = rnn_relu.State(np.array([[0.0], [1e-3], [2.5], [40.0]]))
    states, caches = unroll(rnn_relu, p, s0, np.zeros((500, 1, 1)))
    assert np.array_equal(states.h[-1], s0.h)
    J = flow.product(flow.jacobians(rnn_relu, p, caches))
    assert np.array_equal(J[0], np.diag([0.0, 1, 1, 1]))
    slow = ini.identity(rnn_relu, p, scale=0.99)
    states, _ = unroll(rnn_relu, slow, s0, np.zeros((69, 1, 1)))
    assert_close(states.h[-1], s0.h / 2, 1e-3)
    squashed, _ = unroll(rnn, p, s0, np.zeros((500, 1, 1)))
    assert squashed.h[-1].max() < 0.1


# Biases


@pytest.mark.parametrize("name", FORGETFUL)
def test_forget_bias_moves_the_forget_gate_and_no_other(name):
    cell = FORGETFUL[name]
    caches = one_step(cell, ini.forget_bias(cell, zeros(cell, 1, 3), 3.0), 3)
    assert_close(caches.f, np.full((1, 3, 1), 1 / (1 + np.exp(-3))), 1e-15)
    assert np.all(caches.c_tilde == 0)
    for gate in {"i", "o"} & set(cell.Cache._fields):
        assert np.all(getattr(caches, gate) == 0.5)
    assert np.sum(ini.forget_bias(cell, zeros(cell, 1, 3), 3.0).b) == 9
    assert np.sum(ini.forget_bias(cell, zeros(cell, 1, 3)).b) == 3


@pytest.mark.parametrize("name", FORGETFUL | GRUS)
def test_chrono_spreads_the_time_scales_from_2_to_T_max(name):
    cell, H, T_max = (FORGETFUL | GRUS)[name], 300, 90
    p = ini.chrono(cell, zeros(cell, 1, H), np.random.default_rng(7), T_max)
    caches = one_step(cell, p, H)
    share = flow.kept(cell, caches)[0, :, 0]
    assert_uniform(1 / (1 - share), 2 - 1e-9, T_max + 1e-9)
    half_lives = flow.half_life(share)
    assert half_lives.min() >= 1
    assert 0.6 * T_max < half_lives.max() <= np.log(2) * T_max
    if name in GRUS:
        assert np.all(caches.r == 0.5)
        assert np.all(caches.h_tilde == 0)
    else:
        assert np.all(caches.o == 0.5)
        assert np.all(caches.c_tilde == 0)
    if name in ("lstm", "lstm_peephole"):
        assert_close(caches.i, 1 - caches.f, 1e-15)


def test_chrono_at_its_shortest_is_a_bias_of_zero():
    p = ini.chrono(lstm, marked(lstm, 1, 3), np.random.default_rng(0), T_max=2)
    assert np.all(p.b[:2] == 0)
    assert np.array_equal(p.b[2:], marked(lstm, 1, 3).b[2:])


def test_initialisers_compose():
    rng, H = np.random.default_rng(8), 6
    p = ini.forget_bias(lstm, ini.orthogonal(lstm, lstm.init(rng, 2, H, forget_bias=0), rng), 2)
    assert_close(flow.singular_values(p.W_h), np.ones((4, H)), 1e-14)
    assert np.all(p.b[1] == 2)
    assert np.all(p.b[[0, 2, 3]] == 0)


# Wrong calls

RNG = np.random.default_rng(0)
P = lstm.init(RNG, 2, 3)
P_GRU = gru.init(RNG, 2, 3)
P_RNN = rnn.init(RNG, 2, 3)

WRONG = {
    "uniform: cell": (
        lambda: ini.uniform(P, P, RNG),
        TypeError,
        "cell must be a cell such as unrolled.cells.lstm",
    ),
    "uniform: p is a tuple": (
        lambda: ini.uniform(lstm, tuple(P), RNG),
        TypeError,
        "p must be .*Params.* got tuple",
    ),
    "uniform: a seed": (
        lambda: ini.uniform(lstm, P, 0),
        TypeError,
        "rng must be a numpy.random.Generator such as default_rng\\(0\\), got 0",
    ),
    "uniform: p of another cell": (
        lambda: ini.uniform(lstm, P_GRU, RNG),
        ValueError,
        r"p.W_x must have shape \(4, H, D\), got \(3, 3, 2\)",
    ),
    "glorot: p of a simple cell": (
        lambda: ini.glorot(gru, P_RNN, RNG),
        ValueError,
        r"p.W_x must have shape \(3, H, D\), got \(3, 2\)",
    ),
    "glorot: W_h of another H": (
        lambda: ini.glorot(lstm, P._replace(W_h=P.W_h[:, :2]), RNG),
        ValueError,
        r"p.W_h must have shape \(4, 3, 3\), got \(4, 2, 3\)",
    ),
    "glorot: old generator": (
        lambda: ini.glorot(lstm, P, np.random.RandomState(0)),
        TypeError,
        "rng must be a numpy.random.Generator",
    ),
    "orthogonal: mixed dtypes": (
        lambda: ini.orthogonal(lstm, P._replace(b=P.b.astype("f4")), RNG),
        TypeError,
        "p.b must be float64 .* got float32",
    ),
    "orthogonal: rng": (
        lambda: ini.orthogonal(lstm, P, None),
        TypeError,
        "rng must be .* got None",
    ),
    "orthogonal: gain": (
        lambda: ini.orthogonal(lstm, P, RNG, gain=0),
        ValueError,
        "gain must be positive, got 0",
    ),
    "orthogonal: gain is NaN": (
        lambda: ini.orthogonal(lstm, P, RNG, gain=np.nan),
        ValueError,
        "gain must be finite, got nan",
    ),
    "identity: scale is an array": (
        lambda: ini.identity(lstm, P, np.ones(4)),
        TypeError,
        "scale must be a number, got array",
    ),
    "identity: too large for float32": (
        lambda: ini.identity(rnn, rnn.init(RNG, 2, 3, np.float32), 1e39),
        ValueError,
        "scale must be finite in float32, got 1e\\+39",
    ),
    "identity: p has NaN": (
        lambda: ini.identity(rnn, P_RNN._replace(W_x=P_RNN.W_x + np.nan)),
        ValueError,
        "p.W_x must be finite, got nan",
    ),
    "forget_bias: rnn": (
        lambda: ini.forget_bias(rnn, P_RNN, 1),
        ValueError,
        "cell must have a forget gate f, got unrolled.cells.rnn",
    ),
    "forget_bias: gru": (
        lambda: ini.forget_bias(gru, P_GRU, 1),
        ValueError,
        "cell must have a forget gate f, got unrolled.cells.gru",
    ),
    "forget_bias: value": (
        lambda: ini.forget_bias(lstm, P, np.inf),
        ValueError,
        "value must be finite, got inf",
    ),
    "forget_bias: a truth value": (
        lambda: ini.forget_bias(lstm, P, True),
        TypeError,
        "value must be a number, got True",
    ),
    "chrono: rnn": (
        lambda: ini.chrono(rnn, P_RNN, RNG, 100),
        ValueError,
        "cell must have a forget gate f or an update gate z, got unrolled.cells.rnn",
    ),
    "chrono: T_max": (
        lambda: ini.chrono(lstm, P, RNG, 1.5),
        ValueError,
        "T_max must be at least 2, got 1.5",
    ),
    "chrono: T_max is text": (
        lambda: ini.chrono(lstm, P, RNG, "long"),
        TypeError,
        "T_max must be a number, got 'long'",
    ),
    "chrono: arguments swapped": (
        lambda: ini.chrono(lstm, P, 100, RNG),
        TypeError,
        "rng must be .* got 100",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_initialisers_refuse(wrong):
    call, error, message = WRONG[wrong]
    with pytest.raises(error, match=message):
        call()
