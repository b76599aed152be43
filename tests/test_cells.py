"""Every cell: identities, dtypes, sequences in a row. Its gradients: test_gradients.py."""

import numpy as np
import pytest
from helpers import CELLS, assert_close, random_case, random_like
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled import backward, unroll
from unrolled.cells import gru, gru_reset_after, lstm, lstm_coupled, lstm_peephole, rnn, rnn_relu
from unrolled.cells.protocol import sigmoid

shapes = {
    "T": st.integers(1, 6),
    "B": st.integers(1, 4),
    "D": st.integers(1, 4),
    "H": st.integers(1, 5),
    "seed": st.integers(0, 2**32 - 1),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_everywhere(name, dtype):
    cell = CELLS[name]
    p, s0, xs, upstream = random_case(cell, T=5, B=2, D=3, H=4, dtype=dtype)
    states, caches = unroll(cell, p, s0, xs)
    g = backward(cell, p, caches, upstream)
    fresh = cell.init(np.random.default_rng(0), 3, 4, dtype)
    for array in (*fresh, *states, *caches, *g.p, *g.s0, g.xs, *g.states):
        assert array.dtype == dtype


@pytest.mark.parametrize("name", CELLS)
def test_float32_is_float64_rounded(name):
    cell = CELLS[name]
    p, s0, xs, upstream = random_case(cell, T=5, B=2, D=3, H=4)
    exact = backward(cell, p, unroll(cell, p, s0, xs)[1], upstream)

    def single(tree):
        return type(tree)(*(a.astype(np.float32) for a in tree))

    p32, s32, x32, u32 = single(p), single(s0), xs.astype(np.float32), single(upstream)
    rounded = backward(cell, p32, unroll(cell, p32, s32, x32)[1], u32)
    for a, b in zip((*rounded.p, rounded.xs), (*exact.p, exact.xs), strict=True):
        assert_close(a, b, 1e-4)


@pytest.mark.parametrize("name", CELLS)
def test_two_sequences_in_a_row_give_what_two_fresh_runs_give(name):
    cell = CELLS[name]
    p, s0, xs, _ = random_case(cell, T=7, B=2, D=3, H=4)
    first, _ = unroll(cell, p, s0, xs)
    second, _ = unroll(cell, p, s0, xs[::-1].copy())
    again, _ = unroll(cell, p, s0, xs)
    fresh, _ = unroll(cell, p, s0, xs[::-1].copy())
    for a, b in zip((*first, *second), (*again, *fresh), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("name", CELLS)
@given(**shapes)
@settings(max_examples=25, deadline=None)
def test_a_sequence_is_its_two_halves_one_after_the_other(name, T, B, D, H, seed):
    cell = CELLS[name]
    p, s0, xs, _ = random_case(cell, T + 1, B, D, H, seed)
    whole, _ = unroll(cell, p, s0, xs)
    first, _ = unroll(cell, p, s0, xs[:T])
    second, _ = unroll(cell, p, type(s0)(*(a[-1] for a in first)), xs[T:])
    for a, b, c in zip(whole, first, second, strict=True):
        assert np.array_equal(a, np.concatenate([b, c]))


@pytest.mark.parametrize("name", CELLS)
@given(**shapes)
@settings(max_examples=25, deadline=None)
def test_columns_of_a_batch_do_not_see_each_other(name, T, B, D, H, seed):
    cell = CELLS[name]
    p, s0, xs, upstream = random_case(cell, T, B, D, H, seed)
    together, caches = unroll(cell, p, s0, xs)
    g = backward(cell, p, caches, upstream)
    sums = [np.zeros_like(a) for a in p]
    for b in range(B):
        column = slice(b, b + 1)
        alone, cache = unroll(cell, p, type(s0)(*(a[:, column] for a in s0)), xs[:, :, column])
        g_b = backward(cell, p, cache, type(s0)(*(u[:, :, column] for u in upstream)))
        for a, c in zip(together, alone, strict=True):
            assert_close(c, a[:, :, column], 1e-13)
        assert_close(g_b.xs, g.xs[:, :, column], 1e-12)
        sums = [total + a for total, a in zip(sums, g_b.p, strict=True)]
    for total, a in zip(sums, g.p, strict=True):
        assert_close(total, a, 1e-12)


@pytest.mark.parametrize("name", CELLS)
@given(**shapes)
@settings(max_examples=25, deadline=None)
def test_the_backward_pass_is_linear_in_the_upstream_gradient(name, T, B, D, H, seed):
    cell = CELLS[name]
    p, s0, xs, u = random_case(cell, T, B, D, H, seed)
    v = random_like(np.random.default_rng(seed), u)
    _, caches = unroll(cell, p, s0, xs)
    g_u, g_v = backward(cell, p, caches, u), backward(cell, p, caches, v)
    both = type(u)(*(2 * a - 3 * b for a, b in zip(u, v, strict=True)))
    g = backward(cell, p, caches, both)
    for a, b, c in zip((*g.p, g.xs), (*g_u.p, g_u.xs), (*g_v.p, g_v.xs), strict=True):
        assert_close(a, 2 * b - 3 * c, 1e-11)


# What the caches hold, by the letters of the equations


GATES = {
    "gru": ["z", "r"],
    "gru_reset_after": ["z", "r"],
    "lstm": ["i", "f", "c_tilde", "o"],
    "lstm_peephole": ["i", "f", "c_tilde", "o"],
    "lstm_coupled": ["f", "c_tilde", "o"],
}


@pytest.mark.parametrize("name", CELLS)
def test_every_field_of_the_cache_is_what_its_letter_says(name):
    cell = CELLS[name]
    p, s0, xs, _ = random_case(cell, T=4, B=2, D=3, H=3)
    states, caches = unroll(cell, p, s0, xs)
    found = caches._asdict()
    expected = {"x": xs}
    for field, before in s0._asdict().items():
        after = getattr(states, field)
        expected |= {field: after, f"{field}_prev": np.concatenate([before[None], after[:-1]])}
    if name in GATES:  # the simple cells keep their h, the others compute with it
        del expected["h"]
    for n, gate in enumerate(GATES.get(name, [])):
        a = p.W_x[n] @ xs + p.W_h[n] @ expected["h_prev"] + p.b[n]
        if name == "lstm_peephole" and gate != "c_tilde":
            a += getattr(p, f"p_{gate}") * expected["c" if gate == "o" else "c_prev"]
        expected[gate] = np.tanh(a) if gate == "c_tilde" else 1 / (1 + np.exp(-a))
    if name == "gru_reset_after":
        expected["n"] = p.W_h[2] @ expected["h_prev"] + p.b_hn
    if "gru" in name:
        z, h_prev = expected["z"], expected["h_prev"]
        expected["h_tilde"] = (states.h - (1 - z) * h_prev) / z
    assert set(found) == set(expected)
    for field, array in found.items():
        assert_close(array, expected[field], 1e-13)


# Identities: what a gate does at its ends.


def gated(cell, *, D=2, H=3, **biases):
    """Random parameters whose named gates have weight 0 and the given bias."""
    order = {"gru": "z r h", "lstm": "i f c o"}[cell.__name__.split(".")[-1]].split()
    p = random_like(np.random.default_rng(1), cell.init(np.random.default_rng(0), D, H))
    for gate, bias in biases.items():
        n = order.index(gate)
        p.W_x[n], p.W_h[n], p.b[n] = 0, 0, bias
    return p


def states_of(cell, p, T=30, seed=2):
    rng = np.random.default_rng(seed)
    s0 = random_like(rng, cell.zero_state(3, 2))
    xs = rng.standard_normal((T, 2, 2))
    return s0, xs, unroll(cell, p, s0, xs)


def test_lstm_with_forget_1_and_input_0_keeps_its_cell_state_exactly():
    # tanh(20) rounds to 1, so at ±40 a gate is 1 or 0 exactly in floating point.
    s0, _, (states, caches) = states_of(lstm, gated(lstm, f=40, i=-40))
    assert np.all(caches.f == 1)
    assert np.all(caches.i == 0)
    assert np.array_equal(states.c, np.broadcast_to(s0.c, states.c.shape))


def test_lstm_with_forget_0_and_input_1_is_its_candidate():
    _, _, (states, caches) = states_of(lstm, gated(lstm, f=-40, i=40))
    assert np.array_equal(states.c, caches.c_tilde)


def test_lstm_with_output_0_is_silent_and_remembers():
    _, _, (states, _) = states_of(lstm, gated(lstm, o=-40))
    assert np.all(states.h == 0)
    assert np.any(states.c != 0)


def test_gru_with_update_0_keeps_its_state_exactly_and_with_1_is_its_candidate():
    s0, _, (states, _) = states_of(gru, gated(gru, z=-40))
    assert np.array_equal(states.h, np.broadcast_to(s0.h, states.h.shape))
    _, _, (states, caches) = states_of(gru, gated(gru, z=40))
    assert np.array_equal(states.h, caches.h_tilde)


def test_gru_with_update_and_reset_1_is_the_simple_rnn():
    p = gated(gru, z=40, r=40)
    s0, xs, (states, _) = states_of(gru, p)
    simple, _ = unroll(rnn, rnn.Params(p.W_x[2], p.W_h[2], p.b[2]), rnn.State(s0.h), xs)
    assert_close(states.h, simple.h, 1e-15)


def test_peephole_without_peepholes_is_the_lstm():
    s0, xs, (states, caches) = states_of(lstm, p := gated(lstm))
    peepholes = [np.zeros((3, 1))] * 3
    q = lstm_peephole.Params(*p, *peepholes)
    same, same_caches = unroll(lstm_peephole, q, s0, xs)
    assert np.array_equal(states.c, same.c)
    upstream = random_like(np.random.default_rng(0), states)
    g, same_g = (
        backward(lstm, p, caches, upstream),
        backward(lstm_peephole, q, same_caches, upstream),
    )
    for a, b in zip((*g.p, g.xs), (*same_g.p[:3], same_g.xs), strict=True):
        assert_close(a, b, 1e-14)
    nudged, _ = unroll(lstm_peephole, q._replace(p_o=np.ones((3, 1))), s0, xs)
    assert np.abs(nudged.h - states.h).max() > 1e-2


def test_peepholes_of_i_and_f_see_the_old_cell_state_and_that_of_o_the_new_one():
    p = lstm_peephole.init(np.random.default_rng(0), 1, 1)
    s0 = lstm.State(h=np.zeros((1, 1)), c=np.array([[0.5]]))
    _, cache = lstm_peephole.step(p, s0, np.zeros((1, 1)))
    c = cache.f * 0.5 + cache.i * cache.c_tilde
    assert_close(cache.i, sigmoid(p.p_i * 0.5 + p.b[0]), 1e-15)
    assert_close(cache.f, sigmoid(p.p_f * 0.5 + p.b[1]), 1e-15)
    assert_close(cache.o, sigmoid(p.p_o * c + p.b[3]), 1e-15)


def test_coupled_is_the_lstm_with_the_input_gate_forced_to_what_is_forgotten():
    """σ(-a) = 1 - σ(a): an input gate with minus the forget gate's weights is 1 - f."""
    p = random_like(np.random.default_rng(1), lstm_coupled.init(np.random.default_rng(0), 2, 3))
    forced = lstm.Params(*(np.stack([-a[0], a[0], a[1], a[2]]) for a in p))
    s0, xs, (states, caches) = states_of(lstm, forced)
    coupled, coupled_caches = unroll(lstm_coupled, p, s0, xs)
    assert_close(coupled.h, states.h, 1e-14)
    upstream = random_like(np.random.default_rng(0), states)
    g = backward(lstm_coupled, p, coupled_caches, upstream)
    full = backward(lstm, forced, caches, upstream)
    assert_close(g.xs, full.xs, 1e-13)
    for a, b in zip(g.p, full.p, strict=True):
        assert_close(a, np.stack([b[1] - b[0], b[2], b[3]]), 1e-13)


def test_reset_before_and_after_agree_where_they_should_and_differ_where_they_should():
    p = gated(gru)
    q = gru_reset_after.Params(*p, b_hn=np.zeros((3, 1)))
    s0, xs, (states, _) = states_of(gru, p)
    after, _ = unroll(gru_reset_after, q, s0, xs)
    assert np.abs(after.h - states.h).max() > 1e-2
    # With the reset gate fully open, or a diagonal W_h, the order does not matter.
    p = gated(gru, r=40)
    q = gru_reset_after.Params(*p, b_hn=np.zeros((3, 1)))
    s0, xs, (states, _) = states_of(gru, p)
    assert_close(unroll(gru_reset_after, q, s0, xs)[0].h, states.h, 1e-14)
    p = gated(gru)
    p.W_h[2] = np.diag([0.5, -1.0, 2.0])
    q = gru_reset_after.Params(*p, b_hn=np.zeros((3, 1)))
    s0, xs, (states, _) = states_of(gru, p)
    assert_close(unroll(gru_reset_after, q, s0, xs)[0].h, states.h, 1e-14)


def test_the_bias_inside_the_reset_cannot_be_folded_into_the_one_outside():
    p = gru_reset_after.Params(*gated(gru), b_hn=np.ones((3, 1)))
    folded = p._replace(b=p.b + np.array([0, 0, 1.0]).reshape(3, 1, 1), b_hn=np.zeros((3, 1)))
    s0, xs, _ = states_of(gru, gated(gru))
    one, _ = unroll(gru_reset_after, p, s0, xs)
    other, _ = unroll(gru_reset_after, folded, s0, xs)
    assert np.abs(one.h - other.h).max() > 1e-2


def test_identity_weights_keep_a_positive_state_of_the_rectified_cell():
    p = rnn_relu.Params(np.zeros((3, 2)), np.eye(3), np.zeros((3, 1)))
    s0 = rnn_relu.State(np.array([[0.3], [2.0], [0.0]]))
    states, caches = unroll(rnn_relu, p, s0, np.ones((50, 2, 1)))
    assert np.array_equal(states.h[-1], s0.h)
    upstream = rnn_relu.State(np.zeros((50, 3, 1)))
    upstream.h[-1] = 1
    g = backward(rnn_relu, p, caches, upstream)
    assert g.s0.h.ravel().tolist() == [1, 1, 0]  # no gradient through a unit that is off


def test_gru_stays_in_the_box_of_its_starts():
    """A convex combination, coordinate by coordinate: |h| never passes max(|h_0|, 1)."""
    s0, _, (states, _) = states_of(gru, gated(gru), T=200)
    assert np.all(np.abs(states.h) <= np.maximum(np.abs(s0.h), 1))


def test_lstm_cell_states_are_not_bounded_but_hidden_states_are():
    _, _, (states, _) = states_of(lstm, gated(lstm, f=40, i=40, c=40), T=50)
    assert states.c.max() > 49
    assert np.abs(states.h).max() <= 1


def test_forget_bias_is_1_by_default_and_can_be_chosen():
    p = lstm.init(np.random.default_rng(0), 2, 3)
    assert np.array_equal(p.b[:, :, 0], [[0] * 3, [1] * 3, [0] * 3, [0] * 3])
    q = lstm.init(np.random.default_rng(0), 2, 3, forget_bias=-2)
    assert np.all(q.b[1] == -2)
    assert np.array_equal(p.W_x, q.W_x)
    for cell, row in ((lstm_peephole, 1), (lstm_coupled, 0)):
        assert np.all(cell.init(np.random.default_rng(0), 2, 3).b[row] == 1)
        p = cell.init(np.random.default_rng(0), 2, 3, forget_bias=2)
        assert np.all(p.b[row] == 2)
        assert np.all(np.delete(p.b, row, axis=0) == 0)


@pytest.mark.parametrize("name", CELLS)
def test_fresh_biases_are_zero_but_for_the_forget_gates_and_fresh_states_are_zero(name):
    cell = CELLS[name]
    p = cell.init(np.random.default_rng(0), 2, 3)
    forget = {"lstm": 1, "lstm_peephole": 1, "lstm_coupled": 0}.get(name)
    b = p.b if forget is None else np.delete(p.b, forget, axis=0)
    assert not b.any()
    if name == "gru_reset_after":
        assert not p.b_hn.any()
    for array in cell.zero_state(4, 3):
        assert array.shape == (4, 3)
        assert not array.any()


@pytest.mark.parametrize("name", CELLS)
def test_init_is_uniform_within_one_over_root_H(name):
    p = CELLS[name].init(np.random.default_rng(0), 40, 64)
    for W in (p.W_x, p.W_h):
        assert np.abs(W).max() <= 1 / 8
        assert abs(W.std() - 1 / 8 / np.sqrt(3)) < 0.002
        assert abs(W.mean()) < 0.003


def test_sigmoid_is_the_logistic_function_and_does_not_overflow():
    a = np.linspace(-30, 30, 301)
    assert_close(sigmoid(a), 1 / (1 + np.exp(-a)), 1e-15)
    assert np.array_equal(sigmoid(np.array([-1e300, 0, 1e300])), [0, 0.5, 1])
    assert sigmoid(np.float32([1])).dtype == np.float32
