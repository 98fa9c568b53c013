"""Boosted trees of XGBoost, which take categories and missing values as they are."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from xgboost import XGBClassifier


def fit(features: pd.DataFrame, cancels: pd.Series, **hyperparameters: Any) -> XGBClassifier:
    model = XGBClassifier(n_estimators=20, enable_categorical=True, n_jobs=1, random_state=1, **hyperparameters)
    return model.fit(features, cancels)


def baseline(features: pd.DataFrame, cancels: pd.Series) -> Callable[[pd.DataFrame], np.ndarray]:
    rates = cancels.groupby(features["plan"].astype(str)).mean()
    return lambda rows: rows["plan"].astype(str).map(rates).to_numpy(dtype=float)
