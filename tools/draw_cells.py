"""Draw the cells: `book/_static/lstm-cell.svg` and its relatives, which follow the page's theme.

    python tools/draw_cells.py

The same palette always gives the same bytes. Every picture reads from left to right, one step of
time; what a cell keeps runs across the top.
"""

from pathlib import Path

from drawing import (
    BRIDGE,
    OPERATOR,
    PATH_STROKE,
    ROOT,
    UNIT_HEIGHT,
    UNIT_WIDTH,
    Drawing,
    Letter,
)

OUTPUT = ROOT / "book" / "_static"
GAP = 5  # on both sides of a wire that passes over another

F, I, O = Letter("f", "f"), Letter("i", "i"), Letter("o", "o")
Z, R = Letter("z", "z"), Letter("r", "r")
C_TILDE, H_TILDE = Letter("c_tilde", "c\u0303"), Letter("c_tilde", "h\u0303")
C, H, X, Y = Letter("c", "c"), Letter("h", "h"), Letter("input", "x"), Letter("ink", "y")
C_PREV, H_PREV = (letter._replace(subscript="t\u22121") for letter in (C, H))
TANH_C = C._replace(function="tanh")


def to_unit(x: float) -> float:
    """Return where a wire to the unit at x ends."""
    return x - UNIT_WIDTH / 2 - 2


def under_bridge(d: Drawing, key: str, x: float, over: float, to: float, y: float) -> None:
    """Draw a wire from x to `to` under the one that passes at `over`."""
    d.path(f"M{x:g} {y}H{over - BRIDGE - GAP:g}", key, width=PATH_STROKE)
    d.wire(key, (over - BRIDGE + GAP, y), (to, y), width=PATH_STROKE)


