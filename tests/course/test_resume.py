"""Grading that is killed, and resumed, gives what one clean run gives."""

import random
import shutil
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from classes import NAME, hand_in
from corpus import lstm, made

from unrolled.course.export import text
from unrolled.course.folder import open_course
from unrolled.course.gradebook import gradebook, results
from unrolled.course.outcome import outcomes

COUNT, KILLS = 200, 10


def copied(course, to):
    shutil.copytree(course.folder, to)
    found = open_course(to)
    found.db_url = f"sqlite:///{to}/gradebook.db"
    found.save()
    return found


def command(course):
    return [
        sys.executable,
        "-m",
        "unrolled.course",
        "grade",
        NAME,
        "--course",
        str(course.folder),
        "--workers",
        "2",
    ]


def everything(course):
    with gradebook(course) as book:
        found = results(book, NAME)
        rows = len(book.assignment_submissions(NAME))
    return text("plain", NAME, outcomes(course, NAME)), found, rows


@pytest.mark.slow
@pytest.mark.xdist_group("whole machine")
def test_two_hundred_submissions_with_ten_kills(course, sandbox, tmp_path):
    changes = [*lstm.RIGHT.values(), *lstm.WRONG.values()]
    for k in range(COUNT):
        content = nbformat.writes(made(NAME, changes[k % len(changes)])).encode()
        hand_in(course, f"s{k:03}", content)
    killed = copied(course, tmp_path / "killed")
    began = time.monotonic()
    subprocess.run(command(course), check=True, capture_output=True)
    whole = time.monotonic() - began
    rng = random.Random(0)
    deaths = 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            command(killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=rng.uniform(0.05, 0.3) * whole)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            deaths += 1
    last = subprocess.run(command(killed), check=True, capture_output=True, text=True)
    assert deaths >= 5, "most runs were killed on their way"
    assert last.stdout.count("graded") + last.stdout.count("as before") == COUNT
    clean, again = everything(course), everything(killed)
    assert clean[2] == again[2] == COUNT
    assert clean[0] == again[0]
    assert clean[1] == again[1]
    time.sleep(2)
    alive = [
        p
        for p in psutil.process_iter(["cmdline", "cwd"])
        if "spawn_main" in " ".join(p.info["cmdline"] or [])
    ]
    assert not [p for p in alive if p.ppid() == 1], "workers end with who started them"
    left = [p.name for p in killed.folder.rglob(".*.part")]
    assert len(left) <= KILLS
