"""The outputs of a fitted estimator, as its predictions for some rows show them."""

from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.package import Task
from intermodal.platform.protocol.signature import Output, Signature
from intermodal.platform.training import dataframes
from intermodal.platform.training.calls import Call
from intermodal.platform.training.estimators import NUMBERS, Parts, Target
from intermodal.platform.training.metrics import as_texts
from intermodal.platform.training.tensor_cells import DATATYPES


def outputs_of(
    call: Call,
    estimator: Any,
    inputs: pd.DataFrame,
    parts: Parts,
    task: Task,
    classes: np.ndarray,
    target: Target,
) -> tuple[Output, ...]:
    """Name, datatype and shape of each output. ``parts`` are the predictions for ``inputs``, as of
    ``estimators.predictions``. SpecError when they are not what the target asks for."""
    (first, given), *others = parts.items()
    if task != "regression":
        found = dataframes.outputs_of(task, classes.tolist())
        own = found if _labels_agree(estimator, inputs, given, classes) else found[:1]
    elif first:
        own = (_output(call, first, given),)
    elif isinstance(target, pd.DataFrame):
        if given.shape[1:] != (target.shape[1],):
            raise call.refused(
                f"returned an estimator that predicts the shape {list(given.shape)} for {len(given)} rows and "
                f"{target.shape[1]} targets.",
                "Return a column for each column of features.target, in their order.",
            )
        own = tuple(Output(str(name)) for name in target.columns)
    elif given.ndim > 1:
        raise call.refused(f"returned an estimator that predicts the shape {list(given.shape)}.", NUMBERS)
    else:
        own = dataframes.outputs_of(task, ())
    outputs = (*own, *(_output(call, name, part) for name, part in others))
    names = [output.name for output in outputs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise call.refused(f"returned an estimator with two outputs '{twice[0]}'.", "Give each a name of its own.")
    return outputs


def together(parts: Parts, signature: Signature, source: str) -> np.ndarray:
    """The numbers of all outputs side by side, [n] or [n, k]. SpecError when a call gives other shapes than the one
    from which the signature was made."""
    columns = [np.reshape(part, (len(part), -1)) for part in parts.values()]
    found = np.concatenate(columns, axis=1, dtype=float)
    if found.shape[1] != signature.width:
        raise SpecError(
            f"The estimator that {source} returned gave {found.shape[1]} numbers for a row, and {signature.width} for "
            "the first rows that it was tried on.",
            hint="Return outputs of the same shapes for every row.",
        )
    return found[:, 0] if found.shape[1] == 1 else found


def _output(call: Call, name: str, part: np.ndarray) -> Output:
    datatype = DATATYPES.get(part.dtype.name)
    if datatype is None:
        raise call.refused(f"returned an estimator whose output '{name}' is of {part.dtype}.", "Give numbers.")
    return Output(name, datatype, part.shape[1:])


def _labels_agree(estimator: Any, inputs: pd.DataFrame, given: np.ndarray, classes: np.ndarray) -> bool:
    """Whether the most probable class is what ``predict`` gives. It is not where a threshold was tuned, for instance:
    then callers get the probabilities only, and no label that the estimator would not give."""
    if getattr(estimator, "is_network", False) or not callable(getattr(estimator, "predict", None)):
        return True
    try:
        labels = np.asarray(estimator.predict(inputs)).ravel()
    except Exception:  # noqa: BLE001 what cannot predict labels has none
        return False
    chosen = (given > 0.5).astype(int) if given.ndim == 1 else given.argmax(axis=1)
    return as_texts(labels) == as_texts(classes[chosen])
