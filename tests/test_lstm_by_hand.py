"""LSTMByHand: one step by numbers, in Python, in JavaScript and on a page."""

import html
import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from explorable_pages import WIDTHS, box_of, frame, inked, scrolled, swipe, violations_at
from playwright.sync_api import Locator, Page, expect

from unrolled.cells import lstm
from unrolled.explorables.lstm_by_hand import (
    GRADIENTS,
    NUMBERS,
    PRESETS,
    LSTMByHand,
    backward,
    forward,
    own_numbers,
    preset_values,
)
from unrolled.explorables.lstm_by_hand_lines import (
    PRECISIONS,
    answers,
    backward_lines,
    decimal,
    describe,
    lines,
    settle,
    short,
    slips_at,
    symbol_of,
    text_of,
    written,
)

Values = dict[str, float]
Open = Callable[..., Page]
MODULE = "lstm-by-hand/math.js"
WORDS = "lstm-by-hand/words.js"
LOUD = {**dict.fromkeys(NUMBERS, 10.0), "dh": 10.0, "dc": -10.0}


def random_values(rng: np.random.Generator, places: int | None = None) -> Values:
    """Every fifth with zeros in it, every seventh at the ends; `places`: as a hand would type."""
    values = rng.normal(0, 1.5, len(NUMBERS) + 2).clip(-10, 10)
    kind = int(rng.integers(35))
    if kind % 5 == 0:
        values[rng.random(len(values)) < 0.4] = 0
    if kind % 7 == 0:
        values[rng.random(len(values)) < 0.3] = rng.choice([-10, 10])
    if places is not None:
        values = values.round(places)
    return dict(zip((*NUMBERS, "dh", "dc"), (values + 0.0).tolist(), strict=True))


def sigma(a: float) -> float:
    return 1 / (1 + math.exp(-a)) if a >= 0 else math.exp(a) / (1 + math.exp(a))


def values_of(w: LSTMByHand) -> Values:
    return {name: getattr(w, name) for name in (*NUMBERS, "dh", "dc")}


def said(line: Any) -> str:
    return " ".join(f"{relation} {text}".strip() for relation, text in line.parts)


# ------------------------------------------------------------------------------- what is computed


def test_forward_is_the_equation() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        v = random_values(rng)
        a = {g: v[f"w_{g}x"] * v["x"] + v[f"w_{g}h"] * v["h_prev"] + v[f"b_{g}"] for g in "fico"}
        f, i, o = (sigma(a[g]) for g in "fio")
        c_tilde = math.tanh(a["c"])
        c = f * v["c_prev"] + i * c_tilde
        expected = {f"a_{g}": a[g] for g in "fico"} | {"f": f, "i": i, "c_tilde": c_tilde, "o": o}
        expected |= {"kept": f * v["c_prev"], "new": i * c_tilde, "c": c}
        expected |= {"tanh_c": math.tanh(c), "h": o * math.tanh(c)}
        numbers = forward(v)
        assert numbers == pytest.approx(expected, rel=1e-13, abs=1e-15)
        assert set(numbers) == set(expected)


def test_backward_is_the_derivative() -> None:
    """Central differences of dh h + dc c, of every number, by the equations above."""
    rng = np.random.default_rng(1)
    for _ in range(40):
        v = random_values(rng)

        def loss(name: str, nudge: float, v: Values = v) -> float:
            numbers = forward({**v, name: v[name] + nudge})
            return v["dh"] * numbers["h"] + v["dc"] * numbers["c"]

        gradients = backward(v)
        for name in NUMBERS:
            slope = (loss(name, 1e-5) - loss(name, -1e-5)) / 2e-5
            assert gradients[f"d{name}"] == pytest.approx(slope, rel=1e-6, abs=1e-7), name
        numbers = forward(v)
        c, o = numbers["c"], numbers["o"]
        assert gradients["dc_all"] == pytest.approx(v["dc"] + v["dh"] * o * (1 - np.tanh(c) ** 2))
        for g, outer in (("f", v["c_prev"]), ("i", numbers["c_tilde"])):
            assert gradients[f"d{g}"] == pytest.approx(gradients["dc_all"] * outer)
            slope = numbers[g] * (1 - numbers[g])
            assert gradients[f"da_{g}"] == pytest.approx(
                gradients[f"d{g}"] * slope, rel=1e-12, abs=1e-15
            )
        candidate = gradients["dc_tilde"] * (1 - numbers["c_tilde"] ** 2)
        assert gradients["da_c"] == pytest.approx(candidate, rel=1e-12, abs=1e-15)
        assert gradients["da_o"] == pytest.approx(
            gradients["do"] * o * (1 - o), rel=1e-12, abs=1e-15
        )


