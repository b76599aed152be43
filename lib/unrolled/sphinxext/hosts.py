"""Explorables on a page wait until a reader comes near: what is heavy goes into files of its own.

A host element names its script, ``data-script``, which the page's own script asks for (site.js). A
large state is a script too, ``_states/<digest>.js``: a page in a folder can fetch nothing else. It
comes when a reader asks for it, who is told its size, ``data-state-size`` in KiB. The still picture
is a file that loads when it comes near.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import re
from base64 import b64decode
from pathlib import Path

from bs4 import Tag

PICTURES = "_images/explorables"
STATES = "_states"
LARGE = 16 * 1024  # characters of a state: a recording is larger, handles are not

NAME = re.compile(r"\b[0-9a-f]{16}\b")  # as digest gives it
INLINE_SVG = "data:image/svg+xml;base64,"
VIEW_BOX = re.compile(r'<svg[^>]*? viewBox="0 0 ([\d.]+) ([\d.]+)"')


def digest(content: str) -> str:
    """Return the name of a file that is named by what it holds."""
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def write(path: Path, content: str) -> None:
    """Write a file, and the folders that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def forget_files(site: Path) -> None:
    """Take out states and pictures that no page has any more, as explorables have changed."""
    pages = (path.read_text(encoding="utf-8") for path in site.rglob("*.html"))
    used = {name for page in pages for name in NAME.findall(page)}
    for path in (*(site / STATES).glob("*.js"), *(site / PICTURES).glob("*.svg")):
        if path.stem not in used:
            path.unlink()


def wait(host: Tag, script: str, site: Path, top: str) -> None:
    """Make a host element wait for its script.

    Parameters
    ----------
    host : Tag
        The element, changed in place.
    script : str
        The address of the script that makes it alive.
    site : Path
        The folder of the site, where files are written.
    top : str
        The way from the page to it, such as ``../``.
    """
    host["data-script"] = script
    state = str(host.get("data-state", ""))
    if len(state) > LARGE:
        name = digest(state)
        # The state is a text, as in the attribute: the explorable checks and reads it.
        hosts = json.dumps(f'[data-state-file="{name}"]')
        content = (
            f"for (const host of document.querySelectorAll({hosts})) "
            f"host.dataset.state = {json.dumps(state)};\n"
        )
        write(site / STATES / f"{name}.js", content)
        host["data-state-file"] = name
        host["data-state-size"] = str(math.ceil(len(gzip.compress(content.encode())) / 1024))
        del host["data-state"]
    picture = host.select_one("img.unrolled-picture")
    if picture is not None and str(picture["src"]).startswith(INLINE_SVG):
        svg = b64decode(str(picture["src"]).removeprefix(INLINE_SVG)).decode("utf-8")
        name = digest(svg)
        write(site / PICTURES / f"{name}.svg", svg)
        picture["src"] = f"{top}{PICTURES}/{name}.svg"
        if size := VIEW_BOX.match(svg):
            picture["width"], picture["height"] = (str(round(float(v))) for v in size.groups())
