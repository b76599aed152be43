"""Time grading beside `nbgrader autograde`, on the same submissions, in one run.

    python tools/bench_course.py [--count 20]

nbgrader grades as its documentation says: `nbgrader autograde`, one process. Ours runs in the
sandbox, with as many workers as there are cores, and with one.
"""

import argparse
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tqdm import tqdm

from unrolled.course.folder import Course, create
from unrolled.course.grader import grade_all
from unrolled.course.release import release
from unrolled.course.sandbox import Sandbox

NAMES = ("lstm", "gru")  # two notebooks a student


def class_of(count: int, folder: Path) -> Course:
    """Make a course whose students handed in the solutions."""
    course = create(folder, "bench")
    with contextlib.redirect_stderr(io.StringIO()):
        for name in NAMES:
            release(course, name)
    for k in range(count):
        for name in NAMES:
            place = folder / "submitted" / f"s{k:03}" / name
            place.mkdir(parents=True)
            shutil.copy(course.source(name), place)
    return course


def timed_ours(course: Course, workers: int) -> float:
    """Return the seconds that ours takes for all submissions."""
    began = time.perf_counter()
    for name in NAMES:
        rows = grade_all(course, name, Sandbox(), count=workers)
        assert all(row.status == "graded" and row.score for row in rows)
    return time.perf_counter() - began


def timed_nbgrader(course: Course) -> float:
    """Return the seconds that nbgrader takes for all submissions."""
    began = time.perf_counter()
    for name in NAMES:
        program = str(Path(sys.executable).with_name("nbgrader"))
        subprocess.run(
            [program, "autograde", name, "--create"], cwd=course.folder, check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    return time.perf_counter() - began


def main() -> None:
    """Print seconds a submission of two notebooks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20, help="students; default: 20")
    count = parser.parse_args().count
    cores = os.cpu_count() or 1
    ways = {
        "nbgrader autograde": timed_nbgrader,
        "ours, one worker": lambda course: timed_ours(course, 1),
        f"ours, {cores} workers": lambda course: timed_ours(course, cores),
    }
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for k, (way, run) in enumerate(tqdm(ways.items(), unit="way", disable=None)):
            found[way] = run(class_of(count, Path(folder) / str(k))) / count
    for way, seconds in found.items():
        ratio = found["nbgrader autograde"] / seconds
        print(f"{way:22} {seconds:6.2f} s a submission of two notebooks  {ratio:5.1f}x")


if __name__ == "__main__":
    main()
