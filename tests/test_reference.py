"""States and gradients against vectors made with PyTorch (see reference/make.py)."""

from pathlib import Path

import numpy as np
import pytest
from helpers import CELLS, assert_close

from unrolled import backward, unroll
from unrolled.cells import lstm

REFERENCE = Path(__file__).parent / "reference"


def cases(name: str) -> list[dict[str, np.ndarray]]:
    with np.load(REFERENCE / f"{name}.npz") as file:
        numbers = sorted({int(key.split("/")[0]) for key in file.files if "/" in key})
        return [
            {key.split("/")[1]: file[key] for key in file.files if key.startswith(f"{n}/")}
            for n in numbers
        ]


def check_case(cell, case: dict[str, np.ndarray]) -> None:
    """Assert that the library gives the states and all gradients that PyTorch gave."""
    p = cell.Params(*(case[field] for field in cell.Params._fields))
    s0 = cell.State(*(case[f"s0_{field}"] for field in cell.State._fields))
    upstream = cell.State(*(case[f"up_{field}"] for field in cell.State._fields))
    states, caches = unroll(cell, p, s0, case["xs"])
    g = backward(cell, p, caches, upstream)
    for field in cell.State._fields:
        assert_close(getattr(states, field), case[field])
        assert_close(getattr(g.s0, field), case[f"d_s0_{field}"])
    for field in cell.Params._fields:
        assert_close(getattr(g.p, field), case[f"d_{field}"])
    assert_close(g.xs, case["d_xs"])


@pytest.mark.parametrize("name", CELLS)
def test_states_and_all_gradients_are_those_of_pytorch(name):
    found = cases(name)
    assert len(found) >= 20
    for case in found:
        check_case(CELLS[name], case)


@pytest.mark.parametrize("name", CELLS)
def test_the_vectors_say_where_they_come_from(name):
    with np.load(REFERENCE / f"{name}.npz") as file:
        assert str(file["provenance"]).startswith("torch 2.13")


def test_the_chapter_by_hand_quotes_what_pytorch_printed():
    printed = (REFERENCE / "by_hand.txt").read_text().strip()
    notebook = REFERENCE.parents[1] / "book" / "gates" / "lstm-by-hand.ipynb"
    assert f"# {printed}\\n" in notebook.read_text(encoding="utf-8")
    p = lstm.Params(
        np.array([0.9, 0.5, -0.9, 1.2]).reshape(4, 1, 1),
        np.array([-0.8, -1.2, -0.2, 0.4]).reshape(4, 1, 1),
        np.array([-0.5, 1.0, 0.9, -1.1]).reshape(4, 1, 1),
    )
    s = lstm.State(h=np.array([[0.1]]), c=np.array([[0.2]]))
    after, _ = lstm.step(p, s, np.array([[0.5]]))
    assert printed == f"c = {after.c.item():.5f}, h = {after.h.item():.5f}"
