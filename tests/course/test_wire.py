"""What crosses between grader and submission: numbers whole, anything else refused."""

import json
from collections import namedtuple

import numpy as np
import pytest

from unrolled.course import wire

Pair = namedtuple("Pair", "h c")


def crossed(value):
    return wire.from_json(wire.load(wire.dump(wire.to_json(value))))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 4)])
def test_arrays_cross_whole(dtype, shape):
    value = (np.arange(24)[: int(np.prod(shape))].reshape(shape) % 3).astype(dtype)
    came = crossed(value)
    assert came.dtype == value.dtype
    assert np.array_equal(came, value)


def test_structures_cross_whole():
    value = (1, 2.5, "words", None, True, {"f": np.eye(2)}, Pair(np.nan, [np.inf, -1.0]))
    came = crossed(value)
    assert came[:5] == (1, 2.5, "words", None, True)
    assert np.array_equal(came[5]["f"], np.eye(2))
    assert came[6]._fields == ("h", "c")
    assert np.isnan(came[6].h)
    assert [float(one) for one in came[6].c] == [np.inf, -1]


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, print, np.array(["a"]), np.array([1j]), b"raw"]
)
def test_other_things_do_not_leave(value):
    with pytest.raises(wire.WireError, match="wanted"):
        wire.to_json(value)


def test_what_contains_itself_does_not_leave():
    endless = []
    endless.append(endless)
    with pytest.raises(wire.WireError, match="nested"):
        wire.to_json(endless)


@pytest.mark.parametrize(
    "sent",
    [
        {"dtype": "|O", "shape": [1], "data": ""},
        {"dtype": "<f8", "shape": [2], "data": "AAAA"},
        {"dtype": "<f8", "shape": [-1], "data": ""},
        {"dtype": "<f8", "shape": [2**40, 2**40], "data": ""},
        {"dtype": "<f8", "shape": "2", "data": ""},
        {"dtype": "<f8", "shape": [1], "data": "no base64!"},
        {"tuple": "class", "fields": {}},
        {"tuple": "T", "fields": {"a b": 1}},
        {"unknown": 1},
    ],
    ids=str,
)
def test_malformed_messages_are_refused(sent):
    with pytest.raises(wire.WireError):
        wire.from_json(sent)


def test_what_is_no_message_is_refused():
    for line in (b"\xff\xfe", b"{", b"[" * 100_000, json.dumps("x").encode()[:-1]):
        with pytest.raises(wire.WireError):
            wire.load(line)
    with pytest.raises(wire.WireError, match="MiB"):
        wire.load(b" " * (wire.MAX_BYTES + 1))
