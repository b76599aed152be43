"""The course from the command line: python -m unrolled.course COMMAND --help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from .assignments import NAMES
from .export import FORMS
from .folder import Course, CourseError, create, open_course, write_whole
from .sandbox import Limits, NoSandboxError, Sandbox

WORKSHEET = "Moodle's grading worksheet of this assignment"


def sandbox_of(options: argparse.Namespace) -> Sandbox:
    """Return the sandbox that the options ask for; the default is bubblewrap."""
    limits = Limits(seconds=options.seconds)
    if options.unsafe:
        print("Submissions run WITHOUT protection, with your rights.", file=sys.stderr)
        return Sandbox("unsafe", limits=limits)
    if options.container:
        return Sandbox("container", options.container, limits)
    return Sandbox(limits=limits)


def init(options: argparse.Namespace) -> int:
    """Make a course's folder."""
    found = create(options.course, options.name or options.course.resolve().name, options.db_url)
    print(f"{found.folder} is a course. Keep course.json to yourself: it holds the secret.")
    return 0


def release(options: argparse.Namespace) -> int:
    """Release an assignment."""
    from .release import release

    path = release(open_course(options.course), options.assignment, options.variant, options.due)
    print(f"{path} is for your students.")
    return 0


def validate(options: argparse.Namespace) -> int:
    """Grade an assignment's own solution, which must have all points, and the empty version."""
    from .release import validate

    course: Course | None = None
    if (options.course / "course.json").exists():
        course = open_course(options.course)
    variant = options.variant
    if course is not None and variant is None:
        variant = course.variants.get(options.assignment)
    solved, empty = validate(options.assignment, sandbox_of(options), variant or 0)
    for part in solved.parts:
        print(f"{part.name:16}{part.score} of {part.points}  {part.wrong}")
    print(f"{'without work':16}{empty.score} of {sum(part.points for part in empty.parts)}")
    return int(any(part.wrong for part in solved.parts) or empty.score != 0)


def grade(options: argparse.Namespace) -> int:
    """Grade what was handed in, as far as it is not graded yet."""
    from .grader import grade_all
    from .outcome import late

    with tqdm(unit="submission", disable=None) as bar:

        def progress(done: int, of: int) -> None:
            bar.total, bar.n = of, done
            bar.refresh()

        rows = grade_all(
            open_course(options.course),
            options.assignment,
            sandbox_of(options),
            students=options.student,
            count=options.workers,
            cluster=options.cluster,
            progress=progress,
        )
    for row in rows:
        score = "" if row.score is None else row.score
        remarks = "; ".join(word for word in (late(row.late) if row.late else "", row.why) if word)
        print(f"{row.student:20} {row.status:10} {score!s:>4}  {remarks}".rstrip())
    return int(any(row.status == "failed" for row in rows))


def students(options: argparse.Namespace) -> int:
    """Put a roster into the gradebook: a CSV file with the column id."""
    from .collect import add_students

    count = add_students(open_course(options.course), options.roster)
    print(f"{count} students are in the gradebook.")
    return 0


def collect(options: argparse.Namespace) -> int:
    """Bring what was handed in to where it is graded: Canvas's or Moodle's archive, or a folder."""
    from .collect import collect

    course = open_course(options.course)
    for row in collect(course, options.assignment, options.source, options.worksheet):
        print(f"{row.status:16} {row.student:20} {row.where}  {row.why}".rstrip())
    return 0


def feedback(options: argparse.Namespace) -> int:
    """Write a page for each student."""
    from .reports import feedback

    pages = feedback(open_course(options.course), options.assignment)
    print(f"{len(pages)} pages in {options.course / 'feedback'}")
    return 0


def report(options: argparse.Namespace) -> int:
    """Write a page on the class."""
    from .reports import report

    print(report(open_course(options.course), options.assignment))
    return 0


def export(options: argparse.Namespace) -> int:
    """Write the grades as CSV, to standard output or a file."""
    from .export import text
    from .gradebook import gradebook
    from .moodle import Worksheet
    from .outcome import outcomes

    course, sheet = open_course(options.course), None
    found = outcomes(course, options.assignment)
    if options.worksheet is not None:
        if options.form != "moodle":
            raise CourseError("--worksheet is Moodle's: it goes with --form moodle")
        with gradebook(course) as book:
            sheet = Worksheet.read(options.worksheet, book.students)
        there = set(sheet.students.values())
        absent = [o.student for o in found if o.score is not None and o.student not in there]
        if absent:
            print(f"not in {options.worksheet}: {', '.join(absent)}", file=sys.stderr)
    waiting = [one.student for one in found if one.waiting]
    if waiting:
        print(f"{len(waiting)} wait for points by hand: {', '.join(waiting)}", file=sys.stderr)
    table = text(options.form, options.assignment, found, sheet)
    if options.output is None:
        sys.stdout.write(table)
    else:
        write_whole(options.output, table)
        print(options.output)
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(prog="python -m unrolled.course", description=__doc__)
    commands = found.add_subparsers(required=True, metavar="COMMAND")

    def command(
        run: Callable[[argparse.Namespace], int], assignment: bool = True
    ) -> argparse.ArgumentParser:
        words = (run.__doc__ or "").splitlines()[0]
        one = commands.add_parser(run.__name__, help=words, description=words)
        one.set_defaults(run=run)
        one.add_argument(
            "--course", type=Path, default=Path(), help="the folder; default: this one"
        )
        if assignment:
            one.add_argument("assignment", choices=NAMES)
        return one

    def with_sandbox(one: argparse.ArgumentParser) -> argparse.ArgumentParser:
        one.add_argument("--container", metavar="IMAGE", help="run submissions in this image")
        one.add_argument("--unsafe", action="store_true", help="run them without protection")
        one.add_argument("--seconds", type=int, default=10, help="for each part; default: 10")
        return one

    one = command(init, assignment=False)
    one.add_argument("--name", help="the course's name; default: the folder's")
    one.add_argument(
        "--db-url", help="the gradebook, as postgresql://user:password@host/name; default: a file"
    )
    one = command(release)
    one.add_argument(
        "--variant",
        type=int,
        metavar="SEED",
        help="default: the released one, or 0, the public one",
    )
    one.add_argument("--due", help="as 2027-03-01T23:59+01:00")
    one = with_sandbox(command(validate))
    one.add_argument("--variant", type=int, metavar="SEED", help="default: the released one, or 0")
    one = with_sandbox(command(grade))
    one.add_argument("--student", action="append", help="this one alone; may be repeated")
    one.add_argument("--workers", type=int, help="processes; default: one a core")
    one.add_argument("--cluster", metavar="ADDRESS", help="a Dask scheduler, as tcp://host:8786")
    one = command(students, assignment=False)
    one.add_argument(
        "roster", type=Path, help="columns id, first_name, last_name, email, lms_user_id"
    )
    one = command(collect)
    one.add_argument("source", type=Path, help="an archive of Canvas or Moodle, or a folder")
    one.add_argument("--worksheet", type=Path, help=WORKSHEET)
    command(feedback)
    command(report)
    one = command(export)
    one.add_argument("--worksheet", type=Path, help=WORKSHEET)
    one.add_argument("--form", choices=FORMS, default="plain", help="default: plain")
    one.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit status."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        return status
    except (CourseError, NoSandboxError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None:
            raise
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
