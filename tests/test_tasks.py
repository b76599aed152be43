"""Tasks: their data against brute force, their baselines by scoring them, and their judges."""

import re
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from helpers import assert_close
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestCentroid
from statsmodels.datasets import sunspots as sunspot_data

from unrolled import tasks
from unrolled.cells import lstm
from unrolled.optimizers import adam
from unrolled.readout import cross_entropy, squared_error
from unrolled.tasks import Batch, Batches, Task
from unrolled.training import init_model, predict, train

TASKS = {
    "adding": lambda **options: tasks.adding(7, **options),
    "copy": lambda **options: tasks.copy(5, **options),
    "temporal_order": lambda **options: tasks.temporal_order(20, **options),
    "temporal_order of 3": lambda **options: tasks.temporal_order(20, symbols=3, **options),
    "latch": lambda **options: tasks.latch(6, **options),
    "embedded_reber": tasks.embedded_reber,
    "anbn": lambda **options: tasks.anbn(4, 7, **options),
    "sunspots": tasks.sunspots,
    "digits": tasks.digits,
}
APART = {"embedded_reber": 256, "anbn": 3, "sunspots": 59, "digits": 360}  # test sequences


def rng(seed=0):
    return np.random.default_rng(seed)


def strings(batch, alphabet):
    """Read one-hot sequences as text; pads must be all zeros."""
    T, K, B = batch.xs.shape
    lengths = [T] * B if batch.lengths is None else batch.lengths
    assert len(alphabet) == K
    assert set(np.unique(batch.xs)) <= {0, 1}
    texts = []
    for b, n in enumerate(lengths):
        assert np.all(batch.xs[:n, :, b].sum(axis=1) == 1)
        assert not batch.xs[n:, :, b].any()
        texts.append("".join(alphabet[k] for k in batch.xs[:n, :, b].argmax(axis=1)))
    return texts


def after(batch, alphabet):
    """Read the labels of every valid step as text."""
    assert batch.target.shape == (len(batch.xs), batch.xs.shape[2])
    lengths = [len(batch.xs)] * batch.xs.shape[2] if batch.lengths is None else batch.lengths
    return ["".join(alphabet[k] for k in batch.target[:n, b]) for b, n in enumerate(lengths)]


def perfect(task, batch):
    """Return a read-out (T, K, B) that says what is wanted, and noise where nobody looks."""
    T, _, B = batch.xs.shape
    y = rng(9).standard_normal((T, task.K, B))
    last = (np.full(B, T) if batch.lengths is None else batch.lengths) - 1
    if task.every_step:
        y[:] = 5.0 * (batch.target[:, None] == np.arange(task.K)[:, None])
        if task.name.startswith("embedded"):
            y[:] = legal_by_table(batch)
        if task.name.startswith("aⁿbⁿ"):
            y[:] = legal_by_enumeration(batch)
    elif task.loss is squared_error:
        y[last, :, np.arange(B)] = batch.target.T
    else:
        y[last, :, np.arange(B)] = 5.0 * (batch.target[:, None] == np.arange(task.K))
    return y


# What all tasks share


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_data_have_the_stated_shapes_and_dtype_and_the_seed_decides(name, dtype):
    task = TASKS[name](dtype=dtype)
    assert isinstance(task, Task)
    assert task.dtype == dtype
    generator = rng(1)
    batch, more, test = task.batch(generator, 5), task.batch(generator, 5), task.test(rng(2), 3)
    for drawn, B in ((batch, 5), (test, 3)):
        T = len(drawn.xs)
        assert drawn.xs.shape == (T, task.D, B)
        assert drawn.xs.dtype == dtype
        if task.loss is squared_error:
            assert drawn.target.shape == (task.K, B)
            assert drawn.target.dtype == dtype
        else:
            assert drawn.target.shape == ((T, B) if task.every_step else (B,))
            assert np.issubdtype(drawn.target.dtype, np.integer)
            assert 0 <= drawn.target.min() <= drawn.target.max() < task.K
        if drawn.lengths is not None:
            assert drawn.lengths.shape == (B,)
            assert 1 <= drawn.lengths.min() <= drawn.lengths.max() <= T
    same = TASKS[name](dtype=dtype).batch(rng(1), 5)
    for a, b in zip(batch, same, strict=True):
        assert np.array_equal(a, b)
    assert batch.xs.shape != more.xs.shape or not np.array_equal(batch.xs, more.xs)
    double = TASKS[name]().batch(rng(1), 5)
    assert np.array_equal(batch.xs, double.xs.astype(dtype))
    assert np.array_equal(batch.target, double.target.astype(batch.target.dtype))


