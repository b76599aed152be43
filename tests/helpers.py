"""Small things that several test files need."""

from typing import Any

import numpy as np

from unrolled import cells, unroll

BASE_URL = "https://reader.example/fork/"  # where a fork publishes its site
CELLS = {name: getattr(cells, name) for name in cells.__all__}


def random_like(rng: np.random.Generator, tree: Any, scale: float = 0.5) -> Any:
    """Return a named tuple of the same shapes and dtypes with normal entries."""
    return type(tree)(*((scale * rng.standard_normal(a.shape)).astype(a.dtype) for a in tree))


def random_case(cell: Any, T: int, B: int, D: int, H: int, seed: int = 0, dtype: Any = float):
    """Return random (p, s0, xs, dstates) of a cell; no symmetric weights, no zero state."""
    rng = np.random.default_rng(seed)
    p = random_like(rng, cell.init(rng, D, H, dtype))
    s0 = random_like(rng, cell.zero_state(H, B, dtype))
    xs = rng.standard_normal((T, D, B)).astype(dtype)
    states, _ = unroll(cell, p, s0, xs)
    return p, s0, xs, random_like(rng, states, 1.0)


def assert_close(actual: Any, expected: Any, tolerance: float = 1e-10) -> None:
    """Assert max|a - b| <= tolerance · max(1, max|b|), and equal shapes."""
    assert np.shape(actual) == np.shape(expected)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    assert float(np.max(np.abs(actual - expected), initial=0)) <= tolerance * scale
