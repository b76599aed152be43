"""References in notebooks: links, which JupyterLab and GitHub follow; for the site they are roles.

JupyterLab knows one notebook only: of a ``{cite}`` role, of a ``{term}`` role and of an ``{eq}``
role for another notebook it shows no more than the key. So notebooks write
``([Gers et al., 2000](../references.bib#gers2000))``, ``[clipped](../glossary.md#term-Clipping)``
and ``[(4.1)](../gates/lstm.ipynb#eq-lstm-cell-state)``. Before Sphinx reads it, that becomes the
role again, and what it says is held against the bibliography, and against the equation's place.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from .evidence import number_of

logger = logging.getLogger(__name__)

ONE = re.compile(r"\[([^\[\]]+)\]\((?:\.\./)*references\.bib#([\w-]+)\)")
CITATION = re.compile(rf"\({ONE.pattern}(?:; {ONE.pattern})*\)")
TERM = re.compile(r"\[([^\[\]]+)\]\(([\w./-]*glossary\.md)#term-([\w-]+)\)")
EQUATION = re.compile(r"\[([^\[\]]+)\]\(([\w./-]+\.ipynb)#(eq-[\w-]+)\)")


def authors_and_year(entry: Any) -> str:
    """Return how the text names an entry of the bibliography."""
    names = [
        " ".join([*one.prelast_names, *one.last_names]).replace("{", "").replace("}", "")
        for one in entry.persons["author"]
    ]
    who = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
    return f"{who}, {entry.fields['year']}"


def read_citations(app: Sphinx, docname: str, source: list[str]) -> None:
    """Make roles of a notebook's citations; warn of one that names its work wrongly."""
    if app.env.doc2path(docname).endswith(".ipynb"):
        entries = app.env.get_domain("cite").bibdata.data.entries

        def role(citation: re.Match[str]) -> str:
            cited = ONE.findall(citation[0])
            for text, key in cited:
                expected = authors_and_year(entries[key]) if key in entries else None
                if text != expected and expected:  # of an unknown key the role warns
                    message = "a citation of %s: expected %r, got %r"
                    logger.warning(message, key, expected, text, location=docname)
            return f"{{cite}}`{','.join(key for _, key in cited)}`"

        source[0] = CITATION.sub(role, source[0])
        if found := ONE.search(source[0]):
            message = "a citation stands between parentheses, several between '; ': got %s"
            logger.warning(message, found[0], location=docname)


def terms_of(glossary: str) -> dict[str, str]:
    """Return the terms of a glossary by what the site calls their places: "Adding-task"."""
    names = re.findall(r"(?m)^(\S.*)\n {2,}\S", glossary)
    return {re.sub(r"[^\w-]+", "-", name): name for name in names}


def read_terms(app: Sphinx, docname: str, source: list[str]) -> None:
    """Make roles of a notebook's links to the glossary; Sphinx warns of one that leads nowhere."""
    path = Path(app.env.doc2path(docname))
    if path.suffix != ".ipynb":
        return

    glossaries: dict[str, dict[str, str]] = {}

    def role(link: re.Match[str]) -> str:
        text, glossary, place = link.groups()
        if glossary not in glossaries:
            glossaries[glossary] = terms_of((path.parent / glossary).read_text(encoding="utf-8"))
        return f"{{term}}`{text} <{glossaries[glossary].get(place, place)}>`"

    source[0] = TERM.sub(role, source[0])


def read_equations(app: Sphinx, docname: str, source: list[str]) -> None:
    """Make roles of a notebook's links to equations of other notebooks."""
    if app.env.doc2path(docname).endswith(".ipynb"):
        source[0] = EQUATION.sub(r"{eq}`\3`", source[0])


def check_equations(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of links to equations that give a wrong number or file, now that all are numbered."""
    equations = env.get_domain("math").equations
    for docname in sorted(env.found_docs):
        if not env.doc2path(docname).endswith(".ipynb"):
            continue
        text = Path(env.doc2path(docname)).read_text(encoding="utf-8")
        for written in EQUATION.finditer(text):
            label = written[3]
            if label not in equations:  # the role warns
                continue
            here, there = posixpath.dirname(docname), equations[label][0]
            path = posixpath.relpath(f"{there}.ipynb", here)
            expected = f"[({number_of(env, label)})]({path}#{label})"
            if written[0] != expected:
                message = "a link to an equation: expected %s, got %s"
                logger.warning(message, expected, written[0], location=docname)
