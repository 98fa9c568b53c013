"""The reference profile: fine enough for KS, honest about flags, and readable when it is old."""

import json

import numpy as np
import pandas as pd
import pytest

from intermodal.platform.errors import SpecError
from intermodal.platform.training.dataframes import columns_of, typed
from intermodal.platform.training.profile import QUANTILE_BINS, ColumnProfile, Profile, profile_of

OLD = {
    "rows": 4,
    "columns": [
        {"name": "temp", "edges": [1.0, 2.0], "categories": [], "counts": [1, 1, 1], "missing": 1},
        {"name": "carrier", "edges": [], "categories": ["AA", "UA"], "counts": [3, 1], "missing": 0},
    ],
}


def numeric(values: object) -> ColumnProfile:
    table = pd.DataFrame({"x": values})
    columns = columns_of(table)
    return Profile.from_dict(profile_of(typed(table, columns), columns, np.zeros(len(table)))).columns[0]


def test_profile_without_minimum_and_maximum_is_read() -> None:
    profile = Profile.from_json(json.dumps(OLD))
    assert profile.by_name["temp"] == ColumnProfile("temp", (1.0, 2.0), (), (1, 1, 1), 1, None, None)
    assert [column.is_text for column in profile.columns] == [False, True]


def test_profile_comes_back_from_its_dict() -> None:
    table = pd.DataFrame({"x": [1.0, None, 3.0], "c": pd.Categorical(["a", "b", None]), "empty": [np.nan] * 3})
    columns = columns_of(table)
    written = profile_of(typed(table, columns), columns, np.array([[0.1, 0.9]] * 3))
    profile = Profile.from_json(json.dumps(written))
    assert [column.name for column in profile.columns] == ["x", "c", "empty", "prediction_0", "prediction_1"]
    assert (profile.by_name["x"].minimum, profile.by_name["x"].maximum) == (1.0, 3.0)
    assert profile.by_name["c"].minimum is None
    assert profile.by_name["empty"] == ColumnProfile("empty", (), (), (0,), 3)


def test_profile_of_free_text_has_none_of_its_values() -> None:
    texts = [f"{name} owes {number}" for number in range(20) for name in ("Ann", "Bob")]
    table = pd.DataFrame({"repeated": ["a", "b"] * 20, "free": texts, "when": pd.Timestamp("2024-01-01", tz="UTC")})
    table.loc[3, ["free", "when"]] = None
    columns = columns_of(table)
    written = json.dumps(profile_of(typed(table, columns), columns, np.zeros(40)))
    profile = Profile.from_json(written)
    assert "owes" not in written
    assert profile.by_name["repeated"].categories == ("a", "b")
    assert [(profile.by_name[name].missing, sum(profile.by_name[name].counts)) for name in ("free", "when")] == [
        (1, 39),
        (1, 39),
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"no json",
        b"[]",
        b'{"rows": 1}',
        b'{"rows": 1, "columns": [{"name": "x"}]}',
        json.dumps(OLD).replace("2.0", "2.0, 3.0"),
    ],
)
def test_profile_from_other_data_is_refused(text: str | bytes) -> None:
    with pytest.raises(SpecError, match="Not a reference profile"):
        Profile.from_json(text)


def test_profile_of_a_continuous_number_has_even_bins() -> None:
    counts = numeric(np.random.default_rng(0).normal(size=10_000)).counts
    assert len(counts) == QUANTILE_BINS
    assert max(counts) - min(counts) <= 2


def test_profile_of_a_rare_flag_has_a_bin_for_each_value() -> None:
    profile = numeric([0] * 999 + [1])
    assert [times for times in profile.counts if times] == [999, 1]


def test_profile_of_a_constant_has_a_bin_below_and_above() -> None:
    assert numeric([7.0] * 50).counts == (0, 50, 0)


def test_profile_with_infinities_has_no_infinite_edge() -> None:
    profile = numeric([-np.inf, 1.0, 2.0, 3.0, np.inf])
    assert sum(profile.counts) == 5
    assert (profile.minimum, profile.maximum) == (1.0, 3.0)
    assert np.isfinite(profile.edges).all()
