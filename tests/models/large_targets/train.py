"""Boosted trees of LightGBM, whose predictions have ten digits before the point."""

import pandas as pd
from lightgbm import LGBMRegressor


def fit(features: pd.DataFrame, turnover: pd.Series) -> LGBMRegressor:
    return LGBMRegressor(n_estimators=50, min_child_samples=5, n_jobs=1, verbose=-1).fit(features, turnover)
