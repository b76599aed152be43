"""Brings what students handed in to where it is graded: from Canvas, from Moodle, or from a folder.

An archive is not trusted: names that leave the folder, links, and more bytes than a notebook may
have are refused, each with a row in the report. Its times are those of its making, as Canvas and
Moodle write it when it is downloaded: what was late, Canvas says in names, Moodle in its worksheet.
"""

from __future__ import annotations

import csv
import datetime
import io
import os
import re
import stat
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from .folder import Course, CourseError
from .gradebook import gradebook
from .moodle import Worksheet
from .submission import MAX_BYTES, SubmissionError, read_bytes

# Canvas: "lovelaceada_LATE_1815_99_lstm.ipynb", without a family name too.
CANVAS = re.compile(r"(?P<name>[^_/]+)_(?P<late>LATE_)?(?P<id>\d+)_(?P<number>\d+)_(?P<file>[^/]+)")
# Moodle: "Ada Lovelace_1815_assignsubmission_file/lstm.ipynb", an older one with _ before the /;
# without "Download submissions in folders" _ in place of the /.
MOODLE = re.compile(r"(?P<name>[^/]+)_(?P<id>\d+)_assignsubmission_file(_?/|_)(?P<file>[^/]+)")
FOLDER = re.compile(r"(?P<id>[^/]+)/(?P<file>[^/]+)")
SINGLE = re.compile(r"(?P<id>[^/]+)(?P<file>\.ipynb)")
COLUMNS = ("id", "first_name", "last_name", "email", "lms_user_id")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
MOODLE_ALONE = "Moodle numbers students anew for each assignment: --worksheet says who is who"
COLLECTED = ".collected"  # beside a submission: the time that decides which one is newer


class Found(NamedTuple):
    """A notebook in an archive or folder: where, whose, when, what.

    source: "canvas" or "moodle", whose number the owner then is, and whose archive has no times but
    that of its making; "" for others. late: whether the archive says so. number: of Canvas's file,
    to tell which is newer. handed_in: when, as Moodle's worksheet says.
    """

    where: str
    owner: str
    when: datetime.datetime
    content: bytes
    source: str = ""
    late: bool = False
    number: int = 0
    handed_in: datetime.datetime | None = None


@dataclass(frozen=True, order=True)
class Row:
    """What became of a file. status: "collected", "duplicate", "unknown student" or "refused"."""

    where: str
    status: str
    student: str = ""
    why: str = ""


def add_students(course: Course, roster: Path) -> int:
    """Put the students of a CSV file into the gradebook; return how many it has.

    Columns: id, and any of first_name, last_name, email, lms_user_id (Canvas's number of the
    student), with commas, semicolons or tabs between them. Raises CourseError for a file without
    ids, an id or number twice, or an id that is no name.
    """
    try:
        text = roster.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CourseError(f"{roster}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CourseError(f"{roster} is not UTF-8: save it as CSV UTF-8") from None
    header = text.partition("\n")[0]
    rows = list(csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=header.count)))
    if "id" not in header or not rows or "id" not in rows[0]:
        others = ", ".join(COLUMNS[1:])
        raise CourseError(
            f"{roster}: a column id is wanted, and students below it; if you have them, also "
            f"{others}. The first line is {header.strip()!r}"
        )
    seen: dict[str, set[str]] = {"id": set(), "lms_user_id": set()}
    for number, row in enumerate(rows, start=2):
        if not NAME.fullmatch(row["id"] or ""):
            raise CourseError(
                f"{roster}, line {number}: an id has letters, digits, . _ @ + -; got {row['id']!r}"
            )
        for column, before in seen.items():
            value = row.get(column)
            if value and value in before:
                raise CourseError(f"{roster}, line {number}: {column} {value} is there twice")
            before.add(value or "")
    with gradebook(course) as book:
        for row in rows:
            known = {key: row[key] for key in COLUMNS[1:] if row.get(key)}
            book.update_or_create_student(row["id"], **known)
    return len(rows)


