"""Publishing and checking on GitHub: pinned actions, few rights, commands that there are."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from unrolled.sphinxext.repository import COLAB_BRANCH

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def load(path):
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def steps(path):
    return [step for job in load(path)["jobs"].values() for step in job["steps"]]


def test_there_are_three():
    assert [path.stem for path in WORKFLOWS] == ["check", "publish", "weekly"]


def test_github_can_read_them():
    """They fit the schema of GitHub's workflows."""
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*command, *WORKFLOWS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_an_auditor_finds_nothing():
    """No injection, no rights that are not needed, no credentials left about."""
    command = [BIN / "zizmor", "--offline", "--no-progress", *WORKFLOWS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_and_say_their_version(path):
    lines = [x for x in path.read_text(encoding="utf-8").splitlines() if re.search(r"\buses:", x)]
    assert len(lines) == sum("uses" in step for step in steps(path)) > 0
    for line in lines:
        assert re.search(r"uses: [\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_one_action_has_one_pin():
    found = {}
    for path in WORKFLOWS:
        for step in steps(path):
            if "uses" in step:
                name, _, commit = step["uses"].partition("@")
                assert found.setdefault(name, commit) == commit


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_jobs_have_few_rights_and_an_end(path):
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "group" in workflow["concurrency"]
    for job in workflow["jobs"].values():
        assert int(job["timeout-minutes"]) <= 180
        assert re.fullmatch(r"ubuntu-\d+\.\d+", job["runs-on"])
    text = path.read_text(encoding="utf-8")
    for line in re.findall(r"(?m)^ +(?:- )?run: (.*)$", text):
        assert "${{ github.event" not in line, "what others write is no part of a command"


def test_every_target_and_script_is_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(" ".join(re.findall(r"(?m)^([a-z][\w -]*):(?!=)", makefile)).split())
    text = "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    text = text.replace("test-${{ matrix.which }}", "test-oldest test-newest")
    named = set()
    for found in re.findall(r"\bmake (?:PYTHON=\S+ (?:matrix.python }} )?)?([\w -]+)", text):
        named |= set(found.split()) - {"make", "matrix"}
    assert {"test", "test-slow", "test-oldest", "test-newest", "links", "book", "pdf"} <= named
    assert named <= targets
    for name in re.findall(r"(?:python |command: \[)(tools/\S+|\.ci/\w+)", text):
        assert (ROOT / name).exists(), name


def test_colabs_branch_is_what_was_made(tmp_path):
    """The step that pushes it, run on a repository of this machine: twice, the second time with less."""
    job = load(ROOT / ".github/workflows/publish.yml")["jobs"]["colab"]
    assert job["permissions"] == {"contents": "write"}
    (script,) = (step["run"] for step in job["steps"] if "run" in step)
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "init", "-q", "--bare", bare], check=True)
    environment = os.environ | {
        "GH_TOKEN": "secret",
        "GH_REPO": "reader/fork",
        "GITHUB_SHA": "0123abc",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{bare.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/reader/fork.git",
    }

    def git(*arguments):
        command = ["git", "--git-dir", bare, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    for names in (["a.ipynb", "book/b.ipynb"], ["a.ipynb"]):
        folder = tmp_path / str(len(names))
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("{}")
        subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=environment, check=True)
        assert git("ls-tree", "-r", "--name-only", COLAB_BRANCH) == names
        assert git("rev-list", "--count", COLAB_BRANCH) == ["1"]


def test_a_report_names_what_failed(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text(
        "fine\n" * 100 + "\x1b[31mFAILED tests/test_x.py::test_y - assert 1\x1b[0m\nend\n"
    )
    out = tmp_path / "report.md"
    script = [sys.executable, str(ROOT / "tools/weekly_report.py")]
    subprocess.run([*script, "make test-newest", str(log), str(out)], check=True)
    text = out.read_text()
    assert text.startswith("## `make test-newest` failed")
    assert "- `FAILED tests/test_x.py::test_y - assert 1`" in text
    assert text.count("fine") == 38
    assert "\x1b" not in text
