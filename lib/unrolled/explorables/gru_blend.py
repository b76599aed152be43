"""GRUBlend: paint z and r of a GRU; see each step as the blend of old and new that it is.

Two units (H = 2) over T steps.  The first one's gates are painted, z_t and r_t; the second, its
neighbour, has the gates z_2 and r_2 at every step, and else the same weights and input (w_2 leads
from each to the other):

    h̃_t = tanh(w_x x_t + w_h r_t h_{t-1} + w_2 r_2 h_{2,t-1} + b + b_hn)        reset before
    h̃_t = tanh(w_x x_t + b + r_t (w_h h_{t-1} + w_2 h_{2,t-1} + b_hn))          reset after
    h_t = (1 - z_t) h_{t-1} + z_t h̃_t.

Before the product a reset gate acts on what its unit sends, after it on what its unit receives.
The two are the same function where every unit's r is equal (or w_2 = 0) and b_hn = 0 (or every r is
1): so a single unit without b_hn does not tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import traitlets

from unrolled import flow
from unrolled.cells import gru
from unrolled.explorables.explorable import Explorable
from unrolled.explorables.gru_blend_math import (
    CONVENTIONS,
    PRESETS,
    ROWS,
    SCALARS,
    Difference,
    Update,
    as_cell,
    difference,
    driven_run,
    mirrored,
    preset_values,
    run,
    shares,
)
from unrolled.explorables.gru_blend_picture import describe, picture
from unrolled.explorables.traits import (
    ChoiceTrait,
    NumberTrait,
    StepsTrait,
    integer,
    number,
    numbers,
)


class GRUBlend(Explorable):
    """A GRU whose gates are painted, step by step: a blend of old and new, drawn as one.

    Parameters
    ----------
    preset : {'leak', 'keep', 'overwrite', 'reset', 'alternate'}, optional
        The gates, inputs and weights to begin with; what is given below replaces its own.
    update_gate, reset_gate : sequence of T floats in [0, 1], optional
        The gates z_t and r_t of the first unit; index 0 is step 1.
    inputs : sequence of T floats in [-2, 2], optional
        The input x_t, the same for both units.
    w_x, w_h, w_2 : float in [-3, 3], optional
        The candidate's weights: of the input, of the unit's own state, of its neighbour's.
    b, b_hn : float in [-2, 2], optional
        The candidate's biases.  With reset after, r scales b_hn; with reset before only their sum
        counts.
    z_2, r_2 : float in [0, 1], optional
        The gates of the neighbour, the same at every step.
    h0 : float in [-1, 1]
        The state of both units before step 1.
    convention : {'new', 'old'}
        Whether z is the share of the new, h_t = (1 - z_t) h_{t-1} + z_t h̃_t (Chung et al., 2014),
        or of the old, h_t = z_t h_{t-1} + (1 - z_t) h̃_t (Cho et al., 2014; PyTorch, Keras).
        `update_gate` and `z_2` are in this convention; to change it later renames z to 1 - z in
        both, and h stays what it is.
    T : int, optional
        The number of steps, at most 100; that of the rows given, or 24.  It stays what it is.
    update : callable, optional
        The reader's own step, ``update(z, r, h_prev, x) -> (h_tilde, h)``, floats all, z in the
        present convention: it makes the picture's h, and the gradient comes from central
        differences through it.  What it raises at construction is raised; later on it is shown in
        the widget and in `error`.

    Every parameter but `T` and `update` is a trait, in sync with the picture both ways.
    ``w.update_gate[3] = 0`` sets one step.  `preset` becomes None when what it says is changed.

    Attributes
    ----------
    trace : dict
        'before' and 'after', the runs with the reset gate before and after the product: each a dict
        of 'h' and 'h_tilde', and of 'h_2' and 'h_tilde_2' (the neighbour), T floats each.  With
        `update` also 'own': 'h', 'h_tilde' and 'gradient', empty lists while it fails.
    kept : list of float
        The share of the old state that each step keeps.
    half_lives : list of float
        After how many steps half would be left if every step kept as much as this one.
    direct, total : list of float
        ∂h_T/∂h_t along the direct path, and by every path, gates held fixed; reset before.  With
        `update`, total is its gradient and direct is None.
    difference : Difference
        The largest distance between h of the two runs, and its step.
    error : str
        What `update` raised for the present gates; '' when all is well.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.

    Notes
    -----
    Sources: K. Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014),
    section 2.3, version 3 with reset before, version 1 after; J. Chung et al., "Empirical
    evaluation of gated recurrent neural networks on sequence modeling" (2014), section 3.2.
    """

    kind = "gru-blend"
    handles = (*ROWS, *SCALARS, "convention")
    results = ("trace",)
    presets = PRESETS

    update_gate = StepsTrait(*ROWS["update_gate"]).tag(sync=True)
    reset_gate = StepsTrait(*ROWS["reset_gate"]).tag(sync=True)
    inputs = StepsTrait(*ROWS["inputs"]).tag(sync=True)
    w_x = NumberTrait(*SCALARS["w_x"]).tag(sync=True)
    w_h = NumberTrait(*SCALARS["w_h"]).tag(sync=True)
    w_2 = NumberTrait(*SCALARS["w_2"]).tag(sync=True)
    b = NumberTrait(*SCALARS["b"]).tag(sync=True)
    b_hn = NumberTrait(*SCALARS["b_hn"]).tag(sync=True)
    z_2 = NumberTrait(*SCALARS["z_2"]).tag(sync=True)
    r_2 = NumberTrait(*SCALARS["r_2"]).tag(sync=True)
    h0 = NumberTrait(*SCALARS["h0"]).tag(sync=True)
    convention = ChoiceTrait(*CONVENTIONS).tag(sync=True)
    trace: Any = traitlets.Dict(read_only=True)

    def __init__(
        self,
        preset: str | None = None,
        *,
        update_gate: Iterable[float] | None = None,
        reset_gate: Iterable[float] | None = None,
        inputs: Iterable[float] | None = None,
        w_x: float | None = None,
        w_h: float | None = None,
        w_2: float | None = None,
        b: float | None = None,
        b_hn: float | None = None,
        z_2: float | None = None,
        r_2: float | None = None,
        h0: float = 0.0,
        convention: str = "new",
        T: int | None = None,
        update: Update | None = None,
        lock: Iterable[str] = (),
        challenge: str | bool = False,
        **kwargs: Any,
    ) -> None:
        rows = zip(ROWS.items(), (update_gate, reset_gate, inputs), strict=True)
        given: dict[str, Any] = {
            name: numbers(name, row, *ends) for (name, ends), row in rows if row is not None
        }
        if T is None:
            T = len(next(iter(given.values()))) if given else 24
        self._T = integer("T", T, 1, 100)
        scalars = zip(SCALARS.items(), (w_x, w_h, w_2, b, b_hn, z_2, r_2, h0), strict=True)
        for (name, ends), value in scalars:
            if value is not None:
                given[name] = number(name, value, *ends)
        if convention not in CONVENTIONS:
            expected = ", ".join(CONVENTIONS)
            raise ValueError(f"convention: expected one of {expected}, got {convention!r}")
        if update is not None and not callable(update):
            raise TypeError(
                f"update: expected a function (z, r, h_prev, x) -> (h_tilde, h), got {update!r}"
            )
        self._named = convention  # what z means
        self._arrived: frozenset[str] = frozenset()
        super().__init__(
            given | {"convention": convention},
            preset=preset,
            own=update,
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
        """The reader's own step, or None."""
        return self._own

    @property
    def kept(self) -> list[float]:
        """The share of the old state that each step keeps."""
        return shares(self.update_gate, self.convention)[0]

    @property
    def half_lives(self) -> list[float]:
        """After how many steps half would be left if every step kept as much as this one."""
        values: list[float] = flow.half_life(np.array(self.kept)).tolist()
        return values

    @property
    def direct(self) -> list[float] | None:
        """∂h_T/∂h_t along the direct path; None where `update` makes the picture."""
        if self._own is not None:
            return None
        _, cache = as_cell(self.state(), self.trace["before"])
        values: list[float] = flow.direct_path(gru, cache)[:, 0, 0].tolist()
        return values

    @property
    def total(self) -> list[float]:
        """∂h_T/∂h_t by every path, gates held fixed; with `update`, its gradient."""
        if self._own is not None:
            return list(self.trace["own"]["gradient"])
        values: list[float] = flow.total_path(gru, *as_cell(self.state(), self.trace["before"]))[
            :, 0, 0, 0
        ].tolist()
        return values

    @property
    def difference(self) -> Difference:
        """The largest distance between h of the two runs, and its step."""
        return difference(self.trace["before"], self.trace["after"])

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what the page has set, but for what is locked."""
        self._arrived = frozenset(sync_data) - frozenset(self.lock)
        try:
            super().set_state(sync_data)
        finally:
            self._arrived = frozenset()

    @traitlets.observe("convention")  # type: ignore[untyped-decorator]
    def _rename(self, change: Any) -> None:
        """Rename z to 1 - z, but for what has arrived in the new convention already."""
        if not self._ready:
            return
        self._named = change.new
        with self._together():
            if "update_gate" not in self._arrived:
                self.update_gate = [mirrored(z) for z in self.update_gate]
            if "z_2" not in self._arrived:
                self.z_2 = mirrored(self.z_2)

    def preset_values(self, name: str) -> dict[str, Any]:
        """Return rows and weights of a preset, in the present convention."""
        # While the traits get their first values, `convention` does not yet say what z means.
        return preset_values(name, self.T, self.convention if self._ready else self._named)

    def compute(self) -> dict[str, Any]:
        """Return the runs at the present handles."""
        trace = self._runs()
        if self._own is not None:
            trace["own"] = driven_run(self._own, self.state())
        return {"trace": trace}

    def failed(self) -> dict[str, Any]:
        """Return the two runs, and an empty one of the reader's."""
        return {"trace": {**self._runs(), "own": {"h": [], "h_tilde": [], "gradient": []}}}

    def driven(self) -> dict[str, Any]:
        """Return the run of the reader's own update."""
        own: dict[str, Any] = self.trace["own"]
        return own

    def picture(self) -> tuple[str, str]:
        """Return a static picture of the present state: an SVG document, and its alt text."""
        state = self.state()
        says = describe(state, self.trace, self.kept, self.direct, self.total)
        svg = picture(state, self.trace, self.kept, self.direct, self.total, says)
        return svg, f"One unit of a GRU over {self.T} steps, each a blend of old and new. {says}"

    def described(self) -> list[str]:
        """Return the arguments that `repr` shows."""
        f = self.update
        own = [] if f is None else [f"update={getattr(f, '__name__', type(f).__name__)}"]
        named = [] if self.convention == "new" else [f"convention={self.convention!r}"]
        return [f"T={self.T}", *super().described(), *named, *own]

    def _runs(self) -> dict[str, Any]:
        state = self.state()
        return {placement: run(state, placement) for placement in ("before", "after")}
