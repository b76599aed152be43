"""Collecting: archives of Canvas and Moodle, folders; late, duplicate and missing told apart."""

import csv
import datetime
import io
import os
import stat
import zipfile

import pytest
from classes import NAME

from unrolled.course import export, submission
from unrolled.course.collect import add_students, collect, owner_of
from unrolled.course.folder import CourseError
from unrolled.course.gradebook import gradebook
from unrolled.course.grading import Result
from unrolled.course.moodle import Worksheet
from unrolled.course.outcome import Outcome

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


def zipped(path, entries, day=1):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content, *hour in entries:
            info = zipfile.ZipInfo(name, (2027, 3, day, *(hour or [12]), 0, 0))
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
        ("Ada Lovelace_1815_assignsubmission_file_lstm.ipynb", "1815"),
        ("ada/lstm.ipynb", "ada"),
        ("ada.ipynb", "ada"),
        ("a/b/c.ipynb", None),
    ],
)
def test_a_name_says_whose_it_is(name, owner):
    assert owner_of(name) == owner


def test_of_several_files_in_moodle_the_one_with_the_right_name_is_taken(class_of_three, tmp_path):
    place = "Ada Lovelace_1815_assignsubmission_file"
    files = [(f"{place}/{NAME}.ipynb", "right", 9), (f"{place}/notes.ipynb", "notes", 10)]
    rows = collect(class_of_three, NAME, zipped(tmp_path / "all.zip", files))
    assert [(row.status, row.why) for row in rows] == [
        ("collected", ""),
        ("duplicate", f"{place}/{NAME}.ipynb is taken"),
    ]


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
    local = datetime.datetime(2027, 3, 1, 10).astimezone(datetime.UTC)
    assert (place / "timestamp.txt").read_text().strip() == local.isoformat()
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
        ("id\nada\nada\n", "line 3: id ada is there twice"),
        ("id,lms_user_id\nada,7\nbob,7\n", "line 3: lms_user_id 7 is there twice"),
    ]:
        path.write_text(text)
        with pytest.raises(CourseError, match=words):
            add_students(course, path)
    path.write_bytes(b"id,last_name\nada,\xd6zt\xfcrk\n")
    with pytest.raises(CourseError, match="save it as CSV UTF-8"):
        add_students(course, path)
    with pytest.raises(CourseError, match="none.csv: No such file"):
        add_students(course, tmp_path / "none.csv")
    with pytest.raises(CourseError, match="no zip archive"):
        collect(course, NAME, path)
    with pytest.raises(CourseError, match="no archive or folder"):
        collect(course, NAME, tmp_path / "nothing")


def stamp(course, student):
    return (course.folder / "submitted" / student / NAME / "timestamp.txt").read_text().strip()


def test_an_archive_of_canvas_has_no_times_but_says_what_is_late(class_of_three, tmp_path):
    # Downloaded two days after the due time, as all of Canvas's times then are.
    downloaded = zipped(
        tmp_path / "all.zip",
        [("lovelaceada_1815_9_lstm.ipynb", "x"), ("turingalan_LATE_1912_10_lstm.ipynb", "x")],
        day=3,
    )
    rows = {row.student: row.why for row in collect(class_of_three, NAME, downloaded)}
    assert rows == {"ada": "", "alan": "late"}
    assert stamp(class_of_three, "ada") == "2027-03-01T22:59:00+00:00"
    assert stamp(class_of_three, "alan") == "2027-03-01T22:59:01+00:00"
    anew = zipped(tmp_path / "anew.zip", [("lovelaceada_1815_9_lstm.ipynb", "x")], day=4)
    assert [row.status for row in collect(class_of_three, NAME, anew)] == ["collected"]
    assert stamp(class_of_three, "ada") == "2027-03-01T22:59:00+00:00"
    again = zipped(tmp_path / "x.zip", [("lovelaceada_1815_8_lstm.ipynb", "older")], day=2)
    assert [row.status for row in collect(class_of_three, NAME, again)] == ["duplicate"]


WORKSHEET = """\
Identifier,"Full name","ID number","Email address",Status,Grade,"Maximum Grade","Grade can be changed","Last modified (submission)","Last modified (grade)","Feedback comments"
"Participant 51","Ada Lovelace",,Ada@Example.org,"Submitted for grading",,30.00,Yes,"Tuesday, 2 March 2027, 8:30 AM",-,
"Participant 52","A. M. Turing",alan,alan@example.org,"Submitted for grading",,30.00,Yes,"Monday, 1 March 2027, 08:30",-,
"Participant 1815","Grace Hopper",,,"Submitted for grading",,30.00,Yes,-,-,
"Participant 53","Somebody Else",,,"No submission",,30.00,Yes,-,-,
"""


def test_moodles_worksheet_says_who_is_who_and_takes_the_grades(class_of_three, tmp_path):
    sheet = tmp_path / "Grades.csv"
    sheet.write_text(WORKSHEET, encoding="utf-8-sig")
    name = "{}_assignsubmission_file/lstm.ipynb"
    path = zipped(
        tmp_path / "all.zip",
        [
            (name.format("Ada Lovelace_51"), "a"),
            ("A. M. Turing_52_assignsubmission_file_lstm.ipynb", "b"),  # not in folders
            (name.format("Grace Hopper_1815"), "c"),  # in the roster, it is Ada's number
            (name.format("Somebody Else_53"), "d"),
        ],
        day=3,
    )
    rows = [(row.status, row.student) for row in collect(class_of_three, NAME, path, sheet)]
    taken = [("collected", student) for student in ("alan", "ada", "grace")]
    assert rows == [*taken, ("unknown student", "53")]
    assert sorted(os.listdir(class_of_three.folder / "submitted")) == ["ada", "alan", "grace"]
    local = datetime.datetime(2027, 3, 2, 8, 30).astimezone(datetime.UTC)
    assert stamp(class_of_three, "ada") == local.isoformat()
    assert stamp(class_of_three, "grace") == "2027-03-01T22:59:00+00:00"  # not said to be late
    with gradebook(class_of_three) as book:
        found = Worksheet.read(sheet, book.students)
    outcome = Outcome("alan", "Alan Turing", "", "", 22.5, result=Result())
    table = list(csv.reader(io.StringIO(export.text("moodle", NAME, [outcome], found))))
    assert table[0] == next(csv.reader([WORKSHEET.splitlines()[0]]))
    assert [row[5] for row in table] == ["Grade", "", "22.5", "", ""]
    assert table[2][0] == "Participant 52"


def test_without_a_worksheet_moodles_numbers_say_nothing_new(class_of_three, tmp_path):
    name = "Ada Lovelace_51_assignsubmission_file/lstm.ipynb"
    (row,) = collect(class_of_three, NAME, zipped(tmp_path / "a.zip", [(name, "x")]))
    assert (row.status, "--worksheet" in row.why) == ("unknown student", True)
    sheet = tmp_path / "Bewertungen.csv"
    sheet.write_text("ID,Bewertung\n")
    with pytest.raises(CourseError, match="in English: it has no column Identifier and no Grade"):
        collect(class_of_three, NAME, tmp_path / "a.zip", sheet)


def test_a_roster_of_a_spreadsheet_with_semicolons_is_read(course, tmp_path):
    path = tmp_path / "roster.csv"
    path.write_text("id;last_name\nada;Lovelace\nalan;Turing\n", encoding="utf-8-sig")
    assert add_students(course, path) == 2
    with gradebook(course) as book:
        assert book.find_student("ada").last_name == "Lovelace"
