"""The signature's columns from the months of the window and the held-out month."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.protocol.signature import Column
from intermodal.platform.training.columns import columns_of_months

JANUARY, FEBRUARY, MARCH = "2024-01-01", "2024-02-01", "2024-03-01"


def _columns(january: list[object], february: list[object], march: list[object]) -> tuple[Column, ...]:
    first, second, third = (pd.DataFrame({"x": values}) for values in (january, february, march))
    return columns_of_months({JANUARY: first, FEBRUARY: second}, {MARCH: third})


@pytest.mark.parametrize(
    ("months", "column"),
    [
        (([1, 2], [3], [4]), Column("x", "INT64")),
        (([1, 2], [3], [4.5]), Column("x", "FP64")),
        (([1.5], [None], [4]), Column("x", "FP64", True)),
        (([True], [False, None], [True]), Column("x", "BOOL", True)),
        (([True], [None, None], [True]), Column("x", "BOOL", True)),
        ((["b"], ["a"], ["z"]), Column("x", "BYTES", False, ("a", "b"))),
        ((["b"], ["a"], ["z", None]), Column("x", "BYTES", True, ("a", "b"))),
        (([np.nan], [np.nan], [np.nan]), Column("x", "FP64", True)),
    ],
)
def test_column_of_three_months(months: tuple[list[object], ...], column: Column) -> None:
    assert _columns(*months) == (column,)


numbers = st.lists(st.one_of(st.none(), st.integers(-9, 9), st.floats(-9, 9)), min_size=1, max_size=4)


@given(numbers, numbers, numbers)
def test_every_number_of_every_month_is_of_the_column(a: list[object], b: list[object], c: list[object]) -> None:
    values = [*a, *b, *c]
    known = [value for value in values if value is not None]
    (column,) = _columns(a, b, c)
    assert column.nullable or len(known) == len(values)
    if known and column.datatype == "INT64":
        assert all(float(value) == int(value) for value in known)  # type: ignore[arg-type, call-overload]
