"""The corpus: right submissions have all points, wrong ones lose those of the part that is wrong."""

from importlib import import_module

import pytest
from corpus import made

from unrolled.course.assignments import NAMES, instructor_notebook, load
from unrolled.course.grading import grade
from unrolled.course.submission import restore
from unrolled.course.template import for_students

CORPUS = {name: import_module(f"corpus.{name}") for name in NAMES}
RIGHT = [(name, kind) for name in CORPUS for kind in CORPUS[name].RIGHT]
WRONG = [(name, kind) for name in CORPUS for kind in CORPUS[name].WRONG]


def graded(name, change, sandbox):
    released = for_students(instructor_notebook(name))
    submission = restore(made(name, change), released, load(name))
    return grade(load(name), submission, sandbox, "secret").parts


def test_the_corpus_is_as_large_as_it_should_be():
    for name in NAMES:
        assert len(CORPUS[name].RIGHT) >= 12
        assert len(CORPUS[name].WRONG) >= 40
        parts = {kind.split(":")[0] for kind in CORPUS[name].WRONG}
        assert parts == {part.name for part in load(name).parts}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), RIGHT)
def test_right_submissions_have_all_points(sandbox, name, kind):
    parts = graded(name, CORPUS[name].RIGHT[kind], sandbox)
    assert [part for part in parts if part.score < part.points] == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), WRONG)
def test_wrong_submissions_lose_the_points_of_the_part_that_is_wrong(sandbox, name, kind):
    wrong = kind.split(":")[0]
    parts = graded(name, CORPUS[name].WRONG[kind], sandbox)
    for part in parts:
        assert part.score == (0 if part.name == wrong else part.points), part
        assert bool(part.wrong) is (part.name == wrong)
