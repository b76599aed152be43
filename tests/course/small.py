"""A small assignment: every kind of part, in a few lines."""

from typing import NamedTuple

import numpy as np

from unrolled.course.spec import Assignment, Case, Given, Part, Written
from unrolled.course.template import make_notebook


class Params(NamedTuple):
    W: np.ndarray
    b: np.ndarray


def layer(p, x):
    return np.tanh(p.W @ x + p.b)


def layer_backward(p, x, dy):
    da = dy * (1 - layer(p, x) ** 2)
    return Params(da @ x.T, da.sum(axis=1, keepdims=True)), p.W.T @ da


def layer_cases(rng, variant):
    shapes = [(2, 3, 1), (4, 2, 5)]
    return [
        Case(
            f"{B} columns",
            (Params(rng.normal(size=(H, D)), rng.normal(size=(H, 1))), rng.normal(size=(D, B))),
        )
        for H, D, B in shapes
    ]


def backward_cases(rng, variant):
    return [
        Case(case.about, (*case.arguments, rng.normal(size=layer(*case.arguments).shape)))
        for case in layer_cases(rng, variant)
    ]


def far(arguments, came):
    (n,) = arguments
    return None if came**n < 0.01 else f"{came}^{n} is not below 0.01"


SMALL = Assignment(
    "small",
    "A small assignment",
    parts=(
        Part(
            "numbers", 1, "Two numbers", ("a", "b"), ("a", "b"),
            cases=lambda rng, variant: [Case("")],
            reference=lambda: (2.0, 3.0), call=False,
        ),
        Part(
            "layer", 2, "A layer", ("layer",), ("y",), layer_cases, layer,
            mistakes={"Is tanh missing?": lambda p, x: p.W @ x + p.b},
        ),
        Part(
            "backward", 3, "Its gradients", ("layer_backward",), ("dp", "dx"),
            backward_cases, layer_backward,
            given={"layer": "def layer(p, x):\n    return np.tanh(p.W @ x + p.b)\n"},
        ),
        Part(
            "far", 1, "A number that vanishes", ("far",), ("number",),
            cases=lambda rng, variant: [Case("ten steps", (10,))], judge=far,
        ),
        Part(
            "apply", 1, "A function at work", ("apply",), ("y",),
            cases=lambda rng, variant: [
                Case("a square", (Given("def f(x):\n    return x * x\n", "f"), float(rng.integers(3, 9))))
            ],
            reference=lambda f, x: x * x,
        ),
    ),
    written=(Written("words", 4, "In words"),),
)  # fmt: skip

TEMPLATE = """# %% [markdown]
# A small assignment, variant {{variant}}
# %% locked=setup
import numpy as np
# %% answer=numbers
### BEGIN SOLUTION
a, b = 2, 3
### END SOLUTION
# %% check=numbers
assert (a, b) == (2, 3)
# %% answer=layer
def layer(p, x):
    ### BEGIN SOLUTION
    return np.tanh(p.W @ x + p.b)
    ### END SOLUTION
# %% check=layer
assert callable(layer)
# %% answer=backward
def layer_backward(p, x, dy):
    ### BEGIN SOLUTION
    da = dy * (1 - layer(p, x)**2)
    return (da @ x.T, da.sum(axis=1, keepdims=True)), p.W.T @ da
    ### END SOLUTION
# %% check=backward
assert callable(layer_backward)
# %% answer=far
def far(n):
    ### BEGIN SOLUTION
    return 0.5
    ### END SOLUTION
# %% check=far
assert far(10) < 1
# %% answer=apply
def apply(f, x):
    ### BEGIN SOLUTION
    return f(x)
    ### END SOLUTION
# %% check=apply
assert callable(apply)
# %% [markdown] written=words
### BEGIN SOLUTION
Words.
### END SOLUTION
"""


def solved(variant=0):
    return make_notebook(SMALL, TEMPLATE, {"variant": variant})


def set_answer(notebook, part, source):
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == f"{part}-answer":
            cell.source = source
    return notebook
