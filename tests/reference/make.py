"""Make the reference vectors of PyTorch (a tool for maintainers, not for readers).

    pip install torch==2.13.0
    python tests/reference/make.py

Every file <cell>.npz holds CONFIGURATIONS random cases in float64. For case n: parameters, s_0, xs,
a random upstream gradient on every state ("up_h", "up_c"), and PyTorch's states and gradients
("d_..."). The loss is the sum of states times upstream gradients. The simple RNN and the LSTM are
PyTorch's own cells, as is the GRU that resets after the product; the others, which it does not have, are
written out here in tensors, and differentiated by autograd.

Every file torch/<cell>.npz holds LAYERS_EACH random cases of a whole layer, torch.nn.RNN, GRU or LSTM,
on packed sequences of different lengths. Its weights and their gradients are in PyTorch's own layout,
"weights/..." and "d_weights/...", both biases random; "up_c" is put on the last valid c alone, since
the layer shows no other.

by_hand.txt is what the PyTorch code in the chapter "An LSTM step by hand" prints.
"""

import contextlib
import io
import json
import re

import numpy as np
import torch
from cases import HERE, Case, fields_of, random_layer_case, random_sequences, random_sizes, write
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

CONFIGURATIONS = 24
LAYERS_EACH = 8
GATES = {
    "rnn": 1,
    "gru": 3,
    "lstm": 4,
    "gru_reset_after": 3,
    "lstm_peephole": 4,
    "lstm_coupled": 3,
    "rnn_relu": 1,
}
MORE = {"gru_reset_after": ["b_hn"], "lstm_peephole": ["p_i", "p_f", "p_o"]}
LAYERS = {
    "rnn": (torch.nn.RNN, {}),
    "rnn_relu": (torch.nn.RNN, {"nonlinearity": "relu"}),
    "gru_reset_after": (torch.nn.GRU, {}),
    "lstm": (torch.nn.LSTM, {}),
}
BY_HAND = HERE.parents[1] / "book" / "gates" / "lstm-by-hand.ipynb"


def rnn_step(p, h, c, x):
    """torch.nn.RNNCell's function, rows first."""
    b = p["b"][:, 0]
    return torch.rnn_tanh_cell(x, h, p["W_x"], p["W_h"], b, torch.zeros_like(b)), c


def rnn_relu_step(p, h, c, x):
    """torch.nn.RNNCell's function with a rectifier, rows first."""
    b = p["b"][:, 0]
    return torch.rnn_relu_cell(x, h, p["W_x"], p["W_h"], b, torch.zeros_like(b)), c


def lstm_step(p, h, c, x):
    """torch.nn.LSTMCell's function, rows first, gates stacked in the order i, f, g, o."""
    W_x, W_h, b = (p[key].flatten(0, 1) for key in ("W_x", "W_h", "b"))
    return torch.lstm_cell(x, (h, c), W_x, W_h, b[:, 0], torch.zeros_like(b[:, 0]))


def gru_reset_after_step(p, h, c, x):
    """torch.nn.GRUCell's function, rows first: it stacks r, z, n, and its z is our 1 - z."""
    turn = torch.tensor([-1.0, 1.0, 1.0], dtype=x.dtype).reshape(3, 1, 1)
    W_x, W_h, b = ((turn * p[key])[[1, 0, 2]].flatten(0, 1) for key in ("W_x", "W_h", "b"))
    zeros = torch.zeros_like(p["b_hn"][:, 0])
    b_hh = torch.cat([zeros, zeros, p["b_hn"][:, 0]])
    return torch.gru_cell(x, h, W_x, W_h, b[:, 0], b_hh), c


def gru_step(p, h, c, x):
    """The GRU of the book: z is the share of the new, the reset acts before the product."""
    a = [x @ W.T + b.T for W, b in zip(p["W_x"], p["b"], strict=True)]
    z, r = (torch.sigmoid(a[k] + h @ p["W_h"][k].T) for k in (0, 1))
    candidate = torch.tanh(a[2] + (r * h) @ p["W_h"][2].T)
    return torch.lerp(h, candidate, z), c


def lstm_peephole_step(p, h, c, x):
    """The LSTM whose i and f see the old cell state, and whose o sees the new one."""
    a = [
        x @ W_x.T + h @ W_h.T + b.T for W_x, W_h, b in zip(p["W_x"], p["W_h"], p["b"], strict=True)
    ]
    i, f = torch.sigmoid(a[0] + c * p["p_i"].T), torch.sigmoid(a[1] + c * p["p_f"].T)
    c = torch.addcmul(f * c, i, torch.tanh(a[2]))
    return torch.sigmoid(a[3] + c * p["p_o"].T) * torch.tanh(c), c


def lstm_coupled_step(p, h, c, x):
    """The LSTM with i = 1 - f."""
    a = [
        x @ W_x.T + h @ W_h.T + b.T for W_x, W_h, b in zip(p["W_x"], p["W_h"], p["b"], strict=True)
    ]
    c = torch.lerp(torch.tanh(a[1]), c, torch.sigmoid(a[0]))
    return torch.sigmoid(a[2]) * torch.tanh(c), c


STEPS = {
    "rnn": rnn_step,
    "gru": gru_step,
    "lstm": lstm_step,
    "gru_reset_after": gru_reset_after_step,
    "lstm_peephole": lstm_peephole_step,
    "lstm_coupled": lstm_coupled_step,
    "rnn_relu": rnn_relu_step,
}


