"""Answered requests → columns, as the prediction log has them. For the log's thread; nobody waits for it.

By the standard library: numpy would be a fifth of the server's memory, and with a LightGBM model nothing else needs it.
"""

from array import array
from collections.abc import Mapping, Sequence
from itertools import chain, groupby
from typing import Final, NamedTuple

import msgspec

from intermodal.platform.package import Package
from intermodal.platform.prediction_log import Header, is_text
from intermodal.serving.metrics import Counts
from intermodal.serving.settings import Settings

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


class Texts(NamedTuple):
    """Texts one after the other, each of ``width`` bytes: what is shorter has zero bytes at its end."""

    width: int
    together: bytes

    def wider(self, width: int) -> bytes:
        """The same, each of more bytes."""
        if width == self.width:
            return self.together
        each = range(0, len(self.together), self.width)
        return b"".join(self.together[at : at + self.width].ljust(width, b"\0") for at in each)


class Part(NamedTuple):
    """n requests of r rows in all, as the bytes of float64: times [n], inputs (a column of [r] each), predictions
    [r, width]; rows int64 [n]; and the columns of text, r long."""

    n: int
    r: int
    at: bytes
    ids: Texts
    label_ids: Texts
    rows: bytes
    inputs: Sequence[bytes]
    predictions: bytes
    texts: Mapping[str, Sequence[str | None]]

    @property
    def size(self) -> int:
        numbers = sum(map(len, (self.at, self.rows, self.predictions, *self.inputs)))
        ids = len(self.ids.together) + len(self.label_ids.together)
        return numbers + ids + sum(map(len, map(str, chain(*self.texts.values()))))


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
        return Part(
            len(rows),
            sum(rows),
            array("d", at).tobytes(),
            _ids(ids),
            _ids([label or "" for label in label_ids]),
            array("q", rows).tobytes(),
            self._inputs(numbers, rows),
            array("d", chain.from_iterable(values)).tobytes(),
            self._shown_texts(texts) if self._texts else {},
        )

    def _inputs(self, tables: Sequence[bytes], rows: Sequence[int]) -> list[bytes]:
        """The columns that may be seen, of tables that have one column after the other."""
        if set(rows) == {1}:
            values = array("d", b"".join(tables))
            return [values[column :: self.columns].tobytes() for column in self._kept]
        sizes = [8 * count for count in rows]
        return [
            b"".join([table[column * size : (column + 1) * size] for table, size in zip(tables, sizes, strict=True)])
            for column in self._kept
        ]

    def _shown_texts(self, texts: Sequence[bytes]) -> dict[str, list[str | None]]:
        requests = [dict(zip(self._texts, msgspec.json.decode(one), strict=True)) for one in texts]
        shown = [name for name in self._texts if name not in self._sensitive]
        return {name: [value for request in requests for value in request[name]] for name in shown}


def _ids(given: Sequence[str]) -> Texts:
    together, longest = "".join(given), max(map(len, given))
    if not longest:
        return Texts(1, bytes(len(given)))
    if len(together) == longest * len(given) and longest <= MAX_ID and together.isascii() and "\0" not in together:
        return Texts(longest, together.encode())
    ids = list(map(_id, given))
    width = max(1, *map(len, ids))
    return Texts(width, b"".join(id_.ljust(width, b"\0") for id_ in ids))


def _id(given: str) -> bytes:
    id_ = given.encode(errors="backslashreplace")
    return id_ if len(id_) <= MAX_ID and b"\0" not in id_ else b""
