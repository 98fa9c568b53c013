"""Tensors of a row's own shape, such as images and embeddings, as NumPy arrays of the shape [n, *shape of a row].

Their values have the datatype's own kind: no text is taken for a number, and nothing may be missing.
"""

from typing import Any

import msgspec
import numpy as np

from intermodal.platform.protocol.signature import FLOATS, INTEGERS, Column
from intermodal.serving.errors import RequestError, describe
from intermodal.serving.protocol.input_tensor import Packed, Tensor

DTYPES = {"BOOL": "?", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8"} | {
    f"{sign}INT{bits}": f"<{code}{bits // 8}" for sign, code in (("", "i"), ("U", "u")) for bits in (8, 16, 32, 64)
}
"""NumPy's dtype of each datatype of a fixed size, little-endian as in V2's binary tensors."""


def of_tensor(tensor: Tensor, column: Column) -> Any:
    """The array of a V2 input. RequestError names the input when datatype, shape or values are wrong."""
    rows = tensor.shape[0] if tensor.shape else -1
    wanted = [rows, *column.shape]
    if tensor.shape != wanted or rows < 0:
        raise RequestError(
            f"Input {describe(tensor.name)} has the shape {tensor.shape}; expected {['n', *column.shape]}.".replace(
                "'n'", "n"
            )
        )
    if tensor.datatype != column.datatype:
        raise RequestError(
            f"Input {describe(tensor.name)} has the datatype {describe(tensor.datatype)}; expected {column.datatype}."
        )
    if not isinstance(tensor.data, Packed):
        return of_lists(column, tensor.data, wanted)
    needed = rows * row_bytes(column)
    if len(tensor.data.part) != needed:
        raise RequestError(
            f"Input {describe(tensor.name)} has {len(tensor.data.part)} bytes; its shape needs {needed}."
        )
    return _finite(column, np.frombuffer(tensor.data.part, DTYPES[column.datatype]).reshape(wanted))


def of_rows(column: Column, rows: list[Any]) -> Any:
    """The array of rows that are nested lists, as JSON in the cells of a CSV, or have been read already."""
    if isinstance(rows, np.ndarray):
        return rows
    try:
        cells = [msgspec.json.decode(row) if isinstance(row, str) else row for row in rows]
    except msgspec.DecodeError as error:
        raise RequestError(f"Input {describe(column.name)} has a text that is no list in JSON: {error}.") from error
    return of_lists(column, cells, [len(rows), *column.shape])


def of_lists(column: Column, values: list[Any], shape: list[int]) -> Any:
    """The array of numbers in lists, nested or flat in row-major order."""
    if not values and not shape[0]:
        return np.empty(shape, DTYPES[column.datatype])
    try:
        # NumPy takes large and small integers together for floats.
        array = np.array(values, dtype=object if column.datatype == "UINT64" else None)
    except ValueError as error:
        raise RequestError(
            f"Input {describe(column.name)}: its lists have different lengths; expected the shape {shape}."
        ) from error
    if array.size != np.prod(shape) or (array.ndim > 1 and list(array.shape) != shape):
        raise RequestError(
            f"Input {describe(column.name)} has values of the shape {list(array.shape)}; expected {shape}."
        )
    return _finite(column, _cast(column, array).reshape(shape))


def row_bytes(column: Column) -> int:
    """How many bytes a row's tensor has."""
    return int(np.prod(column.shape)) * np.dtype(DTYPES[column.datatype]).itemsize


def _cast(column: Column, array: Any) -> Any:
    """The values in the column's datatype. Integers are taken for a float, and nothing else that would change."""
    if not _fits(column.datatype, array):
        raise RequestError(f"Input {describe(column.name)} has a value that is no {column.datatype}.")
    with np.errstate(over="ignore"):
        return array.astype(DTYPES[column.datatype])


def _fits(datatype: str, array: Any) -> bool:
    if datatype == "BOOL":
        return bool(array.dtype.kind == "b")
    if datatype in FLOATS:
        return array.dtype.kind in "fiu"
    low, high = INTEGERS[datatype]
    if array.dtype == object:
        return all(type(value) is int and low <= value <= high for value in array.ravel())
    return array.dtype.kind in "iu" and bool(low <= array.min() and array.max() <= high)


def _finite(column: Column, array: Any) -> Any:
    """Also a number that the datatype rounds to infinity is refused."""
    if column.datatype in FLOATS and not np.isfinite(array).all():
        raise RequestError(f"Input {describe(column.name)} has a value that is no finite number ({column.datatype}).")
    return array
