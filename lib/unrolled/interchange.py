"""Parameters to and from PyTorch, Keras and ONNX, and to and from files.

D inputs, H hidden units, G gates. No framework is imported: what goes in may be a framework's
tensors, what comes out are NumPy arrays.

    cell              PyTorch            Keras                     ONNX
    rnn               RNN                SimpleRNN                 RNN
    rnn_relu          RNN, relu          SimpleRNN, relu           RNN, Relu
    gru               -                  GRU, reset_after=False    GRU, linear_before_reset=0
    gru_reset_after   GRU (r, z, n)      GRU (z, r, h)             GRU (z, r, h), the same = 1
    lstm              LSTM (i, f, g, o)  LSTM (i, f, c, o)         LSTM (i, o, f, c)
    lstm_peephole     -                  -                         LSTM with P (i, o, f)
    lstm_coupled      -                  -                         LSTM, input_forget=1

All three take z for the share of the old state, this library for that of the new: z is turned by
the sign of its weights, σ(-a) = 1 - σ(a), which is exact.

PyTorch and ONNX (and Keras, where the reset acts after the product) have a second bias. It is the
same function with one, the sum, except in the candidate of `gru_reset_after`, where it is b_hn. But
it is not the same training: the sum of two biases, each with the whole gradient, moves by twice
the step that gradient descent takes here.

Sources: the pages of torch.nn.RNN, GRU and LSTM (PyTorch 2.13), of keras.layers.SimpleRNN, GRU and
LSTM (Keras 3.15), and of the operators RNN, GRU and LSTM (ONNX, operator set 22).
"""

import hashlib
import io
import json
import math
import os
import re
import secrets
import shutil
import stat
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import readout
from .cells import gru, gru_reset_after, lstm, lstm_coupled, lstm_peephole, rnn, rnn_relu
from .cells.protocol import Array, Cell
from .checks import check_array, check_cell, check_params, check_tuple
from .training import Model
from .tree import tree_leaves

# The places in our order of the gates that a framework stacks, in its order.
_PYTORCH: dict[Any, tuple[int, ...]] = {
    rnn: (0,),
    rnn_relu: (0,),
    gru_reset_after: (1, 0, 2),
    lstm: (0, 1, 2, 3),
}
_KERAS: dict[Any, tuple[int, ...]] = {
    rnn: (0,),
    rnn_relu: (0,),
    gru: (0, 1, 2),
    gru_reset_after: (0, 1, 2),
    lstm: (0, 1, 2, 3),
}
_ONNX: dict[Any, tuple[int, ...]] = {
    rnn: (0,),
    rnn_relu: (0,),
    gru: (0, 1, 2),
    gru_reset_after: (0, 1, 2),
    lstm: (0, 3, 1, 2),
    lstm_peephole: (0, 3, 1, 2),
    lstm_coupled: (0, 3, 1, 2),  # of the four that `_uncoupled` makes of three
}
_LACKS = {
    ("PyTorch", gru): "its GRU resets after the product: see gru_reset_after",
    ("PyTorch", lstm_peephole): "its LSTM has no peepholes",
    ("PyTorch", lstm_coupled): "its LSTM has a gate of its own for the input: see lstm",
    ("Keras", lstm_peephole): "its LSTM has no peepholes",
    ("Keras", lstm_coupled): "its LSTM has a gate of its own for the input: see lstm",
}
_GATES_OF = {1: "a simple RNN", 3: "a GRU", 4: "an LSTM"}


# PyTorch


def to_pytorch(
    cell: Cell, p: Any, *, prefix: str = "", layer: int | None = 0, reverse: bool = False
) -> dict[str, Array]:
    """Return the parameters as a state dict of torch.nn.RNN, GRU or LSTM.

    The keys are weight_ih_l0 (G·H, D), weight_hh_l0 (G·H, H), bias_ih_l0 and bias_hh_l0 (G·H,) of
    that layer and direction, with the prefix in front; layer=None gives weight_ih and so on, the
    keys of torch.nn.RNNCell, GRUCell and LSTMCell. The second bias is zero, but for b_hn.

        layer.load_state_dict({key: torch.tensor(a) for key, a in to_pytorch(lstm, p).items()})

    For rnn_relu the layer must have nonlinearity="relu", which is not among its weights. Raises
    ValueError for a cell that PyTorch does not have; TypeError or ValueError for bad parameters.
    """
    order, H = _outgoing("PyTorch", _PYTORCH, cell, p)
    suffix = _suffix(layer, reverse)
    _check_prefix(prefix)
    b, second = _biases(cell, p, order, H)
    arrays = {
        "weight_ih": _stack(cell, p.W_x, order),
        "weight_hh": _stack(cell, p.W_h, order),
        "bias_ih": b,
        "bias_hh": second,
    }
    return {f"{prefix}{name}{suffix}": array for name, array in arrays.items()}


