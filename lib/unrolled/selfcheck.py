"""Self-checks: questions that answer at once, on a page without a kernel and in a notebook.

    SelfCheck(
        "rnn",
        Choice("What does $W_h$ multiply?", right="$h_{t-1}$", wrong={"$x_t$": "That is $W_x$."}),
        Number("$0.8^20$, to two digits?", answer=0.8**20, within=0.0005),
    )

Texts are plain, with `code`, *stress* and small formulas between dollars: $W_h^⊤ δ_t$, $h~_{t-1}$
(a tilde goes over the letter before it). What the reader answers stays in the reader's browser.
"""

from __future__ import annotations

import hashlib
import html
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from random import Random
from typing import Any

import traitlets

from .explorables.explorable import STATIC, Hosted

__all__ = ["Choice", "Number", "Order", "Predict", "SelfCheck"]

# The fields of a form, its answer in words, and what its script needs to know: all HTML or JSON.
Parts = tuple[str, str, dict[str, Any]]

TOKEN = re.compile(
    r"(?P<word>[A-Za-z]{2,})|(?P<letter>[A-Za-zα-ωΑ-Ω∂∇])(?P<tilde>~?)"
    r"|(?P<script>[_^])(?:\{(?P<group>[^{}]*)\}|(?P<one>-?\d+|.))|(?P<rest>.)",
    re.DOTALL,
)
# Upright: capital Greek, and the signs that are no quantities.
UPRIGHT = set("∂∇ΣΠσ")


def formula(source: str, *, index: bool = False) -> str:
    """Return a small formula as HTML: letters in italics, `_` and `^` as sub- and superscript.

    index: letters that stand together are quantities, as in W_{hx}, but for `max` and `min`.
    """
    parts = []
    for match in TOKEN.finditer(source):
        if match["script"]:
            tag = {"_": "sub", "^": "sup"}[match["script"]]
            inner = match["one"] if match["group"] is None else match["group"]
            parts.append(f"<{tag}>{formula(inner, index=True)}</{tag}>")
        elif index and match["word"] and match["word"] not in ("max", "min"):
            parts.append(f"<i>{match['word']}</i>")
        elif match["letter"]:
            letter = match["letter"] + ("\u0303" if match["tilde"] else "")
            parts.append(letter if match["letter"] in UPRIGHT else f"<i>{letter}</i>")
        else:
            parts.append(html.escape(match[0]).replace("-", "−"))
    return "".join(parts)


def markup(source: str) -> str:
    """Return a text of a question as HTML: `code`, *stress*, $formula$."""
    parts = re.split(r"(`[^`]+`|\$[^$]+\$|\*[^*\s][^*]*\*)", source)
    for k in range(1, len(parts), 2):
        inner = parts[k][1:-1]
        parts[k] = {
            "`": lambda text: f"<code>{html.escape(text)}</code>",
            "$": lambda text: f'<span class="sc-math">{formula(text)}</span>',
            "*": lambda text: f"<em>{html.escape(text)}</em>",
        }[parts[k][0]](inner)
    parts[::2] = map(html.escape, parts[::2])
    return "".join(parts)


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be a text, got {value!r}")


@dataclass(frozen=True)
class Choice:
    """One right answer among wrong ones, each with the reason why it is wrong.

    wrong: the reason by wrong answer, at least two; why: what is said when the answer is right.
    Raises ValueError, naming the argument.
    """

    text: str
    right: str
    wrong: Mapping[str, str]
    why: str = ""

    def __post_init__(self) -> None:
        _check_text("text", self.text)
        _check_text("right", self.right)
        if not isinstance(self.wrong, Mapping) or len(self.wrong) < 2:
            raise ValueError(
                f"wrong must give a reason for at least two answers, got {self.wrong!r}"
            )
        if self.right in self.wrong:
            raise ValueError(f"right must not be among the wrong ones, got {self.right!r}")
        for answer, reason in self.wrong.items():
            _check_text("wrong", answer)
            _check_text(f"wrong[{answer!r}]", reason)

    def _parts(self, code: str, label: str) -> Parts:
        answers = [(self.right, self.why), *self.wrong.items()]
        Random(code).shuffle(answers)
        fields = "".join(
            f'<label class="sc-option"><input type="radio" name="{code}" value="{k}">'
            f"<span>{markup(answer)}</span></label>"
            for k, (answer, _) in enumerate(answers)
        )
        state = {
            "right": [answer for answer, _ in answers].index(self.right),
            "reasons": [markup(reason) for _, reason in answers],
        }
        return fields, f"{markup(self.right)}. {markup(self.why)}", state


@dataclass(frozen=True)
class Number:
    """A number, right when it is no further than `within` from the answer.

    hint: what is said to a wrong number; wrong: what is said instead to certain ones, by number,
    found with the same tolerance. shown: the answer as it is written out, to the digits of `within`
    if it is not given. Raises ValueError, naming the argument.
    """

    text: str
    answer: float
    within: float
    hint: str
    why: str = ""
    wrong: Mapping[float, str] = field(default_factory=dict)
    shown: str = ""

    def __post_init__(self) -> None:
        _check_text("text", self.text)
        _check_text("hint", self.hint)
        numbers = {"answer": self.answer, "within": self.within}
        for name, value in [*numbers.items(), *(("wrong", value) for value in self.wrong)]:
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise ValueError(f"{name} must be a finite number, got {value!r}")
        if self.within < 0:
            raise ValueError(f"within must not be negative, got {self.within!r}")
        for value, reason in self.wrong.items():
            _check_text(f"wrong[{value!r}]", reason)
            if abs(value - self.answer) <= self.within:
                raise ValueError(f"wrong must not hold the right answer, got {value!r}")

    def written(self) -> str:
        """Return the answer as it is written out."""
        if self.shown:
            return self.shown
        if self.within == 0:
            return f"{self.answer:g}"
        digits = max(0, -math.floor(math.log10(self.within)))
        return f"{self.answer:.{digits}f}" if digits < 6 else f"{self.answer:.2e}"

    def _parts(self, code: str, label: str) -> Parts:
        fields = (
            '<input class="sc-number" type="text" inputmode="decimal" autocomplete="off" '
            f'aria-label="Your number, {label}">'
        )
        state = {
            "answer": float(self.answer),
            "within": float(self.within),
            "wrong": [[float(value), markup(reason)] for value, reason in self.wrong.items()],
            "hint": markup(self.hint),
            "why": markup(self.why),
        }
        return fields, f"{markup(self.written())}. {markup(self.why)}", state


