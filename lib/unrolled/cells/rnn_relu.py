"""Simple recurrent cell with a rectifier for tanh, which the identity-initialised network uses.

D inputs, H hidden units, B columns (the batch):
x (D, B), h (H, B), W_x (H, D), W_h (H, H), b (H, 1).
Source: Le, Jaitly and Hinton (2015). `init` is the usual one: the identity is for the caller.
"""

import numpy as np

from .protocol import Array, Params
from .rnn import Cache, State, init, zero_state

__all__ = ["Cache", "Params", "State", "init", "step", "step_backward", "zero_state"]


def step(p: Params, s: State, x: Array) -> tuple[State, Cache]:
    """Take one step: x (D, B) and the state before give the state after and the cache."""
    h = np.maximum(p.W_x @ x + p.W_h @ s.h + p.b, 0)
    return State(h), Cache(x, s.h, h)


def step_backward(p: Params, cache: Cache, ds: State) -> tuple[Params, State, Array]:
    """Take the step backwards: dL/d(state after) gives dL/dp, dL/d(state before), dL/dx.

    At the kink itself the slope is taken to be 0.
    """
    x, h_prev, h = cache
    da = ds.h * (h > 0)
    dp = Params(da @ x.T, da @ h_prev.T, da.sum(axis=1, keepdims=True))
    return dp, State(p.W_h.T @ da), p.W_x.T @ da
