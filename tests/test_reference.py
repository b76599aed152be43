"""States and gradients against vectors made with other frameworks (see reference/make*.py).

The vectors of cells are in the library's layout. Those of whole layers have the weights in the
framework's own, and go through `unrolled.interchange`, so they hold both to the framework.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from helpers import CELLS, assert_close

from unrolled import bptt, fused, interchange
from unrolled.cells import lstm

REFERENCE = Path(__file__).parent / "reference"
MAKEFILE = REFERENCE.parents[1] / "Makefile"
IMPLEMENTATIONS = {"bptt": bptt, "fused": fused}
TORCH_LAYERS = ["rnn", "rnn_relu", "gru_reset_after", "lstm"]
KERAS_LAYERS = ["rnn", "rnn_relu", "gru", "gru_reset_after", "lstm"]
WEIGHTS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def cases(name: str) -> list[dict[str, np.ndarray]]:
    with np.load(REFERENCE / f"{name}.npz") as file:
        numbers = sorted({int(key.split("/")[0]) for key in file.files if "/" in key})
        return [
            {key.partition("/")[2]: file[key] for key in file.files if key.startswith(f"{n}/")}
            for n in numbers
        ]


def provenance(name: str) -> str:
    with np.load(REFERENCE / f"{name}.npz") as file:
        return str(file["provenance"])


def check_case(cell, case, lengths=None, tolerance=1e-10, implementation=bptt) -> None:
    """Assert that the library gives the states and all gradients that PyTorch gave."""
    p = cell.Params(*(case[field] for field in cell.Params._fields))
    s0 = cell.State(*(case[f"s0_{field}"] for field in cell.State._fields))
    upstream = cell.State(*(case[f"up_{field}"] for field in cell.State._fields))
    states, caches = implementation.unroll(cell, p, s0, case["xs"], lengths)
    g = implementation.backward(cell, p, caches, upstream, lengths=lengths)
    for field in cell.State._fields:
        assert_close(getattr(states, field), case[field], tolerance)
        assert_close(getattr(g.s0, field), case[f"d_s0_{field}"], tolerance)
    for field in cell.Params._fields:
        assert_close(getattr(g.p, field), case[f"d_{field}"], tolerance)
    assert_close(g.xs, case["d_xs"], tolerance)


def check_layer_case(cell, p, case, tolerance=1e-10, implementation=bptt):
    """Assert that the library gives the layer's states, and its gradients of s_0 and xs.

    Returns the gradient of the parameters, to be compared in the framework's layout.
    """
    s0 = cell.State(*(case[f"s0_{field}"] for field in cell.State._fields))
    lengths = case["lengths"]
    states, caches = implementation.unroll(cell, p, s0, case["xs"], lengths)
    upstream = cell.State(*(np.zeros_like(field) for field in states))
    upstream.h[:] = case["up_h"]
    if "c" in cell.State._fields:
        upstream.c[-1] = case["up_c"]
        assert_close(states.c[-1], case["c_last"], tolerance)
    assert_close(states.h, case["h"], tolerance)
    g = implementation.backward(cell, p, caches, upstream, lengths=lengths)
    for field in cell.State._fields:
        assert_close(getattr(g.s0, field), case[f"d_s0_{field}"], tolerance)
    assert_close(g.xs, case["d_xs"], tolerance)
    return g.p


def state_dict(case, key="weights"):
    return {name: case[f"{key}/{name}"] for name in WEIGHTS}


def check_torch_gradients(cell, d_p, case, tolerance=1e-10) -> None:
    """Assert that the gradients of PyTorch's four weights are ours, as `to_pytorch` lays them out.

    Where two biases are one function, both have its gradient.
    """
    ours, theirs = interchange.to_pytorch(cell, d_p), state_dict(case, "d_weights")
    both = ours["bias_ih_l0"].copy()
    if "b_hn" in cell.Params._fields:
        both[-d_p.b_hn.size :] = d_p.b_hn[:, 0]
    ours["bias_hh_l0"] = both
    for name in WEIGHTS:
        assert_close(ours[name], theirs[name], tolerance)


def check_keras_gradients(cell, d_p, case, tolerance=1e-10) -> None:
    """Assert that the gradients of Keras's three weights are ours, as `to_keras` lays them out."""
    kernel, recurrent, bias = interchange.to_keras(cell, d_p)
    if "b_hn" in cell.Params._fields:
        H = d_p.b_hn.size
        bias[1, : 2 * H] = bias[0, : 2 * H]
    for n, ours in enumerate((kernel, recurrent, bias)):
        assert_close(ours, case[f"d_weights/{n}"], tolerance)


def check_onnx_case(cell, p, case, tolerance=1e-4, implementation=bptt) -> None:
    """Assert that the library gives the states that ONNX Runtime gave (it puts zeros at pads)."""
    s0 = cell.State(*(case[f"s0_{field}"] for field in cell.State._fields))
    states, _ = implementation.unroll(cell, p, s0, case["xs"], case["lengths"])
    valid = np.arange(len(case["xs"])).reshape(-1, 1, 1) < case["lengths"]
    assert_close(np.where(valid, states.h, 0), case["h"], tolerance)
    for field in cell.State._fields:
        assert_close(getattr(states, field)[-1], case[f"{field}_last"], tolerance)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS.values(), ids=IMPLEMENTATIONS)
