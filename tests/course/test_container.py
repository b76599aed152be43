"""The container, the other sandbox: what it is told, and what it holds."""

import re
from itertools import pairwise

import numpy as np
import pytest
from containers import HYBRID, IMAGE, make_image, podman
from test_sandbox import HOSTILE, function, part

from unrolled.course import wire
from unrolled.course.assignments import instructor_notebook, load
from unrolled.course.grading import grade
from unrolled.course.sandbox import (
    HERE,
    PACKAGE,
    Limits,
    NoSandboxError,
    Sandbox,
    container_command,
)
from unrolled.course.submission import restore
from unrolled.course.template import for_students


def engines(folder, monkeypatch, *names):
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def pairs(command):
    """Options with their values."""
    return {*pairwise(command)}


@pytest.mark.parametrize("library", [False, True])
def test_the_command_closes_everything(tmp_path, monkeypatch, library):
    engines(tmp_path, monkeypatch, "podman", "docker")
    limits = Limits(memory=2**30, processes=7, disk=2**20)
    command = container_command("image", "a-name", limits, library)
    assert command[:4] == [str(tmp_path / "podman"), "run", "--rm", "--interactive"]
    assert command[-5:] == ["image", "python3", "-P", "-B", "/runner/runner.py"]
    assert "--read-only" in command
    assert pairs(command) > {
        ("--name", "a-name"), ("--network", "none"), ("--pull", "never"), ("--cap-drop", "ALL"),
        ("--security-opt", "no-new-privileges"), ("--user", "65534:65534"),
        ("--memory", str(2**30)), ("--memory-swap", str(2**30)), ("--pids-limit", "7"),
        ("--ulimit", "nofile=256:256"), ("--ulimit", "nproc=4096:4096"), ("--cpus", "1"),
        ("--tmpfs", "/tmp:rw,mode=1777,size=1048576,notmpcopyup"),
    }  # fmt: skip
    volumes = {value for option, value in pairs(command) if option == "--volume"}
    files = {f"{HERE / name}:/runner/{name}:ro" for name in ("runner.py", "wire.py")}
    assert volumes >= files
    shown = {volume.split(":")[1] for volume in volumes - files}
    assert ("/library/unrolled/__init__.py" in shown) is library
    assert ("/library/unrolled/cells" in shown) is library
    assert not [place for place in shown if place.startswith("/library/unrolled/course")]
    path = "PYTHONPATH=/runner:/library" if library else "PYTHONPATH=/runner"
    assert ("--env", path) in pairs(command)


def test_docker_is_taken_where_there_is_no_podman(tmp_path, monkeypatch):
    engines(tmp_path, monkeypatch, "docker")
    command = container_command("image", "name", Limits(disk=7), False)
    assert command[0] == str(tmp_path / "docker")
    assert ("--tmpfs", "/tmp:rw,mode=1777,size=7") in pairs(command), "it is empty without a word"


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image")
    with pytest.MonkeyPatch.context() as patch:
        if HYBRID.exists():
            settings = folder / "containers.conf"
            settings.write_text('[engine]\nruntime = "runc"\n')
            patch.setenv("CONTAINERS_CONF", str(settings))
        yield make_image(folder)
        podman("rmi", "--force", IMAGE)


def left():
    return podman("ps", "--all", "--quiet", "--filter", "name=unrolled-")


@pytest.fixture
def container(image):
    found = Sandbox("container", image, Limits(seconds=5, memory=2**30))
    found.check()
    return found


# What a container allows: the runner is its first process, which nobody in it can kill, and the
# file with users is its own.
HARMLESS = {"kills the runner", "password file"}


@pytest.mark.weekly
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_container_holds_a_hostile_part(container, kind):
    body, reason = HOSTILE[kind]
    cells = [function("a", "return x * y"), function("b", body), function("c", "return x + y")]
    report = container.run(cells, [part(name, k) for k, name in enumerate("abc", start=1)])
    assert np.array_equal(wire.from_json(report.results["a"][0]["value"]), 2 * np.ones(3))
    assert np.array_equal(wire.from_json(report.results["c"][0]["value"]), 3 * np.ones(3))
    if kind in HARMLESS:
        assert report.results["b"] == [{"value": None}]
    else:
        said = report.ended.get("b") or report.results["b"][0]["error"]
        assert re.search(reason, said), said
    assert left() == ""


@pytest.mark.weekly
def test_an_image_in_which_nobody_can_write_is_refused(image, tmp_path):
    closed = make_image(tmp_path, f"{IMAGE}-closed", mode=0o755)
    with pytest.raises(NoSandboxError, match=f"in {closed} nobody can write into /tmp.*1777"):
        Sandbox("container", closed).check()
    podman("rmi", "--force", closed)


@pytest.mark.weekly
def test_a_container_has_no_file_of_this_machine(container, tmp_path):
    (tmp_path / "secret").write_text("x")
    for path in (tmp_path / "secret", PACKAGE / "__init__.py", HERE / "spec.py"):
        found = container.run([function("a", f"return open({str(path)!r}).read()")], [part("a", 1)])
        assert "No such file" in found.results["a"][0]["error"]
    cells = [function("a", "import unrolled; import unrolled.course.spec")]
    found = container.run(cells, [part("a", 1, library=True)])
    assert "No module named 'unrolled.course'" in found.results["a"][0]["error"]


@pytest.mark.weekly
def test_a_container_gives_the_points_that_bubblewrap_gives(container, sandbox):
    solved = instructor_notebook("lstm")
    submission = restore(solved, for_students(solved), load("lstm"))
    found = grade(load("lstm"), submission, container, "secret")
    assert found.score == 22, found
    assert found == grade(load("lstm"), submission, sandbox, "secret")


@pytest.mark.weekly
def test_an_image_that_is_not_here_is_told(image):
    with pytest.raises(NoSandboxError, match="container does not start here: .*no-such-image"):
        Sandbox("container", "localhost/no-such-image").check()
    assert left() == ""
