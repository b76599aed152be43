"""What all explorables share: the bundle, the host element of static pages, traits that check."""

from __future__ import annotations

import html
import json
import math
from base64 import b64encode
from collections.abc import Iterable
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, SupportsIndex

import anywidget
import traitlets

STATIC = Path(__file__).parent / "static"


class Steps(list[float]):
    """The values of one trait, one a step; ``w.forget[3] = 0`` sets the trait, live in the picture.

    Its length is fixed: what would change it is a ``TypeError``.
    """

    def __init__(self, values: Iterable[float], owner: traitlets.HasTraits, name: str) -> None:
        super().__init__(values)
        self._owner = owner
        self._name = name

    def __setitem__(self, index: SupportsIndex | slice, value: Any) -> None:
        values = list(getattr(self._owner, self._name))
        values[index] = value
        setattr(self._owner, self._name, values)
        super().__setitem__(slice(None), getattr(self._owner, self._name))

    def _fixed(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            f"{self._name} has a fixed number of steps ({len(self)}); assign to its items"
        )

    append = clear = extend = insert = pop = remove = reverse = sort = _fixed
    __delitem__ = __iadd__ = __imul__ = _fixed

    def __reduce_ex__(self, _: SupportsIndex) -> Any:
        """Copies and pickles are plain lists."""
        return list, (list(self),)


def number(name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """Return `value` as a float, or raise an error that names argument, expectation and value."""
    expected = "a finite number" if math.isinf(low) else f"a number from {low:g} to {high:g}"
    if not isinstance(value, Real):
        raise TypeError(f"{name}: expected {expected}, got {value!r}")
    result = float(value)
    if not (math.isfinite(result) and low <= result <= high):
        raise ValueError(f"{name}: expected {expected}, got {result!r}")
    return result + 0.0  # no negative zero


def numbers(name: str, values: Any, low: float, high: float) -> list[float]:
    """Return `values` as a list of floats from `low` to `high`; errors name argument and step."""
    expected = f"a sequence of numbers from {low:g} to {high:g}, one a step"
    if isinstance(values, str | bytes | dict) or not isinstance(values, Iterable):
        raise TypeError(f"{name}: expected {expected}, got {values!r}")
    return [number(f"{name}, step {t}", value, low, high) for t, value in enumerate(values, 1)]


class StepsTrait(traitlets.TraitType):  # type: ignore[misc]
    """A list of numbers from `low` to `high`, one a step, as many as the owner has steps."""

    def __init__(self, low: float, high: float = 1.0) -> None:
        super().__init__(default_value=traitlets.Undefined)
        self.low = low
        self.high = high

    def validate(self, obj: Any, value: Any) -> Steps:
        """Check length and range."""
        assert self.name is not None
        values = numbers(self.name, value, self.low, self.high)
        if len(values) != obj.T:
            raise ValueError(f"{self.name}: expected T = {obj.T} values, got {len(values)}")
        return Steps(values, obj, self.name)


class NumberTrait(traitlets.TraitType):  # type: ignore[misc]
    """A finite number."""

    default_value = 0.0

    def validate(self, obj: Any, value: Any) -> float:
        """Check that the value is a finite number."""
        assert self.name is not None
        return number(self.name, value)


class FlagTrait(traitlets.TraitType):  # type: ignore[misc]
    """True or False, nothing else."""

    default_value = False

    def validate(self, obj: Any, value: Any) -> bool:
        """Check that the value is a bool."""
        if not isinstance(value, bool):
            raise TypeError(f"{self.name}: expected True or False, got {value!r}")
        return value


class Explorable(anywidget.AnyWidget):  # type: ignore[misc]
    """A live picture of a small computation.

    A subclass names its `kind` (as in ``js/<kind>.js``) and gives `state` and `picture`.
    In a notebook with a kernel it is an ipywidget: traits are the parameters and the results, in
    sync both ways.  Its ``text/html`` is a host element with the state and a static picture, which
    the bundle on a page makes alive without a kernel.
    """

    _esm = STATIC / "unrolled-explorables.mjs"
    _css = STATIC / "unrolled-explorables.css"

    kind: ClassVar[str]
    _explorable = traitlets.Unicode().tag(sync=True)

    @traitlets.default("_explorable")  # type: ignore[untyped-decorator]
    def _default_explorable(self) -> str:
        return self.kind

    def state(self) -> dict[str, Any]:
        """Return what the reader has set, as plain JSON values."""
        raise NotImplementedError

    def picture(self) -> tuple[str, str]:
        """Return a static picture of the present state: an SVG document, and its alt text."""
        raise NotImplementedError

    def page_state(self) -> dict[str, Any]:
        """Return what a page without a kernel needs to draw the present state."""
        return self.state()

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

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        live = super()._repr_mimebundle_(**kwargs)
        if live is None:
            return None
        data, metadata = live
        return {**data, "text/plain": repr(self), "text/html": self.to_html()}, metadata