@pytest.mark.parametrize("name", CELLS)
def test_states_and_all_gradients_are_those_of_pytorch(name, implementation):
    found = cases(name)
    assert len(found) >= 20
    for case in found:
        check_case(CELLS[name], case, implementation=implementation)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS.values(), ids=IMPLEMENTATIONS)
@pytest.mark.parametrize("name", TORCH_LAYERS)
def test_layers_of_pytorch_with_two_biases_on_packed_sequences(name, implementation):
    cell, found = CELLS[name], cases(f"torch/{name}")
    assert len(found) >= 8
    for case in found:
        assert np.all(case["weights/bias_hh_l0"] != 0)
        p = interchange.from_pytorch(cell, state_dict(case))
        d_p = check_layer_case(cell, p, case, implementation=implementation)
        check_torch_gradients(cell, d_p, case)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS.values(), ids=IMPLEMENTATIONS)
@pytest.mark.parametrize("name", KERAS_LAYERS)
def test_layers_of_keras_with_masks(name, implementation):
    cell, found = CELLS[name], cases(f"keras/{name}")
    assert len(found) >= 8
    for case in found:
        p = interchange.from_keras(cell, [case[f"weights/{n}"] for n in range(3)])
        d_p = check_layer_case(cell, p, case, implementation=implementation)
        check_keras_gradients(cell, d_p, case)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS.values(), ids=IMPLEMENTATIONS)
@pytest.mark.parametrize("name", CELLS)
def test_operators_of_onnx_with_lengths(name, implementation):
    cell, found = CELLS[name], cases(f"onnx/{name}")
    assert len(found) >= 8
    for case in found:
        inputs = {
            key.removeprefix("weights/"): array
            for key, array in case.items()
            if key.startswith("weights/")
        }
        node = interchange.OnnxNode(
            str(case["op_type"]), json.loads(str(case["attributes"])), inputs
        )
        p = interchange.from_onnx(cell, node)
        check_onnx_case(cell, p, case, implementation=implementation)


def test_the_cases_of_layers_have_sequences_of_different_lengths():
    names = [f"torch/{name}" for name in TORCH_LAYERS] + [f"keras/{name}" for name in KERAS_LAYERS]
    for name in names + [f"onnx/{name}" for name in CELLS]:
        lengths = [set(case["lengths"].tolist()) for case in cases(name)]
        assert sum(len(found) > 1 for found in lengths) >= 3, name


MADE_WITH = {
    **dict.fromkeys(CELLS, r"torch 2\.13\.0"),
    **{f"torch/{name}": r"torch 2\.13\.0.*torch\.nn\." for name in TORCH_LAYERS},
    **{f"keras/{name}": r"keras 3\.15\.1, jax 0\.10\.2.*keras\.layers\." for name in KERAS_LAYERS},
    **{f"onnx/{name}": r"onnxruntime 1\.31\.1, onnx 1\.23\.2, operator set 22" for name in CELLS},
}


@pytest.mark.parametrize("name", MADE_WITH)
def test_the_vectors_say_where_they_come_from(name):
    assert re.match(MADE_WITH[name], provenance(name))
    assert re.search(r"seed \d+$", provenance(name))


def test_the_pins_are_those_of_the_vectors():
    pins = (REFERENCE / "requirements.txt").read_text()
    made = " ".join(provenance(name) for name in ("keras/lstm", "onnx/lstm"))
    for package in ("keras", "jax", "onnx", "onnxruntime", "numpy"):
        (version,) = re.findall(rf"(?m)^{package}==([\d.]+)", pins)
        assert f"{package} {version}" in made
    assert f"torch=={provenance('lstm').split()[1].partition('+')[0]}" in MAKEFILE.read_text()


def test_the_vectors_are_small_and_none_is_forgotten():
    found = {
        path.relative_to(REFERENCE).with_suffix("").as_posix()
        for folder in ("torch", "keras", "onnx")
        for path in (REFERENCE / folder).iterdir()
    }
    assert found == {name for name in MADE_WITH if "/" in name}
    assert sum((REFERENCE / f"{name}.npz").stat().st_size for name in found) < 600_000


def test_the_chapter_by_hand_quotes_what_pytorch_printed():
    printed = (REFERENCE / "by_hand.txt").read_text().strip()
    notebook = REFERENCE.parents[1] / "book" / "gates" / "lstm-by-hand.ipynb"
    assert f"# {printed}\\n" in notebook.read_text(encoding="utf-8")
    p = lstm.Params(
        np.array([0.9, 0.5, -0.9, 1.2]).reshape(4, 1, 1),
        np.array([-0.8, -1.2, -0.2, 0.4]).reshape(4, 1, 1),
        np.array([-0.5, 1.0, 0.9, -1.1]).reshape(4, 1, 1),
    )
    s = lstm.State(h=np.array([[0.1]]), c=np.array([[0.2]]))
    after, _ = lstm.step(p, s, np.array([[0.5]]))
    assert printed == f"c = {after.c.item():.5f}, h = {after.h.item():.5f}"
