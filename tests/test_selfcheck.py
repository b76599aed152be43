"""Self-checks: what they accept in Python, and how they answer in Chromium."""

import html
import json
import re
from collections.abc import Callable

import pytest
from explorable_pages import Open, violations
from playwright.sync_api import Locator, Page, expect

from unrolled.selfcheck import Choice, Number, Order, Predict, SelfCheck, formula, markup

CHOICE = Choice(
    "What does $W_h$ multiply?",
    right="$h_{t-1}$",
    wrong={"$x_t$": "That is what $W_x$ does.", "$y_t$": "The read-out comes *after* the state."},
    why="It carries the past.",
)
NUMBER = Number(
    "What is $0.8^20$?",
    answer=0.8**20,
    within=0.0005,
    hint="Multiply 0.8 by itself.",
    why="Twenty factors.",
    wrong={16: "That is 0.8 × 20: the factors are multiplied."},
)
ORDER = Order(
    "Order the step.",
    steps=[
        ("pre-activation", "All else needs it."),
        ("squash", "It needs the pre-activation."),
        ("read out", "It needs the state."),
        ("compare", "The loss needs the answer."),
    ],
    why="Forward, one after another.",
)
PREDICT = Predict("What if $W_h = 0$?", "Nothing is remembered: `h` depends on $x_t$ alone.")
QUESTIONS = (CHOICE, NUMBER, ORDER, PREDICT)


def check() -> SelfCheck:
    return SelfCheck("test", *QUESTIONS)


# ----------------------------------------------------------------------------- in Python


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("h_t", "<i>h</i><sub><i>t</i></sub>"),
        ("h_{t-1}", "<i>h</i><sub><i>t</i>−1</sub>"),
        ("c~_t", "<i>c\u0303</i><sub><i>t</i></sub>"),
        ("0.8^20", "0.8<sup>20</sup>"),
        ("10^-3", "10<sup>−3</sup>"),
        ("tanh(a) < 1", "tanh(<i>a</i>) &lt; 1"),
        ("∂L/∂h_t", "∂<i>L</i>/∂<i>h</i><sub><i>t</i></sub>"),
        ("W_h^⊤", "<i>W</i><sub><i>h</i></sub><sup>⊤</sup>"),
        ("b_{hn} = 0", "<i>b</i><sub><i>hn</i></sub> = 0"),
        ("σ_{max}", "σ<sub>max</sub>"),
    ],
)
def test_formulas_are_letters_in_italics(source: str, wanted: str) -> None:
    assert formula(source) == wanted


def test_markup_escapes_all_but_its_own() -> None:
    assert markup("a < b, `x @ y < z`, *so*, $h_t$ & 2 * 3") == (
        "a &lt; b, <code>x @ y &lt; z</code>, <em>so</em>, "
        '<span class="sc-math"><i>h</i><sub><i>t</i></sub></span> &amp; 2 * 3'
    )


WRONG: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: SelfCheck("Bad name", CHOICE), ValueError, "name must be of letters.*'Bad name'"),
    (lambda: SelfCheck("empty"), ValueError, "questions must be at least one, got none"),
    (lambda: SelfCheck("x", "text"), TypeError, "questions must be Choice.*got 'text'"),
    (lambda: Choice("", "a", {"b": "c", "d": "e"}), ValueError, "text must be a text, got ''"),
    (
        lambda: Choice("q", "a", {"b": "c"}),
        ValueError,
        "wrong must give a reason for at least two answers",
    ),
    (lambda: Choice("q", "a", {"a": "c", "b": "d"}), ValueError, "right must not be among"),
    (lambda: Choice("q", "a", {"b": "", "c": "d"}), ValueError, r"wrong\['b'\] must be a text"),
    (lambda: Number("q", float("nan"), 1, "h"), ValueError, "answer must be a finite number"),
    (lambda: Number("q", 1, -1, "h"), ValueError, "within must not be negative, got -1"),
    (lambda: Number("q", 1, 0.1, "h", wrong={1.05: "x"}), ValueError, "the right answer, got 1.05"),
    (lambda: Number("q", 1, 0.1, ""), ValueError, "hint must be a text"),
    (lambda: Order("q", [("a", "b"), ("c", "d")]), ValueError, "steps must be at least three"),
    (lambda: Order("q", [("a", "b")] * 3), ValueError, "steps must be at least three, all diff"),
    (lambda: Predict("q", " "), ValueError, "reveal must be a text"),
]


