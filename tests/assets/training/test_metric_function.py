"""A metric of the team's own judges candidate, baseline and champion alike; whatever else it returns is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from intermodal.platform.spec import Gate
from intermodal.platform.training.gate import judge_record
from tests.assets.training.cases import Case, failure, forest, graded, reasons, rows
from tests.assets.training.team_functions import SPEC, Steps


def within(target: pd.Series, predictions: np.ndarray, features: pd.DataFrame) -> float:
    """The share of rows that are predicted within one half, where ``a`` is positive."""
    near = np.abs(target - predictions) < 0.5
    return float(near[features["a"] > 0].mean())


def loss(target: pd.Series, predictions: np.ndarray, features: pd.DataFrame) -> float:
    features["a"] = predictions[:] = 0.0  # what it gets is its own
    return float(np.square(target - predictions).mean())


def test_metric_function_judges_candidate_baseline_and_champion(tmp_path: Path) -> None:
    def baseline(_: pd.DataFrame, target: pd.Series) -> Callable[[pd.DataFrame], np.ndarray]:
        return lambda some: np.full(len(some), target.mean())

    case = Case(tmp_path, lambda _, table: table, baseline=baseline, metric="rows.within", function=within)
    assert case.train().success, "the first candidate has a baseline only"
    case.train(first=4)
    found = case.record.metrics
    heldout, (champion, *_) = rows("2024-06-01"), case.registry.versions("case")
    guesses = case.registry.predictor(champion.candidate)(heldout[["a", "b"]])
    assert found["champion_within"] == pytest.approx(within(heldout["y"], guesses, heldout))
    assert found["within"] > found["baseline_within"] > 0
    assert set(found) == {"within", "baseline_within", "champion_within"}


def test_metric_function_that_is_minimized_prefers_less(tmp_path: Path) -> None:
    def exact(some: pd.DataFrame) -> np.ndarray:
        return (3 * some["a"] - some["b"]).to_numpy()

    def error(target: pd.Series, predictions: np.ndarray, _: pd.DataFrame) -> float:
        return float(np.abs(target - predictions).max())

    case = Case(
        tmp_path,
        lambda _, table: table,
        baseline=lambda *_: exact,
        metric="rows.error",
        function=error,
        gate={"goal": "minimize"},
    )
    result = case.train()
    assert "does not beat the baseline's" in reasons(result)["quality_gate"]
    assert case.record.metrics["error"] > case.record.metrics["baseline_error"]
    assert case.champion is None


def test_metric_function_may_change_what_it_gets(tmp_path: Path) -> None:
    case = Case(tmp_path, lambda _, table: table, metric="rows.loss", function=loss, gate={"goal": "minimize"})
    assert case.train().success
    heldout = case.tables.read("case", "features", "2024-03-01")
    assert case.record.metrics["loss"] == pytest.approx(float(np.square(heldout["y"]).mean()))
    assert not np.allclose(heldout["a"], 0)


def test_metric_function_gets_each_target_by_its_name(tmp_path: Path) -> None:
    def both(target: pd.DataFrame, predictions: dict[str, np.ndarray], features: pd.DataFrame) -> float:
        assert list(target) == list(predictions) == ["y", "z"]
        assert list(features) == ["a", "b"]
        return float(np.abs(target["z"] - predictions["z"]).mean())

    def fit(X: pd.DataFrame, Y: pd.DataFrame) -> Any:
        from sklearn.linear_model import LinearRegression

        return LinearRegression().fit(X, Y)

    def guess(_: pd.DataFrame, target: pd.DataFrame) -> Callable[[pd.DataFrame], dict[str, np.ndarray]]:
        return lambda some: {name: np.full(len(some), target[name].mean()) for name in ("z", "y")}

    case = Case(
        tmp_path,
        lambda _, table: table.assign(z=table["a"] * 2),
        fit,
        baseline=guess,
        metric="rows.both",
        function=both,
        gate={"goal": "minimize"},
        target=["y", "z"],
    )
    result = case.train()
    assert result.success, failure(result)
    assert case.record.metrics["both"] < 0.01 < case.record.metrics["baseline_both"]


def confident(target: pd.Series, predictions: np.ndarray, _: pd.DataFrame) -> float:
    assert set(target) <= {"low", "mid", "top", "high"}
    return float(predictions.max(axis=1).mean())


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["low", "mid", "top", "high"], "gives probabilities [3] and the candidate probabilities [4]"),
        (["low", "mid", "high"], "knows the classes 'low', 'mid', 'top' and the candidate 'high', 'low', 'mid'"),
    ],
)
def test_champion_of_other_classes_is_a_finding(tmp_path: Path, names: list[str], words: str) -> None:
    def change(month: str, table: pd.DataFrame) -> pd.DataFrame:
        table = graded(table)
        if month < "2024-04":
            return table
        return table.assign(
            y=np.where(table["y"] == "top", np.array(names[2:])[table.index % len(names[2:])], table["y"])
        )

    case = Case(tmp_path, change, forest, metric="rows.confident", function=confident)
    assert case.train().success
    text = reasons(case.train(first=4))["quality_gate"]
    assert f"The champion 1.0.0 {words}, so it is not compared on 2024-06 by confident." in text
    assert "champion_confident" not in case.record.metrics


def _raises(*_: Any) -> float:
    raise KeyError("hour")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_raises, ["raised KeyError in", "test_metric_function.py:", "hour"]),
        (lambda *_: None, ["returned None"]),
        (lambda *_: float("nan"), ["returned nan", "finite"]),
        (lambda *_: np.inf, ["returned inf"]),
        (lambda *_: np.ones(3), ["returned a ndarray", "one number"]),
        (lambda *_: True, ["returned a bool"]),
        (lambda *_: "0.5", ["returned a str"]),
        (lambda target: 1.0, ["does not take its arguments", "(target, predictions, features)"]),  # noqa: ARG005
    ],
)
def test_metric_function_that_gives_no_number_is_refused(
    tmp_path: Path, function: Callable[..., Any], words: list[str]
) -> None:
    spec = SPEC.model_copy(update={"gate": Gate(metric="team.score")})
    error = Steps(tmp_path).error(spec, metric=function, baseline=None)
    assert str(error).startswith("team.score (")
    for word in words:
        assert word in str(error)


def test_candidate_of_another_metric_must_be_trained_again(tmp_path: Path) -> None:
    case = Case(tmp_path, lambda _, table: table)
    assert case.train().success
    verdict = judge_record(Gate(metric="rows.within"), case.record)
    assert not verdict.passed
    assert verdict.reasons == ("The candidate was not measured by rows.within: train again.",)
