"""Sandboxes and courses for the course's tests."""

import shutil

import pytest
from classes import NAME

from unrolled.course import folder, release
from unrolled.course.sandbox import Limits, NoSandboxError, Sandbox


def checked(seconds):
    """The sandbox with a little of everything."""
    found = Sandbox(limits=Limits(seconds=seconds, memory=2**30))
    try:
        found.check()
    except NoSandboxError as error:
        pytest.fail(f"this machine makes no sandbox: {error}", pytrace=False)
    return found


@pytest.fixture(scope="session")
def sandbox():
    """For honest work, on a machine that may be busy."""
    return checked(20)


@pytest.fixture(scope="session")
def impatient():
    """For what would never end."""
    return checked(4)


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    """A course with one assignment, to be copied."""
    course = folder.create(tmp_path_factory.mktemp("course") / "rnn", "rnn")
    release.release(course, NAME, due="2027-03-01T23:59+01:00")
    return course


@pytest.fixture
def course(released, tmp_path):
    shutil.copytree(released.folder, tmp_path / "course")
    found = folder.open_course(tmp_path / "course")
    found.db_url = f"sqlite:///{found.folder}/gradebook.db"
    found.save()
    return found
