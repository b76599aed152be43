"""The search: what it finds and what comes first, its page, and the lists that it reads."""

import gzip
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

import pytest
from explorable_pages import violations
from playwright.sync_api import Browser, Page, Route, expect

from unrolled.sphinxext.names import all_names
from unrolled.sphinxext.pages import forget_pages
from unrolled.sphinxext.passages import passages
from unrolled.sphinxext.searching import (
    beginning,
    by_pages,
    equation_name,
    first_sentence,
    names_in,
)

ROOT = Path(__file__).parents[1]


def open_search(page: Page, address: str, query: str) -> list[tuple[str, str, str]]:
    """Search; return title, line below it and address of what is shown."""
    page.goto(f"{address}search.html?q={quote_plus(query)}")
    expect(page.locator("#search-status")).to_contain_text(re.compile(r"for “.*”\.?$"))
    return [
        tuple(found)
        for found in page.locator("#search-results li").evaluate_all(
            "items => items.map(item => [item.querySelector('a').textContent,"
            " item.querySelector('.where').textContent, item.querySelector('a').getAttribute('href')])"
        )
    ]


@pytest.fixture(scope="module")
def from_folder(browser: Browser, site: Path) -> Iterator[tuple[Page, str]]:
    """A page on which to search, from a folder; nothing of it may complain."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    yield page, f"{site.as_uri()}/"
    assert trouble == []
    page.context.close()


# -------------------------------------------------------------------------- what comes first

FIRST = {
    # Code by symbol: the library's names, whole, by their modules', or by their last parts.
    "unroll": "book/api/time.html#unrolled.unroll",
    "unrolled.unroll": "book/api/time.html#unrolled.unroll",
    "unrolled.bptt.unroll": "book/api/time.html#unrolled.unroll",
    "bptt.unroll": "book/api/time.html#unrolled.unroll",
    "lstm.step_backward": "book/api/cells.html#unrolled.cells.lstm.step_backward",
    "LSTMGates": "book/api/notebooks.html#unrolled.explorables.LSTMGates",
    "lstmgates": "book/api/notebooks.html#unrolled.explorables.LSTMGates",
    "clip_by_norm": "book/api/training.html#unrolled.optimizers.clip_by_norm",
    "unrolled.cells.lstm": "book/api/cells.html#module-unrolled.cells.lstm",
    # Equations by name and number.
    "lstm cell state": "book/gates/lstm.html#equation-eq-lstm-cell-state",
    "eq-lstm-cell-state": "book/gates/lstm.html#equation-eq-lstm-cell-state",
    "LSTM cell-state": "book/gates/lstm.html#equation-eq-lstm-cell-state",
    "(4.1)": "book/gates/lstm.html#equation-eq-lstm-cell-state",
    "equation 4.1": "book/gates/lstm.html#equation-eq-lstm-cell-state",
    # Terms, exercises, figures, works, pages, sections.
    "cell state": "book/glossary.html#term-Cell-state",
    "vanishing gradients": "book/glossary.html#term-Vanishing-gradient",
    "exercise 4.2": "book/gates/lstm.html#ex-lstm-half-life",
    "ex-lstm-half-life": "book/gates/lstm.html#ex-lstm-half-life",
    "figure 4.1": "book/gates/lstm.html#fig-lstm-cell",
    "hochreiter1997": re.compile(r"book/bibliography\.html#id\d+"),
    "the LSTM cell": "book/gates/lstm.html",
    "why a new cell": "book/gates/lstm.html#why-a-new-cell",
    "half-life exercise": re.compile(r"book/gates/(gru|lstm)\.html#ex-(gru|lstm)-half-life"),
}


@pytest.mark.browser
def test_what_is_meant_comes_first(from_folder: tuple[Page, str]) -> None:
    wrong = {}
    for query, expected in FIRST.items():
        found = open_search(*from_folder, query)
        address = found[0][2] if found else ""
        fits = expected.fullmatch(address) if isinstance(expected, re.Pattern) else None
        if not fits and address != expected:
            wrong[query] = found[:3]
    assert wrong == {}


@pytest.mark.browser
def test_an_equation_is_found_among_others(from_folder: tuple[Page, str]) -> None:
    """By a part of its name, after the term; and it says what it is and where."""
    _, second = open_search(*from_folder, "cell state")[:2]
    assert second[0] == "LSTM cell state (4.1)"
    assert second[1].startswith("Equation, in 4. The LSTM cell › ")
    assert second[2].endswith("#equation-eq-lstm-cell-state")
    page, _ = from_folder
    shown = page.locator("#search-results li").nth(1).locator("math")
    expect(shown).to_have_count(1)  # the formula itself, from a folder too
    page.locator("#search-results a").nth(1).click()
    expect(page.locator(".equation:target .eqno")).to_have_text(re.compile(r"^\(4\.1\)"))


@pytest.mark.browser
def test_every_public_name_comes_first_by_its_full_name(from_folder: tuple[Page, str]) -> None:
    """And by its last part it comes with its namesakes, before anything else."""
    names = sorted(all_names())
    last: dict[str, set[str]] = {}
    for name in names:
        last.setdefault(name.rpartition(".")[2], set()).add(name)
    for name in names[::9]:
        assert open_search(*from_folder, name)[0][0] == name
    for short, full in list(last.items())[::7]:
        found = [title for title, *_ in open_search(*from_folder, short)]
        exact = {title for title in found if title.rpartition(".")[2].lower() == short.lower()}
        count = len([title for title in found if title in exact and title.startswith("unrolled.")])
        assert full <= set(found[:count]), short


@pytest.mark.browser
@pytest.mark.parametrize(
    ("query", "first", "others"),
    [
        ("np.tanh", "hyperbolic tangent", "Code, in 1. The simple recurrent network"),
        ("W_x", "weights and biases of the simple network", "Code, in "),
        ("c_tilde", "candidate", "Code, in 5. An LSTM step by hand"),
    ],
)
def test_symbols_of_the_notebooks_lead_to_the_notation_and_to_the_cells(
    from_folder: tuple[Page, str], query: str, first: str, others: str
) -> None:
    found = open_search(*from_folder, query)
    page, _ = from_folder
    assert found[0][1].startswith("Symbol, in Notation")
    expect(page.locator("#search-results li").first).to_contain_text(first)
    cells = [place for place in found if place[1].startswith("Code, in ")]
    assert any(where.startswith(others) for _, where, _ in cells)
    assert all(query in title for title, *_ in cells)
    page.locator("#search-results a").first.click()
    expect(page.locator("tr:target")).to_contain_text(query.rpartition(".")[2])


# --------------------------------------------------------------------------------- the page


@pytest.mark.browser
@pytest.mark.parametrize("way", ["served", "folder"])
def test_search_by_keyboard_from_any_page(
    browser: Browser, addresses: dict[str, str], way: str
) -> None:
    """Control and K, words, Enter; then Tab to the first result; and again from the field here."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(addresses[way] + "book/gates/gru.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("forget gate")
    page.keyboard.press("Enter")
    status = page.locator("#search-status")
    expect(status).to_have_text(re.compile(r"\d+ results for “forget gate”"))
    assert status.get_attribute("role") == "status"
    assert page.title() == "forget gate — Search — Unrolled"
    field = page.locator("main input[name=q]")
    assert field.input_value() == "forget gate"
    page.keyboard.press("Control+k")
    expect(field).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Search")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#search-results a").first).to_be_focused()
    field.fill("peephole")
    page.get_by_role("button", name="Search").click()
    expect(status).to_contain_text("for “peephole”")
    expect(page.locator("#search-results a").first).to_have_text("Peephole")
    page.locator("#search-results a").first.press("Enter")
    page.wait_for_url("**/glossary.html#term-Peephole")
    assert trouble == []
    page.context.close()


