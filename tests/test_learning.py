"""What is learnt, and what is not: training from scratch, judged on fresh or unseen sequences.

The adding task, T = 100, to a mean squared error below 0.01 (predicting the mean scores 0.1667):
every network has about the same number of parameters, sees the same number of updates on batches
of 32 fresh sequences, and is trained by Adam in float32. The LSTM and the GRU run at one setting.
The simple recurrent network runs over a grid of learning rates and clippings that contains this
setting, starts like the gated ones from U(-1/√H, 1/√H), and is judged by the best test error of
all the grid and all stages of training: the comparison is in its favour. It says nothing of other
starts, such as an identity for W_h.

The embedded Reber grammar: an LSTM trained on 2000 strings comes to get all of them and 256 others
right, in most runs: of seeds 20 to 22, which the test takes, within 1700, 1700 and more than 6000
updates. As in the paper, training stops when that is so: who goes on may lose a rare string again.
(With the paper's 256 training strings it learns the long memory as well, but soon after learns the
strings by heart, and the unseen ones suffer.)

Settings were chosen on other seeds than those of the tests.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from tqdm import tqdm

from unrolled import cells, tasks
from unrolled.optimizers import adam
from unrolled.training import init_model, predict, train
from unrolled.tree import tree_leaves

pytestmark = pytest.mark.slow

SEEDS = (20, 21, 22)
T, B, UPDATES = 100, 32, 3000
# Hidden units for 4513, 4515 and 4486 parameters.
UNITS = {"lstm": 32, "gru_reset_after": 37, "rnn": 65}
RATE, CLIP = 1e-2, 1.0
GRID = list(product((1e-3, 3e-3, 1e-2), (None, 1.0)))


class Run(NamedTuple):
    cell: str
    rate: float
    clip: float | None
    seed: int


def adding_errors(run: Run) -> list[float]:
    """Train on the adding task; return the test error after every 250 updates."""
    cell, rng = getattr(cells, run.cell), np.random.default_rng(run.seed)
    task = tasks.adding(T, dtype=np.float32)
    model = init_model(cell, rng, task.D, UNITS[run.cell], task.K, np.float32)
    test = task.test(np.random.default_rng([run.seed, 1]))
    errors = []
    with np.errstate(all="raise", under="ignore"):
        batches = task.batches(rng, B, UPDATES)
        for record in train(
            cell, model, batches, task.loss, adam(run.rate), clip=run.clip, progress=False
        ):
            if record.update % 250 == 0:
                y = predict(cell, record.model, test.xs)
                errors.append(task.loss(y[-1], test.target)[0])
    return errors


def updates_to_learn_reber(seed: int) -> int | None:
    """Train an LSTM until all 2000 training strings and 256 others are right; say when, if ever."""
    rng, task = np.random.default_rng(seed), tasks.embedded_reber(2000, seed, dtype=np.float32)
    model = init_model(cells.lstm, rng, task.D, 32, task.K, np.float32)
    # A training string is missing in so many draws once in a thousand times.
    test, training = task.test(rng), task.batch(rng, 14_000)
    batches = task.batches(rng, 32, 8000)
    with np.errstate(all="raise", under="ignore"):
        for record in train(
            cells.lstm, model, batches, task.loss, adam(2e-2), every_step=True, clip=1.0,
            progress=False,
        ):  # fmt: skip
            if record.update % 100 == 0 and all(
                task.solved(predict(cells.lstm, record.model, part.xs, part.lengths), part)
                for part in (test, training)
            ):
                return record.update
    return None


@pytest.fixture
def side_by_side(monkeypatch, capfd):
    """Run a function on each of a list, in two processes of one thread, under a progress bar."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")

    def run(function: Any, arguments: list[Any], text: str) -> list[Any]:
        spawn = multiprocessing.get_context("spawn")
        with capfd.disabled(), ProcessPoolExecutor(2, mp_context=spawn) as pool:
            results = pool.map(function, arguments)
            return list(tqdm(results, desc=text, total=len(arguments), leave=False))

    return run


def test_the_networks_that_are_compared_have_about_the_same_number_of_parameters():
    counts = []
    for name, H in UNITS.items():
        model = init_model(getattr(cells, name), np.random.default_rng(0), 2, H, 1)
        counts.append(sum(array.size for _, array in tree_leaves(model)))
    assert counts == [4513, 4515, 4486]


@pytest.mark.parametrize("cell", ["lstm", "gru_reset_after"])
def test_gated_networks_learn_to_add_over_a_hundred_steps(side_by_side, cell):
    runs = [Run(cell, RATE, CLIP, seed) for seed in SEEDS]
    for errors in side_by_side(adding_errors, runs, f"adding, {cell}"):
        assert errors[-1] < 0.01, errors


def test_a_simple_recurrent_network_does_not_within_the_same_budget(side_by_side):
    assert (RATE, CLIP) in GRID
    runs = [Run("rnn", rate, clip, seed) for seed in SEEDS for rate, clip in GRID]
    for run, errors in zip(runs, side_by_side(adding_errors, runs, "adding, rnn"), strict=True):
        assert min(errors) > 0.1, (run, errors)


def test_an_lstm_learns_the_embedded_reber_grammar(side_by_side):
    """Every one of 256 unseen strings, at every step, in at least two runs of three."""
    found = side_by_side(updates_to_learn_reber, list(SEEDS), "embedded Reber grammar")
    solved = [updates for updates in found if updates is not None]
    assert len(solved) >= 2, found