def test_the_example_of_the_source() -> None:
    """Correctness of what the book says about it; the numbers of the chapter that works it."""
    w = LSTMByHand()
    assert w.preset == "all ones"
    numbers = {k: round(w.forward[k], 7) for k in ("f", "i", "o", "c_tilde", "c", "h")}
    assert numbers == {
        **dict.fromkeys("fio", 0.8320184),
        **{"c_tilde": 0.9216686, "c": 0.9332489, "h": 0.6091248},
    }
    shown = answers(values_of(w), w.forward, 3)
    assert (shown["full"]["c"], shown["full"]["h"]) == ("0.933", "0.609")
    assert (shown["rounded"]["c"], shown["rounded"]["h"]) == ("0.933", "0.609")
    assert (shown["source"]["c"], shown["source"]["h"]) == ("0.932", "0.608")
    assert w.slips == ["c_tilde", "c", "tanh_c"]
    assert describe(w.state(), w.forward, w.backward).startswith(
        "In full precision c = 0.9332489 and h = 0.6091248. To 3 decimals: rounded once, at the "
        "end, c = 0.933 and h = 0.609; rounded at every step c = 0.933 and h = 0.609; "
        "with the source's slips c = 0.932 and h = 0.608."
    )
    w.precision = "rounded"
    assert (w.lines["c"], w.lines["h"]) == (0.933, 0.609)
    w.precision = "source"
    printed = {"f": 0.832, "i": 0.832, "c_tilde": 0.921, "c": 0.932, "o": 0.832, "h": 0.608}
    assert {name: w.lines[name] for name in printed} == printed
    assert (w.lines["kept"], w.lines["new"], w.lines["tanh_c"]) == (0.166, 0.766, 0.731)


def test_the_lines_of_the_source() -> None:
    w = LSTMByHand(precision="source")
    text = {line.key: said(line) for line in lines(values_of(w), w.forward, "source", 3)}
    note = {line.key: line.note for line in lines(values_of(w), w.forward, "source", 3)}
    ending = "1 · 0.5 + 1 · 0.1 + 1 = 0.5 + 0.1 + 1 = 1.6"
    assert text["a_f"] == f"a_f = w_{{fx}} x_t + w_{{fh}} h_{{t−1}} + b_f = {ending}"
    assert text["f"] == "f_t = σ(a_f) = σ(1.6) = 0.83201… ≈ 0.832"
    assert text["c_tilde"] == "c~_t = tanh a_c = tanh(1.6) = 0.92166… ≈ 0.921"
    assert note["c_tilde"] == "cut; rounded it is 0.922"
    assert text["c"].endswith(
        "= 0.832 · 0.2 + 0.832 · 0.921 = 0.1664 + 0.766272 ≈ 0.166 + 0.766 = 0.932"
    )
    assert note["c"].endswith("added whole: 0.932672 ≈ 0.933")
    assert text["tanh_c"] == "tanh c_t = tanh(0.932) = 0.73152… ≈ 0.731"
    assert note["tanh_c"] == "cut; rounded it is 0.732"
    assert text["h"] == "h_t = o_t tanh c_t = 0.832 · 0.731 = 0.608192 ≈ 0.608"


@pytest.mark.parametrize("precision", ["rounded", "source"])
def test_the_modes_are_the_book_s(precision: str) -> None:
    """`with_slips` of the chapter, on 300 examples as a hand would type them."""

    def rounded(v: Any) -> Decimal:
        return Decimal(v).quantize(Decimal("0.001"), ROUND_HALF_UP)

    def cut(v: Any) -> Decimal:
        return Decimal(v).quantize(Decimal("0.001"), ROUND_DOWN)

    rng = np.random.default_rng(2)
    for _ in range(300):
        v = random_values(rng, places=1)
        a = {
            g: sum(
                (
                    Decimal(str(v[f"w_{g}{k}"])) * Decimal(str(v[n]))
                    for k, n in (("x", "x"), ("h", "h_prev"))
                ),
                Decimal(str(v[f"b_{g}"])),
            )
            for g in "fico"
        }
        f, i, o = (rounded(sigma(float(a[g]))) for g in "fio")
        squashed = cut if precision == "source" else rounded
        c_tilde = squashed(math.copysign(min(abs(math.tanh(float(a["c"]))), 1 - 1e-15), a["c"]))
        c = rounded(f * Decimal(str(v["c_prev"]))) + rounded(i * c_tilde)
        tanh_c = squashed(math.tanh(float(c)))
        h = rounded(o * tanh_c)
        paper = written(v, forward(v), precision, 3)
        assert (paper["c"].value, paper["h"].value) == (c, h)


def test_rounding_is_half_up_on_what_is_written() -> None:
    """Ties go away from zero, by the decimals that one sees, not by the binary fraction."""
    for v, places, expected in [
        (0.0625, 3, "0.063"),
        (-0.0625, 3, "−0.063"),
        (2.675, 2, "2.68"),  # the float is below the tie: round(2.675, 2) == 2.67
        (1.005, 2, "1.01"),
        (0.5, 0, "1"),
        (0.0005, 3, "0.001"),
        (-0.0004, 3, "0.000"),
        (9.9995, 3, "10.000"),
        (5e-324, 3, "0.000"),
        (1.5e-7, 7, "0.0000002"),
    ]:
        assert text_of(settle(decimal(v), places)) == expected, v
    assert text_of(settle(decimal(-0.9219), 3, cut=True)) == "−0.921"
    # A product that is a tie in decimals, and below it in floats: 0.35 · 0.1 = 0.034999999999999996
    v = dict.fromkeys((*NUMBERS, "dh", "dc"), 0.0) | {"w_fx": 0.35, "x": 0.1}
    assert written(v, forward(v), "rounded", 2)["p_fx"].text == "0.04"
    # And a rounded number keeps the zeros that say how far it is known.
    v |= {"w_fx": 0.21, "x": 0.95}
    assert written(v, forward(v), "rounded", 1)["p_fx"].text == "0.2"
    assert written(v, forward(v), "rounded", 3)["p_fx"].text == "0.200"
    assert written(v, forward(v), "rounded", 4)["p_fx"].text == "0.1995"


