"""Small models in the package layout of a version."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from intermodal.platform.protocol.package import Format, Golden, Package, Task
from intermodal.platform.protocol.signature import Column, Output, Signature
from intermodal.serving.dataplane import DataPlane, open_plane

Row = Mapping[str, Any]

CARRIERS = ("AA", "B6", "UA")
FLIGHTS = Signature(
    inputs=(
        Column("distance", "FP64"),
        Column("hour", "INT64"),
        Column("carrier", "BYTES", categories=CARRIERS),
        Column("wind", "FP64", nullable=True),
        Column("engine", "BYTES", nullable=True, categories=("jet", "prop")),
        Column("weekend", "BOOL"),
        Column("seats", "INT64", nullable=True),
    ),
    outputs=(Output("late"),),
)
POINTS = Signature(
    inputs=(Column("x", "FP64"), Column("y", "FP64")),
    outputs=(Output("side", shape=(3,), labels=("left", "middle", "right")),),
)


def flights(rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    gaps = rng.random(rows) < 0.2
    return pd.DataFrame(
        {
            "distance": rng.uniform(100, 3000, rows),
            "hour": rng.integers(5, 23, rows),
            "carrier": pd.Categorical(rng.choice(CARRIERS, rows), categories=CARRIERS),
            "wind": np.where(gaps, np.nan, rng.uniform(0, 40, rows)),
            "engine": pd.Categorical(np.where(gaps, None, rng.choice(["jet", "prop"], rows)), ["jet", "prop"]),
            "weekend": rng.random(rows) < 0.3,
            "seats": np.where(gaps, np.nan, rng.integers(50, 300, rows).astype(float)),
        }
    )


def as_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as a client sends them: null for a missing value, integers for seats."""
    rows = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in frame.to_dict("records")]
    for row in rows:
        if "seats" in row and row["seats"] is not None:
            row["seats"] = int(row["seats"])
    return rows


def pack(
    folder: Path,
    model: str,
    kind: tuple[Task, Format],
    file: str,
    signature: Signature,
    golden: tuple[Sequence[Row], Sequence[Sequence[float]]],
) -> Path:
    Package(model, kind[0], kind[1], file, signature).write(folder)
    Golden(*golden).write(folder)
    return folder


@pytest.fixture(scope="session")
def lightgbm_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, frame = tmp_path_factory.mktemp("lightgbm"), flights()
    late = (frame["hour"] > 15) ^ (frame["carrier"] == "B6")
    model = lightgbm.LGBMClassifier(n_estimators=10, min_child_samples=5, verbose=-1, n_jobs=1).fit(frame, late)
    model.booster_.save_model(str(folder / "model.txt"))
    golden = as_rows(frame.head(8)), [[float(p)] for p in model.predict_proba(frame.head(8))[:, 1]]
    return pack(folder, "flight_delay", ("binary", "lightgbm"), "model.txt", FLIGHTS, golden)


@pytest.fixture(scope="session")
def sklearn_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, frame = tmp_path_factory.mktemp("sklearn"), flights()
    late = (frame["hour"] > 15) ^ (frame["carrier"] == "B6")
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype").fit(frame, late)
    (folder / "model.pkl").write_bytes(cloudpickle.dumps(model))
    golden = as_rows(frame.head(8)), [[float(p)] for p in model.predict_proba(frame.head(8))[:, 1]]
    return pack(folder, "flight_delay", ("binary", "sklearn"), "model.pkl", FLIGHTS, golden)


@pytest.fixture(scope="session")
def multiclass_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("multiclass"), np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=300), "y": rng.normal(size=300)})
    side = pd.cut(frame["x"], [-9, -0.5, 0.5, 9], labels=False)
    model = lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=5, verbose=-1, n_jobs=1).fit(frame, side)
    model.booster_.save_model(str(folder / "model.txt"))
    golden = as_rows(frame.head(5)), model.predict_proba(frame.head(5)).tolist()
    return pack(folder, "sides", ("multiclass", "lightgbm"), "model.txt", POINTS, golden)


def plane_of(folder: Path) -> DataPlane:
    return open_plane(Package.read(folder), folder, "1.2.3")


@pytest.fixture(scope="session")
def plane(lightgbm_package: Path) -> DataPlane:
    return plane_of(lightgbm_package)


@pytest.fixture(scope="session")
def sklearn_plane(sklearn_package: Path) -> DataPlane:
    return plane_of(sklearn_package)


@pytest.fixture(scope="session")
def sides(multiclass_package: Path) -> DataPlane:
    return plane_of(multiclass_package)


@pytest.fixture
def row() -> dict[str, Any]:
    """One good row for the flight models."""
    return {
        "distance": 733.5,
        "hour": 18,
        "carrier": "UA",
        "wind": 12.0,
        "engine": "jet",
        "weekend": False,
        "seats": 149,
    }
