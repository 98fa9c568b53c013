"""The drift decision in the tables."""

from pathlib import Path

import pandas as pd
import pytest

from intermodal.platform.monitoring.drift_result import (
    DRIFT_STAGE,
    LATEST_PARTITION,
    RESULT_COLUMN,
    DriftResult,
    keep_drift,
    latest_drift,
)
from intermodal.resources.storage.tables import ParquetTables
from tests.memory import MemoryTables

RESULT = DriftResult("1.0.0", "drifted", 1000.5, 3000, 0.5, ("inputs",), ("One.", "Two."), (), ("x is absent.",))


def test_result_comes_back_from_parquet(tmp_path: Path) -> None:
    tables = ParquetTables(address=str(tmp_path))
    assert latest_drift(tables, "wine") is None
    keep_drift(tables, "wine", RESULT)
    assert latest_drift(tables, "wine") == RESULT
    assert latest_drift(tables, "beer") is None


@pytest.mark.parametrize(("state", "drifted"), [("drifted", True), ("none", False), ("too few rows", None)])
def test_drifted_with_too_few_rows_is_none(state: str, drifted: bool | None) -> None:
    assert DriftResult("1.0.0", state, 0.0, 1).drifted is drifted  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "[]", '{"version": "1.0.0"}', '{"unknown": 1}'])
def test_latest_drift_of_another_release_is_none(text: str) -> None:
    tables = MemoryTables()
    tables.write("wine", DRIFT_STAGE, LATEST_PARTITION, pd.DataFrame({RESULT_COLUMN: [text]}))
    assert latest_drift(tables, "wine") is None
    tables.write("wine", DRIFT_STAGE, LATEST_PARTITION, pd.DataFrame())
    assert latest_drift(tables, "wine") is None
