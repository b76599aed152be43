"""A course's folder, as nbgrader lays it out, with the settings and the secret that grading needs.

course.json                          the settings; readable by its owner alone: it has the secret
nbgrader_config.py                   nbgrader's own, for its formgrader and commands
source/<assignment>/                 with solutions
release/<assignment>/                for students
submitted/<student>/<assignment>/    what they handed in
autograded/<student>/<assignment>/   the same with locked cells put back
feedback/<student>/<assignment>/     pages for students
reports/                             pages on the class
gradebook.db                         points, unless db_url names another database
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SETTINGS = "course.json"

NBGRADER = """# For nbgrader's own commands and its formgrader.
# Written by `python -m unrolled.course init`.
c = get_config()
c.CourseDirectory.course_id = {course!r}
c.CourseDirectory.db_url = {db_url!r}
c.ClearSolutions.code_stub = {{"python": {stub!r}}}
c.ClearSolutions.text_stub = {text_stub!r}
"""


class CourseError(RuntimeError):
    """Something that a teacher can mend, in words."""


@dataclass
class Course:
    """A course: its folder, name, database, secret, and the variant of each released assignment."""

    folder: Path
    course: str
    db_url: str
    secret: str
    variants: dict[str, int] = field(default_factory=dict)
    due: dict[str, str] = field(default_factory=dict)

    def save(self) -> None:
        """Write the settings, all or nothing."""
        settings = asdict(self)
        settings.pop("folder")
        path = self.folder / SETTINGS
        write_whole(path, json.dumps(settings, indent=2) + "\n")
        path.chmod(0o600)

    def variant(self, assignment: str) -> int:
        """Return the variant that was released; raises CourseError if none was."""
        if assignment not in self.variants:
            released = ", ".join(self.variants) or "none"
            raise CourseError(f"{assignment} is not released (released: {released})")
        return self.variants[assignment]

    def source(self, assignment: str) -> Path:
        """Return the path of an assignment's notebook with solutions."""
        return self.folder / "source" / assignment / f"{assignment}.ipynb"

    def release(self, assignment: str) -> Path:
        """Return the path of an assignment's notebook for students."""
        return self.folder / "release" / assignment / f"{assignment}.ipynb"


def create(folder: Path, course: str, db_url: str | None = None) -> Course:
    """Make a course's folder.

    db_url: the gradebook's database, as postgresql://user:password@host/name; None: a file.
    Raises CourseError if the folder is a course already, or the database does not answer or is
    another course's.
    """
    if (folder / SETTINGS).exists():
        raise CourseError(f"{folder} is a course already")
    folder = folder.resolve()
    found = Course(folder, course, f"sqlite:///{folder}/gradebook.db", secrets.token_hex(16))
    if db_url is not None:
        from .gradebook import gradebook

        # With the driver that is installed, for nbgrader's own commands too.
        found.db_url = re.sub("^postgres(ql)?://", "postgresql+psycopg://", db_url)
        with gradebook(found) as book:
            if book.students or book.assignments:
                raise CourseError("this database is another course's gradebook: take an empty one")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # grades are nobody else's business
    from .template import STUB

    text = NBGRADER.format(
        course=course, db_url=found.db_url, stub=STUB["code"], text_stub=STUB["markdown"]
    )
    write_whole(folder / "nbgrader_config.py", text)  # for its owner alone: it may have a password
    for name in ("source", "release", "submitted"):
        (folder / name).mkdir(exist_ok=True)
    found.save()
    return found


def open_course(folder: Path) -> Course:
    """Return the course in a folder; raises CourseError that says how to make one."""
    path = folder / SETTINGS
    try:
        settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Course(folder.resolve(), **settings)
    except FileNotFoundError:
        raise CourseError(
            f"{folder} is no course: make one by `python -m unrolled.course init --course {folder}`"
        ) from None
    except (ValueError, TypeError) as error:
        raise CourseError(f"{path} is damaged: {error}") from None


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, whatever ends the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
