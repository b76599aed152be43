"""Values that cross the border between the grader and a submission, as JSON: never as pickles.

Numbers, texts, arrays, and tuples, lists, named tuples and dictionaries of them. What a submission
sends is not trusted: sizes, depths and dtypes are checked before anything is made of them.
"""

from __future__ import annotations

import base64
import json
from collections import namedtuple
from typing import Any

import numpy as np

DTYPES = {"<f4", "<f8", "<i8", "<i4", "|b1"}
MAX_BYTES = 32 * 2**20
MAX_DEPTH = 16


class WireError(ValueError):
    """A value that may not cross, or a message that is none."""


def to_json(value: Any, depth: int = 0) -> Any:
    """Return what JSON can hold in place of a value.

    Raises WireError for what is none of the kinds above.
    """
    if depth > MAX_DEPTH:
        raise WireError(f"a value nested more than {MAX_DEPTH} deep")
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.generic | np.ndarray):
        array = np.asarray(value)
        kind = array.dtype.newbyteorder("<").str
        if kind not in DTYPES:
            raise WireError(f"an array of {array.dtype}; numbers are wanted")
        data = np.ascontiguousarray(array, dtype=kind).tobytes()
        return {"dtype": kind, "shape": list(array.shape), "data": base64.b64encode(data).decode()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        parts = {key: to_json(getattr(value, key), depth + 1) for key in value._fields}
        return {"tuple": type(value).__name__, "fields": parts}
    if isinstance(value, tuple | list):
        return [to_json(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return {"dict": {str(key): to_json(one, depth + 1) for key, one in value.items()}}
    raise WireError(f"a {type(value).__name__}; numbers, arrays and tuples of them are wanted")


def from_json(found: Any, depth: int = 0) -> Any:
    """Return the value that ``to_json`` was given; lists and tuples come back as tuples.

    Raises WireError for anything else.
    """
    if depth > MAX_DEPTH:
        raise WireError(f"a value nested more than {MAX_DEPTH} deep")
    if found is None or isinstance(found, bool | int | float | str):
        return found
    if isinstance(found, list):
        return tuple(from_json(one, depth + 1) for one in found)
    if not isinstance(found, dict):
        raise WireError(f"a {type(found).__name__}")
    if found.keys() == {"dict"} and isinstance(found["dict"], dict):
        return {key: from_json(one, depth + 1) for key, one in found["dict"].items()}
    if found.keys() == {"tuple", "fields"} and isinstance(found["fields"], dict):
        fields = {key: from_json(one, depth + 1) for key, one in found["fields"].items()}
        try:
            return namedtuple(str(found["tuple"]), fields)(**fields)
        except (ValueError, TypeError) as error:
            raise WireError(f"a named tuple with {error}") from None
    if found.keys() == {"dtype", "shape", "data"}:
        return _array(found["dtype"], found["shape"], found["data"])
    raise WireError(f"an object with {', '.join(sorted(map(str, found)))[:80]}")


def _array(kind: Any, shape: Any, data: Any) -> np.ndarray:
    if kind not in DTYPES:
        raise WireError(f"an array of {str(kind)[:20]}")
    if not (
        isinstance(shape, list)
        and len(shape) <= 8
        and all(type(side) is int and 0 <= side <= MAX_BYTES for side in shape)
    ):
        raise WireError("an array without a shape")
    if not isinstance(data, str):
        raise WireError("an array without its numbers")
    try:
        raw = base64.b64decode(data, validate=True)
    except ValueError as error:
        raise WireError(f"an array whose numbers are not base64: {error}") from None
    size = 1
    for side in shape:
        size *= side
    if size * np.dtype(kind).itemsize != len(raw):
        raise WireError(f"an array of shape {tuple(shape)} with {len(raw)} bytes")
    return np.frombuffer(raw, dtype=kind).reshape(shape).copy()


def made(source: str, name: str) -> Any:
    """Return what a text defines."""
    scope: dict[str, Any] = {"np": np}
    exec(source, scope)
    return scope[name]


def arguments(case: Any) -> list[Any]:
    """Return a case's arguments from JSON, functions made from their source."""
    return [
        made(*one) if getattr(one, "_fields", None) == ("source", "name") else one
        for one in from_json(case)
    ]


def changed(case: Any, after: list[Any]) -> int | None:
    """Return which of a case's arguments is not as it was, counted from 0; None: none."""
    for k, (old, new) in enumerate(zip(case, after, strict=True)):
        if not callable(new) and to_json(new) != old:
            return k
    return None


def dump(value: Any) -> bytes:
    """Return a value as one line of JSON."""
    return json.dumps(value, allow_nan=True).encode() + b"\n"


def load(line: bytes) -> Any:
    """Return what a line of JSON holds; raises WireError for what is none, or too long."""
    if len(line) > MAX_BYTES:
        raise WireError(f"more than {MAX_BYTES // 2**20} MiB")
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WireError(f"no JSON: {error}") from None
