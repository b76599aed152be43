"""Optimizers as pairs of pure functions over trees of parameters, and clipping.

optimizer = adam(1e-3)
memory = optimizer.init(params)
params, memory = optimizer.update(params, gradients, memory)

In the formulas: p parameters, g gradients, lr the learning rate; all operations entry by entry.
`update` raises ValueError or TypeError, naming the field, for gradients that do not fit the
parameters in shape or dtype or are not finite, and OverflowError for one whose square, where it is
needed, is too large for its dtype. PyTorch's optimizers of the same names take the same steps.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .checks import check_array, check_overflow, check_tuple
from .tree import tree_leaves, tree_map, tree_norm


class Optimizer(NamedTuple):
    """init(params) -> memory; update(params, gradients, memory) -> (params, memory)."""

    init: Callable[[Any], Any]
    update: Callable[[Any, Any, Any], tuple[Any, Any]]


class RMSPropMemory(NamedTuple):
    """The running mean of squared gradients (s), and the velocity (v; None without momentum)."""

    s: Any
    v: Any


class AdamMemory(NamedTuple):
    """Steps taken so far, and the running means of gradients (m) and of their squares (v)."""

    steps: int
    m: Any
    v: Any


def sgd(learning_rate: float, momentum: float = 0.0) -> Optimizer:
    """Gradient descent, with momentum if wanted: v ← momentum · v + g, then p ← p - lr · v.

    v starts at 0. The learning rate stands outside the sum, so a steady gradient is followed at
    lr / (1 - momentum), and a change of lr acts at once. Source: B. Polyak, "Some methods of
    speeding up the convergence of iteration methods" (1964), there with lr inside v.

    Raises ValueError for a learning rate that is not positive and finite, or a momentum outside
    [0, 1); TypeError for what is not a number.
    """
    lr, mu = _positive("learning_rate", learning_rate), _share("momentum", momentum)

    def init(params: Any) -> Any:
        return tree_map(np.zeros_like, params) if mu else None

    def update(params: Any, gradients: Any, memory: Any) -> tuple[Any, Any]:
        _check_gradients(params, gradients)
        v = tree_map(lambda v, g: mu * v + g, memory, gradients) if mu else gradients
        return tree_map(lambda p, v: p - lr * v, params, v), v if mu else None

    return Optimizer(init, update)


def rmsprop(
    learning_rate: float, decay: float = 0.9, epsilon: float = 1e-8, momentum: float = 0.0
) -> Optimizer:
    """RMSProp: gradients in units of their own recent root mean square.

    s ← decay · s + (1 - decay) · g², then p ← p - lr · g / (√s + epsilon): epsilon stands outside
    the root. With momentum, v ← momentum · v + g / (√s + epsilon), then p ← p - lr · v. s and v
    start at 0, and s is not corrected for that: the first step is lr / √(1 - decay) long in every
    entry. Source: T. Tieleman and G. Hinton, "Lecture 6.5 - RMSProp", Coursera: Neural networks
    for machine learning (2012), with decay 0.9; PyTorch's default is 0.99.

    Raises ValueError for a learning rate or epsilon that is not positive and finite, or a decay or
    momentum outside [0, 1); TypeError for what is not a number.
    """
    lr, epsilon = _positive("learning_rate", learning_rate), _positive("epsilon", epsilon)
    decay, mu = _share("decay", decay), _share("momentum", momentum)

    def init(params: Any) -> RMSPropMemory:
        zeros = tree_map(np.zeros_like, params)
        return RMSPropMemory(zeros, zeros if mu else None)

    def update(params: Any, gradients: Any, memory: RMSPropMemory) -> tuple[Any, RMSPropMemory]:
        _check_gradients(params, gradients)
        check_tuple("memory", memory, RMSPropMemory)
        s = tree_map(lambda s, g2: decay * s + (1 - decay) * g2, memory.s, _squares(gradients))
        scaled = tree_map(lambda g, s: g / (np.sqrt(s) + epsilon), gradients, s)
        v = tree_map(lambda v, g: mu * v + g, memory.v, scaled) if mu else scaled
        moved = tree_map(lambda p, v: p - lr * v, params, v)
        return moved, RMSPropMemory(s, v if mu else None)

    return Optimizer(init, update)


def adam(
    learning_rate: float, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8
) -> Optimizer:
    """Adam, as in D. Kingma and J. Ba, "Adam: a method for stochastic optimization" (ICLR 2015).

    m ← beta_1 · m + (1 - beta_1) · g, v ← beta_2 · v + (1 - beta_2) · g²; after k steps
    m̂ = m / (1 - beta_1ᵏ), v̂ = v / (1 - beta_2ᵏ), and p ← p - lr · m̂ / (√v̂ + epsilon).

    Raises ValueError for a learning rate or epsilon that is not positive and finite, or a beta
    outside [0, 1); TypeError for what is not a number.
    """
    lr, epsilon = _positive("learning_rate", learning_rate), _positive("epsilon", epsilon)
    beta_1, beta_2 = _share("beta_1", beta_1), _share("beta_2", beta_2)

    def init(params: Any) -> AdamMemory:
        zeros = tree_map(np.zeros_like, params)
        return AdamMemory(0, zeros, zeros)

    def update(params: Any, gradients: Any, memory: AdamMemory) -> tuple[Any, AdamMemory]:
        _check_gradients(params, gradients)
        check_tuple("memory", memory, AdamMemory)
        steps = memory.steps + 1
        m = tree_map(lambda m, g: beta_1 * m + (1 - beta_1) * g, memory.m, gradients)
        v = tree_map(lambda v, g2: beta_2 * v + (1 - beta_2) * g2, memory.v, _squares(gradients))
        m_scale, v_scale = 1 / (1 - beta_1**steps), 1 / (1 - beta_2**steps)

        def move(p: Any, m: Any, v: Any) -> Any:
            return p - lr * (m * m_scale) / (np.sqrt(v * v_scale) + epsilon)

        return tree_map(move, params, m, v), AdamMemory(steps, m, v)

    return Optimizer(init, update)


def clip_by_norm(gradients: Any, max_norm: float) -> tuple[Any, float]:
    """Scale all gradients by one factor so that their joint norm is at most max_norm.

    The factor is common, so the direction stays. Returns (gradients, their norm before clipping).
    Source: R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural
    networks", section 3.2 (ICML 2013). Raises ValueError for a max_norm that is not positive and
    for NaN or infinity, TypeError for what is not a number or not an array.
    """
    max_norm = _number("max_norm", max_norm)
    if not max_norm > 0:
        raise ValueError(f"max_norm must be positive, got {max_norm!r}")
    _check_finite(gradients)
    norm = tree_norm(gradients)
    if norm == np.inf:
        raise ValueError(f"the norm of gradients must be at most {np.finfo(float).max:.2g}")
    if norm > max_norm:
        gradients = tree_map(lambda g: g * (max_norm / norm), gradients)
    return gradients, norm


def clip_by_value(gradients: Any, max_value: float) -> Any:
    """Cut every entry of the gradients to [-max_value, max_value].

    This changes the direction: large entries shrink, small ones stay, and what is left may point
    far away from the gradient (`clip_by_norm` keeps it). Source: T. Mikolov, "Statistical language
    models based on neural networks" (thesis, Brno 2012). Raises ValueError for a max_value that is
    not positive and for NaN or infinity, TypeError for what is not a number or not an array.
    """
    max_value = _number("max_value", max_value)
    if not max_value > 0:
        raise ValueError(f"max_value must be positive, got {max_value!r}")
    _check_finite(gradients)  # an infinite entry would leave as a harmless one
    return tree_map(lambda g: np.clip(g, -max_value, max_value), gradients)


def _check_finite(gradients: Any) -> None:
    for name, g in tree_leaves(gradients):
        check_array(f"gradients.{name}" if name else "gradients", g, np.shape(g))


def _squares(gradients: Any) -> Any:
    """Return g², or raise OverflowError: an infinite mean of squares would stop all learning."""
    with np.errstate(over="ignore"):
        squares = tree_map(np.square, gradients)
    check_overflow(squares, "square of gradients")
    return squares


def _check_gradients(params: Any, gradients: Any) -> None:
    """Check that the gradients are finite and have the fields, shapes and dtypes of params."""
    leaves = dict(tree_leaves(gradients))
    for name, p in tree_leaves(params):
        g = leaves.pop(name, None)
        if not isinstance(g, np.ndarray) or g.dtype != p.dtype:
            came = getattr(g, "dtype", type(g).__name__)
            raise TypeError(f"gradient of {name or 'params'} must be {p.dtype}, got {came}")
        if g.shape != p.shape:
            raise ValueError(
                f"gradient of {name or 'params'} must have shape {p.shape}, got {g.shape}"
            )
        if not np.isfinite(g).all():
            raise ValueError(f"gradient of {name or 'params'} must be finite, got NaN or infinity")
    if leaves:
        raise TypeError(f"gradients must have the fields of params, got also {', '.join(leaves)}")


def _number(name: str, value: float) -> float:
    """Return the value as Python's float, which leaves float32 arrays float32."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {value!r:.80}")
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _positive(name: str, value: float) -> float:
    number = _number(name, value)
    if not 0 < number < np.inf:
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return number


def _share(name: str, value: float) -> float:
    number = _number(name, value)
    if not 0 <= number < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value!r}")
    return number
