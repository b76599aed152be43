"""The explorables' shared mathematics in JavaScript gives the library's numbers, in Chromium."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from unrolled import backward, unroll
from unrolled.cells import gru, gru_reset_after, lstm, lstm_coupled, lstm_peephole, rnn
from unrolled.tree import tree_leaves, tree_map

pytestmark = pytest.mark.browser

CELLS = [rnn, gru, gru_reset_after, lstm, lstm_peephole, lstm_coupled]
Run = Callable[[str, str, Any], Any]

STEPS = """async (cell, text) => {
  const { fromJSON } = await import("/js/math/matrix.js");
  const plain = (tree) => Object.fromEntries(Object.entries(tree).map(([k, v]) => [k, [...v]]));
  return JSON.stringify(JSON.parse(text).map(({ p, s, x, ds }) => {
    p = fromJSON(p);
    const after = cell.step(p, fromJSON(s), fromJSON({ x }).x);
    const back = cell.stepBackward(p, after.cache, fromJSON(ds));
    return [after.s, after.cache, back.dp, back.ds, { dx: back.dx }].map(plain);
  }));
}"""

LOOPS = """async (cell, text) => {
  const { fromJSON } = await import("/js/math/matrix.js");
  const { backward, unroll } = await import("/js/math/bptt.js");
  const plain = (tree) => Object.fromEntries(Object.entries(tree).map(([k, v]) => [k, [...v]]));
  return JSON.stringify(JSON.parse(text).map(({ p, s0, xs, dstates, steps }) => {
    p = fromJSON(p);
    const { states, caches } = unroll(cell, p, fromJSON(s0), xs.map((x) => fromJSON({ x }).x));
    const back = backward(cell, p, caches, dstates.map((ds) => ds && fromJSON(ds)), { steps });
    const bare = backward(cell, p, caches, dstates.map((ds) => ds && fromJSON(ds)), { steps, params: false });
    if (bare.p !== null || JSON.stringify(bare.xs) !== JSON.stringify(back.xs)) throw new Error("params: false");
    return [
      ...[states, caches, back.states].map((list) => list.map(plain)),
      plain(back.p), plain(back.s0), back.xs.map((x) => [...x]),
    ];
  }));
}"""


def plain(tree: Any) -> dict[str, Any]:
    return {name: array.tolist() for name, array in tree_leaves(tree)}


def problem(cell: Any, rng: np.random.Generator) -> tuple[Any, Any, int, int]:
    """Return parameters and a state with a column of ones' shapes, of varied sizes and scales."""
    D, H = int(rng.integers(1, 5)), int(rng.integers(1, 6))
    scale = 10 ** rng.uniform(-2, 0.5)
    p = tree_map(lambda a: rng.normal(0, scale, a.shape), cell.init(rng, D, H))
    size = 10 ** rng.uniform(-1, 0.5)
    s = tree_map(lambda a: rng.normal(0, size, a.shape), cell.zero_state(H, 1))
    return p, s, D, H


