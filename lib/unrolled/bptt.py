"""The loop over time, forward and backward, for any cell: readable first.

T steps, D inputs, H hidden units, B sequences side by side: xs (T, D, B), states.h (T, H, B).

Source: P. Werbos, "Backpropagation through time: what it does and how to do it", Proceedings of
the IEEE 78 (1990).
"""

from typing import Any, NamedTuple

import numpy as np

from .cells.protocol import Array, Cell
from .checks import (
    check_backward,
    check_caches,
    check_cell,
    check_overflow,
    check_products,
    check_unroll,
)
from .tree import tree_map


class Gradients(NamedTuple):
    """The gradients of a loss: of the parameters, of s_0, of the input, and of every state.

    p like Params, s0 like State, xs (T, D, B), states like State with a leading time axis:
    states.h[t] is the whole dL/dh_t, from its own loss and the later steps together. In the LSTM,
    states.c[t] is what arrives at c_t from later steps and its own loss; what reaches c_t through
    h_t of the same step is in states.h[t].
    """

    p: Any
    s0: Any
    xs: Array
    states: Any


def unroll(cell: Cell, p: Any, s0: Any, xs: Array, lengths: Any = None) -> tuple[Any, Any]:
    """Run a cell over a sequence.

    cell: a module such as `unrolled.cells.lstm`; p: its Params; s0: its State before the first
    step; xs: (T, D, B). lengths: (B,), if given, how many steps of each sequence are valid; after
    them its state is frozen.

    Returns (states, caches): the cell's State and Cache, each field with a leading time axis, so
    states.h is (T, H, B) and states.h[-1] the last valid h of every sequence.

    Raises TypeError for a wrong type or dtype (one dtype for all, float32 or float64), ValueError
    for a wrong shape, T = 0, B = 0, NaN or infinity, each naming the argument, and OverflowError
    where a state, or a weight times an input or a state, becomes too large for its dtype.
    """
    lengths = check_unroll(cell, p, s0, xs, lengths)
    states, caches, s = [], [], s0
    with np.errstate(over="ignore", invalid="ignore"):  # looked for below
        for t in range(len(xs)):
            s_next, cache = cell.step(p, s, xs[t])
            s = _where(t < lengths, s_next, s)
            states.append(s)
            caches.append(cache)
    result = _stack(states)
    check_overflow(result, "states")
    check_products(p, s0, xs, result)
    return result, _stack(caches)


def backward(
    cell: Cell, p: Any, caches: Any, dstates: Any, *, lengths: Any = None, steps: int | None = None
) -> Gradients:
    """Run the backward pass of `unroll`: backpropagation through time.

    p and lengths: as given to `unroll`; caches: as returned by it. dstates: a State with a leading
    time axis, the gradient that the loss itself puts on every state (zero where it looks at none).
    steps=K: truncated BPTT, in chunks of K steps from the start: no gradient crosses the border of
    a chunk, though the state does; a frozen state is no step, and what it carries passes.

    Returns `Gradients`. At padded steps the parameters and xs get none, and what arrives in
    dstates passes through to the last valid step. Raises as `unroll` does.
    """
    check_cell(cell)
    T, D, H, B, dtype = check_caches(cell, caches)
    lengths = check_backward(cell, p, dstates, (T, D, H, B), dtype, lengths, steps)

    dp = tree_map(np.zeros_like, p)
    ds = cell.zero_state(H, B, dtype)  # what the later steps send back
    dxs, totals = [], []
    with np.errstate(over="ignore", invalid="ignore"):
        for t in reversed(range(T)):
            ds = tree_map(np.add, ds, _at(dstates, t))
            totals.append(ds)
            valid = t < lengths
            ds_valid = _where(valid, ds, tree_map(np.zeros_like, ds))
            dp_t, ds_prev, dx = cell.step_backward(p, _at(caches, t), ds_valid)
            dp = tree_map(np.add, dp, dp_t)  # one set of weights: its gradient is a sum over time
            dxs.append(dx)
            if steps is not None and t > 0 and t % steps == 0:
                ds_prev = tree_map(np.zeros_like, ds_prev)
            ds = _where(valid, ds_prev, ds)
    gradients = Gradients(dp, ds, np.stack(dxs[::-1]), _stack(totals[::-1]))
    check_overflow(gradients)
    return gradients


def _stack(steps: list[Any]) -> Any:
    return tree_map(lambda *arrays: np.stack(arrays), *steps)


def _at(tree: Any, t: int) -> Any:
    return tree_map(lambda array: array[t], tree)


def _where(valid: Any, new: Any, old: Any) -> Any:
    return tree_map(lambda a, b: np.where(valid, a, b), new, old)
