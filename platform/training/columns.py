"""A model's columns, from the months that it is trained on and the held-out month."""

from collections.abc import Mapping

import pandas as pd

from intermodal.platform.protocol.signature import Column
from intermodal.platform.training.dataframes import columns_of


def columns_of_months(window: Mapping[str, pd.DataFrame], heldout: Mapping[str, pd.DataFrame]) -> tuple[Column, ...]:
    """The inputs that the model takes, from the tables of inputs by month. ``check_months`` has refused months whose
    columns, or their kinds, differ.

    A column is nullable when any month has missing values, and FP64 when any month has fractions: the held-out month
    is what callers send next. Categories are those of the window only, since the model learns no others.
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
    datatypes = {column.datatype for column in found.values()}
    datatype = datatypes.pop() if len(datatypes) == 1 else "FP64"  # and INT64: other kinds do not differ
    return Column(name, datatype, nullable, tuple(sorted(learned)))
