"""One object of the prediction log while it is being written. platform/protocol/prediction_log.py has the format."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

import msgspec

from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.prediction_log import Header, is_text
from intermodal.serving.metrics import Counts
from intermodal.serving.prediction import Prediction
from intermodal.serving.prediction_log.sampler import Sampler
from intermodal.serving.protocol.coerce import Unseen, Values
from intermodal.serving.protocol.table import FLOAT64_BYTES
from intermodal.serving.settings import Settings

HOUR_SECONDS = 3600
_encode_into = msgspec.msgpack.Encoder().encode_into


class Layout:
    """What all objects of one model share: the header, and which columns are logged."""

    def __init__(self, package: Package, settings: Settings, counts: Counts) -> None:
        identity, columns = settings.identity, package.signature.inputs
        sensitive = {*package.sensitive, *settings.sensitive}  # as of training, and as of the current spec
        logged = [column for column in columns if column.name not in sensitive and not column.is_tensor]
        numbers = [column for column in logged if not is_text(column)]
        texts = [column for column in logged if is_text(column)]
        self.counts = counts
        self._number_indices = None if len(numbers) == len(columns) else [columns.index(column) for column in numbers]
        self._text_indices = [i for i, column in enumerate(filter(is_text, columns)) if column in texts]
        self.sampler, self._seen = Sampler(settings.sample, settings.rows_per_second), 0
        self._coded = frozenset(column.name for column in numbers)
        self._header = Header(
            package.model,
            identity.version,
            identity.cloud,
            identity.target,
            settings.sample,
            (*numbers, *texts),
            package.signature.width,
        )

    def share_of(self, rows: int) -> float:
        """The share (0 to 1) that ``rows`` are of all rows predicted since the previous call."""
        seen, self._seen = self.sampler.seen - self._seen, self.sampler.seen
        return min(1.0, rows / max(1, seen))

    def prefix(self, requests: int, logged: float) -> bytes:
        """The start of an object: an array of two, the header, and the start of an array of ``requests`` entries."""
        header = msgspec.msgpack.encode(replace(self._header, logged=logged))
        return b"\x92%b\xdd%b" % (header, requests.to_bytes(4, "big"))

    def numbers(self, numbers: bytes, rows: int) -> bytes:
        """The logged columns of ``Prediction.numbers``, which has one column after the other."""
        if self._number_indices is None:
            return numbers
        size = FLOAT64_BYTES * rows
        return b"".join([numbers[column * size : (column + 1) * size] for column in self._number_indices])

    def texts(self, texts: Sequence[Values]) -> Sequence[Values]:
        """The logged columns of ``Prediction.texts``."""
        return [texts[i] for i in self._text_indices] if texts else ()

    def unseen(self, unseen: Unseen) -> Unseen:
        """The unseen categories of logged columns."""
        return {column: values for column, values in unseen.items() if column in self._coded}


class Batch:
    """Predictions of one hour, from ``since`` until before ``until`` (Unix seconds).

    Each is encoded as it arrives: keeping Python objects cost the server twice as much (docs/profiles.md). ``logged``
    is the share of the rows predicted meanwhile that the batch holds.
    """

    def __init__(self, key: str, hour: float, layout: Layout) -> None:
        self.key, self.layout, self.opened = key, layout, monotonic()
        self.since, self.until = hour, hour + HOUR_SECONDS
        self.requests, self.rows, self.logged = 0, 0, 1.0
        self._entries = bytearray()

    @property
    def size(self) -> int:
        """Bytes before compression."""
        return len(self._entries)

    def add(self, timestamp: float, request_id: str, prediction: Prediction) -> int:
        """Add one prediction and return the new size. A text that is not valid Unicode raises UnicodeEncodeError and
        leaves the batch as it was."""
        entries, layout, rows = self._entries, self.layout, prediction.rows
        before = len(entries)
        numbers, texts = layout.numbers(prediction.numbers, rows), layout.texts(prediction.texts)
        entry: tuple[Any, ...] = (timestamp, request_id, prediction.id, rows, numbers, prediction.values, texts)
        if prediction.unseen and (unseen := layout.unseen(prediction.unseen)):
            entry = (*entry, unseen)
        try:
            _encode_into(entry, entries, -1)
        except UnicodeEncodeError:
            del entries[before:]
            raise
        self.requests += 1
        self.rows += rows
        return len(entries)

    def finish(self) -> bytes:
        """The complete object, compressed. The batch is empty afterwards."""
        entries, self._entries = self._entries, bytearray()
        packer = zlib.compressobj(1, wbits=31)
        prefix = packer.compress(self.layout.prefix(self.requests, self.logged))
        return prefix + packer.compress(entries) + packer.flush()
