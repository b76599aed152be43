"""Make the reference vectors of this folder with PyTorch (a tool for maintainers, not for readers).

    pip install torch==2.13.0
    python tests/reference/make.py

Every file <cell>.npz holds CONFIGURATIONS random cases in float64. For case n: parameters, s_0, xs,
a random upstream gradient on every state ("up_h", "up_c"), and PyTorch's states and gradients
("d_..."). The loss is the sum of states times upstream gradients. The simple RNN and the LSTM are
PyTorch's own cells; it has no GRU that resets before the product, so that one is written out here
in tensors, and differentiated by autograd.

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
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
HERE = Path(__file__).parent
BY_HAND = HERE.parents[1] / "book" / "gates" / "lstm-by-hand.ipynb"


def rnn_step(W_x, W_h, b, h, c, x):
    """torch.nn.RNNCell's function, rows first."""
    return torch.rnn_tanh_cell(x, h, W_x[0], W_h[0], b[0, :, 0], torch.zeros_like(b[0, :, 0])), c


def lstm_step(W_x, W_h, b, h, c, x):
    """torch.nn.LSTMCell's function, rows first, gates stacked in the order i, f, g, o."""
    flat = (W.flatten(0, 1) for W in (W_x, W_h))
    bias = b.flatten()
    return torch.lstm_cell(x, (h, c), *flat, bias, torch.zeros_like(bias))


def gru_step(W_x, W_h, b, h, c, x):
    """The GRU of the book: z is the share of the new, the reset acts before the product."""
    z = torch.sigmoid(x @ W_x[0].T + h @ W_h[0].T + b[0].T)
    r = torch.sigmoid(x @ W_x[1].T + h @ W_h[1].T + b[1].T)
    candidate = torch.tanh(x @ W_x[2].T + (r * h) @ W_h[2].T + b[2].T)
    return torch.lerp(h, candidate, z), c


def case(name: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return one random case with PyTorch's answers, in the library's layout (batch last)."""
    T, B, D, H = (int(rng.integers(1, most + 1)) for most in (8, 4, 5, 6))
    scale, gates = rng.uniform(0.1, 0.7), GATES[name]
    shapes = {"W_x": (gates, H, D), "W_h": (gates, H, H), "b": (gates, H, 1)}
    given = {key: rng.normal(0, scale, shape) for key, shape in shapes.items()}
    fields = ["h", "c"] if name == "lstm" else ["h"]
    given |= {f"s0_{field}": rng.normal(0, 0.5, (H, B)) for field in fields}
    given |= {"xs": rng.normal(0, 1, (T, D, B))}
    given |= {f"up_{field}": rng.normal(0, 1, (T, H, B)) for field in fields}

    leaves = {
        key: torch.tensor(value, requires_grad=True)
        for key, value in given.items()
        if not key.startswith("up_")
    }
    step = {"rnn": rnn_step, "gru": gru_step, "lstm": lstm_step}[name]
    h = leaves["s0_h"].T
    c = leaves["s0_c"].T if name == "lstm" else None
    states = {field: [] for field in fields}
    loss = torch.zeros((), dtype=torch.float64)
    for t in range(T):
        h, c = step(leaves["W_x"], leaves["W_h"], leaves["b"], h, c, leaves["xs"][t].T)
        for field, value in zip(fields, (h, c), strict=False):
            states[field].append(value.T)
            loss = loss + (value.T * torch.tensor(given[f"up_{field}"][t])).sum()
    loss.backward()

    answer = {field: torch.stack(values).detach().numpy() for field, values in states.items()}
    answer |= {f"d_{key}": leaf.grad.numpy() for key, leaf in leaves.items()}
    result = given | answer
    if name == "rnn":  # one gate: the library has no axis for it
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
