"""Tensors of a row's own shape: as bytes, nested lists, flat lists and JSON in a cell, and what is refused."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from intermodal.platform.protocol.signature import Column
from intermodal.serving.errors import RequestError
from intermodal.serving.protocol import arrays
from intermodal.serving.protocol.input_tensor import Packed, Tensor

PICTURE = Column("picture", "FP32", dtype="float32", shape=(2, 3))
PIXELS = Column("pixels", "UINT8", dtype="uint8", shape=(2, 3))


def tensor(data: Any, shape: list[int], datatype: str = "FP32") -> Tensor:
    return Tensor("picture", shape, datatype, data)


@pytest.mark.parametrize("datatype", sorted(arrays.DTYPES))
@given(data=st.data())
def test_tensor_as_bytes_and_as_lists_gives_one_array(datatype: str, data: st.DataObject) -> None:
    column = Column("picture", datatype, shape=(2, 3))  # type: ignore[arg-type]
    dtype = np.dtype(arrays.DTYPES[datatype])
    floats = {"allow_nan": False, "allow_infinity": False} if dtype.kind == "f" else None
    array = data.draw(arrays_of.arrays(dtype, (4, 2, 3), elements=floats))
    packed = arrays.of_tensor(tensor(Packed(array.tobytes()), [4, 2, 3], datatype), column)
    nested = arrays.of_tensor(tensor(array.tolist(), [4, 2, 3], datatype), column)
    flat = arrays.of_tensor(tensor(array.ravel().tolist(), [4, 2, 3], datatype), column)
    cells = arrays.of_rows(column, [json.dumps(row) for row in array.tolist()])
    for found in (packed, nested, flat, cells):
        assert found.dtype == dtype
        assert np.array_equal(found, array)


REFUSED = {
    "shape": (tensor([[1.0] * 6], [1, 6]), "has the shape [1, 6]; expected [n, 2, 3]"),
    "datatype": (tensor([1.0] * 6, [1, 2, 3], "FP64"), "has the datatype 'FP64'; expected FP32"),
    "short": (tensor([1.0] * 5, [1, 2, 3]), "values of the shape [5]; expected [1, 2, 3]"),
    "ragged": (tensor([[[1.0], [2.0, 3.0]]], [1, 2, 3]), "lists have different lengths; expected the shape [1, 2, 3]"),
    "transposed": (tensor([[[1.0] * 2] * 3], [1, 2, 3]), "values of the shape [1, 3, 2]"),
    "text": (tensor(["1"] * 6, [1, 2, 3]), "a value that is no FP32"),
    "missing": (tensor([None] * 6, [1, 2, 3]), "a value that is no FP32"),
    "huge": (tensor([1e300] * 6, [1, 2, 3]), "no finite number (FP32)"),
    "bytes": (tensor(Packed(b"1234"), [1, 2, 3]), "has 4 bytes; its shape needs 24"),
    "nan": (tensor(Packed(np.full(6, np.nan, "<f4").tobytes()), [1, 2, 3]), "no finite number (FP32)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_tensor_that_is_wrong_is_refused_with_its_name(case: str) -> None:
    given_tensor, words = REFUSED[case]
    with pytest.raises(RequestError, match=r"^Input .picture.:? ") as caught:
        arrays.of_tensor(given_tensor, PICTURE)
    assert words in str(caught.value)


@pytest.mark.parametrize("value", [256, -1, 0.5, True])
def test_value_beyond_the_integers_of_a_tensor_is_refused(value: Any) -> None:
    with pytest.raises(RequestError, match="a value that is no UINT8"):
        arrays.of_rows(PIXELS, [[[value] * 3] * 2])


def test_cell_that_is_no_json_is_refused() -> None:
    with pytest.raises(RequestError, match="a text that is no list in JSON"):
        arrays.of_rows(PICTURE, ["[[1,"])


def test_request_without_rows_gives_an_empty_array() -> None:
    assert arrays.of_tensor(tensor([], [0, 2, 3]), PICTURE).shape == (0, 2, 3)
