"""Train a cell with a linear read-out, one record at a time."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from tqdm.auto import tqdm

from . import readout
from .cells.protocol import Array, Cell, DType
from .checks import (
    check_array,
    check_cell,
    check_count,
    check_lengths,
    check_number,
    check_overflow,
    check_params,
    check_tuple,
)
from .fused import backward, unroll
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
    """Return fresh parameters for D inputs, H hidden units and K outputs.

    Raises TypeError or ValueError for what is no cell, no random generator, no positive whole
    number, or neither float32 nor float64.
    """
    check_cell(cell)
    for name, count in (("D", D), ("H", H), ("K", K)):
        check_count(name, count)
    return Model(cell.init(rng, D, H, dtype), readout.init(rng, H, K, dtype))


def predict(cell: Cell, model: Model, xs: Array, lengths: Any = None) -> Array:
    """Return the read-out y (T, K, B) at every step of xs (T, D, B), from a zero state.

    lengths: (B,), if given, how many steps of each sequence are valid; after them y stays as it is.
    Raises ValueError or TypeError, naming the argument, for a wrong shape, dtype, NaN or infinity.
    """
    H, dtype = _check_model(cell, model)
    check_array("xs", xs, ("T", "D", "B"), dtype)
    states, _ = unroll(cell, model.cell, cell.zero_state(H, xs.shape[2], dtype), xs, lengths)
    return readout.linear(model.readout, states.h)


def loss_and_gradients(
    cell: Cell,
    model: Model,
    xs: Array,
    target: Any,
    loss: Loss,
    *,
    lengths: Any = None,
    every_step: bool = False,
) -> tuple[float, Model]:
    """Return the loss of the model on xs (T, D, B), from a zero state, and all its gradients.

    loss: a function of (y, target) such as `readout.squared_error`. It sees the last step's
    y (K, B), which is the last valid one where lengths (B,) are given; with every_step, all of
    y (T, K, B). With both it sees the columns of the N valid steps only: y (K, N), and target (N,)
    from labels (T, B) or (K, N) from values (T, K, B), so that its mean is one over valid steps.
    Raises as `predict` and the loss do.
    """
    H, dtype = _check_model(cell, model)
    check_array("xs", xs, ("T", "D", "B"), dtype)
    T, _, B = xs.shape
    s0 = cell.zero_state(H, B, dtype)
    states, caches = unroll(cell, model.cell, s0, xs, lengths)
    h = states.h if every_step else states.h[-1]
    y = readout.linear(model.readout, h)
    if every_step and lengths is not None:
        valid = np.arange(T)[:, np.newaxis] < check_lengths(lengths, T, B)
        seen = _columns("y", y, valid)
        value, d_valid = loss(seen, _columns("target", target, valid))
        check_array("the loss's gradient", d_valid, seen.shape, dtype)
        dy = np.zeros_like(y)
        dy.swapaxes(0, 1)[:, valid] = d_valid
    else:
        value, dy = loss(y, target)
        check_array("the loss's gradient", dy, y.shape, dtype)

    d_readout, dh = readout.linear_backward(model.readout, h, dy)
    dstates = tree_map(np.zeros_like, states)
    dstates.h[slice(None) if every_step else -1] = dh
    gradients = backward(cell, model.cell, caches, dstates, lengths=lengths)
    return value, Model(gradients.p, d_readout)


def train(
    cell: Cell,
    model: Model,
    batches: Iterable[tuple[Any, ...]],
    loss: Loss,
    optimizer: Optimizer,
    *,
    every_step: bool = False,
    clip: float | None = None,
    total: int | None = None,
    progress: bool = True,
) -> Iterator[Record]:
    """Train by gradient descent through time, one update a batch, and yield a `Record` of each.

    batches: pairs (xs (T, D, B), target), or triples with lengths (B,) as well; loss and every_step
    as in `loss_and_gradients`; clip: the largest joint norm of all gradients, if any; total: how
    many batches there are, where their iterable has no length. A progress bar shows the loss,
    unless progress is False or the environment has TQDM_DISABLE. The model passed in is left as it
    was.

    Raises ValueError or TypeError, naming the argument, for bad parameters at once and for a bad
    batch when it comes, and FloatingPointError when the loss or its gradient is no longer finite,
    or an OverflowError came on the way.
    """
    _check_model(cell, model)
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be an Optimizer such as adam(1e-3), got {optimizer!r}")
    if not callable(loss):
        raise TypeError(f"loss must be a function such as squared_error, got {loss!r:.80}")
    if clip is not None:
        check_number("clip", clip)
        if clip <= 0:
            raise ValueError(f"clip must be positive or None, got {clip!r}")
    if isinstance(batches, np.ndarray) or not isinstance(batches, Iterable):
        wanted = "pairs (xs, target) or triples (xs, target, lengths)"
        raise TypeError(f"batches must yield {wanted}, got {type(batches).__name__}")

    def records() -> Iterator[Record]:
        current, memory = model, optimizer.init(model)
        # TQDM_DISABLE is tqdm's own switch, but its notebook bar overlooks it.
        silent = not progress or bool(os.environ.get("TQDM_DISABLE"))
        with tqdm(batches, total=total, leave=False, disable=silent) as bar:
            for update, batch in enumerate(bar, start=1):
                if not isinstance(batch, tuple) or len(batch) not in (2, 3):
                    wanted = "(xs, target) or (xs, target, lengths)"
                    raise TypeError(f"batch {update} must be {wanted}, got {batch!r:.80}")
                xs, target, lengths = (*batch, None)[:3]
                try:
                    value, gradients = loss_and_gradients(
                        cell, current, xs, target, loss, lengths=lengths, every_step=every_step
                    )
                    norm = tree_norm(gradients)
                    if not (np.isfinite(value) and np.isfinite(norm)):
                        raise OverflowError(f"the loss is {value}, its gradient's norm {norm}")
                    if clip is not None:
                        gradients, _ = clip_by_norm(gradients, clip)
                    with np.errstate(over="ignore", invalid="ignore"):
                        current, memory = optimizer.update(current, gradients, memory)
                    check_overflow(current, "model")
                except OverflowError as error:
                    raise FloatingPointError(
                        f"update {update}: {error}; a smaller learning rate or clip= may help"
                    ) from error
                bar.set_postfix(loss=f"{value:.4f}", refresh=False)
                yield Record(update, value, norm, current)

    return records()


def _columns(name: str, values: Any, valid: Any) -> Any:
    """Return the entries at valid (T, B) steps: (N,) of (T, B), (K, N) of (T, K, B)."""
    values = np.asarray(values)
    if values.shape not in (valid.shape, (valid.shape[0], *values.shape[1:2], valid.shape[1])):
        T, B = valid.shape
        raise ValueError(
            f"{name} must have shape {T, B} or ({T}, K, {B}) beside lengths, got {values.shape}"
        )
    return values[valid] if values.ndim == 2 else values.swapaxes(0, 1)[:, valid]


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
