"""Tasks on which recurrent networks are compared: data, a trivial baseline and a goal for each.

T steps, D inputs, K outputs, B sequences side by side: xs (T, D, B), read-out y (T, K, B).

task = adding(T=100)
model = init_model(lstm, rng, task.D, 32, task.K)
batches = task.batches(rng, B=32, updates=2000)
*_, last = train(lstm, model, batches, task.loss, adam(1e-3), every_step=task.every_step)
test = task.test(rng)
task.solved(predict(lstm, last.model, test.xs, test.lengths), test)

Synthetic data are drawn afresh for every batch, so that nothing can be learnt by heart; where the
data are few, the test sequences are kept apart from the training ones, and `tasks` says how. All
numbers are drawn in float64 and then rounded to the dtype, so that both dtypes see the same.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .cells.protocol import Array, DType
from .checks import FLOATS, check_array, check_count, check_number, check_rng, check_tuple
from .readout import cross_entropy, squared_error
from .training import Loss

Bools = NDArray[np.bool_]
Ints = NDArray[np.integer[Any]]


class Batch(NamedTuple):
    """Sequences side by side: xs (T, D, B), what is wanted of each, and lengths (B,) if they vary.

    target, where only the last step is judged: numbers (K, B) or labels (B,); where every step is:
    labels (T, B). At padded steps xs and labels are 0.
    """

    xs: Array
    target: Any
    lengths: Ints | None = None


class Batches:
    """As many training batches of a task as its length says, drawn when they are asked for."""

    def __init__(self, draw: Callable[[Generator, int], Batch], rng: Generator, B: int, n: int):
        self._draw, self._rng, self._B, self._n = draw, rng, B, n

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[Batch]:
        for _ in range(self._n):
            yield self._draw(self._rng, self._B)


class Task(NamedTuple):
    """A task. Functions of it raise ValueError or TypeError, naming the argument.

    every_step and loss: as `training.train` wants them. baseline: the loss of a trivial predictor
    on test sequences. goal: what `solved` asks, in words. dtype: of the data.

    batch(rng, B) -> Batch: B training sequences. test(rng, B=None) -> Batch: B sequences to judge
    by; None means all that are kept apart, in order, or 1000 where they are drawn afresh.

    right(y, batch) -> (B,): which sequences the read-out y (T, K, B) of `training.predict` gets
    right. solved(y, batch) -> bool: whether that batch meets the goal.
    """

    name: str
    D: int
    K: int
    every_step: bool
    loss: Loss
    baseline: float
    goal: str
    source: str
    dtype: np.dtype[Any]
    batch: Callable[[Generator, int], Batch]
    test: Callable[..., Batch]
    right: Callable[[Array, Batch], Bools]
    solved: Callable[[Array, Batch], bool]

    def __repr__(self) -> str:
        return f"<Task {self.name}: D={self.D}, K={self.K}, baseline {self.baseline:.4g}>"

    def batches(self, rng: Generator, B: int, updates: int) -> Batches:
        """Return an iterable of `updates` training batches of B sequences; it has a length."""
        check_rng(rng)
        check_count("B", B)
        check_count("updates", updates)
        return Batches(self.batch, rng, B, updates)


# Synthetic tasks, drawn afresh


def adding(T: int = 100, dtype: DType = float) -> Task:
    """Add two marked numbers: regression on a long lag.

    xs (T, 2, B): a number from U[0, 1] at every step, and a mark, 1 at one step of the first half
    and one of the second, else 0. target (1, B): the sum of the two marked numbers. Predicting
    their mean, 1, has the squared error 1/6.

    Goal: a mean squared error below 0.01. Sources: Hochreiter and Schmidhuber (1997), section 5.4;
    this form: Arjovsky, Shah and Bengio, "Unitary evolution recurrent neural networks" (2016). The
    original has values from U[-1, 1], other marks and lengths, and a target half as large (here it
    would be half the sum); of that it asks a mean error below 0.01, and counts a sequence as right
    if it is met to 0.04: `right` asks the sum to 0.08. Raises ValueError for T < 2.
    """
    check_count("T", T, least=2)

    def draw(rng: Generator, B: int) -> Batch:
        values, column = rng.uniform(0, 1, (T, B)), np.arange(B)
        first, second = rng.integers(0, T // 2, B), rng.integers(T // 2, T, B)
        marks = np.zeros((T, B))
        marks[first, column] = marks[second, column] = 1
        total = values[first, column] + values[second, column]
        return Batch(np.stack([values, marks], axis=1).astype(dtype), total[None].astype(dtype))

    def right(y: Array, batch: Batch) -> Bools:
        return np.asarray(np.abs(_last(y, batch) - batch.target)[0] < 0.08)

    def solved(y: Array, batch: Batch) -> bool:
        return bool(np.mean((_last(y, batch) - batch.target) ** 2) < 0.01)

    return _task(
        name=f"adding, T = {T}",
        D=2,
        K=1,
        loss=squared_error,
        baseline=1 / 6,
        goal="mean squared error below 0.01",
        source="Hochreiter and Schmidhuber (1997), section 5.4; Arjovsky, Shah and Bengio (2016)",
        dtype=dtype,
        draw=draw,
        right=right,
        solved=solved,
    )


def copy(T: int = 100, dtype: DType = float) -> Task:
    """Keep ten symbols for T steps, then recite them.

    xs (T + 20, 10, B), one-hot: ten symbols of an alphabet of eight (0 to 7), T - 1 blanks (8), the
    sign to recite (9), ten blanks. labels (T + 20, B): T + 10 blanks (8), then the ten symbols.
    Blanks where they belong and a guess among eight at the end cost 10 ln 8 / (T + 20) nats, in the
    mean over *all* T + 20 steps.

    Goal: ten of ten symbols right in 99 % of the sequences (the paper compares losses only).
    Source: Arjovsky, Shah and Bengio (2016), after Hochreiter and Schmidhuber (1997). Raises
    ValueError for T < 1.
    """
    check_count("T", T)
    blank, sign, n = 8, 9, 10

    def draw(rng: Generator, B: int) -> Batch:
        symbols = rng.integers(0, 8, (n, B))
        seen, labels = np.full((2, T + 2 * n, B), blank)
        seen[:n], seen[n + T - 1], labels[-n:] = symbols, sign, symbols
        return Batch(_one_hot(seen, 10, dtype), labels)

    def right(y: Array, batch: Batch) -> Bools:
        return np.asarray((y.argmax(axis=1) == batch.target)[-n:].all(axis=0))

    return _task(
        name=f"copy, T = {T}",
        D=10,
        K=9,
        every_step=True,
        baseline=n * np.log(8) / (T + 2 * n),
        goal="all ten symbols right in 99 % of the sequences",
        source="Arjovsky, Shah and Bengio (2016)",
        dtype=dtype,
        draw=draw,
        right=right,
        solved=lambda y, batch: bool(right(y, batch).mean() >= 0.99),
    )


def temporal_order(T: int = 100, symbols: int = 2, dtype: DType = float) -> Task:
    """Tell in which order X and Y came: two (task 6a) or three (task 6b) of them, far apart.

    xs, one-hot of a, b, c, d, X, Y, E, B: the sequence starts with E, ends with B, is T to 1.1 T
    long, and full of random a, b, c, d but for the relevant ones. With T = 100 they stand at step
    10 to 20 and 50 to 60, or 10 to 20, 33 to 43 and 66 to 76 (E at step 0); else in proportion.
    labels (B,): the class, that is the binary number of X = 0 and Y = 1. Guessing costs ln 4 or
    ln 8 nats.

    Goal: all sequences right, that is every class probability within 0.3 of what is wanted.
    Source: Hochreiter and Schmidhuber (1997), section 5.6. Raises ValueError for T < 10 or symbols
    but 2 and 3.
    """
    check_count("T", T, least=10)
    check_count("symbols", symbols, least=2)
    if symbols > 3:
        raise ValueError(f"symbols must be 2 or 3, got {symbols}")
    starts = [T // 10, T // 2] if symbols == 2 else [T // 10, 33 * T // 100, 66 * T // 100]

    def draw(rng: Generator, B: int) -> Batch:
        longest, column = T + T // 10, np.arange(B)
        lengths = rng.integers(T, longest, B, endpoint=True)
        seen = rng.integers(0, 4, (longest, B))
        bits = rng.integers(0, 2, (symbols, B))
        for start, bit in zip(starts, bits, strict=True):
            at = rng.integers(start, start + T // 10, B, endpoint=True)
            seen[at, column] = 4 + bit
        seen[0] = 6
        seen[lengths - 1, column] = 7
        seen[np.arange(longest)[:, None] >= lengths] = -1
        labels = (2 ** np.arange(symbols)[::-1]) @ bits
        return Batch(_one_hot(seen, 8, dtype), labels, lengths)

    def right(y: Array, batch: Batch) -> Bools:
        # The others share what is left, so they are then below 0.3.
        return np.asarray(_probability(y, batch) > 0.7)

    return _task(
        name=f"temporal order of {symbols}, T = {T}",
        D=8,
        K=2**symbols,
        baseline=symbols * np.log(2),
        goal="all class probabilities of all sequences within 0.3 of what is wanted",
        source="Hochreiter and Schmidhuber (1997), section 5.6",
        dtype=dtype,
        draw=draw,
        right=right,
        solved=lambda y, batch: bool(right(y, batch).all()),
    )


def latch(T: int = 100, variance: float = 0.2, dtype: DType = float) -> Task:
    """Keep one bit through T - 1 steps of noise.

    xs (T, 1, B): -1 or +1 at the first step, then normal noise of the given variance. labels (B,):
    0 for -1, 1 for +1. Guessing costs ln 2 nats.

    Goal: all sequences right, that is both class probabilities within 0.2 of what is wanted.
    Sources: Bengio, Simard and Frasconi, "Learning long-term dependencies with gradient descent is
    difficult" (1994), who call it the 2-sequence problem; variance and goal: Hochreiter and
    Schmidhuber (1997), section 5.3, task 3a with N = 1 (there T to 1.1 T steps). They add that
    guessing weights at random solves it fast. Raises ValueError for T < 2 or a negative variance.
    """
    check_count("T", T, least=2)
    check_number("variance", variance)
    if variance < 0:
        raise ValueError(f"variance must not be negative, got {variance!r}")

    def draw(rng: Generator, B: int) -> Batch:
        xs, labels = np.sqrt(variance) * rng.standard_normal((T, 1, B)), rng.integers(0, 2, B)
        xs[0] = 2 * labels - 1
        return Batch(xs.astype(dtype), labels)

    return _task(
        name=f"latch, T = {T}",
        D=1,
        K=2,
        baseline=np.log(2),
        goal="both class probabilities of all sequences within 0.2 of what is wanted",
        source="Bengio, Simard and Frasconi (1994); Hochreiter and Schmidhuber (1997), task 3a",
        dtype=dtype,
        draw=draw,
        right=lambda y, batch: np.asarray(_probability(y, batch) > 0.8),
        solved=lambda y, batch: bool((_probability(y, batch) > 0.8).all()),
    )


# Languages: at every step, which symbols may come next?

REBER_SYMBOLS = "BTPSXVE"
# State by state, which symbol leads to which state: A. Reber (1967). Ways out are equally likely.
REBER = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
)


def embedded_reber(strings: int = 256, seed: int = 0, dtype: DType = float) -> Task:
    """Predict strings of the embedded Reber grammar: the last symbol but one repeats the second.

    B, then T or P, then a string of the grammar `REBER`, then the same T or P, then E. The path in
    between is 5 symbols long or more. xs (T, 7, B): each symbol, one-hot in the order of
    `REBER_SYMBOLS`; labels (T, B): the symbol after it; lengths (B,).

    By the seed, different strings are drawn from the grammar: 256 to test with, the same for any
    number of training strings, and as many others to train on as `strings` says. The baseline knows
    only the symbol it sees, and how often which other came next in the training strings.

    Goal: at every step of every string all legal successors are more active than all others. With
    256 strings, as in the paper, that is hard to keep: whoever goes on training learns by heart
    which of the legal ways these few take. The paper stops when all training and test strings are
    right. Source: Hochreiter and Schmidhuber (1997), section 5.1. Raises ValueError for fewer than
    256 strings or more than 4000, which are slow to find, since most draws repeat, and for a
    negative seed.
    """
    check_count("strings", strings, least=256)
    if strings > 4000:
        raise ValueError(f"strings must be at most 4000, got {strings}")
    check_count("seed", seed, least=0)
    # Two copies of the grammar, so that a state remembers which of T and P came second.
    grammar: list[dict[str, int]] = [{"B": 1}, {"T": 2, "P": 10}]
    for offset, again in ((2, "T"), (10, "P")):
        grammar += [{s: offset + to for s, to in ways.items()} for ways in REBER]
        grammar += [{again: 18}]
    grammar += [{"E": 19}, {}]

    rng, drawn = np.random.default_rng(seed), dict[str, None]()  # a set that keeps its order
    order = rng.permutation(512)

    def coins() -> Iterator[int]:
        while True:
            yield from rng.integers(0, 2, 1024).tolist()

    coin = coins()
    while len(drawn) < 256 + strings:
        string, state = "", 0
        while ways := [*grammar[state]]:
            string += ways[next(coin)] if len(ways) == 2 else ways[0]
            state = grammar[state][string[-1]]
        drawn[string] = None
    coded = [[REBER_SYMBOLS.index(symbol) for symbol in string] for string in drawn]
    # Frequent strings come early: the first 512 are shuffled, so that training and test share them
    # fairly and the test does not depend on how many more there are to train on.
    coded[:512] = [coded[k] for k in order]
    training = _next_symbol(coded[256:], 7, dtype)
    testing = _next_symbol(coded[:256], 7, dtype)

    def legal(batch: Batch) -> Bools:
        T, K, B = batch.xs.shape
        allowed, seen = np.zeros((T, K, B), bool), batch.xs.argmax(axis=1)
        for b, length in enumerate(_lengths(batch)):
            state = 0
            for t in range(length):
                if (symbol := REBER_SYMBOLS[seen[t, b]]) not in grammar[state]:
                    raise ValueError(f"sequence {b} of batch.xs is not of this grammar at step {t}")
                state = grammar[state][symbol]
                allowed[t, [REBER_SYMBOLS.index(s) for s in grammar[state]], b] = True
        return allowed

    def right(y: Array, batch: Batch) -> Bools:
        return _legal_first(y, legal(batch))

    return _task(
        name="embedded Reber grammar",
        D=7,
        K=7,
        every_step=True,
        baseline=_by_successors(training, testing),
        goal="at every step of every string all legal successors above all others",
        source="Hochreiter and Schmidhuber (1997), section 5.1",
        dtype=dtype,
        draw=lambda rng, B: _take(training, rng.integers(0, strings, B)),
        test_set=testing,
        right=right,
        solved=lambda y, batch: bool(right(y, batch).all()),
    )


def anbn(N: int = 10, N_test: int = 20, dtype: DType = float) -> Task:
    """Predict strings of the language aⁿbⁿ, which takes counting; test beyond the trained range.

    xs, one-hot in the order S, a, b, E: the start S, n times a, n times b; labels (T, B): the
    symbol after each, at last the end E; lengths (B,): 2n + 1. Training draws n from 1 to N, the
    test has each n from N + 1 to N_test once, in order. From the first b on the next symbol is
    determined. The baseline knows only the symbol it sees, and how often which other comes next in
    training; it is given in closed form.

    Goal: at every step of every test string all legal successors (after an a: a and b) are more
    active than all others. Source: Gers and Schmidhuber, "LSTM recurrent networks learn simple
    context-free and context-sensitive languages" (2001). Raises ValueError for N < 2 or
    N_test <= N.
    """
    check_count("N", N, least=2)
    check_count("N_test", N_test, least=N + 1)

    def strings(ns: Any) -> list[list[int]]:
        return [[0] + n * [1] + n * [2] + [3] for n in ns]

    training, testing = (
        _next_symbol(strings(ns), 4, dtype) for ns in (range(1, N + 1), range(N + 1, N_test + 1))
    )

    def right(y: Array, batch: Batch) -> Bools:
        S, a, b, _ = (batch.xs[:, k] == 1 for k in range(4))
        as_left = a.cumsum(axis=0) > b.cumsum(axis=0)
        legal = [S & False, S | a, a | b & as_left, b & ~as_left]
        return _legal_first(y, np.stack(legal, axis=1))

    # n_mean a's, and as many b's, of which one each is the last.
    n_mean, n_test = (1 + N) / 2, (N + 1 + N_test) / 2
    nats = -(n_test - 1) * np.log1p(-1 / n_mean) + np.log(n_mean)

    return _task(
        name=f"aⁿbⁿ, n to {N}, test to {N_test}",
        D=4,
        K=4,
        every_step=True,
        baseline=2 * nats / (2 * n_test + 1),
        goal="at every step of every string all legal successors above all others",
        source="Gers and Schmidhuber (2001)",
        dtype=dtype,
        draw=lambda rng, B: _take(training, rng.integers(0, N, B)),
        test_set=testing,
        right=right,
        solved=lambda y, batch: bool(right(y, batch).all()),
    )


# Data that were measured


def sunspots(window: int = 24, first_test_year: int = 1950, dtype: DType = float) -> Task:
    """Forecast next year's sunspot number from those of the years before it.

    xs (window, 1, B): the yearly numbers, 1700 to 2008; target (1, B): the next one; both minus the
    mean and in units of the standard deviation of the years before first_test_year. Those years
    train, and all targets from first_test_year on test, in the order of time; a test window may
    reach back into the training years, as a forecast's past does.

    The baseline is persistence: next year will be like this one. Goal: a smaller mean squared error
    than persistence has on the same years. Data: the package statsmodels (the series of before the
    revision of 2015); Yule (1927) was the first to forecast it by regression. Raises ImportError
    without statsmodels, ValueError for a window or year that leaves nothing to train on or test.
    """
    check_count("window", window)
    check_count("first_test_year", first_test_year)
    data = _dataset("statsmodels.datasets.sunspots", "statsmodels", "sunspots").load_pandas().data
    year = data["YEAR"].to_numpy().astype(int)
    count = data["SUNACTIVITY"].to_numpy().astype(float)
    split = first_test_year - int(year[0])  # the first year to test
    if not window < split < len(year):
        raise ValueError(
            f"first_test_year must be from {year[0] + window + 1} to {year[-1]} with window = "
            f"{window}, got {first_test_year}"
        )
    count = (count - count[:split].mean()) / count[:split].std()

    def windows(first: int, last: int) -> Batch:
        at = np.arange(first, last)
        xs = count[at - np.arange(window, 0, -1)[:, None]]
        return Batch(xs[:, None].astype(dtype), count[None, at].astype(dtype))

    training, testing = windows(window, split), windows(split, len(year))

    def errors(y: Array, batch: Batch) -> Array:
        # Row 0: of the read-out; row 1: of persistence.
        forecasts = np.concatenate([_last(y, batch), batch.xs[-1]])
        return np.asarray((forecasts - batch.target) ** 2)

    def right(y: Array, batch: Batch) -> Bools:
        ours, persistence = errors(y, batch)
        return np.asarray(ours < persistence)

    def solved(y: Array, batch: Batch) -> bool:
        ours, persistence = errors(y, batch).mean(axis=1)
        return bool(ours < persistence)

    return _task(
        name=f"sunspots, window of {window} years",
        D=1,
        K=1,
        loss=squared_error,
        baseline=squared_error(testing.xs[-1], testing.target)[0],
        goal="mean squared error below that of persistence",
        source="statsmodels; Yule (1927)",
        dtype=dtype,
        draw=lambda rng, B: _take(training, rng.integers(0, split - window, B)),
        test_set=testing,
        right=right,
        solved=solved,
    )


def digits(seed: int = 0, dtype: DType = float) -> Task:
    """Read handwritten digits row by row.

    xs (8, 8, B): the eight rows of an 8 × 8 image, top first, eight pixels each, from 0 to 1.
    labels (B,): the digit. The seed splits the 1797 images into 1437 to train on and 360 to test
    with; both have images by the same writers.

    The baseline's loss is that of the training classes' frequencies, near ln 10. A stronger simple
    one sets the goal: more digits right than by the nearest mean, which takes each image for the
    digit whose mean training image is closest. Data: the test part of the UCI set "Optical
    recognition of handwritten digits" (Alpaydin and Kaynak 1998), from the package scikit-learn.
    Raises ImportError without scikit-learn, ValueError for a negative seed.
    """
    check_count("seed", seed, least=0)
    data = _dataset("sklearn.datasets", "scikit-learn", "digits").load_digits()
    xs = np.moveaxis(data.images, 0, -1) / 16
    labels = data.target.astype(int)
    order = np.random.default_rng(seed).permutation(len(labels))
    n = len(labels) * 4 // 5
    training, testing = (
        Batch(xs[:, :, part].astype(dtype), labels[part]) for part in (order[:n], order[n:])
    )
    means = np.stack([training.xs[:, :, training.target == k].mean(axis=2) for k in range(10)], -1)
    counts = np.bincount(training.target, minlength=10)

    def nearest_mean(batch: Batch) -> Bools:
        distance = ((batch.xs[:, :, None] - means[..., None]) ** 2).sum(axis=(0, 1))  # (10, B)
        return np.asarray(distance.argmin(axis=0) == batch.target)

    def solved(y: Array, batch: Batch) -> bool:
        return bool(_class_right(y, batch).mean() > nearest_mean(batch).mean())

    share = nearest_mean(testing).mean()
    return _task(
        name="digits, row by row",
        D=8,
        K=10,
        baseline=-float(np.log(counts / n)[testing.target].mean()),
        goal=f"more digits right than by the nearest mean ({share:.1%} of all test digits)",
        source="scikit-learn; Alpaydin and Kaynak (1998)",
        dtype=dtype,
        draw=lambda rng, B: _take(training, rng.integers(0, n, B)),
        test_set=testing,
        right=_class_right,
        solved=solved,
    )


def _task(
    *,
    draw: Callable[[Generator, int], Batch],
    right: Callable[[Array, Batch], Bools],
    solved: Callable[[Array, Batch], bool],
    test_set: Batch | None = None,
    every_step: bool = False,
    loss: Loss = cross_entropy,
    baseline: Any,
    dtype: DType,
    **fields: Any,
) -> Task:
    """Return the Task whose functions check what they are given."""
    if np.dtype(dtype) not in FLOATS:
        raise TypeError(f"dtype must be float32 or float64, got {np.dtype(dtype)}")
    K = fields["K"]

    def batch(rng: Generator, B: int) -> Batch:
        check_rng(rng)
        check_count("B", B)
        return draw(rng, B)

    def test(rng: Generator, B: int | None = None) -> Batch:
        check_rng(rng)
        if B is not None:
            check_count("B", B)
        if test_set is None:
            return draw(rng, 1000 if B is None else B)
        size = test_set.xs.shape[2]
        if B is not None and size < B:
            raise ValueError(f"B must be at most {size}, the number of test sequences, got {B}")
        return _take(test_set, np.arange(size) if B is None else rng.permutation(size)[:B])

    def checked(judge: Callable[[Array, Batch], Any]) -> Callable[[Array, Batch], Any]:
        def judge_checked(y: Array, batch: Batch) -> Any:
            check_tuple("batch", batch, Batch)
            check_array("batch.xs", batch.xs, ("T", fields["D"], "B"))
            check_array("y", y, (batch.xs.shape[0], K, batch.xs.shape[2]))
            return judge(y, batch)

        return judge_checked

    return Task(
        every_step=every_step,
        loss=loss,
        baseline=float(baseline),
        dtype=np.dtype(dtype),
        batch=batch,
        test=test,
        right=checked(right),
        solved=checked(solved),
        **fields,
    )


def _dataset(module: str, package: str, task: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f"tasks.{task} needs {package}: pip install {package}") from error


def _one_hot(symbols: Ints, n: int, dtype: DType) -> Array:
    """Return (T, n, B) from symbols (T, B); a negative one, a pad, is all zeros."""
    hot: Array = (symbols[:, None] == np.arange(n)[:, None]).astype(dtype)
    return hot


def _next_symbol(strings: Sequence[list[int]], n: int, dtype: DType) -> Batch:
    """Return the batch in which each symbol is to predict the next one of its string."""
    lengths = np.array([len(string) - 1 for string in strings])
    seen = np.full((lengths.max(), len(strings)), -1)
    labels = np.zeros_like(seen)
    for b, string in enumerate(strings):
        seen[: lengths[b], b], labels[: lengths[b], b] = string[:-1], string[1:]
    return Batch(_one_hot(seen, n, dtype), labels, lengths)


def _take(batch: Batch, columns: Ints) -> Batch:
    """Return these sequences of the batch, without steps at which all of them are over."""
    if batch.lengths is None:
        return Batch(batch.xs[..., columns], batch.target[..., columns])
    lengths = batch.lengths[columns]
    T = lengths.max()
    return Batch(batch.xs[:T, :, columns], batch.target[:T, columns], lengths)


def _lengths(batch: Batch) -> Ints:
    T, _, B = batch.xs.shape
    return np.full(B, T) if batch.lengths is None else batch.lengths


def _last(y: Array, batch: Batch) -> Array:
    """Return y (K, B) at the last valid step of each sequence."""
    last: Array = y[_lengths(batch) - 1, :, np.arange(y.shape[2])].T
    return last


def _probability(y: Array, batch: Batch) -> Array:
    """Return (B,): the softmax probability of the label at the last valid step."""
    y = _last(y, batch)
    p = np.exp(y - y.max(axis=0))
    return np.asarray((p / p.sum(axis=0))[batch.target, np.arange(y.shape[1])])


def _class_right(y: Array, batch: Batch) -> Bools:
    return np.asarray(_last(y, batch).argmax(axis=0) == batch.target)


def _legal_first(y: Array, legal: Bools) -> Bools:
    """Return (B,): whether at every step all legal symbols have larger y than all others.

    A step at which none is legal, a pad, is passed.
    """
    above = np.where(legal, y, np.inf).min(axis=1) > np.where(legal, -np.inf, y).max(axis=1)
    return np.asarray(above.all(axis=0))


def _by_successors(training: Batch, testing: Batch) -> float:
    """Return the test loss of knowing how often which symbol followed the present one."""

    def pairs(batch: Batch) -> tuple[Ints, Ints]:
        valid = np.arange(len(batch.xs))[:, None] < _lengths(batch)
        return batch.xs.argmax(axis=1)[valid], batch.target[valid]

    K = training.xs.shape[1]
    count = np.zeros((K, K))
    np.add.at(count, pairs(training), 1)
    now, after = pairs(testing)
    return -float(np.log(count[now, after] / count.sum(axis=1)[now]).mean())
