"""What the book's site adds to Jupyter Book: a Sphinx extension.

- equations.py: equations become MathML when the book is built: KaTeX, run by the Node that pip
  installs. No math script is left for the reader's browser.
- citations.py: references in notebooks, which JupyterLab is to show as well.
- colab.py: notebooks as Colab can run them; repository.py: where they are found.
- hosts.py: explorables wait until a reader comes near, and what is heavy in them is a file.
- live.py: explorables and counts on plain pages.
- metadata.py: what other sites and search engines are told.
- evidence.py: a numbered equation leads to the tests that verify it, which have a page.
- pages.py: pages get our own template (book/_templates), style sheet and script, and nothing else
  of the theme's: no request leaves the site, and every page works from a folder. The palette of
  ``palette.json`` becomes CSS custom properties, ``--unrolled-f`` and so on.
- titles.py: what a page is called, and what search engines are told of it.
- markup.py: what the HTML writers leave inaccessible or invalid is mended in the page's body.
- policy.py: what a page may load and run, said in the page: nothing inline but one script.
- passages.py: the text of each page, for the search to show.
- previews.py: what a link to an equation, a term or the like leads to is seen beside the link.
- searching.py: what the search finds by name: equations, terms, names of the library and more.
- library.py: the pages of book/api describe the library from its own docstrings, which are plain
  prose (prose.py); names.py tells what is public.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from .citations import check_equations, read_citations, read_equations, read_terms
from .equations import prefetch_math, visit_math, visit_math_block
from .evidence import EquationChecks, list_checks, read_checks
from .library import (
    Library,
    LibraryClass,
    LibraryContents,
    forget_source_pages,
    leave_type,
    set_docstring,
    set_signature,
)
from .live import setup_live
from .metadata import add_missing_page, read_base_url, write_files
from .pages import digest, finish, forget_failure, forget_pages, remember_assets, set_page
from .passages import add_passages
from .previews import add_previews
from .repository import read_repository
from .searching import Places, write_places


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_html_math_renderer(
        "unrolled", inline_renderers=(visit_math, None), block_renderers=(visit_math_block, None)
    )
    app.add_config_value("unrolled_assets", {}, "html")
    app.add_config_value("unrolled_checks", "", "html")
    app.add_config_value("unrolled_repository", "", "html")
    app.add_directive("equation-checks", EquationChecks)
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.viewcode")
    app.add_autodocumenter(LibraryClass, override=True)
    app.add_directive("library", Library)
    app.add_directive("library-contents", LibraryContents)
    app.connect("autodoc-process-signature", set_signature)
    app.connect("autodoc-process-docstring", set_docstring)
    app.connect("missing-reference", leave_type)
    app.connect("html-collect-pages", forget_source_pages, priority=400)  # before viewcode
    app.add_env_collector(Places)
    app.connect("config-inited", remember_assets)
    app.connect("config-inited", read_checks)
    app.connect("config-inited", read_repository)
    app.connect("config-inited", read_base_url)
    app.connect("source-read", read_citations)
    app.connect("source-read", read_terms)
    app.connect("source-read", read_equations)
    app.connect("env-check-consistency", check_equations)
    app.connect("html-collect-pages", add_missing_page)
    app.connect("doctree-resolved", list_checks)
    app.connect("doctree-resolved", prefetch_math)
    # After the theme and all extensions.
    app.connect("html-page-context", set_page, priority=900)
    app.connect("html-page-context", add_passages, priority=910)
    app.connect("html-page-context", add_previews, priority=910)
    app.connect("build-finished", finish, priority=900)
    app.connect("build-finished", forget_pages, priority=900)
    app.connect("build-finished", write_files, priority=920)
    app.connect("build-finished", write_places, priority=900)
    app.connect("build-finished", forget_failure, priority=950)
    setup_live(app)
    # When the code that remembers what pages have changes, they are all read anew.
    version = int(digest(Path(__file__).with_name("searching.py")), 16)
    return {"env_version": version, "parallel_read_safe": True, "parallel_write_safe": True}
