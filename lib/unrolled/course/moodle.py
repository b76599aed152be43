"""Moodle's offline grading worksheet: a row for each participant of one assignment.

Moodle numbers participants anew for every assignment, so that no roster knows the numbers in the
names of its archive. The worksheet does, says when each handed in, and is what Moodle imports.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .folder import CourseError

WANTED = ("Identifier", "Grade", "Last modified (grade)")  # without them Moodle refuses the file
HANDED_IN = "Last modified (submission)"
COMMENTS = "Feedback comments"
TIMES = ("%A, %d %B %Y, %I:%M %p", "%A, %d %B %Y, %H:%M", "%A, %B %d, %Y, %I:%M %p")


@dataclass(frozen=True)
class Worksheet:
    """A worksheet.

    header, rows: as Moodle wrote them. students: a participant's number -> our id.
    times: a participant's number -> when it was handed in.
    """

    header: list[str]
    rows: list[dict[str, str]]
    students: dict[str, str]
    times: dict[str, datetime.datetime]

    @classmethod
    def read(cls, path: Path, students: Iterable[Any]) -> Worksheet:
        """Return the worksheet in a file; students: the gradebook's.

        A participant is found by e-mail address, by ID number, or by the full name. Raises
        CourseError for a file that is none.
        """
        try:
            reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")))
            header, rows = list(reader.fieldnames or ()), list(reader)
        except OSError as error:
            raise CourseError(f"{path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CourseError(f"{path} is not UTF-8, as Moodle writes its worksheet") from None
        missing = [name for name in WANTED if name not in header]
        if missing:
            raise CourseError(
                f"{path} is no grading worksheet of Moodle in English: it has no column "
                f"{' and no '.join(missing)}"
            )
        known: dict[str, set[str]] = {}
        for one in students:
            name = " ".join(word for word in (one.first_name, one.last_name) if word)
            for word in (one.email, one.id, name):
                if word:
                    known.setdefault(word.casefold(), set()).add(one.id)
        found, times = {}, {}
        for row in rows:
            number = number_of(row)
            for column in ("Email address", "ID number", "Full name"):
                ids = known.get((row.get(column) or "").strip().casefold(), set())
                if len(ids) == 1:
                    (found[number],) = ids
                    break
            if when := time_of(row.get(HANDED_IN) or ""):
                times[number] = when
        return cls(header, rows, found, times)


def number_of(row: dict[str, str]) -> str:
    """Return a participant's number: "1815" of "Participant 1815"."""
    return (row["Identifier"] or "").rpartition(" ")[2]


def time_of(words: str) -> datetime.datetime | None:
    """Return the time that Moodle writes in English, taken for this machine's; None for another."""
    for form in TIMES:
        try:
            return datetime.datetime.strptime(words.strip(), form).astimezone(datetime.UTC)
        except ValueError:
            continue
    return None
