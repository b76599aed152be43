"""The simple recurrent cell, fused: one product and one squashing a step.

T steps, D inputs, H hidden units, B sequences side by side.
"""

from typing import Any, NamedTuple

import numpy as np

from ..bptt import Gradients
from ..cells.protocol import Array, Params
from ..cells.rnn import State
from . import parts


class Cache(NamedTuple):
    """V (T + 1, D + H + 1, B), see `parts`: all that the backward pass needs."""

    V: Array


def d_tanh(h: Array, out: Array) -> None:
    """Write tanh' where tanh gave h: 1 - h²."""
    np.multiply(h, h, out=out)
    np.subtract(1, out, out=out)


def unroll(p: Params, s0: State, xs: Array, lengths: Any, f: Any = np.tanh) -> tuple[State, Cache]:
    """Return the states and what the backward pass needs; f(a, out=h) squashes."""
    (T, D, _), W, V = xs.shape, parts.rows(p), parts.stack(xs, s0.h)
    hs = V[1:, D:-1]
    for v, h_prev, h, pad in parts.along(T, V, V[:, D:-1], hs, parts.pads(lengths, T)):
        np.matmul(W, v, out=h)
        f(h, out=h)
        if pad is not None:
            np.copyto(h, h_prev, where=pad)
    return State(parts.read_only(hs)), Cache(V)


def backward(
    p: Params, caches: Cache, dstates: State, lengths: Any, steps: Any, df: Any = d_tanh
) -> Gradients:
    """Return all gradients; df(h, out) writes the derivative of f where f gave h."""
    V, up = caches.V, dstates.h
    (T, H, B), D = up.shape, p.W_x.shape[1]
    W_T, dW = parts.columns(p.W_x, p.W_h), parts.SumOverTime(H, D + H + 1, B, V.dtype)
    dV, das = parts.zeros_at_end(T, D + H, B, V.dtype), np.empty((parts.CHUNK, H, B), V.dtype)
    hs, dhs = V[1:, D:-1], dV[1:, D:]  # of the state after step t
    pads, cuts = parts.pads(lengths, T), parts.cuts(steps, T)
    for now in parts.chunks(T):
        da = das[: now.stop - now.start]
        df(hs[now], da)
        series = da, dhs[now], up[now], dV[now], pads[now], cuts[now]
        for da_t, dh, up_t, dv, pad, cut in parts.backwards(*series):
            dh += up_t
            da_t *= dh
            if pad is not None:
                np.copyto(da_t, 0, where=pad)
            np.matmul(W_T, da_t, out=dv)
            if cut:
                dv[D:] = 0
            if pad is not None:
                np.copyto(dv[D:], dh, where=pad)
        dW.add(da, V[now])
    W = dW.total
    dp = Params(W[:, :D], W[:, D:-1], W[:, -1:])
    return Gradients(dp, State(dV[0, D:]), dV[:T, :D], State(dhs))
