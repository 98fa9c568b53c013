"""Whatever a team's function returns is either trained on or refused with function, column, month and remedy."""

import datetime
import threading
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from intermodal.platform.training import contract
from intermodal.platform.training.kinds import kind
from intermodal.resources.storage.tables import ParquetTables
from tests.assets.training.team_functions import ROWS, SPEC, OnSize, Regression, Steps, data, even, features

MONTH = "2020-02"
Returned = Callable[[pd.DataFrame], Any]


def cells(column: str, *values: Any) -> Returned:
    """The table with these values in a column of objects, repeated."""
    return lambda table: table.assign(
        **{column: pd.Series([values[row % len(values)] for row in range(len(table))], dtype=object)}
    )


def column(name: str, values: Any) -> Returned:
    return lambda table: table.assign(**{name: values})


YEAR_2020, YEAR_9999 = np.datetime64("2020-01-01", "s"), np.datetime64("9999-12-31", "s")
"""The second is how many databases write that something has no end."""


NO_TABLES: dict[str, tuple[Returned, list[str]]] = {
    "none": (lambda _: None, ["returned None", "Return a DataFrame"]),
    "list": (lambda table: table.to_dict("records"), ["returned a list", "Return a DataFrame"]),
    "series": (lambda table: table["size"], ["returned a Series"]),
    "array": (lambda table: table.to_numpy(), ["returned a ndarray"]),
    "tuple": (lambda table: (table, table["late"]), ["returned a tuple"]),
    "generator": (lambda table: (row for row in table), ["returned a generator"]),
    "class": (lambda _: pd.DataFrame, ["returned the class DataFrame"]),
    "empty": (lambda table: table.iloc[:0], ["returned no rows", "4 columns"]),
    "nothing": (lambda _: pd.DataFrame(), ["returned no rows"]),
    "no columns": (lambda table: table[[]], ["12 rows without columns"]),
    "duplicate": (lambda table: pd.concat([table, table[["size"]]], axis=1), ["'size' 2 times", "once"]),
    "number as name": (lambda table: table.assign(x=1).rename(columns={"x": 7}), ["column 7", "text"]),
    "levels": (lambda table: pd.concat({"a": table}, axis=1), ["('a', 'key')", "text"]),
    "half a character as name": (lambda table: table.rename(columns={"size": "\ud800"}), [r"'\ud800'", "text"]),
    "blank name": (lambda table: table.rename(columns={"size": " "}), ["' '", "text"]),
}

UNSTORABLE: dict[str, tuple[Returned, list[str]]] = {
    "list": (cells("size", [1], [1, 2]), ["'size'", "has the shape [2] in row 1 and [1] in row 0", "json.dumps"]),
    "dict": (cells("size", None, {"a": 1}), ["'size'", "dict", "row 1: {'a': 1}", "json.dumps"]),
    "set": (cells("size", {1}), ["'size'", "set"]),
    "array": (cells("size", np.array(["a"])), ["'size'", "holds tensors of <U1"]),
    "object": (cells("size", object()), ["'size'", "object"]),
    "uuid": (cells("size", uuid.UUID(int=1)), ["'size'", "UUID", "map(str)"]),
    "text and number": (cells("size", "a", "b", 3), ["'size'", "mixes text and number", "row 2: 3"]),
    "text and bytes": (cells("size", "a", b"b"), ["'size'", "mixes text and bytes", "row 1"]),
    "boolean and number": (cells("size", None, True, 2), ["'size'", "mixes boolean and number", "row 2"]),
    "date and time": (
        cells("size", datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, 5)),
        ["'size'", "mixes date and datetime"],
    ),
    "surrogate": (cells("size", "\ud800"), ["'size'", "Parquet"]),
    "large integer": (cells("size", 2**70), ["'size'", "Parquet"]),
    "complex": (column("size", 1j), ["'size'", "complex128", "Parquet"]),
    "longdouble": (column("size", np.longdouble(1)), ["'size'", "float128", "Parquet"]),
    "arrow list": (
        column("size", pd.Series([[1]] * ROWS, dtype=pd.ArrowDtype(pa.list_(pa.int64())))),
        ["'size'", "list<item: int64>", "Parquet"],
    ),
    "arrow dictionary": (
        column("word", pd.Series(["a"] * ROWS, dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string())))),
        ["'word'", "dictionary", "Parquet"],
    ),
    "sparse": (column("size", pd.arrays.SparseArray([0] * ROWS)), ["'size'", "Sparse", "Parquet"]),
}

