"""Layers: a cell stacked on itself, and a cell that reads in both directions.

T steps, D inputs, H hidden units, B sequences side by side: xs (T, D, B).

A layer is known by its parameters: a cell's Params, or a pair `Bidirectional(forward, backward)` of
them, whose h is (T, 2H, B). Stacked layers are a tuple, the first layer first; what belongs to them
(parameters, states, caches, gradients) is a tuple of the same form. Every function takes the loop
over time as `loop`: `unrolled.bptt`, which is the one to read, or `unrolled.fused`.

Sources: M. Schuster and K. Paliwal, "Bidirectional recurrent neural networks", IEEE Transactions on
Signal Processing 45 (1997), section II.C; A. Graves, A. Mohamed and G. Hinton, "Speech recognition
with deep recurrent neural networks", ICASSP (2013), section 2.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.random import Generator

from . import bptt
from .bptt import Gradients
from .cells.protocol import Array, Cell, DType
from .checks import check_array, check_cell, check_count, check_lengths, check_rng, check_tuple
from .tree import tree_map


class Loop(Protocol):
    """A module with the loop over time: `unrolled.bptt` or `unrolled.fused`."""

    def unroll(
        self, cell: Cell, p: Any, s0: Any, xs: Array, lengths: Any = None
    ) -> tuple[Any, Any]:
        """Return (states, caches)."""

    def backward(
        self,
        cell: Cell,
        p: Any,
        caches: Any,
        dstates: Any,
        *,
        lengths: Any = None,
        steps: int | None = None,
    ) -> Gradients:
        """Return the gradients."""


class Bidirectional(NamedTuple):
    """What belongs to the direction that reads from the start, and to the one from the end."""

    forward: Any
    backward: Any

    @property
    def h(self) -> Array:
        """Both directions' h, one above the other: (T, 2H, B), for states of a whole run."""
        return np.concatenate([self.forward.h, self.backward.h], axis=-2)


def stacked_init(
    cell: Cell,
    rng: Generator,
    D: int,
    H: int,
    layers: int,
    dtype: DType = float,
    *,
    bidirectional: bool = False,
) -> tuple[Any, ...]:
    """Return fresh parameters of so many layers of H hidden units (in each direction).

    Raises TypeError for what is no cell, no generator or no whole number, ValueError for a number
    below 1.
    """
    check_cell(cell)
    check_rng(rng)
    for name, value in (("D", D), ("H", H), ("layers", layers)):
        check_count(name, value)
    inputs = [D] + [2 * H if bidirectional else H] * (layers - 1)
    if bidirectional:
        pairs = [[cell.init(rng, n, H, dtype) for _ in Bidirectional._fields] for n in inputs]
        return tuple(Bidirectional(*pair) for pair in pairs)
    return tuple(cell.init(rng, n, H, dtype) for n in inputs)


def stacked_zero_state(
    cell: Cell, H: int, B: int, layers: int, dtype: DType = float, *, bidirectional: bool = False
) -> tuple[Any, ...]:
    """Return the states before the first step, all zero. Raises as `stacked_init` does."""
    check_cell(cell)
    for name, value in (("H", H), ("B", B), ("layers", layers)):
        check_count(name, value)
    zero = cell.zero_state(H, B, dtype)
    return (Bidirectional(zero, zero) if bidirectional else zero,) * layers


def stacked_unroll(
    cell: Cell, p: Any, s0: Any, xs: Array, lengths: Any = None, *, loop: Loop = bptt
) -> tuple[Any, Any]:
    """Run stacked layers over a sequence: each reads the h of the one below.

    p and s0: tuples, one entry a layer, Params and State or `Bidirectional` pairs of them; the
    first layer takes D inputs, the others H or 2H of the layer below. xs and lengths: as for
    `unroll`. Returns (states, caches), tuples of the same form; states[-1].h is the output.

    Raises TypeError or ValueError as `unroll` does; the message begins with the layer, from 0.
    """
    _check_stack(cell, loop, p=p, s0=s0)
    states, caches = [], []
    for number, (p_n, s0_n) in enumerate(zip(p, s0, strict=True)):
        run = bidirectional_unroll if isinstance(p_n, Bidirectional) else _unroll
        with _in(f"layer {number}"):
            states_n, caches_n = run(cell, p_n, s0_n, xs, lengths, loop=loop)
        states.append(states_n)
        caches.append(caches_n)
        xs = states_n.h
    return tuple(states), tuple(caches)


