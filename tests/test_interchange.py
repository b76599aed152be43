"""Weights to and from other frameworks, and files that are whole, ours and safe, or refused.

That the layouts are those of the frameworks is shown in test_reference.py, on their own numbers.
"""

import hashlib
import io
import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
import tracemalloc
import zipfile
from typing import Any, NamedTuple

import numpy as np
import pytest
from helpers import CELLS, random_like

from unrolled import readout
from unrolled.cells import gru, gru_reset_after, lstm, lstm_coupled, lstm_peephole, rnn, rnn_relu
from unrolled.interchange import (
    OnnxNode,
    from_keras,
    from_onnx,
    from_pytorch,
    load,
    save,
    to_keras,
    to_onnx,
    to_pytorch,
)
from unrolled.optimizers import adam
from unrolled.training import Model, init_model

D, H, K = 2, 3, 1
PYTORCH = [rnn, rnn_relu, gru_reset_after, lstm]
KERAS = [rnn, rnn_relu, gru, gru_reset_after, lstm]
WAYS = [
    *((cell, to_pytorch, from_pytorch) for cell in PYTORCH),
    *((cell, to_keras, from_keras) for cell in KERAS),
    *((cell, to_onnx, from_onnx) for cell in CELLS.values()),
]


def name_of(value: Any) -> str | None:
    return getattr(value, "__name__", "").rpartition(".")[2] or None


def some(cell, D=D, H=H, dtype=float, seed=0):
    """Return parameters of which every entry is random."""
    rng = np.random.default_rng(seed)
    return random_like(rng, cell.init(rng, D, H, dtype))


def equal(a, b) -> bool:
    return type(a) is type(b) and all(
        equal(x, y) if isinstance(x, tuple) else x.dtype == y.dtype and np.array_equal(x, y)
        for x, y in zip(a, b, strict=True)
    )


# Frameworks


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("cell", "to", "back"), WAYS, ids=name_of)
def test_there_and_back_is_the_same_to_the_last_bit_and_shares_no_memory(cell, to, back, dtype):
    p, other = some(cell, dtype=dtype), some(cell, dtype=dtype)
    for a, b in ((D, H), (3, 3), (1, 1), (5, 2)):
        q = some(cell, a, b, dtype)
        assert equal(back(cell, to(cell, q)), q)
    out = to(cell, p)
    inputs = out.inputs if isinstance(out, OnnxNode) else out
    arrays = list(inputs.values()) if isinstance(inputs, dict) else inputs
    read = back(cell, out)
    for array in arrays:
        assert array.flags.c_contiguous
        assert array.dtype == dtype
        array += 1
    assert equal(p, other)
    assert equal(read, other)


def test_the_gates_of_an_lstm_stand_where_each_framework_has_them():
    i, f, c, o = 1.0, 2.0, 3.0, 4.0
    gates = np.array([i, f, c, o]).reshape(4, 1, 1)
    p = lstm.Params(10 * gates, 20 * gates, 30 * gates)
    state = to_pytorch(lstm, p, prefix="encoder.", layer=2, reverse=True)
    assert {key: array.tolist() for key, array in state.items()} == {
        "encoder.weight_ih_l2_reverse": [[10 * i], [10 * f], [10 * c], [10 * o]],
        "encoder.weight_hh_l2_reverse": [[20 * i], [20 * f], [20 * c], [20 * o]],
        "encoder.bias_ih_l2_reverse": [30 * i, 30 * f, 30 * c, 30 * o],
        "encoder.bias_hh_l2_reverse": [0, 0, 0, 0],
    }
    assert list(to_pytorch(lstm, p, layer=None)) == [
        "weight_ih", "weight_hh", "bias_ih", "bias_hh",
    ]  # fmt: skip
    assert [a.tolist() for a in to_keras(lstm, p)] == [
        [[10 * i, 10 * f, 10 * c, 10 * o]],
        [[20 * i, 20 * f, 20 * c, 20 * o]],
        [30 * i, 30 * f, 30 * c, 30 * o],
    ]
    node = to_onnx(lstm, p)
    assert node.op_type == "LSTM"
    assert node.attributes == {"hidden_size": 1, "input_forget": 0}
    assert node.inputs["W"].tolist() == [[[10 * i], [10 * o], [10 * f], [10 * c]]]
    assert node.inputs["B"].tolist() == [[30 * i, 30 * o, 30 * f, 30 * c, 0, 0, 0, 0]]


def test_the_gates_of_a_gru_turn_z_and_keep_the_bias_inside_the_reset():
    z, r, h = 1.0, 2.0, 3.0
    gates = np.array([z, r, h]).reshape(3, 1, 1)
    p = gru_reset_after.Params(10 * gates, 20 * gates, 30 * gates, np.array([[7.0]]))
    state = to_pytorch(gru_reset_after, p)
    assert state["weight_hh_l0"].tolist() == [[20 * r], [-20 * z], [20 * h]]
    assert state["bias_ih_l0"].tolist() == [30 * r, -30 * z, 30 * h]
    assert state["bias_hh_l0"].tolist() == [0, 0, 7]
    kernel, _, bias = to_keras(gru_reset_after, p)
    assert kernel.tolist() == [[-10 * z, 10 * r, 10 * h]]
    assert bias.tolist() == [[-30 * z, 30 * r, 30 * h], [0, 0, 7]]
    node = to_onnx(gru_reset_after, p)
    assert node.attributes == {"hidden_size": 1, "linear_before_reset": 1}
    assert node.inputs["B"].tolist() == [[-30 * z, 30 * r, 30 * h, 0, 0, 7]]
    assert to_onnx(gru, gru.Params(*p[:3])).attributes["linear_before_reset"] == 0


@pytest.mark.parametrize("cell", [rnn, rnn_relu, lstm])
def test_two_biases_become_their_sum(cell):
    p, state = some(cell), to_pytorch(cell, some(cell))
    state["bias_hh_l0"] += 0.25
    assert np.array_equal(from_pytorch(cell, state).b, p.b + 0.25)
    node = to_onnx(cell, p)
    half = node.inputs["B"].shape[1] // 2
    node.inputs["B"][:, half:] += 0.25
    assert np.array_equal(from_onnx(cell, node).b, p.b + 0.25)


