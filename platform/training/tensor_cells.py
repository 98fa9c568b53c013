"""Columns whose cells are tensors: images, embeddings, sequences. Every cell of a column has the same shape."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.signature import Column, Datatype

DATATYPES: Mapping[str, Datatype] = {
    "bool": "BOOL",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
}
"""By NumPy's names."""


def holds_tensors(values: pd.Series) -> bool:
    """Whether the first cell that is not missing is a list or an array."""
    if values.dtype != object:
        return False
    present = (cell for cell in values if cell is not None)
    return isinstance(next(present, None), list | tuple | np.ndarray)


def stacked(values: pd.Series) -> np.ndarray:
    """The cells as one array [n, *shape of a cell]. ValueError says what is wrong and in which row."""
    cells = [_array(cell, row) for row, cell in enumerate(values)]
    first = cells[0]
    for row, cell in enumerate(cells):
        if cell.shape != first.shape:
            raise ValueError(f"has the shape {list(cell.shape)} in row {row} and {list(first.shape)} in row 0")
    array = np.stack(cells)
    if array.dtype.name not in DATATYPES:
        raise ValueError(f"holds tensors of {array.dtype}")
    if 0 in array.shape[1:]:
        raise ValueError("holds tensors without values")
    if array.dtype.kind == "f" and (odd := ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)).any():
        raise ValueError(f"has a value that is missing or infinite in row {int(np.argmax(odd))}")
    return array


def _array(cell: Any, row: int) -> np.ndarray:
    if not isinstance(cell, list | tuple | np.ndarray):
        raise ValueError(f"has no tensor in row {row}")
    try:
        array = np.asarray(cell)
        # Parquet gives a list of lists as an array of arrays.
        return np.array(array.tolist()) if array.dtype == object else array
    except ValueError:
        raise ValueError(f"has lists of different lengths in row {row}") from None


def column_of(name: str, values: pd.Series) -> Column:
    """The signature's column of cells that are tensors."""
    try:
        array = stacked(values)
    except ValueError as error:
        raise SpecError(f"Feature '{name}' {error}.", hint="Give every row a tensor of one shape and dtype.") from None
    return Column(name, DATATYPES[array.dtype.name], dtype=array.dtype.name, shape=array.shape[1:])


def typed(values: pd.Series, column: Column) -> pd.Series:
    """Cells that are arrays of the column's dtype and shape, as the model is given them."""
    if not len(values):
        return values.astype(object)
    array = stacked(values)
    if array.shape[1:] != column.shape:
        raise SpecError(
            f"'{column.name}' has tensors of the shape {list(array.shape[1:])}, and the model takes "
            f"{list(column.shape)}.",
            hint="Materialize the features of these partitions again, or train on partitions of one shape.",
        )
    return pd.Series(list(array.astype(column.dtype, copy=False)), index=values.index, dtype=object)
