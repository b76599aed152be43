"""One document out of the pages of the built site: chapters in order, links that stay inside it."""

from __future__ import annotations

import base64
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag
from questions import answers_section

# What does not become paper: the tests' source, which one reads beside the repository, and the
# assignments, which are notebooks to be filled in.
LEFT_OUT = ("book/checks", *(f"book/assignments/{name}" for name in ("lstm", "gru", "gates")))
# Only a script makes them do something, or they lead to where one already is.
NO_USE = (
    "a.headerlink, a.source, button, script, style, template, .copy, .toctree-wrapper, .no-print"
)
# A list of font families, and what comes before it: font: and a size, or font-family.
FAMILIES = re.compile(
    r"(\bfont:[^;:\"{}]*?\d(?:px|pt) |\bfont-family(?::|=\") ?)[^;:\"{}]*?\b(sans-)?serif\b"
)
FORMULA = "formula: "  # before a formula's TeX, so that finish.py finds it among the tags


@dataclass(frozen=True)
class Heading:
    """A heading of the document: its level (1 for a chapter), its id, its words and its HTML."""

    level: int
    id: str
    text: str
    html: str


@dataclass
class Chapter:
    """A page of the site as a chapter."""

    page: str
    part: str
    number: str
    headings: list[Heading] = field(default_factory=list)
    html: str = ""
    styles: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What its ids begin with."""
        return key_of(self.page)

    @property
    def title(self) -> str:
        """The title in words, without its number."""
        return self.headings[0].text


def key_of(page: str) -> str:
    """Return what the ids of a page begin with."""
    return page.removeprefix("book/").replace("/", "-")


def listed(root: Path) -> list[tuple[str, str]]:
    """Return the pages to be printed, each with its part, in the order of _toc.yml."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    pages = [(toc["root"], "")]
    for part in toc["parts"]:
        for entry in part["chapters"]:
            pages.append((entry["file"], part["caption"]))
            pages += [(below["file"], part["caption"]) for below in entry.get("sections", [])]
    return [(page, part) for page, part in pages if page not in LEFT_OUT]


def words(element: Tag) -> str:
    """Return an element's text; of a formula what is seen, not its TeX."""
    copy = BeautifulSoup(str(element), "html.parser")
    for hidden in copy.select("annotation, .unseen, .section-number, a.headerlink"):
        hidden.decompose()
    return " ".join(copy.get_text().split())