def test_two_biases_of_a_gru_become_their_sum_but_in_the_candidate():
    cell, p = gru_reset_after, some(gru_reset_after)
    state, (kernel, recurrent, bias), node = (
        to_pytorch(cell, p),
        to_keras(cell, p),
        to_onnx(cell, p),
    )
    state["bias_hh_l0"] += 0.25
    bias[1] += 0.25
    node.inputs["B"][:, 3 * H :] += 0.25
    for signs, read in (
        ([-1, 1], from_pytorch(cell, state)),
        ([-1, 1], from_keras(cell, [kernel, recurrent, bias])),
        ([-1, 1], from_onnx(cell, node)),
    ):
        assert np.array_equal(read.b_hn, p.b_hn + 0.25)
        assert np.array_equal(read.b[2], p.b[2])
        for gate, sign in enumerate(signs):  # their z is turned
            np.testing.assert_allclose(read.b[gate], p.b[gate] + sign * 0.25, rtol=0, atol=1e-15)
    # Reset before the product: the sum is the same function, and ONNX has both biases there too.
    q = some(gru)
    node = to_onnx(gru, q)
    node.inputs["B"][:, 3 * H :] += 0.25
    np.testing.assert_allclose(from_onnx(gru, node).b[2], q.b[2] + 0.25, rtol=0, atol=1e-15)


def test_layers_without_biases():
    for cell, drop in ((lstm, 2), (rnn, 2), (gru_reset_after, 2)):
        p = some(cell)
        without = p._replace(**{f: np.zeros_like(getattr(p, f)) for f in p._fields[2:]})
        state = dict(list(to_pytorch(cell, p).items())[:drop])
        assert equal(from_pytorch(cell, state, bias=False), without)
        assert equal(from_keras(cell, to_keras(cell, p)[:drop], bias=False), without)
        node = to_onnx(cell, p)
        del node.inputs["B"]
        assert equal(from_onnx(cell, node), without)


def test_one_layer_of_many_is_read_by_its_place():
    places = [(layer, reverse) for layer in (0, 1, 10) for reverse in (False, True)]
    model, expected = {"readout.weight": np.ones((2, 2))}, {}
    for seed, (layer, reverse) in enumerate(places):
        expected[layer, reverse] = some(lstm, seed=seed)
        model |= to_pytorch(
            lstm, expected[layer, reverse], prefix="encoder.", layer=layer, reverse=reverse
        )
    for (layer, reverse), p in expected.items():
        read = from_pytorch(lstm, model, prefix="encoder.", layer=layer, reverse=reverse)
        assert equal(read, p)
    with pytest.raises(
        ValueError, match=r"several layers or directions \(encoder.weight_ih_l0, en"
    ):
        from_pytorch(lstm, model, prefix="encoder.")
    with pytest.raises(ValueError, match="several .*weight_ih_l1, encoder.weight_ih_l1_reverse"):
        from_pytorch(lstm, model, prefix="encoder.", layer=1)
    one = to_pytorch(lstm, some(lstm), layer=3)
    assert equal(from_pytorch(lstm, one), some(lstm))
    assert equal(from_pytorch(lstm, one, layer=3), some(lstm))


def test_both_directions_of_a_node_of_onnx():
    forward = to_onnx(lstm_peephole, some(lstm_peephole))
    backward = to_onnx(lstm_peephole, some(lstm_peephole, seed=1))
    inputs = {
        key: np.concatenate([forward.inputs[key], backward.inputs[key]]) for key in forward.inputs
    }
    node = OnnxNode("LSTM", forward.attributes | {"direction": "bidirectional"}, inputs)
    assert equal(from_onnx(lstm_peephole, node, reverse=False), some(lstm_peephole))
    assert equal(from_onnx(lstm_peephole, node, reverse=True), some(lstm_peephole, seed=1))
    alone = backward._replace(attributes=backward.attributes | {"direction": b"reverse"})
    assert equal(from_onnx(lstm_peephole, alone, reverse=True), some(lstm_peephole, seed=1))


def test_coupled_gates_are_written_for_either_reader_and_read_as_the_runtime_does():
    p = some(lstm_coupled)
    node = to_onnx(lstm_coupled, p)
    for array in (node.inputs["W"], node.inputs["R"]):
        i, _, f, _ = array.reshape(4, H, -1)
        assert np.array_equal(i, -f)
    node.inputs["W"][:, 2 * H : 3 * H] = 0  # f = 1 - i: ONNX Runtime does not look at these
    assert equal(from_onnx(lstm_coupled, node), p)


def test_peepholes_that_are_zero_or_missing_are_no_peepholes():
    p = some(lstm)
    node = to_onnx(lstm, p)
    assert equal(from_onnx(lstm, node._replace(inputs=node.inputs | {"P": np.zeros((1, 9))})), p)
    read = from_onnx(lstm_peephole, node)
    assert equal(lstm.Params(*read[:3]), p)
    assert not any(peephole.any() for peephole in read[3:])


class Tensor:
    """What is asked of a tensor: it may be on another device and in a graph."""

    def __init__(self, array):
        self.array, self.steps = array, []

    def detach(self):
        self.steps.append("detach")
        return self

    def cpu(self):
        self.steps.append("cpu")
        return self

    def numpy(self):
        assert self.steps == ["detach", "cpu"]
        return self.array


def test_tensors_and_lists_are_read():
    state = to_pytorch(rnn, some(rnn))
    assert equal(from_pytorch(rnn, {k: Tensor(a) for k, a in state.items()}), some(rnn))
    assert equal(from_pytorch(rnn, {k: a.tolist() for k, a in state.items()}), some(rnn))
    assert equal(from_keras(rnn, tuple(to_keras(rnn, some(rnn)))), some(rnn))


STATE = to_pytorch(lstm, some(lstm))
GRU_STATE = to_pytorch(gru_reset_after, some(gru_reset_after))
WEIGHTS = to_keras(lstm, some(lstm))
NODE = to_onnx(lstm, some(lstm))
GRU_NODE = to_onnx(gru, some(gru))
RNN_NODE = to_onnx(rnn, some(rnn))
BAD = np.full(4 * H, np.nan)


def changed(**arrays):
    return STATE | arrays


def without(*keys):
    return {key: array for key, array in STATE.items() if key not in keys}


def attributes(node, **more):
    return node._replace(attributes=node.attributes | more)


def inputs(node, **more):
    return node._replace(inputs=node.inputs | more)


