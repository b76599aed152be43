"""Read-outs, losses, optimizers, training, the gradient checker, showing sources."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import CELLS, assert_close, random_like

from unrolled import gradcheck, numerical_gradient, readout, show
from unrolled.cells import lstm, rnn
from unrolled.optimizers import adam, sgd
from unrolled.training import init_model, loss_and_gradients, predict, train
from unrolled.tree import tree_leaves, tree_norm


def softmax_by_definition(y):
    e = np.exp(y)
    return e / e.sum(axis=-2, keepdims=True)


@pytest.mark.parametrize("lead", [(), (5,)])
def test_readout_and_losses_have_the_gradients_of_central_differences(lead):
    rng = np.random.default_rng(0)
    p = random_like(rng, readout.init(rng, 3, 4))
    h = rng.standard_normal((*lead, 3, 2))
    for loss, target in (
        (readout.squared_error, rng.standard_normal((*lead, 4, 2))),
        (readout.cross_entropy, rng.integers(0, 4, (*lead, 2))),
    ):
        _, dy = loss(readout.linear(p, h), target)
        dp, dh = readout.linear_backward(p, h, dy)
        gradcheck(lambda q, f=loss, t=target: f(readout.linear(q, h), t)[0], p, dp)
        gradcheck(lambda a, f=loss, t=target: f(readout.linear(p, a), t)[0], h, dh)


def test_squared_error_has_no_half_so_that_predicting_the_mean_scores_the_variance():
    target = np.random.default_rng(0).uniform(0, 1, (1, 100_000)) * np.ones((1, 1))
    total = target[:, ::2] + target[:, 1::2]
    value, _ = readout.squared_error(np.ones_like(total), total)
    assert abs(value - 1 / 6) < 0.005  # the adding task's baseline
    assert_close(readout.squared_error(np.array([[3.0]]), np.array([[1.0]]))[0], 4.0)


def test_cross_entropy_is_minus_log_softmax_and_does_not_overflow():
    rng = np.random.default_rng(0)
    y, labels = rng.normal(0, 3, (5, 4, 3)), rng.integers(0, 4, (5, 3))
    value, dy = readout.cross_entropy(y, labels)
    p = softmax_by_definition(y)
    picked = [[p[t, labels[t, b], b] for b in range(3)] for t in range(5)]
    assert_close(value, -np.mean(np.log(picked)), 1e-14)
    one_hot = np.moveaxis(np.eye(4)[labels], -1, -2)
    assert_close(dy, (p - one_hot) / 15, 1e-14)
    assert readout.cross_entropy(np.array([[1e4], [-1e4]]), [1])[0] == 2e4
    assert readout.cross_entropy(y.astype("f4"), labels)[1].dtype == np.float32


def test_the_norm_of_a_tree_neither_overflows_nor_underflows():
    p = rnn.init(np.random.default_rng(0), 1, 1)
    for size in (1e-200, 1e200):
        q = type(p)(*(np.full_like(a, size) for a in p))
        assert_close(tree_norm(q) / size, np.sqrt(3), 1e-15)
    assert tree_norm(type(p)(*(np.zeros_like(a) for a in p))) == 0
    for hidden in (p._replace(W_h=np.array([[np.nan]])), p._replace(b=np.array([[np.nan]]))):
        assert np.isnan(tree_norm(hidden))


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("every_step", [False, True])
def test_gradients_of_the_whole_model_are_central_differences(name, every_step):
    rng = np.random.default_rng(3)
    model = init_model(CELLS[name], rng, 2, 3, 2)
    xs = rng.standard_normal((4, 2, 3))
    target = rng.standard_normal((4, 2, 3) if every_step else (2, 3))

    def loss(m):
        return loss_and_gradients(
            CELLS[name], m, xs, target, readout.squared_error, every_step=every_step
        )

    gradcheck(lambda m: loss(m)[0], model, loss(model)[1])


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_learns_keeps_the_dtype_and_leaves_the_model_it_was_given(name, dtype):
    """The last input but one, from noise: any cell gets far below the variance of 1."""
    cell, rng = CELLS[name], np.random.default_rng(0)

    def batches(n):
        for _ in range(n):
            xs = rng.standard_normal((5, 1, 32)).astype(dtype)
            yield xs, xs[-2]

    model = init_model(cell, rng, 1, 12, 1, dtype)
    before = [array.copy() for _, array in tree_leaves(model)]
    records = list(
        train(
            cell, model, batches(300), readout.squared_error, adam(0.02), clip=1.0, progress=False
        )
    )
    assert [r.update for r in records] == list(range(1, 301))
    assert records[0].loss > 0.7
    assert np.mean([r.loss for r in records[-10:]]) < 0.1
    for (_, a), b in zip(tree_leaves(model), before, strict=True):
        assert np.array_equal(a, b)
    assert all(array.dtype == dtype for _, array in tree_leaves(records[-1].model))
    assert predict(cell, records[-1].model, next(batches(1))[0]).dtype == dtype


def test_clipping_bounds_the_step_that_training_takes():
    rng = np.random.default_rng(0)
    model = init_model(rnn, rng, 1, 4, 1)
    batch = (rng.standard_normal((3, 1, 2)), 100 * np.ones((1, 2)))
    (record,) = train(
        rnn, model, [batch], readout.squared_error, sgd(1.0), clip=0.5, progress=False
    )
    moves = [
        a - b for (_, a), (_, b) in zip(tree_leaves(record.model), tree_leaves(model), strict=True)
    ]
    assert_close(np.sqrt(sum(np.sum(m**2) for m in moves)), 0.5, 1e-12)
    assert record.gradient_norm > 100


def test_training_shows_a_progress_bar_and_can_be_silent(monkeypatch, capfd):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    rng = np.random.default_rng(0)
    model = init_model(rnn, rng, 1, 2, 1)
    batches = [(rng.standard_normal((3, 1, 2)), np.zeros((1, 2)))] * 4
    for progress in (True, False):
        list(train(rnn, model, batches, readout.squared_error, sgd(0.1), progress=progress))
        shown = capfd.readouterr().err
        assert ("0/4" in shown) == progress
    monkeypatch.setenv("TQDM_DISABLE", "1")
    list(train(rnn, model, batches, readout.squared_error, sgd(0.1)))
    assert capfd.readouterr().err == ""


LENGTHS = np.array([5, 1, 3])


def ragged(every_step: bool, loss):
    """A model, a padded batch with its lengths, and a target for the loss."""
    rng = np.random.default_rng(3)
    model, xs = init_model(lstm, rng, 2, 4, 3), rng.standard_normal((5, 2, 3))
    shape = (5, 3) if every_step else (3,)
    if loss is readout.cross_entropy:
        return model, xs, rng.integers(0, 3, shape)
    return model, xs, rng.standard_normal((*shape[:-1], 3, 3))


@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("loss", [readout.squared_error, readout.cross_entropy])
def test_a_padded_batch_gives_the_mean_over_valid_steps_of_each_sequence_alone(loss, every_step):
    model, xs, target = ragged(every_step, loss)
    options = {"every_step": every_step}
    value, gradients = loss_and_gradients(lstm, model, xs, target, loss, lengths=LENGTHS, **options)
    weights = LENGTHS / LENGTHS.sum() if every_step else np.full(3, 1 / 3)
    mean, total = 0.0, [np.zeros_like(a) for _, a in tree_leaves(model)]
    for b, n in enumerate(LENGTHS):
        one = slice(b, b + 1)
        its = target[:n, ..., one] if every_step else target[..., one]
        alone, g = loss_and_gradients(lstm, model, xs[:n, :, one], its, loss, **options)
        mean += weights[b] * alone
        total = [a + weights[b] * d for a, (_, d) in zip(total, tree_leaves(g), strict=True)]
        y = predict(lstm, model, xs, LENGTHS)
        assert_close(y[:n, :, one], predict(lstm, model, xs[:n, :, one]), 1e-14)
        assert np.all(y[n:, :, one] == y[n - 1, :, one])
    assert_close(value, mean, 1e-13)
    for (_, a), b in zip(tree_leaves(gradients), total, strict=True):
        assert_close(a, b, 1e-13)


def test_training_on_triples_uses_the_lengths_and_pads_do_not_matter():
    model, xs, target = ragged(True, readout.cross_entropy)
    other, label = xs.copy(), target.copy()
    for b, n in enumerate(LENGTHS):
        other[n:, :, b], label[n:, b] = 7, 0

    def losses(*batch):
        run = train(
            lstm,
            model,
            [batch] * 3,
            readout.cross_entropy,
            adam(0.1),
            every_step=True,
            progress=False,
        )
        return [record.loss for record in run]

    assert losses(xs, target, LENGTHS) == losses(other, label, LENGTHS)
    assert losses(xs, target, LENGTHS)[1:] != losses(xs, target)[1:]


def test_gradcheck_finds_and_names_a_wrong_entry():
    p = rnn.init(np.random.default_rng(0), 2, 3)

    def loss(q):
        return float(sum(np.sum(np.sin(a)) for a in q))

    right = type(p)(*(np.cos(a) for a in p))
    assert gradcheck(loss, p, right) < 1e-9
    wrong = right._replace(W_h=right.W_h.copy())
    wrong.W_h[2, 1] += 1e-4
    with pytest.raises(AssertionError, match=r"gradient of W_h\[2, 1\]: .* claimed, .* by central"):
        gradcheck(loss, p, wrong)
    wrong.W_h[2, 1] = np.nan
    with pytest.raises(AssertionError, match=r"W_h\[2, 1\]: nan claimed"):
        gradcheck(loss, p, wrong)


def test_numerical_gradient_leaves_its_argument_alone():
    a = np.array([1.0, 2.0])
    assert_close(numerical_gradient(lambda v: float(v @ v), a), [2.0, 4.0], 1e-9)
    assert np.array_equal(a, [1, 2])


def test_a_gradient_check_with_too_short_a_sequence_misses_the_transpose():
    """As the docstring warns, for T = 1, and for T = 2 with h_0 = 0 in the gradient of W_h."""
    rng = np.random.default_rng(0)
    model, xs = init_model(rnn, rng, 2, 3, 1), rng.standard_normal((5, 2, 4))
    target = rng.standard_normal((1, 4))
    right = inspect.getsource(rnn.step_backward)
    assert right.count("p.W_h.T @ da") == 1
    namespace = vars(rnn).copy()
    exec(right.replace("p.W_h.T @ da", "p.W_h @ da"), namespace)
    wrong = SimpleNamespace(**namespace)

    def error(T, field):
        def loss(m):
            return loss_and_gradients(wrong, m, xs[:T], target, readout.squared_error)

        claimed = loss(model)[1].cell
        numerical = numerical_gradient(lambda m: loss(m)[0], model).cell
        return np.abs(getattr(claimed, field) - getattr(numerical, field)).max()

    assert max(error(1, "W_x"), error(1, "W_h"), error(1, "b")) < 1e-9
    assert error(2, "W_h") < 1e-9
    assert min(error(2, "W_x"), error(2, "b"), error(3, "W_h")) > 1e-3


def test_show_shows_the_source_itself():
    source = show(lstm.step, lstm.step_backward)
    assert repr(source) == inspect.getsource(lstm.step) + "\n\n" + inspect.getsource(
        lstm.step_backward
    ).rstrip("\n")
    assert source._repr_markdown_() == f"```python\n{source!r}\n```"