def from_pytorch(
    cell: Cell,
    state_dict: Mapping[str, Any],
    *,
    prefix: str = "",
    layer: int | None = None,
    reverse: bool | None = None,
    bias: bool = True,
) -> Any:
    """Return the Params in a state dict of torch.nn.RNN, GRU or LSTM (or of their cells).

    state_dict: name -> tensor or array, as `to_pytorch` gives it, all float32 or all float64.
    prefix: only keys that start so are looked at, such as "encoder." in a larger model. layer and
    reverse: which layer and direction, where there is more than one. bias=False: the layer was made
    so. The two biases become one; read the module's note on training with two.

    Raises ValueError, naming the key, for one that is missing, is not a recurrent layer's, or has a
    wrong shape or NaN, and for a cell that PyTorch does not have; TypeError for another type or
    dtype. What the weights do not tell, such as nonlinearity="relu", is for the caller to know; nor
    can it be seen that a square matrix is transposed.
    """
    order = _order("PyTorch", _PYTORCH, cell)
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            "state_dict must be a mapping from names to arrays, such as layer.state_dict(), "
            f"got {type(state_dict).__name__}"
        )
    _check_prefix(prefix)
    names = _names_of_layer(state_dict, prefix, layer, reverse, bias)
    arrays = _arrays({name: state_dict[name] for name in names})
    H = _check_weights(cell, order, names[:2], arrays[:2])
    for name, array in zip(names[2:], arrays[2:], strict=True):
        check_array(name, array, (len(order) * H,))
    b, b_hn = _fold(cell, order, H, arrays[2:], " + ".join(names[2:]), arrays[0].dtype)
    return cell.Params(*(_unstack(cell, a, order) for a in (*arrays[:2], b)), *b_hn)


def _check_prefix(prefix: Any) -> None:
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be a text such as 'encoder.', got {prefix!r}")


def _suffix(layer: int | None, reverse: bool) -> str:
    if layer is None and reverse:
        raise ValueError("reverse must be False where layer is None, got True")
    if layer is not None and (not isinstance(layer, int | np.integer) or isinstance(layer, bool)):
        raise TypeError(f"layer must be a whole number or None, got {layer!r}")
    if layer is not None and layer < 0:
        raise ValueError(f"layer must be at least 0, got {layer}")
    return "" if layer is None else f"_l{layer}{'_reverse' if reverse else ''}"


def _names_of_layer(
    state_dict: Mapping[str, Any],
    prefix: str,
    layer: int | None,
    reverse: bool | None,
    bias: bool,
) -> list[str]:
    """Return the keys of one layer: two weights, and two biases if it has them."""
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    pattern = re.compile(rf"({'|'.join(kinds)}|weight_hr)(|_l(\d+)(_reverse)?)")
    found: dict[str, set[str]] = {}
    for key in state_dict:
        if not isinstance(key, str):
            raise TypeError(f"state_dict must have names for keys, got {key!r}")
        if not key.startswith(prefix):
            continue
        match = pattern.fullmatch(key.removeprefix(prefix))
        if not match:
            raise ValueError(
                f"state_dict has {key}, which is no recurrent layer's; prefix= chooses a part"
            )
        kind, suffix, number, backwards = match.groups()
        is_wanted = layer is None or number == str(layer)
        if is_wanted and (reverse is None or reverse == bool(backwards)):
            found.setdefault(suffix, set()).add(kind)
    wanted = "" if layer is None else _suffix(layer, bool(reverse))
    if not found:
        raise ValueError(f"state_dict has no {prefix}weight_ih{wanted}")
    if len(found) > 1:
        names = ", ".join(f"{prefix}weight_ih{suffix}" for suffix in sorted(found))
        raise ValueError(
            f"state_dict has several layers or directions ({names}): "
            "say which by layer= and reverse="
        )
    ((suffix, present),) = found.items()
    if "weight_hr" in present:
        raise ValueError(
            f"state_dict has {prefix}weight_hr{suffix}, a projection (proj_size), "
            "which no cell here has"
        )
    needed = kinds if bias else kinds[:2]
    for kind in kinds:
        key = f"{prefix}{kind}{suffix}"
        if kind in needed and kind not in present:
            more = "; of a layer without biases, say bias=False" if kind.startswith("bias") else ""
            raise ValueError(f"state_dict has no {key}{more}")
        if kind not in needed and kind in present:
            raise ValueError(f"state_dict has {key}, though bias is False")
    return [f"{prefix}{kind}{suffix}" for kind in needed]