REFUSED = {
    "to PyTorch: a cell that it has not": (
        lambda: to_pytorch(gru, some(gru)),
        ValueError,
        "cell must be one that PyTorch has, got gru: its GRU resets after the product",
    ),
    "to PyTorch: peepholes": (
        lambda: to_pytorch(lstm_peephole, some(lstm_peephole)),
        ValueError,
        "PyTorch has, got lstm_peephole: its LSTM has no peepholes",
    ),
    "to PyTorch: coupled": (
        lambda: to_pytorch(lstm_coupled, some(lstm_coupled)),
        ValueError,
        "PyTorch has, got lstm_coupled",
    ),
    "to PyTorch: no cell": (
        lambda: to_pytorch("lstm", some(lstm)),
        TypeError,
        "cell must be a cell",
    ),
    "to PyTorch: parameters of another cell": (
        lambda: to_pytorch(lstm, some(gru)),
        ValueError,
        r"p.W_x must have shape \(4, 3, 2\), got \(3, 3, 2\)",
    ),
    "to PyTorch: parameters with other fields": (
        lambda: to_pytorch(lstm, some(gru_reset_after)),
        TypeError,
        "p must be .*Params with the fields W_x, W_h, b",
    ),
    "to PyTorch: NaN": (
        lambda: to_pytorch(rnn, some(rnn)._replace(b=np.full((H, 1), np.nan))),
        ValueError,
        "p.b must be finite",
    ),
    "to PyTorch: no arrays": (
        lambda: to_pytorch(rnn, rnn.Params(None, None, None)),
        TypeError,
        "p.W_x must be an array of weights, got NoneType",
    ),
    "to PyTorch: two dtypes": (
        lambda: to_pytorch(rnn, some(rnn)._replace(b=np.zeros((H, 1), "f4"))),
        TypeError,
        "p.b must be float64 like",
    ),
    "to PyTorch: layer -1": (
        lambda: to_pytorch(lstm, some(lstm), layer=-1),
        ValueError,
        "layer must be at least 0, got -1",
    ),
    "to PyTorch: layer 0.5": (
        lambda: to_pytorch(lstm, some(lstm), layer=0.5),
        TypeError,
        "layer must be a whole number or None, got 0.5",
    ),
    "to PyTorch: prefix": (
        lambda: to_pytorch(lstm, some(lstm), prefix=None),
        TypeError,
        "prefix must be a text such as 'encoder.', got None",
    ),
    "to PyTorch: a single cell backwards": (
        lambda: to_pytorch(lstm, some(lstm), layer=None, reverse=True),
        ValueError,
        "reverse must be False where layer is None",
    ),
    "from PyTorch: a cell that it has not": (
        lambda: from_pytorch(gru, GRU_STATE),
        ValueError,
        "PyTorch has, got gru: its GRU resets after the product",
    ),
    "from PyTorch: no mapping": (
        lambda: from_pytorch(lstm, list(STATE)),
        TypeError,
        "state_dict must be a mapping .* got list",
    ),
    "from PyTorch: a number for a key": (
        lambda: from_pytorch(lstm, {0: 1}),
        TypeError,
        "state_dict must have names for keys, got 0",
    ),
    "from PyTorch: empty": (
        lambda: from_pytorch(lstm, {}),
        ValueError,
        "state_dict has no weight_ih",
    ),
    "from PyTorch: prefix": (
        lambda: from_pytorch(lstm, STATE, prefix="encoder."),
        ValueError,
        "state_dict has no encoder.weight_ih",
    ),
    "from PyTorch: no prefix": (
        lambda: from_pytorch(lstm, STATE, prefix=0),
        TypeError,
        "prefix must be a text such as 'encoder.', got 0",
    ),
    "from PyTorch: layer": (
        lambda: from_pytorch(lstm, STATE, layer=1),
        ValueError,
        "state_dict has no weight_ih_l1",
    ),
    "from PyTorch: reverse": (
        lambda: from_pytorch(lstm, STATE, layer=0, reverse=True),
        ValueError,
        "state_dict has no weight_ih_l0_reverse",
    ),
    "from PyTorch: a missing weight": (
        lambda: from_pytorch(lstm, without("weight_hh_l0")),
        ValueError,
        "state_dict has no weight_hh_l0$",
    ),
    "from PyTorch: a missing bias": (
        lambda: from_pytorch(lstm, without("bias_hh_l0")),
        ValueError,
        "state_dict has no bias_hh_l0; of a layer without biases, say bias=False",
    ),
    "from PyTorch: biases that should not be": (
        lambda: from_pytorch(lstm, STATE, bias=False),
        ValueError,
        "state_dict has bias_ih_l0, though bias is False",
    ),
    "from PyTorch: a foreign key": (
        lambda: from_pytorch(lstm, changed(**{"fc.weight": np.ones((1, 3))})),
        ValueError,
        "state_dict has fc.weight, which is no recurrent layer's; prefix= chooses",
    ),
    "from PyTorch: a prefix without its dot": (
        lambda: from_pytorch(lstm, to_pytorch(lstm, some(lstm), prefix="a."), prefix="a"),
        ValueError,
        "state_dict has a.weight_ih_l0, which is no recurrent",
    ),
    "from PyTorch: a projection": (
        lambda: from_pytorch(lstm, changed(weight_hr_l0=np.ones((2, 3)))),
        ValueError,
        "state_dict has weight_hr_l0, a projection",
    ),
    "from PyTorch: two layers": (
        lambda: from_pytorch(lstm, STATE | to_pytorch(lstm, some(lstm), layer=1)),
        ValueError,
        r"several layers or directions \(weight_ih_l0, weight_ih_l1\)",
    ),
    "from PyTorch: transposed": (
        lambda: from_pytorch(lstm, changed(weight_hh_l0=STATE["weight_hh_l0"].T)),
        ValueError,
        r"weight_hh_l0 must have shape \(4H, H\) for lstm, got \(3, 12\): it seems to be transposed",
    ),
    "from PyTorch: transposed input weights": (
        lambda: from_pytorch(lstm, changed(weight_ih_l0=STATE["weight_ih_l0"].T)),
        ValueError,
        r"weight_ih_l0 must have shape \(12, D\), got \(2, 12\): it seems to be transposed",
    ),
    "from PyTorch: a GRU's weights": (
        lambda: from_pytorch(lstm, GRU_STATE),
        ValueError,
        r"weight_hh_l0 must have shape \(4H, H\) for lstm, got \(9, 3\): it has the gates of a GRU",
    ),
    "from PyTorch: an LSTM's weights for a GRU": (
        lambda: from_pytorch(gru_reset_after, STATE),
        ValueError,
        r"\(3H, H\) for gru_reset_after, got \(12, 3\): it has the gates of an LSTM",
    ),
    "from PyTorch: an LSTM's weights for a simple RNN": (
        lambda: from_pytorch(rnn, STATE),
        ValueError,
        r"\(H, H\) for rnn, got \(12, 3\): it has the gates of an LSTM",
    ),
    "from PyTorch: another H": (
        lambda: from_pytorch(lstm, changed(weight_ih_l0=np.ones((16, 2)))),
        ValueError,
        r"weight_ih_l0 must have shape \(12, D\), got \(16, 2\)",
    ),
    "from PyTorch: a flat weight": (
        lambda: from_pytorch(lstm, changed(weight_ih_l0=np.ones(24))),
        ValueError,
        r"weight_ih_l0 must have shape \(4H, D\), got \(24,\)",
    ),
    "from PyTorch: an empty weight": (
        lambda: from_pytorch(lstm, changed(weight_ih_l0=np.ones((12, 0)))),
        ValueError,
        "weight_ih_l0 must have .*>= 1",
    ),
    "from PyTorch: a bias of another shape": (
        lambda: from_pytorch(lstm, changed(bias_hh_l0=np.ones((12, 1)))),
        ValueError,
        r"bias_hh_l0 must have shape \(12,\), got \(12, 1\)",
    ),
    "from PyTorch: NaN": (
        lambda: from_pytorch(lstm, changed(bias_hh_l0=BAD)),
        ValueError,
        "bias_hh_l0 must be finite, got nan",
    ),
    "from PyTorch: biases whose sum is infinite": (
        lambda: from_pytorch(
            lstm, changed(bias_ih_l0=np.full(12, 1e308), bias_hh_l0=np.full(12, 1e308))
        ),
        ValueError,
        r"bias_ih_l0 \+ bias_hh_l0 must be finite, got inf",
    ),
    "from PyTorch: half precision": (
        lambda: from_pytorch(lstm, {k: a.astype("f2") for k, a in STATE.items()}),
        TypeError,
        "weight_ih_l0 must be float32 or float64, got float16",
    ),
    "from PyTorch: two dtypes": (
        lambda: from_pytorch(lstm, changed(bias_ih_l0=np.ones(12, "f4"))),
        TypeError,
        "bias_ih_l0 must be float64 like the other arrays, got float32",
    ),
    "from PyTorch: text": (
        lambda: from_pytorch(lstm, changed(bias_ih_l0="much")),
        TypeError,
        "bias_ih_l0 must be float32 or float64",
    ),
    "from PyTorch: a ragged list": (
        lambda: from_pytorch(lstm, changed(bias_ih_l0=[[1.0], [1.0, 2.0]])),
        TypeError,
        "bias_ih_l0 must be an array or a tensor, got list",
    ),
    "to Keras: a cell that it has not": (
        lambda: to_keras(lstm_peephole, some(lstm_peephole)),
        ValueError,
        "cell must be one that Keras has, got lstm_peephole",
    ),
    "from Keras: a cell that it has not": (
        lambda: from_keras(lstm_coupled, WEIGHTS),
        ValueError,
        "cell must be one that Keras has, got lstm_coupled",
    ),
    "from Keras: no list": (
        lambda: from_keras(lstm, STATE),
        TypeError,
        "weights must be a list of arrays.* got dict",
    ),
    "from Keras: two weights": (
        lambda: from_keras(lstm, WEIGHTS[:2]),
        ValueError,
        "weights must be 3 arrays, kernel, recurrent_kernel, bias, got 2; of a layer without",
    ),
    "from Keras: three weights without a bias": (
        lambda: from_keras(lstm, WEIGHTS, bias=False),
        ValueError,
        "weights must be 2 arrays, kernel, recurrent_kernel, got 3",
    ),
    "from Keras: four weights": (
        lambda: from_keras(lstm, [*WEIGHTS, WEIGHTS[2]]),
        ValueError,
        "weights must be 3 arrays, .* got 4$",
    ),
    "from Keras: reset after, for a GRU that resets before": (
        lambda: from_keras(gru, to_keras(gru_reset_after, some(gru_reset_after))),
        ValueError,
        r"bias has shape \(2, 9\), of a GRU with reset_after=True.* see gru_reset_after",
    ),
    "from Keras: reset before, for a GRU that resets after": (
        lambda: from_keras(gru_reset_after, to_keras(gru, some(gru))),
        ValueError,
        r"bias has shape \(9,\), of a GRU with reset_after=False.* see gru ",
    ),
    "from Keras: transposed": (
        lambda: from_keras(lstm, [WEIGHTS[0], WEIGHTS[1].T, WEIGHTS[2]]),
        ValueError,
        r"recurrent_kernel must have shape \(H, 4H\) for lstm, got \(12, 3\): it seems to be tra",
    ),
    "from Keras: transposed kernel": (
        lambda: from_keras(lstm, [WEIGHTS[0].T, *WEIGHTS[1:]]),
        ValueError,
        r"^kernel must have shape \(D, 12\), got \(12, 2\): it seems to be transposed",
    ),
    "from Keras: in another order": (
        lambda: from_keras(lstm, [WEIGHTS[0], WEIGHTS[2], WEIGHTS[1]]),
        ValueError,
        r"recurrent_kernel must have shape \(H, 4H\), got \(12,\)",
    ),
    "from Keras: a GRU's weights": (
        lambda: from_keras(lstm, to_keras(gru, some(gru))),
        ValueError,
        r"got \(3, 9\): it has the gates of a GRU",
    ),
    "from Keras: a bias of another shape": (
        lambda: from_keras(lstm, [*WEIGHTS[:2], np.ones(9)]),
        ValueError,
        r"bias must have shape \(12,\), got \(9,\)",
    ),
    "from Keras: a bias of another shape, reset after": (
        lambda: from_keras(
            gru_reset_after,
            [*to_keras(gru_reset_after, some(gru_reset_after))[:2], np.ones((2, 3))],
        ),
        ValueError,
        r"bias must have shape \(2, 9\), got \(2, 3\)",
    ),
    "from Keras: infinity": (
        lambda: from_keras(lstm, [np.full((2, 12), np.inf), *WEIGHTS[1:]]),
        ValueError,
        "^kernel must be finite",
    ),
    "from ONNX: no node": (
        lambda: from_onnx(lstm, tuple(NODE)),
        TypeError,
        "node must be unrolled.interchange.OnnxNode with the fields op_type",
    ),
    "from ONNX: another operator": (
        lambda: from_onnx(lstm, GRU_NODE),
        ValueError,
        "op_type must be LSTM for lstm, got 'GRU'",
    ),
    "from ONNX: attributes are a list": (
        lambda: from_onnx(lstm, NODE._replace(attributes=[])),
        TypeError,
        "node.attributes must be a mapping, got list",
    ),
    "from ONNX: inputs are a list": (
        lambda: from_onnx(lstm, NODE._replace(inputs=[])),
        TypeError,
        "node.inputs must be a mapping, got list",
    ),
    "from ONNX: linear_before_reset": (
        lambda: from_onnx(gru, attributes(GRU_NODE, linear_before_reset=1)),
        ValueError,
        "linear_before_reset must be 0 for gru, got 1: another function",
    ),
    "from ONNX: linear_before_reset is the default": (
        lambda: from_onnx(gru_reset_after, GRU_NODE._replace(attributes={})),
        ValueError,
        "linear_before_reset must be 1 for gru_reset_after, got 0: another function",
    ),
    "from ONNX: coupled": (
        lambda: from_onnx(lstm, attributes(NODE, input_forget=1)),
        ValueError,
        "input_forget must be 0 for lstm, got 1",
    ),
    "from ONNX: not coupled": (
        lambda: from_onnx(lstm_coupled, NODE),
        ValueError,
        "input_forget must be 1 for lstm_coupled, got 0",
    ),
    "from ONNX: another activation": (
        lambda: from_onnx(rnn, attributes(RNN_NODE, activations=[b"Relu"])),
        ValueError,
        r"activations must be \['Tanh'\] for rnn, got \['Relu'\]",
    ),
    "from ONNX: the default activation": (
        lambda: from_onnx(rnn_relu, RNN_NODE._replace(attributes={})),
        ValueError,
        r"activations must be \['Relu'\] for rnn_relu, got \['Tanh'\]",
    ),
    "from ONNX: a hard sigmoid": (
        lambda: from_onnx(lstm, attributes(NODE, activations=["HardSigmoid", "Tanh", "Tanh"])),
        ValueError,
        "activations must be .*'Sigmoid', 'Tanh', 'Tanh'.* for lstm",
    ),
    "from ONNX: clip": (
        lambda: from_onnx(lstm, attributes(NODE, clip=3.0)),
        ValueError,
        "attributes must not have clip for lstm, got 3.0",
    ),
    "from ONNX: parameters of activations": (
        lambda: from_onnx(lstm, attributes(NODE, activation_alpha=[0.5])),
        ValueError,
        "attributes must not have activation_alpha",
    ),
    "from ONNX: direction": (
        lambda: from_onnx(lstm, attributes(NODE, direction="sideways")),
        ValueError,
        "direction must be forward, reverse or bidirectional, got 'sideways'",
    ),
    "from ONNX: reverse, not asked for": (
        lambda: from_onnx(lstm, attributes(NODE, direction="reverse")),
        ValueError,
        "direction is reverse: say which is meant by reverse=",
    ),
    "from ONNX: forward, though reverse is asked for": (
        lambda: from_onnx(lstm, NODE, reverse=True),
        ValueError,
        "direction must have what reverse=True asks, got 'forward'",
    ),
    "from ONNX: bidirectional with the weights of one": (
        lambda: from_onnx(lstm, attributes(NODE, direction="bidirectional"), reverse=True),
        ValueError,
        r"W must have shape \(2, 4H, D\), got \(1, 12, 2\)",
    ),
    "from ONNX: hidden_size": (
        lambda: from_onnx(lstm, attributes(NODE, hidden_size=4)),
        ValueError,
        "hidden_size must be 3, the second size of R, got 4",
    ),
    "from ONNX: no R": (
        lambda: from_onnx(lstm, NODE._replace(inputs={"W": NODE.inputs["W"]})),
        ValueError,
        "node.inputs has no R",
    ),
    "from ONNX: a foreign input": (
        lambda: from_onnx(lstm, inputs(NODE, X=np.ones((1, 1, 2)))),
        ValueError,
        "node.inputs has X, which is no weight of LSTM",
    ),
    "from ONNX: peepholes of a GRU": (
        lambda: from_onnx(gru, inputs(GRU_NODE, P=np.zeros((1, 9)))),
        ValueError,
        "node.inputs has P, which is no weight of GRU",
    ),
    "from ONNX: peepholes": (
        lambda: from_onnx(lstm, inputs(NODE, P=np.ones((1, 9)))),
        ValueError,
        "P must be zero, as lstm has no peepholes: see lstm_peephole",
    ),
    "from ONNX: peepholes of another shape": (
        lambda: from_onnx(lstm_peephole, inputs(NODE, P=np.ones((1, 12)))),
        ValueError,
        r"P must have shape \(1, 9\), got \(1, 12\)",
    ),
    "from ONNX: one bias": (
        lambda: from_onnx(lstm, inputs(NODE, B=np.ones((1, 12)))),
        ValueError,
        r"B must have shape \(1, 24\), got \(1, 12\)",
    ),
    "from ONNX: transposed": (
        lambda: from_onnx(lstm, inputs(NODE, R=NODE.inputs["R"].mT)),
        ValueError,
        r"R must have shape \(4H, H\) for lstm, got \(3, 12\): it seems to be transposed",
    ),
    "from ONNX: no axis of directions": (
        lambda: from_onnx(lstm, inputs(NODE, R=NODE.inputs["R"][0])),
        ValueError,
        r"R must have shape \(1, 4H, H\), got \(12, 3\)",
    ),
    "from ONNX: double and single": (
        lambda: from_onnx(lstm, inputs(NODE, B=NODE.inputs["B"].astype("f4"))),
        TypeError,
        "B must be float64 like",
    ),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_is_not_the_same_function_or_not_whole_is_refused(wrong):
    call, error, message = REFUSED[wrong]
    with pytest.raises(error, match=message):
        call()


# Files


class Pair(NamedTuple):
    """Parameters of a reader's own."""

    encoder: Any
    scale: Any


MODEL = init_model(lstm, np.random.default_rng(0), D, H, K)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CELLS)
def test_what_is_saved_is_loaded_to_the_last_bit(name, dtype, tmp_path):
    cell, path = CELLS[name], tmp_path / "p.npz"
    p = some(cell, dtype=dtype)
    save(path, cell, p)
    assert equal(load(path, cell), p)
    rng = np.random.default_rng(0)
    model = Model(p, random_like(rng, readout.init(rng, H, K, dtype)))
    save(str(path), cell, model)
    assert equal(load(str(path), cell), model)
    assert os.listdir(tmp_path) == ["p.npz"]


