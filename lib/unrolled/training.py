"""Train a cell with a linear read-out, one record at a time."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from tqdm.auto import tqdm

from . import readout
from .bptt import backward, unroll
from .cells.protocol import Array, Cell, DType
from .checks import check_array, check_cell, check_params, check_tuple
from .optimizers import Optimizer, clip_by_norm
from .tree import tree_map, tree_norm

Loss = Callable[[Array, Any], tuple[float, Array]]


class Model(NamedTuple):
    """The parameters of a cell and of the read-out on its hidden state."""

    cell: Any
    readout: readout.Params


class Record(NamedTuple):
    """One update: its number from 1, loss and gradient norm before it, and the model after it."""

    update: int
    loss: float
    gradient_norm: float
    model: Model


def init_model(cell: Cell, rng: Generator, D: int, H: int, K: int, dtype: DType = float) -> Model:
    """Return fresh parameters for D inputs, H hidden units and K outputs."""
    check_cell(cell)
    return Model(cell.init(rng, D, H, dtype), readout.init(rng, H, K, dtype))


def predict(cell: Cell, model: Model, xs: Array) -> Array:
    """Return the read-out y (T, K, B) at every step of xs (T, D, B), from a zero state.

    Raises ValueError or TypeError, naming the argument, for a wrong shape, dtype, NaN or infinity.
    """
    H, dtype = _check_model(cell, model)
    check_array("xs", xs, ("T", "D", "B"), dtype)
    states, _ = unroll(cell, model.cell, cell.zero_state(H, xs.shape[2], dtype), xs)
    return readout.linear(model.readout, states.h)


def loss_and_gradients(
    cell: Cell, model: Model, xs: Array, target: Any, loss: Loss, *, every_step: bool = False
) -> tuple[float, Model]:
    """Return the loss of the model on xs (T, D, B), from a zero state, and all its gradients.

    loss: a function of (y, target) such as `readout.squared_error`. It sees the last step's
    y (K, B); with every_step, all of y (T, K, B). Raises as `predict` and the loss do.
    """
    H, dtype = _check_model(cell, model)
    check_array("xs", xs, ("T", "D", "B"), dtype)
    s0 = cell.zero_state(H, xs.shape[2], dtype)
    states, caches = unroll(cell, model.cell, s0, xs)
    h = states.h if every_step else states.h[-1]
    value, dy = loss(readout.linear(model.readout, h), target)

    d_readout, dh = readout.linear_backward(model.readout, h, dy)
    dstates = tree_map(np.zeros_like, states)
    dstates.h[slice(None) if every_step else -1] = dh
    return value, Model(backward(cell, model.cell, caches, dstates).p, d_readout)


def train(
    cell: Cell,
    model: Model,
    batches: Iterable[tuple[Array, Any]],
    loss: Loss,
    optimizer: Optimizer,
    *,
    every_step: bool = False,
    clip: float | None = None,
    total: int | None = None,
    progress: bool = True,
) -> Iterator[Record]:
    """Train by gradient descent through time, one update a batch, and yield a `Record` of each.

    batches: pairs (xs (T, D, B), target); loss and every_step as in `loss_and_gradients`; clip: the
    largest joint norm of all gradients, if any; total: how many batches there are, where their
    iterable has no length. A progress bar shows the loss, unless progress is False or the
    environment has TQDM_DISABLE. The model passed in is left as it was.

    Raises ValueError or TypeError, naming the argument, for bad parameters at once and for a bad
    batch when it comes, and FloatingPointError when the loss or its gradient is no longer finite.
    """
    _check_model(cell, model)
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be an Optimizer such as adam(1e-3), got {optimizer!r}")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip must be positive or None, got {clip!r}")
    if isinstance(batches, np.ndarray) or not isinstance(batches, Iterable):
        raise TypeError(f"batches must yield pairs (xs, target), got {type(batches).__name__}")

    def records() -> Iterator[Record]:
        current, memory = model, optimizer.init(model)
        # TQDM_DISABLE is tqdm's own switch, but its notebook bar overlooks it.
        silent = not progress or bool(os.environ.get("TQDM_DISABLE"))
        with tqdm(batches, total=total, leave=False, disable=silent) as bar:
            for update, batch in enumerate(bar, start=1):
                if not isinstance(batch, tuple) or len(batch) != 2:
                    raise TypeError(
                        f"batch {update} must be a pair (xs, target), got {batch!r:.80}"
                    )
                value, gradients = loss_and_gradients(
                    cell, current, *batch, loss, every_step=every_step
                )
                norm = tree_norm(gradients)
                if not (np.isfinite(value) and np.isfinite(norm)):
                    raise FloatingPointError(
                        f"update {update}: the loss is {value} and its gradient's norm {norm}; "
                        "a smaller learning rate or clip= may help"
                    )
                if clip is not None:
                    gradients, _ = clip_by_norm(gradients, clip)
                current, memory = optimizer.update(current, gradients, memory)
                bar.set_postfix(loss=f"{value:.4f}", refresh=False)
                yield Record(update, value, norm, current)

    return records()


def _check_model(cell: Cell, model: Model) -> tuple[int, Any]:
    """Check the model's parameters against each other; return (H, dtype)."""
    check_cell(cell)
    check_tuple("model", model, Model)
    check_tuple("model.cell", model.cell, cell.Params)
    check_tuple("model.readout", model.readout, readout.Params)
    W_y = model.readout.W_y
    check_array("model.readout.W_y", W_y, ("K", "H"))
    K, H = W_y.shape
    check_array("model.readout.b_y", model.readout.b_y, (K, 1), W_y.dtype)
    W_x = model.cell.W_x
    if not isinstance(W_x, np.ndarray) or W_x.ndim < 2:
        raise TypeError(f"model.cell.W_x must be an array of weights, got {type(W_x).__name__}")
    check_params(cell, model.cell, W_x.shape[-1], H, W_y.dtype, "model.cell")
    return H, W_y.dtype
