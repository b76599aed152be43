"""tools/mutate.py, and that what tests/mutants.md says is about the present code."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("mutate")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def mutate():
    spec = importlib.util.spec_from_file_location("mutate", ROOT / "tools" / "mutate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutate"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["mutate"]


def result(mutate):
    return mutate.parse(mutate.RESULT.read_text(encoding="utf-8"))


def test_the_mutation_run_is_about_the_present_code(mutate):
    """Comments and docstrings may change without a new run."""
    assert not mutate.stale(result(mutate)), "run `make mutation`: these modules have changed"


def test_every_surviving_mutant_has_a_reason_and_still_exists(mutate):
    parts = result(mutate)
    assert len(parts) >= 17
    for module, part in parts.items():
        assert part.mutants > 0
        keys = set()
        if part.survivors:
            keys = set(mutate.keys(mutate.mutants_of((ROOT / module).read_text(encoding="utf-8"))))
        for key, reason in part.survivors.items():
            assert len(reason.split()) >= 5, f"{module}: {key}"
            assert key in keys, f"{module}: {key}"


def test_the_result_reads_back_as_it_was_written(mutate):
    parts = {
        "lib/b.py": mutate.Part("0123456789abcdef", 7, 2, {"`f`: `a` → `b`": "One reason."}),
        "lib/a.py": mutate.Part("fedcba9876543210", 3, 0, {}),
    }
    text = mutate.written(parts)
    assert mutate.parse(text) == parts
    assert "In all: 10 mutants, 9 noticed by a test, 1 the same function." in text


def test_a_fingerprint_is_deaf_to_comments_and_docstrings_and_to_nothing_else(mutate):
    code = '"""What."""\n\n\ndef f(a):  # why\n    """How."""\n    return a + 1\n'
    other = '"""Else\n\nand more."""\n# a\ndef f(a):\n    # b\n    return a + 1  # c\n'
    assert mutate.fingerprint(code) == mutate.fingerprint(other)
    assert mutate.fingerprint(code) != mutate.fingerprint(code.replace("+ 1", "+ 2"))
    assert mutate.fingerprint("x = '#1'\n") != mutate.fingerprint("x = '#2'\n")


def changes(mutate, code):
    """The lines that the mutants of some code have in the place of the first."""
    return {mutant.after for mutant in mutate.mutants_of(code)}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("y = a + b * c", {
            "pass", "y = a - b * c", "y = a", "y = b * c", "y = a + b / c", "y = a + (b + c)",
            "y = a + b", "y = a + c",
        }),
        ("y = W.T @ x", {"pass", "y = W.T * x", "y = x @ W.T", "y = W @ x"}),
        ("y = (a - b) * 2", {
            "pass", "y = (a - b) / 2", "y = a - b + 2", "y = a - b", "y = 2", "y = (a + b) * 2",
            "y = (a) * 2", "y = (b) * 2", "y = (b - a) * 2", "y = (a - b) * 3", "y = (a - b) * 1",
        }),
        ("y = f(a, b, axis=0)", {
            "pass", "y = f(b, a, axis=0)", "y = f(a, axis=0)", "y = f(a, b)",
            "y = f(a, b, axis=1)", "y = f(a, b, axis=-1)",
        }),
        ("y = a[t]", {"pass", "y = a[t + 1]", "y = a[t - 1]"}),
        ("y = a[:n]", {"pass", "y = a[1:n]", "y = a[:n - 1]"}),
        ("y = a[1:]", {"pass", "y = a[2:]", "y = a[0:]", "y = a[1:-1]"}),
        ("a, b = c", {"pass", "b, a = c"}),
        ("y += a", {"pass", "y -= a", "y = a"}),
        ("y = a < b and not c", {
            "pass", "y = a < b or not c", "y = not c", "y = a < b", "y = a <= b and not c",
            "y = a >= b and not c", "y = a < b and c",
        }),
        ("y = sigmoid(a)", {"pass", "y = np.tanh(a)"}),
        ("y = np.zeros_like(a)", {"pass", "y = np.ones_like(a)"}),
        ("raise TypeError('a')", {"pass", "raise ValueError('a')"}),
        ("for t in reversed(ts): f(t)", {
            "pass", "for t in ts: f(t)", "for t in reversed(ts): pass",
        }),
        ("y = zip(a, b, strict=True)", {"pass", "y = zip(b, a, strict=True)", "y = zip(a, strict=True)"}),
        ("'a text' # and a comment", set()),
        ("__all__ = ['a', 'b']", set()),
        ("import a", set()),
        ("y: int = 1", {"y: int = 2", "y: int = 0"}),
        ("class A:\n    a: int\n    b: str", {"b: str a: int"}),
        ("def f(a=1):\n    return a, 2", {
            "def f(a=2):", "def f(a=0):", "pass", "return (2, a)", "return a, 3", "return a, 1",
        }),
    ],
)  # fmt: skip
def test_what_a_line_is_mistaken_for(mutate, line, expected):
    assert changes(mutate, line + "\n") == expected


def test_the_faults_seen_in_wild_code_are_among_the_mutants(mutate):
    """W_h for its transpose, a dropped sum over time, swapped gates, the wrong side of tanh."""
    rnn = changes(mutate, (ROOT / "lib/unrolled/cells/rnn.py").read_text(encoding="utf-8"))
    assert "return dp, State(p.W_h @ da), p.W_x.T @ da" in rnn
    lstm = changes(mutate, (ROOT / "lib/unrolled/cells/lstm.py").read_text(encoding="utf-8"))
    assert "da = np.stack([da_f, da_i, da_c, da_o])" in lstm
    assert "(W_fx, W_ix, W_cx, W_ox), (W_ih, W_fh, W_ch, W_oh), (b_i, b_f, b_c, b_o) = p" in lstm
    loop = changes(mutate, (ROOT / "lib/unrolled/bptt.py").read_text(encoding="utf-8"))
    assert "for t in range(T):" in loop


RUN = """
import json, sys, mutate
mutate.TESTS = ["tests/test_reference.py"]
module, *sources = json.load(sys.stdin)
runner = mutate.Runner(1)
runner.warm_up()
for k, source in enumerate(sources):
    runner.start(k, "unrolled.cells.rnn_relu", runner.copy / module, source, [[], mutate.TESTS])
    print(*runner.wait()[0])
runner.close()
"""


@pytest.mark.slow
def test_a_fault_is_found_and_what_is_the_same_function_survives(mutate):
    """Two mutants of the smallest cell, run as `make mutation` runs them."""
    module = "lib/unrolled/cells/rnn_relu.py"
    source = (ROOT / module).read_text(encoding="utf-8")
    fault = source.replace("p.W_h.T @ da", "p.W_h @ da")
    same = source.replace("h > 0", "0 < h")
    assert source not in (fault, same)
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps([module, fault, same]),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT / "tools",
    )
    first, second = done.stdout.splitlines()
    assert first.startswith("0 tests/test_reference.py::test_states_and_all_gradients")
    assert second.strip() == "1"
