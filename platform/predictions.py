"""Gathered predictions: the log's objects as one table, each request once, cut into parts by time."""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.prediction_log import Header, is_text
from intermodal.platform.signature import Column

ID, LABEL_ID, ROW, AT, CLOUD, TARGET, VERSION = "_id", "_label_id", "_row", "_at", "_cloud", "_target", "_version"
META = (ID, LABEL_ID, ROW, AT, CLOUD, TARGET, VERSION)
"""Columns of a gathered table beside the model's inputs and ``prediction_<k>``; no input may have these names."""
PART_MINUTES = 5


def read(data: bytes, key: str) -> tuple[Header, pd.DataFrame]:
    """One object of the log, as a row for each row that was predicted: META, the inputs, ``prediction_<k>``.

    SpecError when it is damaged."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as members:
            header = Header.from_dict(json.loads(members["header.json"]))
            return header, _table(header, members, key)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, ValueError, TypeError, LookupError) as error:
        hint = "Move it away, and see who wrote it."
        raise SpecError(f"{key} is no object of the prediction log: {error}.", hint=hint) from error


def _table(header: Header, members: Mapping[str, Any], key: str) -> pd.DataFrame:
    rows = np.asarray(members["rows"], dtype=np.int64)
    at, numbers, said = (np.asarray(members[name], dtype=np.float64) for name in ("at", "inputs", "predictions"))
    ids, label_ids = (np.char.decode(members[name], "utf-8").astype(object) for name in ("ids", "label_ids"))
    ids = np.where(ids == "", [f"{key}#{place}" for place in range(len(ids))], ids)
    texts = json.loads(members["texts.json"])
    coded = [column for column in header.columns if not is_text(column)]
    row = np.arange(rows.sum()) - np.repeat(rows.cumsum() - rows, rows)
    return pd.DataFrame(
        {
            ID: np.repeat(ids, rows),
            LABEL_ID: np.repeat(np.where(label_ids == "", ids, label_ids), rows),
            ROW: row,
            AT: np.repeat(at, rows),
            **{column.name: _values(column, part) for column, part in zip(coded, numbers, strict=True)},
            **{column.name: texts[column.name] for column in header.columns if is_text(column)},
            **{f"prediction_{k}": part for k, part in enumerate(said.T)},
            CLOUD: header.cloud,
            TARGET: header.target,
            VERSION: header.version,
        }
    )


def _values(column: Column, numbers: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Numbers as the model saw them → what the column holds."""
    missing = np.isnan(numbers)
    if column.categories:
        codes = np.where(missing, len(column.categories), numbers).astype(int)
        return np.take(np.array([*column.categories, None], dtype=object), codes)
    if column.datatype == "FP64" or missing.any():
        return numbers
    return numbers.astype("int64" if column.datatype == "INT64" else "bool")


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
