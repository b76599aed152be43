"""Grading beyond one machine, and beyond one worker's death: the same grades."""

import os
import pty
import re
import shutil
import subprocess
import termios
import threading
import time

import nbformat
import psutil
import pytest
from classes import NAME, copied, everything, grade_command, graded, hand_in, hand_in_many
from clusters import cluster, eventually
from corpus import Change, hostile, made

import unrolled
from unrolled.course import pool
from unrolled.course.folder import CourseError
from unrolled.course.gradebook import gradebook, results
from unrolled.course.grader import grade_all

pytestmark = pytest.mark.parametrize("course", ["sqlite"], indirect=True)


class Watched:
    """A grading command on a terminal, with what the terminal shows."""

    def __init__(self, command):
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 100))
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=slave, text=True)
        os.close(slave)
        self.shown = b""
        self.reader = threading.Thread(target=self._read, args=[master])
        self.reader.start()

    def _read(self, master):
        with open(master, "rb", buffering=0) as terminal:
            try:
                while piece := terminal.read(4096):
                    self.shown += piece
            except OSError:
                pass  # the other side is closed

    def end(self):
        told, _ = self.process.communicate(timeout=600)
        self.reader.join()
        assert self.process.returncode == 0, (told, self.shown)
        return told


def same_grades_with_a_worker_killed(course, tmp_path, count):
    hand_in_many(course, count)
    clean = copied(course, tmp_path / "clean")
    subprocess.run(grade_command(clean, "--workers", "2"), check=True, capture_output=True)
    with cluster(tmp_path, workers=2) as found:
        grading = Watched(grade_command(course, "--cluster", found.address))
        eventually(lambda: graded(course) >= count // 3, 300)
        found.workers[0].kill()
        assert graded(course) < count, "it is killed on the way"
        told = grading.end()
        assert found.workers[0].wait(30) == -9
        assert found.workers[1].poll() is None
    assert [line.split()[1] for line in told.splitlines()] == ["graded"] * count
    assert re.search(rf"100%.*{count}/{count}", grading.shown.decode())
    assert everything(course) == everything(clean)
    assert everything(course)[2] == count
    again = subprocess.run(grade_command(course), check=True, capture_output=True, text=True)
    assert [line.split()[1:3] for line in again.stdout.splitlines()] == [
        ["as", "before"] for _ in range(count)
    ]


@pytest.mark.slow
@pytest.mark.xdist_group("whole machine")
def test_a_cluster_grades_alike_with_a_worker_killed_in_the_middle(course, sandbox, tmp_path):
    same_grades_with_a_worker_killed(course, tmp_path, 40)


@pytest.mark.weekly
def test_a_cluster_grades_two_hundred_alike_with_a_worker_killed(course, sandbox, tmp_path):
    same_grades_with_a_worker_killed(course, tmp_path, 200)


@pytest.mark.slow
@pytest.mark.xdist_group("whole machine")
def test_workers_hold_hostile_submissions_and_show_them_nothing(course, impatient, tmp_path):
    package = os.path.dirname(unrolled.__file__)
    places = [str(course.folder), str(tmp_path), f"{package}/course", "/runner", "/proc/1"]
    sources = [hostile.loot(place) for place in places]
    sources += ["import os\nprint(dict(os.environ))", "import os; os._exit(0)", "while True: pass"]
    sources += ["import socket\nsocket.create_connection(('127.0.0.1', PORT), 2)"]
    hand_in(course, "ada", course.source(NAME))
    with cluster(tmp_path) as found:
        found.add_worker(UNROLLED_WITNESS="a worker's own")
        for k, source in enumerate(sources):
            source = source.replace("PORT", found.address.rsplit(":", 1)[1])
            content = made(NAME, Change(answers={"gates": source}))
            hand_in(course, f"h{k}", nbformat.writes(content).encode())
        rows = grade_all(course, NAME, impatient, cluster=found.address)
        assert {row.status for row in rows} == {"graded"}, rows
        left = psutil.Process(found.workers[0].pid).children(recursive=True)
        assert left == []
    with gradebook(course) as book:
        told = results(book, NAME)
    assert told["ada"].score == 22
    for student, result in told.items():
        for secret in (course.secret, "SQLite format", "BEGIN SOLUTION", "UNROLLED_WITNESS"):
            assert secret not in str(result), student
        gates = next(part for part in result.parts if part.name == "gates")
        assert (gates.score == 0) is student.startswith("h")
    assert "refused" in str(told[f"h{len(sources) - 1}"]), "the scheduler is out of reach"


@pytest.mark.slow
@pytest.mark.xdist_group("whole machine")
def test_a_cluster_that_cannot_grade_is_refused(course, sandbox, tmp_path, monkeypatch):
    hand_in(course, "ada", course.source(NAME))
    other = tmp_path / "other" / "unrolled"
    shutil.copytree(os.path.dirname(unrolled.__file__), other)
    (other / "flow.py").write_text("# another version\n")
    broken = tmp_path / "broken" / "unrolled"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ModuleNotFoundError('not here')\n")
    refused = [
        ({"PYTHONPATH": str(other.parent)}, "needs the same version of unrolled.*and has edition"),
        ({"PYTHONPATH": str(broken.parent)}, "needs the same version.*cannot import it.*not here"),
        ({"PATH": "/nowhere"}, "worker tcp://.* has no sandbox: .*apt-get install bubblewrap"),
    ]
    monkeypatch.setattr(pool, "PATIENCE", 4.0)
    with cluster(tmp_path) as found:
        with pytest.raises(CourseError, match=r"has no worker: `dask worker tcp://"):
            grade_all(course, NAME, sandbox, cluster=found.address)
        monkeypatch.setattr(pool, "PATIENCE", 30.0)
        for environment, words in refused:
            worker = found.add_worker(**environment)
            with pytest.raises(CourseError, match=words):
                grade_all(course, NAME, sandbox, cluster=found.address)
            worker.terminate()
            worker.wait(30)
    assert graded(course) == 0


@pytest.mark.slow
@pytest.mark.xdist_group("whole machine")
@pytest.mark.parametrize("what", ["scheduler", "worker"])
def test_a_cluster_that_goes_is_told_and_what_was_graded_stays(
    course, sandbox, tmp_path, monkeypatch, what
):
    monkeypatch.setattr(pool, "PATIENCE", 5.0)
    hand_in_many(course, 8)
    with cluster(tmp_path, workers=1) as found:
        gone = found.scheduler if what == "scheduler" else found.workers[0]

        def progress(done, of):
            if done == 2:
                gone.kill()

        began = time.monotonic()
        with pytest.raises(CourseError, match="is gone, or has no worker left"):
            grade_all(course, NAME, sandbox, cluster=found.address, progress=progress)
        assert time.monotonic() - began < 90
    assert 2 <= graded(course) < 8
    rows = grade_all(course, NAME, sandbox, count=2)
    assert {row.status for row in rows} == {"as before", "graded"}
    assert graded(course) == 8


def test_an_address_without_a_scheduler_is_told(course, sandbox, monkeypatch):
    monkeypatch.setattr(pool, "PATIENCE", 2.0)
    hand_in(course, "ada", course.source(NAME))
    began = time.monotonic()
    with pytest.raises(CourseError, match="no Dask scheduler answers at tcp://127.0.0.1:9"):
        grade_all(course, NAME, sandbox, cluster="tcp://127.0.0.1:9")
    for address in ("localhost", "http://127.0.0.1:8786", "tcp://127.0.0.1"):
        with pytest.raises(CourseError, match="is like tcp://host:8786; got"):
            grade_all(course, NAME, sandbox, cluster=address)
    assert time.monotonic() - began < 30


def workers_of(process):
    return [p for p in process.children() if "spawn_main" in " ".join(p.cmdline())]


@pytest.mark.slow
@pytest.mark.xdist_group("whole machine")
def test_a_local_worker_killed_in_the_middle_loses_nothing(course, sandbox, tmp_path):
    hand_in_many(course, 16)
    clean = copied(course, tmp_path / "clean")
    grade_all(clean, NAME, sandbox, count=2)
    killed = []

    def progress(done, of):
        if done in (4, 9) and done not in killed:
            killed.append(done)
            workers_of(psutil.Process())[-1].kill()

    rows = grade_all(course, NAME, sandbox, count=2, progress=progress)
    assert killed == [4, 9]
    assert {row.status for row in rows} == {"graded"}
    assert everything(course) == everything(clean)
