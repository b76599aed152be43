"""Traits that check what a reader, a page or a program sets; errors name the argument."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, SupportsIndex

import numpy as np
import traitlets


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
    if isinstance(value, np.ndarray) and value.shape == ():
        value = value[()]
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


def integer(name: str, value: Any, low: int, high: int) -> int:
    """Return `value` as an int, or raise an error that names argument, expectation and value."""
    expected = f"a whole number from {low} to {high}"
    # A page has but one kind of number.
    whole = isinstance(value, Integral) or (isinstance(value, Real) and float(value).is_integer())
    if isinstance(value, bool) or not whole:
        raise TypeError(f"{name}: expected {expected}, got {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name}: expected {expected}, got {int(value)}")
    return int(value)


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


class MatrixTrait(traitlets.TraitType):  # type: ignore[misc]
    """Rows of numbers from `low` to `high`, of the shape given; set whole, as a list or array."""

    def __init__(self, shape: tuple[int, int], low: float, high: float) -> None:
        super().__init__(default_value=traitlets.Undefined)
        self.shape = shape
        self.low = low
        self.high = high

    def validate(self, obj: Any, value: Any) -> list[list[float]]:
        """Check shape and range."""
        assert self.name is not None
        rows, columns = self.shape
        shape = f"{rows} rows of {columns} numbers from {self.low:g} to {self.high:g}"
        try:
            table = [list(row) for row in value]
        except TypeError:
            raise TypeError(f"{self.name}: expected {shape}, got {value!r}") from None
        if [len(row) for row in table] != [columns] * rows:
            raise ValueError(f"{self.name}: expected {shape}, got {value!r}")
        return [
            [number(f"{self.name}[{i}][{j}]", v, self.low, self.high) for j, v in enumerate(row)]
            for i, row in enumerate(table)
        ]


class NumberTrait(traitlets.TraitType):  # type: ignore[misc]
    """A finite number, from `low` to `high` where they are given."""

    default_value = 0.0

    def __init__(self, low: float = -math.inf, high: float = math.inf, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.low = low
        self.high = high

    def validate(self, obj: Any, value: Any) -> float:
        """Check that the value is a number in range."""
        assert self.name is not None
        return number(self.name, value, self.low, self.high)


class IntegerTrait(traitlets.TraitType):  # type: ignore[misc]
    """A whole number from `low` to `high`."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(**{"default_value": low} | kwargs)
        self.low = low
        self.high = high

    def validate(self, obj: Any, value: Any) -> int:
        """Check that the value is a whole number in range."""
        assert self.name is not None
        return integer(self.name, value, self.low, self.high)


class FlagTrait(traitlets.TraitType):  # type: ignore[misc]
    """True or False, nothing else."""

    default_value = False

    def validate(self, obj: Any, value: Any) -> bool:
        """Check that the value is a bool."""
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{self.name}: expected True or False, got {value!r}")
        return bool(value)


class ChoiceTrait(traitlets.TraitType):  # type: ignore[misc]
    """One of several names; the first is the default."""

    def __init__(self, *options: str, **kwargs: Any) -> None:
        super().__init__(**{"default_value": options[0]} | kwargs)
        self.options = options

    def validate(self, obj: Any, value: Any) -> str:
        """Check that the name is one of the options."""
        if value not in self.options:
            options = ", ".join(self.options)
            raise ValueError(f"{self.name}: expected one of {options}, got {value!r}")
        return str(value)


class PresetTrait(traitlets.TraitType):  # type: ignore[misc]
    """The name of one of the owner's presets, or None."""

    default_value = None

    def validate(self, obj: Any, value: Any) -> str | None:
        """Check that the name is known."""
        if value is not None and value not in obj.presets:
            options = ", ".join(obj.presets) or "None (there are no presets)"
            raise ValueError(f"preset: expected one of {options}, got {value!r}")
        return None if value is None else str(value)


class ChallengeTrait(traitlets.TraitType):  # type: ignore[misc]
    """A teacher's words, shown above the picture, or False; True where there is a challenge."""

    default_value = False

    def validate(self, obj: Any, value: Any) -> bool | str:
        """Check that the value is a text or a bool; `check_challenge` of the owner has a say."""
        if not isinstance(value, bool | str):
            raise TypeError(f"challenge: expected True, False or a text, got {value!r}")
        obj.check_challenge(value)
        return value
