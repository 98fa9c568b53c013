"""A model's columns, from the months that it is trained on and the held-out month."""

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce

import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.signature import Column
from intermodal.platform.training.dataframes import columns_of

NUMBERS = {"INT64", "FP64"}
Seen = tuple[str, Column]
"""The months of a column, as a text, and the column."""


def columns_of_months(window: Mapping[str, pd.DataFrame], heldout: Mapping[str, pd.DataFrame]) -> tuple[Column, ...]:
    """The inputs that the model takes, from the tables of inputs by month.

    A column is nullable when any month has missing values, and FP64 when any month has fractions: the held-out month
    is what callers send next. Categories are those of the window only, since the model learns no others. SpecError
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
    return replace(column, nullable=gaps, categories=tuple(sorted(learned)))


def _both(first: Seen, second: Seen) -> Seen:
    (months, column), (month, other) = first, second
    if column.datatype == other.datatype:
        return f"{months}, {month}", column
    if {column.datatype, other.datatype} == NUMBERS:
        return f"{months}, {month}", replace(column, datatype="FP64")
    raise SpecError(
        f"Column '{column.name}' is {column.datatype} in {_short(months)} and {other.datatype} in {_short(month)}.",
        hint="Give it one type in every month in the feature function.",
    )


def _short(months: str) -> str:
    return ", ".join(month[:7] for month in months.split(", "))
