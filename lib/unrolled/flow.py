"""How a gradient flows through time: Jacobians, their products, norms, bounds, the direct path.

T steps, H hidden units, B columns (the batch). A column's state s has n numbers: n = H, or 2H in
an LSTM, h above c. Steps count from 0: s_t is what `states` holds at t, and step t leads from
s_{t-1} to s_t; s_{-1} is the s0 that `unroll` was given.

All functions raise TypeError for a wrong type or dtype and ValueError for a wrong shape, NaN or
infinity, each naming the argument; more is said where more is raised.

Sources: Y. Bengio, P. Simard and P. Frasconi, "Learning long-term dependencies with gradient
descent is difficult" (1994); R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
recurrent neural networks", section 2 (ICML 2013).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .cells.protocol import Array, Cell
from .checks import (
    check_array,
    check_backward,
    check_caches,
    check_cell,
    check_count,
    check_lengths,
    check_number,
    check_params,
)
from .tree import tree_map


class Saturation(NamedTuple):
    """Share of a gate's values near 0 (below) and near 1 (above), of each unit: (H,)."""

    below: Array
    above: Array


# Jacobians


def jacobians(cell: Cell, p: Any, caches: Any, *, lengths: Any = None) -> Array:
    """Return the Jacobian of every step, of the whole state: J (T, B, n, n).

    J[t, b, i, j] = ∂s_t[i] / ∂s_{t-1}[j] in column b, so that ds_t = J[t, b] @ ds_{t-1}; a gradient
    goes back by the transpose. p: the cell's Params; caches: as returned by `unroll`; lengths: as
    given to it; a frozen step has J = I. In an LSTM s is h above c; `blocks` names the four parts.

    Row i is what `cell.step_backward` makes of a gradient that is 1 at s_t[i] and 0 elsewhere.
    Raises OverflowError if an entry overflows.
    """
    check_cell(cell)
    T, D, H, B, dtype = check_caches(cell, caches)
    check_params(cell, p, D, H, dtype)
    lengths = check_lengths(lengths, T, B)

    parts = len(cell.State._fields)
    n = parts * H
    identity = np.eye(n, dtype=dtype)
    ds = cell.State(*np.split(np.tile(identity, B), parts))  # B identities side by side
    J = np.empty((T, B, n, n), dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(T):
            cache = cell.Cache(*(np.repeat(array[t], n, axis=1) for array in caches))
            _, ds_prev, _ = cell.step_backward(p, cache, ds)
            rows = np.concatenate(ds_prev).reshape(n, B, n)  # [j, b, i]
            J[t] = rows.transpose(1, 2, 0)
            J[t, t >= lengths] = identity
    _check_overflow("a step's Jacobian", J)
    return J


def blocks(cell: Cell, J: Array) -> Any:
    """Return the blocks of a Jacobian J (..., n, n), or of a product, by name: a State of States.

    For an LSTM `blocks(lstm, J).c.h` is ∂c_t/∂h_{t-1}, of shape (..., H, H); for a cell without c
    `.h.h` is J itself. The blocks are views.
    """
    check_cell(cell)
    _check_square("J", J)
    parts = len(cell.State._fields)
    if J.shape[-1] % parts:
        raise ValueError(f"J must have {parts} H rows and columns, got {J.shape}")
    rows = np.split(J, parts, axis=-2)
    return cell.State(*(cell.State(*np.split(row, parts, axis=-1)) for row in rows))


def product(J: Array) -> Array:
    """Return J[T-1] @ ... @ J[0], the last step leftmost: (T, ..., n, n) gives (..., n, n).

    So `product(J[k + 1 : t + 1])` is ∂s_t/∂s_k, and `product(J)` is ∂s_{T-1}/∂s0.
    Raises OverflowError if an entry overflows: `log10_norms` does not.
    """
    _check_square("J", J, "T")
    result: Array = J[0].copy()
    with np.errstate(over="ignore", invalid="ignore"):
        for J_t in J[1:]:
            result = J_t @ result
    _check_overflow("the product", result)
    return result


def products(J: Array) -> Array:
    """Return ∂s_{T-1}/∂s_t for every t: J (T, ..., n, n) gives P of the same shape.

    P[t] = J[T-1] @ ... @ J[t+1], the order of the chain rule, and P[T-1] = I; a gradient
    dL/ds_{T-1} reaches s_t as P[t].T @ dL/ds_{T-1}. Raises OverflowError if an entry overflows:
    `log10_norms` does not.
    """
    _check_square("J", J, "T")
    P = np.empty_like(J)
    P[-1] = np.eye(J.shape[-1])
    with np.errstate(over="ignore", invalid="ignore"):
        for t in reversed(range(len(J) - 1)):
            P[t] = P[t + 1] @ J[t + 1]
    _check_overflow("the product", P)
    return P


def log10_norms(J: Array) -> NDArray[np.float64]:
    """Return log10 ‖∂s_{T-1}/∂s_t‖ for every t: J (T, ..., n, n) gives (T, ...), float64.

    The norm is the largest singular value. Powers of two are split off on the way, so the result
    is right where the product itself would overflow or underflow, and -inf for a product of 0.
    Only what is smaller by 1e-308 than the largest entry beside it gets lost.
    """
    _check_square("J", J, "T")
    norms, exponents = _product_norms(J)
    logs = np.full(norms.shape, -np.inf)
    np.log10(norms, where=norms > 0, out=logs)
    logs += np.log10(2) * exponents
    return logs


# Gradients over time


def gradient_norms(dstates: Any) -> Any:
    """Return ‖dL/dh_t‖, and ‖dL/dc_t‖ in an LSTM, for every t: a State of arrays (T, B).

    dstates: a State of arrays (T, H, B), such as `backward(...).states`. Each norm is over the
    units of one column, so that no sequence hides another; the norm over the batch is the root of
    the sum of squares along the last axis. For what c holds see `total_cell_gradient`.
    """
    if "h" not in getattr(dstates, "_fields", ()):
        raise TypeError(
            "dstates must be a State with a leading time axis, such as backward(...).states, "
            f"got {type(dstates).__name__}"
        )
    check_array("dstates.h", dstates.h, ("T", "H", "B"))
    for field, array in dstates._asdict().items():
        check_array(f"dstates.{field}", array, dstates.h.shape, dstates.h.dtype)
    return tree_map(_column_norms, dstates)


def total_cell_gradient(
    cell: Cell, p: Any, caches: Any, dstates: Any, *, lengths: Any = None
) -> Array:
    """Return the total dL/dc_t (T, H, B) of an LSTM, through c_{t+1} and through h_t alike.

    `backward(...).states` keeps two shares apart: states.c[t] came along c (or from the loss), and
    states.h[t] arrived at h_t, which also depends on c_t. With h_t = o_t ⊙ tanh(c_t) the total is
    states.c[t] + states.h[t] ⊙ ∂h_t/∂c_t. dstates: those states; p, caches and lengths: as given to
    `backward`; a frozen step computes no h_t from c_t, so nothing is added there.
    Raises ValueError for a cell without c.
    """
    check_cell(cell)
    _check_has_c(cell)
    T, D, H, B, dtype = check_caches(cell, caches)
    lengths = check_backward(cell, p, dstates, (T, D, H, B), dtype, lengths, None)
    valid = np.arange(T).reshape(T, 1, 1) < lengths
    total: Array = dstates.c + np.where(valid, dstates.h * _dh_dc(p, caches), 0)
    return total


# Matrices


def singular_values(A: Array) -> Array:
    """Return the singular values of A (..., n, m), largest first: (..., min(n, m))."""
    check_array("A", A, (*_batch_axes(A, 2), "n", "m"))
    return np.linalg.svd(A, compute_uv=False)


def sigma_max(A: Array) -> Any:
    """Return the largest singular value of A (..., n, m): how much A stretches a vector at most.

    A number for one matrix, (...) for a stack. It is the norm that bounds a step and a product of
    steps; the spectral radius bounds neither.
    """
    return singular_values(A).max(axis=-1)


def spectral_radius(A: Array) -> Any:
    """Return the largest |eigenvalue| of A (..., n, n): the growth of ‖A^k‖ a step as k → ∞.

    A number for one matrix, (...) for a stack. It says nothing about small k (see `power_norms`),
    nor about products of different matrices.
    """
    _check_square("A", A)
    return np.abs(np.linalg.eigvals(A)).max(axis=-1)


def power_norms(A: Array, K: int) -> Array:
    """Return ‖A^k‖, the largest singular value, for k = 0 ... K: A (..., n, n) gives (K + 1, ...).

    Where A is not normal, the norms may grow before they vanish, even with a spectral radius below
    1 (L. Trefethen and M. Embree, "Spectra and pseudospectra", part IV, 2005).
    Raises ValueError for K < 0, OverflowError if a norm overflows.
    """
    _check_square("A", A)
    check_count("K", K, 0)
    norms, exponents = _product_norms(np.broadcast_to(A, (K + 1, *A.shape)))
    with np.errstate(over="ignore"):
        powers: Array = np.ldexp(norms, exponents)[::-1]
    _check_overflow("the norm of a power", powers)
    return powers


def contraction_bound(W_h: Array, gamma: float = 1, steps: int = 1) -> Any:
    """Return (γ σ_max(W_h))^steps, which bounds ‖∂h_t/∂h_{t-steps}‖ in a simple recurrent network.

    A step's Jacobian is D_t W_h with D_t diagonal, and no entry of D_t is above γ = max|f'|: 1 for
    tanh and the rectifier, 1/4 for σ. Below 1 the gradient must vanish; above 1 it may explode, and
    need not. W_h (..., H, H): a number for one matrix, (...) for a stack.

    Source: Pascanu, Mikolov and Bengio (2013), section 2.1. Raises ValueError for gamma <= 0 or
    steps < 0, OverflowError if the bound overflows.
    """
    _check_square("W_h", W_h)
    check_number("gamma", gamma)
    if gamma <= 0:
        raise ValueError(f"gamma must be positive, got {gamma!r}")
    check_count("steps", steps, 0)
    with np.errstate(over="ignore"):
        bound = (gamma * sigma_max(W_h).astype(float)) ** steps
    _check_overflow("the bound", bound)
    return bound


# Gates


def kept(cell: Cell, caches: Any, *, lengths: Any = None) -> Array:
    """Return the share of the old state that each step keeps (T, H, B): f, or 1 - z in a GRU.

    With the gates (and the candidate) held fixed this is the diagonal of ∂c_t/∂c_{t-1}, in a GRU
    of ∂h_t/∂h_{t-1}. A frozen step keeps all. Raises ValueError for a cell without such a gate.
    """
    check_cell(cell)
    T, _, _, B, _ = check_caches(cell, caches)
    lengths = check_lengths(lengths, T, B)
    if "f" in cell.Cache._fields:
        share: Array = caches.f
    elif "z" in cell.Cache._fields:
        share = 1 - caches.z
    else:
        raise ValueError(f"cell must have a forget gate f or an update gate z, got {_name(cell)}")
    return np.where(np.arange(T).reshape(T, 1, 1) < lengths, share, np.ones_like(share))


def direct_path(cell: Cell, caches: Any, *, lengths: Any = None) -> Array:
    """Return the product of what is kept after step t, for every t: (T, H, B).

    path[t] = f_{T-1} ⊙ ... ⊙ f_{t+1} (1 - z for f in a GRU), and path[T-1] = 1. It is the diagonal
    of ∂c_{T-1}/∂c_t with all gates and candidates held fixed, whatever peepholes there are: one
    term of the derivative and no bound on it; see `total_path`. A long product may underflow to 0;
    its logarithm is the sum of those of `kept`. Raises ValueError for a cell without such a gate.

    Source: Hochreiter and Schmidhuber (1997), section 3, for f = 1, the constant error carousel.
    """
    share = kept(cell, caches, lengths=lengths)
    path = np.ones_like(share)
    for t in reversed(range(len(share) - 1)):
        path[t] = path[t + 1] * share[t + 1]
    return path


def total_path(cell: Cell, p: Any, caches: Any, *, lengths: Any = None) -> Array:
    """Return the total derivative of which `direct_path` is one term, for every t: (T, B, H, H).

    For an LSTM it is ∂c_{T-1}/∂c_t by every way, h_t = o_t ⊙ tanh(c_t) moving along with c_t. That
    is not yet the block c.c of `products`, where h_t and c_t are two coordinates of the state and
    h_t stays put. For other cells it is ∂h_{T-1}/∂h_t. Raises OverflowError if an entry overflows.
    """
    P = products(jacobians(cell, p, caches, lengths=lengths))
    if "c" not in cell.State._fields:
        return P
    dc = blocks(cell, P).c
    dh_dc = _dh_dc(p, caches).swapaxes(1, 2)[:, :, np.newaxis, :]  # scales columns
    with np.errstate(over="ignore", invalid="ignore"):
        total: Array = dc.c + dc.h * dh_dc
    _check_overflow("the total derivative", total)
    return total


def saturation(
    cell: Cell, caches: Any, *, low: float = 0.1, high: float = 0.9, lengths: Any = None
) -> dict[str, Saturation]:
    """Return how often each gate is below `low` and above `high`: `saturation(...)["f"].above`.

    The gates go by their letters in the Cache, in its order; candidates are no gates. The shares
    are of all valid steps and columns, unit by unit, (H,); their mean is that of the whole gate.

    Source: A. Karpathy, J. Johnson and L. Fei-Fei, "Visualizing and understanding recurrent
    networks", section 4.2 (2015), with these thresholds. Raises ValueError unless 0 <= low <= high
    <= 1, and for a cell without gates.
    """
    check_cell(cell)
    T, _, _, B, _ = check_caches(cell, caches)
    lengths = check_lengths(lengths, T, B)
    check_number("low", low)
    check_number("high", high)
    if not 0 <= low <= high <= 1:
        raise ValueError(f"low and high must have 0 <= low <= high <= 1, got {low!r} and {high!r}")
    gates = [name for name in cell.Cache._fields if name in ("z", "r", "i", "f", "o")]
    if not gates:
        raise ValueError(f"cell must have gates, got {_name(cell)}")
    valid = np.arange(T).reshape(T, 1, 1) < lengths

    def share(hits: Any) -> Array:
        mean: Array = (hits & valid).sum(axis=(0, 2)) / lengths.sum()
        return mean

    return {
        name: Saturation(share(getattr(caches, name) < low), share(getattr(caches, name) > high))
        for name in gates
    }


def half_life(f: Any) -> Any:
    """Return after how many steps half is left if a share f is kept at each: log ½ / log f.

    f: a number or an array of shares in [0, 1], such as a forget gate, 1 - z, or `kept(...)`; f = 1
    never loses half (inf), f = 0 loses all at once (0). Returns a float, or a float64 array of the
    shape of f. Raises ValueError for a share outside [0, 1] or NaN.
    """
    share = np.asarray(f)
    if share.dtype.kind not in "fiu":
        raise TypeError(f"f must be a number or an array of numbers, got {f!r:.80}")
    share = share.astype(float)
    if wrong := share[~((share >= 0) & (share <= 1))].tolist():
        raise ValueError(f"f must be in [0, 1], got {wrong[0]!r}")
    steps = np.where(share == 1, np.inf, 0)
    between = (share > 0) & (share < 1)
    steps[between] = np.log(0.5) / np.log(share[between])
    return steps if steps.ndim else float(steps)


# Helpers


def _dh_dc(p: Any, caches: Any) -> Array:
    """Return ∂h_t/∂c_t within the step that computes h_t from c_t: (T, H, B)."""
    tanh_c, o = np.tanh(caches.c), caches.o
    slope: Array = o * (1 - tanh_c**2)
    if "p_o" in p._fields:  # the peephole: o_t sees c_t
        slope = slope + tanh_c * o * (1 - o) * p.p_o
    return slope


def _product_norms(J: Array) -> tuple[NDArray[np.float64], NDArray[np.intc]]:
    """Return m and e (T, ...) with ‖J[T-1] ⋯ J[t+1]‖ = m[t] · 2^e[t], m of moderate size."""
    norms, exponents = np.empty(J.shape[:-2]), np.empty(J.shape[:-2], np.intc)
    M = np.broadcast_to(np.eye(J.shape[-1]), J.shape[1:])
    e = np.zeros(J.shape[1:-2], np.intc)
    for t in reversed(range(len(J))):
        norms[t], exponents[t] = sigma_max(M), e
        J_t, e_J = _split_exponent(J[t])
        M, e_M = _split_exponent(M @ J_t)
        e = e + e_J + e_M
    return norms, exponents


def _split_exponent(A: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intc]]:
    """Return A · 2^-e and e (...), so that the largest entry is in [1/2, 1), or A is 0."""
    _, e = np.frexp(np.abs(A).max(axis=(-2, -1)))
    return np.ldexp(A, -e[..., np.newaxis, np.newaxis]), e


