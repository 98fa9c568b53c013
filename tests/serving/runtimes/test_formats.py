"""Each format of a model file: written in training, loaded by the server, with the same predictions."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from intermodal.platform import catalogue
from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.package import Package
from intermodal.platform.training import fit, formats
from intermodal.platform.training.columns import columns_of_partitions
from intermodal.serving.dataplane import open_plane
from intermodal.serving.errors import RequestError, StartError
from intermodal.serving.runtimes.loader import load

ROWS = 400
Fit = Callable[..., Any]


def table(text: str) -> pd.DataFrame:
    """``text`` is the dtype of the text column."""
    random = np.random.default_rng(3)
    made = pd.DataFrame(
        {
            "size": random.normal(0, 100, ROWS),
            "gap": np.where(random.random(ROWS) < 0.2, np.nan, random.normal(0, 1, ROWS)),
            "hour": random.integers(0, 24, ROWS),
            "small": random.integers(0, 9, ROWS).astype("int8"),
            "single": random.normal(0, 1, ROWS).astype("float32"),
            "carrier": random.choice(["UA", "AA", "B6"], ROWS),
        }
    )
    return made.astype({"carrier": text})


def target(rows: pd.DataFrame, task: str) -> pd.Series:
    score = rows["hour"] + 10.0 * (rows["carrier"].astype(str) == "UA") + rows["size"] / 50
    classes = {"binary": [-np.inf, 14, np.inf], "multiclass": [-np.inf, 8, 16, np.inf]}
    return score if task == "regression" else pd.Series(pd.cut(score, classes[task], labels=False))


def xgboost(rows: pd.DataFrame, values: pd.Series) -> Any:
    from xgboost import XGBClassifier, XGBRegressor

    chosen = XGBRegressor if values.dtype == float else XGBClassifier
    return chosen(n_estimators=20, enable_categorical=True, n_jobs=1).fit(rows, values)


def xgboost_stopped_early(rows: pd.DataFrame, values: pd.Series) -> Any:
    from xgboost import XGBClassifier, XGBRegressor

    chosen = XGBRegressor if values.dtype == float else XGBClassifier
    model = chosen(n_estimators=200, learning_rate=1.0, enable_categorical=True, early_stopping_rounds=2, n_jobs=1)
    return model.fit(rows[:200], values[:200], eval_set=[(rows[200:], values[200:])], verbose=False)


def catboost(rows: pd.DataFrame, values: pd.Series) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    chosen = CatBoostRegressor if values.dtype == float else CatBoostClassifier
    model = chosen(iterations=20, verbose=False, thread_count=1, allow_writing_files=False, cat_features=["carrier"])
    return model.fit(rows, values)


def lightgbm(rows: pd.DataFrame, values: pd.Series) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    chosen = LGBMRegressor if values.dtype == float else LGBMClassifier
    return chosen(n_estimators=20, verbose=-1, n_jobs=1).fit(rows, values)


def packed(folder: Path, function: Fit, task: str, text: str = "category", gaps: bool = True) -> Package:
    rows = table(text) if gaps else table(text).fillna({"gap": 0.0})
    columns = columns_of_partitions({"2024-01-01": rows}, {"2024-02-01": rows})
    fitted = fit.fit(function, rows, target(rows, task), {}, columns)
    spec: Any = SimpleNamespace(name="m", features=SimpleNamespace(sensitive=[]))
    fit.package(spec, fitted, rows, rows, folder)
    return Package.read(folder)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize(
    ("function", "format", "text"),
    [
        (lightgbm, "lightgbm", "category"),
        (xgboost, "xgboost", "category"),
        (xgboost_stopped_early, "xgboost", "category"),
        (catboost, "catboost", "object"),
        (catboost, "catboost", "category"),
    ],
)
def test_library_model_predicts_in_the_server_as_in_training(
    tmp_path: Path, function: Fit, format: str, text: str, task: str
) -> None:
    package = packed(tmp_path, function, task, text)
    assert (package.format, package.task) == (format, task)
    plane = open_plane(package, tmp_path, "1.0.0")  # which repeats the golden rows, alone and together
    assert plane.version == "1.0.0"


def test_xgboost_with_another_missing_value_is_a_pickle(tmp_path: Path) -> None:
    def fit_marked(rows: pd.DataFrame, values: pd.Series) -> Any:
        from xgboost import XGBRegressor

        return XGBRegressor(n_estimators=3, enable_categorical=True, missing=-1.0, n_jobs=1).fit(rows, values)

    assert packed(tmp_path, fit_marked, "regression", gaps=False).format == "sklearn"


@pytest.mark.parametrize("function", [xgboost, catboost, lightgbm])
def test_damaged_model_file_ends_the_start_with_its_path(tmp_path: Path, function: Fit) -> None:
    package = packed(tmp_path, function, "binary")
    (tmp_path / package.file).write_bytes(b"damaged")
    with pytest.raises(StartError, match=package.file):
        load(package, tmp_path)


def test_xgboost_number_beyond_float32_is_refused(tmp_path: Path) -> None:
    package = packed(tmp_path, xgboost, "regression")
    plane = open_plane(package, tmp_path, "1.0.0")
    row = {"size": 1e300, "gap": None, "hour": 1, "small": 1, "single": 1.0, "carrier": "UA"}
    request = plane.read_any(json.dumps({"instances": [row]}).encode(), "json")
    with pytest.raises(RequestError, match="The model cannot take these rows"):
        plane.answer(request)


def test_estimator_that_no_format_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "names", lambda _: ("lightgbm", "xgboost"))
    with pytest.raises(SpecError, match="No format takes a object"):
        formats.formats_of(object())
