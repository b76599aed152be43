"""Gradient flow: every number against finite differences, closed forms or a replay by hand."""

import numpy as np
import pytest
from helpers import CELLS, assert_close, random_case, random_like

from unrolled import backward, flow, unroll
from unrolled.cells import gru, gru_reset_after, lstm, lstm_coupled, lstm_peephole, rnn, rnn_relu
from unrolled.cells.protocol import sigmoid

LSTMS = {name: cell for name, cell in CELLS.items() if "c" in cell.State._fields}
GATED = {name: cell for name, cell in CELLS.items() if cell not in (rnn, rnn_relu)}
A = np.array([[0.95, 1.3], [0, 0.95]])


def flat(s, b):
    """One column of a State, h above c."""
    return np.concatenate([array[:, b] for array in s])


def at(tree, t):
    return type(tree)(*(array[t] for array in tree))


def numerical_jacobian(f, cell, s, b, epsilon=1e-6):
    """∂f(s)[i]/∂s[j] in column b by central differences, s a State."""
    columns = []
    for field, array in s._asdict().items():
        for j in range(array.shape[0]):
            sides = []
            for sign in (1, -1):
                moved = array.copy()
                moved[j, b] += sign * epsilon
                sides.append(flat(f(s._replace(**{field: moved})), b))
            columns.append((sides[0] - sides[1]) / (2 * epsilon))
    return np.stack(columns, axis=1)


def run(name, T=5, B=2, D=2, H=3, lengths=None, **options):
    cell = CELLS[name]
    p, s0, xs, upstream = random_case(cell, T, B, D, H, **options)
    states, caches = unroll(cell, p, s0, xs, lengths)
    return cell, p, s0, xs, states, caches, upstream


# Jacobians


@pytest.mark.parametrize("name", CELLS)
def test_jacobians_are_the_finite_differences_of_a_step(name):
    cell, p, s0, xs, states, caches, _ = run(name)
    J = flow.jacobians(cell, p, caches)
    for t in range(5):
        before = at(states, t - 1) if t else s0
        for b in range(2):
            expected = numerical_jacobian(lambda s, t=t: cell.step(p, s, xs[t])[0], cell, before, b)
            assert_close(J[t, b], expected, 1e-8)


def test_the_jacobian_of_the_simple_cells_is_the_formula():
    for name, slope in {"rnn": lambda h: 1 - h**2, "rnn_relu": lambda h: h > 0}.items():
        cell, p, _, _, states, caches, _ = run(name)
        J = flow.jacobians(cell, p, caches)
        for t in range(5):
            for b in range(2):
                assert_close(J[t, b], slope(states.h[t, :, b : b + 1]) * p.W_h, 1e-15)


@pytest.mark.parametrize("name", CELLS)
def test_frozen_steps_have_the_identity_for_a_jacobian(name):
    lengths = [2, 5]
    cell, p, _, _, _, caches, _ = run(name, lengths=lengths)
    J = flow.jacobians(cell, p, caches, lengths=lengths)
    free = flow.jacobians(cell, p, caches)
    assert np.all(J[2:, 0] == np.eye(J.shape[-1]))
    assert np.array_equal(J[:2, 0], free[:2, 0])
    assert np.array_equal(J[:, 1], free[:, 1])
    assert np.abs(free[2:, 0] - J[2:, 0]).max() > 0.1


@pytest.mark.parametrize("name", CELLS)
def test_float32_stays_float32(name):
    cell, p, _, _, _, caches, upstream = run(name)
    single = [type(tree)(*(a.astype("f4") for a in tree)) for tree in (p, caches, upstream)]
    J = flow.jacobians(cell, *single[:2])
    results = [J, flow.products(J), flow.product(J), flow.total_path(cell, *single[:2])]
    results += flow.gradient_norms(single[2])
    results += [flow.direct_path(cell, single[1])] if name in GATED else []
    results += [flow.total_cell_gradient(cell, *single)] if name in LSTMS else []
    assert {a.dtype for a in results} == {np.dtype("f4")}
    assert_close(J, flow.jacobians(cell, p, caches), 1e-5)


