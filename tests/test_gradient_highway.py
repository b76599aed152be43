"""GradientHighway: three cells against the library's backward pass, and the page against both."""

import json
import math
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from explorable_pages import box_of, frame, violations
from playwright.sync_api import Page, expect

from unrolled import backward, unroll
from unrolled.cells import lstm
from unrolled.cells import lstm_coupled as coupled
from unrolled.cells.protocol import Params
from unrolled.explorables.gradient_highway import (
    CELLS,
    GATES,
    PRESETS,
    T_MAX,
    D,
    GradientHighway,
    H,
    direct_logs,
    drawn,
    draws,
    gradient_logs,
    half_life_of,
    params,
)
from unrolled.explorables.gradient_highway_picture import (
    describe,
    half_life_text,
    inside,
    limits,
    magnitude,
    steps_shown,
    ticks,
)
from unrolled.flow import contraction_bound, direct_path, kept

Open = Callable[..., Page]
HANDLES = ("forget_bias", "update_bias", "recurrent_scale", "T", "seed")
MATH = "gradient-highway/math.js"
WORDS = "gradient-highway/words.js"


def random_state(rng: np.random.Generator) -> dict[str, Any]:
    calm = rng.random() < 0.7
    return {
        "forget_bias": float(rng.uniform(-4, 6)),
        "update_bias": float(rng.uniform(-6, 4)),
        "recurrent_scale": float(rng.uniform(0, 2.5 if calm else 8)),
        "T": int(rng.integers(10, 201)),
        "seed": int(rng.integers(0, 100)),
    }


def results(w: GradientHighway) -> dict[str, Any]:
    return {"log10_norms": w.log10_norms, "kept": w.kept, "half_life": w.half_life}


# ------------------------------------------------------------------------------- what is computed


@pytest.mark.parametrize("name", ["usual", "zero biases", "open", "exploding"])
def test_norms_are_those_of_the_librarys_backward_pass(name: str) -> None:
    w = GradientHighway(name, T=40, seed=7)
    u = np.full((H, 1), 1 / 4)
    for key, cell in CELLS.items():
        p = w.params[key]
        states, caches = unroll(cell, p, cell.zero_state(H, 1), w.xs)
        dstates = cell.State(*(np.zeros_like(field) for field in states))
        dstates[-1][-1] = u
        grads = backward(cell, p, caches, dstates).states
        whole = np.sqrt(sum(np.sum(field[:, :, 0] ** 2, axis=1) for field in grads))
        np.testing.assert_allclose(w.log10_norms[key], np.log10(whole), rtol=0, atol=1e-12)
        if key == "lstm":
            path = np.linalg.norm(u * direct_path(cell, caches), axis=1)[:, 0]
            np.testing.assert_allclose(w.log10_norms["direct"], np.log10(path), rtol=0, atol=1e-12)
        if key != "rnn":
            share = kept(cell, caches)
            np.testing.assert_allclose(w.kept[key], share.mean(axis=(1, 2)), rtol=1e-14)
            life = math.log(0.5) / math.log(share.mean())
            assert w.half_life[key] == pytest.approx(life, rel=1e-12)


def test_the_gradient_is_the_derivative_of_the_loss() -> None:
    """Nudge the state before step 1 in all directions: what the mean of the last one does."""
    w = GradientHighway("exploding", T=12)
    for key, cell in CELLS.items():
        n = H * len(cell.State._fields)
        ends = []
        for nudge in (1e-6, -1e-6):
            columns = np.split(nudge * np.eye(n), len(cell.State._fields))
            states, _ = unroll(
                cell, w.params[key], cell.State(*columns), np.repeat(w.xs, n, axis=2)
            )
            ends.append(states[-1][-1].sum(axis=0) / 4)
        slope = (ends[0] - ends[1]) / 2e-6
        # One more step back than is shown: the same run, begun a step earlier by a step without effect.
        states, caches = unroll(cell, w.params[key], cell.zero_state(H, 1), w.xs)
        shown = gradient_logs(
            cell, w.params[key], cell.Cache(*(f[[0, *range(12)]] for f in caches))
        )
        assert shown[0] == pytest.approx(math.log10(np.linalg.norm(slope)), abs=1e-6), key


def test_all_curves_begin_with_1_at_the_last_step() -> None:
    for name in PRESETS:
        logs = GradientHighway(name).log10_norms
        assert all(abs(values[-1]) < 1e-15 for values in logs.values()), name


