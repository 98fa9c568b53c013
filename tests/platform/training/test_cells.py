"""A column is refused, or it comes back from Parquet as it was and reaches a model without loss."""

import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.monitoring.predictions import META
from intermodal.platform.training.cells import not_a_target, not_an_id, not_an_input, unstorable
from intermodal.platform.training.contract import RESERVED
from intermodal.platform.training.dataframes import columns_of, digest, typed
from intermodal.platform.training.kinds import kind
from intermodal.resources.storage.tensors import read_parquet, write_parquet

KINDS = (
    st.text(max_size=3),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.integers(-1000, 1000).map(lambda cents: Decimal(cents) / 100),
    st.dates(),
    st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1)),
    st.binary(max_size=3),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.text(max_size=1), st.integers(0, 3), max_size=1),
    st.builds(object),
)
COLUMNS = st.lists(st.one_of(st.none(), *KINDS), min_size=1, max_size=5) | st.sampled_from(KINDS).flatmap(
    lambda values: st.lists(st.none() | values, min_size=1, max_size=5)
)


@given(COLUMNS, st.booleans())
def test_object_column_is_refused_or_comes_back_from_parquet(values: list[Any], inferred: bool) -> None:
    table = pd.DataFrame({"x": pd.Series(values, dtype=None if inferred and _plain(values) else object)})
    if unstorable(table["x"]) is not None:
        return
    buffer = BytesIO()
    write_parquet(table, buffer)
    again = read_parquet(BytesIO(buffer.getvalue()))
    assert digest(table)
    assert digest(again)
    assert again["x"].isna().tolist() == table["x"].isna().tolist()
    for before, after in zip(table["x"].dropna(), again["x"].dropna(), strict=True):
        assert np.array_equal(before, after)


@given(COLUMNS, st.booleans())
def test_object_column_is_refused_or_reaches_a_model_whole(values: list[Any], inferred: bool) -> None:
    table = pd.DataFrame({"x": pd.Series(values, dtype=None if inferred and _plain(values) else object)})
    if not_an_input(table["x"]) is not None:
        return
    given_to_fit = typed(table, columns_of(table))["x"]
    assert given_to_fit.isna().tolist() == table["x"].isna().tolist()
    if kind(table["x"]) == "datetime64":  # requests carry microseconds
        assert given_to_fit.tolist() == pd.to_datetime(table["x"], utc=True).dt.floor("us").tolist()
        return
    if kind(table["x"]) == "tensor":
        assert [cell.tolist() for cell in given_to_fit] == table["x"].tolist()
        return
    assert given_to_fit.dropna().tolist() == table["x"].dropna().tolist()
    assert not np.isinf(given_to_fit.to_numpy(dtype=float)).any() if kind(table["x"]) == "number" else True


def _plain(values: list[Any]) -> bool:
    return not any(isinstance(value, dict | list) for value in values)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (pd.Series([1, 2]), "number"),
        (pd.Series([1.5, None]), "number"),
        (pd.Series([True, None], dtype="boolean"), "boolean"),
        (pd.Series(["a", None]), "text"),
        (pd.Series(["a"], dtype="category"), "text"),
        (pd.Series([1], dtype="category"), "category of number"),
        (pd.Series([True], dtype="category"), "category of boolean"),
        (pd.Series([None, None], dtype=object), "nothing"),
        (pd.Series([Decimal(1)]), "Decimal"),
        (pd.Series(pd.to_datetime(["2020-01-01"])), "datetime64"),
    ],
)
def test_kind_of_a_column(values: pd.Series, found: str) -> None:
    assert kind(values) == found


def test_flaw_names_the_row_by_position_whatever_the_index() -> None:
    flaw = not_an_input(pd.Series(["a", None, 3], index=[7, 7, 7], dtype=object))
    assert flaw is not None
    assert flaw.sentence(sensitive=False) == "mixes text and number, from row 2: 3."
    assert flaw.sentence(sensitive=True) == "mixes text and number, from row 2."


def test_flaw_with_a_long_value_is_cut() -> None:
    flaw = unstorable(pd.Series([set(range(1000))]))
    assert flaw is not None
    assert len(flaw.sentence(sensitive=False)) < 120


def test_target_with_missing_values_counts_them() -> None:
    flaw = not_a_target(pd.Series([1.0, np.nan, np.nan]))
    assert flaw is not None
    assert "2 of 3 rows" in flaw.what


def test_ids_may_be_missing_but_not_equal() -> None:
    assert not_an_id(pd.Series(["a", None, None, "b"])) is None
    assert not_an_id(pd.Series(["a", "a"])) is not None


def test_reserved_names_are_those_of_gathered_predictions() -> None:
    assert [name for name in (*META, "truth", "prediction_12") if not RESERVED.fullmatch(name)] == []
    assert not RESERVED.fullmatch("prediction")
