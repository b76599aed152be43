"""The notebooks where Binder shows them: its environment from scratch, JupyterLab, a browser.

All of them are read in both of JupyterLab's themes, run, and every explorable is dragged.
"""

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import yaml
from explorable_pages import ALL, TARGETS, box_of, frame
from lab import SLOW, lab
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from unrolled.explorables import Explorable

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("binder")]

ROOT = Path(__file__).resolve().parents[1]
GALLERY = Path("book/explorables.ipynb")
# The students' versions of the assignments fail by design.
NOTEBOOKS = sorted(
    path.relative_to(ROOT)
    for path in (ROOT / "book").rglob("*.ipynb")
    if not {"assignments", ".ipynb_checkpoints"} & set(path.parts)
)
MEGABYTES = 510  # of the whole environment

RENDERED = ".jp-MarkdownCell .myst"
READ_BACK = """\
import json
from unrolled.explorables import Explorable
shown = [w for w in Out.values() if isinstance(w, Explorable)]
print("read", json.dumps({w.kind: w.state() for w in reversed(shown)}))"""

# The text of elements whose contrast is below WCAG's AA; axe takes all of a notebook for hidden.
FAINT = """selector => {
  const ctx = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const luminance = (layers) => {
    for (const [colour, alpha] of layers) {
      [ctx.fillStyle, ctx.globalAlpha] = [colour, alpha];
      ctx.fillRect(0, 0, 1, 1);
    }
    const [r, g, b] = [...ctx.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  let seen = 0;
  const faint = [];
  for (const root of document.querySelectorAll(selector)) {
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      const parent = text.parentElement, style = getComputedStyle(parent);
      const drawn = parent.checkVisibility({ opacityProperty: true });
      if (!text.data.trim() || !drawn || parent.closest('.katex-mathml')) continue;
      const grounds = [];
      let alpha = 1;
      for (let e = parent; e; e = e.parentElement) {
        const { backgroundColor, opacity } = getComputedStyle(e);
        grounds.unshift([backgroundColor, 1]);
        alpha *= Number(opacity);
      }
      grounds.unshift(['white', 1]);
      const pair = [luminance(grounds), luminance([...grounds, [style.color, alpha]])];
      const ratio = Math.max(...pair) / Math.min(...pair), size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
      seen += 1;
      if (ratio < (large ? 3 : 4.5)) faint.push([text.data.slice(0, 60), style.color, ratio]);
    }
  }
  return [seen, faint];
}"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git tracks, as Binder clones it."""
    target = tmp_path_factory.mktemp("binder") / "unrolled"
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(lambda name: (ROOT / name).is_file(), names.splitlines()):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)
    return target


def environment(path: Path) -> Path:
    """Make an environment; return its programs' folder."""
    subprocess.run([sys.executable, "-m", "venv", path], check=True)
    return path / "bin"


@pytest.fixture(scope="module")
def python(checkout: Path) -> Path:
    """The interpreter of a fresh environment, made as Binder makes it: postBuild is all of it."""
    programs = environment(checkout.parent / "environment")
    home = checkout.parent / "home"
    variables = {"PATH": f"{programs}:/usr/bin:/bin", "IPYTHONDIR": home, "MPLCONFIGDIR": home}
    subprocess.run(
        [checkout / "binder/postBuild"], check=True, env=variables, stdout=subprocess.DEVNULL
    )
    return programs / "python"


@pytest.fixture(scope="module")
def address(python: Path, checkout: Path) -> Iterator[str]:
    with lab(python, checkout) as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    yield page
    page.context.close()
    assert trouble == []


# The environment


