"""The heart of the LSTM: one step, forward and backward, and a bit that survives."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from unrolled.cells import lstm
from unrolled.cells.protocol import Array, sigmoid

from ..spec import Assignment, Case, Part, Written
from .cases import about, normals, shapes

GATES = ("i", "f", "c_tilde", "o")


class Numbers(NamedTuple):
    """A variant's numbers: the example's, and how long the bit has to survive."""

    x: float
    h_prev: float
    c_prev: float
    w: float
    b: float
    steps: int


def numbers(variant: int) -> Numbers:
    """Return a variant's numbers; those of variant 0 are the notes'."""
    if variant == 0:
        return Numbers(0.5, 0.1, 0.2, 1.0, 1.0, 30)
    rng = np.random.default_rng([variant, 1])
    x, h, c = (round(float(v), 1) for v in rng.choice(np.arange(2, 10), 3, replace=False) / 10)
    w, b = (round(float(v), 1) for v in rng.uniform(0.5, 1.5, 2))
    return Numbers(x, -h, c, w, b, int(rng.integers(24, 40)))


def values(variant: int) -> dict[str, object]:
    """Return what the template is filled with."""
    return {"variant": variant, **numbers(variant)._asdict()}


# Sections that stay together; the groups after the first may change places.
MOVABLE = ((1,), (2,), (3, 4, 5, 6, 7), (8,))

# References. What the student's functions may call is a text of its own, as it runs elsewhere.

GATES_SOURCE = """\
def lstm_gates(p, h_prev, x):
    a = p.W_x @ x + p.W_h @ h_prev + p.b
    i, f, o = (1 / (1 + np.exp(-a[k])) for k in (0, 1, 3))
    return i, f, np.tanh(a[2]), o
"""
STATE_SOURCE = """\
def lstm_state(i, f, c_tilde, o, c_prev):
    c = f * c_prev + i * c_tilde
    return o * np.tanh(c), c
"""
BACKWARD_SOURCE = """\
def lstm_state_backward(i, f, c_tilde, o, c_prev, dh, dc):
    tanh_c = np.tanh(f * c_prev + i * c_tilde)
    dc = dc + dh * o * (1 - tanh_c**2)
    return dc * c_tilde, dc * c_prev, dc * i, dh * tanh_c, dc * f
"""


def example(n: Numbers) -> tuple[float, ...]:
    """Return f, i, candidate, c, o, h of the example."""
    a = n.w * n.x + n.w * n.h_prev + n.b
    gate, c_tilde = float(sigmoid(np.array(a))), float(np.tanh(a))
    c = gate * n.c_prev + gate * c_tilde
    return gate, gate, c_tilde, c, gate, gate * float(np.tanh(c))


def gates(p: lstm.Params, h_prev: Array, x: Array) -> tuple[Array, ...]:
    """Return the gates and the candidate, by the library's own step."""
    _, cache = lstm.step(p, lstm.State(h_prev, np.zeros_like(h_prev)), x)
    return cache.i, cache.f, cache.c_tilde, cache.o


def state(i: Array, f: Array, c_tilde: Array, o: Array, c_prev: Array) -> tuple[Array, Array]:
    """Return h and c."""
    c = f * c_prev + i * c_tilde
    return o * np.tanh(c), c


def step(p: lstm.Params, h_prev: Array, c_prev: Array, x: Array) -> tuple[Array, Array]:
    """Return h and c, by the library's own step."""
    after, _ = lstm.step(p, lstm.State(h_prev, c_prev), x)
    return after.h, after.c


def state_backward(
    i: Array, f: Array, c_tilde: Array, o: Array, c_prev: Array, dh: Array, dc: Array
) -> tuple[Array, ...]:
    """Return the gradients of i, f, candidate, o and c_prev."""
    tanh_c = np.tanh(f * c_prev + i * c_tilde)
    total = dc + dh * o * (1 - tanh_c**2)
    return total * c_tilde, total * c_prev, total * i, dh * tanh_c, total * f


def step_backward(
    p: lstm.Params, h_prev: Array, c_prev: Array, x: Array, dh: Array, dc: Array
) -> tuple[Any, ...]:
    """Return the gradients of p, h_prev, c_prev and x, by the library's own step."""
    _, cache = lstm.step(p, lstm.State(h_prev, c_prev), x)
    dp, before, dx = lstm.step_backward(p, cache, lstm.State(dh, dc))
    return lstm.Params(*dp), before.h, before.c, dx


