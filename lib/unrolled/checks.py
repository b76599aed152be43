"""Checks of what a user passes in: errors name the argument, what was expected and what came."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tree import tree_leaves

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def check_array(name: str, value: Any, shape: tuple[Any, ...], dtype: Any = None) -> None:
    """Check that `value` is a finite float array of this shape and dtype.

    `shape` has an integer where the length is known and a letter where any length but 0 will do.
    Raises TypeError for a wrong type or dtype, ValueError for a wrong shape, NaN or infinity.
    """
    # Of its subclasses, masked arrays hide what is missing and matrices multiply otherwise.
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray | np.matrix):
        raise TypeError(f"{name} must be a NumPy array, got {type(value).__name__}")
    expected = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    if len(shape) != value.ndim or any(
        isinstance(n, int) and n != m for n, m in zip(shape, value.shape, strict=True)
    ):
        raise ValueError(f"{name} must have shape {expected}, got {value.shape}")
    for letter, length in zip(shape, value.shape, strict=True):
        if length == 0:
            wanted = f"shape {expected} with {letter} >= 1"
            raise ValueError(f"{name} must have {wanted}, got {value.shape}")
    if value.dtype not in FLOATS:
        raise TypeError(f"{name} must be float32 or float64, got {value.dtype}")
    if dtype is not None and value.dtype != dtype:
        raise TypeError(f"{name} must be {dtype} like the other arrays, got {value.dtype}")
    if not np.isfinite(value).all():
        index = tuple(int(n) for n in np.argwhere(~np.isfinite(value))[0])
        raise ValueError(f"{name} must be finite, got {value[index]} at index {index}")


@lru_cache
def param_shapes(init: Callable[..., Any], D: int, H: int) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of the fields of the Params that a cell's `init` makes."""
    return tuple(array.shape for array in init(np.random.default_rng(0), D, H))


def check_cell(cell: Any) -> None:
    """Check that `cell` is a cell: a module with Params, State, Cache, step and step_backward."""
    needs = ("Params", "State", "Cache", "init", "zero_state", "step", "step_backward")
    if missing := [name for name in needs if not hasattr(cell, name)]:
        raise TypeError(
            f"cell must be a cell such as unrolled.cells.lstm, got {cell!r}, "
            f"which has no {', '.join(missing)}"
        )
    for kind, fields in (("Params", ["W_x"]), ("State", ["h"]), ("Cache", ["x", "h_prev"])):
        present = getattr(getattr(cell, kind), "_fields", ())
        if missing := [field for field in fields if field not in present]:
            raise TypeError(
                f"cell.{kind} must be a named tuple with {', '.join(fields)}, "
                f"got one without {', '.join(missing)}"
            )


def check_tuple(name: str, value: Any, expected: type) -> None:
    """Check that `value` has the fields of the named tuple `expected`."""
    fields = expected._fields  # type: ignore[attr-defined]
    if getattr(value, "_fields", None) != fields:
        raise TypeError(
            f"{name} must be {expected.__module__}.{expected.__name__} with the fields "
            f"{', '.join(fields)}, got {type(value).__name__}"
        )


def check_params(cell: Any, p: Any, D: int, H: int, dtype: Any, name: str = "p") -> None:
    """Check that `p` are parameters of this cell for D inputs and H hidden units."""
    check_tuple(name, p, cell.Params)
    for (field, array), shape in zip(tree_leaves(p), param_shapes(cell.init, D, H), strict=True):
        check_array(f"{name}.{field}", array, shape, dtype)


def check_caches(cell: Any, caches: Any) -> tuple[int, int, int, int, Any]:
    """Check that `caches` are what `unroll` returns for this cell; return (T, D, H, B, dtype)."""
    check_tuple("caches", caches, cell.Cache)
    check_array("caches.x", caches.x, ("T", "D", "B"))
    (T, D, B), dtype = caches.x.shape, caches.x.dtype
    check_array("caches.h_prev", caches.h_prev, (T, "H", B), dtype)
    H = caches.h_prev.shape[1]
    for field, array in caches._asdict().items():
        check_array(f"caches.{field}", array, (T, D if field == "x" else H, B), dtype)
    return T, D, H, B, dtype


def check_rng(value: Any) -> None:
    """Check that `value` is a random generator such as numpy.random.default_rng(0)."""
    if not isinstance(value, np.random.Generator):
        raise TypeError(
            f"rng must be a numpy.random.Generator such as default_rng(0), got {value!r:.80}"
        )


