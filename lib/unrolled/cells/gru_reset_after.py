"""Gated recurrent unit whose reset gate acts after the product, as in PyTorch, Keras and cuDNN.

D inputs, H hidden units, B columns (the batch), gates in the order z, r, candidate:
x (D, B), h (H, B), W_x (3, H, D), W_h (3, H, H), b (3, H, 1), b_hn (H, 1).

z is the share of the *new*, so PyTorch's and Keras's z is our 1 - z. Source: Cho et al. (2014),
version 1. The bias b_hn is scaled by r, so it cannot be folded into b.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from .gru import State, zero_state
from .protocol import Array, DType, sigmoid, uniform

__all__ = ["Cache", "Params", "State", "init", "step", "step_backward", "zero_state"]


class Params(NamedTuple):
    """W_x (3, H, D), W_h (3, H, H), b (3, H, 1), and b_hn (H, 1) inside the reset product."""

    W_x: Array
    W_h: Array
    b: Array
    b_hn: Array


class Cache(NamedTuple):
    """What the backward pass needs of a step: x (D, B), all others (H, B); n is what r scales."""

    x: Array
    h_prev: Array
    z: Array
    r: Array
    h_tilde: Array
    n: Array


def init(rng: Generator, D: int, H: int, dtype: DType = float) -> Params:
    """Return weights from U(-1/√H, 1/√H) and zero biases."""
    W_x, W_h = (uniform(rng, (3, H, n), H, dtype) for n in (D, H))
    return Params(W_x, W_h, np.zeros((3, H, 1), dtype), np.zeros((H, 1), dtype))


def step(p: Params, s: State, x: Array) -> tuple[State, Cache]:
    """Take one step: x (D, B) and the state before give the state after and the cache."""
    (W_zx, W_rx, W_hx), (W_zh, W_rh, W_hh), (b_z, b_r, b_h), b_hn = p
    z = sigmoid(W_zx @ x + W_zh @ s.h + b_z)
    r = sigmoid(W_rx @ x + W_rh @ s.h + b_r)
    n = W_hh @ s.h + b_hn
    h_tilde = np.tanh(W_hx @ x + b_h + r * n)
    h = (1 - z) * s.h + z * h_tilde
    return State(h), Cache(x, s.h, z, r, h_tilde, n)


def step_backward(p: Params, cache: Cache, ds: State) -> tuple[Params, State, Array]:
    """Take the step backwards: dL/d(state after) gives dL/dp, dL/d(state before), dL/dx."""
    x, h_prev, z, r, h_tilde, n = cache
    da_h = ds.h * z * (1 - h_tilde**2)
    da_z = ds.h * (h_tilde - h_prev) * z * (1 - z)
    da_r = da_h * n * r * (1 - r)
    dn = da_h * r
    da, da_rec = np.stack([da_z, da_r, da_h]), np.stack([da_z, da_r, dn])
    db, db_hn = da.sum(axis=2, keepdims=True), dn.sum(axis=1, keepdims=True)
    dp = Params(da @ x.T, da_rec @ h_prev.T, db, db_hn)
    dh_prev = ds.h * (1 - z) + (p.W_h.mT @ da_rec).sum(axis=0)
    return dp, State(dh_prev), (p.W_x.mT @ da).sum(axis=0)
