"""Live against Keras on JAX, on fresh random cases: run by make test-weekly, in its own environment."""

import importlib

import numpy as np
import pytest
from helpers import CELLS
from hypothesis import Phase, given, settings
from test_parity_torch import CONFIGURATION, TOLERANCE, assume_no_kink, in_dtype
from test_reference import (
    IMPLEMENTATIONS,
    KERAS_LAYERS,
    REFERENCE,
    check_keras_gradients,
    check_layer_case,
)

from unrolled import interchange

pytestmark = pytest.mark.weekly


@pytest.fixture(scope="module")
def make_keras():
    """The maker of Keras's vectors; it imports Keras, which only this environment has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(REFERENCE)
        return importlib.import_module("make_keras")


@pytest.mark.parametrize(("dtype", "count"), [("float64", 50), ("float32", 15)])
@pytest.mark.parametrize("name", KERAS_LAYERS)
def test_random_cases_agree(make_keras, name, dtype, count):
    cell, tolerance = CELLS[name], TOLERANCE[dtype]

    # No shrinking: XLA compiles anew for every size.
    @settings(max_examples=count, deadline=None, phases=[Phase.generate])
    @given(**CONFIGURATION)
    def check(seed, sizes, scale):
        rng, (T, B, D, H) = np.random.default_rng(seed), sizes
        case = in_dtype(make_keras.random_layer_case(name, rng, T, B, D, H), dtype)
        p = cell.Params(
            *(rng.normal(0, scale, a.shape).astype(dtype) for a in cell.init(rng, D, H))
        )
        assume_no_kink(cell, p, case, case["lengths"])
        case |= make_keras.layer_answer(name, interchange.to_keras(cell, p), case)
        assert case["h"].dtype == dtype
        for implementation in IMPLEMENTATIONS.values():
            d_p = check_layer_case(cell, p, case, tolerance, implementation)
            check_keras_gradients(cell, d_p, case, tolerance)

    check()
