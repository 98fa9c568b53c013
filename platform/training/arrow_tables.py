"""Tables of Polars, PyArrow and other libraries, as pandas has them. No such library is imported but PyArrow."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

STREAM = "__arrow_c_stream__"
"""The method by which a table gives its columns to another library: Arrow's PyCapsule interface."""


class NotATable(Exception):
    """What was returned instead of a table, as the end of a sentence, and ``hint``, which says what to do."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


def as_pandas(returned: Any) -> Any:
    """A table as a DataFrame of pandas with the types that pandas' users have; anything else as it is.

    Integers and booleans without values in some rows are pandas' nullable ones, text is Python's, a dictionary is a
    category, and a point in time is in UTC: one without a zone is taken for UTC, as everywhere. So the model and the
    server get the types that they get of a DataFrame. NotATable if it is a plan of a table, or a single column.
    """
    library = type(returned).__module__.partition(".")[0]
    if library == "polars" and type(returned).__name__ == "LazyFrame":
        raise NotATable("a LazyFrame, which is a plan and has no rows yet", "Return its rows: call .collect().")
    if isinstance(returned, pd.DataFrame | pd.Series | type) or not hasattr(returned, STREAM):
        return returned
    try:
        table = pa.RecordBatchReader.from_stream(returned).read_all()
    except (pa.ArrowException, TypeError, ValueError) as error:
        name = type(returned).__name__
        raise NotATable(f"a {name} of {library}, which is no table: {error}", "Return a table of columns.") from error
    # By position, since names may repeat: that is refused afterwards, with the name.
    columns = {position: _column(column) for position, column in enumerate(table.columns)}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))
    frame.columns = pd.Index(table.column_names, dtype=object)
    return frame


def _column(values: pa.ChunkedArray) -> pd.Series:
    kind, gaps = values.type, values.null_count > 0
    if pa.types.is_dictionary(kind):
        return _category(values)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pd.Series(values.cast(pa.large_string()).to_pylist(), dtype=object)
    if pa.types.is_timestamp(kind):
        return _points_in_time(values)
    if pa.types.is_boolean(kind) and gaps:
        return pd.Series(pd.array(values.to_pylist(), dtype="boolean"))
    if pa.types.is_integer(kind) and gaps:
        given = pd.api.types.pandas_dtype(str(kind).replace("ui", "UI").replace("i", "I", 1))
        filled = values.fill_null(0).to_numpy().astype(str(kind))
        return pd.Series(pd.arrays.IntegerArray(filled, values.is_null().to_numpy().astype(bool)), dtype=given)
    if pa.types.is_floating(kind):  # NumPy's: a missing value is NaN
        return pd.Series(np.asarray(values.to_numpy(), dtype=kind.to_pandas_dtype()))
    found: pd.Series = values.to_pandas()
    return found.astype(object) if pa.types.is_null(kind) else found


def _category(values: pa.ChunkedArray) -> pd.Series:
    """Chunks may have dictionaries of their own, which become one. Text that a library keeps in a type that pandas does
    not know (a view) is plain text first."""
    text = values.type.value_type
    if pa.types.is_string_view(text) or pa.types.is_large_string(text):
        values = values.cast(pa.dictionary(pa.int32(), pa.string()))
    found: pd.Series = values.unify_dictionaries().to_pandas()
    return found


def _points_in_time(values: pa.ChunkedArray) -> pd.Series:
    """In nanoseconds; in the column's own unit if nanoseconds cannot hold its years, which are refused afterwards."""
    utc = values.cast(pa.timestamp(values.type.unit, "UTC"))
    try:
        return pd.Series(utc.cast(pa.timestamp("ns", "UTC")).to_pandas())
    except pa.ArrowInvalid:
        return pd.Series(utc.to_pandas())
