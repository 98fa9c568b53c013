"""One estimator for two numbers."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor


def fit(features: pd.DataFrame, targets: pd.DataFrame) -> RandomForestRegressor:
    return RandomForestRegressor(n_estimators=20, random_state=1).fit(features, targets)


def baseline(features: pd.DataFrame, targets: pd.DataFrame) -> Callable[[pd.DataFrame], np.ndarray]:
    del features  # it guesses without looking
    return lambda rows: np.tile(targets.mean().to_numpy(), (len(rows), 1))
