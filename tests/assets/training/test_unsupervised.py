"""A model that is fitted to rows alone: nothing is predicted that could be compared, unless the team has a metric."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.assets.training.cases import Case, failure, reasons


def unlabelled(_: str, rows: pd.DataFrame) -> pd.DataFrame:
    return rows[["a", "b"]]


def clusters(features: pd.DataFrame, target: None) -> Any:
    assert target is None
    return make_pipeline(StandardScaler(), KMeans(3, n_init=1, random_state=0)).fit(features)


def forest(features: pd.DataFrame, target: None) -> Any:
    assert target is None
    return IsolationForest(n_estimators=10, random_state=0).fit(features)


def case_of(folder: Path, fit: Any, **options: Any) -> Case:
    return Case(folder, unlabelled, fit, **{"metric": None, "target": None, **options})


@pytest.mark.parametrize("fit", [clusters, forest])
def test_model_without_target_and_metric_becomes_a_version(tmp_path: Path, fit: Any) -> None:
    case = case_of(tmp_path, fit)
    result = case.train()
    assert result.success, failure(result)
    assert case.champion == "1.0.0"
    assert reasons(result)["quality_gate"] == "Nothing is compared: gate.metric is null."
    assert (case.record.task, case.record.metrics) == ("regression", {})
    assert [output.name for output in case.record.signature.outputs] == ["prediction"]
    assert case.train(first=4).success, "a second one needs no champion"


def test_metric_function_of_an_unsupervised_model_gets_no_target(tmp_path: Path) -> None:
    def spread(target: None, predictions: np.ndarray, features: pd.DataFrame) -> float:
        assert target is None
        return float(features.groupby(predictions).mean()["a"].std())

    case = case_of(tmp_path, clusters, metric="rows.spread", function=spread, gate={"margin": 9.0})
    assert case.train().success
    assert case.train(first=4).success
    assert set(case.record.metrics) == {"spread", "champion_spread"}
    assert case.record.metrics["spread"] > 0.5


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (lambda X, _: DBSCAN().fit(X), ["returned a DBSCAN, which cannot predict", "rows that fit did not have"]),
        (lambda X, y: LogisticRegression().fit(X, y), ["raised ValueError", "None"]),
    ],
)
def test_fit_that_needs_more_than_rows_is_refused(tmp_path: Path, fit: Any, words: list[str]) -> None:
    text = failure(case_of(tmp_path, fit).train())
    for word in words:
        assert word in text