def test_blocks_are_named_by_what_is_differentiated_and_by_what():
    _, p, s0, xs, _, caches, _ = run("lstm")
    parts = flow.blocks(lstm, flow.jacobians(lstm, p, caches))
    bumped = s0.h.copy()
    bumped[2, 1] += 1e-6  # h moves, c is looked at
    change = lstm.step(p, s0._replace(h=bumped), xs[0])[0].c - lstm.step(p, s0, xs[0])[0].c
    assert_close(parts.c.h[0, 1, :, 2], change[:, 1] / 1e-6, 1e-5)
    bumped = s0.c.copy()
    bumped[0, 1] += 1e-6  # c moves, h is looked at
    change = lstm.step(p, s0._replace(c=bumped), xs[0])[0].h - lstm.step(p, s0, xs[0])[0].h
    assert_close(parts.h.c[0, 1, :, 0], change[:, 1] / 1e-6, 1e-5)
    assert_close(parts.c.c[3, 0], np.diag(caches.f[3, :, 0]), 1e-15)  # without peepholes
    J = flow.jacobians(gru, *(case := run("gru"))[1:2], case[5])
    assert np.array_equal(flow.blocks(gru, J).h.h, J)


# Products


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("lengths", [None, [3, 5]], ids=["all", "padded"])
def test_products_are_the_finite_differences_of_the_rest_of_the_run(name, lengths):
    cell, p, s0, xs, states, caches, _ = run(name, lengths=lengths)
    J = flow.jacobians(cell, p, caches, lengths=lengths)
    P = flow.products(J)
    assert P.shape == J.shape

    def rest(s, t):
        left = None if lengths is None else np.maximum(np.array(lengths) - t, 0)
        for k, x in enumerate(xs[t:]):
            new = cell.step(p, s, x)[0]
            valid = True if left is None else k < left
            s = type(s)(*(np.where(valid, a, b) for a, b in zip(new, s, strict=True)))
        return s

    for b in range(2):
        whole = numerical_jacobian(lambda s: rest(s, 0), cell, s0, b)
        assert_close(flow.product(J)[b], whole, 1e-8)
        for t in range(5):
            expected = numerical_jacobian(lambda s, t=t: rest(s, t + 1), cell, at(states, t), b)
            assert_close(P[t, b], expected, 1e-8)


@pytest.mark.parametrize("name", CELLS)
def test_a_gradient_goes_back_by_the_transpose_of_the_product(name):
    lengths = [2, 5]
    cell, p, _, _, _, caches, upstream = run(name, lengths=lengths)
    upstream = type(upstream)(*(np.concatenate([0 * a[:-1], a[-1:]]) for a in upstream))
    g = backward(cell, p, caches, upstream, lengths=lengths)
    P = flow.products(flow.jacobians(cell, p, caches, lengths=lengths))
    for t in range(5):
        for b in range(2):
            expected = P[t, b].T @ flat(at(upstream, -1), b)
            assert_close(flat(at(g.states, t), b), expected, 1e-13)


def test_a_slice_of_the_jacobians_gives_the_derivative_between_two_steps():
    cell, p, _, xs, states, caches, _ = run("lstm_peephole")
    J = flow.jacobians(cell, p, caches)

    def two_steps(s):
        return cell.step(p, cell.step(p, s, xs[2])[0], xs[3])[0]

    expected = numerical_jacobian(two_steps, cell, at(states, 1), 0)
    assert_close(flow.product(J[2:4])[0], expected, 1e-8)


def test_the_last_factor_stands_leftmost():
    J = np.random.default_rng(0).standard_normal((3, 2, 2))
    assert_close(flow.product(J), J[2] @ J[1] @ J[0], 1e-14)
    assert_close(flow.products(J), np.stack([J[2] @ J[1], J[2], np.eye(2)]), 1e-14)
    assert np.abs(flow.product(J) - J[0] @ J[1] @ J[2]).max() > 0.1
    one = flow.product(J[:1])
    one[:] = 0
    assert np.abs(J[0]).min() > 0


def test_norms_of_products_survive_where_the_product_does_not():
    T = 2001
    shrinking, growing = np.diag([1e-3, 1e-5]), np.diag([-1e3, 1e5])
    J = np.stack([np.stack([shrinking, growing])] * T)
    logs = flow.log10_norms(J)
    left = np.arange(T)[::-1]
    assert_close(logs, np.stack([-3 * left, 5 * left], axis=1).astype(float), 1e-13)
    with pytest.raises(OverflowError, match="the product overflows float64"):
        flow.products(J)
    with pytest.raises(OverflowError, match="the product overflows float64"):
        flow.product(J)
    assert flow.product(J[:, :1]).max() == 0
    huge = np.full((3, 2, 2), 1.7e308)  # a sum of two such entries overflows
    assert_close(flow.log10_norms(huge), np.array([2, 1, 0]) * (308 + np.log10(3.4)), 1e-14)


