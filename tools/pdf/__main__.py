"""The whole book as one PDF, to print and to keep: the built site, through Chromium."""

from __future__ import annotations

import argparse
import json
import time
from html import escape
from pathlib import Path

from assemble import Chapter, Heading, Reader, listed
from edition import read_edition
from finish import finish
from fonts import font_faces
from front import contents, imprint, running_heads, title_page
from press import press

ROOT = Path(__file__).resolve().parents[2]
SHEET = Path(__file__).with_name("print.css")
FRONT = [Heading(1, "contents--title", "Contents", "Contents")]


def document(chapters: list[Chapter], front: str, style: str, site: Path) -> str:
    """Return the whole book as one page of HTML."""
    sheets = dict.fromkeys(name.split("?")[0] for c in chapters for name in c.styles)
    links = "".join(
        f'<link rel="stylesheet" href="{(site / name).resolve().as_uri()}">\n' for name in sheets
    )
    body = "\n".join(chapter.html for chapter in chapters)
    return (
        '<!DOCTYPE html>\n<html lang="en" data-theme="light">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(chapters[0].title)}</title>\n{links}<style>\n{style}</style>\n</head>\n"
        f"<body>\n{front}\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def chosen(pages: list[tuple[str, str]], wanted: list[str]) -> list[tuple[str, str]]:
    """Return the pages that are wanted, all if none is named."""
    known = [page for page, _ in pages]
    if unknown := [page for page in wanted if page not in known]:
        raise SystemExit(f"There is no page {unknown[0]!r} to print: expected {', '.join(known)}.")
    return [(page, part) for page, part in pages if page in wanted or not wanted]


def build(site: Path, target: Path, wanted: list[str], say: callable) -> int:
    """Print the book, or the wanted pages of it, and return how many sheets' sides it has."""
    pages = listed(ROOT)
    first = pages[0][0]
    if not (site / f"{first}.html").is_file():
        raise SystemExit(f"There is no built site in {site}: build it first (make book).")
    work = target.parent / f"{target.stem}-parts"
    work.mkdir(parents=True, exist_ok=True)
    edition = read_edition(ROOT, site, first)
    pages = chosen(pages, wanted)
    say(f"reading {len(pages)} pages of {site}")
    reader = Reader(site, first, pages, edition.address)
    chapters = [reader.read(page, part) for page, part in pages]
    say("making fonts")
    faces = font_faces(site / "_static", work)
    palette = json.loads((ROOT / "lib/unrolled/palette.json").read_text(encoding="utf-8"))
    front = "\n".join([title_page(edition, palette), imprint(edition), contents(chapters)])
    style = faces + SHEET.read_text(encoding="utf-8") + running_heads(chapters)
    text = document(chapters, front, style, site)
    source = work / "book.html"
    source.write_text(text, encoding="utf-8")
    say("printing")
    raw = work / "printed.pdf"
    press(source.resolve(), raw, say)
    say("finishing")
    return finish(raw, target, edition, FRONT, chapters)


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python tools/pdf")
    parser.add_argument("pages", nargs="*", help="only these, such as book/gates/lstm")
    parser.add_argument("--site", type=Path, default=ROOT / "_build/html", help="the built site")
    parser.add_argument("--to", type=Path, default=ROOT / "_build/unrolled.pdf", help="the file")
    options = parser.parse_args()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:5.1f} s  {text}", flush=True)

    count = build(options.site, options.to, options.pages, say)
    size = options.to.stat().st_size / 1e6
    say(f"done: {options.to}, {count} pages, {size:.1f} MB")


if __name__ == "__main__":
    main()
