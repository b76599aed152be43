"""What the book's search finds: all that has a name and where it is, and the words of pages.

``searchplaces.js`` is all that a search needs before it can say what it found: pages, sections,
equations, figures, exercises, terms, works, symbols of the notation, names of the library, names in
the cells of notebooks, and from Sphinx's own index in which pages each word is. It is written from
the environment at every build, so that it is the same after a build of one changed page as after a
clean one. (Sphinx's index entries are not: it keeps those of the pages that it has just written,
and does not read the others back from the index of the build before. They are not used.)

What is shown with a result comes after it, as little as is needed: ``searchsections.js`` has how
each section begins, ``searchcode.js`` the lines of code, and ``_texts/<page>.js``, written with the
page, its text by sections (passages.py). All are scripts, as a page in a folder can fetch nothing
else.
"""

from __future__ import annotations

import ast
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors import EnvironmentCollector

from .evidence import number_of, numbered_title, reading_order
from .hosts import write
from .names import all_names
from .passages import read_passages
from .titles import END

FILE = "searchplaces.js"
SECTIONS = "searchsections.js"
CODE = "searchcode.js"
ENOUGH = 50  # characters that say how a section begins
# Words of labels that are written with capitals.
PROPER = {name.lower(): name for name in ("Adam", "Gelfand", "Jacobian", "RMSprop")}
PROPER |= {name.lower(): name for name in ("BPTT", "GRU", "LSTM", "RMSE", "RNN")}


class Place(NamedTuple):
    """Something that can be found on a page.

    kind, title, anchor on its page, title of the section that it is in, other names by which it is
    found, and a text to show with it.
    """

    kind: str
    title: str
    anchor: str
    section: str = ""
    names: tuple[str, ...] = ()
    text: str = ""


class Places(EnvironmentCollector):  # type: ignore[misc]
    """Collects what can be found on a page, when the page is read."""

    def clear_doc(self, app: Sphinx, env: BuildEnvironment, docname: str) -> None:
        """Forget a page."""
        collected(env).pop(docname, None)

    def merge_other(
        self, app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment
    ) -> None:
        """Take pages from another process."""
        collected(env).update({name: collected(other)[name] for name in docnames})

    def process_doc(self, app: Sphinx, doctree: nodes.document) -> None:
        """Remember what a page has."""
        collected(app.env)[app.env.docname] = [
            *sections(doctree),
            *equations(doctree),
            *captions(doctree),
            *exercises(doctree),
            *symbols(doctree),
            *code(doctree),
        ]


def collected(env: BuildEnvironment) -> dict[str, list[Place]]:
    """Return the places of all pages that were read."""
    if not hasattr(env, "unrolled_places"):
        env.unrolled_places = {}
    places: dict[str, list[Place]] = env.unrolled_places
    return places


# ------------------------------------------------------------------------------- on one page


def section_of(node: nodes.Node | None) -> tuple[str, str]:
    """Return anchor and title of the section that a node is in, '' at the top of the page."""
    while node is not None:
        if isinstance(node, nodes.section) and isinstance(node.next_node(), nodes.title):
            if isinstance(node.parent, nodes.document):
                break
            return node["ids"][0], text_of(node.next_node(nodes.title))
        node = node.parent
    return "", ""


def text_of(node: nodes.Node) -> str:
    """Return a node's text on one line."""
    return " ".join(node.astext().split())


def first_sentence(text: str) -> str:
    """Return the first sentence of a docstring or a caption."""
    line = " ".join(text.partition("\n\n")[0].split()).replace("`", "")
    end = END.search(line)
    return line[: end.end()] if end else line


def sections(doctree: nodes.document) -> Iterator[Place]:
    """Yield the sections below the page's title."""
    for section in doctree.findall(nodes.section):
        anchor, title = section_of(section)
        if anchor and anchor in section["ids"]:
            yield Place("Section", title, anchor, section_of(section.parent)[1])


def equation_name(label: str) -> str:
    """Return what an equation is called: "LSTM cell state" for eq-lstm-cell-state."""
    words = " ".join(PROPER.get(word, word) for word in label.removeprefix("eq-").split("-"))
    return words[:1].upper() + words[1:]


def equations(doctree: nodes.document) -> Iterator[Place]:
    """Yield the numbered equations; their numbers are not known yet."""
    for node in doctree.findall(nodes.math_block):
        if label := node.get("label"):
            anchor, section = nodes.make_id(f"equation-{label}"), section_of(node)[1]
            yield Place("Equation", equation_name(label), anchor, section, (label,))


def captions(doctree: nodes.document) -> Iterator[Place]:
    """Yield the figures that have a name and a caption."""
    for node in doctree.findall(nodes.figure):
        caption = node.next_node(nodes.caption)
        if caption is not None and node["names"]:
            title, section = first_sentence(text_of(caption)), section_of(node)[1]
            yield Place("Figure", title, node["ids"][0], section, tuple(node["names"]))


