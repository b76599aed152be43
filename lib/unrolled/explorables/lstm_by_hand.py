"""LSTMByHand: one step of an LSTM with one unit, by numbers, forward and backward.

One input, one unit, one column (D = H = B = 1), so every quantity is a plain number.  It begins
with the example of a set of course notes, the source, whose printed answer, c = 0.932 and
h = 0.608, is off in the last digit, and shows which slips make it.
The same functions in JavaScript: ``js/lstm-by-hand/math.js``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import traitlets

from unrolled.cells import lstm
from unrolled.explorables.explorable import Explorable
from unrolled.explorables.lstm_by_hand_lines import PRECISIONS, describe, slips_at, written
from unrolled.explorables.lstm_by_hand_picture import picture
from unrolled.explorables.traits import ChoiceTrait, IntegerTrait, NumberTrait

Step = Callable[[lstm.Params, lstm.State, Any], tuple[Any, Any]]

WEIGHTS = tuple(f"w_{g}{of}" for g in "fico" for of in "xh")
BIASES = tuple(f"b_{g}" for g in "fico")
STATE = ("x", "h_prev", "c_prev")
NUMBERS = (*STATE, *WEIGHTS, *BIASES)
LIMIT = 10.0
"""Numbers that the reader sets are from -LIMIT to LIMIT."""

# x, h, c, then w_x, w_h and b of f, i, candidate and o.
_PRESETS = {
    "all ones": ((0.5, 0.1, 0.2), *[(1.0, 1.0, 1.0)] * 4),
    "all different": (
        (0.5, 0.1, 0.2),
        (0.5, -1.2, 1.0),
        (0.9, -0.8, -0.5),
        (-0.9, -0.2, 0.9),
        (1.2, 0.4, -1.1),
    ),
    "keeps": (
        (0.5, 0.1, 0.8),
        (1.0, 0.5, 5.0),
        (-1.0, 0.5, -5.0),
        (-1.5, 0.4, -0.6),
        (1.0, 1.0, 1.0),
    ),
    "forgets": (
        (0.5, 0.1, 0.8),
        (-1.0, 0.5, -5.0),
        (1.0, 0.5, 5.0),
        (-1.5, 0.4, -0.6),
        (1.0, 1.0, 1.0),
    ),
}
PRESETS = tuple(_PRESETS)

FORWARD = ("f", "i", "c_tilde", "kept", "new", "c", "o", "tanh_c", "h")
COMPARED = ("f", "i", "c_tilde", "o", "c", "h")
"""What of the reader's own step is compared with ours, besides the gradients."""
GRADIENTS = tuple(f"d{name}" for name in NUMBERS)


def preset_values(name: str) -> dict[str, float]:
    """Return x, h_prev, c_prev, weights and biases of a preset, by name."""
    if name not in _PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}")
    state, *gates = _PRESETS[name]
    values = dict(zip(STATE, state, strict=True))
    for g, (w_x, w_h, b) in zip("fico", gates, strict=True):
        values |= {f"w_{g}x": w_x, f"w_{g}h": w_h, f"b_{g}": b}
    return values


def arrays(values: Mapping[str, float]) -> tuple[lstm.Params, lstm.State, Any]:
    """Return Params, State and x as the library's cells want them, with D = H = B = 1."""
    blocks = ([values[f"w_{g}x"] for g in "ifco"], [values[f"w_{g}h"] for g in "ifco"])
    W_x, W_h, b = (
        np.array(block, dtype=float).reshape(4, 1, 1)
        for block in (*blocks, [values[f"b_{g}"] for g in "ifco"])
    )
    h, c, x = (np.array([[values[name]]], dtype=float) for name in ("h_prev", "c_prev", "x"))
    return lstm.Params(W_x, W_h, b), lstm.State(h, c), x


