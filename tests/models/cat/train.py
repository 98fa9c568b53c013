"""Boosted trees of CatBoost, which take text in the columns that cat_features names."""

from typing import Any

import pandas as pd
from catboost import CatBoostClassifier


def fit(features: pd.DataFrame, fails: pd.Series, **hyperparameters: Any) -> CatBoostClassifier:
    model = CatBoostClassifier(
        iterations=30, random_seed=1, thread_count=1, verbose=False, allow_writing_files=False, **hyperparameters
    )
    return model.fit(features, fails, cat_features=["site", "model"])
