"""The assignments: a module for each, with its parts (``ASSIGNMENT``), its template beside it, and
``values(variant)`` for the template's numbers."""

from __future__ import annotations

from importlib import import_module
from importlib.resources import files

import numpy as np
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
    module = import_module(f"{__name__}.{name}")
    return make_notebook(
        assignment, template, module.values(variant), sections(module.MOVABLE, variant)
    )


def sections(movable: tuple[tuple[int, ...], ...], variant: int) -> list[int] | None:
    """Return the order of the sections: groups that do not need each other change places."""
    if variant == 0:
        return None
    order = np.random.default_rng([variant, 5]).permutation(len(movable) - 1)
    return [*movable[0], *(number for k in order for number in movable[k + 1])]
