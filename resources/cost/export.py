"""A file of charges as FOCUS: CSV or Parquet."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from intermodal.platform.cost.focus.version import Version
from intermodal.platform.cost.focus.versions import written
from intermodal.platform.cost.focus.writing import as_text, as_version
from intermodal.resources.cost.queries import Charges

Format = Literal["csv", "parquet"]


def export(
    charges: Charges,
    output: Path,
    file_format: Format,
    focus: str,
    since: date | None = None,
    until: date | None = None,
) -> int:
    """Write the charges that begin in [since, until), a batch at a time, whole or not at all. How many there are.
    SpecError for a version that is not written."""
    version = written(focus)
    count = 0
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    empty = _shaped(charges.schema.empty_table(), file_format, version)
    try:
        with _writer(unfinished, file_format, empty.schema) as writer:
            for batch in charges.rows(since, until):
                writer.write_table(_shaped(pa.Table.from_batches([batch]), file_format, version))
                count += batch.num_rows
        unfinished.replace(output)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return count


def _shaped(table: pa.Table, file_format: Format, version: Version) -> pa.Table:
    chosen = as_version(table, version)
    return as_text(chosen) if file_format == "csv" else chosen


def _writer(path: Path, file_format: Format, schema: pa.Schema) -> AbstractContextManager[Any]:
    if file_format == "csv":
        opened: AbstractContextManager[Any] = pyarrow.csv.CSVWriter(str(path), schema)
        return opened
    parquet: AbstractContextManager[Any] = pq.ParquetWriter(str(path), schema, compression="zstd")
    return parquet