@pytest.mark.parametrize(("make", "error", "words"), WRONG, ids=range(len(WRONG)))
def test_wrong_arguments_are_named(
    make: Callable[[], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make()


def test_it_is_the_same_every_time_and_no_order_is_the_right_one() -> None:
    assert check().to_html() == check().to_html()
    assert repr(check()) == "SelfCheck('test', 4 questions)"
    for k in range(50):
        w = SelfCheck("x", Order(f"Question {k}", ORDER.steps))
        steps = [int(step) for step in re.findall(r'data-step="(\d)"', w.to_html())]
        assert sorted(steps) == [0, 1, 2, 3] != steps
    places = [SelfCheck("x", Choice(f"Question {k}", "a", CHOICE.wrong))._state for k in range(60)]
    assert {state["questions"][0]["right"] for state in places} == {0, 1, 2}


def test_numbers_are_written_out_to_the_digits_that_are_asked_for() -> None:
    assert NUMBER.written() == "0.0115"
    assert Number("q", 180, 0, "h").written() == "180"
    assert Number("q", 8e-31, 1e-31, "h").written() == "8.00e-31"
    assert Number("q", 1 / 3, 0.1, "h", shown="a third").written() == "a third"


# ----------------------------------------------------------------------------- in the browser


def part(page: Page, kind: str) -> tuple[Locator, Locator]:
    form = page.locator(f".sc-question[data-type={kind}]")
    return form, form.locator(".sc-feedback")


def press(form: Locator) -> None:
    form.locator("[data-check]").click()


@pytest.mark.browser
def test_a_choice_says_why(opened: Open) -> None:
    page = opened(check().to_html())
    form, feedback = part(page, "choice")
    press(form)
    expect(feedback).to_have_text("Choose one of the answers.")
    form.get_by_role("radio", name="x t").or_(form.get_by_label("xt")).check()
    press(form)
    expect(feedback).to_have_text("Not yet. That is what Wx does.")
    form.get_by_label("yt").check()
    form.get_by_label("yt").press("Enter")
    expect(feedback).to_have_text("Not yet. The read-out comes after the state.")
    form.get_by_label("ht−1").check()
    press(form)
    expect(feedback).to_have_text("Right. It carries the past.")
    expect(page.locator(".sc-progress [role=status]")).to_have_text("1 of 4 answered right")


@pytest.mark.browser
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("0.0115", "Right. Twenty factors."),
        ("0,0115", "Right. Twenty factors."),
        (".0119", "Right. Twenty factors."),
        ("1.15e-2", "Right. Twenty factors."),
        ("1.15 × 10^−2", "Right. Twenty factors."),
        ("0.0121", "Not yet. Multiply 0.8 by itself."),
        ("16", "Not yet. That is 0.8 × 20: the factors are multiplied."),
        ("−0.0115", "Not yet. Multiply 0.8 by itself."),
        ("about 1", "That is no number that can be read: write it like 0.25 or 3e-4."),
        ("NaN", "That is no number that can be read: write it like 0.25 or 3e-4."),
        ("", "Write a number."),
    ],
)
def test_a_number_is_read_as_people_write_it(opened: Open, typed: str, said: str) -> None:
    page = opened(check().to_html())
    form, feedback = part(page, "number")
    form.get_by_role("textbox").fill(typed)
    form.get_by_role("textbox").press("Enter")
    expect(feedback).to_have_text(said)


