"""The assignments: a module for each, with its parts (``ASSIGNMENT``), its template beside it, and
``values(variant)`` for the template's numbers."""

from __future__ import annotations

from importlib import import_module
from importlib.resources import files

from nbformat import NotebookNode

from ..spec import Assignment
from ..template import make_notebook

NAMES = ("lstm", "gru", "gates")


def load(name: str) -> Assignment:
    """Return an assignment by its name; raises KeyError, naming all."""
    if name not in NAMES:
        raise KeyError(f"the assignments are {', '.join(NAMES)}; got {name!r}")
    found: Assignment = import_module(f"{__name__}.{name}").ASSIGNMENT
    return found


def instructor_notebook(name: str, variant: int = 0) -> NotebookNode:
    """Return an assignment's notebook with solutions, for a variant; 0 is the public one."""
    assignment = load(name)
    template = (files(__name__) / f"{name}.txt").read_text(encoding="utf-8")
    values = import_module(f"{__name__}.{name}").values(variant)
    return make_notebook(assignment, template, values)