def step_arguments(
    rng: np.random.Generator, D: int, H: int, B: int, dtype: type
) -> tuple[lstm.Params, Array, Array, Array]:
    """Return p, h_prev, c_prev, x with all gates of their own, and biases that matter."""

    W_x, W_h, b, h, c, x = normals(
        rng, dtype, (4, H, D), (4, H, H), (4, H, 1), (H, B), (H, B), (D, B)
    )
    return lstm.Params(W_x, W_h, b), np.tanh(h), 2 * c, x


def step_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return cases for the whole step."""
    return [Case(about(*s), step_arguments(rng, *s)) for s in shapes(rng)]


def gates_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return cases for the gates."""
    found = [(s, step_arguments(rng, *s)) for s in shapes(rng)]
    return [Case(about(*s), (p, h, x)) for s, (p, h, _, x) in found]


def state_arguments(rng: np.random.Generator, H: int, B: int, dtype: type) -> tuple[Array, ...]:
    """Return i, f, candidate, o, c_prev."""
    i, f, o = rng.uniform(0.05, 0.95, (3, H, B))
    found = (i, f, rng.uniform(-0.95, 0.95, (H, B)), o, 2 * rng.normal(size=(H, B)))
    return tuple(one.astype(dtype) for one in found)


def state_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return cases for the two lines of the state."""
    return [Case(about(*s), state_arguments(rng, *s[1:])) for s in shapes(rng)]


def state_backward_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return cases for their gradients."""
    cases = []
    for D, H, B, dtype in shapes(rng):
        gradients = tuple(rng.normal(size=(2, H, B)).astype(dtype))
        cases.append(Case(about(D, H, B, dtype), (*state_arguments(rng, H, B, dtype), *gradients)))
    return cases


def step_backward_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return cases for the gradients of the whole step."""
    cases = []
    for D, H, B, dtype in shapes(rng):
        gradients = tuple(rng.normal(size=(2, H, B)).astype(dtype))
        cases.append(
            Case(about(D, H, B, dtype), (*step_arguments(rng, D, H, B, dtype), *gradients))
        )
    return cases


def latch_cases(rng: np.random.Generator, variant: int) -> list[Case]:
    """Return candidates: the bit first, then noise; both bits."""
    T = numbers(variant).steps
    noise = rng.uniform(-0.9, 0.9, (2, T))
    return [
        Case(f"the bit {bit:+d}", (np.concatenate([[0.9 * bit], row]),))
        for bit, row in zip((1, -1), noise, strict=True)
    ]


def latch_judge(arguments: tuple[Any, ...], came: Any) -> str | None:
    """Say what is wrong with gates that should keep the first candidate's sign."""
    (c_tilde,) = arguments
    if not isinstance(came, tuple) or len(came) != 2:
        return "expected two arrays, f and i"
    f, i = (np.asarray(one, dtype=float) for one in came)
    for name, gate in (("f", f), ("i", i)):
        if gate.shape != c_tilde.shape:
            return f"{name}: expected shape {c_tilde.shape}, one value a step, got {gate.shape}"
        if not np.all((gate > 0) & (gate < 1)):
            return f"{name}: a sigmoid lies strictly between 0 and 1"
    c = 0.0
    for kept, written, candidate in zip(f, i, c_tilde, strict=True):
        c = kept * c + written * candidate
    if c * np.sign(c_tilde[0]) < 0.5:
        bit = np.sign(c_tilde[0])
        return f"at the end c = {c:.3f}: the bit {bit:+.0f} is not safe (at least 0.5 is)"
    if np.prod(f[1:]) < 0.5:
        return (
            f"the direct path ∏ f is {np.prod(f[1:]):.2g}, below 0.5: the gradient does not survive"
        )
    return None


def swapped(*order: int) -> Any:
    """Return the gates with their rows in another order: a known mistake."""

    def mistaken(p: lstm.Params, h_prev: Array, x: Array) -> tuple[Array, ...]:
        return gates(lstm.Params(*(part[list(order)] for part in p)), h_prev, x)

    return mistaken


def gates_without_bias(p: lstm.Params, h_prev: Array, x: Array) -> tuple[Array, ...]:
    """Return the gates of a cell without biases: a known mistake."""
    return gates(p._replace(b=np.zeros_like(p.b)), h_prev, x)


def gates_with_sigmoid(p: lstm.Params, h_prev: Array, x: Array) -> tuple[Array, ...]:
    """Return the gates with σ for the candidate: a known mistake."""
    i, f, c_tilde, o = gates(p, h_prev, x)
    return i, f, sigmoid(np.arctanh(c_tilde)), o


