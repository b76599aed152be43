"""The mathematics of GRUBlend: two units of a GRU whose gates are given.

What the units compute, and which is which, is said in `gru_blend`; a state is a dict of its
handles.  The same functions in JavaScript: ``js/gru-blend/math.js``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from unrolled.cells import gru

Update = Callable[[float, float, float, float], tuple[float, float]]
Run = dict[str, list[float]]

PRESETS = ("leak", "keep", "overwrite", "reset", "alternate")
CONVENTIONS = ("new", "old")
ROWS = {"update_gate": (0.0, 1.0), "reset_gate": (0.0, 1.0), "inputs": (-2.0, 2.0)}
SCALARS = {
    **{"w_x": (-3.0, 3.0), "w_h": (-3.0, 3.0), "w_2": (-3.0, 3.0)},
    **{"b": (-2.0, 2.0), "b_hn": (-2.0, 2.0), "z_2": (0.0, 1.0), "r_2": (0.0, 1.0)},
    "h0": (-1.0, 1.0),
}
WEIGHTS = {"w_x": 1.0, "w_h": 0.5, "w_2": 1.5, "b": 0.0, "b_hn": 0.0, "z_2": 0.5, "r_2": 0.2}
"""What every preset sets besides the rows; z_2 is the share of the new."""


class Difference(NamedTuple):
    """The largest |h of reset before − h of reset after|, and the step where it is (from 1 on)."""

    value: float
    step: int


def mirrored(z: float) -> float:
    """Return 1 - z, the same gate in the other convention, to the last bit or one beside it.

    0.7 gives 0.3 as on paper, and 0.3 gives 0.7, so that to rename twice changes nothing.
    """
    exact = 1.0 - z
    short = math.floor(exact * 1e12 + 0.5) / 1e12
    return short if abs(short - exact) <= 2.0**-53 else exact


def preset_values(name: str, T: int, convention: str = "new") -> dict[str, Any]:
    """Return rows and weights of a preset: the rows are lists of T floats."""
    if name not in PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}")
    middle = T // 2 + 1
    steps = range(1, T + 1)
    z, r = [0.0] * T, [1.0] * T
    if name in ("keep", "overwrite"):
        z[0] = 1.0
    if name == "overwrite":
        z[middle - 1] = 1.0
    if name == "leak":
        z = [0.2] * T
    if name == "reset":
        z = [0.5] * T
        r = [0.0 if middle <= t < middle + 4 else 1.0 for t in steps]
    if name == "alternate":
        z = [0.8 if t % 4 == 1 else 0.1 for t in steps]
        r = [1.0 if t % 4 == 1 else 0.2 for t in steps]
    special = {middle: -1.5} | {1: 1.5}
    values: dict[str, Any] = {
        "update_gate": z,
        "reset_gate": r,
        "inputs": [special.get(t, ((7 * t) % 16 - 8) / 10) for t in steps],
        **WEIGHTS,
    }
    if convention == "old":
        values["update_gate"] = [mirrored(v) for v in z]
        values["z_2"] = mirrored(WEIGHTS["z_2"])
    return values


def shares(row: Sequence[float], convention: str) -> tuple[list[float], list[float]]:
    """Return how much each step keeps and how much it takes in: 1 - z and z, or z and 1 - z."""
    other = [mirrored(z) for z in row]
    return (other, list(row)) if convention == "new" else (list(row), other)


def run(state: Mapping[str, Any], placement: str) -> Run:
    """Return the run of both units with the reset gate 'before' or 'after' the product.

    'h' and 'h_tilde' are the first unit's, 'h_2' and 'h_tilde_2' its neighbour's, T floats each.
    """
    w_x, w_h, w_2, b, b_hn = (state[name] for name in ("w_x", "w_h", "w_2", "b", "b_hn"))
    (kept_2,), (new_2,) = shares([state["z_2"]], state["convention"])
    r_2 = state["r_2"]
    result: Run = {"h": [], "h_tilde": [], "h_2": [], "h_tilde_2": []}
    h = h_2 = state["h0"]
    rows = (
        *shares(state["update_gate"], state["convention"]),
        state["reset_gate"],
        state["inputs"],
    )
    for kept, new, r, x in zip(*rows, strict=True):
        if placement == "before":
            h_tilde = math.tanh(w_x * x + w_h * (r * h) + w_2 * (r_2 * h_2) + b + b_hn)
            h_tilde_2 = math.tanh(w_x * x + w_h * (r_2 * h_2) + w_2 * (r * h) + b + b_hn)
        else:
            h_tilde = math.tanh(w_x * x + b + r * (w_h * h + w_2 * h_2 + b_hn))
            h_tilde_2 = math.tanh(w_x * x + b + r_2 * (w_h * h_2 + w_2 * h + b_hn))
        h = kept * h + new * h_tilde
        h_2 = kept_2 * h_2 + new_2 * h_tilde_2
        for name, value in zip(result, (h, h_tilde, h_2, h_tilde_2), strict=True):
            result[name].append(value)
    return result


def difference(before: Run, after: Run) -> Difference:
    """Return the largest distance between the first unit's h in two runs, and where it is."""
    distances = [abs(a - b) for a, b in zip(before["h"], after["h"], strict=True)]
    most = max(distances)
    return Difference(most, distances.index(most) + 1)