def _column_norms(a: Array) -> Array:
    # Scaled by the largest entry, so that squares of vanishing gradients do not underflow.
    largest = np.abs(a).max(axis=1, keepdims=True)
    scale = np.where(largest > 0, largest, np.ones_like(largest))
    norms: Array = scale[:, 0] * np.sqrt(np.sum((a / scale) ** 2, axis=1))
    return norms


def _check_square(name: str, value: Any, *first: str) -> None:
    """Check that `value` is a square matrix or a stack of them, (*first, ..., n, n)."""
    check_array(name, value, (*first, *_batch_axes(value, len(first) + 2), "n", "n"))
    if value.shape[-2] != value.shape[-1]:
        raise ValueError(f"{name} must have square matrices, got shape {value.shape}")


def _batch_axes(value: Any, others: int) -> tuple[str, ...]:
    return tuple(f"b{axis}" for axis in range(np.ndim(value) - others))


def _check_has_c(cell: Any) -> None:
    if "c" not in cell.State._fields:
        raise ValueError(f"cell must have a cell state c, got {_name(cell)}")


def _check_overflow(what: str, value: Any) -> None:
    if not np.isfinite(value).all():
        raise OverflowError(f"{what} overflows {value.dtype}")


def _name(cell: Any) -> str:
    return str(getattr(cell, "__name__", cell))