INDEXES: dict[str, tuple[Returned, list[str]]] = {
    "named": (lambda table: table.set_index("key"), ["index (key)", "reset_index()"]),
    "dates": (lambda table: table.set_axis(pd.date_range("2020", periods=len(table))), ["index (without a name)"]),
    "levels": (lambda table: table.set_index(["key", "word"]), ["index (key, word)"]),
}

NOT_INPUTS: dict[str, tuple[Returned, list[str]]] = {
    "decimal": (cells("size", Decimal("1.5")), ["'size'", "Decimal", "row 0", ".astype('float64')"]),
    "date": (cells("size", datetime.date(2020, 1, 1)), ["'size'", "date", "pd.to_datetime"]),
    "arrow date": (
        column("size", pd.Series([datetime.date(2020, 1, 1)] * ROWS, dtype=pd.ArrowDtype(pa.date32()))),
        ["'size'", "date, from row 0", "pd.to_datetime"],
    ),
    "far year": (
        lambda table: table.assign(size=pd.Series([YEAR_2020] * 3 + [YEAR_9999] * (ROWS - 3), dtype="datetime64[s]")),
        ["'size'", "9 points in time outside of the years 1678 to 2261, first in row 3: 9999-12-31", "pd.NaT"],
    ),
    "duration": (column("size", pd.Timedelta("1h")), ["'size'", "timedelta64", "total_seconds"]),
    "period": (column("size", pd.Period("2020-01")), ["'size'", "period", ".astype(str)"]),
    "interval": (lambda table: table.assign(size=pd.cut(table["size"], 3)), ["'size'", "category of interval"]),
    "number category": (lambda table: table.astype({"size": "category"}), ["'size'", "category of number"]),
    "bytes": (cells("word", b"a"), ["'word'", "bytes", "decode"]),
    "list": (cells("size", [1], [1, 2]), ["'size'", "has the shape [2] in row 1", "pad shorter ones"]),
    "set": (cells("size", {1}), ["'size'", "set", "column of its own"]),
    "object numbers": (cells("size", 1, 2.5, None), ["'size'", "number", ".astype('float64')"]),
    "mixed": (cells("word", "a", 1), ["'word'", "mixes text and number", "row 1: 1"]),
    "infinite": (
        lambda table: table.assign(size=table["size"].where(table.index != 3, -np.inf)),
        ["'size'", "infinite in 1 of 12 rows", "first in row 3", "np.nan"],
    ),
    "too large": (column("size", np.uint64(2**64 - 1)), ["'size'", "INT64", ".astype('float64')"]),
    "complex": (column("size", 1j), ["'size'", "complex128"]),
    "reserved": (lambda table: table.rename(columns={"size": "prediction_0"}), ["'prediction_0'", "another name"]),
}

NOT_TARGETS: dict[str, tuple[Returned, list[str]]] = {
    "missing": (
        lambda table: table.assign(late=table["late"].where(table.index > 1)),
        ["'late'", "no value in 2 of 12 rows", "Leave rows without a label out"],
    ),
    "infinite": (column("late", np.inf), ["'late'", "infinite in 12 of 12 rows"]),
    "decimal": (cells("late", Decimal(1)), ["'late'", "Decimal"]),
    "mixed": (cells("late", "yes", 0), ["'late'", "mixes text and number"]),
    "absent": (lambda table: table.drop(columns="late"), ["no column 'late'", "features.target", "key, size, word"]),
    "indexed": (lambda table: table.set_index("late"), ["no column 'late'", "It is the index", "reset_index()"]),
    "no id": (lambda table: table.drop(columns="key"), ["no column 'key'", "features.id"]),
    "same id": (column("key", "a"), ["'key'", "11 rows with an id of another row", "'a'"]),
    "alone": (lambda table: table[["key", "late"]], ["no inputs beside the target"]),
    "more rows": (lambda table: pd.concat([table, table]), ["24 rows of 12", "merge"]),
}


def _cases(*tables: dict[str, tuple[Returned, list[str]]]) -> Any:
    return pytest.mark.parametrize(
        ("returned", "words"), [pytest.param(*case, id=name) for table in tables for name, case in table.items()]
    )


def _require(message: str, words: list[str]) -> None:
    for word in words:
        assert word in message, message


@_cases(NO_TABLES, UNSTORABLE, INDEXES)
def test_data_that_returns_a_wrong_thing_is_refused(steps: Steps, returned: Returned, words: list[str]) -> None:
    error = steps.error(load=lambda month: returned(data(month)) if month.startswith(MONTH) else data(month))
    _require(str(error), ["team.data for 2020-02 (", f"{__file__}:", *words])


