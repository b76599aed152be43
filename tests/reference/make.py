"""Make the reference vectors of this folder with PyTorch (a tool for maintainers, not for readers).

    pip install torch==2.13.0
    python tests/reference/make.py

Every file <cell>.npz holds CONFIGURATIONS random cases in float64. For case n: parameters, s_0, xs,
a random upstream gradient on every state ("up_h", "up_c"), and PyTorch's states and gradients
("d_..."). The loss is the sum of states times upstream gradients. The simple RNN and the LSTM are
PyTorch's own cells, as is the GRU that resets after the product; the others, which it does not have, are
written out here in tensors, and differentiated by autograd.

by_hand.txt is what the PyTorch code in the chapter "An LSTM step by hand" prints.
"""

import contextlib
import io
import json
import re
from pathlib import Path

import numpy as np
import torch

CONFIGURATIONS = 24
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
HERE = Path(__file__).parent
BY_HAND = HERE.parents[1] / "book" / "gates" / "lstm-by-hand.ipynb"


def rnn_step(p, h, c, x):
    """torch.nn.RNNCell's function, rows first."""
    b = p["b"][0, :, 0]
    return torch.rnn_tanh_cell(x, h, p["W_x"][0], p["W_h"][0], b, torch.zeros_like(b)), c


def rnn_relu_step(p, h, c, x):
    """torch.nn.RNNCell's function with a rectifier, rows first."""
    b = p["b"][0, :, 0]
    return torch.rnn_relu_cell(x, h, p["W_x"][0], p["W_h"][0], b, torch.zeros_like(b)), c


def lstm_step(p, h, c, x):
    """torch.nn.LSTMCell's function, rows first, gates stacked in the order i, f, g, o."""
    W_x, W_h, b = (p[key].flatten(0, 1) for key in ("W_x", "W_h", "b"))
    return torch.lstm_cell(x, (h, c), W_x, W_h, b[:, 0], torch.zeros_like(b[:, 0]))


def gru_reset_after_step(p, h, c, x):
    """torch.nn.GRUCell's function, rows first: it stacks r, z, n, and its z is our 1 - z."""
    turn = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64).reshape(3, 1, 1)
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


def case(name: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return one random case with PyTorch's answers, in the library's layout (batch last)."""
    T, B, D, H = (int(rng.integers(1, most + 1)) for most in (8, 4, 5, 6))
    scale, gates = rng.uniform(0.1, 0.7), GATES[name]
    shapes = {"W_x": (gates, H, D), "W_h": (gates, H, H), "b": (gates, H, 1)}
    shapes |= dict.fromkeys(MORE.get(name, []), (H, 1))
    given = {key: rng.normal(0, scale, shape) for key, shape in shapes.items()}
    fields = ["h", "c"] if name.startswith("lstm") else ["h"]
    given |= {f"s0_{field}": rng.normal(0, 0.5, (H, B)) for field in fields}
    given |= {"xs": rng.normal(0, 1, (T, D, B))}
    given |= {f"up_{field}": rng.normal(0, 1, (T, H, B)) for field in fields}

    leaves = {
        key: torch.tensor(value, requires_grad=True)
        for key, value in given.items()
        if not key.startswith("up_")
    }
    h = leaves["s0_h"].T
    c = leaves["s0_c"].T if "c" in fields else None
    states = {field: [] for field in fields}
    loss = torch.zeros((), dtype=torch.float64)
    for t in range(T):
        h, c = STEPS[name](leaves, h, c, leaves["xs"][t].T)
        for field, value in zip(fields, (h, c), strict=False):
            states[field].append(value.T)
            loss = loss + (value.T * torch.tensor(given[f"up_{field}"][t])).sum()
    loss.backward()

    answer = {field: torch.stack(values).detach().numpy() for field, values in states.items()}
    answer |= {f"d_{key}": leaf.grad.numpy() for key, leaf in leaves.items()}
    result = given | answer
    if gates == 1:  # one gate: the library has no axis for it
        keys = ("W_x", "W_h", "b", "d_W_x", "d_W_h", "d_b")
        result |= {key: result[key][0] for key in keys}
    return result


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
    """Write one file a cell, and what the chapter's code prints."""
    torch.set_num_threads(1)
    for seed, name in enumerate(GATES):
        rng = np.random.default_rng(seed)
        arrays = {
            f"{n}/{key}": value
            for n in range(CONFIGURATIONS)
            for key, value in case(name, rng).items()
        }
        provenance = f"torch {torch.__version__}, numpy {np.__version__}, seed {seed}"
        np.savez_compressed(HERE / f"{name}.npz", provenance=provenance, **arrays)
        print(f"{name}.npz: {CONFIGURATIONS} cases, {provenance}")
    (HERE / "by_hand.txt").write_text(by_hand())


if __name__ == "__main__":
    main()
