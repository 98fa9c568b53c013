"""The comparison of a converted model with its estimator finds what is wrong, however few rows it is wrong for."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.conversion import Conversion
from intermodal.platform.protocol.signature import Column
from intermodal.platform.training import conversions, formats
from intermodal.platform.training.conversions import compare, values_of
from intermodal.serving.runtimes.lightgbm import LightgbmRuntime
from tests.serving.runtimes.conversion import tree_worlds as worlds

COLUMNS = (Column("x", "FP64", nullable=True), Column("n", "INT64"))
LARGEST = sys.float_info.max
ROWS = pd.DataFrame({"x": [0.1, 0.4, 0.9], "n": [1, 2, 3]})


class Split:
    """A model with one split of x: ``strict`` sends the threshold itself to the right."""

    predict_numbers = None

    def __init__(self, threshold: float = 0.5, missing: float = 0.0, strict: bool = False, scale: float = 1.0) -> None:
        self.threshold, self.missing, self.strict, self.scale = threshold, missing, strict, scale

    def predict_frame(self, rows: pd.DataFrame) -> np.ndarray:
        x = rows["x"].to_numpy()
        right = x >= self.threshold if self.strict else x > self.threshold
        return np.where(np.isnan(x), self.missing, right * self.scale)

    def predict(self, table: Any) -> list[float]:
        frame = pd.DataFrame(dict(zip(("x", "n"), table.columns, strict=True))).astype({"x": float})
        return list(self.predict_frame(frame).tolist())


@pytest.mark.parametrize(
    ("wrong", "rows"),
    [
        pytest.param(Split(strict=True), 1, id="at_the_split"),
        pytest.param(Split(threshold=float(np.nextafter(0.5, 1))), 1, id="next_above"),
        pytest.param(Split(threshold=float(np.nextafter(0.5, 0))), 1, id="next_below"),
        pytest.param(Split(missing=1.0), 1, id="missing"),
        pytest.param(Split(missing=float("nan")), 1, id="not_a_number"),
    ],
)
def test_comparison_finds_one_wrong_value(wrong: Split, rows: int) -> None:
    conversion = Conversion({"x": [0.5]})
    assert compare(Split(), Split().predict_frame, ROWS, COLUMNS, conversion).reason == ""
    found = compare(wrong, Split().predict_frame, ROWS, COLUMNS, conversion)
    assert f"it differs in {rows} of 7 rows" in found.reason


@pytest.mark.parametrize(
    ("scale", "exact", "holds"), [(1 + 1e-15, True, False), (1 + 1e-15, False, True), (1.001, False, False)]
)
def test_comparison_allows_the_last_digits_of_a_function(scale: float, exact: bool, holds: bool) -> None:
    found = compare(Split(scale=scale), Split().predict_frame, ROWS, COLUMNS, Conversion({"x": [0.5]}, exact))
    assert (found.reason == "") == holds


def test_probes_are_at_most_as_many_as_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversions, "MAX_PROBES", 50)
    conversion = Conversion({"x": np.linspace(0, 1, 400).tolist(), "n": list(range(100))})
    found = [compare(Split(), Split().predict_frame, ROWS, COLUMNS, conversion) for _ in range(2)]
    assert [each.rows for each in found] == [len(ROWS) + 50] * 2


@pytest.mark.parametrize(
    ("column", "thresholds", "values"),
    [
        (Column("a", "INT8"), [126.5, np.inf], [125, 126, 127]),
        (Column("a", "INT64", nullable=True), [2.0], [1, 2, 3, None]),
        (Column("a", "BOOL"), [0.5], [False, True]),
        (Column("a", "BYTES", categories=("u", "v")), [], ["u", "v", None]),
        (Column("a", "BYTES"), [], []),
        (Column("a", "FP32"), [0.25], [0.25 - 2**-26, 0.25, 0.25 + 2**-25]),
        (Column("a", "FP64"), [LARGEST], [float(np.nextafter(LARGEST, 0)), LARGEST]),
    ],
    ids=["int8", "int64", "bool", "category", "text", "float32", "largest"],
)
def test_values_of_a_column_are_those_of_its_type(
    column: Column, thresholds: Sequence[float], values: list[Any]
) -> None:
    assert values_of(column, thresholds) == values


def test_no_probe_is_read_as_zero_by_the_library() -> None:
    found = values_of(Column("x", "FP64"), [0.0], 1e-35)
    assert len(found) == 3
    assert found == [-found[2], 0.0, found[2]]
    assert 1e-35 < found[2] < 1.01e-35


def test_conversion_that_differs_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, write = staticmethod(_write_with_other_thresholds), LightgbmRuntime.write
    monkeypatch.setattr(LightgbmRuntime, "write", wrong)
    rows = worlds.table(1, 200)
    model = HistGradientBoostingRegressor(max_iter=10)
    package, findings = worlds.packed(model, rows, worlds.target(rows, "regression"), tmp_path)
    assert package.format != "lightgbm"
    assert not (tmp_path / LightgbmRuntime.file).exists()
    assert "The format lightgbm is not used: it differs in " in findings[0]
    monkeypatch.setattr(LightgbmRuntime, "write", staticmethod(write))
    assert worlds.packed(model, rows, worlds.target(rows, "regression"), tmp_path)[1] == ()


def _write_with_other_thresholds(
    estimator: Any, path: Path, columns: Sequence[Column], sensitive: Sequence[str]
) -> None:
    """Each number that is split goes one float lower."""
    del sensitive
    from intermodal.serving.runtimes.conversion import other_trees

    def lower(line: str) -> str:
        return "threshold=" + " ".join(
            repr(float(np.nextafter(float(word), -np.inf))) if "." in word else word for word in line[10:].split()
        )

    text = other_trees.text(estimator, columns).splitlines()
    lines = [
        lower(line) if line.startswith("threshold=") else line for line in text if not line.startswith("tree_sizes")
    ]
    path.write_text("\n".join(lines) + "\n")


def test_estimator_that_no_format_holds_exactly_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "formats_of", lambda _: [("lightgbm", LightgbmRuntime)])
    rows = worlds.table(1, 100).drop(columns="color").assign(size=lambda table: table["size"] * 1e-40)
    with pytest.raises(
        SpecError, match=r"No format takes a HistGradientBoostingRegressor\. The format lightgbm is not used"
    ):
        worlds.packed(HistGradientBoostingRegressor(max_iter=20), rows, rows["size"] * 1e40, tmp_path)
