"""Equations lead to the tests that verify them: a page of their sources, and a mark at each."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from sphinx.addnodes import compact_paragraph
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

MARK = re.compile(r'mark\.equation\("([\w-]+)"\)')


class Check(NamedTuple):
    """A test, the labels of the equations that it verifies, and its source."""

    file: str
    name: str
    labels: tuple[str, ...]
    source: str

    @property
    def anchor(self) -> str:
        """The test's place on the page of all of them."""
        return self.name.replace("_", "-")


def checks(folder: Path) -> Iterator[Check]:
    """Yield the tests of a folder that are marked with an equation."""
    for path in sorted(folder.glob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for function in ast.parse(text).body:
            if isinstance(function, ast.FunctionDef) and function.decorator_list:
                first = function.decorator_list[0].lineno - 1
                labels = MARK.findall("\n".join(lines[first : function.lineno - 1]))
                if labels:
                    source = "\n".join(lines[first : function.end_lineno])
                    yield Check(path.name, function.name, tuple(labels), source)


def read_checks(app: Sphinx, config: Config) -> None:
    """Keep in the configuration which test verifies which equation: {label: [anchor, ...]}.

    A text, so that Sphinx sees when it changes, and writes all pages anew.
    """
    found: dict[str, list[str]] = {}
    for check in checks(Path(app.srcdir) / "tests"):
        for label in check.labels:
            found.setdefault(f"eq-{label}", []).append(check.anchor)
    config.unrolled_checks = json.dumps(found, sort_keys=True)


class checks_list(nodes.General, nodes.Element):  # type: ignore[misc]  # noqa: N801
    """Stands where the tests will be, until all equations have their numbers."""


class EquationChecks(SphinxDirective):  # type: ignore[misc]
    """Lists all tests that verify an equation, in the order of the equations, by chapters."""

    def run(self) -> list[nodes.Node]:
        """Leave a place; the page is read anew when a test changes."""
        for path in sorted((Path(self.env.srcdir) / "tests").glob("test_*.py")):
            self.env.note_dependency(str(path))
        self.env.unrolled_checks_page = self.env.docname
        return [checks_list()]


def number_of(env: BuildEnvironment, label: str) -> str:
    """Return an equation's number as the page shows it: "2.3", or "3" where chapters have none."""
    page, number = env.get_domain("math").equations[label]
    numbers = env.toc_fignumbers.get(page, {}).get("displaymath", {})
    return ".".join(map(str, numbers.get(nodes.make_id(f"equation-{label}"), (number,))))


def numbered_title(env: BuildEnvironment, page: str) -> str:
    """Return a page's title with its chapter's number, "4. The LSTM cell", if it has one."""
    number = env.toc_secnumbers.get(page, {}).get("", ())
    title = " ".join(env.titles[page].astext().split())
    return f"{'.'.join(map(str, number))}. {title}" if number else title


def link_to_check(translator: Any, node: nodes.math_block) -> str:
    """Return the link from a numbered equation to its test, as HTML; '' where there is none."""
    builder = translator.builder
    anchors = json.loads(builder.config.unrolled_checks or "{}").get(node["label"])
    page = getattr(builder.env, "unrolled_checks_page", None)
    if not anchors or page is None:
        return ""
    address = f"{builder.get_relative_uri(builder.current_docname, page)}#{anchors[0]}"
    words = f"Equation {number_of(builder.env, node['label'])} is checked by a test"
    return f'<a class="eqcheck" href="{address}" title="{words}" aria-label="{words}">✓</a>'


def list_checks(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Fill the page of all tests: a section a chapter, in the order of the equations."""
    places = list(doctree.findall(checks_list))
    if not places:
        return
    equations: dict[str, tuple[str, int]] = app.env.get_domain("math").equations
    pages = list(reading_order(app.env, app.config.root_doc))
    rank = {
        label: (pages.index(page) if page in pages else len(pages), number)
        for label, (page, number) in equations.items()
    }
    found = []
    for check in checks(Path(app.srcdir) / "tests"):
        labels = [f"eq-{label}" for label in check.labels if f"eq-{label}" in rank]
        if labels:
            found.append((sorted(labels, key=rank.__getitem__), check))
    found.sort(key=lambda one: (rank[one[0][0]], one[1].name))
    sections: dict[str, nodes.section] = {}
    for labels, check in found:
        page = equations[labels[0]][0]
        if page not in sections:
            sections[page] = _section(app.env, page)
        sections[page] += _shown(app, docname, labels, check)
    for place in places:
        place.replace_self(list(sections.values()))
    # The page was read before it had these sections; now its contents list them as well.
    entry = app.env.tocs[docname][0]
    links = [nodes.list_item("", _link(docname, section)) for section in sections.values()]
    entry.children = entry.children[:1]
    entry += nodes.bullet_list("", *links)


def reading_order(env: BuildEnvironment, name: str) -> Iterator[str]:
    """Yield a page and all below it, as the contents list them."""
    yield name
    for child in env.toctree_includes.get(name, []):
        yield from reading_order(env, child)


def _section(env: BuildEnvironment, page: str) -> nodes.section:
    """Return an empty section for the tests of a page's equations."""
    title = nodes.title("", numbered_title(env, page))
    return nodes.section("", title, ids=[nodes.make_id(f"checks-{page}")])


def _link(docname: str, section: nodes.section) -> nodes.Element:
    """Return a section's entry in the page's contents."""
    anchor = f"#{section['ids'][0]}"
    words = nodes.Text(section.next_node(nodes.title).astext())
    to = {"internal": True, "refuri": docname, "anchorname": anchor}
    return compact_paragraph("", "", nodes.reference("", "", words, **to))


def _shown(app: Sphinx, docname: str, labels: list[str], check: Check) -> list[nodes.Node]:
    line = nodes.paragraph("", "", ids=[check.anchor], classes=["check"])
    for k, label in enumerate(labels):
        page, _ = app.env.get_domain("math").equations[label]
        if k:
            line += nodes.Text(", ")
        name = nodes.strong("", f"({number_of(app.env, label)})")
        line += make_refnode(app.builder, docname, page, nodes.make_id(f"equation-{label}"), name)
        line += nodes.Text(f" in {app.env.titles[page].astext()}")
    line += nodes.Text(f" — {check.file}")
    code = nodes.literal_block(check.source, check.source, language="python")
    return [line, code]
