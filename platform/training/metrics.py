"""The gate's metrics, computed on held-out rows. Predictions are shaped as the model's output: [n] or [n, k]."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.package import Task
from intermodal.platform.training.gate import METRICS

FITTING: Mapping[Task, tuple[str, ...]] = {
    "binary": tuple(METRICS),
    "multiclass": ("roc_auc", "accuracy", "f1_macro", "log_loss"),
    "regression": ("r2", "rmse", "mae"),
}
"""The metrics that can be computed for a task."""


def _labels(predictions: np.ndarray, task: Task, classes: np.ndarray) -> np.ndarray:
    chosen = (predictions >= 0.5).astype(int) if task == "binary" else predictions.argmax(axis=1)
    return np.asarray(classes[chosen])


def score(metric: str, truth: Any, predictions: Any, task: Task, classes: Any = ()) -> float:
    """The value of a metric. ``classes`` are the labels in the order of the predictions' columns. SpecError if the
    metric is for another task."""
    if metric not in FITTING[task]:
        raise SpecError(
            f"gate.metric is {metric}, and the fit function returned an estimator for {task}.",
            hint=f"Write a metric for {task}: {', '.join(FITTING[task])}.",
        )
    if metric in FITTING["regression"] and not pd.api.types.is_numeric_dtype(np.asarray(truth).dtype):
        raise SpecError(
            f"gate.metric is {metric}, and the target's values are no numbers: {np.asarray(truth)[:1].tolist()}.",
            hint=f"Write a metric for labels: {', '.join(FITTING['multiclass'])}.",
        )
    truth, predictions, classes = np.asarray(truth), np.asarray(predictions, dtype=float), np.asarray(classes)
    labelled: Mapping[str, Callable[[], float]] = {
        "accuracy": lambda: sk.accuracy_score(truth, _labels(predictions, task, classes)),
        "f1_macro": lambda: sk.f1_score(truth, _labels(predictions, task, classes), average="macro"),
        "roc_auc": lambda: sk.roc_auc_score(
            truth, predictions, multi_class="ovr", labels=classes if task == "multiclass" else None
        ),
        "log_loss": lambda: sk.log_loss(truth, predictions, labels=classes),
        "r2": lambda: sk.r2_score(truth, predictions),
        "rmse": lambda: sk.root_mean_squared_error(truth, predictions),
        "mae": lambda: sk.mean_absolute_error(truth, predictions),
    }
    assert set(labelled) == set(METRICS)
    return float(labelled[metric]())
