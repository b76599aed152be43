"""An assignment's notebook from its template, with nbgrader's metadata.

A template is a text in cells. A line ``# %% [markdown]`` begins text, ``# %%`` code. After it may
stand ``answer=PART`` (the student's cell; what stands between ``### BEGIN SOLUTION`` and
``### END SOLUTION`` is taken out of the student's version), ``check=PART`` (locked; carries the
part's points), ``written=NAME`` (text that a person grades) or ``locked=NAME`` (restored before
grading).
``{{name}}`` is filled with a value of the variant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import nbformat
from nbformat import NotebookNode

from .spec import Assignment

CELL = re.compile(
    r"(?m)^# %%(?P<text> \[markdown\])?"
    r"(?: (?P<kind>answer|check|written|locked)=(?P<name>[\w-]+))?\n"
)
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class TemplateError(ValueError):
    """A template that is no assignment."""


def filled(text: str, values: Mapping[str, object]) -> str:
    """Return a text with its values; raises TemplateError for a name that has none."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise TemplateError(f"the variant has no value {found[1]}; it has {', '.join(values)}")
        return str(values[found[1]])

    return re.sub(r"\{\{(\w+)\}\}", value, text)


SECTION = re.compile(r"(?m)^# %% \[markdown\]\n## \d+\. ")


def in_order(text: str, order: Sequence[int] | None) -> str:
    """Return a template with its sections ("## 1. ...") in another order, numbered anew.

    Raises TemplateError if the order does not name each section once.
    """
    starts = [found.start() for found in SECTION.finditer(text)]
    sections = [text[a:b] for a, b in pairwise([*starts, len(text)])]
    order = order or range(1, len(sections) + 1)
    if sorted(order) != [*range(1, len(sections) + 1)]:
        raise TemplateError(f"{len(sections)} sections are to be put in order, got {[*order]}")
    head = text[: starts[0]] if starts else text
    moved = [sections[number - 1].rstrip("\n") + "\n" for number in order]
    for k, section in enumerate(moved, start=1):
        was = re.search(r"## (\d+)\. ", section)
        assert was is not None
        section = section.replace(was[0], f"## {k}. ", 1)
        moved[k - 1] = re.sub(rf"\*\*{was[1]}([a-z])\*\*", rf"**{k}\1**", section)
    return head + "".join(moved)


def make_notebook(
    assignment: Assignment,
    template: str,
    values: Mapping[str, object],
    order: Sequence[int] | None = None,
) -> NotebookNode:
    """Return the instructor's notebook of an assignment.

    order: the template's sections, as this variant has them; it numbers them anew.
    Raises TemplateError if a part has not exactly one answer and one check after it, or a written
    question no cell.
    """
    text = filled(in_order(template, order), values)
    starts = [*CELL.finditer(text)]
    if not starts or text[: starts[0].start()].strip():
        raise TemplateError("a template begins with a cell, # %%")
    points = {part.name: part.points for part in assignment.parts}
    points |= {question.name: question.points for question in assignment.written}
    ends = [start.start() for start in starts[1:]] + [len(text)]
    cells, places = [], {}
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        body = text[start.end() : end].strip("\n")
        kind, name = start["kind"], start["name"]
        cell = (
            nbformat.v4.new_markdown_cell(body, id=f"md-{k}")
            if start["text"]
            else nbformat.v4.new_code_cell(body, id=f"code-{k}")
        )
        if kind is not None:
            if kind != "locked" and name not in points:
                raise TemplateError(f"{kind}={name}: {assignment.name} has {', '.join(points)}")
            if (kind, name) in places:
                raise TemplateError(f"{kind}={name} stands twice")
            places[kind, name] = k
            cell.metadata["nbgrader"] = nbgrader(kind, name, points.get(name, 0), cell.cell_type)
        cells.append(cell)
    for part in assignment.parts:
        answer, check = (places.get((kind, part.name)) for kind in ("answer", "check"))
        if answer is None or check is None or answer > check:
            raise TemplateError(
                f"part {part.name} needs answer={part.name}, and then check={part.name}"
            )
    for question in assignment.written:
        if ("written", question.name) not in places:
            raise TemplateError(f"question {question.name} needs written={question.name}")
    metadata = METADATA | {"description": assignment.about}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def nbgrader(kind: str, name: str, points: int, cell_type: str) -> dict[str, object]:
    """Return nbgrader's metadata of a cell (schema 3)."""
    found: dict[str, object] = {
        "schema_version": 3,
        "grade_id": f"{name}-answer" if kind == "answer" else name,
        "grade": kind in {"check", "written"},
        "solution": kind in {"answer", "written"},
        "locked": kind in {"check", "locked"},
        "task": False,
        "cell_type": cell_type,
    }
    if found["grade"]:
        found["points"] = points
    return found


STUB = {"code": "# Your code here\nraise NotImplementedError", "markdown": "*Your answer here.*"}


def for_students(notebook: NotebookNode) -> NotebookNode:
    """Return the student's version: no solutions, no outputs."""
    found = nbformat.from_dict(notebook)
    for cell in found.cells:
        solution = cell.metadata.get("nbgrader", {}).get("solution", False)
        if solution:
            cell.source = _without_solution(cell.source, STUB[cell.cell_type])
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return found


def _without_solution(source: str, stub: str) -> str:
    if "### BEGIN SOLUTION" not in source:
        return stub

    def cut(found: re.Match[str]) -> str:
        return "\n".join(f"{found['indent']}{line}" for line in stub.splitlines())

    return re.sub(
        r"(?ms)^(?P<indent>[ \t]*)### BEGIN SOLUTION$.*?^[ \t]*### END SOLUTION$", cut, source
    )
