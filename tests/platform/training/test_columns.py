"""The signature's columns from the months of the window and the held-out month."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.protocol.signature import TIMESTAMP, Column
from intermodal.platform.training.columns import columns_of_partitions

JANUARY, FEBRUARY, MARCH = "2024-01-01", "2024-02-01", "2024-03-01"
MOMENT = pd.Timestamp("2024-01-02T03:04:05Z")


def _columns(january: Any, february: Any, march: Any) -> tuple[Column, ...]:
    first, second, third = (pd.DataFrame({"x": values}) for values in (january, february, march))
    return columns_of_partitions({JANUARY: first, FEBRUARY: second}, {MARCH: third})


def _category(*values: str | None) -> pd.Series:
    return pd.Series(values, dtype="category")


def _as(dtype: str, *values: Any) -> pd.Series:
    return pd.Series(values, dtype=dtype)


@pytest.mark.parametrize(
    ("months", "column"),
    [
        (([1, 2], [3], [4]), Column("x", "INT64", dtype="int64")),
        (([1, 2], [3], [4.5]), Column("x", "FP64", dtype="float64")),
        (([1.5], [None], [4]), Column("x", "FP64", True, dtype="float64")),
        (([True], [False, None], [True]), Column("x", "BOOL", True, dtype="float64")),
        (([True], [None, None], [True]), Column("x", "BOOL", True, dtype="float64")),
        ((["b"], ["a"], ["z"]), Column("x", "BYTES", dtype="object")),
        ((["b"], ["a"], ["z", None]), Column("x", "BYTES", True, dtype="object")),
        ((_category("b"), _category("a"), _category("z", None)), Column("x", "BYTES", True, ("a", "b"), "category")),
        ((_category("b"), ["a"], ["z"]), Column("x", "BYTES", False, ("b",), "category")),
        (([np.nan], [np.nan], [np.nan]), Column("x", "FP64", True, dtype="float64")),
        ((_as("int8", 1), _as("int16", 300), _as("int8", 1)), Column("x", "INT16", dtype="int16")),
        ((_as("float32", 1), _as("float32", 2), _as("float32", 3)), Column("x", "FP32", dtype="float32")),
        ((_as("Int32", 1), _as("Int32", None), _as("Int32", 3)), Column("x", "INT32", True, dtype="Int32")),
        ((_as("int64[pyarrow]", 1), _as("int64", 2), [3]), Column("x", "INT64", dtype="Int64")),
        ((_as("boolean", True), _as("boolean", None), _as("boolean", False)), Column("x", "BOOL", True, (), "boolean")),
        ((_as("string", "a"), _as("string", None), _as("string", "b")), Column("x", "BYTES", True, (), "string")),
        (([MOMENT], [MOMENT], [MOMENT]), Column("x", "BYTES", False, (), TIMESTAMP)),
    ],
)
def test_column_of_three_months(months: tuple[Any, ...], column: Column) -> None:
    assert _columns(*months) == (column,)


numbers = st.lists(st.one_of(st.none(), st.integers(-9, 9), st.floats(-9, 9)), min_size=1, max_size=4)


@given(numbers, numbers, numbers)
def test_every_number_of_every_month_is_of_the_column(a: list[object], b: list[object], c: list[object]) -> None:
    values = [*a, *b, *c]
    known = [value for value in values if value is not None]
    (column,) = _columns(a, b, c)
    assert column.nullable or len(known) == len(values)
    if known and column.datatype == "INT64":
        assert all(float(value) == int(value) for value in known)  # type: ignore[arg-type, call-overload]
