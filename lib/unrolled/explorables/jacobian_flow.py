"""JacobianFlow: two hidden units, a matrix W_h to pull at, and what its Jacobians do to a gradient.

A simple recurrent network of two units runs for T = 100 steps from h_0 = 0,

    h_t = tanh(W_h h_{t-1} + x_t),    J_t = ∂h_t/∂h_{t-1} = diag(1 - h_t²) W_h,

or, with tanh off, h_t = W_h h_{t-1} + x_t with J_t = W_h.  Shown is what the last k steps make of a
unit circle: the ellipse of ∂h_T/∂h_{T-k} = J_T ⋯ J_{T-k+1}, and its norm, the longer half-axis.
The same functions in JavaScript: ``js/jacobian-flow/math.js``.

Source: R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural
networks", section 2.1 (ICML 2013).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unrolled import flow
from unrolled.bptt import unroll
from unrolled.cells import rnn
from unrolled.explorables.explorable import Explorable
from unrolled.explorables.jacobian_flow_picture import describe, picture
from unrolled.explorables.traits import FlagTrait, IntegerTrait, MatrixTrait, NumberTrait

Step = Callable[[rnn.Params, rnn.State, Any], tuple[Any, Any]]
Floats = NDArray[np.floating[Any]]

T = 100
"""The steps of the run."""

ENTRIES = ("w_11", "w_12", "w_21", "w_22")
PRESETS = ("contracting", "rotation", "orthogonal-tanh", "non-normal", "exploding")
MATRICES = {
    "contracting": [[0.7, -0.4], [0.3, 0.6]],
    "rotation": [[0.8, -0.6], [0.6, 0.8]],
    "orthogonal-tanh": [[0.8, -0.6], [0.6, 0.8]],
    "non-normal": [[0.95, 1.3], [0.0, 0.95]],
    "exploding": [[1.1, 0.6], [-0.2, 0.9]],
}
SQRT3 = 1.7320508075688772


class Ellipses(NamedTuple):
    """The unit circle under ∂h_T/∂h_{T-k}, k = 0…T; arrays of T + 1 numbers.

    log10: of the longer half-axis, which is the norm; -inf where all is 0.  angle: of the longer
    axis, in (-π/2, π/2], against h_1.  ratio: of the shorter half-axis to the longer.
    """

    log10: Floats
    angle: Floats
    ratio: Floats


def inputs(amplitude: float) -> Floats:
    """Return the input x (T, 2, 1), the same numbers in every run and in JavaScript.

    Uniform on ±√3 · amplitude, so that amplitude is their standard deviation: amplitude · √3 ·
    (2 s / (2³¹ - 1) - 1) with s from the generator of S. Park and K. Miller, "Random number
    generators: good ones are hard to find" (1988): s ← 16807 s mod 2³¹ - 1, from 2026 on.
    """
    s, x = 2026, np.empty(2 * T)
    for k in range(2 * T):
        s = s * 16807 % 2147483647
        x[k] = amplitude * SQRT3 * (2 * (s / 2147483647) - 1)
    return x.reshape(T, 2, 1)


def params(W_h: Floats) -> rnn.Params:
    """Return the parameters of the network: W_x = I, b = 0."""
    return rnn.Params(np.eye(2), W_h, np.zeros((2, 1)))


def jacobians(W_h: Floats, *, tanh: bool, amplitude: float) -> Floats:
    """Return J (T, 2, 2): J[t - 1] = ∂h_t/∂h_{t-1} along the run."""
    if not tanh:
        return np.tile(W_h, (T, 1, 1))
    p = params(W_h)
    _, caches = unroll(rnn, p, rnn.zero_state(2, 1), inputs(amplitude))
    J: Floats = flow.jacobians(rnn, p, caches)[:, 0]
    return J


def driven_jacobians(step: Step, W_h: Floats, amplitude: float) -> Floats:
    """Return J (T, 2, 2) along the run of the reader's own step, by central differences.

    What `step` raises gets a note that says at which step of the run.
    """
    name = getattr(step, "__name__", type(step).__name__)

    def call(t: int, h: Floats) -> Floats:
        try:
            result = step(params(W_h.copy()), rnn.State(h.copy()), x[t].copy())
        except Exception as error:
            error.add_note(f"raised by {name}(p, s, x) at step {t + 1} of {T}")
            raise
        if not (isinstance(result, tuple) and len(result) == 2 and hasattr(result[0], "h")):
            raise TypeError(
                f"step: expected {name} to return (State, Cache), a State with the field h, "
                f"got {' '.join(repr(result).split()):.80} at step {t + 1}"
            )
        after = np.asarray(result[0].h)
        if after.shape != (2, 1):
            raise ValueError(
                f"step: expected {name} to return a State whose h has shape (2, 1), "
                f"got shape {after.shape} at step {t + 1}"
            )
        if after.dtype.kind not in "fiu":
            raise TypeError(
                f"step: expected {name} to return a State whose h holds real numbers, "
                f"got {after.dtype} at step {t + 1}"
            )
        if not np.isfinite(after).all():
            raise ValueError(
                f"step: expected {name} to return a State whose h is finite, "
                f"got {after.ravel().tolist()} at step {t + 1}"
            )
        return after.astype(float)

    x, J = inputs(amplitude), np.empty((T, 2, 2))
    h: Floats = np.zeros((2, 1))
    for t in range(T):
        for j in range(2):
            up, down = h.copy(), h.copy()
            nudge = 6e-6 * max(1.0, abs(h[j, 0]))  # the cube root of float64's precision
            up[j], down[j] = h[j] + nudge, h[j] - nudge
            J[t, :, j] = ((call(t, up) - call(t, down)) / (up[j] - down[j]))[:, 0]
        h = call(t, h)
    return J


def log10_norms(J: Floats) -> Floats:
    """Return log10 ‖∂h_T/∂h_{T-k}‖ for k = 0…T; J (T, 2, 2) as `jacobians` returns it."""
    # flow.log10_norms speaks of states after steps; one step more in front lets it reach h_0.
    return flow.log10_norms(np.concatenate([np.eye(2)[np.newaxis], J]))[::-1]


def ellipses(J: Floats) -> Ellipses:
    """Return the unit circle under ∂h_T/∂h_{T-k} for k = 0…T; J (T, 2, 2)."""
    angle, ratio = np.zeros(len(J) + 1), np.ones(len(J) + 1)
    M = np.eye(2)
    for k, J_t in enumerate(J[::-1], 1):
        M = M @ J_t
        largest = np.abs(M).max()
        if largest > 0:
            # Only the shape is wanted: a power of two taken off it changes no digit.
            M = np.ldexp(M, -np.frexp(largest)[1])
            U, (longer, shorter), _ = np.linalg.svd(M)
            angle[k] = _upright(np.arctan2(U[1, 0], U[0, 0]))
            ratio[k] = shorter / longer
        else:
            ratio[k] = 0.0
    return Ellipses(log10_norms(J), angle, ratio)


def eigenvalues(W: Floats) -> NDArray[np.complex128]:
    """Return both eigenvalues of W (2, 2), the larger first, of a pair the one above the axis.

    Where they coincide without W being a multiple of I (a defective matrix), rounding of W alone
    moves them by 1e-8; their sum and their product keep all digits.
    """
    values = np.linalg.eigvals(W).astype(complex)
    order = sorted(range(2), key=lambda k: (-abs(values[k]), -values[k].imag, -values[k].real))
    return values[order]


def _upright(angle: float) -> float:
    """Return the angle of the same axis in (-π/2, π/2]."""
    if angle > np.pi / 2:
        return float(angle - np.pi)
    return float(angle + np.pi if angle <= -np.pi / 2 else angle)


class JacobianFlow(Explorable):
    """The Jacobians of a network of two units: how a gradient grows and vanishes on its way back.

    Parameters
    ----------
    preset : {'contracting', 'rotation', 'orthogonal-tanh', 'non-normal', 'exploding'}, optional
        Where to begin, 'non-normal' if None; what is given below replaces its own.
    W_h : array_like (2, 2), optional
        The recurrent weights, entries in [-2, 2]; rows belong to the units after the step.
    w_11, w_12, w_21, w_22 : float, optional
        Single entries of W_h, row first; they replace those of `W_h`.
    steps : int, optional
        k, how many steps the gradient goes back: 1…100.
    tanh : bool, optional
        Whether the units squash; if not, the network is linear and every Jacobian is W_h.
    amplitude : float, optional
        The standard deviation of the input, in [0, 2]; see `inputs`.
    step : callable, optional
        The reader's own cell, ``step(p, s, x) -> (State, Cache)``, as `unrolled.cells.rnn.step`
        with p.W_x = I (2, 2), p.W_h (2, 2), p.b = 0 (2, 1), s.h (2, 1) and x (2, 1).  Only the
        State is looked at; Jacobians come from central differences through it, and `tanh` has no
        say.  What it raises at construction is raised; later on it is shown in the widget and in
        `error`.
    lock : iterable of str
        Handles that the reader cannot move; 'W_h' stands for its four entries.
    challenge : str
        A task in a teacher's words.

    Every parameter but `W_h` and `step` is a trait, in sync with the picture both ways; ``w.W_h =
    A`` sets four of them at once.  `preset` becomes None when one of its handles is changed.

    Attributes
    ----------
    W_h : ndarray (2, 2)
        The present matrix, a copy that cannot be written to.
    sigma_max, spectral_radius : float
        σ_max(W_h), which bounds a step, and ρ(W_h), the rate in the long run of the linear
        network; traits, so that `observe` and `dlink` see them change.
    singular_values : ndarray (2,)
        Of W_h, the larger first.
    eigenvalues : complex ndarray (2,)
        Of W_h, the larger first.
    jacobians : ndarray (100, 2, 2)
        ∂h_t/∂h_{t-1} along the run at index t - 1; of shape (0, 2, 2) while `step` fails.
    log10_norms : ndarray (101,)
        log10 ‖∂h_T/∂h_{T-k}‖ at index k, -inf for a product of 0; empty while `step` fails.
        A logarithm, since the norm itself may be too small for a float.
    error : str
        What `step` raised at the present handles; '' when all is well.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.
    """

    kind = "jacobian-flow"
    handles = (*ENTRIES, "steps", "tanh", "amplitude")
    results = ("sigma_max", "spectral_radius")
    presets = PRESETS

    w_11 = NumberTrait(-2, 2).tag(sync=True)
    w_12 = NumberTrait(-2, 2).tag(sync=True)
    w_21 = NumberTrait(-2, 2).tag(sync=True)
    w_22 = NumberTrait(-2, 2).tag(sync=True)
    steps = IntegerTrait(1, T).tag(sync=True)
    tanh = FlagTrait().tag(sync=True)
    amplitude = NumberTrait(0, 2).tag(sync=True)
    sigma_max = NumberTrait(read_only=True)
    spectral_radius = NumberTrait(read_only=True)

    def __init__(
        self,
        preset: str | None = None,
        *,
        W_h: Any = None,
        w_11: float | None = None,
        w_12: float | None = None,
        w_21: float | None = None,
        w_22: float | None = None,
        steps: int | None = None,
        tanh: bool | None = None,
        amplitude: float | None = None,
        step: Step | None = None,
        lock: Iterable[str] = (),
        challenge: bool | str = False,
        **kwargs: Any,
    ) -> None:
        if step is not None and not callable(step):
            raise TypeError(f"step: expected a function (p, s, x) -> (State, Cache), got {step!r}")
        given: dict[str, Any] = {} if W_h is None else _entries(W_h)
        singles = dict(zip(ENTRIES, (w_11, w_12, w_21, w_22), strict=True))
        given |= {name: value for name, value in singles.items() if value is not None}
        given |= {"steps": steps, "tanh": tanh, "amplitude": amplitude}
        names = [lock] if isinstance(lock, str) else list(lock)
        self._cache: tuple[Any, Floats] | None = None
        super().__init__(
            given,
            preset="non-normal" if preset is None else preset,
            own=step,
            lock=[entry for n in names for entry in (ENTRIES if n == "W_h" else (n,))],
            challenge=challenge,
            **kwargs,
        )

    @property
    def step(self) -> Step | None:
        """The reader's own step, or None."""
        return self._own

    @property
    def W_h(self) -> Floats:  # noqa: N802
        """The recurrent weights (2, 2); set them as a whole."""
        matrix = np.array([[self.w_11, self.w_12], [self.w_21, self.w_22]])
        matrix.flags.writeable = False
        return matrix

    @W_h.setter
    def W_h(self, value: Any) -> None:  # noqa: N802
        entries = _entries(value)
        with self._together():
            for name, entry in entries.items():
                setattr(self, name, entry)

    @property
    def singular_values(self) -> Floats:
        """The singular values of W_h, the larger first."""
        return flow.singular_values(self.W_h)

    @property
    def eigenvalues(self) -> NDArray[np.complex128]:
        """The eigenvalues of W_h, the larger first."""
        return eigenvalues(self.W_h)

    @property
    def jacobians(self) -> Floats:
        """The Jacobians of the run, (100, 2, 2)."""
        if self.error:
            return np.empty((0, 2, 2))
        key = tuple(getattr(self, name) for name in self.handles)
        if self._cache is None or self._cache[0] != key:
            if self._own is None:
                J = jacobians(self.W_h, tanh=self.tanh, amplitude=self.amplitude)
            else:
                J = driven_jacobians(self._own, self.W_h, self.amplitude)
            self._cache = key, J
        return self._cache[1].copy()

    @property
    def log10_norms(self) -> Floats:
        """The logarithm of the norms ‖∂h_T/∂h_{T-k}‖, k = 0…100."""
        J = self.jacobians
        return log10_norms(J) if len(J) else np.empty(0)

    def preset_values(self, name: str) -> dict[str, Any]:
        """Return the handles of a preset."""
        tanh = name == "orthogonal-tanh"
        return _entries(MATRICES[name]) | {"steps": 40, "tanh": tanh, "amplitude": 0.5}

    def compute(self) -> dict[str, Any]:
        """Return σ_max and ρ, and run the reader's own step if there is one."""
        if self._own is not None:
            key = tuple(getattr(self, name) for name in self.handles)
            self._cache = key, driven_jacobians(self._own, self.W_h, self.amplitude)
        return self.failed()

    def failed(self) -> dict[str, Any]:
        """Return σ_max and ρ: they are of W_h alone."""
        return {
            "sigma_max": float(flow.sigma_max(self.W_h)),
            "spectral_radius": float(flow.spectral_radius(self.W_h)),
        }

    def driven(self) -> dict[str, Any]:
        """Return the Jacobians of the reader's own step, row by row."""
        return {"J": self.jacobians.reshape(-1, 4).tolist()}

    def picture(self) -> tuple[str, str]:
        """Return a static picture of the present state: an SVG document, and its alt text."""
        J = self.jacobians
        shapes = ellipses(J) if len(J) else None
        own = self._own is not None
        says = describe(
            [] if shapes is None else shapes.log10.tolist(),
            steps=self.steps,
            sigma=self.singular_values.tolist(),
            rho=self.spectral_radius,
            tanh=self.tanh,
            amplitude=self.amplitude,
            linear=None if own else float(log10_norms(np.tile(self.W_h, (T, 1, 1)))[self.steps]),
            driven=own,
        )
        svg = picture(self.W_h, self.eigenvalues, self.singular_values, shapes, self.steps, says)
        return svg, f"What a recurrent matrix of two units does to a gradient. {says}"

    def described(self) -> list[str]:
        """Return the arguments that `repr` shows."""
        own = self._own
        parts = super().described()
        if self.preset is None:
            parts.insert(0, f"W_h={self.W_h.tolist()!r}")
        if own is not None:
            parts.append(f"step={getattr(own, '__name__', type(own).__name__)}")
        return parts


def _entries(value: Any) -> dict[str, float]:
    """Return the entries of W_h by name, or raise an error that names W_h."""
    trait = MatrixTrait((2, 2), -2, 2)
    trait.name = "W_h"
    rows = trait.validate(None, value)
    return dict(zip(ENTRIES, (v for row in rows for v in row), strict=True))
