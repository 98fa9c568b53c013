"""One object of the prediction log, as platform/prediction_log.py describes it."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from time import monotonic
from typing import Any

import msgspec
import numpy as np
from numpy.lib.format import header_data_from_array_1_0, write_array_header_1_0

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
        """The whole object. Each column of all parts is compressed in one call: with one for each part, this thread
        and the event loop hand Python to each other a thousand times an object (docs/profiles.md)."""
        at, ids, label_ids, rows, inputs, predictions, texts = zip(*self._parts, strict=True)
        names = [column.name for column in self.layout.header.columns if is_text(column)]
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            _json(archive, "header.json", asdict(self.layout.header))
            _array(archive, "ids.npy", ids)
            _array(archive, "label_ids.npy", label_ids)
            _array(archive, "at.npy", at)
            _array(archive, "rows.npy", rows)
            _array(archive, "inputs.npy", inputs, axis=1)
            _json(archive, "texts.json", {name: [value for some in texts for value in some[name]] for name in names})
            _array(archive, "predictions.npy", predictions)
        return whole.getvalue()


def _json(archive: zipfile.ZipFile, name: str, value: Any) -> None:
    archive.writestr(name, msgspec.json.encode(value))


def _array(archive: zipfile.ZipFile, name: str, parts: Sequence[Array], axis: int = 0) -> None:
    """All parts as one array; of texts, as wide as the widest."""
    array = np.ascontiguousarray(np.concatenate(parts, axis))
    with archive.open(name, "w") as file:
        write_array_header_1_0(file, header_data_from_array_1_0(array))
        file.write(array.data)
