"""What stands before the first chapter: title page, imprint, contents; and the running heads."""

from __future__ import annotations

from html import escape

from assemble import Chapter
from edition import Edition

STEPS = 9
SHRINK = 0.7  # how much of the gradient is left a step further back


def drawing(palette: dict[str, dict[str, str]]) -> str:
    """Return the title page's drawing: a network unrolled over the page, and its gradient.

    The loss is at the last step, and the bars below say how much of its gradient reaches each.
    """
    ink, gradient = palette["h"]["light"], palette["gradient"]["light"]
    accent, soft = "#1c5a92", "#5b606b"
    parts, gap, side, y = [], 76.0, 36.0, 130.0
    # The chain comes from beyond the left edge of the sheet, where it has begun.
    for k in range(STEPS):
        x = 40 + k * gap
        last = k == STEPS - 1
        fill = accent if last else "none"
        parts.append(
            f'<path d="M{x - gap + side} {y}H{x}" stroke="{ink}" stroke-width="2.2"/>'
            f'<path d="M{x + side / 2} {y + side / 2 + 34}v-34" stroke="{soft}" '
            f'stroke-width="1.2"/>'
            f'<circle cx="{x + side / 2}" cy="{y + side / 2 + 37}" r="3" fill="{soft}"/>'
            f'<path d="M{x + side / 2} {y - side / 2}v-34" stroke="{soft}" stroke-width="1.2" '
            f'stroke-dasharray="{"none" if last else "2 3"}"/>'
            f'<rect x="{x}" y="{y - side / 2}" width="{side}" height="{side}" rx="8" '
            f'stroke="{accent}" stroke-width="2.2" fill="{fill}"/>'
        )
        height = 88 * SHRINK ** (STEPS - 1 - k)
        parts.append(
            f'<rect x="{x + 5}" y="{318 - height:.1f}" width="{side - 10}" '
            f'height="{height:.1f}" rx="2" fill="{gradient}"/>'
        )
    end = 40 + (STEPS - 1) * gap + side / 2
    parts.append(f'<circle cx="{end}" cy="{y - side / 2 - 40}" r="6" fill="{gradient}"/>')
    parts.append(f'<path d="M-60 318.6H{end + 40}" stroke="{soft}" stroke-width="0.8"/>')
    return f'<svg viewBox="0 40 794 300" fill="none" stroke-linecap="round">{"".join(parts)}</svg>'


def title_page(edition: Edition, palette: dict[str, dict[str, str]]) -> str:
    """Return the title page."""
    alt = (
        "A recurrent network unrolled over nine steps. Bars below the steps are the gradient of "
        "the loss at the last step: each is a share of the one to its right."
    )
    return f"""<section class="title-page">
<div class="title-words">
<p class="book-title">{escape(edition.title)}</p>
<p class="book-subtitle">{escape(edition.subtitle)}</p>
</div>
<div class="title-drawing" role="figure" aria-label="{alt}">{drawing(palette)}</div>
<div class="title-foot">
<p class="book-author">{escape(edition.author)}</p>
<p>Version {escape(edition.version)} · {edition.date}</p>
<p>Text and pictures: <a href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>.
Code: BSD 3-Clause.</p>
</div>
</section>"""


def imprint(edition: Edition) -> str:
    """Return the page behind the title page: what this edition is, and how to read it."""
    commit = f", commit {edition.commit}" if edition.commit else ""
    year = edition.moment.year
    shown = edition.address.removeprefix("https://").rstrip("/")
    web = f' at <a href="{escape(edition.address)}">{escape(shown)}</a>' if shown else ""
    place = f" {escape(edition.address)}" if shown else ""
    return f"""<section class="imprint" id="imprint">
<div class="imprint-top">
<p class="imprint-title">About this edition</p>
<p>This is the printed form of an interactive book. What can be moved on its website{web} stands
still here: each live picture is shown at the state in which it opens, and the line below it says
where it is alive. Self-checks are printed as plain questions. Their answers, and the solutions of
the exercises, stand at the end of each chapter. Code that the website folds is printed in full.</p>
<p>A ✓ beside the number of an equation says that a test verifies the equation. The tests are in
the book’s repository, under <code>tests/</code>, and on the website’s page “Equation checks”; they
are not printed. All code shown here has been run, and what it printed has been compared.</p>
<p>Numbers of pages count from the title page, so that they are those of a viewer, too. References
within the book, and the contents, are links.</p>
</div>
<div class="imprint-foot">
<p><b>Version</b> {escape(edition.version)}{commit}, of {edition.date}.</p>
<p><b>To cite:</b> {escape(edition.author)}. <i>{escape(edition.title)}:
{escape(edition.subtitle[:1].lower() + edition.subtitle[1:])}</i>. Version
{escape(edition.version)}, {year}.{place}</p>
<p><b>Licence.</b> © {year} {escape(edition.author)}. Text and pictures may be shared and adapted
under the Creative Commons Attribution 4.0 International licence,
<a href="https://creativecommons.org/licenses/by/4.0/">creativecommons.org/licenses/by/4.0</a>;
code under the BSD 3-Clause licence, which is in the repository.</p>
<p><b>Type.</b> Text in subsets of Source Serif 4 and Source Sans 3, formulas in STIX Two Math, code
in DejaVu Sans Mono.</p>
</div>
</section>"""


def contents_line(kind: str, place: str, number: str, title: str) -> str:
    """Return a line of the contents; the press fills in the page."""
    return (
        f'<li class="{kind}"><a href="#{place}"><span class="number">{number}</span>'
        f'<span class="title">{title}</span><span class="leader" aria-hidden="true"></span>'
        f'<span class="page" data-page-of="{place}"></span></a></li>'
    )


def contents(chapters: list[Chapter]) -> str:
    """Return the table of contents: parts, chapters, and their sections."""
    lines, part = "", ""
    for chapter in chapters:
        if chapter.part != part:
            part = chapter.part
            lines += f'<li class="part">{escape(part)}</li>'
        top, *below = chapter.headings
        lines += contents_line("chapter-line", top.id, chapter.number, top.html)
        for heading in below:
            if heading.level == 2:
                lines += contents_line("section-line", heading.id, "", heading.html)
    return (
        '<section class="contents-pages" id="contents"><h1 id="contents--title">Contents</h1>'
        f'<ol class="contents-list">{lines}</ol></section>'
    )


def quoted(text: str) -> str:
    """Return a text as a string of a style sheet."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def running_heads(chapters: list[Chapter]) -> str:
    """Return the rules of the pages: on the left the part, on the right the chapter."""
    rules = ""
    for name, left, right in [
        ("contents", "", "Contents"),
        *((c.key, c.part, f"{c.number}\u2002{c.title}" if c.number else c.title) for c in chapters),
    ]:
        rules += (
            f"@page {name}:left {{ @top-left {{ content: counter(page) }} "
            f"@top-right {{ content: {quoted(left or right)} }} }}\n"
            f"@page {name}:right {{ @top-left {{ content: {quoted(right)} }} "
            f"@top-right {{ content: counter(page) }} }}\n"
        )
    return rules
