"""LSTMGates' first mode in numbers: the gates are given, step by step, and the challenge.

The same functions in JavaScript: ``js/lstm-gates/math.js``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from unrolled.explorables.traits import numbers

Update = Callable[[float, float, float, float, float], tuple[float, float]]
Trace = dict[str, list[float]]

PRESETS = ("remember", "forget", "overwrite", "leak")
READ_STEP = 21
"""The challenge writes a bit at step 1, carries it for 20 steps and reads it out at this step."""

ROWS = ("forget", "input", "output", "candidate")


class Score(NamedTuple):
    """How well gates carry the bit: score 0…100 = 100 · read · quiet, both factors from 0 to 1."""

    score: float
    read: float
    quiet: float


def distractor(t: int) -> float:
    """Return what the candidate offers at step t besides what matters: never 0, looks random."""
    k = (7 * t) % 16 - 8
    return (k if k < 0 else k + 1) / 10


def preset_rows(name: str, T: int, variant: str = "lstm") -> dict[str, list[float]]:
    """Return gates and candidate of a preset, each a list of T floats.

    A coupled unit writes by forgetting: its forget gate shuts to write; to forget it writes 0.
    """
    if name not in PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}")
    middle = T // 2 + 1
    steps = range(1, T + 1)
    wiped = {middle} if name in ("forget", "overwrite") else set()
    written = {1, middle} if name == "overwrite" else {1}
    kept = 0.8 if name == "leak" else 1.0
    special = {middle: -0.7} | {1: 0.9}
    if variant == "coupled":
        wiped |= written
        if name == "forget":
            special = {middle: 0.0} | {1: 0.9}
    return {
        "forget": [0.0 if t in wiped else kept for t in steps],
        "input": [1.0 if t in written else 0.0 for t in steps],
        "output": [1.0] * T,
        "candidate": [special.get(t, distractor(t)) for t in steps],
    }


def challenge_candidate(bit: float, T: int) -> list[float]:
    """Return the candidate of the challenge, T floats: the bit (+1 or -1), then distractors."""
    return [bit] + [distractor(t) for t in range(2, T + 1)]


def lstm_trace(
    forget: Sequence[float],
    input: Sequence[float],
    output: Sequence[float],
    candidate: Sequence[float],
    c0: float = 0.0,
) -> Trace:
    """Return c, h and gradient, T floats each; gradient[t - 1] = ∂c_T/∂c_t = f_{t+1} ⋯ f_T."""
    f, i, o, c_tilde = (np.asarray(row, dtype=float) for row in (forget, input, output, candidate))
    c = np.empty_like(f)
    c_prev = c0
    for t in range(len(f)):
        c[t] = c_prev = f[t] * c_prev + i[t] * c_tilde[t]
    h = o * np.tanh(c)
    gradient = np.cumprod(np.append(1.0, f[:0:-1]))[::-1]
    return {"c": c.tolist(), "h": h.tolist(), "gradient": gradient.tolist()}


def driven_trace(
    update: Update,
    forget: Sequence[float],
    input: Sequence[float],
    output: Sequence[float],
    candidate: Sequence[float],
    c0: float = 0.0,
) -> Trace:
    """Return c, h and gradient, T floats each, of the reader's own update.

    The gradient ∂c_T/∂c_t is the product of ∂c_s/∂c_{s-1} over s > t, each by a central difference
    through `update`.  What `update` raises gets a note that says at which step.
    """
    name = getattr(update, "__name__", type(update).__name__)

    def call(t: int, c_prev: float) -> tuple[float, float]:
        arguments = (forget[t], input[t], candidate[t], output[t], c_prev)
        try:
            result = update(*arguments)
        except Exception as error:
            shown = ", ".join(f"{a:.6g}" for a in arguments)
            error.add_note(f"raised by {name}({shown}) at step {t + 1} of {len(forget)}")
            raise
        try:
            c, h = result
            pair = float(c), float(h)
        except (TypeError, ValueError):
            raise TypeError(
                f"update: expected {name} to return (c, h), two floats, "
                f"got {result!r} at step {t + 1}"
            ) from None
        if not all(map(math.isfinite, pair)):
            raise ValueError(
                f"update: expected {name} to return finite c and h, got {pair!r} at step {t + 1}"
            )
        return pair

    trace: Trace = {"c": [], "h": [], "gradient": []}
    slopes: list[float] = []
    c_prev = c0
    for t in range(len(forget)):
        eps = 6e-6 * max(1.0, abs(c_prev))  # the cube root of float64's precision
        up, down = c_prev + eps, c_prev - eps
        slopes.append((call(t, up)[0] - call(t, down)[0]) / (up - down))
        c_prev, h = call(t, c_prev)
        trace["c"].append(c_prev)
        trace["h"].append(h)
    trace["gradient"] = np.cumprod(np.append(1.0, slopes[:0:-1]))[::-1].tolist()
    return trace


def score_of(h_plus: Sequence[float], h_minus: Sequence[float]) -> Score:
    """Return the score of the hidden states of the runs with bit +1 and bit -1.

    read = |h_21(+) - h_21(-)| / (2 tanh 1); quiet = 1 - mean over steps 1…20 of the larger |h_t| of
    the two runs, in units of tanh 1, at least 0; score = 100 · read · quiet.
    """
    last = READ_STEP - 1
    read = min(1.0, abs(h_plus[last] - h_minus[last]) / (2 * math.tanh(1)))
    loud = sum(max(abs(p), abs(m)) for p, m in zip(h_plus[:last], h_minus[:last], strict=True))
    quiet = max(0.0, 1 - loud / last / math.tanh(1))
    return Score(100 * read * quiet, read, quiet)


def score(
    forget: Sequence[float], input: Sequence[float], output: Sequence[float], c0: float = 0.0
) -> Score:
    """Return the score of gates in the challenge: carry a bit for 20 steps, then read it out.

    The unit runs on `challenge_candidate` with the bit +1 and with the bit -1.
    Raises ValueError with fewer than 21 steps, or rows of different length.
    """
    rows = [numbers(n, v, 0, 1) for n, v in zip(ROWS, (forget, input, output), strict=False)]
    T = len(rows[0])
    if T < READ_STEP:
        raise ValueError(f"forget: expected T ≥ {READ_STEP} values for the challenge, got {T}")
    for name, row in zip(ROWS, rows, strict=False):
        if len(row) != T:
            raise ValueError(f"{name}: expected T = {T} values, got {len(row)}")
    f, i, o = rows
    plus, minus = (lstm_trace(f, i, o, challenge_candidate(b, T), c0)["h"] for b in (1.0, -1.0))
    return score_of(plus, minus)
