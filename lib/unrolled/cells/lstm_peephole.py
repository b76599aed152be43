"""LSTM with peepholes: i and f see the old cell state, o the new one, each through a diagonal.

D inputs, H hidden units, B columns (the batch), gates in the order i, f, candidate, o:
x (D, B), h and c (H, B), W_x (4, H, D), W_h (4, H, H), b (4, H, 1), p_i, p_f, p_o (H, 1).
Source: Gers, Schraudolph and Schmidhuber (2002), with every gradient kept.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from . import lstm
from .lstm import Cache, State, zero_state
from .protocol import Array, DType, sigmoid, uniform

__all__ = ["Cache", "Params", "State", "init", "step", "step_backward", "zero_state"]


class Params(NamedTuple):
    """W_x (4, H, D), W_h (4, H, H), b (4, H, 1); the peepholes p_i, p_f, p_o (H, 1)."""

    W_x: Array
    W_h: Array
    b: Array
    p_i: Array
    p_f: Array
    p_o: Array


def init(rng: Generator, D: int, H: int, dtype: DType = float, forget_bias: float = 1) -> Params:
    """Return the LSTM's weights and biases, and peepholes from U(-1/√H, 1/√H)."""
    W_x, W_h, b = lstm.init(rng, D, H, dtype, forget_bias)
    return Params(W_x, W_h, b, *(uniform(rng, (H, 1), H, dtype) for _ in "ifo"))


def step(p: Params, s: State, x: Array) -> tuple[State, Cache]:
    """Take one step: x (D, B) and the state before give the state after and the cache."""
    (W_ix, W_fx, W_cx, W_ox), (W_ih, W_fh, W_ch, W_oh), (b_i, b_f, b_c, b_o) = p[:3]
    i = sigmoid(W_ix @ x + W_ih @ s.h + p.p_i * s.c + b_i)
    f = sigmoid(W_fx @ x + W_fh @ s.h + p.p_f * s.c + b_f)
    c_tilde = np.tanh(W_cx @ x + W_ch @ s.h + b_c)
    c = f * s.c + i * c_tilde
    o = sigmoid(W_ox @ x + W_oh @ s.h + p.p_o * c + b_o)
    h = o * np.tanh(c)
    return State(h, c), Cache(x, s.h, s.c, i, f, c_tilde, o, c)


def step_backward(p: Params, cache: Cache, ds: State) -> tuple[Params, State, Array]:
    """Take the step backwards: dL/d(state after) gives dL/dp, dL/d(state before), dL/dx."""
    x, h_prev, c_prev, i, f, c_tilde, o, c = cache
    tanh_c = np.tanh(c)
    da_o = ds.h * tanh_c * o * (1 - o)
    dc = ds.c + ds.h * o * (1 - tanh_c**2) + p.p_o * da_o
    da_i = dc * c_tilde * i * (1 - i)
    da_f = dc * c_prev * f * (1 - f)
    da_c = dc * i * (1 - c_tilde**2)
    da = np.stack([da_i, da_f, da_c, da_o])
    peepholes = (da_i * c_prev, da_f * c_prev, da_o * c)
    dp_c = (g.sum(axis=1, keepdims=True) for g in peepholes)
    dp = Params(da @ x.T, da @ h_prev.T, da.sum(axis=2, keepdims=True), *dp_c)
    dc_prev = dc * f + p.p_i * da_i + p.p_f * da_f
    return dp, State((p.W_h.mT @ da).sum(axis=0), dc_prev), (p.W_x.mT @ da).sum(axis=0)
