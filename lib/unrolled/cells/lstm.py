"""Long short-term memory: three gates around a cell state that is kept by a product.

D inputs, H hidden units, B columns (the batch), gates in the order i, f, candidate, o:
x (D, B), h and c (H, B), W_x (4, H, D), W_h (4, H, H), b (4, H, 1).
Sources: Hochreiter and Schmidhuber (1997); the forget gate: Gers, Schmidhuber and Cummins (2000).
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from .protocol import Array, DType, Params, sigmoid, uniform

__all__ = ["Cache", "Params", "State", "init", "step", "step_backward", "zero_state"]


class State(NamedTuple):
    """h (H, B), the hidden state, and c (H, B), the cell state."""

    h: Array
    c: Array


class Cache(NamedTuple):
    """What the backward pass needs of a step: x (D, B), all others (H, B)."""

    x: Array
    h_prev: Array
    c_prev: Array
    i: Array
    f: Array
    c_tilde: Array
    o: Array
    c: Array


def init(rng: Generator, D: int, H: int, dtype: DType = float, forget_bias: float = 1) -> Params:
    """Return weights from U(-1/√H, 1/√H), and zero biases but for the forget gate's.

    With bias 0, f starts near 1/2: state and gradient halve at every step. Bias 1 starts f near
    σ(1) = 0.73, with a half-life of 2.2 steps, from where longer memory is learnt more easily
    (Gers et al. 2000; Jozefowicz et al. 2015).
    """
    W_x, W_h = (uniform(rng, (4, H, n), H, dtype) for n in (D, H))
    b = np.zeros((4, H, 1), dtype)
    b[1] = forget_bias
    return Params(W_x, W_h, b)


def zero_state(H: int, B: int, dtype: DType = float) -> State:
    """Return h_0 = 0 and c_0 = 0, each of shape (H, B)."""
    return State(np.zeros((H, B), dtype), np.zeros((H, B), dtype))


def step(p: Params, s: State, x: Array) -> tuple[State, Cache]:
    """Take one step: x (D, B) and the state before give the state after and the cache."""
    (W_ix, W_fx, W_cx, W_ox), (W_ih, W_fh, W_ch, W_oh), (b_i, b_f, b_c, b_o) = p
    i = sigmoid(W_ix @ x + W_ih @ s.h + b_i)
    f = sigmoid(W_fx @ x + W_fh @ s.h + b_f)
    c_tilde = np.tanh(W_cx @ x + W_ch @ s.h + b_c)
    c = f * s.c + i * c_tilde
    o = sigmoid(W_ox @ x + W_oh @ s.h + b_o)
    h = o * np.tanh(c)
    return State(h, c), Cache(x, s.h, s.c, i, f, c_tilde, o, c)


def step_backward(p: Params, cache: Cache, ds: State) -> tuple[Params, State, Array]:
    """Take the step backwards: dL/d(state after) gives dL/dp, dL/d(state before), dL/dx."""
    x, h_prev, c_prev, i, f, c_tilde, o, c = cache
    tanh_c = np.tanh(c)
    dc = ds.c + ds.h * o * (1 - tanh_c**2)
    da_i = dc * c_tilde * i * (1 - i)  # σ' = σ(1 - σ)
    da_f = dc * c_prev * f * (1 - f)
    da_c = dc * i * (1 - c_tilde**2)  # tanh' = 1 - tanh²
    da_o = ds.h * tanh_c * o * (1 - o)
    da = np.stack([da_i, da_f, da_c, da_o])
    dp = Params(da @ x.T, da @ h_prev.T, da.sum(axis=2, keepdims=True))
    return dp, State((p.W_h.mT @ da).sum(axis=0), dc * f), (p.W_x.mT @ da).sum(axis=0)
