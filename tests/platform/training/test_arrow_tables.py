"""Tables of other libraries become the DataFrame that a user of pandas would have returned."""

import sys
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from intermodal.platform.training.arrow_tables import NotATable, as_pandas

NOON = datetime(2024, 1, 31, 12)


class Foreign:
    """A table of a library that is not installed: Arrow's interface is all that is known of it."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)


class LazyFrame:
    """As in Polars, which is not installed here."""

    __module__ = "polars.lazyframe.frame"


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (pa.array([1, 2], pa.int32()), "int32", [1, 2]),
        (pa.array([1, None], pa.int32()), "Int32", [1, pd.NA]),
        (pa.array([None, 2**64 - 1], pa.uint64()), "UInt64", [pd.NA, 2**64 - 1]),
        (pa.array([2**53 + 1, None], pa.int64()), "Int64", [2**53 + 1, pd.NA]),
        (pa.array([True, False]), "bool", [True, False]),
        (pa.array([True, None]), "boolean", [True, pd.NA]),
        (pa.array([0.5, None]), "float64", [0.5, np.nan]),
        (pa.array([0.5, None], pa.float32()), "float32", [0.5, np.nan]),
        (pa.array(["a", None]), "object", ["a", None]),
        (pa.array(["a", None], pa.large_string()), "object", ["a", None]),
        (pa.array(["a", None], pa.string_view()), "object", ["a", None]),
        (pa.array([None, None]), "object", [None, None]),
        (pa.array([NOON, None], pa.timestamp("us")), "datetime64[ns, UTC]", [pd.Timestamp(NOON, tz="UTC"), pd.NaT]),
        (
            pa.array([NOON, None], pa.timestamp("ms", "Europe/Zurich")),
            "datetime64[ns, UTC]",
            [pd.Timestamp(NOON, tz="UTC"), pd.NaT],
        ),
        (pa.array([datetime(9999, 1, 1)], pa.timestamp("us")), "datetime64[us, UTC]", None),
    ],
)
@pytest.mark.parametrize("make", [lambda table: table, Foreign])
def test_column_has_the_type_of_pandas(make: Any, values: pa.Array, dtype: str, expected: list[Any] | None) -> None:
    frame = as_pandas(make(pa.table({"x": values})))
    assert str(frame["x"].dtype) == dtype
    if expected is not None:
        pd.testing.assert_series_equal(frame["x"], pd.Series(expected, dtype=dtype, name="x"))


@pytest.mark.parametrize("text", [pa.string(), pa.large_string()])
def test_dictionaries_of_all_chunks_are_one_category(text: pa.DataType) -> None:
    chunks = [pa.array(values, text).dictionary_encode() for values in (["b", None], ["a", "b"])]
    values = as_pandas(pa.table({"x": pa.chunked_array(chunks)}))["x"]
    assert isinstance(values.dtype, pd.CategoricalDtype)
    assert values.astype(object).tolist()[:1] + values.astype(object).tolist()[2:] == ["b", "a", "b"]
    assert values.isna().tolist() == [False, True, False, False]


def test_names_that_repeat_and_no_rows_are_kept_for_the_contract() -> None:
    twice = as_pandas(pa.Table.from_arrays([pa.array([1]), pa.array(["a"])], names=["x", "x"]))
    assert twice.columns.tolist() == ["x", "x"]
    assert as_pandas(pa.table({"x": pa.array([], pa.int64())})).shape == (0, 1)


def test_lazy_frame_is_refused_with_the_way_out() -> None:
    with pytest.raises(NotATable, match="a plan") as caught:
        as_pandas(LazyFrame())
    assert ".collect()" in caught.value.hint


def test_single_column_is_no_table() -> None:
    with pytest.raises(NotATable, match="no table"):
        as_pandas(pa.chunked_array([pa.array([1, 2])]))


def test_what_is_no_arrow_table_stays() -> None:
    frame, series = pd.DataFrame({"x": [1]}), pd.Series([1])
    assert as_pandas(frame) is frame
    assert as_pandas(series) is series
    assert as_pandas([1]) == [1]
    assert "polars" not in sys.modules
