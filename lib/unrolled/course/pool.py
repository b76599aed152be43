"""Where tasks run: in processes of this machine, or on a Dask cluster.

A worker may be killed at any moment: what it had in hand is run again by another one. A task whose
worker ends three times is given back as failed, so that it does not hold up the others.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from queue import Empty, SimpleQueue
from typing import Any

from .folder import CourseError
from .sandbox import Sandbox
from .work import Graded, Task, die_with_parent, edition, grade_as, grade_task

TRIES = 3
ADDRESS = re.compile(r"(tcp|tls)://[^/\s]+:\d+")
PATIENCE = 15.0  # seconds for a cluster to answer, and to be without a worker


def locally(tasks: Sequence[Task], count: int | None) -> Iterator[tuple[int, Graded | Exception]]:
    """Grade in processes of this machine; yield which task is done and what came of it.

    count: of processes; None: one a core.
    """
    count = count or os.cpu_count() or 1
    waiting = list(range(len(tasks)))
    tries: Counter[int] = Counter()
    while waiting:
        with ProcessPoolExecutor(count, get_context("spawn"), die_with_parent) as pool:
            futures = {pool.submit(grade_task, tasks[k]): k for k in waiting}
            for future in as_completed(futures):
                k, error = futures[future], future.exception()
                if isinstance(error, BrokenProcessPool):
                    continue
                waiting.remove(k)
                yield k, error if isinstance(error, Exception) else future.result()
        # The pool takes tasks in order, one more than it has processes: these were in hand.
        suspects, rest = waiting[: count + 1], waiting[count + 1 :]
        tries.update(suspects)
        for k in suspects:
            if tries[k] == TRIES:
                yield k, RuntimeError(f"its worker was ended from outside, {TRIES} times")
        waiting = rest + [k for k in suspects if tries[k] < TRIES]


def on_cluster(
    tasks: Sequence[Task], address: str, sandbox: Sandbox
) -> Iterator[tuple[int, Graded | Exception]]:
    """Grade on a Dask cluster; yield which task is done and what came of it.

    address: of the scheduler, as tcp://host:8786.
    Raises CourseError if nobody answers there, if a worker cannot grade, or if none is left.
    """
    import dask
    from distributed import Client

    if not ADDRESS.fullmatch(address):  # which Client would be half a minute to say
        raise CourseError(f"a cluster's address is like tcp://host:8786; got {address!r}")
    # A notebook goes along with its task, whatever its size: workers need not share a disk.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"}):
        try:
            client = Client(address, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise CourseError(
                f"no Dask scheduler answers at {address}: `dask scheduler` starts one, and "
                f"`dask worker {address}` a worker ({error})"
            ) from None
        with client:
            check_workers(client, address, sandbox)
            yield from _follow(client, tasks, address)


def check_workers(client: Any, address: str, sandbox: Sandbox) -> None:
    """Raise CourseError unless there are workers, each with this very package and a sandbox."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise CourseError(
            f"the Dask scheduler at {address} has no worker: `dask worker {address}` starts one"
        ) from None
    for worker, found in client.run(edition, on_error="return").items():
        if found != edition():
            what = f"cannot import it ({found})" if isinstance(found, Exception) else f"has {found}"
            raise CourseError(
                f"the worker {worker} needs the same version of unrolled as this machine "
                f"({edition()}), and {what}"
            )
    for worker, found in client.run(sandbox.check, on_error="return").items():
        if isinstance(found, Exception):
            raise CourseError(f"the worker {worker} has no sandbox: {found}")


def _follow(
    client: Any, tasks: Sequence[Task], address: str
) -> Iterator[tuple[int, Graded | Exception]]:
    """Submit tasks; yield what comes, in the order in which it comes."""
    done: SimpleQueue[Any] = SimpleQueue()
    waiting = {}
    for k, task in enumerate(tasks):
        future = client.submit(grade_as, edition(), task, pure=False)
        waiting[future.key] = k, future
        future.add_done_callback(done.put)
    while waiting:
        try:
            future = done.get(timeout=PATIENCE)
        except Empty:
            if client.status != "running" or not client.scheduler_info()["workers"]:
                raise _gone(address) from None
            continue
        if future.cancelled():  # with the connection to the scheduler
            raise _gone(address)
        k, _ = waiting.pop(future.key)  # released, so that the cluster forgets it
        error = future.exception()
        yield k, error if isinstance(error, Exception) else future.result()


def _gone(address: str) -> CourseError:
    return CourseError(
        f"the Dask cluster at {address} is gone, or has no worker left; what was graded is in the "
        "gradebook, and the same command goes on from there"
    )
