"""Boosted trees take missing numbers. Missing text has a name of its own before it is encoded."""

import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder


def named(texts: pd.DataFrame) -> pd.DataFrame:
    return texts.fillna("unknown").astype(object)


def as_numbers(numbers: pd.DataFrame) -> pd.DataFrame:
    return numbers.astype("Float64").astype(float)


def fit(features: pd.DataFrame, comes: pd.Series) -> Pipeline:
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer(
        (make_pipeline(FunctionTransformer(named), encoder), make_column_selector(dtype_include="string")),
        (FunctionTransformer(as_numbers), make_column_selector(dtype_include=["number", "boolean"])),
    )
    return make_pipeline(columns, LGBMClassifier(n_estimators=20, n_jobs=1, verbose=-1)).fit(features, comes)
