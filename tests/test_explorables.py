"""Explorables in Python: what they compute, what they refuse, what they leave in a notebook."""

import base64
import copy
import gzip
import hashlib
import html
import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unrolled.explorables import Explorable, LSTMGates
from unrolled.explorables.lstm_gates import (
    PRESETS,
    READ_STEP,
    challenge_candidate,
    driven_trace,
    lstm_trace,
    preset_rows,
    score,
)
from unrolled.explorables.lstm_gates_picture import gradient_text

ROOT = Path(__file__).parents[1]
EXPLORABLES = ROOT / "lib/unrolled/explorables"
STATIC = EXPLORABLES / "static"
KINDS = sorted(path.parent.name for path in EXPLORABLES.glob("js/*/index.js"))
STYLE = STATIC / "unrolled-explorables.css"
BUNDLES = [STATIC / f"{kind}.{suffix}" for kind in KINDS for suffix in ("js", "mjs")] + [STYLE]
ROWS = ("forget", "input", "output", "candidate")


def standard(f: float, i: float, c_tilde: float, o: float, c_prev: float) -> tuple[float, float]:
    c = f * c_prev + i * c_tilde
    return c, o * math.tanh(c)


def random_rows(rng: np.random.Generator, T: int) -> dict[str, list[float]]:
    rows = {name: rng.uniform(0, 1, T).tolist() for name in ROWS[:3]}
    return rows | {"candidate": rng.uniform(-1, 1, T).tolist()}


def perfect(T: int = 24) -> dict[str, list[float]]:
    """Write at step 1, keep, stay shut up to the step that reads."""
    return {
        "forget": [1.0] * T,
        "input": [1.0] + [0.0] * (T - 1),
        "output": [float(t >= READ_STEP) for t in range(1, T + 1)],
    }


# ------------------------------------------------------------------------------- what is computed


@pytest.mark.parametrize("T", [1, 2, 7, 24])
def test_trace_is_the_equation(T: int) -> None:
    rng = np.random.default_rng(T)
    rows, c0 = random_rows(rng, T), float(rng.normal())
    w = LSTMGates(**rows, c0=c0)
    c = c0
    for t in range(T):
        c, h = standard(*(rows[k][t] for k in ("forget", "input", "candidate", "output")), c)
        assert w.trace["c"][t] == pytest.approx(c, rel=1e-14)
        assert w.trace["h"][t] == pytest.approx(h, rel=1e-14)
        assert w.trace["gradient"][t] == pytest.approx(np.prod(rows["forget"][t + 1 :]), rel=1e-13)


def test_gradient_is_the_derivative_of_the_last_cell_state() -> None:
    """Central differences: nudge c_t, run the rest, see c_T."""
    rows = random_rows(np.random.default_rng(0), 9)
    trace = lstm_trace(**rows)
    for t in range(9):
        rest = {name: row[t + 1 :] for name, row in rows.items()}
        ends = []
        for nudge in (0.5, -0.5):  # as large as you like: c is linear
            c = trace["c"][t] + nudge
            ends.append(lstm_trace(**rest, c0=c)["c"][-1] if t < 8 else c)
        assert trace["gradient"][t] == pytest.approx(ends[0] - ends[1], rel=1e-9)


def test_a_shut_forget_gate_gives_an_exact_zero() -> None:
    w = LSTMGates("forget")
    assert w.forget[12] == 0
    assert w.trace["gradient"] == [0.0] * 12 + [1.0] * 12
    assert "step 13" in w.picture()[1]


@pytest.mark.parametrize("name", PRESETS)
def test_trace_follows_every_change(name: str) -> None:
    w = LSTMGates(name, c0=0.3)
    seen: list[bool] = []
    w.observe(lambda _: seen.append(w.trace == lstm_trace(**rows_of(w), c0=w.c0)), "forget")

    def rows_of(w: LSTMGates) -> dict[str, list[float]]:
        return {row: list(getattr(w, row)) for row in ROWS}

    for t, row in enumerate(ROWS):
        getattr(w, row)[t] = 0.25
        assert w.trace == lstm_trace(**rows_of(w), c0=0.3)
        assert w.preset is None
    w.c0 = -2.0
    assert w.trace == lstm_trace(**rows_of(w), c0=-2.0)
    w.challenge = True
    assert (
        w.trace["c"]
        == lstm_trace(**rows_of(w) | {"candidate": challenge_candidate(1, 24)}, c0=-2.0)["c"]
    )
    w.challenge = False
    w.preset = name
    assert rows_of(w) == preset_rows(name, 24)
    assert w.preset == name
    assert w.trace == lstm_trace(**preset_rows(name, 24), c0=-2.0)
    assert seen
    assert all(seen), "an observer of a gate sees the trace of the new gates"


