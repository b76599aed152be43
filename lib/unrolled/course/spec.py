"""What an assignment asks: parts with points, cases, and answers that are computed.

A part wants a function (``call``) or some values that the student's cell defines. Its cases come
from a generator: visible ones, from the variant's seed, are for the notebook's own checks; hidden
ones, from the teacher's secret, are those that grade. What comes back is compared with the
reference by a process that runs no student's code.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

# Wide enough for float32, narrow enough for every known mistake.
RTOL, ATOL = 1e-3, 1e-4


class Given(NamedTuple):
    """A function for the student's to work on, as its source: it is made where they run."""

    source: str
    name: str


class Case(NamedTuple):
    """One call of the student's function, or one look at the values.

    about: what is special, in words that a message can use: "a batch of three, float32".
    arguments: what the function gets, in order. Nothing for values.
    """

    about: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Part:
    """A part of an assignment.

    name: its id, unique in the assignment: the grade cell's id is the same.
    points: what it is worth, all or nothing.
    title: what it asks, in a few words, for reports.
    wanted: the function's name, or the names of the values.
    outputs: names for what comes back, in order: messages use them.
    reference: arguments -> what must come back. For values: () -> them.
    cases: (generator, variant's seed) -> the cases.
    call: whether ``wanted`` is one function.
    judge: (arguments, what came) -> None or what is wrong, in place of the reference, where many
        answers are right.
    mistakes: what a known mistake gives, under the words that tell the student of it. Its
        signature is the reference's.
    library: whether the library may be imported where the part is graded.
    given: names that earlier parts define, and the source of a reference for each: a part is
        graded on these, not on the student's own earlier ones. Or variant -> them.
    form: what came -> None or what is wrong with its form: the notebook's own check says no more,
        where more would give the answer away.
    rows: what each row of stacked weights belongs to, so that a message can say which is wrong.
    """

    name: str
    points: int
    title: str
    wanted: tuple[str, ...]
    outputs: tuple[str, ...]
    cases: Callable[[np.random.Generator, int], list[Case]]
    reference: Callable[..., Any] | None = None
    call: bool = True
    judge: Callable[[tuple[Any, ...], Any], str | None] | None = None
    mistakes: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    library: bool = False
    given: Mapping[str, str] | Callable[[int], Mapping[str, str]] = field(default_factory=dict)
    form: Callable[[Any], str | None] | None = None
    rows: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.reference is None) == (self.judge is None):
            raise ValueError(f"part {self.name} needs a reference or a judge, and not both")
        if self.call and len(self.wanted) != 1:
            raise ValueError(f"part {self.name} wants one function, got {self.wanted}")

    def given_for(self, variant: int) -> Mapping[str, str]:
        """Return the given sources of a variant."""
        return self.given(variant) if callable(self.given) else self.given


@dataclass(frozen=True)
class Written:
    """A question answered in words, with points that a person gives, by a rubric."""

    name: str
    points: int
    title: str


@dataclass(frozen=True)
class Assignment:
    """An assignment: its name (that of its folder and notebook), title, parts and questions.

    about: what it asks, in a sentence, for those who look for it.
    """

    name: str
    title: str
    parts: tuple[Part, ...]
    written: tuple[Written, ...] = ()
    about: str = ""

    def part(self, name: str) -> Part:
        """Return a part by its name; raises KeyError, naming all."""
        for part in self.parts:
            if part.name == name:
                return part
        names = ", ".join(part.name for part in self.parts)
        raise KeyError(f"{self.name} has the parts {names}; got {name!r}")

    @property
    def points(self) -> int:
        """All points: parts and written questions."""
        return sum(one.points for one in self.parts) + sum(one.points for one in self.written)


class Came(NamedTuple):
    """What came of one case: a value, or the words of an error; never both.

    changed: which argument the function changed, counted from 0; None: none.
    """

    value: Any = None
    error: str | None = None
    changed: int | None = None


