"""What a copy of the book says about itself: title, authors, version, date, address."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from bs4 import BeautifulSoup


@dataclass(frozen=True)
class Edition:
    """One edition of the book.

    moment: of the commit, so that the same source gives the same file; commit: its short name, or
    nothing outside of Git; address: of the book on the web, with a slash at its end, or nothing.
    """

    title: str
    subtitle: str
    authors: tuple[str, ...]
    version: str
    keywords: tuple[str, ...]
    abstract: str
    moment: datetime
    commit: str
    address: str

    @property
    def date(self) -> str:
        """The date in words: 3 May 2026."""
        return f"{self.moment.day} {self.moment:%B %Y}"

    @property
    def author(self) -> str:
        """The authors in one line."""
        return ", ".join(self.authors)


def git(root: Path, *arguments: str) -> str:
    """Return what Git says, or nothing where there is no Git or no repository."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def read_moment(root: Path, site: Path) -> datetime:
    """Return the edition's date: SOURCE_DATE_EPOCH, else the commit's, else the site's."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or git(root, "log", "-1", "--format=%ct")
    try:
        number = int(seconds) if seconds else int((site / "index.html").stat().st_mtime)
    except ValueError:
        raise SystemExit(
            f"SOURCE_DATE_EPOCH must be a whole number of seconds, got {seconds!r}"
        ) from None
    return datetime.fromtimestamp(number, UTC)


def name_of(author: dict[str, Any]) -> str:
    """Return an author of CITATION.cff in words: a person or an entity."""
    parts = [author.get(key, "") for key in ("given-names", "name-particle", "family-names")]
    return author.get("name") or " ".join(part for part in parts if part)


def read_edition(root: Path, site: Path, first: str) -> Edition:
    """Return the edition, from CITATION.cff, Git and the `first` page of the built site."""
    about = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    title, _, subtitle = about["title"].partition(": ")
    page = BeautifulSoup((site / f"{first}.html").read_text(encoding="utf-8"), "html.parser")
    link = page.find("link", rel="canonical")
    address = str(link["href"]) if link else ""
    return Edition(
        title=title,
        subtitle=subtitle[:1].upper() + subtitle[1:],
        authors=tuple(map(name_of, about["authors"])),
        version=str(about["version"]),
        keywords=tuple(about.get("keywords", [])),
        abstract=" ".join(about.get("abstract", "").split()),
        moment=read_moment(root, site),
        commit=git(root, "rev-parse", "--short", "HEAD"),
        address=address.removesuffix(f"{first}.html"),
    )
