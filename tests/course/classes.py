"""A class that hands in."""

import shutil
import sys

import nbformat
from corpus import lstm, made
from postgres import new_database
from sqlalchemy import make_url

from unrolled.course.export import text
from unrolled.course.folder import open_course
from unrolled.course.gradebook import digests, gradebook, results
from unrolled.course.outcome import outcomes

NAME = "lstm"


def hand_in(course, student, source, name=f"{NAME}.ipynb", when="2027-02-28 12:00:00 UTC"):
    place = course.folder / "submitted" / student / NAME
    place.mkdir(parents=True, exist_ok=True)
    if isinstance(source, bytes):
        (place / name).write_bytes(source)
    else:
        shutil.copy(source, place / name)
    (place / "timestamp.txt").write_text(when)


def hand_in_many(course, count):
    """Right and wrong submissions of the corpus in turn, by s000, s001 ..."""
    changes = [*lstm.RIGHT.values(), *lstm.WRONG.values()]
    for k in range(count):
        content = nbformat.writes(made(NAME, changes[k % len(changes)])).encode()
        hand_in(course, f"s{k:03}", content)


def copied(course, to):
    """The same course in another folder, with a gradebook of its own."""
    shutil.copytree(course.folder, to)
    found = open_course(to)
    url = make_url(course.db_url)
    if url.drivername == "sqlite":
        found.db_url = f"sqlite:///{to}/gradebook.db"
    else:
        found.db_url = new_database(course.db_url, like=url.database)
    found.save()
    return found


def grade_command(course, *options):
    """The command that grades a course."""
    command = [sys.executable, "-m", "unrolled.course", "grade", NAME]
    return [*command, "--course", str(course.folder), *options]


def graded(course):
    """How many submissions the gradebook has, also while another process writes it."""
    with gradebook(course) as book:
        return len(digests(book, NAME))


def everything(course):
    """What the gradebook has: the table of grades, what grading gave, how many submissions."""
    with gradebook(course) as book:
        found = results(book, NAME)
        rows = len(book.assignment_submissions(NAME))
    return text("plain", NAME, outcomes(course, NAME)), found, rows
