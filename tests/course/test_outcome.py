"""What is told of a class: exports that Canvas and Moodle read, pages, and the command line."""

import csv
import datetime
import io
import json

import pytest
from classes import NAME, hand_in

from unrolled.course.__main__ import main
from unrolled.course.collect import add_students
from unrolled.course.export import text
from unrolled.course.gradebook import gradebook
from unrolled.course.grader import grade_all
from unrolled.course.outcome import outcomes
from unrolled.course.reports import feedback, report


def without(text, part):
    """A notebook with an answer left empty."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == f"{part}-answer":
            cell["source"] = []
    return json.dumps(notebook)


@pytest.fixture
def told(course, sandbox, tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_text("id,first_name,last_name,lms_user_id\nada,Ada,Lovelace,1815\neve,=Eve,,7\n")
    add_students(course, roster)
    hand_in(course, "ada", course.source(NAME))
    bad = course.source(NAME).read_text().replace("c = f * c_prev + i", "c = i * c_prev + f")
    bad = without(bad, "latch")
    hand_in(course, "bob", bad.encode(), when="2027-03-02 00:00:00 UTC")
    grade_all(course, NAME, sandbox, count=1)
    with gradebook(course) as book:
        for name, points in (("explain", 4.5), ("gradient", 3)):
            grade = book.find_grade(name, NAME, NAME, "ada")
            grade.manual_score, grade.needs_manual_grade = points, False
        book.find_comment("explain", NAME, NAME, "ada").manual_comment = "<b>Good</b>"
        book.db.commit()
    return course


def rows(table):
    return list(csv.reader(io.StringIO(table)))


def test_late_missing_and_waiting_are_told_apart(told):
    ada, bob, eve = outcomes(told, NAME)
    assert (ada.score, ada.waiting, ada.late) == (29.5, False, None)
    assert (bob.waiting, bob.late) == (True, datetime.timedelta(hours=1, minutes=1))
    assert (eve.score, eve.result) == (None, None)
    assert ada.written["explain"] == (4.5, "<b>Good</b>")


def test_exports_have_the_forms_that_are_imported(told):
    found = outcomes(told, NAME)
    canvas = rows(text("canvas", NAME, found))
    who = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert canvas[0] == [*who, "The heart of the LSTM"]
    assert canvas[1] == ["Points Possible", "", "", "", "", "30"]
    assert canvas[2] == ["Ada Lovelace", "1815", "ada", "ada", "", "29.5"]
    assert canvas[4] == ["'=Eve", "7", "eve", "eve", "", ""]
    moodle = [
        dict(zip(rows(text("moodle", NAME, found))[0], row, strict=True))
        for row in rows(text("moodle", NAME, found))[1:]
    ]
    assert [one["Identifier"] for one in moodle] == ["Participant 1815", "bob", "Participant 7"]
    assert moodle[0]["Grade"] == "29.5"
    assert moodle[0]["Last modified (grade)"] == "-"  # a column without which Moodle refuses it
    assert moodle[0]["Feedback comments"] == (
        "What the update of the cell state does: &lt;b&gt;Good&lt;/b&gt;"
    )
    assert "late" in moodle[1]["Status"]
    assert moodle[1]["Feedback comments"].startswith("Handed in late by 1:01:00.<br>Cell state and")
    assert moodle[2]["Status"] == "No submission"
    plain = rows(text("plain", NAME, found))
    assert plain[1][plain[0].index("explain")] == "4.5"
    assert plain[2][plain[0].index("explain")] == ""
    assert {len(row) for row in plain} == {len(plain[0])}
    with pytest.raises(KeyError):
        text("excel", NAME, found)


def test_pages_say_what_was_wrong_and_are_safe(told):
    pages = {path.parts[-3]: path.read_text() for path in feedback(told, NAME)}
    assert set(pages) == {"ada", "bob"}
    assert "29.5 of 30 points" in pages["ada"]
    assert "&lt;b&gt;Good&lt;/b&gt;" in pages["ada"]
    assert "Not right." not in pages["ada"]
    assert pages["bob"].count("Not right.") == 1
    assert pages["bob"].count("Not answered.") == 1
    assert "NotImplementedError" not in pages["bob"]
    assert "still to be read" in pages["bob"]
    assert "Handed in late by 1:01:00" in pages["bob"]
    page = report(told, NAME).read_text()
    assert "2 of 3 handed in" in page
    assert "Cell state and hidden state: 1 not right, 0 not answered." in page
    assert "A bit that survives: 0 not right, 1 not answered." in page
    assert "late by 1:01:00; waits for points by hand" in page
    assert page.count("data:image/svg+xml") == 2


def test_the_command_line(told, capsys, tmp_path):
    course = ["--course", str(told.folder)]
    assert (
        main(["export", NAME, *course, "--form", "canvas", "--output", str(tmp_path / "g.csv")])
        == 0
    )
    assert "1 wait for points by hand: bob" in capsys.readouterr().err
    assert rows((tmp_path / "g.csv").read_text())[2][-1] == "29.5"
    assert main(["report", NAME, *course]) == 0
    assert main(["grade", NAME, *course, "--workers", "1"]) == 0
    assert "as before" in capsys.readouterr().out
    assert main(["grade", "gru", *course]) == 2
    assert "gru is not released" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["grade", "nothing", *course])
    assert "invalid choice: 'nothing'" in capsys.readouterr().err


def test_who_wrote_nothing_or_sent_nothing_readable_waits_for_nobody(course, sandbox):
    hand_in(course, "bob", course.release(NAME))
    hand_in(course, "cyd", b'{"cells": [')
    grade_all(course, NAME, sandbox, count=1)
    bob, cyd = outcomes(course, NAME)
    assert (bob.score, bob.waiting, cyd.score, cyd.waiting) == (0, False, 0, False)
    assert set(bob.written.values()) == {(0.0, "Not answered.")}
    pages = {path.parts[-3]: path.read_text() for path in feedback(course, NAME)}
    assert "still to be read" not in pages["bob"] + pages["cyd"]
    assert pages["cyd"].count("no JSON") == 1
    assert "visible" not in pages["cyd"]
    table = rows(text("moodle", NAME, [cyd]))
    assert table[1][-1].startswith(
        "Your notebook could not be read: not a notebook, or not all of it"
    )
    page = report(course, NAME).read_text()
    assert "The step: 0 not right, 1 not answered." in page
    assert [row.why[:14] for row in grade_all(course, NAME, sandbox)] == ["", "not a notebook"]
