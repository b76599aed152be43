"""Set a chapter beside the same chapter as Jupyter Book builds it by default, in one run.

    python tools/bench_site.py [--runs 3] [--page book/gates/gru]

The same notebook is built once more, in a folder of its own, with Jupyter Book's settings as they
come; then Lighthouse loads both pages in turn, as a phone on slow 4G with a slow CPU sees them.
Where there is no network the default page cannot load what it asks other hosts for, MathJax among
it, and so looks lighter than it is: the column "afar" counts what it asked for.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from lighthouse import HEAD, ROOT, SITE, measure, row, serving

CONFIG = """title: A default book
author: Nobody
execute: {execute_notebooks: "off"}
bibtex_bibfiles: [book/references.bib]
"""


def build_default(root: Path, page: str) -> Path:
    """Build one page of the book by Jupyter Book's defaults; returns the folder of the site."""
    source = ROOT / f"{page}.ipynb"
    target = root / source.relative_to(ROOT)
    target.parent.mkdir(parents=True)
    shutil.copy(source, target)
    shutil.copy(ROOT / "book/references.bib", root / "book/references.bib")
    shutil.copytree(ROOT / "book/_static", root / "book/_static")
    (root / "_config.yml").write_text(CONFIG, encoding="utf-8")
    (root / "_toc.yml").write_text(f"format: jb-book\nroot: {page}\n", encoding="utf-8")
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "."]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    site = root / "_build" / "html"
    if not (site / f"{page}.html").is_file():
        raise RuntimeError(f"the default book does not build:\n{done.stdout}\n{done.stderr}")
    return site


def main() -> None:
    """Read the command line, build, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--page", default="book/gates/gru", help="a notebook, without its ending")
    parser.add_argument("--runs", type=int, default=3, help="loads of each page; default: 3")
    options = parser.parse_args()
    if not (SITE / f"{options.page}.html").is_file():
        sys.exit(f"There is no page {options.page}.html in {SITE}: build the book first.")
    name = f"{options.page}.html"
    with TemporaryDirectory() as folder:
        default = build_default(Path(folder), options.page)
        print(HEAD)
        with serving(SITE) as ours, serving(default) as theirs:
            for whose, home in (("this book", ours), ("default Jupyter Book", theirs)):
                for _, loaded in measure(home, [name], options.runs):
                    print(row(whose, loaded), flush=True)


if __name__ == "__main__":
    main()