def test_a_line_says_equal_only_where_it_is() -> None:
    """Every part of a line but the first two is arithmetic: work it out, exactly."""
    rng = np.random.default_rng(3)

    def worked(text: str) -> Fraction | None:
        text = text.replace("−", "-").replace("·", "*").replace("²", "**2")
        if "…" in text or "σ" in text or "tanh" in text or "×" in text:
            return None
        source = re.sub(r"\d+(\.\d+)?", lambda m: f"Fraction('{m[0]}')", text.replace("**2", "@"))
        return Fraction(eval(source.replace("@", "**2"), {"Fraction": Fraction}))

    checked = 0
    for k in range(300):
        v = random_values(rng, places=[None, 0, 1, 2, 3][k % 5])
        numbers, precision = forward(v), PRECISIONS[k % 3]
        all_lines = lines(v, numbers, precision, 1 + k % 6)
        all_lines += backward_lines(v, numbers, backward(v))
        for line in all_lines:
            parts = [(relation, worked(text)) for relation, text in line.parts[2:]]
            for (_, before), (relation, after) in pairwise(parts):
                if before is not None and after is not None:
                    assert (relation == "=") == (before == after), (line, before, after)
                    checked += 1
    assert checked > 5000


def test_a_gate_is_never_said_to_be_one() -> None:
    v = LOUD | {"dh": 1.0}
    for precision in PRECISIONS:
        text = {line.key: said(line) for line in lines(v, forward(v), precision, 3)}
        one = "1.0000000" if precision == "full" else "1.000"
        assert text["f"].endswith(f"≈ {one}")
        cut = {"full": "≈ 1.0000000", "rounded": "= 0.99999… ≈ 1.000", "source": "≈ 0.999"}
        assert text["c_tilde"].endswith(cut[precision])
        v0 = dict.fromkeys((*NUMBERS, "dh", "dc"), 0.0)
        text = {line.key: said(line) for line in lines(v0, forward(v0), precision, 3)}
        assert text["f"] == "f_t = σ(a_f) = σ(0) = 0.5"
        assert text["c_tilde"] == "c~_t = tanh a_c = tanh(0) = 0"
        assert text["h"] == "h_t = o_t tanh c_t = 0.5 · 0 = 0"


def test_short_numbers() -> None:
    for v, expected in [
        (0.0, "0"),
        (1.0, "1"),
        (0.2112, "0.2112"),
        (0.21119877, "0.21120"),
        (-1.23456789e-8, "−1.2346×10⁻⁸"),
        (0.00012345678, "0.00012346"),
        (9.99996e-5, "0.00010000"),
        (9.99996e-9, "1.0000×10⁻⁸"),
        (99999.96, "100000"),
        (-123456.7, "−123457"),
        (5e-324, "5×10⁻³²⁴"),
        (0.00390625, "0.0039063"),
    ]:
        assert short(v).text == expected, v


def test_equal_weights_hide_swapped_gates_and_others_do_not() -> None:
    """The two examples differ in what they can show."""

    def swapped(p: lstm.Params, s: lstm.State, x: Any) -> tuple[lstm.State, lstm.Cache]:
        return lstm.step(lstm.Params(*(array[[1, 0, 2, 3]] for array in p)), s, x)

    hidden = LSTMByHand("all ones", step=swapped).differs
    assert not {"f", "i", "c_tilde", "o", "c", "h"} & set(hidden), "the step forward tells nothing"
    assert {"dw_fx", "dw_ix"} <= set(hidden), "but the step backward does"
    assert {"f", "i", "c", "h"} <= set(LSTMByHand("all different", step=swapped).differs)
    values = preset_values("all different")
    blocks = [
        tuple(values[f"{n}{g}{of}"] for n, of in (("w_", "x"), ("w_", "h"), ("b_", "")))
        for g in "fico"
    ]
    for numbers in zip(*blocks, strict=True):
        assert len(set(numbers)) == 4
    kept, forgot = (LSTMByHand(name) for name in ("keeps", "forgets"))
    assert kept.forward["f"] > 0.99
    assert kept.forward["i"] < 0.01
    assert kept.forward["c"] == pytest.approx(kept.c_prev, abs=0.01)
    assert forgot.forward["f"] < 0.01
    assert abs(forgot.backward["dc_prev"]) < 0.01 < 0.3 < kept.backward["dc_prev"]


# ------------------------------------------------------------------------------- the object


def test_results_follow_every_change() -> None:
    w = LSTMByHand("all different")
    seen = []
    w.observe(lambda _: seen.append(w.forward == forward(values_of(w))), "w_ch")
    rng = np.random.default_rng(4)
    for name, value in random_values(rng).items():
        setattr(w, name, value)
        assert w.forward == forward(values_of(w))
        assert w.backward == backward(values_of(w))
    assert seen == [True]
    assert w.preset is None
    for digits in (1, 6):
        for precision in PRECISIONS:
            w.digits, w.precision = digits, precision
            paper = written(values_of(w), w.forward, precision, digits)
            assert w.lines == {name: float(shown.value) for name, shown in paper.items()}
            assert w.slips == slips_at(values_of(w), w.forward, digits)
    for preset in PRESETS:
        w.preset = preset
        assert {name: getattr(w, name) for name in NUMBERS} == preset_values(preset)
        assert w.preset == preset
        assert w.digits == 6, "a preset leaves the way of working alone"


