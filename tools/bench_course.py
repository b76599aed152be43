"""Time grading beside `nbgrader autograde`, on the same submissions, in one run.

    python tools/bench_course.py [--count 20]

Both as commands, from their start to their end. nbgrader grades as its documentation says, one
process: `nbgrader autograde`. Ours runs in the sandbox, with one worker and with one a core; a
worker takes a second or two to start, so that several are worth it from some ten students on.
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
from unrolled.course.gradebook import gradebook
from unrolled.course.release import release

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


def timed(course: Course, *command: str) -> float:
    """Return the seconds that a command takes for all submissions of all assignments."""
    began = time.perf_counter()
    for name in NAMES:
        words = [name if word == "NAME" else word for word in command]
        subprocess.run(words, cwd=course.folder, check=True, capture_output=True)
    seconds = time.perf_counter() - began
    with gradebook(course) as book:
        for name in NAMES:
            scores = [one.score for one in book.assignment_submissions(name)]
            assert len(scores) == len([*(course.folder / "submitted").iterdir()])
            assert all(scores)
    return seconds


def ours(workers: int) -> tuple[str, ...]:
    """Return our command."""
    return (sys.executable, "-m", "unrolled.course", "grade", "NAME", "--workers", str(workers))


def main() -> None:
    """Print seconds a submission of two notebooks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20, help="students; default: 20")
    count = parser.parse_args().count
    cores = os.cpu_count() or 1
    nbgrader = str(Path(sys.executable).with_name("nbgrader"))
    ways = {
        "nbgrader autograde": (nbgrader, "autograde", "NAME", "--create"),
        "ours, one worker": ours(1),
        f"ours, {cores} workers": ours(cores),
    }
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for k, (way, command) in enumerate(tqdm(ways.items(), unit="way", disable=None)):
            found[way] = timed(class_of(count, Path(folder) / str(k)), *command) / count
    for way, seconds in found.items():
        ratio = found["nbgrader autograde"] / seconds
        print(f"{way:22} {seconds:6.2f} s a submission of two notebooks  {ratio:5.1f}x")


if __name__ == "__main__":
    main()
