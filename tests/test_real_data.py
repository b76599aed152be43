"""What the chapter "Real data" brings along: its text, its weights, and its PyTorch."""

import contextlib
import io
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from helpers import assert_close

from unrolled import fused, interchange
from unrolled.cells import lstm
from unrolled.optimizers import adam, clip_by_norm
from unrolled.readout import cross_entropy, linear, linear_backward
from unrolled.training import Model, predict

FOLDER = Path(__file__).resolve().parents[1] / "book" / "practice"
MODEL = interchange.load(FOLDER / "characters.npz", lstm)
TEXT = (FOLDER / "text.txt").read_text(encoding="utf-8")
ALPHABET = sorted(set(TEXT))
CODES = np.array([ALPHABET.index(x) for x in TEXT])
ONE_HOT = np.eye(len(ALPHABET), dtype=np.float32)


def pytorch_blocks() -> list[str]:
    """Return the PyTorch code that the chapter shows, block by block."""
    cells = nbformat.read(FOLDER / "real-data.ipynb", as_version=4).cells
    prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return re.findall(r"```python\n(.*?)```", prose, re.DOTALL)


def test_the_text_is_small_letters_of_a_small_alphabet():
    assert re.fullmatch(r"[a-z ,.:?'\n-]+", TEXT)
    assert len(ALPHABET) == 34
    assert 12_000 < len(TEXT) < 20_000
    assert len(set(TEXT.splitlines())) == len(TEXT.splitlines())  # no paragraph twice


def test_the_weights_of_the_file_are_those_of_the_chapter_s_model():
    shapes = [array.shape for part in MODEL for array in part]
    assert shapes == [(4, 64, 34), (4, 64, 64), (4, 64, 1), (34, 64), (34, 1)]
    assert {array.dtype for part in MODEL for array in part} == {np.dtype("float32")}
    assert (FOLDER / "characters.npz").stat().st_size < 150_000


def test_the_chapter_quotes_what_it_prints_itself():
    """The comments of the PyTorch code are the last lines of the cell below it."""
    quoted = [re.findall(r"(?m)^# ([\d.]+ bits per character)$", b) for b in pytorch_blocks()]
    assert len(quoted) == 2
    assert [len(lines) for lines in quoted] == [1, 1]
    cells = nbformat.read(FOLDER / "real-data.ipynb", as_version=4).cells
    (cell,) = (c for c in cells if c.cell_type == "code" and "in_a_pass" in c.source)
    printed = "".join(output.text for output in cell.outputs)
    assert printed.splitlines() == [lines[0] for lines in quoted]


@pytest.mark.slow
def test_the_pytorch_of_the_chapter_says_what_it_prints_and_agrees_with_ours(monkeypatch):
    """Exactly the lines that the page shows, in one namespace, one block after the other."""
    import torch

    torch.set_num_threads(1)
    monkeypatch.chdir(FOLDER)
    first, second = pytorch_blocks()
    space: dict = {}

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(first, space)
    assert f"# {printed.getvalue()}" in first
    ours = predict(lstm, MODEL, ONE_HOT[CODES[:-1]][:, :, np.newaxis])[:, :, 0]
    assert_close(space["y"].numpy(), ours, 1e-5)
    start = space["second"]
    loss, _ = cross_entropy(ours[start - 1 :].T, CODES[start:])
    assert space["loss"].item() == pytest.approx(loss, abs=1e-5)

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(second, space)
    assert f"# {printed.getvalue()}" in second
    model, losses = one_pass()
    assert len(losses) == len(space["losses"]) == 34
    np.testing.assert_allclose(space["losses"], losses, atol=1e-3)
    theirs = interchange.from_pytorch(lstm, space["layer"].state_dict())
    assert np.abs(model.cell.W_h - MODEL.cell.W_h).max() > 0.1  # it did learn
    for a, b in zip(theirs, model.cell, strict=True):
        assert_close(a, b, 5e-3)
    assert_close(space["readout"].weight.detach().numpy(), model.readout.W_y, 5e-3)


def one_pass(B: int = 16, steps: int = 25) -> tuple[Model, list[float]]:
    """Train the file's model for one pass over the text, carrying the state."""
    length = (len(TEXT) * 8 // 10 - 1) // B
    xs = ONE_HOT[CODES[: length * B].reshape(B, length).T].swapaxes(1, 2)
    following = CODES[1 : length * B + 1].reshape(B, length).T
    optimizer, model, losses = adam(0.02), MODEL, []
    memory, s = optimizer.init(model), lstm.zero_state(64, B, np.float32)
    for t in range(0, length, steps):
        states, caches = fused.unroll(lstm, model.cell, s, xs[t : t + steps])
        y = linear(model.readout, states.h)
        loss, dy = cross_entropy(y, following[t : t + steps])
        d_readout, dh = linear_backward(model.readout, states.h, dy)
        dstates = lstm.State(dh, np.zeros_like(dh))
        gradients = Model(fused.backward(lstm, model.cell, caches, dstates).p, d_readout)
        model, memory = optimizer.update(model, clip_by_norm(gradients, 1)[0], memory)
        s = lstm.State(*(a[-1] for a in states))
        losses.append(loss)
    return model, losses