def test_values_come_from_the_page() -> None:
    w = LSTMByHand(lock=["b_f", "precision"])
    w.set_state({"x": 2.0, "b_f": 9.0, "precision": "source", "digits": 4.0, "preset": None})
    assert (w.x, w.b_f, w.precision, w.digits) == (2.0, 1.0, "full", 4)
    assert w.forward == forward(values_of(w))
    assert w.lock == ("b_f", "precision")
    with pytest.raises(ValueError, match="w_ox: expected a number from -10 to 10, got 11.0"):
        w.set_state({"w_ox": 11.0})
    assert w.w_ox == 1.0


def test_repr_and_state() -> None:
    assert repr(LSTMByHand()) == "LSTMByHand(preset='all ones')"
    w = LSTMByHand("all different", precision="source", w_fx=2, challenge="Find b_o.")
    assert repr(w) == "LSTMByHand(challenge=..., precision='source')"
    assert repr(LSTMByHand(step=lstm.step)) == "LSTMByHand(preset='all ones', step=step)"
    state = w.state()
    assert state["w_fx"] == 2.0
    assert state["challenge"] == "Find b_o."
    again = LSTMByHand(**{k: v for k, v in state.items() if k != "preset"})
    assert again.forward == w.forward
    json.dumps(w.page_state(), allow_nan=False)


WRONG = [
    (
        {"preset": "ones"},
        ValueError,
        "preset: expected one of all ones, all different, keeps, forgets, got 'ones'",
    ),
    ({"x": math.nan}, ValueError, "x: expected a number from -10 to 10, got nan"),
    ({"c_prev": 10.5}, ValueError, "c_prev: expected a number from -10 to 10, got 10.5"),
    ({"h_prev": "0.1"}, TypeError, "h_prev: expected a number from -10 to 10, got '0.1'"),
    ({"w_fx": -math.inf}, ValueError, "w_fx: expected a number from -10 to 10, got -inf"),
    ({"b_o": [1]}, TypeError, r"b_o: expected a number from -10 to 10, got \[1\]"),
    ({"w_zx": 1}, TypeError, "LSTMByHand has no argument w_zx"),
    ({"dh": 11}, ValueError, "dh: expected a number from -10 to 10, got 11.0"),
    ({"dc": math.nan}, ValueError, "dc: expected a number from -10 to 10, got nan"),
    (
        {"precision": "exact"},
        ValueError,
        "precision: expected one of full, rounded, source, got 'exact'",
    ),
    ({"digits": 0}, ValueError, "digits: expected a whole number from 1 to 6, got 0"),
    ({"digits": 2.5}, TypeError, "digits: expected a whole number from 1 to 6, got 2.5"),
    ({"step": 3}, TypeError, r"step: expected a function \(p, s, x\) -> \(State, Cache\), got 3"),
    ({"lock": ["forget"]}, ValueError, "lock: expected names of x, h_prev, .*, got 'forget'"),
    ({"challenge": True}, ValueError, "challenge: expected a text"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), WRONG)
def test_wrong_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        LSTMByHand(**arguments)


# ------------------------------------------------------------------------------- the reader's own


def test_own_step_is_compared() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        v = random_values(rng)
        w = LSTMByHand(**v, step=lstm.step)
        assert w.differs == []
        assert set(w.own) == {"f", "i", "c_tilde", "o", "c", "h", *GRADIENTS}
        assert "The step given agrees in every number." in w.picture()[1]

    def no_squash(p: lstm.Params, s: lstm.State, x: Any) -> tuple[lstm.State, None]:
        after, cache = lstm.step(p, s, x)
        return lstm.State(cache.o * cache.c, after.c), None

    w = LSTMByHand("all different", step=no_squash, dh=0.0, dc=1.0)
    assert w.differs == ["h"]
    assert w.own["h"] == pytest.approx(w.forward["o"] * w.forward["c"])
    assert "The step given differs in h." in w.picture()[1]
    w.dh = 1.0
    assert {"dc_prev", "dw_fx", "db_o"} <= set(w.differs)
    assert w.page_state()["driven"]["differs"] == w.differs
    w.c_prev = -3.0
    assert w.own == own_numbers(no_squash, values_of(w))


def test_own_step_that_fails() -> None:
    def fails(p: Any, s: Any, x: Any) -> Any:
        if p.b[1, 0, 0] > 5:
            raise KeyError("b_f")
        return lstm.step(p, s, x)

    w = LSTMByHand(step=fails)
    assert (w.error, w.differs) == ("", [])
    w.b_f = 7.0
    assert w.error == "KeyError: 'b_f'\nraised by fails(p, s, x) with D = H = B = 1"
    assert w.own is None
    assert w.forward == forward(values_of(w)), "ours needs no step"
    assert w.picture()[1].endswith("The step given failed.")
    json.dumps(w.page_state(), allow_nan=False)
    w.b_f = 1.0
    assert (w.error, w.differs) == ("", [])


