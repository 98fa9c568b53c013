"""A package has no row's value of a sensitive column, and the server starts on it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingRegressor

from intermodal.platform.protocol.package import GOLDEN, PROFILE, Golden, Package, Task
from intermodal.platform.protocol.signature import Column, Datatype, Signature
from intermodal.platform.training import dataframes, fit
from intermodal.platform.training.sensitive_values import synthetic, with_synthetic
from intermodal.serving.dataplane import open_plane
from intermodal.serving.runtimes.lightgbm import without_values

COLUMNS = (
    Column("distance", "FP64"),
    Column("age", "INT64"),
    Column("income", "FP64", nullable=True),
    Column("postcode", "BYTES", categories=("AB1 2CD", "EF3 4GH", "JK5 6LM")),
    Column("married", "BOOL"),
    Column("carrier", "BYTES", categories=("AA", "UA")),
)
SENSITIVE = ["age", "income", "postcode", "married"]


def table(rows: int = 400) -> pd.DataFrame:
    dice = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "distance": dice.uniform(0, 10, rows),
            "age": dice.choice([18, 33, 47, 61, 77], rows),
            "income": np.where(dice.random(rows) < 0.3, np.nan, dice.uniform(10_000, 90_000, rows)),
            "postcode": dice.choice(["AB1 2CD", "EF3 4GH", "JK5 6LM"], rows),
            "married": dice.random(rows) < 0.5,
            "carrier": dice.choice(["AA", "UA"], rows),
        }
    )


def packed(folder: Path, estimator: Any, target: pd.Series, sensitive: list[str]) -> None:
    rows = table()
    estimator.fit(dataframes.typed(rows, COLUMNS), target)
    classes = np.asarray(getattr(estimator, "classes_", []))
    task: Task = "binary" if classes.size else "regression"
    signature = Signature(COLUMNS, dataframes.outputs_of(task, classes.tolist()))
    fitted = fit.Fitted(estimator, task, signature, classes)
    spec: Any = SimpleNamespace(name="m", features=SimpleNamespace(sensitive=sensitive))
    fit.package(spec, fitted, rows, rows, folder)


@pytest.fixture(params=["lightgbm", "sklearn"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    rows = table()
    if request.param == "lightgbm":
        packed(tmp_path, LGBMClassifier(n_estimators=5, verbose=-1), rows["age"] > 40, SENSITIVE)
    else:
        estimator = HistGradientBoostingRegressor(max_iter=5, categorical_features="from_dtype")
        packed(tmp_path, estimator, rows["distance"] + rows["age"], SENSITIVE)
    return tmp_path


def test_golden_rows_are_synthetic_in_sensitive_columns(folder: Path) -> None:
    rows, golden = table(), pd.DataFrame(Golden.read(folder).rows)
    for name in ("age", "income"):
        assert not set(golden[name].dropna()) & set(rows[name])
    assert all(golden[name].dropna().nunique() == 1 for name in SENSITIVE)
    assert golden["income"].isna().tolist() == [i % 2 == 1 for i in range(len(golden))]
    assert set(golden["distance"]) <= set(rows["distance"])
    assert golden["distance"].nunique() == len(golden)


def test_server_starts_on_a_package_with_sensitive_columns(folder: Path) -> None:
    assert open_plane(Package.read(folder), folder, "1.0.0").version == "1.0.0"


def test_profile_has_no_sensitive_column(folder: Path) -> None:
    names = [column["name"] for column in json.loads((folder / PROFILE).read_text())["columns"]]
    assert names == ["distance", "carrier", "prediction_0"]


def test_lightgbm_file_has_no_range_and_text_of_sensitive_columns(tmp_path: Path) -> None:
    hidden, plain = tmp_path / "hidden", tmp_path / "plain"
    for folder, sensitive in ((hidden, SENSITIVE), (plain, list[str]())):
        folder.mkdir()
        packed(folder, LGBMClassifier(n_estimators=5, verbose=-1), table()["age"] > 40, sensitive)
    text, other = ((folder / "model.txt").read_text() for folder in (hidden, plain))
    assert "AB1 2CD" in other
    assert "AB1 2CD" not in text
    infos = next(line for line in text.splitlines() if line.startswith("feature_infos="))
    assert infos.split(" ")[1:5] == ["none"] * 4
    assert "none" not in infos.split(" ")[0]
    body = json.dumps({"instances": list(Golden.read(plain).rows)}).encode()
    planes = [open_plane(Package.read(folder), folder, "1.0.0") for folder in (hidden, plain)]
    values = [plane.answer(plane.read_any(body, "json")).values for plane in planes]
    assert values[0] == values[1]
    assert (hidden / GOLDEN).read_text() != (plain / GOLDEN).read_text()


def test_without_sensitive_columns_the_model_file_is_unchanged() -> None:
    text = "feature_infos=[0:1] [2:3]\ntree\npandas_categorical:[]\n"
    columns = (Column("a", "FP64"), Column("b", "INT64"))
    assert without_values(text, columns, []) == text
    assert without_values(text, columns, ["b"]) == text.replace("[2:3]", "none")


NUMBERS: dict[Datatype, st.SearchStrategy[Any]] = {
    "FP64": st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300),
    "INT64": st.integers(-(2**62), 2**62),
}


@given(st.data(), st.sampled_from(sorted(NUMBERS)))
def test_synthetic_number_has_two_digits_and_its_type(data: st.DataObject, datatype: Datatype) -> None:
    values = data.draw(st.lists(NUMBERS[datatype], min_size=1, max_size=5))
    value = synthetic(pd.Series(values), Column("x", datatype))
    assert type(value) is {"FP64": float, "INT64": int}[datatype]
    assert datatype == "INT64" or value == float(f"{value:.1e}")


@pytest.mark.parametrize(
    ("column", "values", "value"),
    [
        (Column("x", "FP64", True), [np.nan, np.nan], 1.0),
        (Column("x", "FP64"), [1.7e308, 1.7e308], 1.0),
        (Column("x", "INT64"), [40, 45], 42),
        (Column("x", "BOOL"), [True, True], False),
        (Column("x", "BYTES"), ["my name", "yours"], "text"),
        (Column("x", "BYTES", categories=("a", "b")), ["b", "b"], "a"),
    ],
)
def test_synthetic_value_by_type(column: Column, values: list[Any], value: Any) -> None:
    assert synthetic(pd.Series(values), column) == value


def test_with_synthetic_leaves_other_columns_and_the_index() -> None:
    golden = pd.DataFrame({"a": [1.5, 2.5], "b": [3.5, 4.5]}, index=[7, 9])
    changed = with_synthetic(golden, golden, [Column("b", "FP64", True)])
    assert changed["a"].tolist() == [1.5, 2.5]
    assert changed["b"].tolist() == [4.0, None]
    assert changed.index.tolist() == [7, 9]
