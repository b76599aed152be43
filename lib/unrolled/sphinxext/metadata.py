"""What other sites and search engines are told of a page, and the files that they ask for.

All of it needs the site's address: ``html: baseurl`` in `_config.yml`, or before it the environment
variable ``BASE_URL``. Without one no page names an address of its own, and there is no site map.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

from .repository import git, version

CARD = "_static/card.png"
CARD_ALT = (
    "Unrolled, an interactive textbook on recurrent networks. Beside it one LSTM unit over 24 "
    "steps: bars for its gates, curves of its cell state and hidden state, and the gradient."
)
LICENCE = "https://creativecommons.org/licenses/by/4.0/"


def read_base_url(app: Sphinx, config: Config) -> None:
    """Keep the site's address in the configuration, with a slash at its end."""
    url = os.environ.get("BASE_URL") or config.html_baseurl
    if url and not (urlsplit(url).scheme in ("http", "https") and urlsplit(url).netloc):
        raise ConfigError(
            f"html.baseurl in _config.yml, or BASE_URL: expected https://HOST/PATH/, got {url!r}"
        )
    config.html_baseurl = url.rstrip("/") + "/" if url else ""


def address(app: Sphinx, pagename: str) -> str:
    """Return the one address of a page; '' where the site has none."""
    base: str = app.config.html_baseurl
    return base and base + app.builder.get_target_uri(pagename)


def book_data(app: Sphinx) -> dict[str, Any]:
    """Return the book in the words of schema.org."""
    base = app.config.html_baseurl
    book = {
        "@type": "Book",
        "@id": f"{base}#book",
        "name": app.config.html_title,
        "alternativeHeadline": "An interactive textbook on recurrent networks",
        "author": {"@type": "Organization", "name": app.config.author},
        "inLanguage": app.config.language,
        "isAccessibleForFree": True,
        "learningResourceType": "textbook",
        "license": LICENCE,
        "url": address(app, app.config.root_doc),
        "image": base + CARD,
    }
    if number := version(Path(app.srcdir)):
        book["version"] = number
    return book


def structured_data(app: Sphinx, pagename: str, title: str, about: str) -> str:
    """Return what a page is, as JSON-LD: the book, or a part of it."""
    data = book_data(app)
    if pagename == app.config.root_doc:
        data["description"] = about
    else:
        data = {
            "@type": ["Chapter", "LearningResource"],
            "name": title,
            "description": about,
            "url": address(app, pagename),
            "inLanguage": app.config.language,
            "license": LICENCE,
            "isAccessibleForFree": True,
            "isPartOf": {key: data[key] for key in ("@type", "@id", "name", "url")},
        }
    text = json.dumps({"@context": "https://schema.org", **data}, ensure_ascii=False)
    return text.replace("</", "<\\/")


def page_metadata(app: Sphinx, pagename: str, title: str, about: str) -> dict[str, str]:
    """Return what the template puts into a page's head; nothing if the site has no address."""
    if not app.config.html_baseurl or pagename not in app.env.found_docs:
        return {}
    return {
        "canonical": address(app, pagename),
        "card": app.config.html_baseurl + CARD,
        "card_alt": CARD_ALT,
        "data": structured_data(app, pagename, title, about),
    }


def last_changes(folder: Path) -> dict[str, str]:
    """Return the day of the last change of every file that git knows all of the history of."""
    if git(folder, "rev-parse", "--is-shallow-repository") != "false":
        return {}
    days: dict[str, str] = {}
    day = ""
    for line in git(folder, "log", "--format=%x00%cs", "--name-only", "--", "book").splitlines():
        if line.startswith("\0"):
            day = line[1:]
        elif line:
            days.setdefault(line, day)
    return days


def site_map(app: Sphinx) -> str:
    """Return the site map: all pages of the book."""
    source = Path(app.srcdir)
    days = last_changes(source)
    entries = []
    for name in sorted(app.env.found_docs, key=lambda name: (name != app.config.root_doc, name)):
        file = Path(app.env.doc2path(name)).relative_to(source).as_posix()
        day = f"<lastmod>{days[file]}</lastmod>" if file in days else ""
        entries.append(f"<url><loc>{escape(address(app, name))}</loc>{day}</url>\n")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"{''.join(entries)}</urlset>\n"
    )


def from_the_root(page: str, base: str) -> str:
    """Return a page whose links lead on from whatever address it is shown at."""
    root = urlsplit(base).path or "/"
    page = page.replace('data-content_root="./"', f'data-content_root="{root}"')
    return re.sub(r' (href|src|action)="(?![a-z]+:|[/#])', rf' \1="{root}', page)


def add_missing_page(app: Sphinx) -> list[tuple[str, dict[str, Any], str]]:
    """Have the page written that a host sends for an address that it does not know."""
    return [("404", {"title": "There is no such page"}, "404.html")]


def write_files(app: Sphinx, exception: Exception | None) -> None:
    """Write what search engines ask for, and mend the links of the page for what is missing."""
    if app.builder.format != "html" or exception is not None:
        return
    site, base = Path(app.outdir), app.config.html_baseurl
    robots = "User-agent: *\nAllow: /\n"
    (site / "sitemap.xml").unlink(missing_ok=True)
    if base:
        robots += f"Sitemap: {base}sitemap.xml\n"
        (site / "sitemap.xml").write_text(site_map(app), encoding="utf-8")
    (site / "robots.txt").write_text(robots, encoding="utf-8")
    missing = site / "404.html"
    missing.write_text(from_the_root(missing.read_text(encoding="utf-8"), base), encoding="utf-8")
