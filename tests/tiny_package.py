"""A version's artifacts in miniature: ten LightGBM trees on random numbers, with golden rows."""

from pathlib import Path

import lightgbm
import numpy as np

from intermodal.platform.protocol.package import PROFILE, Golden, Package
from intermodal.platform.protocol.signature import Column, Output, Signature

CARRIERS = ("AA", "B6", "UA")
SIGNATURE = Signature(
    inputs=(
        Column("distance", "FP64"),
        Column("hour", "INT64"),
        Column("carrier", "BYTES", nullable=True, categories=CARRIERS),
    ),
    outputs=(Output("late"),),
)


def build(folder: Path, seed: int = 0, name: str = "flight_delay") -> Path:
    """Write a package into ``folder`` (made if missing); another ``seed`` gives another model. Returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    dice = np.random.default_rng(seed)
    rows = np.column_stack([dice.uniform(50, 5000, 300), dice.integers(0, 24, 300), dice.integers(0, 3, 300)])
    late = (dice.random(300) < 0.2 + rows[:, 1] / 40).astype(float)
    settings = {"objective": "binary", "num_leaves": 7, "verbose": -1, "num_threads": 1, "seed": seed}
    data = lightgbm.Dataset(rows, late, categorical_feature=[2], params=settings)
    booster = lightgbm.train(settings, data, num_boost_round=10)
    booster.save_model(str(folder / "model.txt"))
    Package(name, "binary", "lightgbm", "model.txt", SIGNATURE).write(folder)
    first = rows[:8]
    golden = [{"distance": float(d), "hour": int(h), "carrier": CARRIERS[int(c)]} for d, h, c in first]
    Golden(golden, [[float(p)] for p in booster.predict(first, num_threads=1)]).write(folder)
    (folder / PROFILE).write_text("{}", encoding="utf-8")
    return folder
