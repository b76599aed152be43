"""What the fused loops share: stacked buffers, masks, chunks of time, sums over time.

T steps, D inputs, H hidden units, B sequences side by side, G rows of gates, N = D + H + 1.

V[t] = [x_t; h_{t-1}; 1], so that W V[t] with W = [W_x, W_h, b] is every pre-activation of a step in
one product, and the next h is written where the next product reads it. The backward pass mirrors
it: dV[t] = [W_x, W_h]ᵀ da_t holds dL/dx_t and what step t sends back to h_{t-1}.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cells.protocol import Array

CHUNK = 10  # steps: enough for one good product, few enough for the cache


def rows(weights: Iterable[Array], halved: int = 0) -> Array:
    """Return the weights W_x, W_h, b as one matrix [W_x, W_h, b] (G, N), gate under gate.

    The first `halved` gates are halved: σ(a) = (1 + tanh(a / 2)) / 2, so one call of tanh serves
    all gates.
    """
    W = np.concatenate(list(weights), axis=-1)
    W[:halved] *= 0.5
    return W.reshape(-1, W.shape[-1])


def columns(W_x: Array, W_h: Array) -> Array:
    """Return [W_x, W_h]ᵀ as one matrix (D + H, G), stored row by row."""
    W = np.concatenate([W_x, W_h], axis=-1)
    return np.ascontiguousarray(W.reshape(-1, W.shape[-1]).T)


def stack(xs: Array, h0: Array) -> Array:
    """Return V (T + 1, N, B) with the inputs, the ones and h_0 in place."""
    (T, D, B), H = xs.shape, len(h0)
    V = np.empty((T + 1, D + H + 1, B), xs.dtype)
    V[:T, :D], V[T, :D] = xs, 0  # no x after the last step
    V[0, D:-1], V[:, -1] = h0, 1
    return V


def zeros_at_end(T: int, rows: int, B: int, dtype: Any) -> Array:
    """Return memory for gradients (T + 1, rows, B): 0 after the last step, the rest not yet set."""
    array = np.empty((T + 1, rows, B), dtype)
    array[T] = 0
    return array


def read_only(array: Array) -> Array:
    """Return a view that cannot be written, of memory that the caches share."""
    view = array.view()
    view.flags.writeable = False
    return view


def pads(lengths: Any, T: int) -> list[NDArray[np.bool_] | None]:
    """Return for every step the mask (B,) of the sequences that have ended, or None if none has."""
    shortest = lengths.min()
    return [t >= lengths if t >= shortest else None for t in range(T)]


def cuts(steps: int | None, T: int) -> list[bool]:
    """Return for every step whether truncated BPTT ends there."""
    return [steps is not None and t > 0 and t % steps == 0 for t in range(T)]


def chunks(T: int) -> Iterator[slice]:
    """Yield slices of at most CHUNK steps that cover 0 to T, the last one first."""
    for start in reversed(range(0, T, CHUNK)):
        yield slice(start, min(start + CHUNK, T))


def along(T: int, *series: Any) -> Iterator[Any]:
    """Yield the entries of the series at t = 0 to T - 1, side by side."""
    return islice(zip(*series, strict=False), T)


def backwards(*series: Any) -> Iterator[Any]:
    """Yield the entries of the series side by side, the last first."""
    return zip(*(s[::-1] for s in series), strict=True)


class SumOverTime:
    """Σ_t da_t V_tᵀ, the gradient of W (G, N): one product a chunk, over steps and columns."""

    def __init__(self, G: int, N: int, B: int, dtype: Any) -> None:
        self.total = np.zeros((G, N), dtype)
        self._part = np.empty((G, N), dtype)
        self._da, self._v = (np.empty((n, CHUNK, B), dtype) for n in (G, N))

    def add(self, da: Array, v: Array) -> None:
        """Add a chunk of n steps: da (n, G, B), v (n, N, B)."""
        flat = []
        for side_by_side, array in ((self._da, da), (self._v, v)):
            n, rows, B = array.shape
            np.copyto(side_by_side[:, :n], array.swapaxes(0, 1))
            flat.append(side_by_side.reshape(rows, -1)[:, : n * B])
        np.matmul(flat[0], flat[1].T, out=self._part)
        self.total += self._part
