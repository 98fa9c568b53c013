"""Rows with and without drift, and the profile of a version that was trained without."""

import numpy as np
import pandas as pd

from intermodal.platform.protocol.signature import Column
from intermodal.platform.spec import DriftPolicy
from intermodal.platform.training.dataframes import columns_of, typed
from intermodal.platform.training.profile import Profile, profile_of

POLICY = DriftPolicy(min_rows=100)


def profile_from(table: pd.DataFrame, predictions: np.ndarray) -> tuple[Profile, tuple[Column, ...]]:
    columns = columns_of(table)
    return Profile.from_dict(profile_of(typed(table, columns), columns, predictions)), columns


def some(rows: int, seed: int, shift: float = 0.0) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "x": random.normal(shift, 1, rows),
            "y": random.integers(0, 24, rows),
            "flag": random.random(rows) < 0.1,
            "c": random.choice(["AA", "UA", "DL"], rows, p=[0.6, 0.3, 0.1]),
        }
    )
    return table, random.beta(2, 5, rows)


TRAINING, TRAINED_PREDICTIONS = some(20_000, 0)
PROFILE, COLUMNS = profile_from(TRAINING, TRAINED_PREDICTIONS)