@pytest.mark.parametrize(
    ("returns", "error", "message"),
    [
        (None, TypeError, r"step: expected wrong to return \(State\(h, c\), cache\), got None"),
        (1.0, TypeError, "got 1.0"),
        (((np.zeros((1, 1)),), None), TypeError, "expected wrong to return"),
        (
            ((np.zeros(1), np.zeros((1, 1))), None),
            TypeError,
            r"h of shape \(1, 1\), got shape \(1,\)",
        ),
        (((np.zeros((1, 1)), "c"), None), TypeError, r"c of shape \(1, 1\), got 'c'"),
        (((np.full((1, 1), np.nan), np.zeros((1, 1))), None), ValueError, "a finite h, got nan"),
    ],
)
def test_own_step_of_a_wrong_shape(returns: Any, error: type[Exception], message: str) -> None:
    def wrong(p: Any, s: Any, x: Any) -> Any:
        return returns

    with pytest.raises(error, match=message):
        LSTMByHand(step=wrong)


def test_own_step_cannot_change_our_numbers() -> None:
    def rude(p: Any, s: Any, x: Any) -> Any:
        result = lstm.step(p, s, x)
        for array in (*p, *s, x):
            array[:] = 99
        return result

    assert LSTMByHand("all different", step=rude).differs == []


# ------------------------------------------------------------------------------- the static picture


@pytest.mark.parametrize("precision", PRECISIONS)
def test_static_picture(precision: str) -> None:
    rng = np.random.default_rng(6)
    loud = LOUD
    tiny = dict.fromkeys(LOUD, 1e-300)
    nothing = dict.fromkeys(LOUD, 0.0)
    for values in (loud, {k: -v for k, v in loud.items()}, tiny, nothing, random_values(rng)):
        w = LSTMByHand(**values, precision=precision, digits=6)
        svg, alt = w.picture()
        root = ET.fromstring(svg)
        shown = " ".join(root.itertext())
        assert "nan" not in svg
        assert "inf" not in shown
        assert alt.startswith(
            "One step of an LSTM with one unit, by numbers. In full precision c = "
        )
        assert describe(w.state(), w.forward, w.backward) in shown
        assert len(svg) < 40_000
    svg, _ = LSTMByHand().picture()
    shown = "".join(ET.fromstring(svg).itertext()).replace("\u200b", "")
    assert "0.6091248" in shown
    assert '0.60<tspan class="w" style="fill:var(--gradient)">8</tspan>' in svg, "the digit departs"


def test_static_picture_of_an_own_step() -> None:
    def late(p: Any, s: lstm.State, x: Any) -> Any:
        return lstm.State(s.h, s.c), None

    svg, alt = LSTMByHand(step=late).picture()
    shown = "".join(ET.fromstring(svg).itertext())
    assert "The step given, beside ours" in shown
    assert shown.count("≠") == len(LSTMByHand(step=late).differs)
    assert "differs in c, h" in alt


# ------------------------------------------------------------------------------- the same in JavaScript


@pytest.mark.browser
@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_javascript_agrees(in_javascript: Any, count: int) -> None:
    """Forward, backward to 1e-12 of max(1, |v|); what is written, to the last digit, and words."""
    rng = np.random.default_rng(0)
    cases = []
    for k in range(count):
        v = random_values(rng, places=[None, 1, 2, None, 3][k % 5])
        cases.append({"v": v, "precision": PRECISIONS[k % 3], "digits": 1 + k % 6})
    results = in_javascript(
        MODULE,
        "(m, cases) => cases.map(({ v, precision, digits }) => { const n = m.forward(v); return "
        "[n, m.backward(v), m.lineNumbers(v, n, precision, digits), m.slipsAt(v, n, digits)]; })",
        cases,
    )
    words = in_javascript(
        WORDS,
        "async (w, cases) => { const m = await import(new URL('math.js', location.href.replace("
        "/math\\/$/, 'lstm-by-hand/'))); return cases.map(({ v, precision, digits }) => { "
        "const n = m.forward(v), g = m.backward(v); return [w.lines(v, n, precision, digits), "
        "w.backwardLines(v, n, g), w.answers(v, n, digits), "
        "w.describe({ ...v, digits }, n, g, digits % 2 ? null : ['h'])]; }); }",
        cases,
    )
    compared = 0
    for case, (numbers, gradients, worked, slips), (fore, back, table, sentence) in zip(
        cases, results, words, strict=True
    ):
        v, precision, digits = case["v"], case["precision"], case["digits"]
        ours, ours_back = forward(v), backward(v)
        for got, expected in ((numbers, ours), (gradients, ours_back)):
            assert list(got) == list(expected)
            for name, value in expected.items():
                assert abs(got[name] - value) <= 1e-12 * max(1, abs(value)), name
        close = 1e-12 if precision == "full" else 0
        for name, shown in written(v, ours, precision, digits).items():
            value = float(shown.value)
            assert abs(worked[name] - value) <= close * max(1, abs(value)), (name, case)
        assert slips == slips_at(v, ours, digits)
        assert table == answers(v, ours, digits)
        expected_lines = lines(v, ours, precision, digits)
        assert [said(line) for line in expected_lines] == [script_said(line) for line in fore]
        assert [line.note for line in expected_lines] == [line["note"] for line in fore]
        # Where a gate is shut or open to nine digits, its slope f (1 - f) is known to few.
        if all(abs(ours[f"a_{g}"]) < 9 for g in "fico") and abs(ours["c"]) < 9:
            compared += 1
            expected_lines = backward_lines(v, ours, ours_back)
            assert [said(line) for line in expected_lines] == [script_said(line) for line in back]
            outcome = None if digits % 2 else ["h"]
            assert sentence == describe({**v, "digits": digits}, ours, ours_back, outcome)
    assert compared > count / 2