@pytest.mark.browser
@pytest.mark.parametrize("way", ["served", "folder"])
def test_results_have_excerpts_and_lead_to_sections(
    browser: Browser, addresses: dict[str, str], way: str
) -> None:
    """A page that was found by its words shows the place, marked, and leads to its section."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    open_search(page, addresses[way], "umbrella singular")
    first = page.locator("#search-results li").first
    expect(first.locator("mark").first).to_have_text("singular")
    expect(first.locator(".excerpt")).to_contain_text("umbrella")
    expect(first.locator(".where")).to_contain_text("Page › Why a new cell?")
    first.locator("a").click()
    page.wait_for_url("**/book/gates/lstm.html#why-a-new-cell")
    page.context.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [pytest.param(1280, marks=pytest.mark.slow), 390])
@pytest.mark.parametrize(
    ("query", "late"),
    [
        ("forget gate", "_previews"),
        ("what to remember", "searchsections"),
        ("np.tanh", "searchcode"),
        ("umbrella", "_texts"),
    ],
)
def test_nothing_moves_while_results_come(
    browser: Browser, served: str, query: str, late: str, width: int
) -> None:
    """Nor for a help that is not needed, nor for a text of a result that comes late."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    asked: list[str] = []

    def wait(route: Route) -> None:
        asked.append(route.request.url)
        page.wait_for_timeout(300)
        route.continue_()

    page.route(re.compile(f"/{late}"), wait)
    page.add_init_script(
        "window.moved = []; new PerformanceObserver((list) => {"
        " for (const { value } of list.getEntries()) window.moved.push(value);"
        "}).observe({ type: 'layout-shift', buffered: true });"
    )
    open_search(page, served, query)
    seen = page.locator("#search-results li").evaluate_all(
        "items => items.filter(item => item.getBoundingClientRect().bottom < innerHeight)"
        ".map(item => item.querySelector('.excerpt, .found') !== null)"
    )
    assert seen
    assert all(seen), "what is seen is complete"
    page.wait_for_load_state("networkidle")
    assert asked
    assert sum(page.evaluate("moved")) < 0.02
    page.context.close()


