"""Signatures from DataFrames, and DataFrames typed by a signature."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.package import Task
from intermodal.platform.protocol.signature import Column, Datatype, Output, Signature


def digest(table: pd.DataFrame) -> str:
    """SHA-256 of a table's columns and rows in order. Equal tables have equal digests on every machine."""
    rows = pd.util.hash_pandas_object(table, index=False).to_numpy(dtype="<u8")
    types = ",".join(f"{name}:{dtype}" for name, dtype in table.dtypes.items())
    return hashlib.sha256(types.encode() + rows.tobytes()).hexdigest()


def columns_of(table: pd.DataFrame) -> tuple[Column, ...]:
    """The signature's columns of a table: name, datatype, whether values may be missing, and categories."""
    return tuple(_column(str(name), table[name]) for name in table.columns)


def _column(name: str, values: pd.Series) -> Column:
    missing, dtype = bool(values.isna().any()), values.dtype
    if pd.api.types.is_bool_dtype(dtype) or _bools_with_gaps(values):
        return Column(name, "BOOL", missing)
    if pd.api.types.is_integer_dtype(dtype):
        return Column(name, "INT64", missing)
    if pd.api.types.is_float_dtype(dtype):
        return Column(name, "FP64", missing)
    if pd.api.types.is_object_dtype(dtype) or isinstance(dtype, pd.StringDtype | pd.CategoricalDtype):
        return Column(name, "BYTES", missing, tuple(sorted(str(value) for value in values.dropna().unique())))
    raise SpecError(
        f"Feature '{name}' has the type {dtype}, which no endpoint accepts.",
        hint="Convert it to numbers, booleans or text in the feature function.",
    )


def _bools_with_gaps(values: pd.Series) -> bool:
    """Whether an object column holds booleans only: Parquet gives one for a boolean column with missing values."""
    return values.dtype == object and str(pd.api.types.infer_dtype(values, skipna=True)) == "boolean"


def typed(table: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """The columns of a signature, in its order and types. Text becomes categorical with the signature's categories."""
    if absent := [column.name for column in columns if column.name not in table]:
        raise SpecError(f"The table lacks {', '.join(absent)}.", hint=f"It has {', '.join(map(str, table.columns))}.")
    return pd.DataFrame({c.name: _typed(table[c.name], c) for c in columns}, index=table.index)


def _typed(values: pd.Series, column: Column) -> pd.Series:
    if column.datatype == "BYTES":
        text = values.astype(object).where(values.notna(), None)
        return text.astype(pd.CategoricalDtype(list(column.categories)))
    if column.nullable:
        return values.astype("float64")
    dtypes: dict[Datatype, str] = {"BOOL": "bool", "INT64": "int64", "FP64": "float64"}
    return values.astype(dtypes[column.datatype])


def output_of(task: Task, classes: Sequence[Any]) -> Output:
    """The output of a task. Binary: the probability of the second class. Multiclass: a probability for each class.
    Regression: the prediction."""
    labels = tuple(str(label) for label in classes)
    match task:
        case "binary":
            return Output("probability", labels=labels)
        case "multiclass":
            return Output("probabilities", width=len(labels), labels=labels)
        case "regression":
            return Output("prediction")


def signature_of(table: pd.DataFrame, task: Task, classes: Sequence[Any]) -> Signature:
    return Signature(columns_of(table), output_of(task, classes))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON values, with None for a missing value."""
    plain = table.astype(object).where(table.notna(), None)
    return [
        {k: v.item() if isinstance(v, np.generic) else v for k, v in row.items()} for row in plain.to_dict("records")
    ]
