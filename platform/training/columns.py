"""A model's columns, from the months that it is trained on and the held-out month."""

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce

import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.signature import INTEGERS, Column
from intermodal.platform.training.dataframes import columns_of

Seen = tuple[str, Column]
"""The months of a column, as a text, and the column."""


def columns_of_months(window: Mapping[str, pd.DataFrame], heldout: Mapping[str, pd.DataFrame]) -> tuple[Column, ...]:
    """The inputs that the model takes, from the tables of inputs by month.

    A column is nullable when any month has missing values, and FP64 when any month has fractions: the held-out month
    is what callers send next. Its dtype is the one that holds the values of every month, so the fit function gets what
    the feature function gave. Categories are those of the window only, since the model learns no others. SpecError
    names the column and the months of kinds that no column can hold together.
    """
    tables = {**window, **heldout}
    names = list(dict.fromkeys(name for table in window.values() for name in table.columns))
    return tuple(_merged(str(name), {m: t[name] for m, t in tables.items() if name in t}, window) for name in names)


def _merged(name: str, months: Mapping[str, pd.Series], window: Mapping[str, pd.DataFrame]) -> Column:
    known = [
        (month, columns_of(pd.DataFrame({name: values}))[0]) for month, values in months.items() if values.notna().any()
    ]
    if not known:
        return columns_of(pd.DataFrame({name: next(iter(months.values()))}))[0]
    _, column = reduce(_both, known)
    learned = {text for month, seen in known if month in window for text in seen.categories}
    gaps = not set(window) <= set(months) or any(values.isna().any() for values in months.values())
    return replace(
        column, nullable=gaps, categories=tuple(sorted(learned)), dtype=_with_gaps(column) if gaps else column.dtype
    )


def _with_gaps(column: Column) -> str:
    """The dtype of a column that has missing values in some month: NumPy's integers and booleans have none."""
    numpy_without = column.dtype == "bool" or column.dtype in map(str.lower, INTEGERS)
    return "float64" if numpy_without else column.dtype


def _both(first: Seen, second: Seen) -> Seen:
    (months, column), (month, other) = first, second
    if _kind(column) != _kind(other):
        raise SpecError(
            f"Column '{column.name}' is {_kind(column)} in {_short(months)} and {_kind(other)} in {_short(month)}.",
            hint="Give it one type in every month in the feature function.",
        )
    return f"{months}, {month}", _common(column, other)


def _kind(column: Column) -> str:
    if column.datatype == "BYTES":
        return "a point in time" if column.is_timestamp else "text"
    return "boolean" if column.datatype == "BOOL" else "a number"


def _common(column: Column, other: Column) -> Column:
    """The column that holds the values of both. Text is a category when any month has it as one."""
    if column.dtype == other.dtype:
        return column
    if column.datatype == "BYTES":
        return column if column.dtype == "category" else other
    joined = pd.concat([pd.Series([0], dtype=dtype) for dtype in (column.dtype, other.dtype)])  # as months are joined
    return columns_of(pd.DataFrame({column.name: joined}))[0]


def _short(months: str) -> str:
    return ", ".join(month[:7] for month in months.split(", "))
