"""The gate's metric apart for each value of some inputs, since a good mean may hide a group that is served badly."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.registry import Slice
from intermodal.platform.protocol.signature import INTEGERS, Column
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.comparison import HeldOut, Measured, quoted
from intermodal.platform.training.metric import Metric, Predicted
from intermodal.platform.training.metrics import as_texts

MIN_SLICE_ROWS = 30
"""With fewer rows a slice is left out: the standard error of a share of 30 rows is up to 0.09."""
MAX_SLICE_VALUES = 20
MAX_COLUMN_CHARACTERS, MAX_VALUE_CHARACTERS, MAX_METRIC_CHARACTERS = 20, 28, 16
"""So that a line of the table has at most 80 characters."""
MISSING = "(missing)"


def require_slices(spec: ModelSpec, columns: Sequence[Column], heldout: pd.DataFrame) -> None:
    """SpecError when ``gate.slices`` names a column that is no input, or not one of few values."""
    known = {column.name: column for column in columns}
    for name in spec.gate.slices:
        if name not in known:
            raise SpecError(f"gate.slices names '{name}', which is no input.", hint=f"Inputs: {', '.join(known)}.")
        column = known[name]
        text = column.datatype == "BYTES" and not column.is_timestamp
        if column.is_tensor or not (text or column.datatype == "BOOL" or column.datatype in INTEGERS):
            kind = "a point in time" if column.is_timestamp else column.datatype
            raise SpecError(
                f"gate.slices names '{name}', which is {kind}.",
                hint="Name text, a category, booleans or integers of few values. Numbers can be grouped in the feature "
                "function, with pd.cut.",
            )
        if (count := len(set(_values(heldout[name])))) > MAX_SLICE_VALUES:
            raise SpecError(
                f"gate.slices names '{name}', which has {count} values in the held-out rows: at most "
                f"{MAX_SLICE_VALUES} are compared.",
                hint="Name another column, or group its values in the feature function.",
            )


def measure_slices(
    spec: ModelSpec, metric: Metric, candidate: Predicted, heldout: HeldOut
) -> tuple[Measured, tuple[Slice, ...]]:
    """``worst_slice_<metric>``, and the figure of each value with MIN_SLICE_ROWS rows, worst first. Findings say which
    values have none. Values of sensitive columns are named in neither."""
    slices, findings = list[Slice](), list[str]()
    for name in spec.gate.slices:
        found, left_out = _of_column(spec, name, metric, candidate, heldout)
        slices += found
        findings += left_out
    slices.sort(key=lambda each: spec.gate.sign * each.figure)
    figures = {f"worst_slice_{metric.name}": slices[0].figure} if slices else {}
    return Measured(figures, tuple(findings)), tuple(slices)


def _of_column(
    spec: ModelSpec, name: str, metric: Metric, candidate: Predicted, heldout: HeldOut
) -> tuple[list[Slice], Iterator[str]]:
    values, hidden = _values(heldout.rows[name]), name in spec.features.sensitive
    found, refused, reason, few = list[Slice](), list[str](), "", 0
    for value in sorted(set(values)):
        rows = values == value
        if (count := int(rows.sum())) < MIN_SLICE_ROWS:
            few += 1
            continue
        truth = None if heldout.truth is None else heldout.truth[rows]
        try:
            figure = metric.value(candidate.some(rows), truth, heldout.rows[rows])
        except SpecError as error:  # of a function that needs both classes, for instance
            figure, reason = float("nan"), error.message
        if not np.isfinite(figure) or (metric.name == "r2" and metric.call is None and _is_constant(truth)):
            refused.append(value)
        else:
            found.append(Slice(name, None if hidden else value, count, figure))
    # What a function raises may quote values.
    reason = "" if spec.features.sensitive else reason
    return found, _left_out(name, metric, few, refused, "" if hidden else quoted(refused), reason)


def _left_out(name: str, metric: Metric, few: int, refused: list[str], named: str, reason: str) -> Iterator[str]:
    if few:
        yield f"{few} values of {name} have fewer than {MIN_SLICE_ROWS} rows, and no {metric.name} of their own."
    if refused:
        which = f"{named} of {name}" if named else f"{len(refused)} values of {name}"
        yield f"{metric.name} cannot be computed for {which}. {reason}".strip()


def _values(values: pd.Series) -> np.ndarray:
    texts = np.array(as_texts(values.astype(object)), dtype=object)
    texts[values.isna().to_numpy()] = MISSING
    return texts


def _is_constant(truth: pd.Series | pd.DataFrame | None) -> bool:
    """Whether the share of explained variance has nothing to explain."""
    return truth is not None and bool((truth.to_frame() if isinstance(truth, pd.Series) else truth).nunique().min() < 2)


def table(metric: str, slices: Sequence[Slice]) -> str:
    """The slices as a table of Markdown, in their order."""
    head = [f"| Column | Value | Rows | {_cell(metric, MAX_METRIC_CHARACTERS)} |", "| --- | --- | ---: | ---: |"]
    return "\n".join([*head, *(_line(each) for each in slices)])


def _line(each: Slice) -> str:
    value = "(not named)" if each.value is None else _cell(each.value, MAX_VALUE_CHARACTERS)
    return f"| {_cell(each.column, MAX_COLUMN_CHARACTERS)} | {value} | {each.rows} | {each.figure:.4g} |"


def _cell(text: str, length: int) -> str:
    short = text if len(text) <= length else text[: length - 3] + "..."
    return " ".join(short.replace("|", "\\|").split())