def random_case(
    name: str, rng: np.random.Generator, T: int, B: int, D: int, H: int, scale: float
) -> Case:
    """Return random parameters and sequences, in the library's layout."""
    gates = () if GATES[name] == 1 else (GATES[name],)
    shapes = {"W_x": (*gates, H, D), "W_h": (*gates, H, H), "b": (*gates, H, 1)}
    shapes |= dict.fromkeys(MORE.get(name, []), (H, 1))
    given = {key: rng.normal(0, scale, shape) for key, shape in shapes.items()}
    return given | random_sequences(name, rng, T, B, D, H)


def answer(name: str, given: Case, lengths=None) -> Case:
    """Return PyTorch's states and gradients, a step at a time.

    With lengths, each sequence is run alone, and for so long; its state then stays, and the losses
    on it are losses on the last one.
    """
    leaves = {
        key: torch.tensor(value, requires_grad=True)
        for key, value in given.items()
        if not key.startswith("up_")
    }
    fields, (T, _, B) = fields_of(name), given["xs"].shape
    columns = [slice(None)] if lengths is None else [slice(b, b + 1) for b in range(B)]
    ends = [T] if lengths is None else [int(n) for n in lengths]
    states = {field: [] for field in fields}
    loss = 0.0
    for one, end in zip(columns, ends, strict=True):
        h = leaves["s0_h"][:, one].T
        c = leaves["s0_c"][:, one].T if "c" in fields else None
        track = {field: [] for field in fields}
        for t in range(T):
            if t < end:
                h, c = STEPS[name](leaves, h, c, leaves["xs"][t][:, one].T)
            for field, value in zip(fields, (h, c), strict=False):
                track[field].append(value.T)
                loss = loss + (value.T * torch.tensor(given[f"up_{field}"][t][:, one])).sum()
        for field in fields:
            states[field].append(torch.stack(track[field]))
    loss.backward()
    found = {field: torch.cat(parts, dim=2).detach().numpy() for field, parts in states.items()}
    return found | {f"d_{key}": leaf.grad.numpy() for key, leaf in leaves.items()}


def layer_answer(name: str, weights: Case, given: Case) -> Case:
    """Return the states and gradients of torch.nn.RNN, GRU or LSTM on packed sequences."""
    T, D, _ = given["xs"].shape
    H, lengths = given["s0_h"].shape[0], torch.tensor(given["lengths"])
    kind, options = LAYERS[name]
    layer = kind(D, H, dtype=torch.tensor(given["xs"]).dtype, **options)
    layer.load_state_dict({key: torch.tensor(value) for key, value in weights.items()})

    fields = fields_of(name)
    leaves = {
        key: torch.tensor(given[key], requires_grad=True)
        for key in ["xs", *(f"s0_{field}" for field in fields)]
    }
    packed = pack_padded_sequence(leaves["xs"].mT, lengths, enforce_sorted=False)
    start = [leaves[f"s0_{field}"].T[None].contiguous() for field in fields]
    output, last = layer(packed, tuple(start) if len(start) > 1 else start[0])
    last = last if len(start) > 1 else [last]
    h = pad_packed_sequence(output, total_length=T)[0].mT
    h = torch.where(torch.arange(T).reshape(T, 1, 1) < lengths, h, last[0][0].T)
    loss = (h * torch.tensor(given["up_h"])).sum()
    found = {"h": h.detach().numpy()}
    if len(start) > 1:
        c_last = last[1][0].T
        loss = loss + (c_last * torch.tensor(given["up_c"])).sum()
        found["c_last"] = c_last.detach().numpy()
    loss.backward()
    found |= {f"d_{key}": leaf.grad.numpy() for key, leaf in leaves.items()}
    return found | {f"d_weights/{key}": w.grad.numpy() for key, w in layer.named_parameters()}


def case(name: str, rng: np.random.Generator) -> Case:
    """Return one random case with PyTorch's answers, in the library's layout."""
    given = random_case(name, rng, *random_sizes(rng), rng.uniform(0.1, 0.7))
    return given | answer(name, given)


def layer_case(name: str, rng: np.random.Generator) -> Case:
    """Return one random case of a whole layer, with the weights in its own layout."""
    T, B, D, H = random_sizes(rng)
    given, scale = random_layer_case(name, rng, T, B, D, H), rng.uniform(0.1, 0.7)
    kind, options = LAYERS[name]
    shapes = {key: tuple(w.shape) for key, w in kind(D, H, **options).named_parameters()}
    weights = {key: rng.normal(0, scale, shape) for key, shape in shapes.items()}
    given |= {f"weights/{key}": value for key, value in weights.items()}
    return given | layer_answer(name, weights, given)


def by_hand() -> str:
    """Run the PyTorch code that the chapter shows, and return what it prints."""
    cells = json.loads(BY_HAND.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    (code,) = re.findall(r"```python\n(import torch.*?)```", text, re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    return printed.getvalue()


def main() -> None:
    """Write one file a cell, one a layer, and what the chapter's code prints."""
    torch.set_num_threads(1)
    made = f"torch {torch.__version__}, numpy {np.__version__}"
    for seed, name in enumerate(GATES):
        rng = np.random.default_rng(seed)
        cases = [case(name, rng) for _ in range(CONFIGURATIONS)]
        write(HERE / f"{name}.npz", cases, f"{made}, seed {seed}")
    for seed, name in enumerate(LAYERS, start=100):
        rng = np.random.default_rng(seed)
        cases = [layer_case(name, rng) for _ in range(LAYERS_EACH)]
        layer = LAYERS[name][0].__name__
        how = f"{made}, torch.nn.{layer} on packed sequences, make.py, seed {seed}"
        write(HERE / "torch" / f"{name}.npz", cases, how)
    (HERE / "by_hand.txt").write_text(by_hand())


if __name__ == "__main__":
    main()
