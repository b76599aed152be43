"""Hostile submissions in a class: contained, scored as failed with a reason, neighbours untouched."""

import io
import json
import re
import shutil
import zipfile

import psutil
import pytest
from classes import NAME, hand_in
from corpus import Change, hostile, made

from unrolled.course.gradebook import gradebook, results
from unrolled.course.grader import grade_all

pytestmark = pytest.mark.parametrize("course", ["sqlite"], indirect=True)


def snapshot(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and path.name != "gradebook.db"
        and "autograded" not in path.parts
    }


def file_of(kind, course, path):
    if kind == "a zip bomb":
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as bomb:
            bomb.writestr("notebook.ipynb", "0" * 10**8)
        path.write_bytes(content.getvalue())
    elif kind == "200 MB of output":
        notebook = json.loads(course.source(NAME).read_text())
        output = {"output_type": "stream", "name": "stdout", "text": "x" * 200 * 2**20}
        next(c for c in notebook["cells"] if c["cell_type"] == "code")["outputs"] = [output]
        path.write_text(json.dumps(notebook))
    elif kind == "deep JSON":
        path.write_text("[" * 10**6)
    else:
        target = "gradebook.db" if "gradebook" in kind else f"source/{NAME}/{NAME}.ipynb"
        path.symlink_to(course.folder / target)


def submission(source):
    import nbformat

    return nbformat.writes(made(NAME, Change(answers={"gates": source}))).encode()


@pytest.mark.slow
@pytest.mark.xdist_group("whole machine")
def test_a_class_with_hostile_submissions(course, impatient):
    kinds = dict(hostile.CELLS)
    kinds["reads the course's folder"] = (hostile.loot(str(course.folder)), "NoneType, no function")
    kinds["reads all that is mounted"] = (hostile.loot("/runner"), "NoneType, no function")
    kinds["reads other processes"] = (
        hostile.loot("/proc/1") + "import os\nprint(dict(os.environ))",
        "NoneType, no function",
    )
    kinds["deletes its tests"] = (None, "missing")
    assert len(kinds) + len(hostile.FILES) >= 20
    names = {}
    for k, (kind, (source, reason)) in enumerate(kinds.items()):
        names[f"h{k:02}"] = kind, reason
        hand_in(course, f"h{k:02}", submission(source or ""))
        hand_in(course, f"n{k:02}", course.source(NAME))
    for k, (kind, reason) in enumerate(hostile.FILES.items()):
        names[f"f{k:02}"] = kind, reason
        hand_in(course, f"f{k:02}", b"")
        path = course.folder / "submitted" / f"f{k:02}" / NAME / f"{NAME}.ipynb"
        path.unlink()
        file_of(kind, course, path)
    # The one without tests: all locked cells deleted.
    (one,) = (student for student, (kind, _) in names.items() if kind == "deletes its tests")
    notebook = json.loads(submission("lstm_gates = 1"))
    notebook["cells"] = [
        c for c in notebook["cells"] if not c["metadata"].get("nbgrader", {}).get("locked")
    ]
    hand_in(course, one, json.dumps(notebook).encode())
    before = snapshot(course.folder)

    rows = {row.student: row for row in grade_all(course, NAME, impatient)}

    assert snapshot(course.folder) == before
    assert all(row.status in {"graded", "refused"} for row in rows.values())
    with gradebook(course) as book:
        found = results(book, NAME)
    for student, (kind, reason) in names.items():
        result = found[student]
        if student.startswith("f"):
            assert (rows[student].status, result.score) == ("refused", 0), kind
            assert re.search(reason, rows[student].why), (kind, rows[student].why)
            continue
        gates = next(part for part in result.parts if part.name == "gates")
        assert gates.score == 0, kind
        told = "; ".join([gates.wrong, *result.notes])
        assert re.search(reason, told), (kind, told)
        assert result.score <= 19
        assert course.secret not in str(result), kind
        assert "SQLite format" not in result.printed, kind
        assert "BEGIN SOLUTION" not in result.printed, kind
        assert str(course.folder) not in result.printed, kind
    for student, result in found.items():
        if student.startswith("n"):
            assert result.score == 22, student
    running = [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]
    assert not [command for command in running if str(course.folder) in " ".join(command)]
    shutil.rmtree(course.folder)
