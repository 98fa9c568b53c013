"""The metric of each group of rows, and a candidate that is bad for one of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.ports.registry import Slice
from intermodal.platform.training.slices import table
from tests.assets.training.cases import Case, failure, forest, reasons

LONG = "a very long name | of a group that no table could hold"


def grouped(_: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Of the target in group c nothing is known; d has few rows."""
    names = np.array(["a", "b", "c", "a", "b", "c", "c", "b", "a", "d"])[rows.index % 10]
    noise = np.random.default_rng(1).normal(scale=20, size=len(rows))
    return rows.assign(group=pd.Categorical(names), y=np.where(names == "c", noise, rows["y"]))


def sliced(folder: Path, change: Any = grouped, fit: Any = None, **options: Any) -> Case:
    gate = {"slices": ["group"], **options.pop("gate", {})}
    return Case(folder, change, **({"fit": fit} if fit else {}), gate=gate, **options)


def test_slices_are_measured_worst_first(tmp_path: Path) -> None:
    case = sliced(tmp_path)
    result = case.train()
    assert result.success, failure(result)
    record = case.record
    assert record.slices[0].value == "c"
    assert {each.value: each.rows for each in record.slices} == {"a": 36, "b": 36, "c": 36}
    assert record.metrics["worst_slice_rmse"] == record.slices[0].figure > record.metrics["rmse"]
    squares = sum(each.figure**2 * each.rows for each in record.slices)
    assert squares <= record.metrics["rmse"] ** 2 * 120
    assert record.from_json(record.to_json()).slices == record.slices
    (check,) = [each for each in result.get_asset_check_evaluations() if each.check_name == "quality_gate"]
    lines = str(check.metadata["slices"].value).splitlines()
    assert lines[2].startswith("| group | c | 36 |")
    assert check.metadata["worst_slice_rmse"].value == record.slices[0].figure
    assert "1 values of group have fewer than 30 rows" in reasons(result)["quality_gate"]


def test_candidate_whose_worst_slice_is_too_bad_does_not_pass(tmp_path: Path) -> None:
    case = sliced(tmp_path, gate={"worst_slice": 5.0})
    text = reasons(case.train())["quality_gate"]
    assert "The worst slice, group 'c', has rmse" in text
    assert "worse than 5." in text
    assert case.champion is None


def test_candidate_whose_worst_slice_is_good_enough_passes(tmp_path: Path) -> None:
    case = sliced(tmp_path, gate={"worst_slice": 500})
    assert "not worse than 500." in reasons(case.train())["quality_gate"]
    assert case.champion == "1.0.0"


def test_worst_slice_of_a_sensitive_column_names_no_value(tmp_path: Path) -> None:
    def secret(month: str, rows: pd.DataFrame) -> pd.DataFrame:
        rows = grouped(month, rows)
        return rows.assign(group=np.where(rows["group"] == "c", "Zebra", "Yak"))

    case = sliced(tmp_path, secret, _line, sensitive=["group"], gate={"worst_slice": 5.0})
    result = case.train()
    text = reasons(result)["quality_gate"] + case.record.to_json()
    assert "The worst slice, a value of group, has rmse" in text
    assert "Zebra" not in text
    assert "(not named)" in table("rmse", case.record.slices)


def test_slice_with_one_class_is_left_out_and_named(tmp_path: Path) -> None:
    def classes(month: str, rows: pd.DataFrame) -> pd.DataFrame:
        rows = grouped(month, rows)
        return rows.assign(y=np.where(rows["group"] == "a", "no", np.where(rows["y"] > 0, "yes", "no")))

    case = sliced(tmp_path, classes, _on_numbers, metric="roc_auc")
    text = reasons(case.train())["quality_gate"]
    assert "roc_auc cannot be computed for 'a' of group." in text
    assert {each.value for each in case.record.slices} == {"b", "c"}


def _line(X: pd.DataFrame, y: pd.Series) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(make_column_transformer(("passthrough", ["a", "b"])), LinearRegression()).fit(X, y)


def _on_numbers(X: pd.DataFrame, y: pd.Series) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline

    numbers = make_column_transformer(("passthrough", ["a", "b"]))
    return make_pipeline(numbers, type(forest(X[["a", "b"]], y))(n_estimators=5, random_state=0)).fit(X, y)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda rows: rows["a"], ["'group', which is FP64", "pd.cut"]),
        (lambda rows: pd.Timestamp("2020-01-01") + pd.to_timedelta(rows.index, "h"), ["a point in time"]),
        (lambda rows: rows.index % 21, ["has 21 values", "at most 20"]),
        (None, ["'group', which is no input", "Inputs: a, b"]),
    ],
)
def test_slices_of_unfit_columns_are_refused(tmp_path: Path, values: Any, words: list[str]) -> None:
    case = sliced(tmp_path, lambda _, rows: rows if values is None else rows.assign(group=values(rows)), _on_numbers)
    text = failure(case.train())
    for word in ["gate.slices names", *words]:
        assert word in text


def test_limit_without_a_measured_slice_does_not_pass(tmp_path: Path) -> None:
    case = sliced(tmp_path, lambda _, rows: rows.assign(group=rows.index % 20), gate={"worst_slice": 500})
    assert "No slice could be measured" in reasons(case.train())["quality_gate"]


@given(
    st.lists(st.builds(Slice, st.text(min_size=1), st.none() | st.text(), st.integers(30, 10**7), st.floats(-1e9, 1e9)))
)
def test_table_of_slices_has_lines_of_80_characters(slices: list[Slice]) -> None:
    lines = table("a_metric_of_quite_a_long_name", [*slices, Slice(LONG, LONG, 30, 0.5)]).split("\n")
    assert len(lines) == len(slices) + 3
    assert all(len(line) <= 80 for line in lines)
    assert all(line.replace("\\|", "").count("|") == 5 for line in lines)
