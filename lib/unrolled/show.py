"""Show library code in a notebook from its own source, so that it cannot differ from what runs."""

import inspect
import textwrap
from collections.abc import Callable
from typing import Any


class _Source:
    """The source of some functions: highlighted in notebooks and on pages, plain elsewhere."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"


def show(*functions: Callable[..., Any] | type) -> _Source:
    """Return the source of functions or classes, for a cell of a notebook to display.

    Raises TypeError for what has no Python source.
    """
    try:
        texts = [textwrap.dedent(inspect.getsource(function)).rstrip() for function in functions]
    except (TypeError, OSError) as error:
        raise TypeError(f"show needs functions or classes written in Python: {error}") from error
    return _Source("\n\n\n".join(texts))
