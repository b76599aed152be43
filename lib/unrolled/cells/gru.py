"""Gated recurrent unit: an update gate z blends the old state with a candidate.

D inputs, H hidden units, B columns (the batch), gates in the order z, r, candidate:
x (D, B), h (H, B), W_x (3, H, D), W_h (3, H, H), b (3, H, 1).

z is the share of the *new*, as in Chung et al. (2014), and r acts before the product with W_h, as
in Cho et al. (2014), version 3. PyTorch's z is our 1 - z, and its r acts after the product.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from .protocol import Array, DType, Params, sigmoid, uniform

__all__ = ["Cache", "Params", "State", "init", "step", "step_backward", "zero_state"]


class State(NamedTuple):
    """h (H, B)."""

    h: Array


class Cache(NamedTuple):
    """What the backward pass needs of a step: x (D, B); h_prev, z, r and h_tilde (H, B)."""

    x: Array
    h_prev: Array
    z: Array
    r: Array
    h_tilde: Array


def init(rng: Generator, D: int, H: int, dtype: DType = float) -> Params:
    """Return weights from U(-1/√H, 1/√H) and zero biases."""
    W_x = uniform(rng, (3, H, D), H, dtype)
    W_h = uniform(rng, (3, H, H), H, dtype)
    return Params(W_x, W_h, np.zeros((3, H, 1), dtype))


def zero_state(H: int, B: int, dtype: DType = float) -> State:
    """Return h_0 = 0, of shape (H, B)."""
    return State(np.zeros((H, B), dtype))


def step(p: Params, s: State, x: Array) -> tuple[State, Cache]:
    """Take one step: x (D, B) and the state before give the state after and the cache."""
    (W_zx, W_rx, W_hx), (W_zh, W_rh, W_hh), (b_z, b_r, b_h) = p

    z = sigmoid(W_zx @ x + W_zh @ s.h + b_z)
    r = sigmoid(W_rx @ x + W_rh @ s.h + b_r)
    h_tilde = np.tanh(W_hx @ x + W_hh @ (r * s.h) + b_h)
    h = (1 - z) * s.h + z * h_tilde

    return State(h), Cache(x, s.h, z, r, h_tilde)


def step_backward(p: Params, cache: Cache, ds: State) -> tuple[Params, State, Array]:
    """Take the step backwards: dL/d(state after) gives dL/dp, dL/d(state before), dL/dx."""
    x, h_prev, z, r, h_tilde = cache
    W_zh, W_rh, W_hh = p.W_h

    da_h = ds.h * z * (1 - h_tilde**2)
    drh = W_hh.T @ da_h  # dL/d(r ⊙ h_prev)
    da_z = ds.h * (h_tilde - h_prev) * z * (1 - z)
    da_r = drh * h_prev * r * (1 - r)
    da = np.stack([da_z, da_r, da_h])

    dW_h = np.stack([da_z @ h_prev.T, da_r @ h_prev.T, da_h @ (r * h_prev).T])
    dp = Params(da @ x.T, dW_h, da.sum(axis=2, keepdims=True))
    dh_prev = ds.h * (1 - z) + drh * r + W_zh.T @ da_z + W_rh.T @ da_r
    return dp, State(dh_prev), (p.W_x.mT @ da).sum(axis=0)
