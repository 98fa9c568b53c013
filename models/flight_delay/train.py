"""The flight-delay classifier and the honest baseline that it must beat."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier


def fit(features: pd.DataFrame, late: pd.Series, **hyperparameters: Any) -> LGBMClassifier:
    """Gradient-boosted trees; categorical columns and missing values are taken as they are."""
    return LGBMClassifier(verbose=-1, **hyperparameters).fit(features, late)


def baseline(features: pd.DataFrame, late: pd.Series) -> Callable[[pd.DataFrame], np.ndarray]:
    """The late rate by carrier and scheduled hour: what anybody with a spreadsheet would use."""
    rates = late.groupby([features["carrier"].astype(str), features["hour"]]).mean()
    overall = float(late.mean())

    def predict(rows: pd.DataFrame) -> np.ndarray:
        keys = pd.MultiIndex.from_arrays([rows["carrier"].astype(str), rows["hour"]])
        return rates.reindex(keys).fillna(overall).to_numpy()

    return predict
