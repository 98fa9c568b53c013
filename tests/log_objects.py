"""Objects of the prediction log, written by hand as platform/protocol/prediction_log.py describes them."""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from intermodal.platform.monitoring.predictions import AT, CLOUD, ID, LABEL_ID, META, TARGET, VERSION, read
from intermodal.platform.protocol.prediction_log import Header, is_text


@dataclass(frozen=True)
class Logged:
    """One request; inputs are numbers (None for missing), or text for columns of text. ``requests`` finds categories,
    the unseen ones too, as text in ``inputs``."""

    id: str
    logged_at: float
    rows: int
    inputs: Mapping[str, Sequence[Any]]
    predictions: Sequence[Sequence[float]]
    label_id: str = ""
    unseen: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


def packed(header: Header, *logged: Logged) -> bytes:
    """The bytes of an object."""
    coded = [column.name for column in header.columns if not is_text(column)]
    texts = [column.name for column in header.columns if is_text(column)]
    entries = [
        (
            request.logged_at,
            request.id,
            request.label_id or None,
            request.rows,
            np.array([request.inputs[name] for name in coded], dtype="<f8").tobytes(),
            [value for row in request.predictions for value in row],
            [request.inputs[name] for name in texts],
            *([request.unseen] if request.unseen else []),
        )
        for request in logged
    ]
    return gzip.compress(msgspec.msgpack.encode([asdict(header), entries]))


def requests(data: bytes, key: str = "an object") -> tuple[Header, list[Logged]]:
    """What an object tells of each request that has a row, in order."""
    header, table = read(data, key)
    found = []
    for id_, rows in table.groupby(ID, sort=False):
        plain = rows.drop(columns=[*META, *rows.filter(regex=r"^prediction_\d+$")]).astype(object)
        inputs = {str(name): [None if pd.isna(v) else v for v in values] for name, values in plain.items()}
        predictions = rows.filter(regex=r"^prediction_\d+$").to_numpy().tolist()
        label_id = rows[LABEL_ID].iloc[0]
        assert set(rows[CLOUD]) <= {header.cloud}
        assert set(rows[TARGET]) <= {header.target}
        assert set(rows[VERSION]) <= {header.version}
        found.append(
            Logged(str(id_), rows[AT].iloc[0], len(rows), inputs, predictions, "" if label_id == id_ else label_id)
        )
    return header, found
