"""Tables with columns of tensors come back from Parquet as they were written."""

from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from intermodal.resources.storage.tensors import read_parquet, write_parquet


def written(table: pd.DataFrame) -> BytesIO:
    buffer = BytesIO()
    write_parquet(table, buffer)
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "int64"])
def test_table_with_tensors_comes_back_as_it_was(dtype: str) -> None:
    cells = [np.arange(12).reshape(3, 4).astype(dtype) + k for k in range(3)]
    table = pd.DataFrame({"id": ["a", None, "c"], "picture": pd.Series(cells, dtype=object), "size": [1, 2, 3]})
    found = read_parquet(written(table))
    assert list(found.columns) == ["id", "picture", "size"]
    pd.testing.assert_frame_equal(found.drop(columns="picture"), table.drop(columns="picture"))
    for cell, expected in zip(found["picture"], cells, strict=True):
        assert cell.dtype == expected.dtype
        assert np.array_equal(cell, expected)


def test_table_without_tensors_is_plain_parquet() -> None:
    table = pd.DataFrame({"text": ["a", "b"], "kind": pd.Categorical(["x", "y"])})
    buffer = written(table)
    pd.testing.assert_frame_equal(pd.read_parquet(buffer), table)


@pytest.mark.parametrize("cells", [([1.0], [1.0, 2.0]), ([1.0], None)])
def test_tensors_of_different_shapes_are_not_written(cells: Any) -> None:
    with pytest.raises(ValueError, match="row 1"):
        written(pd.DataFrame({"picture": pd.Series(list(cells), dtype=object)}))


def test_column_has_arrows_own_type_for_tensors() -> None:
    buffer = written(pd.DataFrame({"picture": pd.Series([np.zeros((2, 2))], dtype=object)}))
    assert "fixed_shape_tensor" in str(pq.read_schema(buffer).field("picture").type)
