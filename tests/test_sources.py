"""The page "Sources" accounts for every heading of the five documents."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "book" / "sources.md").read_text(encoding="utf-8")

# The documents are not ours to publish; their headings are.
HEADINGS = {
    "vanishing-gradient-and-lstm-cell": [
        "The Vanishing Gradient Problem",
        "Simplified Gradient Expression for RNN",
        "How LSTMs Mitigate Vanishing Gradients",
        "Long Short-Term Memory (LSTM) Cell",
        "LSTM Cell Equations",
        "Forget Gate",
        "Input Gate",
        "Cell State Update",
        "Output Gate",
    ],
    "rnn-gru-lstm": [
        "Recurrent Neural Networks (RNNs)",
        "Gated Recurrent Units (GRU)",
        "Long Short-Term Memory (LSTM)",
    ],
    "understanding-lstm": [
        "Understanding Long Short-Term Memory (LSTM) Networks",
        "1. The Challenge with Traditional RNNs",
        "2. LSTM Architecture Overview",
        "2.1 Core Components",
        "2.2 Gates Structure",
        "3. Information Flow in LSTM",
        "3.1 Cell State Update",
        "3.2 Hidden State Update",
        "4. Key Advantages of LSTM",
        "5. Mathematical Foundation",
        "5.1 Complete LSTM Forward Pass",
        "6. Practical Considerations",
    ],
    "lstm-numerical-example": [
        "Long Short-Term Memory (LSTM) Networks",
        "What is LSTM?",
        "Why LSTM?",
        "2. LSTM Cell Structure",
        "3. Mathematical Formulations of LSTM",
        "Let's define",
        "Step-by-step Formulas",
        "4. Numerical Example (Simplified)",
        "Step 1: Forget Gate",
        "Step 2: Input Gate",
        "Step 3: Cell State Update",
        "Step 4: Output Gate",
        "Summary of Results",
        "Key Insights",
    ],
    "assignment-report": [
        "[Assignment Report] LSTMs and GRUs",
        "Question 1: The Heart of the LSTM - The Cell State Update",
        "Solution 1",
        "Question 2: The GRU's Elegant Simplicity",
        "Solution 2",
        "Question 3: How Do Gates Beat the Vanishing Gradient?",
        "Solution 3",
    ],
}


@pytest.mark.parametrize("name", HEADINGS)
def test_every_heading_has_its_row_in_order(name: str) -> None:
    part = re.search(rf"## `{name}`\n(.*?)(?=\n## |\Z)", PAGE, re.DOTALL)
    assert part is not None
    rows = [line.split(" | ") for line in part[1].splitlines() if line.startswith("| ")]
    assert [row[0].removeprefix("| ") for row in rows[1:]] == HEADINGS[name]
    for row in rows[1:]:
        assert len(row) == 3
        assert "{doc}" in row[1], f"{row[0]}: it leads nowhere"


def test_the_page_leads_to_chapters_that_there_are() -> None:
    targets = set(re.findall(r"\{doc\}`([\w/-]+)`", PAGE))
    assert len(targets) >= 9
    for target in targets:
        assert any((ROOT / "book" / f"{target}.{kind}").exists() for kind in ("ipynb", "md")), (
            target
        )
