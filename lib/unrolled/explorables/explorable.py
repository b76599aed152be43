"""What all explorables share: the bundle, the host element of static pages, handles and results."""

from __future__ import annotations

import html
import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from unrolled.explorables.traits import ChallengeTrait, PresetTrait

STATIC = Path(__file__).parent / "static"


class Hosted(anywidget.AnyWidget):  # type: ignore[misc]
    """A widget that is also HTML, which a script on a page makes alive without a kernel."""

    def to_html(self) -> str:
        """Return the host element of a static page: deterministic, free of widget ids."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        live = super()._repr_mimebundle_(**kwargs)
        if live is None:
            return None
        data, metadata = live
        return {**data, "text/plain": repr(self), "text/html": self.to_html()}, metadata


class Explorable(Hosted):
    """A live picture of a small computation.

    In a notebook with a kernel it is an ipywidget: its handles are traits, in sync with the picture
    both ways, and its results follow them.  Its ``text/html`` is a host element with the state and
    a static picture, which the bundle on a page makes alive without a kernel.

    A subclass names its `kind` (as in ``js/<kind>.js``), its `handles` (synced traits that the
    reader moves), its `results` (read-only traits that `compute` returns) and its `presets`, and
    gives `compute` and `picture`, and `preset_values` if it has presets.

    Parameters
    ----------
    given : dict
        The handles to begin with, by name; None stands for what the preset or the trait says.
    preset : str, optional
        Which preset the other handles come from; the first one if None.
    own : callable, optional
        A function of the reader's that makes the results.  What it raises at construction is
        raised; later on it is shown in the widget and in `error`.
    lock : iterable of str
        The handles that the reader cannot move; a program still can.
    challenge : str or bool
        A task in a teacher's words, shown above the picture.
    kwargs
        Traits of ipywidgets, such as `layout`.

    Attributes
    ----------
    error : str
        What the reader's own function raised at the present handles; '' when all is well.
    """

    kind: ClassVar[str] = ""
    handles: ClassVar[tuple[str, ...]] = ()
    results: ClassVar[tuple[str, ...]] = ()
    presets: ClassVar[tuple[str, ...]] = ()

    _css = STATIC / "unrolled-explorables.css"

    preset = PresetTrait().tag(sync=True)
    challenge = ChallengeTrait().tag(sync=True)
    error = traitlets.Unicode(read_only=True).tag(sync=True)
    _lock = traitlets.List().tag(sync=True)
    # The results for the page where Python makes them, and what the reset button goes back to.
    _driven = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)
    _initial = traitlets.Dict().tag(sync=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "kind" in cls.__dict__:
            cls._esm = STATIC / f"{cls.kind}.mjs"
        super().__init_subclass__(**kwargs)

    def __init__(
        self,
        given: dict[str, Any] | None = None,
        *,
        preset: str | None = None,
        own: Callable[..., Any] | None = None,
        lock: Iterable[str] = (),
        challenge: str | bool = False,
        **kwargs: Any,
    ) -> None:
        if unknown := sorted(set(kwargs) - set(self.trait_names())):
            raise TypeError(f"{type(self).__name__} has no argument {', '.join(unknown)}")
        self._ready = False
        self._computed: str | None = None
        self._own = own
        given = {name: value for name, value in (given or {}).items() if value is not None}
        values: dict[str, Any] = {}
        if self.presets:
            name = self.presets[0] if preset is None else preset
            values = self.preset_values(name) if name in self.presets else {}
            kwargs["preset"] = name
        elif preset is not None:
            kwargs["preset"] = preset
        super().__init__(**(values | given), challenge=challenge, _lock=self._locks(lock), **kwargs)
        self._forget_preset()
        self._ready = True
        self.observe(self._changed, [*self.handles, "challenge"])
        self._follow(strict=True)
        self._initial = {key: v for key, v in self.state().items() if key != "challenge"}

    # What a subclass gives

    def compute(self) -> dict[str, Any]:
        """Return the results at the present handles, by name; they may call the reader's own."""
        return {}

    def failed(self) -> dict[str, Any]:
        """Return the results when the reader's own function has failed."""
        return dict.fromkeys(self.results)

    def driven(self) -> dict[str, Any]:
        """Return what the page draws when the reader's own function makes the results: JSON."""
        return {name: getattr(self, name) for name in self.results}

    def preset_values(self, name: str) -> dict[str, Any]:
        """Return the handles of a preset, by name."""
        raise NotImplementedError

    def check_challenge(self, value: bool | str) -> None:
        """Raise ValueError for a challenge that this explorable does not have."""
        if value is True:
            raise ValueError("challenge: expected a text (there is no challenge of its own here)")

    def picture(self) -> tuple[str, str]:
        """Return a static picture of the present state: an SVG document, and its alt text."""
        raise NotImplementedError

    # What it offers

    @property
    def lock(self) -> tuple[str, ...]:
        """The handles that the reader cannot move."""
        return tuple(self._lock)

    def state(self) -> dict[str, Any]:
        """Return what the reader has set, as plain JSON values."""
        values = {name: getattr(self, name) for name in self.handles}
        plain = {name: list(v) if isinstance(v, list) else v for name, v in values.items()}
        if self.presets:
            plain["preset"] = self.preset
        return {**plain, "challenge": self.challenge}

    def page_state(self) -> dict[str, Any]:
        """Return what a page without a kernel needs to draw the present state."""
        state = self.state()
        if self._lock:
            state["lock"] = list(self._lock)
        return state if self._driven is None else state | {"driven": rounded(self._driven)}

    def to_html(self) -> str:
        """Return the host element of a static page: deterministic, free of widget ids."""
        state = json.dumps(self.page_state(), separators=(",", ":"), allow_nan=False)
        svg, alt = self.picture()
        # An image, as JupyterLab strips inline SVG from notebooks that it does not trust.
        source = b64encode(svg.encode()).decode("ascii")
        return (
            f'<div data-explorable="{self.kind}" data-state="{html.escape(state)}">'
            '<div class="unrolled-frame">'
            f'<img class="unrolled-picture" alt="{html.escape(alt)}" '
            f'style="max-width:100%;height:auto" src="data:image/svg+xml;base64,{source}">'
            "</div></div>"
        )

    def described(self) -> list[str]:
        """Return the arguments that `repr` shows; a subclass may put more before them."""
        parts = [] if self.preset is None else [f"preset={self.preset!r}"]
        if self._lock:
            parts.append(f"lock={list(self._lock)!r}")
        if self.challenge:
            parts.append("challenge=True" if self.challenge is True else "challenge=...")
        return parts

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.described())})"

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what the page has set, but for what is locked."""
        super().set_state({k: v for k, v in sync_data.items() if k not in self._lock})

    # What it does

    def _locks(self, lock: Iterable[str]) -> list[str]:
        names = [lock] if isinstance(lock, str) else list(lock)
        if wrong := [name for name in names if name not in self.handles]:
            raise ValueError(f"lock: expected names of {', '.join(self.handles)}, got {wrong[0]!r}")
        return [name for name in self.handles if name in names]

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Let several traits change as one: one message to the page, one look at the whole."""
        with self.hold_sync(), self.hold_trait_notifications():
            yield

    def _forget_preset(self) -> None:
        """Make `preset` None if a handle is no longer what the preset says."""
        if self.preset is not None:
            values = self.preset_values(self.preset)
            if any(getattr(self, name) != value for name, value in values.items()):
                self.preset = None

    @traitlets.observe("preset")  # type: ignore[untyped-decorator]
    def _apply_preset(self, change: Any) -> None:
        if self._ready and change.new is not None:
            with self._together():
                for name, value in self.preset_values(change.new).items():
                    setattr(self, name, value)

    def _changed(self, change: Any) -> None:
        if change.name in self.handles:
            self._forget_preset()
        self._follow()

    def _follow(self, *, strict: bool = False) -> None:
        """Make the results those of the present handles."""
        key = json.dumps([self.state()[name] for name in (*self.handles, "challenge")])
        if key == self._computed:
            return
        error = ""
        try:
            results = self.compute()
        except Exception as raised:
            if strict or self._own is None:
                raise
            results = self.failed()
            notes = getattr(raised, "__notes__", [])
            error = "\n".join([f"{type(raised).__name__}: {raised}", *notes])
        self._computed = key
        with self._together():
            for name, value in results.items():
                self.set_trait(name, value)
            self.set_trait("error", error)
            if self._own is not None:
                self._driven = self.driven()


def rounded(value: Any) -> Any:
    """Return JSON values with nine digits: more than a picture shows, the same on every machine."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list | tuple) else value
