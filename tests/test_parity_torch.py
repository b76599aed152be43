"""Live against PyTorch, on fresh random cases: what the stored vectors say, not only there."""

import importlib

import numpy as np
import pytest
from helpers import CELLS, assert_close
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_reference import (
    IMPLEMENTATIONS,
    REFERENCE,
    TORCH_LAYERS,
    check_case,
    check_layer_case,
    check_torch_gradients,
)

from unrolled import interchange, unroll

pytestmark = pytest.mark.slow

TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
CONFIGURATION = {
    "seed": st.integers(0, 2**32 - 1),
    "sizes": st.tuples(*(st.integers(1, most) for most in (10, 4, 5, 8))),  # T, B, D, H
    "scale": st.floats(0.1, 0.7),  # the standard deviation of the weights
}


@pytest.fixture(scope="module")
def make():
    """The maker of PyTorch's vectors; it imports PyTorch, which `make test` does not have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(REFERENCE)
        return importlib.import_module("make")


def in_dtype(case: dict[str, np.ndarray], dtype: str) -> dict[str, np.ndarray]:
    """Return the case with all its fractions in this dtype; lengths stay whole."""
    return {k: a.astype(dtype) if a.dtype.kind == "f" else a for k, a in case.items()}


def assume_no_kink(cell, p, case, lengths=None) -> None:
    """Leave out cases in which a rectifier is so near its kink that rounding chooses the slope."""
    if cell is CELLS["rnn_relu"]:
        s0 = cell.State(case["s0_h"])
        _, caches = unroll(cell, p, s0, case["xs"], lengths)
        a = p.W_x @ caches.x + p.W_h @ caches.h_prev + p.b
        assume(np.abs(a).min() > 1e-4 * max(1, np.abs(a).max()))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", CELLS)
def test_200_random_cases_agree_step_by_step(make, name, dtype):
    """A gradient arrives at every state, and each sequence has its own length, or all have T."""
    cell = CELLS[name]

    @settings(max_examples=200, deadline=None)
    @given(**CONFIGURATION, all_full=st.booleans())
    def check(seed, sizes, scale, all_full):
        rng = np.random.default_rng(seed)
        case = in_dtype(make.random_case(name, rng, *sizes, scale), dtype)
        lengths = None if all_full else rng.integers(1, sizes[0] + 1, sizes[1])
        assume_no_kink(cell, cell.Params(*(case[f] for f in cell.Params._fields)), case, lengths)
        case |= make.answer(name, case, lengths)
        assert case["d_xs"].dtype == dtype
        for implementation in IMPLEMENTATIONS.values():
            check_case(cell, case, lengths, TOLERANCE[dtype], implementation)

    check()


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", TORCH_LAYERS)
def test_200_random_layers_agree_on_packed_sequences(make, name, dtype):
    """torch.nn.RNN, GRU and LSTM themselves, with the weights that `to_pytorch` gives them."""
    cell = CELLS[name]

    @settings(max_examples=200, deadline=None)
    @given(**CONFIGURATION)
    def check(seed, sizes, scale):
        rng, (T, B, D, H) = np.random.default_rng(seed), sizes
        case = in_dtype(make.random_layer_case(name, rng, T, B, D, H), dtype)
        shapes = [a.shape for a in cell.init(rng, D, H)]
        p = cell.Params(*(rng.normal(0, scale, shape).astype(dtype) for shape in shapes))
        assume_no_kink(cell, p, case, case["lengths"])
        case |= make.layer_answer(name, interchange.to_pytorch(cell, p), case)
        assert case["h"].dtype == dtype
        for implementation in IMPLEMENTATIONS.values():
            d_p = check_layer_case(cell, p, case, TOLERANCE[dtype], implementation)
            check_torch_gradients(cell, d_p, case, TOLERANCE[dtype])

    check()


@pytest.mark.parametrize("name", TORCH_LAYERS)
def test_a_layer_of_a_larger_model_of_pytorch_goes_through_both_ways(make, name):
    """Tensors that require gradients, two layers, two directions, two biases: the same numbers."""
    torch, cell = make.torch, CELLS[name]
    kind, options = make.LAYERS[name]
    torch.manual_seed(0)
    stack = kind(3, 5, num_layers=2, bidirectional=True, dtype=torch.float64, **options)
    model = torch.nn.ModuleDict({"encoder": stack, "readout": torch.nn.Linear(10, 2)})
    weights = dict(model.named_parameters())
    p = interchange.from_pytorch(cell, weights, prefix="encoder.", layer=1, reverse=True)

    alone = kind(10, 5, dtype=torch.float64, **options)
    ours = interchange.to_pytorch(cell, p)
    alone.load_state_dict({key: torch.from_numpy(array) for key, array in ours.items()})
    xs = torch.randn(7, 2, 3, dtype=torch.float64)
    with torch.no_grad():
        output, _ = stack(xs)
        between = kind(3, 5, bidirectional=True, dtype=torch.float64, **options)
        first = {key: a for key, a in stack.state_dict().items() if "_l0" in key}
        between.load_state_dict(first)
        expected, _ = alone(between(xs)[0].flip(0))
    assert_close(expected.flip(0).numpy(), output[:, :, 5:].numpy(), 1e-14)


@pytest.mark.parametrize("name", ["rnn", "gru_reset_after", "lstm"])
def test_the_single_cells_of_pytorch(make, name):
    torch, cell = make.torch, CELLS[name]
    kinds = {
        "rnn": torch.nn.RNNCell,
        "gru_reset_after": torch.nn.GRUCell,
        "lstm": torch.nn.LSTMCell,
    }
    torch.manual_seed(1)
    layer = kinds[name](3, 4, dtype=torch.float64)
    p = interchange.from_pytorch(cell, layer.state_dict())
    x, s = torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 2, 4, dtype=torch.float64)
    after = layer(x, tuple(s) if name == "lstm" else s[0])
    state = cell.State(*(a.numpy().T for a in s[: len(cell.State._fields)]))
    ours, _ = cell.step(p, state, x.numpy().T)
    for a, b in zip(ours, after if name == "lstm" else [after], strict=True):
        assert_close(a, b.detach().numpy().T, 1e-14)
    other = kinds[name](3, 4, dtype=torch.float64)
    arrays = interchange.to_pytorch(cell, p, layer=None)
    other.load_state_dict({key: torch.from_numpy(array) for key, array in arrays.items()})
    again = other(x, tuple(s) if name == "lstm" else s[0])
    for a, b in zip(ours, again if name == "lstm" else [again], strict=True):
        assert_close(a, b.detach().numpy().T, 1e-14)


def test_pytorch_without_biases(make):
    torch, lstm = make.torch, CELLS["lstm"]
    layer = torch.nn.LSTM(2, 3, bias=False, dtype=torch.float64)
    p = interchange.from_pytorch(lstm, layer.state_dict(), bias=False)
    x = np.random.default_rng(0).standard_normal((4, 2, 1))
    states, _ = unroll(lstm, p, lstm.zero_state(3, 1), x)
    with torch.no_grad():
        output, _ = layer(torch.tensor(x).mT)
    assert_close(states.h, output.mT.numpy(), 1e-14)


def test_two_biases_double_the_step_of_gradient_descent(make):
    """What `interchange` says of training: the sum of PyTorch's biases moves by twice our step."""
    torch, lstm = make.torch, CELLS["lstm"]
    rng = np.random.default_rng(0)
    case = make.random_layer_case("lstm", rng, 5, 2, 3, 4)
    p = lstm.init(rng, 3, 4)
    answer = make.layer_answer("lstm", interchange.to_pytorch(lstm, p), case)
    d_p = check_layer_case(lstm, p, case | answer)
    moved = answer["d_weights/bias_ih_l0"] + answer["d_weights/bias_hh_l0"]
    assert_close(moved, 2 * d_p.b.flatten(), 1e-12)
    assert torch.__version__.startswith("2.13")


def test_the_stored_answer_to_the_chapter_by_hand_is_pytorchs(make):
    assert make.by_hand() == (REFERENCE / "by_hand.txt").read_text()