def exercises(doctree: nodes.document) -> Iterator[Place]:
    """Yield the exercises of sphinx-exercise."""
    for node in doctree.findall(nodes.Element):
        if node.get("type") == "exercise" and "label" in node:
            title = node.children[0]
            # The title is "Exercise" and, as a child, what it is about.
            about = text_of(title.children[-1]) if len(title.children) > 1 else ""
            yield Place("Exercise", about, node["ids"][0], section_of(node)[1], (node["label"],))


def symbols(doctree: nodes.document) -> Iterator[Place]:
    """Yield the rows of tables of symbols, by their names in Python; the rows get anchors."""
    for table in doctree.findall(nodes.table):
        head, *rows = table.findall(nodes.row)
        columns = [text_of(entry) for entry in head.children]
        if columns[:2] != ["Symbol", "Meaning"]:
            continue
        at = columns.index("In Python") if "In Python" in columns else None
        anchor = section_of(table)[0]
        for k, row in enumerate(rows):
            symbol, meaning = row.children[:2]
            tex = [text_of(math) for math in symbol.findall(nodes.math)]
            names = re.split(r",\s*", ", ".join(tex))
            used = [] if at is None else python_names(row.children[at])
            row["ids"] = [f"{anchor}-{k + 1}"]
            section = section_of(table)[1]
            about = re.sub(r"\\(\w+)", r"\1", text_of(meaning))
            for n, title in enumerate(used or [names[0].replace("\\", "")]):
                # W_x, W_h, b and p.W_x, p.W_h, p.b: each its own.
                others = [names[n]] if len(used) == len(names) else list(dict.fromkeys(names + tex))
                yield Place("Symbol", title, row["ids"][0], section, tuple(others), about)


def python_names(entry: nodes.Node) -> list[str]:
    """Return what a cell of a table names in code: np.tanh for `np.tanh(a)`."""
    found: list[str] = []
    for literal in entry.findall(nodes.literal):
        names = [name for name, _ in names_in(literal.astext())]
        if names and not re.search(r"[@*/+-]", literal.astext()):
            found += [name for name in names if "." in name] or names[:1]
    return list(dict.fromkeys(found))