def test_any_named_tuple_is_loaded_with_one_like_it(tmp_path):
    path = tmp_path / "pair.npz"
    pair = Pair(MODEL, np.float32([[1, 2]]))
    save(path, lstm, pair)
    assert equal(load(path, lstm, like=Pair(MODEL, None)), pair)
    assert equal(load(path, lstm, like=Pair(None, None)), pair)
    with pytest.raises(
        ValueError, match="fields encoder, scale, which is not known here: give one"
    ):
        load(path, lstm)
    with pytest.raises(ValueError, match="form of like, got the fields encoder, scale for params"):
        load(path, lstm, like=MODEL)
    with pytest.raises(
        ValueError, match="form of like, got the fields cell, .* for params.encoder"
    ):
        load(path, lstm, like=Pair(MODEL.cell, None))
    with pytest.raises(ValueError, match="form of like, got an array for params.scale"):
        load(path, lstm, like=Pair(MODEL, MODEL.cell))


def test_the_running_means_of_adam_are_parameters_like_any(tmp_path):
    path = tmp_path / "m.npz"
    memory = adam(0.01).init(MODEL)
    save(path, lstm, memory.m)
    assert equal(load(path, lstm), memory.m)


def test_extreme_values_fortran_order_and_views_survive(tmp_path):
    path = tmp_path / "p.npz"
    W_x = np.array([[5e-324, -0.0, 1.7976931348623157e308], [-1.0, np.pi, 1e-300]])
    p = rnn.Params(np.asfortranarray(W_x), np.arange(16.0).reshape(4, 4)[::2, ::2], np.ones((2, 1)))
    save(path, rnn, p)
    read = load(path, rnn)
    assert equal(read, p)
    assert np.signbit(read.W_x[0, 1])
    assert all(a.flags.writeable and a.flags.c_contiguous for a in read)


