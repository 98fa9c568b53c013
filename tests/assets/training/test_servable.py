"""Values that appear first in the held-out month: part of the signature, or refused before fit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.signature import Column
from intermodal.platform.training.servable import MAX_REASONS
from intermodal.resources.package_server import LocalPackageServer
from tests.assets.training.cases import ROWS, Case, failure, reasons
from tests.memory import MemorySigner

Change = Callable[[str, pd.DataFrame], pd.DataFrame]
HELD_OUT = "2024-03-01"
LETTERS = np.array(["u", "v", "w"])


def _in_holdout(
    change: Callable[[pd.DataFrame], pd.DataFrame], always: Callable[[pd.DataFrame], pd.DataFrame]
) -> Change:
    return lambda month, table: change(always(table)) if month == HELD_OUT else always(table)


def _same(table: pd.DataFrame) -> pd.DataFrame:
    return table


def _gap(name: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.assign(**{name: table[name].where(table.index != 5, None)})


def _with_text(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(c=LETTERS[np.arange(ROWS) % 3].astype(object)).astype({"c": "category"})


def _with_count(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(n=np.arange(ROWS) % 7)


def _with_flag(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(flag=np.arange(ROWS) % 2 == 0)


def _flag_gap(table: pd.DataFrame) -> pd.DataFrame:
    flags = table["flag"].astype(object)
    flags[5] = None
    return table.assign(flag=flags)


def _half(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(n=table["n"].astype(float) + np.where(table.index == 5, 0.5, 0))


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (_in_holdout(_gap("a"), _same), Column("a", "FP64", True, dtype="float64")),
        (_in_holdout(_gap("c"), _with_text), Column("c", "BYTES", True, ("u", "v", "w"), "category")),
        (_in_holdout(_half, _with_count), Column("n", "FP64", False, dtype="float64")),
        (_in_holdout(_gap("n"), _with_count), Column("n", "FP64", True, dtype="float64")),
        (_in_holdout(_flag_gap, _with_flag), Column("flag", "BOOL", True, dtype="float64")),
        (lambda _, table: _flag_gap(_with_flag(table)), Column("flag", "BOOL", True, dtype="float64")),
    ],
    ids=["missing number", "missing text", "fraction", "missing count", "missing bool", "missing bools always"],
)
def test_value_first_seen_in_the_holdout_is_in_the_signature(tmp_path: Path, change: Change, column: Column) -> None:
    case = Case(tmp_path, change)
    result = case.train()
    assert result.success, failure(result)
    assert case.champion == "1.0.0"
    assert column in case.record.signature.inputs
    assert case.record.servable is not None
    assert case.record.servable.rows >= 4


def test_missing_bools_reach_a_dataframe_model_as_numbers(tmp_path: Path) -> None:
    """The real server, on a pickled estimator that does arithmetic with the column."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    case = Case(
        tmp_path,
        lambda _, table: _flag_gap(_with_flag(table)),
        lambda X, y: make_pipeline(SimpleImputer(), Ridge()).fit(X, y),
    )
    result = case.train(server=LocalPackageServer())
    assert result.success, reasons(result)


