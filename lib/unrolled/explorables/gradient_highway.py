"""GradientHighway: one input through an RNN, a GRU and an LSTM, and a gradient back through each.

H = 16 units, D = 4 inputs, T steps, one sequence.  The loss looks at the last step only, along a
fixed unit vector u = (1, ..., 1) / √H: L = uᵀ h_T, and in the LSTM L = uᵀ c_T, each at the state
that carries the memory.  What is shown is ‖∂L/∂s_t‖ at every step t, where s is the whole state: h,
and in the LSTM h and c together.  So all curves begin with 1 at t = T.  It is the gradient that
`unrolled.backward` computes, in one pass; the norm of ∂s_T/∂s_t is its least bound over all u.

The direct path of the LSTM is the same gradient with gates and candidates held fixed: nothing goes
through h then, and what is left is ‖u ⊙ f_T ⊙ ... ⊙ f_{t+1}‖, the root mean square of ∏ f over the
units.  It is one term of the full gradient and no bound on it.

Weights and input are drawn by `draws`, the generator mulberry32, which is exact in any language, in
this order: the input x_1 ... x_200 (D, each) from U(-1, 1); then W_x and W_h of the RNN, the GRU
and the LSTM from U(-1/√H, 1/√H).  A shorter sequence is the beginning of the longest one.  The
same in JavaScript, and fast: ``js/gradient-highway/math.js``.

Source of the comparison: R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
recurrent neural networks", section 2 (ICML 2013); of the direct path: S. Hochreiter and
J. Schmidhuber, "Long short-term memory", section 3 (1997).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled import unroll
from unrolled.cells import gru, lstm, rnn
from unrolled.explorables.explorable import Explorable
from unrolled.explorables.gradient_highway_picture import describe, picture
from unrolled.explorables.traits import IntegerTrait, NumberTrait
from unrolled.flow import half_life, kept

H, D = 16, 4
T_MIN, T_MAX = 10, 200
CELLS = {"rnn": rnn, "gru": gru, "lstm": lstm}
GATES: dict[str, tuple[int, ...]] = {"rnn": (), "gru": (3,), "lstm": (4,)}

# forget bias, update bias, recurrent scale
PRESETS = {
    "usual": (1.0, 0.0, 1.0),
    "zero biases": (0.0, 0.0, 1.0),
    "open": (5.0, -5.0, 1.0),
    "exploding": (0.0, 0.0, 8.0),
    "open, exploding": (5.0, -5.0, 8.0),
    "shut": (-4.0, 4.0, 1.0),
    "no W_h": (0.0, 0.0, 0.0),
}

Logs = list[float | None]
Array = NDArray[np.floating[Any]]
Step = Callable[[Any, Any, Any], tuple[Any, Any]]


# The same weights and input everywhere


def draws(seed: int, n: int) -> Array:
    """Return n numbers from U[0, 1): the generator mulberry32 (T. Ettinger, 2017).

    Its state is a counter of 32 bits and every number a hash of it, in whole numbers only.
    """
    mask = np.uint64(2**32 - 1)
    a = (seed + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x6D2B79F5)) & mask
    t = ((a ^ a >> np.uint64(15)) * (a | np.uint64(1))) & mask
    t ^= (t + ((t ^ t >> np.uint64(7)) * (t | np.uint64(61)) & mask)) & mask
    numbers: Array = (t ^ t >> np.uint64(14)).astype(float) / 2**32
    return numbers


@lru_cache(maxsize=8)
def drawn(seed: int) -> tuple[Array, dict[str, tuple[Array, Array]]]:
    """Return the input (200, D, 1), and W_x and W_h of every cell, by name; all read-only."""
    shapes: list[tuple[int, ...]] = [(T_MAX, D, 1)]
    for gates in GATES.values():
        shapes += [(*gates, H, D), (*gates, H, H)]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    numbers = 2 * draws(seed, int(ends[-1])) - 1
    numbers[ends[0] :] /= math.sqrt(H)
    numbers.flags.writeable = False
    parts = [part.reshape(s) for part, s in zip(np.split(numbers, ends[:-1]), shapes, strict=True)]
    xs, *matrices = parts
    return xs, dict(zip(GATES, zip(matrices[::2], matrices[1::2], strict=True), strict=True))


def params(
    seed: int, forget_bias: float, update_bias: float, recurrent_scale: float
) -> dict[str, Any]:
    """Return the Params of 'rnn', 'gru' and 'lstm': all biases 0 but those of f and z."""
    result = {}
    for name, (W_x, W_h) in drawn(seed)[1].items():
        b = np.zeros((*GATES[name], H, 1))
        if name == "lstm":
            b[1] = forget_bias
        if name == "gru":
            b[0] = update_bias
        result[name] = CELLS[name].Params(W_x, recurrent_scale * W_h, b)
    return result


# Gradients, as logarithms: they need not fit a float


class Scaled:
    """A vector times a power of two, so that it neither overflows nor vanishes on the way."""

    def __init__(self, vector: Array) -> None:
        self.vector = vector
        self.exponent = 0
        self.set(vector)

    def set(self, vector: Array) -> None:
        """Take another vector, at the present power."""
        _, e = np.frexp(np.abs(vector).max())
        self.vector = np.ldexp(vector, -e)
        self.exponent += int(e)

    def log10_norm(self) -> float | None:
        """Return log10 of the norm, None for 0."""
        norm = float(np.linalg.norm(self.vector))
        return math.log10(norm) + self.exponent * math.log10(2) if norm else None


def end_gradient(cell: Any) -> Array:
    """Return ∂L/∂s_T (n, 1): u at h, and in an LSTM at c, below zeros at h."""
    gradient = np.zeros((len(cell.State._fields) * H, 1))
    gradient[-H:] = 1 / math.sqrt(H)
    return gradient


def gradient_logs(cell: Any, p: Any, caches: Any) -> Logs:
    """Return log10 ‖∂L/∂s_t‖ for every t; None where it is 0.

    It is `backward`'s gradient, which is linear: scaled by powers of two on the way, so that it is
    right where that overflows or underflows.
    """
    g = Scaled(end_gradient(cell))
    parts = len(cell.State._fields)
    logs = []
    for t in reversed(range(len(caches.x))):
        logs.append(g.log10_norm())
        cache = cell.Cache(*(array[t] for array in caches))
        _, ds, _ = cell.step_backward(p, cache, cell.State(*np.split(g.vector, parts)))
        g.set(np.concatenate(ds))
    return logs[::-1]


def direct_logs(share: Array) -> Logs:
    """Return log10 ‖u ⊙ f_T ⊙ ... ⊙ f_{t+1}‖ for every t; None where it is 0.  share: f (T, H)."""
    with np.errstate(divide="ignore"):
        logs = np.log10(share)
    path = np.concatenate([np.cumsum(logs[:0:-1], axis=0)[::-1], np.zeros((1, share.shape[1]))])
    largest = path.max(axis=1)
    with np.errstate(invalid="ignore"):
        rest = 0.5 * np.log10(np.mean(100.0 ** (path - largest[:, np.newaxis]), axis=1))
    pairs = zip(largest.tolist(), rest.tolist(), strict=True)
    return [None if top == -np.inf else top + r for top, r in pairs]


def half_life_of(shares: list[float]) -> float | None:
    """Return after how many steps half is left at the mean of these shares; None for ever."""
    steps = float(half_life(min(1.0, float(np.mean(shares)))))
    return steps if math.isfinite(steps) else None


def own_logs(step: Step, p: Any, xs: Array) -> tuple[Logs, Array | None]:
    """Return log10 ‖∂L/∂s_t‖ through a reader's own step, and its f (T, H) if its Cache has one.

    The Jacobian of a step comes from central differences, all of them in one call: column 0 is
    the state itself, the others are the state with one coordinate up or down.
    """
    name = getattr(step, "__name__", type(step).__name__)
    T, n = len(xs), 2 * H
    s: Array = np.zeros((n, 1))
    J = np.empty((T, n, n))
    gates: list[Array] = []
    for t in range(T):
        nudge = 6e-6 * np.maximum(1.0, np.abs(s))  # the cube root of float64's precision
        up, down = s + np.diagflat(nudge), s - np.diagflat(nudge)
        columns = np.concatenate([s, up, down], axis=1)
        after, cache = _called(step, name, p, columns, np.repeat(xs[t], 2 * n + 1, axis=1), t, T)
        J[t] = (after[:, 1 : n + 1] - after[:, n + 1 :]) / (np.diag(up) - np.diag(down))
        s = after[:, :1]
        f = getattr(cache, "f", None)
        if isinstance(f, np.ndarray) and f.shape == (H, 2 * n + 1) and np.all((f >= 0) & (f <= 1)):
            gates.append(f[:, 0])
    g = Scaled(end_gradient(lstm))
    logs = []
    for t in reversed(range(T)):
        logs.append(g.log10_norm())
        g.set(J[t].T @ g.vector)
    return logs[::-1], np.array(gates) if len(gates) == T else None


def _called(
    step: Step, name: str, p: Any, columns: Array, x: Array, t: int, T: int
) -> tuple[Array, Any]:
    """Return the state (2H, B) that the reader's step gives, checked, and the Cache."""
    where = f"at step {t + 1} of {T}"
    B = columns.shape[1]
    try:
        result = step(p, lstm.State(columns[:H], columns[H:]), x)
    except Exception as error:
        error.add_note(f"raised by {name}(p, s, x) {where}, with s.h {(H, B)} and x {x.shape}")
        raise
    try:
        state, cache = result
        parts = [np.asarray(state.h, dtype=float), np.asarray(state.c, dtype=float)]
    except (AttributeError, TypeError, ValueError):
        raise TypeError(
            f"step: expected {name} to return (State(h, c), Cache), got {result!r:.200} {where}"
        ) from None
    for letter, part in zip("hc", parts, strict=True):
        if part.shape != (H, B):
            raise ValueError(
                f"step: expected {name} to return {letter} of shape {(H, B)}, "
                f"got {part.shape} {where}"
            )
        if not np.isfinite(part).all():
            wrong = float(part[~np.isfinite(part)][0])
            raise ValueError(
                f"step: expected {name} to return finite {letter}, got {wrong!r} {where}"
            )
    return np.concatenate(parts), cache


