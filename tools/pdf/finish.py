"""What Chromium leaves to do: the outline with its parts, and what the file says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pikepdf
from assemble import Chapter, Heading
from edition import Edition
from pikepdf import Name, OutlineItem, String
from tags import Tags


def in_order(items: list[OutlineItem]) -> Iterator[OutlineItem]:
    """Yield the items of an outline in the order of the pages."""
    for item in items:
        yield item
        yield from in_order(list(item.children))


def item_of(heading: Heading, number: str, place: OutlineItem) -> OutlineItem:
    """Return a heading's item, closed, which leads to where Chromium's item led."""
    title = f"{number} {heading.text}" if number else heading.text
    item = OutlineItem(title, place.destination, action=place.action)
    item.is_closed = True
    return item


def outline(pdf: pikepdf.Pdf, front: list[Heading], chapters: list[Chapter]) -> None:
    """Write the outline: front matter, parts, their chapters, sections within."""
    with pdf.open_outline(max_depth=15) as tree:
        places = list(in_order(list(tree.root)))
        headings = [*front, *(h for chapter in chapters for h in chapter.headings)]
        if len(places) != len(headings):
            raise SystemExit(
                f"Chromium found {len(places)} headings, and the document has {len(headings)}."
            )
        found = iter(places)
        root = [item_of(heading, "", next(found)) for heading in front]
        part = None
        for chapter in chapters:
            line: list[OutlineItem] = []
            for heading in chapter.headings:
                place = next(found)
                item = item_of(heading, chapter.number if heading.level == 1 else "", place)
                line = line[: heading.level - 1]
                if line:
                    line[-1].children.append(item)
                elif not chapter.part:
                    root.append(item)
                else:
                    if part is None or part.title != chapter.part:
                        part = OutlineItem(chapter.part, place.destination, action=place.action)
                        part.is_closed = False
                        root.append(part)
                    part.children.append(item)
                line.append(item)
        tree.root[:] = root


def finish(
    printed: Path, target: Path, edition: Edition, front: list[Heading], chapters: list[Chapter]
) -> int:
    """Write the finished book, and return how many pages it has."""
    with pikepdf.open(printed) as pdf:
        outline(pdf, front, chapters)
        Tags(pdf).rewrite()
        pdf.Root.Lang = String("en")
        pdf.Root.PageMode = Name.UseOutlines
        stamp = edition.moment.strftime("D:%Y%m%d%H%M%S+00'00'")
        title = f"{edition.title}: {edition.subtitle[:1].lower()}{edition.subtitle[1:]}"
        with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as about:
            about["dc:title"] = title
            about["dc:creator"] = list(edition.authors)
            about["dc:description"] = edition.abstract
            about["dc:subject"] = set(edition.keywords)
            about["dc:language"] = ["en"]
            about["dc:rights"] = "Text and pictures: CC BY 4.0. Code: BSD 3-Clause."
            about["pdf:Keywords"] = ", ".join(edition.keywords)
            about["xmp:CreateDate"] = edition.moment.isoformat()
            about["xmp:ModifyDate"] = edition.moment.isoformat()
            about["xmp:CreatorTool"] = "Jupyter Book, Chromium"
        pdf.docinfo["/Title"] = title
        pdf.docinfo["/Author"] = edition.author
        pdf.docinfo["/Subject"] = edition.abstract
        pdf.docinfo["/Keywords"] = ", ".join(edition.keywords)
        pdf.docinfo["/Creator"] = "Jupyter Book, Chromium"
        pdf.docinfo["/CreationDate"] = stamp
        pdf.docinfo["/ModDate"] = stamp
        pages = len(pdf.pages)
        pdf.save(
            target,
            linearize=True,
            deterministic_id=True,
            min_version="1.7",
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            recompress_flate=True,
        )
    return pages
