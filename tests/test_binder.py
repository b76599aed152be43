"""The notebooks where Binder shows them: its environment from scratch, JupyterLab, a browser."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from explorable_pages import frame
from lab import lab
from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("binder")]

ROOT = Path(__file__).resolve().parents[1]
# The students' versions of the assignments fail by design.
NOTEBOOKS = sorted(
    path.relative_to(ROOT)
    for path in (ROOT / "book").glob("*/*.ipynb")
    if path.parent.name != "assignments"
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git tracks, as Binder clones it."""
    target = tmp_path_factory.mktemp("binder") / "unrolled"
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.splitlines():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)
    return target


@pytest.fixture(scope="module")
def python(checkout: Path) -> Path:
    """The interpreter of a fresh environment, made as Binder makes it."""
    environment = checkout.parent / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [environment / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", "binder/requirements.txt"], cwd=checkout, check=True)
    path = f"{environment / 'bin'}:/usr/bin:/bin"
    subprocess.run(["bash", "binder/postBuild"], cwd=checkout, env={"PATH": path}, check=True)
    return environment / "bin" / "python"


@pytest.fixture(scope="module")
def address(python: Path, checkout: Path) -> Iterator[str]:
    with lab(python, checkout) as address:
        yield address


@pytest.fixture
def page(browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    yield page
    page.close()


def test_the_environment_is_small(python):
    """Runs the notebooks, builds nothing: no Sphinx, no test tools, no framework."""
    listing = [python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
    packages = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.lower()
    for package in ("sphinx", "jupyter-book", "pytest", "playwright", "torch", "nodejs"):
        assert f"\n{package}" not in packages
    for package in ("unrolled==", "jupyterlab==", "jupyterlab_myst==", "numpy=="):
        assert f"\n{package}" in packages


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_reads_well_and_runs(address, page, notebook):
    page.goto(f"{address}/lab/tree/{notebook.as_posix()}?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.wait_for_function("document.querySelectorAll('.jp-Notebook .katex').length > 20")

    # Directives, equations, exercises: rendered, not shown as source.
    shown = page.locator(".jp-MarkdownCell .myst").all_text_contents()
    assert "In this chapter" in "\n".join(shown)
    for source in (":::", "```", "{figure}", "{admonition}", "$$"):
        assert source not in "\n".join(shown)
    assert page.locator("aside", has_text="In this chapter").count() == 1
    assert page.locator("aside", has_text="You will be able to").is_visible()

    run_all(page)
    assert page.locator(".jp-OutputArea-output[data-mime-type*='stderr']").count() == 0
    assert page.locator(".jp-RenderedText[data-mime-type*='error']").count() == 0


def test_the_explorable_is_alive(address, page):
    page.goto(f"{address}/lab/tree/book/gates/lstm.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    run_all(page)
    cell = page.locator(".jp-CodeCell", has_text='LSTMGates(preset="remember")').first
    cell.scroll_into_view_if_needed()
    bar = cell.locator("[role=slider][data-row=forget][data-step='9']")
    bar.wait_for(timeout=30_000)
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    frame(page)
    value = float(bar.get_attribute("aria-valuenow"))
    assert 0.4 < value < 0.6


def run_all(page: Page) -> None:
    """Run all cells from a fresh kernel and wait until the last has run."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(
        """() => {
            const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')]
                .map((prompt) => prompt.textContent.trim());
            return prompts.length > 0 && !prompts.some((text) => text === '[*]:');
        }""",
        timeout=180_000,
    )
    page.wait_for_selector("[data-status=idle]", timeout=180_000)