def test_values_come_from_the_page_as_from_python() -> None:
    """The comm's way in: several traits in one message, checked as ever."""
    w = LSTMGates()
    w.set_state({**preset_rows("leak", 24), "preset": "leak"})
    assert w.preset == "leak"
    assert w.trace == lstm_trace(**preset_rows("leak", 24))
    w.set_state({"forget": [0.5] * 24, "preset": None})
    assert repr(w) == "LSTMGates(T=24)"
    assert w.trace["gradient"][0] == 0.5**23
    with pytest.raises(ValueError, match="forget, step 1"):
        w.set_state({"forget": [7.0] * 24})
    assert w.forget == [0.5] * 24


def test_steps_are_lists_of_fixed_length() -> None:
    w = LSTMGates(T=3)
    w.forget[1:] = [0.5, 0.25]
    assert w.forget == [1.0, 0.5, 0.25]
    assert json.dumps(w.forget) == "[1.0, 0.5, 0.25]"
    assert type(copy.deepcopy(w.forget)) is list
    with pytest.raises(TypeError, match=r"forget has a fixed number of steps \(3\)"):
        w.forget.append(1.0)
    with pytest.raises(ValueError, match="forget: expected T = 3 values, got 4"):
        w.forget[3:] = [1.0]
    with pytest.raises(ValueError, match=r"forget, step 2: expected a number from 0 to 1, got 1.5"):
        w.forget[1] = 1.5
    assert w.forget == [1.0, 0.5, 0.25]
    held = w.forget
    w.forget[0] = 0.0
    held[2] = 1.0
    assert w.forget == [0.0, 0.5, 1.0], "a list held from before does not undo what came between"


def test_numpy_rows_are_welcome() -> None:
    w = LSTMGates(forget=np.full(5, 0.5, dtype=np.float32), c0=np.float64(1))
    assert w.T == 5
    assert w.trace["gradient"] == [0.0625, 0.125, 0.25, 0.5, 1.0]


# ------------------------------------------------------------------------------- the challenge


def test_challenge_is_solvable_and_not_given_away() -> None:
    best = score(**perfect())
    assert best.score >= 99
    assert (best.read, best.quiet) == (pytest.approx(1), pytest.approx(1))
    for name in PRESETS:
        rows = preset_rows(name, 24)
        del rows["candidate"]
        assert score(**rows).score < 99, name
        assert LSTMGates(name).score() == score(**rows)


def test_challenge_needs_each_gate() -> None:
    """From the solution, spoil one gate: the score falls, and the part that it spoils says why."""
    spoiled = perfect()
    spoiled["output"] = [1.0] * 24
    assert score(**spoiled).quiet == pytest.approx(0, abs=1e-12)
    spoiled = perfect()
    spoiled["forget"][9] = 0.0
    assert score(**spoiled).read == 0
    spoiled = perfect()
    spoiled["input"] = [0.0] * 24
    assert score(**spoiled).read == 0
    spoiled = perfect()
    spoiled["input"] = [1.0] * 24  # the distractors come in
    assert score(**spoiled).score < 99


def test_score_by_hand() -> None:
    """f = 0.9, o = 0.5: what is read is ½ (tanh(.9^20) - tanh(-.9^20)), and h is never quiet."""
    rows = perfect() | {"forget": [0.9] * 24, "output": [0.5] * 24}
    result = score(**rows)
    loud = np.mean([0.5 * math.tanh(0.9**t) for t in range(20)])
    assert result.read == pytest.approx(0.5 * math.tanh(0.9**20) / math.tanh(1))
    assert result.quiet == pytest.approx(1 - loud / math.tanh(1))
    assert result.score == pytest.approx(100 * result.read * result.quiet)


def test_challenge_candidate_never_rests() -> None:
    for T in (21, 24, 100):
        plus, minus = challenge_candidate(1, T), challenge_candidate(-1, T)
        assert (plus[0], minus[0]) == (1, -1)
        assert plus[1:] == minus[1:]
        assert all(0 < abs(v) <= 0.8 for v in plus[1:])


# ------------------------------------------------------------------------------- the reader's own


