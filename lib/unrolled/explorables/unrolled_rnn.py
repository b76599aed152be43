"""UnrolledRNN: one tanh unit, unrolled; its run, its fixed points, and its gradient as a sum.

One unit (H = D = B = 1) over T steps, with one set of weights for all of them:

    h_t = tanh(w_x x_t + w_h h_{t-1} + b).

Its gradient is a sum over time. With δ_t = ∂L/∂h_t, all later steps in it, and ∂⁺h_t/∂w_h, the
local derivative with h_{t-1} held fixed, a step's share in it is

    δ_t ∂⁺h_t/∂w_h = δ_t (1 - h_t²) h_{t-1},    ∂L/∂w_h = the sum of the shares.

With its input held the unit is a map of one number, h ← tanh(w_h h + a), a = w_x x + b.  The same
functions in JavaScript: ``js/unrolled-rnn/math.js``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import traitlets

from unrolled.bptt import backward, unroll
from unrolled.cells import rnn
from unrolled.explorables.explorable import Explorable
from unrolled.explorables.picture import limit_of
from unrolled.explorables.traits import (
    ChoiceTrait,
    IntegerTrait,
    NumberTrait,
    StepsTrait,
    integer,
    numbers,
)
from unrolled.explorables.unrolled_rnn_picture import describe, picture
from unrolled.flow import jacobians

Step = Callable[[Any, Any, Any], tuple[Any, Any]]
Trace = dict[str, Any]

PRESETS = ("fade", "latch", "flip", "alternate", "memory", "edge")
T_MAX = 100
INPUT_MAX = 2.0

TANGENT = 1e-12
"""How near the fold a map counts as on it: two of its fixed points are then one."""
MARGINAL = 1e-7
"""How near 1 a slope's size counts as 1: the slope alone does not say then what is stable."""
GRID = 80
"""In how many pieces the curve of the reader's own step is searched for fixed points."""


class FixedPoint(NamedTuple):
    """A fixed point h of the map, the map's slope there, and whether it is 'stable' (|slope| < 1),
    'unstable' (> 1) or 'marginal' (= 1)."""

    h: float
    slope: float
    kind: str