def stacked_backward(
    cell: Cell,
    p: Any,
    caches: Any,
    dstates: Any,
    *,
    lengths: Any = None,
    steps: int | None = None,
    loop: Loop = bptt,
) -> Gradients:
    """Run the backward pass of `stacked_unroll`.

    p, lengths and loop: as given to it; caches: as returned by it. dstates: one entry a layer, the
    loss's own gradient on every state (see `output_backward` for a loss on the output alone).
    steps=K: truncated BPTT as in `backward`, the same chunks in every layer; not for layers that
    read both ways, since the one from the end carries no state from chunk to chunk.

    Returns `Gradients` whose p, s0 and states are tuples, one entry a layer; states has what
    arrives from the layer above too. Raises as `stacked_unroll` does.
    """
    _check_stack(cell, loop, p=p, caches=caches, dstates=dstates)
    both_ways = [isinstance(p_n, Bidirectional) for p_n in p]
    if steps is not None and any(both_ways):
        number = both_ways.index(True)
        raise ValueError(f"steps must be None where a layer is bidirectional, as layer {number} is")
    gradients: list[Gradients] = []
    for number in reversed(range(len(p))):
        ds, options = dstates[number], {} if both_ways[number] else {"steps": steps}
        run = bidirectional_backward if both_ways[number] else _backward
        with _in(f"layer {number}"):
            if gradients:
                dh = gradients[-1].xs
                _check_dstates(cell, ds, both_ways[number], dh)
                ds = tree_map(np.add, ds, _on_output(ds, dh))
            g = run(cell, p[number], caches[number], ds, lengths=lengths, loop=loop, **options)
        gradients.append(g)
    dp, ds0, dxs, states = zip(*reversed(gradients), strict=True)
    return Gradients(dp, ds0, dxs[0], states)


def bidirectional_unroll(
    cell: Cell, p: Any, s0: Any, xs: Array, lengths: Any = None, *, loop: Loop = bptt
) -> tuple[Bidirectional, Bidirectional]:
    """Run a cell over a sequence from its start, and another from its end.

    p and s0: `Bidirectional` pairs of Params and of State; s0.backward is the state before the last
    valid step is read. xs and lengths: as for `unroll`; each sequence is reversed within its own
    length.

    Returns (states, caches), `Bidirectional` pairs; states.h is (T, 2H, B). States are in the order
    of time: states.backward.h[t] has read the steps t and later, states.backward.h[0] all of them.
    After the end of a sequence both are frozen: states.forward.h[t] and states.backward.h[t] are
    what each direction ended with. caches.backward is in the order of reading.

    Raises TypeError or ValueError as `unroll` does; the message begins with the direction.
    """
    _check_loop(loop)
    check_cell(cell)
    check_tuple("p", p, Bidirectional)
    check_tuple("s0", s0, Bidirectional)
    check_array("xs", xs, ("T", "D", "B"))
    lengths = check_lengths(lengths, xs.shape[0], xs.shape[2])
    with _in("forward"):
        states, caches = loop.unroll(cell, p.forward, s0.forward, xs, lengths)
    check_tuple("s0.backward", s0.backward, cell.State)
    check_array("s0.backward.h", s0.backward.h, states.h.shape[1:], xs.dtype)
    with _in("backward"):
        reversed_xs = _reverse(xs, lengths)
        back, back_caches = loop.unroll(cell, p.backward, s0.backward, reversed_xs, lengths)
    back = tree_map(lambda array: _reverse(array, lengths), back)
    return Bidirectional(states, back), Bidirectional(caches, back_caches)


def bidirectional_backward(
    cell: Cell, p: Any, caches: Any, dstates: Any, *, lengths: Any = None, loop: Loop = bptt
) -> Gradients:
    """Run the backward pass of `bidirectional_unroll`.

    p, lengths and loop: as given to it; caches: as returned by it. dstates: a `Bidirectional` pair
    of States, the loss's own gradient on every state, in the order of time (see `output_backward`).
    Padded steps get no gradient; a loss on a frozen state reaches the state that it repeats: the
    last valid one of the direction from the start, the first in time of the one from the end.

    Returns `Gradients` whose p, s0 and states are `Bidirectional` pairs, and whose xs (T, D, B) is
    the sum of both directions. Raises as `bidirectional_unroll` does.
    """
    _check_loop(loop)
    check_cell(cell)
    for name, value in (("p", p), ("caches", caches), ("dstates", dstates)):
        check_tuple(name, value, Bidirectional)
    check_tuple("dstates.backward", dstates.backward, cell.State)
    check_array("dstates.backward.h", dstates.backward.h, ("T", "H", "B"))
    T, H, B = dstates.backward.h.shape
    for field, array in dstates.backward._asdict().items():
        check_array(f"dstates.backward.{field}", array, (T, H, B))
    lengths = check_lengths(lengths, T, B)
    with _in("forward"):
        g = loop.backward(cell, p.forward, caches.forward, dstates.forward, lengths=lengths)
    with _in("backward"):
        ds = tree_map(lambda array: _reverse(array, lengths), dstates.backward)
        back = loop.backward(cell, p.backward, caches.backward, ds, lengths=lengths)
    states = tree_map(lambda array: _reverse(array, lengths), back.states)
    return Gradients(
        Bidirectional(g.p, back.p),
        Bidirectional(g.s0, back.s0),
        g.xs + _reverse(back.xs, lengths),
        Bidirectional(g.states, states),
    )


