"""Checks of what a user passes in: errors name the argument, what was expected and what came."""

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
    if not isinstance(value, np.ndarray):
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
def param_shapes(cell: Any, D: int, H: int) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of the fields of the cell's Params."""
    return tuple(array.shape for array in cell.init(np.random.default_rng(0), D, H))


def check_cell(cell: Any) -> None:
    """Check that `cell` is a cell: a module with Params, State, Cache, step and step_backward."""
    needs = ("Params", "State", "Cache", "init", "zero_state", "step", "step_backward")
    if missing := [name for name in needs if not hasattr(cell, name)]:
        raise TypeError(
            f"cell must be a cell such as unrolled.cells.lstm, got {cell!r}, "
            f"which has no {', '.join(missing)}"
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
    for (field, array), shape in zip(tree_leaves(p), param_shapes(cell, D, H), strict=True):
        check_array(f"{name}.{field}", array, shape, dtype)


def check_lengths(value: Any, T: int, B: int) -> NDArray[np.integer[Any]]:
    """Check that the lengths (B,) are whole numbers from 1 to T; None means T for each."""
    lengths: NDArray[np.integer[Any]] = np.full(B, T) if value is None else np.asarray(value)
    if not np.issubdtype(lengths.dtype, np.integer):
        raise TypeError(f"lengths must be whole numbers, got {lengths.dtype}")
    if lengths.shape != (B,):
        raise ValueError(f"lengths must have shape ({B},), got {lengths.shape}")
    if lengths.min() < 1 or lengths.max() > T:
        raise ValueError(f"lengths must be from 1 to T = {T}, got {lengths.tolist()}")
    return lengths