def test_numpy_alone_can_read_the_file(tmp_path):
    save(tmp_path / "m.npz", lstm, MODEL)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        assert np.array_equal(file["params.cell.W_h"], MODEL.cell.W_h)
        header = json.loads(str(file["header"]))
    assert header["format"] == "unrolled parameters"
    assert header["version"] == 1
    assert header["cell"] == "unrolled.cells.lstm"


def test_the_same_parameters_give_the_same_file(tmp_path):
    for name in ("a", "b"):
        save(tmp_path / name, lstm, MODEL)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.fixture
def small(tmp_path):
    """The smallest file: a simple RNN of one unit."""
    path = tmp_path / "small.npz"
    save(path, rnn, some(rnn, 1, 1))
    return path


def test_a_file_cut_anywhere_is_refused(small):
    data = small.read_bytes()
    for end in reversed(range(len(data))):
        os.truncate(small, end)
        with pytest.raises(ValueError, match="small.npz must be a whole file written by"):
            load(small, rnn)
    small.write_bytes(data)
    assert equal(load(small, rnn), some(rnn, 1, 1))


def test_a_file_with_any_byte_changed_is_refused(small):
    data = small.read_bytes()
    with open(small, "r+b", buffering=0) as file:
        for n in range(len(data)):
            for flip in (1 << n % 8, 0xFF):
                os.pwrite(file.fileno(), bytes([data[n] ^ flip]), n)
                with pytest.raises(ValueError, match=r"small.npz (is damaged|must be a whole)"):
                    load(small, rnn)
            os.pwrite(file.fileno(), data[n : n + 1], n)
    assert equal(load(small, rnn), some(rnn, 1, 1))


