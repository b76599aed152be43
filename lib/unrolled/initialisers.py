"""Initialisers: functions that take Params and return Params, so that they compose.

p = lstm.init(rng, D, H)
p = chrono(lstm, orthogonal(lstm, p, rng), rng, T_max=100)

Each takes (cell, p, ...), replaces what its docstring names, keeps everything else, the shapes and
the dtype, and leaves the p passed in as it was. Gates are stacked on a leading axis, W_x (4, H, D),
W_h (4, H, H), b (4, H, 1) in an LSTM; every gate is drawn for itself, as a matrix of its own.
Numbers are drawn in float64 and then rounded, so that float32 and float64 networks start alike.

All raise TypeError for a wrong type or dtype and ValueError for a wrong shape, NaN or infinity,
each naming the argument; more is said where more is raised.
"""

from typing import Any

import numpy as np
from numpy.random import Generator

from .cells import protocol
from .cells.protocol import Array, Cell
from .checks import (
    check_array,
    check_cell,
    check_number,
    check_params,
    check_rng,
    check_tuple,
    param_shapes,
)

# Weights


def uniform(cell: Cell, p: Any, rng: Generator) -> Any:
    """Draw W_x, W_h and the peepholes, if any, from U(-1/√H, 1/√H): what every `cell.init` does.

    The variance is 1/(3H), so W_h starts with a spectral radius near 1/√3 = 0.58 and a largest
    singular value near 2/√3 = 1.15: no neutral start.
    """
    H, _, dtype = _check(cell, p)
    check_rng(rng)
    drawn = [name for name in p._fields if not name.startswith("b")]
    return p._replace(
        **{name: protocol.uniform(rng, getattr(p, name).shape, H, dtype) for name in drawn}
    )