def as_cell(state: Mapping[str, Any], before: Run) -> tuple[gru.Params, gru.Cache]:
    """Return the run with reset before as the library has it: weights, and a cache of T steps.

    No weight leads to a gate, as the gates are given: what is derived holds them fixed.
    """
    T = len(before["h"])
    _, new = shares(state["update_gate"], state["convention"])
    _, (new_2,) = shares([state["z_2"]], state["convention"])
    W_x, W_h, b = np.zeros((3, 2, 1)), np.zeros((3, 2, 2)), np.zeros((3, 2, 1))
    W_x[2] = state["w_x"]
    W_h[2] = [[state["w_h"], state["w_2"]], [state["w_2"], state["w_h"]]]
    b[2] = state["b"] + state["b_hn"]

    def units(first: Sequence[float], second: Sequence[float]) -> np.ndarray[Any, Any]:
        return np.array([first, second], dtype=float).T[:, :, np.newaxis]

    h_prev = (np.append(state["h0"], before[name][:-1]).tolist() for name in ("h", "h_2"))
    cache = gru.Cache(
        x=np.array(state["inputs"], dtype=float).reshape(T, 1, 1),
        h_prev=units(*h_prev),
        z=units(new, [new_2] * T),
        r=units(state["reset_gate"], [state["r_2"]] * T),
        h_tilde=units(before["h_tilde"], before["h_tilde_2"]),
    )
    return gru.Params(W_x, W_h, b), cache


def driven_run(update: Update, state: Mapping[str, Any]) -> Run:
    """Return h_tilde, h and gradient, T floats each, of the reader's own update.

    The gradient ∂h_T/∂h_t is the product of ∂h_s/∂h_{s-1} over s > t, each by a central difference
    through `update`.  What `update` raises gets a note that says at which step.
    """
    name = getattr(update, "__name__", type(update).__name__)
    rows = [state[key] for key in ROWS]
    T = len(rows[0])

    def call(t: int, h_prev: float) -> tuple[float, float]:
        z, r, x = (row[t] for row in rows)
        try:
            result = update(z, r, h_prev, x)
        except Exception as error:
            shown = ", ".join(f"{a:.6g}" for a in (z, r, h_prev, x))
            error.add_note(f"raised by {name}({shown}) at step {t + 1} of {T}")
            raise
        try:
            h_tilde, h = result
            pair = float(h_tilde), float(h)
        except (TypeError, ValueError):
            raise TypeError(
                f"update: expected {name} to return (h_tilde, h), two floats, "
                f"got {result!r} at step {t + 1}"
            ) from None
        if not all(map(math.isfinite, pair)):
            raise ValueError(
                f"update: expected {name} to return finite h_tilde and h, "
                f"got {pair!r} at step {t + 1}"
            )
        return pair

    result: Run = {"h": [], "h_tilde": [], "gradient": []}
    slopes: list[float] = []
    h_prev = state["h0"]
    for t in range(T):
        eps = 6e-6 * max(1.0, abs(h_prev))  # the cube root of float64's precision
        up, down = h_prev + eps, h_prev - eps
        slopes.append((call(t, up)[1] - call(t, down)[1]) / (up - down))
        h_tilde, h_prev = call(t, h_prev)
        result["h_tilde"].append(h_tilde)
        result["h"].append(h_prev)
    with np.errstate(over="ignore", invalid="ignore"):
        gradient = np.cumprod(np.append(1.0, slopes[:0:-1]))[::-1]
    if not np.isfinite(gradient).all():
        raise OverflowError(f"update: the gradient through {name} overflows float64")
    result["gradient"] = gradient.tolist()
    return result