def test_bytes_taken_out_put_in_or_put_after_are_refused(small):
    data = small.read_bytes()
    for n in range(0, len(data), 7):
        for wrong in (data[:n] + data[n + 1 :], data[:n] + b"\0" + data[n:], data + data[:n]):
            if wrong != data:
                small.write_bytes(wrong)
                with pytest.raises(ValueError, match=r"small.npz (is damaged|must be a whole)"):
                    load(small, rnn)


class Armed:
    """Unpickling this would show."""

    def __reduce__(self):
        return os.putenv, ("UNROLLED_ARMED", "1")


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "foreign.npz"
    np.savez(path, W_x=np.ones((1, 1)), W_h=np.ones((1, 1)), b=np.ones((1, 1)))
    foreign = {"npz": path.read_bytes(), "empty": b"", "text": b"W_x = 1\n" * 30}
    np.savez(path, allow_pickle=True, W_x=np.array([Armed()], dtype=object))
    foreign["pickled"] = path.read_bytes()
    for data in foreign.values():
        path.write_bytes(data)
        with pytest.raises(
            ValueError, match="foreign.npz must be a whole file written by unrolled"
        ):
            load(path, rnn)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.npz", rnn)
    with pytest.raises(ValueError, match="must be a file, got a folder or a device"):
        load(tmp_path, rnn)
    with pytest.raises(ValueError, match="must be a file, got a folder or a device"):
        load(os.devnull.replace("null", "zero"), rnn)  # endless, where there is one
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for a writer
    with pytest.raises(ValueError, match="must be a file, got a folder or a device"):
        load(tmp_path / "pipe", rnn)
    with pytest.raises(TypeError, match="path must be a text or a pathlib.Path, got int"):
        load(0, rnn)
    with pytest.raises(TypeError, match="cell must be a cell"):
        load(path, None)


# Forged: archives with a checksum that fits, such as damage does not make.

TREE = {"fields": {f: {"shape": [1, 1], "dtype": "float64"} for f in ("W_x", "W_h", "b")}}
HEADER = {
    "format": "unrolled parameters",
    "version": 1,
    "cell": "unrolled.cells.rnn",
    "tree": TREE,
}


def npy(array, allow_pickle=False) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=allow_pickle)
    return buffer.getvalue()


def npy_head(shape, descr="<f8") -> bytes:
    buffer = io.BytesIO()
    head = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, head)
    return buffer.getvalue()


