"""Every gradient of the library against central differences, over lengths of sequence and batch.

SIZES meets every T from 1 to 12 and every B from 1 to 5. A check of every entry is full; a check
along random directions sees one number a direction, of all entries together.
"""

from itertools import product

import numpy as np
import pytest
from helpers import CELLS, random_case

from unrolled import bptt, fused, gradcheck, layers, readout
from unrolled.layers import output_backward
from unrolled.training import init_model, loss_and_gradients
from unrolled.tree import tree_leaves, tree_map

LOOPS = {"bptt": bptt, "fused": fused}
SIZES = [(T, 1 + 2 * T % 5) for T in range(1, 13)]
# Layers, both ways.
FORMS = {"stacked": (2, False), "bidirectional": (1, True), "stacked bidirectional": (2, True)}


def test_the_sizes_meet_every_T_and_every_B():
    assert [T for T, _ in SIZES] == list(range(1, 13))
    assert {B for _, B in SIZES} == {1, 2, 3, 4, 5}


def some_lengths(T, B, seed=0):
    """Lengths of which one is T and, where there are several, one is shorter."""
    lengths = np.random.default_rng(seed).integers(1, T + 1, B)
    lengths[0] = max(1, T - 2)
    lengths[-1] = T
    return lengths


def total(states, upstream):
    """A loss that looks at every entry of every state, pads included."""
    pairs = zip(tree_leaves(states), tree_leaves(upstream), strict=True)
    return sum(float(np.sum(s * u)) for (_, s), (_, u) in pairs)


def random_tree(rng, tree, scale=0.5):
    return tree_map(lambda a: scale * rng.standard_normal(a.shape), tree)


def check_along(loss, at, gradients, rng, directions=4):
    """Check the slopes of the loss along random directions."""
    ways = [random_tree(rng, at, 1.0) for _ in range(directions)]

    def moved(k):
        return tree_map(lambda a, *v: a + sum(m * w for m, w in zip(k, v, strict=True)), at, *ways)

    slopes = np.array([total(gradients, way) for way in ways])
    gradcheck(lambda k: loss(moved(k)), np.zeros(directions), slopes)


# Cells


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("T", "B"), SIZES)
def test_parameters_first_state_and_input(name, T, B, loop):
    """In full, without lengths and with them, a loss on every state, on frozen ones too."""
    cell = CELLS[name]
    p, s0, xs, upstream = random_case(cell, T, B, D=2, H=3, seed=T * 10 + B)
    for lengths in (None, some_lengths(T, B)) if B > 1 else (None,):

        def loss(at, lengths=lengths):
            states, _ = loop.unroll(cell, *at, lengths)
            return total(states, upstream)

        _, caches = loop.unroll(cell, p, s0, xs, lengths)
        g = loop.backward(cell, p, caches, upstream, lengths=lengths)
        gradcheck(loss, (p, s0, xs), (g.p, g.s0, g.xs))


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("name", CELLS)
def test_every_state(name, loop):
    """dL/ds_t is what L changes by when the run is continued from a nudged s_t."""
    cell, T, t, lengths = CELLS[name], 6, 2, np.array([6, 4, 2, 3])
    p, s0, xs, upstream = random_case(cell, T, B=4, D=2, H=3, seed=4)
    states, caches = loop.unroll(cell, p, s0, xs, lengths)
    g = loop.backward(cell, p, caches, upstream, lengths=lengths)

    def rest(s):
        """The loss from step t on; the third sequence is over, the fourth ends with step t."""
        going = [0, 1]
        later, _ = loop.unroll(
            cell, p, tree_map(lambda a: a[:, going], s), xs[t + 1 :, :, going], lengths[:2] - t - 1
        )
        value = total(s, tree_map(lambda u: u[t], upstream))
        value += total(later, tree_map(lambda u: u[t + 1 :, :, going], upstream))
        return value + total(
            tree_map(lambda a: a[:, 2:], s),
            tree_map(lambda u: u[t + 1 :, :, 2:].sum(axis=0), upstream),
        )

    gradcheck(rest, tree_map(lambda a: a[t], states), tree_map(lambda a: a[t], g.states))


