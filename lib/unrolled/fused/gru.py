"""The GRU, fused: two products a step, since the reset comes before the second.

T steps, D inputs, H hidden units, B sequences side by side. U[t] = [x_t; r_t ⊙ h_{t-1}; 1] is to
the candidate what V[t] is to the gates z and r.
"""

from typing import Any, NamedTuple

import numpy as np

from ..bptt import Gradients
from ..cells.gru import State
from ..cells.protocol import Array, Params
from . import parts


class Cache(NamedTuple):
    """V and U (T + 1, N, B), see `parts`; A (T, 2H, B): z and r; tildes (T, H, B): h̃."""

    V: Array
    U: Array
    A: Array
    tildes: Array


def unroll(p: Params, s0: State, xs: Array, lengths: Any) -> tuple[State, Cache]:
    """Return the states and what the backward pass needs."""
    (T, D, B), H = xs.shape, len(s0.h)
    W_zr, W_c = parts.rows((w[:2] for w in p), halved=2), parts.rows(w[2] for w in p)
    V, U = parts.stack(xs, s0.h), parts.stack(xs, s0.h)
    A, tildes = np.empty((T, 2 * H, B), xs.dtype), np.empty((T, H, B), xs.dtype)
    hs = V[1:, D:-1]
    half = xs.dtype.type(0.5)  # sooner than a Python number
    for v, h_prev, u, rh, a, z, r, h_tilde, h, pad in parts.along(
        T, V, V[:, D:-1], U, U[:, D:-1], A, A[:, :H], A[:, H:], tildes, hs, parts.pads(lengths, T)
    ):
        np.matmul(W_zr, v, out=a)
        np.tanh(a, out=a)
        a *= half
        a += half
        np.multiply(r, h_prev, out=rh)
        np.matmul(W_c, u, out=h_tilde)
        np.tanh(h_tilde, out=h_tilde)
        np.subtract(h_tilde, h_prev, out=h)
        h *= z
        h += h_prev
        if pad is not None:
            np.copyto(h, h_prev, where=pad)
    return State(parts.read_only(hs)), Cache(V, U, A, tildes)


def backward(p: Params, caches: Cache, dstates: State, lengths: Any, steps: Any) -> Gradients:
    """Return all gradients."""
    (V, U, A, tildes), dtype = caches, caches.V.dtype
    (T, H, B), D = tildes.shape, p.W_x.shape[2]
    W_zr_T, W_c_T = parts.columns(p.W_x[:2], p.W_h[:2]), parts.columns(p.W_x[2], p.W_h[2])
    dW_zr, dW_c = (parts.SumOverTime(n * H, D + H + 1, B, dtype) for n in (2, 1))
    dV, du = parts.zeros_at_end(T, D + H, B, dtype), np.empty((D + H, B), dtype)
    hs, dhs = V[1:, D:-1], dV[1:, D:]  # of the state after step t
    das, das_h, keeps = (np.empty((parts.CHUNK, n * H, B), dtype) for n in (2, 1, 1))
    kept, d_rh = np.empty((H, B), dtype), du[D:]
    pads, cuts = parts.pads(lengths, T), parts.cuts(steps, T)
    for now in parts.chunks(T):
        n = now.stop - now.start
        da, da_h, keep = das[:n], das_h[:n], keeps[:n]
        _jacobians(A[now], tildes[now], V[now, D:-1], hs[now], da, da_h, keep)
        for dh, up_h, k, r, da_t, da_z, da_r, da_ht, dv, dh_prev, pad, cut in parts.backwards(
            *(dhs[now], dstates.h[now], keep, A[now, H:], da, da[:, :H], da[:, H:], da_h),
            *(dV[now], dV[now, D:], pads[now], cuts[now]),
        ):
            dh += up_h
            da_z *= dh
            da_ht *= dh
            if pad is not None:
                np.copyto(da_z, 0, where=pad)
                np.copyto(da_ht, 0, where=pad)
            np.matmul(W_c_T, da_ht, out=du)
            da_r *= d_rh
            d_rh *= r
            np.matmul(W_zr_T, da_t, out=dv)
            dv += du
            np.multiply(dh, k, out=kept)
            dh_prev += kept
            if cut:
                dh_prev[:] = 0
            if pad is not None:
                np.copyto(dh_prev, dh, where=pad)
        dW_zr.add(da, V[now])
        dW_c.add(da_h, U[now])
    W = np.concatenate([dW_zr.total, dW_c.total]).reshape(3, H, -1)
    dp = Params(W[:, :, :D], W[:, :, D:-1], W[:, :, -1:])
    return Gradients(dp, State(dV[0, D:]), dV[:T, :D], State(dhs))


def _jacobians(
    a: Array, h_tilde: Array, h_prev: Array, h: Array, da: Array, da_h: Array, keep: Array
) -> None:
    """Write the derivatives of z and the candidate (da_h) and h_{t-1} (keep) in h, of r in r h."""
    H = h.shape[1]
    z, r, d_z, d_r = a[:, :H], a[:, H:], da[:, :H], da[:, H:]
    np.subtract(1, z, out=keep)
    np.subtract(h, h_prev, out=d_z)  # z (h̃ - h_{t-1})
    d_z *= keep
    np.subtract(1, r, out=d_r)
    d_r *= r
    d_r *= h_prev
    np.multiply(h_tilde, h_tilde, out=da_h)
    np.subtract(1, da_h, out=da_h)
    da_h *= z