@pytest.mark.browser
def test_results_do_not_wait_for_a_text_that_does_not_come(browser: Browser, served: str) -> None:
    page = browser.new_page()
    page.route(re.compile("/_previews/book/glossary"), lambda route: route.abort())
    page.route(re.compile("/searchsections"), lambda route: None)  # never
    page.goto(f"{served}search.html?q=forget+gate", wait_until="commit")
    results = page.locator("#search-results li")
    expect(results.first.locator("a")).to_have_attribute(
        "href", "book/glossary.html#term-Forget-gate"
    )
    expect(results.nth(1).locator("math")).to_have_count(1)
    expect(page.locator("#search-status")).to_contain_text("results for “forget gate”")
    page.context.close()


@pytest.mark.browser
def test_nothing_found_says_what_to_try(from_folder: tuple[Page, str]) -> None:
    page, address = from_folder
    assert open_search(page, address, "vanising gradeint") == []
    expect(page.locator("#search-status")).to_have_text(
        "Nothing was found for “vanising gradeint”."
    )
    expect(page.get_by_text("Try fewer words")).to_be_visible()
    expect(page.locator("#search-help")).to_be_visible()
    page.locator("article").get_by_role("link", name="vanishing gradient").first.click()
    expect(page.locator("#search-results a").first).to_have_text("Vanishing gradient")
    expect(page.locator("#search-help")).to_be_hidden()


@pytest.mark.browser
def test_markup_in_a_query_is_text(from_folder: tuple[Page, str]) -> None:
    page, address = from_folder
    assert open_search(page, address, "<img src=x onerror=alert(1)> ∂") == []
    assert page.locator("main img").count() == 0
    expect(page.locator("#search-status")).to_contain_text("<img")


@pytest.mark.browser
def test_many_results_come_in_two_parts(from_folder: tuple[Page, str]) -> None:
    page, address = from_folder
    assert len(open_search(page, address, "lstm")) == 30
    count = int(page.locator("#search-status").inner_text().split()[0])
    more = page.get_by_role("button", name=f"Show {count - 30} more")
    more.press("Enter")
    expect(page.locator("#search-results li")).to_have_count(count)
    expect(page.locator("#search-results a").nth(30)).to_be_focused()


