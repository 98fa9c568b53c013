"""Drift: the distances' own laws, counting in any order and any split, and verdicts that people can read."""

import math
from functools import reduce
from operator import add

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

from intermodal.platform.errors import SpecError
from intermodal.platform.monitoring.counts import CHUNK_ROWS, count
from intermodal.platform.monitoring.distances import MAX_GROUPS, groups_of, js_distance, ks_distance, psi
from intermodal.platform.monitoring.drift import ColumnDrift, Drift, judge, measure
from intermodal.platform.protocol.signature import Column
from intermodal.platform.training.profile import ColumnProfile
from tests.platform.monitoring.drift_rows import (
    COLUMNS,
    POLICY,
    PROFILE,
    TRAINED_PREDICTIONS,
    TRAINING,
    profile_from,
    some,
)

COUNTS = st.integers(1, 12).flatmap(
    lambda k: st.tuples(*(st.lists(st.integers(0, 10_000), min_size=k, max_size=k).map(np.array) for _ in range(2)))
)
NUMBERS = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True, width=32), st.integers(-3, 3).map(float))
TEXTS = st.one_of(st.none(), st.sampled_from(["AA", "UA", "DL", "??", ""]))
ROWS = st.lists(st.tuples(NUMBERS, TEXTS, st.floats(0, 1)), min_size=1, max_size=60)


def frame(rows: list[tuple[float | None, str | None, float]]) -> tuple[pd.DataFrame, np.ndarray]:
    numbers, texts, predictions = zip(*rows, strict=True)
    return pd.DataFrame({"x": np.array(numbers, dtype=float), "c": list(texts)}), np.array(predictions)


def by_name(drift: Drift) -> dict[str, ColumnDrift]:
    return {column.name: column for column in drift.columns}


# the distances


