"""The read-out y = W_y h + b_y, and the losses on it.

K outputs, H hidden units; h (..., H, B) and y (..., K, B), with or without a leading time axis.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator

from .cells.protocol import Array, DType, uniform
from .checks import check_array, check_overflow, check_tuple


class Params(NamedTuple):
    """W_y (K, H), b_y (K, 1)."""

    W_y: Array
    b_y: Array


def init(rng: Generator, H: int, K: int, dtype: DType = float) -> Params:
    """Return weights from U(-1/√H, 1/√H) and zero biases."""
    return Params(uniform(rng, (K, H), H, dtype), np.zeros((K, 1), dtype))


def linear(p: Params, h: Array) -> Array:
    """Return y = W_y h + b_y: h (..., H, B) gives y (..., K, B).

    Raises ValueError or TypeError, naming the argument, for a wrong shape, dtype, NaN or infinity,
    and OverflowError where y becomes too large for its dtype.
    """
    _check(p, h)
    with np.errstate(over="ignore", invalid="ignore"):
        y: Array = p.W_y @ h + p.b_y
    check_overflow(y, "y")
    return y


def linear_backward(p: Params, h: Array, dy: Array) -> tuple[Params, Array]:
    """Return (dp, dh) for the gradient dy (..., K, B) that arrived at y; summed over leading axes.

    Raises as `linear` does.
    """
    _check(p, h)
    check_array("dy", dy, (*h.shape[:-2], p.W_y.shape[0], h.shape[-1]), h.dtype)
    axes = tuple(range(h.ndim - 2))
    with np.errstate(over="ignore", invalid="ignore"):
        dW_y = (dy @ h.mT).sum(axis=axes)
        db_y = dy.sum(axis=-1, keepdims=True).sum(axis=axes)
        dh = p.W_y.T @ dy
    dp = Params(dW_y, db_y)
    check_overflow((dp, dh), "gradients")
    return dp, dh


def squared_error(y: Array, target: Array) -> tuple[float, Array]:
    """Return the mean of (y - target)² over all entries, and its gradient in y.

    y and target: any one shape. No factor ½, so that predicting the mean scores the variance.
    Raises ValueError or TypeError, naming the argument, and OverflowError for too large an error.
    """
    check_array("y", y, _any_shape(y))
    check_array("target", target, y.shape, y.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        error = y - target
        loss = np.mean(error**2)
    check_overflow(loss, "the squared error")
    return float(loss), 2 * error / error.size


def cross_entropy(y: Array, labels: Any) -> tuple[float, Array]:
    """Return the mean of -log softmax(y)[label] in nats, and its gradient in y.

    y (..., K, B): unnormalised log-probabilities (logits) of K classes; labels (..., B): whole
    numbers from 0 to K - 1. Raises ValueError or TypeError, naming the argument.
    """
    check_array("y", y, _any_shape(y) if np.ndim(y) >= 2 else ("K", "B"))
    labels = np.asarray(labels)
    K = y.shape[-2]
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be whole numbers, got {labels.dtype}")
    if labels.shape != (*y.shape[:-2], y.shape[-1]):
        raise ValueError(
            f"labels must have shape {(*y.shape[:-2], y.shape[-1])}, got {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= K:
        raise ValueError(
            f"labels must be from 0 to K - 1 = {K - 1}, got {labels.min()} to {labels.max()}"
        )
    shifted = y - y.max(axis=-2, keepdims=True)  # softmax does not change, exp cannot overflow
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-2, keepdims=True))
    one_hot = np.expand_dims(labels, -2) == np.arange(K).reshape(-1, 1)
    loss = -float(log_p[one_hot].mean())
    return loss, (np.exp(log_p) - one_hot.astype(y.dtype)) / labels.size


def _check(p: Params, h: Array) -> None:
    check_array("h", h, (*_any_shape(h)[:-2], "H", "B"))
    check_tuple("p", p, Params)
    check_array("p.W_y", p.W_y, ("K", h.shape[-2]), h.dtype)
    check_array("p.b_y", p.b_y, (p.W_y.shape[0], 1), h.dtype)


def _any_shape(value: Any) -> tuple[str, ...]:
    return tuple(f"n{axis}" for axis in range(np.ndim(value)))
