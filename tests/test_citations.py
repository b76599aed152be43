"""Citations in notebooks: links for JupyterLab, roles for the site, and true to the bibliography."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from pybtex.database import parse_file

from unrolled.sphinxext import citations

BOOK = Path(__file__).resolve().parents[1] / "book"
ENTRIES = parse_file(str(BOOK / "references.bib")).entries
NOTEBOOKS = sorted(path for path in BOOK.rglob("*.ipynb") if "assignments" not in path.parts)
GERS = "[Gers et al., 2000](../references.bib#gers2000)"
TIME = "[Gers and Schmidhuber, 2000](../references.bib#gerstime2000)"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads a text as that of a page; returns it, and what was warned of."""
    warned: list[str] = []
    monkeypatch.setattr(
        citations.logger, "warning", lambda text, *values, location: warned.append(text % values)
    )

    def read_(text: str, name: str = "page.ipynb") -> tuple[str, list[str]]:
        bibdata = SimpleNamespace(data=SimpleNamespace(entries=ENTRIES))
        env = SimpleNamespace(
            doc2path=lambda _: name, get_domain=lambda _: SimpleNamespace(bibdata=bibdata)
        )
        source = [text]
        citations.read_citations(SimpleNamespace(env=env), "page", source)
        return source[0], list(warned)

    return read_


def test_links_become_roles(read: Any) -> None:
    text = json.dumps([f"A gate ({GERS}), twice ({TIME}; {GERS})."])
    made = json.dumps(["A gate {cite}`gers2000`, twice {cite}`gerstime2000,gers2000`."])
    assert read(text) == (made, [])
    assert read(text, "page.md") == (text, [])
    other = "[Notation](../notation.md) ([the file](../references.bib))"
    assert read(other) == (other, [])


def test_what_is_wrong_is_named(read: Any) -> None:
    _, warned = read(f"({GERS.replace('2000]', '1999]')})")
    assert warned == [
        "a citation of gers2000: expected 'Gers et al., 2000', got 'Gers et al., 1999'"
    ]
    text, warned = read(f"As {GERS} say.")
    assert text == f"As {GERS} say."
    assert warned[1:] == [
        f"a citation stands between parentheses, several between '; ': got {GERS}"
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_refer_by_links_that_jupyterlab_follows(path: Path) -> None:
    """No role for what a link can say; the file is there; a page is called by its title or in words."""
    cells = nbformat.read(path, as_version=4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert not re.search(r"\{(cite|doc|ref|numref)[\w:]*\}`", text)
    links = re.findall(r"(?<!!)\[([^\[\]]+)\]\((?![a-z]+:|#)([^()\s]+)\)", text)
    assert links
    for words, target in links:
        file = (path.parent / target.partition("#")[0]).resolve()
        assert file.is_file(), target
        assert file.suffix in (".ipynb", ".md", ".bib"), target
        assert words.strip()
