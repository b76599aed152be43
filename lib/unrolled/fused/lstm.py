"""The LSTM, fused: one product and seven short calls a step.

T steps, D inputs, H hidden units, B sequences side by side. The gates stand in the order o, i, f,
candidate, with c_{t-1} below them: the three that σ squashes are one block, and so are [i; f] and
what they scale, [c̃_t; c_{t-1}].
"""

from typing import Any, NamedTuple

import numpy as np

from ..bptt import Gradients
from ..cells.lstm import Params, State
from ..cells.protocol import Array
from . import parts

ORDER, BACK = [3, 0, 1, 2], [1, 2, 3, 0]  # to o, i, f, candidate, and back


class Cache(NamedTuple):
    """V (T + 1, N, B), see `parts`; A (T + 1, 5H, B): o, i, f, c̃ and c_{t-1}; tanh_c (T, H, B)."""

    V: Array
    A: Array
    tanh_c: Array


def unroll(p: Params, s0: State, xs: Array, lengths: Any) -> tuple[State, Cache]:
    """Return the states and what the backward pass needs."""
    (T, D, B), H, dtype = xs.shape, len(s0.h), xs.dtype
    W, V = parts.rows((w[ORDER] for w in p), halved=3), parts.stack(xs, s0.h)
    A, tanh_cs = np.empty((T + 1, 5 * H, B), dtype), np.empty((T, H, B), dtype)
    A[0, 4 * H :] = s0.c
    hs, cs = V[1:, D:-1], A[1:, 4 * H :]
    terms = np.empty((2 * H, B), dtype)  # i ⊙ c̃ and f ⊙ c_{t-1}
    blocks = A[:, : 4 * H], A[:, : 3 * H], A[:, :H], A[:, H : 3 * H], A[:, 3 * H :]
    half = xs.dtype.type(0.5)  # sooner than a Python number
    for v, a, sigmoids, o, i_f, tilde_c, c, tanh_c, h, pad in parts.along(
        T, V, *blocks, cs, tanh_cs, hs, parts.pads(lengths, T)
    ):
        np.matmul(W, v, out=a)
        np.tanh(a, out=a)
        sigmoids *= half
        sigmoids += half
        np.multiply(i_f, tilde_c, out=terms)
        np.add(terms[:H], terms[H:], out=c)
        np.tanh(c, out=tanh_c)
        np.multiply(o, tanh_c, out=h)
        if pad is not None:
            np.copyto(h, v[D:-1], where=pad)
            np.copyto(c, tilde_c[H:], where=pad)
    return State(parts.read_only(hs), parts.read_only(cs)), Cache(V, A, tanh_cs)


def backward(p: Params, caches: Cache, dstates: State, lengths: Any, steps: Any) -> Gradients:
    """Return all gradients."""
    (V, A, tanh_cs), dtype = caches, caches.V.dtype
    (T, H, B), D = tanh_cs.shape, p.W_x.shape[2]
    W_T = parts.columns(p.W_x[ORDER], p.W_h[ORDER])
    dW = parts.SumOverTime(4 * H, D + H + 1, B, dtype)
    dV, dC = parts.zeros_at_end(T, D + H, B, dtype), parts.zeros_at_end(T, H, B, dtype)
    hs, dhs, dcs = V[1:, D:-1], dV[1:, D:], dC[1:]  # of the states after step t
    J = Jacobians.empty(H, B, dtype)
    dc = np.empty((H, B), dtype)
    pads, cuts = parts.pads(lengths, T), parts.cuts(steps, T)
    for now in parts.chunks(T):
        da, dh_to_dc, _ = J.fill(A[now], hs[now], tanh_cs[now])
        series = dhs[now], dcs[now], dstates.h[now], dstates.c[now], dh_to_dc, A[now, 2 * H : 3 * H]
        outputs = da, da[:, :H], da[:, H:].reshape(-1, 3, H, B), dV[now], dC[now]
        for step in parts.backwards(*series, *outputs, pads[now], cuts[now]):
            dh, dc_t, up_h, up_c, k, f = step[:6]
            da_t, da_o, da_ifc, dv, dc_prev, pad, cut = step[6:]
            dh += up_h
            dc_t += up_c
            np.multiply(dh, k, out=dc)
            dc += dc_t
            da_o *= dh
            da_ifc *= dc
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
    W = dW.total.reshape(4, H, -1)[BACK]
    dp = Params(W[:, :, :D], W[:, :, D:-1], W[:, :, -1:])
    return Gradients(dp, State(dV[0, D:], dC[0]), dV[:T, :D], State(dhs, dcs))


class Jacobians(NamedTuple):
    """The elementwise derivatives of a chunk's steps (CHUNK, ., B), all before the loop.

    da (4H): of the pre-activations of o in h, and of i, f, candidate in c; dh_to_dc (H): of c in h;
    terms (2H): i ⊙ c̃ and f ⊙ c_{t-1}.
    """

    da: Array
    dh_to_dc: Array
    terms: Array

    @classmethod
    def empty(cls, H: int, B: int, dtype: Any) -> "Jacobians":
        """Return the memory for a chunk."""
        return cls(*(np.empty((parts.CHUNK, n * H, B), dtype) for n in (4, 1, 2)))

    def fill(self, a: Array, h: Array, tanh_c: Array) -> "Jacobians":
        """Return the Jacobians of n steps, given a (n, 5H, B), h and tanh_c (n, H, B)."""
        n, H, _ = h.shape
        da, dh_to_dc, terms = J = Jacobians(*(array[:n] for array in self))
        np.subtract(1, a[:, : 3 * H], out=da[:, : 3 * H])
        da[:, :H] *= h  # tanh(c) σ'(a_o) = h (1 - o), as h = o tanh(c)
        np.multiply(a[:, H : 3 * H], a[:, 3 * H :], out=terms)
        da[:, H : 3 * H] *= terms  # likewise i c̃ (1 - i) and f c_{t-1} (1 - f)
        i_c_tilde, c_tilde = terms[:, :H], a[:, 3 * H : 4 * H]
        np.multiply(i_c_tilde, c_tilde, out=da[:, 3 * H :])
        np.subtract(a[:, H : 2 * H], da[:, 3 * H :], out=da[:, 3 * H :])  # i (1 - c̃²)
        np.multiply(h, tanh_c, out=dh_to_dc)
        np.subtract(a[:, :H], dh_to_dc, out=dh_to_dc)  # o (1 - tanh²(c))
        return J
