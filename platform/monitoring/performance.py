"""The served version's metric on requests whose labels have arrived."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform import ports
from intermodal.platform.errors import SpecError
from intermodal.platform.monitoring.predictions import LABEL_ID, ROW
from intermodal.platform.ports.registry import RegisteredVersion
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.metric import Metric, Predicted
from intermodal.platform.training.profile import prediction_name

INPUT, PREDICTION = "input_", prediction_name(0)[:-1]
MIN_LABELLED_ROWS = 100
"""With fewer labelled rows the metric is left out, because it would be too uncertain."""


def live(
    spec: ModelSpec,
    served: RegisteredVersion,
    tables: ports.Tables,
    rows: pd.DataFrame,
    added: Sequence[str] = (),
    function: Callable[..., Any] | None = None,
) -> dict[str, Any]:
    """``labelled_rows`` and ``live_<metric>``: predictions joined with the newest partitions' labels by
    ``features.id``. ``added`` as of ``Partitions.in_order``, ``function`` the metric function of the spec.

    A request of several rows has one id, so only requests of one row can be matched. Empty if the spec names no id, no
    target or no metric. A metric function that fails is ``live_<metric>_failed``, with the reason: drift is decided
    without it.
    """
    metric = Metric.of(spec.gate, function)
    if spec.features.id is None or not spec.features.targets or metric is None:
        return {}
    joined, truths = _joined(spec, tables, rows, added)
    if len(joined) < MIN_LABELLED_ROWS:
        return {"labelled_rows": len(joined)}
    record = served.candidate.record
    classes = np.asarray(record.signature.output.labels)
    if record.task != "regression" and metric.call is None:
        same = {_text(label): label for label in classes}
        label = truths[0]
        joined[label] = joined[label].map(_text).map(same)
        joined = joined.dropna(subset=label)  # no built-in metric handles a label that the model cannot predict
        if len(joined) < MIN_LABELLED_ROWS or set(joined[label]) != set(classes):
            return {"labelled_rows": len(joined)}
    truth = joined[truths].set_axis(spec.features.targets, axis=1)
    numbers = joined[[prediction_name(k) for k in range(record.signature.width)]].to_numpy(dtype=float)
    predicted = Predicted(
        numbers if record.signature.width > 1 else numbers[:, 0], record.task, record.signature.outputs, classes
    )
    inputs = joined[[name for name in joined if name.startswith(INPUT)]].rename(columns=lambda n: n[len(INPUT) :])
    try:
        figure = metric.value(predicted, truth if truth.shape[1] > 1 else truth[spec.features.targets[0]], inputs)
    except SpecError as error:
        if spec.gate.function is None:
            raise
        reason = f" {error.message}" if not spec.features.sensitive else ""  # it may quote values
        return {"labelled_rows": len(joined), f"live_{metric.name}_failed": f"{spec.gate.function} failed.{reason}"}
    return {"labelled_rows": len(joined), f"live_{metric.name}": round(figure, 4)}


def _joined(
    spec: ModelSpec, tables: ports.Tables, rows: pd.DataFrame, added: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """The logged predictions with the true values and the inputs of the features, whose sensitive columns no log has;
    and the names of the columns with the true values."""
    several = set(rows.loc[rows[ROW] > 0, LABEL_ID])
    predicted = rows[~rows[LABEL_ID].isin(several)].drop_duplicates(LABEL_ID, keep="last").set_index(LABEL_ID)
    predicted = predicted[[name for name in predicted if str(name).startswith(PREDICTION)]]
    truths = [f"truth_{k}" for k in range(len(spec.features.targets))]
    found = [predicted.iloc[:0].assign(**{name: [] for name in truths})]
    present = spec.data.partitions.in_order(tables.partitions(spec.name, "features"), added)
    names = dict(zip(spec.features.targets, truths, strict=True))
    for key in present[-spec.train.window - 1 :]:
        labels = tables.read(spec.name, "features", key).set_index(spec.features.id)
        labels = labels.dropna(subset=spec.features.targets)
        labels.index = labels.index.astype(str)  # ids are text in requests
        labels = labels.rename(columns=lambda name: names.get(name, f"{INPUT}{name}"))
        found.append(predicted.join(labels, how="inner"))
    return pd.concat([table for table in found if len(table)] or found[:1]), truths


def _text(label: Any) -> str:
    """A label as text. Numbers are normalized, because a column of integers becomes floats when a label is missing."""
    if isinstance(label, bool | np.bool_):
        return str(label)
    try:
        return f"{float(label):g}"
    except ValueError:
        return str(label)
