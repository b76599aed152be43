"""How gates beat the vanishing gradient: BPTT, norms of three cells, and a planted bug."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unrolled import backward, flow, unroll
from unrolled.cells import gru, lstm, rnn
from unrolled.cells.protocol import Array

from ..spec import Assignment, Case, Given, Part, Written
from .cases import about, normals, shapes

STEPS = 60
NAMES = ("A", "B", "C")


def values(variant: int) -> dict[str, object]:
    """Return what the template is filled with."""
    return {"variant": variant, "seed": seed(variant), "steps": STEPS}


def seed(variant: int) -> int:
    """Return the seed of the three cells whose gradients are measured."""
    return 0 if variant == 0 else int(np.random.default_rng([variant, 3]).integers(1, 10_000))


# Sections that stay together; the groups after the first may change places.
MOVABLE = ((1, 2), (3, 4), (5,), (6,), (7, 8))

# References. What the student's functions may call is a text of its own, as it runs elsewhere.

FORWARD_SOURCE = """\
def rnn_forward(p, h_0, xs):
    h, hs = h_0, []
    for x in xs:
        h = np.tanh(p[0] @ x + p[1] @ h + p[2])
        hs.append(h)
    return np.stack(hs)
"""
NORMS_SOURCE = """\
def gradient_norms(J):
    P, norms = np.eye(J.shape[1]), []
    for step in J[::-1]:
        norms.append(np.linalg.norm(P, 2))
        P = P @ step
    return np.array(norms[::-1])
"""
CHECK_SOURCE = """\
def is_right(way_back, p, h_0, xs, dhs):
    def states(parts):
        *(W_x, W_h, b), h = parts
        hs = []
        for x in xs:
            h = np.tanh(W_x @ x + W_h @ h + b)
            hs.append(h)
        return np.stack(hs)

    parts = [np.array(part, dtype=float) for part in (*p, h_0)]
    dp, dh_0 = way_back(p, h_0, xs, states(parts), dhs)
    for part, gradient in zip(parts, (*dp, dh_0)):
        for k in np.ndindex(part.shape):
            old, losses = part[k], []
            for part[k] in (old - 1e-5, old + 1e-5):
                losses.append(np.sum(dhs * states(parts)))
            part[k] = old
            if abs((losses[1] - losses[0]) / 2e-5 - gradient[k]) > 1e-5:
                return False
    return True
"""
# The ways back for the gradient check: right, or with one thing wrong. Filled by `way_back`.
WAY_BACK = """\
def NAME(p, h_0, xs, hs, dhs):
    W_x, W_h, b = p
    dW_x, dW_h, db = (np.zeros_like(part) for part in p)
    dh = np.zeros_like(h_0)
    for t in range(len(xs) - 1, -1, -1):
        dh = ARRIVES
        da = dh * (1 - hs[t]**2)
        h_prev = hs[t - 1] if t > 0 else h_0
        dW_x, dW_h, db = SUMS
        dh = BACK
    return (dW_x, dW_h, db), dh
"""
RIGHT = {
    "ARRIVES": "dh + dhs[t]",
    "SUMS": "dW_x + da @ xs[t].T, dW_h + da @ h_prev.T, db + da.sum(1, keepdims=True)",
    "BACK": "W_h.T @ da",
}
BUGS = {
    "W_h for its transpose": {"BACK": "W_h @ da"},
    "no sum over time": {"SUMS": "da @ xs[t].T, da @ h_prev.T, da.sum(1, keepdims=True)"},
    "the last loss alone": {"ARRIVES": "dh + dhs[t] * (t == len(xs) - 1)"},
    "the old state a step late": {
        "SUMS": "dW_x + da @ xs[t].T, dW_h + da @ hs[t].T, db + da.sum(1, keepdims=True)"
    },
}


def way_back(name: str, bug: str | None = None) -> str:
    """Return the source of BPTT for the simple network, right or with a bug."""
    text = WAY_BACK.replace("NAME", name)
    for key, line in (RIGHT | (BUGS[bug] if bug else {})).items():
        text = text.replace(key, line)
    return text


def culprit(variant: int) -> str:
    """Return the name of the way back with the planted bug."""
    return NAMES[int(np.random.default_rng([variant, 4]).integers(3))]


def planted_sources(variant: int) -> dict[str, str]:
    """Return the three ways back as source: one of them has W_h for its transpose."""
    bug = "W_h for its transpose"
    return {name: way_back(name, bug if name == culprit(variant) else None) for name in NAMES}


def planted(variant: int) -> list[Callable[..., Any]]:
    """Return the three ways back A, B and C, one of them with a planted bug."""
    found = []
    for name, source in planted_sources(variant).items():
        scope: dict[str, Any] = {"np": np}
        exec(source, scope)
        found.append(scope[name])
    return found


def forward(p: rnn.Params, h_0: Array, xs: Array) -> Array:
    """Return hs, by the library's own loop."""
    hs: Array = unroll(rnn, p, rnn.State(h_0), xs)[0].h
    return hs


