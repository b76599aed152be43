"""Sandboxes for the course's tests."""

import pytest

from unrolled.course.sandbox import Limits, NoSandboxError, Sandbox


@pytest.fixture(scope="session")
def sandbox():
    """The sandbox, with a little of everything.

    Where the kernel lets nobody make one, there is nothing to test but the refusal.
    """
    found = Sandbox(limits=Limits(seconds=3, memory=2**30))
    try:
        found.check()
    except NoSandboxError as error:
        pytest.skip(f"this machine makes no sandbox: {error}")
    return found
