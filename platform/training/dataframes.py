"""Signatures from DataFrames, and DataFrames typed by a signature."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.package import Task
from intermodal.platform.protocol.signature import TIMESTAMP, Column, Output, Signature
from intermodal.platform.training import tensor_cells


def digest(table: pd.DataFrame) -> str:
    """SHA-256 of a table's columns and rows in order. Equal tables have equal digests on every machine."""
    tensors = [name for name in table if tensor_cells.holds_tensors(table[name])]
    plain = table.drop(columns=tensors)
    rows = np.array([])
    if not plain.empty:
        rows = pd.util.hash_pandas_object(plain, index=False).to_numpy(dtype="<u8")
    types = ",".join(f"{name}:{dtype}" for name, dtype in table.dtypes.items())
    found = hashlib.sha256(types.encode() + rows.tobytes())
    for name in tensors:
        array = tensor_cells.stacked(table[name])
        found.update(f"{name}:{array.dtype}:{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def columns_of(table: pd.DataFrame) -> tuple[Column, ...]:
    """The signature's columns of a table: name, datatype, whether values may be missing, and categories."""
    return tuple(_column(str(name), table[name]) for name in table.columns)


def _column(name: str, values: pd.Series) -> Column:
    if tensor_cells.holds_tensors(values):
        return tensor_cells.column_of(name, values)
    missing, dtype = bool(values.isna().any()), values.dtype
    if _bools_with_gaps(values):
        return Column(name, "BOOL", missing, dtype="float64" if missing else "bool")
    if isinstance(dtype, pd.CategoricalDtype):
        seen = tuple(sorted(str(value) for value in values.dropna().unique()))
        return Column(name, "BYTES", missing, seen, "category")
    if pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        return _numeric(name, missing, dtype)
    if pd.api.types.is_object_dtype(dtype):
        return Column(name, "BYTES", missing, dtype="object")
    if isinstance(dtype, pd.StringDtype):
        return Column(name, "BYTES", missing, dtype="string")
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return Column(name, "BYTES", missing, dtype=TIMESTAMP)
    raise SpecError(
        f"Feature '{name}' has the type {dtype}, which no endpoint accepts.",
        hint="Convert it to numbers, booleans, text or points in time in the feature function.",
    )


def _numeric(name: str, missing: bool, dtype: Any) -> Column:
    """Numbers and booleans of NumPy, of pandas with missing values (``Int64``) and of Arrow. The fit function gets
    those of Arrow as the ones of pandas, because the image has no Arrow."""
    plain = np.dtype(getattr(dtype, "numpy_dtype", dtype))
    datatype = tensor_cells.DATATYPES.get(plain.name)
    if datatype is None:
        raise SpecError(
            f"Feature '{name}' has the type {dtype}, which no endpoint accepts.",
            hint="Convert it with .astype('float64').",
        )
    if isinstance(dtype, np.dtype) or plain.name == "float16":  # pandas has no half of its own
        given = "float64" if missing and plain.kind != "f" else plain.name
    else:
        given = (
            "boolean" if plain.kind == "b" else plain.name.replace("ui", "UI").replace("i", "I", 1).replace("f", "F")
        )
    return Column(name, datatype, missing, dtype=given)


def _bools_with_gaps(values: pd.Series) -> bool:
    """Whether an object column holds booleans only: Parquet gives one for a boolean column with missing values."""
    return values.dtype == object and str(pd.api.types.infer_dtype(values, skipna=True)) == "boolean"


def typed(table: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """The columns of a signature, in its order and with the dtypes that the model is given. A category that the
    signature does not have is missing."""
    if absent := [column.name for column in columns if column.name not in table]:
        raise SpecError(f"The table lacks {', '.join(absent)}.", hint=f"It has {', '.join(map(str, table.columns))}.")
    return pd.DataFrame({c.name: _typed(table[c.name], c) for c in columns}, index=table.index)


def _typed(values: pd.Series, column: Column) -> pd.Series:
    if column.is_tensor:
        return tensor_cells.typed(values, column)
    match column.given_dtype:
        case "category":
            text = values.astype(object).where(values.notna(), None)
            return text.astype(pd.CategoricalDtype(list(column.categories)))
        case "object":
            return values.astype(object).where(values.notna(), None)
        case dtype if column.is_timestamp:
            # Requests carry microseconds, so the model is trained on no finer ones.
            return pd.to_datetime(values, utc=True).dt.floor("us").astype(dtype)
        case dtype:
            return values.astype(dtype)


def outputs_of(task: Task, classes: Sequence[Any]) -> tuple[Output, ...]:
    """The outputs of a task. Binary: the probability of the second class. Multiclass: a probability for each class.
    Both also have the label, the most probable class. Regression: the prediction."""
    labels = tuple(str(label) for label in classes)
    match task:
        case "binary":
            return Output("probability", labels=labels), Output("label", "BYTES", labels=labels)
        case "multiclass":
            return Output("probabilities", shape=(len(labels),), labels=labels), Output("label", "BYTES", labels=labels)
        case "regression":
            return (Output("prediction"),)


def signature_of(table: pd.DataFrame, task: Task, classes: Sequence[Any]) -> Signature:
    return Signature(columns_of(table), outputs_of(task, classes))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON values, with None for a missing value and RFC 3339 for a point in time."""
    plain = table.astype(object).where(table.notna(), None)
    return [{name: _json(value) for name, value in row.items()} for row in plain.to_dict("records")]


def _json(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        # In UTC first: in a zone, rounding fails for the hour that its clock shows twice.
        return (value.tz_localize("UTC") if value.tzinfo is None else value.tz_convert("UTC")).floor("us").isoformat()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value
