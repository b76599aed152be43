"""The LSTM with i = 1 - f, fused: c_t = c̃_t + f_t ⊙ (c_{t-1} - c̃_t).

T steps, D inputs, H hidden units, B sequences side by side; gates in the order o, f, candidate.
"""

from typing import Any, NamedTuple

import numpy as np

from ..bptt import Gradients
from ..cells.lstm_coupled import State
from ..cells.protocol import Array, Params
from . import parts

ORDER, BACK = [2, 0, 1], [1, 2, 0]  # to o, f, candidate, and back


class Cache(NamedTuple):
    """V (T + 1, N, B), see `parts`; A (T, 3H, B): o, f and c̃; C (T + 1, H, B); tanh_c (T, H, B)."""

    V: Array
    A: Array
    C: Array
    tanh_c: Array


def unroll(p: Params, s0: State, xs: Array, lengths: Any) -> tuple[State, Cache]:
    """Return the states and what the backward pass needs."""
    (T, D, B), H, dtype = xs.shape, len(s0.h), xs.dtype
    W, V = parts.rows((w[ORDER] for w in p), halved=2), parts.stack(xs, s0.h)
    A, C = np.empty((T, 3 * H, B), dtype), np.empty((T + 1, H, B), dtype)
    C[0], tanh_cs, hs = s0.c, np.empty((T, H, B), dtype), V[1:, D:-1]
    blocks = A, A[:, : 2 * H], A[:, :H], A[:, H : 2 * H], A[:, 2 * H :]
    half = xs.dtype.type(0.5)  # sooner than a Python number
    for v, a, sigmoids, o, f, c_tilde, c_prev, c, tanh_c, h, pad in parts.along(
        T, V, *blocks, C, C[1:], tanh_cs, hs, parts.pads(lengths, T)
    ):
        np.matmul(W, v, out=a)
        np.tanh(a, out=a)
        sigmoids *= half
        sigmoids += half
        np.subtract(c_prev, c_tilde, out=c)
        c *= f
        c += c_tilde
        np.tanh(c, out=tanh_c)
        np.multiply(o, tanh_c, out=h)
        if pad is not None:
            np.copyto(h, v[D:-1], where=pad)
            np.copyto(c, c_prev, where=pad)
    return State(parts.read_only(hs), parts.read_only(C[1:])), Cache(V, A, C, tanh_cs)


def backward(p: Params, caches: Cache, dstates: State, lengths: Any, steps: Any) -> Gradients:
    """Return all gradients."""
    (V, A, C, tanh_cs), dtype = caches, caches.V.dtype
    (T, H, B), D = tanh_cs.shape, p.W_x.shape[2]
    W_T = parts.columns(p.W_x[ORDER], p.W_h[ORDER])
    dW = parts.SumOverTime(3 * H, D + H + 1, B, dtype)
    dV, dC = parts.zeros_at_end(T, D + H, B, dtype), parts.zeros_at_end(T, H, B, dtype)
    hs, dhs, dcs = V[1:, D:-1], dV[1:, D:], dC[1:]  # of the states after step t
    das, ks = np.empty((parts.CHUNK, 3 * H, B), dtype), np.empty((parts.CHUNK, H, B), dtype)
    dc = np.empty((H, B), dtype)
    pads, cuts = parts.pads(lengths, T), parts.cuts(steps, T)
    for now in parts.chunks(T):
        n = now.stop - now.start
        da, dh_to_dc = das[:n], ks[:n]
        _jacobians(A[now], hs[now], C[now], tanh_cs[now], da, dh_to_dc)
        given = dhs[now], dcs[now], dstates.h[now], dstates.c[now], dh_to_dc, A[now, H : 2 * H]
        made = da, da[:, :H], da[:, H:].reshape(-1, 2, H, B), dV[now], dC[now]
        for dh, dc_t, up_h, up_c, k, f, da_t, da_o, da_fc, dv, dc_prev, pad, cut in parts.backwards(
            *given, *made, pads[now], cuts[now]
        ):
            dh += up_h
            dc_t += up_c
            np.multiply(dh, k, out=dc)
            dc += dc_t
            da_o *= dh
            da_fc *= dc
            if pad is not None:
                np.copyto(da_t, 0, where=pad)
            np.matmul(W_T, da_t, out=dv)
            np.multiply(dc, f, out=dc_prev)
            if cut:
                dv[D:], dc_prev[:] = 0, 0
            if pad is not None:
                np.copyto(dv[D:], dh, where=pad)
                np.copyto(dc_prev, dc_t, where=pad)
        dW.add(da, V[now])
    W = dW.total.reshape(3, H, -1)[BACK]
    dp = Params(W[:, :, :D], W[:, :, D:-1], W[:, :, -1:])
    return Gradients(dp, State(dV[0, D:], dC[0]), dV[:T, :D], State(dhs, dcs))


def _jacobians(
    a: Array, h: Array, c_prev: Array, tanh_c: Array, da: Array, dh_to_dc: Array
) -> None:
    """Write the derivatives of o in h, of f and the candidate in c (da), and of h in c."""
    H = h.shape[1]
    o, f, c_tilde = a[:, :H], a[:, H : 2 * H], a[:, 2 * H :]
    d_o, d_f, d_c = da[:, :H], da[:, H : 2 * H], da[:, 2 * H :]
    forgotten = 1 - f
    np.subtract(1, o, out=d_o)
    d_o *= h  # tanh(c) σ'(a_o) = h (1 - o), as h = o tanh(c)
    np.subtract(c_prev, c_tilde, out=d_f)
    d_f *= f
    d_f *= forgotten
    np.multiply(c_tilde, c_tilde, out=d_c)
    np.subtract(1, d_c, out=d_c)
    d_c *= forgotten
    np.multiply(h, tanh_c, out=dh_to_dc)
    np.subtract(o, dh_to_dc, out=dh_to_dc)  # o (1 - tanh²(c))
