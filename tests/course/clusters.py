"""A Dask cluster of this machine: real processes, to be killed."""

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager


def started(stack, log, *words, **environment):
    """A `dask` process that ends with the stack."""
    command = [sys.executable, "-m", "dask", *words, "--no-dashboard"]
    with log.open("ab") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=os.environ | environment
        )
    stack.callback(process.wait, 30)
    stack.callback(process.kill)
    return process


class Cluster:
    def __init__(self, stack, folder):
        self.stack, self.log = stack, folder / "dask.log"
        where = folder / "scheduler.json"
        options = ["--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(where)]
        self.scheduler = started(stack, self.log, "scheduler", *options)
        self.address = eventually(lambda: json.loads(where.read_text())["address"])
        self.workers = []

    def add_worker(self, **environment):
        """Start a worker that nobody starts again."""
        options = ["--no-nanny", "--nthreads", "1", "--host", "127.0.0.1"]
        worker = started(self.stack, self.log, "worker", self.address, *options, **environment)
        self.workers.append(worker)
        return worker


def eventually(look, seconds=60):
    """What `look` returns once it is there."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := look():
                return found
        except (OSError, ValueError):
            pass
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)


@contextmanager
def cluster(folder, workers=0):
    with ExitStack() as stack:
        found = Cluster(stack, folder)
        for _ in range(workers):
            found.add_worker()
        yield found
