"""Rows of several requests in one table get exactly the outputs that they get alone."""

from collections.abc import Callable
from functools import cache
from math import nan
from pathlib import Path
from struct import pack
from tempfile import TemporaryDirectory
from typing import Any

import cloudpickle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from intermodal.platform.protocol.package import Package
from intermodal.serving.protocol import joining
from intermodal.serving.protocol.joining import MAX_JOINED_ROWS, block_of, join, predict_in_blocks, split
from intermodal.serving.protocol.table import Checker, Named, Table
from intermodal.serving.runtimes.sklearn import SklearnRuntime
from tests.serving.conftest import FLIGHTS, as_rows, flights

NUMBERS, TEXTS = ["distance", "hour", "wind", "weekend", "seats"], ["carrier", "engine"]
CHECKER = Checker(FLIGHTS)


class GapsByMean(TransformerMixin, BaseEstimator):
    """A transformer with the mistake that its result depends on all rows of the call."""

    def fit(self, _frame: Any, _: Any = None) -> "GapsByMean":
        return self

    def transform(self, frame: Any) -> Any:
        numbers = frame[NUMBERS].astype(float)
        return numbers.fillna(numbers.mean()).fillna(0)


def pipeline(kind: str) -> Pipeline:
    scaled = make_pipeline(SimpleImputer(), StandardScaler())
    match kind:
        case "linear":
            parts = ColumnTransformer([("n", scaled, NUMBERS), ("t", OneHotEncoder(handle_unknown="ignore"), TEXTS)])
            return make_pipeline(parts, LogisticRegression())
        case "trees":
            codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
            parts = ColumnTransformer([("n", "passthrough", NUMBERS), ("t", codes, TEXTS)])
            return make_pipeline(parts, HistGradientBoostingClassifier(max_iter=20))
        case _:
            return make_pipeline(GapsByMean(), LogisticRegression(max_iter=10))


@cache
def predict_of(kind: str) -> Callable[[Table], list[float]]:
    frame = flights()
    model = pipeline(kind).fit(frame, (frame["hour"] > 15) ^ (frame["carrier"] == "B6"))
    with TemporaryDirectory() as folder:
        (Path(folder) / "model.pkl").write_bytes(cloudpickle.dumps(model))
        package = Package("flight_delay", "binary", "sklearn", "model.pkl", FLIGHTS)
        return SklearnRuntime(package, Path(folder)).predict


def table(rows: list[dict[str, Any]]) -> Table:
    return CHECKER.check(Named({name: [row[name] for row in rows] for name in CHECKER.names}, len(rows)))


def bits(values: list[float]) -> bytes:
    return pack(f"{len(values)}d", *values)


ROWS = as_rows(flights(300))


@pytest.mark.parametrize("kind", ["linear", "trees"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_join_random_splits_are_bit_equal(kind: str, data: st.DataObject) -> None:
    predict = predict_of(kind)
    sizes = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=8))
    tables = [table([ROWS[i % len(ROWS)] for i in range(start, start + n)]) for start, n in _spans(data, sizes)]
    parts = split(predict_in_blocks(predict, join(tables), 16), tables, 1)
    assert list(map(bits, parts)) == [bits(predict_in_blocks(predict, each, 16)) for each in tables]


def _spans(data: st.DataObject, sizes: list[int]) -> list[tuple[int, int]]:
    return [(data.draw(st.integers(0, len(ROWS))), size) for size in sizes]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_join_equals_table_of_all_rows(sizes: list[int], random: Any) -> None:
    lots = [random.choices(ROWS, k=size) for size in sizes]
    joined, whole = join([table(rows) for rows in lots]), table([row for rows in lots for row in rows])
    assert joined.rows == whole.rows
    assert joined.columns == whole.columns
    assert joined.numbers == whole.numbers


def test_split_wrong_count_of_outputs_raises() -> None:
    tables = [table(ROWS[:2]), table(ROWS[:1])]
    assert split([1.0, 2, 3, 4, 5, 6], tables, 2) == [[1, 2, 3, 4], [5, 6]]
    for count in (0, 5, 7):
        with pytest.raises(ValueError, match=f"expected 6 outputs, got {count}"):
            split([0.0] * count, tables, 2)


@given(st.integers(1, 40), st.sampled_from([1, 4, 16]))
def test_predict_in_blocks_repeats_the_last_row(count: int, block: int) -> None:
    tables: list[Table] = []

    def predict(rows: Table) -> list[float]:
        tables.append(rows)
        return [float(i) for i in range(2 * rows.rows)]

    rows = ROWS[:count]
    assert predict_in_blocks(predict, table(rows), block) == [float(i) for i in range(2 * count)]
    assert tables[0][:3] == table(rows + rows[-1:] * (-count % block))[:3]


@pytest.mark.parametrize(("kind", "blocks"), [("linear", (1, 16)), ("trees", (1,)), ("mean of the call", (0,))])
def test_block_of_model_kind_is_smallest_exact(kind: str, blocks: tuple[int, ...]) -> None:
    """Whether a linear model needs blocks depends on the kernels that OpenBLAS has for the processor."""
    assert block_of(predict_of(kind), [table([row]) for row in ROWS[:20]], 1) in blocks


def test_block_of_unfit_model_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(10**6))

    def refuses(rows: Table) -> list[float]:
        raise ValueError(f"{rows.rows} rows")

    def counts(rows: Table) -> list[float]:
        return [float(next(calls)) for _ in range(rows.rows)]

    def drops(rows: Table) -> list[float]:
        return [0.0] * min(rows.rows, MAX_JOINED_ROWS - 2)

    def missing(rows: Table) -> list[float]:
        return [nan] * rows.rows

    single = [table([row]) for row in ROWS[:3]]
    assert [block_of(predict, single, 1) for predict in (refuses, counts, drops, missing)] == [0, 0, 0, 1]
    assert block_of(missing, [], 1) == 0
    monkeypatch.setattr(joining, "MAX_CHECK_SECONDS", -1)
    assert block_of(missing, single, 1) == 0
