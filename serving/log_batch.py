"""Answered requests → an object of the prediction log, as platform/prediction_log.py describes it."""

import zlib
from collections.abc import Callable, Collection, Sequence
from itertools import compress, count
from time import monotonic
from typing import Any

import msgspec

from intermodal.serving.table import Table

GZIP = 31
"""zlib's ``wbits`` for a gzip container: https://docs.python.org/3/library/zlib.html#zlib.compressobj"""


class Line(msgspec.Struct, gc=False):
    """platform's ``Logged``, in a form that is made and written in half the time."""

    id: str
    at: float
    rows: int
    inputs: Any
    predictions: list[list[float]]


def lines_for(
    columns: Sequence[str], sensitive: Collection[str], writer: str
) -> Callable[[str, float, Table, Any], bytes]:
    """A function that writes a request's line, without a newline, from its id, time, table and predictions (float64,
    [rows] or [rows, width]; what is no number becomes null). Any thread may call it; ``writer`` makes the ids of
    requests that have none. It runs for every request, so it finds everything it needs bound already.
    """
    encode = msgspec.json.Encoder().encode
    kept = [name not in sensitive for name in columns]
    make = _object_of(list(compress(columns, kept)))
    numbers = count(1)

    def line(id_: str, at: float, table: Table, values: Any) -> bytes:
        found, rows, _ = table
        predictions = values.tolist()
        if values.ndim == 1:
            predictions = [[value] for value in predictions] if rows != 1 else [predictions]
        inputs = make(*compress(found, kept))
        return encode(Line(id_ or f"{writer}-{next(numbers)}", at, rows, inputs, predictions))

    return line


def _object_of(names: list[str]) -> Callable[..., Any]:
    """Values in the order of ``names`` → what msgspec writes as an object; a struct's names are written quickest."""
    fields = [f"column_{number}" for number in range(len(names))]
    try:
        return msgspec.defstruct("Inputs", fields, rename=dict(zip(fields, names, strict=True)), gc=False)
    except ValueError:  # a name with a quote or a backslash
        return lambda *values: dict(zip(names, values, strict=True))


class Batch:
    """One object that is being written; all its requests fall into one hour. ``size`` in bytes, compressed."""

    def __init__(self, key: str, hour: int, first: bytes) -> None:
        self.key, self.hour, self.opened = key, hour, monotonic()
        self.requests = self.size = 0
        self._gzip = zlib.compressobj(1, zlib.DEFLATED, GZIP)
        self._parts: list[bytes] = []
        self._append(self._gzip.compress(first + b"\n"))

    def write(self, lines: Sequence[bytes]) -> None:
        self.requests += len(lines)
        self._append(self._gzip.compress(b"\n".join(lines) + b"\n"))

    def end(self) -> bytes:
        self._append(self._gzip.flush())
        return b"".join(self._parts)

    def _append(self, part: bytes) -> None:
        self._parts.append(part)
        self.size += len(part)
