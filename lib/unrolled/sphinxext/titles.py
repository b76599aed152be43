"""What a page is called and said to be about: its title, and its description for search engines."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

SHORTEST, LONGEST = 50, 160
# Where a sentence ends: not after "e.g." or the initial of a name.
END = re.compile(r"(?<!\b[A-Z])(?<!\.\w)[.!?](?=\s)")

# Pages that have no source of their own.
TITLES = {"_modules/index": "Source of the library"}
DESCRIPTIONS = {
    "404": "There is no page of the book at this address: search it, or start from the first page.",
    "_modules/index": "Every module of the library, with its source: the lines that the book runs.",
    "search": "Search the book: chapters and sections, equations by their names, terms, exercises, "
    "and the library and code by symbol.",
}


def summary(text: str) -> str:
    """Return the first sentences, as many as a description may hold; a long one is cut at a word.

    '' where all of the text is too short to be a description.
    """
    text = " ".join(text.split())
    ends = [found.end() for found in END.finditer(f"{text} ")]
    if fitting := [end for end in ends if SHORTEST <= end <= LONGEST]:
        return text[: fitting[-1]]
    if len(text) <= LONGEST:
        return text if len(text) >= SHORTEST else ""
    return text[: LONGEST - 1].rsplit(" ", 1)[0].rstrip(",;:—–") + " …"


def first_words(doctree: nodes.document) -> str:
    """Return the summary of the first paragraph that is long enough and has no formula."""
    texts = (
        summary(paragraph.astext())
        for paragraph in doctree.findall(nodes.paragraph)
        if isinstance(paragraph.parent, nodes.section) and not paragraph.next_node(nodes.math)
    )
    return next(filter(None, texts), "")


def title(app: Sphinx, pagename: str, context: dict[str, Any]) -> str:
    """Return the page's title, without the book's."""
    if pagename in TITLES:
        return TITLES[pagename]
    if pagename.startswith("_modules/"):
        return f"Source of {module_of(pagename)}"
    found = app.env.titles.get(pagename)
    return str(found.astext() if found is not None else context.get("title", ""))


def description(app: Sphinx, pagename: str, doctree: nodes.document | None) -> str:
    """Return what the page is about.

    Its own words, `description:` at the head of the file, or else how its text begins.
    """
    if pagename in DESCRIPTIONS:
        return DESCRIPTIONS[pagename]
    if pagename.startswith("_modules/"):
        module = module_of(pagename)
        about = (inspect.getdoc(import_module(module)) or "").partition("\n\n")[0]
        return summary(f"The source of {module}. {about}".replace("`", ""))
    if own := app.env.metadata.get(pagename, {}).get("description"):
        return str(own)
    return first_words(doctree) if doctree is not None else ""


def module_of(pagename: str) -> str:
    """Return the module whose source a page of viewcode's shows."""
    return pagename.removeprefix("_modules/").replace("/", ".")