def through_time(p: rnn.Params, h_0: Array, xs: Array, hs: Array, dhs: Array) -> tuple[Any, Array]:
    """Return the gradients of p and h_0, by the library's own loop."""
    _, caches = unroll(rnn, p, rnn.State(h_0), xs)
    found = backward(rnn, p, caches, rnn.State(dhs))
    return rnn.Params(*found.p), found.s0.h


def norms(J: Array) -> Array:
    """Return ‖∂s_T/∂s_t‖ for t = 1 ... T."""
    found: Array = 10 ** flow.log10_norms(J)
    return found


def jacobians_of(name: str, which: int) -> Array:
    """Return the Jacobians (T, n, n) of a fresh cell on noise."""
    cell = {"rnn": rnn, "gru": gru, "lstm": lstm}[name]
    rng = np.random.default_rng(which)
    p = cell.init(rng, 4, 16)
    xs = rng.standard_normal((STEPS, 4, 1))
    _, caches = unroll(cell, p, cell.zero_state(16, 1), xs)
    found: Array = flow.jacobians(cell, p, caches)[:, 0]
    return found


def measured(variant: int) -> tuple[float, ...]:
    """Return log10 of the norm over all steps for the three cells."""
    return tuple(
        float(flow.log10_norms(jacobians_of(name, seed(variant)))[0])
        for name in ("rnn", "gru", "lstm")
    )


def path(f: Array) -> Array:
    """Return the product of what is kept after step t, for every t."""
    found = np.ones_like(f)
    for t in range(len(f) - 2, -1, -1):
        found[t] = found[t + 1] * f[t + 1]
    return found


def is_right(way: Given, p: rnn.Params, h_0: Array, xs: Array, dhs: Array) -> bool:
    """Whether a way back is the library's."""
    scope: dict[str, Any] = {"np": np}
    exec(way.source, scope)
    hs = forward(p, h_0, xs)
    (dW_x, dW_h, db), dh_0 = scope[way.name](p, h_0, xs, hs, dhs)
    right, at_start = through_time(p, h_0, xs, hs, dhs)
    pairs = zip((dW_x, dW_h, db, dh_0), (*right, at_start), strict=True)
    return all(np.allclose(a, b, rtol=1e-6, atol=1e-9) for a, b in pairs)


# Cases: at least four steps and a state to begin with, so that no transpose fits by chance.


def sequence_arguments(
    rng: np.random.Generator, D: int, H: int, B: int, dtype: type
) -> tuple[rnn.Params, Array, Array, Array]:
    """Return p, h_0, xs, dhs."""
    T = int(rng.integers(4, 7))
    sides = ((H, D), (H, H), (H, 1), (H, B), (T, D, B), (T, H, B))
    W_x, W_h, b, h_0, xs, dhs = normals(rng, dtype, *sides)
    return rnn.Params(W_x / 2, W_h / 2, b / 2), np.tanh(h_0), xs, dhs


def forward_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return cases for the loop forward."""
    return [Case(about(*s), sequence_arguments(rng, *s)[:3]) for s in shapes(rng)]


def backward_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return cases for the loop back."""
    cases = []
    for s in shapes(rng):
        p, h_0, xs, dhs = sequence_arguments(rng, *s)
        cases.append(Case(about(*s), (p, h_0, xs, forward(p, h_0, xs), dhs)))
    return cases


