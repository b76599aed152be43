"""The numbered equations of "Real data", by plain arithmetic.

What the chapter defines itself, such as its n-gram, is taken from its own cells.
"""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import statsmodels.api as sm

from unrolled import interchange
from unrolled.cells import lstm
from unrolled.readout import cross_entropy
from unrolled.training import predict

CHAPTER = Path(__file__).resolve().parents[1] / "book" / "practice" / "real-data.ipynb"
TEXT = (CHAPTER.parent / "text.txt").read_text(encoding="utf-8")
ALPHABET = sorted(set(TEXT))


def defined(name: str, **names: Any) -> Any:
    """Return a function of the chapter, run with these names (and NumPy) around it."""
    (cell,) = (
        cell.source
        for cell in nbformat.read(CHAPTER, as_version=4).cells
        if cell.cell_type == "code" and f"def {name}(" in cell.source
    )
    function = cell[cell.index(f"def {name}(") :].split("\n\n\n")[0]
    space = {"np": np, **names}
    exec(function, space)
    return space[name]


def softmax(y: Any, k: int) -> float:
    return math.exp(y[k]) / math.fsum(math.exp(v) for v in y)


@pytest.mark.equation("data-rmse")
def test_rmse_is_the_root_of_the_mean_square():
    count = np.random.default_rng(0).uniform(0, 200, 30)
    forecast, at = count[3:9] + np.array([3, -4, 0, 0, 12, 0]), np.arange(3, 9)
    assert defined("rmse", count=count)(forecast, at) == pytest.approx(math.sqrt(169 / 6))


@pytest.mark.equation("data-autoregression")
def test_the_autoregression_is_least_squares_on_the_last_values():
    """Its weights solve the normal equations of rows (1, y_{t-1}, ..., y_{t-k})."""
    rng = np.random.default_rng(1)
    year, count = np.arange(1800, 1880), rng.uniform(0, 200, 80)
    k, at = 3, np.array([60, 61, 75])
    names = {"count": count, "year": year, "sm": sm}
    forecasts = defined("autoregression", **names)(k, 1850, at)
    rows = [[1.0, *(count[t - j] for j in range(1, k + 1))] for t in range(k, 50)]
    A = np.array(rows)
    a = np.linalg.solve(A.T @ A, A.T @ count[k:50])
    for t, forecast in zip(at, forecasts, strict=True):
        expected = a[0] + math.fsum(a[j] * count[t - j] for j in range(1, k + 1))
        assert forecast == pytest.approx(expected, rel=1e-9)


@pytest.mark.equation("data-softmax")
def test_the_softmax_is_in_the_gradient_of_the_loss():
    """dL/dy_k = (p_k - 1 for the truth, p_k for the others) / N."""
    y = np.random.default_rng(2).standard_normal((5, 3))
    labels = np.array([4, 0, 2])
    _, dy = cross_entropy(y, labels)
    for n in range(3):
        p = [softmax(y[:, n], k) for k in range(5)]
        assert math.fsum(p) == pytest.approx(1, rel=1e-14)
        for k in range(5):
            assert 3 * dy[k, n] + (k == labels[n]) == pytest.approx(p[k], rel=1e-12)


@pytest.mark.equation("data-cross-entropy")
def test_the_cross_entropy_is_the_mean_of_minus_log_p_of_the_truth():
    y = np.random.default_rng(3).standard_normal((5, 4))
    labels = np.array([1, 1, 4, 0])
    terms = [-math.log(softmax(y[:, n], k)) for n, k in enumerate(labels)]
    assert cross_entropy(y, labels)[0] == pytest.approx(math.fsum(terms) / 4, rel=1e-13)
    assert cross_entropy(np.zeros((10, 1)), np.array([7]))[0] == pytest.approx(math.log(10))


def smoothed(text: str, c: str, x: str, beta: float) -> float:
    """The recursion on strings, where every place of the text is looked at anew."""
    followers = [text[t + len(c)] for t in range(len(text) - len(c)) if text.startswith(c, t)]
    shorter = 1 / len(ALPHABET) if c == "" else smoothed(text, c[1:], x, beta)
    return (followers.count(x) + beta * shorter) / (len(followers) + beta)


@pytest.mark.equation("data-ngram")
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_an_ngram_mixes_its_counts_with_those_of_the_shorter_context(n):
    text, beta = TEXT[:700], 4
    p = defined("ngram", K=len(ALPHABET), Counter=Counter)(text, n, beta)
    # Contexts that are common, at the text's end, and not in it at all.
    for before in ("the gates", text[-9:], "xqzxqzxqz"):
        c = before[len(before) - n + 1 :]
        for x in "e qz":
            assert p(before, x) == pytest.approx(smoothed(text, c, x, beta), rel=1e-12)
        assert math.fsum(p(before, x) for x in ALPHABET) == pytest.approx(1, rel=1e-12)


@pytest.mark.equation("data-bits")
def test_bits_per_character_are_minus_log_2_of_the_probability_of_the_text():
    """Of the n-gram by the product of its factors; of the LSTM step by step, and as L / log 2."""
    start, stop = 300, 330
    p = defined("ngram", K=len(ALPHABET), Counter=Counter)(TEXT[:300], 3, 4)
    product = math.prod(p(TEXT[t - 2 : t], TEXT[t]) for t in range(start, stop))
    bits = defined("count_bits", text=TEXT)(p, start, stop)
    assert bits.mean() == pytest.approx(-math.log2(product) / 30, rel=1e-12)

    model = interchange.load(CHAPTER.parent / "characters.npz", lstm)
    codes = np.array([ALPHABET.index(x) for x in TEXT])
    one_hot = np.eye(len(ALPHABET), dtype=np.float32)
    names = {"codes": codes, "one_hot": one_hot, "lstm": lstm, "predict": predict}
    found = defined("lstm_bits", **names)(model, start, stop)
    s, logits = lstm.zero_state(64, 1, np.float32), []
    for t in range(start - 200, stop - 1):
        s, _ = lstm.step(model.cell, s, one_hot[:, codes[t : t + 1]])
        logits.append((model.readout.W_y @ s.h + model.readout.b_y)[:, 0].astype(float))
    pairs = list(zip(logits[-30:], codes[start:stop], strict=True))
    expected = [-math.log2(softmax(y, k)) for y, k in pairs]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    loss, _ = cross_entropy(np.array(logits[-30:]).T, codes[start:stop])
    assert loss / math.log(2) == pytest.approx(math.fsum(expected) / 30, rel=1e-12)


@pytest.mark.equation("data-perplexity")
def test_the_perplexity_is_one_over_the_geometric_mean_of_the_probabilities():
    y = np.random.default_rng(4).standard_normal((6, 9))
    labels = np.arange(9) % 6
    L, _ = cross_entropy(y, labels)
    factors = [softmax(y[:, n], k) for n, k in enumerate(labels)]
    perplexity = math.prod(factors) ** (-1 / 9)
    b = -math.fsum(math.log2(p) for p in factors) / 9
    assert math.exp(L) == pytest.approx(perplexity, rel=1e-12)
    assert 2**b == pytest.approx(perplexity, rel=1e-12)
    assert math.exp(cross_entropy(np.zeros((34, 1)), np.array([0]))[0]) == pytest.approx(34)
