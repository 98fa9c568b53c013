"""One object of the prediction log, as platform/prediction_log.py describes it."""

import io
import zipfile
from collections.abc import Iterable, Sequence
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
        """The whole object. Parts are compressed one after the other: together they would be held twice."""
        at, ids, label_ids, rows, inputs, predictions, texts = zip(*self._parts, strict=True)
        names = [column.name for column in self.layout.header.columns if is_text(column)]
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            _json(archive, "header.json", asdict(self.layout.header))
            _array(archive, "ids.npy", _as_wide(ids))
            _array(archive, "label_ids.npy", _as_wide(label_ids))
            _array(archive, "at.npy", at)
            _array(archive, "rows.npy", rows)
            _columns(archive, "inputs.npy", inputs)
            _json(archive, "texts.json", {name: [value for some in texts for value in some[name]] for name in names})
            _array(archive, "predictions.npy", predictions)
        return whole.getvalue()


def _json(archive: zipfile.ZipFile, name: str, value: Any) -> None:
    archive.writestr(name, msgspec.json.encode(value))


def _as_wide(parts: Iterable[Array]) -> list[Array]:
    """Texts of one width."""
    given = list(parts)
    width = max(part.dtype.itemsize for part in given)
    return [part.astype(f"S{width}", copy=False) for part in given]


def _array(archive: zipfile.ZipFile, name: str, parts: Sequence[Array]) -> None:
    """One below the other."""
    _write(archive, name, parts[0], (sum(map(len, parts)), *parts[0].shape[1:]), parts)


def _columns(archive: zipfile.ZipFile, name: str, parts: Sequence[Array]) -> None:
    """One beside the other, [k, r] each."""
    count = len(parts[0])
    pieces = (part[i] for i in range(count) for part in parts)
    _write(archive, name, parts[0], (count, sum(part.shape[1] for part in parts)), pieces)


def _write(archive: zipfile.ZipFile, name: str, like: Array, shape: tuple[int, ...], pieces: Iterable[Array]) -> None:
    with archive.open(name, "w") as file:
        write_array_header_1_0(file, {**header_data_from_array_1_0(like), "shape": shape, "fortran_order": False})
        for piece in pieces:
            file.write(np.ascontiguousarray(piece).data)