def forward(values: Mapping[str, float]) -> dict[str, float]:
    """Return every number of the step, in full precision, by name.

    a_f, a_i, a_c and a_o are the pre-activations, kept = f c_prev and new = i c_tilde.
    """
    s, cache = lstm.step(*arrays(values))
    x, h_prev = values["x"], values["h_prev"]
    result = {
        f"a_{g}": values[f"w_{g}x"] * x + values[f"w_{g}h"] * h_prev + values[f"b_{g}"]
        for g in "fico"
    }
    f, i, c_tilde, o = (float(v[0, 0]) for v in (cache.f, cache.i, cache.c_tilde, cache.o))
    c, h = float(s.c[0, 0]), float(s.h[0, 0])
    result |= {"f": f, "i": i, "c_tilde": c_tilde, "kept": f * values["c_prev"], "new": i * c_tilde}
    return result | {"c": c, "o": o, "tanh_c": float(np.tanh(c)), "h": h}


def backward(values: Mapping[str, float]) -> dict[str, float]:
    """Return the gradients of a loss of which dL/dh_t is `dh`, and that has `dc` at c_t besides.

    dc_all is the whole dL/dc_t, through h_t as well; df, di, dc_tilde and do are those of the
    gates, da_f … da_o of the pre-activations, then those of weights, biases, x, h_prev and c_prev.
    """
    p, s_prev, x = arrays(values)
    _, cache = lstm.step(p, s_prev, x)
    dh, dc = values["dh"], values["dc"]
    dp, ds_prev, dx = lstm.step_backward(p, cache, lstm.State(np.array([[dh]]), np.array([[dc]])))
    i, c_tilde, o = (float(v[0, 0]) for v in (cache.i, cache.c_tilde, cache.o))
    tanh_c = float(np.tanh(cache.c[0, 0]))
    dc_all = dc + dh * o * (1 - tanh_c**2)
    result = {
        "dc_all": dc_all,
        "df": dc_all * values["c_prev"],
        "di": dc_all * c_tilde,
        "dc_tilde": dc_all * i,
        "do": dh * tanh_c,
    }
    order = [1, 0, 2, 3]  # f, i, candidate, o; the library stacks i first
    for kind, field in (("da_{}", dp.b), ("dw_{}x", dp.W_x), ("dw_{}h", dp.W_h), ("db_{}", dp.b)):
        for g, k in zip("fico", order, strict=True):
            result[kind.format(g)] = float(field[k, 0, 0])
    result |= {"dx": float(dx[0, 0]), "dh_prev": float(ds_prev.h[0, 0])}
    return result | {"dc_prev": float(ds_prev.c[0, 0])}


def own_numbers(step: Step, values: Mapping[str, float]) -> dict[str, float]:
    """Return what the reader's own step makes of the numbers: h, c, its gates, the gradients.

    The gates are taken from its cache where that has them by our names.  The gradients of
    dh h + dc c come from central differences through `step`.  What `step` raises gets a note.
    """
    name = getattr(step, "__name__", type(step).__name__)

    def call(at: Mapping[str, float]) -> tuple[float, float, Any]:
        try:
            result = step(*arrays(at))
        except Exception as error:
            error.add_note(f"raised by {name}(p, s, x) with D = H = B = 1")
            raise
        try:
            (h, c), cache = result
        except (TypeError, ValueError):
            raise TypeError(
                f"step: expected {name} to return (State(h, c), cache), got {result!r}"
            ) from None
        return one("h", h), one("c", c), cache

    def one(what: str, value: Any) -> float:
        try:
            array = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            array = np.empty(0)
        if array.shape != (1, 1):
            came = f"shape {array.shape}" if array.size else repr(value)
            raise TypeError(f"step: expected {name} to give {what} of shape (1, 1), got {came}")
        number = float(array[0, 0])
        if not math.isfinite(number):
            raise ValueError(f"step: expected {name} to give a finite {what}, got {number!r}")
        return number

    h, c, cache = call(values)
    gates = {g: one(g, v) for g in COMPARED[:4] if (v := getattr(cache, g, None)) is not None}
    result = {**gates, "c": c, "h": h}
    for number in NUMBERS:
        value = values[number]
        eps = 6e-6 * max(1.0, abs(value))  # the cube root of float64's precision
        up, down = value + eps, value - eps
        (h_up, c_up, _), (h_down, c_down, _) = (call({**values, number: v}) for v in (up, down))
        slope = values["dh"] * (h_up - h_down) + values["dc"] * (c_up - c_down)
        result[f"d{number}"] = slope / (up - down)
    return result