# Keras


def to_keras(cell: Cell, p: Any) -> list[Array]:
    """Return the parameters as the weights of keras.layers.SimpleRNN, GRU or LSTM.

    [kernel (D, G·H), recurrent_kernel (H, G·H), bias (G·H,)], and for gru_reset_after a bias
    (2, 3H), whose second row is zero but for b_hn.

        layer.build((None, None, D))
        layer.set_weights(to_keras(lstm, p))

    The layer must be made for the cell: activation="relu" for rnn_relu, reset_after=False for gru.
    Raises ValueError for a cell that Keras does not have; TypeError or ValueError for bad
    parameters.
    """
    order, H = _outgoing("Keras", _KERAS, cell, p)
    b, second = _biases(cell, p, order, H)
    bias = np.stack([b, second]) if cell is gru_reset_after else b
    kernels = (np.ascontiguousarray(_stack(cell, W, order).T) for W in (p.W_x, p.W_h))
    return [*kernels, bias]


def from_keras(cell: Cell, weights: Sequence[Any], *, bias: bool = True) -> Any:
    """Return the Params in the weights of keras.layers.SimpleRNN, GRU or LSTM.

    weights: a list as `layer.get_weights()` and `to_keras` give it, all float32 or all float64.
    bias=False: the layer was made with use_bias=False, and the list has no bias. A GRU with
    reset_after=True is `gru_reset_after`, one with reset_after=False is `gru`: they are different
    functions, and a bias of the other one is refused. The two biases of the former become one
    wherever that is the same; read the module's note on training with two.

    Raises ValueError, naming the weight, for a wrong number of them, a wrong shape, or NaN, and for
    a cell that Keras does not have; TypeError for another type or dtype. What the weights do not
    tell, such as activation="relu", is for the caller to know; nor can it be seen that a square
    matrix is transposed.
    """
    order = _order("Keras", _KERAS, cell)
    if not isinstance(weights, Sequence) or isinstance(weights, str):
        raise TypeError(
            "weights must be a list of arrays, such as layer.get_weights(), "
            f"got {type(weights).__name__}"
        )
    names = ["kernel", "recurrent_kernel", "bias"][: 3 if bias else 2]
    if len(weights) != len(names):
        more = "; of a layer without biases, say bias=False" if len(weights) == 2 else ""
        raise ValueError(
            f"weights must be {len(names)} arrays, {', '.join(names)}, got {len(weights)}{more}"
        )
    arrays = _arrays(dict(zip(names, weights, strict=True)))
    H = _check_weights(cell, order, names[:2], arrays[:2], transposed=True)
    G = len(order)
    single, double = (G * H,), (2, G * H)
    if bias and cell is gru and arrays[2].shape == double:
        raise ValueError(
            f"bias has shape {double}, of a GRU with reset_after=True, which is another function "
            f"than gru: see gru_reset_after (gru's bias has shape {single})"
        )
    if bias and cell is gru_reset_after and arrays[2].shape == single:
        raise ValueError(
            f"bias has shape {single}, of a GRU with reset_after=False, which is another function "
            f"than gru_reset_after: see gru (gru_reset_after's bias has shape {double})"
        )
    if bias:
        check_array("bias", arrays[2], double if cell is gru_reset_after else single)
    rows = [row for array in arrays[2:] for row in array.reshape(-1, G * H)]
    b, b_hn = _fold(cell, order, H, rows, "bias", arrays[0].dtype)
    return cell.Params(*(_unstack(cell, a, order) for a in (arrays[0].T, arrays[1].T, b)), *b_hn)


# ONNX


class OnnxNode(NamedTuple):
    """A node of ONNX: op_type ("RNN", "GRU", "LSTM"), its attributes, and its inputs by name.

    inputs: W (1, G·H, D), R (1, G·H, H), B (1, 2·G·H) and, with peepholes, P (1, 3H).
    """

    op_type: str
    attributes: Mapping[str, Any]
    inputs: Mapping[str, Any]


