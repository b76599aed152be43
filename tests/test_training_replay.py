"""TrainingReplay: what is recorded, what a film holds, what is drawn, and playing."""

import copy
import gzip
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
from explorable_pages import WIDTHS, Open, box_of, frame, violations
from playwright.sync_api import Page, expect

from unrolled import cells, tasks
from unrolled.explorables.recordings import (
    ADDING,
    CURVES,
    DIGITS,
    GATES,
    LOWEST,
    MANY,
    RUNS,
    STATES,
    Recording,
    check_film,
    decode,
    encode,
    record,
    shipped,
)
from unrolled.explorables.training_replay import TrainingReplay, moment_of
from unrolled.explorables.training_replay_picture import about, describe, error_text, title
from unrolled.optimizers import adam, sgd
from unrolled.training import init_model, loss_and_gradients
from unrolled.tree import tree_leaves, tree_norm

FOLDER = Path(__file__).parents[1] / "lib/unrolled/explorables/recordings"
LETTERS = (*GATES, *STATES, *CURVES)
HOST = "document.querySelector('[data-explorable]').explorable"


def short(cell: Any = cells.gru, **changes: Any) -> Recording:
    """A recording that takes no time."""
    settings = {"updates": 4, "every": 2, "tests": 20, "units": 2, "progress": False}
    task = changes.pop("task", tasks.adding(6))
    return record(cell, task, changes.pop("H", 5), **(settings | changes))


@pytest.fixture(scope="module")
def some() -> Recording:
    return short()


# ----------------------------------------------------------------------------- quantised arrays


def test_an_array_comes_back_to_half_a_level() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        shape = tuple(rng.integers(1, 9, rng.integers(1, 4)).tolist())
        low = float(rng.normal())
        high = low + float(rng.uniform(0.1, 5))
        levels = int(rng.choice([2, 3, 128, 255, 256, 960]))
        values = rng.uniform(low, high, shape)
        part = json.loads(json.dumps(encode(values, low, high, levels)))
        assert set(part["data"]) <= set(DIGITS + MANY)
        np.testing.assert_allclose(
            decode(part), values, rtol=0, atol=0.501 * (high - low) / (levels - 1)
        )


def test_what_is_outside_is_cut_and_the_ends_are_exact() -> None:
    part = encode([[-7.0, -1.0, 0.0, 1.0, 9.0]], -1.0, 1.0, 3)
    assert decode(part).tolist() == [[-1.0, -1.0, 0.0, 1.0, 1.0]]


def test_a_film_at_rest_is_one_letter() -> None:
    part = encode(np.full((4, 2, 3), 0.0), 0.0, 1.0)
    assert part["data"] == "A" * 24


def test_nothing_in_a_film_needs_escaping() -> None:
    data = DIGITS + MANY
    assert len(set(data)) == len(data) == 79
    assert html.escape(data) == data
    assert json.dumps(data) == f'"{data}"'


# ----------------------------------------------------------------------------- recordings


@pytest.mark.parametrize("cell", RUNS)
def test_the_shipped_recordings_are_small_and_say_how_they_were_made(cell: str) -> None:
    path = FOLDER / f"{cell}.json"
    assert len(gzip.compress(path.read_bytes())) < 150_000
    run = shipped(cell)
    model = init_model(getattr(cells, cell), np.random.default_rng(0), 2, RUNS[cell], 1)
    parameters = sum(array.size for _, array in tree_leaves(model))
    assert run.name == run.settings["cell"] == cell
    assert run.settings == {
        "task": "adding, T = 50",
        "T": 50,
        "cell": cell,
        "H": RUNS[cell],
        "parameters": parameters,
        "B": 32,
        "updates": ADDING["updates"],
        "optimizer": "adam",
        "learning_rate": ADDING["learning_rate"],
        "clip": 1.0,
        "seed": ADDING["seed"],
        "probe": ADDING["probe"],
    }
    assert abs(parameters - 1250) < 30, "about the same number of parameters"
    assert set(run.film["made_with"]) == {"numpy", "python"}
    assert run.frames == list(range(0, 1201, 10))
    sequence = tasks.adding(50).batch(np.random.default_rng(ADDING["probe"]), 1)
    np.testing.assert_allclose(run.inputs, sequence.xs[:, 0, 0], rtol=1e-4)
    assert run.marks == np.flatnonzero(sequence.xs[:, 1, 0]).tolist()
    assert run.target == pytest.approx(sequence.target[0, 0], rel=1e-4)
    assert (run.gates, run.states) == {
        "rnn": ((), ("h",)),
        "gru": (("z", "r"), ("h",)),
        "lstm": (("f", "i", "o"), ("c", "h")),
    }[cell]


def test_together_they_are_small_enough_for_a_page() -> None:
    state = TrainingReplay().page_state()
    assert len(gzip.compress(json.dumps(state, separators=(",", ":")).encode())) < 60 * 1024