def test_own_update_drives_the_trace() -> None:
    rows = random_rows(np.random.default_rng(3), 12)
    own = LSTMGates(**rows, update=standard)
    plain = LSTMGates(**rows)
    for key in ("c", "h", "gradient"):
        np.testing.assert_allclose(own.trace[key], plain.trace[key], rtol=1e-8)
    own.forget[5] = plain.forget[5] = 0.25
    np.testing.assert_allclose(own.trace["gradient"], plain.trace["gradient"], rtol=1e-8)

    def squashed(
        f: float, i: float, c_tilde: float, o: float, c_prev: float
    ) -> tuple[float, float]:
        c = math.tanh(f * c_prev + i * c_tilde)
        return c, o * c

    own = LSTMGates(**rows, update=squashed)
    slopes = [f * (1 - c**2) for f, c in zip(rows["forget"], own.trace["c"], strict=True)]
    for t in range(12):
        assert own.trace["gradient"][t] == pytest.approx(np.prod(slopes[t + 1 :]), rel=1e-8)
    for key, row in own.page_state()["driven"].items():
        np.testing.assert_allclose(row, own.trace[key], rtol=1e-8)
    assert repr(own) == "LSTMGates(T=12, update=squashed)"


def test_own_update_that_fails_later_is_shown() -> None:
    def picky(f: float, i: float, c_tilde: float, o: float, c_prev: float) -> tuple[float, float]:
        if f < 0.1:
            raise ZeroDivisionError("f is too small for me")
        return standard(f, i, c_tilde, o, c_prev)

    w = LSTMGates(update=picky)
    w.forget[3] = 0.0
    assert "ZeroDivisionError: f is too small for me" in w.error
    assert "picky" in w.error
    assert "step 4 of 24" in w.error
    assert w.trace == {"c": [], "h": [], "gradient": []}
    w.forget[3] = 0.5
    assert w.error == ""
    assert w.trace["gradient"][0] == pytest.approx(0.5)


def test_own_update_is_scored() -> None:
    w = LSTMGates(challenge=True, update=standard, **perfect())
    assert w.score() == pytest.approx(score(**perfect()))
    assert w._driven is not None
    assert w._driven["minus"]["h"][READ_STEP - 1] == pytest.approx(-math.tanh(1))


# ------------------------------------------------------------------------------- what is refused

NAN = float("nan")
WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: LSTMGates("recall"), ValueError, "preset: expected one of remember, .*'recall'"),
    (lambda: LSTMGates(3), ValueError, "preset: .* got 3"),  # type: ignore[arg-type]
    (lambda: LSTMGates(T=0), ValueError, "T: expected a whole number from 1 to 1000, got 0"),
    (lambda: LSTMGates(T=2.5), TypeError, "T: expected a whole number .*, got 2.5"),  # type: ignore[arg-type]
    (lambda: LSTMGates(T=True), TypeError, "T: expected a whole number .*, got True"),
    (lambda: LSTMGates(T=1001), ValueError, "T: expected a whole number .* 1000, got 1001"),
    (lambda: LSTMGates(forget=[]), ValueError, "T: expected a whole number .*, got 0"),
    (lambda: LSTMGates(forget=[1.0] * 5, T=4), ValueError, "forget: expected T = 4 values, got 5"),
    (lambda: LSTMGates(forget=[1, 1], input=[1]), ValueError, "input: expected T = 2 .*got 1"),
    (lambda: LSTMGates(forget=[1, 1.2]), ValueError, "forget, step 2: .* 0 to 1, got 1.2"),
    (lambda: LSTMGates(output=[-0.1]), ValueError, "output, step 1: .* 0 to 1, got -0.1"),
    (lambda: LSTMGates(candidate=[-1.5]), ValueError, "candidate, step 1: .* -1 to 1, got -1.5"),
    (lambda: LSTMGates(input=[0, NAN]), ValueError, "input, step 2: .* got nan"),
    (lambda: LSTMGates(input=["1"]), TypeError, "input, step 1: .* got '1'"),  # type: ignore[list-item]
    (lambda: LSTMGates(input="11"), TypeError, "input: expected a sequence"),  # type: ignore[arg-type]
    (lambda: LSTMGates(forget=1.0), TypeError, "forget: expected a sequence .* got 1.0"),  # type: ignore[arg-type]
    (lambda: LSTMGates(forgot=[1.0]), TypeError, "LSTMGates has no argument forgot"),
    (
        lambda: LSTMGates(c0=NAN),
        ValueError,
        r"c0: expected a number from -1e\+06 to 1e\+06, got nan",
    ),
    (lambda: LSTMGates(c0=math.inf), ValueError, "c0: expected a number .*, got inf"),
    (lambda: LSTMGates(c0="a"), TypeError, "c0: expected a number .*, got 'a'"),  # type: ignore[arg-type]
    (lambda: LSTMGates(challenge=1), TypeError, "challenge: .* or a text, got 1"),  # type: ignore[arg-type]
    (lambda: LSTMGates(lock="forgot"), ValueError, "lock: expected names of forget, .*'forgot'"),
    (lambda: LSTMGates(T=20, challenge=True), ValueError, "challenge: .*21.*got T = 20"),
    (lambda: LSTMGates(T=20).score(), ValueError, "challenge: .*21.*got T = 20"),
    (lambda: score([1.0] * 20, [1.0] * 20, [1.0] * 20), ValueError, "forget: .*21.*got 20"),
    (lambda: score([1.0] * 22, [1.0] * 21, [1.0] * 22), ValueError, "input: .* 22 .*got 21"),
    (lambda: LSTMGates(update=3), TypeError, "update: expected a function .*got 3"),  # type: ignore[arg-type]
    (lambda: LSTMGates(update=lambda *_: 1.0), TypeError, r"update: .*\(c, h\).*got 1.0 at step 1"),  # type: ignore[arg-type,return-value]
    (lambda: LSTMGates(update=lambda *_: (1, 2, 3)), TypeError, r"update: .*got \(1, 2, 3\)"),  # type: ignore[arg-type,return-value]
    (lambda: LSTMGates(update=lambda *_: ("a", 0)), TypeError, r"update: .*got \('a', 0\)"),  # type: ignore[arg-type,return-value]
    (lambda: LSTMGates(update=lambda *_: (NAN, 0.0)), ValueError, "update: .*finite.*got"),
    (lambda: LSTMGates(update=lambda f: (f, f)), TypeError, "positional argument"),  # type: ignore[arg-type,misc]
    (lambda: LSTMGates(update=lambda *_: 1 / 0), ZeroDivisionError, "division"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "error", "message"), WRONG)