def step_backward_with(change: str) -> Any:
    """Return the gradients of the step with a known mistake: what `change` names."""

    def mistaken(
        p: lstm.Params, h_prev: Array, c_prev: Array, x: Array, dh: Array, dc: Array
    ) -> tuple[Any, ...]:
        i, f, c_tilde, o = gates(p, h_prev, x)
        di, df, dc_tilde, do, dc_prev = state_backward(i, f, c_tilde, o, c_prev, dh, dc)
        slopes = [i * (1 - i), f * (1 - f), 1 - c_tilde**2, o * (1 - o)]
        if change == "slopes":
            slopes = [np.ones_like(i), np.ones_like(i), slopes[2], np.ones_like(i)]
        da = np.stack([di, df, dc_tilde, do]) * np.stack(slopes)
        dp = lstm.Params(da @ x.T, da @ h_prev.T, da.sum(axis=2, keepdims=True))
        W_h = p.W_h if change == "transpose" else p.W_h.mT
        return dp, (W_h @ da).sum(axis=0), dc_prev, (p.W_x.mT @ da).sum(axis=0)

    return mistaken


PARTS = (
    Part(
        "example", 2, "The example by numbers",
        ("f_t", "i_t", "c_tilde_t", "c_t", "o_t", "h_t"),
        ("f_t", "i_t", "c_tilde_t", "c_t", "o_t", "h_t"),
        cases=lambda rng, variant: [Case("", (variant,))],
        reference=lambda variant: example(numbers(variant)),
        call=False,
        mistakes={},
    ),
    Part(
        "gates", 3, "Gates and candidate", ("lstm_gates",), GATES, gates_cases, gates,
        mistakes={
            "Is the bias missing?": gates_without_bias,
            "The candidate is a tanh, not a σ.": gates_with_sigmoid,
            "The rows are stacked in the order i, f, candidate, o.": swapped(1, 0, 2, 3),
        },
    ),
    Part(
        "state", 2, "Cell state and hidden state", ("lstm_state",), ("h", "c"),
        state_cases, state,
        mistakes={
            "f and i have changed places.": lambda i, f, k, o, c: state(f, i, k, o, c),
            "h is o ⊙ tanh(c), not o ⊙ c.": lambda i, f, k, o, c: (
                o * (f * c + i * k), f * c + i * k
            ),
            "The order is h, c.": lambda *a: state(*a)[::-1],
        },
    ),
    Part(
        "step", 3, "The step", ("lstm_step",), ("h", "c"), step_cases, step,
        given={"lstm_gates": GATES_SOURCE, "lstm_state": STATE_SOURCE},
    ),
    Part(
        "state-backward", 4, "Backward through the state", ("lstm_state_backward",),
        ("di", "df", "dc_tilde", "do", "dc_prev"), state_backward_cases, state_backward,
        given={"lstm_gates": GATES_SOURCE, "lstm_state": STATE_SOURCE},
        mistakes={
            "What reaches c through h is missing.": lambda i, f, k, o, c, dh, dc: (
                dc * k, dc * c, dc * i, dh * np.tanh(f * c + i * k), dc * f
            ),
            "c also gets dc, from the step after.": lambda i, f, k, o, c, dh, dc: (
                state_backward(i, f, k, o, c, dh, 0 * dc)
            ),
        },
    ),
    Part(
        "step-backward", 6, "Backward through the step", ("lstm_step_backward",),
        ("dp", "dh_prev", "dc_prev", "dx"), step_backward_cases, step_backward,
        given={
            "lstm_gates": GATES_SOURCE,
            "lstm_state": STATE_SOURCE,
            "lstm_state_backward": BACKWARD_SOURCE,
        },
        rows=("i", "f", "the candidate", "o"),
        mistakes={
            "A gate is a σ: its gradient passes σ' = σ (1 - σ).": step_backward_with("slopes"),
            "Is W_h used where its transpose belongs?": step_backward_with("transpose"),
        },
    ),
    Part(
        "latch", 2, "A bit that survives", ("latch",), ("f", "i"), latch_cases, judge=latch_judge,
    ),
)  # fmt: skip

ASSIGNMENT = Assignment(
    "lstm",
    "The heart of the LSTM",
    PARTS,
    about="An assignment of two hours: what the LSTM's cell state does, its step forward and "
    "backward in NumPy, and a bit that survives noise.",
    written=(
        Written("explain", 5, "What the update of the cell state does"),
        Written("gradient", 3, "What it does for the gradient"),
    ),
)
