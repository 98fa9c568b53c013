"""The prediction log: what a server writes of the requests that it answered, and how a reader finds it again.

An object is a zip archive that ``numpy.load`` opens, with these members, for n requests of r rows in all:

    header.json      ``Header``
    ids.npy          UTF-8 [n]: the request's own id, which two entries share only when they tell of the same request;
                     '' when nobody gave it one: then its place in this object is its id
    label_ids.npy    UTF-8 [n]: the id that a label will carry, which is the caller's (else '')
    at.npy           float64 [n], Unix seconds
    rows.npy         int64 [n]
    inputs.npy       float64 [k, r]: a category is its code, a missing value or an unseen category NaN
    texts.json       columns of text without categories, by name: r texts or nulls each
    predictions.npy  float64 [r, width]

Sensitive columns are in none of them. Shared by what serves (which writes it) and by assets (which gather it): the
standard library only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from intermodal.platform.signature import Column

FOLDER = "predictions"


@dataclass(frozen=True)
class Header:
    """Who wrote an object. ``sample`` is the share of requests that was logged, 0 to 1. ``columns`` are the inputs in
    it: those of ``inputs.npy`` in their order, and those of ``texts.json``."""

    model: str
    version: str
    cloud: str
    target: str
    sample: float
    columns: tuple[Column, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Header":
        columns = [Column(**{**column, "categories": tuple(column["categories"])}) for column in data["columns"]]
        return cls(**{**data, "columns": tuple(columns)})


def is_text(column: Column) -> bool:
    """Whether the column's values are in ``texts.json`` rather than in ``inputs.npy``."""
    return column.datatype == "BYTES" and not column.categories


def hour_of(at: float) -> str:
    """The hour of a Unix time as it stands in keys and partitions: ``2026-11-23T21``, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H")


def folder(model: str, hour: str = "") -> str:
    """Where a model's objects lie in a cloud's object store, those of one hour when it is given."""
    return f"{FOLDER}/{model}/{hour}".rstrip("/")


def object_key(model: str, at: float, writer: str, number: int) -> str:
    """``predictions/<model>/<hour>/<writer>-<number>.npz``; ``writer`` is unique to one server process."""
    return f"{folder(model, hour_of(at))}/{writer}-{number:06d}.npz"
