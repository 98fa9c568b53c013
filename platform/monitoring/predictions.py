"""Gathered predictions: the log's objects as a table with each request once, divided into parts of five minutes."""

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.monitoring.log_retention import PREDICTIONS_STAGE
from intermodal.platform.ports import Tables
from intermodal.platform.protocol.prediction_log import Header, is_text
from intermodal.platform.protocol.signature import FLOATS, Column

ID, LABEL_ID, ROW, AT, CLOUD, TARGET, VERSION = "_id", "_label_id", "_row", "_at", "_cloud", "_target", "_version"
META = (ID, LABEL_ID, ROW, AT, CLOUD, TARGET, VERSION)
"""Columns of a gathered table beside the model's inputs and ``prediction_<k>``; no input may have these names."""
PART_MINUTES = 5


def read(data: bytes, key: str) -> tuple[Header, pd.DataFrame]:
    """Decode an object of the log: a row for each predicted row, with META, the inputs and ``prediction_<k>``.

    SpecError if it is damaged."""
    try:
        header, requests = _decode(zlib.decompress(data, wbits=31))
        return header, _table(header, requests, key)
    except (zlib.error, msgspec.DecodeError, ValueError, LookupError) as error:
        hint = "Move it out of the log, and find out what wrote it."
        raise SpecError(f"{key} is not an object of the prediction log: {error}.", hint=hint) from error


def unpacked_size(data: bytes) -> int:
    """Bytes of an object before compression, from the last four bytes of the gzip format."""
    return int.from_bytes(data[-4:], "little")


class _Request(msgspec.Struct, array_like=True, gc=False):
    """The format is described in platform/protocol/prediction_log.py."""

    received_at: float
    id: str
    label_id: str | None
    rows: int
    inputs: bytes
    predictions: list[float]
    texts: list[list[str | None]]
    unseen: dict[str, dict[int, str]] = {}


_decode = msgspec.msgpack.Decoder(tuple[Header, list[_Request]]).decode


def _table(header: Header, requests: list[_Request], key: str) -> pd.DataFrame:
    coded = [column for column in header.columns if not is_text(column)]
    texts = [column.name for column in header.columns if is_text(column)]
    for request in requests:
        if (
            len(request.inputs) != 8 * len(coded) * request.rows
            or len(request.predictions) != header.width * request.rows
        ):
            raise ValueError("a request's number of values does not match its rows")
    rows = np.array([request.rows for request in requests], dtype=np.int64)
    ids = [request.id or f"{key}#{index}" for index, request in enumerate(requests)]
    length, row = np.repeat(rows, rows), np.arange(rows.sum()) - np.repeat(rows.cumsum() - rows, rows)
    inputs = np.frombuffer(b"".join([request.inputs for request in requests]), dtype="<f8")
    first = np.repeat((rows.cumsum() - rows) * len(coded), rows) + row
    values = {column.name: _values(column, inputs[first + index * length]) for index, column in enumerate(coded)}
    _put_unseen({column.name: values[column.name] for column in coded if column.categories}, requests)
    outputs = np.array([value for request in requests for value in request.predictions], dtype=np.float64)
    return pd.DataFrame(
        {
            ID: np.repeat(np.array(ids, dtype=object), rows),
            LABEL_ID: np.repeat(
                np.array([request.label_id or id_ for request, id_ in zip(requests, ids, strict=True)], dtype=object),
                rows,
            ),
            ROW: row,
            AT: np.repeat(np.array([request.received_at for request in requests], dtype=np.float64), rows),
            **values,
            **{
                name: [value for request in requests for value in request.texts[index]]
                for index, name in enumerate(texts)
            },
            **{f"prediction_{k}": part for k, part in enumerate(outputs.reshape(-1, header.width).T)},
            CLOUD: header.cloud,
            TARGET: header.target,
            VERSION: header.version,
        }
    )


def _values(column: Column, numbers: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """The logged numbers of a column as its own type: categories, integers, booleans or floats."""
    missing = np.isnan(numbers)
    if column.categories:
        codes = np.where(missing, len(column.categories), numbers).astype(int)
        return np.take(np.array([*column.categories, None], dtype=object), codes)
    if column.datatype in FLOATS or missing.any():
        return numbers
    return numbers.astype("bool" if column.datatype == "BOOL" else column.datatype.lower())


def _put_unseen(categories: "Mapping[str, np.ndarray[Any, Any]]", requests: list[_Request]) -> None:
    """Replace the missing values that the model got for unseen categories by the texts of these categories."""
    start = 0
    for request in requests:
        for column, found in request.unseen.items():
            values = categories[column][start : start + request.rows]
            for row, text in found.items():
                if row < 0 or values[row] is not None:
                    raise ValueError("a row is logged both with an unseen and with a known category")
                values[row] = text
        start += request.rows


def once(rows: pd.DataFrame) -> pd.DataFrame:
    """The first answer of each request. The gateway tries a second target if the first is late, and both may log it."""
    return rows.sort_values(AT, kind="stable").drop_duplicates([ID, ROW]).reset_index(drop=True)


def part_of(seconds: float) -> str:
    """The part that a request at this time (Unix seconds) belongs to: ``2026-11-23T21-05`` has five minutes, UTC."""
    start = int(seconds) // (PART_MINUTES * 60) * PART_MINUTES * 60
    return datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H-%M")


def parts(rows: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    """The rows by part."""
    return {str(part): group for part, group in rows.groupby(rows[AT].map(part_of))}


def hours(first: str, last: str) -> list[str]:
    """Every hour from ``first`` to ``last`` (``2026-11-23T21``), both included."""
    span = pd.date_range(f"{first}:00", f"{last}:00", freq="h")
    return [hour.strftime("%Y-%m-%dT%H") for hour in span]


def newest(tables: Tables, model: str, version: str, rows: int, since: float = 0.0) -> pd.DataFrame:
    """The newest rows that a version predicted, at most ``rows``. An empty table if there are none.

    ``since`` is when the version was registered (Unix seconds). Older parts are not read.
    """
    found, count, first = list[pd.DataFrame](), 0, part_of(since)
    for part in reversed(tables.partitions(model, PREDICTIONS_STAGE)):
        if part < first:
            break
        table = tables.read(model, PREDICTIONS_STAGE, part)
        found.append(table[table[VERSION] == version])
        count += len(found[-1])
        if count >= rows:
            break
    if not count:
        return pd.DataFrame({name: [] for name in META})
    in_order = pd.concat(found, ignore_index=True).sort_values(AT, kind="stable")
    return in_order.tail(rows).reset_index(drop=True)
