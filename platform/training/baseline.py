"""The contract of the gate's baseline."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.protocol.package import Task
from intermodal.platform.protocol.signature import Output
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.calls import Call, name_of
from intermodal.platform.training.estimators import Target, numbers_of, require_probabilities, require_shape


def guesses(
    spec: ModelSpec,
    function: Callable[..., Any],
    window: tuple[pd.DataFrame, Target],
    rows: pd.DataFrame,
    task: Task,
    classes: np.ndarray,
    outputs: Sequence[Output],
) -> np.ndarray:
    """The baseline's predictions for the held-out rows, shaped as the candidate's. SpecError as of ``predictions``.

    A metric function looks at every output, so for several of them the baseline gives all, as a dict or side by side.
    """
    name = spec.gate.better_than or name_of(function)
    call = Call(function, name, "(features, target)")
    predict = call(*window)
    if not callable(predict):
        raise call.returned(predict, "a function that takes rows and returns a prediction for each")
    inner = Call(predict, f"the function that {name} returned", "(rows)")
    returned = inner(rows)
    numbers = [output for output in outputs if not output.is_label]
    if spec.gate.function and (len(numbers) > 1 or (task == "regression" and numbers[0].shape)):
        return _of_all_outputs(inner, returned, len(rows), numbers)
    given = numbers_of(inner, returned, len(rows))
    advice = "Of two classes, that is the probability of the second: [:, 1]." if task == "binary" else ""
    if task == "regression" and isinstance(window[1], pd.DataFrame):
        if given.shape[1:] != (window[1].shape[1],):
            raise inner.refused(
                f"returned the shape {list(given.shape)}.", f"Return {window[1].shape[1]} numbers for each row."
            )
        return given
    require_shape(inner, given, (len(rows), classes.size) if task == "multiclass" else (len(rows),), advice)
    if task == "multiclass" or (task == "binary" and spec.gate.metric != "roc_auc"):  # which takes any score
        require_probabilities(inner, given)
    return given


def _of_all_outputs(call: Call, returned: Any, rows: int, outputs: Sequence[Output]) -> np.ndarray:
    names, width = [output.name for output in outputs], sum(output.width for output in outputs)
    parts = returned if isinstance(returned, Mapping) else {"": returned}
    if isinstance(returned, Mapping) and set(returned) != set(names):
        raise call.refused(f"returned a dict of {', '.join(map(str, returned))}.", f"Return {', '.join(names)}.")
    order = names if isinstance(returned, Mapping) else [""]
    found = np.concatenate(
        [numbers_of(call, parts[name], rows).reshape(rows, -1) for name in order], axis=1, dtype=float
    )
    if found.shape[1] != width:
        raise call.refused(f"returned {found.shape[1]} numbers for each row.", f"Return {width}: {', '.join(names)}.")
    return found
