"""Weighted words and a linear model."""

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline


def fit(features: pd.DataFrame, team: pd.Series) -> Pipeline:
    words = ColumnTransformer([("words", TfidfVectorizer(ngram_range=(1, 2)), "message")])
    return make_pipeline(words, LogisticRegression(max_iter=200)).fit(features, team)
