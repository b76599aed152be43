"""The GRU's elegant simplification: a blend, two places for the reset, two conventions for z."""

from __future__ import annotations

from typing import Any

import numpy as np

from unrolled import flow
from unrolled.cells import gru, gru_reset_after
from unrolled.cells.protocol import Array

from ..spec import Assignment, Case, Part, Written
from .cases import about, normals, shapes


def share(variant: int) -> float:
    """Return a variant's share of the new."""
    if variant == 0:
        return 0.1
    rng = np.random.default_rng([variant, 2])
    return round(float(rng.uniform(0.05, 0.4)), 2)


def values(variant: int) -> dict[str, object]:
    """Return what the template is filled with."""
    return {"variant": variant, "z": share(variant)}


# Sections that stay together; the groups after the first may change places.
MOVABLE = ((1,), (2, 3, 4, 5, 6, 7), (8,), (9,))

# References. What the student's functions may call is a text of its own, as it runs elsewhere.

BLEND_SOURCE = """\
def gru_blend(z, h_prev, h_tilde):
    return (1 - z) * h_prev + z * h_tilde
"""
GATES_SOURCE = """\
def gru_gates(p, h_prev, x):
    a = p.W_x[:2] @ x + p.W_h[:2] @ h_prev + p.b[:2]
    return tuple(1 / (1 + np.exp(-a)))
"""
BLEND_BACKWARD_SOURCE = """\
def gru_blend_backward(z, h_prev, h_tilde, dh):
    return dh * (h_tilde - h_prev), dh * (1 - z), dh * z
"""
STEP_SOURCE = """\
def gru_step(p, h_prev, x):
    a = p.W_x @ x + p.b
    z = 1 / (1 + np.exp(-a[0] - p.W_h[0] @ h_prev))
    r = 1 / (1 + np.exp(-a[1] - p.W_h[1] @ h_prev))
    return (1 - z) * h_prev + z * np.tanh(a[2] + p.W_h[2] @ (r * h_prev))
"""
FORWARD = {"gru_blend": BLEND_SOURCE, "gru_gates": GATES_SOURCE}


def blend(z: Array, h_prev: Array, h_tilde: Array) -> Array:
    """Return h: z is the share of the new."""
    return (1 - z) * h_prev + z * h_tilde


def gates(p: gru.Params, h_prev: Array, x: Array) -> tuple[Array, Array]:
    """Return z and r, by the library's own step."""
    _, cache = gru.step(p, gru.State(h_prev), x)
    return cache.z, cache.r


def step(p: gru.Params, h_prev: Array, x: Array) -> Array:
    """Return h, reset before the product, by the library's own step."""
    return gru.step(p, gru.State(h_prev), x)[0].h


def step_after(p: gru_reset_after.Params, h_prev: Array, x: Array) -> Array:
    """Return h, reset after the product, by the library's own step."""
    return gru_reset_after.step(p, gru_reset_after.State(h_prev), x)[0].h


def blend_backward(z: Array, h_prev: Array, h_tilde: Array, dh: Array) -> tuple[Array, ...]:
    """Return the gradients of z, h_prev and the candidate."""
    return dh * (h_tilde - h_prev), dh * (1 - z), dh * z


def step_backward(p: gru.Params, h_prev: Array, x: Array, dh: Array) -> tuple[Any, ...]:
    """Return the gradients of p, h_prev and x, by the library's own step."""
    _, cache = gru.step(p, gru.State(h_prev), x)
    dp, before, dx = gru.step_backward(p, cache, gru.State(dh))
    return gru.Params(*dp), before.h, dx


def memory(z: Array) -> Array:
    """Return the half-life in steps of a unit whose update gate stays at z."""
    found: Array = flow.half_life(1 - z)
    return found


def other_convention(p: gru.Params) -> gru.Params:
    """Return weights with which h = z h_prev + (1 - z) candidate is the same function."""
    sign = np.array([-1, 1, 1]).reshape(3, 1, 1).astype(p.b.dtype)
    return gru.Params(sign * p.W_x, sign * p.W_h, sign * p.b)


