"""The served version's metric on requests whose labels have arrived."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform import ports
from intermodal.platform.monitoring.predictions import LABEL_ID, ROW
from intermodal.platform.ports.registry import RegisteredVersion
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.metrics import score
from intermodal.platform.training.profile import prediction_name

MIN_LABELLED_ROWS = 100
"""With fewer labelled rows the metric is left out, because it would be too uncertain."""


def live(
    spec: ModelSpec, served: RegisteredVersion, tables: ports.Tables, rows: pd.DataFrame, added: Sequence[str] = ()
) -> dict[str, Any]:
    """``labelled_rows`` and ``live_<metric>``: predictions joined with the newest partitions' labels by
    ``features.id``. ``added`` as of ``Partitions.in_order``.

    A request of several rows has one id, so only requests of one row can be matched. Empty if the spec names no id.
    """
    if spec.features.id is None:
        return {}
    several = set(rows.loc[rows[ROW] > 0, LABEL_ID])
    predicted = rows[~rows[LABEL_ID].isin(several)].drop_duplicates(LABEL_ID, keep="last").set_index(LABEL_ID)
    truths = [f"truth_{k}" for k in range(len(spec.features.targets))]
    found = [predicted.iloc[:0].assign(**{name: [] for name in truths})]
    present = spec.data.partitions.in_order(tables.partitions(spec.name, "features"), added)
    for key in present[-spec.train.window - 1 :]:
        labels = tables.read(spec.name, "features", key).set_index(spec.features.id)[spec.features.targets].dropna()
        labels.index = labels.index.astype(str)  # ids are text in requests
        labels.columns = pd.Index(truths)
        found.append(predicted.join(labels, how="inner"))
    joined = pd.concat([table for table in found if len(table)] or found[:1])
    if len(joined) < MIN_LABELLED_ROWS:
        return {"labelled_rows": len(joined)}
    record = served.candidate.record
    classes = np.asarray(record.signature.output.labels)
    if record.task != "regression":
        same = {_text(label): label for label in classes}
        label = truths[0]
        joined[label] = joined[label].map(_text).map(same)
        joined = joined.dropna(subset=label)  # no metric handles a label that the model cannot predict
        if len(joined) < MIN_LABELLED_ROWS or set(joined[label]) != set(classes):
            return {"labelled_rows": len(joined)}
    width = max(record.signature.output.width, len(truths))
    truth = joined[truths] if len(truths) > 1 else joined[truths[0]]
    outputs = joined[[prediction_name(k) for k in range(width)]].to_numpy(dtype=float)
    predictions = outputs if width > 1 else outputs[:, 0]
    metric = spec.gate.metric
    figure = score(metric, truth, predictions, record.task, classes)
    return {"labelled_rows": len(joined), f"live_{metric}": round(figure, 4)}


def _text(label: Any) -> str:
    """A label as text. Numbers are normalized, because a column of integers becomes floats when a label is missing."""
    if isinstance(label, bool | np.bool_):
        return str(label)
    try:
        return f"{float(label):g}"
    except ValueError:
        return str(label)
