"""nbgrader's gradebook: an assignment is put in by nbgrader, a submission by one transaction.

Beside nbgrader's tables stands one of ours, with what was graded (a digest) and what came of it: it
is written in the same transaction, so that a grading that was interrupted knows where to go on.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy import Column, MetaData, String, Table, Text, delete, insert, select
from sqlalchemy.exc import ArgumentError, OperationalError

from .folder import Course, CourseError
from .grading import Result
from .template import STUB

RESULTS = Table(
    "unrolled_result",
    MetaData(),
    Column("assignment", String(128), primary_key=True),
    Column("student", String(128), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("result", Text(), nullable=False),
)


@contextmanager
def gradebook(course: Course) -> Iterator[Gradebook]:
    """Open a course's gradebook; close it whatever happens.

    Raises CourseError if its address is none, or its database does not answer.
    """
    beside = str(Path(sys.executable).parent)  # where nbgrader expects the program alembic
    if beside not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", "")])
    try:
        found = Gradebook(course.db_url, course.course)
        try:
            RESULTS.metadata.create_all(found.engine)
            yield found
        finally:
            found.close()
    except (ArgumentError, OperationalError, ImportError) as error:
        shown = re.sub(r"//([^/:@]*):[^/@]*@", r"//\1:***@", course.db_url)
        why = getattr(error, "orig", error)
        raise CourseError(f"the gradebook {shown} cannot be used: {why}") from None


def digests(book: Gradebook, assignment: str) -> dict[str, str]:
    """Return what has been graded: a student -> the digest of what was handed in."""
    rows = select(RESULTS.c.student, RESULTS.c.digest).where(RESULTS.c.assignment == assignment)
    return dict(book.db.execute(rows).all())


def results(book: Gradebook, assignment: str) -> dict[str, Result]:
    """Return what grading gave: a student -> the result."""
    rows = select(RESULTS.c.student, RESULTS.c.result).where(RESULTS.c.assignment == assignment)
    return {student: Result.from_json(json.loads(text)) for student, text in book.db.execute(rows)}


def record(
    book: Gradebook,
    assignment: str,
    student: str,
    handed_in: datetime.datetime | None,
    digest: str,
    answers: dict[str, str],
    result: Result,
) -> None:
    """Put a submission's points into the gradebook: all of them, or none.

    answers: an answer cell's name -> what stands in it. Points and comments that a person gave stay
    where the answer is as it was.
    """
    session = book.db
    try:
        if session.get(Student, student) is None:
            session.add(Student(id=student))
        entry = book.find_assignment(assignment)
        before = _take_out(session, entry, student)
        session.execute(
            delete(RESULTS).where(RESULTS.c.assignment == assignment, RESULTS.c.student == student)
        )
        session.flush()
        (notebook,) = entry.notebooks
        new = SubmittedAssignment(assignment=entry, student_id=student, timestamp=handed_in)
        session.add(new)
        session.flush()
        handed = SubmittedNotebook(notebook=notebook, assignment=new)
        session.add(handed)
        session.flush()
        session.add_all(_contents(handed, notebook, answers, result, before))
        row = {"assignment": assignment, "student": student, "digest": digest}
        text = json.dumps(result.to_json() | {"answers": answers})
        session.execute(insert(RESULTS).values(**row, result=text))
        session.commit()
    except BaseException:
        session.rollback()
        raise


def _take_out(session: Any, entry: Any, student: str) -> dict[str, Any]:
    """Delete a student's submission; return what a person gave: points, comments, the answers."""
    found: dict[str, Any] = {"grades": {}, "comments": {}, "answers": {}}
    row = session.execute(
        select(RESULTS.c.result).where(
            RESULTS.c.assignment == entry.name, RESULTS.c.student == student
        )
    ).scalar()
    if row is not None:
        found["answers"] = json.loads(row)["answers"]
    mine = select(SubmittedAssignment).filter_by(assignment_id=entry.id, student_id=student)
    for old in session.scalars(mine).all():
        for notebook in list(old.notebooks):
            for grade in list(notebook.grades):
                found["grades"][grade.cell.name] = (grade.manual_score, grade.extra_credit)
                session.delete(grade)
            for comment in list(notebook.comments):
                found["comments"][comment.cell.name] = comment.manual_comment
                session.delete(comment)
            session.delete(notebook)
        session.delete(old)
    return found


def _contents(
    handed: Any, notebook: Any, answers: dict[str, str], result: Result, before: dict[str, Any]
) -> Iterator[Grade | Comment]:
    """Yield a submitted notebook's points and comments."""
    parts = {part.name: part for part in result.parts}

    def unchanged(name: str) -> bool:
        return name in answers and before["answers"].get(name) == answers[name]

    # Nobody need read what is not there: no answer, or no notebook.
    written = [cell.name for cell in notebook.grade_cells if cell.name not in parts]
    empty = {name for name in written if answers.get(name, "").strip() in ("", STUB["markdown"])}

    for cell in notebook.grade_cells:
        grade = Grade(cell_id=cell.id, notebook_id=handed.id)
        if part := parts.get(cell.name):
            grade.auto_score, grade.needs_manual_grade = float(part.score), False
        else:
            if unchanged(cell.name):
                kept = before["grades"].get(cell.name, (None, None))
                grade.manual_score, grade.extra_credit = kept
            if cell.name in empty:
                grade.auto_score = 0.0
            grade.needs_manual_grade = grade.manual_score is None and cell.name not in empty
        yield grade
    for cell in notebook.solution_cells:
        comment = Comment(cell_id=cell.id, notebook_id=handed.id)
        part = parts.get(cell.name.removesuffix("-answer"))
        if part is not None and part.wrong:
            comment.auto_comment = part.words
        elif cell.name in empty and not result.refused:
            comment.auto_comment = "Not answered."
        if unchanged(cell.name):
            comment.manual_comment = before["comments"].get(cell.name)
        yield comment
