"""Which kind of values a column of a team's table holds."""

import numpy as np
import pandas as pd
import pyarrow as pa

from intermodal.platform.training.tensor_cells import holds_tensors

POINT_IN_TIME = "datetime64"
TENSOR = "tensor"


def kind(values: pd.Series) -> str:
    """``number``, ``boolean``, ``text``, ``nothing`` (objects that are all missing), or the type that is none of
    them."""
    dtype = values.dtype
    if isinstance(dtype, pd.ArrowDtype) and pa.types.is_date(dtype.pyarrow_dtype):
        return "date"  # pandas takes it for a point in time
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return POINT_IN_TIME
    if pd.api.types.is_bool_dtype(dtype) and not isinstance(dtype, pd.CategoricalDtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(dtype) or pd.api.types.is_float_dtype(dtype):
        return "number"
    if isinstance(dtype, pd.StringDtype):
        return "text"
    if isinstance(dtype, pd.CategoricalDtype):
        if dtype.categories.empty:
            return "nothing"
        found = kind(pd.Series(dtype.categories))
        return "text" if found == "text" else f"category of {found}"
    if not pd.api.types.is_object_dtype(dtype):
        return str(dtype).partition("[")[0].lower()
    if holds_tensors(values):
        return TENSOR
    found = kinds(values.dropna())
    return "nothing" if found.empty else str(found.iloc[0])


def kinds(present: pd.Series) -> "pd.Series[str]":
    """The kind of each object, by its type."""
    return present.map(type).map(_kind_of_type)


def _kind_of_type(found: type) -> str:
    if issubclass(found, str):
        return "text"
    if issubclass(found, bool | np.bool_):
        return "boolean"
    if issubclass(found, int | float | np.integer | np.floating):
        return "number"
    return found.__name__
