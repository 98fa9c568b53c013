"""The gate's metric for the predictions of any model: one that is built in, or a function of the team."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from intermodal.platform.protocol.package import Task
from intermodal.platform.protocol.signature import Output
from intermodal.platform.spec import Gate
from intermodal.platform.training.calls import Call, named
from intermodal.platform.training.estimators import Target
from intermodal.platform.training.metrics import score

FORM = "(target, predictions, features)"


@dataclass(frozen=True)
class Predicted:
    """What a model predicts for some rows: the numbers of its outputs side by side, [n] or [n, k]."""

    numbers: np.ndarray
    task: Task
    outputs: tuple[Output, ...]
    classes: Any = ()

    def scored(self, truth: Target) -> np.ndarray:
        """The numbers that a built-in metric compares with the truth: one for each target, or the first output's."""
        width = truth.shape[1] if isinstance(truth, pd.DataFrame) else self.outputs[0].width
        if self.numbers.ndim == 1:
            return self.numbers
        return self.numbers[:, 0] if width == 1 else self.numbers[:, :width]

    def by_output(self) -> np.ndarray | dict[str, np.ndarray]:
        """The array of the only output, [n, *shape], or an array for each by its name. A label is no output here."""
        outputs = [output for output in self.outputs if not output.is_label]
        matrix = self.numbers.reshape(len(self.numbers), -1)
        parts = np.split(matrix, np.cumsum([output.width for output in outputs])[:-1], axis=1)
        shaped = {o.name: part.reshape(len(part), *o.shape).copy() for o, part in zip(outputs, parts, strict=True)}
        return shaped if len(shaped) > 1 else next(iter(shaped.values()))

    def some(self, rows: np.ndarray) -> Self:
        return replace(self, numbers=self.numbers[rows])


@dataclass(frozen=True)
class Metric:
    """The metric's name among the figures, and the team's function. Without one, the name is of a built-in metric."""

    name: str
    call: Call | None = None

    @classmethod
    def of(cls, gate: Gate, function: Callable[..., Any] | None) -> "Metric | None":
        """None if the spec compares nothing."""
        if gate.metric is None:
            return None
        return cls(gate.name, function and Call(function, gate.metric, FORM))

    def value(self, predicted: Predicted, truth: Target, rows: pd.DataFrame) -> float:
        """The figure of these rows. NaN when a built-in metric cannot be computed on them. SpecError when it is one of
        another task, or the team's function raises or returns anything else than a finite number."""
        if self.call is None:
            return score(self.name, truth, predicted.scored(truth), predicted.task, predicted.classes)
        # The function may change what it gets, and its next call gets the same rows.
        target = None if truth is None else truth.reset_index(drop=True)
        figure = self.call(target, predicted.by_output(), rows.reset_index(drop=True))
        if isinstance(figure, bool | np.bool_) or not isinstance(figure, int | float | np.integer | np.floating):
            raise self.call.refused(f"returned {named(figure)}.", "Return one number, such as float(...).")
        if not math.isfinite(figure):
            raise self.call.refused(f"returned {figure}.", "Return a finite number for any rows that it gets.")
        return float(figure)
