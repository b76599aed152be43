"""A file that is handed in: read without trust, refused with a reason."""

import json
import os

import nbformat
import pytest
from small import SMALL, solved

from unrolled.course import submission
from unrolled.course.submission import SubmissionError, parse_notebook, read_bytes, restore
from unrolled.course.template import for_students


def parse(path):
    return parse_notebook(read_bytes(path))


def text(**changes):
    return json.dumps({**nbformat.v4.upgrade(solved()), **changes})


BROKEN = {
    "not UTF-8": (b"\xff\xfe\x00{", "not UTF-8 text: invalid start byte at byte 0"),
    "no JSON": (b"{", "no JSON"),
    "deep JSON": (b"[" * 200_000, "no JSON"),
    "a list": (b"[1, 2]", "no cells"),
    "no cells": (b"{}", "no cells"),
    "old format": (text(nbformat=3).encode(), "format 3; 4 is wanted"),
    "cells of numbers": (text(cells=[1]).encode(), "a cell is no object"),
    "many cells": (text(cells=[{}] * 3000).encode(), "3000 cells"),
    "no cell types": (text(cells=[{}]).encode(), "not a valid notebook"),
    "another language": (
        text(metadata={"kernelspec": {"name": "r", "display_name": "R", "language": "R"}}).encode(),
        "written for a kernel of R",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_notebook_is_refused_with_the_reason(tmp_path, kind):
    content, words = BROKEN[kind]
    path = tmp_path / "lstm.ipynb"
    path.write_bytes(content)
    with pytest.raises(SubmissionError, match=words):
        parse(path)


def test_what_is_no_file_is_refused_and_nothing_waits(tmp_path):
    with pytest.raises(SubmissionError, match="No such file"):
        parse(tmp_path / "nothing.ipynb")
    (tmp_path / "link.ipynb").symlink_to("/etc/passwd")
    with pytest.raises(SubmissionError, match="a link"):
        parse(tmp_path / "link.ipynb")
    os.mkfifo(tmp_path / "pipe.ipynb")
    with pytest.raises(SubmissionError, match="not an ordinary file"):
        parse(tmp_path / "pipe.ipynb")
    (tmp_path / "folder.ipynb").mkdir()
    with pytest.raises(SubmissionError, match="Is a directory"):
        parse(tmp_path / "folder.ipynb")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.ipynb"
    with path.open("wb") as file:
        file.truncate(submission.MAX_BYTES + 1)
    with pytest.raises(SubmissionError, match="clear the outputs"):
        parse(path)


def test_large_outputs_are_left_out(tmp_path):
    notebook = solved()
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.outputs = [nbformat.v4.new_output("stream", text="x" * 10**6)]
    path = tmp_path / "small.ipynb"
    nbformat.write(notebook, path)
    assert not any(cell.get("outputs") for cell in parse(path).cells)


def test_cells_twice_moved_or_of_another_kind_are_noted():
    released = for_students(solved())
    notebook = solved()
    again = nbformat.from_dict(notebook.cells[4])
    again.id = "again"
    notebook.cells.append(again)
    answer = next(c for c in notebook.cells if "def far" in c.source)
    answer.cell_type = "markdown"
    found = restore(notebook, released, SMALL)
    assert "layer-answer is there twice: the first counts" in found.notes
    assert "far-answer was made a markdown cell" in found.notes
    assert list(found.ends) == [part.name for part in SMALL.parts]