@pytest.mark.parametrize("name", TASKS)
def test_batches_are_as_many_as_said_and_drawn_one_after_another(name):
    task, one_by_one = TASKS[name](), rng(3)
    batches = task.batches(rng(3), 4, 6)
    assert isinstance(batches, Batches)
    assert len(batches) == 6
    drawn = list(batches)
    assert len(drawn) == 6
    for batch in drawn:
        for a, b in zip(batch, task.batch(one_by_one, 4), strict=True):
            assert np.array_equal(a, b)


@pytest.mark.parametrize("name", TASKS)
def test_training_and_judging_take_the_batches_as_they_are(name):
    """A few updates bring the loss down on one batch; the first is near a guess's."""
    task = TASKS[name]()
    batch = task.batch(rng(), 8)
    model = init_model(lstm, rng(), task.D, 6, task.K)
    options = {"every_step": task.every_step, "progress": False}
    records = list(train(lstm, model, [batch] * 60, task.loss, adam(0.02), **options))
    if task.loss is cross_entropy:
        assert abs(records[0].loss - np.log(task.K)) < 0.3
    assert records[-1].loss < 0.8 * records[0].loss
    *_, last = train(lstm, model, task.batches(rng(), 4, 3), task.loss, adam(0.02), **options)
    assert last.update == 3
    test = task.test(rng(), 3)
    y = predict(lstm, last.model, test.xs, test.lengths)
    assert task.right(y, test).shape == (3,)
    assert isinstance(task.solved(y, test), bool)


@pytest.mark.parametrize("name", TASKS)
def test_the_perfect_answer_solves_the_task_and_others_do_not(name):
    task = TASKS[name]()
    test = task.test(rng())
    B = test.xs.shape[2]
    assert APART.get(name, 1000) == B
    y = perfect(task, test)
    assert task.right(y, test).tolist() == [True] * B
    assert task.solved(y, test) is True
    wrong = np.arange(B) % 2 == 0
    last = (np.full(B, len(y)) if test.lengths is None else test.lengths) - 1
    y[last[wrong], :, wrong] *= -1
    if name == "sunspots":  # an opposite forecast may be near enough, a far one is not
        y[last[wrong], :, wrong] += 50
    if name == "adding":
        y[last[wrong], :, wrong] -= 0.1
    assert task.right(y, test).tolist() == (~wrong).tolist()
    assert task.solved(y, test) is False
    assert task.right(y.astype(np.float32), test).tolist() == (~wrong).tolist()


@pytest.mark.parametrize("name", APART)
def test_test_sequences_come_all_in_order_or_some_without_repetition(name):
    task = TASKS[name]()
    whole, again = task.test(rng(0)), task.test(rng(1))
    size = APART[name]
    for a, b in zip(whole, again, strict=True):
        assert np.array_equal(a, b)
    whole.xs[:] = -1  # what was handed out is a copy
    whole = again

    def columns(batch):
        lengths = [len(batch.xs)] * batch.xs.shape[2] if batch.lengths is None else batch.lengths
        return [
            (batch.xs[:n, :, b].tobytes(), batch.target[..., :n, b].tobytes() if task.every_step else batch.target[..., b].tobytes())
            for b, n in enumerate(lengths)
        ]  # fmt: skip

    everything = columns(whole)
    assert len(set(everything)) == size
    some = columns(task.test(rng(2), size - 1))
    assert len(set(some)) == size - 1
    assert set(some) < set(everything)
    assert set(columns(task.test(rng(2), 2))) != set(columns(task.test(rng(3), 2)))
    training = columns(task.batch(rng(4), 3000))
    assert not set(training) & set(everything)


def test_fresh_data_never_repeat():
    task = tasks.adding(10)
    generator = rng()
    batches = [task.batch(generator, 50).xs, task.test(generator, 50).xs]
    assert len({xs[:, 0, b].tobytes() for xs in batches for b in range(50)}) == 100