def script_said(line: dict[str, Any]) -> str:
    return " ".join(f"{relation} {text}".strip() for relation, text in line["parts"])


@pytest.mark.browser
def test_javascript_rounds_at_ties(in_javascript: Any) -> None:
    cases = [
        [v, places]
        for v in (
            0.0625,
            -0.0625,
            2.675,
            1.005,
            0.5,
            -0.5,
            9.9995,
            5e-324,
            1.5e-7,
            0.0,
            1e-5,
            250.0,
        )
        for places in range(8)
    ]
    script = in_javascript(
        MODULE,
        "(m, cases) => cases.map(([v, p]) => [m.textOf(m.settle(m.decimal(v), p)), "
        "m.textOf(m.settle(m.decimal(v), p, true)), m.toNumber(m.settle(m.decimal(v), p))])",
        cases,
    )
    for (v, places), (text, cut, number) in zip(cases, script, strict=True):
        rounded = settle(decimal(v), places)
        assert (text, cut) == (text_of(rounded), text_of(settle(decimal(v), places, cut=True)))
        assert number == float(rounded)
    figures = [
        0,
        1,
        0.21119877,
        -1.23456789e-8,
        9.99996e-5,
        9.99996e-9,
        99999.96,
        5e-324,
        0.00390625,
    ]
    script = in_javascript(WORDS, "(w, vs) => vs.map((v) => w.short(v).text)", figures)
    assert script == [short(v).text for v in figures]


@pytest.mark.browser
def test_javascript_has_the_same_presets_and_symbols(in_javascript: Any) -> None:
    presets = in_javascript(
        MODULE, "(m) => m.PRESETS.map((name) => [name, m.presetValues(name)])", None
    )
    assert presets == [[name, preset_values(name)] for name in PRESETS]
    names = ["f", "i", "c_tilde", "o", "c", "h", *GRADIENTS]
    assert in_javascript(WORDS, "(w, names) => names.map(w.symbolOf)", names) == [
        symbol_of(name) for name in names
    ]


def test_decimals_do_not_depend_on_the_caller_s_context() -> None:
    expected = LSTMByHand(precision="source").lines
    with localcontext() as context:
        context.prec = 2
        w = LSTMByHand(precision="source")
        assert w.lines == expected
        assert "0.9332489" in w.picture()[1]


# ------------------------------------------------------------------------------- on a page


def results(page: Page) -> Any:
    return page.evaluate("document.querySelector('[data-explorable]').explorable.results()")


def field(page: Page, key: str) -> Locator:
    return page.locator(f"input[role=spinbutton][data-key={key}]")


def shown_values(page: Page) -> Values:
    keys = (*NUMBERS, "dh", "dc")
    return {key: float(field(page, key).get_attribute("aria-valuenow") or "nan") for key in keys}


def texts(page: Page, name: str) -> list[str]:
    """The lines of a part, spaces as in Python."""
    lines_ = page.locator(f"[data-lines={name}] .lh-line").all_text_contents()
    return [re.sub(r"\s+", " ", text.replace("\u2060", "")).strip() for text in lines_]


def plain(line: Any) -> str:
    """A line of Python's as a page has it in letters: subscripts and tildes are typography."""
    return re.sub(r"[_{}~]", "", f"{said(line)} {line.note}".strip())


def assert_page_is_python(page: Page, precision: str = "full", digits: int = 3) -> Values:
    v = shown_values(page)
    numbers, gradients, drawn = forward(v), backward(v), results(page)
    assert drawn["forward"] == pytest.approx(numbers, rel=1e-12, abs=1e-12)
    assert drawn["backward"] == pytest.approx(gradients, rel=1e-12, abs=1e-12)
    paper = written(v, numbers, precision, digits)
    lines_ = {name: float(shown.value) for name, shown in paper.items()}
    assert drawn["lines"] == pytest.approx(lines_, rel=1e-12, abs=1e-12)
    assert drawn["slips"] == slips_at(v, numbers, digits)
    assert texts(page, "forward") == [plain(line) for line in lines(v, numbers, precision, digits)]
    assert texts(page, "backward") == [
        plain(line) for line in backward_lines(v, numbers, gradients)
    ]
    table = answers(v, numbers, digits)
    rows = page.locator(".lh-answers tbody tr")
    for k, name in enumerate(("f", "i", "c_tilde", "c", "o", "tanh_c", "h")):
        row = rows.nth(k).locator("td").all_text_contents()
        assert row == [table[p][name] for p in PRECISIONS], name
    for name in GRADIENTS[3:]:
        assert (
            page.locator(f".lh-weights [data-q={name}]").text_content()
            == short(gradients[name]).text
        )
    says = describe({**v, "digits": digits}, numbers, gradients)
    expect(page.locator(".u-says")).to_have_text(says)
    return v


def drag_wheel(page: Page, key: str, by: float, steps: int = 6) -> None:
    box = box_of(page.locator(f"[data-wheel={key}]"))
    x, y = box["x"] + box["width"] / 2, box["y"] + 8
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by, y + 3, steps=steps)
    page.mouse.up()
    frame(page)


