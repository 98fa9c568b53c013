"""Answered requests → columns, as the prediction log has them. For the log's thread; nobody waits for it."""

from collections.abc import Mapping, Sequence
from itertools import chain, groupby
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from intermodal.platform.package import Package
from intermodal.platform.prediction_log import Header, is_text
from intermodal.serving.metrics import Counts
from intermodal.serving.settings import Settings

Array = np.ndarray[Any, Any]


MAX_ID = 200
"""Bytes of an id; a longer one, or one with a zero byte, is none."""

Entry = tuple[float, str, str | None, int, bytes, list[float], bytes]
"""One answered request: when, its own id, the caller's, and what ``answered.Answered`` says of it: rows, numbers,
values, and texts as JSON (empty when the model has no such columns). A plain tuple, as the event loop makes one for
every request."""


NUMBERS: Final = 4
"""Where they are in an ``Entry``."""
ENTRY_BYTES, VALUE_BYTES = 500, 32
"""About what an ``Entry`` holds besides its numbers and texts, and what each of its values does."""


def by_hour(entries: list[Entry]) -> list[tuple[int, list[Entry]]]:
    """Entries in the order of time, by hours since 1970."""
    if _hour(entries[0]) == _hour(entries[-1]):
        return [(_hour(entries[0]), entries)]
    return [(hour, list(some)) for hour, some in groupby(entries, _hour)]


def _hour(entry: Entry) -> int:
    return int(entry[0] // 3600)


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

    def part(self, entries: Sequence[Entry]) -> Part:
        """Loops are left to C where entries have one row: what this thread computes in Python, requests wait for."""
        at, ids, label_ids, rows, numbers, values, texts = zip(*entries, strict=True)
        if set(rows) == {1}:
            inputs = np.frombuffer(b"".join(numbers)).reshape(-1, self.columns).T[self._kept]
        else:
            tables = (np.frombuffer(one).reshape(self.columns, -1) for one in numbers)
            inputs = np.concatenate([table[self._kept] for table in tables], axis=1)
        return Part(
            np.array(at),
            _ids(ids),
            _ids([label or "" for label in label_ids]),
            np.array(rows, np.int64),
            inputs,
            np.fromiter(chain.from_iterable(values), np.float64).reshape(-1, self.width),
            self._shown_texts(texts) if self._texts else {},
        )

    def _shown_texts(self, texts: Sequence[bytes]) -> dict[str, list[str | None]]:
        requests = [dict(zip(self._texts, msgspec.json.decode(one), strict=True)) for one in texts]
        shown = [name for name in self._texts if name not in self._sensitive]
        return {name: [value for request in requests for value in request[name]] for name in shown}


def _ids(given: Sequence[str]) -> Array:
    together, longest = "".join(given), max(map(len, given))
    if not longest:
        return np.zeros(len(given), "S1")
    if len(together) == longest * len(given) and longest <= MAX_ID and together.isascii() and "\0" not in together:
        return np.frombuffer(together.encode(), f"S{longest}")
    return np.array(list(map(_id, given)))


def _id(given: str) -> bytes:
    id_ = given.encode(errors="backslashreplace")
    return id_ if len(id_) <= MAX_ID and b"\0" not in id_ else b""
