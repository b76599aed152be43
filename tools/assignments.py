"""Make the assignments' notebooks: with solutions, run, and the students' versions.

    python tools/assignments.py                          the public ones, into book/assignments
    python tools/assignments.py --variant 7 --to folder  a variant of a teacher's own

A student's version has no outputs but those of explorables, so that these are alive on the site.
"""

import argparse
import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from notebooks import clean

from unrolled.course.assignments import NAMES, instructor_notebook
from unrolled.course.template import for_students

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book" / "assignments"


def solved(name: str, variant: int) -> NotebookNode:
    """Return an assignment with solutions, run from top to bottom."""
    notebook = instructor_notebook(name, variant)
    NotebookClient(notebook, timeout=300, coalesce_streams=True).execute()
    return clean(notebook)


def students(notebook: NotebookNode) -> NotebookNode:
    """Return the students' version of a notebook that was run."""
    found = for_students(notebook)
    for before, after in zip(notebook.cells, found.cells, strict=True):
        shown = [o for o in before.get("outputs", []) if "text/html" in o.get("data", {})]
        if shown and not before.metadata["nbgrader"]["solution"]:
            after.outputs = shown
    return found


def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", type=int, default=0, metavar="SEED")
    parser.add_argument("--to", type=Path, default=BOOK, metavar="FOLDER")
    options = parser.parse_args()
    os.environ["TQDM_DISABLE"] = "1"
    for name in NAMES:
        notebook = solved(name, options.variant)
        source = options.to / "source" / name / f"{name}.ipynb"
        source.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, source)
        nbformat.write(students(notebook), options.to / f"{name}.ipynb")
        print(source)


if __name__ == "__main__":
    main()