def test_scaled_norms_do_not_underflow() -> None:
    """At 1e-346 no float is left; the direct path's logarithm is the sum of those of f."""
    w = GradientHighway("shut", T=200)
    logs = w.log10_norms
    assert logs["direct"][0] < -340
    assert -200 < logs["lstm"][0] < -150
    _, caches = unroll(lstm, w.params["lstm"], lstm.zero_state(H, 1), w.xs)
    sums = np.log10(caches.f[1:, :, 0]).sum(axis=0)
    expected = sums.max() + 0.5 * math.log10(np.mean(100 ** (sums - sums.max())))
    assert logs["direct"][0] == pytest.approx(expected, abs=1e-10)


def test_exact_zeros_are_none() -> None:
    w = GradientHighway("no W_h")
    assert w.log10_norms["rnn"] == [None] * 99 + [0.0]
    assert w.log10_norms["lstm"] == pytest.approx(w.log10_norms["direct"], abs=1e-12)
    assert w.log10_norms["gru"] == pytest.approx(
        direct_logs(
            1
            - unroll(CELLS["gru"], w.params["gru"], CELLS["gru"].zero_state(H, 1), w.xs)[1].z[
                :, :, 0
            ]
        ),
        abs=1e-12,
    )
    assert direct_logs(np.array([[1.0], [0.0], [0.5]])) == [None, math.log10(0.5), 0.0]
    assert half_life_of([1.0, 1.0]) is None


def test_what_the_presets_claim() -> None:
    """Direct path and full gradient part ways, and both vanish and explode."""
    logs = {
        name: {k: v[0] for k, v in GradientHighway(name).log10_norms.items()} for name in PRESETS
    }
    assert all(v < -3 for v in logs["zero biases"].values())
    assert logs["zero biases"]["direct"] == pytest.approx(99 * math.log10(0.5), abs=1)
    assert logs["usual"]["lstm"] - logs["usual"]["rnn"] > 9
    assert abs(logs["open"]["lstm"]) < 1
    assert abs(logs["open"]["gru"]) < 1
    assert logs["exploding"]["lstm"] > 2.5, "explodes in total ..."
    assert logs["exploding"]["direct"] < math.log10(6e-5), "... where the direct path vanishes"
    assert logs["open, exploding"]["direct"] > -1
    assert logs["open, exploding"]["lstm"] > 3
    assert logs["shut"]["direct"] < -150
    half = GradientHighway("usual").half_life
    assert half["lstm"] == pytest.approx(2.2, abs=0.1)
    # W_h has largest singular value below 1 / γ at scale ½: then the bound says what must vanish.
    w = GradientHighway(recurrent_scale=0.5)
    bound = contraction_bound(w.params["rnn"].W_h, steps=99)
    assert w.log10_norms["rnn"][0] <= math.log10(bound) < -10


def test_draws_are_uniform_and_the_same_for_ever() -> None:
    """The first numbers of mulberry32 with seeds 0 and 1, as its authors' C code gives them."""
    assert (draws(0, 3) * 2**32).tolist() == [1144304738, 1416247, 958946056]
    assert (draws(1, 3) * 2**32).tolist() == [2693262067, 11749833, 2265367787]
    numbers = draws(5, 100_000)
    assert numbers.mean() == pytest.approx(0.5, abs=0.005)
    assert numbers.var() == pytest.approx(1 / 12, abs=0.001)
    assert 0 <= numbers.min() < numbers.max() < 1
    xs, matrices = drawn(3)
    assert xs.shape == (T_MAX, D, 1)
    assert np.abs(xs).max() <= 1
    for name, (W_x, W_h) in matrices.items():
        assert W_x.shape == (*GATES[name], H, D)
        assert W_h.shape == (*GATES[name], H, H)
        assert 0.24 < np.abs(W_h).max() <= 0.25


def test_results_follow_every_change() -> None:
    w = GradientHighway(T=20)
    seen: list[bool] = []

    def look(_: Any) -> None:
        fresh = GradientHighway(**{name: getattr(w, name) for name in HANDLES})
        seen.append(results(w) == results(fresh))

    w.observe(look, list(HANDLES))
    for name, value in [
        ("forget_bias", -2.0),
        ("update_bias", 2.5),
        ("recurrent_scale", 4.0),
        ("T", 31),
        ("seed", 9),
    ]:
        before = results(w)
        setattr(w, name, value)
        assert results(w) != before
        assert (w.preset is None) or name in ("T", "seed")
    w.preset = "open"
    assert (w.forget_bias, w.update_bias, w.recurrent_scale, w.T, w.seed) == (5, -5, 1, 31, 9)
    assert len(seen) > 5
    assert all(seen)
    w.T, w.seed = 40, 3
    assert w.preset == "open", "length and seed are no part of a preset"


