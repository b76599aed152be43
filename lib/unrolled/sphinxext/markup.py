"""What the HTML writers leave inaccessible or invalid, mended in the page's body and contents."""

from __future__ import annotations

import re
from collections.abc import Callable

from bs4 import BeautifulSoup, NavigableString, Tag
from bs4.dammit import EntitySubstitution
from bs4.formatter import HTMLFormatter

from .names import described, is_exported, library

# HTML as its standard writes it: no slash in an element that cannot have contents.
WRITTEN = HTMLFormatter(
    entity_substitution=EntitySubstitution.substitute_xml, void_element_close_prefix=""
)

LISTING = re.compile(r'(<div class="highlight"><pre>)(?:<span></span>)?(.*?)(</pre>)', re.DOTALL)
# Names, punctuation and space have the colour of all text: two of three elements of a listing.
PLAIN = re.compile(r'<span class="[npw]">([^<]*)</span>')


def mend(
    body: str,
    sizes: dict[str, tuple[int, int]] | None = None,
    wait: Callable[[Tag], None] | None = None,
) -> str:
    """Mend a page's body: what the writers leave inaccessible, invalid, or in need of a script.

    `wait` changes the host of an explorable so that it waits until a reader comes near.

    - `dropdown` admonitions (solutions are) become `details`, which need no script;
    - the contents of exercises and solutions lose their id, which all of them share;
    - tables scroll in a box of their own;
    - pictures load when they come near, into a place of their size, and have no style of their own,
      which the pages' policy forbids;
    - Thebe's scripts go: it runs code on a remote service, and is not loaded;
    - the page is a division with a heading, not a section of the article without one;
    - a fold's label is a phrase, not a paragraph;
    - what has no colour of its own in a listing is text, not an element;
    - roles go that are deprecated or misplaced, and headers of columns that have no name.
    """
    soup = BeautifulSoup(body, "html.parser")
    for box in soup.select(".admonition.dropdown"):
        title = box.select_one(":scope > .admonition-title")
        if title is not None:
            box.name, title.name = "details", "summary"
            for link in title.select("a"):
                link.unwrap()
    for section in soup.select("section#exercise-content, section#solution-content"):
        section.name = "div"
        del section["id"]
    for page in soup.find_all("section", recursive=False):
        page.name = "div"
    for label in soup.select("summary p"):
        label.name = "span"
    for table in soup.select("table"):
        scroller = table.parent
        if scroller is None or "pst-scrollable-table-container" not in scroller.get("class", []):
            scroller = table.wrap(soup.new_tag("div"))
        scroller["class"] = "scrolls"
    for link in soup.select("a.headerlink"):
        link.string = "#"
        link["aria-label"] = link.get("title", "Link to this place")
        del link["title"]
    for prefix in soup.select("dt.sig .sig-prename"):
        # As the reader writes it after the import above: lstm.step, and unroll alone.
        module = prefix.get_text().removesuffix(".")
        short = "" if is_exported(library().get(module, {})) else f"{module}."
        prefix.string = short.removeprefix("unrolled.").removeprefix("cells.")
    for paren in soup.select(".sig-paren:has(+ .sig-param)"):
        paren.insert_after(soup.new_tag("wbr"))
    for part in soup.select(".sig-param, .sig-return"):
        if len(part.get_text()) <= 30:  # fits a phone, also spaced out, and stays together
            part["class"] = [*part.get("class", []), "short"]
    for label in soup.select("a > .viewcode-link"):
        link = label.find_parent("a")
        assert isinstance(link, Tag)
        name = link.find_previous_sibling(class_="sig-name")
        link["class"] = "source"
        link["aria-label"] = f"Source of {name.get_text() if name is not None else 'this'}"
        link.string = "source"
    for script in soup.select("script"):
        if script.get("type") == "text/x-thebe-config" or script.text.startswith("kernelName"):
            script.decompose()
    if wait is not None:
        for host in soup.select("[data-explorable]"):
            wait(host)
    for image in soup.select("img"):
        image["loading"] = "lazy"
        image["decoding"] = "async"
        if str(image.get("style", "")) == "max-width:100%;height:auto":
            del image[
                "style"
            ]  # as all pictures of the site are; elsewhere an explorable's needs it
        name = str(image.get("src", "")).rsplit("/", 1)[-1]
        set_size(image, (sizes or {}).get(name, (-1, -1)))
    for header in soup.select("thead th"):
        if header.get_text(strip=True):
            header["scope"] = "col"
            tex = header.select_one("math annotation")
            math = header.find("math")
            if tex and math and header.get_text(strip=True) == math.get_text(strip=True):
                # A table's readers and checkers look for words in a header: say the formula.
                math["aria-hidden"] = "true"
                words = soup.new_tag("span", attrs={"class": "unseen"})
                words.string = " ".join(re.sub(r"[\\{}]", " ", tex.text).split())
                math.insert_after(words)
        else:
            header.name = "td"
    for element in soup.select('.citation-list, .citation, p.caption[role="heading"]'):
        del element["role"], element["aria-level"]
    written: str = soup.decode(formatter=WRITTEN)
    return LISTING.sub(lambda found: found[1] + PLAIN.sub(r"\1", found[2]) + found[3], written)


def set_size(image: Tag, size: tuple[int, int]) -> None:
    """Give a picture its width and height; a width that its writer asked for goes before its own.

    A size of (-1, -1) is not known.
    """
    width, height = size
    if asked := re.fullmatch(r"width: ?(\d+)px;?", str(image.get("style", ""))):
        del image["style"]
        height = round(height * int(asked[1]) / width) if width > 0 else -1
        width = int(asked[1])
    if width > 0:
        image["width"] = str(width)
    if height > 0:
        image["height"] = str(height)


def mend_source(body: str, module: str) -> str:
    """Mend viewcode's page of a module: links to where names are described, and no lines added."""
    soup = BeautifulSoup(body, "html.parser")
    for link in soup.select(".viewcode-block > a.viewcode-back"):
        link.string = "described"
        for beside in (link.previous_sibling, link.next_sibling):
            if isinstance(beside, NavigableString):
                beside.replace_with(beside.removeprefix("\n"))
        # viewcode takes all names of a module for described in one place.
        page, _, place = str(link["href"]).partition("#")
        place = described(str(link.find_parent()["id"]), module) or place
        link["href"] = f"{page}#{place}"
    for block in soup.select("pre div.viewcode-block"):
        block.name = "span"  # a listing holds phrases only
    return str(soup)


def book_contents(toctree: str) -> str:
    """Return the list of the book's pages; parts are titled, but not headings of this page."""
    soup = BeautifulSoup(toctree, "html.parser")
    for caption in soup.select("p.caption"):
        del caption["role"], caption["aria-level"]
    for link in soup.select("a.current"):
        link["aria-current"] = "page"
    return str(soup)


def page_contents(toc: str) -> str:
    """Return the list of a page's sections, or nothing when there are fewer than two."""
    soup = BeautifulSoup(toc, "html.parser")
    below = soup.select_one("li > ul")
    if not isinstance(below, Tag) or len(below.find_all("li", recursive=False)) < 2:
        return ""
    for link in below.select("a[href^='#unrolled.']"):
        entries = link.find_parent("ul")
        if isinstance(entries, Tag) and str(link["href"]).startswith("#unrolled.cells."):
            entries.extract()  # all cells have the same names
        elif isinstance(entries, Tag):
            entries["class"] = "entries"
    return str(below)