class GradientHighway(Explorable):
    """One input through an RNN, a GRU and an LSTM; how large the gradient is, back to step 1.

    Parameters
    ----------
    preset : str, optional
        Biases and scale to begin with: 'usual' (forget bias 1, the others 0), 'zero biases',
        'open', 'exploding', 'open, exploding', 'shut' or 'no W_h'; what is given
        below replaces its own.
    forget_bias : float in [-4, 6], optional
        The bias of the LSTM's forget gate.
    update_bias : float in [-6, 4], optional
        The bias of the GRU's update gate z, the share of the new: below 0 it keeps more.
    recurrent_scale : float in [0, 8], optional
        What W_h of all cells is multiplied by.
    T : int from 10 to 200
        The number of steps.
    seed : int from 0 to 99
        Which weights and which input are drawn.
    step : callable, optional
        The reader's own cell in the LSTM's place, ``step(p, s, x) -> (State, Cache)``, with the
        LSTM's Params p and State s = (h, c), h and c (16, B), x (4, B): a column is a sequence.
        The gradient comes from central differences through it, in one call a step.  If its Cache
        has a forget gate f (16, B), that makes the direct path; else none is drawn.  What it
        raises at construction is raised; later on it is shown in the widget and in `error`.

    Every parameter but `step` is a trait, in sync with the picture both ways.  `preset` becomes
    None when a bias or the scale is changed.

    Attributes
    ----------
    log10_norms : dict
        'rnn', 'gru' and 'lstm': log10 ‖∂L/∂s_t‖ as lists of T floats; index 0 is step 1.  L is the
        mean of h_T (c_T in the LSTM) over the units times √16, s the whole state (h, in the LSTM h
        and c).  'direct': the LSTM's with gates and candidates held fixed, the root mean square of
        f_T ⋯ f_{t+1} over the units; None if `step` tells no f.  A gradient of exactly 0 is None.
        The LSTM's lists are empty while `step` fails.
    kept : dict
        'gru' and 'lstm': the mean over units of 1 - z_t and of f_t, T floats each.
    half_life : dict
        'gru' and 'lstm': after how many steps half is left at the mean of `kept` over time; None
        where that rounds to 1, or where `step` tells no f.
    params, xs : dict, array (T, 4, 1)
        The Params of 'rnn', 'gru' and 'lstm', for ``unrolled.unroll(lstm, w.params['lstm'], ...)``,
        and the input.
    error : str
        What `step` raised at the present handles; '' when all is well.

    Notes
    -----
    Where a norm passes some 10¹⁵ the run is chaotic: a change in the last digit of a state changes
    all that follows, and two machines agree on the kind of curve, not on its digits.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.
    """

    kind = "gradient-highway"
    handles = ("forget_bias", "update_bias", "recurrent_scale", "T", "seed")
    presets = tuple(PRESETS)

    forget_bias = NumberTrait(-4, 6, default_value=1.0).tag(sync=True)
    update_bias = NumberTrait(-6, 4).tag(sync=True)
    recurrent_scale = NumberTrait(0, 8, default_value=1.0).tag(sync=True)
    T = IntegerTrait(T_MIN, T_MAX, default_value=100).tag(sync=True)
    seed = IntegerTrait(0, 99, default_value=1).tag(sync=True)

    def __init__(
        self,
        preset: str | None = None,
        *,
        forget_bias: float | None = None,
        update_bias: float | None = None,
        recurrent_scale: float | None = None,
        T: int = 100,
        seed: int = 1,
        step: Step | None = None,
        lock: Iterable[str] = (),
        challenge: bool | str = False,
        **kwargs: Any,
    ) -> None:
        if step is not None and not callable(step):
            raise TypeError(f"step: expected a function (p, s, x) -> (State, Cache), got {step!r}")
        self._results: tuple[Any, dict[str, Any]] = ((), {})
        self._own_result: tuple[Logs, Array | None] = ([], None)
        given = {
            "forget_bias": forget_bias,
            "update_bias": update_bias,
            "recurrent_scale": recurrent_scale,
            "T": T,
            "seed": seed,
        }
        super().__init__(given, preset=preset, own=step, lock=lock, challenge=challenge, **kwargs)

    @property
    def step(self) -> Step | None:
        """The reader's own step, or None."""
        return self._own

    @property
    def params(self) -> dict[str, Any]:
        """The Params of 'rnn', 'gru' and 'lstm'."""
        return params(self.seed, self.forget_bias, self.update_bias, self.recurrent_scale)

    @property
    def xs(self) -> Array:
        """The input (T, 4, 1)."""
        return drawn(self.seed)[0][: self.T]

    @property
    def log10_norms(self) -> dict[str, Any]:
        """log10 of the gradient's norm at every step: of 'rnn', 'gru', 'lstm' and 'direct'."""
        return {name: list(v) if v is not None else v for name, v in self._now()["logs"].items()}

    @property
    def kept(self) -> dict[str, Any]:
        """The share of the old state that a step keeps, mean over units: of 'gru' and 'lstm'."""
        return {name: list(v) if v is not None else v for name, v in self._now()["kept"].items()}

    @property
    def half_life(self) -> dict[str, float | None]:
        """After how many steps half is left, at the mean of `kept`: of 'gru' and 'lstm'."""
        return {
            name: half_life_of(shares) if shares else None
            for name, shares in self._now()["kept"].items()
        }

    def preset_values(self, name: str) -> dict[str, Any]:
        """Return biases and scale of a preset."""
        return dict(zip(self.handles, PRESETS[name], strict=False))

    def compute(self) -> dict[str, Any]:
        """Run the reader's own step, if there is one; all else waits until it is asked for."""
        if self._own is not None:
            self._own_result = own_logs(self._own, self.params["lstm"], self.xs)
        return {}

    def failed(self) -> dict[str, Any]:
        """Forget what the reader's own step made before."""
        self._own_result = ([], None)
        return {}

    def driven(self) -> dict[str, Any]:
        """Return what the page draws in the LSTM's place."""
        return self._own_part()

    def picture(self) -> tuple[str, str]:
        """Return a static picture of the present state: an SVG document, and its alt text."""
        logs = self.log10_norms
        says = describe(logs, self.T, own=self._own is not None)
        alt = (
            f"Gradient norm against time over {self.T} steps on a logarithmic axis, for an RNN, a "
            f"GRU and an LSTM of {H} units. {says}"
        )
        own = None if self._own is None else self._own_name()
        return picture(logs, self.kept, self.half_life, self.T, says, own=own), alt

    def described(self) -> list[str]:
        """Return the arguments that `repr` shows."""
        set_apart = [
            f"{name}={getattr(self, name):g}"
            for name in self.handles
            if self.preset is None and name in self.preset_values(self.presets[0])
        ]
        seed = [] if self.seed == 1 else [f"seed={self.seed}"]
        own = [] if self._own is None else [f"step={self._own_name()}"]
        return [*set_apart, f"T={self.T}", *seed, *super().described(), *own]

    def _own_name(self) -> str:
        return str(getattr(self._own, "__name__", type(self._own).__name__))

    def _own_part(self) -> dict[str, Any]:
        logs, f = self._own_result
        return {
            "name": self._own_name(),
            "lstm": logs,
            "direct": None if f is None else direct_logs(f),
            "kept": None if f is None else f.mean(axis=1).tolist(),
        }

    def _now(self) -> dict[str, Any]:
        """Return the results at the present handles, computed once."""
        key = tuple(getattr(self, name) for name in self.handles)
        if self._own is None and self._results[0] == key:
            return self._results[1]
        logs: dict[str, Any] = {}
        shares: dict[str, Any] = {}
        for name, p in self.params.items():
            cell = CELLS[name]
            if name == "lstm" and self._own is not None:
                own = self._own_part()
                logs |= {"lstm": own["lstm"], "direct": own["direct"]}
                shares["lstm"] = own["kept"]
                continue
            _, caches = unroll(cell, p, cell.zero_state(H, 1), self.xs)
            logs[name] = gradient_logs(cell, p, caches)
            if name != "rnn":
                share = kept(cell, caches)[:, :, 0]
                shares[name] = share.mean(axis=1).tolist()
                if name == "lstm":
                    logs["direct"] = direct_logs(share)
        self._results = key, {"logs": logs, "kept": shares}
        return self._results[1]
