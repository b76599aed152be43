"""What `README.md` and the design promise of this repository, as far as a machine can check it."""

import ast
import json
import re
import subprocess
import tomllib
from collections import Counter
from itertools import chain
from pathlib import Path

import nbformat
import numpy as np
import pytest
import yaml
from helpers import CELLS

import unrolled
from unrolled import cells
from unrolled.sphinxext.citations import CITATION

ROOT = Path(__file__).resolve().parents[1]
LIB = ROOT / "lib" / "unrolled"
TRACKED = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    if (ROOT / name).is_file()
]
NOTEBOOKS = [
    # The assignments' are made by code, and tested in tests/course.
    path
    for path in TRACKED
    if path.suffix == ".ipynb" and "assignments" not in path.parts
]
PAGES = [p for p in TRACKED if p.match("book/*.md") or p.match("book/[a-z]*/*.md")]
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]


def prose(path: Path) -> str:
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells_ = nbformat.read(path, as_version=4).cells
    return "\n\n".join(c.source for c in cells_ if c.cell_type == "markdown")


def lock_files() -> list[Path]:
    return [
        p
        for p in TRACKED
        if re.search(r"lock|requirements|packages\.txt|\.npmrc|pyproject", p.name)
    ]


# Layout


def test_the_toc_has_every_page_and_no_other():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [toc["root"]] + [c["file"] for part in toc["parts"] for c in part["chapters"]]
    assert sorted(files) == sorted(
        path.relative_to(ROOT).with_suffix("").as_posix()
        for path in [*NOTEBOOKS, *PAGES, *(ROOT / "book" / "assignments").glob("*.ipynb")]
    )


def test_the_readme_maps_the_tree():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    words = " ".join(line for line in lines if line.startswith("    ")).split()
    words += [word.split("/")[0] for word in words]
    for top in {name_of(path).split("/")[0] for path in TRACKED} - {".gitignore", ".npmrc"}:
        assert top in words, f"{top} is not on the map"
    for module in LIB.glob("*.py"):
        assert module.name in [*words, "__init__.py"], f"{module.name} is not on the map"


BINDER = "binder/packages.txt"
OTHERS = ("tests/reference/requirements.txt", "tests/repo2docker/requirements.txt")


def test_exact_pins_of_one_set():
    pins = {}
    for file in ("requirements.txt", BINDER, *OTHERS):
        for line in (ROOT / file).read_text().splitlines():
            if line and not line.startswith(("#", " ")):
                package, version = re.fullmatch(r"([\w.-]+)==([\w.]+)( ;.*)?", line).groups()[:2]
                pins.setdefault(file, set()).add((package, version))
    assert pins[BINDER] < pins["requirements.txt"]
    for other in OTHERS:
        shared = {package for package, _ in pins["requirements.txt"] & pins[other]}
        assert shared == {p for p, _ in pins["requirements.txt"]} & {p for p, _ in pins[other]}
    direct = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*direct["dependencies"], *chain(*direct["optional-dependencies"].values())]
    pinned = {package for package, _ in pins["requirements.txt"]}
    assert {re.match(r"[\w-]+", requirement)[0] for requirement in wanted} <= pinned
    assert not {"torch", "tensorflow", "keras"} & pinned


def test_lock_files_name_no_registry():
    assert len(lock_files()) >= 6
    for path in lock_files():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r'"resolved"|--(extra-)?index-url|https?://[^ ]*(pypi|npm)', text), (
            path
        )


def test_no_path_of_a_machine_and_no_network_at_run_time():
    for path in TRACKED:
        if path.suffix in {".py", ".md", ".ipynb", ".yml", ".toml", ".js", ".css", ".html"}:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"/(home|root|Users|work|tmp)/\w", text), name_of(path)
    for path in LIB.rglob("*.py"):
        assert not re.search(
            r"urllib(?!\.parse)|requests|http\.client|urlopen", path.read_text()
        ), path


# The library


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_is_one_short_file_with_the_backward_pass_under_the_forward(name):
    path = LIB / "cells" / f"{name}.py"
    assert len(path.read_text().splitlines()) < 80
    functions = [n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef)]
    # What a cell shares with its relative it imports; the rest stands in this order.
    order = ["init", "zero_state", "step", "step_backward"]
    assert functions == [name for name in order if name in functions]
    assert functions[-2:] == ["step", "step_backward"]
    classes = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ClassDef)]
    assert {base.id for c in classes for base in c.bases} <= {"NamedTuple"}


@pytest.mark.parametrize("path", sorted((LIB / "fused").glob("*.py")), ids=lambda p: p.name)
def test_a_fused_cell_is_one_file_under_150_lines(path):
    assert len(path.read_text().splitlines()) < 150


