"""The three assignments: their solutions are right, their students' versions are empty."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from corpus import gru, lstm, made

from unrolled.course.assignments import NAMES, instructor_notebook, load
from unrolled.course.assignments import lstm as lstm_spec
from unrolled.course.check import check, hidden_cases, visible_cases
from unrolled.course.grading import grade
from unrolled.course.submission import restore
from unrolled.course.template import TemplateError, filled, for_students, in_order, make_notebook

VARIANTS = (0, 7)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", NAMES)
def test_the_solution_has_all_points_and_the_students_version_none(sandbox, name, variant):
    assignment, solved = load(name), instructor_notebook(name, variant)
    students = for_students(solved)
    assert assignment.points == 30
    found = grade(assignment, restore(solved, students, assignment), sandbox, "secret", variant)
    assert [part for part in found.parts if part.score < part.points] == []
    assert found.notes == []
    empty = grade(assignment, restore(students, students, assignment), sandbox, "secret", variant)
    assert empty.score == 0


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_solution_is_left_for_students(name):
    solved = instructor_notebook(name)
    students = for_students(solved)
    assert "SOLUTION" in "".join(cell.source for cell in solved.cells)
    text = "".join(cell.source for cell in students.cells)
    assert "SOLUTION" not in text
    assert "Rubric" not in text
    for before, after in zip(solved.cells, students.cells, strict=True):
        if not before.metadata.get("nbgrader", {}).get("solution"):
            assert before.source == after.source


@pytest.mark.parametrize("name", NAMES)
def test_variants_differ_and_hidden_cases_are_not_the_visible_ones(name):
    text = ["".join(c.source for c in instructor_notebook(name, v).cells) for v in (0, 1, 2)]
    assert len(set(text)) == 3
    for part in load(name).parts:
        if part.call:
            visible, hidden = visible_cases(part, 0), hidden_cases(part, "secret", 0)
            assert repr(visible) == repr(visible_cases(part, 0))
            assert repr(visible) != repr(hidden) != repr(hidden_cases(part, "another", 0))


def test_what_is_not_there_is_said():
    with pytest.raises(KeyError, match="lstm, gru, gates; got 'rnn'"):
        load("rnn")
    with pytest.raises(KeyError, match="got 'steps'"):
        check("lstm", "steps", print)
    with pytest.raises(TypeError, match="got 2 answers"):
        check("lstm", "step", print, print)
    with pytest.raises(AssertionError, match="expected a function, got int"):
        check("lstm", "step", 3)


def test_a_template_that_is_no_assignment_is_refused():
    with pytest.raises(TemplateError, match="no value x"):
        filled("{{x}}", {"y": 1})
    assert filled("{{x}} and {{x}}", {"x": 2}) == "2 and 2"
    for text, words in [
        ("words", "begins with a cell"),
        ("# %% answer=nothing\n", "lstm has"),
        ("# %% answer=step\n# %% answer=step\n", "twice"),
        ("# %% check=example\n# %% answer=example\n", "part example needs"),
    ]:
        with pytest.raises(TemplateError, match=words):
            make_notebook(load("lstm"), text, {})


BOOK = Path(__file__).resolve().parents[2] / "book" / "assignments"


@pytest.mark.parametrize("name", NAMES)
def test_the_books_notebooks_are_those_that_the_code_makes(name):
    source = nbformat.read(BOOK / "source" / name / f"{name}.ipynb", as_version=4)
    wanted = instructor_notebook(name)
    assert [(c.id, c.source, c.metadata) for c in source.cells] == [
        (c.id, c.source, c.metadata) for c in wanted.cells
    ]
    code = [cell for cell in source.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    page = nbformat.read(BOOK / f"{name}.ipynb", as_version=4)
    assert page.metadata["description"] == load(name).about
    students = for_students(wanted)
    assert [(c.id, c.source) for c in page.cells] == [(c.id, c.source) for c in students.cells]
    outputs = [o for c in page.cells if c.cell_type == "code" for o in c.outputs]
    assert all("data-explorable" in o.data["text/html"] for o in outputs)
    assert len(outputs) == 1
    for cell in code:
        assert max(map(len, cell.source.splitlines())) <= 79


def test_a_variant_puts_sections_in_another_order_and_numbers_them_anew():
    orders = set()
    for variant in range(5):
        text = "\n".join(cell.source for cell in instructor_notebook("gates", variant).cells)
        titles = re.findall(r"(?m)^## (\d+)\. (.*) ?", text)
        assert [int(number) for number, _ in titles] == list(range(1, 9))
        assert titles[0][1].startswith("Forward")
        orders.add(tuple(title for _, title in titles))
    assert len(orders) >= 3
    with pytest.raises(TemplateError, match="2 sections"):
        in_order("# %% [markdown]\n## 1. A\n# %% [markdown]\n## 2. B\n", [1, 1])


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("lstm", "W_h for its transpose", "Is W_h used where its transpose belongs?"),
        ("lstm", "sigma's derivative forgotten", "at [0, 0, 0], got"),
        ("lstm", "sigma's derivative forgotten", "(wrong in the rows of i)"),
        ("gru", "path through z missing", "The path of h_prev through z is missing."),
        ("gru", "path through r missing", "The path of h_prev through r is missing."),
        ("gru", "direct path missing", "The path of h_prev through the blend is missing."),
        ("gru", "path through the candidate missing", "h_prev through the candidate is missing."),
        ("gru", "dW_hh without the reset", "(wrong in the rows of the candidate). The candidate's"),
    ],
)
def test_the_longest_part_says_which_gate_and_often_which_mistake(name, kind, words):
    notebook = made(name, {"lstm": lstm, "gru": gru}[name].WRONG[f"step-backward: {kind}"])
    names = {"np": np}
    for cell in notebook.cells:
        grading = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and grading["grade_id"] not in ("setup", "explorable"):
            if grading["grade_id"] == "step-backward":
                break
            if not grading["grade"]:
                exec(cell.source, names)
    with pytest.raises(AssertionError, match=re.escape(words)):
        check(name, "step-backward", names[f"{name}_step_backward"])


def test_every_gate_that_is_forgotten_is_told_by_the_rule():
    with pytest.raises(AssertionError, match=r"rows of i, f, o\)\. A gate is a σ: its gradient"):
        check("lstm", "step-backward", lstm_spec.step_backward_with("slopes"))
