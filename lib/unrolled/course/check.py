"""The checks that an assignment's notebook runs: visible cases, and messages that teach."""

from __future__ import annotations

import numpy as np

from . import wire
from .assignments import load
from .spec import Came, Case, Part, verdict


def check(assignment: str, part: str, *answers: object, variant: int = 0) -> None:
    """Check an answer against a part's visible cases: a function, or the wanted values in order.

    Prints what was right. Raises AssertionError that says what is wrong, and KeyError for an
    assignment or part that is not there.
    """
    spec = load(assignment).part(part)
    if len(answers) != len(spec.wanted):
        raise TypeError(f"{part} checks {', '.join(spec.wanted)}; got {len(answers)} answers")
    cases = visible_cases(spec, variant)
    for case in cases:
        came = came_of(spec, case, answers)
        problem = spec.form(came.value) if spec.form else verdict(spec, case, came)
        if problem is not None:
            about = f" ({case.about})" if case.about else ""
            raise AssertionError(f"{', '.join(spec.wanted)}{about}: {problem}")
    if spec.form:
        print(f"{', '.join(spec.wanted)}: of the right form. Whether it is right, grading tells.")
        return
    count = f"{len(cases)} visible cases" if len(cases) > 1 else "the visible case"
    print(f"{', '.join(spec.wanted)}: right in {count}.")


def visible_cases(part: Part, variant: int) -> list[Case]:
    """Return the cases that a notebook's checks use: the same for everybody who has the variant."""
    return part.cases(generator(f"visible {variant}", part.name), variant)


def hidden_cases(part: Part, secret: str, variant: int) -> list[Case]:
    """Return the cases that grade, made from the teacher's secret: the same for everybody."""
    return part.cases(generator(f"hidden {secret}", part.name), variant)


def generator(*words: str) -> np.random.Generator:
    """Return the generator that belongs to some words."""
    return np.random.default_rng([*" ".join(words).encode()])


def came_of(part: Part, case: Case, answers: tuple[object, ...]) -> Came:
    """Return what comes of a case in this very process: for the student's own checks."""
    if not part.call:
        value = answers[0] if len(answers) == 1 else answers
    else:
        function = answers[0]
        if not callable(function):
            return Came(error=f"expected a function, got {type(function).__name__}")
        sent = wire.to_json(case.arguments)
        arguments = wire.arguments(sent)
        value = function(*arguments)
        changed = wire.changed(sent, arguments)
        if changed is not None:
            return Came(value, changed=changed)
    try:
        return Came(wire.from_json(wire.to_json(value)))
    except wire.WireError as error:
        return Came(error=f"returned {error}")
