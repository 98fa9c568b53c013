"""Answered requests → columns, as the prediction log has them. For the log's thread; nobody waits for it."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import numpy as np

from intermodal.platform.package import Package
from intermodal.platform.prediction_log import Header, is_text
from intermodal.serving.metrics import Counts
from intermodal.serving.settings import Settings

Array = np.ndarray[Any, Any]


class Entry(NamedTuple):
    """One answered request that fits into no slot: its own id, the caller's, and what ``answered.Answered`` says of it.
    ``texts`` is JSON, or empty when the model has no such columns."""

    at: float
    id: bytes
    label_id: bytes
    rows: int
    numbers: bytes
    values: list[float]
    texts: bytes

    @property
    def size(self) -> int:
        return 400 + len(self.label_id) + len(self.numbers) + 32 * len(self.values) + len(self.texts)


class Part(NamedTuple):
    """n requests of r rows in all: ids and times [n], rows [n], inputs [k, r], predictions [r, width], and the columns
    of text, r long."""

    at: Array
    ids: Array
    label_ids: Array
    rows: Array
    inputs: Array
    predictions: Array
    texts: Mapping[str, Sequence[str | None]]

    @property
    def size(self) -> int:
        return sum(array.nbytes for array in self[:6]) + sum(map(len, map(str, chain(*self.texts.values()))))


class Layout:
    """What one model's objects have in common: the header, and which columns may be in them."""

    def __init__(self, package: Package, settings: Settings, counts: Counts) -> None:
        who, columns = settings.identity, package.signature.inputs
        plain = [column for column in columns if column.name not in package.sensitive]
        numbers = [column for column in plain if not is_text(column)]
        self.counts, self.columns, self.width = counts, len(columns), package.signature.output.width
        self._kept = [i for i, column in enumerate(columns) if column in numbers]
        self._texts = [column.name for column in columns if is_text(column)]
        self._sensitive = package.sensitive
        shown = (*numbers, *(column for column in plain if is_text(column)))
        self.header = Header(package.model, who.version, who.cloud, who.target, settings.sample, shown)

    def of_slots(self, rows: Array) -> Part:
        """Of what ``log_slots.Slots.read`` gives."""
        one = np.ones(len(rows), np.int64)
        inputs = rows["numbers"].T[self._kept]
        return Part(rows["at"], rows["id"], rows["label_id"], one, inputs, rows["values"], {})

    def of_entry(self, entry: Entry) -> Part:
        texts = msgspec.json.decode(entry.texts) if entry.texts else []
        named = dict(zip(self._texts, texts, strict=True))
        return Part(
            np.array([entry.at]),
            np.array([entry.id]),
            np.array([entry.label_id]),
            np.array([entry.rows]),
            np.frombuffer(entry.numbers).reshape(self.columns, entry.rows)[self._kept],
            np.array(entry.values, np.float64).reshape(entry.rows, self.width),
            {name: values for name, values in named.items() if name not in self._sensitive},
        )
