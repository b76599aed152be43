"""References in notebooks: links for JupyterLab, roles for the site, and true to what they name."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from pybtex.database import parse_file

from unrolled.sphinxext import citations
from unrolled.sphinxext.colab import LINK

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
    assert not re.search(r"\{(cite|doc|ref|numref|term)[\w:]*\}`", text)
    links = LINK.findall(text)
    assert links
    for words, target in links:
        file = (path.parent / target.partition("#")[0]).resolve()
        assert file.is_file(), target
        assert file.suffix in (".ipynb", ".md", ".bib"), target
        assert words.strip()


def test_equations_of_other_notebooks_are_links_with_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = "[(4.1)](../gates/lstm.ipynb#eq-c)"
    wrong = [
        "[(4.2)](../gates/lstm.ipynb#eq-c)",
        "[(4.1)](../gates/gru.ipynb#eq-c)",
        "[c](../gates/lstm.ipynb#eq-c)",
    ]
    text = f"{right}, {', '.join(wrong)}, [LSTM](../gates/lstm.ipynb)."
    (tmp_path / "page.ipynb").write_text(text)
    warned: list[str] = []
    monkeypatch.setattr(
        citations.logger, "warning", lambda text, *values, location: warned.append(text % values)
    )
    numbers = {"displaymath": {"equation-eq-c": (4, 1)}}
    env = SimpleNamespace(
        doc2path=lambda _: str(tmp_path / "page.ipynb"),
        found_docs={"book/recurrence/page"},
        get_domain=lambda _: SimpleNamespace(equations={"eq-c": ("book/gates/lstm", 1)}),
        toc_fignumbers={"book/gates/lstm": numbers},
    )
    source = [text]
    citations.read_equations(SimpleNamespace(env=env), "page", source)  # type: ignore[arg-type]
    assert source[0] == ", ".join(["{eq}`eq-c`"] * 4) + ", [LSTM](../gates/lstm.ipynb)."
    citations.check_equations(SimpleNamespace(), env)  # type: ignore[arg-type]
    assert warned == [f"a link to an equation: expected {right}, got {one}" for one in wrong]


def test_terms_are_links_to_the_glossary(tmp_path: Path) -> None:
    glossary = (
        "# Glossary\n\n```{glossary}\nHalf-life\n  A time.\n\nCell state\n  A.\n\n  B.\n```\n"
    )
    (tmp_path / "glossary.md").write_text(glossary)
    (tmp_path / "part").mkdir()
    made = {}
    for place in ("Half-life", "Cell-state", "Half-way"):
        source = [f'"The [x y](../glossary.md#term-{place}), [all](../glossary.md)."']
        env = SimpleNamespace(doc2path=lambda _: str(tmp_path / "part/page.ipynb"))
        citations.read_terms(SimpleNamespace(env=env), "page", source)  # type: ignore[arg-type]
        made[place] = source[0].split("`")[1]
        assert source[0].endswith('`, [all](../glossary.md)."')
    assert made == {  # of the last the role warns
        "Half-life": "x y <Half-life>",
        "Cell-state": "x y <Cell state>",
        "Half-way": "x y <Half-way>",
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_role_refers_to_an_equation_of_its_own_notebook(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    own = set(re.findall(r"\$\$ \((eq-[\w-]+)\)", text))
    assert set(re.findall(r"\{eq\}`([^`]+)`", text)) <= own
