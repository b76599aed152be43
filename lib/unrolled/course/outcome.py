"""What a class has: points by grading and by hand, late or not."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any

from .folder import Course
from .gradebook import gradebook, results
from .grading import Result


@dataclass
class Outcome:
    """A student's outcome.

    score: all points so far, None if nothing was handed in. waiting: whether a person has yet to
    give points. late: by how much. written: a question -> its points (None: not yet), and words.
    """

    student: str
    name: str
    email: str
    lms_user_id: str
    score: float | None = None
    waiting: bool = False
    handed_in: datetime.datetime | None = None
    late: datetime.timedelta | None = None
    result: Result | None = None
    written: dict[str, tuple[float | None, str]] = field(default_factory=dict)


def outcomes(course: Course, assignment: str) -> list[Outcome]:
    """Return every student's outcome, by name of the student.

    Raises CourseError if the assignment is not released.
    """
    course.variant(assignment)
    with gradebook(course) as book:
        graded = results(book, assignment)
        submissions = {s.student_id: s for s in book.assignment_submissions(assignment)}
        found = []
        for student in sorted(book.students, key=lambda one: str(one.id)):
            words = [student.first_name, student.last_name]
            one = Outcome(
                student.id,
                " ".join(word for word in words if word) or student.id,
                student.email or "",
                student.lms_user_id or "",
            )
            if submission := submissions.get(student.id):
                _add(one, submission, graded.get(student.id))
            found.append(one)
    return found


def late(by: datetime.timedelta) -> str:
    """Return in words how late something is; of Canvas's archive only that it is late is known."""
    return "late" if by < datetime.timedelta(minutes=1) else f"late by {by}"


def _add(one: Outcome, submission: Any, result: Result | None) -> None:
    """Add what a student handed in."""
    one.score, one.waiting = float(submission.score), bool(submission.needs_manual_grade)
    one.handed_in, one.result = submission.timestamp, result
    seconds = submission.total_seconds_late
    one.late = datetime.timedelta(seconds=round(seconds)) if seconds > 0 else None
    parts = {part.name for part in result.parts} if result else set()
    for notebook in submission.notebooks:
        words = {comment.name: comment.comment or "" for comment in notebook.comments}
        for grade in notebook.grades:
            if grade.name not in parts:
                points = None if grade.needs_manual_grade else float(grade.score)
                one.written[grade.name] = (points, words.get(grade.name, ""))
