"""One object of the prediction log, as platform/prediction_log.py describes it."""

import io
import zipfile
from dataclasses import asdict
from time import monotonic
from typing import Any

import msgspec
import numpy as np

from intermodal.platform.prediction_log import is_text
from intermodal.serving.log_parts import Array, Layout, Part


class Batch:
    """An object that is being written; all its requests fall into one hour. ``size`` in bytes, not yet compressed."""

    def __init__(self, key: str, hour: int, layout: Layout) -> None:
        self.key, self.hour, self.layout, self.opened = key, hour, layout, monotonic()
        self.requests = self.size = 0
        self._parts: list[Part] = []

    def write(self, part: Part) -> None:
        self._parts.append(part)
        self.requests += len(part.rows)
        self.size += part.size

    def end(self) -> bytes:
        """The whole object."""
        at, ids, label_ids, rows, inputs, predictions, texts = zip(*self._parts, strict=True)
        names = [column.name for column in self.layout.header.columns if is_text(column)]
        members: dict[str, Any] = {
            "header.json": asdict(self.layout.header),
            "ids.npy": np.concatenate(ids),
            "label_ids.npy": np.concatenate(label_ids),
            "at.npy": np.concatenate(at),
            "rows.npy": np.concatenate(rows),
            "inputs.npy": np.concatenate(inputs, axis=1),
            "texts.json": {name: [value for some in texts for value in some[name]] for name in names},
            "predictions.npy": np.concatenate(predictions),
        }
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, member in members.items():
                archive.writestr(name, _npy(member) if name.endswith(".npy") else msgspec.json.encode(member))
        return whole.getvalue()


def _npy(array: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