def collect(
    course: Course, assignment: str, source: Path, worksheet: Path | None = None
) -> list[Row]:
    """Copy the newest notebook of each student to ``submitted``; return a row for each file.

    source: Canvas's or Moodle's archive of all submissions, or a folder with a folder or a notebook
    for each student. What is collected again replaces what was there only if it is newer.
    worksheet: Moodle's grading worksheet, which says whose its numbers are, and who handed in when.
    Raises CourseError for what is neither.
    """
    course.variant(assignment)
    rows: list[Row] = []
    found = archive(source, rows) if source.is_file() else folder(source, rows)
    with gradebook(course) as book:
        sheet = Worksheet.read(worksheet, book.students) if worksheet else None
        known = {
            student.lms_user_id: student.id for student in book.students if student.lms_user_id
        }
        ids = {student.id for student in book.students}
    groups: dict[str, list[Found]] = defaultdict(list)
    for one in found:
        if sheet is not None and one.source == "moodle":
            student = sheet.students.get(one.owner, "")
            one = one._replace(handed_in=sheet.times.get(one.owner))
        elif one.source:
            student = known.get(one.owner, one.owner)
        else:
            student = one.owner if one.owner in ids else known.get(one.owner, one.owner)
        if (ids and student not in ids) or not NAME.fullmatch(student):
            why = "" if sheet or one.source != "moodle" else MOODLE_ALONE
            rows.append(Row(one.where, "unknown student", one.owner, why))
        else:
            groups[student].append(one)
    for student, files in sorted(groups.items()):
        newest = max(files, key=partial(precedence, assignment))
        for one in files:
            if one is not newest:
                older = precedence(assignment, one)[:2] < precedence(assignment, newest)[:2]
                why = f"{newest.where} is {'newer' if older else 'taken'}"
                rows.append(Row(one.where, "duplicate", student, why))
        rows.append(put(course, assignment, student, newest))
    return sorted(rows)


def precedence(assignment: str, one: Found) -> tuple[int, datetime.datetime, bool, str]:
    """Return what says which of a student's notebooks is taken: the newest, or the one so named.

    The files of one submission are of one time in Moodle's archive, whatever it says.
    """
    when = datetime.datetime.min if one.source == "moodle" else one.when.replace(tzinfo=None)
    named = PurePosixPath(one.where).name == f"{assignment}.ipynb"
    return one.number, when, named, one.where


def put(course: Course, assignment: str, student: str, one: Found) -> Row:
    """Write a student's notebook and its time, unless a newer one is there."""
    place = course.folder / "submitted" / student / assignment
    place.mkdir(parents=True, exist_ok=True)
    stamp, collected = place / "timestamp.txt", place / COLLECTED
    for path in (collected, stamp):
        if path.exists():
            before = datetime.datetime.fromisoformat(path.read_text(encoding="utf-8").strip())
            if before > one.when:
                return Row(one.where, "duplicate", student, f"one of {before} is there")
            break
    when = handed_in(course, assignment, one)
    target = place / f"{assignment}.ipynb"
    if stamp.exists() and target.is_file() and target.read_bytes() == one.content:
        before = datetime.datetime.fromisoformat(stamp.read_text(encoding="utf-8").strip())
        when = min(when, before) if not one.handed_in else when  # it was there by then
    for path in place.glob("*.ipynb"):
        path.unlink()
    part = place / ".part"
    part.write_bytes(one.content)
    stamp.write_text(when.isoformat() + "\n", encoding="utf-8")
    collected.write_text(one.when.isoformat() + "\n", encoding="utf-8")
    os.replace(part, target)
    return Row(one.where, "collected", student, "late" if one.late else "")


def handed_in(course: Course, assignment: str, one: Found) -> datetime.datetime:
    """Return when something was handed in, as far as that is known.

    An archive of Canvas or Moodle has the time of its download. What is not late was handed in by
    the due time, then; of what is late, nobody says by how much: a second, in the gradebook.
    """
    if one.handed_in is not None:
        return one.handed_in
    if not one.source or assignment not in course.due:
        return one.when
    due = datetime.datetime.fromisoformat(course.due[assignment]).astimezone(datetime.UTC)
    return due + datetime.timedelta(seconds=1) if one.late else min(one.when, due)


def match_of(name: str) -> tuple[str, re.Match[str]] | None:
    """Return which system made a name, "" for none, and its match; None if it is of no form."""
    forms = (("moodle", MOODLE), ("canvas", CANVAS), ("", FOLDER), ("", SINGLE))
    return next(((who, found) for who, form in forms if (found := form.fullmatch(name))), None)


def owner_of(name: str) -> str | None:
    """Return whose file a name says it is; None if it does not."""
    found = match_of(name)
    return found[1]["id"] if found else None


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
    found = match_of(info.filename) or match_of("/".join(parts[1:]))  # some archives have a folder
    if found is None:
        raise SubmissionError("its name does not say whose it is")
    with file.open(info) as content:
        data = content.read(MAX_BYTES + 1)  # what the archive says of the size may be wrong
    if len(data) > MAX_BYTES:
        raise SubmissionError(f"more than {MAX_BYTES // 2**20} MiB")
    who, match = found
    try:
        when = datetime.datetime(*info.date_time).astimezone(datetime.UTC)  # it is local
    except (ValueError, OverflowError):
        when = datetime.datetime(1980, 1, 1, tzinfo=datetime.UTC)  # where there is none
    more = match.groupdict()
    late, number = bool(more.get("late")), int(more.get("number") or 0)
    return Found(info.filename, match["id"], when, data, who, late, number)


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
