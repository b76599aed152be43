"""The Sphinx extension: formulas, mended markup, the palette, and builds that are honest."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.core import publish_doctree, publish_parts
from hypothesis import given
from hypothesis import strategies as st

from unrolled.cells import gru, lstm
from unrolled.cells.protocol import Array
from unrolled.sphinxext.equations import (
    display_tex,
    hold_to_punctuation,
    katex,
    styled,
    tidy_mathml,
)
from unrolled.sphinxext.library import signature_text
from unrolled.sphinxext.markup import mend, page_contents
from unrolled.sphinxext.names import described
from unrolled.sphinxext.pages import palette_css
from unrolled.sphinxext.prose import docstring_rst, is_code

pytestmark = pytest.mark.xdist_group("sphinxext")

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("text", "variant", "expected"),
    [
        ("xW1", "bold", "𝐱𝐖𝟏"),
        ("α∂", "bold-italic", "𝜶𝝏"),
        ("h", "italic", "ℎ"),
        ("LAB", "script", "ℒ𝒜ℬ"),
        ("RN", "double-struck", "ℝℕ"),
        ("C", "fraktur", "ℭ"),
        ("a+b", "bold", "𝐚+𝐛"),
    ],
)
def test_letters_of_alphabets(text: str, variant: str, expected: str) -> None:
    assert styled(text, variant) == expected


def test_katex_renders_in_one_run_and_tells_what_is_wrong() -> None:
    answers = katex(
        [(r"\tilde{c}_t", False), (r"\frac{a}{b}", True), (r"\frac{a", True), ("é", False)]
    )
    assert "<mover" in answers[0]["mathml"]
    assert 'display="block"' in answers[1]["mathml"]
    assert "Unexpected end" in answers[2]["error"]
    assert "Accented Unicode" in answers[3]["warnings"][0]
    for answer in answers[:2]:
        assert answer["warnings"] == []
        assert tidy_mathml(answer["mathml"]).startswith("<math")


def test_a_name_that_is_an_index_is_one_element() -> None:
    """KaTeX leaves an invisible operator behind it, and the index would not be one."""
    (answer,) = katex([(r"T_{\max} + \max x + \sigma_{\max}^k", False)])
    tidy = tidy_mathml(answer["mathml"])
    math = BeautifulSoup(tidy, "html.parser")
    assert [len(script.find_all(recursive=False)) for script in math(["msub", "msubsup"])] == [2, 3]
    assert tidy.count("\u2061") == 1


def test_distances_are_those_of_tex() -> None:
    (answer,) = katex([(r"h_{t-1} = (0, -1) - f'(a_{i,t})", False)])
    math = BeautifulSoup(tidy_mathml(answer["mathml"]), "html.parser")
    close, number, difference = (o for o in math("mo") if o.text == "−")
    assert (close["lspace"], close["rspace"]) == ("0", "0")
    assert number["form"] == "prefix"
    assert difference.attrs == {}
    assert [comma.get("rspace") for comma in math("mo") if comma.text == ","] == [None, "0"]
    assert math.find("mo", string="′").parent.name == "mrow"
    (answer,) = katex([(r"\odot", False)])
    assert '<mo lspace="0" rspace="0">⊙</mo>' in tidy_mathml(answer["mathml"])


@pytest.mark.parametrize(
    ("tex", "spelt"),
    [
        (r"\tanh c", "tanh c"),
        (r"\tanh^2 c_t", "tanh2 ct"),
        (r"o \tanh(c)", "o tanh(c)"),
        (r"(a) \ln \tfrac12", "(a) ln 12"),
        (r"a + \log\left(b\right)", "a+log(b)"),
        (r"\max_z z", "maxz z"),
        (r"2 \tfrac{\ln 2}{3}", "2ln 23"),
        (r"\ln {} + {}^2", "ln+2"),
        (r"\ln(2) / \ln(3)", "ln(2)/ln(3)"),
    ],
)
def test_the_name_of_a_function_stands_apart_from_letters_not_from_brackets(tex, spelt) -> None:
    (answer,) = katex([(tex, False)])
    math = BeautifulSoup(tidy_mathml(answer["mathml"]), "html.parser")
    math.find("annotation").decompose()
    for space in math("mspace"):
        space.string = " "
    assert math.text.replace("\u2061", "") == spelt


def test_a_formula_keeps_its_comma() -> None:
    paragraph = nodes.paragraph("", "If ", nodes.math("", "a"), nodes.Text("), then "))
    paragraph += [nodes.math("", "b"), nodes.Text(" is.")]
    for node in list(paragraph.findall(nodes.math)):
        hold_to_punctuation(node)
    assert paragraph.astext() == "If a), then b is."
    assert [part.astext() for part in paragraph] == ["If ", "a),", " then ", "b", " is."]
    assert paragraph[1]["classes"] == ["unbroken"]


def test_tidy_spells_what_browsers_would_not_draw() -> None:
    (answer,) = katex([(r"\mathbf{W} \left\lVert \vec x \right\rVert", False)])
    mathml = tidy_mathml(answer["mathml"])
    assert "<mi>𝐖</mi>" in mathml
    assert mathml.count('<mo fence="true">‖</mo>') == 2
    assert "\u20d7" not in mathml
    assert "class" not in mathml


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"a = b", r"a = b"),
        (r"a \\ b", r"\begin{split}a \\ b\end{split}"),
        (r"\begin{align}a \\ b\end{align}", r"\begin{align*}a \\ b\end{align*}"),
        (r"\begin{aligned}a \\ b\end{aligned}", r"\begin{aligned}a \\ b\end{aligned}"),
    ],
)
def test_bare_lines_are_split_and_numbers_are_left_to_sphinx(tex: str, expected: str) -> None:
    assert display_tex(tex) == expected


def test_palette_is_css_in_both_themes() -> None:
    palette = json.loads((ROOT / "lib/unrolled/palette.json").read_text(encoding="utf-8"))
    light, dark = palette_css(palette).split('html[data-theme="dark"]')
    for key, entry in palette.items():
        name = f"--unrolled-{key.replace('_', '-')}"
        assert f"{name}: {entry['light']};" in light
        assert f"{name}-dash: {entry['dash'] or 'none'};" in light
        assert f"{name}: {entry['dark']};" in dark


def test_mend() -> None:
    body = """
    <div class="admonition solution dropdown" id="s"><p class="admonition-title">Solution to
      <a href="#e">Exercise 1</a></p><section id="solution-content"><p>So.</p></section></div>
    <div class="admonition note"><p class="admonition-title">Note</p></div>
    <table><thead><tr><th></th><th>a</th><th>
      <math><mi>c</mi><annotation>\\tilde{c}</annotation></math></th></tr></thead></table>
    <h2>T<a class="headerlink" href="#t" title="Link to this heading">¶</a></h2>
    <math><mo>&lt;</mo></math><img src="a.svg" alt="A">
    """
    soup = BeautifulSoup(mend(body), "html.parser")
    solution = soup.select_one("details#s > summary.admonition-title")
    assert solution is not None
    assert solution.find("a") is None
    assert soup.select_one("div.note > p") is not None
    assert soup.select("#solution-content") == []
    assert soup.select_one("div.scrolls > table") is not None
    a, c = soup.select("th[scope=col]")
    assert len(soup.select("th")) == 2
    assert a.text == "a"
    assert [word.text for word in c.select("math[aria-hidden] + .unseen")] == ["tilde c"]
    link = soup.select_one("a.headerlink")
    assert link is not None
    assert (link.text, link["aria-label"]) == ("#", "Link to this heading")
    assert "<mo>&lt;</mo>" in str(soup)
    image = soup.select_one("img")
    assert image is not None
    assert image["loading"] == "lazy"


def test_a_listing_marks_only_what_has_a_colour(site: Path) -> None:
    """A name outside of a listing stays as it is: a signature has other colours."""
    line = '<span class="n">a</span><span class="p">(</span><span class="mi">1</span>'
    listing = f'<div class="highlight"><pre><span></span>{line}</pre></div>'
    mended = mend(f"{listing}<p>{line}</p>")
    assert mended == (
        f'<div class="highlight"><pre>a(<span class="mi">1</span></pre></div><p>{line}</p>'
    )
    css = (site / "_static/pygments.css").read_text(encoding="utf-8")
    for theme in ("light", "dark"):
        colours = re.findall(
            rf'html\[data-theme="{theme}"\] \.highlight (?:\.[npw] )?{{.*?\bcolor: (#\w+)', css
        )
        assert len(colours) == 4
        assert len(set(colours)) == 1, "what is not marked has the listing's colour"


def test_mended_pictures_have_no_style_but_a_size() -> None:
    asked = '<img src="a.svg" style="width: 560px;"><img src="b.svg" style="width: 560px">'
    explorable = '<img class="unrolled-picture" style="max-width:100%;height:auto" src="data:,">'
    body = f'{asked}{explorable}<img src="c.svg" style="color: red">'
    a, b, picture, other = BeautifulSoup(mend(body, {"a.svg": (280, 100)}), "html.parser")("img")
    assert (a["width"], a["height"]) == ("560", "200")
    assert (b["width"], b.get("height")) == ("560", None), "its own size is not known"
    for image in (a, b, picture):
        assert not image.has_attr("style")
    assert other["style"] == "color: red", "what is not known is left, for the build to warn of"


def test_page_contents_need_two_sections() -> None:
    def toc(sections: str) -> str:
        return f"<ul><li><a href='#'>T</a><ul>{sections}</ul></li></ul>"

    assert page_contents("") == ""
    assert page_contents(toc("<li><a href='#a'>A</a></li>")) == ""
    both = page_contents(toc("<li><a href='#a'>A</a></li><li><a href='#b'>B</a></li>"))
    assert both.startswith("<ul>")
    assert "#b" in both


# ------------------------------------------------------------------- docstrings and signatures


def html_of(rst: list[str]) -> BeautifulSoup:
    """What docutils alone makes of it; anything that it remarks on is an error."""
    settings = {"report_level": 1, "halt_level": 1, "syntax_highlight": "none"}
    parts = publish_parts("\n".join(rst), writer_name="html5", settings_overrides=settings)
    return BeautifulSoup(parts["body"], "html.parser")


@given(st.text("aZ1h_*|\\`:.,-+()[]{}<>#@/=~^'\"& ", min_size=1))
def test_prose_means_itself_whatever_its_characters(text: str) -> None:
    text = " ".join(text.replace("`", "").split())
    if text and not text.startswith("- ") and not is_code(text):
        tree = publish_doctree(
            "\n".join(docstring_rst(text)), settings_overrides={"report_level": 1}
        )
        assert [type(node).__name__ for node in tree.children] == ["paragraph"]
        shown = tree.astext().replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " ")
        assert shown == re.sub(r"(?<![\w\\])\*([aZh]{2,}(?: [aZh]+)*)\*(?!\w)", r"\1", text)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("W_x (H, D) or (gates, H, D), b (H, 1).", ["W_x", "b"]),
        ("x (D, B), h and c (H, B), h_prev the one before.", ["x", "h", "c", "h_prev"]),
        ("xs: (T, D, B). lengths: (B,), if given; steps=K: chunks.", ["xs", "lengths", "steps=K"]),
        ("p and lengths: as given; a state (H, B), all others (H, B).", ["p", "lengths"]),
        ("states.h[t] is dL/dh_t, and states.h[-1] the last h.", ["states.h[t]", "states.h[-1]"]),
        ("Raises ValueError: |a| * b_ is not `x**2` or ``y``s.", ["ValueError", "x**2", "y"]),
        ("init(params) -> memory; update(p, g) -> (p, memory).", ["init(params) -> memory", "update(p, g) -> (p, memory)"]),
        ("∂c_T/∂c_t = f_{t+1}, as in Cho et al. (2014), version 3.", []),
        ("The mean of (y - target)², e.g. of a (K, B) array, section II.C.", []),
        ("states[-1].h of a.get_it(b), reset_after=False, beta_1ᵏ.", ["states[-1].h", "a.get_it(b)", "reset_after=False"]),
        ("labels (T + 20, B): the labels; a sequence of lengths (B,).", ["labels", "lengths"]),
    ],
)  # fmt: skip
def test_what_is_code_in_prose(text: str, codes: list[str]) -> None:
    names = ("p", "xs", "lengths", "steps")
    soup = html_of(docstring_rst(text, names))
    assert [literal.get_text() for literal in soup.select(".literal")] == codes
    plain = soup.get_text().replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")
    assert plain.strip() == text.replace("`", "")


def test_emphasis_is_of_words() -> None:
    soup = html_of(docstring_rst("Over *all* steps, a*b*c and *args."))
    assert [em.get_text() for em in soup.select("em")] == ["all"]
    assert soup.get_text().strip() == "Over all steps, a*b*c and *args."


def test_shapes_and_signs_stay_on_one_line() -> None:
    text = html_of(docstring_rst("From -inf, 1 - f and a h_0 (H, B).")).get_text()
    assert text.strip() == "From \N{MINUS SIGN}inf, 1 - f and a h_0\xa0(H,\xa0B)."


def test_blocks_of_a_docstring() -> None:
    doc = """Do it.

