"""The prediction log: what a server writes of the requests that it answered, and how a reader finds it again.

An object is gzip of JSON lines. The first line is a ``Header``, each further line a ``Logged``:

    {"model": "flight_delay", "version": "1.0.0", "cloud": "aws", "target": "aws/sagemaker", "sample": 1.0}
    {"id": "UA-1545", "at": 1385200000.123, "rows": 1, "inputs": {"hour": [17]}, "predictions": [[0.31]]}

Shared by what serves (which writes it) and by assets (which gather it): the standard library only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

FOLDER = "predictions"


@dataclass(frozen=True)
class Header:
    """Who wrote an object. ``sample`` is the share of requests that was logged, 0 to 1."""

    model: str
    version: str
    cloud: str
    target: str
    sample: float


@dataclass(frozen=True)
class Logged:
    """One request: its id (the caller's, else the gateway's, else the server's own), Unix seconds, the inputs by column
    without the sensitive ones (each ``rows`` long, None for missing), and a list of ``width`` numbers a row."""

    id: str
    at: float
    rows: int
    inputs: Mapping[str, Sequence[Any]]
    predictions: Sequence[Sequence[float]]


def hour_of(at: float) -> str:
    """The hour of a Unix time as it stands in keys and partitions: ``2026-11-23T21``, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H")


def folder(model: str, hour: str = "") -> str:
    """Where a model's objects lie in a cloud's object store, those of one hour when it is given."""
    return f"{FOLDER}/{model}/{hour}".rstrip("/")


def object_key(model: str, at: float, writer: str, number: int) -> str:
    """``predictions/<model>/<hour>/<writer>-<number>.jsonl.gz``; ``writer`` is unique to one server process."""
    return f"{folder(model, hour_of(at))}/{writer}-{number:06d}.jsonl.gz"
