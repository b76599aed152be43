"""Stacked and bidirectional layers, against PyTorch's own, and against each sequence alone."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from helpers import CELLS, assert_close

from unrolled import Gradients, backward, bptt, fused, unroll
from unrolled.cells import gru, lstm, rnn, rnn_relu
from unrolled.gradcheck import gradcheck
from unrolled.layers import (
    Bidirectional,
    bidirectional_backward,
    bidirectional_unroll,
    output_backward,
    stacked_backward,
    stacked_init,
    stacked_unroll,
    stacked_zero_state,
)
from unrolled.tree import tree_leaves, tree_map, tree_norm

REFERENCE = Path(__file__).parent / "reference"


def random_tree(rng, tree, scale=0.5):
    return tree_map(lambda a: (scale * rng.standard_normal(a.shape)).astype(a.dtype), tree)


def net(cell, T=6, B=3, D=2, H=3, layers=2, bidirectional=True, seed=0, dtype=float):
    """Random (p, s0, xs) of stacked layers."""
    rng = np.random.default_rng(seed)
    p = stacked_init(cell, rng, D, H, layers, dtype, bidirectional=bidirectional)
    s0 = stacked_zero_state(cell, H, B, layers, dtype, bidirectional=bidirectional)
    xs = rng.standard_normal((T, D, B)).astype(dtype)
    return random_tree(rng, p), random_tree(rng, s0), xs


def columns(tree, one):
    return tree_map(lambda a: a[..., one], tree)


def assert_trees_close(actual, expected, tolerance=1e-12):
    for (name, a), (same, b) in zip(tree_leaves(actual), tree_leaves(expected), strict=True):
        assert name == same
        assert_close(a, b, tolerance)


# Against PyTorch


def stored():
    with np.load(REFERENCE / "layers.npz") as file:
        assert str(file["provenance"]).startswith("torch 2.13")
        cases = {}
        for key in file.files:
            number, _, name = key.partition("/")
            if name:
                cases.setdefault(int(number), {})[name] = file[key]
    return list(cases.values())


def check_case(case, loop=bptt):
    """Assert that the library gives the output, the final states and all gradients of PyTorch."""
    cell, lengths, xs = CELLS[str(case["cell"])], case["lengths"], case["xs"]
    both_ways = "p.0.forward.W_x" in case
    number = sum(key.endswith("W_h") and key.startswith("p.") for key in case) // (1 + both_ways)
    H = case["up"].shape[1] // (1 + both_ways)
    (T, D, B), rng = xs.shape, np.random.default_rng(0)
    p = stacked_init(cell, rng, D, H, number, bidirectional=both_ways)
    s0 = stacked_zero_state(cell, H, B, number, bidirectional=both_ways)
    p, s0 = (
        with_leaves(tree, iter([case[f"{letter}.{name}"] for name, _ in tree_leaves(tree)]))
        for letter, tree in (("p", p), ("s0", s0))
    )
    states, caches = stacked_unroll(cell, p, s0, xs, lengths, loop=loop)
    valid = np.arange(T)[:, None, None] < lengths
    assert_close(states[-1].h * valid, case["output"])
    dstates = output_backward(states, case["up"] * valid)
    for (name, s), (_, ds) in zip(tree_leaves(states), tree_leaves(dstates), strict=True):
        final = 0 if "backward" in name else -1
        assert_close(s[final], case[f"final.{name}"])
        ds[final] += case[f"last.{name}"]
    g = stacked_backward(cell, p, caches, dstates, lengths=lengths, loop=loop)
    assert_close(g.xs, case["d_xs"])
    for letter, tree in (("p", g.p), ("s0", g.s0)):
        for name, gradient in tree_leaves(tree):
            assert_close(gradient, case[f"d_{letter}.{name}"])


def with_leaves(tree, leaves):
    return tree_map(lambda array: next(leaves), tree)


@pytest.mark.parametrize("loop", [bptt, fused], ids=["bptt", "fused"])
def test_output_final_states_and_all_gradients_are_those_of_pytorchs_layers(loop):
    cases = stored()
    assert [str(case["cell"]) for case in cases[::4]] == ["rnn", "gru_reset_after", "lstm"]
    for case in cases:
        check_case(case, loop)


@pytest.mark.slow
def test_fresh_cases_are_those_of_pytorchs_layers():
    spec = importlib.util.spec_from_file_location("make_layers", REFERENCE / "make_layers.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    rng = np.random.default_rng(1000)
    for name in make.MODULES:
        for form in make.FORMS * 10:
            check_case(make.case(name, form, rng))


# Against plain runs


@pytest.mark.parametrize("name", CELLS)
def test_one_direction_is_a_plain_run_and_the_other_a_plain_run_on_the_sequence_reversed(name):
    cell = CELLS[name]
    (p, *_), (s0, *_), xs = net(cell)
    states, _ = bidirectional_unroll(cell, p, s0, xs)
    there, _ = unroll(cell, p.forward, s0.forward, xs)
    back, _ = unroll(cell, p.backward, s0.backward, xs[::-1].copy())
    assert_trees_close(states.forward, there, 0)
    assert_trees_close(states.backward, tree_map(lambda a: a[::-1], back), 0)
    assert np.array_equal(states.h, np.concatenate([there.h, back.h[::-1]], axis=1))


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("bidirectional", [True, False])
def test_padded_sequences_give_what_each_gives_alone(name, bidirectional):
    """Pads do not matter, a loss on a frozen state is one on the state that it repeats."""
    cell, lengths = CELLS[name], [6, 1, 4]
    p, s0, xs = net(cell, bidirectional=bidirectional)
    states, caches = stacked_unroll(cell, p, s0, xs, lengths)
    upstream = random_tree(np.random.default_rng(1), states, 1.0)
    g = stacked_backward(cell, p, caches, upstream, lengths=lengths)
    total = tree_map(np.zeros_like, p)
    for b, n in enumerate(lengths):
        one = slice(b, b + 1)
        own, cache = stacked_unroll(cell, p, columns(s0, one), xs[:n, :, one])
        whole = columns(states, one)
        up = tree_map(lambda a, n=n: a[:n].copy(), columns(upstream, one))
        parts = (tree_leaves(tree) for tree in (own, whole, up, columns(upstream, one)))
        for (place, alone), (_, frozen), (_, u), (_, all_u) in zip(*parts, strict=True):
            repeated = 0 if "backward" in place else n - 1
            assert_close(frozen[:n], alone, 1e-14)
            # Below the top, h at a pad is only the loss's: no layer reads it.
            assert np.all(frozen[n:] == frozen[repeated])
            u[repeated] += all_u[n:].sum(axis=0)
        g_b = stacked_backward(cell, p, cache, up)
        assert_close(g.xs[:n, :, one], g_b.xs, 1e-12)
        assert np.all(g.xs[n:, :, one] == 0)
        assert_trees_close(columns(g.s0, one), g_b.s0)
        total = tree_map(np.add, total, g_b.p)
    assert_trees_close(g.p, total)


def test_what_stands_at_pads_changes_nothing():
    p, s0, xs = net(lstm)
    lengths = np.array([6, 1, 4])
    other = xs.copy()
    other[1:, :, 1] = 1e3
    other[4:, :, 2] = -7
    results = []
    for x in (xs, other):
        states, caches = stacked_unroll(lstm, p, s0, x, lengths)
        up = random_tree(np.random.default_rng(1), states)
        g = stacked_backward(lstm, p, caches, up, lengths=lengths)
        results.append((states, g))
    assert_trees_close(results[0], results[1], 0)


def test_a_loss_on_a_pad_alone_reaches_the_state_that_has_read_the_whole_sequence_from_its_end():
    (p, _), (s0, _), xs = net(rnn, T=5, B=1)
    states, caches = bidirectional_unroll(rnn, p, s0, xs, [3])
    assert np.array_equal(states.backward.h[4], states.backward.h[0])
    assert np.array_equal(states.forward.h[4], states.forward.h[2])
    dh = np.zeros_like(states.h)
    dh[4, 3:] = 1
    g = bidirectional_backward(rnn, p, caches, output_backward(states, dh), lengths=[3])
    same = np.zeros_like(dh)
    same[0, 3:] = 1
    expected = bidirectional_backward(rnn, p, caches, output_backward(states, same), lengths=[3])
    assert_trees_close(g[:3], expected[:3], 0)
    assert tree_norm(g.p.backward) > 0.1
    assert tree_norm(g.p.forward) == 0
    assert np.all(np.abs(g.xs[:3]).max(axis=(1, 2)) > 0)


def test_gradients_of_states_include_the_layers_above_and_are_in_the_order_of_time():
    p, s0, xs = net(gru, T=4, B=2)
    states, caches = stacked_unroll(gru, p, s0, xs)
    upstream = random_tree(np.random.default_rng(1), states, 1.0)
    g = stacked_backward(gru, p, caches, upstream)
    top = bidirectional_backward(gru, p[1], caches[1], upstream[1])
    assert_trees_close(g.states[1], top.states, 0)
    # The last thing that a direction computes is seen by its loss and by the layer above alone.
    H = 3
    assert_close(g.states[0].forward.h[-1], upstream[0].forward.h[-1] + top.xs[-1, :H], 1e-14)
    assert_close(g.states[0].backward.h[0], upstream[0].backward.h[0] + top.xs[0, H:], 1e-14)
    assert np.abs(g.states[0].forward.h[0] - upstream[0].forward.h[0] - top.xs[0, :H]).max() > 1e-3


def test_one_layer_is_a_plain_run():
    p, s0, xs = net(lstm, layers=1, bidirectional=False)
    states, caches = stacked_unroll(lstm, p, s0, xs, [6, 2, 3])
    plain, plain_caches = unroll(lstm, p[0], s0[0], xs, [6, 2, 3])
    assert_trees_close((states, caches), ((plain,), (plain_caches,)), 0)
    up = random_tree(np.random.default_rng(1), plain)
    g = stacked_backward(lstm, p, caches, (up,), lengths=[6, 2, 3], steps=2)
    alone = backward(lstm, p[0], plain_caches, up, lengths=[6, 2, 3], steps=2)
    assert_trees_close(g, Gradients((alone.p,), (alone.s0,), alone.xs, (alone.states,)), 0)


@pytest.mark.parametrize("K", [1, 2, 3, 7])
def test_truncation_is_a_run_in_chunks_whose_states_are_carried_as_constants(K):
    p, s0, xs = net(lstm, T=6, bidirectional=False)
    states, caches = stacked_unroll(lstm, p, s0, xs)
    up = random_tree(np.random.default_rng(1), states, 1.0)
    g = stacked_backward(lstm, p, caches, up, steps=K)
    total, s = tree_map(np.zeros_like, p), s0
    for start in range(0, 6, K):
        chunk = slice(start, start + K)
        part, cache = stacked_unroll(lstm, p, s, xs[chunk])
        g_k = stacked_backward(lstm, p, cache, tree_map(lambda a, c=chunk: a[c], up))
        assert_close(g.xs[chunk], g_k.xs, 1e-13)
        if start == 0:
            assert_trees_close(g.s0, g_k.s0)
        total = tree_map(np.add, total, g_k.p)
        s = tree_map(lambda a: a[-1], part)
    assert_trees_close(g.p, total)


def test_the_forms_of_layers_may_be_mixed():
    """A bidirectional layer below a plain one, of other sizes: all by central differences."""
    rng = np.random.default_rng(0)
    p = random_tree(rng, (Bidirectional(*(gru.init(rng, 2, 2) for _ in "fb")), gru.init(rng, 4, 3)))
    s0 = (Bidirectional(*(gru.zero_state(2, 2) for _ in "fb")), gru.zero_state(3, 2))
    xs, u = rng.standard_normal((4, 2, 2)), rng.standard_normal((4, 3, 2))
    states, caches = stacked_unroll(gru, p, s0, xs, [2, 4])
    g = stacked_backward(gru, p, caches, output_backward(states, u), lengths=[2, 4])

    def loss(p):
        return float(np.sum(stacked_unroll(gru, p, s0, xs, [2, 4])[0][-1].h * u))

    gradcheck(loss, p, g.p)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_and_nothing_passed_in_is_changed(dtype):
    p, s0, xs = net(lstm, dtype=dtype)
    states, caches = stacked_unroll(lstm, p, s0, xs, [6, 2, 3])
    up = random_tree(np.random.default_rng(1), states)
    given = (p, s0, xs, up, caches)
    before = tree_map(np.copy, given)
    g = stacked_backward(lstm, p, caches, up, lengths=[6, 2, 3])
    for _, array in tree_leaves((states, caches, g)):
        assert array.dtype == dtype
    assert_trees_close(given, before, 0)
    shapes = [a.shape for _, a in tree_leaves((p, s0, xs, up))]
    assert [a.shape for _, a in tree_leaves(g)] == shapes


class Counting:
    """A loop that counts how often each of its functions is called."""

    def __init__(self):
        self.calls = []

    def unroll(self, *arguments):
        self.calls.append("unroll")
        return bptt.unroll(*arguments)

    def backward(self, *arguments, **options):
        self.calls.append("backward")
        return bptt.backward(*arguments, **options)


@pytest.mark.parametrize(("bidirectional", "runs"), [(True, 4), (False, 2)])
def test_the_loop_over_time_can_be_chosen(bidirectional, runs):
    p, s0, xs = net(rnn, bidirectional=bidirectional)
    loop = Counting()
    states, caches = stacked_unroll(rnn, p, s0, xs, loop=loop)
    assert loop.calls == ["unroll"] * runs
    up = random_tree(np.random.default_rng(1), states)
    stacked_backward(rnn, p, caches, up, loop=loop)
    assert loop.calls == ["unroll"] * runs + ["backward"] * runs


def test_fresh_parameters_are_the_cells_own_each_drawn_anew():
    p = stacked_init(lstm, np.random.default_rng(0), 5, 7, 2, np.float32, bidirectional=True)
    assert [a.shape for name, a in tree_leaves(p) if name.endswith("W_x")] == [
        (4, 7, 5), (4, 7, 5), (4, 7, 14), (4, 7, 14),
    ]  # fmt: skip
    first = lstm.init(np.random.default_rng(0), 5, 7, np.float32)
    assert_trees_close(p[0].forward, first, 0)
    assert p[0].forward.b[1].min() == 1
    weights = [one.W_h for pair in p for one in pair]
    assert len({w.tobytes() for w in weights}) == 4
    q = stacked_init(lstm, np.random.default_rng(0), 5, 7, 3)
    assert [one.W_x.shape[-1] for one in q] == [5, 7, 7]
    s0 = stacked_zero_state(lstm, 7, 2, 3, np.float32)
    assert len(s0) == 3
    for name, array in tree_leaves(s0):
        assert (name[2:], array.shape, array.dtype) == (name[2:], (7, 2), np.float32)
        assert not array.any()


def test_output_backward_puts_the_gradient_where_the_output_comes_from():
    p, s0, xs = net(lstm)
    states, _ = stacked_unroll(lstm, p, s0, xs)
    dh = np.random.default_rng(1).standard_normal(states[-1].h.shape)
    ds = output_backward(states, dh)
    assert np.array_equal(ds[1].forward.h, dh[:, :3])
    assert np.array_equal(ds[1].backward.h, dh[:, 3:])
    for part in (ds[0], ds[1].forward.c, ds[1].backward.c):
        assert tree_norm(part) == 0
    plain, _ = unroll(lstm, p[0].forward, s0[0].forward, xs)
    one = output_backward(plain, dh[:, :3])
    assert np.array_equal(one.h, dh[:, :3])
    assert not one.c.any()


# Trees of plain tuples


def test_trees_of_plain_tuples_keep_their_form_and_name_leaves_by_number():
    p = rnn.Params(np.ones((1, 2)), np.full((1, 1), 2.0), np.zeros((1, 1)))
    tree = (p, Bidirectional(p, (p.b,)))
    doubled = tree_map(lambda a, b: a + b, tree, tree)
    assert type(doubled) is tuple
    assert isinstance(doubled[1], Bidirectional)
    assert type(doubled[1].backward) is tuple
    assert doubled[0].W_h.item() == 4
    assert [name for name, _ in tree_leaves(tree)] == [
        "0.W_x", "0.W_h", "0.b", "1.forward.W_x", "1.forward.W_h", "1.forward.b", "1.backward.0",
    ]  # fmt: skip
    assert tree_norm(tree) == pytest.approx(np.sqrt(2 * (1 + 1 + 4)))
    with pytest.raises(ValueError, match="shorter"):
        tree_map(np.add, tree, (p,))


# Wrong calls

P, S, X = net(lstm)
STATES, CACHES = stacked_unroll(lstm, P, S, X)
UP = tree_map(np.ones_like, STATES)
FP, FS, FX = net(lstm, bidirectional=False)
FSTATES, FCACHES = stacked_unroll(lstm, FP, FS, FX)
FUP = tree_map(np.ones_like, FSTATES)
BAD = FP[1]._replace(W_h=np.full_like(FP[1].W_h, np.nan))
LARGE = rnn_relu.Params(np.full((1, 1), 1e200), np.zeros((1, 1)), np.zeros((1, 1)))
ZERO = rnn_relu.zero_state(1, 1)


def overflow():
    with np.errstate(over="ignore"):
        stacked_unroll(rnn_relu, (LARGE,) * 2, (ZERO,) * 2, np.full((1, 1, 1), 1e200))


RNG = np.random.default_rng(0)
WRONG = {
    "init: cell": (lambda: stacked_init("lstm", RNG, 2, 3, 2), TypeError, "cell must be a cell"),
    "init: rng": (lambda: stacked_init(lstm, 0, 2, 3, 2), TypeError, "rng must be .* got 0"),
    "init: D": (lambda: stacked_init(lstm, RNG, 0, 3, 2), ValueError, "D must be at least 1, got 0"),
    "init: H": (lambda: stacked_init(lstm, RNG, 2, 3.0, 2), TypeError, "H must be a whole number, got 3.0"),
    "init: layers": (
        lambda: stacked_init(lstm, RNG, 2, 3, True),
        TypeError,
        "layers must be a whole number, got True",
    ),
    "zero state: cell": (lambda: stacked_zero_state(None, 3, 2, 1), TypeError, "cell must be a cell"),
    "zero state: H": (lambda: stacked_zero_state(lstm, 0, 2, 1), ValueError, "H must be at least 1"),
    "zero state: B": (lambda: stacked_zero_state(lstm, 3, -1, 1), ValueError, "B must be at least 1, got -1"),
    "zero state: layers": (lambda: stacked_zero_state(lstm, 3, 2, 0), ValueError, "layers must be at least 1"),
    "stacked: cell": (lambda: stacked_unroll(None, P, S, X), TypeError, "cell must be a cell"),
    "stacked: Params for a tuple": (
        lambda: stacked_unroll(lstm, FP[0], FS[0], X),
        TypeError,
        "p must be a tuple with one entry a layer, got Params",
    ),
    "stacked: a list": (
        lambda: stacked_unroll(lstm, list(FP), FS, X),
        TypeError,
        "p must be a tuple with one entry a layer, got list",
    ),
    "stacked: no layers": (
        lambda: stacked_unroll(lstm, (), (), X),
        ValueError,
        "p must have at least one entry, got 0",
    ),
    "stacked: fewer states": (
        lambda: stacked_unroll(lstm, P, S[:1], X),
        ValueError,
        "s0 must have 2 entries, one a layer, got 1",
    ),
    "stacked: xs": (lambda: stacked_unroll(lstm, FP, FS, X[0]), ValueError, r"layer 0: xs must have shape \(T, D, B\)"),
    "stacked: lengths": (
        lambda: stacked_unroll(lstm, FP, FS, X, [7, 1, 1]),
        ValueError,
        "lengths must be from 1 to T = 6",
    ),
    "stacked: NaN in the second layer": (
        lambda: stacked_unroll(lstm, (FP[0], BAD), FS, X),
        ValueError,
        r"^layer 1: p.W_h must be finite, got nan at index \(0, 0, 0\)",
    ),
    "stacked: the second layer takes D inputs": (
        lambda: stacked_unroll(lstm, (FP[0], FP[0]), FS, X),
        ValueError,
        r"^layer 1: xs must have shape \(T, 2, B\), since p.W_x is \(4, 3, 2\), got \(6, 3, 3\)",
    ),
    "stacked: the second layer takes H inputs where there are 2H": (
        lambda: stacked_unroll(lstm, (P[0], Bidirectional(FP[1], FP[1])), S, X),
        ValueError,
        r"^layer 1: forward: xs must have shape \(T, 3, B\), since p.W_x is \(4, 3, 3\), got \(6, 6, 3\)",
    ),
    "stacked: states of one direction": (
        lambda: stacked_unroll(lstm, P, FS, X),
        TypeError,
        r"^layer 0: s0 must be unrolled.layers.Bidirectional with the fields forward, backward, got State",
    ),
    "stacked: states of both directions": (
        lambda: stacked_unroll(lstm, FP, S, X),
        TypeError,
        "^layer 0: s0 must be unrolled.cells.lstm.State",
    ),
    "stacked: a layer overflows": (overflow, OverflowError, "^layer 0: states.h overflows float64: inf"),
    "stacked: loop": (
        lambda: stacked_unroll(lstm, P, S, X, loop="fused"),
        TypeError,
        "loop must be unrolled.bptt or unrolled.fused, got 'fused'",
    ),
    "stacked backward: loop": (
        lambda: stacked_backward(lstm, P, CACHES, UP, loop=np.add),
        TypeError,
        "loop must be unrolled.bptt or unrolled.fused",
    ),
    "stacked backward: steps both ways": (
        lambda: stacked_backward(lstm, P, CACHES, UP, steps=2),
        ValueError,
        "steps must be None where a layer is bidirectional, as layer 0 is",
    ),
    "stacked backward: steps both ways further up": (
        lambda: stacked_backward(lstm, (FP[0], P[1]), (FCACHES[0], CACHES[1]), (FUP[0], UP[1]), steps=2),
        ValueError,
        "as layer 1 is",
    ),
    "stacked backward: steps": (
        lambda: stacked_backward(lstm, FP, FCACHES, FUP, steps=0),
        ValueError,
        "steps must be at least 1, got 0",
    ),
    "stacked backward: caches": (
        lambda: stacked_backward(lstm, FP, FCACHES[0], FUP),
        TypeError,
        "caches must be a tuple with one entry a layer, got Cache",
    ),
    "stacked backward: one State": (
        lambda: stacked_backward(lstm, FP, FCACHES, FUP[0]),
        TypeError,
        "dstates must be a tuple with one entry a layer, got State",
    ),
    "stacked backward: too many": (
        lambda: stacked_backward(lstm, FP, FCACHES, FUP * 2),
        ValueError,
        "dstates must have 2 entries, one a layer, got 4",
    ),
    "stacked backward: of the first layer": (
        lambda: stacked_backward(lstm, FP, FCACHES, (FUP[0]._replace(c=FUP[0].c[:3]), FUP[1])),
        ValueError,
        r"^layer 0: dstates.c must have shape \(6, 3, 3\), got \(3, 3, 3\)",
    ),
    "stacked backward: of one way in the first layer": (
        lambda: stacked_backward(lstm, P, CACHES, (FUP[0], UP[1])),
        TypeError,
        "^layer 0: dstates must be unrolled.layers.Bidirectional",
    ),
    "stacked backward: of another cell in the first layer": (
        lambda: stacked_backward(lstm, FP, FCACHES, (rnn.State(FUP[0].h), FUP[1])),
        TypeError,
        "^layer 0: dstates must be unrolled.cells.lstm.State",
    ),
    "stacked backward: NaN in one direction of the first layer": (
        lambda: stacked_backward(
            lstm, P, CACHES, (UP[0]._replace(backward=tree_map(lambda a: a * np.nan, UP[0].backward)), UP[1])
        ),
        ValueError,
        "^layer 0: dstates.backward.h must be finite, got nan",
    ),
    "stacked backward: float32": (
        lambda: stacked_backward(lstm, P, CACHES, (tree_map(np.float32, UP[0]), UP[1])),
        TypeError,
        "^layer 0: dstates.forward.h must be float64 like the other arrays, got float32",
    ),
    "bidirectional: cell": (lambda: bidirectional_unroll(rnn.Params, P[0], S[0], X), TypeError, "cell must be"),
    "bidirectional: p": (
        lambda: bidirectional_unroll(lstm, FP[0], S[0], X),
        TypeError,
        "p must be unrolled.layers.Bidirectional with the fields forward, backward, got Params",
    ),
    "bidirectional: s0": (
        lambda: bidirectional_unroll(lstm, P[0], FS[0], X),
        TypeError,
        "s0 must be unrolled.layers.Bidirectional",
    ),
    "bidirectional: xs": (lambda: bidirectional_unroll(lstm, P[0], S[0], X.tolist()), TypeError, "xs must be a NumPy"),
    "bidirectional: lengths": (
        lambda: bidirectional_unroll(lstm, P[0], S[0], X, [1, 2]),
        ValueError,
        r"lengths must have shape \(3,\), got \(2,\)",
    ),
    "bidirectional: other H": (
        lambda: bidirectional_unroll(
            lstm, P[0]._replace(backward=lstm.init(RNG, 2, 5)), S[0]._replace(backward=lstm.zero_state(5, 3)), X
        ),
        ValueError,
        r"s0.backward.h must have shape \(3, 3\), got \(5, 3\)",
    ),
    "bidirectional: a state of another cell": (
        lambda: bidirectional_unroll(lstm, P[0], S[0]._replace(backward=rnn.zero_state(3, 3)), X),
        TypeError,
        "s0.backward must be unrolled.cells.lstm.State",
    ),
    "bidirectional: params from the end": (
        lambda: bidirectional_unroll(lstm, P[0]._replace(backward=P[1].backward), S[0], X),
        ValueError,
        r"^backward: xs must have shape \(T, 6, B\), since p.W_x is \(4, 3, 6\), got \(6, 2, 3\)",
    ),
    "bidirectional: loop": (
        lambda: bidirectional_unroll(lstm, P[0], S[0], X, loop=None),
        TypeError,
        "loop must be unrolled.bptt or unrolled.fused, got None",
    ),
    "bidirectional backward: loop": (
        lambda: bidirectional_backward(lstm, P[0], CACHES[0], UP[0], loop=None),
        TypeError,
        "loop must be unrolled.bptt or unrolled.fused, got None",
    ),
    "bidirectional backward: cell": (
        lambda: bidirectional_backward(None, P[0], CACHES[0], UP[0]),
        TypeError,
        "cell must be",
    ),
    "bidirectional backward: p": (
        lambda: bidirectional_backward(lstm, FP[0], CACHES[0], UP[0]),
        TypeError,
        "p must be unrolled.layers.Bidirectional",
    ),
    "bidirectional backward: caches": (
        lambda: bidirectional_backward(lstm, P[0], FCACHES[0], UP[0]),
        TypeError,
        "caches must be unrolled.layers.Bidirectional",
    ),
    "bidirectional backward: dstates": (
        lambda: bidirectional_backward(lstm, P[0], CACHES[0], FUP[0]),
        TypeError,
        "dstates must be unrolled.layers.Bidirectional",
    ),
    "bidirectional backward: of another cell": (
        lambda: bidirectional_backward(lstm, P[0], CACHES[0], UP[0]._replace(backward=rnn.State(UP[0].h))),
        TypeError,
        "dstates.backward must be unrolled.cells.lstm.State",
    ),
    "bidirectional backward: one step": (
        lambda: bidirectional_backward(lstm, P[0], CACHES[0], UP[0]._replace(backward=S[0].backward)),
        ValueError,
        r"dstates.backward.h must have shape \(T, H, B\), got \(3, 3\)",
    ),
    "bidirectional backward: c is cut": (
        lambda: bidirectional_backward(
            lstm, P[0], CACHES[0], UP[0]._replace(backward=lstm.State(UP[0].backward.h, UP[0].backward.c[:1]))
        ),
        ValueError,
        r"dstates.backward.c must have shape \(6, 3, 3\), got \(1, 3, 3\)",
    ),
    "bidirectional backward: fewer steps from the end": (
        lambda: bidirectional_backward(
            lstm, P[0], CACHES[0], UP[0]._replace(backward=tree_map(lambda a: a[:2], UP[0].backward))
        ),
        ValueError,
        r"^backward: dstates.h must have shape \(6, 3, 3\), got \(2, 3, 3\)",
    ),
    "bidirectional backward: lengths": (
        lambda: bidirectional_backward(lstm, P[0], CACHES[0], UP[0], lengths=[0, 1, 1]),
        ValueError,
        "lengths must be from 1 to T = 6",
    ),
    "output_backward: states": (
        lambda: output_backward([UP], UP[-1].h),
        TypeError,
        "states must be states of a whole run, got list",
    ),
    "output_backward: no layers": (
        lambda: output_backward((), UP[-1].h),
        TypeError,
        "states must be states of a whole run, got tuple",
    ),
    "output_backward: dh": (
        lambda: output_backward(STATES, UP[-1].forward.h),
        ValueError,
        r"dh must have shape \(6, 6, 3\), got \(6, 3, 3\)",
    ),
    "output_backward: float32": (
        lambda: output_backward(STATES, UP[-1].h.astype("f4")),
        TypeError,
        "dh must be float64",
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_calls_are_refused(wrong):
    call, error, message = WRONG[wrong]
    with pytest.raises(error, match=message):
        call()