def test_a_task_shows_itself_in_a_line():
    assert repr(tasks.adding(50)) == "<Task adding, T = 50: D=2, K=1, baseline 0.1667>"
    for make in TASKS.values():
        task = make()
        assert len(task.goal) > 10
        assert re.search(r"\b(19|20)\d\d\b", task.source)


# Adding


@pytest.mark.parametrize("T", [2, 3, 8, 9])
def test_adding_is_the_sum_of_the_two_marked_numbers_one_of_each_half(T):
    batch = tasks.adding(T).batch(rng(), 500)
    assert batch.xs.shape == (T, 2, 500)
    seen = set()
    for b in range(500):
        values, marks = batch.xs[:, 0, b], batch.xs[:, 1, b]
        assert sorted(marks) == [0] * (T - 2) + [1, 1]
        first, second = (t for t in range(T) if marks[t])
        assert first < T // 2 <= second
        seen |= {first, second}
        assert batch.target[0, b] == values[first] + values[second]
    assert seen == set(range(T))
    assert 0 <= batch.xs[:, 0].min() < 0.01
    assert 0.99 < batch.xs[:, 0].max() <= 1


def test_addings_baseline_is_the_error_of_predicting_1():
    task = tasks.adding(10)
    batch = task.batch(rng(), 100_000)
    scored, _ = task.loss(np.ones((1, 100_000)), batch.target)
    assert abs(scored - task.baseline) < 0.003
    assert task.baseline == 1 / 6
    better = min(task.loss(np.full((1, 100_000), c), batch.target)[0] for c in (0.98, 1.02))
    assert better > scored


def test_addings_goal_is_an_error_of_a_hundredth():
    task = tasks.adding(10)
    batch = task.batch(rng(), 100)
    y = np.zeros((10, 1, 100))
    for error, solved, right in ((0.0999, True, 0), (0.1001, False, 0), (-0.079, True, 100)):
        y[-1] = batch.target + error
        assert task.solved(y, batch) is solved
        assert task.right(y, batch).sum() == right


# Copy


@pytest.mark.parametrize("T", [1, 2, 30])
def test_copy_has_the_layout_of_the_paper(T):
    task = tasks.copy(T)
    batch = task.batch(rng(), 200)
    first = set()
    for seen, wanted in zip(strings(batch, "01234567_!"), after(batch, "01234567_"), strict=True):
        symbols = seen[:10]
        assert set(symbols) <= set("01234567")
        assert seen == symbols + "_" * (T - 1) + "!" + "_" * 10
        assert wanted == "_" * (T + 10) + symbols
        first.add(symbols[0])
    assert first == set("01234567")


@pytest.mark.parametrize("T", [1, 100])
def test_copys_baseline_is_the_loss_without_memory(T):
    task = tasks.copy(T)
    batch = task.batch(rng(), 50)
    y = np.zeros((T + 20, 9, 50))
    y[: T + 10, :8] = y[T + 10 :, 8] = -500  # of probability 0
    scored, _ = task.loss(y, batch.target)
    assert_close(scored, task.baseline, 1e-12)
    assert round(tasks.copy(100).baseline, 4) == 0.1733


def test_copys_goal_looks_at_the_ten_symbols_only_and_allows_one_in_a_hundred():
    task = tasks.copy(5)
    batch = task.test(rng(), 200)
    y = perfect(task, batch)
    y[:15] = 0  # blanks do not count
    y[15, :, :2] *= -1
    assert task.right(y, batch).sum() == 198
    assert task.solved(y, batch) is True
    y[24, :, 2] *= -1
    assert task.right(y, batch).sum() == 197
    assert task.solved(y, batch) is False


# Temporal order


