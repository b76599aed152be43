"""From a page to running code: links to Binder and Colab, and the notebooks that Colab opens."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote, urlsplit

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from explorable_pages import violations
from jupyter_book.config import PATH_YAML_DEFAULT
from nbclient import NotebookClient
from playwright.sync_api import Browser, expect
from sphinx.config import Config
from sphinx.errors import ConfigError, ExtensionError

from unrolled.sphinxext import colab
from unrolled.sphinxext.repository import (
    find_repository,
    launch_links,
    read_repository,
    the_repository,
)

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("published")]

ROOT = Path(__file__).resolve().parents[1]
HOME = "https://github.com/reader/fork"
NOTEBOOKS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "book").rglob("*.ipynb")
    if not {".ipynb_checkpoints", "source"} & set(path.parts)
)


def built(root: Path, builder: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Jupyter Book over the whole book, into a folder of its own."""
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", ".", *builder]
    return subprocess.run(
        [*command, "--path-output", str(root), "-W", "-n", "--keep-going"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def made(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make colab` makes, from what has been read for the site."""
    root = tmp_path_factory.mktemp("colab")
    shutil.copytree(site.parent / ".doctrees", root / "_build" / ".doctrees")
    done = built(root, ["--builder", "custom", "--custom-builder", "colab"], REPOSITORY_URL=HOME)
    assert done.returncode == 0, done.stdout + done.stderr
    return root / "_build" / "colab"


def repository_of(tmp_path: Path, tag: str = "", remote: str = "") -> Path:
    """A checkout with a package of version 1.2, of which a tag may be checked out."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "1.2"\n')

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=Reader", "-c", "user.email=reader@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-b", "main")
    git("add", ".")
    git("commit", "-m", "All")
    if tag:
        git("tag", tag)
    if remote:
        git("remote", "add", "origin", remote)
    return tmp_path


# Where the repository is


@pytest.mark.parametrize(
    "remote",
    [
        HOME,
        f"{HOME}.git",
        f"{HOME}/",
        "https://x-access-token:secret@github.com/reader/fork.git",
        "git@github.com:reader/fork.git",
        "ssh://git@github.com/reader/fork",
    ],
)
def test_without_a_setting_it_is_the_remote(tmp_path: Path, remote: str) -> None:
    found = find_repository(repository_of(tmp_path, remote=remote))
    assert found is not None
    assert (found.url, found.ref) == (HOME, "main")


def test_without_a_remote_there_is_none(tmp_path: Path) -> None:
    folder = repository_of(tmp_path)
    assert find_repository(folder) is None
    elsewhere = ["git", "remote", "add", "origin", "https://example.org/a/b"]
    subprocess.run(elsewhere, cwd=folder, check=True)
    assert find_repository(folder) is None


def test_a_setting_comes_first_and_must_be_github(tmp_path: Path) -> None:
    folder = repository_of(tmp_path, remote="https://github.com/another/book")
    found = find_repository(folder, HOME, "trunk")
    assert found is not None
    assert (found.url, found.ref) == (HOME, "trunk")
    with pytest.raises(ConfigError, match=r"expected https://github.com/OWNER/NAME, got 'fork'"):
        find_repository(folder, "fork")


@pytest.mark.parametrize(("tag", "ref"), [("v1.2", "v1.2"), ("v1.1", "main"), ("", "main")])
def test_the_tag_of_the_version_if_it_is_checked_out(tmp_path: Path, tag: str, ref: str) -> None:
    found = find_repository(repository_of(tmp_path, tag), HOME)
    assert found is not None
    assert found.ref == ref


def test_jupyter_books_own_repository_is_none_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what Jupyter Book fills in for a book whose settings name no address."""
    monkeypatch.delenv("REPOSITORY_URL", raising=False)
    default = yaml.safe_load(PATH_YAML_DEFAULT.read_text(encoding="utf-8"))["repository"]["url"]
    config = Config({}, {})
    config.add("html_theme_options", {}, "html", ())
    config.add("unrolled_repository", "", "html", ())
    for remote in ("", HOME):
        config.html_theme_options = {"repository_url": default}
        folder = tmp_path / f"from{len(remote)}"
        folder.mkdir()
        app = SimpleNamespace(srcdir=repository_of(folder, remote=remote))
        read_repository(app, config)  # type: ignore[arg-type]
        found = the_repository(config)
        assert (found.url if found else "") == remote


# The links


def settings() -> Config:
    """The book's own settings, for a fork."""
    written = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config = Config({}, {})
    for name in ("unrolled_repository", "html_theme_options"):
        config.add(name, "", "html", ())
    config.html_theme_options = {
        "launch_buttons": written["launch_buttons"],
        "repository_url": HOME,
        "repository_branch": written["repository"]["branch"],
    }

    class App:
        srcdir = ROOT

    read_repository(App(), config)
    return config


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_every_notebook_has_links_to_what_there_is(path: str, made: Path) -> None:
    links = launch_links(settings(), path)
    binder, there = urlsplit(links["binder"]), urlsplit(links["colab"])
    assert (binder.netloc, there.netloc) == ("mybinder.org", "colab.research.google.com")
    assert re.fullmatch(r"/v2/gh/reader/fork/(main|v[\d.]+)", binder.path)
    assert "/" not in binder.query, "the path is encoded"
    (opened,) = parse_qs(binder.query)["urlpath"]
    assert opened.startswith("lab/tree/")
    assert (ROOT / opened.removeprefix("lab/tree/")).is_file()
    assert there.path.startswith("/github/reader/fork/blob/colab/")
    assert (made / unquote(there.path).removeprefix("/github/reader/fork/blob/colab/")).is_file()


def test_the_theme_makes_no_buttons_of_its_own() -> None:
    assert "launch_buttons" not in settings().html_theme_options


def test_without_a_repository_a_page_offers_the_download_alone() -> None:
    config = settings()
    config.unrolled_repository = ""
    assert launch_links(config, NOTEBOOKS[0]) == {}


@pytest.mark.parametrize("width", [1280, 390])
def test_a_page_leads_to_them(browser: Browser, published: Path, width: int) -> None:
    """Three links in the bar, by keyboard as well; on a phone behind one button."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto((published / "book/gates/lstm-by-hand.html").as_uri())
    links = page.locator("header .launch a")
    button = page.get_by_role("button", name="Run this notebook")
    if width == 390:
        assert not any(link.is_visible() for link in links.all())
        button.focus()
        page.keyboard.press("Enter")
    else:
        expect(button).to_be_hidden()
        page.locator(".wordmark").focus()
    names = [f"Run this notebook in {place}" for place in ("Binder", "Colab")]
    for name in [*names, "Download this notebook"]:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=name)).to_be_focused()
    assert [urlsplit(link.get_attribute("href") or "").netloc for link in links.all()] == [
        "mybinder.org",
        "colab.research.google.com",
        "",
    ]
    path = page.get_by_role("link", name="Download").get_attribute("href") or ""
    assert (published / "book/gates" / path).is_file()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if width == 390:
        page.keyboard.press("Escape")
        expect(links.first).to_be_hidden()
        expect(button).to_be_focused()
    page.close()


def test_a_page_that_is_no_notebook_leads_to_none(published: Path) -> None:
    soup = BeautifulSoup((published / "search.html").read_text(encoding="utf-8"), "html.parser")
    assert soup.select(".launch, .run") == []


# The notebooks for Colab


def test_every_notebook_is_made_and_no_other(made: Path) -> None:
    found = sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())
    assert found == sorted(["README.md", *NOTEBOOKS])
    assert HOME in (made / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_code_is_the_books_after_a_first_cell(made: Path, path: str) -> None:
    ours = nbformat.read(ROOT / path, as_version=4)
    theirs = nbformat.read(made / path, as_version=4)
    nbformat.validate(theirs)
    first, *cells = theirs.cells
    assert [cell.cell_type for cell in cells] == [cell.cell_type for cell in ours.cells]
    for a, b in zip(ours.cells, cells, strict=True):
        if a.cell_type == "code":
            assert (a.source, a.outputs) == (b.source, b.outputs)
            folded = "remove-input" in a.metadata.get("tags", [])
            assert (b.metadata.get("cellView") == "form") == folded
    assert re.search(rf"{HOME}/archive/[0-9a-f]{{40}}\.tar\.gz ", first.source)
    assert f"%cd -q /content/unrolled/{Path(path).parent.as_posix()}\n" in first.source
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    needed = re.findall(r"[\w-]+==[\w.]+", first.source)
    assert [pin.partition("==")[0] for pin in needed] == ["anywidget", "psygnal"]
    assert set(needed) <= set(pins)


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_text_is_plain_markdown(made: Path, path: str) -> None:
    """No directive, no role and no label is left; numbers are the site's; links lead somewhere."""
    cells = nbformat.read(made / path, as_version=4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert not re.search(r"(?m)^(:::|```\{)", text)
    assert not re.search(r"\{[a-z]+\}`", text)
    assert not re.search(r"\$\$ *\(", text)
    assert text.count("<details>") == text.count("</details>")
    site = (ROOT / "_build/html" / path.replace(".ipynb", ".html")).read_text(encoding="utf-8")
    soup = BeautifulSoup(site, "html.parser")
    numbers = [re.match(r"\(([\d.]+)\)", eqno.get_text()) for eqno in soup.select(".eqno")]
    assert re.findall(r"\\tag\{([\d.]+)\}", text) == [found[1] for found in numbers if found]
    titles = [title.get_text(strip=True) for title in soup.select(".exercise .caption-number")]
    assert re.findall(r"(?m)^\*\*(Exercise [\d.]+)\*\*", text) == titles
    for link in re.findall(r"\]\((https://[^)]+)\)|src=\"(https://[^\"]+)\"", text):
        address = "".join(link)
        for start, folder in {
            f"{HOME}/blob/main/": ROOT,
            "https://raw.githubusercontent.com/reader/fork/main/": ROOT,
            "https://colab.research.google.com/github/reader/fork/blob/colab/": made,
        }.items():
            if address.startswith(start):
                there = unquote(urlsplit(address.removeprefix(start)).path)
                assert (folder / there).is_file(), address
                break
        else:
            assert "reader/fork" not in address


def test_what_is_not_known_is_an_error(made: Path) -> None:
    class Page:
        page = "book/p"

    for text, what in {
        "{sub}`2`": "no role 'sub'",
        "```{mermaid}\na\n```": "no directive 'mermaid'",
        ":::{admonition} A\nb": "is not closed",
    }.items():
        with pytest.raises(ExtensionError, match=what):
            colab.plain_markdown(text, Page())
    assert colab.plain_markdown("```python\n{a}`b`\n```", Page()) == "```python\n{a}`b`\n```"


def test_a_notebook_runs_where_the_library_is(made: Path) -> None:
    """The first cell leaves alone what is not Colab."""
    notebook = nbformat.read(made / "book/gates/lstm-by-hand.ipynb", as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": made}}).execute()


def test_an_address_that_is_not_githubs_is_named(tmp_path: Path) -> None:
    builder = ["--builder", "custom", "--custom-builder", "colab"]
    done = built(tmp_path, builder, REPOSITORY_URL="https://example.org/")
    assert done.returncode
    assert "got 'https://example.org/'" in done.stdout + done.stderr


# What Colab has, for its Python and for later ones.
COLAB = [
    "numpy==2.0.2" if sys.version_info < (3, 13) else "numpy==2.1.0",
    *("ipykernel==6.17.1", "ipython==7.34.0", "ipywidgets==7.7.1", "traitlets==5.7.1"),
    *("matplotlib==3.10.0", "scikit-learn==1.6.1", "statsmodels==0.14.5", "tqdm", "pygments"),
    *("nbclient", "typing-extensions"),
]
RUN = """\
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=900).execute()
"""


@pytest.mark.slow
def test_notebooks_run_as_on_colab(made: Path, tmp_path: Path) -> None:
    """With Colab's versions, from the first cell on: only GitHub and `google.colab` are stood in for.

    One notebook reads a file beside it, the other has widgets of its own.
    """
    python = tmp_path / "venv/bin/python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, *COLAB], check=True)
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    with tarfile.open(tmp_path / "unrolled.tar.gz", "w:gz") as archive:
        for name in filter(lambda name: (ROOT / name).is_file(), names.splitlines()):
            archive.add(ROOT / name, f"fork-0123abc/{name}")
    (tmp_path / "google/colab").mkdir(parents=True)
    (tmp_path / "google/colab/output.py").write_text(
        "def enable_custom_widget_manager():\n    print('enabled')\n"
    )
    for path in ("book/practice/long-memory.ipynb", "book/explorables.ipynb"):
        text = (made / path).read_text(encoding="utf-8")
        text = re.sub(
            r"https://github\.com\S+\.tar\.gz", f"file://{tmp_path}/unrolled.tar.gz", text
        )
        notebook = nbformat.reads(text.replace("/content", str(tmp_path / "content")), as_version=4)
        before = nbformat.v4.new_code_cell(
            "import google.colab, numpy\nnumpy_was = numpy.__version__"
        )
        after = nbformat.v4.new_code_cell("import numpy\nassert numpy.__version__ == numpy_was")
        notebook.cells = [before, *notebook.cells, after]
        nbformat.write(notebook, tmp_path / "notebook.ipynb")
        environment = os.environ | {"PYTHONPATH": str(tmp_path), "TQDM_DISABLE": "1"}
        environment["PATH"] = f"{python.parent}:{os.environ['PATH']}"
        done = subprocess.run(
            [python, "-c", RUN, "notebook.ipynb"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        shutil.rmtree(tmp_path / "content")