class Reader:
    """Reads pages of the built site into chapters."""

    def __init__(self, site: Path, root: str, pages: list[tuple[str, str]], address: str) -> None:
        self.site = site
        self.root = root
        self.pages = pages
        self.names = {page for page, _ in pages}
        self.address = address
        self.pictures = 0

    def read(self, page: str, part: str) -> Chapter:
        """Return a page as a chapter."""
        path = self.site / f"{page}.html"
        if not path.is_file():
            raise SystemExit(f"The site has no page {path}: build the book first (make book).")
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        article = soup.select_one("article")
        if article is None or article.h1 is None:
            raise SystemExit(f"{path}: expected an <article> with a heading, and there is none.")
        if page == self.root:
            article.h1.string = "Introduction"  # as the site's list of pages has it
        number = article.h1.select_one(".section-number")
        chapter = Chapter(page, part, number.get_text().strip(" .") if number else "")
        chapter.styles = [
            posixpath.normpath(posixpath.join(posixpath.dirname(page), str(link["href"])))
            for link in soup.select('head link[rel="stylesheet"]')
        ]
        for element in article.select(NO_USE):
            element.decompose()
        self.unfold(article)
        self.alive(article, page)
        answers_section(article)
        self.name_headings(article)
        self.flatten(article)
        self.hold_leads(article)
        self.name_code(article)
        self.prefix(article, chapter.key)
        self.inline_pictures(article, page)
        self.relink(article, page)
        self.formulas(article)
        chapter.headings = [
            Heading(int(h.name[1]), str(h["id"]), words(h), heading_html(h))
            for h in article.select("h1, h2, h3, h4")
        ]
        article["class"], article["id"] = "chapter", chapter.key
        article["style"] = f"page: {chapter.key}"
        article.h1.insert_before(self.eyebrow(part))
        chapter.html = str(article)
        return chapter

    def eyebrow(self, part: str) -> Tag:
        """Return what stands over a chapter's title: its part."""
        line = BeautifulSoup("", "html.parser").new_tag("p", attrs={"class": "eyebrow"})
        line.string = part or "\u00a0"
        return line

    def unfold(self, article: Tag) -> None:
        """Open what folds: details are boxes, with their summary as a title."""
        for fold in article.select("details.hide"):
            label = fold.summary.select_one(".expanded") if fold.summary else None
            if fold.summary:
                fold.summary.extract()
            if label and not re.match("Show|Hide", label.get_text().strip()):
                label.name, label["class"] = "p", "fold"
                fold.insert(0, label)
            fold.name, fold["class"] = "div", "folded"
        for fold in article.select("details:not(.sc-told)"):
            if fold.summary:
                fold.summary.name = "p"
            fold.name = "div"

    def alive(self, article: Tag, page: str) -> None:
        """Say below each live picture where it is alive."""
        for host in article.select("[data-explorable]:not([data-explorable=self-check])"):
            section = host.find_parent("section")
            place = f"{page}.html#{section['id']}" if section and section.get("id") else page
            del host["data-state"]
            note = BeautifulSoup("", "html.parser").new_tag("p", attrs={"class": "alive"})
            if self.address:
                note.append("This picture is alive at ")
                link = BeautifulSoup("", "html.parser").new_tag("a", href=self.address + place)
                link.string = (self.address + place).removeprefix("https://")
                note.append(link)
            else:
                note.append("This picture is alive, and can be moved, on the book’s website.")
            host.append(note)

    def inline_pictures(self, article: Tag, page: str) -> None:
        """Put SVG pictures into the document, so that they are drawn in its fonts."""
        for image in article.select("img"):
            for name in ("loading", "decoding"):
                del image[name]
            source = str(image["src"])
            if source.startswith("data:image/svg+xml;base64,"):
                svg = base64.b64decode(source.partition(",")[2]).decode("utf-8")
            elif source.startswith("data:"):
                continue
            else:
                path = self.site / posixpath.normpath(
                    posixpath.join(posixpath.dirname(page), unquote(source.split("?")[0]))
                )
                image["src"] = path.resolve().as_uri()
                if path.suffix != ".svg":
                    continue
                svg = path.read_text(encoding="utf-8")
            self.pictures += 1
            image.replace_with(inline_svg(svg, image, f"picture-{self.pictures}"))
        for link in article.select("a.image-reference"):
            link.unwrap()

    def name_headings(self, article: Tag) -> None:
        """Let links to a section lead to its heading."""
        for heading in article.select("h1, h2, h3, h4"):
            parent = heading.parent
            if heading.get("id") is None and parent is not None and parent.get("id"):
                heading["id"] = parent["id"]
                del parent["id"]

    def flatten(self, article: Tag) -> None:
        """Let the chapter be one flow: within nested sections Chromium breaks pages badly.

        Seen in Chromium 156: a page ends in the second line of a paragraph that it should keep
        whole, where the better place is before the section that begins with it.
        """
        for section in article.select("section"):
            if section.get("id") or "answers-section" in section.get("class", []):
                section.name = "div"
            else:
                section.unwrap()

    def hold_leads(self, article: Tag) -> None:
        """Mark the paragraphs that lead to what follows: no page ends between the two."""
        for paragraph in article.find_all("p"):
            after = paragraph.find_next_sibling()
            if after is None or paragraph.find_parent(["li", "td", "dd"]):
                continue
            classes = after.get("class", [])
            if paragraph.get_text().rstrip().endswith(":") or "equation" in classes:
                paragraph["class"] = [*paragraph.get("class", []), "leads"]

    def name_code(self, article: Tag) -> None:
        """Let listeners hear that code is code."""
        for block in article.select("pre"):
            block["role"] = "code"
            if block.parent is not None:
                block.parent["role"] = "paragraph"

    def prefix(self, article: Tag, key: str) -> None:
        """Put the chapter's key before every id, as pages may share them."""
        for element in article.select("[id]"):
            element["id"] = f"{key}--{element['id']}"
        for name in ("aria-labelledby", "aria-describedby", "headers", "for"):
            for element in article.select(f"[{name}]"):
                parts = str(element[name]).split()
                element[name] = " ".join(f"{key}--{part}" for part in parts)
        for element in article.select("[data-page-of]"):
            element["data-page-of"] = f"{key}--{element['data-page-of']}"

    def relink(self, article: Tag, page: str) -> None:
        """Lead links to pages of the document into it, others to the website, if there is one."""
        for link in article.select("a[href]"):
            href = str(link["href"])
            if urlsplit(href).scheme:
                continue
            url, fragment = urldefrag(href)
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(url)))
            target = path.removesuffix(".html") if url else page
            if target in self.names:
                key = key_of(target)
                link["href"] = f"#{key}--{unquote(fragment)}" if fragment else f"#{key}"
                refers = link.select_one(".doc, .std-ref")
                if refers and target != page:
                    number = BeautifulSoup("", "html.parser").new_tag(
                        "span", attrs={"class": "page-reference", "data-page-of": link["href"][1:]}
                    )
                    link.insert_after(number)
            elif self.address:
                link["href"] = self.address + (path if url else f"{page}.html")
                link["href"] += f"#{fragment}" if fragment else ""
            else:
                link.name = "span"
                for name in ("href", "title", "aria-label"):
                    del link[name]

    def formulas(self, article: Tag) -> None:
        """Name each formula by its TeX, for who listens."""
        for math in article.select("math"):
            tex = math.select_one("annotation")
            if tex is None:
                continue
            box = BeautifulSoup("", "html.parser").new_tag(
                "span",
                attrs={"role": "figure", "aria-label": FORMULA + " ".join(tex.get_text().split())},
            )
            math.wrap(box)
            tex.decompose()