def to_onnx(cell: Cell, p: Any) -> OnnxNode:
    """Return the parameters as a node of ONNX.

    `onnx.helper` makes one of it:

        node = to_onnx(gru, p)
        inputs = ["X", "W", "R", "B", "sequence_lens", "initial_h"]  # LSTM: and initial_c, P
        onnx.helper.make_node(node.op_type, inputs, ["Y", "Y_h"], **node.attributes)
        [onnx.numpy_helper.from_array(a, name) for name, a in node.inputs.items()]  # initializers

    The second half of B is zero, but for b_hn. For lstm_coupled, whose i is 1 - f, the weights of i
    are those of f with the other sign; so the node is right whichever of the two its reader takes.
    Raises TypeError or ValueError for bad parameters.
    """
    order, H = _outgoing("ONNX", _ONNX, cell, p)
    three = [_uncoupled(a) if cell is lstm_coupled else a for a in p[:3]]
    b, second = _biases(cell, p._replace(b=three[2]), order, H)
    inputs = {
        "W": _stack(cell, three[0], order)[np.newaxis],
        "R": _stack(cell, three[1], order)[np.newaxis],
        "B": np.concatenate([b, second])[np.newaxis],
    }
    if cell is lstm_peephole:
        inputs["P"] = np.concatenate([p.p_i, p.p_o, p.p_f]).T.copy()
    attributes = {"hidden_size": H} | _ATTRIBUTES[cell]
    return OnnxNode(_OP_TYPE[len(order)], attributes, inputs)


def from_onnx(cell: Cell, node: OnnxNode, *, reverse: bool | None = None) -> Any:
    """Return the Params in a node of ONNX.

    node: an `OnnxNode`, whose inputs may lack B and P, as in ONNX; B then is zero, and P too. Of an
    onnx.NodeProto, the attributes are {a.name: onnx.helper.get_attribute_value(a) for a in
    proto.attribute}, the inputs its initializers by their names in the operator. reverse: which
    direction, where the node's is not "forward". The halves of B become one bias wherever that is
    the same; read the module's note on training with two.

    Peepholes must be zero but for lstm_peephole. Coupled gates are read as ONNX Runtime computes
    them, f = 1 - i: the node's weights of f are not looked at.

    Raises ValueError, naming the attribute or input, for one that is missing or foreign, makes it
    another function than the cell's, or has a wrong shape or NaN; TypeError for another type or
    dtype.
    """
    order = _order("ONNX", _ONNX, cell)
    check_tuple("node", node, OnnxNode)
    index, count = _check_attributes(cell, node, _OP_TYPE[len(order)], reverse)
    names = [name for name in ("W", "R", "B", "P") if node.inputs.get(name) is not None]
    for name in ("W", "R"):
        if name not in names:
            raise ValueError(f"node.inputs has no {name}")
    for name in node.inputs:
        if name not in ("W", "R", "B") and (name != "P" or len(order) < 4):
            raise ValueError(f"node.inputs has {name}, which is no weight of {node.op_type}")
    arrays = dict(zip(names, _arrays({name: node.inputs[name] for name in names}), strict=True))
    for name, array in arrays.items():
        rest = {"W": (_rows(order), "D"), "R": (_rows(order), "H")}.get(name, ("n",))
        check_array(name, array, (count, *rest))
    W, R = arrays["W"][index], arrays["R"][index]
    H = _check_weights(cell, order, ["W", "R"], [W, R])
    G = len(order)
    if node.attributes.get("hidden_size", H) != H:
        came = node.attributes["hidden_size"]
        raise ValueError(f"hidden_size must be {H}, the second size of R, got {came!r}")
    if "B" in arrays:
        check_array("B", arrays["B"], (count, 2 * G * H))
    rows = list(arrays["B"][index].reshape(2, -1)) if "B" in arrays else []
    b, more = _fold(cell, order, H, rows, "B", W.dtype)
    P = arrays.get("P", np.zeros((count, 3 * H), W.dtype))
    check_array("P", P, (count, 3 * H))
    if cell is lstm_peephole:
        p_i, p_o, p_f = P[index].reshape(3, H, 1).copy()
        more = [p_i, p_f, p_o]
    elif P[index].any():
        raise ValueError(f"P must be zero, as {_name(cell)} has no peepholes: see lstm_peephole")
    three = [_unstack(cell, a, order) for a in (W, R, b)]
    if cell is lstm_coupled:
        three = [np.stack([-i, c_tilde, o]) for i, _, c_tilde, o in three]
    return cell.Params(*three, *more)


