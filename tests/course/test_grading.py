"""Points: all for right work, and those of its own part alone for what is wrong."""

import re

import nbformat
import pytest
from small import SMALL, set_answer, solved

from unrolled.course.check import visible_cases
from unrolled.course.grading import grade
from unrolled.course.submission import restore
from unrolled.course.template import for_students


@pytest.fixture
def scores(sandbox):
    def found(notebook):
        result = grade(SMALL, restore(notebook, for_students(solved()), SMALL), sandbox, "secret")
        return {part.name: part.score for part in result.parts}, result

    return found


FULL = {part.name: part.points for part in SMALL.parts}


def test_the_solution_has_all_points_and_the_students_version_none(scores):
    assert scores(solved())[0] == FULL
    none, result = scores(for_students(solved()))
    assert none == dict.fromkeys(FULL, 0)
    assert {part.wrong for part in result.parts} == {"not answered"}


UNANSWERED = {
    "empty": ("", "not answered"),
    "the stub's error in the student's own words": ("def apply(f, x):\n    raise NotImplementedError('later')", "NotImplementedError: later"),
    "another name": ("def applied(f, x):\n    return f(x)", "apply: not defined"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNANSWERED)
def test_only_what_was_left_as_it_was_is_told_as_not_answered(scores, kind):
    source, wrong = UNANSWERED[kind]
    found, result = scores(set_answer(solved(), "apply", source))
    assert found == FULL | {"apply": 0}
    assert result.parts[-1].wrong.startswith(wrong)


def test_an_answer_in_a_cell_of_its_own_is_judged_though_the_given_one_is_empty(scores):
    notebook = set_answer(solved(), "apply", "")
    place = next(
        k
        for k, c in enumerate(notebook.cells)
        if c.metadata.get("nbgrader", {}).get("grade_id") == "apply-answer"
    )
    notebook.cells.insert(place, nbformat.v4.new_code_cell("def apply(f, x):\n    return 0.0"))
    assert "expected" in scores(notebook)[1].parts[-1].wrong
    notebook.cells[place].source = "def apply(f, x):\n    return f(x)"
    assert scores(notebook)[0] == FULL


RIGHT = {
    "other names": ("layer", "def layer(q, v):\n    return np.tanh(np.einsum('hd,db->hb', q[0], v) + q[1])"),
    "float32": ("layer", "def layer(p, x):\n    return np.tanh(p.W @ x + p.b).astype('f4')"),
    "list": ("numbers", "a, b = np.float64(2), np.array(3)"),
    "own layer": ("backward", "def layer_backward(p, x, dy):\n    y = np.tanh(p.W @ x + p.b)\n    da = dy * (1 - y * y)\n    return [{'W': da @ x.T, 'b': da.sum(1)[:, None]}, p.W.T @ da]"),
    "magic": ("far", "%time 1\nimport math\nfar = lambda n: math.exp(-5)"),
}  # fmt: skip


@pytest.mark.parametrize("kind", RIGHT)
def test_right_work_in_another_style_has_all_points(scores, kind):
    found, result = scores(set_answer(solved(), *RIGHT[kind]))
    assert found == FULL, result.parts


WRONG = {
    "no tanh": ("layer", "def layer(p, x):\n    return p.W @ x + p.b", r"columns.*tanh missing"),
    "shape": ("layer", "def layer(p, x):\n    return np.tanh(p.W @ x + p.b).T", "expected shape"),
    "one of two": ("numbers", "a = 2", "b: not defined"),
    "values": ("numbers", "a, b = 3, 2", "a: expected 2, got 3"),
    "transpose": ("backward", "def layer_backward(p, x, dy):\n    return layer(p, x), x", "expected dp.W, dp.b, dx"),
    "in place": ("layer", "def layer(p, x):\n    x *= 1.5\n    return np.tanh(p.W @ x / 1.5 + p.b)", "changes its argument number 2"),
    "constant": ("apply", "def apply(f, x):\n    return 25.0", "expected"),
    "judged": ("far", "def far(n):\n    return 0.9", "not below"),
    "form": ("far", "def far(n):\n    return (1, 2)", "cannot be judged"),
    "raises": ("layer", "def layer(p, x):\n    return unknown", r"NameError.*line 2"),
    "syntax": ("apply", "def apply(f, x:", "SyntaxError"),
    "nan": ("layer", "def layer(p, x):\n    return np.tanh(p.W @ x + p.b) * np.nan", "not finite"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_work_loses_the_points_of_its_part_alone(scores, kind):
    part, source, words = WRONG[kind]
    found, result = scores(set_answer(solved(), part, source))
    assert found == FULL | {part: 0}
    (one,) = (one for one in result.parts if one.name == part)
    text = f"{one.about}: {one.wrong}"
    assert re.search(words, text), text


def test_learning_the_visible_cases_by_heart_does_not_help(scores):
    seen = [case.arguments[1] for case in visible_cases(SMALL.part("apply"), 0)]
    learnt = f"def apply(f, x):\n    return x * x if x in {seen} else 0.0"
    found, result = scores(set_answer(solved(), "apply", learnt))
    assert found == FULL | {"apply": 0}
    assert result.parts[-1].hidden


def test_locked_cells_are_put_back_and_added_cells_run(scores):
    notebook = solved()
    notebook.cells[1].source = "1 / 0"  # the locked set-up
    helper = nbformat.v4.new_code_cell("def squash(a):\n    return np.tanh(a)")
    place = next(k for k, c in enumerate(notebook.cells) if "def layer(" in c.source)
    notebook.cells.insert(place, helper)
    set_answer(notebook, "layer", "def layer(p, x):\n    return squash(p.W @ x + p.b)")
    found, result = scores(notebook)
    assert found == FULL
    assert result.notes == ["the locked cell setup was changed: it is put back"]


def test_what_cells_print_is_kept_once(scores):
    notebook = solved()
    notebook.cells.insert(0, nbformat.v4.new_code_cell("print('begun', 1 + 1)"))
    found, result = scores(notebook)
    assert (found, result.printed) == (FULL, "begun 2\n")


def test_a_deleted_answer_costs_its_part_alone(scores):
    notebook = solved()
    notebook.cells = [
        c
        for c in notebook.cells
        if c.metadata.get("nbgrader", {}).get("grade_id") != "layer-answer"
    ]
    found, result = scores(notebook)
    assert found == FULL | {"layer": 0}
    assert "layer-answer is missing" in result.notes
