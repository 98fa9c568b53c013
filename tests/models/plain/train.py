"""A detector that no library made: it has predict, and neither classes nor a base class."""

import numpy as np
import pandas as pd


class Distance:
    """How many standard deviations a row is from the mean."""

    def __init__(self, features: pd.DataFrame) -> None:
        self.mean, self.spread = features.mean(), features.std()

    def predict(self, features: pd.DataFrame) -> np.ndarray:
        return np.sqrt((((features - self.mean) / self.spread) ** 2).sum(axis=1)).to_numpy()


def fit(features: pd.DataFrame, distance: pd.Series) -> Distance:
    del distance  # it learns from the rows alone
    return Distance(features)
