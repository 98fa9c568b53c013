"""Boosted trees of LightGBM, whose classes are texts."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier


def fit(features: pd.DataFrame, offer: pd.Series) -> LGBMClassifier:
    return LGBMClassifier(n_estimators=20, min_child_samples=5, n_jobs=1, verbose=-1).fit(features, offer)


def baseline(features: pd.DataFrame, offer: pd.Series) -> Callable[[pd.DataFrame], np.ndarray]:
    del features  # it guesses without looking
    shares = offer.value_counts(normalize=True).sort_index().to_numpy()
    return lambda rows: np.tile(shares, (len(rows), 1))
