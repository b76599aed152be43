"""Grading that is killed, and resumed, gives what one clean run gives."""

import random
import subprocess
import time

import psutil
import pytest
from classes import copied, everything, grade_command, graded, hand_in_many

COUNT, KILLS = 200, 10


@pytest.mark.slow
@pytest.mark.xdist_group("whole machine")
def test_two_hundred_submissions_with_ten_kills(course, sandbox, tmp_path):
    hand_in_many(course, COUNT)
    killed = copied(course, tmp_path / "killed")
    subprocess.run(grade_command(course, "--workers", "2"), check=True, capture_output=True)
    rng = random.Random(0)
    for _ in range(KILLS):
        enough = graded(killed) + rng.randrange(COUNT // KILLS)
        process = subprocess.Popen(
            grade_command(killed, "--workers", "2"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while graded(killed) < enough:
            assert process.poll() is None, "it is killed on the way"
            time.sleep(0.1)
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        assert process.wait() == -9
    last = subprocess.run(
        grade_command(killed, "--workers", "2"), check=True, capture_output=True, text=True
    )
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
