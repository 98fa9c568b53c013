"""The fit function gets the types that the feature function gave, and the server gives the model the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from intermodal.platform.protocol.package import DESCRIPTOR, PROFILE, Package
from intermodal.platform.training.dataframes import records
from intermodal.serving.dataplane import open_plane
from tests.assets.training.cases import ROWS, Case, failure

WORDS = ("late", "cancelled", "refund", "thanks", "great", "lovely", "broken", "missing", "slow", "fast")


def messages(month: str, _: pd.DataFrame) -> pd.DataFrame:
    """Free text: each one occurs once."""
    dice = np.random.default_rng(int(month[5:7]))
    texts = [" ".join(dice.choice(WORDS, 6)) + f" {number}{month}" for number in range(ROWS)]
    return pd.DataFrame({"message": texts, "y": ["bad" if "refund" in text else "good" for text in texts]})


def of_words(X: pd.DataFrame, y: pd.Series) -> Any:
    return make_pipeline(ColumnTransformer([("t", TfidfVectorizer(), "message")]), LogisticRegression()).fit(X, y)


class Length:
    """Predicts the length of a text. It has no base class of scikit-learn."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return X["message"].fillna("").str.len().to_numpy(dtype=float)


def lengths(month: str, table: pd.DataFrame) -> pd.DataFrame:
    return messages(month, table).assign(y=lambda made: made["message"].str.len().astype(float))


def graded(_: str, table: pd.DataFrame) -> pd.DataFrame:
    """A text of three values that decides the target."""
    c = np.arange(ROWS) % 3
    return table.assign(c=np.array(["u", "v", "w"], dtype=object)[c], y=table["y"] + 10 * c)


def by_dtype(X: pd.DataFrame, y: pd.Series) -> Any:
    texts = OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include=object)
    numbers = "passthrough", make_column_selector(dtype_include="number")
    return make_pipeline(make_column_transformer(texts, numbers), Ridge()).fit(X, y)


class Recorded:
    """Refuses rows whose dtypes are not those that it was fitted to; else predicts their number of values."""

    def __init__(self, X: pd.DataFrame, _: pd.Series) -> None:
        self.dtypes = X.dtypes.astype(str).to_dict()

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        if (found := X.dtypes.astype(str).to_dict()) != self.dtypes:
            raise ValueError(f"fitted to {self.dtypes}, given {found}")
        return X.notna().sum(axis=1).to_numpy(dtype=float)


def _as(dtype: str) -> Callable[[str, pd.DataFrame], pd.DataFrame]:
    return lambda _, table: table.assign(x=pd.Series(np.arange(ROWS) % 2).astype(dtype))


def _text(dtype: str) -> Callable[[str, pd.DataFrame], pd.DataFrame]:
    return lambda _, table: table.assign(x=pd.Series(np.array(["u", "v"])[np.arange(ROWS) % 2]).astype(dtype))


def _gaps(dtype: str) -> Callable[[str, pd.DataFrame], pd.DataFrame]:
    def change(_: str, table: pd.DataFrame) -> pd.DataFrame:
        values = pd.Series(np.arange(ROWS) % 2, dtype="Int64").astype(dtype)
        return table.assign(x=values.mask(pd.Series(np.arange(ROWS) % 5 == 0)))

    return change


def _hours(zone: str | None) -> Callable[[str, pd.DataFrame], pd.DataFrame]:
    def change(month: str, table: pd.DataFrame) -> pd.DataFrame:
        # The clock goes back in this night, so New York has the hour from one to two twice.
        hours = pd.Series(pd.date_range(f"2024-11-0{month[6]}", periods=ROWS, freq="17min", tz="UTC"))
        return table.assign(x=hours.dt.tz_convert(zone) if zone else hours.dt.tz_localize(None))

    return change


def served(case: Case, folder: Path, rows: pd.DataFrame) -> list[list[float]]:
    """What the server answers for these rows."""
    folder.mkdir()
    package = case.registry.download(case.registry.candidate("case"), folder)
    plane = open_plane(Package.read(package), package, "1.0.0")
    request = plane.read_any(json.dumps({"instances": records(rows)}).encode(), "json")
    answer = json.loads(plane.answer(request).body)["predictions"]
    return np.reshape(answer, (len(rows), -1)).tolist()