def leaves(value: Any, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield (name, number or array) of a value's parts; the first level has the given names."""
    if len(names) == 1:
        yield from _below(names[0], value)
        return
    for name, one in zip(names, _items(value), strict=True):
        yield from _below(name, one)


def _items(value: Any) -> list[Any]:
    return list(value.values() if isinstance(value, dict) else value)


def _below(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        for key in value._fields:
            yield from _below(f"{name}.{key}", getattr(value, key))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _below(f"{name}[{key!r}]", one)
    elif isinstance(value, tuple | list):
        for k, one in enumerate(value):
            yield from _below(f"{name}[{k}]", one)
    else:
        yield name, value


def difference(
    wanted: Any, came: Any, outputs: tuple[str, ...], rows: tuple[str, ...] = ()
) -> str | None:
    """Say where what came first differs from what is wanted; None: nowhere."""
    count = len(outputs)
    if count > 1:
        if not isinstance(came, tuple | list | dict) or len(came) != count:
            got = f"{len(came)} values" if isinstance(came, tuple | list | dict) else _what(came)
            return f"expected {count} values ({', '.join(outputs)}), got {got}"
    elif isinstance(came, tuple | list) and not isinstance(wanted, tuple | list):
        if len(came) != 1:
            return f"expected one value, {outputs[0]}, got {len(came)}"
        came = came[0]
    # Names of fields are the reference's: a student may return a plain tuple for a named one.
    pairs = list(leaves(wanted, outputs))
    if not _same_tree(wanted, came):
        return f"expected {', '.join(name for name, _ in pairs)}, got another structure"
    values = [one for _, one in leaves(came, outputs)]
    for (name, right), one in zip(pairs, values, strict=True):
        if problem := _different(name, right, one, rows):
            return problem
    return None


def _same_tree(wanted: Any, came: Any) -> bool:
    if isinstance(wanted, tuple | list | dict):
        if not isinstance(came, tuple | list | dict) or len(wanted) != len(came):
            return False
        return all(map(_same_tree, _items(wanted), _items(came)))
    return not isinstance(came, tuple | list | dict)


def _what(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape}"
    return "nothing (None)" if value is None else f"one {type(value).__name__}"


def _different(name: str, right: Any, came: Any, rows: tuple[str, ...] = ()) -> str | None:
    if isinstance(came, np.ndarray) and came.dtype == bool and came.ndim == 0:
        came = bool(came)
    if isinstance(right, str | bool | None):
        return None if came == right and type(came) is type(right) else f"{name}: not {came!r}"
    if came is None or isinstance(came, str):
        return f"{name}: expected numbers, got {_what(came)}"
    right, came = np.asarray(right), np.asarray(came)
    if right.shape != came.shape:
        return f"{name}: expected shape {right.shape}, got {came.shape}"
    if not np.isfinite(came).all():
        return f"{name}: has values that are not finite"
    close = np.isclose(came.astype(float), right.astype(float), rtol=RTOL, atol=ATOL)
    if close.all():
        return None
    at = tuple(int(k) for k in np.argwhere(~close)[0])
    place = f" at {list(at)}" if at else ""
    problem = f"{name}: expected {right[at]:.6g}{place}, got {came[at]:.6g}"
    if right.ndim == 3 and len(right) == len(rows):
        bad = [row for row, fits in zip(rows, close.all(axis=(1, 2)), strict=True) if not fits]
        problem += f" (wrong in the rows of {', '.join(bad)})"
    return problem


def verdict(part: Part, case: Case, came: Came) -> str | None:
    """Say what is wrong with what came of a case; None: nothing.

    A value that a known mistake gives as well is told by its name, without the right number.
    """
    if came.error is not None:
        return came.error
    if came.changed is not None:
        return f"changes its argument number {came.changed + 1}: work on a copy"
    if part.judge is not None:
        try:
            return part.judge(case.arguments, came.value)
        except Exception as error:  # what came has a form that the judge did not expect
            last = traceback.extract_tb(error.__traceback__)[-1]
            return f"what came cannot be judged: {type(error).__name__}: {error} ({last.name})"
    assert part.reference is not None
    problem = difference(part.reference(*case.arguments), came.value, part.outputs, part.rows)
    if problem is None:
        return None
    for words, mistaken in part.mistakes.items():
        if difference(mistaken(*case.arguments), came.value, part.outputs) is None:
            return f"{problem}. {words}"
    return problem
