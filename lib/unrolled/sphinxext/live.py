"""What a plain page takes from the library when it is built: a live picture, and counts.

- ``{explorable} LSTMGates(preset="remember")``: the explorable, as a notebook's cell would show it;
- ``{count}`equations```: how many numbered equations are under test, and so on, see `COUNTS`.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from unrolled import cells, explorables


def explorable(text: str) -> explorables.Explorable:
    """Return the explorable that a call says, ``LSTMGates(T=12)``: a name and literals."""
    expected = (
        f"one of {', '.join(explorables.__all__)}, called with literals by name, got {text!r}"
    )
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise ValueError(text)
        kind = getattr(explorables, call.func.id) if call.func.id in explorables.__all__ else None
        if kind is None or any(word.arg is None for word in call.keywords):
            raise ValueError(text)
        given = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError):
        raise ValueError(f"explorable: expected {expected}") from None
    made: explorables.Explorable = kind(**given)
    return made


class ExplorableDirective(SphinxDirective):  # type: ignore[misc]
    """Put an explorable on a page."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the host element; the page is read anew when the library changes."""
        for path in Path(explorables.__file__).parent.glob("*.py"):
            self.env.note_dependency(str(path))
        try:
            made = explorable(self.arguments[0])
        except (TypeError, ValueError) as error:
            raise self.error(str(error)) from None
        return [nodes.raw("", made.to_html(), format="html")]


def notebooks(source: Path) -> list[Path]:
    """Return the book's notebooks."""
    return sorted(
        path
        for path in (source / "book").rglob("*.ipynb")
        if not {".ipynb_checkpoints", "source"} & set(path.relative_to(source).parts)
    )


def outputs(app: Sphinx) -> int:
    """Count what the notebooks print, pictures apart: what a test compares with a new run."""
    read = [json.loads(path.read_text(encoding="utf-8")) for path in notebooks(Path(app.srcdir))]
    found = [o for book in read for cell in book["cells"] for o in cell.get("outputs", [])]
    return sum(not any(kind.startswith("image/") for kind in o.get("data", {})) for o in found)


COUNTS: dict[str, Callable[[Sphinx], int]] = {
    "cells": lambda _: len(cells.__all__),
    "equations": lambda app: len(json.loads(app.config.unrolled_checks or "{}")),
    "explorables": lambda _: len(explorables.__all__) - 1,  # without what they share
    "notebooks": lambda app: len(notebooks(Path(app.srcdir))),
    "outputs": outputs,
}


class Count(SphinxRole):  # type: ignore[misc]
    """Write how many there are of something."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the number; the page is read anew when a notebook or a test changes."""
        for path in (*notebooks(Path(self.env.srcdir)), *Path(self.env.srcdir).glob("tests/*.py")):
            self.env.note_dependency(str(path))
        if self.text not in COUNTS:
            message = f"count: expected one of {', '.join(COUNTS)}, got {self.text!r}"
            return [], [self.inliner.reporter.error(message, line=self.lineno)]
        number = COUNTS[self.text](self.env.app)
        return [nodes.Text(f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"))], []


def setup_live(app: Sphinx) -> None:
    """Register the directive and the role."""
    app.add_directive("explorable", ExplorableDirective)
    app.add_role("count", Count())