def test_log10_norms_are_those_of_the_products_and_minus_infinity_for_zero():
    J = np.random.default_rng(1).standard_normal((6, 3, 4, 4))
    expected = [[np.log10(np.linalg.norm(P, 2)) for P in row] for row in flow.products(J)]
    assert_close(flow.log10_norms(J), expected, 1e-13)
    single = flow.log10_norms(J.astype("f4"))
    assert single.dtype == np.float64
    assert_close(single, expected, 1e-5)
    J[4, 1] = 0
    logs = flow.log10_norms(J)
    assert np.all(logs[:4, 1] == -np.inf)
    assert np.isfinite(np.delete(logs, 1, axis=1)).all()
    assert np.isfinite(logs[4:]).all()


def test_jacobians_that_overflow_are_refused():
    _, p, s0, xs, _, _, _ = run("rnn_relu")
    p = p._replace(W_h=np.full((3, 3), 1.0), b=np.ones((3, 1)))
    _, caches = unroll(rnn_relu, p, s0, 0 * xs)
    J = flow.jacobians(rnn_relu, p._replace(W_h=np.full((3, 3), 1e308)), caches)
    assert J.max() == 1e308
    _, p, _, _, _, caches, _ = run("gru")
    with pytest.raises(OverflowError, match="a step's Jacobian overflows float64"):
        flow.jacobians(
            gru,
            p._replace(W_h=np.full((3, 3, 3), 1.7e308)),
            caches._replace(h_tilde=1e3 * caches.h_tilde),
        )


# Gradients over time


def test_gradient_norms_are_per_column():
    g = random_like(np.random.default_rng(0), lstm.State(np.zeros((4, 3, 2)), np.zeros((4, 3, 2))))
    norms = flow.gradient_norms(g)
    assert type(norms) is lstm.State
    for t in range(4):
        for b in range(2):
            assert_close(norms.h[t, b], np.linalg.norm(g.h[t, :, b]), 1e-15)
            assert_close(norms.c[t, b], np.linalg.norm(g.c[t, :, b]), 1e-15)


@pytest.mark.parametrize(("dtype", "tiny"), [("f4", 1e-30), ("f8", 1e-200)])
def test_gradient_norms_do_not_underflow_before_the_gradient_does(dtype, tiny):
    h = np.array([[3, 0], [4, 0]], dtype).reshape(1, 2, 2) * np.array(tiny, dtype)
    norms = flow.gradient_norms(rnn.State(h)).h
    assert norms.dtype == h.dtype
    assert norms[0, 0] == pytest.approx(5 * tiny, rel=1e-6)
    assert norms[0, 1] == 0


def run_with_bump(cell, p, s0, xs, lengths, t_bump, bump):
    """Run again, adding `bump` to c_t *before* o_t and h_t are computed from it."""
    s, states = s0, []
    for t, x in enumerate(xs):
        new, cache = cell.step(p, s, x)
        if t == t_bump:
            c = cache.c + bump
            peephole = p.p_o * c if cell is lstm_peephole else 0
            o = sigmoid(p.W_x[-1] @ x + p.W_h[-1] @ s.h + peephole + p.b[-1])
            new = cell.State(o * np.tanh(c), c)
        frozen = t >= np.array(lengths)
        if t == t_bump:  # at a frozen step c alone is moved
            s = s._replace(c=np.where(frozen, s.c + bump, s.c))
        s = cell.State(*(np.where(frozen, old, a) for a, old in zip(new, s, strict=True)))
        states.append(s)
    return cell.State(*(np.stack([getattr(s, name) for s in states]) for name in ("h", "c")))


@pytest.mark.parametrize("name", LSTMS)
@pytest.mark.parametrize("lengths", [[5, 5], [2, 4]], ids=["all", "padded"])
def test_the_total_gradient_of_c_is_that_of_moving_c_before_h_is_computed(name, lengths):
    cell, p, s0, xs, _, caches, upstream = run(name, lengths=lengths)
    states = backward(cell, p, caches, upstream, lengths=lengths).states
    total = flow.total_cell_gradient(cell, p, caches, states, lengths=lengths)
    path = flow.total_path(cell, p, caches, lengths=lengths)

    for t in range(5):
        for j in range(3):
            for b in range(2):
                bump = np.zeros((3, 2))
                bump[j, b] = 1e-5
                above, below = (
                    run_with_bump(cell, p, s0, xs, lengths, t, e) for e in (bump, -bump)
                )
                # dL/dc_t counts what the loss sees from step t on.
                change = sum(
                    np.sum(u[t:] * (a[t:] - c[t:]))
                    for u, a, c in zip(upstream, above, below, strict=True)
                )
                assert total[t, j, b] == pytest.approx(change / 2e-5, rel=1e-6, abs=1e-8)
                last = (above.c[-1, :, b] - below.c[-1, :, b]) / 2e-5
                assert_close(path[t, b, :, j], last, 1e-8)