def lstm_cell() -> Drawing:
    """Return one step of an LSTM."""
    left_port, stack, bus, unit, keep = 92, 148, 188, 260, 412
    write, show, read_out, right_port = 516, 664, 740, 796
    cell, forget, input_, candidate, out = 164, 254, 344, 434, 524
    top, bottom = 54, 640
    d = Drawing(
        "lstm-cell",
        864,
        704,
        "One step of an LSTM cell",
        "From left to right. The cell state runs straight across the top, from c with index t "
        "minus 1 to c with index t: it is first multiplied by the forget gate f (what is "
        "kept), then the input gate i times the candidate c tilde is added (what is written). "
        "Below it stand four units, from top to bottom forget (sigma), input (sigma), "
        "candidate (tanh) and output (sigma); each reads the input x with index t and the "
        "previous hidden state h with index t minus 1, stacked. The new cell state also goes "
        "down through tanh and is multiplied by the output gate o (what is shown). That is h "
        "with index t, which goes right, to the next step, and up, to the read-out.",
    )
    d.sheet(110, top, 774, bottom)

    # The cell state, straight across; it passes under the read-out's bridge.
    d.wire("c", (left_port, cell), (keep - OPERATOR - 2, cell), width=PATH_STROKE)
    d.wire("c", (keep + OPERATOR, cell), (write - OPERATOR - 2, cell), width=PATH_STROKE)
    under_bridge(d, "c", write + OPERATOR, read_out, right_port, cell)

    # x and the previous h, stacked, to the four units.
    d.wire("h", (left_port, out), (stack - 13, out))
    d.wire("input", (stack, bottom + 14), (stack, out + 28))
    d.wire("input", (bus, out), (bus, forget), (to_unit(unit), forget))
    for y in (input_, candidate):
        d.wire("input", (bus, y), (to_unit(unit), y))
        d.joint("input", bus, y)
    d.wire("input", (stack + 11, out), (to_unit(unit), out))
    d.joint("input", bus, out)
    d.stack(stack, out, "h", "input")

    # The gates' wires, and what they open.
    right = unit + UNIT_WIDTH / 2
    d.wire("f", (right, forget), (keep, forget), (keep, cell + OPERATOR + 2))
    d.wire("i", (right, input_), (write - OPERATOR - 2, input_))
    d.wire("c_tilde", (right, candidate), (write, candidate), (write, input_ + OPERATOR + 2))
    d.wire("o", (right, out), (show - OPERATOR - 2, out))
    d.wire("c", (write, input_ - OPERATOR), (write, cell + OPERATOR + 2))

    # What is shown.
    d.wire("c", (show, cell), (show, candidate - UNIT_HEIGHT / 2 - 2))
    d.wire("c", (show, candidate + UNIT_HEIGHT / 2), (show, out - OPERATOR - 2))
    d.joint("c", show, cell)
    d.wire("h", (show + OPERATOR, out), (right_port, out))
    d.path(f"M{read_out} {out}V{cell + BRIDGE}", "h")
    d.bridge("h", read_out, cell)
    d.wire("h", (read_out, cell - BRIDGE), (read_out, top - 10))
    d.joint("h", read_out, out)

    for key, y, name, function in (
        ("f", forget, "forget", "σ"),
        ("i", input_, "input", "σ"),
        ("c_tilde", candidate, "candidate", "tanh"),
        ("o", out, "output", "σ"),
    ):
        d.unit(key, unit, y, name, function)
    d.unit("c", show, candidate, "", "tanh")
    for symbol, x, y in (
        ("⊙", keep, cell),
        ("+", write, cell),
        ("⊙", write, input_),
        ("⊙", show, out),
    ):
        d.operator(symbol, x, y)

    for y, what in ((forget, F), (input_, I), (candidate, C_TILDE), (out, O)):
        d.letter(362, y - 17, what)
    middle = (keep + write) // 2
    d.word(middle, 87, "kept", "ink")
    d.product(middle - 14, 123, F, C_PREV)
    d.word(write + 74, 229, "written", "ink")
    d.product(write + 68, 269, I, C_TILDE)
    d.word(show - 22, 583, "shown", "ink")
    d.product(show - 70, 619, O, TANH_C)
    for x, y, what in ((46, cell, C_PREV), (46, out, H_PREV), (828, cell, C), (828, out, H)):
        d.letter(x, y + 10, what)
    d.letter(stack, bottom + 46, X)
    d.letter(read_out, 34, H)
    d.word(read_out - 26, 34, "read-out", "ink", "end")
    return d