_OP_TYPE = {1: "RNN", 3: "GRU", 4: "LSTM"}
_ATTRIBUTES: dict[Any, dict[str, Any]] = {
    rnn: {"activations": ["Tanh"]},
    rnn_relu: {"activations": ["Relu"]},
    gru: {"linear_before_reset": 0},
    gru_reset_after: {"linear_before_reset": 1},
    lstm: {"input_forget": 0},
    lstm_peephole: {"input_forget": 0},
    lstm_coupled: {"input_forget": 1},
}
_ACTIVATIONS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}


def _uncoupled(a: Array) -> Array:
    """Return the gates i, f, candidate, o of f, candidate, o: i = 1 - f = σ(-a_f)."""
    return np.concatenate([-a[:1], a])


def _check_attributes(
    cell: Any, node: OnnxNode, op_type: str, reverse: bool | None
) -> tuple[int, int]:
    """Check that the node computes what the cell does; return (our direction, how many)."""
    if node.op_type != op_type:
        raise ValueError(f"op_type must be {op_type} for {_name(cell)}, got {node.op_type!r}")
    for name in ("attributes", "inputs"):
        if not isinstance(getattr(node, name), Mapping):
            came = type(getattr(node, name)).__name__
            raise TypeError(f"node.{name} must be a mapping, got {came}")
    given = {name: _text(value) for name, value in node.attributes.items()}
    direction = given.pop("direction", "forward")
    directions = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}
    if not isinstance(direction, str) or direction not in directions:
        raise ValueError(f"direction must be forward, reverse or bidirectional, got {direction!r}")
    if reverse is None and direction != "forward":
        raise ValueError(f"direction is {direction}: say which is meant by reverse=")
    if bool(reverse) not in directions[direction]:
        raise ValueError(f"direction must have what reverse={reverse} asks, got {direction!r}")
    count = len(directions[direction])

    wanted = {"activations": _ACTIVATIONS[op_type]} | _ATTRIBUTES[cell]
    expected = wanted.pop("activations") * count
    activations = given.pop("activations", _ACTIVATIONS[op_type] * count)
    if str(activations).lower() != str(expected).lower():
        raise ValueError(f"activations must be {expected} for {_name(cell)}, got {activations}")
    for name, value in wanted.items():
        came = given.pop(name, 0)
        if bool(came) != bool(value):
            raise ValueError(
                f"{name} must be {value} for {_name(cell)}, got {came!r}: another function"
            )
    for name in ("hidden_size", "layout"):  # layout is that of X and Y, not of the weights
        given.pop(name, None)
    for name, value in given.items():
        if name not in ("activation_alpha", "activation_beta") or value != []:
            raise ValueError(f"attributes must not have {name} for {_name(cell)}, got {value!r}")
    return (count - 1 if reverse else 0), count


def _text(value: Any) -> Any:
    """Return what onnx gives as bytes as text."""
    if isinstance(value, list | tuple):
        return [_text(part) for part in value]
    return value.decode() if isinstance(value, bytes) else value


# What the three share


def _rows(order: tuple[int, ...]) -> str:
    return "H" if len(order) == 1 else f"{len(order)}H"


def _name(cell: Any) -> str:
    return str(getattr(cell, "__name__", cell)).rpartition(".")[2]


def _order(framework: str, orders: dict[Any, tuple[int, ...]], cell: Any) -> tuple[int, ...]:
    check_cell(cell)
    if not any(cell is known for known in orders):
        reason = next(
            (why for (who, known), why in _LACKS.items() if who == framework and known is cell),
            f"it has {', '.join(map(_name, orders))}",
        )
        raise ValueError(f"cell must be one that {framework} has, got {_name(cell)}: {reason}")
    return orders[cell]


def _outgoing(
    framework: str, orders: dict[Any, tuple[int, ...]], cell: Any, p: Any
) -> tuple[tuple[int, ...], int]:
    order = _order(framework, orders, cell)
    _check_own_params(cell, p, "p")
    return order, p.W_h.shape[-1]


def _any_shape(array: Any) -> tuple[str, ...]:
    return tuple(f"n{axis}" for axis in range(getattr(array, "ndim", 0)))


def _check_own_params(cell: Any, p: Any, name: str) -> None:
    check_tuple(name, p, cell.Params)
    W_x = p.W_x
    if not isinstance(W_x, np.ndarray) or W_x.ndim < 2:
        raise TypeError(f"{name}.W_x must be an array of weights, got {type(W_x).__name__}")
    check_array(f"{name}.W_x", W_x, _any_shape(W_x))
    check_params(cell, p, W_x.shape[-1], W_x.shape[-2], W_x.dtype, name)


