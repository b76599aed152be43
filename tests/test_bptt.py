"""The loop over time: padding, truncation, and what it leaves alone."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import CELLS, assert_close, random_case

from unrolled import backward, bptt, fused, unroll
from unrolled.tree import tree_leaves


@pytest.mark.parametrize("name", CELLS)
def test_shapes_and_that_nothing_passed_in_is_changed(name):
    cell = CELLS[name]
    p, s0, xs, upstream = random_case(cell, T=5, B=2, D=3, H=4)
    before = [a.copy() for a in (*p, *s0, xs, *upstream)]
    states, caches = unroll(cell, p, s0, xs)
    g = backward(cell, p, caches, upstream)
    assert states.h.shape == (5, 4, 2)
    assert caches.x.shape == (5, 3, 2)
    assert g.xs.shape == xs.shape
    assert [a.shape for a in g.p] == [a.shape for a in p]
    assert [a.shape for a in g.s0] == [a.shape for a in s0]
    assert [a.shape for a in g.states] == [a.shape for a in states]
    for a, b in zip((*p, *s0, xs, *upstream), before, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("steps", [None, 1, 2, 4])
def test_padded_sequences_give_what_each_gives_alone(name, steps):
    cell, lengths = CELLS[name], [6, 1, 4]
    p, s0, xs, upstream = random_case(cell, T=6, B=3, D=2, H=4)
    states, caches = unroll(cell, p, s0, xs, lengths)
    g = backward(cell, p, caches, upstream, lengths=lengths, steps=steps)
    total = [np.zeros_like(a) for a in p]
    for b, n in enumerate(lengths):
        one = slice(b, b + 1)
        alone, cache = unroll(cell, p, type(s0)(*(a[:, one] for a in s0)), xs[:n, :, one])
        up = type(s0)(*(a[:n, :, one].copy() for a in upstream))
        for own, whole in zip(up, upstream, strict=True):
            own[-1] += whole[n:, :, one].sum(axis=0)  # a loss on a frozen state is one on the last
        g_b = backward(cell, p, cache, up, steps=steps)
        for a, c in zip(states, alone, strict=True):
            assert_close(a[:n, :, one], c, 1e-14)
            assert np.all(a[n:, :, one] == a[n - 1, :, one])
        assert_close(g.xs[:n, :, one], g_b.xs, 1e-13)
        assert np.all(g.xs[n:, :, one] == 0)
        for a, c in zip(g.s0, g_b.s0, strict=True):
            assert_close(a[:, one], c, 1e-13)
        total = [a + c for a, c in zip(total, g_b.p, strict=True)]
    for a, c in zip(g.p, total, strict=True):
        assert_close(a, c, 1e-13)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("K", [1, 3, 4, 7, 20])
def test_truncated_bptt_is_a_run_in_chunks_whose_state_is_carried_as_a_constant(name, K):
    cell, T = CELLS[name], 7
    p, s0, xs, upstream = random_case(cell, T, B=2, D=2, H=3)
    _, caches = unroll(cell, p, s0, xs)
    g = backward(cell, p, caches, upstream, steps=K)
    total, s = [np.zeros_like(a) for a in p], s0
    for start in range(0, T, K):
        chunk = slice(start, start + K)
        states, cache = unroll(cell, p, s, xs[chunk])
        g_k = backward(cell, p, cache, type(s0)(*(a[chunk] for a in upstream)))
        assert_close(g.xs[chunk], g_k.xs, 1e-14)
        if start == 0:
            for a, b in zip(g.s0, g_k.s0, strict=True):
                assert_close(a, b, 1e-14)
        total = [a + b for a, b in zip(total, g_k.p, strict=True)]
        s = type(s0)(*(a[-1] for a in states))
    for a, b in zip(g.p, total, strict=True):
        assert_close(a, b, 1e-13)


@pytest.mark.parametrize("name", CELLS)
def test_truncation_that_truncates_nothing_changes_nothing_and_else_does(name):
    cell = CELLS[name]
    p, s0, xs, upstream = random_case(cell, T=6, B=2, D=2, H=3)
    _, caches = unroll(cell, p, s0, xs)
    full = backward(cell, p, caches, upstream)
    same = backward(cell, p, caches, upstream, steps=6)
    cut = backward(cell, p, caches, upstream, steps=2)
    assert np.array_equal(full.p.W_h, same.p.W_h)
    assert np.abs(full.p.W_h - cut.p.W_h).max() > 1e-3


def test_a_cell_of_ones_own_has_lengths_and_truncation_in_the_fused_loop_too():
    rnn, lengths = CELLS["rnn"], [5, 2]
    own = SimpleNamespace(**vars(rnn))
    p, s0, xs, upstream = random_case(rnn, 5, 2, 3, 4)
    states, caches = fused.unroll(own, p, s0, xs, lengths)
    assert np.array_equal(states.h, unroll(rnn, p, s0, xs, lengths)[0].h)
    g = fused.backward(own, p, caches, upstream, lengths=lengths, steps=2)
    same = backward(rnn, p, caches, upstream, lengths=lengths, steps=2)
    assert np.array_equal(g.xs, same.xs)
    assert np.all(g.xs[2:, :, 1] == 0)


@pytest.mark.parametrize("loop", [bptt, fused], ids=["bptt", "fused"])
@pytest.mark.parametrize("p", [None, CELLS["rnn"].State(np.ones((2, 2)))])
def test_the_backward_pass_refuses_what_are_no_parameters(loop, p):
    lstm = CELLS["lstm"]
    right, s0, xs, upstream = random_case(lstm, 3, 2, 2, 2)
    _, caches = loop.unroll(lstm, right, s0, xs)
    with pytest.raises(TypeError, match=r"p must be .*Params with the fields W_x, W_h, b, got"):
        loop.backward(lstm, p, caches, upstream)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fused_loop_reads_no_memory_before_it_is_written_and_has_one_dtype(
    name, dtype, monkeypatch
):
    cell, lengths = CELLS[name], [23, 1, 12]
    p, s0, xs, upstream = random_case(cell, 23, 3, 2, 4, dtype=dtype)

    def run():
        states, caches = fused.unroll(cell, p, s0, xs, lengths)
        g = fused.backward(cell, p, caches, upstream, lengths=lengths, steps=7)
        return [array for _, array in tree_leaves((states, caches, g))]

    expected, made = run(), []

    def memory(shape, dtype=float, value=np.nan):
        made.append(np.full(shape, value, dtype))
        return made[-1]

    monkeypatch.setattr(np, "empty", memory)
    monkeypatch.setattr(np, "zeros", lambda shape, dtype=float: memory(shape, dtype, 0))
    with np.errstate(invalid="ignore"):  # a NaN that stays is found below
        arrays = run()
    assert len(made) > 2
    for a, b in zip(arrays[: len(s0)], expected, strict=False):
        assert np.array_equal(a, b)
    gradients = len(p) + 2 * len(s0) + 1
    for a, b in zip(arrays[-gradients:], expected[-gradients:], strict=True):
        assert np.array_equal(a, b)
    assert {array.dtype for array in (*arrays, *made)} == {np.dtype(dtype)}


def test_the_fused_backward_pass_names_what_does_not_fit_its_caches():
    lstm = CELLS["lstm"]
    p, s0, xs, upstream = random_case(lstm, 3, 2, 2, 2)
    _, caches = fused.unroll(lstm, p, s0, xs)
    with pytest.raises(ValueError, match=r"p.W_x must have shape \(4, H, D\) with D >= 1, got"):
        fused.backward(lstm, p._replace(W_x=p.W_x[:, :, :0]), caches, upstream)
    single = caches._replace(V=caches.V.astype(np.float32))
    with pytest.raises(TypeError, match="caches.V must be float64 like the other arrays"):
        fused.backward(lstm, p, single, upstream)
