"""One object of the prediction log that is being written, as platform/protocol/prediction_log.py describes it."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

import msgspec

from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.prediction_log import Header, is_text
from intermodal.serving.answered import Answered
from intermodal.serving.metrics import Counts
from intermodal.serving.prediction_log.sampler import Sampler
from intermodal.serving.protocol.coerce import Unseen, Values
from intermodal.serving.settings import Settings

HOUR = 3600
_encode_into = msgspec.msgpack.Encoder().encode_into


class Layout:
    """What one model's objects have in common: the header, and which columns may be in them."""

    def __init__(self, package: Package, settings: Settings, counts: Counts) -> None:
        who, columns = settings.identity, package.signature.inputs
        hidden = {*package.sensitive, *settings.sensitive}  # what training knew, and what the spec says since
        plain = [column for column in columns if column.name not in hidden]
        numbers = [column for column in plain if not is_text(column)]
        texts = [column for column in plain if is_text(column)]
        self.counts = counts
        self._shown = None if len(numbers) == len(columns) else [columns.index(column) for column in numbers]
        self._texts = [i for i, column in enumerate(filter(is_text, columns)) if column in texts]
        width, shown = package.signature.output.width, (*numbers, *texts)
        self.sampler, self._seen = Sampler(settings.sample, settings.rows_per_second), 0
        self._coded = frozenset(column.name for column in numbers)
        self._header = Header(package.model, who.version, who.cloud, who.target, settings.sample, shown, width)

    def share_of(self, rows: int) -> float:
        """Of the rows that were answered since it was asked before, 0 to 1."""
        seen, self._seen = self.sampler.seen - self._seen, self.sampler.seen
        return min(1.0, rows / max(1, seen))

    def beginning(self, requests: int, logged: float) -> bytes:
        """Of an object: an array of two, the header, and the beginning of the array of so many requests."""
        header = msgspec.msgpack.encode(replace(self._header, logged=logged))
        return b"\x92%b\xdd%b" % (header, requests.to_bytes(4, "big"))

    def numbers(self, numbers: bytes, rows: int) -> bytes:
        """The columns that may be seen, of those that ``Answered.numbers`` has one after the other."""
        if self._shown is None:
            return numbers
        size = 8 * rows
        return b"".join([numbers[column * size : (column + 1) * size] for column in self._shown])

    def texts(self, texts: Sequence[Values]) -> Sequence[Values]:
        return [texts[i] for i in self._texts] if texts else ()

    def unseen(self, unseen: Unseen) -> Unseen:
        """Of the columns that may be seen."""
        return {column: found for column, found in unseen.items() if column in self._coded}


class Batch:
    """Answered requests of one hour, from ``since`` until before ``until`` (Unix seconds). Each is encoded as it comes:
    whatever kept it as Python's objects cost the server twice as much (docs/profiles.md). ``logged`` is the share of
    what was answered meanwhile that is in it."""

    def __init__(self, key: str, hour: float, layout: Layout) -> None:
        self.key, self.layout, self.opened = key, layout, monotonic()
        self.since, self.until = hour, hour + HOUR
        self.requests, self.rows, self.logged = 0, 0, 1.0
        self._entries = bytearray()

    @property
    def size(self) -> int:
        """In bytes, not yet compressed."""
        return len(self._entries)

    def add(self, at: float, id_: str, answered: Answered) -> int:
        """The size then. UnicodeEncodeError, and nothing is added, when a text cannot be UTF-8."""
        entries, layout, rows = self._entries, self.layout, answered.rows
        before = len(entries)
        numbers, texts = layout.numbers(answered.numbers, rows), layout.texts(answered.texts)
        entry: tuple[Any, ...] = (at, id_, answered.id, rows, numbers, answered.values, texts)
        if answered.unseen and (unseen := layout.unseen(answered.unseen)):
            entry = (*entry, unseen)
        try:
            _encode_into(entry, entries, -1)
        except UnicodeEncodeError:
            del entries[before:]
            raise
        self.requests += 1
        self.rows += rows
        return len(entries)

    def end(self) -> bytes:
        """The whole object; the batch holds nothing then."""
        entries, self._entries = self._entries, bytearray()
        packer = zlib.compressobj(1, wbits=31)
        beginning = packer.compress(self.layout.beginning(self.requests, self.logged))
        return beginning + packer.compress(entries) + packer.flush()