# Layers


def layered(cell, form, T, B, loop, seed=0):
    """Return (loss, where, gradients) of layers with lengths and a loss on every state."""
    number, bidirectional = FORMS[form]
    rng = np.random.default_rng(100 * T + B + seed)
    p = layers.stacked_init(cell, rng, 2, 2, number, bidirectional=bidirectional)
    s0 = layers.stacked_zero_state(cell, 2, B, number, bidirectional=bidirectional)
    p, s0, xs = random_tree(rng, p), random_tree(rng, s0), rng.standard_normal((T, 2, B))
    if form == "bidirectional":
        p, s0 = p[0], s0[0]
        unroll, backward = layers.bidirectional_unroll, layers.bidirectional_backward
    else:
        unroll, backward = layers.stacked_unroll, layers.stacked_backward
    lengths = some_lengths(T, B)
    states, caches = unroll(cell, p, s0, xs, lengths, loop=loop)
    upstream = random_tree(rng, states, 1.0)
    g = backward(cell, p, caches, upstream, lengths=lengths, loop=loop)

    def loss(at):
        return total(unroll(cell, *at, lengths, loop=loop)[0], upstream)

    return loss, (p, s0, xs), (g.p, g.s0, g.xs)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("form", FORMS)
def test_layers_in_full(name, form):
    for T, B in ((1, 2), (3, 2)):
        gradcheck(*layered(CELLS[name], form, T, B, bptt))


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("form", FORMS)
def test_layers_along_directions(name, form, loop):
    for T, B in SIZES:
        check_along(*layered(CELLS[name], form, T, B, loop), np.random.default_rng(T))


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("form", FORMS)
def test_layers_with_a_readout_on_their_output(name, form):
    """The output's own gradient, through `output_backward`, and what the parameters get of it."""
    cell, (number, bidirectional) = CELLS[name], FORMS[form]
    rng = np.random.default_rng(3)
    p = random_tree(rng, layers.stacked_init(cell, rng, 2, 2, number, bidirectional=bidirectional))
    s0 = layers.stacked_zero_state(cell, 2, 2, number, bidirectional=bidirectional)
    xs, lengths, labels = rng.standard_normal((3, 2, 2)), [2, 3], rng.integers(3, size=(3, 2))
    q = random_tree(rng, readout.init(rng, 4 if bidirectional else 2, 3))

    def forward(at):
        states, caches = layers.stacked_unroll(cell, at[0], s0, xs, lengths)
        return states, caches, readout.cross_entropy(readout.linear(at[1], states[-1].h), labels)

    states, caches, (_, dy) = forward((p, q))
    dq, dh = readout.linear_backward(q, states[-1].h, dy)
    g = layers.stacked_backward(cell, p, caches, output_backward(states, dh), lengths=lengths)
    gradcheck(lambda at: forward(at)[2][0], (p, q), (g.p, dq))


# Training


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("loss", [readout.squared_error, readout.cross_entropy])
def test_the_loss_of_a_model(name, loss, every_step):
    """In full where it is short; along directions for every T and B; without lengths and with."""
    cell, K = CELLS[name], 3
    for (T, B), padded in product(SIZES, (False, True)):
        rng = np.random.default_rng(T)
        model, xs = random_tree(rng, init_model(cell, rng, 2, 2, K)), rng.standard_normal((T, 2, B))
        steps = (T,) if every_step else ()
        target = rng.standard_normal((*steps, K, B))
        if loss is readout.cross_entropy:
            target = rng.integers(K, size=(*steps, B))
        lengths = some_lengths(T, B) if padded else None
        options = {"every_step": every_step, "lengths": lengths}

        def value(m, xs=xs, target=target, options=options):
            return loss_and_gradients(cell, m, xs, target, loss, **options)[0]

        _, g = loss_and_gradients(cell, model, xs, target, loss, **options)
        if T == 3:
            gradcheck(value, model, g)
        check_along(value, model, g, rng)