@_cases(NO_TABLES, NOT_INPUTS, NOT_TARGETS)
def test_features_that_return_a_wrong_thing_are_refused(steps: Steps, returned: Returned, words: list[str]) -> None:
    def changed(table: pd.DataFrame) -> Any:
        return returned(table) if table["key"].iloc[0].startswith(MONTH) else table

    error = steps.error(features=changed)
    _require(str(error), ["team.features for 2020-02 (", f"{__file__}:", *words])


TRAINABLE: dict[str, Returned] = {
    "filtered": lambda table: table[table["size"] > 4],
    "fewer columns": lambda table: table[["key", "size", "late"]],
    "attributes": lambda table: _with_attributes(table),
    "text type": lambda table: table.astype({"word": "string"}),
    "category": lambda table: table.astype({"word": "category"}),
    "nullable integers": lambda table: table.assign(size=table["size"].where(table.index > 1).astype("Int64")),
    "missing text": cells("word", "a", None),
    "arrow boolean": lambda table: table.assign(size=(table["size"] > 5).astype("bool[pyarrow]")),
    "arrow half": lambda table: table.astype({"size": "halffloat[pyarrow]"}),
    "hour of a clock that is set back": column(
        "size", pd.date_range("2024-10-27", periods=ROWS, freq="30min", tz="CET")
    ),
    "boolean": lambda table: table.assign(size=table["size"] > 5),
    "small types": lambda table: table.astype({"size": "float32", "late": "int8"}),
    "category target": lambda table: table.astype({"late": "category"}),
    "text target": lambda table: table.assign(late=table["late"].map({0: "no", 1: "yes"})),
}


def _with_attributes(table: pd.DataFrame) -> pd.DataFrame:
    table.attrs = {"read": pd.Timestamp("2020-01-01")}
    return table


@pytest.mark.parametrize("returned", [pytest.param(case, id=name) for name, case in TRAINABLE.items()])
def test_features_that_a_model_can_be_given_are_trained_on(steps: Steps, returned: Returned) -> None:
    def fit(_: pd.DataFrame, target: pd.Series) -> OnSize:
        return OnSize(even, sorted(target.unique()))

    spec = SPEC.model_copy(update={"gate": SPEC.gate.model_copy(update={"better_than": None})})
    metrics = steps.run(spec, features=returned, fit=fit, baseline=None)
    assert metrics == {"log_loss": pytest.approx(np.log(2))}


RAW: dict[str, Returned] = {
    "dates": cells("day", datetime.date(2020, 1, 1)),
    "decimals": cells("price", Decimal("1.5"), None),
    "bytes": cells("body", b"a"),
    "filtered": lambda table: table[table["size"] > 4],
    "moments": column("moment", pd.Timestamp("2020-01-01", tz="UTC")),
}


@pytest.mark.parametrize("returned", [pytest.param(case, id=name) for name, case in RAW.items()])
def test_data_of_kinds_that_parquet_holds_reaches_the_features(steps: Steps, returned: Returned) -> None:
    known = ["key", "size", "word", "late"]
    assert steps.run(load=lambda month: returned(data(month)), features=lambda rows: rows[known])


@pytest.mark.parametrize(
    ("later", "words"),
    [
        pytest.param(
            lambda table: table.drop(columns="word"), ["'word'", "in 2020-01 and not in 2020-02"], id="column less"
        ),
        pytest.param(column("more", 1), ["'more'", "in 2020-02 and not in 2020-01"], id="column more"),
        pytest.param(column("size", "a"), ["'size'", "text in 2020-02 and number in 2020-01"], id="number to text"),
        pytest.param(column("size", True), ["'size'", "boolean in 2020-02", "number in 2020-01"], id="boolean"),
        pytest.param(cells("size", None), ["'size'", "nothing in 2020-02", ".astype('float64')"], id="no value"),
    ],
)
def test_months_that_do_not_agree_are_refused(steps: Steps, later: Returned, words: list[str]) -> None:
    error = steps.error(features=lambda rows: later(rows) if rows["key"].iloc[0].startswith(MONTH) else rows)
    _require(str(error), ["team.features for 2020-02", "materialize trains/features", *words])


