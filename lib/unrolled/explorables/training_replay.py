"""TrainingReplay: a recorded training run as a film, to play, to scrub and to compare.

While networks learn, their gates and states on one sequence change, and so does how far back the
gradient reaches. What is drawn is

    loss                on fresh sequences, and the norm of the gradient of every update,
    gates and states    of some units, over the steps of the filmed sequence,
    ‖∂y/∂h_t‖           with y the read-out at the last step; in an LSTM the total ‖∂y/∂c_t‖ too.

With L = (y - target)² the gradient ∂L/∂h_t is 2 (y - target) ∂y/∂h_t: that factor goes to 0 as the
network learns, and says nothing about how far a gradient reaches.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import traitlets

from unrolled.explorables.explorable import Explorable
from unrolled.explorables.recordings import CURVES, RUNS, Films, Recording, record, shipped
from unrolled.explorables.training_replay_picture import describe, picture, title
from unrolled.explorables.traits import FlagTrait, NumberTrait, integer

__all__ = ["Recording", "TrainingReplay", "record"]

RECORDINGS = ("adding",)
MOST = 6
"""How many runs side by side can be told apart."""

SLOWEST, FASTEST = 2.0, 30.0


class _FrameTrait(traitlets.TraitType):  # type: ignore[misc]
    """The number of a frame of the owner's films."""

    default_value = 0

    def validate(self, obj: Any, value: Any) -> int:
        return integer("frame", value, 0, obj.F - 1)


class _RunTrait(traitlets.TraitType):  # type: ignore[misc]
    """The name of one of the owner's films."""

    default_value = ""

    def validate(self, obj: Any, value: Any) -> str:
        if value not in obj.runs:
            raise ValueError(f"cell: expected one of {', '.join(obj.runs)}, got {value!r}")
        return str(value)


class TrainingReplay(Explorable):
    """A recorded training run as a film.

    Parameters
    ----------
    recording : 'adding', Recording, or sequence of up to 6 Recordings
        'adding': an RNN, a GRU and an LSTM with about 1250 parameters each learn to add two marked
        numbers of a sequence of 50. Or runs of your own, made by `record`, that have the same
        frames; their names must differ.
    cell : str, optional
        The run whose gates, states and gradients are drawn, by its name; the last one if None.
    frame : int
        The frame, from 0 to F - 1.
    speed : float
        Frames a second, from 2 to 30.
    playing : bool
        Whether the film plays; it stops at its end. In a page without a kernel it never begins by
        itself, nor does it anywhere for those who have asked their system for less motion.

    All but `recording` are traits, in sync with the picture both ways.

    Attributes
    ----------
    F : int
        The number of frames.
    runs : dict of str to Recording
        The recordings, by name.
    moment : dict
        What is drawn at the present frame of `cell`: 'update', 'loss', 'gradient_norm',
        'prediction', 'target', 'reach', and arrays: each gate and state by its letter, (N, T), and
        'gradient_h' and 'gradient_c', (T,), log10 of the norms. 'reach' is log10 of the gradient at
        the first marked step over that at the last one; of c where there is one.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.

    Sources: S. Hochreiter and J. Schmidhuber, "Long short-term memory" (1997), section 5.4, for the
    task; its form is that of `unrolled.tasks.adding`.
    """

    kind = "training-replay"
    handles = ("frame", "cell", "speed", "playing")

    frame = _FrameTrait().tag(sync=True)
    cell = _RunTrait().tag(sync=True)
    speed = NumberTrait(SLOWEST, FASTEST, default_value=12.0).tag(sync=True)
    playing = FlagTrait().tag(sync=True)
    _films = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        recording: str | Recording | Iterable[Recording] = "adding",
        *,
        cell: str | None = None,
        frame: int = 0,
        speed: float = 12.0,
        playing: bool = False,
        lock: Iterable[str] = (),
        challenge: bool | str = False,
        **kwargs: Any,
    ) -> None:
        self._shipped = recording if isinstance(recording, str) else None
        self._runs = _runs(recording)
        films: Films = {name: run.film for name, run in self._runs.items()}
        super().__init__(
            {
                "frame": frame,
                "cell": next(reversed(self._runs)) if cell is None else cell,
                "speed": speed,
                "playing": playing,
            },
            lock=lock,
            challenge=challenge,
            _films=films,
            **kwargs,
        )

    @property
    def runs(self) -> dict[str, Recording]:
        """The recordings, by name."""
        return self._runs

    @property
    def F(self) -> int:  # noqa: N802
        """The number of frames."""
        return len(next(iter(self._runs.values())).frames)

    @property
    def moment(self) -> dict[str, Any]:
        """What is drawn at the present frame."""
        return moment_of(self._runs[self.cell], self.frame)

    def page_state(self) -> dict[str, Any]:
        """Return what a page without a kernel needs: the films, too."""
        return super().page_state() | {"_films": self._films}

    def picture(self) -> tuple[str, str]:
        """Return a static picture of the present state: an SVG document, and its alt text."""
        now = self.moment
        says = describe(self._runs[self.cell], now)
        names = ", ".join(map(title, self._runs))
        alt = f"A film of training, {names}, at one moment. {says}"
        return picture(self._runs, self.cell, self.frame, now, says), alt

    def described(self) -> list[str]:
        """Return the arguments that `repr` shows."""
        runs = self._shipped or f"[{', '.join(self._runs)}]"
        parts = [f"recording={runs!r}" if self._shipped else f"recording={runs}"]
        return [*parts, f"cell={self.cell!r}", f"frame={self.frame}", *super().described()]


