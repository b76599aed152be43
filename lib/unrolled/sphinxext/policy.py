"""The pages' Content-Security-Policy: what a page may load and run, which is the site's own alone.

It stands in each page as a ``<meta>``, so that it holds on every host and from a folder as well;
``tools/serve.py`` sends it as a header too. The one inline script is allowed by its hash; no style
is inline: markup.py turns style attributes into others, and the build warns of any that is left.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from sphinx.application import Sphinx

FIRST_SCRIPT = "first.js"


def first_script(app: Sphinx) -> Path:
    """Return the file of the script that runs in a page's head, before the first paint."""
    return Path(app.srcdir) / "book" / "_templates" / FIRST_SCRIPT


def policy(script: str) -> str:
    """Return the policy of pages whose one inline script has this text."""
    digest = b64encode(sha256(script.encode()).digest()).decode("ascii")
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' 'sha256-{digest}'",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ]
    )


def inline_styles(body: str) -> list[str]:
    """Return what in a page's body the policy forbids: style attributes and style sheets."""
    return re.findall(r"<[^<>]*\sstyle=[^<>]*>|<style[^<>]*>", body)
