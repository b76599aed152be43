"""Collecting: archives of Canvas and Moodle, folders; late, duplicate and missing told apart."""

import os
import stat
import zipfile

import pytest
from classes import NAME

from unrolled.course import submission
from unrolled.course.collect import add_students, collect, owner_of
from unrolled.course.folder import CourseError

ROSTER = """id,first_name,last_name,email,lms_user_id
ada,Ada,Lovelace,ada@example.org,1815
alan,Alan,Turing,,1912
grace,Grace,Hopper,,1906
"""


@pytest.fixture
def class_of_three(course, tmp_path):
    path = tmp_path / "roster.csv"
    path.write_text(ROSTER)
    assert add_students(course, path) == 3
    return course


def zipped(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content, *hour in entries:
            info = zipfile.ZipInfo(name, (2027, 3, 1, *(hour or [12]), 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            if name.endswith("link.ipynb"):
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            file.writestr(info, content)
    return path


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("lovelaceada_1815_99_lstm.ipynb", "1815"),
        ("lovelaceada_LATE_1815_99_my work-1.ipynb", "1815"),
        ("Ada Lovelace_1815_assignsubmission_file/lstm.ipynb", "1815"),
        ("Ada Lovelace_1815_assignsubmission_file_/lstm.ipynb", "1815"),
        ("ada/lstm.ipynb", "ada"),
        ("ada.ipynb", "ada"),
        ("a/b/c.ipynb", None),
    ],
)
def test_a_name_says_whose_it_is(name, owner):
    assert owner_of(name) == owner


@pytest.mark.parametrize(
    "name", ["lovelaceada_1815_9_lstm.ipynb", "Ada Lovelace_1815_assignsubmission_file/x.ipynb"]
)
def test_the_newest_of_a_student_is_taken(class_of_three, tmp_path, name):
    again = name.replace("_9_", "_10_").replace("x.ip", "y.ip")
    path = zipped(tmp_path / "all.zip", [(name, "old", 9), (again, "new", 10)])
    rows = {(row.where, row.status) for row in collect(class_of_three, NAME, path)}
    assert rows == {(name, "duplicate"), (again, "collected")}
    place = class_of_three.folder / "submitted" / "ada" / NAME
    assert (place / f"{NAME}.ipynb").read_text() == "new"
    assert (place / "timestamp.txt").read_text().startswith("2027-03-01T10:00:00")
    older = zipped(tmp_path / "older.zip", [(name, "older", 8)])
    assert [row.status for row in collect(class_of_three, NAME, older)] == ["duplicate"]
    assert (place / f"{NAME}.ipynb").read_text() == "new"


def test_what_cannot_be_taken_has_a_row_and_the_rest_goes_on(class_of_three, tmp_path, monkeypatch):
    monkeypatch.setattr(submission, "MAX_BYTES", 1000)
    monkeypatch.setattr("unrolled.course.collect.MAX_BYTES", 1000)
    path = zipped(
        tmp_path / "all.zip",
        [
            ("turingalan_1912_1_lstm.ipynb", "good"),
            ("../../evil_1906_1_lstm.ipynb", "x"),
            ("hoppergrace_1906_1_link.ipynb", "/etc/passwd"),
            ("nobody_4711_1_lstm.ipynb", "x"),
            ("lovelaceada_1815_1_lstm.ipynb", "0" * 100_000),
            ("notes.txt", "x"),
        ],
    )
    rows = {row.where: (row.status, row.why) for row in collect(class_of_three, NAME, path)}
    assert rows["turingalan_1912_1_lstm.ipynb"][0] == "collected"
    assert rows["../../evil_1906_1_lstm.ipynb"] == ("refused", "its name leaves the folder")
    assert rows["hoppergrace_1906_1_link.ipynb"] == ("refused", "a link, not a file")
    assert rows["nobody_4711_1_lstm.ipynb"][0] == "unknown student"
    assert rows["lovelaceada_1815_1_lstm.ipynb"][0] == "refused"
    assert len(rows) == 5
    assert sorted(os.listdir(class_of_three.folder / "submitted")) == ["alan"]


def test_a_folder_is_collected(course, tmp_path):
    source = tmp_path / "handed"
    (source / "ada").mkdir(parents=True)
    (source / "ada" / "work.ipynb").write_text("one")
    (source / "alan.ipynb").write_text("two")
    (source / "grace.ipynb").symlink_to("/etc/passwd")
    rows = {row.student: (row.status, row.why) for row in collect(course, NAME, source)}
    assert rows["ada"][0] == rows["alan"][0] == "collected"
    assert rows["grace"] == ("refused", "a link, not a file")


def test_what_a_teacher_gets_wrong_is_said(course, tmp_path):
    path = tmp_path / "roster.csv"
    for text, words in [
        ("name\nAda\n", "a column id is wanted"),
        ("id\n../ada\n", "line 2"),
        ("id\nada\nada\n", "line 3: ada is there twice"),
    ]:
        path.write_text(text)
        with pytest.raises(CourseError, match=words):
            add_students(course, path)
    with pytest.raises(CourseError, match="no zip archive"):
        collect(course, NAME, path)
    with pytest.raises(CourseError, match="no archive or folder"):
        collect(course, NAME, tmp_path / "nothing")
