"""Brings what students handed in to where it is graded: from Canvas, from Moodle, or from a folder.

An archive is not trusted: names that leave the folder, links, and more bytes than a notebook may
have are refused, each with a row in the report.
"""

from __future__ import annotations

import csv
import datetime
import os
import re
import stat
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from .folder import Course, CourseError
from .gradebook import gradebook
from .submission import MAX_BYTES, SubmissionError, read_bytes

# Canvas: "lovelaceada_LATE_1815_99_lstm.ipynb", without a family name too.
CANVAS = re.compile(r"(?P<name>[^_/]+)_(?P<late>LATE_)?(?P<id>\d+)_\d+_(?P<file>[^/]+)")
# Moodle: "Ada Lovelace_1815_assignsubmission_file/lstm.ipynb", an older one with _ before the /.
MOODLE = re.compile(r"(?P<name>[^/]+)_(?P<id>\d+)_assignsubmission_file_?/(?P<file>[^/]+)")
FOLDER = re.compile(r"(?P<id>[^/]+)/(?P<file>[^/]+)")
SINGLE = re.compile(r"(?P<id>[^/]+)(?P<file>\.ipynb)")
COLUMNS = ("id", "first_name", "last_name", "email", "lms_user_id")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")


class Found(NamedTuple):
    """A notebook in an archive or folder: where, whose, when; how to read it."""

    where: str
    owner: str
    when: datetime.datetime
    content: bytes


@dataclass(frozen=True, order=True)
class Row:
    """What became of a file. status: "collected", "duplicate", "unknown student" or "refused"."""

    where: str
    status: str
    student: str = ""
    why: str = ""


def add_students(course: Course, roster: Path) -> int:
    """Put the students of a CSV file into the gradebook; return how many it has.

    Columns: id, and any of first_name, last_name, email, lms_user_id (what Canvas or Moodle calls
    the student). Raises CourseError for a file without ids, an id twice, or one that is no name.
    """
    with roster.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or "id" not in rows[0]:
        others = ", ".join(COLUMNS[1:])
        raise CourseError(f"{roster}: a column id is wanted; and, if you have them, {others}")
    seen: set[str] = set()
    for number, row in enumerate(rows, start=2):
        if not NAME.fullmatch(row["id"] or ""):
            raise CourseError(
                f"{roster}, line {number}: an id has letters, digits, . _ @ + -; got {row['id']!r}"
            )
        if row["id"] in seen:
            raise CourseError(f"{roster}, line {number}: {row['id']} is there twice")
        seen.add(row["id"])
    with gradebook(course) as book:
        for row in rows:
            known = {key: row[key] for key in COLUMNS[1:] if row.get(key)}
            book.update_or_create_student(row["id"], **known)
    return len(rows)


def collect(course: Course, assignment: str, source: Path) -> list[Row]:
    """Copy the newest notebook of each student to ``submitted``; return a row for each file.

    source: Canvas's or Moodle's archive of all submissions, or a folder with a folder or a notebook
    for each student. What is collected again replaces what was there only if it is newer.
    Raises CourseError for what is neither.
    """
    course.variant(assignment)
    rows: list[Row] = []
    found = archive(source, rows) if source.is_file() else folder(source, rows)
    with gradebook(course) as book:
        known = {
            student.lms_user_id: student.id for student in book.students if student.lms_user_id
        }
        ids = {student.id for student in book.students}
    groups: dict[str, list[Found]] = defaultdict(list)
    for one in found:
        student = one.owner if one.owner in ids else known.get(one.owner, one.owner)
        if (ids and student not in ids) or not NAME.fullmatch(student):
            rows.append(Row(one.where, "unknown student", one.owner))
        else:
            groups[student].append(one)
    for student, files in sorted(groups.items()):
        newest = max(files, key=lambda one: (one.when, one.where))
        for one in files:
            if one is not newest:
                rows.append(Row(one.where, "duplicate", student, f"{newest.where} is newer"))
        rows.append(put(course, assignment, student, newest))
    return sorted(rows)


def put(course: Course, assignment: str, student: str, one: Found) -> Row:
    """Write a student's notebook and its time, unless a newer one is there."""
    place = course.folder / "submitted" / student / assignment
    place.mkdir(parents=True, exist_ok=True)
    stamp = place / "timestamp.txt"
    if stamp.exists():
        before = datetime.datetime.fromisoformat(stamp.read_text(encoding="utf-8").strip())
        if before > one.when:
            return Row(one.where, "duplicate", student, f"one of {before} is there")
    for path in place.glob("*.ipynb"):
        path.unlink()
    part = place / ".part"
    part.write_bytes(one.content)
    stamp.write_text(one.when.isoformat() + "\n", encoding="utf-8")
    os.replace(part, place / f"{assignment}.ipynb")
    return Row(one.where, "collected", student)


def owner_of(name: str) -> str | None:
    """Return whose file a name says it is; None if it does not."""
    for form in (MOODLE, CANVAS, FOLDER, SINGLE):
        if match := form.fullmatch(name):
            return match["id"]
    return None


def archive(source: Path, rows: list[Row]) -> list[Found]:
    """Return the notebooks of an archive; add a row for each that is refused."""
    try:
        with zipfile.ZipFile(source) as file:
            found = []
            for info in file.infolist():
                try:
                    one = member(file, info)
                except SubmissionError as error:
                    rows.append(Row(info.filename, "refused", why=str(error)))
                else:
                    found += [one] if one else []
            return found
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise CourseError(f"{source} is no zip archive and no folder: {error}") from None


def member(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> Found | None:
    """Return one notebook of an archive, None for another file; raises SubmissionError."""
    if info.is_dir() or not info.filename.endswith(".ipynb"):
        return None

    parts = PurePosixPath(info.filename).parts
    if info.filename.startswith("/") or ".." in parts or "\\" in info.filename:
        raise SubmissionError("its name leaves the folder")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise SubmissionError("a link, not a file")
    if info.flag_bits & 1:
        raise SubmissionError("encrypted")
    owner = owner_of(info.filename) or owner_of("/".join(parts[1:]))  # some archives have a folder
    if owner is None:
        raise SubmissionError("its name does not say whose it is")
    with file.open(info) as content:
        data = content.read(MAX_BYTES + 1)  # what the archive says of the size may be wrong
    if len(data) > MAX_BYTES:
        raise SubmissionError(f"more than {MAX_BYTES // 2**20} MiB")
    when = datetime.datetime(*info.date_time, tzinfo=datetime.UTC)
    return Found(info.filename, owner, when, data)


def folder(source: Path, rows: list[Row]) -> list[Found]:
    """Return the notebooks of a folder; add a row for each that is refused."""
    if not source.is_dir():
        raise CourseError(f"there is no archive or folder {source}")
    found = []
    for path in sorted([*source.glob("*.ipynb"), *source.glob("*/*.ipynb")]):
        name = path.relative_to(source).as_posix()
        owner = owner_of(name)
        assert owner is not None
        try:
            data = read_bytes(path)
        except SubmissionError as error:
            rows.append(Row(name, "refused", owner, str(error)))
            continue
        when = datetime.datetime.fromtimestamp(int(path.stat().st_mtime), datetime.UTC)
        found.append(Found(name, owner, when, data))
    return found