def names_in(source: str) -> list[tuple[str, int]]:
    """Return the names that Python code uses, dotted ones whole, and the lines where they stand."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    found, inner = [], set()
    for node in ast.walk(tree):  # from the outside in: states.h before states
        if node in inner:
            continue
        parts, at = [], node
        while isinstance(at, ast.Attribute):
            parts.append(at.attr)
            at = at.value
            inner.add(at)
        if isinstance(at, ast.Name):
            found.append((".".join([at.id, *reversed(parts)]), at.lineno))
    return found


def code(doctree: nodes.document) -> Iterator[Place]:
    """Yield the names in a page's code cells, each where it is first used.

    Those that are imported, and their attributes, and those that are more than a word: W_x.
    """
    imported: set[str] = set()
    seen: set[str] = set()
    for block in doctree.findall(nodes.literal_block):
        if "cell_input" not in block.parent.get("classes", []):
            continue
        source = block.astext()
        for found in re.finditer(r"(?m)^(?:from .*)?import \(?(.*)", source):
            imported.update(re.findall(r"(\w+)(?:,|$|\))", found[1]))
        lines = source.splitlines()
        anchor, section = section_of(block)
        for name, line in names_in(source):
            worth = name.partition(".")[0] in imported or re.search(r"\w_\w", name)
            if worth and name not in seen:
                seen.add(name)
                yield Place("Code", name, anchor, section, (), lines[line - 1].strip())


# --------------------------------------------------------------------------------- in the book


def numbered(env: BuildEnvironment, page: str, place: Place) -> Place:
    """Return a place with its number, if it has one, in its title and as a name."""
    if place.kind == "Equation":
        number = number_of(env, place.names[0])
        names = (*place.names, number, f"equation {number}")
        return place._replace(title=f"{place.title} ({number})", names=(place.title, *names))
    found = env.toc_fignumbers.get(page, {}).get(place.kind.lower(), {}).get(place.anchor)
    if found is None:
        return place
    number = ".".join(map(str, found))
    short = "Fig." if place.kind == "Figure" else place.kind
    title = f"{short} {number}: {place.title}" if place.title else f"{short} {number}"
    return place._replace(title=title, names=(*place.names, f"{place.kind} {number}", place.title))


def terms(env: BuildEnvironment) -> Iterator[tuple[str, Place]]:
    """Yield pages and their glossary terms."""
    for (kind, name), (page, anchor) in env.get_domain("std").objects.items():
        if kind == "term":
            yield page, Place("Term", name, anchor)


def works(env: BuildEnvironment) -> Iterator[tuple[str, Place]]:
    """Yield pages and the works that their bibliographies list, by authors and title."""
    for citation in env.get_domain("cite").citations:
        fields, people = citation.entry.fields, citation.entry.persons.get("author", [])
        authors = [re.sub(r"[{}]", "", " ".join(person.last_names)) for person in people]
        shown = " and ".join(authors) if len(authors) < 3 else f"{authors[0]} et al."
        about = re.sub(r"[{}]", "", fields.get("title", "")).replace("--", "–")
        title = f"{shown}, {fields.get('year', '')}: {about}"
        place = Place("Work", title, citation.citation_id, "", (citation.key, ", ".join(authors)))
        yield citation.bibliography_key.docname, place


def api(env: BuildEnvironment) -> Iterator[tuple[str, Place]]:
    """Yield pages and the names of the library that they describe, with the first sentence of each.

    A name that the package exports is found by its module's name for it as well.
    """
    domain = env.get_domain("py")
    public = all_names()
    for name, _, kind, page, anchor, priority in domain.get_objects():
        if priority < 0:
            continue
        others: tuple[str, ...] = ()
        # A function may have the name of its module.
        value = public[name] if name in public else pkgutil.resolve_name(name)
        if name in public and name.count(".") == 1:
            others = (f"{value.__module__}.{value.__name__}",)
        about = first_sentence(inspect.getdoc(value) or "")
        yield page, Place(kind.capitalize(), name, anchor, "", others, about)


def trimmed(place: Place) -> list[Any]:
    """Return a place without the empty fields at its end."""
    fields = list(place)
    while not fields[-1]:
        fields.pop()
    return fields


def places(env: BuildEnvironment, root: str) -> list[dict[str, Any]]:
    """Return the pages in the order of the book, with what can be found on each.

    Names in code, the most of all, are grouped by section: [number of the section, names].
    """
    more: dict[str, list[Place]] = {}
    for page, place in [*terms(env), *works(env), *api(env)]:
        more.setdefault(page, []).append(place)
    found = []
    for page in reading_order(env, root):
        on_page = [numbered(env, page, place) for place in collected(env).get(page, [])]
        names: dict[tuple[str, str], list[str]] = {}
        for place in on_page:
            if place.kind == "Code":
                names.setdefault((place.anchor, place.section), []).append(place.title)
        listed = [place for place in on_page if place.kind != "Code"]
        sections = {(p.anchor, p.title): k for k, p in enumerate(listed) if p.kind == "Section"}
        found.append(
            {
                "page": page,
                "title": numbered_title(env, page),
                "text": str(env.metadata[page].get("description", "")),
                "places": [trimmed(place) for place in listed + sorted(more.get(page, []))],
                # At the top of a page, before any section, there may be code as well.
                "code": [
                    [sections.get(where, -1), " ".join(each)] for where, each in names.items()
                ],
            }
        )
    return found


def by_pages(words: dict[str, int | list[int]], numbers: dict[int, int]) -> dict[str, str]:
    """Return words grouped by the pages that have them: {"0,5": "gate peephol"}.

    `words` is as Sphinx has it, {"gate": [0, 3]}, and `numbers` are the pages' own for Sphinx's.
    """
    found: dict[tuple[int, ...], list[str]] = {}
    for word, files in words.items():
        in_pages = sorted(
            numbers[file]
            for file in (files if isinstance(files, list) else [files])
            if file in numbers
        )
        if in_pages:
            found.setdefault(tuple(in_pages), []).append(word)
    return {",".join(map(str, pages)): " ".join(sorted(found[pages])) for pages in sorted(found)}


def words(site: Path, pages: list[str]) -> dict[str, dict[str, str]]:
    """Return in which pages each word is, and in which pages' titles, from Sphinx's index."""
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    numbers = {k: pages.index(name) for k, name in enumerate(index["docnames"]) if name in pages}
    return {kind: by_pages(index[kind], numbers) for kind in ("terms", "titleterms")}


def beginning(blocks: list[str]) -> str:
    """Return the first sentences of a section: as many as say something."""
    text = " ".join(blocks[: 2 if len("".join(blocks[:1])) < ENOUGH else 1])
    ends = (end.end() for end in END.finditer(text))
    return text[: next((end for end in ends if end >= ENOUGH), None)]


def begins(site: Path, page: str, places: list[Place]) -> list[str]:
    """Return how each section of a page begins, in the order of its places."""
    found = {anchor: beginning(blocks) for anchor, _, blocks in read_passages(site, page)}
    return [found.get(place.anchor, "") for place in places if place.kind == "Section"]


def lines(places: list[Place]) -> dict[str, str]:
    """Return the line that is the first to use a name in code, by the names."""
    return {place.title: place.text for place in places if place.kind == "Code"}


def write_script(path: Path, call: str, data: Any) -> None:
    """Write a script that hands data over."""
    data = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    write(path, f"Search.{call}({data});\n")


def write_places(app: Sphinx, exception: Exception | None) -> None:
    """Write all that can be found, and what is shown with it."""
    if app.builder.format == "html" and exception is None:
        site = Path(app.outdir)
        pages = places(app.env, app.config.root_doc)
        names = [page["page"] for page in pages]
        write_script(site / FILE, "setPlaces", {"pages": pages, **words(site, names)})
        on_pages = {name: collected(app.env).get(name, []) for name in names}
        sections = {name: begins(site, name, on_page) for name, on_page in on_pages.items()}
        write_script(site / SECTIONS, "setSections", sections)
        code = {name: lines(on_page) for name, on_page in on_pages.items()}
        write_script(site / CODE, "setCode", code)
