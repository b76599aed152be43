"""Pages and what they load: our template, styles and scripts, and nothing else of the theme's."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import imagesize
from bs4 import Tag
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

from .hosts import forget_files, wait
from .markup import book_contents, mend, mend_source, page_contents
from .metadata import address, page_metadata
from .passages import FOLDER as TEXTS
from .policy import first_script, inline_styles, policy
from .previews import FOLDER as PREVIEWS
from .repository import launch_links
from .titles import description, module_of, title

logger = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[1]
EXPLORABLES = PACKAGE / "explorables" / "static"
STYLE = "book.css"  # the one style sheet of all pages


def palette_css(palette: dict[str, dict[str, str]]) -> str:
    """Return the palette as CSS: ``--unrolled-f``, and its dashes ``--unrolled-f-dash``."""

    def block(selector: str, lines: list[str]) -> str:
        return f"{selector} {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"

    names = {key: f"--unrolled-{key.replace('_', '-')}" for key in palette}
    light = [f"{names[key]}: {entry['light']};" for key, entry in palette.items()]
    dashes = [f"{names[key]}-dash: {entry['dash'] or 'none'};" for key, entry in palette.items()]
    dark = [f"{names[key]}: {entry['dark']};" for key, entry in palette.items()]
    on_screen = "@media screen {\n" + block('html[data-theme="dark"]', dark) + "}\n"
    return block(":root", light + dashes) + on_screen


def dark_on_screen(css: str) -> str:
    """Return a style sheet, a rule a line, whose dark rules are for the screen: paper is light."""
    lines = css.splitlines()
    dark = [line for line in lines if line.startswith('html[data-theme="dark"]')]
    rest = [line for line in lines if line not in dark]
    return "\n".join([*rest, "@media screen {", *dark, "}", ""])


def digest(*paths: Path) -> str:
    """Return a short digest of what files hold."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:8]


def style_sources(app: Sphinx) -> list[Path]:
    """Return what the style sheet is made of, beside the colours of code."""
    own = Path(app.srcdir) / "book" / "_static" / "site.css"
    return [PACKAGE / "palette.json", own, EXPLORABLES / "unrolled-explorables.css"]


def style(app: Sphinx, code: str) -> str:
    """Return the style sheet: one file, as each more delays the first paint on a slow network."""
    palette, *sheets = (path.read_text(encoding="utf-8") for path in style_sources(app))
    return "\n".join([palette_css(json.loads(palette)), dark_on_screen(code), *sheets])


def asset_digests(app: Sphinx) -> dict[str, str]:
    """Return the digests of the files that pages refer to, and of what they are made by."""
    static = Path(app.srcdir) / "book" / "_static"
    sources = [*sorted(static.glob("*.*")), *sorted(EXPLORABLES.glob("*.js"))]
    made_by = [*sorted(Path(__file__).parent.glob("*.py")), first_script(app)]
    names = {path.name: digest(path) for path in sources if path.exists()}
    return names | {"sphinxext": digest(*made_by), STYLE: digest(*made_by, *style_sources(app))}


def remember_assets(app: Sphinx, config: Config) -> None:
    """Keep the digests in the configuration: when one changes, Sphinx writes all pages anew."""
    config.unrolled_assets = asset_digests(app)


def image_sizes(app: Sphinx) -> dict[str, tuple[int, int]]:
    """Return width and height of every picture of the book, by its name in the site."""
    images = {name: Path(app.srcdir) / path for path, (_, name) in app.env.images.items()}
    sizes = {name: imagesize.get(path) for name, path in images.items() if path.exists()}
    return {name: (round(width), round(height)) for name, (width, height) in sizes.items()}


