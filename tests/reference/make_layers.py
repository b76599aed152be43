"""Make layers.npz with PyTorch's own modules (a tool for maintainers, not for readers).

    pip install torch==2.13.0
    python tests/reference/make_layers.py

Stacked and bidirectional torch.nn.RNN, GRU and LSTM on packed sequences of different lengths, in
float64. Keys are "<case>/<name>": the cell's name, lengths, xs, and by layer (and direction)
parameters "p.0.forward.W_x" and states before the first step "s0.0.forward.h". The loss is the sum
of the output at valid steps times "up", and of every final state times "last.0.forward.h".
PyTorch's answers: "output" (zero at pads), "final....", and gradients "d_p....", "d_s0....", "d_xs".
All in the library's layout: batch last, gates stacked in front, z the share of the new.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

MODULES = {"rnn": torch.nn.RNN, "gru_reset_after": torch.nn.GRU, "lstm": torch.nn.LSTM}
GATES = {"rnn": 1, "gru_reset_after": 3, "lstm": 4}
# Layers, both ways, T, B, D, H.
FORMS = [
    (2, True, 7, 4, 3, 4),
    (1, True, 5, 3, 2, 3),
    (2, False, 6, 4, 3, 4),
    (3, True, 4, 3, 2, 2),
]
HERE = Path(__file__).parent


def places(layers: int, both_ways: bool) -> list[str]:
    """Return the names of the layers' directions in PyTorch's order."""
    if both_ways:
        return [f"{n}.{way}" for n in range(layers) for way in ("forward", "backward")]
    return [str(n) for n in range(layers)]


def turned(name: str, a: torch.Tensor) -> torch.Tensor:
    """Turn gates (gates, H, n) from the library's order to PyTorch's: r first, and z's sign."""
    if name != "gru_reset_after":
        return a
    return a[[1, 0, 2]] * torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64).reshape(3, 1, 1)


def case(name: str, form: tuple[int, ...], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return one random case with PyTorch's answers."""
    layers, both_ways, T, B, D, H = form
    module = MODULES[name](D, H, layers, bidirectional=both_ways).double()
    fields = ["h", "c"] if name == "lstm" else ["h"]
    lengths = np.append(rng.integers(1, T + 1, B - 1), T)
    given = {"cell": np.array(name), "lengths": lengths, "xs": rng.normal(0, 1, (T, D, B))}
    for n in range(layers):
        for way in ("forward", "backward") if both_ways else ("",):
            place = f"{n}.{way}".rstrip(".")
            inputs = D if n == 0 else H * (1 + both_ways)
            shapes = {"W_x": (GATES[name], H, inputs), "W_h": (GATES[name], H, H)}
            shapes |= {"b": (GATES[name], H, 1)}
            shapes |= {"b_hn": (H, 1)} if name == "gru_reset_after" else {}
            for key, shape in shapes.items():
                given[f"p.{place}.{key}"] = rng.normal(0, 0.5, shape)
            for field in fields:
                given[f"s0.{place}.{field}"] = rng.normal(0, 0.5, (H, B))
                given[f"last.{place}.{field}"] = rng.normal(0, 1, (H, B))
    given["up"] = rng.normal(0, 1, (T, H * (1 + both_ways), B))

    names = places(layers, both_ways)
    leaves = {
        key: torch.tensor(value, requires_grad=True)
        for key, value in given.items()
        if key.startswith(("p.", "s0.", "xs"))
    }
    weights = {}
    for place in names:
        n, reverse = int(place[0]), "_reverse" if "backward" in place else ""
        W_x, W_h, b = (turned(name, leaves[f"p.{place}.{key}"]) for key in ("W_x", "W_h", "b"))
        b_hh = torch.zeros_like(b).flatten()
        if name == "gru_reset_after":
            b_hh = torch.cat([b_hh[: 2 * H], leaves[f"p.{place}.b_hn"][:, 0]])
        weights |= {
            f"weight_ih_l{n}{reverse}": W_x.flatten(0, 1),
            f"weight_hh_l{n}{reverse}": W_h.flatten(0, 1),
            f"bias_ih_l{n}{reverse}": b.flatten(),
            f"bias_hh_l{n}{reverse}": b_hh,
        }
    start = [torch.stack([leaves[f"s0.{place}.{field}"].T for place in names]) for field in fields]
    packed = pack_padded_sequence(
        leaves["xs"].permute(0, 2, 1), torch.tensor(lengths), enforce_sorted=False
    )
    answer, last = torch.func.functional_call(
        module, weights, (packed, tuple(start) if name == "lstm" else start[0])
    )
    output = pad_packed_sequence(answer)[0].permute(0, 2, 1)
    finals = last if name == "lstm" else (last,)

    loss = (output * torch.tensor(given["up"])).sum()
    result = {"output": output.detach().numpy()}
    for field, final in zip(fields, finals, strict=True):
        for place, value in zip(names, final, strict=True):
            loss = loss + (value.T * torch.tensor(given[f"last.{place}.{field}"])).sum()
            result[f"final.{place}.{field}"] = value.T.detach().numpy()
    loss.backward()
    result |= {f"d_{key}": leaf.grad.numpy() for key, leaf in leaves.items()}
    result = given | result
    if GATES[name] == 1:  # one gate: the library has no axis for it
        keys = [key for key in result if key.endswith((".W_x", ".W_h", ".b"))]
        result |= {key: result[key][0] for key in keys}
    return result


def main() -> None:
    """Write all forms for all modules."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    cases = [case(name, form, rng) for name in MODULES for form in FORMS]
    arrays = {f"{n}/{key}": value for n, one in enumerate(cases) for key, value in one.items()}
    provenance = f"torch {torch.__version__}, numpy {np.__version__}, seed 0"
    np.savez_compressed(HERE / "layers.npz", provenance=provenance, **arrays)
    print(f"layers.npz: {len(cases)} cases, {provenance}")


if __name__ == "__main__":
    main()
