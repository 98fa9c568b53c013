"""The format of the prediction log: what a server writes about its predictions, and under which keys.

An object is a gzip file of one MessagePack value: an array of the header (a map, see ``Header``) and an array of
requests. A request is an array of

    timestamp    float, Unix seconds
    id           the request's id. Two entries share it only when they are of the same request. '' means that the
                 request had none: then its position in this object is its id
    label id     the caller's id, which a label will carry; or nil
    rows         the number of rows
    inputs       float64, little-endian, one column after the other: a category is its code, a missing value or an
                 unseen category NaN
    predictions  one number per output, row by row
    texts        columns of text without categories: one text or nil per row
    unseen       only when training did not see a category: a map of columns, each a map from a row (from 0) to the
                 text that was sent, shortened by ``kept``

Sensitive columns are in none of these. Older objects have no ``unseen``; their unseen categories are missing values.
The server writes objects and the assets gather them, so this module uses the standard library only.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from intermodal.platform.protocol.signature import Column

FOLDER = "predictions"
ROWS_PER_SECOND = 1000
"""The default of a spec. Above it, a server logs a share of the requests."""
UNSEEN_LENGTH = 64
"""How many characters of an unseen category are logged. It is limited because a caller may send anything."""


@dataclass(frozen=True)
class Header:
    """The origin of an object. ``columns`` are its inputs: numbers in their order, then texts. ``width`` is the number
    of outputs per row. ``sample`` is the share of requests (0 to 1) that the spec wants logged. ``logged`` is the share
    of the rows predicted meanwhile that the object holds, which is less when the server was busy."""

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
    """The part of an unseen category that is logged: all of it, or its beginning and an ellipsis."""
    return category if len(category) <= UNSEEN_LENGTH else category[: UNSEEN_LENGTH - 1] + "…"


def hour_of(timestamp: float) -> str:
    """The hour of a Unix time as in keys and partitions: ``2026-11-23T21``, UTC."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H")


def folder(model: str, hour: str = "") -> str:
    """The prefix of a model's objects in an object store, or of those of one hour."""
    return f"{FOLDER}/{model}/{hour}".rstrip("/")


def object_key(model: str, timestamp: float, writer: str, number: int) -> str:
    """``predictions/<model>/<hour>/<writer>-<number>.msgpack.gz``; ``writer`` is unique to one server process."""
    return f"{folder(model, hour_of(timestamp))}/{writer}-{number:06d}.msgpack.gz"
