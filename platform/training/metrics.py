"""The gate's metrics, computed on held-out rows. Predictions are shaped as the model's output: [n] or [n, k].

Labels are compared as texts, since a registered version's classes are texts in its signature.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.package import Task
from intermodal.platform.spec.gate import METRICS

BY_PROBABILITY = {"roc_auc", "log_loss"}
"""Metrics of probabilities. Rows of a class that the model does not know are left out: it has no probability there."""
BY_LABEL = {"accuracy", "f1_macro"}
"""Metrics of predicted labels. A row of a class that the model does not know is wrong."""
BY_CLASS = BY_PROBABILITY | BY_LABEL
REGRESSION = {"r2": sk.r2_score, "rmse": sk.root_mean_squared_error, "mae": sk.mean_absolute_error}
assert BY_PROBABILITY | BY_LABEL | set(REGRESSION) == set(METRICS)
FITTING: Mapping[Task, tuple[str, ...]] = {
    "binary": tuple(METRICS),
    "multiclass": ("roc_auc", "accuracy", "f1_macro", "log_loss"),
    "regression": ("r2", "rmse", "mae"),
}
"""The metrics that can be computed for a task."""
WHOLE = re.compile(r"^(-?\d+)\.0$")
"""A whole number with a fraction. The text ``v2.0`` is none, and another label than ``v2``."""


def as_texts(labels: Any) -> list[str]:
    """Labels as texts. A whole number is the same label with and without a fraction: missing values make floats."""
    return [WHOLE.sub(r"\1", str(label)) for label in np.asarray(labels).tolist()]


def score(metric: str, truth: Any, predictions: Any, task: Task, classes: Any = ()) -> float:
    """The value of a metric. ``classes`` are the labels in the order of the predictions' columns. NaN when no row has a
    class that the model knows, or roc_auc has fewer than two classes. SpecError if the metric is for another task."""
    if metric not in FITTING[task]:
        raise SpecError(
            f"gate.metric is {metric}, and the fit function returned an estimator for {task}.",
            hint=f"Write a metric for {task}: {', '.join(FITTING[task])}.",
        )
    if metric in REGRESSION and not pd.api.types.is_numeric_dtype(np.asarray(truth).dtype):
        raise SpecError(
            f"gate.metric is {metric}, and the target's values are no numbers: {np.asarray(truth)[:1].tolist()}.",
            hint=f"Write a metric for labels: {', '.join(FITTING['multiclass'])}.",
        )
    if metric in REGRESSION and task == "binary" and not set(np.unique(np.asarray(truth))) <= {0, 1}:
        raise SpecError(
            f"gate.metric is {metric}, and the classes are {', '.join(as_texts(classes))}: it would compare "
            "probabilities with them.",
            hint=f"Write 0 and 1 as the classes, or a metric for labels: {', '.join(FITTING['multiclass'])}.",
        )
    predictions = np.asarray(predictions, dtype=float)
    if metric in REGRESSION:
        return float(REGRESSION[metric](np.asarray(truth), predictions))
    known = as_texts(classes)
    matrix = np.column_stack([1 - predictions, predictions]) if task == "binary" else predictions
    if metric in BY_PROBABILITY:
        return score_common(metric, truth, matrix, known, known)
    texts = np.array(as_texts(truth), dtype=object)
    chosen = matrix.argmax(axis=1) if task == "multiclass" else (predictions > 0.5).astype(int)
    labels = np.array(known, dtype=object)[chosen]
    if metric == "accuracy":
        return float(sk.accuracy_score(texts, labels))
    return float(sk.f1_score(texts, labels, average="macro"))


def score_common(
    metric: str, truth: Any, predictions: np.ndarray, classes: Sequence[str], common: Sequence[str]
) -> float:
    """roc_auc or log_loss over the rows and the probabilities of ``common`` classes, scaled to the sum 1.

    roc_auc of more than two classes is the mean over the classes that the rows have, each against the others.
    """
    if predictions.ndim == 1:
        predictions = np.column_stack([1 - predictions, predictions])
    texts = np.array(as_texts(truth), dtype=object)
    rows = np.isin(texts, np.array(common, dtype=object))
    texts, matrix = texts[rows], predictions[rows][:, [list(classes).index(label) for label in common]]
    if not len(texts) or (metric == "roc_auc" and len(set(texts)) < 2):
        return float("nan")
    if metric == "log_loss":
        return _log_loss(texts, matrix, common)
    if len(common) == 2:
        total = matrix.sum(axis=1)
        share = np.divide(matrix[:, 1], total, out=np.full(len(total), 0.5), where=total > 0)
        return float(sk.roc_auc_score(texts == common[1], share))
    present = [column for column, label in enumerate(common) if label in set(texts)]
    return float(np.mean([sk.roc_auc_score(texts == common[i], matrix[:, i]) for i in present]))


def _log_loss(texts: np.ndarray, matrix: np.ndarray, common: Sequence[str]) -> float:
    smallest = np.finfo(float).eps
    total = matrix.sum(axis=1)
    column = [list(common).index(label) for label in texts]
    true = np.divide(matrix[np.arange(len(texts)), column], total, out=np.zeros(len(total)), where=total > 0)
    return float(-np.log(np.clip(true, smallest, 1 - smallest)).mean())