def check_float(dtype: Any) -> None:
    """Check that `dtype` is float32 or float64."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = dtype
    if found not in FLOATS:
        raise TypeError(f"dtype must be float32 or float64, got {found!s:.80}")


def check_number(name: str, value: Any) -> None:
    """Check that `value` is a finite real number, and neither a truth value nor an array."""
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, got {value!r:.80}")
    try:
        is_finite = np.isfinite(float(value))
    except OverflowError:
        is_finite = False
    if not is_finite:
        raise ValueError(f"{name} must be finite, got {value!r:.80}")


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Check that `value` is a whole number of at least `least`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number, got {value!r:.80}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")


def check_lengths(value: Any, T: int, B: int) -> NDArray[np.integer[Any]]:
    """Check that the lengths (B,) are whole numbers from 1 to T; None means T for each."""
    if value is None:
        return np.full(B, T)
    try:
        lengths = np.asarray(value)
    except ValueError:
        raise ValueError(f"lengths must have shape ({B},), got {value!r:.80}") from None
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"lengths must be whole numbers, got {lengths.dtype}")
    if lengths.shape != (B,):
        raise ValueError(f"lengths must have shape ({B},), got {lengths.shape}")
    if lengths.min() < 1 or lengths.max() > T:
        raise ValueError(f"lengths must be from 1 to T = {T}, got {lengths.tolist()}")
    return lengths.astype(np.intp)


def check_unroll(cell: Any, p: Any, s0: Any, xs: Any, lengths: Any) -> NDArray[np.integer[Any]]:
    """Check what `unroll` is given; return the lengths."""
    check_cell(cell)
    check_array("xs", xs, ("T", "D", "B"))
    (T, D, B), dtype = xs.shape, xs.dtype
    check_tuple("s0", s0, cell.State)
    check_array("s0.h", s0.h, ("H", B), dtype)
    H = s0.h.shape[0]
    for field, array in s0._asdict().items():
        check_array(f"s0.{field}", array, (H, B), dtype)
    check_tuple("p", p, cell.Params)
    inputs = np.shape(p.W_x)[-1:]
    if inputs not in ((), (D,)):
        raise ValueError(
            f"xs must have shape (T, {inputs[0]}, B), since p.W_x is {np.shape(p.W_x)}, "
            f"got {xs.shape}"
        )
    check_params(cell, p, D, H, dtype)
    return check_lengths(lengths, T, B)


def check_backward(
    cell: Any, p: Any, dstates: Any, shape: tuple[int, ...], dtype: Any, lengths: Any, steps: Any
) -> NDArray[np.integer[Any]]:
    """Check what `backward` is given beside the caches, for shape (T, D, H, B); return lengths."""
    T, D, H, B = shape
    check_params(cell, p, D, H, dtype)
    check_tuple("dstates", dstates, cell.State)
    for field, array in dstates._asdict().items():
        check_array(f"dstates.{field}", array, (T, H, B), dtype)
    if steps is not None:
        check_count("steps", steps)
    return check_lengths(lengths, T, B)


def check_products(p: Any, s0: Any, xs: Any, states: Any) -> None:
    """Check that no sum W v on the way to the states can have overflowed.

    A tanh makes 1 of an infinity, which nobody would see, though the exact sum may be small.
    """
    weight = _largest(p)
    value = max(1.0, _largest(xs), _largest(s0), _largest(states))
    terms = xs.shape[1] + states.h.shape[1] + 2
    if not weight * value * terms <= np.finfo(xs.dtype).max:
        raise OverflowError(
            f"a weight times an input or a state overflows {xs.dtype}: the largest are "
            f"{weight:.3g} and {value:.3g}; smaller weights or inputs are needed"
        )


def _largest(tree: Any) -> float:
    return max(float(np.abs(array).max(initial=0)) for _, array in tree_leaves(tree))


def check_overflow(tree: Any, name: str = "") -> None:
    """Check that a result is finite: OverflowError where numbers became too large on the way."""
    for field, array in tree_leaves(tree, name):
        if not np.isfinite(array).all():
            index = tuple(int(n) for n in np.argwhere(~np.isfinite(array))[0])
            raise OverflowError(
                f"{field} overflows {array.dtype}: {array[index]} at index {index}; "
                "smaller weights, inputs or gradients are needed"
            )
