"""Grades in the forms that Canvas and Moodle import."""

from __future__ import annotations

import csv
import html
import io

from .assignments import load
from .moodle import COMMENTS, HANDED_IN, Worksheet, number_of
from .outcome import Outcome, late

FORMS = ("canvas", "moodle", "plain")


def number(value: float) -> str:
    """Return points as they are written: 22, 22.5."""
    return f"{value:g}"


def canvas(assignment: str, found: list[Outcome]) -> list[list[str]]:
    """Return the table that Canvas imports (Grades, Import): a column for the assignment.

    Canvas finds a student by ID, its own number (lms_user_id in the roster), or by SIS User ID or
    SIS Login ID, one of which the roster's id may be; and the assignment by its title.
    """
    title = load(assignment).title
    rows = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", title]]
    rows.append(["Points Possible", "", "", "", "", number(load(assignment).points)])
    for one in found:
        score = "" if one.score is None else number(one.score)
        rows.append([one.name, one.lms_user_id, one.student, one.student, "", score])
    return rows


def moodle(assignment: str, found: list[Outcome]) -> list[list[str]]:
    """Return a table like Moodle's grading worksheet, where there is none to be filled in.

    Moodle takes it if lms_user_id is its participant's number, which is another one for every
    assignment: `filled` is for what Moodle has written itself.
    """
    rows = [["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade"]]
    rows[0] += ["Grade can be changed", HANDED_IN, "Last modified (grade)", COMMENTS]
    for one in found:
        status = "No submission" if one.score is None else "Submitted for grading"
        if one.late:
            status += f" - {late(one.late)}"
        when = one.handed_in.strftime("%A, %d %B %Y, %H:%M") if one.handed_in else "-"
        score = "" if one.score is None else number(one.score)
        who = f"Participant {one.lms_user_id}" if one.lms_user_id else one.student
        maximum = number(load(assignment).points)
        rows.append([who, one.name, one.email, status, score, maximum, "Yes", when, "-"])
        rows[-1].append(words(assignment, one))
    return rows


def filled(sheet: Worksheet, assignment: str, found: list[Outcome]) -> list[list[str]]:
    """Return Moodle's own worksheet with grades and comments; who is not in it, has no row."""
    outcomes = {one.student: one for one in found if one.score is not None}
    rows = [sheet.header]
    for before in sheet.rows:
        row = dict(before)
        one = outcomes.get(sheet.students.get(number_of(row), ""))
        if one is not None and one.score is not None:
            row["Grade"] = number(one.score)
            if COMMENTS in row:
                row[COMMENTS] = words(assignment, one)
        rows.append([row[name] or "" for name in sheet.header])
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
    """Return what a student is told, in a few lines of HTML, as Moodle's comments are."""
    if one.result is None:
        return ""
    spec = load(assignment)
    titles = {part.name: part.title for part in spec.parts}
    lines = [f"Handed in {late(one.late)}."] if one.late else []
    if one.result.refused:
        lines.append(f"Your notebook could not be read: {one.result.refused}")
    else:
        lines += [f"{titles[part.name]}: {part.words}" for part in one.result.parts if part.wrong]
    for question in spec.written:
        _, comment = one.written.get(question.name, (None, ""))
        lines += [f"{question.title}: {comment}"] if comment else []
    return "<br>".join(html.escape(line, quote=False) for line in lines).replace("\n", "<br>")


def table(
    form: str, assignment: str, found: list[Outcome], sheet: Worksheet | None = None
) -> list[list[str]]:
    """Return a table in one of FORMS; raises KeyError for another. sheet: Moodle's, to fill in."""
    if form == "moodle" and sheet is not None:
        return filled(sheet, assignment, found)
    return {"canvas": canvas, "moodle": moodle, "plain": plain}[form](assignment, found)


def text(form: str, assignment: str, found: list[Outcome], sheet: Worksheet | None = None) -> str:
    """Return a table as CSV; raises KeyError for a form that is none of FORMS."""
    out = io.StringIO()
    rows = table(form, assignment, found, sheet)
    # A cell that a spreadsheet would take for a formula stays a text.
    safe = [[f"'{cell}" if cell[:1] in "=+@\t" and cell else cell for cell in row] for row in rows]
    csv.writer(out, lineterminator="\r\n").writerows(safe)
    return out.getvalue()
