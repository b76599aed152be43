"""Live against ONNX Runtime, on fresh random cases: run by make test-weekly, in its own environment."""

import importlib

import numpy as np
import pytest
from helpers import CELLS
from hypothesis import given, settings
from test_parity_torch import CONFIGURATION
from test_reference import IMPLEMENTATIONS, REFERENCE, check_onnx_case

from unrolled import interchange

pytestmark = pytest.mark.weekly


@pytest.fixture(scope="module")
def make_onnx():
    """The maker of ONNX's vectors; it imports ONNX Runtime, which only this environment has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(REFERENCE)
        return importlib.import_module("make_onnx")


@pytest.mark.parametrize("name", CELLS)
def test_50_random_cases_agree(make_onnx, name):
    """Forward, in float32, with sequence_lens: what ONNX Runtime computes."""
    cell = CELLS[name]

    @settings(max_examples=50, deadline=None)
    @given(**CONFIGURATION)
    def check(seed, sizes, scale):
        rng, (T, B, D, H) = np.random.default_rng(seed), sizes
        case = make_onnx.random_case(name, rng, T, B, D, H)
        p = cell.Params(*(rng.normal(0, scale, a.shape).astype("f4") for a in cell.init(rng, D, H)))
        node = interchange.to_onnx(cell, p)
        case |= make_onnx.run(node.op_type, node.attributes, node.inputs, case)
        for implementation in IMPLEMENTATIONS.values():
            check_onnx_case(cell, p, case, implementation=implementation)

    check()


@pytest.mark.parametrize("name", CELLS)
def test_a_node_that_onnx_has_made_and_read_back(make_onnx, name):
    """The three lines of `to_onnx`, and the way back that `from_onnx` describes."""
    onnx, cell = make_onnx.onnx, CELLS[name]
    p = cell.init(np.random.default_rng(0), 2, 3)
    node = interchange.to_onnx(cell, p)
    inputs = ["X", "W", "R", "B", "sequence_lens", "initial_h"]
    inputs += ["initial_c", "P"] if node.op_type == "LSTM" else []
    proto = onnx.helper.make_node(node.op_type, inputs, ["Y", "Y_h"], **node.attributes)
    initializers = [onnx.numpy_helper.from_array(a, key) for key, a in node.inputs.items()]

    read = interchange.OnnxNode(
        proto.op_type,
        {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute},
        {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in initializers},
    )
    for a, b in zip(interchange.from_onnx(cell, read), p, strict=True):
        assert np.array_equal(a, b)
