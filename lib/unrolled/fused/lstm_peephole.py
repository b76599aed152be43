"""The LSTM with peepholes, fused: the fused LSTM, whose o waits for c_t.

T steps, D inputs, H hidden units, B sequences side by side; gates in the order o, i, f, candidate.
"""

from typing import Any

import numpy as np

from ..bptt import Gradients
from ..cells.lstm_peephole import Params, State
from ..cells.protocol import Array
from . import parts
from .lstm import BACK, ORDER, Cache, Jacobians

__all__ = ["Cache", "backward", "unroll"]


def unroll(p: Params, s0: State, xs: Array, lengths: Any) -> tuple[State, Cache]:
    """Return the states and what the backward pass needs."""
    (T, D, B), H, dtype = xs.shape, len(s0.h), xs.dtype
    W, V = parts.rows((w[ORDER] for w in p[:3]), halved=3), parts.stack(xs, s0.h)
    A, tanh_cs = np.empty((T + 1, 5 * H, B), dtype), np.empty((T, H, B), dtype)
    A[0, 4 * H :] = s0.c
    hs, cs = V[1:, D:-1], A[1:, 4 * H :]
    p_i_f, p_o = np.stack([p.p_i, p.p_f]) / 2, p.p_o / 2  # halved like their gates
    terms, seen = np.empty((2 * H, B), dtype), np.empty((H, B), dtype)
    blocks = A[:, : 4 * H], A[:, H : 4 * H], A[:, :H], A[:, H : 3 * H], A[:, 3 * H :], A[:, 4 * H :]
    half = xs.dtype.type(0.5)  # sooner than a Python number
    for v, a, tanhs, o, i_f, tilde_c, c_prev, c, tanh_c, h, pad in parts.along(
        T, V, *blocks, cs, tanh_cs, hs, parts.pads(lengths, T)
    ):
        np.matmul(W, v, out=a)
        np.multiply(p_i_f, c_prev, out=terms.reshape(2, H, -1))
        i_f += terms
        np.tanh(tanhs, out=tanhs)
        i_f *= half
        i_f += half
        np.multiply(i_f, tilde_c, out=terms)
        np.add(terms[:H], terms[H:], out=c)
        np.multiply(p_o, c, out=seen)
        o += seen
        np.tanh(o, out=o)
        o *= half
        o += half
        np.tanh(c, out=tanh_c)
        np.multiply(o, tanh_c, out=h)
        if pad is not None:
            np.copyto(h, v[D:-1], where=pad)
            np.copyto(c, c_prev, where=pad)
    return State(parts.read_only(hs), parts.read_only(cs)), Cache(V, A, tanh_cs)


def backward(p: Params, caches: Cache, dstates: State, lengths: Any, steps: Any) -> Gradients:
    """Return all gradients."""
    (V, A, tanh_cs), dtype = caches, caches.V.dtype
    (T, H, B), D = tanh_cs.shape, p.W_x.shape[2]
    W_T = parts.columns(p.W_x[ORDER], p.W_h[ORDER])
    dW = parts.SumOverTime(4 * H, D + H + 1, B, dtype)
    dV, dC = parts.zeros_at_end(T, D + H, B, dtype), parts.zeros_at_end(T, H, B, dtype)
    hs, cs, dhs, dcs = V[1:, D:-1], A[1:, 4 * H :], dV[1:, D:], dC[1:]  # after step t
    J = Jacobians.empty(H, B, dtype)
    dc, seen, dp_c = np.empty((H, B), dtype), np.empty((H, B), dtype), np.zeros((3, H, 1), dtype)
    pads, cuts = parts.pads(lengths, T), parts.cuts(steps, T)
    for now in parts.chunks(T):
        da, dh_to_dc, _ = J.fill(A[now], hs[now], tanh_cs[now])
        gates = da.reshape(-1, 4, H, B).swapaxes(0, 1)
        given = dhs[now], dcs[now], dstates.h[now], dstates.c[now], dh_to_dc, A[now, 2 * H : 3 * H]
        made = da, *gates[:3], da[:, H:].reshape(-1, 3, H, B), dV[now], dC[now]
        for step in parts.backwards(*given, *made, pads[now], cuts[now]):
            dh, dc_t, up_h, up_c, k, f = step[:6]
            da_t, da_o, da_i, da_f, da_ifc, dv, dc_prev, pad, cut = step[6:]
            dh += up_h
            dc_t += up_c
            da_o *= dh
            np.multiply(dh, k, out=dc)
            dc += dc_t
            np.multiply(p.p_o, da_o, out=seen)
            dc += seen
            da_ifc *= dc
            if pad is not None:
                np.copyto(da_t, 0, where=pad)
            np.matmul(W_T, da_t, out=dv)
            np.multiply(dc, f, out=dc_prev)
            for peephole, da_gate in ((p.p_i, da_i), (p.p_f, da_f)):
                np.multiply(peephole, da_gate, out=seen)
                dc_prev += seen
            if cut:
                dv[D:], dc_prev[:] = 0, 0
            if pad is not None:
                np.copyto(dv[D:], dh, where=pad)
                np.copyto(dc_prev, dc_t, where=pad)
        dW.add(da, V[now])
        c_prev, c = A[now, 4 * H :], cs[now]
        for total, da_gate, cell in zip(dp_c, gates[[1, 2, 0]], (c_prev, c_prev, c), strict=True):
            total += (da_gate * cell).sum(axis=(0, 2)).reshape(H, 1)
    W = dW.total.reshape(4, H, -1)[BACK]
    dp = Params(W[:, :, :D], W[:, :, D:-1], W[:, :, -1:], *dp_c)
    return Gradients(dp, State(dV[0, D:], dC[0]), dV[:T, :D], State(dhs, dcs))
