"""Grades what a class handed in: in parallel, to be stopped and resumed at any moment.

Workers read a submission, run it in the sandbox and return a result; they touch nothing else. This
process alone writes: a submission's files, then its one transaction. Which worker graded what, and
how often grading was interrupted, leaves no trace in the gradebook.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from .folder import Course, write_whole
from .gradebook import digests, gradebook, record, results
from .sandbox import Sandbox
from .submission import SubmissionError, read_bytes
from .work import Graded, Task, die_with_parent, grade_task, none_of

FORMAT = 2  # of results: another one, and everything is graded anew


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


@contextmanager
def workers(count: int | None, cluster: str | None) -> Iterator[Executor]:
    """Yield what runs tasks: processes of this machine, or a Dask cluster."""
    if cluster is None:
        context = get_context("spawn")
        with ProcessPoolExecutor(count, context, initializer=die_with_parent) as pool:
            yield pool
        return
    from distributed import Client

    with Client(cluster) as client:
        yield client.get_executor(pure=False)


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
    Raises CourseError if the assignment is not released, and NoSandboxError if there is none.
    """
    variant = course.variant(assignment)
    released = course.release(assignment).read_text(encoding="utf-8")
    if cluster is None:
        sandbox.check()
    rows: list[Row] = []
    with gradebook(course) as book:
        before, known = digests(book, assignment), results(book, assignment)
        enrolled = {student.id for student in book.students}
        tasks: list[tuple[Task, str, datetime.datetime | None]] = []
        names = sorted(
            path.name for path in (course.folder / "submitted").iterdir() if path.is_dir()
        )
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
                rows.append(Row(student, "refused", 0, str(error), late))
                continue
            digest = digest_of(task)
            if before.get(student) == digest:
                rows.append(Row(student, "as before", known[student].score, late=late))
                continue
            tasks.append((task, digest, when))
        progress(0, len(tasks))
        with workers(count, cluster) as pool:
            waiting: dict[Future[Graded], tuple[Task, str, datetime.datetime | None]] = {
                pool.submit(grade_task, task): (task, digest, when) for task, digest, when in tasks
            }
            for done, future in enumerate(as_completed(waiting), start=1):
                task, digest, when = waiting.pop(future)
                rows.append(_finish(course, book, task, digest, when, future))
                progress(done, len(tasks))
    return sorted(rows, key=lambda row: row.student)


def _finish(
    course: Course,
    book: object,
    task: Task,
    digest: str,
    when: datetime.datetime | None,
    future: Future[Graded],
) -> Row:
    """Record what a worker returned; return its row."""
    try:
        found, status, why = future.result(), "graded", ""
    except SubmissionError as error:
        found, status, why = none_of(task.assignment, str(error)), "refused", str(error)
    except (
        Exception
    ) as error:  # of ours, not of the student's: nothing is recorded, the rest goes on
        return Row(task.student, "failed", None, f"{type(error).__name__}: {error}")
    if found.notebook:
        folder = course.folder / "autograded" / task.student / task.assignment
        write_whole(folder / f"{task.assignment}.ipynb", found.notebook + "\n")
    record(book, task.assignment, task.student, when, digest, found.answers, found.result)
    late = lateness(course, task.assignment, when)
    return Row(task.student, status, found.result.score, why, late)