@pytest.mark.parametrize(
    ("T", "ranges"),
    [
        (100, [(10, 20), (50, 60)]),
        (100, [(10, 20), (33, 43), (66, 76)]),
        (10, [(1, 2), (5, 6)]),
        (10, [(1, 2), (3, 4), (6, 7)]),
    ],
)
def test_temporal_order_is_built_as_in_the_paper(T, ranges):
    batch = tasks.temporal_order(T, len(ranges)).batch(rng(), 2000)
    texts = strings(batch, "abcdXYEB")
    assert {len(text) for text in texts} == set(range(T, T + T // 10 + 1))
    classes = {"XX": 0, "XY": 1, "YX": 2, "YY": 3} | {
        "XXX": 0, "XXY": 1, "XYX": 2, "XYY": 3, "YXX": 4, "YXY": 5, "YYX": 6, "YYY": 7,
    }  # fmt: skip
    positions = []
    for text, label in zip(texts, batch.target, strict=True):
        assert re.fullmatch("E[abcdXY]*B", text)
        found = [(t, s) for t, s in enumerate(text) if s in "XY"]
        assert classes["".join(s for _, s in found)] == label
        positions.append([t for t, _ in found])
    assert set("".join(texts)) == set("abcdXYEB")
    for column, (low, high) in zip(np.array(positions).T, ranges, strict=True):
        assert set(column) == set(range(low, high + 1))


@pytest.mark.parametrize("symbols", [2, 3])
def test_temporal_orders_baseline_is_a_fair_guess(symbols):
    task = tasks.temporal_order(10, symbols)
    batch = task.batch(rng(), 8000)
    scored, _ = task.loss(np.zeros((2**symbols, 8000)), batch.target)
    assert_close(scored, task.baseline, 1e-12)
    share = np.bincount(batch.target, minlength=2**symbols) / 8000
    assert np.abs(share - 2.0**-symbols).max() < 0.02
    assert len(share) == task.K


def test_temporal_orders_goal_is_0_3_at_the_last_valid_step_of_all():
    task = tasks.temporal_order(20)
    batch = task.test(rng(), 50)
    assert len(set(batch.lengths)) == 3
    right_class = batch.target[:, None] == np.arange(4)
    for p, right in ((0.71, True), (0.69, False)):
        y = 1000 * rng(1).standard_normal((len(batch.xs), 4, 50))
        y[batch.lengths - 1, :, np.arange(50)] = np.log(np.where(right_class, p, (1 - p) / 3))
        assert task.solved(y, batch) is right
        assert task.right(y, batch).tolist() == [right] * 50
    y = perfect(task, batch)
    y[batch.lengths[7] - 1, :, 7] = 0
    assert task.right(y, batch).sum() == 49
    assert task.solved(y, batch) is False


# Latch


def test_latch_shows_its_bit_first_and_then_noise_that_says_nothing():
    task = tasks.latch(5, variance=0.25)
    batch = task.batch(rng(), 20_000)
    assert np.array_equal(batch.xs[0, 0] == 1, batch.target == 1)
    assert np.array_equal(batch.xs[0, 0] == -1, batch.target == 0)
    noise = batch.xs[1:, 0]
    assert abs(noise.std() - 0.5) < 0.01
    for label in (0, 1):
        assert np.abs(noise[:, batch.target == label].mean(axis=1)).max() < 0.02
    assert np.all(tasks.latch(5, variance=0).batch(rng(), 10).xs[1:] == 0)
    assert abs(batch.target.mean() - 0.5) < 0.01
    assert_close(task.loss(np.zeros((2, 20_000)), batch.target)[0], task.baseline, 1e-12)


def test_latchs_goal_is_0_2_at_the_last_step_of_all():
    task = tasks.latch(5)
    batch = task.test(rng(), 50)
    right_class = batch.target == np.array([[0], [1]])
    for p, right in ((0.81, True), (0.79, False)):
        y = 1000 * rng(1).standard_normal((5, 2, 50))
        y[-1] = np.log(np.where(right_class, p, 1 - p))
        assert task.solved(y, batch) is right
        assert task.right(y, batch).tolist() == [right] * 50
    y = perfect(task, batch)
    y[-1, :, 3] = 0
    assert task.right(y, batch).sum() == 49
    assert task.solved(y, batch) is False


# The embedded Reber grammar

# From state 4 on: X T* V P leads back to it; S or X T* V V leads out.
FROM_4 = "(?:XT*VP)*(?:S|XT*VV)"
INNER = f"B(?:TS*X{FROM_4}|PT*V(?:V|P{FROM_4}))E"
EMBEDDED = re.compile(f"B(?:T{INNER}T|P{INNER}P)E")
# The drawing of the grammar, edge by edge.
EDGES = ["0B1", "1T2", "1P3", "2S2", "2X4", "3T3", "3V5", "4X3", "4S6", "5P4", "5V6", "6E7"]


def successors(prefix):
    """Return the symbols that may follow a prefix of an embedded string of two or more symbols."""
    second, inner = prefix[1], prefix[2:]
    state = "0"
    for k, symbol in enumerate(inner):
        if state == "7":
            assert inner[k:] == second
            return "E"
        (state,) = (edge[2] for edge in EDGES if edge[:2] == state + symbol)
    return second if state == "7" else "".join(edge[1] for edge in EDGES if edge[0] == state)


def legal_by_table(batch):
    legal = np.zeros(batch.xs.shape)
    for b, text in enumerate(strings(batch, "BTPSXVE")):
        for t in range(len(text)):
            allowed = "TP" if t == 0 else successors(text[: t + 1])
            legal[t, ["BTPSXVE".index(s) for s in allowed], b] = 1
    return legal


@pytest.mark.parametrize("number", [256, 300])
def test_reber_strings_are_those_of_the_grammar_and_training_and_test_share_none(number):
    task = tasks.embedded_reber(number)
    texts = {}
    for name, batch in (("training", task.batch(rng(), 5000)), ("test", task.test(rng()))):
        shown = strings(batch, tasks.REBER_SYMBOLS)
        whole = [a[0] + b for a, b in zip(shown, after(batch, tasks.REBER_SYMBOLS), strict=True)]
        for text, start in zip(whole, shown, strict=True):
            assert EMBEDDED.fullmatch(text), text
            assert text[1] == text[-2]
            assert text[:-1] == start
        texts[name] = set(whole)
    assert len(texts["training"]) == number
    assert len(texts["test"]) == 256
    assert not texts["training"] & texts["test"]
    lengths = {name: np.mean([len(text) for text in part]) for name, part in texts.items()}
    if number == 256:
        assert abs(lengths["training"] - lengths["test"]) < 1  # none has the short ones
    for part in texts.values():
        assert 0.35 < np.mean([text[1] == "T" for text in part]) < 0.65
        assert max(len(text) for text in part) >= 25
    usual = strings(tasks.embedded_reber().test(rng()), tasks.REBER_SYMBOLS)
    assert usual == strings(task.test(rng()), tasks.REBER_SYMBOLS)
    other = strings(tasks.embedded_reber(number, seed=1).test(rng()), tasks.REBER_SYMBOLS)
    assert set(other) != set(strings(task.test(rng()), tasks.REBER_SYMBOLS))


def test_rebers_expression_and_edges_agree_with_strings_known_from_elsewhere():
    """Those of the course "Introduction to neural networks" of N. Schraudolph and F. Cummins."""
    for text in ("BTSSXXTVVE", "BPVVE", "BTXXVPSE", "BPVPXVPXVPXVVE", "BTSXXVPSE"):
        assert re.fullmatch(INNER, text)
        assert EMBEDDED.fullmatch(f"BT{text}TE")
        assert not EMBEDDED.fullmatch(f"BT{text}PE")
        for k in range(2, len(text) + 3):
            assert f"BT{text}TE"[k] in successors(f"BT{text}TE"[:k])
    for text in ("BTSSPXSE", "BPTVVB", "BTXXVVSE", "BPVSPSE", "BTSSSE"):
        assert not re.fullmatch(INNER, text)


def flipped_one_symbol_in_each(generator, y, lengths):
    """Return y with one legal symbol lowered or one illegal raised at a valid step of each."""
    y = y.copy()
    for b, n in enumerate(lengths):
        t, k = generator.integers(n), generator.integers(y.shape[1])
        y[t, k, b] = -1 if y[t, k, b] else 2
    return y


@pytest.mark.parametrize("name", ["embedded_reber", "anbn"])
def test_a_string_is_right_only_if_all_legal_symbols_are_above_all_others_at_every_step(name):
    task, generator = TASKS[name](), rng(5)
    legal_sets = {"embedded_reber": legal_by_table, "anbn": legal_by_enumeration}[name]
    for batch in (task.test(rng()), task.batch(rng(), 40)):
        y = legal_sets(batch)
        assert task.right(y, batch).all()
        for _ in range(20):
            assert not task.right(flipped_one_symbol_in_each(generator, y, batch.lengths), batch).any()  # fmt: skip
        assert not task.right(np.zeros_like(y), batch).any()  # equal is not above
        pads = np.arange(len(y))[:, None] >= batch.lengths
        noisy = y + 9 * pads[:, None] * generator.standard_normal(y.shape)
        assert task.solved(noisy, batch) is True
        noisy[3, :, 1] = 0
        assert task.right(noisy, batch).sum() == batch.xs.shape[2] - 1
        assert task.solved(noisy, batch) is False


def loss_by_counting_pairs(training, testing):
    """Return the mean -log of how often which symbol followed which in the training texts."""
    pairs = Counter(pair for text in training for pair in pairwise(text))
    first = Counter(a for text in training for a in text[:-1])
    losses = [-np.log(pairs[a, b] / first[a]) for text in testing for a, b in pairwise(text)]
    return np.mean(losses)


def test_rebers_baseline_knows_the_present_symbol_only():
    task = tasks.embedded_reber()
    texts = []
    for batch in (task.batch(rng(), 5000), task.test(rng())):
        shown, labels = strings(batch, "BTPSXVE"), after(batch, "BTPSXVE")
        texts.append({a[0] + b for a, b in zip(shown, labels, strict=True)})
    assert len(texts[0]) == 256
    assert_close(task.baseline, loss_by_counting_pairs(*texts), 1e-12)


# aⁿbⁿ


def legal_by_enumeration(batch):
    """Return which symbols lead on to some string of the language, by trying them all."""
    language = ["S" + n * "a" + n * "b" + "E" for n in range(1, 50)]
    legal = np.zeros(batch.xs.shape)
    for b, text in enumerate(strings(batch, "SabE")):
        for t in range(len(text)):
            for k, s in enumerate("SabE"):
                legal[t, k, b] = any(whole.startswith(text[: t + 1] + s) for whole in language)
    return legal


def test_anbn_trains_on_short_strings_and_tests_on_longer_ones():
    task = tasks.anbn(4, 7)
    for batch, ns in ((task.batch(rng(), 300), [1, 2, 3, 4]), (task.test(rng()), [5, 6, 7])):
        shown, labels = strings(batch, "SabE"), after(batch, "SabE")
        for text, wanted in zip(shown, labels, strict=True):
            n = len(text) // 2
            assert text == "S" + n * "a" + n * "b"
            assert wanted == text[1:] + "E"
        found = [len(text) // 2 for text in shown]
        assert sorted(set(found)) == ns
        assert len(found) == 300 or found == ns
    counts = Counter(len(text) // 2 for text in strings(task.batch(rng(), 4000), "SabE"))
    assert max(abs(n - 1000) for n in counts.values()) < 150


@pytest.mark.parametrize(("N", "N_test"), [(2, 3), (10, 20)])
def test_anbns_baseline_knows_the_present_symbol_only(N, N_test):
    ranges = range(1, N + 1), range(N + 1, N_test + 1)
    texts = (["S" + n * "a" + n * "b" + "E" for n in ns] for ns in ranges)
    assert_close(tasks.anbn(N, N_test).baseline, loss_by_counting_pairs(*texts), 1e-12)


# Sunspots


@pytest.mark.parametrize(("window", "first"), [(24, 1950), (1, 1702), (5, 2008)])
def test_sunspots_are_forecast_from_the_years_before_and_tested_on_the_last(window, first):
    data = sunspot_data.load_pandas().data
    number = dict(zip(data["YEAR"].astype(int), data["SUNACTIVITY"], strict=True))
    early = [number[year] for year in range(1700, first)]
    mean, scale = np.mean(early), np.std(early)
    task = tasks.sunspots(window, first)
    test = task.test(rng())
    for b, year in enumerate(range(first, 2009)):
        past = [number[y] for y in range(year - window, year)]
        assert_close(mean + scale * test.xs[:, 0, b], np.array(past), 1e-10)
        assert_close(mean + scale * test.target[0, b], number[year], 1e-10)
    assert test.xs.shape == (window, 1, 2009 - first)

    training = task.batch(rng(), 5000)
    found = {(*xs, y) for xs, y in zip(training.xs[:, 0].T, training.target[0], strict=True)}
    years = range(1700 + window, first)
    wanted = [[number[year - window + k] for k in range(window + 1)] for year in years]
    found, wanted = np.array(sorted(found)), (np.array(sorted(wanted)) - mean) / scale
    assert_close(found, np.unique(wanted, axis=0), 1e-10)

    changes = [number[year] - number[year - 1] for year in range(first, 2009)]
    assert_close(task.baseline, np.mean(np.square(changes)) / scale**2, 1e-12)


def test_sunspots_goal_is_to_beat_persistence():
    task = tasks.sunspots()
    test = task.test(rng())
    y = np.zeros((24, 1, 59))
    y[-1] = test.xs[-1]
    assert task.solved(y, test) is False
    assert not task.right(y, test).any()
    y[-1] = 0.01 * test.target + 0.99 * test.xs[-1]
    assert task.solved(y, test) is True
    assert task.right(y, test).all()


# Digits


def test_digits_are_rows_of_images_with_their_labels_each_in_one_set():
    data = load_digits()
    whole = {image.tobytes(): label for image, label in zip(data.images, data.target, strict=True)}
    task = tasks.digits()
    found = []
    for batch in (task.batch(rng(), 20_000), task.test(rng())):
        found.append(set())
        for b in range(batch.xs.shape[2]):
            image = np.array([16 * batch.xs[t, :, b] for t in range(8)])  # row after row
            assert whole[image.tobytes()] == batch.target[b]
            found[-1].add(image.tobytes())
    training, test = found
    assert len(training) == 1437
    assert len(test) == 360
    assert not training & test
    other = tasks.digits(seed=1).test(rng())
    assert not np.array_equal(other.target, task.test(rng()).target)


@pytest.mark.filterwarnings("ignore:self.within_class_std_dev_")  # the corners are always white
def test_digits_baselines_by_counting_and_by_another_nearest_mean():
    task = tasks.digits()
    whole, test = load_digits(), task.test(rng())
    tests = {test.xs[:, :, b].tobytes() for b in range(360)}
    apart = np.array([(image / 16).tobytes() in tests for image in whole.images])
    X, labels = whole.data[~apart], whole.target[~apart]
    counts = Counter(labels)
    losses = [-np.log(counts[label] / 1437) for label in test.target]
    assert_close(task.baseline, np.mean(losses), 1e-12)

    centroids = NearestCentroid().fit(X, labels)
    chosen = centroids.predict(16 * test.xs.reshape(64, 360).T)
    share = np.mean(chosen == test.target)
    assert f"{share:.1%}" in task.goal
    y = np.zeros((8, 10, 360))
    y[-1, chosen, np.arange(360)] = 1
    assert task.right(y, test).tolist() == (chosen == test.target).tolist()
    assert task.solved(y, test) is False
    missed = np.flatnonzero(chosen != test.target)[0]
    y[-1, test.target[missed], missed] = 2
    assert task.solved(y, test) is True


# What is refused

ADDING, ORDER, REBER = tasks.adding(5), tasks.temporal_order(10), tasks.embedded_reber()
FIVE = ADDING.batch(rng(), 4)

WRONG = {
    "adding: T": (lambda: tasks.adding(1), ValueError, "T must be at least 2, got 1"),
    "adding: T is a fraction": (
        lambda: tasks.adding(10.0),
        TypeError,
        "T must be a whole number, got 10.0",
    ),
    "adding: dtype": (
        lambda: tasks.adding(dtype=np.int64),
        TypeError,
        "dtype must be float32 or float64, got int64",
    ),
    "copy: T": (lambda: tasks.copy(0), ValueError, "T must be at least 1, got 0"),
    "copy: dtype": (
        lambda: tasks.copy(dtype=np.float16),
        TypeError,
        "dtype must be float32 or float64, got float16",
    ),
    "temporal_order: T": (
        lambda: tasks.temporal_order(9),
        ValueError,
        "T must be at least 10, got 9",
    ),
    "temporal_order: one symbol": (
        lambda: tasks.temporal_order(symbols=1),
        ValueError,
        "symbols must be at least 2, got 1",
    ),
    "temporal_order: four symbols": (
        lambda: tasks.temporal_order(symbols=4),
        ValueError,
        "symbols must be 2 or 3, got 4",
    ),
    "latch: T": (lambda: tasks.latch(True), TypeError, "T must be a whole number, got True"),
    "latch: variance": (
        lambda: tasks.latch(variance=-0.1),
        ValueError,
        "variance must not be negative, got -0.1",
    ),
    "latch: variance is NaN": (
        lambda: tasks.latch(variance=np.nan),
        ValueError,
        "variance must be finite, got nan",
    ),
    "embedded_reber: strings": (
        lambda: tasks.embedded_reber(255),
        ValueError,
        "strings must be at least 256, got 255",
    ),
    "embedded_reber: seed": (
        lambda: tasks.embedded_reber(seed=-1),
        ValueError,
        "seed must be at least 0, got -1",
    ),
    "embedded_reber: seed is a generator": (
        lambda: tasks.embedded_reber(seed=rng()),
        TypeError,
        "seed must be a whole number, got Generator",
    ),
    "anbn: N": (lambda: tasks.anbn(1), ValueError, "N must be at least 2, got 1"),
    "anbn: N_test": (
        lambda: tasks.anbn(10, 10),
        ValueError,
        "N_test must be at least 11, got 10",
    ),
    "sunspots: window": (lambda: tasks.sunspots(0), ValueError, "window must be at least 1"),
    "sunspots: first_test_year": (
        lambda: tasks.sunspots(24, 1724),
        ValueError,
        "first_test_year must be from 1725 to 2008 with window = 24, got 1724",
    ),
    "sunspots: nothing to test": (
        lambda: tasks.sunspots(24, 2009),
        ValueError,
        "first_test_year must be from 1725 to 2008 .* got 2009",
    ),
    "digits: seed": (lambda: tasks.digits("0"), TypeError, "seed must be a whole number, got '0'"),
    "batch: rng is a seed": (
        lambda: ADDING.batch(0, 4),
        TypeError,
        "rng must be a numpy.random.Generator .* got 0",
    ),
    "batch: B": (lambda: ADDING.batch(rng(), 0), ValueError, "B must be at least 1, got 0"),
    "test: rng": (
        lambda: REBER.test(None),
        TypeError,
        "rng must be a numpy.random.Generator .* got None",
    ),
    "test: B": (lambda: ADDING.test(rng(), 2.5), TypeError, "B must be a whole number, got 2.5"),
    "test: more than there are": (
        lambda: REBER.test(rng(), 257),
        ValueError,
        "B must be at most 256, the number of test sequences, got 257",
    ),
    "batches: rng": (lambda: ADDING.batches(1, 4, 5), TypeError, "rng must be"),
    "batches: B": (lambda: ADDING.batches(rng(), -4, 5), ValueError, "B must be at least 1"),
    "batches: updates": (
        lambda: ADDING.batches(rng(), 4, 0),
        ValueError,
        "updates must be at least 1, got 0",
    ),
    "solved: y of the last step": (
        lambda: ADDING.solved(np.zeros((1, 4)), FIVE),
        ValueError,
        r"y must have shape \(5, 1, 4\), got \(1, 4\)",
    ),
    "solved: NaN": (
        lambda: ADDING.solved(np.full((5, 1, 4), np.nan), FIVE),
        ValueError,
        "y must be finite",
    ),
    "solved: batch is a pair": (
        lambda: ADDING.solved(np.zeros((5, 1, 4)), FIVE[:2]),
        TypeError,
        "batch must be unrolled.tasks.Batch with the fields xs, target, lengths, got tuple",
    ),
    "right: batch of another task": (
        lambda: ORDER.right(np.zeros((5, 4, 4)), FIVE),
        ValueError,
        r"batch.xs must have shape \(T, 8, B\), got \(5, 2, 4\)",
    ),
    "right: no string of the grammar": (
        lambda: REBER.right(np.zeros((3, 7, 1)), Batch(np.ones((3, 7, 1)), np.zeros((3, 1), int))),
        ValueError,
        "sequence 0 of batch.xs is not of this grammar at step 1",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_calls_are_refused(wrong):
    call, error, message = WRONG[wrong]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("task", "module", "package"),
    [
        ("sunspots", "statsmodels.datasets.sunspots", "statsmodels"),
        ("digits", "sklearn.datasets", "scikit-learn"),
    ],
)
def test_without_the_package_the_task_says_how_to_get_it(monkeypatch, task, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"tasks.{task} needs {package}: pip install {package}"):
        getattr(tasks, task)()
    assert tasks.adding(5).K == 1