def test_infinite_number_is_refused_before_fit(tmp_path: Path) -> None:
    def change(month: str, table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(ratio=np.where(table.index < (3 if month == "2024-02-01" else 0), np.inf, 1.0))

    def fit(*_: object) -> None:
        pytest.fail("fit was called")

    text = failure(Case(tmp_path, change, fit).train())
    assert "returned a column 'ratio' that is infinite in 3 of 120 rows, first in row" in text


def test_text_in_a_column_of_numbers_is_refused_before_fit(tmp_path: Path) -> None:
    change = _in_holdout(lambda table: table.assign(a=table["a"].map("{:.2f}".format)), _same)
    assert "column 'a' is text in 2024-03 and number in 2024-01" in failure(Case(tmp_path, change).train())


def test_estimator_that_takes_no_missing_values_is_a_sentence(tmp_path: Path) -> None:
    from sklearn.linear_model import Ridge

    text = failure(Case(tmp_path, _in_holdout(_gap("a"), _same), lambda X, y: Ridge().fit(X, y)).train())
    assert "cannot predict the rows of 2024-03" in text


class Shifting:
    """Predicts something else after it was pickled, when ``a`` is far out."""

    def __init__(self) -> None:
        self.shift = 0.0

    def __setstate__(self, state: dict[str, float]) -> None:
        self.shift = 1.0

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return np.where(rows["a"] > 90, self.shift, 0.5)


def _far(month: str, table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(a=np.where((table.index == 7) & (month == "2024-01-01"), 99.0, table["a"]))


def test_other_prediction_of_the_server_names_column_and_value(tmp_path: Path) -> None:
    case = Case(tmp_path, _far, lambda *_: Shifting())
    result = case.train()
    reason = reasons(result)["servable"]
    assert "column 'a' (largest, whole number: 99.0" in reason
    assert "differs by 1" in reason
    assert case.champion is None


def test_version_alone_refuses_what_cannot_serve(tmp_path: Path) -> None:
    import dagster as dg

    from intermodal.assets.registry.version import version

    case = Case(tmp_path, _far, lambda *_: Shifting())
    case.train()
    alone = dg.materialize(
        [version(case.spec)], resources={"registry": case.registry, "signer": MemorySigner()}, raise_on_error=False
    )
    assert "column 'a' (largest, whole number: 99.0" in failure(alone)
    assert case.champion is None


def test_sensitive_values_are_not_in_the_reasons(tmp_path: Path) -> None:
    case = Case(tmp_path, _far, lambda *_: Shifting(), sensitive=["a"])
    reason = reasons(case.train())["servable"]
    assert "column 'a' (largest, whole number)" in reason
    assert "99" not in reason


def test_server_that_does_not_start_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Package.write
    monkeypatch.setattr(
        Package, "write", lambda package, folder: write(Package(**{**vars(package), "file": "other.txt"}), folder)
    )
    case = Case(tmp_path, lambda _, table: table)
    result = case.train(server=LocalPackageServer())
    assert "does not start on it" in reasons(result)["servable"]
    assert "no file 'other.txt'" in reasons(result)["servable"]
    assert case.champion is None


class Refusing:
    """A server that takes no row. ``calls``: how often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    @contextmanager
    def start(self, _folder: Path, _model: str) -> Iterator[Callable[[bytes], bytes]]:
        yield self.answer

    def answer(self, _body: bytes) -> bytes:
        self.calls += 1
        raise Unavailable("The server does not answer: ReadTimeout.")


def test_trial_ends_after_so_many_reasons(tmp_path: Path) -> None:
    case, server = Case(tmp_path, lambda _, table: table), Refusing()
    text = reasons(case.train(server=server))["servable"]
    assert text == " ".join(["A golden row: The server does not answer: ReadTimeout."] * MAX_REASONS)
    assert server.calls == MAX_REASONS + 1


def test_linear_model_of_large_targets_serves(tmp_path: Path) -> None:
    from sklearn.linear_model import Ridge

    def change(_: str, table: pd.DataFrame) -> pd.DataFrame:
        dice = np.random.default_rng(1)
        wide = table.assign(**{f"x{i}": dice.normal(size=ROWS) for i in range(30)})
        return wide.assign(y=5e9 + 1e9 * wide.drop(columns="y").sum(axis=1))

    case = Case(tmp_path, change, lambda X, y: Ridge().fit(X, y))
    result = case.train(server=LocalPackageServer())
    assert result.success, reasons(result)


class Float32:
    """A linear model whose answers have float32's 7 digits."""

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return 5e9 + rows.to_numpy(dtype=np.float32) @ self.weights


def test_float32_predictions_serve(tmp_path: Path) -> None:
    weights = np.array([3e9, -1e9], dtype=np.float32)
    case = Case(tmp_path, lambda _, table: table.assign(y=5e9 + 1e9 * table["y"]), lambda *_: Float32(weights))
    result = case.train()
    assert result.success, reasons(result)


def test_estimator_without_a_base_class_is_trained(tmp_path: Path) -> None:
    class Mean:
        def __init__(self, y: pd.Series) -> None:
            self.mean = float(y.mean())

        def predict(self, rows: pd.DataFrame) -> np.ndarray:
            return np.full(len(rows), self.mean)

    case = Case(tmp_path, lambda _, table: table, lambda X, y: Mean(y))  # noqa: ARG005
    result = case.train()
    assert result.success, failure(result)
    assert case.record.task == "regression"


def test_classifier_without_a_base_class_is_trained(tmp_path: Path) -> None:
    class Sign:
        classes_ = np.array(["minus", "plus"])

        def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
            plus = np.clip(0.5 + 0.1 * (3 * rows["a"] - rows["b"]).to_numpy(), 0, 1)
            return np.column_stack([1 - plus, plus])

    def change(_: str, table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(y=np.where(table["y"] > 0, "plus", "minus"))

    case = Case(tmp_path, change, lambda *_: Sign(), metric="accuracy")
    result = case.train()
    assert result.success, failure(result)
    assert case.record.task == "binary"
    assert case.record.metrics["accuracy"] > 0.9
