"""The pages of book/api: the library from its own docstrings and signatures."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import inspect
import re
import shutil
import textwrap
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.autodoc import ClassDocumenter
from sphinx.util.docutils import SphinxDirective

from .names import described, import_line, is_cell, is_exported, library, methods
from .prose import WORD, docstring_rst, inline_rst, plain


def definition(value: Any) -> Any:
    """Return the syntax tree of a function or class, and its source."""
    source = textwrap.dedent(inspect.getsource(value))
    return ast.parse(source).body[0], source


def signature_text(value: Any, inside: str) -> tuple[str, str]:
    """Return the arguments and what is returned, as the source spells them: Array stays Array.

    Names of classes that the pages describe become full ones, for a link. Classes have names and
    defaults alone: what they are is in the docstring.
    """

    class Full(ast.NodeTransformer):
        def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
            full = described(ast.unparse(node), inside)
            return ast.parse(full, mode="eval").body if full else node

        def visit_Name(self, node: ast.Name) -> ast.AST:
            full = described(node.id, inside)
            return ast.parse(full, mode="eval").body if full else node

    def spell(annotation: ast.expr) -> str:
        return ast.unparse(Full().visit(annotation))

    is_class = isinstance(value, type)
    if isinstance(value, type):
        if fields := getattr(value, "_fields", ()):
            return f"({', '.join(fields)})", ""
        if dataclasses.is_dataclass(value):  # whose __init__ has no source
            bare = [
                p.replace(annotation=p.empty) for p in inspect.signature(value).parameters.values()
            ]
            return re.sub(r"<factory>", "{}", f"({', '.join(map(str, bare))})"), ""
        value = vars(value).get("__init__")
        if value is None or value.__module__.startswith("typing"):  # Protocol's own
            return "", ""
    if isinstance(value, property):
        return "", ""
    tree, source = definition(value)
    given = tree.args
    arguments = [*given.posonlyargs, *given.args]
    no_default: list[ast.expr | None] = [None] * (len(arguments) - len(given.defaults))
    pairs = list(zip(arguments, [*no_default, *given.defaults], strict=True))
    if pairs and pairs[0][0].arg in ("self", "cls"):
        pairs = pairs[1:]
    texts = []

    def tell(argument: ast.arg, default: ast.expr | None, stars: str = "") -> None:
        text = f"{stars}{argument.arg}"
        if argument.annotation is not None and not is_class:
            text += f": {spell(argument.annotation)}"
        if default is not None:
            text += f" = {ast.get_source_segment(source, default)}"
        texts.append(text)

    for argument, default in pairs:
        tell(argument, default)
    if given.vararg:
        tell(given.vararg, None, "*")
    elif given.kwonlyargs:
        texts.append("*")
    for argument, value_or_none in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        tell(argument, value_or_none)
    if given.kwarg:
        tell(given.kwarg, None, "**")
    returns = spell(tree.returns) if tree.returns is not None else ""
    return f"({', '.join(texts)})", "" if returns == "None" else returns


def set_signature(
    app: Sphinx, what: str, name: str, value: Any, options: Any, args: str, returns: str
) -> tuple[str, str] | None:
    """Give autodoc the signature of the source."""
    return signature_text(value, name) if what != "module" else None


def set_docstring(
    app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Give autodoc the docstring as reStructuredText, in place."""
    names: tuple[str, ...] = ()
    if isinstance(value, type):
        names = getattr(value, "_fields", ())
    elif what in ("function", "method"):
        names = tuple(inspect.signature(value).parameters)

    def link(text: str) -> str | None:
        full = described(text, name) if re.fullmatch(rf"{WORD}(\.{WORD})*", text) else None
        return None if text in names or full == name else full

    lines[:] = docstring_rst("\n".join(lines), names, link)


def source_pages_digest(app: Sphinx) -> str:
    """Return a digest of what the pages of source code show beside their modules' own text."""
    root, env = Path(app.srcdir), app.env
    files = [root / "_toc.yml", *sorted((root / "book" / "_templates").iterdir())]
    parts = [path.read_text(encoding="utf-8") for path in files]
    parts.append(app.builder.build_info.config_hash)  # our scripts and styles, addresses, names
    parts += [f"{page} {env.titles[page].astext()}" for page in sorted(env.titles)]
    parts.append(str(sorted(env.toc_secnumbers.items())))
    parts.append(str(sorted(env.get_domain("py").objects.items())))  # where names are described
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def forget_source_pages(app: Sphinx) -> list[Any]:
    """Have viewcode write its pages anew if anything has changed but modules, at which it looks."""
    digest, remembered = source_pages_digest(app), Path(app.doctreedir) / "source-pages"
    if not remembered.exists() or remembered.read_text(encoding="utf-8") != digest:
        shutil.rmtree(Path(app.outdir) / "_modules", ignore_errors=True)
        remembered.write_text(digest, encoding="utf-8")
    return []


def leave_type(
    app: Sphinx, env: BuildEnvironment, node: nodes.Element, text: nodes.TextElement
) -> nodes.TextElement | None:
    """Leave a type of a signature that the pages do not describe as its name alone."""
    return text if node.get("refdomain") == "py" and "refexplicit" not in node else None


class LibraryClass(ClassDocumenter):  # type: ignore[misc]
    """autodoc's description of a class, by no other name: cells share some of theirs."""

    def get_canonical_fullname(self) -> str | None:
        """Return no other name."""
        return None


class Library(SphinxDirective):  # type: ignore[misc]
    """Describe a module of the library: `library:: unrolled.readout`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return autodoc's description of the module and of all its public names."""
        name = self.arguments[0]
        if name not in library():
            raise self.error(f"{name} is not a public module: one of {', '.join(library())}")
        for path in Path(__file__).parent.glob("*.py"):
            self.env.note_dependency(str(path))
        lines = [".. container:: import", "", f"   ``{import_line(name)}``", ""]
        lines += [f".. automodule:: {name}", "   :no-index:" * is_exported(library()[name]), ""]
        for full, value in library()[name].items():
            module, _, short = full.rpartition(".")
            kind = "class" if isinstance(value, type) else "function"
            lines += [f".. auto{kind}:: {module}::{short}"]
            if kind == "class" and (members := methods(value)):
                lines += [f"   :members: {', '.join(members)}", "   :member-order: bysource"]
            lines += [""]
        return self.parsed(lines)

    def parsed(self, lines: list[str]) -> list[nodes.Node]:
        """Return the nodes of lines of reStructuredText."""
        source, number = self.get_source_info()
        box = nodes.Element()
        text = StringList(lines, items=[(source, number)] * len(lines))
        self.state.nested_parse(text, self.content_offset, box)
        return list(box.children)


class LibraryContents(Library):
    """List every module of the library with its first sentence and its names."""

    required_arguments = 0

    def run(self) -> list[nodes.Node]:
        """Return a definition list; seven names are not listed again for every cell."""
        lines: list[str] = []
        for name, values in library().items():
            module = import_module(name)
            self.env.note_dependency(str(module.__file__))
            first = re.split(r"\n\s*\n", inspect.cleandoc(module.__doc__ or ""))[0]
            term = "``unrolled``" if is_exported(values) else f":py:mod:`{name}`"
            if term not in lines:
                lines += [term]
            lines += [f"   {inline_rst(' '.join(first.split()), (), lambda _: None)}", ""]
            if values and not is_cell(values):
                links = [f":py:obj:`{plain(full.rpartition('.')[2])} <{full}>`" for full in values]
                lines += [f"   {', '.join(links)}", ""]
        return self.parsed(lines)