def test_public_names():
    gates = {"rnn": (), "rnn_relu": (), "gru": (3,), "gru_reset_after": (3,)}
    gates |= {"lstm": (4,), "lstm_peephole": (4,), "lstm_coupled": (3,)}
    more = {"gru_reset_after": ["b_hn"], "lstm_peephole": ["p_i", "p_f", "p_o"]}
    assert set(gates) == set(cells.__all__)
    for name, cell in CELLS.items():
        assert set(cell.__all__) == {
            "Cache", "Params", "State", "init", "step", "step_backward", "zero_state",
        }  # fmt: skip
        fields = more.get(name, [])
        assert cell.Params._fields == ("W_x", "W_h", "b", *fields)
        p = cell.init(np.random.default_rng(0), 2, 3)
        shapes = [(*gates[name], 3, 2), (*gates[name], 3, 3), (*gates[name], 3, 1)]
        assert [a.shape for a in p] == shapes + [(3, 1)] * len(fields)
        assert cell.State._fields == (("h", "c") if "lstm" in name else ("h",))
        assert cell.Cache._fields[:2] == ("x", "h_prev")
    assert CELLS["lstm"].Cache._fields == ("x", "h_prev", "c_prev", "i", "f", "c_tilde", "o", "c")
    assert CELLS["gru"].Cache._fields == ("x", "h_prev", "z", "r", "h_tilde")
    assert unrolled.Gradients._fields == ("p", "s0", "xs", "states")


def test_every_public_function_is_used_in_a_test_and_says_what_it_does():
    tests = set(re.findall(r"\w+", "".join(path.read_text(encoding="utf-8") for path in TESTS)))
    library = Counter(re.findall(r"\w+", everything_in(LIB)))
    for path in LIB.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"
            if public and "sphinxext" not in path.parts:
                assert ast.get_docstring(node), f"{path.stem}.{node.name}"
                assert node.name in tests or library[node.name] > 1, f"{path.stem}.{node.name}"


def everything_in(folder: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))


