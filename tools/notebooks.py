"""Run notebooks from top to bottom and store their outputs clean, as the repository wants them.

    python tools/notebooks.py [book/gates/lstm.ipynb ...]      all of the book's, if none is named

Removed: widget views and widget state (their ids are random), timings, kernel details. Progress
bars are off while this runs, as in the tests, so that none is left half-way in an output.
"""

import argparse
import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# What search engines show of the page.
KEPT = ("description",)


def clean(notebook: NotebookNode) -> NotebookNode:
    """Strip what differs from run to run; return the notebook."""
    kept = {key: notebook.metadata[key] for key in KEPT if key in notebook.metadata}
    notebook.metadata = nbformat.from_dict(METADATA | kept)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata.pop("execution", None)
            for output in cell.outputs:
                output.get("data", {}).pop(WIDGET_VIEW, None)
    return notebook


def run(path: Path) -> None:
    """Execute a notebook in place and clean it."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=300, coalesce_streams=True, resources={"metadata": {"path": path.parent}}
    ).execute()
    nbformat.write(clean(notebook), path)
    print(path)


def chapters() -> list[Path]:
    """Return the book's notebooks but the assignments, which tools/assignments.py makes."""
    found = (ROOT / "book").rglob("*.ipynb")
    return sorted(path for path in found if "assignments" not in path.parts)


def main() -> None:
    """Run the notebooks named on the command line, or all of the book's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", nargs="*", type=Path)
    os.environ["TQDM_DISABLE"] = "1"
    for path in parser.parse_args().notebook or chapters():
        run(path)


if __name__ == "__main__":
    main()
