"""Canonical rows as a version of FOCUS."""

import pyarrow as pa
import pyarrow.compute as pc

from intermodal.platform.cost.focus.columns import CUSTOM_PREFIX
from intermodal.platform.cost.focus.version import Version


def as_version(table: pa.Table, version: Version) -> pa.Table:
    """The version's columns in the specification's order, then the custom ones, as the attribute Column handling
    asks. Of 1.0 and 1.2, how a charge was split is lost: they have no columns for it."""
    custom = [name for name in table.column_names if name.startswith(CUSTOM_PREFIX)]
    return table.select([*version.columns, *custom])


def as_text(table: pa.Table) -> pa.Table:
    """Every value as text for CSV: times as 2026-11-01T00:00:00Z, numbers without needless zeros, by the attributes
    Date/time format and Numeric format."""
    return pa.table({name: _text(table[name]) for name in table.column_names})


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        seconds = column.cast(pa.timestamp("s", tz="UTC"), safe=False)
        return pc.strftime(seconds, format="%Y-%m-%dT%H:%M:%SZ")
    text = column.cast(pa.string())
    if not pa.types.is_decimal(column.type):
        return text
    shorter = pc.replace_substring_regex(text, r"(\.\d*?)0+(E|$)", r"\1\2")
    return pc.replace_substring_regex(shorter, r"\.(E|$)", r"\1")
