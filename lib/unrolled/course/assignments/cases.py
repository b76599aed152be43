"""Shapes and numbers for the cases of all assignments."""

from __future__ import annotations

import numpy as np

from unrolled.cells.protocol import Array


def shapes(rng: np.random.Generator) -> list[tuple[int, int, int, type]]:
    """Return D, H, B and the dtype of some cases: one column, then several.

    D and H differ, so that no transpose fits by chance.
    """
    D, H = (int(n) for n in rng.choice(np.arange(2, 7), 2, replace=False))
    return [(D, H, 1, np.float64), (H, D, 3, np.float64), (D + 1, H + 2, 2, np.float32)]


def about(D: int, H: int, B: int, dtype: type) -> str:
    """Return the words for a case."""
    columns = "one column" if B == 1 else f"{B} columns"
    return f"D = {D}, H = {H}, {columns}, {np.dtype(dtype).name}"


def normals(rng: np.random.Generator, dtype: type, *shapes: tuple[int, ...]) -> list[Array]:
    """Return normal numbers of some shapes."""
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]