@pytest.mark.parametrize("name", LSTMS)
def test_the_total_path_is_more_than_the_block_of_the_product(name):
    cell, p, _, _, _, caches, _ = run(name)
    block = flow.blocks(cell, flow.products(flow.jacobians(cell, p, caches))).c.c
    total = flow.total_path(cell, p, caches)
    assert np.array_equal(total[-1], block[-1])
    assert np.abs(total[:-1] - block[:-1]).max() > 1e-2


@pytest.mark.parametrize("name", sorted(set(CELLS) - set(LSTMS)))
def test_the_total_path_of_a_cell_without_c_is_the_product(name):
    cell, p, _, _, _, caches, _ = run(name)
    expected = flow.products(flow.jacobians(cell, p, caches))
    assert np.array_equal(flow.total_path(cell, p, caches), expected)


# Matrices


def test_singular_values_and_spectral_radius_of_known_matrices():
    rotation = np.array([[0.6, -0.8], [0.8, 0.6]])  # complex eigenvalues of length 1
    stack = np.stack([2 * rotation, np.diag([-3.0, 1]), A])
    assert_close(flow.singular_values(stack)[:2], np.array([[2.0, 2], [3, 1]]), 1e-14)
    assert_close(flow.spectral_radius(stack), np.array([2, 3, 0.95]), 1e-7)
    assert_close(flow.sigma_max(stack)[:2], np.array([2.0, 3]), 1e-14)
    assert isinstance(flow.sigma_max(A), float)
    assert isinstance(flow.spectral_radius(A), float)
    tall = np.array([[3.0], [4.0]])
    assert_close(flow.singular_values(tall), np.array([5.0]), 1e-15)


def test_a_matrix_of_spectral_radius_below_1_grows_before_it_vanishes():
    assert flow.sigma_max(A) == pytest.approx(1.80, abs=5e-3)
    norms = flow.power_norms(A, 1000)
    assert int(norms.argmax()) == 19
    assert norms.max() == pytest.approx(9.83, abs=5e-3)
    assert norms[-1] < 1e-15
    for k in (0, 1, 2, 19):
        assert_close(norms[k], np.linalg.norm(np.linalg.matrix_power(A, k), 2), 1e-13)


def test_different_matrices_of_spectral_radius_one_half_explode_together():
    N = np.array([[0.5, 2], [0, 0.5]])
    assert_close(flow.spectral_radius(np.stack([N, N.T])), np.array([0.5, 0.5]), 1e-7)
    alternating = np.stack([N, N.T] * 50)
    assert flow.sigma_max(flow.product(alternating)) == pytest.approx(3.9e32, rel=0.01)
    assert flow.log10_norms(np.stack([N, N.T] * 5000))[0] == pytest.approx(
        9999 / 100 * np.log10(3.92e32), abs=1
    )
    assert flow.power_norms(N, 100)[-1] < 1e-25


def test_gaussian_matrices_of_spectral_radius_095_usually_double_a_vector_first():
    W = np.random.default_rng(0).standard_normal((200, 64, 64))
    W *= 0.95 / flow.spectral_radius(W).reshape(-1, 1, 1)
    peak = flow.power_norms(W, 20).max(axis=0)
    assert np.median(peak) == pytest.approx(2.2, abs=0.1)
    low, high = np.percentile(peak, [5, 95])
    assert 1.55 < low < 1.85
    assert 2.7 < high < 3.2


def test_powers_that_overflow_are_refused():
    assert flow.power_norms(np.array([[1e3]]), 102)[-1] == pytest.approx(1e306)
    assert flow.power_norms(np.array([[1e-3]]), 200)[-1] == 0
    with pytest.raises(OverflowError, match="the norm of a power overflows float64"):
        flow.power_norms(np.array([[1e3]]), 103)


def test_the_usual_start_is_not_neutral():
    W = np.stack([rnn.init(np.random.default_rng(seed), 1, 200).W_h for seed in range(4)])
    assert np.mean(flow.spectral_radius(W)) == pytest.approx(1 / np.sqrt(3), rel=0.08)
    assert np.mean(flow.sigma_max(W)) == pytest.approx(2 / np.sqrt(3), rel=0.04)
    assert flow.sigma_max(W).max() < 1.2


