"""A page's text by sections, for the search to show: ``_texts/<page>.js``, written with the page.

The search loads it where a page was found by its words; it shows the passage that has them.
"""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx

from .hosts import write

FOLDER = "_texts"

BLOCKS = {"p", "li", "dd", "td", "pre", "figcaption"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
# What is for its own place, and the sources of formulas.
LEFT_OUT = {"annotation", "script", "style", "svg", "button"}
LEFT_OUT_CLASSES = {"headerlink", "eqno", "eqcheck", "unseen"}


class Passages(NamedTuple):
    """A section's anchor and title, both empty for the page's own, and its texts in order."""

    anchor: str
    title: str
    blocks: list[str]


class Reader(HTMLParser):
    """Reads a page's body; `sections` then has its text."""

    def __init__(self) -> None:
        super().__init__()
        self.sections = [Passages("", "", [])]
        self.open = [0]  # the sections that are open, by number
        self.tags: list[tuple[bool, bool]] = []  # open elements: left out? a block or a heading?
        self.left_out = self.kept = 0  # how many of them are
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Begin an element; a block within another ends what of that came before."""
        if tag in VOID:
            self.text.append(" ")
            return
        given = {name: value or "" for name, value in attributes}
        left_out = tag in LEFT_OUT or "data-explorable" in given
        left_out |= not LEFT_OUT_CLASSES.isdisjoint(given.get("class", "").split())
        self.tags.append((left_out, tag in BLOCKS | HEADINGS))
        self.left_out += left_out
        self.kept += tag in BLOCKS | HEADINGS
        if tag in BLOCKS or tag == "section":
            self.end_block()
        if tag == "section":
            self.open.append(len(self.sections))
            self.sections.append(Passages(given.get("id", ""), "", []))

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if tag in VOID or not self.tags:
            return
        if tag in HEADINGS:
            at = self.open[-1]
            if at and not self.sections[at].title:
                self.sections[at] = self.sections[at]._replace(title=self.words())
            self.text.clear()
        if tag in BLOCKS or tag == "section":
            self.end_block()
        if tag == "section":
            self.open.pop()
        left_out, kept = self.tags.pop()
        self.left_out -= left_out
        self.kept -= kept

    def handle_data(self, data: str) -> None:
        """Keep text that is in a block or a heading."""
        if self.kept and not self.left_out:
            self.text.append(data)

    def words(self) -> str:
        """Return what was read, on one line."""
        return " ".join("".join(self.text).split())

    def end_block(self) -> None:
        """Add what was read to its section."""
        if text := self.words():
            self.sections[self.open[-1]].blocks.append(text)
        self.text.clear()


def passages(body: str) -> list[Passages]:
    """Return the sections of a page's body, the page's own first, with their texts."""
    reader = Reader()
    reader.feed(body)
    reader.close()
    return reader.sections


def file_of(site: Path, page: str) -> Path:
    """Return where the texts of a page are."""
    return site / FOLDER / f"{page}.js"


def read_passages(site: Path, page: str) -> list[Passages]:
    """Return the texts of a page that has been written."""
    text = file_of(site, page).read_text(encoding="utf-8")
    return [Passages(*one) for one in json.loads(text[text.index(", ") + 2 : text.rindex(")")])]


def add_passages(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Write the texts of a page of the book."""
    if doctree is None:
        return
    data = json.dumps(passages(context["body"]), ensure_ascii=False, separators=(",", ":"))
    write(file_of(Path(app.outdir), pagename), f'Search.setPage("{pagename}", {data});\n')
