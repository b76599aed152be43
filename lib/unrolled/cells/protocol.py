"""What the loop over time asks of a cell, and what the cells share.

Shapes: D inputs, H hidden units, B sequences side by side (the batch); columns, batch last.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike, NDArray

from ..checks import check_count, check_float, check_rng

Array = NDArray[np.floating[Any]]
DType = DTypeLike


class Params(NamedTuple):
    """Weights of the input and of the state, and biases; a gated cell stacks its gates in front.

    W_x (H, D) or (gates, H, D), W_h (H, H) or (gates, H, H), b (H, 1) or (gates, H, 1).
    """

    W_x: Array
    W_h: Array
    b: Array


class Cell(Protocol):
    """A module of pure functions and named tuples: state in, state out, nothing hidden."""

    Params: Any
    State: Any
    Cache: Any

    def init(self, rng: Generator, D: int, H: int, dtype: DType = float) -> Any:
        """Return fresh Params."""

    def zero_state(self, H: int, B: int, dtype: DType = float) -> Any:
        """Return the State before the first step."""

    def step(self, p: Any, s: Any, x: Array) -> tuple[Any, Any]:
        """Return the next State and the Cache that `step_backward` needs."""

    def step_backward(self, p: Any, cache: Any, ds: Any) -> tuple[Any, Any, Array]:
        """Return the gradients of the Params, of the previous State and of the input."""


def sigmoid(a: Array) -> Array:
    """Return σ(a) = 1 / (1 + exp(-a)), elementwise, of the shape of `a`.

    Computed as (1 + tanh(a / 2)) / 2, which is the same function and cannot overflow.
    """
    s: Array = 0.5 * (1 + np.tanh(0.5 * a))
    return s


def uniform(rng: Generator, shape: tuple[int, ...], H: int, dtype: DType) -> Array:
    """Return weights of this shape from U(-1/√H, 1/√H), the usual start of recurrent layers.

    Drawn in float64 and then rounded, so that float32 and float64 networks start alike. Raises
    TypeError or ValueError for what is no random generator, no positive whole number, or neither
    float32 nor float64.
    """
    check_rng(rng)
    check_float(dtype)
    check_count("H", H)
    for n in shape:
        check_count(f"every length of {shape}", n)
    k = 1 / np.sqrt(H)
    return rng.uniform(-k, k, shape).astype(dtype)
