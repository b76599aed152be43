"""PostgreSQL, started for a test run from Debian's package, and stopped at its end."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

NUMBERS = count()


def program(name):
    """The path of one of PostgreSQL's programs; Debian has them beside the usual ones."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*map(str, places), os.environ["PATH"]]))
    if found is None:
        pytest.fail("no PostgreSQL found; on Debian: apt-get install postgresql", pytrace=False)
    return found


def not_root():
    """Options of subprocess: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def server():
    """Yield the address of the database `postgres` on a server of our own, without a network."""
    initdb, postgres = program("initdb"), program("postgres")
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        if who := not_root():
            os.chown(folder, who["user"], who["group"])
        data, log = f"{folder}/data", Path(folder) / "log"
        made = [initdb, "-D", data, "-U", "unrolled", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, **who)
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
        command = [postgres, "-D", data, *options, "-c", "fsync=off", "-p", "5432"]
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, cwd=folder, **who
            )
        try:
            address = f"postgresql+psycopg://unrolled@/postgres?host={folder}"
            deadline = time.monotonic() + 60
            while not answers(address):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield address
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def connected(address):
    url = make_url(address)
    return psycopg.connect(
        host=url.query["host"], user=url.username, dbname="postgres", autocommit=True
    )


def answers(address):
    try:
        connected(address).close()
    except psycopg.OperationalError:
        return False
    return True


def new_database(address, like="template0"):
    """Make a database, empty or like another; return its address."""
    name = f"book{next(NUMBERS)}"
    with connected(address) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
    return make_url(address).set(database=name).render_as_string()
