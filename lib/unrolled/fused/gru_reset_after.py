"""The GRU that resets after the product, fused: one product and nine short calls a step.

T steps, D inputs, H hidden units, B sequences side by side. The rows of W are z, r and n, what r
scales: n = W_h h_{t-1} + b_hn sees no x. The candidate's W_x x + b is computed for all steps first.
"""

from typing import Any, NamedTuple

import numpy as np

from ..bptt import Gradients
from ..cells.gru_reset_after import Params, State
from ..cells.protocol import Array
from . import parts


class Cache(NamedTuple):
    """V (T + 1, N, B), see `parts`; A (T, 3H, B): z, r and n; tildes (T, H, B): h̃."""

    V: Array
    A: Array
    tildes: Array


def unroll(p: Params, s0: State, xs: Array, lengths: Any) -> tuple[State, Cache]:
    """Return the states and what the backward pass needs."""
    (T, D, B), H = xs.shape, len(s0.h)
    W, V = parts.rows(_stacked(p), halved=2), parts.stack(xs, s0.h)
    A, tildes, rn = np.empty((T, 3 * H, B), xs.dtype), p.W_x[2] @ xs, np.empty((H, B), xs.dtype)
    tildes += p.b[2]
    hs = V[1:, D:-1]
    blocks = A, A[:, : 2 * H], A[:, :H], A[:, H : 2 * H], A[:, 2 * H :]
    half = xs.dtype.type(0.5)  # sooner than a Python number
    for v, h_prev, a, sigmoids, z, r, n, h_tilde, h, pad in parts.along(
        T, V, V[:, D:-1], *blocks, tildes, hs, parts.pads(lengths, T)
    ):
        np.matmul(W, v, out=a)
        np.tanh(sigmoids, out=sigmoids)
        sigmoids *= half
        sigmoids += half
        np.multiply(r, n, out=rn)
        h_tilde += rn
        np.tanh(h_tilde, out=h_tilde)
        np.subtract(h_tilde, h_prev, out=h)
        h *= z
        h += h_prev
        if pad is not None:
            np.copyto(h, h_prev, where=pad)
    return State(parts.read_only(hs)), Cache(V, A, tildes)


def backward(p: Params, caches: Cache, dstates: State, lengths: Any, steps: Any) -> Gradients:
    """Return all gradients."""
    (V, A, tildes), dtype = caches, caches.V.dtype
    (T, H, B), D = tildes.shape, p.W_x.shape[2]
    W_T = parts.columns(*_stacked(p)[:2])
    dW = parts.SumOverTime(3 * H, D + H + 1, B, dtype)
    dW_hx, db_h = parts.SumOverTime(H, D, B, dtype), np.zeros((H, 1), dtype)
    dV = parts.zeros_at_end(T, D + H, B, dtype)
    hs, dhs = V[1:, D:-1], dV[1:, D:]  # of the state after step t
    das, das_h, keeps = (np.empty((parts.CHUNK, n * H, B), dtype) for n in (3, 1, 1))
    kept = np.empty((H, B), dtype)
    pads, cuts = parts.pads(lengths, T), parts.cuts(steps, T)
    for now in parts.chunks(T):
        steps_now = now.stop - now.start
        da, da_h, keep = das[:steps_now], das_h[:steps_now], keeps[:steps_now]
        _jacobians(A[now], tildes[now], V[now, D:-1], hs[now], da, da_h, keep)
        gates = da.reshape(-1, 3, H, B)
        for dh, up_h, k, da_t, da_zrn, da_ht, dv, dh_prev, pad, cut in parts.backwards(
            *(dhs[now], dstates.h[now], keep, da, gates, da_h),
            *(dV[now], dV[now, D:], pads[now], cuts[now]),
        ):
            dh += up_h
            da_zrn *= dh
            da_ht *= dh
            if pad is not None:
                np.copyto(da_t, 0, where=pad)
                np.copyto(da_ht, 0, where=pad)
            np.matmul(W_T, da_t, out=dv)
            np.multiply(dh, k, out=kept)
            dh_prev += kept
            if cut:
                dh_prev[:] = 0
            if pad is not None:
                np.copyto(dh_prev, dh, where=pad)
        dV[now, :D] += p.W_x[2].T @ da_h
        dW.add(da, V[now])
        dW_hx.add(da_h, V[now, :D])
        db_h += da_h.sum(axis=(0, 2)).reshape(H, 1)
    W = dW.total.reshape(3, H, -1)
    W_x, b, b_hn = W[:, :, :D], W[:, :, -1:], W[2, :, -1:].copy()
    W_x[2], b[2] = dW_hx.total, db_h
    return Gradients(Params(W_x, W[:, :, D:-1], b, b_hn), State(dV[0, D:]), dV[:T, :D], State(dhs))


def _stacked(p: Params) -> tuple[Array, Array, Array]:
    """Return W_x, W_h and b of the rows z, r and n."""
    W_zx, W_rx, W_hx = p.W_x
    return np.stack([W_zx, W_rx, np.zeros_like(W_hx)]), p.W_h, np.stack([*p.b[:2], p.b_hn])


def _jacobians(
    a: Array, h_tilde: Array, h_prev: Array, h: Array, da: Array, da_h: Array, keep: Array
) -> None:
    """Write the derivatives of z, r, n (da), of the candidate (da_h) and of h_{t-1} (keep) in h."""
    H = h.shape[1]
    z, r, n = a[:, :H], a[:, H : 2 * H], a[:, 2 * H :]
    d_z, d_r, d_n = da[:, :H], da[:, H : 2 * H], da[:, 2 * H :]
    np.subtract(1, z, out=keep)
    np.subtract(h, h_prev, out=d_z)  # z (h̃ - h_{t-1})
    d_z *= keep
    np.multiply(h_tilde, h_tilde, out=da_h)
    np.subtract(1, da_h, out=da_h)
    da_h *= z
    np.multiply(da_h, r, out=d_n)
    np.subtract(1, r, out=d_r)
    d_r *= n
    d_r *= d_n
