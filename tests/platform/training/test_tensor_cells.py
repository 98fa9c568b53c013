"""Columns whose cells are tensors: what they become, and what is refused."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from intermodal.platform.protocol.signature import Column
from intermodal.platform.training import dataframes
from intermodal.platform.training.cells import not_an_input
from intermodal.platform.training.kinds import kind
from intermodal.platform.training.tensor_cells import holds_tensors, stacked

PICTURE = np.arange(6, dtype="float32").reshape(2, 3)


def series(*cells: Any) -> pd.Series:
    return pd.Series(list(cells), dtype=object)


def test_column_of_arrays_has_their_datatype_and_shape() -> None:
    (column,) = dataframes.columns_of(pd.DataFrame({"picture": series(PICTURE, PICTURE)}))
    assert column == Column("picture", "FP32", dtype="float32", shape=(2, 3))


@pytest.mark.parametrize("cells", [([1, 2], (3, 4)), (np.array([1, 2]), [3, 4])])
def test_lists_and_tuples_are_tensors_of_their_numbers(cells: Any) -> None:
    assert holds_tensors(series(*cells))
    assert stacked(series(*cells)).tolist() == [[1, 2], [3, 4]]
    assert kind(series(*cells)) == "tensor"


def test_typed_tensors_have_the_dtype_of_the_column() -> None:
    column = Column("picture", "FP32", dtype="float32", shape=(2,))
    (cell,) = dataframes.typed(pd.DataFrame({"picture": series([1, 2])}), (column,))["picture"]
    assert (cell.dtype, cell.tolist()) == (np.dtype("float32"), [1.0, 2.0])


REFUSED = {
    "lengths": (series([1, 2], [1]), "has the shape [1] in row 1 and [2] in row 0"),
    "ragged": (series([[1], [2, 3]]), "lists of different lengths in row 0"),
    "missing": (series([1.0], None), "has no tensor in row 1"),
    "texts": (series(["a", "b"]), "holds tensors of <U1"),
    "gaps": (series([1.0, 2.0], [1.0, np.nan]), "a value that is missing or infinite in row 1"),
    "empty": (series([], []), "holds tensors without values"),
    "mixed": (series([1.0], 5), "has no tensor in row 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_column_that_is_no_tensor_of_one_shape_is_refused(case: str) -> None:
    values, words = REFUSED[case]
    flaw = not_an_input(values)
    assert flaw is not None
    assert words in flaw.sentence(sensitive=False)
    assert "pad" in flaw.hint


def test_digest_of_tensors_follows_values_dtype_and_shape() -> None:
    tables = [PICTURE, PICTURE + 1, PICTURE.astype("float64"), PICTURE.reshape(3, 2)]
    assert len({dataframes.digest(pd.DataFrame({"picture": series(cell)})) for cell in tables}) == 4
    again = pd.DataFrame({"picture": series(PICTURE.copy())})
    assert dataframes.digest(again) == dataframes.digest(pd.DataFrame({"picture": series(PICTURE)}))