def glorot(cell: Cell, p: Any, rng: Generator) -> Any:
    """Draw W_x and W_h from U(-k, k) with k = √(6 / (fan-in + fan-out)) of each gate's own matrix.

    A gate's W_x (H, D) has fan-in D and fan-out H, its W_h (H, H) has both H: other gates and the
    other matrix do not count (Keras, which keeps the gates side by side in one matrix, counts four
    times the fan-out in an LSTM). The variance is 2 / (fan-in + fan-out).

    Source: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
    neural networks", equation 16 (AISTATS 2010).
    """
    H, D, dtype = _check(cell, p)
    check_rng(rng)

    def draw(shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        k = np.sqrt(6 / (fan_in + fan_out))
        return rng.uniform(-k, k, shape).astype(dtype)

    return p._replace(W_x=draw(p.W_x.shape, D, H), W_h=draw(p.W_h.shape, H, H))


def orthogonal(cell: Cell, p: Any, rng: Generator, gain: float = 1) -> Any:
    """Draw W_h, gate by gate, as `gain` times an orthogonal matrix, all of them equally likely.

    All singular values of W_h are then `gain`, so a *linear* recurrence with gain 1 neither grows
    nor shrinks; tanh shrinks it (A. Saxe, J. McClelland and S. Ganguli, "Exact solutions to the
    nonlinear dynamics of learning in deep linear neural networks", sections 3 and 4, ICLR 2014).

    The matrix is Q of the QR decomposition of a Gaussian one. Its columns' signs are the
    decomposition's choice; with R's diagonal made positive Q is uniform (Haar) on the orthogonal
    group (F. Mezzadri, "How to generate random matrices from the classical compact groups",
    section 5, Notices of the AMS 54, 2007). Raises ValueError for a gain that is not positive.
    """
    _, _, dtype = _check(cell, p)
    check_rng(rng)
    _check_number("gain", gain, dtype)
    if gain <= 0:
        raise ValueError(f"gain must be positive, got {gain!r}")
    Q, R = np.linalg.qr(rng.standard_normal(p.W_h.shape))
    signs = np.sign(np.diagonal(R, axis1=-2, axis2=-1))[..., np.newaxis, :]
    return p._replace(W_h=(gain * Q * signs).astype(dtype))


def identity(cell: Cell, p: Any, scale: float = 1) -> Any:
    """Set W_h, in every gate, to `scale` times the identity.

    Meant for `rnn_relu`, which with scale 1 and zero biases then keeps a non-negative state for
    ever, where no input comes; scale < 1 gives it a decaying memory.

    Source: Q. Le, N. Jaitly and G. Hinton, "A simple way to initialize recurrent networks of
    rectified linear units" (2015), who draw W_x with a standard deviation of 0.001, which is left
    to the caller here, as are the biases.
    """
    H, _, dtype = _check(cell, p)
    _check_number("scale", scale, dtype)
    return p._replace(W_h=np.broadcast_to(scale * np.eye(H), p.W_h.shape).astype(dtype))


# Biases


def forget_bias(cell: Cell, p: Any, value: float = 1) -> Any:
    """Set the bias of the forget gate f to `value`, in all units.

    The gate then starts near σ(value): a half-life of 1 step at 0, of 2.2 at 1, of 14 at 3.
    Source: Gers, Schmidhuber and Cummins (2000); R. Jozefowicz, W. Zaremba and I. Sutskever, "An
    empirical exploration of recurrent network architectures" (ICML 2015), for the value 1.
    Raises ValueError for a cell without a forget gate.
    """
    H, _, dtype = _check(cell, p)
    _check_number("value", value, dtype)
    if "f" not in _gates(cell):
        raise ValueError(f"cell must have a forget gate f, got {_name(cell)}")
    return _with_biases(cell, p, f=np.full((H, 1), value, dtype))


def chrono(cell: Cell, p: Any, rng: Generator, T_max: float) -> Any:
    """Spread the units' time scales evenly up to T_max: b_f = log u, u from U(1, T_max - 1).

    The gate keeps f = σ(log u) = u / (1 + u), that is 1 - 1/τ with τ = 1 + u from U(2, T_max): a
    unit forgets by a factor e in about τ steps. The LSTM's input gate gets b_i = -b_f, which makes
    i = 1 - f; the coupled cell has that built in. In a GRU, whose z here is the share of the *new*,
    b_z = -log u. Other biases stay as they are.

    Source: C. Tallec and Y. Ollivier, "Can recurrent neural networks warp time?", section 2,
    equation 16 (ICLR 2018). Raises ValueError for T_max < 2 and for a cell without such gates.
    """
    H, _, dtype = _check(cell, p)
    check_rng(rng)
    check_number("T_max", T_max)
    if T_max < 2:
        raise ValueError(f"T_max must be at least 2, got {T_max!r}")
    b = np.log(rng.uniform(1, T_max - 1, (H, 1))).astype(dtype)
    new = {"f": b, "i": -b, "z": -b}
    biases = {gate: new[gate] for gate in _gates(cell) if gate in new}
    if not biases:
        raise ValueError(f"cell must have a forget gate f or an update gate z, got {_name(cell)}")
    return _with_biases(cell, p, **biases)


# Helpers


def _gates(cell: Any) -> list[str]:
    """Return the letters of the rows of W_x, W_h and b: the Cache names them in the same order."""
    letters = ("z", "r", "h_tilde", "i", "f", "c_tilde", "o")
    return [name for name in cell.Cache._fields if name in letters]


def _with_biases(cell: Any, p: Any, **biases: Array) -> Any:
    b = p.b.copy()
    for gate, value in biases.items():
        b[_gates(cell).index(gate)] = value
    return p._replace(b=b)


def _check(cell: Any, p: Any) -> tuple[int, int, Any]:
    """Check the parameters against each other; return (H, D, dtype)."""
    check_cell(cell)
    check_tuple("p", p, cell.Params)
    gates = param_shapes(cell.init, 1, 1)[0][:-2]
    check_array("p.W_x", p.W_x, (*gates, "H", "D"))
    (H, D), dtype = p.W_x.shape[-2:], p.W_x.dtype
    check_params(cell, p, D, H, dtype)
    return H, D, dtype


def _check_number(name: str, value: Any, dtype: Any) -> None:
    check_number(name, value)
    if abs(value) > float(np.finfo(dtype).max):
        raise ValueError(f"{name} must be finite in {dtype}, got {value!r}")


def _name(cell: Any) -> str:
    return str(getattr(cell, "__name__", cell))