def test_the_lstm_and_the_gru_learn_and_the_rnn_does_not() -> None:
    runs = {cell: shipped(cell) for cell in RUNS}
    assert min(runs["rnn"].loss) > 0.15
    for cell in ("gru", "lstm"):
        run = runs[cell]
        assert max(run.loss[-10:]) < 0.01
        assert run.prediction[-1] == pytest.approx(run.target, abs=0.08)
        # The gradient reaches back when the network learns, and did not before.
        learnt = next(k for k, loss in enumerate(run.loss) if loss < 0.05)
        assert moment_of(run, learnt)["reach"] > -0.5
        assert all(moment_of(run, k)["reach"] < -1 for k in range(learnt // 2))


@pytest.mark.parametrize("cell", RUNS)
def test_training_again_films_the_same(cell: str) -> None:
    """The command's own code, some updates long: the committed film begins like that."""
    run = shipped(cell)
    settings = {"updates": 30, "every": 10, "units": run.units, "progress": False}
    again = record(getattr(cells, cell), tasks.adding(50), RUNS[cell], **(ADDING | settings))
    assert again.frames == run.frames[:4]
    np.testing.assert_allclose(again.loss, run.loss[:4], rtol=1e-3)
    np.testing.assert_allclose(again.prediction, run.prediction[:4], atol=1e-3)
    assert (again.inputs, again.marks, again.target) == (run.inputs, run.marks, run.target)
    assert set(again.film["arrays"]) == set(run.film["arrays"])
    for name, part in run.film["arrays"].items():
        new, old = again.array(name), run.array(name)[: 31 if name == "gradient_norm" else 4]
        wide = sum(
            (one["high"] - one["low"]) / (one["levels"] - 1)
            for one in (part, again.film["arrays"][name])
        )
        # Where the gradient is at the floor of one film, it may be above that of the other.
        floor = max(part["low"], again.film["arrays"][name]["low"])
        new, old = (np.maximum(one, floor) if name in CURVES else one for one in (new, old))
        np.testing.assert_allclose(new, old, rtol=0, atol=0.6 * wide, err_msg=name)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "lstm_peephole", "lstm_coupled"])
