"""What a submission can reach in the sandbox, and what becomes of one that takes too much."""

import re

import numpy as np
import psutil
import pytest

from unrolled.course import wire
from unrolled.course.sandbox import NoSandboxError, Sandbox

CASE = wire.to_json((np.ones(3), 2.0))

# Each is run between two good neighbours. What comes of it: a word of the reason.
HOSTILE = {
    "endless loop": ("while True: pass", "not finished|computing"),
    "exit": ("import os; os._exit(0)", "ended before"),
    "kills the runner": ("import os; os.kill(os.getppid(), 9)", "ended from within"),
    "fork bomb": ("import os\n    while True: os.fork()", "temporarily unavailable"),
    "20 GB": ("bytearray(20 * 2**30)", "MemoryError"),
    "grows": ("held = []\n    while True: held.append(b'1' * 10**7)", "MemoryError|memory"),
    "one large file": ("open('f', 'wb').write(bytes(2**29))", "too large|No space"),
    "many files": (
        "for k in range(10**6): open(str(k), 'wb').write(bytes(2**24))",
        "No space",
    ),
    "shared memory": ("open('/dev/shm/a', 'wb').write(bytes(2**29))", "too large|No space|denied"),
    "prints 200 MB": ("for _ in range(200): print('x' * 10**6)", "printed more"),
    "socket": ("import socket; socket.create_connection(('192.0.2.1', 80), 2)", "unreachable"),
    "password file": ("open('/etc/passwd').read()", "No such file|denied"),
    "writes outside": ("open('/usr/x', 'w')", "Read-only"),
    "root again": ("import os; os.setuid(0)", "not permitted"),
    "the course's code": ("import unrolled.course.spec", "No module"),
    "no number": ("return object()", "object; numbers"),
}


def function(name, body):
    return {"id": name, "source": f"def {name}(x, y):\n    {body}\n"}


def part(name, cells, **more):
    return {"name": name, "wanted": [name], "call": True, "cells": cells, "cases": [CASE], **more}


@pytest.mark.slow
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_part_is_contained_and_its_neighbours_are_not_touched(impatient, kind):
    body, reason = HOSTILE[kind]
    cells = [function("a", "return x * y"), function("b", body), function("c", "return x + y")]
    report = impatient.run(cells, [part(name, k) for k, name in enumerate("abc", start=1)])
    assert np.array_equal(wire.from_json(report.results["a"][0]["value"]), 2 * np.ones(3))
    assert np.array_equal(wire.from_json(report.results["c"][0]["value"]), 3 * np.ones(3))
    said = report.ended.get("b") or report.results["b"][0]["error"]
    assert re.search(reason, said), said
    below = psutil.Process().children(recursive=True)
    assert not [one for one in below if "/runner/runner.py" in one.cmdline()]


def test_exceptions_cost_their_part_alone(sandbox):
    cells = [
        {"id": "one", "source": "raise SystemExit"},
        {"id": "two", "source": "def a(x, y:"},
        function("b", "return x / 0 + unknown"),
        function("c", "return x - y"),
    ]
    report = sandbox.run(cells, [part("a", 2), part("b", 3), part("c", 4)])
    assert report.results["a"][0]["error"].startswith("SyntaxError: ")
    assert "NameError: name 'unknown' is not defined (line 2 of cell b)" in str(report.results["b"])
    assert np.array_equal(wire.from_json(report.results["c"][0]["value"]), -np.ones(3))


def test_a_later_part_is_run_on_the_given_reference_of_an_earlier_one(sandbox):
    cells = [function("twice", "return 3 * x"), function("b", "return twice(x, y)")]
    given = {"twice": "def twice(x, y):\n    return 2 * x\n"}
    report = sandbox.run(cells, [part("twice", 1), part("b", 2, given=given)])
    assert np.array_equal(wire.from_json(report.results["twice"][0]["value"]), 3 * np.ones(3))
    assert np.array_equal(wire.from_json(report.results["b"][0]["value"]), 2 * np.ones(3))


def test_values_and_changed_arguments_are_told(sandbox):
    cells = [{"id": "v", "source": "u, v = 1, np.ones(2)"}, function("b", "x += 1; return x")]
    values = part("v", 1, wanted=["u", "v"], call=False)
    report = sandbox.run(cells, [values, part("b", 2)])
    assert wire.from_json(report.results["v"][0]["value"])[0] == 1
    assert report.results["b"][0]["changed"] == 0


@pytest.mark.parametrize("library", [False, True])
def test_the_library_is_there_only_where_it_is_allowed(sandbox, library):
    cells = [function("a", "import unrolled; return 1")]
    found = sandbox.run(cells, [part("a", 1, library=library)]).results["a"][0]
    assert ("value" in found) is library
    assert library or "No module named 'unrolled'" in found["error"]


def test_without_a_sandbox_there_is_a_refusal_that_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoSandboxError, match=r"(?s)apt-get install bubblewrap.*--unsafe"):
        Sandbox().check()
    with pytest.raises(NoSandboxError, match="podman or docker"):
        Sandbox("container", image="python:3.12").check()


def test_unsafe_runs_the_same_way():
    Sandbox("unsafe").check()
    report = Sandbox("unsafe").run([function("a", "return x * y")], [part("a", 1)])
    assert np.array_equal(wire.from_json(report.results["a"][0]["value"]), 2 * np.ones(3))