def test_the_environment_is_small(python: Path) -> None:
    """Runs the notebooks, builds nothing: no Sphinx, no test tools, no framework."""
    listing = [python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
    packages = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.lower()
    for package in ("sphinx", "jupyter-book", "pytest", "playwright", "torch", "nodejs"):
        assert f"\n{package}" not in packages
    for package in ("unrolled==", "jupyterlab==", "jupyterlab_myst==", "numpy=="):
        assert f"\n{package}" in packages
    du = ["du", "-sm", python.parents[1]]
    size = int(subprocess.run(du, capture_output=True, text=True, check=True).stdout.split()[0])
    assert size <= 1.05 * MEGABYTES
    text = (ROOT / "binder/postBuild").read_text(encoding="utf-8")
    assert f"{MEGABYTES} MB" in text, "it says what it comes to"


def test_nothing_is_left_to_be_prepared(python: Path, checkout: Path) -> None:
    """What is imported first is compiled, and fonts are known: readers do not wait for it."""
    (site,) = (python.parents[1] / "lib").glob("python3*/site-packages")
    for name in (
        *("unrolled/__pycache__/training", "matplotlib/__pycache__/pyplot"),
        *("statsmodels/__pycache__/api", "sklearn/svm/__pycache__/__init__"),
        *("jupyterlab/__pycache__/labapp", "ipykernel/__pycache__/ipkernel"),
    ):
        assert list(site.glob(f"{name}.*.pyc")), name
    assert list(checkout.parent.glob("home/fontlist-*.json"))


# What repo2docker makes of it


@pytest.fixture(scope="module")
def repo2docker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, in an environment of its own."""
    programs = environment(tmp_path_factory.mktemp("repo2docker") / "environment")
    pip = [programs / "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    pins = ROOT / "tests/repo2docker/requirements.txt"
    subprocess.run([*pip, "--no-deps", "-r", pins], check=True)
    return programs / "jupyter-repo2docker"


def dockerfile(repo2docker: Path, folder: Path) -> list[str]:
    """Return the lines of a repository's Dockerfile, which repo2docker writes without an engine."""
    command = [repo2docker, "--no-build", "--debug", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    # In names of files it writes what is no letter as a number.
    text = re.sub(r"-([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), done.stdout)
    return [line.strip() for line in text.splitlines()]


def test_its_dockerfile_has_one_step_of_ours(
    repo2docker: Path, checkout: Path, tmp_path: Path
) -> None:
    """No package of the system, nothing of pip's but by postBuild, and the Python that we name."""
    ours = dockerfile(repo2docker, checkout)
    version = (ROOT / "binder/runtime.txt").read_text(encoding="utf-8").strip().partition("-")[2]
    checks = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text(encoding="utf-8"))
    assert version in checks["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert any(f"/conda/environment.py-{version}-" in line for line in ours)

    # Beside a repository that names another Python, and nothing else.
    (tmp_path / "binder").mkdir()
    (tmp_path / "binder/runtime.txt").write_text("python-3.13\n")
    bare = dockerfile(repo2docker, tmp_path)
    assert any("/conda/environment.py-3.13-" in line for line in bare)
    bare = [line.replace("environment.py-3.13-", f"environment.py-{version}-") for line in bare]
    added = [
        line
        for line in ours
        if not line.startswith(("#", "COPY --chown=0:0 build_script_files/")) and line not in bare
    ]
    assert added == ["RUN chmod +x binder/postBuild", "RUN ./binder/postBuild"]
    before = ours[: ours.index("RUN ./binder/postBuild")]
    assert any(re.fullmatch(r"COPY .*src/ \$\{REPO_DIR\}/", line) for line in before)
    assert [line for line in before if line.startswith("USER ")][-1] == "USER ${NB_USER}"
    # The `python` that postBuild calls is the one of JupyterLab and the kernel.
    assert "ENV PATH=${NB_PYTHON_PREFIX}/bin:${CONDA_DIR}/bin:${NPM_DIR}/bin:${PATH}" in before
    assert "ENV KERNEL_PYTHON_PREFIX=${NB_PYTHON_PREFIX}" in before


# The notebooks


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_reads_well_and_runs(address: str, page: Page, notebook: Path) -> None:
    page.goto(f"{address}/lab/tree/{notebook.as_posix()}?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=SLOW)
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=SLOW)
    cells = nbformat.read(ROOT / notebook, as_version=4).cells
    is_rendered(page, "\n\n".join(c.source for c in cells if c.cell_type == "markdown"))
    run_all(page)
    is_alive(page, [cell for cell in cells if cell.cell_type == "code"])
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        choose(page, theme)
        is_legible(page)
    if notebook == GALLERY:
        goes_to_python(page)
    if notebook.stem == "lstm":
        page.locator(RENDERED).get_by_role("link", name="(1.1)", exact=True).click()
        expect(page.get_by_role("tab", name="rnn.ipynb", selected=True)).to_be_visible(timeout=SLOW)


def is_rendered(page: Page, source: str) -> None:
    """Directives, roles and equations are drawn, not shown as source; links lead to files."""
    shown = page.locator(RENDERED)
    expect(shown.locator(".katex-display")).to_have_count(source.count("$$") // 2)
    for directive, element in {
        "admonition": ":is(aside, details).myst-admonition",
        "exercise": "aside.myst-exercise",
        "solution": "details.myst-exercise",
        "figure": "figure:has(img):has(figcaption)",
    }.items():
        wanted = len(re.findall(rf"(?m)^[:`]{{3,}}\{{{directive}\}}", source))
        expect(shown.locator(element), directive).to_have_count(wanted)  # they come one by one
    text = "\n".join(shown.all_inner_texts())
    assert not re.search(r":::|```|\$\$|\{[a-z]+\}|\{[a-z]+\}`|\beq-[a-z]|\bex-[a-z]", text)
    lost = "[title='Cross Reference Not Found'], .text-yellow-600, a.hover-link[href='#']"
    assert shown.locator(lost).all_inner_texts() == []
    pictures = shown.locator("figure img")
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("img => img.naturalWidth > 100 && img.offsetWidth > 100")
    links = shown.locator("a[href*='.ipynb'], a[href*='.md'], a[href*='.bib']")
    written = re.findall(r"(?<!!)\]\([\w./-]+\.(?:ipynb|md|bib)[#)]", source)
    expect(links).to_have_count(len(written))


def run_all(page: Page) -> None:
    """Run all cells, with nothing left of before; wait until the last has run or one has failed."""
    for menu, entry in {"Edit": "Clear Outputs of All Cells", "Run": "Run All Cells"}.items():
        page.get_by_role("menuitem", name=menu, exact=True).click()
        page.get_by_role("menuitem", name=entry, exact=True).click()
    page.wait_for_function(
        """() => {
            // A cell whose code is hidden has no number.
            const shown = '.jp-CodeCell .jp-InputArea:has(.cm-content) .jp-InputPrompt';
            const prompts = [...document.querySelectorAll(shown)].map((p) => p.textContent.trim());
            return document.querySelector("[data-mime-type='application/vnd.jupyter.error']")
                || prompts.length && prompts.every((text) => /^\\[\\d+\\]:$/.test(text));
        }""",
        timeout=240_000,
    )
    page.wait_for_selector("[data-status=idle]", timeout=SLOW)


def is_alive(page: Page, cells: list[Any]) -> None:
    """No cell has failed or complained; where an explorable or self-check is due, there is one."""
    for kind in ("error", "stderr"):
        found = page.locator(f"[data-mime-type='application/vnd.jupyter.{kind}']")
        assert found.all_text_contents() == []

    def is_due(cell: Any) -> bool:
        kept = [output.get("data", {}).get("text/html", "") for output in cell.outputs]
        boxed = "remove-output" in cell.metadata.get("tags", [])  # among other widgets
        return boxed or any("data-explorable=" in html for html in kept)

    due = [int(is_due(cell)) for cell in cells]
    assert sum(due) > 0
    page.wait_for_function(
        """due => JSON.stringify(due) === JSON.stringify(
            [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')].map((cell) => [
                ...cell.querySelectorAll('.jp-OutputArea-output :is(.unrolled, .sc)'),
            ].filter((e) => e.offsetHeight > 100).length))""",
        arg=due,
        timeout=SLOW,
    )
    outputs = page.locator(".jp-OutputArea-output")
    said = "\n".join(outputs.all_text_contents())
    assert not re.search(r"Loading widget|Error displaying widget|Error creating widget", said)
    assert outputs.locator("[data-explorable]").count() == 0  # pictures of what is not alive


def choose(page: Page, theme: str) -> None:
    """Choose one of JupyterLab's themes in its menu."""
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    labels = page.locator(".lm-Menu-itemLabel")
    labels.get_by_text("Theme", exact=True).hover()
    labels.get_by_text(theme, exact=True).click()
    expect(page.locator("body")).to_have_attribute("data-jp-theme-name", theme, timeout=SLOW)
    page.evaluate("() => Promise.all(document.getAnimations().map(a => a.finished.catch(() => 0)))")
    frame(page)


def is_legible(page: Page) -> None:
    """Text stands out from what is behind it, and so does what is drawn, on the screen's pixels."""
    seen, faint = page.evaluate(FAINT, RENDERED)
    assert seen > 50
    assert faint == []
    shown = page.locator(RENDERED)
    for element in (".myst-admonition", "aside.myst-exercise", ".katex-display", "figure img"):
        for one in shown.locator(element).all()[:1]:
            assert contrast(one) >= 4.5, (element, one.inner_text())


def luminance(colours: np.ndarray) -> np.ndarray:
    """Return the relative luminance of sRGB colours, as WCAG defines it."""
    share = colours[..., :3] / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ [0.2126, 0.7152, 0.0722])


def contrast(element: Locator) -> float:
    """Return the contrast of an element's strongest ink with its most frequent colour."""
    picture = Image.open(io.BytesIO(element.screenshot(animations="disabled"))).convert("RGB")
    pixels = np.asarray(picture).reshape(-1, 3)
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    ground = luminance(colours[counts.argmax()])
    inks = luminance(colours)
    return float(np.max((np.maximum(inks, ground) + 0.05) / (np.minimum(inks, ground) + 0.05)))


def numbers_in(picture: Locator) -> list[float]:
    """Return what the handles of an explorable stand at."""
    handles = picture.locator("[aria-valuenow], input[type=range]")
    found = handles.evaluate_all("all => all.map(e => e.getAttribute('aria-valuenow') ?? e.value)")
    return list(map(float, found))


def drag(page: Page, one: type[Explorable]) -> set[float]:
    """Drag a handle of the first explorable of a kind; return what has become of the numbers."""
    picture = page.locator(f".jp-OutputArea .unrolled-{one.kind}").first
    target = picture.locator(TARGETS[one.kind]).first
    target.scroll_into_view_if_needed()
    before, box = numbers_in(picture), box_of(target)
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.3, steps=5)
    page.mouse.up()
    frame(page)
    after = numbers_in(picture)
    assert len(after) == len(before)
    return {new for old, new in zip(before, after, strict=True) if new != old}


def goes_to_python(page: Page) -> None:
    """A drag of each kind of explorable changes what it shows, and what Python has of it."""
    dragged = {one.kind: drag(page, one) for one in ALL}
    page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").last.click()
    page.keyboard.press("b")  # a cell below
    page.keyboard.press("Enter")
    page.keyboard.insert_text(READ_BACK)
    page.keyboard.press("Control+Enter")
    printed = page.locator(".jp-OutputArea-output").last
    expect(printed).to_contain_text("read {", timeout=SLOW)
    read = json.loads((printed.text_content() or "").split("read ", 1)[1])
    assert read.keys() == dragged.keys()
    for one in ALL:
        begun = one().state()
        changed = [
            read[one.kind][name] for name in one.handles if read[one.kind][name] != begun[name]
        ]
        numbers = set(np.ravel([np.ravel(value) for value in changed if value is not None]))
        assert dragged[one.kind] & numbers, (one.kind, dragged[one.kind], changed)