@given(COUNTS)
def test_psi_is_never_negative_and_symmetric(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert psi(*pair) >= 0
    assert psi(*pair) == pytest.approx(psi(*reversed(pair)))


@given(COUNTS, st.integers(1, 50))
def test_distances_of_equal_shares_are_zero(pair: tuple[np.ndarray, np.ndarray], times: int) -> None:
    counts = pair[0]
    for distance in (psi, ks_distance, js_distance):
        assert distance(counts, counts * times) == pytest.approx(0, abs=1e-6)


@given(COUNTS)
def test_ks_and_js_lie_between_0_and_1_and_are_symmetric(pair: tuple[np.ndarray, np.ndarray]) -> None:
    for distance in (ks_distance, js_distance):
        assert 0 <= distance(*pair) <= 1
        assert distance(*pair) == pytest.approx(distance(*reversed(pair)))


@given(COUNTS)
def test_js_equals_scipys(pair: tuple[np.ndarray, np.ndarray]) -> None:
    if pair[0].sum() and pair[1].sum():
        assert js_distance(*pair) == pytest.approx(jensenshannon(*pair, base=2), abs=1e-6)


def test_psi_equals_a_manual_calculation() -> None:
    ten, current = np.array([500_000, 500_000]), np.array([600_000, 400_000])
    assert psi(ten, current) == pytest.approx(0.1 * math.log(1.2) - 0.1 * math.log(0.8), abs=1e-5)


def test_psi_with_an_empty_bin_is_bounded() -> None:
    few, many = (psi(np.array([n, 0]), np.array([n // 2, n // 2])) for n in (10_000, 10_000_000))
    assert few == pytest.approx(many, rel=1e-3)
    assert psi(np.array([10**9, 0]), np.array([0, 10**9])) < 20


def test_distances_of_no_rows_are_zero() -> None:
    nothing, some_rows = np.array([0, 0]), np.array([1, 2])
    for distance in (psi, ks_distance, js_distance):
        assert distance(nothing, some_rows) == distance(some_rows, nothing) == 0


@pytest.mark.parametrize("rows", [300, 1000, 20_000])
def test_psi_by_chance_is_near_zero_for_any_sample_size(rows: int) -> None:
    drifts = [by_name(measure(PROFILE, *some(rows, seed), COLUMNS)) for seed in range(1, 21)]
    for name in (*TRAINING.columns, "prediction_0"):
        values = [drift[name].psi for drift in drifts]
        assert np.mean(values) < 0.02, name
        assert max(values) < 0.15, name


def test_ks_of_bins_is_within_a_bin_of_the_exact_one() -> None:
    table, predictions = some(5000, 1, shift=0.3)
    exact = ks_2samp(TRAINING["x"], table["x"]).statistic
    ours = by_name(measure(PROFILE, table, predictions, COLUMNS))["x"].ks
    assert ours is not None
    assert exact - 0.01 <= ours <= exact + 1e-12


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=120))
def test_groups_are_few_and_have_neighbouring_bins(counts: list[int]) -> None:
    groups = groups_of(ColumnProfile("x", tuple(map(float, range(len(counts) - 1))), (), tuple(counts), 0))
    assert (np.diff(groups) >= 0).all()
    assert groups.max() < MAX_GROUPS


def test_groups_of_an_older_profile_are_its_bins() -> None:
    edges = tuple(map(float, range(19)))
    assert groups_of(ColumnProfile("x", edges, (), (50,) * 20, 0)).tolist() == list(range(20))


def test_groups_of_rare_categories_are_one() -> None:
    assert groups_of(ColumnProfile("c", (), ("a", "b", "c", "d"), (600, 1, 399, 0), 0)).tolist() == [1, 0, 2, 0]


# counting


@given(ROWS, st.data())
def test_counts_of_any_split_add_up_to_the_whole(rows: list, data: st.DataObject) -> None:
    table, predictions = frame(rows)
    profile, columns = profile_from(*frame(data.draw(ROWS)))
    cut = data.draw(st.integers(0, len(rows)))
    parts = [count(profile, table.iloc[s], predictions[s], columns) for s in (slice(cut), slice(cut, None))]
    assert parts[0] + parts[1] == count(profile, table, predictions, columns)


@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_count_is_independent_of_order_and_complete(then: list, now: list, random) -> None:
    profile, columns = profile_from(*frame(then))
    counts = count(profile, *frame(now), columns)
    mixed = random.sample(now, len(now))
    assert count(profile, *frame(mixed), columns) == counts
    for column in (*counts.inputs.values(), *counts.predictions.values()):
        assert sum(column.bins) + column.unseen + column.missing == counts.rows == len(now)


@given(ROWS)
def test_drift_of_the_training_rows_is_zero(rows: list) -> None:
    table, predictions = frame(rows)
    profile, columns = profile_from(table, predictions)
    for column in measure(profile, table, predictions, columns).columns:
        assert column.psi == column.js == 0 == (column.ks or 0)
        assert column.missing == column.missing_reference
        assert column.unseen == 0
        # Only infinities lie outside, where training had a number to tell a range from.
        outside = np.isinf(table["x"]).mean() if column.name == "x" and np.isfinite(table["x"]).any() else 0
        assert column.out_of_range == outside


@settings(max_examples=20)
@given(ROWS)
def test_count_is_the_same_for_every_type_of_a_column(rows: list) -> None:
    table, predictions = frame(rows)
    profile, columns = profile_from(TRAINING[["x", "c"]], TRAINED_PREDICTIONS)
    whole = count(profile, table, predictions, columns)
    for other in (
        table.astype({"c": "category"}),
        table.astype({"c": "string", "x": "Float64"}),
        table.astype(object).where(table.notna(), None),
        {"x": table["x"].to_numpy(), "c": table["c"].to_numpy()},
    ):
        assert count(profile, other, predictions, columns) == whole


def test_count_of_several_chunks_is_complete() -> None:
    table, predictions = some(CHUNK_ROWS + 10, 3)
    parts = [slice(start, start + 20_000) for start in range(0, len(table), 20_000)]
    counted = [count(PROFILE, table.iloc[part], predictions[part], COLUMNS) for part in parts]
    assert reduce(add, counted) == count(PROFILE, table, predictions, COLUMNS)


def test_drift_shares_are_of_all_rows() -> None:
    table, predictions = some(1000, 4)
    table.loc[:99, "x"] = np.nan
    table.loc[100:149, "x"] = 1e9
    table.loc[:199, "c"] = "ZZ"
    drift = by_name(measure(PROFILE, table, predictions, COLUMNS))
    assert (drift["x"].missing, drift["x"].missing_reference, drift["x"].out_of_range) == (0.1, 0, 0.05)
    assert (drift["c"].unseen, drift["c"].ks) == (0.2, None)
    assert drift["x"].psi > 0.25
    assert drift["c"].psi > 0.25


def test_drift_of_a_flag_never_set_in_training_is_found() -> None:
    table = pd.DataFrame({"flag": [False] * 1000})
    profile, columns = profile_from(table, np.zeros(1000))
    column = measure(profile, pd.DataFrame({"flag": [True] * 500}), np.zeros(500), columns).columns[0]
    assert column.psi > 1
    assert column.ks == column.out_of_range == 1


def test_count_of_an_absent_column_is_missing() -> None:
    table, predictions = some(1000, 5)
    drift = by_name(measure(PROFILE, table.drop(columns="x"), predictions, COLUMNS))
    assert drift["x"].missing == 1
    assert drift["x"].psi > 1


def test_drift_leaves_out_columns_that_are_not_logged() -> None:
    table, predictions = some(1000, 5)
    logged = [column for column in COLUMNS if column.name != "c"]
    assert "c" not in by_name(measure(PROFILE, table.drop(columns="c"), predictions, logged))


def test_drift_of_no_rows_is_zero() -> None:
    drift = measure(PROFILE, TRAINING.head(0), np.array([]), COLUMNS)
    assert {column.psi for column in drift.columns} == {0.0}
    assert judge(drift, POLICY).state == "too few rows"


def test_drift_has_a_column_for_each_prediction() -> None:
    random = np.random.default_rng(0)
    table, outputs = TRAINING[["x"]], random.dirichlet([1, 2, 3], len(TRAINING))
    profile, columns = profile_from(table, outputs)
    drift = by_name(measure(profile, table, outputs[:, [1, 0, 2]], columns))
    assert [drift[f"prediction_{k}"].psi > 0.1 for k in range(3)] == [True, True, False]
    with pytest.raises(SpecError, match="more than 2 predictions"):
        measure(profile, table, outputs[:, :2], columns)


@pytest.mark.parametrize(
    ("rows", "predictions", "columns", "words"),
    [
        (TRAINING, TRAINED_PREDICTIONS, [Column("other", "FP64")], "profile lacks other"),
        (TRAINING, np.zeros((len(TRAINING), 2)), COLUMNS, "profile lacks prediction_1"),
        (TRAINING.head(3), TRAINED_PREDICTIONS, COLUMNS, "'x' has 3 rows"),
    ],
)
def test_count_of_inconsistent_arguments_is_refused(rows, predictions, columns, words) -> None:
    with pytest.raises(SpecError, match=words):
        measure(PROFILE, rows, predictions, columns)


def test_counts_of_different_columns_cannot_be_added() -> None:
    table, predictions = some(10, 0)
    with pytest.raises(SpecError, match="different columns"):
        count(PROFILE, table, predictions, COLUMNS) + count(PROFILE, table, predictions, COLUMNS[:1])


# the verdict


def drift_of(*inputs: float, predictions: float = 0.0, rows: int = 1000) -> Drift:
    named = [(f"x{k}", "input", value) for k, value in enumerate(inputs)] + [
        ("prediction_0", "prediction", predictions)
    ]
    return Drift(rows, tuple(ColumnDrift(n, kind, value, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0) for n, kind, value in named))


@pytest.mark.parametrize(
    ("drift", "state"),
    [
        (drift_of(0.0, 0.0), "none"),
        (drift_of(0.25, 0.25), "none"),
        (drift_of(0.26, 0.0), "drifted"),
        (drift_of(0.26, 0.0, 0.0), "none"),
        (drift_of(0.0, 0.0, predictions=0.26), "drifted"),
        (drift_of(0.0, 0.0, predictions=0.25), "none"),
        (drift_of(9.0, 9.0, predictions=9.0, rows=99), "too few rows"),
        (drift_of(9.0, 9.0, rows=100), "drifted"),
    ],
)
def test_judge_follows_the_policy(drift: Drift, state: str) -> None:
    assert judge(drift, POLICY).state == state


@pytest.mark.parametrize(
    ("drift", "moved"),
    [
        (drift_of(0.25, 0.0), ()),
        (drift_of(0.26, 0.0), ("inputs",)),
        (drift_of(0.0, 0.0, predictions=0.26), ("predictions",)),
        (drift_of(0.26, 0.0, 0.0, predictions=0.26), ("predictions",)),
        (drift_of(9.0, predictions=9.0), ("inputs", "predictions")),
        (drift_of(9.0, predictions=9.0, rows=99), ()),
    ],
)
def test_judge_names_moved_inputs_and_predictions(drift: Drift, moved: tuple[str, ...]) -> None:
    assert judge(drift, POLICY).moved == moved


def test_judge_reasons_have_the_largest_psi_first() -> None:
    verdict = judge(drift_of(0.3, 0.0, 2.0, 0.1, predictions=0.5), POLICY)
    assert verdict.columns == ("x2", "prediction_0", "x0")
    assert verdict.share == 0.5
    assert verdict.reasons == (
        "2 of 4 inputs (50%) have a PSI over 0.25; the data counts as drifted from 50%.",
        "Furthest: x2 2.00, x0 0.30.",
        "The predictions' PSI is 0.50, over 0.25.",
    )


def test_judge_of_too_few_rows_names_the_minimum() -> None:
    assert judge(drift_of(9.0, rows=3), POLICY).reasons == ("3 rows are too few to decide: at least 100 are needed.",)