def moment_of(run: Recording, frame: int) -> dict[str, Any]:
    """Return what is drawn at a frame of a recording: `TrainingReplay.moment`."""
    update = run.frames[frame]
    found: dict[str, Any] = {
        "update": update,
        "loss": run.loss[frame],
        "gradient_norm": float(10 ** run.array("gradient_norm")[update]),
        "prediction": run.prediction[frame],
        "target": run.target,
    }
    for name in (*run.gates, *run.states, *CURVES):
        if name in run.film["arrays"]:
            found[name] = np.array(run.array(name)[frame])
    path = found.get("gradient_c", found["gradient_h"])
    return found | {"reach": float(path[run.marks[0]] - path[-1])}


def _runs(recording: Any) -> dict[str, Recording]:
    """Return the recordings by name."""
    wanted = f"one of {', '.join(map(repr, RECORDINGS))}, a Recording or several of them"
    if isinstance(recording, str):
        if recording not in RECORDINGS:
            raise ValueError(f"recording: expected {wanted}, got {recording!r}")
        return {cell: shipped(cell) for cell in RUNS}
    if isinstance(recording, Recording):
        recording = [recording]
    if isinstance(recording, dict) or not isinstance(recording, Iterable):
        raise TypeError(f"recording: expected {wanted}, got {recording!r:.80}")
    given = list(recording)
    if wrong := [run for run in given if not isinstance(run, Recording)]:
        raise TypeError(f"recording: expected {wanted}, got {wrong[0]!r:.80} among them")
    if not 1 <= len(given) <= MOST:
        raise ValueError(f"recording: expected 1 to {MOST} Recordings, got {len(given)}")
    runs = {run.name: run for run in given}
    if len(runs) < len(given):
        names = ", ".join(run.name for run in given)
        raise ValueError(f"recording: expected names that differ, got {names}")
    for run in given[1:]:
        if run.frames != given[0].frames:
            raise ValueError(
                f"recording: expected the same frames in all runs, but {run.name} and "
                f"{given[0].name} differ"
            )
        if run.settings["task"] != given[0].settings["task"]:
            raise ValueError(
                f"recording: expected the same task in all runs, got {run.settings['task']!r} "
                f"and {given[0].settings['task']!r}"
            )
    return runs