def preset_values(name: str, T: int) -> dict[str, Any]:
    """Return the handles of a preset over T steps, by name."""
    if name not in PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}")
    w_x, w_h, target = {
        "fade": (1.0, 0.8, 1.0),
        "latch": (1.0, 2.0, -1.0),
        "flip": (1.5, 2.0, 1.0),
        "alternate": (1.0, -1.5, 0.0),
        "memory": (1.0, 1.0, 1.0),
        "edge": (1.0, 1.5, 0.0),
    }[name]
    inputs = [0.0] * T
    if name != "edge":
        inputs[0] = 1.0
    if name == "flip" and T > 1:
        inputs[T // 2] = -2.0
    h0 = 0.01 if name == "edge" else 0.0
    return {"w_x": w_x, "w_h": w_h, "b": 0.0, "h0": h0, "inputs": inputs, "target": target} | {
        "loss": "last",
        "steps": 0,
    }


# The run and its gradient


def rnn_trace(
    w_x: float,
    w_h: float,
    b: float,
    h0: float,
    inputs: Sequence[float],
    target: float,
    loss: str = "last",
    steps: int = 0,
) -> Trace:
    """Return the run of the unit and its gradient, by the library's own loops.

    'h', 'slope', 'local', 'delta', 'share' and 'full' are lists of T floats, index 0 is step 1:
    h_t; ∂⁺h_t/∂h_{t-1}; ∂⁺h_t/∂w_h; ∂L/∂h_t and the step's share in ∂L/∂w_h, both as BPTT in
    chunks of `steps` gives them; the share that full BPTT gives.  'loss', 'gradient',
    'full_gradient' and 'reach' are floats: L, the two sums of shares, and ∂h_T/∂h_0.
    """
    p = rnn.Params(*(np.array([[v]], dtype=float) for v in (w_x, w_h, b)))
    xs = np.array(inputs, dtype=float).reshape(-1, 1, 1)
    states, caches = unroll(rnn, p, rnn.State(np.array([[h0]], dtype=float)), xs)
    h, T = states.h, len(xs)
    value, dh = _loss(h, target, loss)
    full = backward(rnn, p, caches, rnn.State(dh))
    kept = backward(rnn, p, caches, rnn.State(dh), steps=steps) if 0 < steps < T else full
    slope = jacobians(rnn, p, caches).ravel()

    one = rnn.State(np.ones((1, 1)))
    local = np.empty(T)
    for t in range(T):  # the parameters' gradient at δ_t = 1 is the local derivative
        cache = rnn.Cache(caches.x[t], caches.h_prev[t], caches.h[t])
        local[t] = rnn.step_backward(p, cache, one)[0].W_h[0, 0]
    delta = kept.states.h.ravel()
    return {
        "h": h.ravel().tolist(),
        "slope": slope.tolist(),
        "local": local.tolist(),
        "delta": delta.tolist(),
        "share": (delta * local).tolist(),
        "full": (full.states.h.ravel() * local).tolist(),
        "loss": value,
        "gradient": float(kept.p.W_h[0, 0]),
        "full_gradient": float(full.p.W_h[0, 0]),
        "reach": float(np.prod(slope)),
    }


def _loss(h: Any, target: float, loss: str) -> tuple[float, Any]:
    """Return the loss, at the last step or the sum over all, and its own gradient at every h."""
    dh = h - target
    if loss == "last":
        dh[:-1] = 0.0
    return float(0.5 * np.sum(dh**2)), dh


# The map h ← tanh(w_h h + a)


def fold(w_h: float) -> float:
    """Return the |a| at which two of three fixed points meet and vanish; 0 where w_h ≤ 1.

    In the preactivation u a fixed point is a zero of g(u) = u - w_h tanh u - a, and the slope is
    w_h / cosh² u; it is 1 where cosh² u = w_h.
    """
    return math.sqrt(w_h * (w_h - 1)) - math.asinh(math.sqrt(w_h - 1)) if w_h > 1 else 0.0


def fixed_points(w_h: float, a: float) -> list[FixedPoint]:
    """Return all fixed points of h ← tanh(w_h h + a), from the lowest to the highest h.

    There is one where w_h ≤ 1 or |a| > `fold(w_h)`, three where |a| is less, two on the fold itself
    (within TANGENT), where the one that is a pair is 'marginal'.
    """

    def g(u: float) -> float:
        return u - w_h * math.tanh(u) - a

    far = abs(w_h) + abs(a) + 1  # |u| ≤ |w_h| + |a|
    limit = fold(w_h)
    if limit <= TANGENT or abs(a) > limit + TANGENT:
        return [_point(w_h, _zero(g, -far, far))]
    turn = math.asinh(math.sqrt(w_h - 1))  # g rises up to -turn, falls, and rises again from turn
    if abs(a) >= limit - TANGENT:
        side = math.copysign(1.0, a)
        pair = FixedPoint(math.tanh(-side * turn), 1.0, "marginal")
        lone = _point(w_h, _zero(g, turn, far) if side > 0 else _zero(g, -far, -turn))
        return [pair, lone] if side > 0 else [lone, pair]
    return [
        _point(w_h, _zero(g, -far, -turn)),
        _point(w_h, _zero(lambda u: -g(u), -turn, turn)),
        _point(w_h, _zero(g, turn, far)),
    ]


def two_cycle(w_h: float, a: float) -> tuple[float, float] | None:
    """Return the two values between which h ← tanh(w_h h + a) alternates in the end, or None.

    There is such a 2-cycle exactly where the one fixed point has a slope below -1, and it is then
    stable: tanh has a negative Schwarzian derivative, so the twice applied map, which is monotone,
    has one or three fixed points, and three only if the middle one is unstable.
    """
    if w_h >= -1:
        return None
    (middle,) = fixed_points(w_h, a)
    if middle.kind != "unstable":
        return None

    def f(h: float) -> float:
        return math.tanh(w_h * h + a)

    high = _zero(lambda h: h - f(f(h)), middle.h, 1.0)
    low = f(high)
    return low, f(low)


def _point(w_h: float, u: float) -> FixedPoint:
    slope = w_h / math.cosh(u) ** 2
    return FixedPoint(math.tanh(u) + 0.0, slope, _kind(slope))


def _kind(slope: float) -> str:
    size = abs(slope)
    return "marginal" if abs(size - 1) <= MARGINAL else "stable" if size < 1 else "unstable"


def _zero(g: Callable[[float], float], low: float, high: float) -> float:
    """Return the zero of a function that is below 0 at `low` and above at `high`, by bisection."""
    while True:
        middle = low + (high - low) / 2
        if not low < middle < high:
            return middle
        value = g(middle)
        if value == 0:
            return middle
        if value < 0:
            low = middle
        else:
            high = middle


# The reader's own step


class Own:
    """The reader's own step as a function of numbers; what it returns is checked."""

    def __init__(
        self, step: Step, w_x: float, w_h: float, b: float, inputs: Sequence[float]
    ) -> None:
        self.step = step
        self.name = getattr(step, "__name__", type(step).__name__)
        self.w_x, self.w_h, self.b = w_x, w_h, b
        self.inputs = list(inputs)

    def __call__(self, t: int, h_prev: float, w_h: float | None = None) -> float:
        """Return h after step t = 1…T; from the state given, with w_h where it is given."""
        w_h = self.w_h if w_h is None else w_h
        x = self.inputs[t - 1]
        p = rnn.Params(np.array([[self.w_x]]), np.array([[w_h]]), np.array([[self.b]]))
        try:
            result = self.step(p, rnn.State(np.array([[h_prev]])), np.array([[x]]))
        except Exception as error:
            where = f"step {t} of {len(self.inputs)}, from h = {h_prev:.6g} with x = {x:.6g}"
            error.add_note(f"raised by {self.name} at {where}")
            raise
        pair = isinstance(result, tuple) and len(result) == 2
        if not pair or not hasattr(result[0], "h"):
            raise TypeError(
                f"step: expected {self.name} to return (State, Cache), got {result!r} at step {t}"
            )
        h = result[0].h
        if np.shape(h) != (1, 1):
            raise ValueError(
                f"step: expected {self.name} to return a state h of shape (1, 1), "
                f"got shape {np.shape(h)} at step {t}"
            )
        try:
            value = float(np.asarray(h)[0, 0])
        except (TypeError, ValueError):
            raise TypeError(
                f"step: expected {self.name} to return a state h of numbers, got {h!r} at step {t}"
            ) from None
        if not math.isfinite(value):
            raise ValueError(
                f"step: expected {self.name} to return a finite h, got {value!r} at step {t}"
            )
        return value

    def trace(self, h0: float, target: float, loss: str = "last", steps: int = 0) -> Trace:
        """Return what `rnn_trace` does; local derivatives by central differences."""
        T = len(self.inputs)
        h_prev, rows = h0, []
        for t in range(1, T + 1):
            slope = _difference(lambda h, t=t: self(t, h), h_prev)  # type: ignore[misc]
            local = _difference(lambda w, t=t, h=h_prev: self(t, h, w), self.w_h)  # type: ignore[misc]
            h_prev = self(t, h_prev)
            rows.append((h_prev, slope, local))
        h, slopes, locals_ = ([float(v) for v in row] for row in zip(*rows, strict=True))
        value, dh = _loss(np.array(h), target, loss)

        def deltas(chunk: int) -> list[float]:
            found, arriving = [0.0] * T, 0.0
            for t in reversed(range(T)):
                found[t] = arriving + float(dh[t])
                arriving = found[t] * slopes[t] if not chunk or t % chunk else 0.0
            return found

        with np.errstate(over="ignore", invalid="ignore"):
            delta, whole = deltas(steps), deltas(0)
            share = [d * v for d, v in zip(delta, locals_, strict=True)]
            full = [d * v for d, v in zip(whole, locals_, strict=True)]
            reach = math.prod(slopes)
        trace: Trace = {
            "h": h,
            "slope": slopes,
            "local": locals_,
            "delta": delta,
            "share": share,
            "full": full,
            "loss": value,
            "gradient": sum(share),
            "full_gradient": sum(full),
            "reach": reach,
        }
        for key, found in trace.items():
            if not np.isfinite(found).all():
                raise OverflowError(f"step: with {self.name} the trace's {key!r} is not finite")
        return trace

    def curve(self, limit: float) -> list[list[float]]:
        """Return points (h, h after the last step) over -limit…limit."""
        T = len(self.inputs)
        grid = [limit * (2 * k / GRID - 1) for k in range(GRID + 1)]
        return [[h, self(T, h)] for h in grid]

    def fixed_points(self, curve: Sequence[Sequence[float]]) -> list[FixedPoint]:
        """Return where the curve crosses the diagonal; a crossing and back within one piece is
        not seen."""
        T = len(self.inputs)
        found = []
        for k, (h, after) in enumerate(curve):
            if h == after:
                found.append(h)
            elif k and (before := curve[k - 1])[0] != before[1]:
                sign = math.copysign(1.0, h - after)
                if sign * (before[0] - before[1]) < 0:
                    found.append(_zero(lambda v, s=sign: s * (v - self(T, v)), before[0], h))  # type: ignore[misc]
        slopes = [_difference(lambda v: self(T, v), h) for h in found]
        return [FixedPoint(h, s, _kind(s)) for h, s in zip(found, slopes, strict=True)]


def _difference(f: Callable[[float], float], at: float) -> float:
    eps = 6e-6 * max(1.0, abs(at))  # the cube root of float64's precision
    up, down = at + eps, at - eps
    return (f(up) - f(down)) / (up - down)


class _ChunkTrait(IntegerTrait):
    """0 or None for full BPTT, or the length of a chunk, at most the owner's number of steps."""

    def validate(self, obj: Any, value: Any) -> int:
        return integer("steps", 0 if value is None else value, 0, obj.T)


class UnrolledRNN(Explorable):
    """One tanh unit, unrolled: its run, its fixed points, and ∂L/∂w_h as a sum over time.

    Parameters
    ----------
    preset : {'fade', 'latch', 'flip', 'alternate', 'memory', 'edge'}, optional
        The handles to begin with; those given below replace its own.
    w_x, w_h : float in [-3, 3], optional
        The weights of the input and of the state, the same at every step.
    b : float in [-2, 2], optional
        The bias.
    h0 : float in [-1, 1], optional
        The state before step 1.
    inputs : sequence of T floats in [-2, 2], optional
        The input x_t; index 0 is step 1.
    target : float in [-1, 1], optional
        Where the loss wants h.
    loss : {'last', 'every'}, optional
        L = ½ (h_T - target)², or the sum of ½ (h_t - target)² over all steps.
    steps : int or None, optional
        K: truncated BPTT in chunks of K steps from the start, as in ``unrolled.backward(steps=K)``:
        no gradient crosses the border of a chunk, though the state does.  0 or None: full BPTT.
    T : int, optional
        The number of steps, at most 100; that of `inputs`, or 12.  It stays what it is.
    step : callable, optional
        The reader's own cell, ``step(p, s, x) -> (State, Cache)``, called with the Params and the
        State of `unrolled.cells.rnn`, all of shape (1, 1); the state that it returns needs an h of
        that shape.  It makes the run, and the gradient comes from central differences through it.
        What it raises at construction is raised; later on it is shown in the widget and in `error`.
    lock : iterable of str
        The handles that the reader cannot move.
    challenge : str, optional
        A task in a teacher's words, shown above the picture.

    Every parameter but `T`, `step` and `lock` is a trait, in sync with the picture both ways.
    ``w.inputs[3] = 0`` sets one step.  `preset` becomes None when a handle is changed.

    Attributes
    ----------
    trace : dict
        Lists of T floats: 'h'; 'slope', ∂⁺h_t/∂h_{t-1}; 'local', ∂⁺h_t/∂w_h; 'delta', ∂L/∂h_t, and
        'share', the step's term delta · local in ∂L/∂w_h, with the truncation that `steps` says;
        'full', the term without truncation.  Floats: 'loss'; 'gradient', the sum of 'share';
        'full_gradient', the sum of 'full'; 'reach', ∂h_T/∂h_0.  Empty while `step` fails.
    fixed_points : list of dict
        The fixed points of the unit with the last step's input held, by rising 'h', each with the
        map's 'slope' there and its 'kind': 'stable' if |slope| < 1, 'unstable' if > 1, else
        'marginal'.
    cycle : list of two floats, or None
        The 2-cycle that the unit with that input held settles into, where its one fixed point has a
        slope below -1; None where there is none, and where `step` is the reader's own.
    error : str
        What `step` raised at the present handles; '' when all is well.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.

    Notes
    -----
    That a latched state forgets its gradient: Y. Bengio, P. Simard and P. Frasconi, "Learning
    long-term dependencies with gradient descent is difficult", IEEE Transactions on Neural Networks
    5 (1994), section IV.  The one-unit map and its bifurcations: K. Doya, "Bifurcations in the
    learning of recurrent neural networks", ISCAS (1992).
    """

    kind = "unrolled-rnn"
    handles = ("w_x", "w_h", "b", "h0", "inputs", "target", "loss", "steps")
    results = ("trace", "fixed_points", "cycle")
    presets = PRESETS

    w_x = NumberTrait(-3, 3).tag(sync=True)
    w_h = NumberTrait(-3, 3).tag(sync=True)
    b = NumberTrait(-2, 2).tag(sync=True)
    h0 = NumberTrait(-1, 1).tag(sync=True)
    inputs = StepsTrait(-INPUT_MAX, INPUT_MAX).tag(sync=True)
    target = NumberTrait(-1, 1).tag(sync=True)
    loss = ChoiceTrait("last", "every").tag(sync=True)
    steps = _ChunkTrait(0, T_MAX).tag(sync=True)
    trace: Any = traitlets.Dict(read_only=True)
    fixed_points: Any = traitlets.List(read_only=True)
    cycle: Any = traitlets.List(allow_none=True, default_value=None, read_only=True)

    def __init__(
        self,
        preset: str | None = None,
        *,
        w_x: float | None = None,
        w_h: float | None = None,
        b: float | None = None,
        h0: float | None = None,
        inputs: Iterable[float] | None = None,
        target: float | None = None,
        loss: str | None = None,
        steps: int | None = None,
        T: int | None = None,
        step: Step | None = None,
        lock: Iterable[str] = (),
        challenge: bool | str = False,
        **kwargs: Any,
    ) -> None:
        if inputs is not None:
            inputs = numbers("inputs", inputs, -INPUT_MAX, INPUT_MAX)
        if T is None:
            T = 12 if inputs is None else len(inputs)
        self._T = integer("T", T, 1, T_MAX)
        if step is not None and not callable(step):
            raise TypeError(f"step: expected a function (p, s, x) -> (State, Cache), got {step!r}")
        given: dict[str, Any] = {
            "w_x": w_x,
            "w_h": w_h,
            "b": b,
            "h0": h0,
            "inputs": inputs,
            "target": target,
        }
        given |= {"loss": loss, "steps": steps}
        super().__init__(given, preset=preset, own=step, lock=lock, challenge=challenge, **kwargs)

    @property
    def T(self) -> int:  # noqa: N802
        """The number of steps."""
        return self._T

    @property
    def step(self) -> Step | None:
        """The reader's own step, or None."""
        return self._own

    def preset_values(self, name: str) -> dict[str, Any]:
        """Return the handles of a preset."""
        return preset_values(name, self.T)

    def compute(self) -> dict[str, Any]:
        """Return the run, its gradient, and the fixed points at the last step's input."""
        run = self.h0, self.target, self.loss, self.steps
        self._curve: list[list[float]] = []
        if self._own is None:
            weights = self.w_x, self.w_h, self.b
            h0, *rest = run
            trace = rnn_trace(*weights, h0, self.inputs, *rest)
            a = self.w_x * self.inputs[-1] + self.b
            points, cycle = fixed_points(self.w_h, a), two_cycle(self.w_h, a)
        else:
            own = Own(self._own, self.w_x, self.w_h, self.b, self.inputs)
            trace = own.trace(*run)
            self._curve = own.curve(limit_of([self.h0, *trace["h"]]))
            points, cycle = own.fixed_points(self._curve), None
        return {
            "trace": trace,
            "fixed_points": [point._asdict() for point in points],
            "cycle": None if cycle is None else list(cycle),
        }

    def failed(self) -> dict[str, Any]:
        """Return empty results."""
        self._curve = []
        return {"trace": {}, "fixed_points": [], "cycle": None}

    def driven(self) -> dict[str, Any]:
        """Return the results, and the last step's curve as the reader's own step draws it."""
        return {"trace": self.trace, "fixed_points": self.fixed_points, "curve": self._curve}

    def picture(self) -> tuple[str, str]:
        """Return a static picture of the present state: an SVG document, and its alt text."""
        results = self.trace, self.fixed_points, self.cycle
        says = describe(self.state(), *results, driven=self.step is not None)
        svg = picture(self.state(), *results, says, curve=self._curve)
        return svg, f"One recurrent unit unrolled over {steps_text(self.T)}. {says}"

    def described(self) -> list[str]:
        """Return the arguments that `repr` shows."""
        step = self.step
        own = [] if step is None else [f"step={getattr(step, '__name__', type(step).__name__)}"]
        return [f"T={self.T}", *super().described(), *own]


def steps_text(T: int) -> str:
    """Return "1 step", "12 steps"."""
    return f"{T} step" if T == 1 else f"{T} steps"
