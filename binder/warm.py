"""Start JupyterLab and a kernel once, with what the notebooks import: readers then wait less.

Python keeps what it compiles for that, and Matplotlib its list of fonts.
"""

from pathlib import Path

import nbformat
from jupyterlab.labapp import LabApp
from nbclient import NotebookClient

book = Path(__file__).resolve().parents[1] / "book"
# All imports are in a notebook's first cell of code.
firsts = [
    next(cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    for path in sorted(book.rglob("*.ipynb"))
    if "assignments" not in path.parts
]
NotebookClient(nbformat.v4.new_notebook(cells=firsts), timeout=600).execute()
LabApp.initialize_server(["--no-browser", "--ServerApp.port=0"])