def test_no_product_is_above_the_contraction_bound_and_some_reach_it():
    _, p, _, _, _, caches, _ = run("rnn", T=8)
    J = flow.jacobians(rnn, p, caches)
    for k in range(1, 9):
        assert flow.sigma_max(flow.product(J[:k])).max() <= flow.contraction_bound(p.W_h, steps=k)
    at_zero = flow.jacobians(
        rnn, p, unroll(rnn, p._replace(b=0 * p.b), rnn.zero_state(3, 1), np.zeros((1, 2, 1)))[1]
    )
    assert_close(flow.sigma_max(at_zero)[0, 0], flow.contraction_bound(p.W_h), 1e-14)
    scaled = rnn.Params(p.W_x, 0.9 * np.eye(3), np.ones((3, 1)))
    open_ = unroll(rnn_relu, scaled, rnn.zero_state(3, 1), np.zeros((7, 2, 1)))[1]
    product = flow.product(flow.jacobians(rnn_relu, scaled, open_))
    assert_close(flow.sigma_max(product)[0], flow.contraction_bound(scaled.W_h, steps=7), 1e-14)
    assert flow.contraction_bound(4 * np.eye(2), gamma=0.25, steps=50) == 1
    assert flow.contraction_bound(A, gamma=0.25, steps=2) == pytest.approx((1.8010864 / 4) ** 2)
    assert flow.contraction_bound(np.stack([A, 2 * A])).shape == (2,)


# Gates


def gates_held(cell, caches, s, t):
    """Replay the steps after t from s with every gate and candidate as it was."""
    for k in range(t + 1, len(caches.x)):
        if cell in (gru, gru_reset_after):
            s = (1 - caches.z[k]) * s + caches.z[k] * caches.h_tilde[k]
        else:
            i = 1 - caches.f[k] if cell is lstm_coupled else caches.i[k]
            s = caches.f[k] * s + i * caches.c_tilde[k]
    return s


@pytest.mark.parametrize("name", GATED)
def test_the_direct_path_is_the_derivative_with_the_gates_held_fixed(name):
    cell, _, _, _, states, caches, _ = run(name)
    path = flow.direct_path(cell, caches)
    memory = states[-1]  # c, or h in a GRU
    for t in range(5):
        for j in range(3):
            bump = np.zeros((3, 2))
            bump[j] = 1
            change = gates_held(cell, caches, memory[t] + bump, t) - gates_held(
                cell, caches, memory[t], t
            )
            assert_close(path[t, j], change[j], 1e-13)
            assert np.all(np.delete(change, j, axis=0) == 0)
    logs = np.log(flow.kept(cell, caches))[1:].sum(axis=0)
    assert_close(np.log(path[0]), logs, 1e-13)


@pytest.mark.parametrize("name", GATED)
def test_the_direct_path_is_all_there_is_without_recurrent_weights(name):
    cell = CELLS[name]
    p, s0, xs, _ = random_case(cell, T=5, B=2, D=2, H=3)
    p = p._replace(W_h=0 * p.W_h)
    if cell is lstm_peephole:
        p = p._replace(p_i=0 * p.p_i, p_f=0 * p.p_f)
    _, caches = unroll(cell, p, s0, xs, [3, 5])
    path = flow.direct_path(cell, caches, lengths=[3, 5])
    total = flow.total_path(cell, p, caches, lengths=[3, 5])
    for t in range(5):
        for b in range(2):
            assert_close(total[t, b], np.diag(path[t, :, b]), 1e-14)
    assert np.all(path[2:, :, 0] == 1)


@pytest.mark.parametrize("name", GATED)
def test_the_direct_path_is_one_term_only(name):
    cell, p, _, _, _, caches, _ = run(name)
    total = np.diagonal(flow.total_path(cell, p, caches)[0, 0])
    assert np.abs(total - flow.direct_path(cell, caches)[0, :, 0]).max() > 1e-3


@pytest.mark.parametrize(("bias", "left"), [(0, 8e-31), (1, 2e-14)])
def test_the_direct_path_vanishes_too(bias, left):
    for cell, row, sign in (
        (lstm, 1, 1),
        (lstm_peephole, 1, 1),
        (lstm_coupled, 0, 1),
        (gru, 0, -1),
    ):
        p = cell.init(np.random.default_rng(0), 1, 2)
        p = type(p)(*(0 * array for array in p))
        p.b[row] = sign * bias
        _, caches = unroll(cell, p, cell.zero_state(2, 1), np.zeros((101, 1, 1)))
        path = flow.direct_path(cell, caches)
        assert path[0, 0, 0] == pytest.approx(left, rel=0.2)
        assert path[-1, 0, 0] == 1


