"""Sandboxes and courses for the course's tests."""

import postgres
import pytest
from classes import NAME, copied

from unrolled.course import folder, release
from unrolled.course.sandbox import Limits, NoSandboxError, Sandbox

DUE = "2027-03-01T23:59+01:00"


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
    release.release(course, NAME, due=DUE)
    return course


@pytest.fixture(scope="session")
def postgres_server():
    with postgres.server() as address:
        yield address


@pytest.fixture(scope="session")
def released_in_postgres(postgres_server, tmp_path_factory):
    """The same, its gradebook in PostgreSQL."""
    place = tmp_path_factory.mktemp("course") / "rnn"
    course = folder.create(place, "rnn", postgres.new_database(postgres_server))
    release.release(course, NAME, due=DUE)
    return course


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def course(request, tmp_path):
    name = "released" if request.param == "sqlite" else "released_in_postgres"
    return copied(request.getfixturevalue(name), tmp_path / "course")
