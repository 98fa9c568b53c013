"""Trees, forests and ``GradientBoosting*`` of scikit-learn in LightGBM's terms (docs/adr/0049).

They compare float32(value) with a threshold, and LightGBM compares the value itself, so a threshold becomes the largest
value that is still rounded to the left side. Source: ``sklearn/tree/_tree.pyx``. It is used in training only.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from intermodal.platform.protocol.conversion import NotConvertible
from intermodal.platform.protocol.signature import Column
from intermodal.serving.runtimes.conversion.lightgbm_text import Model, Tree

OBJECTIVES = {
    "HalfSquaredError": "regression",
    "AbsoluteError": "regression",
    "HuberLoss": "regression",
    "PinballLoss": "regression",
    "HalfBinomialLoss": "binary sigmoid:1",
    "ExponentialLoss": "binary sigmoid:2",
    "HalfMultinomialLoss": "multiclass",
}
"""LightGBM's objective with the same function from sums to predictions, by the loss of scikit-learn."""


def model_of(estimator: Any, columns: Sequence[Column]) -> Model:
    """The fitted estimator's trees. NotConvertible if LightGBM would predict otherwise for some rows."""
    for column in columns:
        if column.is_tensor or column.datatype == "BYTES":
            raise NotConvertible(f"the column '{column.name}' is no number")
    if type(estimator).__module__ == "sklearn.ensemble._gb":
        return _boosted(estimator)
    parts = getattr(estimator, "estimators_", None)
    outputs = _outputs(estimator)
    trees = [_tree(part.tree_, *output) for part in parts or [estimator] for output in outputs]
    in_order = getattr(estimator, "n_jobs", None) in (None, 1)  # several threads add the trees in any order
    return Model(trees, len(outputs), average=parts is not None, is_exact=in_order)


def _outputs(estimator: Any) -> list[tuple[int, int]]:
    """Target and class of each number: the share of the second of two classes, or of each class; each target."""
    if hasattr(estimator, "classes_"):
        count = int(estimator.n_classes_)
        return [(0, 1)] if count == 2 else [(0, k) for k in range(count)]
    return [(target, 0) for target in range(estimator.n_outputs_)]


def _boosted(estimator: Any) -> Model:
    objective = OBJECTIVES.get(type(estimator._loss).__name__)
    if objective is None:
        raise NotConvertible(f"LightGBM has no equal of the loss {estimator.loss!r}")
    if type(estimator.init_).__module__ != "sklearn.dummy" and estimator.init_ != "zero":
        raise NotConvertible("its first predictions are those of another estimator")
    some_row = np.zeros((1, estimator.n_features_in_), dtype=np.float32)
    baseline = estimator._raw_predict_init(some_row)[0]  # the same for every row
    per_round = estimator.estimators_.shape[1]
    trees = [
        _tree(part.tree_, 0, 0, estimator.learning_rate, 0.0 if number else baseline[k])
        for number, round_ in enumerate(estimator.estimators_)
        for k, part in enumerate(round_)
    ]
    if objective == "multiclass":
        objective += f" num_class:{per_round}"
    return Model(trees, per_round, objective, is_exact=objective == "regression")


def _tree(tree: Any, target: int, of_class: int, scale: float = 1.0, baseline: float = 0.0) -> Tree:
    left, right = tree.children_left.astype(np.int64), tree.children_right.astype(np.int64)
    value = baseline + scale * tree.value[:, target, of_class]
    nan_left = np.asarray(tree.missing_go_to_left).astype(bool)
    threshold = np.where(tree.threshold == 0, 0.0, largest_left(tree.threshold))  # LightGBM reads 1e-46 as 0 anyway
    return Tree(tree.feature, threshold, nan_left, left, right, value, {})


def largest_left(thresholds: Any) -> Any:
    """The largest float64 that is at most the threshold after it is rounded to float32, half to even."""
    exact = np.asarray(thresholds, dtype=np.float64)
    below = exact.astype(np.float32)
    below = np.where(below > exact, np.nextafter(below, np.float32(-np.inf)), below)
    above = np.nextafter(below, np.float32(np.inf))
    middle = (below.astype(np.float64) + above.astype(np.float64)) / 2
    is_even = below.view(np.uint32) & 1 == 0
    return np.where(is_even, middle, np.nextafter(middle, -np.inf))
