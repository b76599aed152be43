"""tools/serve.py serves as a static host would, and says what is wrong."""

import gzip
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

SERVE = Path(__file__).parents[1] / "tools" / "serve.py"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    (tmp_path / "index.html").write_text("<p>Hello, é</p>" * 200, encoding="utf-8")
    (tmp_path / "policy.html").write_text(
        '<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'self'; img-src &#39;none&#39;\">"
    )
    (tmp_path / "a.js").write_text("1;" * 1000)
    (tmp_path / "a.ipynb").write_text("{}")
    (tmp_path / "a.woff2").write_bytes(b"wOF2")
    command = [sys.executable, str(SERVE), str(tmp_path), "--port", "0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where tests run in the background, a shell has them and their children ignore an interrupt.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
        assert found
        yield process, found[0]
        process.kill()


def get(url: str, **headers: str) -> tuple[bytes, dict[str, str]]:
    with urlopen(Request(url, headers=headers), timeout=10) as answer:
        return answer.read(), dict(answer.headers)


def test_serves_compressed_and_typed(server: tuple[subprocess.Popen[str], str]) -> None:
    _, url = server
    body, headers = get(url, **{"Accept-Encoding": "gzip"})
    assert gzip.decompress(body).decode().startswith("<p>Hello, é</p>")
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["Etag"]
    assert get(f"{url}a.js")[1]["Content-Type"] == "text/javascript; charset=utf-8"
    assert get(f"{url}a.ipynb")[1]["Content-Type"] == "application/json"
    assert get(f"{url}a.woff2")[1]["Content-Type"] == "font/woff2"
    assert "max-age=31536000" in get(f"{url}a.js?v=1234abcd")[1]["Cache-Control"]
    with pytest.raises(HTTPError, match="404") as missing:
        get(f"{url}nothing")
    missing.value.close()


def test_sends_the_policy_that_a_page_states(server: tuple[subprocess.Popen[str], str]) -> None:
    _, url = server
    sent = get(f"{url}policy.html")[1]["Content-Security-Policy"]
    assert sent == "default-src 'self'; img-src 'none'; frame-ancestors 'self'"
    for name in ("", "a.js"):
        assert "Content-Security-Policy" not in get(url + name)[1]
    assert get(f"{url}a.js")[1]["X-Content-Type-Options"] == "nosniff"


def test_interrupt_ends_it_quietly(server: tuple[subprocess.Popen[str], str]) -> None:
    process, _ = server
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert errors == ""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SERVE), *arguments], capture_output=True, text=True, timeout=30
    )


def test_says_that_the_folder_is_missing(tmp_path: Path) -> None:
    done = run(str(tmp_path / "none"))
    assert done.returncode == 1
    assert "There is no folder" in done.stderr
    assert "make book" in done.stderr


def test_says_that_the_port_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(str(tmp_path), "--port", str(port))
    assert done.returncode == 1
    assert f"Port {port} cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
