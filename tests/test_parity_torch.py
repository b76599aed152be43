"""Live against PyTorch, on fresh random cases: what the stored vectors say, not only there."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from helpers import CELLS
from test_reference import check_case

pytestmark = pytest.mark.slow

MAKE = Path(__file__).parent / "reference" / "make.py"


@pytest.fixture(scope="module")
def make():
    spec = importlib.util.spec_from_file_location("make_reference", MAKE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", CELLS)
def test_200_fresh_cases_agree(make, name):
    rng = np.random.default_rng(1000)
    for _ in range(200):
        check_case(CELLS[name], make.case(name, rng))


def test_the_stored_answer_to_the_chapter_by_hand_is_pytorchs(make):
    assert make.by_hand() == (MAKE.parent / "by_hand.txt").read_text()
