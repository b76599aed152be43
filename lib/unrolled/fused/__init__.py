"""The loop over time, fused: `unroll` and `backward` with the same numbers as `bptt`, sooner.

A step of the readable loop is some forty small array operations. Here the inputs, the state and a
row of ones stand in one buffer, so that all gates are one product, `W @ [x_t; h_{t-1}; 1]`, the
form in which most texts write the cells; σ goes through tanh, so that they are one call; the
elementwise derivatives are computed for many steps at once, before the backward loop, which then
holds only what is sequential; and the gradient of W is one product over the steps of a chunk.
Nothing is kept between calls. `training.train` uses this loop.
"""

from types import ModuleType
from typing import Any

import numpy as np

from .. import bptt, cells
from ..bptt import Gradients
from ..cells.protocol import Array, Cell
from ..checks import (
    check_array,
    check_backward,
    check_overflow,
    check_products,
    check_tuple,
    check_unroll,
)
from . import gru, gru_reset_after, lstm, lstm_coupled, lstm_peephole, rnn, rnn_relu

__all__ = ["backward", "unroll"]

KERNELS = (
    (cells.gru, gru),
    (cells.gru_reset_after, gru_reset_after),
    (cells.lstm, lstm),
    (cells.lstm_coupled, lstm_coupled),
    (cells.lstm_peephole, lstm_peephole),
    (cells.rnn, rnn),
    (cells.rnn_relu, rnn_relu),
)


def unroll(cell: Cell, p: Any, s0: Any, xs: Array, lengths: Any = None) -> tuple[Any, Any]:
    """Run a cell over a sequence: `bptt.unroll`, with the same arguments, states and errors.

    xs (T, D, B) and lengths (B,), if given; returns (states, caches), with states.h (T, H, B).
    Raises TypeError or ValueError as `bptt.unroll` does.

    The states cannot be written, since the caches share their memory, and the caches are for
    `fused.backward` alone. A cell that has no fused form, such as one of your own, runs in the
    readable loop.
    """
    kernel = _kernel(cell)
    if kernel is None:
        return bptt.unroll(cell, p, s0, xs, lengths)
    lengths = check_unroll(cell, p, s0, xs, lengths)
    with np.errstate(over="ignore", invalid="ignore"):
        states, caches = kernel.unroll(p, s0, xs, lengths)
    check_overflow(states, "states")
    check_products(p, s0, xs, states)
    return states, caches


def backward(
    cell: Cell, p: Any, caches: Any, dstates: Any, *, lengths: Any = None, steps: int | None = None
) -> Gradients:
    """Run the backward pass of `fused.unroll`: `bptt.backward`, same arguments, gradients, errors.

    caches: as returned by `fused.unroll`; dstates: a State with fields (T, H, B). Raises TypeError
    or ValueError as `bptt.backward` does.
    """
    kernel = _kernel(cell)
    if kernel is None:
        return bptt.backward(cell, p, caches, dstates, lengths=lengths, steps=steps)
    check_tuple("caches", caches, kernel.Cache)
    check_tuple("p", p, cell.Params)
    check_array("p.W_x", p.W_x, (*np.shape(p.W_x)[:-2], "H", "D"))
    H, D = p.W_x.shape[-2:]
    check_array("caches.V", caches.V, ("T + 1", D + H + 1, "B"), p.W_x.dtype)
    T, B = caches.V.shape[0] - 1, caches.V.shape[2]
    for field, array in caches._asdict().items():
        if np.ndim(array) != 3 or len(array) not in (T, T + 1) or array.shape[2] != B:
            raise ValueError(f"caches.{field} must be as unroll left it, got {np.shape(array)}")
    lengths = check_backward(cell, p, dstates, (T, D, H, B), p.W_x.dtype, lengths, steps)
    with np.errstate(over="ignore", invalid="ignore"):
        gradients: Gradients = kernel.backward(p, caches, dstates, lengths, steps)
    check_overflow(gradients)
    return gradients


def _kernel(cell: Any) -> ModuleType | None:
    return next((kernel for known, kernel in KERNELS if known is cell), None)
