"""A builder of notebooks for Colab: ``make colab``.

Colab has neither the book's library nor its directives, and opens a notebook without the files
beside it. Each notebook gets a first cell that fetches the repository as it was when the notebook
was made, and installs the library from it; and its text becomes plain Markdown, with the numbers,
names and links that the site has.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.errors import ExtensionError, SphinxError
from sphinx.util.display import status_iterator

from .evidence import number_of
from .repository import Repository, git, launch_links, the_repository

# What the library needs that Colab may lack or have older; all else Colab has, and an upgrade of
# what is loaded already, such as NumPy or IPython, would ask for a restart.
NEEDED = ("anywidget", "psygnal")

SETUP = """\
#@title On Colab, run this cell first: it brings the book's library
import sys

if "google.colab" in sys.modules:  # elsewhere the library is there already
    !mkdir -p /content/unrolled
    !curl -sSfL {archive} | tar xz -C /content/unrolled --strip-components=1
    %pip install -q --no-deps /content/unrolled {needed}
    %cd -q /content/unrolled/{folder}
    from google.colab import output

    output.enable_custom_widget_manager()  # for the live pictures
"""

README = """\
# Notebooks for Colab

Made by `make colab` from {commit} of {url}, whose website opens them.
Changes are made there, not here.
"""

FENCE = re.compile(r"(`{3,}|:{3,})(?:\{([\w-]+)\})?[ ]*(.*)")
OPTION = re.compile(r":([\w-]+):[ ]*(.*)")
ROLE = re.compile(r"\{([\w-]+)\}`([^`]+)`")
LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\((?![a-z]+:|#)([^()\s]+)\)")
NUMBERED = re.compile(r"\$\$\n(.*?)\n\$\$ *\(([\w-]+)\)", re.DOTALL)


class Book:
    """What the text of one page refers to: numbers, names and addresses."""

    def __init__(self, app: Sphinx, repository: Repository, page: str) -> None:
        self.app, self.env = app, app.env
        self.repository, self.page = repository, page

    def path(self, target: str) -> str:
        """Return the place in the repository of a path that the page writes."""
        return posixpath.normpath(posixpath.join(posixpath.dirname(self.page), target))

    def number(self, kind: str, label: str) -> str:
        """Return the number of a figure or an exercise."""
        try:
            return ".".join(map(str, self.env.toc_fignumbers[self.page][kind][label]))
        except KeyError:
            raise ExtensionError(f"{self.page}: there is no {kind} {label!r}") from None

    def link(self, text: str, target: str) -> str:
        """Return a link to a notebook in Colab, to another file at GitHub; of a term its text."""
        path, _, fragment = self.path(target).partition("#")
        if fragment.startswith("term-"):
            return text
        if not (Path(self.app.srcdir) / path).is_file():
            raise ExtensionError(f"{self.page}: there is no file {target!r}")
        address = self.repository.page(path)
        if path.endswith(".ipynb"):
            address = launch_links(self.app.config, path).get("colab", address)
        return f"[{text}]({address}{'#' * bool(fragment)}{fragment})"

    def eq(self, label: str) -> str:
        """Return the number of an equation."""
        if label not in self.env.get_domain("math").equations:
            raise ExtensionError(f"{self.page}: there is no equation {label!r}")
        return f"({number_of(self.env, label)})"


def fold(summary: str, text: str) -> str:
    """Return text that opens at a click."""
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>"


def exercise(book: Book, title: str, options: dict[str, str], text: str) -> str:
    """Return an exercise: its number, its title and what it asks."""
    name = f"Exercise {book.number('exercise', options['label'])}"
    return f"**{name}** ({title})\n\n{text}" if title else f"**{name}**\n\n{text}"


def solution(book: Book, label: str, options: dict[str, str], text: str) -> str:
    """Return a solution, folded."""
    return fold(f"Solution to Exercise {book.number('exercise', label)}", text)


def admonition(book: Book, title: str, options: dict[str, str], text: str) -> str:
    """Return a box: folded if it is so on the page, else between lines."""
    if "dropdown" in options.get("class", ""):
        return fold(title, text)
    return f"***\n\n**{title}**\n\n{text}\n\n***"


def figure(book: Book, target: str, options: dict[str, str], text: str) -> str:
    """Return a picture with its caption."""
    source, alt = book.repository.raw(book.path(target)), escape(options["alt"])
    width = options.get("width", "").removesuffix("px")
    sized = f' width="{width}"' if width else ""
    caption = f"*Figure {book.number('figure', options['name'])}.* {text}"
    return f'<img src="{source}" alt="{alt}"{sized}>\n\n{caption}'


DIRECTIVES: dict[str, Callable[[Book, str, dict[str, str], str], str]] = {
    "admonition": admonition,
    "exercise": exercise,
    "figure": figure,
    "solution": solution,
}


def plain_inline(text: str, book: Book) -> str:
    """Return a piece of text without roles, its equations with their numbers."""

    def spell(role: re.Match[str]) -> str:
        name, content = role.groups()
        if name != "eq":
            raise ExtensionError(f"{book.page}: Colab's notebooks know no role {name!r}")
        return book.eq(content)

    def tag(equation: re.Match[str]) -> str:
        tex, label = equation.groups()
        if "\\\\" in tex and not tex.startswith("\\begin"):  # as Sphinx does for bare lines
            tex = f"\\begin{{aligned}}\n{tex}\n\\end{{aligned}}"
        return f"$$\n{tex}\n\\tag{{{book.eq(label)[1:-1]}}}\n$$"

    text = LINK.sub(lambda link: book.link(*link.groups()), text)
    return ROLE.sub(spell, NUMBERED.sub(tag, text))


def plain_markdown(text: str, book: Book) -> str:
    """Return a cell's text as plain Markdown; what is not known here is an error, not left over."""
    lines = iter(text.split("\n"))
    parts: list[str] = []
    prose: list[str] = []

    def flush() -> None:
        if prose:
            parts.append(plain_inline("\n".join(prose), book))
            prose.clear()

    for line in lines:
        opening = FENCE.fullmatch(line)
        if opening is None:
            prose.append(line)
            continue
        flush()
        fence, name, argument = opening.groups()
        inside = list(until(fence, lines))
        if name is None:  # code
            parts.append("\n".join([line, *inside, fence]))
            continue
        if name not in DIRECTIVES:
            raise ExtensionError(f"{book.page}: Colab's notebooks know no directive {name!r}")
        options: dict[str, str] = {}
        while inside and (option := OPTION.fullmatch(inside[0])):
            options[option[1]] = option[2]
            inside.pop(0)
        content = plain_markdown("\n".join(inside).strip("\n"), book)
        parts.append(DIRECTIVES[name](book, argument, options, content))
    flush()
    return "\n".join(parts)