def test_wrong_arguments_are_named(
    make: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


def test_wrong_values_later_leave_the_widget_as_it_was() -> None:
    w = LSTMGates()
    for name, value in [
        ("forget", [0.5]),
        ("candidate", [2.0] * 24),
        ("c0", NAN),
        ("preset", "recall"),
        ("challenge", 1),
    ]:
        before = w.state()
        with pytest.raises((ValueError, TypeError), match=f"^{name}"):
            setattr(w, name, value)
        assert w.state() == before
    for name in ("trace", "error"):
        with pytest.raises(Exception, match="read-only"):
            setattr(w, name, {})


def test_error_of_an_update_says_where() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        driven_trace(lambda *_: 1 / 0, [1.0], [1.0], [1.0], [1.0])  # type: ignore[arg-type]
    assert "at step 1 of 1" in caught.value.__notes__[0]


# ------------------------------------------------------------------------------- a teacher's use


def test_locks_hold_against_the_page_and_not_against_python() -> None:
    w = LSTMGates("leak", lock=["forget", "c0"], challenge="Keep c above ½ with i and o alone.")
    assert w.lock == ("forget", "c0")
    assert w.page_state()["lock"] == ["forget", "c0"]
    w.set_state({"forget": [0.0] * 24, "input": [0.5] * 24, "c0": 3.0, "preset": None})
    assert w.forget == [0.8] * 24
    assert w.c0 == 0
    assert w.input == [0.5] * 24
    w.forget[0] = 0.25
    assert w.trace == lstm_trace(w.forget, w.input, w.output, w.candidate)
    assert w.state()["input"] == [0.5] * 24
    assert w.state()["challenge"] == "Keep c above ½ with i and o alone."
    assert repr(w) == "LSTMGates(T=24, lock=['forget', 'c0'], challenge=...)"
    assert "Keep c above" in w.to_html()


# ------------------------------------------------------------------------------- in a notebook


def test_repr_is_short_and_stable() -> None:
    assert repr(LSTMGates()) == "LSTMGates(T=24, preset='remember')"
    assert repr(LSTMGates("leak", T=30, challenge=True)) == (
        "LSTMGates(T=30, preset='leak', challenge=True)"
    )
    assert repr(LSTMGates(forget=[0.5] * 3)) == "LSTMGates(T=3)"
    assert repr(LSTMGates(update=standard)) == "LSTMGates(T=24, preset='remember', update=standard)"


@pytest.mark.parametrize("name", PRESETS)
def test_html_holds_state_and_picture(name: str) -> None:
    bundle = LSTMGates(name)._repr_mimebundle_()
    assert bundle is not None
    data, _ = bundle
    assert set(data) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    assert data["text/plain"] == f"LSTMGates(T=24, preset={name!r})"
    page = data["text/html"]
    assert page == LSTMGates(name).to_html(), "two widgets, one output: no ids, no addresses"
    assert len(page.encode()) < 25_000
    found = re.match(r'<div data-explorable="lstm-gates" data-state="([^"]*)">', page)
    assert found is not None
    state = json.loads(html.unescape(found[1]))
    assert {key: state[key] for key in ROWS} == preset_rows(name, 24)
    assert (state["c0"], state["preset"], state["challenge"]) == (0, name, False)

    image = re.search(r'alt="([^"]+)"[^>]* src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert image is not None
    svg = ET.fromstring(base64.b64decode(image[2]))
    title = svg.find("{http://www.w3.org/2000/svg}title")
    assert svg.get("role") == "img"
    assert title is not None
    assert title.text
    assert title.text in html.unescape(image[1])


def test_picture_draws_what_the_state_says() -> None:
    rows = random_rows(np.random.default_rng(1), 5)
    w = LSTMGates(**rows)
    svg = w.picture()[0]
    assert not re.search("nan|inf", svg.lower().replace("infer", ""))
    # The bars of the forget gate: 46 high, top at 14.
    bars = re.search(r'<path fill="var\(--f\)" d="([^"]+)"', svg)
    assert bars is not None
    drawn = re.findall(r"M[\d.]+ ([\d.]+)h[\d.]+v([\d.]+)h", bars[1])
    assert len(drawn) == 5
    for (top, height), value in zip(drawn, rows["forget"], strict=True):
        assert float(height) == pytest.approx(46 * value, abs=0.06)
        assert float(top) == pytest.approx(60 - 46 * value, abs=0.06)


def test_pictures_of_extremes() -> None:
    for w in (
        LSTMGates(T=1),
        LSTMGates(T=300),
        LSTMGates(forget=[0.0] * 4, c0=-1e6),
        LSTMGates(forget=[1e-300] * 9),
        LSTMGates(update=lambda f, i, g, o, c: (-3 * c + i, o * c)),
        LSTMGates(challenge=True),
    ):
        svg, alt = w.picture()
        ET.fromstring(svg)
        assert "nan" not in svg
        assert "inf" not in svg
        assert alt


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(0.0, "0"), (1.0, "1"), (-1.0, "−1"), (0.9999, "1.000"), (0.5, "0.50"), (0.01, "0.010")],
        *[(0.0052, "5.2×10⁻³"), (3e-12, "3.0×10⁻¹²"), (12.34, "12"), (-250.0, "−2.5×10²")],
    ],
)
def test_gradient_in_words(value: float, text: str) -> None:
    assert gradient_text(value) == text


