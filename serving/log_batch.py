"""Answered requests → an object of the prediction log, as platform/prediction_log.py describes it.

Requests are kept as the bytes that the model was given, and numpy makes columns of thousands of them at once: written
one by one as text they would cost a request a fifth of its time.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import chain, groupby
from time import monotonic
from typing import Any, NamedTuple

import msgspec
import numpy as np

from intermodal.platform.package import Package
from intermodal.platform.prediction_log import Header, is_text
from intermodal.serving.metrics import Counts
from intermodal.serving.settings import Settings

OVERHEAD = 400
"""Bytes that an entry takes besides what is in it."""


class Entry(NamedTuple):
    """One answered request: its own id, the caller's, and what ``answered.Answered`` says of it. ``texts`` is JSON."""

    model: str
    id: str
    label_id: str
    at: float
    rows: int
    numbers: bytes
    values: list[float]
    texts: bytes

    @property
    def size(self) -> int:
        return OVERHEAD + len(self.label_id) + len(self.numbers) + 32 * len(self.values) + len(self.texts)


class Layout:
    """What one model's objects have in common: the header, and which columns may be in them."""

    def __init__(self, package: Package, settings: Settings, counts: Counts) -> None:
        self.counts = counts
        who, columns = settings.identity, package.signature.inputs
        plain = [column for column in columns if column.name not in package.sensitive]
        numbers = [column for column in plain if not is_text(column)]
        self.kept = [i for i, column in enumerate(columns) if column in numbers]
        """Of the columns in ``Entry.numbers``."""
        self.texts = [column.name for column in columns if is_text(column)]
        """Of the columns in ``Entry.texts``; the sensitive ones among them are left out."""
        self.sensitive = package.sensitive
        self.columns, self.width = len(columns), package.signature.output.width
        shown = (*numbers, *(column for column in plain if is_text(column)))
        self.header = Header(package.model, who.version, who.cloud, who.target, settings.sample, shown)


class Batch:
    """One object that is being written; all its requests fall into one hour. ``size`` in bytes, not yet compressed."""

    def __init__(self, key: str, hour: int, layout: Layout) -> None:
        self.key, self.hour, self.layout, self.opened = key, hour, layout, monotonic()
        self.requests = self.size = 0
        self._inputs: list[np.ndarray[Any, np.dtype[np.float64]]] = []
        self._ids: list[str] = []
        self._label_ids: list[str] = []
        self._at: list[float] = []
        self._rows: list[int] = []
        self._predictions: list[np.ndarray[Any, np.dtype[np.float64]]] = []
        self._texts: dict[str, list[str | None]] = {name: [] for name in layout.texts if name not in layout.sensitive}

    def write(self, entries: Sequence[Entry]) -> None:
        """Add requests; from here on they are columns."""
        _, ids, label_ids, at, rows, numbers, values, texts = zip(*entries, strict=True)
        self._ids += ids
        self._label_ids += label_ids
        self._at += at
        self._rows += rows
        self._predictions.append(np.fromiter(chain.from_iterable(values), np.float64))
        for one_row, some in groupby(zip(rows, numbers, strict=True), lambda pair: pair[0] == 1):
            self._inputs += self._columns(one_row, list(some))
        if self._texts:
            for text in texts:
                self._write_texts(msgspec.json.decode(text))
        self.requests += len(entries)
        self.size += sum(entry.size for entry in entries)

    def _columns(self, one_row: bool, some: list[tuple[int, bytes]]) -> list[Any]:
        """[k, rows] each. Requests of one row are many, and become one."""
        if one_row:
            together = np.frombuffer(b"".join([numbers for _, numbers in some]))
            return [together.reshape(-1, self.layout.columns).T[self.layout.kept]]
        return [np.frombuffer(numbers).reshape(-1, rows)[self.layout.kept] for rows, numbers in some if rows]

    def _write_texts(self, columns: Sequence[Sequence[str | None]]) -> None:
        for name, values in zip(self.layout.texts, columns, strict=True):
            if name in self._texts:
                self._texts[name] += values

    def end(self) -> bytes:
        """The whole object."""
        nothing = np.empty((len(self.layout.kept), 0))
        members: Mapping[str, Any] = {
            "header.json": asdict(self.layout.header),
            "ids.json": self._ids,
            "label_ids.json": self._label_ids,
            "at.npy": np.array(self._at),
            "rows.npy": np.array(self._rows),
            "inputs.npy": np.concatenate([nothing, *self._inputs], axis=1),
            "texts.json": self._texts,
            "predictions.npy": np.concatenate(self._predictions).reshape(-1, self.layout.width),
        }
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, member in members.items():
                archive.writestr(name, _npy(member) if name.endswith(".npy") else msgspec.json.encode(member))
        return whole.getvalue()


def _npy(array: "np.ndarray[Any, Any]") -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
