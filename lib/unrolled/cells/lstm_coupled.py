"""LSTM with coupled gates, i = 1 - f: what is written takes the place of what is kept.

D inputs, H hidden units, B columns (the batch), gates in the order f, candidate, o:
x (D, B), h and c (H, B), W_x (3, H, D), W_h (3, H, H), b (3, H, 1).
Source: Greff et al. (2017), the variant CIFG.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from .lstm import State, zero_state
from .protocol import Array, DType, Params, sigmoid, uniform

__all__ = ["Cache", "Params", "State", "init", "step", "step_backward", "zero_state"]


class Cache(NamedTuple):
    """What the backward pass needs of a step: x (D, B), all others (H, B)."""

    x: Array
    h_prev: Array
    c_prev: Array
    f: Array
    c_tilde: Array
    o: Array
    c: Array


def init(rng: Generator, D: int, H: int, dtype: DType = float, forget_bias: float = 1) -> Params:
    """Return weights from U(-1/√H, 1/√H), and zero biases but for the forget gate's: see `lstm`."""
    W_x, W_h = (uniform(rng, (3, H, n), H, dtype) for n in (D, H))
    b = np.zeros((3, H, 1), dtype)
    b[0] = forget_bias
    return Params(W_x, W_h, b)


def step(p: Params, s: State, x: Array) -> tuple[State, Cache]:
    """Take one step: x (D, B) and the state before give the state after and the cache."""
    (W_fx, W_cx, W_ox), (W_fh, W_ch, W_oh), (b_f, b_c, b_o) = p
    f = sigmoid(W_fx @ x + W_fh @ s.h + b_f)
    c_tilde = np.tanh(W_cx @ x + W_ch @ s.h + b_c)
    c = f * s.c + (1 - f) * c_tilde
    o = sigmoid(W_ox @ x + W_oh @ s.h + b_o)
    h = o * np.tanh(c)
    return State(h, c), Cache(x, s.h, s.c, f, c_tilde, o, c)


def step_backward(p: Params, cache: Cache, ds: State) -> tuple[Params, State, Array]:
    """Take the step backwards: dL/d(state after) gives dL/dp, dL/d(state before), dL/dx."""
    x, h_prev, c_prev, f, c_tilde, o, c = cache
    tanh_c = np.tanh(c)
    dc = ds.c + ds.h * o * (1 - tanh_c**2)
    da_f = dc * (c_prev - c_tilde) * f * (1 - f)
    da_c = dc * (1 - f) * (1 - c_tilde**2)
    da_o = ds.h * tanh_c * o * (1 - o)
    da = np.stack([da_f, da_c, da_o])
    dp = Params(da @ x.T, da @ h_prev.T, da.sum(axis=2, keepdims=True))
    return dp, State((p.W_h.mT @ da).sum(axis=0), dc * f), (p.W_x.mT @ da).sum(axis=0)
