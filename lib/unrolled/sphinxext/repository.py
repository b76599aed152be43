"""Where the book lives on GitHub, and where its notebooks run: links to Binder and Colab.

`_config.yml` says it, in Jupyter Book's own words: ``repository: url, branch`` and
``launch_buttons: binderhub_url, colab_url``; the environment variable ``REPOSITORY_URL`` comes
before it. Without either it is where this checkout came from, its remote `origin`, so that a fork
points to itself; without that, there is nothing to link to.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

# What Jupyter Book has for a book that does not say: its own.
UNSAID = "https://github.com/executablebooks/jupyter-book"
COLAB_BRANCH = "colab"  # holds what the builder of colab.py makes
GITHUB = re.compile(
    r"(?:https://(?:[^@/]*@)?|ssh://git@|git@)github\.com[/:]([\w.-]+)/([\w.-]+?)(?:\.git)?/?"
)


class Repository(NamedTuple):
    """A repository on GitHub, and what in it the pages show: a tag, or a branch."""

    owner: str
    name: str
    ref: str

    @property
    def url(self) -> str:
        """The address for readers, and for git."""
        return f"https://github.com/{self.owner}/{self.name}"

    def archive(self, ref: str = "") -> str:
        """Return the address of all files, packed."""
        return f"{self.url}/archive/{quote(ref or self.ref)}.tar.gz"

    def page(self, path: str) -> str:
        """Return the address at which GitHub shows a file."""
        return f"{self.url}/blob/{quote(self.ref)}/{quote(path)}"

    def raw(self, path: str) -> str:
        """Return the address of a file itself."""
        place = f"{self.owner}/{self.name}/{quote(self.ref)}"
        return f"https://raw.githubusercontent.com/{place}/{quote(path)}"

    def binder(self, hub: str, path: str) -> str:
        """Return the address that opens a notebook in JupyterLab, on a Binder hub."""
        place = f"{self.owner}/{self.name}/{quote(self.ref, safe='')}"
        return f"{hub.rstrip('/')}/v2/gh/{place}?urlpath={quote(f'lab/tree/{path}', safe='')}"

    def colab(self, colab: str, path: str) -> str:
        """Return the address that opens, on Colab, what was made of a notebook for it."""
        place = f"{self.owner}/{self.name}/blob/{COLAB_BRANCH}"
        return f"{colab.rstrip('/')}/github/{place}/{quote(path)}"


def git(folder: Path, *arguments: str) -> str:
    """Return what git says of a folder; nothing where it is no checkout, or there is no git."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def version(folder: Path) -> str:
    """Return the version of the package in a folder, or nothing."""
    project = folder / "pyproject.toml"
    if not project.exists():
        return ""
    found: str = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    return found


def find_repository(folder: Path, url: str = "", branch: str = "") -> Repository | None:
    """Return the repository that a folder is a checkout of.

    Its `ref` is the tag of the package's version, ``v0.1.0``, if that is what is checked out, and
    otherwise the branch: a link leads to what is there.
    """
    found = GITHUB.fullmatch(url or git(folder, "config", "--get", "remote.origin.url"))
    if found is None and url:
        raise ConfigError(
            "repository.url in _config.yml, or REPOSITORY_URL: expected "
            f"https://github.com/OWNER/NAME, got {url!r}"
        )
    if found is None:
        return None
    tag = f"v{version(folder)}"
    released = tag in git(folder, "tag", "--points-at", "HEAD").split()
    return Repository(found[1], found[2], tag if released else branch or "main")


def read_repository(app: Sphinx, config: Config) -> None:
    """Keep in the configuration where notebooks run; leave the theme no buttons to make.

    A text, so that Sphinx sees when it changes, and writes all pages anew.
    """
    options = config.html_theme_options
    said = options.get("repository_url", "")
    url = os.environ.get("REPOSITORY_URL") or (said if said != UNSAID else "")
    repository = find_repository(Path(app.srcdir), url, options.get("repository_branch", ""))
    hubs = options.pop("launch_buttons", {})
    config.unrolled_repository = json.dumps({"repository": repository, "hubs": hubs})


def the_repository(config: Config) -> Repository | None:
    """Return the repository of the book that is being built."""
    found = json.loads(config.unrolled_repository or "{}").get("repository")
    return Repository(*found) if found else None


def launch_links(config: Config, path: str) -> dict[str, str]:
    """Return where a notebook can be run, by the name of the place."""
    repository = the_repository(config)
    hubs = json.loads(config.unrolled_repository or "{}").get("hubs") or {}
    links = {}
    if repository and hubs.get("binderhub_url"):
        links["binder"] = repository.binder(hubs["binderhub_url"], path)
    if repository and hubs.get("colab_url"):
        links["colab"] = repository.colab(hubs["colab_url"], path)
    return links