def test_months_with_and_without_a_time_zone_are_refused(steps: Steps) -> None:
    zone = {1: None, 2: "CET", 3: None}

    def moments(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(size=pd.Timestamp("2020-01-01", tz=zone[int(rows["size"].iloc[0])]))

    words = ["'size'", "with a time zone in 2020-02 and datetime64 in 2020-01", ".dt.tz_localize"]
    _require(str(steps.error(features=moments)), words)


def test_category_without_values_comes_back_as_no_numbers(tmp_path: Path) -> None:
    """Then a month of texts that are all missing agrees with the other months."""
    rows, tables = data("2020-01-01"), ParquetTables(address=str(tmp_path))
    made = contract.features_of(SPEC, lambda rows: rows.assign(word=pd.Categorical([None] * ROWS)), rows, "2020-01-01")
    tables.write("trains", "features", "2020-01-01", made)
    assert kind(tables.read("trains", "features", "2020-01-01")["word"]) == "nothing"


def test_column_without_values_in_any_month_is_refused(steps: Steps) -> None:
    error = steps.error(features=cells("word", None))
    _require(str(error), ["team.features", "'word'", "no value in 2020-01, 2020-02, 2020-03", "float64"])


def _classifier(outputs: Callable[[pd.DataFrame], Any], classes: Any = (0, 1)) -> Callable[..., Any]:
    return lambda _inputs, _target: OnSize(outputs, classes)


def _regression(outputs: Callable[[pd.DataFrame], Any]) -> Callable[..., Any]:
    return lambda _inputs, _target: Regression(outputs)


class _OnlyProbabilities(BaseEstimator):
    """Of scikit-learn's base class, but neither of ClassifierMixin nor with ``predict``."""

    classes_ = np.array([0, 1])

    def predict_proba(self, inputs: pd.DataFrame) -> np.ndarray:
        return even(inputs)


def test_estimator_that_gives_only_probabilities_is_a_classifier(steps: Steps) -> None:
    assert steps.run(fit=lambda _inputs, _target: _OnlyProbabilities())


def _both(inputs: pd.DataFrame, target: pd.Series) -> DecisionTreeClassifier:
    return DecisionTreeClassifier().fit(inputs[["size"]], np.column_stack([target, 1 - target]))


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        pytest.param(lambda _x, _y: None, ["team.fit", "returned None", "Return a fitted estimator"], id="none"),
        pytest.param(lambda _x, _y: LogisticRegression, ["the class LogisticRegression"], id="class"),
        pytest.param(lambda x, _y: (Regression(len), x), ["returned a tuple", "cannot predict"], id="tuple"),
        pytest.param(lambda x, _y: x.mean(numeric_only=True), ["returned a Series"], id="series"),
        pytest.param(
            lambda x, y: RidgeClassifier().fit(x[["size"]], y),
            ["RidgeClassifier", "without predict_proba", "CalibratedClassifierCV"],
            id="no probabilities",
        ),
        pytest.param(lambda x, y: SVC().fit(x[["size"]], y), ["SVC", "without predict_proba"], id="svc"),
        pytest.param(
            lambda _x, _y: LogisticRegression(), ["LogisticRegression without classes_", "Fit it"], id="not fitted"
        ),
        pytest.param(
            lambda _x, _y: LinearRegression(), ["predict of the LinearRegression", "NotFittedError"], id="not fitted r"
        ),
        pytest.param(_both, ["2 outputs", "an estimator for each target"], id="several targets"),
        pytest.param(_classifier(even, [0]), ["knows 1 class: [0]", "two values"], id="single class"),
        pytest.param(_classifier(even, [[0, 1]]), ["classes_", "[1, 2]"], id="class matrix"),
        pytest.param(_classifier(even, [0, 1, 2]), ["shape [24, 2]", "[24, 3]", "3 classes"], id="class too few"),
        pytest.param(_classifier(lambda x: even(x)[:, 1]), ["shape [24]", "[24, 2]"], id="one dimension"),
        pytest.param(_classifier(lambda x: even(x)[1:]), ["shape [23, 2]", "rows dropped"], id="row too few"),
        pytest.param(_classifier(lambda x: even(x) * np.nan), ["48 of 48", "NaN"], id="nan"),
        pytest.param(_classifier(lambda x: even(x) * 3), ["1.5", "no probabilities"], id="above 1"),
        pytest.param(_classifier(lambda _: None), ["predict_proba of the OnSize", "returned None"], id="no answer"),
        pytest.param(_regression(lambda x: np.zeros((len(x), 2))), ["shape [24, 2]", "several outputs"], id="outputs"),
        pytest.param(_regression(lambda x: x["size"][:-1]), ["shape [23]", "rows dropped"], id="number too few"),
        pytest.param(_regression(lambda _: 1.0), ["returned a float", "each of the 24 rows"], id="single number"),
        pytest.param(_regression(lambda x: x["word"]), ["not all numbers", "predict_proba"], id="texts"),
        pytest.param(_regression(lambda x: x["size"] / 0), ["24 of 24", "infinite"], id="infinite"),
        pytest.param(_regression(lambda x: x["size"]), ["gate.metric is log_loss", "r2, rmse, mae"], id="metric"),
        pytest.param(_regression(lambda x: x["sise"]), ["predict of the Regression", "KeyError"], id="raises"),
        pytest.param(_regression(lambda: 1), ["does not take its arguments", "(features)"], id="no argument"),  # type: ignore[arg-type,misc]
    ],
)
def test_fit_that_returns_a_wrong_thing_is_refused(steps: Steps, fit: Any, words: list[str]) -> None:
    error = str(steps.error(fit=fit))
    _require(error, words if "gate.metric" in words[0] else ["team.fit", *words])


