"""Where a submission runs: without network, other files, or more than its share of the machine.

`bubblewrap` is the usual one, a container image the other. Where there is neither, a clear refusal,
unless the teacher says ``unsafe``. What comes out is data of limited size, by wire.py.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from . import wire

HERE = Path(__file__).parent
PACKAGE = HERE.parent
KEPT_OUTPUT = 4000  # characters of what a submission prints


class NoSandboxError(RuntimeError):
    """There is nothing to run submissions in safely."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    seconds: of computing, and of waiting, a part. memory: bytes of all its processes together.
    processes: at a time. disk: bytes in its temporary folder. output: bytes that it may print.
    """

    seconds: int = 10
    memory: int = 2 * 2**30
    processes: int = 24
    disk: int = 64 * 2**20
    output: int = 4 * 2**20

    def rlimits(self) -> dict[str, int]:
        """Return the limits that the kernel sets on each process."""
        return {
            "AS": self.memory,
            "NPROC": self.processes,
            "FSIZE": self.disk,
            "CORE": 0,
            "NOFILE": 256,
        }


@dataclass
class Report:
    """What a submission's run gave.

    results: a part's name -> a dictionary a case. ended: a part's name -> why it gave nothing.
    printed: the beginning of what it printed.
    """

    results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    printed: str = ""


def parents_of(paths: Sequence[str]) -> list[str]:
    """Return the folders above paths, outer ones first, each once."""
    found = {str(parent) for path in paths for parent in Path(path).parents}
    return sorted(found - {"/"}, key=lambda path: (path.count("/"), path))


def bubblewrap_command(limits: Limits, library: bool) -> list[str]:
    """Return the command that runs runner.py in bubblewrap.

    library: whether the submission may import ``unrolled``; never its ``course``.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise NoSandboxError(
            "submissions run in bubblewrap, and there is no bwrap on this machine: install it (on "
            "Debian or Ubuntu: apt-get install bubblewrap), name a container image by --container, "
            "or say --unsafe to run them without protection"
        )
    system = [
        p
        for p in ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache")
        if Path(p).exists()
    ]
    python = sorted({sys.base_prefix, sys.prefix, str(Path(sys.executable).resolve().parents[1])})
    own = [path for path in python if not path.startswith("/usr")]
    installed = Path(sysconfig.get_path("purelib")) / "unrolled"
    hidden = [str(installed)] if installed.is_dir() and not library else []
    if library:
        own.append(str(PACKAGE))
        hidden.append(str(HERE))
    command = [program, "--die-with-parent", "--new-session", "--clearenv"]
    command += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    if os.geteuid() == 0:
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]  # runner.py gives them up
    else:
        command += ["--unshare-user", "--disable-userns"]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/dev/shm", "/tmp"):  # first, as Python may be in a folder below
        command += ["--perms", "1777", "--size", str(limits.disk), "--tmpfs", folder]
    for folder in parents_of(own):
        if folder != "/tmp":
            command += ["--perms", "0755", "--dir", folder]
    for path in [*system, *own]:
        command += ["--ro-bind", path, path]
    for path in hidden:
        command += ["--perms", "0755", "--tmpfs", path, "--remount-ro", path]
    for name in ("runner.py", "wire.py"):
        command += ["--ro-bind", str(HERE / name), f"/runner/{name}"]
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]
    for name, value in environment(library).items():
        command += ["--setenv", name, value]
    return [*command, "--", sys.executable, "-P", "-B", "/runner/runner.py"]


def container_engine(image: str) -> str:
    """Return the program that runs containers; raises NoSandboxError if there is none."""
    program = shutil.which("podman") or shutil.which("docker")
    if program is None:
        raise NoSandboxError(f"the image {image} needs podman or docker, and neither is here")
    return program