@pytest.mark.browser
def test_steps_are_ordered_by_keyboard(opened: Open) -> None:
    page = opened(check().to_html())
    form, feedback = part(page, "order")
    press(form)
    expect(feedback).to_contain_text("Not yet. Look at place ")
    steps = ["pre-activation", "squash", "read out", "compare"]
    for place, step in enumerate(steps):
        while [one.split("\n")[0] for one in form.locator("li > span").all_inner_texts()][
            place
        ] != step:
            up = form.get_by_role("button", name=re.compile(f"Move up.*: {step}"))
            up.focus()
            page.keyboard.press("Space")
            expect(up).to_be_focused()
            expect(feedback).to_contain_text("Now at place")
    press(form)
    expect(feedback).to_have_text("Right. Forward, one after another.")
    form.get_by_role("button", name=re.compile("Move up.*: pre-activation")).press("Enter")
    assert form.locator("li > span").all_inner_texts() == steps, "the first does not go further up"


@pytest.mark.browser
def test_a_prediction_is_the_readers_to_judge(opened: Open) -> None:
    page = opened(check().to_html())
    form, feedback = part(page, "predict")
    form.get_by_role("textbox").fill("It forgets.")
    press(form)
    expect(feedback).to_contain_text("Nothing is remembered: h depends on xt alone.")
    form.get_by_role("button", name="not quite").click()
    expect(page.locator(".sc-progress [role=status]")).to_have_text("0 of 4 answered right")
    form.get_by_role("button", name="I had it").click()
    expect(page.locator(".sc-progress [role=status]")).to_have_text("1 of 4 answered right")


@pytest.mark.browser
def test_answers_stay_in_the_browser_until_they_are_forgotten(opened: Open) -> None:
    page = opened(check().to_html())
    form, _ = part(page, "number")
    form.get_by_role("textbox").fill("0.0115")
    press(form)
    words, _ = part(page, "predict")
    words.get_by_role("textbox").fill("It forgets.")
    press(words)
    words.get_by_role("button", name="I had it").click()
    page.reload()
    form, feedback = part(page, "number")
    expect(feedback).to_have_text("Right. Twenty factors.")
    expect(form.get_by_role("textbox")).to_have_value("0.0115")
    expect(part(page, "predict")[1]).to_contain_text("Nothing is remembered")
    page.get_by_role("button", name="forget my answers").click()
    expect(feedback).to_have_text("")
    expect(form.get_by_role("textbox")).to_have_value("")
    expect(page.get_by_role("button", name="forget my answers")).to_be_hidden()
    assert page.evaluate("localStorage.length") == 0


@pytest.mark.browser
def test_nonsense_in_the_store_is_as_if_nothing_were_there(opened: Open) -> None:
    page = opened(check().to_html())
    for nonsense in ("{", "3", "null", '{"a": 1}', "[]"):
        page.evaluate("t => localStorage.setItem('unrolled:self-check:test', t)", nonsense)
        page.reload()
        expect(page.locator(".sc-progress [role=status]")).to_have_text("0 of 4 answered right")
    page.evaluate("localStorage.clear()")


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_accessible_and_in_its_place(opened: Open, theme: str, width: int) -> None:
    page = opened(check().to_html(), theme=theme, viewport={"width": width, "height": 900})
    before = page.locator(".sc").bounding_box()
    assert violations(page) == []
    for form in page.locator(".sc-question").all():
        press(form)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    still = opened(check().to_html(), script=False, viewport={"width": width, "height": 900})
    assert before == still.locator(".sc").bounding_box(), "nothing moves when it comes alive"


@pytest.mark.browser
def test_without_a_script_the_answers_fold_out(opened: Open) -> None:
    page = opened(check().to_html(), script=False, java_script_enabled=False)
    expect(page.locator("[data-check]").first).to_be_hidden()
    told = page.locator("details")
    assert told.count() == 4
    expect(told.first).to_be_visible()
    expect(told.nth(1)).to_contain_text("0.0115. Twenty factors.")


@pytest.mark.browser
def test_a_state_that_cannot_be_read_says_so(opened: Open) -> None:
    state = html.escape(json.dumps({"name": "x", "questions": [{"type": "poem"}]}))
    page = opened(f'<div data-explorable="self-check" data-state="{state}"><p>Q</p></div>')
    expect(page.locator(".unrolled-note")).to_contain_text("expected a list of questions")
