"""Docstrings, which are plain prose, as reStructuredText: what in them is code, and a link."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable
from itertools import takewhile

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
