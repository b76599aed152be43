"""Every page of the site has a title and a description of its own, fit for a list of results."""

import re
from collections import Counter
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from unrolled.sphinxext.titles import LONGEST, SHORTEST, summary


@pytest.fixture(scope="session")
def heads(site: Path) -> dict[str, tuple[str, str]]:
    """Title and description of every page, the library's sources included."""
    found = {}
    for path in sorted(site.rglob("*.html")):
        if path.name == "index.html" and path.parent == site:
            continue  # leads on to the first page
        head = path.read_text(encoding="utf-8").partition("</head>")[0]
        soup = BeautifulSoup(head, "html.parser")
        descriptions = soup.select("meta[name=description]")
        assert soup.title is not None, path
        assert len(descriptions) == 1, path
        found[path.relative_to(site).as_posix()] = (
            soup.title.text,
            str(descriptions[0]["content"]),
        )
    return found


def test_titles_and_descriptions_are_unique(heads: dict[str, tuple[str, str]]) -> None:
    assert len(heads) > 40
    for texts in zip(*heads.values(), strict=True):
        assert [text for text, count in Counter(texts).items() if count > 1] == []


def test_titles_describe(heads: dict[str, tuple[str, str]]) -> None:
    for name, (title, _) in heads.items():
        assert re.fullmatch(r".{4,} — Unrolled|Unrolled: .{10,}", title), name
        assert len(title) <= 70, name
    assert heads["_modules/unrolled/cells/lstm.html"][0].startswith("Source of unrolled.cells.lstm")


def test_descriptions_are_sentences_of_the_right_length(heads: dict[str, tuple[str, str]]) -> None:
    for name, (_, text) in heads.items():
        assert SHORTEST <= len(text) <= LONGEST, (name, text)
        assert re.search(r"[.?!…]$", text), (name, text)
        assert not re.search(r"[\\$`{}<>]", text), f"{name}: a formula or markup in {text}"


def test_summary() -> None:
    """Whole sentences, as many as fit; a long one is cut at a word; a short text is none."""
    long = "A sentence that is long enough to stand by itself: it has fifty."
    assert summary("Too short.") == ""
    assert summary(f"{long} Another.  {'More ' * 40}.") == f"{long} Another."
    assert summary(f"E.g. J. Smith's {long} {'x' * 200}") == f"E.g. J. Smith's {long}"
    assert summary("words, " * 40) == "words, " * 21 + "words …"
    assert summary("No full stop, but neither too short nor too long") == ""
    assert summary(long.rstrip(".")) == long.rstrip(".")
