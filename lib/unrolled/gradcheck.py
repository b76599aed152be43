"""Compare gradients with central differences, entry by entry."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .checks import check_number
from .tree import tree_leaves, tree_map


def numerical_gradient(loss: Callable[[Any], float], params: Any, epsilon: float = 1e-5) -> Any:
    """Return dL/dparams by central differences: (L(p + ε) - L(p - ε)) / 2ε for every entry.

    loss: a function of `params` that returns a number. params: an array or a (nested) named tuple
    of arrays, all float64 (in float32 the difference would be mostly rounding); they are changed
    one entry at a time and put back. Returns a tree of the same form. Raises TypeError for another
    dtype, ValueError for an epsilon that is not positive or changes nothing, and for a loss that is
    not finite.
    """
    check_number("epsilon", epsilon)
    if not 1 + epsilon > 1:
        raise ValueError(f"epsilon must be positive and above rounding, got {epsilon!r}")
    for name, array in tree_leaves(params):
        if not isinstance(array, np.ndarray) or array.dtype != np.float64:
            came = getattr(array, "dtype", type(array).__name__)
            raise TypeError(f"{name or 'params'} must be a float64 array, got {came}")
    params = tree_map(np.copy, params)
    gradient = tree_map(np.zeros_like, params)
    for (name, array), (_, g) in zip(tree_leaves(params), tree_leaves(gradient), strict=True):
        for index in np.ndindex(array.shape):
            value = array[index]
            array[index] = value + epsilon
            above = loss(params)
            array[index] = value - epsilon
            below = loss(params)
            array[index] = value
            g[index] = (above - below) / (2 * epsilon)
            if not np.isfinite(g[index]):
                at = f"{name or 'params'}{list(index)}"
                raise ValueError(f"loss must be finite, got {above} and {below} beside {at}")
    return gradient


def gradcheck(
    loss: Callable[[Any], float],
    params: Any,
    gradients: Any,
    *,
    tolerance: float = 1e-6,
    epsilon: float = 1e-5,
) -> float:
    """Check gradients against central differences; return the largest error.

    loss and params as in `numerical_gradient`; gradients: what is claimed, of the form of params.
    The error of an entry is |claimed - numerical| / (|claimed| + |numerical| + 1e-3): relative, but
    lenient where both vanish.

    Raises AssertionError naming the field, the index and both values of the worst entry if its
    error is above the tolerance, ValueError for a wrong shape, TypeError for a dtype but float64.

    A check is only as good as its case: W_h used for its transpose goes unseen if W_h is symmetric,
    if H = 1, at T = 1, and, with h_0 = 0, at T = 2 in the gradient of W_h itself.
    """
    check_number("tolerance", tolerance)
    numerical = numerical_gradient(loss, params, epsilon)
    names, fields = ([name for name, _ in tree_leaves(tree)] for tree in (numerical, gradients))
    if names != fields:
        raise TypeError(f"gradients must have the fields {names} of params, got {fields}")
    worst, message = -1.0, ""
    for (name, claimed), (_, n) in zip(tree_leaves(gradients), tree_leaves(numerical), strict=True):
        if np.shape(claimed) != n.shape:
            raise ValueError(
                f"gradient of {name or 'params'} must have shape {n.shape}, got {np.shape(claimed)}"
            )
        if not isinstance(claimed, np.ndarray) or claimed.dtype != np.float64:
            came = getattr(claimed, "dtype", type(claimed).__name__)
            raise TypeError(f"gradient of {name or 'params'} must be float64, got {came}")
        if n.size == 0:
            raise ValueError(f"{name or 'params'} must have entries, got shape {n.shape}")
        error = np.abs(claimed - n) / (np.abs(claimed) + np.abs(n) + 1e-3)
        error = np.where(np.isnan(error), np.inf, error)
        index = tuple(int(k) for k in np.unravel_index(np.argmax(error), n.shape))
        if error[index] > worst:
            worst = float(error[index])
            message = (
                f"gradient of {name or 'params'}{list(index)}: {claimed[index]:.6g} claimed, "
                f"{n[index]:.6g} by central differences (error {worst:.1e} > {tolerance:g})"
            )
    if worst > tolerance:
        raise AssertionError(message)
    return worst