def far(found: Any, expected: Any) -> float:
    """Return the largest difference, relative to max(1, |value|), of lists or of dicts of them."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        return max(far(found[name], expected[name]) for name in expected)
    value = np.ravel(np.asarray(expected, dtype=float))
    other = np.ravel(np.asarray(found, dtype=float))
    assert value.shape == other.shape
    return float(np.max(np.abs(value - other) / np.maximum(1, np.abs(value))))


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.__name__.split(".")[-1])
def test_a_step_and_its_way_back(cell: Any, in_javascript: Run) -> None:
    rng = np.random.default_rng(0)
    cases, expected = [], []
    for _ in range(1000):
        p, s, D, _H = problem(cell, rng)
        x = rng.normal(0, 10 ** rng.uniform(-1, 0.5), (D, 1))
        ds = tree_map(lambda a: rng.normal(0, 1, a.shape), s)
        after, cache = cell.step(p, s, x)
        dp, ds_prev, dx = cell.step_backward(p, cache, ds)
        cases.append({"p": plain(p), "s": plain(s), "x": x.tolist(), "ds": plain(ds)})
        expected.append([*map(plain, (after, cache, dp, ds_prev)), {"dx": dx.tolist()}])
    module = f"math/{cell.__name__.split('.')[-1]}.js"
    results = json.loads(in_javascript(module, STEPS, json.dumps(cases)))
    assert len(results) == len(expected) == 1000
    for found, want in zip(results, expected, strict=True):
        for a, b in zip(found, want, strict=True):
            assert far(a, b) <= 1e-12


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.__name__.split(".")[-1])
@pytest.mark.parametrize("count", [60, pytest.param(200, marks=pytest.mark.slow)])
def test_trajectories_where_they_are_not_chaotic(cell: Any, count: int, in_javascript: Run) -> None:
    rng = np.random.default_rng(1)
    cases, expected = [], []
    for n in range(count):
        p, s0, D, H = problem(cell, rng)
        T = 50 if n % 10 == 0 else int(rng.integers(1, 51))
        steps = int(rng.integers(1, T + 1)) if n % 2 else None
        xs = rng.normal(0, 1, (T, D, 1))
        looked_at = rng.uniform(size=(T, 1, 1)) < 0.5  # the loss looks at some steps only
        dstates = cell.State(*(rng.normal(0, 1, (T, H, 1)) * looked_at for _ in s0))

        def run(s: Any, xs: Any, *, p: Any = p, d: Any = dstates, steps: Any = steps) -> list[Any]:
            states, caches = unroll(cell, p, s, xs)
            back = backward(cell, p, caches, d, steps=steps)
            return [plain(t) for t in (states, caches, back.states, back.p, back.s0)] + [
                {"xs": back.xs.tolist()}
            ]

        usual = run(s0, xs)
        nudged = run(tree_map(lambda a: np.nextafter(a, np.inf), s0), np.nextafter(xs, np.inf))
        growth = max(map(far, nudged, usual)) / np.finfo(float).eps
        if growth >= 1e3:
            continue
        per_step = [
            plain(tree_map(lambda a, t=t: a[t], dstates)) if looked_at[t] else None  # type: ignore[misc]
            for t in range(T)
        ]
        case = {"p": plain(p), "s0": plain(s0), "xs": xs.tolist()}
        cases.append(case | {"dstates": per_step, "steps": steps})
        expected.append(usual)
    assert len(cases) > 0.6 * count, "most trajectories are not chaotic"
    module = f"math/{cell.__name__.split('.')[-1]}.js"
    results = json.loads(in_javascript(module, LOOPS, json.dumps(cases)))
    assert len(results) == len(expected)
    for found, want in zip(results, expected, strict=True):
        *over_time, dp, ds0, dxs = found
        stacked = [{name: [step[name] for step in part] for name in part[0]} for part in over_time]
        for a, b in zip([*stacked, dp, ds0, {"xs": dxs}], want, strict=True):
            assert far(a, b) <= 1e-9


def test_matrices(in_javascript: Run) -> None:
    """Products of a matrix in flat rows, and norms where squares would overflow or underflow."""
    rng = np.random.default_rng(2)
    cases, expected = [], []
    for _ in range(100):
        A = rng.normal(size=rng.integers(1, 6, 2))
        x, v = rng.normal(size=A.shape[1]), rng.normal(size=A.shape[0])
        cases.append({"A": A.tolist(), "x": x.tolist(), "v": v.tolist()})
        outer = A + np.outer(v, x)
        expected.append([A @ x, A.T @ v, outer, [np.linalg.norm(x)]])
    results = in_javascript(
        "math/matrix.js",
        """(m, cases) => cases.map((c) => {
          const { A, x, v } = m.fromJSON(c);
          return [m.matVec(A, x), m.matTVec(A, v), m.addOuter(A.slice(), v, x), [m.norm(x)]].map((a) => [...a]);
        })""",
        cases,
    )
    for found, want in zip(results, expected, strict=True):
        for a, b in zip(found, want, strict=True):
            assert far(a, b) <= 1e-14
    norms = in_javascript(
        "math/matrix.js",
        "(m, vs) => vs.map((v) => m.norm(v))",
        [[3e200, 4e200], [3e-200, -4e-200], [0.0, 0.0], []],
    )
    assert norms == pytest.approx([5e200, 5e-200, 0, 0], rel=1e-14, abs=0)