def test_empty_month_says_what_to_do(steps: Steps) -> None:
    _require(str(steps.error(load=lambda month: data(month)[:0])), ["data for that month", "data.partitions"])
    _require(str(steps.error(features=lambda rows: rows[:0])), ["a filter or a merge"])


def test_ids_of_months_need_no_common_kind(steps: Steps) -> None:
    assert steps.run(features=lambda rows: rows.assign(key=None if rows["size"].iloc[0] == 1 else rows["key"]))


def test_estimator_that_cannot_be_pickled_is_refused(steps: Steps) -> None:
    error = str(steps.error(fit=_classifier(_Locked())))
    _require(error, ["OnSize that team.fit returned", "cannot pickle '_thread.lock'", "open that in predict"])


class _Locked:
    def __init__(self) -> None:
        self.lock = threading.Lock()

    def __call__(self, inputs: pd.DataFrame) -> np.ndarray:
        with self.lock:
            return even(inputs)


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
def test_metric_of_numbers_for_a_target_of_texts_is_refused(steps: Steps, metric: str) -> None:
    gate = SPEC.gate.model_copy(update={"metric": metric, "better_than": None})
    error = steps.error(
        SPEC.model_copy(update={"gate": gate}),
        load=lambda month: data(month).assign(late=["no", "yes"] * (ROWS // 2)),
        fit=_classifier(even, ["no", "yes"]),
        baseline=None,
    )
    assert str(error).startswith(f"gate.metric is {metric}, and the target's values are no numbers: ['no']")
    _require(str(error), ["roc_auc, accuracy"])


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        pytest.param(None, ["team.baseline", "returned None", "a function that takes rows"], id="none"),
        pytest.param(0.5, ["returned a float", "a function that takes rows"], id="number"),
        pytest.param(lambda _: None, ["returned None"], id="no answer"),
        pytest.param(lambda _: 0.5, ["returned a float", "each of the 12 rows"], id="single number"),
        pytest.param(even, ["shape [12, 2]", "[:, 1]"], id="both classes"),
        pytest.param(lambda rows: np.zeros((len(rows), 5)), ["shape [12, 5]"], id="matrix"),
        pytest.param(lambda rows: np.zeros(len(rows) - 1), ["shape [11]", "rows dropped"], id="row too few"),
        pytest.param(lambda rows: rows["word"], ["not all numbers", "probabilities"], id="texts"),
        pytest.param(lambda rows: rows["size"] * np.nan, ["12 of 12", "NaN"], id="nan"),
        pytest.param(lambda rows: rows["size"], ["from 3 to 14", "no probabilities"], id="above 1"),
        pytest.param(lambda rows: rows["sise"], ["KeyError", "'sise'", f"{__file__}:"], id="raises"),
        pytest.param(lambda: 1, ["does not take its arguments", "(rows)"], id="no argument"),
    ],
)
def test_baseline_that_returns_a_wrong_thing_is_refused(steps: Steps, returned: Any, words: list[str]) -> None:
    error = str(steps.error(baseline=lambda _inputs, _target: returned))
    _require(error, ["team.baseline", *words])


def test_features_of_an_earlier_release_are_checked_before_fit(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "features_of", lambda *_: data("2020-01-01").assign(size=np.inf))
    error = str(steps.error(features=features))
    _require(error, ["team.features for 2020-01", "'size'", "infinite"])