@pytest.mark.browser
def test_nothing_is_loaded_until_there_is_something_to_look_for(
    browser: Browser, served: str
) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{served}search.html")
    page.wait_for_load_state("networkidle")
    expect(page.locator("main input[name=q]")).to_be_focused()
    expect(page.locator("#search-help")).to_be_visible()
    assert not [url for url in asked if re.search(r"/search\w+\.js", url)]
    page.locator("#search-help a").first.click()
    expect(page.locator("#search-results li").first).to_be_visible()
    assert len([url for url in asked if "searchplaces" in url]) == 1
    assert not [url for url in asked if "searchindex" in url], "Sphinx's own is for the build"
    page.context.close()


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    "query", ["pre-activation gradients", "np.tanh", "forget gate", "vanising"]
)
def test_results_are_accessible(
    browser: Browser, served: str, query: str, width: int, theme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    open_search(page, served, query)
    page.wait_for_load_state("networkidle")
    assert violations(page, preload=True, colours=theme == "dark") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    over = page.locator(".found .scrolls").evaluate_all(
        "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth + 1).length"
    )
    assert over == 0, "wide formulas become smaller"
    page.context.close()


# --------------------------------------------------------------------------- what it is made of


def handed_over(path: Path) -> Any:
    """What a script hands over to the search page."""
    text = path.read_text(encoding="utf-8")
    return json.loads(text[text.index("(") + 1 : text.rindex(");\n")])


def listed(site: Path) -> list[dict[str, Any]]:
    return handed_over(site / "searchplaces.js")["pages"]


def test_every_place_is_there(site: Path) -> None:
    count = dict.fromkeys(
        ("Section", "Equation", "Figure", "Exercise", "Term", "Work", "Symbol", "Function", "Code"),
        0,
    )
    told = 0
    for page in listed(site):
        html = (site / f"{page['page']}.html").read_text(encoding="utf-8")
        ids = set(re.findall(r' id="([^"]+)"', html))
        for kind, title, *more in page["places"]:
            assert title, page
            assert not more or not more[0] or more[0] in ids, (page["page"], title, more[0])
            if kind in count:
                count[kind] += 1
        lines = handed_over(site / "searchcode.js")[page["page"]]
        for at, names in page["code"]:
            assert at == -1 or page["places"][at][0] == "Section"
            count["Code"] += len(names.split())
            assert all(name in lines[name] for name in names.split())
        begins = handed_over(site / "searchsections.js")[page["page"]]
        titles = [title for kind, title, *_ in page["places"] if kind == "Section"]
        assert len(begins) == len(titles)
        told += sum(map(bool, begins))
    numbered = len(
        re.findall(r'class="eqno"', "".join(p.read_text() for p in site.glob("book/**/*.html")))
    )
    assert count["Equation"] == numbered
    assert min(count.values()) >= 4, count
    # Some have nothing of their own but sections, or questions.
    assert told >= 0.9 * count["Section"]
    first = (site / "searchplaces.js").read_bytes()
    assert len(gzip.compress(first)) < 60 * 1024, "all results wait for it"


def test_every_word_is_there(site: Path) -> None:
    """In the pages where it is: a sample, against the pages' own texts."""
    index = handed_over(site / "searchplaces.js")
    names = [page["page"] for page in index["pages"]]
    for word, stem in {
        "umbrella": "umbrella",
        "peephole": "peephol",
        "forgetting": "forget",
    }.items():
        pages = {
            names[int(number)]
            for kind in ("terms", "titleterms")
            for group, words in index[kind].items()
            if stem in words.split()
            for number in group.split(",")
        }
        told = {name for name in names if word in (site / f"_texts/{name}.js").read_text().lower()}
        assert told
        assert told <= pages
        assert len(pages) < len(names)


def test_names_of_places() -> None:
    assert equation_name("eq-lstm-cell-state") == "LSTM cell state"
    assert equation_name("eq-training-rmsprop") == "Training RMSprop"
    assert first_sentence("Run `f` e.g. on x.\nThen stop. Or not.\n\nMore.") == "Run f e.g. on x."
    assert first_sentence("No full stop\n\nMore") == "No full stop"
    found = [name for name, _ in names_in("h = np.tanh(W_x @ x + p.b[0]).sum()")]
    assert sorted(found) == ["W_x", "h", "np.tanh", "p.b", "x"]
    assert names_in("%matplotlib inline") == []
    assert beginning(["Why? " + "So it is. " * 20, "More."]) == (
        "Why? " + "So it is. " * 4 + "So it is."
    )
    assert beginning(["Short:", "a = 1", "And so on."]) == "Short: a = 1"
    assert beginning([]) == ""
    assert by_pages({"gate": [2, 0], "cell": 0, "a": [0, 2], "b": [], "c": 7}, {0: 1, 2: 0}) == {
        "0,1": "a gate",
        "1": "cell",
    }


def test_passages() -> None:
    """What is read, by sections; formulas as they are read, and not what they are made from."""
    body = (
        "<div id='a'><h1>A<a class='headerlink' href='#a'>#</a></h1><p>One &amp; <em>two</em>.</p>"
        "<section id='b'><h2>B <code>c</code></h2><ul><li><p>x<br>y</p><ul><li>z</li></ul></li></ul>"
        "<p>h<math><msub><mi>h</mi><mi>t</mi></msub><annotation>h_t</annotation></math></p>"
        "<div data-explorable='lstm'><p>no</p></div><svg><title>no</title></svg>"
        "<section id='c'><h3>C</h3><pre>a =\n  1</pre></section><p>Last</p></section>"
        "<p>End<img src='a.png' alt=''></p><div>no block</div></div>"
    )
    assert [tuple(one) for one in passages(body)] == [
        ("", "", ["One & two.", "End"]),
        ("b", "B c", ["x y", "z", "hht", "Last"]),
        ("c", "C", ["a = 1"]),
    ]


# ----------------------------------------------------------------------------------- builds


def build(root: Path) -> None:
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "."]
    command += ["--builder", "html", "-W", "-n", "--keep-going"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def written(site: Path) -> dict[str, Any]:
    """All that the search page reads."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in site.glob("_texts/**/*.js")}
    files = ("searchplaces", "searchsections", "searchcode")
    return texts | {name: handed_over(site / f"{name}.js") for name in files}


@pytest.mark.xdist_group("sphinxext")
def test_a_build_of_one_changed_page_finds_what_a_clean_one_finds(tmp_path: Path) -> None:
    root = tmp_path / "book"
    for name in ("_static", "_templates"):
        shutil.copytree(ROOT / "book" / name, root / "book" / name)
    shutil.copy(ROOT / "_config.yml", root)
    parts = "parts:\n- caption: A\n  numbered: 1\n  chapters:\n  - file: book/a\n  - file: book/b\n"
    (root / "_toc.yml").write_text(f"format: jb-book\nroot: book/intro\n{parts}", encoding="utf-8")
    pages = {
        "references.bib": "",
        "intro.md": "# Start\n\nSee {term}`gate`.\n\n```{glossary}\nGate\n  A number.\n```\n",
        "a.md": "# A\n\n## First words\n\n$$ a $$ (eq-a-one)\n\n"
        "```{figure} _static/x.svg\n:name: fig-a\n:alt: X\nCaption.\n```\n",
        "b.md": "# B\n\nBanana.\n\n```{exercise} Peel\n:label: ex-b\nPeel it.\n```\n\n"
        "| Symbol | Meaning | In Python |\n|---|---|---|\n| $W_x$ | weights | `p.W_x` |\n\n"
        "```{eval-rst}\n.. library:: unrolled.gradcheck\n```\n",
        "_static/x.svg": "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='20'/>",
    }
    for name, text in pages.items():
        (root / "book" / name).write_text(text, encoding="utf-8")
    build(root)
    site = root / "_build/html"
    kinds = {place[0] for page in listed(site) for place in page["places"]}
    assert {"Equation", "Exercise", "Figure", "Function", "Section", "Symbol", "Term"} <= kinds

    changed = pages["b.md"].replace("Banana", "Apple") + "\n## Added\n\n$$ b $$ (eq-b-two)\n"
    (root / "book/b.md").write_text(changed, encoding="utf-8")
    build(root)
    after = written(site)
    shutil.rmtree(root / "_build")
    build(root)
    assert after == written(site)
    index = after["searchplaces"]
    titles = {place[1] for page in index["pages"] for place in page["places"]}
    assert {"B two (2.1)", "Gate", "Exercise 2.1: Peel", "Fig. 1.1: Caption.", "p.W_x"} <= titles
    words = " ".join(index["terms"].values()).split()
    assert "appl" in words
    assert "banana" not in words
    assert "Apple." in after["b.js"]
    assert len(after) == 6


def test_a_page_that_is_no_more_takes_its_texts_with_it(tmp_path: Path) -> None:
    files = [
        tmp_path / folder / f"{page}.js"
        for page in ("book/here", "book/gone")
        for folder in ("_previews", "_texts")
    ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("", encoding="utf-8")
    app = SimpleNamespace(
        builder=SimpleNamespace(format="html"),
        outdir=tmp_path,
        env=SimpleNamespace(found_docs={"book/here"}),
    )
    forget_pages(app, RuntimeError("after a failed build nothing is known"))
    assert all(file.exists() for file in files)
    forget_pages(app, None)
    assert [file.exists() for file in files] == [True, True, False, False]
