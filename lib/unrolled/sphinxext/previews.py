"""What a link to an equation, term, reference, figure or exercise leads to, seen beside the link.

A page's targets go, as HTML, into a script of their own, ``_previews/<page>.js``: it is loaded when
the first link to one of them is pointed at (previews.js), and from a folder as well, where no page
can be fetched. Links that have a preview are marked, ``data-preview``.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Comment, Tag
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from .hosts import write

FOLDER = "_previews"
# How many characters of an exercise or of another long target are shown.
LONGEST = 420

LINK = re.compile(r'<a (?=[^>]*class="reference internal")([^>]*?href="([^"#]*)#([^"]+)")')
# What in a target is for its own place only: marks, sources of formulas, what answers to a click.
LEFT_OUT = "a.headerlink, a.eqcheck, annotation, details, button, input, script, style, .unseen"


def targets(env: BuildEnvironment) -> set[tuple[str, str]]:
    """Return page and id of all that has a preview."""
    found = {
        (page, nodes.make_id(f"equation-{label}"))
        for label, (page, _) in env.get_domain("math").equations.items()
    }
    for (kind, _), place in env.get_domain("std").objects.items():
        if kind == "term":
            found.add(place)
    for citation in env.get_domain("cite").citations:
        found.add((citation.bibliography_key.docname, citation.citation_id))
    for page, numbers in env.toc_fignumbers.items():
        for kind in ("figure", "exercise"):
            found.update((page, place) for place in numbers.get(kind, {}))
    return found


def mark_links(body: str, page: str, found: set[tuple[str, str]]) -> str:
    """Mark a page's links to what has a preview."""

    def mark(match: re.Match[str]) -> str:
        attributes, path, place = match.groups()
        to = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
        leads = (to.removesuffix(".html"), place) in found
        return f"<a data-preview {attributes}" if leads else match[0]

    return LINK.sub(mark, body)


def preview(target: Tag, page: str) -> str:
    """Return a target as HTML that may stand on any page: no ids, no links, no styles.

    Paths of pictures start at the top of the site.
    """
    html = str(target)
    if target.name == "dt":  # a term: what defines it follows
        html = f"<dl>{html}{target.find_next_sibling('dd') or ''}</dl>"
    soup = BeautifulSoup(html, "html.parser")
    for extra in soup.select(LEFT_OUT):
        extra.decompose()
    for comment in soup(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    for tag in soup(True):
        for name in ("id", "style", "tabindex", "href", "title", "data-preview"):
            del tag[name]
        if tag.name == "img" and not str(tag["src"]).startswith("data:"):
            folder = posixpath.dirname(page)
            tag["src"] = posixpath.normpath(posixpath.join(folder, str(tag["src"])))
            del tag["loading"]
    for link in soup("a"):
        link.unwrap()
    shorten(soup)
    return re.sub(r"\s*\n\s*", "\n", str(soup).strip())


def shorten(soup: BeautifulSoup) -> None:
    """Leave out, from a whole block on, what is more than fits."""
    box = soup.select_one(".exercise > div") or soup.find("dd")
    if not isinstance(box, Tag):
        return
    length, left_out = 0, False
    for block in box.find_all(True, recursive=False):
        length += len(block.get_text())
        if left_out := left_out or (length > LONGEST and block.find_previous_sibling() is not None):
            block.decompose()
    if left_out:
        more = soup.new_tag("p")
        more.string = "…"
        box.append(more)


def previews(body: str, page: str, wanted: set[str]) -> dict[str, str]:
    """Return the previews of a page's targets, by id."""
    soup = BeautifulSoup(body, "html.parser")
    return {
        str(tag["id"]): preview(tag, page) for tag in soup.select("[id]") if tag["id"] in wanted
    }


def add_previews(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Mark a page's links, give it the script that they need, and write its own targets' HTML."""
    found = targets(app.env)
    body = mark_links(context["body"], pagename, found) if "body" in context else ""
    if pagename == "search" or " data-preview " in body:
        context["page_scripts"].append(context["static"]("previews.js"))
    context["body"] = body
    file = Path(app.outdir) / FOLDER / f"{pagename}.js"
    wanted = {place for page, place in found if page == pagename}
    if wanted:
        data = json.dumps(previews(body, pagename, wanted), ensure_ascii=False, sort_keys=True)
        write(file, f'unrolledPreviews.set("{pagename}", {data});\n')
    else:
        file.unlink(missing_ok=True)