def test_a_film_shows_what_training_does(name: str) -> None:
    """Three updates by hand: the numbers, the states, and the gradient by differences."""
    cell, task, H, seed = getattr(cells, name), tasks.adding(6), 4, 5
    run = record(
        cell, task, H, updates=3, every=1, B=8, seed=seed, probe=9, units=[1, 3], tests=50,
        learning_rate=0.02, clip=0.5, progress=False,
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    model = init_model(cell, rng, 2, H, 1)
    test = task.test(np.random.default_rng([seed, 1]), 50)
    sequence = task.batch(np.random.default_rng(9), 1)
    rule = adam(0.02)
    memory = rule.init(model)
    for k in range(4):
        now = moment_of(run, k)
        h: list[Any] = []
        for xs in (test.xs, sequence.xs):
            s = cell.zero_state(H, xs.shape[2])
            for x in xs:
                s, _ = cell.step(model.cell, s, x)
            h.append(s.h)
        read = [model.readout.W_y @ one + model.readout.b_y for one in h]
        assert now["loss"] == pytest.approx(np.mean((read[0] - test.target) ** 2), rel=1e-4)
        assert now["prediction"] == pytest.approx(read[1][0, 0], abs=1e-4)

        batch = task.batch(rng, 8)
        _, gradients = loss_and_gradients(cell, model, batch.xs, batch.target, task.loss)
        norm = tree_norm(gradients)
        assert math.log10(now["gradient_norm"]) == pytest.approx(math.log10(norm), abs=0.01)

        check_states(cell, model, sequence.xs, now)
        scale = min(1.0, 0.5 / norm)
        scaled = type(model)(
            type(model.cell)(*(scale * g for g in gradients.cell)),
            type(model.readout)(*(scale * g for g in gradients.readout)),
        )
        model, memory = rule.update(model, scaled, memory)


def check_states(cell: Any, model: Any, xs: Any, now: dict[str, Any]) -> None:
    """States, gates and gradient norms of one sequence, by stepping and by differences."""
    states, caches = [cell.zero_state(4, 1)], []
    for x in xs:
        s, cache = cell.step(model.cell, states[-1], x)
        states.append(s)
        caches.append(cache)

    def read(t: int, s: Any) -> float:
        for x in xs[t + 1 :]:
            s, _ = cell.step(model.cell, s, x)
        return float((model.readout.W_y @ s.h)[0, 0])

    lstm = "c" in cell.State._fields
    for t in range(6):
        for letter in LETTERS:
            if letter in now and letter not in CURVES:
                source = states[t + 1] if letter in STATES else caches[t]
                exact = getattr(source, letter)[[1, 3], 0]
                np.testing.assert_allclose(now[letter][:, t], exact, atol=0.02, err_msg=letter)
        for name in ("h", "c")[: 1 + lstm]:
            slopes = []
            for unit in range(4):
                values = []
                for nudge in (1e-5, -1e-5):
                    s = states[t + 1]
                    moved = getattr(s, name).copy()
                    moved[unit] += nudge
                    s = s._replace(**{name: moved})
                    if name == "c":  # the total derivative: h_t moves along with c_t
                        o = caches[t].o
                        if "p_o" in model.cell._fields:
                            shift = model.cell.p_o * (moved - caches[t].c)
                            o = 1 / (1 + (1 / o - 1) * np.exp(-shift))
                        s = s._replace(h=o * np.tanh(moved))
                    values.append(read(t, s))
                slopes.append((values[0] - values[1]) / 2e-5)
            exact = math.log10(max(float(np.linalg.norm(slopes)), 10**LOWEST))
            assert now[f"gradient_{name}"][t] == pytest.approx(exact, abs=0.03), (name, t)


def test_units_that_are_filmed_tell_most_of_the_read_out() -> None:
    run = short(cells.lstm, H=7, units=3, seed=2)
    again = short(cells.lstm, H=7, units=list(range(7)), seed=2)
    assert len(run.units) == 3
    assert run.units == sorted(run.units)
    for letter in ("f", "i", "o", "h"):
        np.testing.assert_allclose(run.array(letter), again.array(letter)[:, run.units], atol=1e-12)


def test_a_reader_films_what_they_like() -> None:
    start = {"initialise": lambda p: p._replace(b=p.b + 0.5), "name": "a larger bias"}
    run = short(cells.lstm_coupled, optimizer=sgd, learning_rate=0.1, clip=None, **start)
    assert run.name == "a larger bias"
    assert run.settings["cell"] == "lstm_coupled"
    assert (run.settings["optimizer"], run.settings["clip"]) == ("sgd", None)
    assert run.gates == ("f", "o")
    assert run.loss != short(cells.lstm_coupled, optimizer=sgd, learning_rate=0.1, clip=None).loss
    assert repr(run) == "<Recording a larger bias: adding, T = 6, 4 updates, 3 frames>"
    relu = short(cells.rnn_relu)
    assert relu.gates == ()
    w = TrainingReplay([run, relu], cell="rnn_relu", frame=2)
    assert w.runs == {"a larger bias": run, "rnn_relu": relu}
    assert w.F == 3


def test_a_recording_is_kept_in_a_file(tmp_path: Path, some: Recording) -> None:
    some.save(tmp_path / "run.json")
    again = Recording.load(tmp_path / "run.json")
    assert again.film == some.film
    with pytest.raises(ValueError, match="read-only"):
        again.array("h")[0] = 1
    for cell in RUNS:
        shipped(cell).save(tmp_path / "same.json")
        assert (tmp_path / "same.json").read_bytes() == (FOLDER / f"{cell}.json").read_bytes()


def test_a_progress_bar_is_shown_unless_it_is_not_wanted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    short()
    assert capsys.readouterr().err == ""
    short(progress=True)
    assert "0/5" in capsys.readouterr().err


# ----------------------------------------------------------------------------- what is refused

NAN = float("nan")


def far(rate: float) -> Recording:
    """Training that leaves the finite numbers, as NumPy lets it by default."""
    with np.errstate(over="ignore", invalid="ignore"):
        return short(optimizer=sgd, learning_rate=rate, clip=None)


WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: TrainingReplay("copy"), ValueError, "recording: expected one of 'adding', .*'copy'"),
    (lambda: TrainingReplay(3), TypeError, "recording: expected .* got 3"),  # type: ignore[arg-type]
    (lambda: TrainingReplay([3]), TypeError, "recording: .* got 3 among them"),  # type: ignore[list-item]
    (lambda: TrainingReplay([]), ValueError, "recording: expected 1 to 6 Recordings, got 0"),
    (lambda: TrainingReplay([short(name=str(k)) for k in range(7)]), ValueError, "got 7"),
    (lambda: TrainingReplay([short(), short()]), ValueError, "names that differ, got gru, gru"),
    (lambda: TrainingReplay([short(), short(cells.rnn, updates=6)]), ValueError, "same frames"),
    (
        lambda: TrainingReplay([short(), short(cells.rnn, task=tasks.adding(7))]),
        ValueError,
        "same task in all runs, got 'adding, T = 7'",
    ),
    (lambda: TrainingReplay(cell="elman"), ValueError, "cell: expected one of rnn, gru, lstm"),
    (lambda: TrainingReplay(frame=121), ValueError, "frame: .* from 0 to 120, got 121"),
    (lambda: TrainingReplay(frame=-1), ValueError, "frame: .* from 0 to 120, got -1"),
    (lambda: TrainingReplay(frame=1.5), TypeError, "frame: .* got 1.5"),  # type: ignore[arg-type]
    (lambda: TrainingReplay(speed=0), ValueError, "speed: expected a number from 2 to 30, got 0"),
    (lambda: TrainingReplay(speed=NAN), ValueError, "speed: .* got nan"),
    (lambda: TrainingReplay(playing="yes"), TypeError, "playing: expected True or False"),  # type: ignore[arg-type]
    (lambda: TrainingReplay(lock=["loss"]), ValueError, "lock: expected names of frame, cell"),
    (lambda: TrainingReplay(challenge=True), ValueError, "challenge: expected a text"),
    (lambda: TrainingReplay(T=5), TypeError, "TrainingReplay has no argument T"),
    (lambda: shipped("elman"), ValueError, "cell: expected one of rnn, gru, lstm, got 'elman'"),
    (lambda: shipped("rnn").array("f"), ValueError, "name: expected one of .*, got 'f'"),
    (lambda: short("lstm"), TypeError, "cell"),
    (lambda: short(task=3), TypeError, "task: expected a Task such as tasks.adding"),
    (lambda: short(task=tasks.copy(5)), ValueError, "task: expected one with a number and a mark"),
    (lambda: short(task=tasks.latch(5)), ValueError, "task: expected one with a number and a mark"),
    (lambda: short(H=0), ValueError, "H must be at least 1, got 0"),
    (lambda: short(updates=0), ValueError, "updates must be at least 1, got 0"),
    (lambda: short(every=3), ValueError, "every: expected a divisor of updates = 4, got 3"),
    (lambda: short(every=2.0), TypeError, "every must be a whole number"),
    (lambda: short(seed=-1), ValueError, "seed must be at least 0"),
    (lambda: short(probe=None), TypeError, "probe must be a whole number"),
    (lambda: short(tests=0), ValueError, "tests must be at least 1"),
    (lambda: short(units=0), ValueError, "units: expected a whole number from 1 to 5, got 0"),
    (lambda: short(units=6), ValueError, "units: expected a whole number from 1 to 5, got 6"),
    (lambda: short(units=[5]), ValueError, "units: expected a whole number from 0 to 4, got 5"),
    (lambda: short(units=[2, 1]), ValueError, r"units: .* ascending order, got \[2, 1\]"),
    (lambda: short(units=[]), ValueError, "units: "),
    (lambda: short(learning_rate=NAN), ValueError, "learning_rate must be finite"),
    (lambda: short(learning_rate=-1.0), ValueError, "learning_rate"),
    (lambda: short(clip=0.0), ValueError, "clip must be positive"),
    (lambda: short(B=0), ValueError, "B must be at least 1"),
    (lambda: short(optimizer=lambda rate: rate), TypeError, "optimizer"),
    (lambda: far(1e100), FloatingPointError, "update [12]: .*a smaller learning rate or clip="),
    (lambda: Recording(3), TypeError, "recording: expected a film, .* got 3"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "error", "message"), WRONG)