@dataclass(frozen=True)
class Order:
    """Steps to be put in order; each with the reason why it comes where it comes.

    steps: at least three pairs (step, reason), in the right order. Raises ValueError.
    """

    text: str
    steps: Sequence[tuple[str, str]]
    why: str = ""

    def __post_init__(self) -> None:
        _check_text("text", self.text)
        if len(self.steps) < 3 or len({step for step, _ in self.steps}) < len(self.steps):
            raise ValueError(f"steps must be at least three, all different, got {self.steps!r}")
        for step, reason in self.steps:
            _check_text("steps", step)
            _check_text(f"the reason of {step!r}", reason)

    def _parts(self, code: str, label: str) -> Parts:
        steps = [markup(step) for step, _ in self.steps]
        order, random = list(range(len(steps))), Random(code)
        while order == sorted(order):  # the right order is not given away
            random.shuffle(order)
        items = "".join(
            f'<li data-step="{k}"><span>{steps[k]}</span>'
            '<button type="button" class="u-button" data-move="-1" aria-label="up">↑</button>'
            '<button type="button" class="u-button" data-move="1" aria-label="down">↓</button></li>'
            for k in order
        )
        state = {"reasons": [markup(reason) for _, reason in self.steps], "why": markup(self.why)}
        return f'<ol class="sc-steps">{items}</ol>', f"{'; '.join(steps)}. {state['why']}", state


@dataclass(frozen=True)
class Predict:
    """Something to predict in one's own words before it is revealed. Raises ValueError."""

    text: str
    reveal: str

    def __post_init__(self) -> None:
        _check_text("text", self.text)
        _check_text("reveal", self.reveal)

    def _parts(self, code: str, label: str) -> Parts:
        fields = (
            f'<textarea class="sc-words" rows="2" aria-label="Your prediction, {label}"></textarea>'
        )
        return fields, markup(self.reveal), {"reveal": markup(self.reveal)}


def _form(number: int, question: Choice | Number | Order | Predict) -> tuple[str, dict[str, Any]]:
    """Return a question's form, and what its script needs to know."""
    code = hashlib.sha256(repr(question).encode()).hexdigest()[:8]
    kind = type(question).__name__.lower()
    fields, told, state = question._parts(code, f"question {number}")
    button = "reveal" if kind == "predict" else "check"
    form = (
        f'<fieldset class="sc-question" data-type="{kind}">'
        f'<legend><span class="sc-count">{number}</span>{markup(question.text)}</legend>{fields}'
        f'<p class="sc-act"><button type="button" class="u-button" data-check>{button}</button></p>'
        '<p class="sc-feedback" role="status"></p>'
        f'<details class="sc-told"><summary>Answer</summary><p>{told}</p></details></fieldset>'
    )
    return form, {"id": code, "type": kind, **state}


class SelfCheck(Hosted):
    """Questions on a chapter, answered at once; they are HTML, which a script makes alive.

    Parameters
    ----------
    name : str
        Under which the browser keeps what the reader has answered: letters, digits and hyphens.
    questions : Choice, Number, Order or Predict
        At least one.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    """

    _esm = STATIC / "self-check.mjs"
    _css = STATIC / "unrolled-explorables.css"
    _html = traitlets.Unicode().tag(sync=True)
    _state = traitlets.Dict().tag(sync=True)

    def __init__(self, name: str, *questions: Choice | Number | Order | Predict) -> None:
        if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9-]+", name):
            raise ValueError(f"name must be of letters, digits and hyphens, got {name!r}")
        if not questions:
            raise ValueError("questions must be at least one, got none")
        for question in questions:
            if not isinstance(question, Choice | Number | Order | Predict):
                raise TypeError(
                    f"questions must be Choice, Number, Order or Predict, got {question!r}"
                )
        self.name = name
        self.questions = questions
        built = [_form(k, question) for k, question in enumerate(questions, start=1)]
        forms = "".join(form for form, _ in built)
        super().__init__(
            _html=(
                f'<div class="sc" role="group" aria-label="Self-check">'
                f'<p class="sc-progress"><span role="status">{len(questions)} questions</span>'
                '<button type="button" class="u-button" data-forget hidden>forget my answers'
                "</button></p>"
                f"{forms}</div>"
            ),
            _state={"name": name, "questions": [state for _, state in built]},
        )

    def to_html(self) -> str:
        """Return the host element of a static page: deterministic, free of widget ids."""
        state = json.dumps(self._state, separators=(",", ":"), ensure_ascii=False)
        return (
            f'<div data-explorable="self-check" data-state="{html.escape(state)}">'
            f'<div class="unrolled-frame">{self._html}</div></div>'
        )

    def __repr__(self) -> str:
        count = len(self.questions)
        return f"SelfCheck({self.name!r}, {count} question{'s' if count > 1 else ''})"
