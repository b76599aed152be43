"""A class that hands in."""

import shutil

NAME = "lstm"


def hand_in(course, student, source, name=f"{NAME}.ipynb", when="2027-02-28 12:00:00 UTC"):
    place = course.folder / "submitted" / student / NAME
    place.mkdir(parents=True, exist_ok=True)
    if isinstance(source, bytes):
        (place / name).write_bytes(source)
    else:
        shutil.copy(source, place / name)
    (place / "timestamp.txt").write_text(when)