def forged(
    header: Any = HEADER,
    compression=zipfile.ZIP_STORED,
    header_entry="header",
    header_array: bytes | None = None,
    **entries,
) -> bytes:
    """Return a file with a good checksum: the smallest, but for these entries (None: without)."""
    text = header if isinstance(header, str) else json.dumps(header)
    good = {header_entry: header_array or npy(text)}
    good |= {f"params.{f}": npy([[0.5]]) for f in ("W_x", "W_h", "b")}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in (good | {k.replace("_of_", "."): v for k, v in entries.items()}).items():
            if data is not None:
                archive.writestr(f"{name}.npy", data)
        archive.comment = b"unrolled sha256 " + 64 * b"0"
    body = buffer.getvalue()[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


def with_tree(tree) -> dict[str, Any]:
    return HEADER | {"tree": tree}


def with_leaf(**leaf) -> dict[str, Any]:
    return with_tree(
        {"fields": TREE["fields"] | {"W_x": {"shape": [1, 1], "dtype": "float64"} | leaf}}
    )


FORGED = {
    "an array of objects": (
        forged(params_of_W_x=npy(np.array([[Armed()]], dtype=object), allow_pickle=True)),
        r"params.W_x must have shape \(1, 1\) and dtype float64, got \(1, 1\), object",
    ),
    "a petabyte": (
        forged(params_of_W_x=npy_head((2**47, 1)) + b"\0" * 8),
        r"params.W_x must have shape \(1, 1\)",
    ),
    "a petabyte that the header knows of": (
        forged(with_leaf(shape=[2**47, 1]), params_of_W_x=npy_head((2**47, 1)) + b"\0" * 8),
        r"got \(140737488355328, 1\), float64 in 8 bytes",
    ),
    "more than a number can say": (
        forged(with_leaf(shape=[2**62, 2**62]), params_of_W_x=npy_head((2**62, 2**62))),
        "float64 in 0 bytes",
    ),
    "a negative shape": (
        forged(with_leaf(shape=[-1, -1]), params_of_W_x=npy_head((-1, -1)) + b"\0" * 8),
        "must be a file written by save",
    ),
    "a gigabyte of zeros in a few bytes": (
        forged(compression=zipfile.ZIP_DEFLATED, params_of_W_x=npy(np.zeros((2**11, 2**11)))),
        "its arrays must not be compressed",
    ),
    "a shorter array than it says": (
        forged(params_of_W_x=npy([[0.5]])[:-1]),
        "float64 in 7 bytes",
    ),
    "a longer array than it says": (forged(params_of_W_x=npy([[0.5]]) + b"\0"), "in 9 bytes"),
    "an array of another dtype": (
        forged(params_of_W_x=npy(np.float32([[0.5]]))),
        r"dtype float64, got \(1, 1\), float32",
    ),
    "an array of another byte order": (
        forged(params_of_W_x=npy(np.array([[0.5]], dtype=">f8"))),
        r"dtype float64, got \(1, 1\), >f8",
    ),
    "an array of another version of .npy": (
        forged(params_of_W_x=b"\x93NUMPY\x02\x00" + npy([[0.5]])[8:]),
        "params.W_x must be of .npy's version 1.0",
    ),
    "no .npy at all": (forged(params_of_W_x=b"0.5"), "must be a file written by save"),
    "an array too few": (forged(params_of_b=None), "its arrays must be those of its header"),
    "an array too many": (
        forged(params_of_more=npy([[0.5]])),
        "its arrays must be those of its header",
    ),
    "no header": (forged(header_entry="reader"), "There is no item named 'header.npy'"),
    "a header of objects": (
        forged(header_array=npy(np.array(None), allow_pickle=True)),
        "its array header must have .* dtype text, got .* object",
    ),
    "a header of many texts": (
        forged(header_array=npy(["{}", "{}"])),
        "its array header must have shape",
    ),
    "a header that is no JSON": (forged("{"), "must be a file written by save"),
    "a header that is a list": (forged([]), "its header must say 'unrolled parameters'"),
    "a header that is nested without end": (
        forged('{"a":' * 100_000 + "1" + "}" * 100_000),
        "must be a file written by save",
    ),
    "another format": (forged(HEADER | {"format": "x"}), "its header must say"),
    "a later version": (
        forged(HEADER | {"version": 2}),
        "must be of version 1, which this library reads, got 2",
    ),
    "no cell": (forged(HEADER | {"cell": None}), "its header must name a cell, got None"),
    "another cell": (
        forged(HEADER | {"cell": "unrolled.cells.lstm"}),
        "must hold parameters of unrolled.cells.rnn, got those of unrolled.cells.lstm",
    ),
    "no tree": (forged(with_tree(None)), "its header must describe a named tuple, got None"),
    "a tree that is an array": (
        forged(
            with_tree({"shape": [1, 1], "dtype": "float64"}),
            params_of_W_x=None,
            params_of_W_h=None,
            params_of_b=None,
            params=npy([[0.5]]),
        ),
        "params must be a named tuple of arrays, got ndarray",
    ),
    "a tree without fields": (
        forged(with_tree({"fields": {}})),
        "its header must describe float arrays",
    ),
    "a leaf of objects": (forged(with_leaf(dtype="object")), "must describe float arrays"),
    "a leaf without shape": (forged(with_leaf(shape=None)), "must be a file written by save"),
    "a leaf of another shape": (
        forged(with_leaf(shape=[1, 2])),
        r"must have shape \(1, 2\) and dtype float64, got \(1, 1\)",
    ),
    "NaN": (forged(params_of_W_x=npy([[np.nan]])), "params.W_x must be finite, got nan"),
    "shapes that do not fit each other": (
        forged(with_leaf(shape=[2, 1]), params_of_W_x=npy([[0.5], [0.5]])),
        r"must hold good parameters: params.W_h must have shape \(2, 2\)",
    ),
    "no archive": (
        (lambda body: body + hashlib.sha256(body).hexdigest().encode())(b"PK unrolled sha256 "),
        "must be a file written by save: File is not a zip file",
    ),
}


@pytest.mark.parametrize("wrong", FORGED)
def test_forged_files_are_refused_and_take_no_memory(wrong, tmp_path):
    path = tmp_path / "forged.npz"
    data, message = FORGED[wrong]
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"forged.npz .*{message}"):
        load(path, rnn)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20 + 20 * len(data)
    assert os.environ.get("UNROLLED_ARMED") is None


def test_the_forger_forges_well(tmp_path):
    """What is refused above is refused for what was changed: unchanged, it is read."""
    (tmp_path / "p").write_bytes(forged())
    assert equal(load(tmp_path / "p", rnn), rnn.Params(*(np.array([[0.5]]) for _ in range(3))))


def test_arrays_that_share_the_same_bytes_cannot_be_longer_than_the_file(tmp_path):
    """An archive may list one stretch of bytes many times over; this one is refused by its sum."""
    fields = [f"f{n}" for n in range(40)]
    leaf = {"shape": [40], "dtype": "float64"}
    header = HEADER | {"tree": {"fields": dict.fromkeys(fields, leaf)}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("header.npy", npy(json.dumps(header)))
        archive.writestr("params.f0.npy", npy(np.ones(40)))
        for field in fields[1:]:
            info = archive.getinfo("params.f0.npy")
            again = zipfile.ZipInfo(f"params.{field}.npy")
            for key in ("header_offset", "CRC", "file_size", "compress_size"):
                setattr(again, key, getattr(info, key))
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
        archive.comment = b"unrolled sha256 " + 64 * b"0"
    body = buffer.getvalue()[:-64]
    (tmp_path / "p").write_bytes(body + hashlib.sha256(body).hexdigest().encode())
    with pytest.raises(ValueError, match="its arrays must not be longer than the file"):
        load(tmp_path / "p", rnn)


NOT_SAVED = {
    "parameters of another cell": (
        (lstm, some(rnn)),
        ValueError,
        r"params.W_x must have shape",
    ),
    "parameters with other fields": (
        (lstm, some(gru_reset_after)),
        TypeError,
        "params must be .*P",
    ),
    "a model of another cell": (
        (gru, MODEL),
        ValueError,
        r"params.cell.W_x must have shape \(3, 3, 2\), got \(4, 3, 2\)",
    ),
    "NaN in the cell": (
        (rnn, some(rnn)._replace(b=np.full((H, 1), np.nan))),
        ValueError,
        "params.b must be finite",
    ),
    "NaN in the read-out": (
        (lstm, MODEL._replace(readout=MODEL.readout._replace(b_y=np.full((K, 1), np.nan)))),
        ValueError,
        "params.readout.b_y must be finite",
    ),
    "an array": (
        (rnn, np.ones(3)),
        TypeError,
        "params must be a named tuple of arrays, got ndarray",
    ),
    "a tuple": (
        (rnn, (np.ones(3),)),
        TypeError,
        "params must be a named tuple of arrays, got tuple",
    ),
    "a tuple inside": (
        (rnn, Pair((np.ones(1),), np.ones(1))),
        TypeError,
        "params.encoder must be a named tuple of arrays, got tuple",
    ),
    "a number": ((rnn, Pair(np.ones(1), 1.0)), TypeError, "params.scale must be a NumPy array"),
    "objects": (
        (rnn, Pair(np.ones(1), np.array([None]))),
        TypeError,
        "params.scale must be float32 or float64, got object",
    ),
    "no cell": (("rnn", some(rnn)), TypeError, "cell must be a cell"),
}


@pytest.mark.parametrize("wrong", NOT_SAVED)
def test_what_could_not_be_loaded_is_not_saved(wrong, tmp_path):
    arguments, error, message = NOT_SAVED[wrong]
    with pytest.raises(error, match=message):
        save(tmp_path / "p.npz", *arguments)
    assert os.listdir(tmp_path) == []


def test_the_places_where_nothing_can_be_written(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="path must be in a folder that exists, got .*none"):
        save(tmp_path / "none" / "p.npz", rnn, some(rnn))
    with pytest.raises(IsADirectoryError, match="path must be a file, got the folder"):
        save(tmp_path, rnn, some(rnn))
    with pytest.raises(TypeError, match="path must be a text or a pathlib.Path, got int"):
        save(1, rnn, some(rnn))
    with pytest.raises(TypeError, match="path must be a text or a pathlib.Path, got bytes"):
        save(b"p", rnn, some(rnn))
    path = tmp_path / "p.npz"
    save(path, rnn, some(rnn))
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda name, mode: False)  # root may write anywhere
        with pytest.raises(PermissionError, match="must be a file that may be written"):
            save(path, rnn, some(rnn, seed=1))
    assert equal(load(path, rnn), some(rnn))