def set_page(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Give the template what it needs, and the page only the styles and scripts it needs."""
    body: str = context.get("body", "")
    if pagename.startswith("_modules/"):
        body = mend_source(body, module_of(pagename))
    digests: dict[str, str] = app.config.unrolled_assets
    pathto = context["pathto"]

    def static(name: str) -> str:
        return f"{pathto('_static/' + name, 1)}?v={digests.get(name) or digests['sphinxext']}"

    top = pathto("_static", 1).removesuffix("_static")
    styles, scripts = [STYLE], ["site.js"]
    if 'class="sd-' in body:
        styles.insert(0, "sphinx-design.min.css")

    def set_host(host: Tag) -> None:
        name = f"{host['data-explorable']}.js"
        if name not in digests:
            logger.warning("there is no %s for an explorable", name, location=pagename)
        wait(host, static(name), Path(app.outdir), top)

    body = mend(body, image_sizes(app), set_host)
    for found in inline_styles(body):
        logger.warning(
            "a style in the page, which its policy forbids: %s", found, location=pagename
        )
    first = first_script(app).read_text(encoding="utf-8").strip()
    # Fonts that a page is sure to need are asked for with its styles, not after them.
    fonts = ["unrolled-sans", "unrolled-serif"]
    fonts += ["unrolled-serif-italic"] if "<em" in body else []
    fonts += ["stix-two-math"] if "<math" in body else []
    name, about = title(app, pagename, context), description(app, pagename, doctree)
    context.update(
        body=body,
        book_contents=book_contents(
            context["toctree"](maxdepth=2, collapse=False, includehidden=True, titles_only=True)
        ),
        description=about,
        first_script=first,
        meta=page_metadata(app, pagename, name, about),
        launch=launch_links(app.config, f"{pagename}.ipynb"),
        page_fonts=" ".join(fonts),
        page_contents=page_contents(context.get("toc") or ""),
        page_scripts=[static(name) for name in scripts],
        page_styles=[static(name) for name in styles],
        project_title=app.config.html_title,
        policy=policy(first),
        page_title=name,
        static=static,
    )


# The colours of code are part of our style sheet, and are not written anew by each build.
KEPT = {"language_data.js", "pygments.css", "sphinx-design.min.css"}

# The theme's own redirect has no language, title or link.
INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<meta http-equiv="refresh" content="0; url={first}">
<link rel="canonical" href="{canonical}">
</head>
<body><main><h1>{title}</h1><p><a href="{first}">Open the book</a></p></main></body>
</html>
"""


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Write our assets into the site, and take out what no page uses: 5 MB, mostly icons."""
    if app.builder.format != "html" or exception is not None:
        return
    site = Path(app.outdir) / "_static"
    own = Path(app.srcdir) / "book" / "_static"
    for path in site.iterdir():
        if path.name not in KEPT and not (own / path.name).exists():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    code = (site / "pygments.css").read_text(encoding="utf-8")
    (site / STYLE).write_text(style(app, code), encoding="utf-8")
    (site / "site.css").unlink(missing_ok=True)
    for path in EXPLORABLES.glob("*.js"):
        shutil.copyfile(path, site / path.name)
    index = INDEX.format(
        title=app.config.html_title,
        first=f"{app.config.root_doc}.html",
        canonical=address(app, app.config.root_doc) or f"{app.config.root_doc}.html",
        policy=policy(first_script(app).read_text(encoding="utf-8").strip()),
    )
    (Path(app.outdir) / "index.html").write_text(index, encoding="utf-8")
    # Old browsers ask for it there, whatever a page says.
    shutil.copyfile(own / "favicon.ico", Path(app.outdir) / "favicon.ico")


def forget_pages(app: Sphinx, exception: Exception | None) -> None:
    """Take out what belongs to pages that are no more: previews, texts, explorables' files."""
    if app.builder.format != "html" or exception is not None:
        return
    forget_files(Path(app.outdir))
    for folder in (Path(app.outdir) / PREVIEWS, Path(app.outdir) / TEXTS):
        for path in folder.rglob("*.js"):
            if path.relative_to(folder).with_suffix("").as_posix() not in app.env.found_docs:
                path.unlink()


def forget_failure(app: Sphinx, exception: Exception | None) -> None:
    """After a build with warnings keep no environment, else the next skips the page and passes."""
    strict = app.warningiserror or app.keep_going  # -W alone, or with --keep-going
    if strict and app._warncount:
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)
