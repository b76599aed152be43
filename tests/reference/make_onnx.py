"""Make the reference vectors of ONNX Runtime (a tool for maintainers, not for readers).

    make test-weekly  # makes .venv-frameworks, too
    .venv-frameworks/bin/python tests/reference/make_onnx.py

Every file onnx/<cell>.npz holds CASES random cases of the operators RNN, GRU and LSTM, forward only and
in float32, as ONNX Runtime computes them, with sequence_lens. Weights are in ONNX's own layout,
"weights/W", "weights/R", "weights/B", "weights/P", all random. For case n: s_0, xs, lengths, and ONNX
Runtime's h, which is zero after the end of a sequence, and its last valid h and c. All but the weights
is batch last. "attributes" is the node's, as JSON.
"""

import json

import numpy as np
import onnx
import onnxruntime
from cases import HERE, Case, fields_of, random_layer_case, random_sizes, write
from onnx import TensorProto, helper, numpy_helper

CASES = 8
OPERATOR_SET = 22
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
NODES = {
    "rnn": ("RNN", {"activations": ["Tanh"]}),
    "rnn_relu": ("RNN", {"activations": ["Relu"]}),
    "gru": ("GRU", {"linear_before_reset": 0}),
    "gru_reset_after": ("GRU", {"linear_before_reset": 1}),
    "lstm": ("LSTM", {}),
    "lstm_peephole": ("LSTM", {}),
    "lstm_coupled": ("LSTM", {"input_forget": 1}),
}


def run(op_type: str, attributes: dict, weights: Case, given: Case) -> Case:
    """Return h at every step (zero at pads) and the last valid states, of one node."""
    feeds = {
        "X": given["xs"].transpose(0, 2, 1),
        "sequence_lens": given["lengths"].astype(np.int32),
        "initial_h": given["s0_h"].T[np.newaxis],
    }
    letters = ["h"]
    if op_type == "LSTM":
        feeds["initial_c"], letters = given["s0_c"].T[np.newaxis], ["h", "c"]
    order = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]
    inputs = [name if name in feeds or name in weights else "" for name in order]
    inputs = inputs[: len(inputs) - inputs[::-1].index(next(filter(None, inputs[::-1])))]
    outputs = ["Y", *(f"Y_{letter}" for letter in letters)]

    node = helper.make_node(op_type, inputs, outputs, **attributes)
    kinds = {"sequence_lens": TensorProto.INT32}
    graph = helper.make_graph(
        [node],
        "cell",
        [
            helper.make_tensor_value_info(key, kinds.get(key, TensorProto.FLOAT), array.shape)
            for key, array in feeds.items()
        ],
        [
            helper.make_tensor_value_info(key, TensorProto.FLOAT, [None] * (4 if key == "Y" else 3))
            for key in outputs
        ],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", OPERATOR_SET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    Y, *last = session.run(None, {key: np.ascontiguousarray(array) for key, array in feeds.items()})
    found = {"h": Y[:, 0].transpose(0, 2, 1)}
    return found | {f"{x}_last": s[0].T for x, s in zip(letters, last, strict=True)}


def random_case(name: str, rng: np.random.Generator, T: int, B: int, D: int, H: int) -> Case:
    """Return random sequences in float32."""
    given = random_layer_case(name, rng, T, B, D, H)
    keys = ["xs", *(f"s0_{field}" for field in fields_of(name))]
    return {key: given[key].astype(np.float32) for key in keys} | {"lengths": given["lengths"]}


def layer_case(name: str, rng: np.random.Generator) -> Case:
    """Return one random case, with the weights in ONNX's layout."""
    T, B, D, H = random_sizes(rng)
    given, scale = random_case(name, rng, T, B, D, H), rng.uniform(0.1, 0.7)
    op_type, attributes = NODES[name]
    attributes, G = attributes | {"hidden_size": H}, GATES[op_type]
    shapes = {"W": (1, G * H, D), "R": (1, G * H, H), "B": (1, 2 * G * H)}
    shapes |= {"P": (1, 3 * H)} if name == "lstm_peephole" else {}
    weights = {key: rng.normal(0, scale, shape).astype("f4") for key, shape in shapes.items()}
    given |= {f"weights/{key}": weight for key, weight in weights.items()}
    given |= {"attributes": np.array(json.dumps(attributes)), "op_type": np.array(op_type)}
    return given | run(op_type, attributes, weights, given)


def main() -> None:
    """Write one file a cell."""
    made = f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}"
    made += f", operator set {OPERATOR_SET}, numpy {np.__version__}"
    for seed, (name, (op_type, _)) in enumerate(NODES.items(), start=300):
        rng = np.random.default_rng(seed)
        cases = [layer_case(name, rng) for _ in range(CASES)]
        how = f"{made}, {op_type} with sequence_lens, make_onnx.py, seed {seed}"
        write(HERE / "onnx" / f"{name}.npz", cases, how)


if __name__ == "__main__":
    main()
