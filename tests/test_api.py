"""The library's pages: every public name is there, and its docstring says what a user must know."""

import ast
import copy
import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from bs4 import BeautifulSoup, Tag
from explorable_pages import resize, settle, violations
from playwright.sync_api import Browser, Page, expect

import unrolled

pytestmark = pytest.mark.xdist_group("api")

ROOT = Path(__file__).resolve().parents[1]
LIB = ROOT / "lib" / "unrolled"
SOURCES = sorted((ROOT / "book" / "api").glob("*.md"))
PAGES = [f"book/api/{path.stem}.html" for path in SOURCES]
WIDTHS = (1280, 390)
THEMES = ("light", "dark")

# Public to no one: helpers that check and walk, the site's extension.
INTERNAL = {"unrolled.checks", "unrolled.course", "unrolled.sphinxext", "unrolled.tree"}
SHAPE = re.compile(r"\((?:[\w+·… -]+|\.\.\.),(?:(?: [\w+·… -]+| \.\.\.),?)*\)|shape|elementwise")


class Public(NamedTuple):
    """A function or class as its file defines it, and the name that users import."""

    name: str
    module: str
    node: ast.FunctionDef | ast.ClassDef


# What the files say, without Sphinx and without the extension.


def is_facade(package: Path) -> bool:
    """Whether users import from the package, not from the modules in it."""
    text = (package / "__init__.py").read_text(encoding="utf-8")
    return package != LIB and bool(set(exported(text)) - {path.stem for path in package.iterdir()})


def exported(text: str) -> list[str]:
    """The names in `__all__`."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def public_files() -> dict[str, Path]:
    """The modules that users import, by name."""
    files = {}
    packages = [path.parent for path in LIB.rglob("__init__.py")]
    for path in sorted(path for package in packages for path in package.glob("*.py")):
        parts = ["unrolled", *path.relative_to(LIB).with_suffix("").parts]
        inside = path.parent if path.name != "__init__.py" else path.parent.parent
        name = ".".join(parts).removesuffix(".__init__")
        internal = any(f"{name}.".startswith(f"{each}.") for each in INTERNAL)
        hidden = internal or any(part.startswith("_") for part in name.split("."))
        within = any(is_facade(p) for p in [inside, *inside.parents] if p.is_relative_to(LIB))
        if not hidden and not within and name != "unrolled":
            files[name] = path
    return files


FILES = public_files()


def definition(module: str, name: str) -> ast.FunctionDef | ast.ClassDef | None:
    """The definition of a name, in the module or where the module takes it from."""
    file = Path(importlib.import_module(module).__file__ or "")
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return node
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            source = f"{'.' * node.level}{node.module or ''}"
            absolute = importlib.util.resolve_name(source, package)
            inside = absolute.startswith("unrolled.") and absolute != module
            return definition(absolute, name) if inside else None
    return None


def public() -> list[Public]:
    """Every public function and class of the library."""
    found = []
    for module, path in FILES.items():
        text = path.read_text(encoding="utf-8")
        own = [
            n.name for n in ast.parse(text).body if isinstance(n, ast.FunctionDef | ast.ClassDef)
        ]
        for name in exported(text) or [name for name in own if name[0] != "_"]:
            if (node := definition(module, name)) is not None:
                top = getattr(unrolled, name, None) is getattr_of(module, name)
                found.append(Public(f"{'unrolled' if top else module}.{name}", module, node))
    return found


def getattr_of(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


NAMES = public()
FUNCTIONS = [each for each in NAMES if isinstance(each.node, ast.FunctionDef)]


def words_of(each: Public) -> str:
    """A name's own docstring."""
    return ast.get_docstring(each.node) or ""


def words_of_module(each: Public) -> str:
    """The docstring of the module, which may speak for all that is in it."""
    return importlib.import_module(each.module).__doc__ or ""


def test_the_walk_finds_what_is_known() -> None:
    names = {each.name for each in NAMES}
    assert len(names) == len(NAMES)
    assert {"unrolled.unroll", "unrolled.gradcheck", "unrolled.show", "unrolled.Gradients"} <= names
    assert {"unrolled.cells.rnn_relu.init", "unrolled.cells.gru_reset_after.State"} <= names
    assert {"unrolled.readout.Params", "unrolled.explorables.LSTMGates"} <= names
    assert {f"unrolled.{name}" for name in exported((LIB / "__init__.py").read_text())} <= (
        names | set(FILES)
    )
    assert not [
        name for name in names if re.search(r"check_array|tree_map|sphinxext|score_of", name)
    ]
    assert all(importlib.util.find_spec(name) for name in INTERNAL)