def test_permissions_and_links(tmp_path):
    path, link = tmp_path / "p.npz", tmp_path / "link.npz"
    before = os.umask(0o027)
    try:
        save(path, rnn, some(rnn))
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        link.symlink_to(path)
        save(link, rnn, some(rnn, seed=1))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert link.is_symlink()
    assert equal(load(path, rnn), some(rnn, seed=1))


def test_the_bytes_are_on_the_disk_before_the_name_and_never_open_to_more(tmp_path, monkeypatch):
    path, seen = tmp_path / "p.npz", []
    save(path, rnn, some(rnn))
    path.chmod(0o600)
    fsync, replace = os.fsync, os.replace

    def log_fsync(number):
        mode = os.fstat(number).st_mode
        seen.append("folder" if stat.S_ISDIR(mode) else oct(stat.S_IMODE(mode)))
        fsync(number)

    def log_replace(source, target):
        seen.append("replace")
        assert os.path.dirname(source) == os.path.dirname(target)  # one file system
        replace(source, target)

    monkeypatch.setattr(os, "fsync", log_fsync)
    monkeypatch.setattr(os, "replace", log_replace)
    save(path, rnn, some(rnn, seed=1))
    assert seen == ["0o600", "replace", "folder"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step, error):
    path = tmp_path / "p.npz"
    save(path, rnn, some(rnn))

    def fail(*arguments):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(type(error)):
            save(path, rnn, some(rnn, seed=1))
    assert equal(load(path, rnn), some(rnn))
    assert os.listdir(tmp_path) == ["p.npz"]


def test_what_dead_processes_left_is_removed_after_an_hour(tmp_path):
    for name, age in ((".unrolled-old.tmp", 3700), (".unrolled-new.tmp", 60), ("mine.tmp", 9999)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    save(tmp_path / "p.npz", rnn, some(rnn))
    assert sorted(os.listdir(tmp_path)) == [".unrolled-new.tmp", "mine.tmp", "p.npz"]


def test_savers_side_by_side_do_not_mix(tmp_path):
    path = tmp_path / "p.npz"
    versions = [some(rnn, 40, 40, seed=seed) for seed in range(3)]

    def run(p):
        for _ in range(20):
            save(path, rnn, p)

    threads = [threading.Thread(target=run, args=(p,)) for p in versions]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if path.exists():
            read = load(path, rnn)
            assert any(equal(read, p) for p in versions)
    for thread in threads:
        thread.join()
    assert os.listdir(tmp_path) == ["p.npz"]


WRITER = """
import os, sys
import numpy as np
from unrolled.cells import rnn
from unrolled.interchange import save

versions = [rnn.Params(*(np.full(s, v) for s in ((256, 64), (256, 256), (256, 1)))) for v in (1.0, 2.0)]
for _ in sys.stdin:  # one line, one writer, which writes until it is killed
    pid = os.fork()
    while pid == 0:
        for p in versions:
            save(sys.argv[1], rnn, p)
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("dead", flush=True)
"""


def test_a_process_killed_at_any_moment_leaves_a_whole_file(tmp_path):
    path, whole = tmp_path / "p.npz", {1.0: 0, 2.0: 0}
    shapes = ((256, 64), (256, 256), (256, 1))
    start = time.monotonic()
    save(path, rnn, rnn.Params(*(np.full(shape, 1.0) for shape in shapes)))
    taken = time.monotonic() - start
    command = [sys.executable, "-c", WRITER, str(path)]
    moments = random.Random(0)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        # Until both versions have been caught, and writers in the midst of writing.
        end, rounds = time.monotonic() + 2, 0
        while time.monotonic() < end or min(whole.values()) < 3 or not interrupted(tmp_path):
            rounds += 1
            assert rounds < 1000
            print(file=process.stdin, flush=True)
            pid = int(process.stdout.readline())
            # Later and later, as a writer may be slower than this process was.
            time.sleep(moments.uniform(0, (5 + rounds / 10) * taken))
            os.kill(pid, signal.SIGKILL)
            assert process.stdout.readline() == "dead\n"
            p = load(path, rnn)
            assert [array.shape for array in p] == list(shapes)
            assert all(np.all(array == p.b[0, 0]) for array in p)
            whole[float(p.b[0, 0])] += 1
        process.stdin.close()


def interrupted(folder) -> list:
    return list(folder.glob(".unrolled-*.tmp"))


def test_a_disk_that_fills_up_leaves_the_old_file(tmp_path):
    path = tmp_path / "p.npz"
    save(path, rnn, some(rnn))
    script = WRITER.partition("for _")[0] + (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "save(sys.argv[1], rnn, versions[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False
    )
    assert "OSError: [Errno 27] File too large" in done.stderr
    assert equal(load(path, rnn), some(rnn))
    assert os.listdir(tmp_path) == ["p.npz"]