def norms_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return Jacobians that differ from step to step."""
    return [
        Case(f"T = {T}, n = {n}", (rng.normal(size=(T, n, n)) / np.sqrt(n),))
        for T, n in ((5, 3), (1, 2), (9, 4))
    ]


def path_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return forget gates."""
    return [
        Case(f"T = {T}, H = {H}, B = {B}", (rng.uniform(0.3, 0.99, (T, H, B)),))
        for T, H, B in ((6, 3, 1), (1, 2, 2), (9, 2, 4))
    ]


def check_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return ways back: a right one, and each bug."""
    cases = []
    for bug in (None, *BUGS, None):
        s = (3, 2, 2, np.float64)
        p, h_0, xs, dhs = sequence_arguments(rng, *s)
        way = Given(way_back("way", bug), "way")
        cases.append(Case(bug or "a right one", (way, p, h_0, xs, dhs)))
    return [cases[k] for k in rng.permutation(len(cases))]


def letter(came: Any) -> str | None:
    """Say what is wrong with the form of an answer that should be a letter."""
    return None if came in NAMES else f'culprit: expected "A", "B" or "C", got {came!r}'


def backward_with(bug: str) -> Any:
    """Return the gradients with a bug: a known mistake."""
    scope: dict[str, Any] = {"np": np}
    exec(way_back("way", bug), scope)
    return scope["way"]


PARTS = (
    Part("forward", 3, "Forward through time", ("rnn_forward",), ("hs",), forward_cases, forward),
    Part(
        "backward", 6, "Back through time", ("rnn_backward",), ("dp", "dh_0"), backward_cases,
        through_time, given={"rnn_forward": FORWARD_SOURCE},
        mistakes={
            "Is W_h used where its transpose belongs?": backward_with("W_h for its transpose"),
            "A weight's gradient is a sum over time.": backward_with("no sum over time"),
            "Every step has a loss of its own.": backward_with("the last loss alone"),
            "W_h meets the state before the step.": backward_with("the old state a step late"),
        },
    ),
    Part(
        "norms", 3, "How much of a gradient is left", ("gradient_norms",), ("norms",),
        norms_cases, norms,
        mistakes={
            "Later steps stand on the left.": lambda J: norms(J.mT.copy()),
            "A product is no product of norms.": lambda J: np.append(
                np.cumprod(np.linalg.norm(J[:0:-1], 2, axis=(1, 2)))[::-1], 1.0
            ),
        },
    ),
    Part(
        "measure", 2, "Three cells", ("log_rnn", "log_gru", "log_lstm"),
        ("log_rnn", "log_gru", "log_lstm"),
        cases=lambda rng, variant: [Case("", (variant,))], reference=measured, call=False,
        library=True, given={"gradient_norms": NORMS_SOURCE},
    ),
    Part(
        "path", 2, "The direct path", ("direct_path",), ("path",), path_cases, path,
        mistakes={"Step t's own f is not in path[t].": lambda f: path(f) * f},
    ),
    Part(
        "check", 4, "A gradient check", ("is_right",), ("answer",), check_cases, is_right,
        given={"rnn_forward": FORWARD_SOURCE},
    ),
    Part(
        "culprit", 2, "The planted bug", ("culprit",), ("culprit",),
        cases=lambda rng, variant: [Case("", (variant,))], reference=culprit, call=False,
        given=lambda variant: planted_sources(variant)
        | {"rnn_forward": FORWARD_SOURCE, "is_right": CHECK_SOURCE}, form=letter,
    ),
)  # fmt: skip

ASSIGNMENT = Assignment(
    "gates",
    "How gates beat the vanishing gradient",
    PARTS,
    about="An assignment of two hours: backpropagation through time, gradients of three cells "
    "measured, and a planted bug found by a check.",
    written=(
        Written("additive", 4, "What the additive update buys"),
        Written("limits", 4, "When an LSTM's gradient vanishes or explodes"),
    ),
)