def test_base_class_asks_for_picture_and_presets() -> None:
    class Bare(Explorable):
        pass

    with pytest.raises(NotImplementedError):
        Bare().picture()
    with pytest.raises(NotImplementedError):
        Bare().preset_values("x")
    assert Bare().state() == {"challenge": False}


# ------------------------------------------------------------------------------- the bundle


def sources_of(kind: str, suffix: str) -> list[str]:
    paths = sorted((EXPLORABLES / "js" / kind).glob(f"*{suffix}"), key=lambda path: path.name)
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_bundles_are_of_these_sources(bundle: Path) -> None:
    """Whoever changes a source runs `npm run build`; here the hash is made again, without Node."""
    if bundle == STYLE:
        sources = [source for kind in ("kit", *KINDS) for source in sources_of(kind, ".css")]
    else:
        sources = [s for kind in ("kit", "math", bundle.stem) for s in sources_of(kind, ".js")]
    digest = hashlib.sha256()
    for source in [*sources, "lib/unrolled/palette.json", "package-lock.json"]:
        digest.update(source.encode() + b"\0" + (ROOT / source).read_bytes() + b"\0")
    first = bundle.read_text(encoding="utf-8").splitlines()[0]
    assert f"sha256:{digest.hexdigest()}" in first, "run npm run build"


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_bundle_is_small(bundle: Path) -> None:
    assert len(gzip.compress(bundle.read_bytes())) <= 70 * 1024


def test_lock_file_names_no_registry() -> None:
    lock = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock
    assert "registry" not in lock
    assert '"esbuild"' in lock
