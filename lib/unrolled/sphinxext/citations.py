"""Citations in notebooks: links, which JupyterLab and GitHub follow; for the site they are roles.

JupyterLab shows no more of a ``{cite}`` role than its key, so that notebooks write
``([Gers et al., 2000](../references.bib#gers2000))``. Before Sphinx reads it, that becomes the role
again, and what it says is held against the bibliography.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

ONE = re.compile(r"\[([^\[\]]+)\]\((?:\.\./)*references\.bib#([\w-]+)\)")
CITATION = re.compile(rf"\({ONE.pattern}(?:; {ONE.pattern})*\)")


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
