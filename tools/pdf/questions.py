"""Questions on paper: self-checks as plain questions, answers and solutions after the chapter.

Who reads on paper cannot fold a solution away, and below its question it would be read too soon.
So each chapter ends with its answers, and question and answer lead to each other.
"""

from __future__ import annotations

import json
from string import ascii_lowercase
from typing import Any

from bs4 import BeautifulSoup, Tag

CHECKS = "answers-self-check"
SOLUTIONS = "answers"


def fragment(html: str) -> BeautifulSoup:
    """Return HTML as nodes."""
    return BeautifulSoup(html, "html.parser")


def page_of(place: str, words: str) -> str:
    """Return a link with a page number, which the press fills in."""
    return (
        f'<a class="turn-to" href="#{place}">{words}</a>'
        f'<span class="page-reference" data-page-of="{place}"></span>'
    )


def options(question: Tag) -> str:
    """Return the answers to choose from, or the steps to be put in order, as a lettered list."""
    items = question.select(".sc-option > span, .sc-steps > li > span")
    listed = "".join(f"<li>{item.decode_contents()}</li>" for item in items)
    return f'<ol class="letters">{listed}</ol>' if listed else ""


def sentence(html: str) -> str:
    """Return words with a full stop, unless they end with a sign of their own."""
    html = html.strip()
    ends = fragment(html).get_text().rstrip("”’)")[-1:]
    return html if not html or ends in ".?!" else f"{html}."


def answer(question: Tag, state: dict[str, Any]) -> str:
    """Return a question's answer, with the reasons that the page would give."""
    told = question.select_one(".sc-told > p")
    assert told is not None
    if state["type"] == "choice":
        texts = [item.decode_contents() for item in question.select(".sc-option > span")]
        right, reasons = state["right"], state["reasons"]
        parts = [f"<b>{ascii_lowercase[right]}</b>: {sentence(texts[right])}"]
        parts += [sentence(reasons[right])] if reasons[right] else []
        parts += [
            f"Not {ascii_lowercase[k]}: {sentence(reason)}"
            for k, reason in enumerate(reasons)
            if k != right and reason
        ]
        return f"<p>{' '.join(parts)}</p>"
    if state["type"] == "order":
        shown = [int(step["data-step"]) for step in question.select(".sc-steps > li")]
        letters = [ascii_lowercase[shown.index(k)] for k in range(len(shown))]
        reasons = "".join(
            f" {letter}: {sentence(reason)}"
            for letter, reason in zip(letters, state["reasons"], strict=True)
        )
        why = f" {sentence(state['why'])}" if state.get("why") else ""
        return f"<p><b>{', '.join(letters)}</b>.{reasons}{why}</p>"
    return f"<p>{told.decode_contents().strip()}</p>"


def self_check(host: Tag) -> str:
    """Turn a self-check into plain questions; return its answers as a list."""
    states = json.loads(str(host["data-state"]))["questions"]
    asked, answered = "", ""
    for question, state in zip(host.select(".sc-question"), states, strict=True):
        legend = question.legend
        assert legend is not None
        for count in legend.select(".sc-count"):
            count.decompose()
        text = legend.decode_contents().strip()
        asked += f"<li><p>{text}</p>{options(question)}</li>"
        answered += f"<li>{answer(question, state)}</li>"
    host.replace_with(fragment(f'<ol class="questions">{asked}</ol>'))
    return f'<ol class="answers">{answered}</ol>'


def with_code(solution: Tag) -> list[Tag]:
    """Return a solution, and the folded cells after it, which are its code."""
    parts = [solution]
    for after in solution.find_next_siblings():
        if "tag_hide-cell" not in after.get("class", []):
            break
        parts.append(after)
    return parts


def answers_section(article: Tag) -> None:
    """Gather answers and solutions in a section at the end of the chapter, if there are any."""
    checks = article.select('[data-explorable="self-check"]')
    solutions = article.select(".solution")
    if not checks and not solutions:
        return
    html = ""
    if checks:
        homes = [host.find_parent("section") for host in checks]
        lists = [self_check(host) for host in checks]
        html += f'<section><h3 id="{CHECKS}">Check yourself</h3>{"".join(lists)}</section>'
        for home in homes:
            if home is not None:
                line = page_of(CHECKS, "Answers at the end of the chapter")
                home.append(fragment(f'<p class="where">{line}</p>'))
    below = fragment(
        f'<section class="answers-section"><h2 id="{SOLUTIONS}">Answers and solutions</h2>'
        f"{html}</section>"
    )
    section = below.section
    assert section is not None
    if solutions:
        box = fragment('<section><h3 id="answers-exercises">Exercises</h3></section>').section
        assert box is not None
        section.append(box)
        for solution in solutions:
            exercise = solution.find_previous(class_="exercise")
            for part in with_code(solution):
                box.append(part.extract())
            if exercise is not None and solution.get("id"):
                line = page_of(str(solution["id"]), "Solution")
                exercise.append(fragment(f'<p class="where">{line}</p>'))
    article.append(section)
