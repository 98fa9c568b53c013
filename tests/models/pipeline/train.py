"""A pipeline of scikit-learn, of a package that requirements.txt names, and of a transformer of this folder."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder
from tinyscale import Times

from .transformers import SizePerRoom


def fit(features: pd.DataFrame, rent: pd.Series) -> Pipeline:
    columns = ColumnTransformer(
        [
            ("area", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["area"]),
            ("per_room", SizePerRoom(), ["size", "rooms"]),
            ("numbers", make_pipeline(Times(10), SimpleImputer()), ["size", "floor"]),
        ]
    )
    return make_pipeline(columns, GradientBoostingRegressor(n_estimators=40, random_state=1)).fit(features, rent)


def baseline(features: pd.DataFrame, rent: pd.Series) -> Callable[[pd.DataFrame], np.ndarray]:
    del features  # it guesses without looking
    return lambda rows: np.full(len(rows), rent.mean())
