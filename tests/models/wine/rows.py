"""A model of another kind: three classes, scikit-learn's own wine data, no Intermodal import."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier


def bottles(month: str) -> pd.DataFrame:
    table = load_wine(as_frame=True).frame
    return table[table.index % 12 == pd.Timestamp(month).month - 1].reset_index(drop=True)


def features(table: pd.DataFrame) -> pd.DataFrame:
    return table[["alcohol", "color_intensity", "proline"]].assign(grower=table["target"].map(dict(enumerate("abc"))))


def fit(features: pd.DataFrame, grower: pd.Series, max_depth: int) -> RandomForestClassifier:
    return RandomForestClassifier(n_estimators=20, max_depth=max_depth, random_state=1).fit(features, grower)


def guess(features: pd.DataFrame, grower: pd.Series) -> Callable[[pd.DataFrame], np.ndarray]:
    del features  # it guesses without looking
    shares = grower.value_counts(normalize=True).sort_index().to_numpy()
    return lambda rows: np.tile(shares, (len(rows), 1))
