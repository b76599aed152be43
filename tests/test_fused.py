"""The fused loop gives the numbers of the readable one, lengths and truncation included."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import CELLS, assert_close, random_case, random_like
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled import bptt, cells, fused
from unrolled.tree import tree_leaves

# Past one chunk, at its border, and far from it.
shapes = {
    "T": st.integers(1, 25),
    "B": st.integers(1, 5),
    "D": st.integers(1, 4),
    "H": st.integers(1, 6),
    "seed": st.integers(0, 2**32 - 1),
    "padded": st.booleans(),
    "steps": st.none() | st.integers(1, 26),
}


def both(cell, T, B, D, H, seed, lengths=None, steps=None, dtype=float):
    """Return all states and gradients of the two loops, side by side."""
    p, s0, xs, upstream = random_case(cell, T, B, D, H, seed, dtype)
    for loop in (bptt, fused):
        states, caches = loop.unroll(cell, p, s0, xs, lengths)
        gradients = loop.backward(cell, p, caches, upstream, lengths=lengths, steps=steps)
        yield [*tree_leaves(states), *tree_leaves(gradients)]


def assert_same(cell, tolerance=1e-12, **case):
    for (name, a), (same_name, b) in zip(*both(cell, **case), strict=True):
        assert name == same_name
        assert a.dtype == b.dtype
        assert_close(b, a, tolerance)


@pytest.mark.parametrize("name", CELLS)
@given(**shapes)
@settings(max_examples=50, deadline=None)
def test_the_numbers_are_those_of_the_readable_loop(name, T, B, D, H, seed, padded, steps):
    lengths = np.random.default_rng(seed).integers(1, T + 1, B) if padded else None
    case = {"T": T, "B": B, "D": D, "H": H, "seed": seed, "lengths": lengths, "steps": steps}
    assert_same(CELLS[name], **case)


@pytest.mark.parametrize("name", CELLS)
def test_at_working_sizes_too_and_in_float32(name):
    case = {"T": 33, "B": 8, "D": 3, "H": 24, "seed": 0, "lengths": [33, 1, 2, 30, 20, 10, 11, 9]}
    assert_same(CELLS[name], **case)
    assert_same(CELLS[name], 2e-4, dtype=np.float32, **case)


@pytest.mark.parametrize("name", CELLS)
def test_padding_gives_exactly_no_gradient_and_frozen_states(name):
    cell, lengths = CELLS[name], np.array([12, 1, 7])
    p, s0, xs, upstream = random_case(cell, 12, 3, 2, 4)
    states, caches = fused.unroll(cell, p, s0, xs, lengths)
    g = fused.backward(cell, p, caches, upstream, lengths=lengths)
    other = xs.copy()
    for b, n in enumerate(lengths):
        assert np.all(g.xs[n:, :, b] == 0)
        other[n:, :, b] = 9
        for s in states:
            assert np.all(s[n:, :, b] == s[n - 1, :, b])
    _, caches = fused.unroll(cell, p, s0, other, lengths)
    again = fused.backward(cell, p, caches, upstream, lengths=lengths)
    for (_, a), (_, b) in zip(tree_leaves(g.p), tree_leaves(again.p), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("name", CELLS)
def test_nothing_passed_in_is_changed_and_calls_do_not_see_each_other(name):
    cell = CELLS[name]
    p, s0, xs, upstream = random_case(cell, 13, 2, 3, 4)
    before = [a.copy() for a in (*p, *s0, xs, *upstream)]
    states, caches = fused.unroll(cell, p, s0, xs)
    first = fused.backward(cell, p, caches, upstream)
    kept = [a.copy() for _, a in tree_leaves(first)]
    fused.backward(
        cell, p, fused.unroll(cell, p, s0, -xs)[1], random_like(np.random.default_rng(0), upstream)
    )
    again = fused.backward(cell, p, caches, upstream)  # the caches are not used up
    for a, (_, b), (_, c) in zip(kept, tree_leaves(first), tree_leaves(again), strict=True):
        assert np.array_equal(a, b)
        assert np.array_equal(a, c)
    for a, b in zip((*p, *s0, xs, *upstream), before, strict=True):
        assert np.array_equal(a, b)
    with pytest.raises(ValueError, match="read-only"):
        states.h[0] = 0


def test_every_cell_has_a_fused_form_and_another_runs_in_the_readable_loop():
    assert {cell for cell, _ in fused.KERNELS} == set(CELLS.values())
    Own = SimpleNamespace(**vars(cells.rnn))  # a cell of a student's own
    p, s0, xs, upstream = random_case(cells.rnn, 5, 2, 3, 4)
    states, caches = fused.unroll(Own, p, s0, xs)
    assert isinstance(caches, cells.rnn.Cache)
    assert np.array_equal(states.h, bptt.unroll(cells.rnn, p, s0, xs)[0].h)
    g = fused.backward(Own, p, caches, upstream, steps=2)
    assert np.array_equal(g.xs, bptt.backward(cells.rnn, p, caches, upstream, steps=2).xs)