def output_backward(states: Any, dh: Array) -> Any:
    """Return dstates for a loss that sees only the output: dh where that came from, else zero.

    states: as returned by `unroll`, `bidirectional_unroll` or `stacked_unroll`; dh: dL/dh, of the
    shape of states.h, or for stacked layers of states[-1].h: (T, H, B) or (T, 2H, B).
    Raises TypeError or ValueError, naming the argument.
    """
    stacked = isinstance(states, tuple) and not hasattr(states, "_fields")
    top = states[-1] if stacked and states else states
    if not isinstance(getattr(top, "h", None), np.ndarray):
        raise TypeError(f"states must be states of a whole run, got {type(states).__name__}")
    check_array("dh", dh, top.h.shape, top.h.dtype)
    below = tree_map(np.zeros_like, states[:-1]) if stacked else ()
    return (*below, _on_output(top, dh)) if stacked else _on_output(top, dh)


def _unroll(cell: Cell, p: Any, s0: Any, xs: Array, lengths: Any, *, loop: Loop) -> tuple[Any, Any]:
    return loop.unroll(cell, p, s0, xs, lengths)


def _backward(
    cell: Cell, p: Any, caches: Any, dstates: Any, *, loop: Loop, **options: Any
) -> Gradients:
    return loop.backward(cell, p, caches, dstates, **options)


def _reverse(array: Array, lengths: Any) -> Array:
    """Reverse every sequence of an array (T, n, B) within its length; leave pads where they are."""
    t = np.arange(len(array))[:, None]
    source = np.where(t < lengths, lengths - 1 - t, t)
    return np.take_along_axis(array, source[:, None], axis=0)


def _on_output(states: Any, dh: Array) -> Any:
    """Return the gradient dh of a layer's output as one of its states."""
    if isinstance(states, Bidirectional):
        H = states.forward.h.shape[1]
        parts = zip(states, (dh[:, :H], dh[:, H:]), strict=True)
        return Bidirectional(*(_on_output(one, dh_one) for one, dh_one in parts))
    return tree_map(np.zeros_like, states)._replace(h=dh)


@contextmanager
def _in(place: str) -> Iterator[None]:
    """Begin the messages of errors with the layer or the direction they are about."""
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        if type(error) not in (TypeError, ValueError, OverflowError):
            raise  # a relative, which may be made otherwise
        raise type(error)(f"{place}: {error}") from error


def _check_loop(loop: Any) -> None:
    if not (hasattr(loop, "unroll") and hasattr(loop, "backward")):
        raise TypeError(f"loop must be unrolled.bptt or unrolled.fused, got {loop!r:.80}")


def _check_stack(cell: Cell, loop: Loop, **arguments: Any) -> None:
    """Check that the arguments are tuples of one length, one entry a layer."""
    _check_loop(loop)
    check_cell(cell)
    layers = None
    for name, value in arguments.items():
        if not isinstance(value, tuple) or hasattr(value, "_fields"):
            came = type(value).__name__
            raise TypeError(f"{name} must be a tuple with one entry a layer, got {came}")
        layers = max(1, len(value)) if layers is None else layers
        if len(value) != layers:
            wanted = "at least one entry" if not value else f"{layers} entries, one a layer"
            raise ValueError(f"{name} must have {wanted}, got {len(value)}")


def _check_dstates(cell: Cell, dstates: Any, bidirectional: bool, dh: Array) -> None:
    """Check that dstates of one layer fit the gradient dh that comes from the layer above."""
    T, H, B = dh.shape
    parts = {"dstates": dstates}
    if bidirectional:
        check_tuple("dstates", dstates, Bidirectional)
        H //= 2
        parts = {f"dstates.{way}": part for way, part in dstates._asdict().items()}
    for name, part in parts.items():
        check_tuple(name, part, cell.State)
        for field, array in part._asdict().items():
            check_array(f"{name}.{field}", array, (T, H, B), dh.dtype)
