"""The contract of the fit function, and of the estimator that it returns."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from sklearn.base import is_classifier

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.package import Task
from intermodal.platform.training import formats
from intermodal.platform.training.calls import Call, named

Parts = Mapping[str, np.ndarray]
Target: TypeAlias = pd.Series | pd.DataFrame | None
"""The true values: one column, a table when ``features.target`` names several, or None when it names none."""

FITTED = "a fitted estimator with predict, and with predict_proba and classes_ if it is a classifier"
UNSUPERVISED = "a fitted estimator whose predict gives numbers for rows that fit did not have"
SINGLE = "A classifier has one target: fit an estimator for each target, as models of their own."
ROWS_TRIED = 100
"""Rows that a fitted estimator must predict before anything is measured."""
NUMBERS = (
    "Return one number for each row. For several outputs return a dict of arrays by name, or name several columns in "
    "features.target."
)


def fitted(
    call: Call, inputs: pd.DataFrame, target: Target, hyperparameters: Mapping[str, Any], classifies: bool
) -> tuple[Any, np.ndarray]:
    """The estimator that the fit function returns, and its classes: none for a regression, and without a target. A
    network knows no classes: if it ``classifies``, its first output has a probability for each distinct target, in
    their order."""
    try:
        estimator = call(inputs, target, **hyperparameters)
    except SpecError as error:
        error.hint = " ".join(filter(None, (error.hint, _encoding_hint(inputs))))
        raise
    estimator = formats.estimator_of(estimator, inputs.head(ROWS_TRIED))
    methods = ("predict",) if target is None else ("predict", "predict_proba")
    predicts = any(callable(getattr(estimator, name, None)) for name in methods)
    if isinstance(estimator, type) or not predicts:
        wanted = UNSUPERVISED if target is None else FITTED
        raise call.refused(f"returned {named(estimator)}, which cannot predict.", f"Return {wanted}.")
    if target is None:
        return estimator, np.array([])
    if getattr(estimator, "is_network", False):
        return estimator, np.unique(np.asarray(target)) if classifies else np.array([])
    return estimator, _classes(call, estimator)


def _encoding_hint(inputs: pd.DataFrame) -> str:
    """What to do about columns that most estimators refuse, which may be why the fit function failed."""
    texts = [name for name in inputs if pd.api.types.is_object_dtype(inputs[name]) or inputs[name].dtype == "string"]
    times = [name for name in inputs if pd.api.types.is_datetime64_any_dtype(inputs[name])]
    parts = []
    if texts:
        parts.append(
            f"'{texts[0]}' is text, which most estimators do not take: make it a category with .astype('category') in "
            "the feature function, or encode it in a pipeline."
        )
    if times:
        parts.append(
            f"'{times[0]}' is a point in time, which no estimator takes: compute numbers from it, such as .dt.hour, in "
            "the feature function or in a pipeline."
        )
    return " ".join(parts)


def _classes(call: Call, estimator: Any) -> np.ndarray:
    if not _classifies(estimator):
        return np.array([])
    kind = type(estimator).__name__
    if not callable(getattr(estimator, "predict_proba", None)):
        raise call.refused(
            f"returned {named(estimator)}, a classifier without predict_proba.",
            "Wrap it in sklearn.calibration.CalibratedClassifierCV, or choose an estimator that gives probabilities.",
        )
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        raise call.refused(
            f"returned {named(estimator)} without classes_.",
            f"Fit it first: return {kind}(...).fit(features, target). A class of your own sets classes_ in fit.",
        )
    if isinstance(classes, list) and any(isinstance(part, np.ndarray | list) for part in classes):
        raise call.refused(f"returned {named(estimator)} with {len(classes)} outputs.", SINGLE)
    found = np.asarray(classes)
    if found.ndim != 1:
        raise call.refused(f"returned {named(estimator)} whose classes_ have the shape {list(found.shape)}.", SINGLE)
    if found.size < 2:
        raise call.refused(
            f"returned a classifier that knows {found.size} class{'es' if not found.size else ''}: {found.tolist()}.",
            "The target needs at least two values in the training window: widen train.window, or correct the features.",
        )
    return found


def _classifies(estimator: Any) -> bool:
    """As scikit-learn finds it. An estimator without its base class is a classifier if it gives probabilities, and so
    is one that gives nothing else."""
    if hasattr(estimator, "__sklearn_tags__") and callable(getattr(estimator, "predict", None)):
        return bool(is_classifier(estimator))
    return callable(getattr(estimator, "predict_proba", None))


def predictions(estimator: Any, source: str, inputs: pd.DataFrame, task: Task, classes: np.ndarray) -> Parts:
    """What an estimator predicts for typed inputs: an array [n, ...] for each of its outputs, by name; '' is the name
    of one that has none. The first has the form of the task: [n] for binary, [n, k] for multiclass. ``source`` is the
    function that returned the estimator. SpecError if it raises, or gives another shape or values that are no numbers.
    """
    network = getattr(estimator, "is_network", False)
    method = "predict" if task == "regression" or network else "predict_proba"
    name = f"{method} of the {type(estimator).__name__} that {source} returned"
    call = Call(getattr(estimator, method), name, "(features)")
    returned = call(inputs)
    if not isinstance(returned, Mapping):
        returned = {"": returned}
    parts = {str(key): numbers_of(call, part, len(inputs)) for key, part in returned.items()}
    if not parts:
        raise call.refused("returned no outputs.", NUMBERS)
    first, given = next(iter(parts.items()))
    if task == "regression":
        return {key: part[:, 0] if part.shape[1:] == (1,) else part for key, part in parts.items()}
    if network and task == "binary" and given.shape in ((len(inputs),), (len(inputs), 1)):
        given = np.column_stack([1 - given.ravel(), given.ravel()])
    advice = "Add a softmax, so that the first output has a probability for each class." if network else ""
    require_shape(call, given, (len(inputs), classes.size), advice)
    require_probabilities(call, given)
    return {**parts, first: given[:, 1] if task == "binary" else given}


def numbers_of(call: Call, returned: Any, rows: int) -> np.ndarray:
    if returned is None or np.ndim(returned) == 0:
        raise call.returned(returned, f"an array with a prediction for each of the {rows} rows")
    try:
        given = np.asarray(returned)
        given = given if given.dtype.kind in "biuf" else given.astype(float)
    except (TypeError, ValueError) as error:
        raise call.refused(
            f"returned {named(returned)} whose values are not all numbers: {error}.",
            "Return numbers; for classes return their probabilities. A classifier has predict_proba and classes_.",
        ) from error
    if len(given) != rows:
        raise call.refused(
            f"returned the shape {list(given.shape)} for {rows} rows.",
            "Return a prediction for each row. Are rows dropped in it?",
        )
    if odd := int((~np.isfinite(given)).sum()):
        raise call.refused(
            f"returned {odd} of {given.size} predictions that are NaN or infinite.",
            "Every row needs a finite prediction, also one with missing values: fill them in first.",
        )
    return given


def require_shape(call: Call, given: np.ndarray, shape: tuple[int, ...], advice: str = "") -> np.ndarray:
    if given.shape == shape:
        return given
    wanted = f"a probability for each of {shape[1]} classes" if len(shape) == 2 else "a number"
    raise call.refused(
        f"returned the shape {list(given.shape)} for {shape[0]} rows, not {list(shape)}.",
        f"Return {wanted} for each row. {advice}".strip(),
    )


def require_probabilities(call: Call, given: np.ndarray) -> None:
    if given.size and (given.min() < 0 or given.max() > 1):
        raise SpecError(
            f"{call.name} returned values from {given.min():g} to {given.max():g}, which are no probabilities.",
            hint="Return probabilities between 0 and 1.",
        )
