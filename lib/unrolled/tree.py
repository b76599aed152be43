"""Work on nested tuples, named or not, of arrays (parameters, states, gradients) as on a vector."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def tree_map(f: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Return a tree of the same form whose arrays are f(array, array of each other tree)."""
    if isinstance(tree, tuple):
        mapped = tuple(tree_map(f, *parts) for parts in zip(tree, *others, strict=True))
        return type(tree)(*mapped) if hasattr(tree, "_fields") else mapped
    return f(tree, *others)


def tree_leaves(tree: Any, name: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield every array of the tree with its dotted name, such as ("cell.W_x", array).

    The parts of a plain tuple go by their number: "0.W_x".
    """
    if isinstance(tree, tuple):
        fields = getattr(tree, "_fields", map(str, range(len(tree))))
        for field, part in zip(fields, tree, strict=True):
            yield from tree_leaves(part, f"{name}.{field}" if name else field)
    else:
        yield name, tree


def tree_norm(tree: Any) -> float:
    """Return the Euclidean norm of all entries of the tree, as of one vector; NaN if one is."""
    # Scaled by the largest entry, so that squares neither overflow nor underflow.
    largest = float(np.max([np.abs(array).max(initial=0) for _, array in tree_leaves(tree)]))
    if not 0 < largest < np.inf:
        return largest
    squares = sum(float(np.sum((array / largest) ** 2)) for _, array in tree_leaves(tree))
    return largest * float(np.sqrt(squares))
