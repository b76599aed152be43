"""What all tests share: trouble made fatal, the built site, and a browser."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from explorable_pages import Open, write_page
from helpers import BASE_URL
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# No sandbox: containers run as root. The rest keeps Chromium from calling home.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(autouse=True)
def fatal_arithmetic() -> Iterator[None]:
    """Overflow, division by zero and invalid operations fail a test; gradients may vanish."""
    with np.errstate(all="raise", under="ignore"):
        yield


@pytest.fixture(scope="session")
def site(testrun_uid: str) -> Path:
    """The site, built by the command that readers use, once a run, by the worker that is first.

    UNROLLED_SITE names one that has just been built.
    """
    if built := os.environ.get("UNROLLED_SITE"):
        return ROOT / built
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "."]
    command += ["--builder", "html", "-W", "-n", "--keep-going"]
    (ROOT / "_build").mkdir(exist_ok=True)
    with (ROOT / "_build" / "lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if lock.read() != testrun_uid:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            if done.returncode:
                pytest.fail(
                    f"the book does not build:\n{done.stdout}\n{done.stderr}", pytrace=False
                )
            lock.truncate(0)
            lock.write(testrun_uid)
    return ROOT / "_build" / "html"


@pytest.fixture(scope="session")
def served(site: Path) -> Iterator[str]:
    """The address at which tools/serve.py serves the site."""
    command = [sys.executable, "tools/serve.py", str(site), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found, "the server says where it is"
        yield found[0]
        server.terminate()


@pytest.fixture(scope="session")
def addresses(site: Path, served: str) -> dict[str, str]:
    return {"served": served, "folder": f"{site.as_uri()}/"}


REPOSITORY_URL = "https://github.com/reader/fork"


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of three of the book's pages as a fork publishes it: it has an address."""
    root = tmp_path_factory.mktemp("fork")
    for name in ("_config.yml", "pyproject.toml", "CITATION.cff"):
        shutil.copy(ROOT / name, root)
    shutil.copytree(ROOT / "book/_static", root / "book/_static")
    shutil.copytree(ROOT / "book/_templates", root / "book/_templates")
    names = ("intro.md", "glossary.md", "gates/lstm-by-hand.ipynb", "references.bib")
    (root / "book/gates").mkdir()
    for name in names:
        shutil.copy(ROOT / "book" / name, root / "book" / name)
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/intro\nchapters:\n"
        "  - file: book/gates/lstm-by-hand\n  - file: book/glossary\n"
    )
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "."]
    environment = os.environ | {"BASE_URL": BASE_URL, "REPOSITORY_URL": REPOSITORY_URL}
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return root / "_build" / "html"


def find_chromium() -> str:
    """Return the path of a Chromium, or fail with the command that installs one."""
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    pytest.fail("no Chromium found; on Debian: apt-get install chromium", pytrace=False)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium for the whole run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a page with the given hosts; at the end no page may have complained."""
    pages: list[Page] = []
    trouble: list[str] = []

    def open_(*hosts: str, theme: str | None = None, script: bool = True, **options: Any) -> Page:
        file = tmp_path / f"page{len(pages)}.html"
        fragment = options.pop("fragment", "")
        address = write_page(file, *hosts, theme=theme, script=script)
        options.setdefault("viewport", {"width": 1280, "height": 1000})
        page = browser.new_page(**options)
        pages.append(page)
        page.on(
            "console", lambda m: trouble.append(m.text) if m.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("requestfailed", lambda request: trouble.append(f"failed: {request.url}"))
        page.goto(address + fragment)
        if script:
            page.wait_for_function("document.readyState === 'complete'")
        return page

    yield open_
    for page in pages:
        page.context.close()
    assert trouble == []


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="session")
def in_javascript(browser: Browser) -> Iterator[Callable[[str, str, Any], Any]]:
    """Runs a function on a module of the explorables' JavaScript, in Chromium, without a bundle.

    in_javascript("math/rnn.js", "(m, cases) => cases.map(c => m.step(c.p, c.s, c.x))", cases): what
    goes in and comes out is JSON.
    """
    folder = ROOT / "lib/unrolled/explorables"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/js"
    page = browser.new_page()
    page.goto(f"{address}/math/")

    def run(module: str, function: str, argument: Any) -> Any:
        return page.evaluate(
            f"async ([url, argument]) => ({function})(await import(url), argument)",
            [f"{address}/{module}", argument],
        )

    yield run
    page.context.close()
    server.shutdown()
    server.server_close()
