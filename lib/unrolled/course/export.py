"""Grades in the forms that Canvas and Moodle import."""

from __future__ import annotations

import csv
import io

from .assignments import load
from .outcome import Outcome

FORMS = ("canvas", "moodle", "plain")


def number(value: float) -> str:
    """Return points as they are written: 22, 22.5."""
    return f"{value:g}"


def canvas(assignment: str, found: list[Outcome]) -> list[list[str]]:
    """Return the table that Canvas imports (Grades, Import): a column for the assignment.

    Canvas finds a student by ID, its own number (lms_user_id in the roster), or by SIS Login ID.
    """
    title = load(assignment).title
    rows = [["Student", "ID", "SIS Login ID", "Section", title]]
    rows.append(["Points Possible", "", "", "", number(load(assignment).points)])
    for one in found:
        score = "" if one.score is None else number(one.score)
        rows.append([one.name, one.lms_user_id, one.student, "", score])
    return rows


def moodle(assignment: str, found: list[Outcome]) -> list[list[str]]:
    """Return Moodle's offline grading worksheet: a row for each participant."""
    rows = [["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade"]]
    rows[0] += ["Last modified (submission)", "Feedback comments"]
    for one in found:
        status = "No submission" if one.score is None else "Submitted for grading"
        if one.late:
            status += f" - {one.late} late"
        when = one.handed_in.strftime("%A, %d %B %Y, %H:%M") if one.handed_in else "-"
        score = "" if one.score is None else number(one.score)
        who = f"Participant {one.lms_user_id}" if one.lms_user_id else one.student
        maximum = number(load(assignment).points)
        rows.append(
            [who, one.name, one.email, status, score, maximum, when, words(assignment, one)]
        )
    return rows


def plain(assignment: str, found: list[Outcome]) -> list[list[str]]:
    """Return a table with all there is: the points of each part and question."""
    spec = load(assignment)
    names = [part.name for part in spec.parts] + [one.name for one in spec.written]
    rows = [["student", "name", "email", "handed in", "late", "waiting", *names, "score", "of"]]
    for one in found:
        points = {part.name: number(part.score) for part in one.result.parts} if one.result else {}
        for name, (score, _) in one.written.items():
            points[name] = "" if score is None else number(score)
        rows.append(
            [
                one.student,
                one.name,
                one.email,
                one.handed_in.isoformat() if one.handed_in else "",
                str(one.late or ""),
                "yes" if one.waiting else "",
                *(points.get(name, "") for name in names),
                "" if one.score is None else number(one.score),
                number(spec.points),
            ]
        )
    return rows


def words(assignment: str, one: Outcome) -> str:
    """Return what was wrong, in a line for each part."""
    titles = {part.name: part.title for part in load(assignment).parts}
    parts = one.result.parts if one.result else []
    return "; ".join(f"{titles[part.name]}: {part.wrong}" for part in parts if part.wrong)


def text(form: str, assignment: str, found: list[Outcome]) -> str:
    """Return a table as CSV; raises KeyError for a form that is none of FORMS."""
    tables = {"canvas": canvas, "moodle": moodle, "plain": plain}
    out = io.StringIO()
    rows = tables[form](assignment, found)
    # A cell that a spreadsheet would take for a formula stays a text.
    safe = [[f"'{cell}" if cell[:1] in "=+@\t" and cell else cell for cell in row] for row in rows]
    csv.writer(out, lineterminator="\r\n").writerows(safe)
    return out.getvalue()