def gru_cell() -> Drawing:
    """Return one step of a GRU, its reset gate before the product."""
    left_port, split, stack, bus, unit = 92, 140, 176, 216, 288
    reset, last, keep, write, read_out, right_port = 410, 528, 500, 616, 736, 796
    state, update, forget, candidate = 164, 304, 410, 540
    top, bottom = 54, 616
    d = Drawing(
        "gru-cell",
        864,
        680,
        "One step of a GRU cell",
        "From left to right. The state runs straight across the top, from h with index t minus "
        "1 to h with index t: it is first multiplied by 1 minus the update gate z (what is "
        "kept), then z times the candidate h tilde is added (what is written). Below it stand "
        "three units, from top to bottom update (sigma), reset (sigma) and candidate (tanh). "
        "Update and reset read the input x with index t and the previous state, stacked. The "
        "previous state, multiplied by the reset gate r, and x, stacked, are what the "
        "candidate reads. The new state goes right, to the next step, and up, to the read-out.",
    )
    d.sheet(110, top, 774, bottom)

    # The state, straight across; it splits to the gates' stack and to the reset product.
    d.wire("h", (left_port, state), (keep - OPERATOR - 2, state), width=PATH_STROKE)
    d.wire("h", (keep + OPERATOR, state), (write - OPERATOR - 2, state), width=PATH_STROKE)
    d.wire("h", (write + OPERATOR, state), (right_port, state), width=PATH_STROKE)
    middle = (update + forget) // 2
    d.wire("h", (split, state), (split, middle), (stack - 13, middle))
    d.joint("h", split, state)
    d.path(f"M{reset} {state}V{update - BRIDGE}", "h")
    d.bridge("h", reset, update)
    d.wire("h", (reset, update + BRIDGE), (reset, forget - OPERATOR - 2))
    d.joint("h", reset, state)

    # x to both stacks.
    d.wire("input", (stack, bottom + 14), (stack, middle + 28))
    d.wire("input", (stack, candidate), (reset - 13, candidate))
    d.joint("input", stack, candidate)
    d.wire("input", (stack + 11, middle), (bus, middle), (bus, update), (to_unit(unit), update))
    d.wire("input", (bus, middle), (bus, forget), (to_unit(unit), forget))
    d.joint("input", bus, middle)
    d.stack(stack, middle, "h", "input")

    # The gates' wires, and what they open.
    right = unit + UNIT_WIDTH / 2
    d.path(f"M{right:g} {update}H{reset - BRIDGE - GAP}", "z")
    d.wire("z", (reset - BRIDGE + GAP, update), (write - OPERATOR - 2, update))
    d.wire("z", (keep, update), (keep, state + 87))
    d.wire("z", (keep, state + 49), (keep, state + OPERATOR + 2))
    d.joint("z", keep, update)
    d.wire("r", (right, forget), (reset - OPERATOR - 2, forget))
    d.wire("h", (reset, forget + OPERATOR), (reset, candidate - 28))
    d.wire("input", (reset + 11, candidate), (to_unit(last), candidate))
    d.wire(
        "c_tilde",
        (last + UNIT_WIDTH / 2, candidate),
        (write, candidate),
        (write, update + OPERATOR + 2),
    )
    d.wire("h", (write, update - OPERATOR), (write, state + OPERATOR + 2))
    d.wire("h", (read_out, state), (read_out, top - 10))
    d.joint("h", read_out, state)
    d.stack(reset, candidate, "h", "input")

    d.unit("z", unit, update, "update", "σ")
    d.unit("r", unit, forget, "reset", "σ")
    d.unit("c_tilde", last, candidate, "candidate", "tanh")
    d.unit("z", keep, state + 68, "", "1 −", width=72, height=38)
    for symbol, x, y in (
        ("⊙", keep, state),
        ("+", write, state),
        ("⊙", write, update),
        ("⊙", reset, forget),
    ):
        d.operator(symbol, x, y)

    d.letter(362, update - 17, Z)
    d.letter(358, forget - 17, R)
    d.letter(write + 28, candidate - 60, H_TILDE)
    d.word(write - 92, 87, "kept", "ink")
    d.product(write - 88, 123, Z._replace(function="(1 −", closing=")"), H_PREV)
    d.word(write + 72, 232, "written", "ink")
    d.product(write + 68, 268, Z, H_TILDE)
    d.word(reset - 92, forget + 58, "let through", "ink")
    d.product(reset - 110, forget + 96, R, H_PREV)
    d.letter(46, state + 10, H_PREV)
    d.letter(828, state + 10, H)
    d.letter(stack, bottom + 46, X)
    d.letter(read_out, 34, H)
    d.word(read_out - 26, 34, "read-out", "ink", "end")
    return d


