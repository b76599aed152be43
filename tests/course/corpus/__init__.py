"""Submissions made by code: right ones in many styles, wrong ones each with its fault, hostile ones.

A submission is the assignment's own solution with some answers changed: `Right` and `Wrong` give a
whole answer (`answers`) or a change of the solution's text (`edits`: old, new), by part.
"""

from dataclasses import dataclass, field

import nbformat

from unrolled.course.assignments import instructor_notebook


@dataclass
class Change:
    """What a student does otherwise: answers by part, edits by part, cells put before an answer."""

    answers: dict = field(default_factory=dict)
    edits: dict = field(default_factory=dict)
    cells: dict = field(default_factory=dict)


def edited(part, old, new):
    return Change(edits={part: (old, new)})


def made(assignment, change, variant=0):
    """Return a submission."""
    notebook = instructor_notebook(assignment, variant)
    unused = {*change.answers, *change.edits, *change.cells}
    cells = []
    for cell in notebook.cells:
        part = cell.metadata.get("nbgrader", {}).get("grade_id", "").removesuffix("-answer")
        solution = cell.metadata.get("nbgrader", {}).get("solution") and cell.cell_type == "code"
        if solution and part in unused:
            unused.discard(part)
            for source in change.cells.get(part, ()):
                cells.append(nbformat.v4.new_code_cell(source))
            if part in change.edits:
                old, new = change.edits[part]
                assert old in cell.source, f"{part} has no {old!r}"
                cell.source = cell.source.replace(old, new)
            cell.source = change.answers.get(part, cell.source)
        cells.append(cell)
    assert not unused, unused
    notebook.cells = cells
    return notebook
