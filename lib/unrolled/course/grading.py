"""Points for a submission: its parts run in the sandbox, and what comes back is compared here."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

from . import wire
from .check import hidden_cases, visible_cases
from .sandbox import Report, Sandbox
from .spec import Assignment, Came, Case, Part, verdict
from .submission import Submission

MAX_WORDS = 600
NOT_ANSWERED = "not answered"
UNANSWERED = re.compile(r"^NotImplementedError|: not defined$")  # what an untouched answer gives
WHERE = {True: "In a case that the notebook's own check does not have", False: "In a visible case"}


@dataclass(frozen=True)
class PartResult:
    """A part's points, and why some are missing.

    wrong: what is wrong, "" if nothing is. about: the case in which it showed, in words.
    hidden: whether that was a case that the notebook's own check does not have.
    """

    name: str
    points: int
    score: int
    wrong: str = ""
    about: str = ""
    hidden: bool = False

    @property
    def words(self) -> str:
        """What a student is told of the points that are missing; "" if none is."""
        if not self.wrong:
            return ""
        if self.wrong == NOT_ANSWERED:
            return "Not answered."
        about = f" ({self.about})" if self.about else ""
        return f"{WHERE[self.hidden]}{about}: {self.wrong}"


@dataclass
class Result:
    """What grading a submission gave; written questions are for a person."""

    parts: list[PartResult] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    printed: str = ""

    @property
    def score(self) -> int:
        """The points of all parts."""
        return sum(part.score for part in self.parts)

    @property
    def refused(self) -> str:
        """Why the notebook could not be read; "" if it could."""
        whole = bool(self.notes and self.parts)
        return self.notes[0] if whole and {p.wrong for p in self.parts} == {self.notes[0]} else ""

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Result:
        """Return the result that `to_json` was given."""
        parts = [PartResult(**part) for part in found["parts"]]
        return cls(parts, found["notes"], found["printed"])


def cases_of(part: Part, secret: str, variant: int) -> list[tuple[Case, bool]]:
    """Return a part's cases, visible ones first, and whether each is hidden."""
    visible = [(case, False) for case in visible_cases(part, variant)]
    if not part.call:
        return visible  # values are the same whatever they are asked with
    return visible + [(case, True) for case in hidden_cases(part, secret, variant)]


def grade(
    assignment: Assignment, submission: Submission, sandbox: Sandbox, secret: str, variant: int = 0
) -> Result:
    """Run a submission's parts and return their points.

    A part is run on the references of the parts before it, so that what is wrong costs its own
    points alone.
    """
    cases = {part.name: cases_of(part, secret, variant) for part in assignment.parts}
    jobs: list[dict[str, Any]] = [
        {
            "name": part.name,
            "wanted": list(part.wanted),
            "call": part.call,
            "cells": submission.ends[part.name],
            "cases": [wire.to_json(case.arguments) for case, _ in cases[part.name]],
            "given": dict(part.given_for(variant)),
            "library": part.library,
        }
        for part in assignment.parts
    ]
    report = sandbox.run(submission.code(), jobs)
    result = Result(notes=list(submission.notes), printed=report.printed)
    for part in assignment.parts:
        found = judge(part, cases[part.name], report)
        if part.name in submission.unanswered and UNANSWERED.search(found.wrong):
            found = PartResult(part.name, part.points, 0, NOT_ANSWERED)
        result.parts.append(found)
    return result


def storable(words: str) -> str:
    """Return a student's words as every database takes them: Unicode, without NUL, and short."""
    text = words.encode("utf-8", "backslashreplace").decode()
    return text.replace("\0", "\\0")[:MAX_WORDS]


def judge(part: Part, cases: list[tuple[Case, bool]], report: Report) -> PartResult:
    """Return a part's result: all its points, or none and the first thing that is wrong."""
    if part.name not in report.results:
        wrong = report.ended.get(part.name, "gave no result")
        return PartResult(part.name, part.points, 0, storable(wrong))
    for (case, hidden), found in zip(cases, report.results[part.name], strict=True):
        problem = verdict(part, case, came(found))
        if problem is not None:
            return PartResult(part.name, part.points, 0, storable(problem), case.about, hidden)
    return PartResult(part.name, part.points, part.points)


def came(found: dict[str, Any]) -> Came:
    """Return what the sandbox sent of a case, as far as it can be believed to be data."""
    if isinstance(found.get("error"), str):
        return Came(error=found["error"])
    changed = found.get("changed")
    try:
        value = wire.from_json(found.get("value"))
    except wire.WireError as error:
        return Came(error=f"returned {error}")
    return Came(value, changed=changed if type(changed) is int else None)