def step_arguments(
    rng: np.random.Generator, D: int, H: int, B: int, dtype: type
) -> tuple[gru.Params, Array, Array]:
    """Return p, h_prev, x, with gates of their own, and biases that matter."""
    W_x, W_h, b, h, x = normals(rng, dtype, (3, H, D), (3, H, H), (3, H, 1), (H, B), (D, B))
    return gru.Params(W_x, W_h, b), np.tanh(h), x


def step_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return cases for gates and step."""
    return [Case(about(*s), step_arguments(rng, *s)) for s in shapes(rng)]


def after_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return cases for the step whose reset comes after the product."""
    cases = []
    for s in shapes(rng):
        p, h_prev, x = step_arguments(rng, *s)
        (b_hn,) = normals(rng, s[3], (s[1], 1))
        cases.append(Case(about(*s), (gru_reset_after.Params(*p, b_hn), h_prev, x)))
    return cases


def blend_arguments(rng: np.random.Generator, H: int, B: int, dtype: type) -> tuple[Array, ...]:
    """Return z, h_prev and a candidate."""
    z = rng.uniform(0.05, 0.95, (H, B))
    h_prev, h_tilde = rng.uniform(-0.95, 0.95, (2, H, B))
    return tuple(one.astype(dtype) for one in (z, h_prev, h_tilde))


def blend_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return cases for the blend."""
    return [Case(about(*s), blend_arguments(rng, *s[1:])) for s in shapes(rng)]


def with_gradient(rng: np.random.Generator, cases: list[Case]) -> list[Case]:
    """Return cases with a gradient of h_prev's shape as their last argument."""
    found = []
    for words, arguments in cases:
        h_prev = arguments[1]
        (dh,) = normals(rng, h_prev.dtype, h_prev.shape)
        found.append(Case(words, (*arguments, dh)))
    return found


def memory_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return shares of the new: the variant's, and others."""
    z = share(variant)
    return [
        Case(f"z = {z}", (np.array([[z]]),)),
        Case("six values of z", (rng.uniform(0.001, 0.9, (3, 2)),)),
    ]