@pytest.mark.browser
def test_page_begins_with_the_source_s_example(opened: Open) -> None:
    page = opened(LSTMByHand().to_html())
    assert assert_page_is_python(page) == values_of(LSTMByHand())
    expect(page.get_by_role("button", name="all ones")).to_have_attribute("aria-pressed", "true")
    table = page.locator(".lh-answers")
    for name, good, off in (("c", "0.93", "2"), ("h", "0.60", "8")):
        row = table.locator("tbody tr").nth(3 if name == "c" else 6)
        expect(row.locator("td").nth(0)).to_have_text(good + ("3" if name == "c" else "9"))
        expect(row.locator("td").nth(2).locator(".lh-off")).to_have_text(off)
        expect(row.locator("td").nth(1).locator(".lh-off")).to_have_text("")
    # The bars are as long as the numbers say: f from 0 to 1, the candidate from -1 to 1.
    box = box_of(page.locator("[data-panel=gauges]"))
    for k, (quantity, value, low) in enumerate(
        (
            ("f", 0.832, 0),
            ("i", 0.832, 0),
            ("c_tilde", 0.9217, -1),
            ("o", 0.832, 0),
            ("c", 0.9332, -1),
            ("h", 0.6091, -1),
        )
    ):
        left, right = box["x"] + 10, box["x"] + box["width"] - 4
        end = left + (value - low) / (1 - low) * (right - left)
        y = 54 * k + 24
        colour = quantity.replace("_", "-")
        assert inked(page, "gauges", end - 4, y, colour), quantity
        assert not inked(page, "gauges", end + 4, y, colour), quantity


@pytest.mark.browser
def test_wheel_drags_a_number(opened: Open) -> None:
    page = opened(LSTMByHand("all different").to_html())
    drag_wheel(page, "w_fx", -60)
    v = assert_page_is_python(page)
    assert v["w_fx"] == pytest.approx(0.5 - 1.5)
    expect(field(page, "w_fx")).to_have_value("−1")
    drag_wheel(page, "dc", 44)
    assert assert_page_is_python(page)["dc"] == pytest.approx(1.1)
    drag_wheel(page, "c_prev", 2000)
    assert assert_page_is_python(page)["c_prev"] == 10.0, "the range ends"
    expect(page.locator("[aria-pressed=true]", has_text="all")).to_have_count(0)
    for expected in (0.2, 0.2, 0.2):
        page.get_by_role("button", name="undo").click()
        frame(page)
        assert assert_page_is_python(page)["c_prev"] == expected
    assert shown_values(page) == values_of(LSTMByHand("all different")), (
        "a drag is one step of undo"
    )
    page.get_by_role("button", name="keeps").click()
    frame(page)
    expected_values = preset_values("keeps")
    assert {k: v for k, v in assert_page_is_python(page).items() if k in NUMBERS} == expected_values
    page.get_by_role("button", name="reset").click()
    frame(page)
    assert assert_page_is_python(page) == values_of(LSTMByHand("all different"))


@pytest.mark.browser
def test_three_ways_and_decimals(opened: Open) -> None:
    page = opened(LSTMByHand().to_html())
    digits = page.get_by_role("slider", name="decimals")
    for name, precision in (("rounded", "rounded"), ("the source's slips", "source")):
        page.get_by_role("button", name=name).click()
        frame(page)
        assert_page_is_python(page, precision)
        chosen = page.locator(f"th.lh-chosen[data-precision={precision}]")
        expect(chosen).to_have_count(1)
    expect(page.locator(".lh-slips")).to_contain_text(
        "candidate's tanh is cut; products are rounded"
    )
    assert page.locator(".lh-note:not(:empty)").count() == 3
    digits.focus()
    for key, expected in (("ArrowRight", 4), ("End", 6), ("ArrowLeft", 5), ("Home", 1)):
        page.keyboard.press(key)
        frame(page)
        assert_page_is_python(page, "source", expected)
        expect(digits).to_have_attribute("aria-valuetext", str(expected))


@pytest.mark.browser
def test_keyboard_and_nonsense_in_a_field(opened: Open) -> None:
    page = opened(LSTMByHand().to_html())
    bias = page.get_by_role("spinbutton", name="bias of the forget gate", exact=True)
    bias.focus()
    for key, expected in (
        ("ArrowUp", 1.05),
        ("PageUp", 1.55),
        ("ArrowDown", 1.5),
        ("Control+Home", -10.0),
        ("ArrowDown", -10.0),
        ("Control+End", 10.0),
        ("PageDown", 9.5),
    ):
        page.keyboard.press(key)
        frame(page)
        assert assert_page_is_python(page)["b_f"] == pytest.approx(expected), key
    for text, expected in (("-1,25", -1.25), ("1e-300", 1e-300), ("−3", -3.0)):
        bias.fill(text)
        frame(page)
        assert assert_page_is_python(page)["b_f"] == expected
        expect(bias).not_to_have_attribute("aria-invalid", "true")
    for text in ("", "ten", "11", "NaN", "Infinity", "1e999", "0x", "--1", "<b>"):
        bias.fill(text)
        frame(page)
        expect(bias).to_have_attribute("aria-invalid", "true")
        assert shown_values(page)["b_f"] == -3.0, text
        assert not re.search("NaN|Infinity", page.locator(".lh-lines").first.text_content() or "")
    page.keyboard.press("Tab")
    expect(bias).to_have_value("−3")
    expect(page.get_by_role("spinbutton")).to_have_count(17)
    names = page.get_by_role("spinbutton").evaluate_all("e => e.map(x => x.ariaLabel)")
    assert len(set(names)) == 17
    expect(page.locator("[aria-live=polite]")).to_contain_text("In full precision c = ")