def container_command(image: str, name: str, limits: Limits, library: bool) -> list[str]:
    """Return the command that runs runner.py in a container; its image has Python and NumPy."""
    command = [container_engine(image), "run", "--rm", "--interactive", "--name", name]
    command += ["--network", "none", "--read-only", "--pull", "never"]
    command += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "65534:65534"]
    command += ["--memory", str(limits.memory), "--memory-swap", str(limits.memory)]
    command += ["--pids-limit", str(limits.processes), "--cpus", "1", "--workdir", "/tmp"]
    # Stated, as an engine that has not all of root's rights cannot raise its own.
    command += ["--ulimit", "nofile=256:256", "--ulimit", "nproc=4096:4096"]
    # Empty: podman would fill it with what the image has there, which may be more than fits.
    empty = ",notmpcopyup" if Path(command[0]).name == "podman" else ""
    command += ["--tmpfs", f"/tmp:rw,mode=1777,size={limits.disk}{empty}"]
    for file in ("runner.py", "wire.py"):
        command += ["--volume", f"{HERE / file}:/runner/{file}:ro"]
    if library:  # all but this folder: an empty one over it would be filled from it by podman
        for path in sorted(set(PACKAGE.iterdir()) - {HERE}):
            command += ["--volume", f"{path}:/library/unrolled/{path.name}:ro"]
    for variable, value in environment(library, "/library").items():
        command += ["--env", f"{variable}={value}"]
    return [*command, image, "python3", "-P", "-B", "/runner/runner.py"]


def environment(library: bool, where: str = str(PACKAGE.parent)) -> dict[str, str]:
    """Return the environment variables of a run: nothing of the teacher's."""
    found = {
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": "/tmp",
        "OPENBLAS_NUM_THREADS": "1",
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": "/runner" + (f":{where}" if library else ""),
    }
    return found


