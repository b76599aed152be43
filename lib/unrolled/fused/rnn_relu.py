"""The rectified recurrent cell, fused: the simple one with another f and its derivative."""

from typing import Any

import numpy as np

from ..bptt import Gradients
from ..cells.protocol import Array, Params
from ..cells.rnn import State
from . import rnn
from .rnn import Cache

__all__ = ["Cache", "backward", "unroll"]


def rectify(a: Array, out: Array) -> None:
    """Write max(a, 0)."""
    np.maximum(a, 0, out=out)


def d_rectify(h: Array, out: Array) -> None:
    """Write the slope where the rectifier gave h; at the kink it is 0."""
    np.greater(h, 0, out=out)


def unroll(p: Params, s0: State, xs: Array, lengths: Any) -> tuple[State, Cache]:
    """Return the states and what the backward pass needs."""
    return rnn.unroll(p, s0, xs, lengths, f=rectify)


def backward(p: Params, caches: Cache, dstates: State, lengths: Any, steps: Any) -> Gradients:
    """Return all gradients."""
    return rnn.backward(p, caches, dstates, lengths, steps, df=d_rectify)
