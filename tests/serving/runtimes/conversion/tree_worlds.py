"""Small tables with gaps, categories, integers and repeated values, and a converted model beside its estimator."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.protocol.conversion import Conversion
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.signature import Column
from intermodal.platform.training import fit
from intermodal.platform.training.columns import columns_of_partitions
from intermodal.platform.training.conversions import compare, predicted
from intermodal.platform.training.dataframes import typed
from intermodal.serving.dataplane import open_plane
from intermodal.serving.runtimes.lightgbm import LightgbmRuntime

COLORS = ("blue", "green", "red", "white")


def table(seed: int, rows: int, *, gaps: bool = True, texts: bool = True) -> pd.DataFrame:
    """Numbers are rounded, so that many are equal, and some of the splits are at zero."""
    random = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "size": random.normal(0, 2, rows).round(1),
            "gap": np.where(random.random(rows) < 0.3 * gaps, np.nan, random.normal(0, 100, rows)),
            "count": random.integers(-3, 12, rows),
            "single": random.normal(0, 1, rows).astype("float32"),
            "flag": random.random(rows) < 0.5,
        }
    )
    if texts:
        color = np.where(random.random(rows) < 0.2 * gaps, None, random.choice(COLORS, rows)).astype(object)
        made.insert(1, "color", pd.Categorical(color, categories=COLORS[::-1]))
    return made


def target(rows: pd.DataFrame, task: str, seed: int = 0) -> pd.Series:
    score = rows["size"] + rows["gap"].fillna(-50) / 40 + rows["count"] % 3 - rows["single"] * rows["flag"]
    if "color" in rows:
        score = score + 2.0 * rows["color"].isin(["red", "blue"]) + 3.0 * rows["color"].isna()
    score = score + np.random.default_rng(seed).normal(0, 0.5, len(rows))
    if task == "regression":
        return score
    limits = [0.5] if task == "binary" else [0.4, 0.7]
    return pd.Series(np.searchsorted(score.quantile(limits), score))


def fitted(estimator: Any, rows: pd.DataFrame, values: pd.Series) -> tuple[fit.Fitted, tuple[Column, ...]]:
    columns = columns_of_partitions({"a": rows}, {"b": rows})
    return fit.fit(lambda x, y: estimator.fit(x, y), rows, values, {}, columns), columns


def converted(model: fit.Fitted, columns: Sequence[Column], folder: Path) -> tuple[LightgbmRuntime, Conversion]:
    conversion = LightgbmRuntime.conversion(model.estimator, columns)
    assert conversion is not None
    LightgbmRuntime.write(model.estimator, folder / LightgbmRuntime.file, columns, ())
    package = Package("m", model.task, "lightgbm", LightgbmRuntime.file, model.signature)
    return LightgbmRuntime(package, folder), conversion


def require_equal(estimator: Any, rows: pd.DataFrame, values: pd.Series, others: pd.DataFrame) -> int:
    """The converted model predicts as the estimator: rows of its training, rows that it did not see, and probes. It
    gives the number of rows that were compared."""
    model, columns = fitted(estimator, rows, values)
    with TemporaryDirectory() as folder:
        runtime, conversion = converted(model, columns, Path(folder))
        found = compare(runtime, model.predict, pd.concat([rows, others], ignore_index=True), columns, conversion)
        if conversion.is_exact:
            numbers = np.array(predicted(runtime, typed(others, columns), columns))
            assert numbers.tobytes() == model.predict(others).ravel().tobytes()
    assert found.reason == ""
    return found.rows


def packed(estimator: Any, rows: pd.DataFrame, values: pd.Series, folder: Path) -> tuple[Package, tuple[str, ...]]:
    """The package of a training, which the server has started on, and its findings."""
    model, _ = fitted(estimator, rows, values)
    spec: Any = SimpleNamespace(name="m", features=SimpleNamespace(sensitive=[]))
    findings = fit.package(spec, model, rows, rows, folder)
    package = Package.read(folder)
    assert open_plane(package, folder, "1.0.0").version == "1.0.0"  # which repeats the golden rows
    return package, findings