def test_a_shorter_sequence_is_the_beginning_of_a_longer_one() -> None:
    short, long = GradientHighway(T=30), GradientHighway(T=60)
    assert short.kept["lstm"] == long.kept["lstm"][:30]
    assert np.array_equal(short.xs, long.xs[:30])


def test_values_come_from_the_page_as_from_python() -> None:
    w = GradientHighway()
    w.set_state({"forget_bias": 3, "T": 50.0, "preset": None})
    assert (w.forget_bias, w.T, w.preset) == (3.0, 50, None)
    assert isinstance(w.T, int)
    assert len(w.log10_norms["lstm"]) == 50
    with pytest.raises(ValueError, match="recurrent_scale: expected a number from 0 to 8, got 9.0"):
        w.set_state({"recurrent_scale": 9})
    locked = GradientHighway(lock=["T"])
    locked.set_state({"T": 20, "forget_bias": 2})
    assert (locked.T, locked.forget_bias) == (100, 2)


# ------------------------------------------------------------------------------- the reader's own


def test_own_step_takes_the_lstms_place() -> None:
    own = GradientHighway(step=lstm.step)
    plain = GradientHighway()
    for name in ("rnn", "gru", "direct"):
        assert own.log10_norms[name] == pytest.approx(plain.log10_norms[name], abs=1e-12)
    np.testing.assert_allclose(
        own.log10_norms["lstm"], plain.log10_norms["lstm"], rtol=0, atol=1e-5
    )
    assert own.kept["lstm"] == pytest.approx(plain.kept["lstm"], rel=1e-12)
    own.forget_bias = plain.forget_bias = 4.0
    np.testing.assert_allclose(
        own.log10_norms["lstm"], plain.log10_norms["lstm"], rtol=0, atol=1e-5
    )
    page = own.page_state()["driven"]
    assert page["name"] == "step"
    np.testing.assert_allclose(page["lstm"], own.log10_norms["lstm"], rtol=1e-8, atol=1e-8)
    assert repr(own) == (
        "GradientHighway(forget_bias=4, update_bias=0, recurrent_scale=1, T=100, step=step)"
    )


def coupled_step(p: Any, s: Any, x: Any) -> tuple[Any, Any]:
    """Couple the input gate to the forget gate, with the LSTM's weights."""
    rest = Params(p.W_x[1:], p.W_h[1:], p.b[1:])
    return coupled.step(rest, s, x)


def carousel(p: Any, s: Any, x: Any) -> tuple[Any, Any]:
    """The cell of 1997: nothing is forgotten; no Cache to speak of."""
    state, cache = lstm.step(p, s, x)
    return lstm.State(state.h, s.c + cache.i * cache.c_tilde), None