def deviations(own: Mapping[str, float], ours: Mapping[str, float]) -> list[str]:
    """Return the names of the numbers in which the reader's own step differs from ours.

    Values by more than 1e-9, gradients (of finite differences) by more than 1e-6, each relative
    to the larger of 1 and our number.
    """
    return [
        name
        for name, value in own.items()
        if abs(value - ours[name])
        > (1e-6 if name in GRADIENTS else 1e-9) * max(1.0, abs(ours[name]))
    ]


def _number(default: float) -> Any:
    return NumberTrait(-LIMIT, LIMIT, default_value=default).tag(sync=True)


class LSTMByHand(Explorable):
    """One step of an LSTM with one unit, line by line, forward and backward.

    The equations are those of `unrolled.cells.lstm.step` with D = H = B = 1:

        f = σ(w_fx x + w_fh h_prev + b_f), likewise i and o, c_tilde with tanh;
        c = f c_prev + i c_tilde,  h = o tanh(c).

    Parameters
    ----------
    preset : {'all ones', 'all different', 'keeps', 'forgets'}, optional
        The numbers to begin with; those given below replace its own.  'all ones' is the example
        of the source, 'all different' has no two blocks of weights alike, so that swapped gates
        show.
    x, h_prev, c_prev : float, optional
        The input x_t, the hidden state h_{t-1} and the cell state c_{t-1}.
    w_fx, w_fh, b_f, w_ix, w_ih, b_i, w_cx, w_ch, b_c, w_ox, w_oh, b_o : float, optional
        The weight of x, the weight of h_prev and the bias of the forget gate, the input gate, the
        candidate and the output gate.
    precision : {'full', 'rounded', 'source'}
        How the lines are worked.  'full': in float64, shown with 7 decimals.  'rounded': every
        number that is written down (products, sums, gates, tanh) is rounded to `digits` decimals,
        half up (ties away from zero) in decimal arithmetic, and the next line goes on with that.
        'source': the same, but with the source's slips: tanh in the candidate and tanh(c) are cut
        at that decimal instead of rounded.  (Its third slip, rounding the products before they are
        added, is in 'rounded' as well.)
    digits : int
        Decimals of the two, 1 to 6.
    dh, dc : float
        What comes back from outside: dL/dh_t, and what the loss and later steps put on c_t
        directly.
    step : callable, optional
        The reader's own cell, ``step(p, s, x) -> (State, Cache)`` as in `unrolled.cells.lstm`:
        called with arrays of D = H = B = 1, and with numbers nudged, for its gradients.  Its
        numbers are shown beside ours and marked where they differ.  What it raises at construction
        is raised; later on it is shown in the widget and in `error`.

    All numbers that are set are from -10 to 10.  Every parameter but `step` is a trait, in sync
    with the picture both ways.  `preset` becomes None when one of its numbers is changed.

    Attributes
    ----------
    forward : dict
        a_f, a_i, a_c, a_o, f, i, c_tilde, kept, new, c, o, tanh_c and h, in full precision.
    lines : dict
        The same with the present `precision` and `digits`, and the products p_fx, p_fh … p_oh.
    slips : list of str
        Which of the source's slips change their line at the present numbers: 'c_tilde' and
        'tanh_c' (cut), 'c' (products rounded before they are added).
    backward : dict
        dc_all (the whole dL/dc_t), df, di, dc_tilde, do, da_f … da_o, and the gradient of each
        number: dx, dh_prev, dc_prev, dw_fx … db_o; in full precision, whatever `precision` is.
    own : dict or None
        What `step` makes of the numbers: c, h, its gates where its cache has them, and the
        gradients of all numbers by central differences.  None without `step`, and where it fails.
    differs : list of str
        The names in which `own` differs from ours, values by more than 1e-9, gradients by 1e-6.
    error : str
        What `step` raised at the present numbers; '' when all is well.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.
    """

    kind = "lstm-by-hand"
    handles = (*NUMBERS, "dh", "dc", "precision", "digits")
    results = ("forward", "lines", "slips", "backward", "own", "differs")
    presets = PRESETS

    x, h_prev, c_prev = _number(0.5), _number(0.1), _number(0.2)
    w_fx, w_fh, b_f = _number(1.0), _number(1.0), _number(1.0)
    w_ix, w_ih, b_i = _number(1.0), _number(1.0), _number(1.0)
    w_cx, w_ch, b_c = _number(1.0), _number(1.0), _number(1.0)
    w_ox, w_oh, b_o = _number(1.0), _number(1.0), _number(1.0)
    dh, dc = _number(1.0), _number(0.0)
    precision = ChoiceTrait(*PRECISIONS).tag(sync=True)
    digits = IntegerTrait(1, 6, default_value=3).tag(sync=True)

    forward: Any = traitlets.Dict(read_only=True)
    lines: Any = traitlets.Dict(read_only=True)
    slips: Any = traitlets.List(read_only=True)
    backward: Any = traitlets.Dict(read_only=True)
    own: Any = traitlets.Dict(read_only=True, allow_none=True, default_value=None)
    differs: Any = traitlets.List(read_only=True)

    def __init__(
        self,
        preset: str | None = None,
        *,
        x: float | None = None,
        h_prev: float | None = None,
        c_prev: float | None = None,
        precision: str = "full",
        digits: int = 3,
        dh: float = 1.0,
        dc: float = 0.0,
        step: Step | None = None,
        lock: Iterable[str] = (),
        challenge: bool | str = False,
        **kwargs: Any,
    ) -> None:
        if step is not None and not callable(step):
            raise TypeError(f"step: expected a function (p, s, x) -> (State, Cache), got {step!r}")
        given: dict[str, Any] = {"x": x, "h_prev": h_prev, "c_prev": c_prev}
        given |= {name: kwargs.pop(name) for name in (*WEIGHTS, *BIASES) if name in kwargs}
        given |= {"precision": precision, "digits": digits, "dh": dh, "dc": dc}
        super().__init__(given, preset=preset, own=step, lock=lock, challenge=challenge, **kwargs)

    @property
    def step(self) -> Step | None:
        """The reader's own step, or None."""
        return self._own

    def preset_values(self, name: str) -> dict[str, Any]:
        """Return the numbers of a preset."""
        return preset_values(name)

    def compute(self) -> dict[str, Any]:
        """Return all results at the present numbers."""
        results = self._ours()
        if self._own is not None:
            own = own_numbers(self._own, self._values())
            ours = results["backward"] | results["forward"]
            results |= {"own": own, "differs": deviations(own, ours)}
        return results

    def failed(self) -> dict[str, Any]:
        """Return our own results, which need no step of the reader's."""
        return self._ours()

    def driven(self) -> dict[str, Any]:
        """Return the numbers of the reader's step, and where they differ."""
        return {"own": self.own, "differs": self.differs}

    def picture(self) -> tuple[str, str]:
        """Return a static picture of the present state: an SVG document, and its alt text."""
        says = describe(self.state(), self.forward, self.backward, self._outcome())
        svg = picture(self.state(), self.forward, self.backward, says, self.own, self.differs)
        return svg, f"One step of an LSTM with one unit, by numbers. {says}"

    def described(self) -> list[str]:
        """Return the arguments that `repr` shows."""
        step = self.step
        own = [] if step is None else [f"step={getattr(step, '__name__', type(step).__name__)}"]
        full = self.precision == "full"
        return [*super().described(), *([] if full else [f"precision={self.precision!r}"]), *own]

    def _values(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in (*NUMBERS, "dh", "dc")}

    def _ours(self) -> dict[str, Any]:
        values = self._values()
        numbers = forward(values)
        shown = written(values, numbers, self.precision, self.digits)
        return {
            "forward": numbers,
            "lines": {name: float(number.value) for name, number in shown.items()},
            "slips": slips_at(values, numbers, self.digits),
            "backward": backward(values),
            "own": None,
            "differs": [],
        }

    def _outcome(self) -> list[str] | bool | None:
        """Return what the sentence says of the reader's step: nothing, failed, or what differs."""
        if self._own is None:
            return None
        return False if self.own is None else list(self.differs)
