"""LSTMGates' second mode in numbers: weights and inputs are given, the gates follow.

One unit (H = 1) on one input (D = 1) over T steps, run by the library's cells.  Two gradients stand
side by side: the total ∂c_T/∂c_t, in which h_t moves along with c_t and the gates with h_t, and the
direct path f_{t+1} ⋯ f_T, one term of it, with the gates held fixed.
The same functions in JavaScript: ``js/lstm-gates/weights-math.js``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from unrolled.bptt import unroll
from unrolled.cells import lstm, lstm_coupled, lstm_peephole
from unrolled.checks import param_shapes
from unrolled.flow import direct_path, total_path

Step = Callable[[Any, Any, Any], tuple[Any, Any]]
Trace = dict[str, list[float]]

VARIANTS: dict[str, ModuleType] = {
    "lstm": lstm,
    "peephole": lstm_peephole,
    "coupled": lstm_coupled,
}
GATES = ("i", "f", "c", "o")
WEIGHTS = (
    *("w_ix", "w_ih", "b_i", "w_fx", "w_fh", "b_f"),
    *("w_cx", "w_ch", "b_c", "w_ox", "w_oh", "b_o"),
    *("p_i", "p_f", "p_o"),
)
"""Of each gate the weights of x and of h and the bias, and the peepholes, by name."""
PRESETS = ("remember", "forget", "overwrite", "leak", "explode")
WEIGHT_LIMIT, INPUT_LIMIT, C0_LIMIT = 10.0, 2.0, 1e6
MAX_STEPS = 100
"""With more steps a total gradient could leave float64's range."""
KEYS = ("i", "f", "c_tilde", "o", "c", "h", "gradient", "direct")


def distractor(t: int) -> float:
    """Return what comes in at step t besides what matters: never 0, looks random, small."""
    k = (7 * t) % 16 - 8
    return (k if k < 0 else k + 1) / 40


def weights_preset(name: str, variant: str, T: int) -> dict[str, Any]:
    """Return weights by name, and x: a list of T floats.

    An input of 1 writes; in the middle comes an input that wipes or overwrites, where the preset
    has one.  A coupled unit writes by forgetting, so its forget gate shuts to write.
    """
    if name not in PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}")
    coupled = variant == "coupled"
    middle = T // 2 + 1
    x = [1.0] + [distractor(t) for t in range(2, T + 1)]
    w = dict.fromkeys(WEIGHTS, 0.0)
    if name == "explode":  # c overshoots and comes back, again and again, on a knife's edge
        w |= {"w_ih": 6.0, "w_cx": 2.0, "w_ch": -4.0, "b_c": 2.0, "b_o": 6.0}
        if coupled:
            w |= {"w_fh": -6.0}
        return w | {"x": [1.0] + [0.0] * (T - 1)}
    w |= {"w_ix": 10.0, "b_i": -5.0, "w_cx": 2.0, "b_f": 5.0, "b_o": 4.0}
    if coupled:
        w |= {"w_fx": -10.0}
    if name == "leak":
        w |= {"b_f": 1.4}
    if name == "forget" and T > 1:
        if coupled:  # all it can do is to write 0
            w |= {"w_cx": -2.0, "b_c": 4.0}
        else:
            w |= {"w_fx": 10.0}
        x[middle - 1] = 2.0 if coupled else -1.0
    if name == "overwrite" and T > 1:
        w |= {"w_cx": -3.0, "b_c": 4.5, "w_fx": -10.0 if coupled else -5.0}
        x[middle - 1] = 2.0
    return w | {"x": x}


def parameters(variant: str, weights: Mapping[str, float]) -> Any:
    """Return the Params of the variant's cell for one unit on one input, D = H = 1."""
    gates = GATES[1:] if variant == "coupled" else GATES

    def stack(*names: str) -> Any:
        return np.array([[[weights[name]]] for name in names], dtype=float)

    parts = [
        stack(*(f"w_{gate}x" for gate in gates)),
        stack(*(f"w_{gate}h" for gate in gates)),
        stack(*(f"b_{gate}" for gate in gates)),
    ]
    if variant == "peephole":
        parts += [np.array([[weights[name]]], dtype=float) for name in ("p_i", "p_f", "p_o")]
    return VARIANTS[variant].Params(*parts)


def parameter_count(variant: str, D: int = 1, H: int = 1) -> int:
    """Return how many parameters a layer of H units on D inputs has.

    4 (H (D + H) + H) for the LSTM, 3 H more with peepholes, 3 (H (D + H) + H) with coupled gates.
    """
    shapes = param_shapes(VARIANTS[variant].init, D, H)
    return sum(int(np.prod(shape)) for shape in shapes)


def weights_trace(
    variant: str, weights: Mapping[str, float], x: Sequence[float], c0: float = 0.0
) -> Trace:
    """Return i, f, c_tilde, o, c, h, and ∂c_T/∂c_t: gradient (total) and direct; T floats each."""
    cell: Any = VARIANTS[variant]
    p = parameters(variant, weights)
    xs = np.asarray(x, dtype=float).reshape(-1, 1, 1)
    states, caches = unroll(cell, p, _start(c0), xs)
    found = {
        "i": 1 - caches.f if variant == "coupled" else caches.i,
        "f": caches.f,
        "c_tilde": caches.c_tilde,
        "o": caches.o,
        "c": states.c,
        "h": states.h,
        "gradient": total_path(cell, p, caches),
        "direct": direct_path(cell, caches),
    }
    return {key: array.ravel().tolist() for key, array in found.items()}


