"""The equations of the chapter "Long memory": baselines by sums and integrals, adders by loops."""

import math

import numpy as np
import pytest

from unrolled import cells, readout, tasks
from unrolled.training import Model, init_model, predict
from unrolled.tree import tree_leaves


def mean_over_squares(f, low, high, n=400):
    """The mean of f(x, y) for x and y uniform in [low, high], by the midpoint rule."""
    points = [low + (high - low) * (k + 0.5) / n for k in range(n)]
    return math.fsum(f(x, y) for x in points for y in points) / n**2


@pytest.mark.equation("memory-adding-baseline")
def test_answering_one_costs_a_sixth_and_any_other_constant_more():
    def cost(a):
        return mean_over_squares(lambda x, y: (x + y - a) ** 2, 0, 1)

    assert abs(cost(1) - 1 / 6) < 1e-5
    assert min(cost(0.9), cost(1.1)) > 1 / 6 + 0.009  # 0.1² more
    assert tasks.adding(20).baseline == 1 / 6
    batch = tasks.adding(20).test(np.random.default_rng(0), 20_000)
    loss, _ = tasks.adding(20).loss(np.ones_like(batch.target), batch.target)
    assert abs(loss - 1 / 6) < 0.005


@pytest.mark.equation("memory-adding-half")
def test_one_number_known_halves_the_cost():
    def cost(a):
        return mean_over_squares(lambda x, y: (x + y - (y + a)) ** 2, 0, 1)

    assert abs(cost(0.5) - 1 / 12) < 1e-5
    assert min(cost(0.4), cost(0.6)) > 1 / 12 + 0.009


@pytest.mark.equation("memory-adding-1997")
def test_the_version_of_1997_has_another_baseline():
    def cost(a):
        return mean_over_squares(lambda x, y: (0.5 + (x + y) / 4 - a) ** 2, -1, 1)

    assert abs(cost(0.5) - 1 / 24) < 1e-5
    assert min(cost(0.4), cost(0.6)) > 1 / 24 + 0.009


def copy_loss(T, known):
    """The mean cross entropy, step by step, of who knows so many symbols and guesses the others."""
    nats = [-math.log(1.0)] * (T + 10)
    nats += [-math.log(1.0) if k < known else -math.log(1 / 8) for k in range(10)]
    return math.fsum(nats) / len(nats)


@pytest.mark.equation("memory-copy-baseline")
@pytest.mark.parametrize("T", [1, 5, 10, 100])
def test_blanks_and_a_guess_among_eight_in_the_mean_over_all_steps(T):
    expected = 10 * math.log(8) / (T + 20)
    assert abs(copy_loss(T, 0) - expected) < 1e-15
    task = tasks.copy(T)
    assert abs(task.baseline - expected) < 1e-15
    batch = task.test(np.random.default_rng(0), 50)
    assert len(batch.xs) == T + 20
    y = np.full((T + 20, 9, 50), -60.0)
    y[: T + 10, 8] = 60  # blank, for certain
    y[T + 10 :, :8] = 60  # one of eight
    assert abs(task.loss(y, batch.target)[0] - expected) < 1e-12


@pytest.mark.equation("memory-copy-symbols")
@pytest.mark.parametrize("known", range(11))
def test_a_loss_is_worth_so_many_symbols(known):
    T = 7
    assert abs(10 * (1 - copy_loss(T, known) / copy_loss(T, 0)) - known) < 1e-12


@pytest.mark.equation("memory-parameters")
@pytest.mark.parametrize(("cell", "g"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
@pytest.mark.parametrize(("D", "H", "K"), [(2, 5, 1), (10, 7, 9)])
def test_parameters_of_cell_and_readout_are_counted(cell, g, D, H, K):
    model = init_model(getattr(cells, cell), np.random.default_rng(0), D, H, K)
    counted = sum(1 for _, array in tree_leaves(model) for _ in array.flat)
    assert counted == g * (H * (D + H) + H) + K * (H + 1)


@pytest.mark.equation("memory-adder")
@pytest.mark.parametrize("T", [2, 9, 200])
def test_two_rectified_units_add_exactly(T):
    batch = tasks.adding(T).test(np.random.default_rng(T), 40)
    params = cells.rnn_relu.Params(
        W_x=np.array([[1.0, 1], [0, 0]]),
        W_h=np.array([[0.0, 0], [1, 1]]),
        b=np.array([[-1.0], [0]]),
    )
    model = Model(params, readout.Params(np.ones((1, 2)), np.zeros((1, 1))))
    y = predict(cells.rnn_relu, model, batch.xs)[-1, 0]
    for b in range(40):
        u = v = 0.0
        for x, m in batch.xs[:, :, b]:
            v, u = max(0.0, v + u), max(0.0, x + m - 1)
        assert abs(v + u - batch.target[0, b]) < 1e-14
        assert abs(y[b] - (v + u)) < 1e-14


@pytest.mark.equation("memory-gru-share")
@pytest.mark.parametrize("k", [1, 5, 20, 100])
def test_a_constant_update_gate_shows_at_most_this_share(k):
    def shown(z):
        """What is left of a candidate of 1 after k more steps with candidates of 0."""
        h = z
        for _ in range(k):
            h = (1 - z) * h + z * 0
        return h

    best = max(shown(n / 10_000) for n in range(10_001))
    assert abs(best - shown(1 / (k + 1))) < 1e-6
    bound = (k / (k + 1)) ** k / (k + 1)
    assert abs(shown(1 / (k + 1)) - bound) < 1e-15
    assert bound < 1 / (math.e * k)
