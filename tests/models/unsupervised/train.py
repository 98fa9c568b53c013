"""How usual a payment is, learned from payments alone; and how well unusual ones stand apart."""

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest


class Usual:
    """A number for each row: the smaller, the more unusual."""

    def __init__(self, features: pd.DataFrame) -> None:
        self.forest = IsolationForest(n_estimators=20, random_state=1).fit(features.astype(float))

    def predict(self, features: pd.DataFrame) -> np.ndarray:
        return self.forest.score_samples(features.astype(float))


def fit(features: pd.DataFrame, target: None) -> Usual:
    assert target is None
    return Usual(features)


def contrast(target: None, predictions: np.ndarray, features: pd.DataFrame) -> float:
    """How far the highest amounts are from the others, in standard deviations of the score."""
    assert target is None
    high = (features["amount"] > features["amount"].quantile(0.95)).to_numpy()
    return float((predictions[~high].mean() - predictions[high].mean()) / predictions.std())
