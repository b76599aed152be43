"""LSTMGates: the gates of one LSTM unit; see c, h and the gradient that the gates imply.

One unit (H = 1) over T steps.  In the mode 'painted' its gates are given, step by step:

    c_t = f_t c_{t-1} + i_t c̃_t,    h_t = o_t tanh(c_t),    ∂c_T/∂c_t = f_{t+1} ⋯ f_T.

The gradient is the one of the direct path, with the gates held fixed: what reaches c_T through the
gates' own dependence on h is not in it.  In the mode 'weights' inputs and weights are given, the
gates follow, and the total gradient stands beside the direct path.  The numbers of the two are in
lstm_gates_painted.py and lstm_gates_weights.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import traitlets

from unrolled.explorables.explorable import Explorable
from unrolled.explorables.lstm_gates_painted import (
    PRESETS,
    READ_STEP,
    ROWS,
    Score,
    Trace,
    Update,
    challenge_candidate,
    driven_trace,
    lstm_trace,
    preset_rows,
    score,
    score_of,
)
from unrolled.explorables.lstm_gates_picture import (
    describe,
    describe_weights,
    picture,
    weights_picture,
)
from unrolled.explorables.lstm_gates_weights import (
    C0_LIMIT,
    INPUT_LIMIT,
    KEYS,
    MAX_STEPS,
    VARIANTS,
    WEIGHT_LIMIT,
    WEIGHTS,
    Step,
    driven_weights_trace,
    parameter_count,
    weights_preset,
    weights_trace,
)
from unrolled.explorables.lstm_gates_weights import PRESETS as WEIGHTS_PRESETS
from unrolled.explorables.traits import (
    ChoiceTrait,
    IntegerTrait,
    NumberTrait,
    StepsTrait,
    integer,
    numbers,
)

__all__ = [
    "PRESETS",
    "READ_STEP",
    "LSTMGates",
    "challenge_candidate",
    "driven_trace",
    "lstm_trace",
    "preset_rows",
    "score",
]


class _Presets:
    """The names of the presets of the present mode; of the class, those of the first one."""

    def __get__(self, w: LSTMGates | None, _: type) -> tuple[str, ...]:
        return PRESETS if w is None or w.mode == "painted" else WEIGHTS_PRESETS


class LSTMGates(Explorable):
    """One LSTM unit: its gates painted, or following from weights and inputs.

    Parameters
    ----------
    preset : {'remember', 'forget', 'overwrite', 'leak'}, optional
        The handles of the mode to begin with; what is given below replaces its own.  The mode
        'weights' has one more, 'explode'.
    mode : {'painted', 'weights'}
        What the handles are: gates and candidate, or weights and inputs.
    variant : {'lstm', 'peephole', 'coupled'}
        The cell.  In 'coupled' i_t = 1 - f_t, in both modes; peepholes only show in 'weights'.
    forget, input, output : sequence of T floats in [0, 1], optional
        The painted gates f_t, i_t, o_t; index 0 is step 1.
    candidate : sequence of T floats in [-1, 1], optional
        The painted candidate c̃_t.
    x : sequence of T floats in [-2, 2], optional
        The inputs, where weights are the handles.
    w_ix, w_fx, w_cx, w_ox, w_ih, w_fh, w_ch, w_oh, b_i, b_f, b_c, b_o : float, optional
        Of each gate and the candidate the weights of x_t and of h_{t-1}, and the bias, from -10 to
        10.
    p_i, p_f, p_o : float, optional
        The peepholes, from c_{t-1} to i and f and from c_t to o, where the variant has them; from
        -10 to 10.
    c0 : float
        The cell state before step 1, from -10⁶ to 10⁶.
    D, H : int from 1 to 1000
        Inputs and units of the layer whose parameters are counted; the picture is of one unit.
    T : int, optional
        The number of steps; that of the rows given, or 24.  It stays what it is.  From 1 to 1000,
        in the mode 'weights' to 100.
    challenge : bool or str
        Whether the challenge is on: carry the first bit for 20 steps, then read it out (T ≥ 21,
        gates painted).  While it is on the picture runs on a fixed candidate, a bit and then
        distractors, in the place of `candidate`.  Or a task in words.
    update : callable, optional
        In the mode 'painted' the reader's own step, ``update(f, i, c_tilde, o, c_prev) -> (c, h)``,
        floats all: it makes the trace, and the gradient comes from central differences through it.
        What it raises at construction is raised; later on it is shown in the widget and in `error`.
    step : callable, optional
        In the mode 'weights' the reader's own cell, ``step(p, s, x) -> (State, Cache)``, called as
        that of ``unrolled.cells.lstm`` (or `lstm_peephole`, `lstm_coupled`): p.W_x (4, 1, 1), s.h
        and s.c (1, 1), x (1, 1).  Its Cache has f, c_tilde, o, and i unless that is 1 - f.
    lock : iterable of str
        The handles that the reader cannot move.

    Every parameter but `T`, `update`, `step` and `lock` is a trait, in sync with the picture both
    ways.  ``w.forget[3] = 0`` sets one step.  `preset` becomes None when a handle is changed.

    Attributes
    ----------
    trace : dict
        In the mode 'painted' 'c', 'h' and 'gradient', T floats each, of the present gates;
        gradient[t - 1] = ∂c_T/∂c_t along the direct path, gates held fixed.  In the mode 'weights'
        'i', 'f', 'c_tilde', 'o', 'c', 'h', and 'gradient', the total ∂c_T/∂c_t, beside 'direct'.
        The lists are empty while the reader's own function fails.
    error : str
        What the reader's own function raised for the present handles; '' when all is well.
    parameter_counts : dict
        How many parameters a layer of H units on D inputs has, by variant.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.
    """

    kind = "lstm-gates"
    handles = (*ROWS, "c0", "mode", "variant", "x", *WEIGHTS, "D", "H")
    results = ("trace",)
    presets = _Presets()

    forget = StepsTrait(0.0).tag(sync=True)
    input = StepsTrait(0.0).tag(sync=True)
    output = StepsTrait(0.0).tag(sync=True)
    candidate = StepsTrait(-1.0).tag(sync=True)
    c0 = NumberTrait(-C0_LIMIT, C0_LIMIT).tag(sync=True)
    mode = ChoiceTrait("painted", "weights").tag(sync=True)
    variant = ChoiceTrait(*VARIANTS).tag(sync=True)
    x = StepsTrait(-INPUT_LIMIT, INPUT_LIMIT).tag(sync=True)
    w_ix = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    w_ih = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    b_i = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    w_fx = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    w_fh = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    b_f = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    w_cx = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    w_ch = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    b_c = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    w_ox = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    w_oh = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    b_o = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    p_i = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    p_f = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    p_o = NumberTrait(-WEIGHT_LIMIT, WEIGHT_LIMIT).tag(sync=True)
    D = IntegerTrait(1, 1000).tag(sync=True)
    H = IntegerTrait(1, 1000).tag(sync=True)
    trace: Any = traitlets.Dict(read_only=True)

    def __init__(
        self,
        preset: str | None = None,
        *,
        mode: str = "painted",
        variant: str = "lstm",
        forget: Iterable[float] | None = None,
        input: Iterable[float] | None = None,
        output: Iterable[float] | None = None,
        candidate: Iterable[float] | None = None,
        x: Iterable[float] | None = None,
        c0: float = 0.0,
        T: int | None = None,
        update: Update | None = None,
        step: Step | None = None,
        lock: Iterable[str] = (),
        challenge: bool | str = False,
        **kwargs: Any,
    ) -> None:
        rows = {
            name: numbers(name, row, low, high)
            for name, row, low, high in (
                ("forget", forget, 0, 1),
                ("input", input, 0, 1),
                ("output", output, 0, 1),
                ("candidate", candidate, -1, 1),
                ("x", x, -INPUT_LIMIT, INPUT_LIMIT),
            )
            if row is not None
        }
        if T is None:
            T = len(next(iter(rows.values()))) if rows else 24
        self._T = integer("T", T, 1, 1000)
        self._update, self._step = update, step
        for name, own, form in (
            ("update", update, "(f, i, c_tilde, o, c_prev) -> (c, h)"),
            ("step", step, "(p, s, x) -> (State, Cache)"),
        ):
            if own is not None and not callable(own):
                raise TypeError(f"{name}: expected a function {form}, got {own!r}")
        self._ready = False
        self._told: frozenset[str] = frozenset()  # what a message from the page sets
        self.mode, self.variant = mode, variant  # which presets there are depends on them
        if step is not None and mode != "weights":
            raise ValueError(
                f"step: expected mode='weights', where weights are the handles, got mode={mode!r}"
            )
        if update is not None and mode != "painted":
            raise ValueError(
                f"update: expected mode='painted', where gates are the handles, got mode={mode!r}"
            )
        first = PRESETS[0]
        given = preset_rows(first, T, variant) | weights_preset(first, variant, T)
        if preset is None or preset in self.presets:
            given |= self.preset_values(first if preset is None else preset)
        given |= rows
        given |= {name: kwargs.pop(name) for name in (*WEIGHTS, "D", "H") if name in kwargs}
        super().__init__(
            given | {"c0": c0},
            preset=preset,
            own=update or step,
            lock=lock,
            challenge=challenge,
            **kwargs,
        )

    @property
    def T(self) -> int:  # noqa: N802
        """The number of steps."""
        return self._T

    @property
    def update(self) -> Update | None:
        """The reader's own step where gates are painted, or None."""
        return self._update

    @property
    def step(self) -> Step | None:
        """The reader's own cell where weights are the handles, or None."""
        return self._step

    @property
    def parameter_counts(self) -> dict[str, int]:
        """How many parameters a layer of H units on D inputs has, by variant."""
        return {variant: parameter_count(variant, self.D, self.H) for variant in VARIANTS}

    def score(self) -> Score:
        """Return how well the painted gates do in the challenge, on or off: score, read, quiet."""
        self._needs_challenge_steps()
        if self.mode != "painted":
            raise ValueError(f"challenge: expected mode='painted', got mode={self.mode!r}")
        plus, minus = (self._run(challenge_candidate(bit, self.T))["h"] for bit in (1.0, -1.0))
        return score_of(plus, minus)

    def preset_values(self, name: str) -> dict[str, Any]:
        """Return the handles of a preset of the present mode and variant."""
        return self._values(self.mode, name, self.variant)

    def check_challenge(self, value: bool | str) -> None:
        """Raise ValueError if there are too few steps for the challenge, or no gates to paint."""
        if value is True:
            self._needs_challenge_steps()
            if self.mode != "painted":
                raise ValueError(f"challenge: expected a text in the mode 'weights', got {value!r}")

    def compute(self) -> dict[str, Any]:
        """Return the trace of the present handles."""
        self._minus = None
        if self.mode == "weights":
            weights = {name: getattr(self, name) for name in WEIGHTS}
            handles = (self.variant, weights, list(self.x), self.c0)
            if self._step is not None:
                return {"trace": driven_weights_trace(self._step, *handles)}
            return {"trace": weights_trace(*handles)}
        if self.challenge is True and self._update is not None:
            self._minus = self._run(challenge_candidate(-1.0, self.T))
        return {"trace": self._run(self._shown_candidate())}

    def failed(self) -> dict[str, Any]:
        """Return an empty trace."""
        keys = ("c", "h", "gradient") if self.mode == "painted" else KEYS
        return {"trace": {key: [] for key in keys}}

    def driven(self) -> dict[str, Any]:
        """Return the trace, and in the challenge that of the other bit."""
        minus = getattr(self, "_minus", None)
        return self.trace if minus is None else {**self.trace, "minus": minus}

    def picture(self) -> tuple[str, str]:
        """Return a static picture of the present state: an SVG document, and its alt text."""
        state = self.state()
        opening = f"One LSTM unit over {self.T} steps."
        if self.mode == "weights":
            says = describe_weights(state, self.trace, driven=self.step is not None)
            svg = weights_picture(state, self.trace, self.parameter_counts, says)
            return svg, f"{opening} {says}"
        rows = state | {"candidate": self._shown_candidate(), "input": self._shown_input()}
        result = self.score() if self.challenge is True and self.trace["c"] else None
        says = describe(self.forget, self.trace, result, driven=self.update is not None)
        return picture(rows, self.trace, says), f"{opening} {says}"

    def described(self) -> list[str]:
        """Return the arguments that `repr` shows."""
        parts = [f"T={self.T}"]
        if self.mode != "painted":
            parts.append(f"mode={self.mode!r}")
        if self.variant != "lstm":
            parts.append(f"variant={self.variant!r}")
        parts += super().described()
        for name, own in (("update", self.update), ("step", self.step)):
            if own is not None:
                parts.append(f"{name}={getattr(own, '__name__', type(own).__name__)}")
        return parts

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what the page has set; which presets there are depends on the mode."""
        first = [key for key in ("mode", "variant") if key in sync_data]
        self._told = frozenset(sync_data)
        try:
            super().set_state({key: sync_data[key] for key in (*first, *sync_data)})
        finally:
            self._told = frozenset()

    @traitlets.validate("mode")  # type: ignore[untyped-decorator]
    def _check_mode(self, proposal: Any) -> str:
        mode = str(proposal.value)
        for own, name, needed in (
            (self._update, "update", "painted"),
            (self._step, "step", "weights"),
        ):
            if self._ready and own is not None and mode != needed:
                raise ValueError(f"mode: expected {needed!r}, as {name}= is given, got {mode!r}")
        if mode == "weights":
            integer("T", self.T, 1, MAX_STEPS)
        return mode

    def _changed(self, change: Any) -> None:
        if change.name == "mode":
            if "preset" not in self._told:
                self.preset = self._fitting(self.mode, self.variant)
            elif self.preset in self.presets:
                self._take(self.preset_values(self.preset))
        if change.name == "variant":
            values: dict[str, Any] = {}
            for mode in ("painted", "weights"):  # what is a preset stays it, in its new form
                if (name := self._fitting(mode, change.old)) is not None:
                    values |= self._values(mode, name, self.variant)
            self._take(values)
        super()._changed(change)

    def _take(self, values: dict[str, Any]) -> None:
        with self._together():
            for name in values.keys() - self._told:
                setattr(self, name, values[name])

    def _values(self, mode: str, preset: str, variant: str) -> dict[str, Any]:
        if mode == "painted":
            return preset_rows(preset, self.T, variant)
        return weights_preset(preset, variant, self.T)

    def _fitting(self, mode: str, variant: str) -> str | None:
        """Return the preset whose values the handles of this mode have, if there is one."""

        def fits(name: str) -> bool:
            values = self._values(mode, name, variant)
            return all(getattr(self, handle) == value for handle, value in values.items())

        return next(filter(fits, PRESETS if mode == "painted" else WEIGHTS_PRESETS), None)

    def _forget_preset(self) -> None:
        if self.preset is not None and self.preset not in self.presets:
            self.preset = None
        super()._forget_preset()

    def _needs_challenge_steps(self) -> None:
        if self.T < READ_STEP:
            raise ValueError(f"challenge: expected T ≥ {READ_STEP} steps, got T = {self.T}")

    def _shown_candidate(self) -> list[float]:
        on = self.challenge is True
        return challenge_candidate(1.0, self.T) if on else list(self.candidate)

    def _shown_input(self) -> list[float]:
        return [1 - f for f in self.forget] if self.variant == "coupled" else list(self.input)

    def _run(self, candidate: list[float]) -> Trace:
        rows = list(self.forget), self._shown_input(), list(self.output), candidate, self.c0
        return lstm_trace(*rows) if self._update is None else driven_trace(self._update, *rows)
