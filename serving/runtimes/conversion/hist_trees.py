"""``HistGradientBoosting*`` of scikit-learn in LightGBM's terms. Both follow a tree in the same way and in float64, so
predictions are equal in every bit, up to the function from sums to probabilities (docs/adr/0049).

Source of the traversal: ``sklearn/ensemble/_hist_gradient_boosting/_predictor.pyx``. It is used in training only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from intermodal.platform.protocol.conversion import NotConvertible
from intermodal.platform.protocol.signature import INTEGERS, Column
from intermodal.serving.runtimes.conversion.lightgbm_text import WORD, Model, Tree

OBJECTIVES = {
    "HalfSquaredError": "regression",
    "AbsoluteError": "regression",
    "PinballLoss": "regression",
    "HalfPoissonLoss": "poisson",
    "HalfGammaLoss": "poisson",  # the exponential of the sum, as for gamma
    "HalfBinomialLoss": "binary sigmoid:1",
    "HalfMultinomialLoss": "multiclass",
}
"""LightGBM's objective with the same function from sums to predictions, by the loss of scikit-learn."""
MAX_CODE = 10_000
"""The largest integer that is a category. A set of categories has a bit for each integer up to its largest."""


@dataclass(frozen=True)
class _Feature:
    """Column of the signature behind a feature of the trees. ``codes`` has LightGBM's code of each of scikit-learn's,
    or None for a category that no request can carry; it is None for a number."""

    column: int
    codes: Sequence[int | None] | None


def model_of(estimator: Any, columns: Sequence[Column]) -> Model:
    """The fitted estimator's trees. NotConvertible if LightGBM would predict otherwise for some rows."""
    features = _features(estimator, columns)
    objective, per_round = OBJECTIVES.get(type(estimator._loss).__name__), estimator.n_trees_per_iteration_
    if objective is None:
        raise NotConvertible(f"LightGBM has no equal of the loss {estimator.loss!r}")
    baseline = np.asarray(estimator._baseline_prediction, dtype=float).reshape(-1)
    trees = []
    for number, round_ in enumerate(estimator._predictors):
        for k, predictor in enumerate(round_):
            # scikit-learn begins with the baseline and LightGBM with 0, so this is the same sum.
            trees.append(_tree(predictor, features, baseline[k] if not number else None))
    if objective == "multiclass":
        objective += f" num_class:{per_round}"
    return Model(trees, per_round, objective, is_exact=objective == "regression")


def _features(estimator: Any, columns: Sequence[Column]) -> list[_Feature]:
    """The features of the trees: scikit-learn moves categorical columns before the others."""
    categorical = np.zeros(len(columns), dtype=bool)
    sets: Mapping[int, Any] = {}
    if estimator._preprocessor is not None:
        categorical = np.asarray(estimator.is_categorical_, dtype=bool)
        encoder = estimator._preprocessor.named_transformers_["encoder"]
        sets = dict(zip(np.flatnonzero(categorical).tolist(), encoder.categories_, strict=True))
    for column, encoded in zip(columns, categorical, strict=True):
        if column.is_tensor or (column.datatype == "BYTES" and not (encoded and column.categories)):
            raise NotConvertible(f"the column '{column.name}' is neither a number nor a category")
    return [
        *(_Feature(i, _codes(columns[i], values)) for i, values in sets.items()),
        *(_Feature(i, None) for i in np.flatnonzero(~categorical).tolist()),
    ]


def _codes(column: Column, values: Any) -> list[int | None]:
    """LightGBM's code of each of scikit-learn's categories: the position in the signature, or the integer itself."""
    known = [value for value in values.tolist() if value is not None and value == value]  # NaN is not itself
    if column.datatype == "BYTES":
        positions = {name: code for code, name in enumerate(column.categories)}
        return [positions.get(value) for value in known]
    if column.datatype not in INTEGERS and column.datatype != "BOOL":
        raise NotConvertible(f"the category '{column.name}' is a number with a fraction")
    if any(not 0 <= value <= MAX_CODE for value in known):
        raise NotConvertible(f"the category '{column.name}' has integers below 0 or above {MAX_CODE}")
    return [int(value) for value in known]


def _tree(predictor: Any, features: Sequence[_Feature], baseline: float | None) -> Tree:
    nodes = predictor.nodes
    is_leaf = nodes["is_leaf"].astype(bool)
    left = np.where(is_leaf, -1, nodes["left"].astype(np.int64))
    right = np.where(is_leaf, -1, nodes["right"].astype(np.int64))
    nan_left = nodes["missing_go_to_left"].astype(bool)
    sets: dict[int, list[int]] = {}
    for node in np.flatnonzero(~is_leaf & nodes["is_categorical"].astype(bool)).tolist():
        codes = features[int(nodes["feature_idx"][node])].codes or ()
        bits = predictor.raw_left_cat_bitsets[int(nodes["bitset_idx"][node])]
        goes_left = [bool(int(bits[i // WORD]) >> i % WORD & 1) for i in range(len(codes))]
        # What scikit-learn does not know takes the way of missing values, and in LightGBM it goes right.
        swaps = bool(nan_left[node])
        if swaps:
            left[node], right[node] = right[node], left[node]
        chosen = zip(codes, goes_left, strict=True)
        sets[node] = [code for code, goes in chosen if code is not None and goes != swaps]
    column = np.array([feature.column for feature in features])[nodes["feature_idx"].astype(np.int64)]
    value = nodes["value"] if baseline is None else baseline + nodes["value"]
    return Tree(column, nodes["num_threshold"], nan_left, left, right, value, sets)
