"""A model's columns, from the partitions that it is trained on and the held-out one."""

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce

import pandas as pd

from intermodal.platform.protocol.signature import INTEGERS, Column
from intermodal.platform.training.dataframes import columns_of


def columns_of_partitions(
    window: Mapping[str, pd.DataFrame], heldout: Mapping[str, pd.DataFrame]
) -> tuple[Column, ...]:
    """The inputs that the model takes, from the tables of inputs by partition. ``check_partitions`` has refused
    partitions whose columns, or their kinds, differ.

    A column is nullable when any partition has missing values, and FP64 when any has fractions: the held-out partition
    is what callers send next. Its dtype is the one that holds the values of all of them, so the fit function gets what
    the feature function gave. Categories are those of the window only, since the model learns no others.
    """
    tables = {**window, **heldout}
    names = next(iter(tables.values())).columns
    return tuple(_merged(str(name), {month: table[name] for month, table in tables.items()}, window) for name in names)


def _merged(name: str, months: Mapping[str, pd.Series], window: Mapping[str, pd.DataFrame]) -> Column:
    nullable = any(values.isna().any() for values in months.values())
    # A month without values has any type: Parquet gives objects for texts that are all missing.
    with_values = {month: values for month, values in months.items() if values.notna().any()} or months
    found = {month: columns_of(pd.DataFrame({name: values}))[0] for month, values in with_values.items()}
    learned = {text for month, column in found.items() if month in window for text in column.categories}
    column = reduce(_common, found.values())
    dtype = _with_gaps(column.dtype) if nullable else column.dtype
    return replace(column, nullable=nullable, categories=tuple(sorted(learned)), dtype=dtype)


def _with_gaps(dtype: str) -> str:
    """The dtype of a column that has missing values in some month: NumPy's integers and booleans have none."""
    return "float64" if dtype == "bool" or dtype in map(str.lower, INTEGERS) else dtype


def _common(column: Column, other: Column) -> Column:
    """The column that holds the values of both. Text is a category when any month has it as one."""
    if column.dtype == other.dtype:
        return column
    if column.datatype == "BYTES":
        return column if column.dtype == "category" else other
    if column.datatype == "BOOL":
        return max(column, other, key=lambda kind: ("bool", "float64", "boolean").index(kind.dtype))
    joined = pd.concat([pd.Series([0], dtype=dtype) for dtype in (column.dtype, other.dtype)])  # as months are joined
    return columns_of(pd.DataFrame({column.name: joined}))[0]
