"""The book is built from what git tracks, quickly, and still more quickly after a small change."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from unrolled.sphinxext.hosts import PICTURES, STATES, forget_files

ROOT = Path(__file__).parents[1]
# Seconds of the processor, which a busy machine hardly lengthens.
CLEAN, AGAIN = 240, 20

PAGE = "book/gates/gru.ipynb"


def build(root: Path) -> tuple[float, list[str]]:
    """Build the book; return what it took, and which pages were written."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "."]
    command += ["--builder", "html", "-W", "-n", "--keep-going"]
    environment = os.environ | {"PYTHONPATH": str(root / "lib")}
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = re.sub(r"\x1b\[[\d;]*m", "", done.stdout)
    written = re.findall(r"writing output\.\.\. \[ *\d+%\] (\S+)", words)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, written


@pytest.mark.slow
@pytest.mark.xdist_group("sphinxext")
def test_a_clean_build_and_one_of_a_changed_page_are_quick(tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    took, written = build(tmp_path)
    assert took <= CLEAN
    assert len(written) > 20
    site = tmp_path / "_build/html"
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}

    notebook = json.loads((tmp_path / PAGE).read_text(encoding="utf-8"))
    cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    cell["source"] = [*cell["source"], "\n\nPlums are blue; see [another](lstm.ipynb).\n"]
    (tmp_path / PAGE).write_text(json.dumps(notebook), encoding="utf-8")
    (site / STATES / "0123456789abcdef.js").write_text("", encoding="utf-8")
    took, written = build(tmp_path)
    assert took <= AGAIN
    assert "book/gates/gru" in written
    assert len(written) <= 3, "and what counts notebooks or what they hold"
    page = site / "book/gates/gru.html"
    assert "Plums are blue" in page.read_text(encoding="utf-8")
    assert "Plums are blue" in (site / "_texts/book/gates/gru.js").read_text(encoding="utf-8")
    assert not (site / STATES / "0123456789abcdef.js").exists()
    changed = {path for path, text in pages.items() if path.read_text(encoding="utf-8") != text}
    assert page in changed
    assert changed <= {page, site / "book/intro.html"}
    for path in site.rglob("*.html"):
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "lxml")
        for link in soup.select("a[href]"):
            address = str(link["href"]).partition("#")[0].partition("?")[0]
            if address and not re.match(r"[a-z]+:|//", address) and path.name != "404.html":
                assert (path.parent / address).exists(), (path, address)


def test_states_and_pictures_that_no_page_has_are_taken_out(tmp_path: Path) -> None:
    used, left = "0123456789abcdef", "fedcba9876543210"
    for name in (used, left):
        for file in (tmp_path / STATES / f"{name}.js", tmp_path / PICTURES / f"{name}.svg"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("", encoding="utf-8")
    (tmp_path / "a.html").write_text(
        f'<img src="{PICTURES}/{used}.svg"><p data-state-file="{used}"></p>', encoding="utf-8"
    )
    forget_files(tmp_path)
    assert {path.stem for path in tmp_path.rglob("*.*") if path.suffix != ".html"} == {used}
    assert len(list(tmp_path.rglob("*.*"))) == 3