def convention_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return weights to translate."""
    return [Case(about(*s), step_arguments(rng, *s)[:1]) for s in shapes(rng)]


def gates_with(**changes: Any) -> Any:
    """Return the gates of changed weights: a known mistake."""

    def mistaken(p: gru.Params, h_prev: Array, x: Array) -> tuple[Array, Array]:
        return gates(p._replace(**{key: change(p) for key, change in changes.items()}), h_prev, x)

    return mistaken


def step_flipped(p: gru.Params, h_prev: Array, x: Array) -> Array:
    """Return h with z as the share of the old: a known mistake here."""
    return step(other_convention(p), h_prev, x)


def step_reset_after(p: gru.Params, h_prev: Array, x: Array) -> Array:
    """Return h with the reset after the product: a known mistake here."""
    after = gru_reset_after.Params(*p, np.zeros_like(p.b[0]))
    return step_after(after, h_prev, x)


def after_reset_before(p: gru_reset_after.Params, h_prev: Array, x: Array) -> Array:
    """Return h with the reset before the product, b_hn added: a known mistake here."""
    b = p.b.copy()
    b[2] += p.b_hn
    return step(gru.Params(p.W_x, p.W_h, b), h_prev, x)


def after_bias_outside(p: gru_reset_after.Params, h_prev: Array, x: Array) -> Array:
    """Return h with b_hn outside the reset product: a known mistake."""
    b = p.b.copy()
    b[2] += p.b_hn
    return step_after(p._replace(b=b, b_hn=np.zeros_like(p.b_hn)), h_prev, x)


def step_backward_with(change: str) -> Any:
    """Return the gradients of the step with a known mistake: what `change` names."""

    def mistaken(p: gru.Params, h_prev: Array, x: Array, dh: Array) -> tuple[Any, ...]:
        z, r = gates(p, h_prev, x)
        h_tilde = np.tanh(p.W_x[2] @ x + p.W_h[2] @ (r * h_prev) + p.b[2])
        dz, kept, dh_tilde = blend_backward(z, h_prev, h_tilde, dh)
        da_h = dh_tilde * (1 - h_tilde**2)
        drh = p.W_h[2].T @ da_h
        da = np.stack([dz * z * (1 - z), drh * h_prev * r * (1 - r), da_h])
        met = h_prev if change == "reset" else r * h_prev
        dW_h = np.stack([da[0] @ h_prev.T, da[1] @ h_prev.T, da_h @ met.T])
        dp = gru.Params(da @ x.T, dW_h, da.sum(axis=2, keepdims=True))
        paths = {
            "blend": kept, "candidate": drh * r, "z": p.W_h[0].T @ da[0], "r": p.W_h[1].T @ da[1]
        }  # fmt: skip
        dh_prev = sum(path for name, path in paths.items() if name != change)
        return dp, dh_prev, (p.W_x.mT @ da).sum(axis=0)

    return mistaken


PARTS = (
    Part(
        "blend", 1, "The blend", ("gru_blend",), ("h",), blend_cases, blend,
        mistakes={"z is the share of the new, here.": lambda z, h, k: blend(1 - z, h, k)},
    ),
    Part(
        "gates", 3, "The gates", ("gru_gates",), ("z", "r"), step_cases, gates,
        mistakes={
            "Is the bias missing?": gates_with(b=lambda p: np.zeros_like(p.b)),
            "The rows are stacked in the order z, r, candidate.": lambda *a: gates(*a)[::-1],
        },
    ),
    Part(
        "step", 4, "The step", ("gru_step",), ("h",), step_cases, step, given=FORWARD,
        mistakes={
            "z is the share of the new, here.": step_flipped,
            "r acts before the product with W_h, here.": step_reset_after,
        },
    ),
    Part(
        "step-after", 3, "The reset after the product", ("gru_step_after",), ("h",),
        after_cases, step_after, given=FORWARD | {"gru_step": STEP_SOURCE},
        mistakes={
            "r acts after the product with W_h, here.": after_reset_before,
            "b_hn stands inside the product with r.": after_bias_outside,
        },
    ),
    Part(
        "blend-backward", 2, "Backward through the blend", ("gru_blend_backward",),
        ("dz", "dh_prev", "dh_tilde"),
        lambda rng, variant: with_gradient(rng, blend_cases(rng, variant)), blend_backward,
        mistakes={
            "The sign of dz: more z means more of the candidate.": lambda z, h, k, dh: (
                dh * (h - k), dh * (1 - z), dh * z
            ),
        },
    ),
    Part(
        "step-backward", 6, "Backward through the step", ("gru_step_backward",),
        ("dp", "dh_prev", "dx"),
        lambda rng, variant: with_gradient(rng, step_cases(rng, variant)), step_backward,
        given=FORWARD | {"gru_blend_backward": BLEND_BACKWARD_SOURCE},
        rows=("z", "r", "the candidate"),
        mistakes={
            "The candidate's W_h meets r ⊙ h_prev.": step_backward_with("reset"),
            "The path of h_prev through the blend is missing.": step_backward_with("blend"),
            "The path of h_prev through the candidate is missing.": step_backward_with("candidate"),
            "The path of h_prev through z is missing.": step_backward_with("z"),
            "The path of h_prev through r is missing.": step_backward_with("r"),
        },
    ),
    Part(
        "memory", 2, "Half-life", ("half_life",), ("n",), memory_cases, memory,
        mistakes={"The share that is kept is 1 - z.": lambda z: flow.half_life(z)},
    ),
    Part(
        "conventions", 2, "From one convention to the other", ("to_other_convention",), ("p",),
        convention_cases, other_convention,
        mistakes={
            "The bias has to follow the weights.": lambda p: other_convention(p)._replace(b=p.b),
            "1 - σ(a) is σ(-a), not σ(1 - a).": lambda p: p._replace(
                **{k: np.concatenate([1 - v[:1], v[1:]]) for k, v in p._asdict().items()}
            ),
        },
    ),
)  # fmt: skip

ASSIGNMENT = Assignment(
    "gru",
    "The GRU's elegant simplification",
    PARTS,
    about="An assignment of two hours: the GRU's blend, its step with both resets, the way "
    "back, half-life, and the two conventions for z.",
    written=(
        Written("explain", 4, "What the update gate does"),
        Written("price", 3, "What the simplification costs"),
    ),
)