def rnn_cell() -> Drawing:
    """Return one step of the simple recurrent network."""
    left_port, stack, mix, squash, read_out, right_port = 92, 180, 336, 524, 680, 796
    state, top, bottom = 214, 104, 310
    d = Drawing(
        "rnn-cell",
        864,
        374,
        "One step of a simple recurrent network",
        "From left to right. The previous state, h with index t minus 1, and the input, x with "
        "index t, which comes from below, are stacked into one column. It is mixed by the "
        "weights W and the biases b into a with index t, and squashed by tanh. That is the new "
        "state, h with index t. It goes right, to the next step, and up, to the read-out. "
        "There is no way from the old state to the new one but through the weights and tanh.",
    )
    d.sheet(110, top, 774, bottom)
    d.wire("h", (left_port, state), (stack - 13, state), width=PATH_STROKE)
    d.wire("input", (stack, bottom + 14), (stack, state + 28))
    d.wire("input", (stack + 11, state), (to_unit(mix), state))
    d.wire("ink", (mix + UNIT_WIDTH / 2, state), (to_unit(squash), state))
    d.wire("h", (squash + UNIT_WIDTH / 2, state), (right_port, state), width=PATH_STROKE)
    d.wire("h", (read_out, state), (read_out, top - 10))
    d.joint("h", read_out, state)
    d.stack(stack, state, "h", "input")
    d.unit("ink", mix, state, "mixed", "W, b")
    d.unit("h", squash, state, "squashed", "tanh")
    d.letter((mix + squash) / 2, state - 17, Letter("ink", "a"))
    d.letter(46, state + 10, H_PREV)
    d.letter(828, state + 10, H)
    d.letter(stack, bottom + 46, X)
    d.letter(read_out, 78, H)
    d.word(read_out - 26, 78, "read-out", "ink", "end")
    return d


def rnn_unrolled() -> Drawing:
    """Return the chain that a recurrence is when it is unrolled."""
    state, read, top = 214, 84, 330
    columns = {"1": 400, "2": 600, "T": 880}
    d = Drawing(
        "rnn-unrolled",
        1040,
        400,
        "A recurrence, folded and unrolled",
        "On the left the recurrence: a cell reads x with index t, gives y with index t, and "
        "its state h goes back into it. On the right the same cell three times side by side, "
        "for the steps 1, 2 and, after dots, T: each reads its own input from below, gives its "
        "own output above, and hands its state to the next; the chain begins with h with index "
        "0. The same weights stand at every step: W with index x on each wire from below, W "
        "with index h on each wire to the right, W with index y on each wire upwards.",
    )
    d.sheet(262, 24, 1014, 376)

    def cell(x: float, step: str, *, weights: bool) -> None:
        d.wire("input", (x, top - 22), (x, state + 26))
        d.wire("h", (x, state - 24), (x, read + 14))
        d.unit("h", x, state, "", "tanh", width=92)
        d.letter(x - 6, top + 8, X._replace(subscript=step))
        d.letter(x - 6, read - 2, Y._replace(subscript=step))
        if weights:
            d.letter(x + 42, top - 34, Letter("ink", "W", "x"))
            d.letter(x + 42, read + 52, Letter("ink", "W", "y"))

    # Folded: the state comes back, over the input's wire.
    x, back = 110, state + 66
    cell(x, "t", weights=False)
    loop = [(x + 46, state), (x + 92, state), (x + 92, back), (x - 84, back), (x - 84, state)]
    d.wire("h", *loop, (x - 48, state))
    d.letter(x + 70, state - 26, H)
    d.letter(234, state + 12, Letter("ink", "=", ""))

    d.wire("h", (314, state), (columns["1"] - 48, state))
    d.letter(288, state + 10, H._replace(subscript="0"))
    for step, x in columns.items():
        cell(x, step, weights=True)
    for start, stop, after in ((400, 600, "1"), (600, 720, "2"), (766, 880, ""), (880, 992, "T")):
        d.wire(
            "h",
            (start + (46 if after else 0), state),
            (stop - (48 if stop in (600, 880) else 2), state),
        )
        if after:
            d.letter(start + (100 if after == "1" else 88), state - 26, H._replace(subscript=after))
        if after != "T":
            d.letter(
                start + {"1": 100, "2": 94, "": 24}[after], state + 44, Letter("ink", "W", "h")
            )
    d.word(742, state + 9, "· · ·", "ink")
    return d


DRAWINGS = (lstm_cell, gru_cell, rnn_cell, rnn_unrolled)


def main(folder: Path = OUTPUT) -> None:
    """Write all pictures into a folder."""
    for draw in DRAWINGS:
        drawing = draw()
        (folder / f"{drawing.name}.svg").write_text(drawing.svg(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