def test_own_steps_of_other_cells() -> None:
    w = GradientHighway(step=coupled_step, T=40)
    p = w.params["lstm"]
    rest = Params(p.W_x[1:], p.W_h[1:], p.b[1:])
    _, caches = unroll(coupled, rest, coupled.zero_state(H, 1), w.xs)
    np.testing.assert_allclose(
        w.log10_norms["lstm"], gradient_logs(coupled, rest, caches), rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(w.log10_norms["direct"], direct_logs(caches.f[:, :, 0]), atol=1e-9)

    w = GradientHighway(step=carousel)
    assert w.log10_norms["direct"] is None
    assert w.kept["lstm"] is None
    assert w.half_life["lstm"] is None
    assert abs(w.log10_norms["lstm"][0]) < 3
    assert "direct" not in w.picture()[1]


def test_own_step_answers_soon() -> None:
    w = GradientHighway(step=lstm.step)
    start = time.process_time()
    w.forget_bias = 2.0
    assert w.log10_norms["lstm"]
    assert time.process_time() - start < 1


def test_own_step_that_fails_later_is_shown() -> None:
    def picky(p: Any, s: Any, x: Any) -> tuple[Any, Any]:
        if p.b[1, 0, 0] < 0:
            raise ZeroDivisionError("no negative forget bias, please")
        return lstm.step(p, s, x)

    w = GradientHighway(step=picky)
    w.forget_bias = -1.0
    assert "ZeroDivisionError: no negative forget bias, please" in w.error
    assert "picky(p, s, x) at step 1 of 100" in w.error
    assert w.log10_norms["lstm"] == []
    assert w.log10_norms["direct"] is None
    assert "Nothing is drawn for the LSTM" in w.picture()[1]
    json.dumps(w.page_state(), allow_nan=False)
    w.forget_bias = 1.0
    assert w.error == ""
    assert len(w.log10_norms["lstm"]) == 100


# ------------------------------------------------------------------------------- what is refused

NAN = float("nan")


def returns(result: Any) -> Callable[[], Any]:
    return lambda: GradientHighway(step=lambda *_: result)


WIDE = np.zeros((H, 65))
WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: GradientHighway("motorway"),
        ValueError,
        "preset: expected one of usual, .*'motorway'",
    ),
    (lambda: GradientHighway(T=0), ValueError, "T: expected a whole number from 10 to 200, got 0"),
    (lambda: GradientHighway(T=201), ValueError, "T: .* from 10 to 200, got 201"),
    (lambda: GradientHighway(T=50.5), TypeError, "T: expected a whole number .*, got 50.5"),  # type: ignore[arg-type]
    (lambda: GradientHighway(seed=-1), ValueError, "seed: .* from 0 to 99, got -1"),
    (lambda: GradientHighway(seed="1"), TypeError, "seed: .*got '1'"),  # type: ignore[arg-type]
    (lambda: GradientHighway(forget_bias=NAN), ValueError, "forget_bias: .* -4 to 6, got nan"),
    (lambda: GradientHighway(forget_bias=7), ValueError, "forget_bias: .* -4 to 6, got 7"),
    (lambda: GradientHighway(update_bias=-6.5), ValueError, "update_bias: .* -6 to 4, got -6.5"),
    (lambda: GradientHighway(recurrent_scale=-1), ValueError, "recurrent_scale: .* got -1"),
    (lambda: GradientHighway(recurrent_scale="2"), TypeError, "recurrent_scale: .* got '2'"),  # type: ignore[arg-type]
    (lambda: GradientHighway(speed=1), TypeError, "GradientHighway has no argument speed"),
    (lambda: GradientHighway(lock=["H"]), ValueError, "lock: expected names of forget_bias, .*'H'"),
    (lambda: GradientHighway(challenge=True), ValueError, "challenge: expected a text"),
    (lambda: GradientHighway(step=3), TypeError, r"step: expected a function \(p, s, x\).*got 3"),  # type: ignore[arg-type]
    (returns(1.0), TypeError, r"step: .*\(State\(h, c\), Cache\), got 1.0 at step 1 of 100"),
    (returns((WIDE, None)), TypeError, r"step: .*\(State\(h, c\), Cache\)"),
    (
        returns((lstm.State(WIDE, WIDE[:, :1]), None)),
        ValueError,
        r"c of shape \(16, 65\), got \(16, 1\) at step 1",
    ),
    (
        returns((lstm.State(WIDE[:3], WIDE), None)),
        ValueError,
        r"h of shape \(16, 65\), got \(3, 65\)",
    ),
    (returns((lstm.State(WIDE, WIDE + np.inf), None)), ValueError, "finite c, got inf at step 1"),
    (returns((lstm.State("a", WIDE), None)), TypeError, r"step: .*\(State\(h, c\), Cache\)"),
    (lambda: GradientHighway(step=lambda p: p), TypeError, "positional argument"),  # type: ignore[arg-type,misc]
]