def test_the_whole_derivative_of_c_can_explode_where_the_direct_path_vanishes():
    # 60 seeds give a total of 1.7e3 in the median, 0.7 to 9e5 from the 5th to the 95th percentile.
    H, total, direct = 32, [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        p = lstm.init(rng, 2, H, forget_bias=0)
        p = p._replace(W_h=8 * p.W_h)
        s0 = random_like(rng, lstm.zero_state(H, 1), 0.1)
        _, caches = unroll(lstm, p, s0, np.zeros((100, 2, 1)))
        total.append(flow.sigma_max(flow.total_path(lstm, p, caches)[0, 0]))
        direct.append(flow.direct_path(lstm, caches)[0].max())
    assert 3e2 < np.median(total) < 3e5
    assert np.median(direct) < 6e-5
    assert min(np.array(total) / np.array(direct)) > 50


def test_an_orthogonal_matrix_with_tanh_vanishes_unless_h_is_0():
    H, rng = 64, np.random.default_rng(0)
    W_h, _ = np.linalg.qr(rng.standard_normal((H, H)))
    p = rnn.Params(np.eye(H), W_h, np.zeros((H, 1)))

    def log10_size(h0, xs):  # of a column of ∂h_T/∂h_0, as the root of the mean square
        _, caches = unroll(rnn, p, rnn.State(h0), xs)
        P = flow.product(flow.jacobians(rnn, p, caches))
        return np.log10(np.linalg.norm(P, axis=(1, 2)) / np.sqrt(H))

    driven = log10_size(np.zeros((H, 8)), 0.5 * rng.standard_normal((100, H, 8)))
    assert -12.5 < np.median(driven) < -11
    still = log10_size(np.zeros((H, 1)), np.zeros((100, H, 1)))
    assert np.abs(still).max() < 1e-12
    # Left alone, the mean of h² falls like 1/(2t), so the product of 1 - h² like t^(-1/2).
    left_alone = [log10_size(np.ones((H, 1)), np.zeros((T, H, 1)))[0] for T in (100, 200, 400)]
    assert_close(np.diff(left_alone), np.full(2, -0.5 * np.log10(2)), 0.01)


def test_a_latch_remembers_while_its_gradient_vanishes():
    p = rnn.Params(np.zeros((1, 1)), np.array([[2.0]]), np.zeros((1, 1)))
    s0 = rnn.State(np.array([[0.9575, -0.9575]]))
    states, caches = unroll(rnn, p, s0, np.zeros((20, 1, 2)))
    assert_close(states.h[-1], s0.h, 1e-4)
    gradient = flow.product(flow.jacobians(rnn, p, caches))[:, 0, 0]
    assert_close(gradient / 2.7e-16, np.ones(2), 0.05)


@pytest.mark.parametrize("name", GATED)
def test_saturation_counts_each_unit_of_each_gate(name):
    cell, _, _, _, _, caches, _ = run(name, T=4, B=2, H=3)
    letters = {"lstm": "ifo", "lstm_peephole": "ifo", "lstm_coupled": "fo"}.get(name, "zr")
    gate = np.full((4, 3, 2), 0.5)
    gate[0, 0, 0] = gate[3, 0, 1] = 0.05
    gate[1, 1] = 0.95
    gate[2, 2] = 0.1  # at the threshold itself: not beyond it
    gate[:, 2, 1] = 0.9
    for letter in letters:
        others = {k: np.full_like(gate, 0.5) for k in letters}
        shares = flow.saturation(cell, caches._replace(**others | {letter: gate}))
        assert list(shares) == list(letters)
        assert shares[letter].below.tolist() == [2 / 8, 0, 0]
        assert shares[letter].above.tolist() == [0, 2 / 8, 0]
        assert sum(part.sum() for k in letters if k != letter for part in shares[k]) == 0
        loose = flow.saturation(cell, caches._replace(**others | {letter: gate}), low=0.2, high=0.8)
        assert loose[letter].below.tolist() == [2 / 8, 0, 1 / 8]
        assert loose[letter].above.tolist() == [0, 2 / 8, 4 / 8]
        padded = flow.saturation(cell, caches._replace(**others | {letter: gate}), lengths=[2, 3])
        assert padded[letter].below.tolist() == [1 / 5, 0, 0]
        assert padded[letter].above.tolist() == [0, 2 / 5, 0]


def test_half_lives():
    assert flow.half_life(sigmoid(np.array(1.0))) == pytest.approx(2.2, abs=0.05)
    assert flow.half_life(0.5) == 1
    assert isinstance(flow.half_life(0.5), float)
    assert flow.half_life(1) == np.inf
    assert flow.half_life(0) == 0
    f = np.array([[0.99, 0.9], [0, 1]], "f4")
    steps = flow.half_life(f)
    assert_close(steps[0], np.array([68.97, 6.579]), 1e-3)
    assert steps[1].tolist() == [0, np.inf]
    for share in (0.3, 0.97):
        assert share ** flow.half_life(share) == pytest.approx(0.5)


def test_nothing_passed_in_is_changed():
    _, p, _, _, states, caches, _ = run("lstm_peephole", lengths=[2, 5])
    before = [a.copy() for a in (*p, *caches, *states)]
    J = flow.jacobians(lstm_peephole, p, caches, lengths=[2, 5])
    J_before = J.copy()
    flow.products(J), flow.product(J), flow.log10_norms(J)
    flow.total_path(lstm_peephole, p, caches, lengths=[2, 5])
    flow.total_cell_gradient(lstm_peephole, p, caches, states, lengths=[2, 5])
    flow.direct_path(lstm_peephole, caches, lengths=[2, 5])
    flow.gradient_norms(states)
    assert np.array_equal(J, J_before)
    for a, b in zip((*p, *caches, *states), before, strict=True):
        assert np.array_equal(a, b)


# Wrong calls

P, CACHES, STATES = run("lstm")[1], run("lstm")[5], run("lstm")[4]
P_RNN, CACHES_RNN, STATES_RNN = run("rnn")[1], run("rnn")[5], run("rnn")[4]
J_GOOD = flow.jacobians(lstm, P, CACHES)


def with_nan(array):
    array = array.copy()
    array[(0,) * array.ndim] = np.nan
    return array


WRONG = {
    "jacobians: cell": (
        lambda: flow.jacobians("lstm", P, CACHES),
        TypeError,
        "cell must be a cell such as unrolled.cells.lstm",
    ),
    "jacobians: p of another cell": (
        lambda: flow.jacobians(lstm, P_RNN, CACHES),
        ValueError,
        r"p.W_x must have shape \(4, 3, 2\), got \(3, 2\)",
    ),
    "jacobians: p is float32": (
        lambda: flow.jacobians(lstm, P._replace(b=P.b.astype("f4")), CACHES),
        TypeError,
        "p.b must be float64 .* got float32",
    ),
    "jacobians: states for caches": (
        lambda: flow.jacobians(lstm, P, STATES),
        TypeError,
        "caches must be unrolled.cells.lstm.Cache",
    ),
    "jacobians: caches of one step": (
        lambda: flow.jacobians(lstm, P, at(CACHES, 0)),
        ValueError,
        r"caches.x must have shape \(T, D, B\), got \(2, 2\)",
    ),
    "jacobians: caches have NaN": (
        lambda: flow.jacobians(lstm, P, CACHES._replace(f=with_nan(CACHES.f))),
        ValueError,
        "caches.f must be finite, got nan",
    ),
    "jacobians: lengths": (
        lambda: flow.jacobians(lstm, P, CACHES, lengths=[1, 6]),
        ValueError,
        "lengths must be from 1 to T = 5",
    ),
    "blocks: odd": (
        lambda: flow.blocks(lstm, np.eye(3)),
        ValueError,
        r"J must have 2 H rows and columns, got \(3, 3\)",
    ),
    "blocks: not square": (
        lambda: flow.blocks(lstm, np.ones((2, 4))),
        ValueError,
        r"J must have square matrices, got shape \(2, 4\)",
    ),
    "product: one matrix": (
        lambda: flow.product(np.eye(2)),
        ValueError,
        r"J must have shape \(T, n, n\), got \(2, 2\)",
    ),
    "product: no steps": (
        lambda: flow.product(J_GOOD[:0]),
        ValueError,
        r"J must have shape .* with T >= 1, got \(0, 2, 6, 6\)",
    ),
    "products: a list": (
        lambda: flow.products([np.eye(2)]),
        TypeError,
        "J must be a NumPy array, got list",
    ),
    "products: not square": (
        lambda: flow.products(np.ones((3, 2, 4))),
        ValueError,
        r"J must have square matrices, got shape \(3, 2, 4\)",
    ),
    "log10_norms: NaN": (
        lambda: flow.log10_norms(with_nan(J_GOOD)),
        ValueError,
        "J must be finite, got nan",
    ),
    "gradient_norms: an array": (
        lambda: flow.gradient_norms(STATES.h),
        TypeError,
        "dstates must be a State with a leading time axis.* got ndarray",
    ),
    "gradient_norms: all gradients": (
        lambda: flow.gradient_norms(backward(lstm, P, CACHES, STATES)),
        TypeError,
        "dstates must be a State .* got Gradients",
    ),
    "gradient_norms: one step": (
        lambda: flow.gradient_norms(at(STATES, 0)),
        ValueError,
        r"dstates.h must have shape \(T, H, B\), got \(3, 2\)",
    ),
    "gradient_norms: fields differ": (
        lambda: flow.gradient_norms(STATES._replace(c=STATES.c[:2])),
        ValueError,
        r"dstates.c must have shape \(5, 3, 2\), got \(2, 3, 2\)",
    ),
    "total_cell_gradient: no c": (
        lambda: flow.total_cell_gradient(rnn, P_RNN, CACHES_RNN, STATES_RNN),
        ValueError,
        "cell must have a cell state c, got unrolled.cells.rnn",
    ),
    "total_cell_gradient: dstates of another cell": (
        lambda: flow.total_cell_gradient(lstm, P, CACHES, STATES_RNN),
        TypeError,
        "dstates must be unrolled.cells.lstm.State",
    ),
    "total_cell_gradient: dstates of one step": (
        lambda: flow.total_cell_gradient(lstm, P, CACHES, at(STATES, 0)),
        ValueError,
        r"dstates.h must have shape \(5, 3, 2\), got \(3, 2\)",
    ),
    "sigma_max: flat": (
        lambda: flow.sigma_max(np.ones(3)),
        ValueError,
        r"A must have shape \(n, m\), got \(3,\)",
    ),
    "singular_values: whole numbers": (
        lambda: flow.singular_values(np.eye(2, dtype=int)),
        TypeError,
        "A must be float32 or float64, got int64",
    ),
    "spectral_radius: not square": (
        lambda: flow.spectral_radius(np.ones((2, 3))),
        ValueError,
        r"A must have square matrices, got shape \(2, 3\)",
    ),
    "power_norms: K": (
        lambda: flow.power_norms(A, -1),
        ValueError,
        "K must be at least 0, got -1",
    ),
    "power_norms: K is a fraction": (
        lambda: flow.power_norms(A, 2.0),
        TypeError,
        "K must be a whole number, got 2.0",
    ),
    "contraction_bound: W_h": (
        lambda: flow.contraction_bound(np.ones((2, 3))),
        ValueError,
        "W_h must have square matrices",
    ),
    "contraction_bound: gamma": (
        lambda: flow.contraction_bound(A, gamma=0),
        ValueError,
        "gamma must be positive, got 0",
    ),
    "contraction_bound: gamma is text": (
        lambda: flow.contraction_bound(A, gamma="tanh"),
        TypeError,
        "gamma must be a number, got 'tanh'",
    ),
    "contraction_bound: steps": (
        lambda: flow.contraction_bound(A, steps=True),
        TypeError,
        "steps must be a whole number, got True",
    ),
    "contraction_bound: overflow": (
        lambda: flow.contraction_bound(A, steps=10_000),
        OverflowError,
        "the bound overflows float64",
    ),
    "kept: no gate": (
        lambda: flow.kept(rnn, CACHES_RNN),
        ValueError,
        "cell must have a forget gate f or an update gate z, got unrolled.cells.rnn",
    ),
    "direct_path: no gate": (
        lambda: flow.direct_path(rnn, CACHES_RNN),
        ValueError,
        "cell must have a forget gate f or an update gate z",
    ),
    "direct_path: caches of another cell": (
        lambda: flow.direct_path(gru, CACHES),
        TypeError,
        "caches must be unrolled.cells.gru.Cache",
    ),
    "total_path: caches of another cell": (
        lambda: flow.total_path(gru, P, CACHES),
        TypeError,
        "caches must be unrolled.cells.gru.Cache",
    ),
    "saturation: no gates": (
        lambda: flow.saturation(rnn, CACHES_RNN),
        ValueError,
        "cell must have gates, got unrolled.cells.rnn",
    ),
    "saturation: thresholds": (
        lambda: flow.saturation(lstm, CACHES, low=0.9, high=0.1),
        ValueError,
        "low and high must have 0 <= low <= high <= 1, got 0.9 and 0.1",
    ),
    "saturation: NaN": (
        lambda: flow.saturation(lstm, CACHES, low=np.nan),
        ValueError,
        "low must be finite, got nan",
    ),
    "half_life: above 1": (
        lambda: flow.half_life(np.array([0.5, 1.5])),
        ValueError,
        r"f must be in \[0, 1\], got 1.5",
    ),
    "half_life: below 0": (
        lambda: flow.half_life(-0.1),
        ValueError,
        r"f must be in \[0, 1\], got -0.1",
    ),
    "half_life: NaN": (
        lambda: flow.half_life(np.nan),
        ValueError,
        r"f must be in \[0, 1\], got nan",
    ),
    "half_life: text": (
        lambda: flow.half_life("0.5"),
        TypeError,
        "f must be a number or an array of numbers, got '0.5'",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_flow_refuses(wrong):
    call, error, message = WRONG[wrong]
    with pytest.raises(error, match=message):
        call()