@contextmanager
def unsafe_place(library: bool) -> Iterator[tuple[list[str], dict[str, str], str]]:
    """Yield command, environment and folder for a run without protection."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o1777)  # root's submissions run as another user, who may write here
        names = environment(library) | {"HOME": folder, "MPLCONFIGDIR": folder}
        names["PYTHONPATH"] = names["PYTHONPATH"].replace("/runner", folder)
        for name in ("runner.py", "wire.py"):
            shutil.copy(HERE / name, folder)
        yield [sys.executable, "-P", "-B", f"{folder}/runner.py"], names, folder


@dataclass(frozen=True)
class Sandbox:
    """A way to run submissions: "bubblewrap", "container" with its image, or "unsafe"."""

    kind: str = "bubblewrap"
    image: str | None = None
    limits: Limits = field(default_factory=Limits)

    def check(self) -> None:
        """Write a file once; raises NoSandboxError if that fails, with what was said."""
        source = "with open('trial', 'w') as file:\n    written = file.write('x')"
        trial = {"name": "trial", "cells": 1, "wanted": ["written"], "call": False, "cases": [[]]}
        report = self.run([{"id": "trial", "source": source}], [trial])
        if "trial" in report.ended:
            raise NoSandboxError(
                f"{self.kind} does not start here: {report.printed or report.ended['trial']}"
            )
        if error := report.results["trial"][0].get("error"):
            raise NoSandboxError(
                f"in {self.image or self.kind} nobody can write into /tmp, which must have the "
                f"mode 1777: {error}"
            )

    def run(self, cells: list[dict[str, Any]], parts: list[dict[str, Any]]) -> Report:
        """Run a submission's parts, each even if one before it ended the process.

        cells: dictionaries with id and source. parts: dictionaries with name, wanted, call, cells
        (how many of the cells come before and with it), cases, given, library.
        """
        report = Report()
        defaults: dict[str, Any] = {"cases": [], "given": {}, "seconds": self.limits.seconds}
        for library in (False, True):
            waiting = [defaults | part for part in parts if part.get("library", False) is library]
            while waiting:  # anew after a part that ended the whole process
                before = len(waiting)
                reason = self._once(cells, waiting, library, report)
                done = report.results.keys() | report.ended.keys()
                waiting = [part for part in waiting if part["name"] not in done]
                if waiting and len(waiting) == before:
                    report.ended[waiting.pop(0)["name"]] = reason
        return report

    def _once(
        self,
        cells: list[dict[str, Any]],
        parts: list[dict[str, Any]],
        library: bool,
        report: Report,
    ) -> str:
        """Start a sandbox for the parts; add what it gives; return why it ended."""
        limits = self.limits.rlimits()
        if self.kind == "container":
            limits.pop("NPROC")
        # A user of its own each time, as the kernel counts processes by user.
        user = 100_000 + secrets.randbelow(2**30)
        job = wire.dump({"limits": limits, "user": user, "cells": cells, "parts": parts})
        if self.kind == "unsafe":
            with unsafe_place(library) as (command, names, folder):
                return self._watch(command, job, parts, report, env=names, cwd=folder)
        if self.kind == "container":
            assert self.image is not None
            name = f"unrolled-{secrets.token_hex(8)}"
            command = container_command(self.image, name, self.limits, library)
            remove = [command[0], "rm", "--force", name]
            return self._watch(command, job, parts, report, remove)
        return self._watch(bubblewrap_command(self.limits, library), job, parts, report)

    def _watch(
        self,
        command: list[str],
        job: bytes,
        parts: list[dict[str, Any]],
        report: Report,
        remove: list[str] | None = None,
        **where: Any,
    ) -> str:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **where,
        )
        watch = _Watch(process, self.limits, remove)
        try:
            return watch.follow(job, parts, report)
        finally:
            watch.end()


class _Watch:
    """One process of a sandbox: fed, read, and ended when it takes too much.

    remove: the command that ends what is no child of the process, as a container is not.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], limits: Limits, remove: list[str] | None = None
    ) -> None:
        self.process = process
        self.remove = remove
        self.limits = limits
        self.reason = ""
        self.printed = bytearray()
        self.over = threading.Event()

    def stop(self, reason: str) -> None:
        self.reason = self.reason or reason
        for process in self._tree():
            with suppress(psutil.Error):
                process.kill()
        self.process.kill()
        if self.remove is not None:
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(self.remove, capture_output=True, timeout=60)

    def _tree(self) -> list[psutil.Process]:
        try:
            return list(psutil.Process(self.process.pid).children(recursive=True))
        except psutil.Error:
            return []

    def _drain(self, pipe: IO[bytes]) -> None:
        size = 0
        while piece := pipe.read1(2**16):  # type: ignore[attr-defined]
            size += len(piece)
            if len(self.printed) < KEPT_OUTPUT:
                self.printed += piece[:KEPT_OUTPUT]
            if size > self.limits.output:
                self.stop(f"printed more than {self.limits.output // 2**20} MiB")

    def _weigh(self) -> None:
        while not self.over.wait(0.05):
            used = 0
            for process in self._tree():
                with suppress(psutil.Error):
                    used += process.memory_info().rss
            if used > self.limits.memory:
                self.stop(f"used more than {self.limits.memory / 2**30:g} GiB of memory")

    def _feed(self, job: bytes) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(job)
            self.process.stdin.close()
        except OSError:
            pass  # it has ended; follow() says why

    def follow(self, job: bytes, parts: list[dict[str, Any]], report: Report) -> str:
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        allowed = 20 + sum(part["seconds"] + 2 for part in parts)
        clock = threading.Timer(allowed, self.stop, [f"not finished after {allowed} s"])
        threads = [
            threading.Thread(target=self._feed, args=[job], daemon=True),
            threading.Thread(target=self._drain, args=[self.process.stderr], daemon=True),
            threading.Thread(target=self._weigh, daemon=True),
        ]
        clock.daemon = True
        for thread in (clock, *threads):
            thread.start()
        names = {part["name"]: len(part["cases"]) for part in parts}
        try:
            while line := self.process.stdout.readline(wire.MAX_BYTES + 1):
                self._take(line, names, report)
        except wire.WireError as error:
            self.stop(f"sent something that is no result: {error}")
        self.process.wait()
        self.over.set()
        clock.cancel()
        threads[1].join(5)
        report.printed = (report.printed + self.printed.decode(errors="replace"))[:KEPT_OUTPUT]
        return self.reason or "the process was ended from within"

    def _take(self, line: bytes, names: dict[str, int], report: Report) -> None:
        """Add one line of results; the first word on a part holds."""
        found = wire.load(line)
        name = found.get("part") if isinstance(found, dict) else None
        if name not in names or name in report.results or name in report.ended:
            raise wire.WireError("not a part that was asked for")
        if isinstance(found.get("ended"), str):
            report.ended[name] = found["ended"][:KEPT_OUTPUT]
            return
        results = found.get("results")
        if not (
            isinstance(results, list)
            and len(results) == names[name]
            and all(isinstance(one, dict) for one in results)
        ):
            raise wire.WireError("not as many results as cases")
        report.results[name] = results

    def end(self) -> None:
        """Leave nothing of the process behind."""
        self.over.set()
        if self.process.poll() is None:
            self.stop("ended")
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr, self.process.stdin):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