def test_free_text_reaches_the_model_as_it_is(tmp_path: Path) -> None:
    case = Case(tmp_path / "registry", messages, of_words, "accuracy")
    result = case.train()
    assert result.success, failure(result)
    rows = pd.DataFrame({"message": ["refund refund please", "thanks, lovely"]})
    bad = [row[0] for row in served(case, tmp_path / "package", rows)]  # P(good) of two texts that are new
    assert bad[0] < 0.5 < bad[1]


def test_package_has_no_free_text_of_training(tmp_path: Path) -> None:
    case = Case(tmp_path / "registry", messages, of_words, "accuracy")
    assert case.train().success
    folder = case.registry.download(case.registry.candidate("case"), tmp_path)
    for name in (DESCRIPTOR, PROFILE):
        assert "2024-0" not in (folder / name).read_text(), name


def test_unseen_text_is_not_a_missing_value(tmp_path: Path) -> None:
    case = Case(tmp_path / "registry", lengths, lambda *_: Length())
    result = case.train()
    assert result.success, failure(result)
    assert served(case, tmp_path / "package", pd.DataFrame({"message": ["", "four", "a text that is new"]})) == [
        [0.0],
        [4.0],
        [18.0],
    ]


def test_pipeline_that_selects_columns_by_dtype_has_its_texts(tmp_path: Path) -> None:
    case = Case(tmp_path / "registry", graded, by_dtype)
    result = case.train()
    assert result.success, failure(result)
    assert case.record.metrics["rmse"] < 1  # without the text it is 8
    rows = pd.DataFrame({"a": [0.0, 0.0], "b": [0.0, 0.0], "c": ["u", "w"]})
    (low,), (high,) = served(case, tmp_path / "package", rows)
    assert high - low == pytest.approx(20, abs=1)


@pytest.mark.parametrize(
    "change",
    [
        *(
            _as(name)
            for name in ("int8", "uint16", "int64", "float32", "float64", "bool", "Int32", "Float32", "boolean")
        ),
        *(_text(name) for name in ("object", "category", "string")),
        *(_gaps(name) for name in ("Int64", "boolean", "Float64", "string")),
        *(_hours(zone) for zone in (None, "UTC", "America/New_York")),
    ],
)
def test_server_gives_the_dtypes_of_training(
    tmp_path: Path, change: Callable[[str, pd.DataFrame], pd.DataFrame]
) -> None:
    case = Case(tmp_path / "registry", change, Recorded)
    result = case.train()
    assert result.success, failure(result)
    rows = change("2024-03-01", pd.DataFrame({"a": np.zeros(ROWS), "b": np.zeros(ROWS)})).head(12)
    assert served(case, tmp_path / "package", rows) == [[float(count)] for count in rows.notna().sum(axis=1)]


class Hour:
    """Predicts the hour in UTC."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return X["x"].dt.hour.to_numpy(dtype=float)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2024-11-03T05:30:00Z", 5),
        ("2024-11-03T01:30:00-04:00", 5),  # the first half past one of this night in New York
        ("2024-11-03T01:30:00-05:00", 6),  # the second
        ("2024-11-03 05:30:00", 5),  # without an offset: UTC
        ("2024-11-03", 0),
    ],
)
def test_point_in_time_of_a_request_is_utc(tmp_path: Path, text: str, hour: int) -> None:
    case = Case(tmp_path / "registry", _hours("America/New_York"), lambda *_: Hour())
    result = case.train()
    assert result.success, failure(result)
    assert served(case, tmp_path / "package", pd.DataFrame({"a": [0.0], "b": [0.0], "x": [text]})) == [[float(hour)]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (graded, "'c' is text, which most estimators do not take: make it a category"),
        (_hours("UTC"), "'x' is a point in time, which no estimator takes: compute numbers from it"),
    ],
)
def test_column_that_an_estimator_refuses_is_named_with_the_way_out(
    tmp_path: Path, change: Callable[[str, pd.DataFrame], pd.DataFrame], words: str
) -> None:
    result = Case(tmp_path / "registry", change).train()  # LightGBM takes neither
    assert not result.success
    assert words in failure(result)
