"""A submitted notebook, read without trust: it is text until the sandbox has it."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from .spec import Assignment

MAX_BYTES = 64 * 2**20
MAX_CELLS = 2000


class SubmissionError(ValueError):
    """A submission that cannot be graded, and why."""


@dataclass
class Submission:
    """A submitted notebook, with what the teacher locked put back.

    ends: a part's name -> how many of the code cells come before and with its answer.
    unanswered: the parts whose answer is as it was released, empty or missing.
    notes: what a teacher may want to know.
    """

    notebook: NotebookNode
    ends: dict[str, int] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def code(self) -> list[dict[str, str]]:
        """Return the cells that run: the student's, and locked ones that are no checks."""
        return [
            {"id": cell.get("id", str(k)), "source": cell.source}
            for k, cell in enumerate(self.notebook.cells)
            if runs(cell)
        ]


def graded(cell: NotebookNode) -> dict[str, Any]:
    """Return nbgrader's metadata of a cell, {} if there is none."""
    found = cell.get("metadata", {}).get("nbgrader")
    return found if isinstance(found, dict) else {}


def runs(cell: NotebookNode) -> bool:
    """Whether a cell runs when a part is graded: code that is no check."""
    return cell.cell_type == "code" and not (graded(cell).get("grade") and graded(cell)["locked"])


def read_bytes(path: Path) -> bytes:
    """Return what a file holds; raises SubmissionError for what is no ordinary file."""
    try:
        # Not through a link, and not waiting for a pipe.
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise SubmissionError("not an ordinary file")
            if about.st_size > MAX_BYTES:
                raise SubmissionError(
                    f"{about.st_size / 2**20:.0f} MiB, more than {MAX_BYTES // 2**20}: "
                    "clear the outputs and hand in again"
                )
            return file.read(MAX_BYTES)
    except OSError as error:
        if path.is_symlink():
            raise SubmissionError("a link, not a file") from None
        raise SubmissionError(f"cannot be read: {error.strerror}") from None


def parse_notebook(content: bytes) -> NotebookNode:
    """Return the notebook that a file holds; raises SubmissionError that says why it is none."""
    try:
        found = json.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SubmissionError(f"not UTF-8 text: {error.reason} at byte {error.start}") from None
    except (ValueError, RecursionError) as error:
        raise SubmissionError(f"not a notebook, or not all of it: no JSON ({error})") from None
    if not isinstance(found, dict) or not isinstance(found.get("cells"), list):
        raise SubmissionError("not a notebook: no cells")
    if found.get("nbformat") != 4:
        raise SubmissionError(f"a notebook of format {found.get('nbformat')!r}; 4 is wanted")
    if len(found["cells"]) > MAX_CELLS:
        raise SubmissionError(f"{len(found['cells'])} cells, more than {MAX_CELLS}")
    for cell in found["cells"]:
        if not isinstance(cell, dict):
            raise SubmissionError("not a notebook: a cell is no object")
        if cell.get("cell_type") == "code":
            cell["outputs"], cell["execution_count"] = [], None  # nobody needs them; some are huge
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise SubmissionError("not a notebook: a text that is no Unicode") from None
    try:
        notebook = nbformat.reads(json.dumps(found), as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat and jsonschema raise many kinds
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SubmissionError(f"not a valid notebook: {first[:200]}") from None
    language = notebook.metadata.get("kernelspec", {}).get("language", "python")
    if language != "python":
        raise SubmissionError(f"written for a kernel of {language}; Python is wanted")
    return notebook


def restore(submitted: NotebookNode, released: NotebookNode, assignment: Assignment) -> Submission:
    """Return a submission whose locked cells are as they were released.

    Cells that the student moved, added or deleted are theirs; a locked cell that is missing is put
    back where its neighbour stands, a second copy of one is left out. Where an answer cell is
    missing, the code up to its check counts.
    """
    originals = {
        graded(cell)["grade_id"]: cell for cell in released.cells if "grade_id" in graded(cell)
    }
    notes: list[str] = []
    cells: list[NotebookNode] = []
    seen: set[str] = set()
    for cell in submitted.cells:
        name = graded(cell).get("grade_id")
        if name not in originals:
            cell.metadata.pop("nbgrader", None)
            cells.append(cell)
            continue
        if name in seen:
            notes.append(f"{name} is there twice: the first counts")
            cell.metadata.pop("nbgrader")
            cells.append(cell)
            continue
        seen.add(str(name))
        original = originals[name]
        if graded(original)["locked"]:
            if cell.source != original.source:
                notes.append(f"the locked cell {name} was changed: it is put back")
            cells.append(nbformat.from_dict(original))
            continue
        if cell.cell_type != original.cell_type:
            notes.append(f"{name} was made a {cell.cell_type} cell")
        cell.metadata["nbgrader"] = dict(graded(original))
        cells.append(cell)
    _put_back(cells, [*originals], originals, seen, notes)
    notebook = nbformat.from_dict(submitted)
    notebook.cells = cells
    found = Submission(notebook, notes=notes)
    count = 0
    for cell in cells:
        count += runs(cell)
        name = graded(cell).get("grade_id", "")
        if name.endswith("-answer") and cell.source.strip() in ("", originals[name].source.strip()):
            found.unanswered.add(name.removesuffix("-answer"))
        if name in {part.name for part in assignment.parts}:
            found.ends[name] = count
    return found


def _put_back(
    cells: list[NotebookNode],
    order: list[str],
    originals: dict[str, NotebookNode],
    seen: set[str],
    notes: list[str],
) -> None:
    """Insert what is missing after the cell before it in the released notebook."""
    for k, name in enumerate(order):
        if name in seen:
            continue
        notes.append(f"{name} is missing")
        before = set(order[:k])
        places = [j for j, cell in enumerate(cells) if graded(cell).get("grade_id") in before]
        missing = nbformat.from_dict(originals[name])
        if graded(missing)["solution"]:
            missing.source = ""
        cells.insert(places[-1] + 1 if places else 0, missing)
