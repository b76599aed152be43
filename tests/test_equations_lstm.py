"""The numbered equations on the LSTM's way back, by plain arithmetic, against the library."""

import math
from itertools import pairwise

import numpy as np
import pytest

from unrolled import numerical_gradient
from unrolled.cells import lstm


@pytest.mark.equation("lstm-central-difference")
def test_a_central_difference_is_the_slope_up_to_the_square_of_epsilon():
    """For w³ exactly: ((w + ε)³ - (w - ε)³) / 2ε = 3w² + ε²."""
    for w in (-1.5, 0.3, 2.0):
        for epsilon in (0.1, 0.01, 1e-3):
            found = numerical_gradient(lambda v: float(v[0] ** 3), np.array([w]), epsilon)
            assert math.isclose(found[0], 3 * w**2 + epsilon**2, rel_tol=1e-9)


@pytest.mark.equation("lstm-central-difference")
def test_a_tenth_of_epsilon_makes_a_hundredth_of_the_error_in_a_step_of_the_lstm():
    W_x, W_h, b = ([0.9, 0.5, -0.9, 1.2], [-0.8, -1.2, -0.2, 0.4], [-0.5, 1.0, 0.9, -1.1])

    def loss(b_f: float) -> float:
        """h + c / 2 of the second example, by plain arithmetic."""
        a = [u * 0.5 + v * 0.1 + w for u, v, w in zip(W_x, W_h, [b[0], b_f, *b[2:]], strict=True)]
        i, f, o = (1 / (1 + math.exp(-a[k])) for k in (0, 1, 3))
        c = f * 0.2 + i * math.tanh(a[2])
        return o * math.tanh(c) + 0.5 * c

    p = lstm.Params(*(np.array(v).reshape(4, 1, 1) for v in (W_x, W_h, b)))
    s, x = lstm.State(np.array([[0.1]]), np.array([[0.2]])), np.array([[0.5]])
    _, cache = lstm.step(p, s, x)
    ds = lstm.State(np.array([[1.0]]), np.array([[0.5]]))
    claimed = lstm.step_backward(p, cache, ds)[0].b[1].item()
    errors = [abs((loss(1 + e) - loss(1 - e)) / (2 * e) - claimed) for e in (0.1, 0.01, 0.001)]
    assert errors[0] < 1e-5
    assert all(90 < first / second < 110 for first, second in pairwise(errors))