Like this.

    a = f(x)

    b = a * 2
- one item*
- another
  that goes on

memory = init(params)
memory = update(memory)

    c_t = f_t c_{t-1} + i_t c̃_t

Parameters
----------
low, high : float
    The bounds_ of `x`.

    Both.
Afterwards prose.
"""
    rst = docstring_rst(doc)
    assert [line for line in rst if line.startswith("..")] == [
        ".. code-block:: python", ".. code-block:: python", ".. code-block:: text", ".. rubric:: Parameters",
    ]  # fmt: skip
    soup = html_of(rst)
    assert [p.get_text() for p in soup.select("body > p, p:not(li p, dd p)")] == [
        "Do it.", "Like this.", "Parameters", "Afterwards prose.",
    ]  # fmt: skip
    assert [li.get_text().strip() for li in soup.select("li")] == [
        "one item*",
        "another that goes on",
    ]
    assert [block.get_text().strip() for block in soup.select("pre")] == [
        "a = f(x)\n\nb = a * 2",
        "memory = init(params)\nmemory = update(memory)",
        "c_t = f_t c_{t-1} + i_t c̃_t",
    ]
    assert [dt.get_text() for dt in soup.select("dt")] == ["low, high : float"]
    assert [dd.get_text().strip() for dd in soup.select("dd")] == ["The bounds_ of x. Both."]


@pytest.mark.parametrize(
    ("text", "inside", "full"),
    [
        ("unroll", "unrolled.backward", "unrolled.unroll"),
        ("unroll", "unrolled.bptt", "unrolled.unroll"),
        ("unrolled.cells.lstm", "unrolled.unroll", "unrolled.cells.lstm"),
        ("lstm", "unrolled.cells.lstm_coupled.init", "unrolled.cells.lstm"),
        ("init", "unrolled.cells.gru.step", "unrolled.cells.gru.init"),
        ("readout.squared_error", "unrolled.training.train", "unrolled.readout.squared_error"),
        ("Cell", "unrolled.unroll", "unrolled.cells.protocol.Cell"),
        ("state", "unrolled.explorables.Explorable", "unrolled.explorables.Explorable.state"),
        ("gradcheck", "unrolled.numerical_gradient", "unrolled.gradcheck"),
        ("h", "unrolled.unroll", None),
        ("check_array", "unrolled.unroll", None),
        ("np.tanh", "unrolled.readout.linear", None),
        ("antigravity", "unrolled.unroll", None),
    ],
)
def test_names_in_docstrings_mean_what_python_would(
    text: str, inside: str, full: str | None
) -> None:
    assert described(text, inside) == full


class Pair(NamedTuple):
    """Two arrays."""

    first: Array
    second: Array


def example(
    state: "gru.State", *rest: int, small: float = 1e-5, f: Callable[[Any], Array] | None = None
) -> tuple[Pair, Array]:
    """Do nothing."""
    raise NotImplementedError


class Painted:
    """A picture."""

    def __init__(self, name: str | None = None, *, T: int = 3) -> None:
        raise NotImplementedError


def test_signatures_are_as_the_source_spells_them() -> None:
    where = "unrolled.training.train"
    args, returns = signature_text(example, where)
    assert args == (
        "(state: 'gru.State', *rest: int, small: float = 1e-5, "
        "f: Callable[[Any], Array] | None = None)"
    )
    assert returns == "tuple[Pair, Array]"
    assert signature_text(Pair, where) == ("(first, second)", "")
    assert signature_text(Painted, where) == ("(name = None, *, T = 3)", "")
    args, returns = signature_text(lstm.step, "unrolled.cells.lstm.step")
    full = "unrolled.cells.lstm."
    assert args == f"(p: {full}Params, s: {full}State, x: Array)"
    assert returns == f"tuple[{full}State, {full}Cache]"


# ------------------------------------------------------------------------------ whole builds


@pytest.fixture(scope="module")
def small_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of three pages under the book's own configuration."""
    root = tmp_path_factory.mktemp("book")
    for name in ("_static", "_templates"):
        shutil.copytree(ROOT / "book" / name, root / "book" / name)
    shutil.copy(ROOT / "_config.yml", root)
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/intro\nparts:\n- caption: A\n  numbered: 1\n  chapters:\n"
        "  - file: book/a\n  - file: book/b\n",
        encoding="utf-8",
    )
    pages = {
        "references.bib": "",
        "intro.md": "# Start\n\nThe first words, $x$.\n\nPlain.\n\n"
        "Plain words that describe the page, in one sentence.\n",
        "a.md": "---\ndescription: Its own words.\n---\n\n# A\n\n$$ a \\odot b $$ (eq-a)\n\n$$ c $$ (eq-c)\n\n"
        "```{figure} _static/x.svg\n:alt: X\nCaption.\n```\n\n"
        '<div data-explorable="lstm-gates"></div>\n',
        "b.md": "# B\n\nSee {eq}`eq-c` and [](#here).\n\n## Here\n\nText.\n\n"
        ":::{note}\n:class: dropdown\nFolded.\n:::\n",
    }
    pages["_static/x.svg"] = "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='20'/>"
    for name, text in pages.items():
        (root / "book" / name).write_text(text, encoding="utf-8")
    done = build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def build(root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "."]
    command += ["--builder", "html", "-W", "-n", "--keep-going"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


def page(root: Path, name: str) -> BeautifulSoup:
    text = (root / "_build/html" / name).read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser")


def test_equations_are_numbered_and_referred_to(small_book: Path) -> None:
    soup = page(small_book, "book/a.html")
    numbers = [element.contents[0] for element in soup.select(".equation .eqno")]
    assert numbers == ["(1.1)", "(1.2)"]
    assert len(soup.select(".equation > .scrolls > math[display=block]")) == 2
    link = page(small_book, "book/b.html").select_one('article a[href="a.html#equation-eq-c"]')
    assert link is not None
    assert link.text == "(1.2)"
    assert soup.select_one("#equation-eq-c") is not None


def test_explorables_are_loaded_where_they_are(small_book: Path) -> None:
    for name, has in [("book/a.html", True), ("book/b.html", False), ("search.html", False)]:
        soup = page(small_book, name)
        assert bool(soup.select('[data-script*="_static/lstm-gates.js?v="]')) is has
        assert not soup.select('script[src*="lstm-gates.js"]'), (
            "the page asks for it when it is near"
        )


def test_nothing_of_the_theme_is_loaded(small_book: Path) -> None:
    sources = [s.get("src", "").split("/")[-1] for s in page(small_book, "book/b.html")("script")]
    assert [source.split("?")[0] for source in sources] == ["", "site.js", "previews.js"]
    files = {path.name for path in (small_book / "_build/html/_static").iterdir()}
    assert files >= {"fonts", "book.css", "site.js"}
    assert not files & {"scripts", "vendor", "thebelab.js", "togglebutton.js"}


def test_pictures_have_their_size_so_that_nothing_jumps(small_book: Path) -> None:
    image = page(small_book, "book/a.html").select_one("figure img")
    assert image is not None
    assert (image["width"], image["height"], image["loading"]) == ("30", "20", "lazy")


def test_dark_rules_are_for_the_screen_and_paper_is_light(small_book: Path) -> None:
    css = (small_book / "_build/html/_static/book.css").read_text(encoding="utf-8")
    depth, screen, dark = 0, 0, 0  # within how many braces; from which depth on the screen only
    for line in css.splitlines():
        if line.lstrip().startswith("@media screen"):
            screen = depth + 1
        if line.lstrip().startswith('html[data-theme="dark"] {') or (
            'data-theme="dark"' in line and ".highlight" in line
        ):
            assert screen > 0, line
            dark += 1
        depth += line.count("{") - line.count("}")
        screen = screen if depth >= screen else 0
    assert dark > 20, "the palette's, the page's and those of code"


def test_description_is_the_pages_own_or_how_its_text_begins(small_book: Path) -> None:
    begins = "Plain words that describe the page, in one sentence."
    for name, expected in [("book/a", "Its own words."), ("book/intro", begins)]:
        description = page(small_book, f"{name}.html").select_one("meta[name=description]")
        assert description is not None
        assert description["content"] == expected


def test_only_what_changed_is_read_again(small_book: Path) -> None:
    assert "0 added, 0 changed, 0 removed" in build(small_book).stdout
    path = small_book / "book" / "b.md"
    path.write_text(path.read_text(encoding="utf-8") + "\nMore.\n", encoding="utf-8")
    output = build(small_book).stdout
    assert "0 added, 1 changed, 0 removed" in output
    assert "More." in page(small_book, "book/b.html").text


def test_a_wrong_formula_fails_the_build_until_it_is_mended(small_book: Path) -> None:
    path = small_book / "book" / "b.md"
    good = path.read_text(encoding="utf-8")
    path.write_text(good + "\n\n$$ \\frac{a $$\n", encoding="utf-8")
    for _ in range(2):
        done = build(small_book)
        assert done.returncode
        assert "b.md" in done.stderr
        assert r"in formula: \frac{a" in done.stderr
    path.write_text(good, encoding="utf-8")
    assert build(small_book).returncode == 0
