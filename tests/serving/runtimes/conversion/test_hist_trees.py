"""HistGradientBoosting of scikit-learn as LightGBM's text: the same predictions in every bit."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline

from intermodal.platform.protocol.conversion import NotConvertible
from intermodal.serving.dataplane import open_plane
from intermodal.serving.runtimes import lightgbm
from tests.serving.runtimes.conversion import tree_worlds as worlds

IDENTITY = ["squared_error", "absolute_error", "quantile"]
LOG = ["poisson", "gamma"]


def digits(rows: pd.DataFrame) -> pd.DataFrame:
    """scikit-learn takes texts of digits for numbers."""
    return rows.assign(color=rows["color"].map(dict(zip(worlds.COLORS, "1234", strict=True))))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    task=st.sampled_from(["regression", "binary", "multiclass"]),
    gaps=st.booleans(),
    texts=st.booleans(),
    options=st.fixed_dictionaries(
        {
            "max_iter": st.integers(1, 12),
            "max_leaf_nodes": st.sampled_from([2, 5, 31]),
            "min_samples_leaf": st.sampled_from([1, 5, 20]),
            "max_bins": st.sampled_from([4, 20, 255]),
            "learning_rate": st.sampled_from([0.1, 0.7]),
            "early_stopping": st.booleans(),
        }
    ),
)
def test_hist_trees_predict_as_the_estimator(
    seed: int, task: str, gaps: bool, texts: bool, options: dict[str, Any]
) -> None:
    rows, others = (worlds.table(seed + i, 150, gaps=gaps, texts=texts) for i in range(2))
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    worlds.require_equal(kind(random_state=1, **options), rows, worlds.target(rows, task), others)


@pytest.mark.parametrize("loss", [*IDENTITY, *LOG])
def test_loss_of_a_regression_has_the_same_link(loss: str, tmp_path: Path) -> None:
    rows = worlds.table(1, 300)
    values = worlds.target(rows, "regression")
    model = HistGradientBoostingRegressor(loss=loss, quantile=0.3, max_iter=20)
    package, findings = worlds.packed(model, rows, values - values.min() + 1, tmp_path)
    assert (package.format, findings) == ("lightgbm", ())


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classifier_is_served_as_lightgbm(task: str, tmp_path: Path) -> None:
    rows = worlds.table(1, 300)
    package, findings = worlds.packed(
        HistGradientBoostingClassifier(max_iter=20), rows, worlds.target(rows, task), tmp_path
    )
    assert (package.format, package.task, package.python, findings) == ("lightgbm", task, "", ())


def test_integers_are_categories_when_the_estimator_says_so() -> None:
    rows, others = worlds.table(1, 300), worlds.table(2, 300)
    rows, others = (table.assign(count=table["count"].abs() * 7) for table in (rows, others))
    model = HistGradientBoostingRegressor(max_iter=20, categorical_features=["count", "color"])
    assert worlds.require_equal(model, rows, worlds.target(rows, "regression"), others) > 600


@pytest.mark.parametrize("missing", [True, False])
def test_unseen_category_takes_the_way_of_a_missing_one(missing: bool, tmp_path: Path) -> None:
    rows = worlds.table(3, 300)
    if not missing:
        rows["color"] = rows["color"].fillna("red")
    model, columns = worlds.fitted(HistGradientBoostingRegressor(max_iter=30), rows, worlds.target(rows, "regression"))
    worlds.packed(model.estimator, rows, worlds.target(rows, "regression"), tmp_path)
    plane = open_plane(lightgbm.Package.read(tmp_path), tmp_path, "1.0.0")
    row = rows.drop(columns="color").fillna(0.0).iloc[0].to_dict()
    request = plane.read_any(plane._encode({"instances": [{**row, "color": "mauve"}]}), "json")
    expected = model.estimator.predict(
        rows.head(1).fillna({"gap": 0.0}).assign(color=pd.Categorical([None], columns[1].categories))
    )
    assert plane.answer(request).values == expected.tolist()


@pytest.mark.parametrize(
    ("change", "options", "reason"),
    [
        (lambda rows: rows.assign(size=rows["size"] * 1e-40), {}, "'size' is split between 0 and 1e-35"),
        (lambda rows: rows, {"categorical_features": ["size", "color"]}, "'size' is a number with a fraction"),
        (lambda rows: rows, {"categorical_features": ["count", "color"]}, "'count' has integers below 0 or above"),
        (digits, {"categorical_features": None}, "'color' is neither a number nor a category"),
    ],
    ids=["zero", "fraction", "negative", "digits"],
)
def test_what_is_not_exact_is_a_pickle_with_a_finding(
    change: Any, options: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    rows = change(worlds.table(1, 200))
    values = worlds.target(worlds.table(1, 200), "regression")
    package, findings = worlds.packed(HistGradientBoostingRegressor(max_iter=20, **options), rows, values, tmp_path)
    assert package.format != "lightgbm"
    assert len(findings) == 1
    assert findings[0].startswith("The format lightgbm is not used: ")
    assert reason in findings[0]


def test_loss_without_an_equal_is_not_converted() -> None:
    rows = worlds.table(1, 100)
    model, columns = worlds.fitted(HistGradientBoostingRegressor(max_iter=2), rows, worlds.target(rows, "regression"))
    model.estimator._loss = object()
    with pytest.raises(NotConvertible, match="no equal of the loss"):
        lightgbm.LightgbmRuntime.conversion(model.estimator, columns)


def test_subclass_and_pipeline_are_left_to_other_formats() -> None:
    class Doubled(HistGradientBoostingRegressor):  # type: ignore[misc, unused-ignore]
        def predict(self, features: Any) -> Any:
            return 2 * super().predict(features)

    assert lightgbm.LightgbmRuntime.takes(HistGradientBoostingRegressor())
    assert not lightgbm.LightgbmRuntime.takes(Doubled())
    assert not lightgbm.LightgbmRuntime.takes(make_pipeline(HistGradientBoostingRegressor()))


def test_server_of_converted_trees_imports_no_library_of_python(tmp_path: Path) -> None:
    rows = worlds.table(1, 200)
    worlds.packed(HistGradientBoostingRegressor(max_iter=5), rows, worlds.target(rows, "regression"), tmp_path)
    program = (
        "import sys; from pathlib import Path; from intermodal.platform.protocol.package import Package; "
        "from intermodal.serving.dataplane import open_plane; folder = Path(sys.argv[1]); "
        "open_plane(Package.read(folder), folder, '1.0.0'); "
        "print(sorted({'numpy', 'pandas', 'sklearn', 'lightgbm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_tree_of_one_leaf_gives_its_value() -> None:
    rows = worlds.table(1, 60)
    values = pd.Series(np.full(60, 2.5))
    worlds.require_equal(HistGradientBoostingRegressor(max_iter=2), rows, values, worlds.table(2, 60))