@pytest.mark.parametrize(("make", "error", "message"), WRONG)
def test_wrong_arguments_are_named(
    make: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


# ------------------------------------------------------------------------------- in a notebook


def test_repr_and_html() -> None:
    assert repr(GradientHighway()) == "GradientHighway(T=100, preset='usual')"
    assert repr(GradientHighway("shut", T=50, seed=2, challenge="Open it.")) == (
        "GradientHighway(T=50, seed=2, preset='shut', challenge=...)"
    )
    page = GradientHighway().to_html()
    assert page == GradientHighway().to_html()
    assert len(page.encode()) < 25_000
    assert GradientHighway().state() == {
        "forget_bias": 1.0, "update_bias": 0.0, "recurrent_scale": 1.0, "T": 100, "seed": 1,
        "preset": "usual", "challenge": False,
    }  # fmt: skip


def test_pictures() -> None:
    extremes = [
        GradientHighway(name, T=T, seed=seed) for name in PRESETS for T, seed in ((10, 0), (200, 3))
    ]
    for w in (*extremes, GradientHighway(step=carousel, T=20)):
        svg, alt = w.picture()
        ET.fromstring(svg)
        assert not re.search("nan|inf[^i]", svg)
        assert "NaN" not in alt
        assert "gradient" in alt
    svg, alt = GradientHighway().picture()
    assert "6.1×10⁻¹⁹ in the RNN" in alt
    assert svg.count('<path class="l"') == 4 + 4 + 2 + 2  # curves and samples of the legends


def test_the_picture_draws_the_numbers() -> None:
    w = GradientHighway(T=10)
    svg = w.picture()[0]
    d = re.findall(r'<path class="l" stroke="var\(--c\)" d="(M66[^"]+|M7[^"]+)"', svg)
    points = [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", d[0])]
    assert len(points) == 10
    floor, ceiling = limits(w.log10_norms)
    for (_, y), log in zip(points, w.log10_norms["lstm"], strict=True):
        assert y == pytest.approx(324 - 250 * (log - floor) / (ceiling - floor), abs=0.06)


def test_lines_are_cut_at_the_axis() -> None:
    line = inside([(0, 0), (10, 10), (20, -10), (30, 5)], 0, 5)
    assert line == [
        (0, 0), (5, 5), None, (12.5, 5), (15, 0), None, (pytest.approx(80 / 3), 0), (30, 5),
    ]  # fmt: skip
    assert inside([(0, -1), (1, -2)], 0, 5) == []
    assert inside([None, (1, 2), (2, 2), None], 0, 5) == [(1, 2), (2, 2)]
    assert inside([(0, -1), (1, 9)], 0, 5) == [(0.1, 0), (0.6, 5)]
    assert inside([], 0, 5) == []


@pytest.mark.parametrize(
    ("log", "text"),
    [(None, "0"), (0.0, "1"), (-0.3, "0.50"), (1.5, "32"), (-7.0, "1.0×10⁻⁷"), (-346.2, "6.3×10⁻³⁴⁷"),
     (12.9999, "1.0×10¹³"), (2.0, "1.0×10²")],
)  # fmt: skip
def test_magnitudes_in_words(log: float | None, text: str) -> None:
    assert magnitude(log) == text


# ------------------------------------------------------------------------------- JavaScript

ONE_STEP = """(m, cases) => cases.map(({ kind, seed, scale, bias, x, h, c, dh, dc }) => {
  const cell = m.room(kind, 1);
  const w = m.drawn(seed);
  m.setRecurrent(cell, w[kind].W_h, scale);
  m.setInput(cell, w[kind].W_x, x);
  cell.h.set(h);
  cell.c.set(c);
  m.forward(cell, 1, bias);
  const back = m.backward(cell, 1, { h: dh, c: dc });
  return {
    h: [...cell.h.slice(16)], c: [...cell.c.slice(16)], kept: cell.kept[0],
    dh: back.h.map((v) => v * 2 ** back.exponent), dc: back.c.map((v) => v * 2 ** back.exponent), norm: cell.norms[0],
  };
})"""


@pytest.mark.browser
def test_javascript_draws_the_same_numbers(in_javascript: Callable[..., Any]) -> None:
    seeds = [*range(100), *np.random.default_rng(0).integers(0, 2**31, 900).tolist()]
    theirs = in_javascript(MATH, "(m, seeds) => seeds.map(s => [...m.draws(s, 7)])", seeds)
    assert theirs == [draws(seed, 7).tolist() for seed in seeds]
    theirs = in_javascript(
        MATH,
        "(m, seeds) => seeds.map(s => { const w = m.drawn(s); return [w.xs, w.rnn.W_x, w.rnn.W_h, w.gru.W_x,"
        " w.gru.W_h, w.lstm.W_x, w.lstm.W_h].map(a => [...a]) })",
        [0, 1, 99],
    )
    for seed, arrays in zip([0, 1, 99], theirs, strict=True):
        xs, matrices = drawn(seed)
        ours = [xs, *(a for pair in matrices.values() for a in pair)]
        assert arrays == [a.ravel().tolist() for a in ours]
    assert in_javascript(MATH, "(m) => m.PRESETS", None) == {
        name: dict(zip(HANDLES, values, strict=False)) for name, values in PRESETS.items()
    }


@pytest.mark.browser
@pytest.mark.parametrize("kind", list(CELLS))
def test_javascript_steps_forward_and_backward(
    kind: str, in_javascript: Callable[..., Any]
) -> None:
    rng = np.random.default_rng(len(kind))
    cell = CELLS[kind]
    cases = [
        {
            "kind": kind, "seed": int(rng.integers(0, 1000)), "scale": float(rng.uniform(0, 8)),
            "bias": float(rng.uniform(-6, 6)) if kind != "rnn" else 0.0,
            "x": rng.uniform(-1, 1, D).tolist(), "h": rng.uniform(-1, 1, H).tolist(),
            "c": (rng.normal(0, 3, H) if kind == "lstm" else np.zeros(H)).tolist(),
            "dh": rng.normal(0, 1, H).tolist(),
            "dc": (rng.normal(0, 1, H) if kind == "lstm" else np.zeros(H)).tolist(),
        }
        for _ in range(1000)
    ]  # fmt: skip
    for case, found in zip(cases, in_javascript(MATH, ONE_STEP, cases), strict=True):
        p = params(case["seed"], case["bias"], case["bias"], case["scale"])[kind]
        given = [np.array(case[name])[:, np.newaxis] for name in ("h", "c", "dh", "dc", "x")]
        parts = len(cell.State._fields)
        s, ds = cell.State(*given[:parts]), cell.State(*given[2 : 2 + parts])
        after, cache = cell.step(p, s, given[4])
        _, before, _ = cell.step_backward(p, cache, ds)
        pairs = [(found["h"], after.h), (found["dh"], before.h)]
        norm = math.log10(np.linalg.norm(np.concatenate(ds)))
        pairs.append(([found["norm"]], np.array([norm])))
        if kind == "lstm":
            pairs += [(found["c"], after.c), (found["dc"], before.c)]
        if kind != "rnn":
            share = (cache.f if kind == "lstm" else 1 - cache.z).mean()
            pairs.append(([found["kept"]], np.array([share])))
        for theirs, ours in pairs:
            wrong = np.abs(np.array(theirs) - ours.ravel()) / np.maximum(1, np.abs(ours.ravel()))
            assert wrong.max() < 1e-12


def nudged(
    state: dict[str, Any], rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """All curves at a state, and with every input moved by one ulp, up or down."""
    curves = []
    xs = drawn(state["seed"])[0][: state["T"]]
    moved = np.nextafter(xs, np.where(rng.random(xs.shape) < 0.5, -2, 2))
    ps = params(
        *(state[name] for name in ("seed", "forget_bias", "update_bias", "recurrent_scale"))
    )
    for inputs in (xs, moved):
        rows: list[np.ndarray] = []
        for key, cell in CELLS.items():
            _, caches = unroll(cell, ps[key], cell.zero_state(H, 1), inputs)
            rows.append(np.array(gradient_logs(cell, ps[key], caches), dtype=float))
            if key != "rnn":
                share = kept(cell, caches)[:, :, 0]
                rows.append(share.mean(axis=1))
                if key == "lstm":
                    rows.append(np.array(direct_logs(share), dtype=float))
        curves.append(rows)
    return curves[0], curves[1]


@pytest.mark.browser
@pytest.mark.parametrize("count", [25, pytest.param(100, marks=pytest.mark.slow)])
def test_javascript_runs_the_same_trajectories(
    in_javascript: Callable[..., Any], count: int
) -> None:
    """To 1e-9, curve by curve, where an ulp of the input grows by less than 1e3."""
    rng = np.random.default_rng(4)
    states = [random_state(rng) for _ in range(count)]
    states += [GradientHighway(name, T=T).state() for name in PRESETS for T in (100, 200)]
    found = in_javascript(MATH, "(m, states) => states.map(s => m.results(s))", states)
    calm = 0
    for state, theirs in zip(states, found, strict=True):
        ours, moved = nudged(state, rng)
        logs, shares = theirs["log10_norms"], theirs["kept"]
        rows = [
            logs["rnn"],
            logs["gru"],
            shares["gru"],
            logs["lstm"],
            shares["lstm"],
            logs["direct"],
        ]
        for one, other, row in zip(ours, moved, rows, strict=True):
            size = np.maximum(1, np.abs(np.nan_to_num(one)))
            with np.errstate(invalid="ignore"):
                growth = np.nanmax(np.abs(one - other) / size) / 2**-52
            if not growth < 1e3 or np.isnan(one).any() != np.isnan(other).any():
                continue
            calm += 1
            values = np.array(row, dtype=float)
            assert np.array_equal(np.isnan(values), np.isnan(one)), state
            assert np.nanmax(np.abs(values - one) / size) < 1e-9, state
    assert calm > 0.6 * 6 * len(states), "most of them are not chaotic"


@pytest.mark.browser
def test_javascript_computes_again_what_changed(in_javascript: Callable[..., Any]) -> None:
    """One run that follows many changes, against a fresh one for each: bit for bit."""
    rng = np.random.default_rng(6)
    now = random_state(rng)
    states = []
    for _ in range(120):
        name = HANDLES[int(rng.integers(0, 5))]
        now = now | {name: random_state(rng)[name]}
        states.append(now)
    same = in_javascript(
        MATH,
        """(m, states) => { const run = m.highway();
        return states.map(s => JSON.stringify(m.results(s, run)) === JSON.stringify(m.results(s))) }""",
        states,
    )
    assert all(same)


@pytest.mark.browser
def test_javascript_has_the_same_words_and_axes(in_javascript: Callable[..., Any]) -> None:
    rng = np.random.default_rng(8)
    cases = []
    for k in range(400):
        T = int(rng.integers(10, 201))
        logs: dict[str, Any] = {
            name: [float(rng.normal(0, 12)), 0.0] if rng.random() < 0.9 else [None, 0.0]
            for name in ("rnn", "gru", "lstm", "direct")
        }
        if k % 10 == 0:
            logs |= {"direct": None}
        if k % 20 == 0:
            logs |= {"lstm": []}
        first = {name: values[0] for name, values in logs.items() if values}
        most = max([0.0, *(v for v in first.values() if v is not None)])
        cases.append({"logs": logs, "first": first, "most": most, "T": T, "own": k % 3 == 0})
    theirs = in_javascript(
        WORDS,
        """(m, cases) => cases.map(({ first, most, T, own }) => {
          const known = Object.values(first).filter((v) => v !== null);
          const ends = m.limits(Math.min(0, ...known), Math.max(0, ...known));
          return [m.describe(first, most, T, own), ends, m.ticks(...ends), m.stepsShown(T), m.halfLifeText(Math.abs(known[0] ?? 1))];
        })""",
        cases,
    )
    for case, (says, ends, named, shown, life) in zip(cases, theirs, strict=True):
        logs = case["logs"]
        assert says == describe(logs, case["T"], own=case["own"])
        assert tuple(ends) == limits(logs)
        assert named == ticks(*ends)
        assert 0 in named
        assert shown == steps_shown(case["T"])
        known = [v for v in case["first"].values() if v is not None]
        assert life == half_life_text(abs(known[0]) if known else 1.0)


# ------------------------------------------------------------------------------- in the page


def drawn_results(page: Page) -> dict[str, Any]:
    return dict(page.evaluate("document.querySelector('[data-explorable]').explorable.results()"))


def state_of(page: Page) -> dict[str, Any]:
    names = json.dumps(HANDLES)
    return dict(
        page.evaluate(
            f"(m => Object.fromEntries({names}.map(n => [n, m.get(n)])))"
            "(document.querySelector('[data-explorable]').explorable)"
        )
    )


def assert_as_the_library(page: Page) -> None:
    state = state_of(page)
    ours = results(GradientHighway(**state))
    found = drawn_results(page)
    # What explodes carries the last digit of a state along: 1e7 times 1e-16, and some more.
    most = max(v for row in ours["log10_norms"].values() for v in row if v is not None)
    within = 1e-9 if most < 3 else 1e-5
    for part in ("log10_norms", "kept"):
        for name, row in ours[part].items():
            assert [v is None for v in found[part][name]] == [v is None for v in row]
            values = [v for v in row if v is not None]
            assert [v for v in found[part][name] if v is not None] == pytest.approx(
                values, rel=within, abs=within
            )
    texts = {
        name: page.locator(f".u-gh-curves [data-q={name}]").inner_text()
        for name in ("rnn", "gru", "lstm", "direct")
    }
    assert texts == {name: magnitude(row[0]) for name, row in ours["log10_norms"].items()}
    expect(page.locator(".u-says")).to_have_text(describe(ours["log10_norms"], state["T"]))


def slider(page: Page, key: str) -> Any:
    return page.locator(f"input[data-key={key}]")


@pytest.mark.browser
def test_page_by_hand_and_by_keys(opened: Open) -> None:
    page = opened(GradientHighway().to_html())
    assert_as_the_library(page)
    box = box_of(slider(page, "forget_bias"))
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for share in (0.6, 0.7, 0.8):
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
    page.mouse.up()
    frame(page)
    assert state_of(page)["forget_bias"] > 3
    assert_as_the_library(page)
    page.get_by_role("button", name="undo").click()
    frame(page)
    assert state_of(page)["forget_bias"] == 1, "one drag, one undo"

    for key, press, value in [
        ("forget_bias", "ArrowRight", 1.05), ("update_bias", "Home", -6), ("recurrent_scale", "End", 8),
        ("T", "Home", 10), ("seed", "ArrowRight", 2),
    ]:  # fmt: skip
        slider(page, key).press(press)
        frame(page)
        assert state_of(page)[key] == pytest.approx(value)
        assert_as_the_library(page)
    expect(slider(page, "recurrent_scale")).to_have_attribute("aria-valuetext", "× 8.00")
    page.get_by_role("button", name="shut").click()
    frame(page)
    assert_as_the_library(page)
    slider(page, "T").press("End")
    frame(page)
    assert_as_the_library(page)
    page.get_by_role("button", name="no W_h").click()
    frame(page)
    assert_as_the_library(page)
    assert not re.search("NaN|Infinity|undefined", page.content())
    page.get_by_role("button", name="reset").click()
    frame(page)
    assert state_of(page) == {
        "forget_bias": 1, "update_bias": 0, "recurrent_scale": 1, "T": 100, "seed": 1,
    }  # fmt: skip
    assert_as_the_library(page)


@pytest.mark.browser
def test_page_reads_any_step(opened: Open) -> None:
    page = opened(GradientHighway().to_html())
    logs = GradientHighway().log10_norms
    reader = page.get_by_role("slider", name="step whose numbers are shown")
    box = box_of(reader)
    page.mouse.move(box["x"] + box["width"] * 0.495, box["y"] + 40)
    frame(page)
    expect(page.locator(".u-gh-title").first).to_have_text("gradient norm at step 50")
    assert page.locator(".u-gh-curves [data-q=lstm]").inner_text() == magnitude(logs["lstm"][49])
    page.mouse.move(5, 5)
    frame(page)
    expect(page.locator(".u-gh-title").first).to_have_text("gradient norm at step 1")
    reader.press("End")
    frame(page)
    assert page.locator(".u-gh-curves [data-q=rnn]").inner_text() == "1"
    reader.press("PageDown")
    frame(page)
    expect(reader).to_have_attribute("aria-valuenow", "90")
    text = reader.get_attribute("aria-valuetext") or ""
    assert text.startswith(f"step 90: RNN {magnitude(logs['rnn'][89])}, GRU")
    slider(page, "T").press("Home")
    frame(page)
    expect(reader).to_have_attribute("aria-valuenow", "10")


@pytest.mark.browser
def test_page_of_an_own_step_stays_as_python_drew_it(opened: Open) -> None:
    for step in (coupled_step, carousel):
        w = GradientHighway(step=step, T=60)
        page = opened(w.to_html())
        found = drawn_results(page)["log10_norms"]
        assert found["lstm"] == pytest.approx(w.log10_norms["lstm"], rel=1e-8, abs=1e-8)
        assert found["rnn"] == pytest.approx(w.log10_norms["rnn"], abs=1e-9)
        assert (found["direct"] is None) == (w.log10_norms["direct"] is None)
        expect(slider(page, "forget_bias")).to_be_disabled()
        expect(page.locator(".u-gh-name").nth(2)).to_have_text(step.__name__)
        expect(page.locator(".u-says")).to_have_text(describe(w.log10_norms, 60, own=True))
        assert not re.search("NaN|Infinity|undefined", page.content())


@pytest.mark.browser
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"T": 5}, "T: expected a whole number from 10 to 200"),
        ({"T": 50.5}, "T: expected a whole number"),
        ({"forget_bias": None}, "forget_bias: expected a number from -4 to 6"),
        ({"recurrent_scale": "2"}, "recurrent_scale: expected a number from 0 to 8"),
        ({"seed": [1]}, "seed: expected a whole number from 0 to 99"),
        ({"preset": "motorway"}, "preset"),
    ],
)
def test_page_with_a_malformed_state_says_so(
    change: dict[str, Any], message: str, opened: Open
) -> None:
    w = GradientHighway()
    state = json.dumps(w.page_state(), separators=(",", ":")).replace('"', "&quot;")
    wrong = json.dumps(w.page_state() | change, separators=(",", ":")).replace('"', "&quot;")
    page = opened(w.to_html().replace(state, wrong))
    expect(page.locator(".unrolled-note")).to_contain_text(message)
    expect(page.locator(".unrolled")).to_have_count(0)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("theme", "widths"), [("light", (320, 390, 600, 700, 900, 1280)), ("dark", (390, 1280))]
)
def test_page_is_accessible_and_fits(theme: str, widths: tuple[int, ...], opened: Open) -> None:
    for width in widths:
        page = opened(
            GradientHighway("shut", T=200).to_html(),
            theme=theme,
            viewport={"width": width, "height": 900},
        )
        reserved, used, scroll = page.evaluate(
            """() => { const f = document.querySelector('.unrolled-frame'), u = f.querySelector('.unrolled');
            return [parseFloat(getComputedStyle(f).minHeight), u.offsetHeight, document.documentElement.scrollWidth] }"""
        )
        assert used <= reserved <= used + 60, width
        assert scroll <= width
        if width in (390, 1280):
            assert violations(page) == []
