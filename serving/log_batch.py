"""Answered requests → an object of the prediction log, as platform/prediction_log.py describes it."""

import zlib
from collections.abc import Callable, Collection, Sequence
from itertools import compress, count
from time import monotonic
from typing import Any, NamedTuple

import msgspec

from intermodal.serving.table import Table

GZIP = 31
"""zlib's ``wbits`` for a gzip container: https://docs.python.org/3/library/zlib.html#zlib.compressobj"""


class Entry(NamedTuple):
    """One answered request. ``id`` is empty when the caller gave none, ``inputs`` is JSON of the columns that may be
    logged, ``values`` what the runtime gave: float64, [rows] or [rows, width]."""

    id: str
    at: float
    rows: int
    inputs: bytes
    values: Any


class Line(msgspec.Struct, gc=False):
    """platform's ``Logged``, in a form that is made and written in half the time."""

    id: str
    at: float
    rows: int
    inputs: msgspec.Raw
    predictions: list[list[float]]


def inputs_of(columns: Sequence[str], sensitive: Collection[str]) -> Callable[[Table], bytes]:
    """A function that writes a request's columns as an object, without the sensitive ones. Any thread may call it; it
    runs for every request, so it finds everything that it needs bound already."""
    encode = msgspec.json.Encoder().encode
    kept = [name not in sensitive for name in columns]
    make = _object_of(list(compress(columns, kept)))
    if all(kept):
        return lambda table: encode(make(*table[0]))
    return lambda table: encode(make(*compress(table[0], kept)))


class Lines:
    """Writes whole lines; for one thread. ``writer`` makes the ids of requests that have none unique."""

    def __init__(self, writer: str) -> None:
        self._encode = msgspec.json.Encoder().encode_lines
        self._writer, self._unnamed = writer, count(1)

    def of(self, entries: Sequence[Entry]) -> bytes:
        """A prediction that is no number is null."""
        return self._encode([self._line(*entry) for entry in entries])

    def _line(self, id_: str, at: float, rows: int, inputs: bytes, values: Any) -> Line:
        predictions = values.tolist()
        if values.ndim == 1:
            predictions = [[value] for value in predictions]
        return Line(id_ or f"{self._writer}-{next(self._unnamed)}", at, rows, msgspec.Raw(inputs), predictions)


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

    def write(self, lines: bytes, requests: int) -> None:
        self.requests += requests
        self._append(self._gzip.compress(lines))

    def end(self) -> bytes:
        self._append(self._gzip.flush())
        return b"".join(self._parts)

    def _append(self, part: bytes) -> None:
        self._parts.append(part)
        self.size += len(part)