def until(fence: str, lines: Iterator[str]) -> Iterator[str]:
    """Yield the lines up to the one that closes a fence."""
    for line in lines:
        if re.fullmatch(rf"{fence[0]}{{{len(fence)},}} *", line):
            return
        yield line
    raise ExtensionError(f"a fence {fence} is not closed")


def prepare(notebook: NotebookNode, book: Book, setup: str) -> NotebookNode:
    """Make a notebook one for Colab, in place; return it."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = plain_markdown(cell.source, book)
        elif "remove-input" in cell.metadata.get("tags", []):
            cell.metadata["cellView"] = "form"  # its code is folded
    first = nbformat.v4.new_code_cell(setup.rstrip("\n"), metadata={"cellView": "form"})
    first.id = "setup"
    notebook.cells.insert(0, first)
    notebook.metadata["colab"] = {
        "name": posixpath.basename(book.page) + ".ipynb",
        "toc_visible": True,
    }
    return notebook


def pins(folder: Path) -> list[str]:
    """Return what the library needs on Colab, at the versions that the book is tested with."""
    lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith(tuple(f"{name}==" for name in NEEDED))]


class ColabBuilder(Builder):  # type: ignore[misc]
    """Write every notebook of the book for Colab, at its path in the repository."""

    name = "colab"
    format = "colab"
    epilog = "The notebooks for Colab are in %(outdir)s."

    def get_outdated_docs(self) -> list[str]:
        """Return the pages that are notebooks: all of them, always."""
        return [
            name
            for name in sorted(self.env.found_docs)
            if str(self.env.doc2path(name)).endswith(".ipynb")
        ]

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        """Return where a page is, seen from the output."""
        return f"{docname}.ipynb"

    def write(self, *_: Any) -> None:
        """Write all notebooks, and a word on where they are from."""
        source, out = Path(self.app.srcdir), Path(self.outdir)
        shutil.rmtree(out)  # no notebook that the book has no longer
        repository = the_repository(self.config)
        if repository is None:
            raise SphinxError(
                "Notebooks for Colab fetch the library from GitHub, and this checkout has no "
                "remote there: expected a repository.url in _config.yml, or REPOSITORY_URL, such "
                "as https://github.com/OWNER/NAME."
            )
        commit = git(source, "rev-parse", "HEAD") or repository.ref
        needed = " ".join(pins(source))
        for page in status_iterator(self.get_outdated_docs(), "writing for Colab... ", "green"):
            notebook = nbformat.read(source / f"{page}.ipynb", as_version=4)
            setup = SETUP.format(
                archive=repository.archive(commit), needed=needed, folder=posixpath.dirname(page)
            )
            path = out / f"{page}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(prepare(notebook, Book(self.app, repository, page), setup), path)
        readme = README.format(commit=commit, url=repository.url)
        (out / "README.md").write_text(readme, encoding="utf-8")


def forget_static(app: Sphinx, exception: Exception | None) -> None:
    """Take out the styles that other extensions have put beside the notebooks."""
    if app.builder.name == ColabBuilder.name:
        shutil.rmtree(Path(app.outdir) / "_static", ignore_errors=True)


def setup(app: Sphinx) -> None:
    """Register the builder: Sphinx finds it by the entry point in pyproject.toml."""
    app.add_builder(ColabBuilder)
    app.connect("build-finished", forget_static, priority=900)
