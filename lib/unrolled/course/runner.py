"""Runs a student's cells inside the sandbox, and returns what their functions compute.

A file by itself beside wire.py, with nothing but NumPy: no expected value, no grade and no other
submission is in reach of what it runs. It reads one job, a line of JSON, from standard input and
writes a line of JSON a part to standard output; what cells print goes to standard error. Each part
has a process of its own, forked after NumPy is imported: an exception, an endless loop or a changed
module costs that part alone.
"""

from __future__ import annotations

import ast
import contextlib
import os
import resource
import select
import signal
import sys
import time
import traceback
from typing import Any

import numpy as np
import wire  # type: ignore[import-not-found]

REPORT = 3  # the file descriptor that standard output becomes
WORDS = 2000  # of an error are kept


def limit(limits: dict[str, int]) -> None:
    """Set what this process and its children may use."""
    for name, amount in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (amount, amount))


def become(user: int) -> None:
    """Give up root's rights: a user without a name, and no way back."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)


def without_magics(source: str) -> str:
    """Return a cell's source without the lines that only IPython understands."""
    lines = source.splitlines()
    kept = ["" if line.lstrip().startswith(("%", "!", "?")) else line for line in lines]
    return "\n".join(kept)


def words_of(error: BaseException) -> str:
    """Return an error as a student knows it, with the line of their cell, not with ours."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} (line {error.lineno} of the cell)"
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith("<cell")
    ]
    where = f" (line {frames[-1].lineno} of {frames[-1].filename[1:-1]})" if frames else ""
    try:
        said = str(error)
    except Exception:
        said = "an error that cannot be printed"
    return f"{type(error).__name__}: {said}{where}"[:WORDS]


def run_cells(cells: list[dict[str, Any]], given: dict[str, str]) -> tuple[dict[str, Any], str]:
    """Run cells in order, each by itself; return their names, and the last cell's error or ""."""
    names: dict[str, Any] = {"__name__": "__main__", "np": np}
    references = {name: wire.made(source, name) for name, source in given.items()}
    names |= references
    failed = ""
    for cell in cells:
        failed = ""
        try:
            tree = ast.parse(without_magics(cell["source"]), f"<cell {cell['id']}>")
            exec(compile(tree, f"<cell {cell['id']}>", "exec"), names)
        except BaseException as error:  # also SystemExit: it ends this cell alone
            failed = words_of(error)
        names |= references  # whatever the cell has defined
    return names, failed


def one_case(part: dict[str, Any], names: dict[str, Any], case: Any) -> dict[str, Any]:
    """Return what comes of a case."""
    missing = [name for name in part["wanted"] if name not in names]
    if missing:
        return {"error": f"{', '.join(missing)}: not defined"}
    try:
        if not part["call"]:
            values = [names[name] for name in part["wanted"]]
            return {"value": wire.to_json(values[0] if len(values) == 1 else values)}
        function = names[part["wanted"][0]]
        if not callable(function):
            return {"error": f"{part['wanted'][0]} is a {type(function).__name__}, no function"}
        arguments = wire.arguments(case)
        value = function(*arguments)
        result: dict[str, Any] = {"value": wire.to_json(value)}
        changed = wire.changed(case, arguments)
        if changed is not None:
            result["changed"] = changed
        return result
    except wire.WireError as error:
        return {"error": f"{part['wanted'][0]} returned {error}"}
    except BaseException as error:
        return {"error": words_of(error)}


def run_part(job: dict[str, Any], part: dict[str, Any], out: int) -> None:
    """Run the cells up to the part's, then its cases; write the results to a pipe."""
    limit({"CPU": part["seconds"]})
    cells = job["cells"][: part["cells"]]
    names, failed = run_cells(cells, part["given"])
    results = []
    for case in part["cases"]:
        result = one_case(part, names, case)
        if failed and "error" in result:
            result["error"] = failed
        results.append(result)
    message = wire.dump({"part": part["name"], "results": results})
    while message:
        message = message[os.write(out, message) :]
    if part["cells"] == max(one["cells"] for one in job["parts"]):  # the others print the same
        with contextlib.suppress(BaseException):
            sys.stdout.flush()


def watch(part: dict[str, Any], job: dict[str, Any]) -> bytes:
    """Run a part in a child of its own; return its line, or one that says how it ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.close(reading)
            os.close(REPORT)
            os.setsid()
            run_part(job, part, writing)
        os._exit(0)
    os.close(writing)
    os.set_blocking(reading, False)
    found, late = bytearray(), False
    deadline = time.monotonic() + part["seconds"]
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or len(found) > wire.MAX_BYTES:
            late = left <= 0
            break
        ready, _, _ = select.select([reading], [], [], min(left, 0.5))
        if ready:
            piece = os.read(reading, 2**16)
            if not piece:
                break
            found += piece
        elif os.waitpid(child, os.WNOHANG) != (0, 0):
            child = 0
            with contextlib.suppress(BlockingIOError):
                found += os.read(reading, 2**20)
            break
    os.close(reading)
    status = 0
    if child:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if found.endswith(b"\n") and len(found) <= wire.MAX_BYTES:
        return bytes(found)
    if late:
        words = f"not finished after {part['seconds']} s"
    elif len(found) > wire.MAX_BYTES:
        words = f"returned more than {wire.MAX_BYTES // 2**20} MiB"
    elif os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        words = f"more than {part['seconds']} s of computing"
    else:
        words = "the process ended before it returned anything"
    return bytes(wire.dump({"part": part["name"], "ended": words}))


def main() -> None:
    """Read the job, run its parts, report."""
    job = wire.load(sys.stdin.buffer.readline())
    os.dup2(1, REPORT, inheritable=False)
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    limit(job["limits"])
    become(job["user"])
    for part in job["parts"]:
        line = watch(part, job)
        while line:
            line = line[os.write(REPORT, line) :]


if __name__ == "__main__":
    main()
