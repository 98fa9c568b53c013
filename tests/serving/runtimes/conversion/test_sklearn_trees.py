"""Trees, forests and gradient boosting of scikit-learn as LightGBM's text: the same predictions in every bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import ensemble, tree
from sklearn.linear_model import LinearRegression

from intermodal.serving.runtimes.conversion.sklearn_trees import largest_left
from tests.serving.runtimes.conversion import tree_worlds as worlds

FORESTS = ["RandomForest", "ExtraTrees", "DecisionTree", "ExtraTree"]
ENDS = {"regression": "Regressor", "binary": "Classifier", "multiclass": "Classifier"}


def estimator(name: str, task: str, **options: Any) -> Any:
    kind = getattr(ensemble if hasattr(ensemble, name + ENDS[task]) else tree, name + ENDS[task])
    return kind(random_state=1, **options)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    task=st.sampled_from(sorted(ENDS)),
    name=st.sampled_from(FORESTS),
    gaps=st.booleans(),
    leaf=st.sampled_from([1, 5]),
    trees=st.integers(1, 12),
)
def test_forest_predicts_as_the_estimator(seed: int, task: str, name: str, gaps: bool, leaf: int, trees: int) -> None:
    rows, others = (worlds.table(seed + i, 120, gaps=gaps, texts=False) for i in range(2))
    options = {"n_estimators": trees} if name in FORESTS[:2] else {}
    model = estimator(name, task, min_samples_leaf=leaf, **options)
    worlds.require_equal(model, rows, worlds.target(rows, task), others)


@pytest.mark.parametrize(
    ("task", "loss"),
    [
        *(("regression", loss) for loss in ("squared_error", "absolute_error", "huber", "quantile")),
        *(("binary", loss) for loss in ("log_loss", "exponential")),
        ("multiclass", "log_loss"),
    ],
)
@pytest.mark.parametrize("init", [None, "zero"])
def test_gradient_boosting_is_served_as_lightgbm(task: str, loss: str, init: str | None, tmp_path: Path) -> None:
    rows = worlds.table(4, 300, gaps=False, texts=False)
    model = estimator("GradientBoosting", task, loss=loss, init=init, n_estimators=20)
    package, findings = worlds.packed(model, rows, worlds.target(rows, task), tmp_path)
    assert (package.format, package.task, findings) == ("lightgbm", task, ())


def test_forest_of_two_targets_has_a_set_of_trees_for_each(tmp_path: Path) -> None:
    rows = worlds.table(4, 200, gaps=False, texts=False)
    values: Any = pd.DataFrame({"a": worlds.target(rows, "regression"), "b": -rows["size"]})
    package, _ = worlds.packed(estimator("RandomForest", "regression", n_estimators=7), rows, values, tmp_path)
    assert (package.format, package.signature.width) == ("lightgbm", 2)


def test_forest_of_several_threads_is_served_as_lightgbm(tmp_path: Path) -> None:
    rows = worlds.table(4, 200, texts=False)
    model = estimator("RandomForest", "regression", n_estimators=30, n_jobs=2)
    assert worlds.packed(model, rows, worlds.target(rows, "regression"), tmp_path)[0].format == "lightgbm"


def test_boosting_from_another_estimator_is_not_converted(tmp_path: Path) -> None:
    rows = worlds.table(4, 200, gaps=False, texts=False)
    model = estimator("GradientBoosting", "regression", init=LinearRegression(), n_estimators=5)
    package, findings = worlds.packed(model, rows, worlds.target(rows, "regression"), tmp_path)
    assert package.format != "lightgbm"
    assert "its first predictions are those of another estimator" in findings[0]


@given(
    st.floats(-3e38, 3e38, width=64).filter(lambda value: value == 0 or abs(value) > 1e-40),
    st.booleans(),
)
def test_largest_left_is_the_last_value_on_the_left(threshold: float, of_float32: bool) -> None:
    threshold = float(np.float32(threshold)) if of_float32 else threshold
    last = float(largest_left([threshold])[0])
    assert np.float64(np.float32(last)) <= threshold
    assert np.float64(np.float32(np.nextafter(last, np.inf))) > threshold