@pytest.mark.parametrize("each", NAMES, ids=lambda each: each.name)
def test_it_says_what_it_does(each: Public) -> None:
    text = words_of(each)
    assert len(text.split()) >= 4 or SHAPE.search(text), "the docstring is missing or says nothing"
    assert text.splitlines()[0].endswith((".", ":")), "the first line is a sentence"


@pytest.mark.parametrize("each", FUNCTIONS, ids=lambda each: each.name)
def test_it_states_shapes(each: Public) -> None:
    """Where arrays go in or out, the docstring has a shape; a cell's are on top of its file."""
    arguments = [*each.node.args.posonlyargs, *each.node.args.args, *each.node.args.kwonlyargs]
    types = [argument.annotation for argument in arguments] + [each.node.returns]
    if any("Array" in ast.unparse(type_) for type_ in types if type_ is not None):
        text = words_of(each) + words_of_module(each) * each.module.startswith("unrolled.cells.")
        assert SHAPE.search(text) or "same arguments" in text


@pytest.mark.parametrize("each", FUNCTIONS, ids=lambda each: each.name)
def test_it_states_errors(each: Public) -> None:
    """A function that raises says so: every error by name, or as another function does."""
    raised = {
        ast.unparse(node.exc.func)
        for node in ast.walk(each.node)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    }
    checks = any(
        isinstance(node, ast.Call) and re.match(r"_?check\w*$", ast.unparse(node.func))
        for node in ast.walk(each.node)
    )
    text = words_of(each) + words_of_module(each)
    if raised or checks:
        assert re.search(r"[Rr]aises?\b|same arguments.*errors", text, re.DOTALL)
    if not re.search(r"[Rr]aises? as\b", text):
        assert [error for error in raised if error not in text] == []


# The pages