@pytest.mark.browser
def test_touch_turns_a_wheel_and_scrolls_elsewhere(opened: Open) -> None:
    page = opened(
        LSTMByHand().to_html(),
        viewport={"width": 390, "height": 700},
        has_touch=True,
        is_mobile=True,
    )
    box = box_of(page.locator("[data-wheel=w_ox]"))
    x, y = box["x"] + box["width"] / 2, box["y"] + 8
    swipe(page, (x, y), (x - 40, y + 2))
    assert assert_page_is_python(page)["w_ox"] == pytest.approx(0.0)
    assert page.evaluate("scrollY") == 0
    swipe(page, (x, y), (x, y - 250))
    scrolled(page, 50)
    assert shown_values(page)["w_ox"] == pytest.approx(0.0), "what scrolls leaves no trace"


@pytest.mark.browser
def test_locked_and_frozen_pages(opened: Open) -> None:
    page = opened(LSTMByHand(lock=["w_fx", "precision"], challenge="Make f = 1/2.").to_html())
    expect(field(page, "w_fx")).to_be_disabled()
    drag_wheel(page, "w_fh", -20)
    assert shown_values(page)["w_fh"] == pytest.approx(0.5)
    expect(page.locator(".lh-still [data-wheel=w_fx]")).to_be_hidden()
    expect(page.get_by_role("button", name="rounded")).to_be_disabled()
    expect(page.get_by_role("region", name="Task")).to_have_text("Make f = 1/2.")

    def squashed(p: lstm.Params, s: lstm.State, x: Any) -> tuple[lstm.State, lstm.Cache]:
        after, cache = lstm.step(p, s, x)
        return lstm.State(cache.o * after.c, after.c), cache

    w = LSTMByHand("all different", step=squashed)
    page = opened(w.to_html())
    expect(page.locator(".u-note")).to_contain_text("open the notebook")
    expect(page.locator("input[role=spinbutton]:enabled")).to_have_count(0)
    pairs = page.locator(".lh-pair")
    assert pairs.count() == len(w.own)
    for name, value in w.own.items():
        spans = page.locator(f".lh-pair[data-own={name}] > span").all_text_contents()
        ours = {**w.backward, **w.forward}[name]
        mark = "≠" if name in w.differs else "="
        assert spans[1:] == [short(float(f"{value:.9g}")).text, mark, short(ours).text], name
    expect(page.locator(".u-says")).to_contain_text(f"The step given differs in {w.differs[0]}")
    assert results(page)["differs"] == w.differs


@pytest.mark.browser
def test_wrong_states_stay_still(opened: Open) -> None:
    good = LSTMByHand().page_state()
    wrong = [
        ({"x": None}, "x: expected a number from -10 to 10"),
        ({"w_ch": "1"}, "w_ch: expected a number"),
        ({"b_o": 10.01}, "b_o: expected a number"),
        ({"dh": [1]}, "dh: expected a number"),
        ({"precision": "exact"}, "precision: expected one of full, rounded, source"),
        ({"digits": 3.5}, "digits: expected a whole number from 1 to 6"),
        ({"digits": 7}, "digits: expected a whole number from 1 to 6"),
        ({"preset": "none"}, "preset: expected one of"),
    ]
    hosts = [
        '<div data-explorable="lstm-by-hand" '
        f"data-state='{html.escape(json.dumps(good | change))}'>"
        "<div class='unrolled-frame'></div></div>"
        for change, _ in wrong
    ]
    page = opened(*hosts)
    for k, (_, message) in enumerate(wrong):
        expect(page.locator(".unrolled-note").nth(k)).to_contain_text(message)


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_height_is_reserved_and_nothing_is_too_wide(opened: Open, width: int) -> None:
    page = opened(LSTMByHand().to_html(), viewport={"width": width, "height": 900})
    used, reserved = page.evaluate(
        "[document.querySelector('.unrolled').offsetHeight,"
        " parseFloat(getComputedStyle(document.querySelector('.unrolled-frame')).minHeight)]"
    )
    assert used <= reserved <= used + 60
    page.get_by_role("button", name="the source's slips").click()
    digits = page.get_by_role("slider", name="decimals")
    digits.focus()
    page.keyboard.press("End")
    for k, key in enumerate(NUMBERS):
        field(page, key).fill(str(-9.123456789 + k / 1000))
    field(page, "dh").fill("1e-12")
    frame(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sticking_out = page.evaluate(
        "() => { const right = document.querySelector('.unrolled').getBoundingClientRect().right;"
        " return [...document.querySelectorAll('.unrolled *')].filter(e => e.getBoundingClientRect()"
        ".right > right + 1 && !e.closest('.lh-wheel')).map(e => e.className); }"
    )
    assert sticking_out == []


@pytest.mark.browser
def test_page_is_accessible(opened: Open) -> None:
    def different(p: Any, s: lstm.State, x: Any) -> Any:
        return lstm.State(s.h, s.c), None

    page = opened(
        LSTMByHand(precision="source", challenge="Find the slips.").to_html(),
        LSTMByHand(lock=["x"], step=different).to_html(),
        theme="light",
    )
    assert violations_at(page, 1280, 390) == []
