"""Simple recurrent cell: one squashed mixture of the input and the previous state.

D inputs, H hidden units, B columns (the batch):
x (D, B), h (H, B), W_x (H, D), W_h (H, H), b (H, 1).

Source: Elman (1990).
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from .protocol import Array, DType, Params, uniform

__all__ = ["Cache", "Params", "State", "init", "step", "step_backward", "zero_state"]


class State(NamedTuple):
    """h (H, B)."""

    h: Array


class Cache(NamedTuple):
    """What the backward pass needs of a step: x (D, B), h_prev (H, B) and h (H, B)."""

    x: Array
    h_prev: Array
    h: Array


def init(rng: Generator, D: int, H: int, dtype: DType = float) -> Params:
    """Return weights from U(-1/√H, 1/√H) and zero biases."""
    W_x = uniform(rng, (H, D), H, dtype)
    W_h = uniform(rng, (H, H), H, dtype)
    return Params(W_x, W_h, np.zeros((H, 1), dtype))


def zero_state(H: int, B: int, dtype: DType = float) -> State:
    """Return h_0 = 0, of shape (H, B)."""
    return State(np.zeros((H, B), dtype))


def step(p: Params, s: State, x: Array) -> tuple[State, Cache]:
    """Take one step: x (D, B) and the state before give the state after and the cache."""
    h = np.tanh(p.W_x @ x + p.W_h @ s.h + p.b)

    return State(h), Cache(x, s.h, h)


def step_backward(p: Params, cache: Cache, ds: State) -> tuple[Params, State, Array]:
    """Take the step backwards: dL/d(state after) gives dL/dp, dL/d(state before), dL/dx."""
    x, h_prev, h = cache

    da = ds.h * (1 - h**2)  # tanh' = 1 - tanh²

    dp = Params(da @ x.T, da @ h_prev.T, da.sum(axis=1, keepdims=True))
    return dp, State(p.W_h.T @ da), p.W_x.T @ da
