"""Gathered predictions: the log's objects as one table, each request once, cut into parts by time."""

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.prediction_log import Header, Logged

ID, ROW, AT, CLOUD, TARGET, VERSION = "_id", "_row", "_at", "_cloud", "_target", "_version"
META = (ID, ROW, AT, CLOUD, TARGET, VERSION)
"""Columns of a gathered table beside the model's inputs and ``prediction_<k>``; no input may have these names."""
PART_MINUTES = 5


def read(data: bytes, key: str) -> tuple[Header, list[Logged]]:
    """One object of the log; SpecError when it is damaged."""
    try:
        lines = gzip.decompress(data).splitlines()
        return Header(**json.loads(lines[0])), [Logged(**json.loads(line)) for line in lines[1:]]
    except (OSError, EOFError, zlib.error, ValueError, TypeError, IndexError) as error:
        hint = "Move it away, and see who wrote it."
        raise SpecError(f"{key} is no object of the prediction log: {error}.", hint=hint) from error


def table(header: Header, logged: Sequence[Logged]) -> pd.DataFrame:
    """A row for each row that was predicted: META, the inputs, ``prediction_<k>``."""
    columns: dict[str, list[Any]] = {name: [] for name in (ID, ROW, AT)}
    columns |= {name: [] for one in logged for name in one.inputs}
    width = max((len(row) for one in logged for row in one.predictions), default=1)
    outputs: list[list[Any]] = [[] for _ in range(width)]
    for one in logged:
        columns[ID] += [one.id] * one.rows
        columns[ROW] += range(one.rows)
        columns[AT] += [one.at] * one.rows
        for name in columns.keys() - {ID, ROW, AT}:
            columns[name] += one.inputs.get(name, [None] * one.rows)
        for k, values in enumerate(outputs):
            values += [row[k] for row in one.predictions]
    columns |= {f"prediction_{k}": values for k, values in enumerate(outputs)}
    return pd.DataFrame(columns).assign(**{CLOUD: header.cloud, TARGET: header.target, VERSION: header.version})


def once(rows: pd.DataFrame) -> pd.DataFrame:
    """Each request once, its first answer: the gateway asks a second cloud when the first is late, and both may log."""
    return rows.sort_values(AT, kind="stable").drop_duplicates([ID, ROW]).reset_index(drop=True)


def part_of(at: float) -> str:
    """The part of time that a request belongs to: ``2026-11-23T21-05``, five minutes from there on, UTC."""
    start = int(at) // (PART_MINUTES * 60) * PART_MINUTES * 60
    return datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H-%M")


def parts(rows: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    """The rows by part."""
    return {str(part): group for part, group in rows.groupby(rows[AT].map(part_of))}


def hours(first: str, last: str) -> list[str]:
    """Every hour from ``first`` to ``last`` (``2026-11-23T21``), both included."""
    span = pd.date_range(f"{first}:00", f"{last}:00", freq="h")
    return [hour.strftime("%Y-%m-%dT%H") for hour in span]
