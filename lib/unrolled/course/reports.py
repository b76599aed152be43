"""Pages for students and for the teacher: feedback, and a report of the class."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from unrolled import figures

from .assignments import load
from .folder import Course, write_whole
from .grading import NOT_ANSWERED
from .outcome import Outcome, late, outcomes

PAGES = Environment(
    loader=PackageLoader("unrolled.course", "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def feedback(course: Course, assignment: str) -> list[Path]:
    """Write a page for each student who handed something in; return the pages."""
    spec, written = load(assignment), []
    for one in outcomes(course, assignment):
        if one.score is None:
            continue
        page = PAGES.get_template("feedback.html").render(
            spec=spec,
            one=one,
            parts=one.result.parts if one.result else [],
            not_answered=NOT_ANSWERED,
            titles={part.name: part.title for part in spec.parts},
            number="{:g}".format,
            late=late,
        )
        path = course.folder / "feedback" / one.student / assignment / f"{assignment}.html"
        write_whole(path, page)
        written.append(path)
    return written


def report(course: Course, assignment: str) -> Path:
    """Write a page on the class: scores, which part failed for how many, a row a student."""
    spec, found = load(assignment), outcomes(course, assignment)
    page = PAGES.get_template("report.html").render(
        spec=spec,
        found=found,
        number="{:g}".format,
        late=late,
        handed=[one for one in found if one.score is not None],
        histogram=picture(score_histogram, spec.points, found),
        failures=picture(failed_parts, spec, found),
        failed=failures(spec, found),
    )
    path = course.folder / "reports" / f"{assignment}.html"
    write_whole(path, page)
    return path


def failures(spec: Any, found: list[Outcome]) -> list[tuple[str, int, int]]:
    """Return each part's title, for how many it is not right, and how many did not answer it.

    Notebooks that could not be read are not among them.
    """
    handed = [one.result for one in found if one.result is not None and not one.result.refused]
    counts = []
    for part in spec.parts:
        wrong = [p.wrong for r in handed for p in r.parts if p.name == part.name and p.wrong]
        empty = wrong.count(NOT_ANSWERED)
        counts.append((part.title, len(wrong) - empty, empty))
    return counts


def picture(draw: Any, *arguments: Any) -> str:
    """Return a figure as the address of an image."""
    with plt.rc_context(figures.STYLE):
        figure, axes = plt.subplots()
        draw(axes, *arguments)
        svg = figures.themed_svg(figure)
        plt.close(figure)
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def score_histogram(axes: Any, points: int, found: list[Outcome]) -> None:
    """Draw how many have which score."""
    scores = [one.score for one in found if one.score is not None]
    axes.hist(scores, bins=np.arange(-0.5, points + 1.5), color=figures.SERIES[0][0])
    axes.set(xlabel="points", ylabel="students", xlim=(-1, points + 1))
    axes.yaxis.get_major_locator().set_params(integer=True)


def failed_parts(axes: Any, spec: Any, found: list[Outcome]) -> None:
    """Draw for how many each part is not right, and how many did not answer it."""
    titles, wrong, empty = zip(*failures(spec, found)[::-1], strict=True)
    axes.barh(titles, wrong, color=figures.SERIES[1][0], label="not right")
    axes.barh(titles, empty, left=wrong, color=figures.SERIES[0][0], label="not answered")
    axes.set(xlabel="students", xlim=(0, max(1, *map(sum, zip(wrong, empty, strict=True)))))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
    axes.xaxis.get_major_locator().set_params(integer=True)
