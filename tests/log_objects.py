"""Objects of the prediction log, written by hand as platform/prediction_log.py describes them."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.prediction_log import Header, is_text
from intermodal.platform.predictions import AT, CLOUD, ID, LABEL_ID, META, TARGET, VERSION, read


@dataclass(frozen=True)
class Logged:
    """One request; inputs are numbers (None for missing), or text for columns of text."""

    id: str
    at: float
    rows: int
    inputs: Mapping[str, Sequence[Any]]
    predictions: Sequence[Sequence[float]]
    label_id: str = ""


def packed(header: Header, *logged: Logged) -> bytes:
    """The bytes of an object."""

    def together(name: str) -> list[Any]:
        return [value for one in logged for value in one.inputs[name]]

    numbers = [together(column.name) for column in header.columns if not is_text(column)]
    rows = sum(one.rows for one in logged)
    members = {
        "header.json": asdict(header),
        "texts.json": {column.name: together(column.name) for column in header.columns if is_text(column)},
    }
    arrays = {
        "ids.npy": np.array([one.id.encode() for one in logged], dtype=np.bytes_),
        "label_ids.npy": np.array([one.label_id.encode() for one in logged], dtype=np.bytes_),
        "at.npy": [one.at for one in logged],
        "inputs.npy": np.array(numbers, dtype=np.float64).reshape(len(numbers), rows),
        "predictions.npy": np.array([row for one in logged for row in one.predictions], dtype=np.float64),
    }
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, json.dumps(member))
        for name, array in ({**arrays, "rows.npy": np.array([one.rows for one in logged], dtype=np.int64)}).items():
            with archive.open(name, "w") as file:
                np.save(file, array)
    return whole.getvalue()


def requests(data: bytes, key: str = "an object") -> tuple[Header, list[Logged]]:
    """What an object tells of each request that has a row, in order."""
    header, table = read(data, key)
    found = []
    for id_, rows in table.groupby(ID, sort=False):
        plain = rows.drop(columns=[*META, *rows.filter(regex=r"^prediction_\d+$")]).astype(object)
        inputs = {str(name): [None if pd.isna(v) else v for v in values] for name, values in plain.items()}
        said = rows.filter(regex=r"^prediction_\d+$").to_numpy().tolist()
        label_id = rows[LABEL_ID].iloc[0]
        assert set(rows[CLOUD]) <= {header.cloud}
        assert set(rows[TARGET]) <= {header.target}
        assert set(rows[VERSION]) <= {header.version}
        found.append(Logged(str(id_), rows[AT].iloc[0], len(rows), inputs, said, "" if label_id == id_ else label_id))
    return header, found
