"""Grading a class: every submission has a row, is graded once, and keeps what a person gave."""

import datetime

import nbformat
import pytest
from classes import NAME, hand_in
from corpus import Change, made

from unrolled.course import folder, release
from unrolled.course.assignments import instructor_notebook
from unrolled.course.gradebook import gradebook, results
from unrolled.course.grader import grade_all
from unrolled.course.template import for_students


def scores(course):
    with gradebook(course) as book:
        return {s.student_id: s.score for s in book.assignment_submissions(NAME)}


def statuses(rows):
    return {row.student: row.status for row in rows}


def test_a_class_is_graded_and_told_row_by_row(course, sandbox):
    hand_in(course, "ada", course.source(NAME))
    hand_in(course, "bob", course.release(NAME))
    hand_in(course, "cyd", b"{}")
    hand_in(course, "dan", course.source(NAME), "my homework.ipynb", when="2027-03-02 00:00:00 UTC")
    (course.folder / "submitted" / "eve").mkdir()
    hand_in(course, "fay", b"\xff")
    rows = grade_all(course, NAME, sandbox, count=1)
    assert statuses(rows) == {
        "ada": "graded", "bob": "graded", "cyd": "refused",
        "dan": "graded", "eve": "missing", "fay": "refused",
    }  # fmt: skip
    assert scores(course) == {"ada": 22, "bob": 0, "cyd": 0, "dan": 22, "fay": 0}
    late = {row.student: row.late for row in rows if row.late}
    assert late == {"dan": datetime.timedelta(hours=1, minutes=1)}
    assert "no cells" in next(row.why for row in rows if row.student == "cyd")
    with gradebook(course) as book:
        (ada,) = (s for s in book.assignment_submissions(NAME) if s.student_id == "ada")
        assert ada.timestamp == datetime.datetime(2027, 2, 28, 12)
        assert ada.max_score == 30
        assert ada.needs_manual_grade
        assert {part.wrong for part in results(book, NAME)["bob"].parts} == {"not answered"}
    again = grade_all(course, NAME, sandbox, count=1)
    assert {row.status for row in again} == {"as before", "missing"}
    assert {row.student: row.score for row in again if row.score} == {"ada": 22, "dan": 22}


def test_points_by_hand_stay_where_the_answer_stays(course, sandbox):
    hand_in(course, "ada", course.source(NAME))
    grade_all(course, NAME, sandbox, count=1)
    with gradebook(course) as book:
        grade = book.find_grade("explain", NAME, NAME, "ada")
        grade.manual_score, grade.needs_manual_grade = 4, False
        book.find_comment("explain", NAME, NAME, "ada").manual_comment = "Nearly."
        other = book.find_grade("gradient", NAME, NAME, "ada")
        other.manual_score, other.needs_manual_grade = 3, False
        book.db.commit()
    text = course.source(NAME).read_text().replace("With the gates held fixed", "Without a reason")
    hand_in(course, "ada", text.encode())
    assert statuses(grade_all(course, NAME, sandbox, count=1)) == {"ada": "graded"}
    assert scores(course) == {"ada": 26}
    with gradebook(course) as book:
        assert book.find_comment("explain", NAME, NAME, "ada").manual_comment == "Nearly."
        assert book.find_grade("gradient", NAME, NAME, "ada").needs_manual_grade


def test_another_variant_is_refused_once_something_is_graded(course, sandbox):
    hand_in(course, "ada", course.source(NAME))
    grade_all(course, NAME, sandbox, count=1)
    with pytest.raises(folder.CourseError, match="variant 0 of lstm has been graded"):
        release.release(course, NAME, variant=5)


def test_what_a_teacher_gets_wrong_is_said(course, sandbox, tmp_path):
    with pytest.raises(folder.CourseError, match=r"gru is not released \(released: lstm\)"):
        grade_all(course, "gru", sandbox)
    with pytest.raises(folder.CourseError, match="nobody of the course is zoe"):
        grade_all(course, NAME, sandbox, students=["zoe"])
    with pytest.raises(folder.CourseError, match="is a course already"):
        folder.create(course.folder, "again")
    with pytest.raises(folder.CourseError, match="is no course: make one"):
        folder.open_course(tmp_path / "nowhere")
    with pytest.raises(folder.CourseError, match=r"2027-03-01T23:59\+01:00; got 'monday'"):
        release.release(course, NAME, due="monday")
    assert (course.folder / "course.json").stat().st_mode & 0o77 == 0


def test_a_gradebook_that_does_not_answer_is_told_without_its_password(tmp_path):
    course = tmp_path / "course"
    address = "postgresql://ada:sesame@127.0.0.1:9/book"
    with pytest.raises(folder.CourseError, match="ada:.*refused") as told:
        folder.create(course, "rnn", address)
    assert "sesame" not in str(told.value)
    with pytest.raises(folder.CourseError, match="the gradebook nowhere cannot be used"):
        folder.create(course, "rnn", "nowhere")
    with pytest.raises(folder.CourseError, match="No module named"):
        folder.create(course, "rnn", "mysql://host/book")
    assert not course.exists()
    made = folder.create(course, "rnn")
    for name in ("course.json", "nbgrader_config.py"):
        assert (course / name).stat().st_mode & 0o77 == 0
    made.db_url = address.replace("postgresql", "postgresql+psycopg")
    made.save()
    with pytest.raises(folder.CourseError, match="cannot be used"):
        release.release(made, NAME)


def test_a_later_due_time_keeps_the_variant(course):
    release.release(course, NAME, variant=5)
    before = course.release(NAME).read_text()
    release.release(course, NAME, due="2027-03-08T23:59+01:00")
    assert course.variants == {NAME: 5}
    assert course.release(NAME).read_text() == before


def test_two_courses_do_not_share_a_gradebook(course, tmp_path):
    with pytest.raises(folder.CourseError, match="another course's gradebook"):
        folder.create(tmp_path / "again", "rnn", course.db_url)
    assert not (tmp_path / "again").exists()


def test_words_that_a_database_cannot_hold_stop_nobody(course, sandbox):
    errors = {"ada": "a\\0b", "bob": "\\ud800"}
    for student, words in errors.items():
        source = f"def lstm_gates(p, h_prev, x):\n    raise ValueError('{words}')"
        content = made(NAME, Change(answers={"gates": source}))
        hand_in(course, student, nbformat.writes(content).encode())
    text = course.source(NAME).read_text()
    hand_in(course, "cyd", text.replace("import numpy", "# \\ud800\\nimport numpy", 1).encode())
    hand_in(course, "dan", course.source(NAME))
    rows = grade_all(course, NAME, sandbox, count=2)
    assert statuses(rows) == dict.fromkeys(["ada", "bob", "dan"], "graded") | {"cyd": "refused"}
    assert scores(course) == {"ada": 19, "bob": 19, "cyd": 0, "dan": 22}
    with gradebook(course) as book:
        gates = {name: one.parts[1].wrong for name, one in results(book, NAME).items()}
    assert r"ValueError: a\0b" in gates["ada"]
    assert r"ValueError: \ud800" in gates["bob"]


def test_nbgrader_releases_what_the_site_shows(released):
    """Both take out solutions, by the same stubs."""
    by_nbgrader = nbformat.read(released.release(NAME), as_version=4)
    ours = for_students(instructor_notebook(NAME))
    assert [cell.source for cell in by_nbgrader.cells] == [cell.source for cell in ours.cells]