# Notebooks


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_a_notebook_is_stored_run_and_clean(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    found = code_cells(path)
    assert [c.execution_count for c in found] == list(range(1, len(found) + 1))
    assert any(c.outputs for c in found)
    assert set(notebook.metadata) == {"description", "kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}
    for output in (output for c in found for output in c.outputs):
        assert output.output_type != "error"
        assert output.get("name") != "stderr"
        assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
        text = json.dumps(
            {
                k: v
                for k, v in output.get("data", {"text": output.get("text")}).items()
                if k not in {"image/png", "image/svg+xml"}
            }
        )
        assert not re.search(r"0x[0-9a-f]{6,}|\d+%\||[0-9]\.[0-9]{17}", text)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_cells_are_short_and_library_code_is_shown_not_copied(path):
    for number, cell in enumerate(code_cells(path)):
        lines = cell.source.splitlines()
        assert len(lines) <= 15, f"code cell {number}"
        assert number == 0 or not any(re.match(r"(import|from) ", line) for line in lines)
        assert not re.search(r"def (step|step_backward|unroll|backward|train)\(", cell.source)


@pytest.mark.parametrize("path", [*NOTEBOOKS, *PAGES], ids=name_of)
def test_pictures_have_alternative_text(path):
    text = prose(path)
    for figure in re.findall(r"```\{(?:figure|image)\}.*?```", text, re.DOTALL):
        assert re.search(r"(?m)^:alt: .{40,}", figure)
    assert not re.search(r"!\[\]\(", text)
    for cell in code_cells(path) if path.suffix == ".ipynb" else []:
        if any(
            {"image/png", "image/svg+xml"} & {*output.get("data", {})} for output in cell.outputs
        ):
            assert len(cell.metadata["mystnb"]["image"]["alt"]) > 40


@pytest.mark.parametrize("path", [*NOTEBOOKS, *PAGES], ids=name_of)
def test_paragraphs_are_short(path):
    for paragraph in re.split(r"\n\s*\n|\n- |\n\d\. |\n\|", prose(path)):
        if not paragraph.startswith("```"):
            words = CITATION.sub("", paragraph).split()
            assert len(words) <= 120, paragraph[:80]


def test_every_numbered_equation_has_a_test_and_every_such_test_an_equation():
    text = "".join(prose(path) for path in [*NOTEBOOKS, *PAGES])
    displays = re.findall(r"\$\$\n.*?\n\$\$ *(?:\(eq-([\w-]+)\))?", text, re.DOTALL)
    labels = [label for label in displays if label]
    assert len(labels) == len(set(labels)) >= 9
    marks = set()
    for path in TESTS:
        marks |= set(re.findall(r'mark\.equation\("([\w-]+)"\)', path.read_text(encoding="utf-8")))
    assert marks == set(labels)


CHAPTERS = [path for path in NOTEBOOKS if path.parent.name in {"recurrence", "gates", "practice"}]


@pytest.mark.parametrize("path", CHAPTERS, ids=name_of)
def test_every_chapter_has_its_parts_in_order(path):
    text = prose(path)
    parts = [
        "{admonition} In this chapter",
        "## What to remember",
        "## Check yourself",
        "## Exercises",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    box = text[places[0] : text.index(":::", places[0] + 20)]
    for words in ("**You will be able to**", "**You need**", "**Time:**"):
        assert words in box
    assert re.search(r"\$\$ *\(eq-|\{eq\}`eq-", text), "equations have numbers, or are referred to"
    assert len(re.findall(r"\{exercise\}", text)) >= 4


@pytest.mark.parametrize("path", CHAPTERS, ids=name_of)
def test_the_notation_page_has_the_letters_of_every_chapter(path):
    """Greek letters, and what has a value at every step."""
    formulas = re.compile(r"\$\$(.*?)\$\$|\$([^$\n]+)\$", re.DOTALL)
    greek = r"\\(?:(?:var)?epsilon|alpha|beta|gamma|delta|eta|theta|kappa|lambda|mu|rho|sigma|tau)(?![a-z])"
    letter = re.compile(greek + r"|(?:\\tilde )?(?<![A-Za-z\\])[A-Za-z]_t\b")
    named, used = (
        {found for pair in formulas.findall(text) for found in letter.findall("".join(pair))}
        for text in (prose(ROOT / "book" / "notation.md"), prose(path))
    )
    assert used
    assert used <= named


@pytest.mark.parametrize("path", CHAPTERS, ids=name_of)
def test_every_chapter_asks_at_least_five_questions_of_three_kinds(path):
    asked = re.compile(r"\b(SelfCheck|Choice|Number|Order|Predict)\(")
    cells = [cell for cell in code_cells(path) if asked.search(cell.source)]
    for cell in cells:
        assert cell.metadata.tags == ["remove-input"], "the answers are not on show"
        assert cell.metadata.jupyter.source_hidden
    (cell,) = [cell for cell in cells if "SelfCheck(" in cell.source]
    (output,) = [o for o in cell.outputs if "text/html" in o.get("data", {})]
    kinds = re.findall(r'<fieldset class="sc-question" data-type="(\w+)"', output.data["text/html"])
    assert len(kinds) >= 5
    assert len(set(kinds)) >= 3


def test_every_exercise_has_a_solution():
    text = "".join(prose(path) for path in NOTEBOOKS)
    exercises = re.findall(r"\{exercise\}[^\n]*\n:label: ([\w-]+)", text)
    assert len(exercises) >= 6
    assert exercises == re.findall(r"\{solution\} ([\w-]+)", text)


# One visual language


def luminance(colour: str) -> float:
    channels = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_the_palette_is_legible_distinct_and_written_once():
    palette = json.loads((LIB / "palette.json").read_text())
    assert set(palette) == {"f", "i", "o", "c_tilde", "c", "h", "z", "r", "gradient"}
    for theme, pages in {"light": ["#ffffff"], "dark": ["#121212", "#14181e"]}.items():
        for entry in palette.values():
            for page in pages:
                low, high = sorted([luminance(entry[theme]), luminance(page)])
                assert (high + 0.05) / (low + 0.05) >= 4.5, entry
    # What never shares a picture may share a pattern; these do share pictures.
    for letters in (["f", "i", "o", "c_tilde", "c", "h", "gradient"], ["z", "r", "c_tilde", "h"]):
        assert len({palette[letter]["dash"] for letter in letters}) == len(letters)
    sources = [p for p in TRACKED if p.suffix in {".py", ".js", ".css"}]
    sources = [p for p in sources if not {"static", "tests"} & set(p.parts)]
    for entry in palette.values():
        for theme in ("light", "dark"):
            if entry[theme] not in ("#2b2b2b", "#f0f0f0"):  # near-black and near-white are anyone's
                assert not [p for p in sources if entry[theme] in p.read_text(encoding="utf-8")]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_palette_is_safe_for_the_colour_blind(theme):
    """Colours of one picture stay apart for protan, deutan and tritan eyes (Machado et al. 2009)."""
    palette = json.loads((LIB / "palette.json").read_text())
    simulations = [
        np.eye(3),
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
    ]  # fmt: skip
    to_lms = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.63]]
    to_lab = [[0.2105, 0.7936, -0.0041], [1.978, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]

    def oklab(colour, simulation):
        channels = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        seen = np.clip(np.array(simulation) @ linear, 0, 1)
        return np.array(to_lab) @ np.cbrt(np.array(to_lms) @ seen)

    letters = ["f", "i", "o", "c_tilde", "c", "h", "gradient"]
    for simulation in simulations:
        points = [oklab(palette[letter][theme], simulation) for letter in letters]
        for n, a in enumerate(points):
            for b in points[:n]:
                assert np.linalg.norm(a - b) > 0.08
