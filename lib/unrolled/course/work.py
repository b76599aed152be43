"""What a worker does with one submission. It needs neither the course's folder nor nbgrader."""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
from functools import cache
from multiprocessing import parent_process
from pathlib import Path
from typing import NamedTuple

import nbformat

import unrolled

from . import grading
from .assignments import load
from .grading import PartResult, Result
from .sandbox import Sandbox
from .submission import graded, parse_notebook, restore

PR_SET_PDEATHSIG = 1


class Task(NamedTuple):
    """A submission on its way to a worker, by value: workers need not share a disk."""

    assignment: str
    variant: int
    secret: str
    student: str
    content: bytes
    released: str
    sandbox: Sandbox


class Graded(NamedTuple):
    """What a worker returns: the result, the answers, and the notebook as it was run."""

    result: Result
    answers: dict[str, str]
    notebook: str


def grade_task(task: Task) -> Graded:
    """Grade one submission; raises SubmissionError for one that is no notebook."""
    assignment = load(task.assignment)
    released = nbformat.reads(task.released, as_version=4)
    submission = restore(parse_notebook(task.content), released, assignment)
    result = grading.grade(assignment, submission, task.sandbox, task.secret, task.variant)
    answers = {
        graded(cell)["grade_id"]: cell.source
        for cell in submission.notebook.cells
        if graded(cell).get("solution")
    }
    return Graded(result, answers, nbformat.writes(submission.notebook))


@cache
def edition() -> str:
    """Return a digest of this package's files: who grades alike has the same."""
    folder = Path(unrolled.__file__).parent
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".py", ".txt"}:
            found.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return f"edition {found.hexdigest()[:12]}"


def grade_as(wanted: str, task: Task) -> Graded:
    """Grade one submission with the edition that is wanted, and no other."""
    if edition() != wanted:
        raise RuntimeError(f"this worker has {edition()} of unrolled; {wanted} is wanted")
    return grade_task(task)


def none_of(assignment: str, why: str) -> Graded:
    """Return the result of a submission that could not be read: no points, and why."""
    parts = [PartResult(part.name, part.points, 0, why) for part in load(assignment).parts]
    return Graded(Result(parts, [why]), {}, "")


def die_with_parent() -> None:
    """Have this process end when the one that started it does: nobody else would end it."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    parent = parent_process()
    if parent is not None and os.getppid() != parent.pid:
        os._exit(1)  # it ended before the request
