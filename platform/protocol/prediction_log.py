"""The prediction log: what a server writes of the requests that it answered, and how a reader finds it again.

An object is a gzip file of one MessagePack value, which any language reads: an array of the header (a map, see
``Header``) and of an array of requests, each an array of

    at           float, Unix seconds
    id           the request's own, which two entries share only when they tell of the same request; '' when nobody
                 gave it one: then its place in this object is its id
    label id     the one that a label will carry, which is the caller's; or nil
    rows         how many rows were asked about
    inputs       float64, little-endian, one column after the other: a category is its code, a missing value or an
                 unseen category NaN
    predictions  a number for each output of each row, one row after the other
    texts        columns of text without categories: as many texts or nils each as there are rows
    unseen       only where training did not know a category: a map of columns, each a map of rows (0 is the first) to
                 the text that was sent, as ``kept`` cuts it

Sensitive columns are in none of them. Objects of before ``unseen`` are read as well; their unseen categories are
missing values. Shared by what serves (which writes it) and by assets (which gather it): the
standard library only.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from intermodal.platform.protocol.signature import Column

FOLDER = "predictions"
ROWS_PER_SECOND = 1000
"""Of more than so many, a server logs a share, unless the spec says otherwise."""
UNSEEN_LENGTH = 64
"""Characters that are kept of a category that training did not know: whoever sends it may send anything."""


@dataclass(frozen=True)
class Header:
    """Who wrote an object. ``columns`` are its inputs: numbers in their order, then those of text. ``width`` is the
    number of outputs for each row. ``sample`` is the share of requests that the spec wants logged, 0 to 1, and
    ``logged`` the share of the rows answered meanwhile that is in it, less when the server was busy."""

    model: str
    version: str
    cloud: str
    target: str
    sample: float
    columns: tuple[Column, ...] = ()
    width: int = 1
    logged: float = 1.0


def is_text(column: Column) -> bool:
    """Whether the column's values are among ``texts`` rather than ``inputs``."""
    return column.datatype == "BYTES" and not column.categories


def kept(category: str) -> str:
    """What is logged of an unseen category: all of it, or its beginning and an ellipsis."""
    return category if len(category) <= UNSEEN_LENGTH else category[: UNSEEN_LENGTH - 1] + "…"


def hour_of(at: float) -> str:
    """The hour of a Unix time as it stands in keys and partitions: ``2026-11-23T21``, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H")


def folder(model: str, hour: str = "") -> str:
    """Where a model's objects lie in a cloud's object store, those of one hour when it is given."""
    return f"{FOLDER}/{model}/{hour}".rstrip("/")


def object_key(model: str, at: float, writer: str, number: int) -> str:
    """``predictions/<model>/<hour>/<writer>-<number>.msgpack.gz``; ``writer`` is unique to one server process."""
    return f"{folder(model, hour_of(at))}/{writer}-{number:06d}.msgpack.gz"
