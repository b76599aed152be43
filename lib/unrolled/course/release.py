"""An assignment's variant into the course's folder and, by nbgrader, into the gradebook."""

from __future__ import annotations

import datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from .assignments import instructor_notebook, load
from .folder import Course, CourseError, write_whole
from .gradebook import digests, gradebook
from .grading import Result, grade
from .sandbox import Sandbox
from .submission import restore


def release(course: Course, name: str, variant: int | None = None, due: str | None = None) -> Path:
    """Make both versions of an assignment, record it, and return the students' notebook.

    variant: None: the one that was released already, else 0, the public one.
    due: the time in ISO 8601 with its zone, as 2027-03-01T23:59+01:00.
    Raises CourseError for a due time that is none, or if another variant has been graded already.
    """
    if due is not None:
        try:
            moment = datetime.datetime.fromisoformat(due)
        except ValueError:
            moment = datetime.datetime.min
        if moment.tzinfo is None:
            raise CourseError(f"the due time is like 2027-03-01T23:59+01:00; got {due!r}")
    if variant is None:
        variant = course.variants.get(name, 0)
    with gradebook(course) as book:
        if course.variants.get(name, variant) != variant and digests(book, name):
            raise CourseError(
                f"variant {course.variants[name]} of {name} has been graded: "
                f"make another course folder for variant {variant}"
            )
    write_whole(course.source(name), nbformat.writes(instructor_notebook(name, variant)) + "\n")
    generate(course, name)
    course.variants[name] = variant
    if due is not None:
        course.due[name] = due
        with gradebook(course) as book:
            moment = moment.astimezone(datetime.UTC)
            book.update_or_create_assignment(name, duedate=moment.replace(tzinfo=None).isoformat())
    course.save()
    return course.release(name)


def generate(course: Course, name: str) -> None:
    """Have nbgrader make the students' version and put the assignment into the gradebook."""
    from nbgrader.apps import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    from .template import STUB

    settings = Config()
    settings.CourseDirectory.root = str(course.folder)
    settings.CourseDirectory.course_id = course.course
    settings.CourseDirectory.db_url = course.db_url
    settings.ClearSolutions.code_stub = {"python": STUB["code"]}
    settings.ClearSolutions.text_stub = STUB["markdown"]
    api = NbGraderAPI(CourseDirectory(config=settings), config=settings)
    done = api.generate_assignment(name, force=True)
    if not done["success"]:
        raise CourseError(
            f"nbgrader could not release {name}:\n{done.get('error', '')}{done['log']}"
        )


def validate(
    name: str, sandbox: Sandbox, variant: int = 0, secret: str = "validation"
) -> tuple[Result, Result]:
    """Grade an assignment's own solution and its students' version.

    The first must have all points, the second none; see what is wrong in the results.
    """
    from .template import for_students

    assignment, solved = load(name), instructor_notebook(name, variant)
    students: NotebookNode = for_students(solved)
    found = [
        grade(assignment, restore(one, students, assignment), sandbox, secret, variant)
        for one in (instructor_notebook(name, variant), for_students(solved))
    ]
    return found[0], found[1]
