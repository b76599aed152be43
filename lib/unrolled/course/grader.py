"""Grades what a class handed in: in parallel, to be stopped and resumed at any moment.

Workers read a submission, run it in the sandbox and return a result; they touch nothing else. This
process alone writes: a submission's files, then its one transaction. Which worker graded what, and
how often grading was interrupted, leaves no trace in the gradebook.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .folder import Course, CourseError, write_whole
from .gradebook import digests, gradebook, record, results
from .pool import locally, on_cluster
from .sandbox import Sandbox
from .submission import SubmissionError, read_bytes
from .work import Graded, Task, none_of

FORMAT = 3  # of results: another one, and everything is graded anew


@dataclass(frozen=True)
class Row:
    """A line of the report: what became of a submission.

    status: "graded", "as before", "refused", "missing" or "failed". why: in words.
    late: how much after the due time.
    """

    student: str
    status: str
    score: int | None = None
    why: str = ""
    late: datetime.timedelta | None = None


def handed_in(folder: Path) -> datetime.datetime | None:
    """Return when a submission was handed in, in UTC: its timestamp.txt, None if there is none."""
    from nbgrader.utils import parse_utc

    try:
        text = (folder / "timestamp.txt").read_text(encoding="utf-8").strip()
        found: datetime.datetime = parse_utc(text)
        return found
    except (OSError, ValueError):
        return None


def lateness(
    course: Course, assignment: str, when: datetime.datetime | None
) -> datetime.timedelta | None:
    """Return how long after its due time something was handed in; None: it is not late."""
    if when is None or assignment not in course.due:
        return None
    due = datetime.datetime.fromisoformat(course.due[assignment])
    late = when.replace(tzinfo=datetime.UTC) - due
    return late if late > datetime.timedelta() else None


def find_notebook(folder: Path, assignment: str) -> Path:
    """Return what to grade in a submission's folder; raises SubmissionError if that is unclear.

    A renamed notebook is taken if it is the only one.
    """
    wanted = folder / f"{assignment}.ipynb"
    if wanted.is_symlink() or wanted.exists():
        return wanted
    found = sorted(folder.glob("*.ipynb"))
    if not found:
        raise SubmissionError(f"no notebook: {assignment}.ipynb is wanted")
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:5])
        raise SubmissionError(f"{len(found)} notebooks, none named {assignment}.ipynb: {names}")
    return found[0]


def digest_of(task: Task) -> str:
    """Return a digest of all that a result depends on."""
    found = hashlib.sha256()
    for part in (FORMAT, task.assignment, task.variant, task.secret, task.released):
        found.update(f"{part}\0".encode())
    found.update(task.content)
    return found.hexdigest()


def grade_all(
    course: Course,
    assignment: str,
    sandbox: Sandbox,
    *,
    students: list[str] | None = None,
    count: int | None = None,
    cluster: str | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[Row]:
    """Grade all submissions of an assignment that are not graded yet; return a row for each.

    students: these alone. count: worker processes. cluster: the address of a Dask scheduler.
    progress: called with how many are done, of how many.
    Raises CourseError if the assignment is not released or the cluster cannot grade, and
    NoSandboxError if there is no sandbox.
    """
    variant = course.variant(assignment)
    released = course.release(assignment).read_text(encoding="utf-8")
    if cluster is None:
        sandbox.check()
    rows: list[Row] = []
    with gradebook(course) as book:
        before, known = digests(book, assignment), results(book, assignment)
        enrolled = {student.id for student in book.students}
        recorded = {one.student_id: one for one in book.assignment_submissions(assignment)}
        tasks: list[tuple[Task, str, datetime.datetime | None]] = []
        names = sorted(
            path.name for path in (course.folder / "submitted").iterdir() if path.is_dir()
        )
        unknown = sorted({*(students or ())} - enrolled.union(names))
        if unknown:
            raise CourseError(f"nobody of the course is {' or '.join(unknown)}")
        for student in students or sorted(enrolled.union(names)):
            folder = course.folder / "submitted" / student / assignment
            if not folder.is_dir():
                rows.append(Row(student, "missing"))
                continue
            task = Task(assignment, variant, course.secret, student, b"", released, sandbox)
            when = handed_in(folder)
            late = lateness(course, assignment, when)
            try:
                task = task._replace(content=read_bytes(find_notebook(folder, assignment)))
            except SubmissionError as error:
                task = task._replace(content=f"refused: {error}".encode())
                digest = digest_of(task)
                if before.get(student) != digest:
                    found = none_of(assignment, str(error))
                    record(book, assignment, student, when, digest, found.answers, found.result)
                else:
                    recorded[student].timestamp = when
                rows.append(Row(student, "refused", 0, str(error), late))
                continue
            digest = digest_of(task)
            if before.get(student) == digest:
                recorded[student].timestamp = when  # it may be known better now
                result = known[student]
                rows.append(Row(student, "as before", result.score, result.refused, late))
                continue
            tasks.append((task, digest, when))
        book.db.commit()
        progress(0, len(tasks))
        alone = [task for task, _, _ in tasks]
        came = locally(alone, count) if cluster is None else on_cluster(alone, cluster, sandbox)
        for done, (k, one) in enumerate(came, start=1):
            rows.append(_finish(course, book, *tasks[k], one))
            progress(done, len(tasks))
    return sorted(rows, key=lambda row: row.student)


def _finish(
    course: Course,
    book: object,
    task: Task,
    digest: str,
    when: datetime.datetime | None,
    came: Graded | Exception,
) -> Row:
    """Record what a worker returned; return its row."""
    if isinstance(came, Graded):
        found, status, why = came, "graded", ""
    elif isinstance(came, SubmissionError):
        found, status, why = none_of(task.assignment, str(came)), "refused", str(came)
    else:  # a fault of ours, not of the student's: nothing is recorded, the rest goes on
        return Row(task.student, "failed", None, f"{type(came).__name__}: {came}")
    if found.notebook:
        folder = course.folder / "autograded" / task.student / task.assignment
        write_whole(folder / f"{task.assignment}.ipynb", found.notebook + "\n")
    record(book, task.assignment, task.student, when, digest, found.answers, found.result)
    late = lateness(course, task.assignment, when)
    return Row(task.student, status, found.result.score, why, late)