def driven_weights_trace(
    step: Step, variant: str, weights: Mapping[str, float], x: Sequence[float], c0: float = 0.0
) -> Trace:
    """Return the same as `weights_trace`, of the reader's own cell, ``step(p, s, x)``.

    Every derivative is a central difference through `step`: of h_t and c_t by h_{t-1} and c_{t-1},
    and for how h_t moves along with c_t, by what moves c_t more: c_{t-1} or the candidate's bias.
    Where neither moves it, h_t = o_t tanh(c_t) is taken.  The direct path is the product of the
    forget gates in its caches.  What `step` raises gets a note that says at which step.
    """
    p = parameters(variant, weights)
    T = len(x)
    name = getattr(step, "__name__", type(step).__name__)
    columns = [np.array([[value]], dtype=float) for value in x]
    candidate = 1 if variant == "coupled" else 2

    def call(t: int, s: Any, bias: float = 0.0) -> tuple[Any, Any]:
        b = p.b.copy()  # a fresh one: a step that writes into its arguments spoils no other
        b[candidate] += bias
        given = p._replace(W_x=p.W_x.copy(), W_h=p.W_h.copy(), b=b)
        try:
            result = step(given, lstm.State(*(part.copy() for part in s)), columns[t].copy())
        except Exception as error:
            error.add_note(f"raised by {name}(p, s, x) at step {t + 1} of {T}")
            raise
        return _checked(result, name, t + 1)

    def slope(t: int, s: Any, field: str) -> Any:
        at = 0.0 if field == "b" else float(getattr(s, field)[0, 0])
        eps = 6e-6 * max(1.0, abs(at))  # the cube root of float64's precision
        if field == "b":
            (up, _), (down, _) = call(t, s, eps), call(t, s, -eps)
        else:
            nudged = [s._replace(**{field: np.array([[at + d]])}) for d in (eps, -eps)]
            (up, _), (down, _) = call(t, nudged[0]), call(t, nudged[1])
        return np.array([up.h - down.h, up.c - down.c])[:, 0, 0] / (2 * eps)

    trace: Trace = {key: [] for key in KEYS}
    jacobians, along, shares = [], [], []
    s = _start(c0)
    for t in range(T):
        by_h, by_c, by_b = (slope(t, s, field) for field in ("h", "c", "b"))
        jacobians.append(np.stack([by_h, by_c], axis=1))
        s, gates = call(t, s)
        for key, value in gates.items():
            trace[key].append(value)
        c = float(s.c[0, 0])
        trace["c"].append(c)
        trace["h"].append(float(s.h[0, 0]))
        shares.append(gates["f"])
        moved = max((by_c, by_b), key=lambda slopes: abs(slopes[1]))
        along.append(
            moved[0] / moved[1] if abs(moved[1]) > 1e-6 else gates["o"] * (1 - np.tanh(c) ** 2)
        )

    row = np.array([0.0, 1.0])  # ∂c_T by h_t and by c_t
    direct = 1.0
    for t in reversed(range(T)):
        trace["gradient"].insert(0, float(row[1] + row[0] * along[t]))
        trace["direct"].insert(0, direct)
        with np.errstate(over="ignore", invalid="ignore"):
            row = row @ jacobians[t]
            direct *= shares[t]
    if not np.isfinite([*trace["gradient"], *trace["direct"]]).all():
        raise OverflowError(
            f"step: the gradient through {name} overflows; smaller weights are needed"
        )
    return trace


def _start(c0: float) -> Any:
    return lstm.State(np.zeros((1, 1)), np.array([[c0]], dtype=float))


def _checked(result: Any, name: str, t: int) -> tuple[Any, dict[str, float]]:
    """Return a State of (1, 1) arrays and the gates as floats, or say what is wrong with them."""
    expected = f"step: expected {name} to return (State, Cache)"
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"{expected}, got {result!r:.80} at step {t}")
    state, cache = result

    def entry(owner: Any, kind: str, field: str) -> Any:
        if not hasattr(owner, field):
            raise TypeError(f"{expected}, the {kind} with {field}, got {owner!r:.80} at step {t}")
        wanted = f"step: expected {kind}.{field} of {name} to"
        value = np.asarray(getattr(owner, field))
        if value.shape != (1, 1):
            raise ValueError(f"{wanted} have shape (1, 1), got {value.shape} at step {t}")
        if value.dtype.kind not in "fiu":
            raise TypeError(f"{wanted} be numbers, got {value.dtype} at step {t}")
        if not np.isfinite(value).all():
            raise ValueError(f"{wanted} be finite, got {value[0, 0]} at step {t}")
        return value.astype(float)

    s = lstm.State(entry(state, "State", "h"), entry(state, "State", "c"))
    gates = {key: float(entry(cache, "Cache", key)[0, 0]) for key in ("f", "c_tilde", "o")}
    # A coupled cell has no i of its own.
    gates["i"] = float(entry(cache, "Cache", "i")[0, 0]) if hasattr(cache, "i") else 1 - gates["f"]
    return s, gates