def heading_html(heading: Tag) -> str:
    """Return a heading's inner HTML for the contents: no number, no links, no ids."""
    copy = BeautifulSoup(heading.decode_contents(), "html.parser")
    for number in copy.select(".section-number"):
        number.decompose()
    for link in copy.select("a"):
        link.unwrap()
    for element in copy.select("[id]"):
        del element["id"]
    return str(copy).strip()


def inline_svg(text: str, image: Tag, name: str) -> Tag:
    """Return an SVG picture as a part of the document.

    Its styles hold for it alone, its ids begin with `name`, and its text is set in the book's
    fonts. It is as large as the image that it replaces.
    """
    text = FAMILIES.sub(lambda m: f"{m[1]}var(--{'sans' if m[2] else 'serif'})", text)
    soup = BeautifulSoup(text, "html.parser")
    svg = soup.svg
    assert svg is not None, name
    for element in svg.select("title, desc, metadata"):
        element.decompose()
    for attribute in ("role", "aria-label", "aria-labelledby", "aria-describedby"):
        del svg[attribute]
    ids = {str(element["id"]) for element in svg.select("[id]")}
    for element in svg.find_all(True):
        for attribute, value in list(element.attrs.items()):
            if attribute == "id":
                element["id"] = f"{name}-{value}"
            elif "#" in value:
                element[attribute] = re.sub(
                    r"#([\w:.-]+)",
                    lambda m: f"#{name}-{m[1]}" if m[1] in ids else m[0],
                    value,
                )
    for style in svg.select("style"):
        style.string = f"@scope (#{name}) {{ {style.get_text()} }}"
    width = re.search(r"(?:^|;)\s*width:\s*([\d.]+)px", str(image.get("style", "")))
    pixels = float(width[1] if width else image.get("width") or number(svg["width"]))
    for attribute in ("width", "height"):
        del svg[attribute]
    box = soup.new_tag(
        "div",
        attrs={
            "class": "picture",
            "id": name,
            "role": "figure",
            "aria-label": image.get("alt", ""),
            "style": f"--pixels: {pixels:g}",
        },
    )
    box.append(svg.extract())
    return box


def number(length: str) -> float:
    """Return an SVG length in pixels."""
    value, unit = re.fullmatch(r"([\d.]+)(px|pt|)", length).groups()
    return float(value) * (4 / 3 if unit == "pt" else 1)