def test_the_example_runs_and_its_gradient_is_right() -> None:
    """dL/dc_0 of the first unit and column, against a central difference."""
    text = (ROOT / "book/api/index.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    p, s0, xs = names["p"], names["s0"], names["xs"]
    assert names["states"].h.shape == (100, 16, 8)
    losses = []
    for step in (1e-5, -1e-5):
        c = s0.c.copy()
        c[0, 0] += step
        states, _ = unrolled.unroll(names["lstm"], p, s0._replace(c=c), xs)
        losses.append(float(states.h.sum()))
    assert abs((losses[0] - losses[1]) / 2e-5 - names["gradients"].s0.c[0, 0]) < 1e-7


def test_every_module_has_one_place() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    assert sorted(re.findall(r"\.\. library:: ([\w.]+)", text)) == sorted(FILES)


@pytest.fixture(scope="module")
def markup(site: Path) -> dict[str, BeautifulSoup]:
    return {
        name: BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser")
        for name in PAGES
    }


def entries(markup: dict[str, BeautifulSoup]) -> list[Tag]:
    """What describes a name, methods aside."""
    found = [dt for soup in markup.values() for dt in soup.select("dl.py > dt.sig[id]")]
    return [dt for dt in found if not dt.find_parent("dd")]


def test_every_public_name_has_one_entry_with_an_anchor(markup: dict[str, BeautifulSoup]) -> None:
    assert sorted(dt["id"] for dt in entries(markup)) == sorted(each.name for each in NAMES)


def test_entries_are_whole(markup: dict[str, BeautifulSoup]) -> None:
    """A signature with the function's own arguments, a description, a way to the source."""
    for dt in entries(markup):
        module, _, name = str(dt["id"]).rpartition(".")
        value = getattr_of(module, name)
        shown = [
            part.get_text()
            for part in dt.select(".sig-param > .n:first-child, .sig-param > .o + .n")
        ]
        if inspect.isfunction(value):
            assert shown == list(inspect.signature(value).parameters), dt["id"]
        elif hasattr(value, "_fields"):
            assert shown == list(value._fields), dt["id"]
        assert len(dt.get_text()) < 400, "types are as short as in the source"
        dd = dt.find_next_sibling("dd")
        assert isinstance(dd, Tag)
        assert len(dd.get_text(" ", strip=True).split()) >= 3, dt["id"]
        link = dt.select_one("a.source")
        assert link is not None, dt["id"]
        assert link["aria-label"] == f"Source of {name}"


def test_docstrings_are_rendered(markup: dict[str, BeautifulSoup]) -> None:
    """No sign of a docstring's markup is left, and no noise of named tuples."""
    for name, soup in copy.deepcopy(markup).items():
        for block in soup.select("article :is(pre, code, script, dt)"):
            block.replace_with("…")
        text = soup.select_one("article").get_text()
        assert not re.search(r"`|\*\*|\\|Alias for field|Create new instance|:py:|-{4,}", text), (
            name
        )
        assert soup.select(".system-message, .problematic") == []
        assert [
            d for d in soup.select("article :is(dd, dl, ul)") if not d.get_text(strip=True)
        ] == []


def test_types_and_names_are_links(markup: dict[str, BeautifulSoup]) -> None:
    (unroll,) = [dt for dt in entries(markup) if dt["id"] == "unrolled.unroll"]
    links = {a.get_text(): a["href"] for a in unroll.select("a.reference.internal")}
    assert links["Cell"] == "cells.html#unrolled.cells.protocol.Cell"
    (step,) = [dt for dt in entries(markup) if dt["id"] == "unrolled.cells.gru.step"]
    links = {a.get_text(): a["href"] for a in step.select("a.reference.internal")}
    assert links["State"] == "#unrolled.cells.gru.State"
    (backward,) = [dt for dt in entries(markup) if dt["id"] == "unrolled.backward"]
    links = {a.get_text(): a["href"] for a in backward.find_next_sibling("dd").select("a")}
    assert links["unroll"] == "#unrolled.unroll"


def test_links_of_source_pages_resolve(site: Path) -> None:
    pages = {path: path.read_text(encoding="utf-8") for path in site.glob("_modules/**/*.html")}
    assert len(pages) > len(FILES) / 2
    ids: dict[Path, set[str]] = {}
    for path, text in pages.items():
        for link in BeautifulSoup(text, "html.parser").select("article a[href*='.html']"):
            target, _, anchor = str(link["href"]).partition("#")
            file = (path.parent / target).resolve()
            assert file.is_file(), f"{path}: {target}"
            if file not in ids:
                ids[file] = set(re.findall(r' id="([^"]+)"', file.read_text(encoding="utf-8")))
            assert not anchor or anchor in ids[file], f"{path}: {link['href']}"


# What readers see


def opened(browser: Browser, address: str, width: int = 1280, theme: str = "light") -> Page:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    page.goto(address)
    settle(page)
    return page


@pytest.mark.browser
@pytest.mark.parametrize("name", PAGES)
def test_signatures_wrap_on_a_phone(browser: Browser, site: Path, name: str) -> None:
    page = opened(browser, f"{site.as_uri()}/{name}", 390)
    over = page.locator("dl.py > dt, .modules dt, .import").evaluate_all(
        "boxes => boxes.filter(b => b.scrollWidth > b.clientWidth + 1).map(b => b.textContent)"
    )
    assert over == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_source_pages_are_accessible(browser: Browser, site: Path, width: int, theme: str) -> None:
    page = opened(browser, f"{site.as_uri()}/_modules/unrolled/bptt.html#unroll", width, theme)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.browser
def test_search_leads_to_the_entry(browser: Browser, site: Path) -> None:
    page = opened(browser, f"{site.as_uri()}/search.html?q=unroll")
    first = page.locator("#search-results a").first
    expect(first).to_have_attribute("href", "book/api/time.html#unrolled.unroll")
    resize(page, 390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "long names wrap"
    page.locator("#search-results a[href$='#unrolled.unroll']").click()
    heading = page.locator("dt:target .sig-name")
    expect(heading).to_have_text("unroll")
    page.wait_for_load_state()
    top = heading.bounding_box()
    assert top is not None
    assert 0 < top["y"] < 300, "the bar does not hide it"
    page.close()
