"""LSTMGates: paint the gates of one LSTM unit; see c, h and the gradient that the gates imply.

One unit (H = 1) over T steps whose gates are given, step by step, not computed from weights:

    c_t = f_t c_{t-1} + i_t c̃_t,    h_t = o_t tanh(c_t),    ∂c_T/∂c_t = f_{t+1} ⋯ f_T.

The gradient is the one of the direct path, with the gates held fixed: what reaches c_T through the
gates' own dependence on h is not in it.  The same functions in JavaScript: ``js/lstm.js``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import traitlets

from unrolled.explorables.explorable import Explorable
from unrolled.explorables.lstm_gates_picture import describe, picture
from unrolled.explorables.traits import NumberTrait, StepsTrait, integer, numbers

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


def preset_rows(name: str, T: int) -> dict[str, list[float]]:
    """Return gates and candidate of a preset, each a list of T floats."""
    if name not in PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}")
    middle = T // 2 + 1
    steps = range(1, T + 1)
    wiped = {middle} if name in ("forget", "overwrite") else set()
    written = {1, middle} if name == "overwrite" else {1}
    kept = 0.8 if name == "leak" else 1.0
    special = {middle: -0.7} | {1: 0.9}
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


class LSTMGates(Explorable):
    """One LSTM unit whose gates are painted, step by step.

    Parameters
    ----------
    preset : {'remember', 'forget', 'overwrite', 'leak'}, optional
        The gates and the candidate to begin with; rows given below replace its own.
    forget, input, output : sequence of T floats in [0, 1], optional
        The gates f_t, i_t, o_t; index 0 is step 1.
    candidate : sequence of T floats in [-1, 1], optional
        The candidate c̃_t.
    c0 : float
        The cell state before step 1.
    T : int, optional
        The number of steps; that of the rows given, or 24.  It stays what it is.
    challenge : bool
        Whether the challenge is on: carry the first bit for 20 steps, then read it out (T ≥ 21).
        While it is on the picture runs on a fixed candidate, a bit and then distractors, in the
        place of `candidate`.
    update : callable, optional
        The reader's own step, ``update(f, i, c_tilde, o, c_prev) -> (c, h)``, floats all: it makes
        the trace, and the gradient comes from central differences through it.  What it raises at
        construction is raised; later on it is shown in the widget and in `error`.

    Every parameter but `T` and `update` is a trait, in sync with the picture both ways.
    ``w.forget[3] = 0`` sets one step.  `preset` becomes None when a row is changed.

    Attributes
    ----------
    trace : dict
        'c', 'h' and 'gradient', T floats each, of the present gates; gradient[t - 1] = ∂c_T/∂c_t
        along the direct path, gates held fixed.  The lists are empty while `update` fails.
    error : str
        What `update` raised for the present gates; '' when all is well.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.
    """

    kind = "lstm-gates"
    handles = (*ROWS, "c0")
    results = ("trace",)
    presets = PRESETS

    forget = StepsTrait(0.0).tag(sync=True)
    input = StepsTrait(0.0).tag(sync=True)
    output = StepsTrait(0.0).tag(sync=True)
    candidate = StepsTrait(-1.0).tag(sync=True)
    c0 = NumberTrait().tag(sync=True)
    trace: Any = traitlets.Dict(read_only=True)

    def __init__(
        self,
        preset: str | None = None,
        *,
        forget: Iterable[float] | None = None,
        input: Iterable[float] | None = None,
        output: Iterable[float] | None = None,
        candidate: Iterable[float] | None = None,
        c0: float = 0.0,
        T: int | None = None,
        update: Update | None = None,
        lock: Iterable[str] = (),
        challenge: bool | str = False,
        **kwargs: Any,
    ) -> None:
        given = {
            name: numbers(name, row, -1 if name == "candidate" else 0, 1)
            for name, row in zip(ROWS, (forget, input, output, candidate), strict=True)
            if row is not None
        }
        if T is None:
            T = len(next(iter(given.values()))) if given else 24
        self._T = integer("T", T, 1, 1000)
        if update is not None and not callable(update):
            raise TypeError(
                f"update: expected a function (f, i, c_tilde, o, c_prev) -> (c, h), got {update!r}"
            )
        super().__init__(
            given | {"c0": c0}, preset=preset, own=update, lock=lock, challenge=challenge, **kwargs
        )

    @property
    def T(self) -> int:  # noqa: N802
        """The number of steps."""
        return self._T

    @property
    def update(self) -> Update | None:
        """The reader's own step, or None."""
        return self._own

    def score(self) -> Score:
        """Return how well the present gates do in the challenge, on or off: score, read, quiet."""
        self._needs_challenge_steps()
        plus, minus = (self._run(challenge_candidate(bit, self.T))["h"] for bit in (1.0, -1.0))
        return score_of(plus, minus)

    def preset_values(self, name: str) -> dict[str, Any]:
        """Return the rows of a preset."""
        return preset_rows(name, self.T)

    def check_challenge(self, value: bool | str) -> None:
        """Raise ValueError if there are too few steps for the challenge."""
        if value is True:
            self._needs_challenge_steps()

    def compute(self) -> dict[str, Any]:
        """Return the trace of the present gates."""
        self._minus = None
        if self.challenge is True and self._own is not None:
            self._minus = self._run(challenge_candidate(-1.0, self.T))
        return {"trace": self._run(self._shown_candidate())}

    def failed(self) -> dict[str, Any]:
        """Return an empty trace."""
        return {"trace": {"c": [], "h": [], "gradient": []}}

    def driven(self) -> dict[str, Any]:
        """Return the trace, and in the challenge that of the other bit."""
        minus = getattr(self, "_minus", None)
        return self.trace if minus is None else {**self.trace, "minus": minus}

    def picture(self) -> tuple[str, str]:
        """Return a static picture of the present state: an SVG document, and its alt text."""
        rows = self.state() | {"candidate": self._shown_candidate()}
        result = self.score() if self.challenge is True and self.trace["c"] else None
        says = describe(self.forget, self.trace, result, driven=self.update is not None)
        return picture(rows, self.trace, says), f"One LSTM unit over {self.T} steps. {says}"

    def described(self) -> list[str]:
        """Return the arguments that `repr` shows."""
        update = self.update
        own = [] if update is None else [f"update={getattr(update, '__name__', type(update).__name__)}"]
        return [f"T={self.T}", *super().described(), *own]

    def _needs_challenge_steps(self) -> None:
        if self.T < READ_STEP:
            raise ValueError(f"challenge: expected T ≥ {READ_STEP} steps, got T = {self.T}")

    def _shown_candidate(self) -> list[float]:
        on = self.challenge is True
        return challenge_candidate(1.0, self.T) if on else list(self.candidate)

    def _run(self, candidate: list[float]) -> Trace:
        rows = list(self.forget), list(self.input), list(self.output), candidate, self.c0
        return lstm_trace(*rows) if self._own is None else driven_trace(self._own, *rows)
