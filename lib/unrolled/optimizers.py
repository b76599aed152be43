"""Optimizers as pairs of pure functions over trees of parameters, and clipping by norm.

optimizer = adam(1e-3)
memory = optimizer.init(params)
params, memory = optimizer.update(params, gradients, memory)
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .tree import tree_map, tree_norm


class Optimizer(NamedTuple):
    """init(params) -> memory; update(params, gradients, memory) -> (params, memory)."""

    init: Callable[[Any], Any]
    update: Callable[[Any, Any, Any], tuple[Any, Any]]


class AdamMemory(NamedTuple):
    """Steps taken so far, and the running means of gradients (m) and of their squares (v)."""

    steps: int
    m: Any
    v: Any


def sgd(learning_rate: float) -> Optimizer:
    """Gradient descent: each step is -learning_rate · gradient.

    Raises ValueError for a learning rate that is not positive and finite.
    """
    _check_positive("learning_rate", learning_rate)

    def init(params: Any) -> None:
        return None

    def update(params: Any, gradients: Any, memory: None) -> tuple[Any, None]:
        return tree_map(lambda p, g: p - learning_rate * g, params, gradients), None

    return Optimizer(init, update)


def adam(
    learning_rate: float, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8
) -> Optimizer:
    """Adam, as in D. Kingma and J. Ba, "Adam: a method for stochastic optimization" (ICLR 2015).

    Raises ValueError for a learning rate or epsilon that is not positive and finite, or a beta
    outside [0, 1).
    """
    _check_positive("learning_rate", learning_rate)
    _check_positive("epsilon", epsilon)
    for name, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
        if not 0 <= beta < 1:
            raise ValueError(f"{name} must be in [0, 1), got {beta!r}")

    def init(params: Any) -> AdamMemory:
        zeros = tree_map(np.zeros_like, params)
        return AdamMemory(0, zeros, zeros)

    def update(params: Any, gradients: Any, memory: AdamMemory) -> tuple[Any, AdamMemory]:
        steps = memory.steps + 1
        m = tree_map(lambda m, g: beta_1 * m + (1 - beta_1) * g, memory.m, gradients)
        v = tree_map(lambda v, g: beta_2 * v + (1 - beta_2) * g**2, memory.v, gradients)
        m_scale, v_scale = 1 / (1 - beta_1**steps), 1 / (1 - beta_2**steps)

        def move(p: Any, m: Any, v: Any) -> Any:
            return p - learning_rate * (m * m_scale) / (np.sqrt(v * v_scale) + epsilon)

        return tree_map(move, params, m, v), AdamMemory(steps, m, v)

    return Optimizer(init, update)


def clip_by_norm(gradients: Any, max_norm: float) -> tuple[Any, float]:
    """Scale all gradients by one factor so that their joint norm is at most max_norm.

    The factor is common, so the direction stays. Returns (gradients, their norm before clipping).
    Source: R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural
    networks", section 3.2 (ICML 2013). Raises ValueError for a max_norm that is not positive.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be positive, got {max_norm!r}")
    norm = tree_norm(gradients)
    if norm > max_norm:
        gradients = tree_map(lambda g: g * (max_norm / norm), gradients)
    return gradients, norm


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