def test_wrong_arguments_are_named(
    make: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


def spoiled(film: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Films with one thing wrong, each with the name that the error must give."""

    def put(path: str, value: Any) -> tuple[str, dict[str, Any]]:
        bad = copy.deepcopy(film)
        *way, last = path.split(".")
        place: Any = bad
        for key in way:
            place = place[key]
        if value is Ellipsis:
            del place[last]
        else:
            place[last] = value
        return path, bad

    data = film["arrays"]["h"]["data"]
    return [
        put("format", "something else"),
        put("name", ""),
        put("name", 3),
        put("settings", []),
        *(put(f"settings.{key}", ...) for key in film["settings"] if key != "clip"),
        *(put(f"settings.{key}", "x") for key in ("T", "H", "updates", "clip", "learning_rate")),
        put("settings.T", 1),
        put("settings.T", 5),
        put("settings.H", 1),
        put("settings.updates", 5),
        put("settings.task", 3),
        put("baseline", None),
        put("target", "x"),
        put("frames", [0, 2]),
        put("frames", [0, 2, 2, 4]),
        put("frames", [1, 2, 4]),
        put("frames", [0.5, 2, 4]),
        put("frames", "all"),
        put("loss", [0.1, 0.2]),
        put("loss", [0.1, -0.2, 0.1]),
        put("loss", [0.1, None, 0.1]),
        put("prediction", {}),
        put("inputs", film["inputs"][:-1]),
        put("marks", [1]),
        put("marks", [4, 1]),
        put("marks", [1, 6]),
        put("units", []),
        put("units", [0, 5]),
        put("arrays", None),
        put("arrays.x", film["arrays"]["h"]),
        put("arrays.h", ...),
        put("arrays.gradient_norm", ...),
        put("arrays.c", film["arrays"]["h"]),
        put("arrays.z", 3),
        put("arrays.z.low", 1.0),
        put("arrays.z.low", None),
        put("arrays.z.high", 1e300),
        put("arrays.z.levels", 1),
        put("arrays.z.levels", 1000),
        put("arrays.z.levels", 2.5),
        put("arrays.z.shape", [3, 2]),
        put("arrays.z.shape", None),
        put("arrays.h.data", data[:-1]),
        put("arrays.h.data", data + "A"),
        put("arrays.h.data", data + "!"),
        put("arrays.h.data", "!!" + data),
        put("arrays.h.data", "ü" + data[1:]),
        put("arrays.h.data", "<" + data[1:]),
        put("arrays.h.data", 7),
    ]


def named(path: str, message: str) -> bool:
    """Whether a message names the entry: itself, or what holds it, or what does not fit it."""
    related = {"settings.T": "inputs", "settings.H": "units", "settings.updates": "frames"}
    parts = path.split(".")
    return (
        any(
            ".".join(parts[:k]) in message or parts[-1] in message for k in range(len(parts), 0, -1)
        )
        or related.get(path, "nothing") in message
    )


def test_a_film_that_is_none_is_refused(some: Recording) -> None:
    check_film(some.film)
    for path, bad in spoiled(some.film):
        with pytest.raises((ValueError, TypeError)) as caught:
            Recording(bad)
        assert named(path, str(caught.value)), (path, str(caught.value))


def test_wrong_values_later_leave_the_widget_as_it_was() -> None:
    w = TrainingReplay()
    for name, value in [
        *(("frame", bad) for bad in (-1, 121, 0.5, "x", None)),
        *(("cell", bad) for bad in ("elman", None, 3)),
        *(("speed", bad) for bad in (1, 31, NAN, "fast")),
        *(("playing", bad) for bad in (1, "yes", None)),
    ]:
        before = w.state()
        with pytest.raises((ValueError, TypeError), match=f"^{name}"):
            setattr(w, name, value)
        assert w.state() == before


# ----------------------------------------------------------------------------- in a notebook


def test_handles_come_from_the_page_as_from_python() -> None:
    w = TrainingReplay(frame=3)
    assert w.state() == {
        "frame": 3, "cell": "lstm", "speed": 12.0, "playing": False, "challenge": False,
    }  # fmt: skip
    w.set_state({"frame": 40.0, "cell": "gru", "playing": True})
    assert (w.frame, w.cell, w.playing) == (40, "gru", True)
    assert w.moment["update"] == 400
    assert w.moment["loss"] == shipped("gru").loss[40]
    assert w.moment["z"].shape == (4, 50)
    assert "c" not in w.moment
    with pytest.raises(ValueError, match="frame"):
        w.set_state({"frame": 121})
    locked = TrainingReplay(lock=["cell"])
    locked.set_state({"cell": "rnn", "frame": 7})
    assert (locked.cell, locked.frame) == ("lstm", 7)


def test_repr_is_short_and_stable(some: Recording) -> None:
    assert repr(TrainingReplay()) == "TrainingReplay(recording='adding', cell='lstm', frame=0)"
    assert repr(TrainingReplay(some, frame=1, lock=["cell"])) == (
        "TrainingReplay(recording=[gru], cell='gru', frame=1, lock=['cell'])"
    )


def test_html_holds_state_films_and_picture() -> None:
    page = TrainingReplay(frame=60).to_html()
    assert page == TrainingReplay(frame=60).to_html()
    assert len(gzip.compress(page.encode())) < 80 * 1024
    found = re.match(r'<div data-explorable="training-replay" data-state="([^"]*)">', page)
    assert found is not None
    state = json.loads(html.unescape(found[1]))
    assert state["_films"] == {cell: shipped(cell).film for cell in RUNS}
    assert (state["frame"], state["cell"]) == (60, "lstm")
    assert TrainingReplay(frame=60).picture()[1] in html.unescape(page)


def test_the_picture_draws_the_moment() -> None:
    w = TrainingReplay(cell="gru", frame=40)
    svg, alt = w.picture()
    root = ET.fromstring(svg)
    words = "".join(root.itertext())
    for part in ("RNN", "GRU", "LSTM", "update gate", "reset gate", "hidden state", "guessing"):
        assert part in words
    assert "forget gate" not in words
    assert "GRU, after 400 of 1200 updates" in alt
    # The cells of the update gate: rows of 9, opacity the value in sixteenths.
    cells_drawn = [
        (float(opacity), *map(float, place))
        for opacity, d in re.findall(
            r'<path fill="var\(--z\)" fill-opacity="([^"]+)" d="([^"]+)"', svg
        )
        for place in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v9", d)
    ]
    drawn, step = np.zeros((4, 50)), 514 / 50
    top = min(y for _, _, y, _ in cells_drawn)
    for opacity, x, y, wide in cells_drawn:
        first = round((x - 196) / step)
        drawn[round((y - top) / 10), first : first + round(wide / step)] = opacity
    np.testing.assert_allclose(drawn, w.moment["z"], atol=1 / 31)


def test_pictures_of_extremes(some: Recording) -> None:
    tiny = short(cells.rnn, task=tasks.adding(2), H=1, units=1, updates=1, every=1, tests=1)
    long = short(cells.lstm, task=tasks.adding(150), H=9, units=9, updates=2, every=1)
    wild = short(optimizer=sgd, learning_rate=30.0, clip=None, updates=2, every=1)
    for w in (
        TrainingReplay(),
        TrainingReplay(cell="rnn", frame=120),
        TrainingReplay(some, frame=2),
        TrainingReplay(tiny, frame=1),
        TrainingReplay(long),
        TrainingReplay(wild, frame=2),
        TrainingReplay([short(name=f'<run {k}> & "so on"') for k in range(6)]),
    ):
        svg, alt = w.picture()
        ET.fromstring(svg)
        assert not re.search(r"\bnan\b|\binf\b", svg)
        assert alt
        json.dumps(w.page_state(), allow_nan=False)
        assert w.to_html()


@pytest.mark.parametrize(
    ("exponent", "text"),
    [
        (0.0, "1.0"),
        (-0.3, "0.5"),
        (0.5, "3.2"),
        (-2.5, "3×10⁻³"),
        (-9.8, "2×10⁻¹⁰"),
        (1.3, "2×10¹"),
    ],
)
def test_a_gradient_in_words(exponent: float, text: str) -> None:
    assert about(exponent) == text


def test_the_sentence() -> None:
    assert describe(shipped("rnn"), moment_of(shipped("rnn"), 0)) == (
        "RNN, after 0 of 1200 updates: error 1.343 (guessing the mean: 0.167). Here it reads "
        "−0.04; right is 1.39. The gradient at step 4, the first to be added, is less than "
        "2×10⁻¹⁰ times that at step 50."
    )
    assert error_text(0.00059) == "5.9×10⁻⁴"
    assert title("my own") == "my own"


# ----------------------------------------------------------------------------- parity

InJavaScript = Callable[[str, str, Any], Any]
MATH, WORDS = "training-replay/math.js", "training-replay/words.js"


@pytest.mark.browser
def test_javascript_decodes_to_the_same_numbers(in_javascript: InJavaScript) -> None:
    rng = np.random.default_rng(1)
    parts = []
    for _ in range(1000):
        shape = tuple(rng.integers(1, 7, rng.integers(1, 4)).tolist())
        low = float(rng.normal(scale=10.0))
        high = low + float(10 ** rng.uniform(-3, 3))
        levels = int(rng.choice([2, 3, 7, 128, 255, 256, 960]))
        parts.append(encode(rng.uniform(low, high, shape), low, high, levels))
    found = in_javascript(MATH, "(m, parts) => parts.map(p => [...m.decode(p)])", parts)
    for part, array in zip(parts, found, strict=True):
        assert array == decode(part).ravel().tolist(), "to the last bit"


@pytest.mark.browser
def test_javascript_shows_the_same_moments_and_says_the_same(in_javascript: InJavaScript) -> None:
    """All frames of all runs, and of some of a reader's own: 363 and more."""
    own = [short(cells.lstm_peephole, seed=k, updates=40, every=1) for k in range(4)]
    own += [short(cells.rnn_relu, seed=k, H=9, units=k + 1, updates=40, every=1) for k in range(4)]
    own += [short(cells.gru_reset_after, seed=k, updates=40, every=1) for k in range(8)]
    count = 0
    for run in (*map(shipped, RUNS), *own):
        found = in_javascript(
            MATH,
            "(m, film) => film.frames.map((_, k) => Object.fromEntries(Object.entries(m.momentOf(film, k))"
            ".map(([name, v]) => [name, typeof v === 'number' ? v : [...v]])))",
            run.film,
        )
        told = in_javascript(
            WORDS, "(m, [film, moments]) => moments.map(now => m.describe(film, now))", [run.film, found]
        )  # fmt: skip
        for k, (js, said) in enumerate(zip(found, told, strict=True)):
            now = moment_of(run, k)
            assert set(js) == set(now)
            for name, value in now.items():
                if name in LETTERS:
                    assert js[name] == value.ravel().tolist()
                else:
                    assert js[name] == pytest.approx(value, rel=1e-13, abs=1e-13)
            assert said == describe(run, now)
            count += 1
    assert count > 1000


@pytest.mark.browser
def test_javascript_refuses_the_same_films(in_javascript: InJavaScript, some: Recording) -> None:
    films = spoiled(some.film)
    check = "(m, films) => films.map(f => { try { m.checkFilm(f); return null } catch (e) { return e.message } })"
    found = in_javascript(MATH, check, [some.film, *(bad for _, bad in films)])
    assert found[0] is None
    for (path, _), message in zip(films, found[1:], strict=True):
        assert message is not None, path
        assert named(path, message), (path, message)
    sets = [{}, {"other": some.film}, {"gru": some.film, "lstm": shipped("lstm").film}, [], None]
    check = check.replace("checkFilm(", "checkFilms(")
    good, *bad = in_javascript(MATH, check, [{"gru": some.film}, *sets])
    assert good is None
    assert all("recording" in message for message in bad)


# ----------------------------------------------------------------------------- on a page


def state(page: Page) -> dict[str, Any]:
    frame(page)
    found: dict[str, Any] = page.evaluate(
        f"() => Object.fromEntries(['frame', 'cell', 'speed', 'playing'].map(n => [n, {HOST}.get(n)]))"
    )
    return found


def assert_shows_the_moment(page: Page) -> None:
    """The numbers drawn, and those in words, are Python's."""
    handles = state(page)
    now = moment_of(shipped(handles["cell"]), handles["frame"])
    results = page.evaluate(f"{HOST}.results()")
    assert set(results) == set(now)
    for name, value in now.items():
        if name in LETTERS:
            assert results[name] == value.ravel().tolist(), name
        else:
            assert results[name] == pytest.approx(value, rel=1e-12), name
    expect(page.locator(".u-says")).to_have_text(describe(shipped(handles["cell"]), now))
    for name in ("loss", "gradient_norm", "prediction", "target"):
        shown = float(page.locator(f".u-now [data-q={name}]").get_attribute("data-value") or "nan")
        assert shown == pytest.approx(now[name], rel=1e-12)


def action(page: Page, name: str) -> Any:
    return page.locator(f"[data-action={name}]")


def test_files_of_the_film_are_named_in_python() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(RUNS)


@pytest.mark.browser
def test_a_drag_across_the_curves_moves_the_film(opened: Open) -> None:
    page = opened(TrainingReplay().to_html())
    assert_shows_the_moment(page)
    panel = box_of(page.locator("[data-panel=training]"))
    left, right = panel["x"] + 196, panel["x"] + panel["width"] - 10
    page.mouse.move(left + 40, panel["y"] + 60)
    page.mouse.down()
    for share in (0.2, 0.9, 0.755):
        page.mouse.move(left + share * (right - left), panel["y"] + 90, steps=4)
    frame(page)
    assert state(page)["frame"] == round(0.755 * 120)
    page.mouse.move(right + 300, panel["y"] + 500)
    page.mouse.up()
    frame(page)
    assert state(page)["frame"] == 120
    assert_shows_the_moment(page)
    page.keyboard.press("Control+z")
    action(page, "undo").click()
    frame(page)
    assert state(page)["frame"] == 0, "one drag is one step of undo"
    # Not from where no curve is.
    page.mouse.click(panel["x"] + 60, panel["y"] + 60)
    frame(page)
    assert state(page)["frame"] == 0


@pytest.mark.browser
def test_keys_and_buttons_move_it_frame_by_frame(opened: Open) -> None:
    page = opened(TrainingReplay(frame=50).to_html())
    slider = page.get_by_role("slider", name="Frame: updates of training")
    expect(slider).to_have_attribute("aria-valuetext", "500 of 1200")
    slider.focus()
    for key, wanted in (("ArrowRight", 51), ("ArrowLeft", 50), ("End", 120), ("Home", 0)):
        page.keyboard.press(key)
        frame(page)
        assert state(page)["frame"] == wanted
        assert_shows_the_moment(page)
    expect(action(page, "back")).to_be_disabled()
    for name, wanted in (("forth", 1), ("forth", 2), ("back", 1)):
        action(page, name).click()
        frame(page)
        assert state(page)["frame"] == wanted
    for cell in RUNS:
        page.get_by_role("button", name=title(cell), exact=True).click()
        frame(page)
        assert state(page)["cell"] == cell
        assert_shows_the_moment(page)
        label = page.locator("[data-panel=sequence] canvas").get_attribute("aria-label") or ""
        assert ("forget gate" in label) is (cell == "lstm")
        assert ("update gate" in label) is (cell == "gru")


@pytest.mark.browser
def test_the_picture_draws_what_the_film_holds(opened: Open) -> None:
    """Pixels: how much of a gate's colour is on its map is the gate's value."""
    page = opened(TrainingReplay(cell="lstm", frame=88).to_html(), theme="light")
    now = moment_of(shipped("lstm"), 88)
    found = page.evaluate(
        """() => {
          const canvas = document.querySelector('[data-panel=sequence] canvas');
          const k = canvas.width / canvas.offsetWidth;
          const copy = document.createElement('canvas');
          copy.width = canvas.width; copy.height = canvas.height;
          const ctx = copy.getContext('2d', { willReadFrequently: true });
          ctx.fillStyle = '#fff';
          ctx.fillRect(0, 0, copy.width, copy.height);
          ctx.drawImage(canvas, 0, 0);
          const step = (canvas.offsetWidth - 206) / 50;
          // The forget gate is the first of the maps; see the rows in sequence.js.
          return Array.from({ length: 4 }, (_, n) => Array.from({ length: 50 }, (_, t) =>
            [...ctx.getImageData(Math.round((196 + (t + 0.5) * step) * k), Math.round((66 + 9 * n + 4) * k), 1, 1).data]));
        }"""
    )
    colour = np.array([0x28, 0x2D, 0xD7])  # f in palette.json
    drawn = np.array(found)[:, :, :3]
    wanted = 255 + (colour - 255) * now["f"][:, :, None]
    np.testing.assert_allclose(drawn, wanted, atol=5)


@pytest.mark.browser
def test_it_plays_to_the_end_and_stops(opened: Open) -> None:
    page = opened(TrainingReplay(frame=100, speed=30).to_html(), reduced_motion="no-preference")
    page.evaluate(
        f"() => {{ window.frames = []; {HOST}.on('change:frame', () => frames.push({HOST}.get('frame'))) }}"
    )
    play = action(page, "play")
    expect(play).to_have_text("play")
    play.evaluate(
        "play => { window.said = []; new MutationObserver(() => said.push(play.textContent))"
        ".observe(play, { childList: true, characterData: true, subtree: true }) }"
    )
    play.click()
    page.wait_for_function(f"{HOST}.get('frame') === 120 && !{HOST}.get('playing')")
    page.wait_for_function("said.at(-1) === 'play'")
    assert "pause" in page.evaluate("said")
    assert page.evaluate("frames") == list(range(101, 121)), "no frame is left out"
    expect(play).to_have_text("play")
    frame(page)
    assert_shows_the_moment(page)
    action(page, "undo").click()
    frame(page)
    assert (state(page)["frame"], state(page)["playing"]) == (100, False), "one step of undo"
    # From the end it begins anew; a hand on the film stops it.
    page.evaluate(f"() => {{ {HOST}.set('frame', 120) }}")
    frame(page)
    play.click()
    page.wait_for_function(f"{HOST}.get('frame') > 2 && {HOST}.get('frame') < 60")
    play.click()
    frame(page)
    there = state(page)["frame"]
    page.wait_for_timeout(250)
    assert state(page) == {"frame": there, "cell": "lstm", "speed": 30, "playing": False}
    play.click()
    page.wait_for_function(f"{HOST}.get('frame') > {there}")
    page.get_by_role("slider", name="Frame: updates of training").focus()
    page.keyboard.press("End")
    frame(page)
    assert (state(page)["frame"], state(page)["playing"]) == (120, False)


@pytest.mark.browser
def test_speed_is_frames_a_second(opened: Open) -> None:
    page = opened(TrainingReplay(speed=10).to_html(), reduced_motion="no-preference")
    took = action(page, "play").evaluate(
        f"""play => new Promise(resolve => {{
          let from = 0;
          {HOST}.on('change:frame', () => {{
            const k = {HOST}.get('frame');
            if (k === 2) from = performance.now();
            if (k === 12) resolve(performance.now() - from);
          }});
          play.click();
        }})"""
    )
    assert 800 < took < 2500


@pytest.mark.browser
def test_it_does_not_play_where_nobody_sees_it(opened: Open) -> None:
    page = opened(
        TrainingReplay(speed=10).to_html(),
        '<div style="height: 4000px"></div>',
        reduced_motion="no-preference",
    )
    action(page, "play").click()
    page.wait_for_function(f"{HOST}.get('frame') > 1")
    page.evaluate("window.scrollTo(0, 3500)")
    for _ in range(2):  # that it is out of sight is heard of after a frame
        frame(page)
    there = state(page)["frame"]
    page.wait_for_timeout(250)
    assert state(page)["frame"] == there < 120
    assert state(page)["playing"]
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_function(f"{HOST}.get('frame') > {there}")
    page.evaluate(
        "() => { Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });"
        " document.dispatchEvent(new Event('visibilitychange')) }"
    )
    there = state(page)["frame"]
    page.wait_for_timeout(250)
    assert state(page)["frame"] <= there + 1
    page.evaluate(
        "() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')) }"
    )
    page.wait_for_function(f"{HOST}.get('frame') > {there + 1} || !{HOST}.get('playing')")


@pytest.mark.browser
def test_no_motion_unasked_and_little_where_little_is_wanted(opened: Open) -> None:
    """Neither a state nor a link makes a page play; with reduced motion it takes twelve calm steps."""
    page = opened(TrainingReplay(playing=True).to_html(), reduced_motion="no-preference")
    page.wait_for_timeout(300)
    assert state(page)["frame"] == 0
    assert not state(page)["playing"]
    page = opened(TrainingReplay(speed=30).to_html(), reduced_motion="reduce")
    took, reached = action(page, "play").evaluate(
        f"""play => new Promise(resolve => {{
          const from = performance.now();
          let first = true;
          {HOST}.on('change:frame', () => {{
            if (!first) return;
            first = false;
            resolve([performance.now() - from, {HOST}.get('frame')]);
            document.querySelector('[data-action=forth]').click();
          }});
          play.click();
        }})"""
    )
    assert took > 600
    assert reached == 10
    assert (state(page)["frame"], state(page)["playing"]) == (11, False)


@pytest.mark.browser
def test_taken_down_while_it_plays_it_leaves_nothing(opened: Open) -> None:
    page = opened(TrainingReplay(speed=30).to_html(), reduced_motion="no-preference")
    page.evaluate(
        """() => {
          window.pending = new Set();
          const [set, clear] = [setTimeout, clearTimeout];
          window.setTimeout = (f, ...rest) => {
            const id = set(() => { pending.delete(id); f(); }, ...rest);
            pending.add(id);
            return id;
          };
          window.clearTimeout = id => { pending.delete(id); clear(id); };
        }"""
    )
    action(page, "play").click()
    page.wait_for_function(f"{HOST}.get('frame') > 1")
    page.evaluate("Unrolled.mount(document.querySelector('[data-explorable]'))()")
    assert page.evaluate("pending.size") == 0
    expect(page.locator("img.unrolled-picture")).to_be_visible()


@pytest.mark.browser
def test_a_locked_film_stands_still(opened: Open) -> None:
    page = opened(TrainingReplay(frame=30, lock=["frame"], challenge="Which gate?").to_html())
    expect(page.locator(".u-challenge")).to_have_text("Which gate?")
    for name in ("play", "back", "forth"):
        expect(action(page, name)).to_be_disabled()
    page.evaluate(f"() => {{ {HOST}.set('playing', true) }}")
    page.wait_for_timeout(300)
    assert state(page)["frame"] == 30
    page.get_by_role("button", name="GRU", exact=True).click()
    frame(page)
    assert state(page)["cell"] == "gru"
    page = opened(TrainingReplay(lock=["cell"]).to_html())
    expect(page.get_by_role("button", name="GRU", exact=True)).to_be_disabled()


@pytest.mark.browser
def test_a_link_holds_the_moment_but_no_film(opened: Open) -> None:
    page = opened(TrainingReplay().to_html())
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', { configurable: true,"
        " value: { writeText: async (text) => { window.copied = text } } })"
    )
    page.get_by_role("button", name="GRU", exact=True).click()
    page.get_by_role("slider", name="Frame: updates of training").focus()
    page.keyboard.press("End")
    page.get_by_role("button", name="copy link").click()
    link = page.evaluate("copied")
    assert len(link) < 300
    other = opened(TrainingReplay().to_html(), fragment="#" + link.split("#")[1])
    frame(other)
    assert state(other) == state(page)
    assert_shows_the_moment(other)


@pytest.mark.browser
def test_a_malformed_film_leaves_the_static_picture(opened: Open, some: Recording) -> None:
    good = TrainingReplay(some).page_state()

    def host(films: Any) -> str:
        text = html.escape(json.dumps(good | {"_films": films}))
        page = TrainingReplay(some).to_html()
        return re.sub(r'data-state="[^"]*"', lambda _: f'data-state="{text}"', page)

    bad = [{"gru": film} for _, film in spoiled(some.film)] + [None, [], {}, {"other": some.film}]
    page = opened(TrainingReplay(some).to_html(), *map(host, bad))
    assert page.locator(".unrolled").count() == 1
    expect(page.locator(".unrolled-note")).to_have_count(len(bad))
    assert page.locator("img.unrolled-picture:visible").count() == len(bad)


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_films_of_a_reader_fit_too(opened: Open, width: int) -> None:
    runs = [short(cells.lstm, name=f"forget bias {k}", units=5) for k in range(6)]
    tiny = short(cells.rnn, task=tasks.adding(2), H=1, units=1, updates=1, every=1, tests=1)
    long = short(cells.gru_reset_after, task=tasks.adding(150), H=9, units=9, updates=2, every=1)
    for w in (TrainingReplay(runs), TrainingReplay(tiny), TrainingReplay(long)):
        page = opened(w.to_html(), viewport={"width": width, "height": 1000})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("slider", name="Frame: updates of training").focus()
        page.keyboard.press("End")
        frame(page)
        assert state(page)["frame"] == w.F - 1
        assert not re.search(r"\b(NaN|Infinity|undefined)\b", page.content())
        assert violations(page) == []


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_below_moves_while_it_plays(opened: Open, width: int) -> None:
    page = opened(TrainingReplay().to_html(), viewport={"width": width, "height": 2000})
    heights = page.evaluate(
        f"""async () => {{
          const seen = new Set();
          for (const cell of ['rnn', 'gru', 'lstm']) for (let k = 0; k <= 120; k += 8) {{
            {HOST}.set('cell', cell);
            {HOST}.set('frame', k);
            await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            seen.add(document.querySelector('.unrolled').offsetHeight);
          }}
          return [...seen];
        }}"""
    )
    assert len(heights) == 1