def _stack(cell: Any, W: Array, order: tuple[int, ...]) -> Array:
    """Return (G, H, n) or (H, n) as (G·H, n), the gates in the framework's order."""
    n = W.shape[-1]
    gates = W.reshape(len(order), -1, n)[list(order)]
    if cell in (gru, gru_reset_after):
        gates[order.index(0)] *= -1  # their z is 1 - ours
    return gates.reshape(-1, n)


def _unstack(cell: Any, W: Array, order: tuple[int, ...]) -> Array:
    """Undo `_stack`."""
    gates = np.empty((len(order), W.shape[0] // len(order), W.shape[1]), W.dtype)
    gates[list(order)] = W.reshape(gates.shape)
    if cell in (gru, gru_reset_after):
        gates[0] *= -1
    return gates if len(order) > 1 else gates[0]


def _biases(cell: Any, p: Any, order: tuple[int, ...], H: int) -> tuple[Array, Array]:
    """Return b (G·H,) and what stands in the framework's second bias, zero but for b_hn."""
    b = _stack(cell, p.b, order)[:, 0].copy()
    second = np.zeros_like(b)
    if cell is gru_reset_after:
        second[2 * H :] = p.b_hn[:, 0]  # the candidate is the last gate in all three
    return b, second


def _fold(
    cell: Any, order: tuple[int, ...], H: int, rows: list[Array], name: str, dtype: Any
) -> tuple[Array, list[Array]]:
    """Return the one bias (G·H, 1) of none, one or two, and b_hn where the cell has it."""
    b = np.zeros(len(order) * H, dtype)
    b_hn = np.zeros(H, dtype)
    if rows:
        b = rows[0].copy()
    if len(rows) == 2:
        second = rows[1].copy()
        if cell is gru_reset_after:  # r scales it
            b_hn = second[2 * H :].copy()
            second[2 * H :] = 0
        with np.errstate(over="ignore"):
            b = b + second
        check_array(name, b, b.shape)
    return b[:, np.newaxis], [b_hn[:, np.newaxis]] if cell is gru_reset_after else []


def _arrays(given: dict[str, Any]) -> list[Array]:
    """Return fresh, finite NumPy arrays of one dtype of what may be tensors."""
    arrays: list[Array] = []
    for name, value in given.items():
        try:
            value = value.detach().cpu().numpy() if hasattr(value, "detach") else value
            array = np.array(value)
        except (TypeError, ValueError, RuntimeError) as error:
            came = type(value).__name__
            raise TypeError(f"{name} must be an array or a tensor, got {came}: {error}") from None
        dtype = arrays[0].dtype if arrays else None
        check_array(name, array, _any_shape(array), dtype)
        arrays.append(array)
    return arrays


def _check_weights(
    cell: Any,
    order: tuple[int, ...],
    names: list[str],
    weights: list[Array],
    transposed: bool = False,
) -> int:
    """Check W (G·H, D) and R (G·H, H), or their transposes; return H."""
    G, rows = len(order), _rows(order)
    for name, W, n in zip(names, weights, ("D", "H"), strict=True):
        expected = f"({n}, {rows})" if transposed else f"({rows}, {n})"
        if W.ndim != 2:
            raise ValueError(f"{name} must have shape {expected}, got {W.shape}")
    W, R = (a.T if transposed else a for a in weights)
    H = int(R.shape[1])
    expected = f"(H, {rows})" if transposed else f"({rows}, H)"
    if R.shape[0] != G * H:
        hint = ""
        if R.shape[0] * G == H:
            hint = ": it seems to be transposed"
        elif R.shape[0] % H == 0 and R.shape[0] // H in _GATES_OF:
            hint = f": it has the gates of {_GATES_OF[R.shape[0] // H]}"
        raise ValueError(
            f"{names[1]} must have shape {expected} for {_name(cell)}, got {weights[1].shape}{hint}"
        )
    if W.shape[0] != G * H:
        expected = f"(D, {G * H})" if transposed else f"({G * H}, D)"
        hint = ": it seems to be transposed" if W.shape[1] == G * H else ""
        raise ValueError(f"{names[0]} must have shape {expected}, got {weights[0].shape}{hint}")
    return H


# Files

_FORMAT = "unrolled parameters"
_VERSION = 1
_SEAL = b"unrolled sha256 "  # the end of the file, followed by 64 hexadecimal digits
_TEMPORARY = ".unrolled-{}.tmp"
_STALE = 3600.0  # seconds after which a temporary file is a dead process's


def save(path: str | os.PathLike[str], cell: Cell, params: Any) -> None:
    """Write parameters to a file: Params, a `training.Model`, or any nested named tuple of arrays.

    The file is an .npz of plain arrays (`numpy.load` reads it, too), with a header that says what
    they are, and at its end a checksum of all before it. It is written aside, in the same folder,
    and then takes the place of `path` in one step: whenever the process dies, what was there before
    is whole. A file that is replaced hands on its permissions, and a link is followed. What a dead
    process left behind is removed an hour later, by the next call.

    Raises TypeError or ValueError for parameters that are not finite float32 or float64 arrays or
    not the cell's, FileNotFoundError where there is no such folder, IsADirectoryError,
    PermissionError or another OSError where the file cannot be written.
    """
    check_cell(cell)
    _check_tree(cell, params)
    target = Path(os.path.realpath(_path(path)))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path must be in a folder that exists, got {path}")
    if target.is_dir():
        raise IsADirectoryError(f"path must be a file, got the folder {path}")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"path must be a file that may be written, got {path}")
    _write_whole(target, _encode(cell, params))


def load(path: str | os.PathLike[str], cell: Cell, like: Any = None) -> Any:
    """Read parameters that `save` wrote, and return them as the named tuple that they were.

    cell: the one they were saved with. like: needed for named tuples other than Params and
    `training.Model`: one with the same fields; its arrays are not looked at.

    Nothing in the file is run, nothing is unpickled, and no more memory is taken than the file is
    long. The checksum tells damage; it does not tell who wrote the file.

    Raises ValueError, naming the file, for one that is damaged, cut short, of another program,
    another cell or another form; OSError, such as FileNotFoundError, where it cannot be read.
    """
    check_cell(cell)
    name = _path(path)
    if not stat.S_ISREG(os.stat(name).st_mode):
        raise ValueError(f"{name} must be a file, got a folder or a device")
    data = Path(name).read_bytes()
    body, digest = data[:-64], data[-64:]
    if not body.endswith(_SEAL):
        raise ValueError(
            f"{name} must be a whole file written by unrolled.interchange.save, got one without "
            "its checksum at the end: it is cut short, damaged, or of another program"
        )
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ValueError(f"{name} is damaged: it does not have the checksum that it states")
    try:
        header, arrays = _decode(data)
    except Exception as error:  # whatever a forged archive may bring about
        raise ValueError(f"{name} must be a file written by save: {error}") from error
    if header["cell"] != _full_name(cell):
        raise ValueError(
            f"{name} must hold parameters of {_full_name(cell)}, got those of {header['cell']}"
        )
    params = _build(name, header["tree"], arrays, cell, like)
    try:
        _check_tree(cell, params)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold good parameters: {error}") from error
    return params


def _path(path: Any) -> str:
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(f"path must be a text or a pathlib.Path, got {type(path).__name__}")
    return os.fspath(path)


def _full_name(cell: Any) -> str:
    return str(getattr(cell, "__name__", type(cell).__name__))


def _check_tree(cell: Any, tree: Any, name: str = "params") -> None:
    """Check that the leaves are arrays of numbers, and that weights of a cell are this cell's."""
    fields: tuple[str, ...] | None = getattr(tree, "_fields", None)
    if not isinstance(tree, tuple) or not fields:
        raise TypeError(f"{name} must be a named tuple of arrays, got {type(tree).__name__}")
    if "W_x" in fields:
        _check_own_params(cell, tree, name)
    for field, part in zip(fields, tree, strict=True):
        if isinstance(part, tuple):
            _check_tree(cell, part, f"{name}.{field}")
        else:
            check_array(f"{name}.{field}", part, _any_shape(part))


def _describe(tree: Any) -> dict[str, Any]:
    if isinstance(tree, tuple):
        named = zip(tree._fields, tree, strict=True)  # type: ignore[attr-defined]
        return {"fields": {field: _describe(part) for field, part in named}}
    return {"shape": list(tree.shape), "dtype": tree.dtype.name}


def _encode(cell: Any, params: Any) -> bytes:
    """Return the file: an archive whose comment, its end, is the seal and the checksum."""
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "cell": _full_name(cell),
        "tree": _describe(params),
    }
    arrays = {name: np.array(array, order="C") for name, array in tree_leaves(params, "params")}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, header=np.array(json.dumps(header)), **arrays)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = _SEAL + 64 * b"0"
    body = buffer.getvalue()[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


def _decode(data: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the header and the arrays; raise any exception where the archive is not ours."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("its arrays must not be compressed")
        if sum(entry.file_size for entry in entries) > len(data):
            raise ValueError("its arrays must not be longer than the file")
        header = json.loads(str(_read_array(archive, "header")))
        if not isinstance(header, dict) or header.get("format") != _FORMAT:
            raise ValueError(f"its header must say {_FORMAT!r}")
        if header.get("version") != _VERSION:
            raise ValueError(
                f"its format must be of version {_VERSION}, which this library reads, "
                f"got {header.get('version')!r}"
            )
        if not isinstance(header.get("cell"), str):
            raise ValueError(f"its header must name a cell, got {header.get('cell')!r}")
        leaves = dict(_described_leaves(header.get("tree")))
        names = sorted(entry.filename for entry in entries)
        if names != sorted(f"{name}.npy" for name in ["header", *leaves]):
            raise ValueError(f"its arrays must be those of its header, got {', '.join(names)}")
        arrays = {name: _read_array(archive, name, *leaf) for name, leaf in leaves.items()}
    return header, arrays


def _described_leaves(tree: Any, name: str = "params") -> Iterator[tuple[str, tuple[Any, Any]]]:
    if not isinstance(tree, dict):
        raise ValueError(f"its header must describe a named tuple, got {tree!r:.80}")
    if set(tree) == {"fields"} and isinstance(tree["fields"], dict) and tree["fields"]:
        for field, part in tree["fields"].items():
            yield from _described_leaves(part, f"{name}.{field}")
    elif set(tree) == {"shape", "dtype"} and tree["dtype"] in ("float32", "float64"):
        yield name, (tuple(tree["shape"]), np.dtype(tree["dtype"]))
    else:
        raise ValueError(f"its header must describe float arrays, got {tree!r:.80} for {name}")


def _read_array(
    archive: zipfile.ZipFile, name: str, shape: Any = (), dtype: np.dtype[Any] | None = None
) -> Array:
    """Return one array; its own header must say what ours does, before memory is taken for it."""
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"its array {name} must be of .npy's version 1.0")
        stated, _, kind = np.lib.format.read_array_header_1_0(file)
        length = entry.file_size - file.tell()
    is_expected = kind == dtype if dtype is not None else kind.kind == "U"
    if stated != shape or not is_expected or math.prod(stated) * kind.itemsize != length:
        raise ValueError(
            f"its array {name} must have shape {shape} and dtype {dtype or 'text'}, "
            f"got {stated}, {kind} in {length} bytes"
        )
    with archive.open(entry) as file:
        array: Array = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _build(path: str, tree: Any, arrays: dict[str, Array], cell: Any, like: Any) -> Any:
    """Return the named tuples that the header describes: those of `like`, or known ones."""
    known = {kind._fields: kind for kind in (Model, readout.Params, cell.Params)}

    def build(tree: dict[str, Any], like: Any, name: str) -> Any:
        if "fields" not in tree:
            if isinstance(like, tuple):
                raise ValueError(f"{path} must be of the form of like, got an array for {name}")
            return arrays[name]
        fields = tuple(tree["fields"])
        if like is None and fields not in known:
            raise ValueError(
                f"{path} holds a named tuple with the fields {', '.join(fields)}, which is not "
                "known here: give one as like="
            )
        if like is not None and getattr(like, "_fields", None) != fields:
            raise ValueError(
                f"{path} must be of the form of like, got the fields {', '.join(fields)} for {name}"
            )
        parts = (
            build(part, getattr(like, field, None), f"{name}.{field}")
            for field, part in tree["fields"].items()
        )
        return (known[fields] if like is None else type(like))(*parts)

    return build(tree, like, "params")


def _write_whole(target: Path, data: bytes) -> None:
    """Write all or nothing: aside, down to the disk, then in place of the target at once."""
    for other in target.parent.glob(_TEMPORARY.format("*")):
        try:
            if time.time() - other.stat().st_mtime > _STALE:
                other.unlink()
        except OSError:
            pass  # another process was quicker, or it is not ours to remove
    aside = target.parent / _TEMPORARY.format(secrets.token_hex(8))
    try:
        # Never more open to others than what it replaces, not even for a moment.
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666
        with open(aside, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, aside)
        os.replace(aside, target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the new name, too, is on the disk when we return
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
