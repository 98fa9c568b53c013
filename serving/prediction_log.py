"""The prediction log: what was asked and answered, written in batches to the server's own cloud.

An answered request is put into a queue, which costs the event loop about a microsecond. One thread makes columns of
what waits and compressed objects of the columns, another stores those and tries again for as long as it takes; neither
keeps a request waiting.

What was taken is only lost when the process ends before the store takes it. What cannot be held is not taken: when
the bytes of ``Limits`` wait, new requests are dropped (those that wait are kept) and counted.
"""

import logging
import random
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from time import monotonic, sleep, time

import msgspec

from intermodal.platform.package import Package
from intermodal.platform.prediction_log import object_key
from intermodal.serving.answered import Answered
from intermodal.serving.log_batch import Batch
from intermodal.serving.log_parts import ENTRY_BYTES, NUMBERS, VALUE_BYTES, Entry, Layout, by_hour
from intermodal.serving.metrics import Counts
from intermodal.serving.settings import Settings

Put = Callable[[str, bytes], None]
"""Store one object under a key, or raise."""

TICK = 0.25
"""Each one takes Python from the event loop for a moment; the longer it is, the more memory waits."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
PART_BYTES = 1 << 18
"""About so many bytes become columns at once, which takes some times their memory."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """``queued_bytes`` of requests wait to become columns, ``held_bytes`` of objects wait for the store. An object is
    ended after so many bytes (before they are compressed) or seconds."""

    queued_bytes: int = 16 << 20
    held_bytes: int = 32 << 20
    object_bytes: int = 1 << 20
    object_seconds: float = 10


class PredictionLog:
    """``add`` belongs to one thread, the event loop's. ``leaving`` is set when the server is told to stop: from then
    on nothing waits for company. Every count below is written by one thread only, so none needs a lock."""

    def __init__(
        self, models: Mapping[Package, Counts], settings: Settings, put: Put, limits: Limits = Limits()
    ) -> None:
        self._layouts = {package.model: Layout(package, settings, counts) for package, counts in models.items()}
        self._sample, self._put, self._limits = settings.sample, put, limits
        self._writer = uuid.uuid4().hex
        self._encode = msgspec.json.Encoder().encode
        self._waiting: dict[str, list[Entry]] = {model: [] for model in self._layouts}
        self._objects: SimpleQueue[tuple[Batch, bytes] | None] = SimpleQueue()
        self._open: dict[str, Batch] = {}
        self._number = 0
        self._taken_bytes = 0  # by add
        self._taken = self._packed_bytes = self._held_bytes = 0  # by the packing thread
        self._room = limits.queued_bytes  # for as many bytes in all, as far as is known; by the packing thread
        self._stored = self._stored_bytes = 0  # by the storing thread
        self.leaving = self._closing = False
        self._deadline = float("inf")
        self._threads = [Thread(target=work, name="log", daemon=True) for work in (self._pack, self._store)]
        for thread in self._threads:
            thread.start()

    def add(self, model: str, id_: str, answered: Answered) -> None:
        """Take one answered request, if it is in the sample and can be held. ``id_`` is the one that the gateway gave
        it, or ''."""
        if self._sample < 1 and random.random() >= self._sample:
            return
        if self._taken_bytes > self._room:
            self._layouts[model].counts.dropped += 1
            return
        numbers, values = answered.numbers, answered.values
        texts = self._encode(answered.texts) if answered.texts else b""
        self._taken_bytes += ENTRY_BYTES + len(numbers) + VALUE_BYTES * len(values) + len(texts)
        self._waiting[model].append((time(), id_, answered.id, answered.rows, numbers, values, texts))

    def close(self, seconds: float) -> int:
        """Store what is left within so many seconds; how many requests were lost. Nothing may be added any more."""
        self._deadline = monotonic() + seconds
        self.leaving = self._closing = True
        for thread in self._threads:
            thread.join(max(0, self._deadline - monotonic()))
        return self._taken + sum(map(len, self._waiting.values())) - self._stored

    def _pack(self) -> None:
        while True:
            closing = self._closing
            seen = self._taken_bytes
            for model, waiting in self._waiting.items():
                left = len(waiting)
                while left > 0:
                    left -= self._take(model, waiting)
            self._packed_bytes = seen
            for model, batch in list(self._open.items()):
                if self.leaving or monotonic() - batch.opened >= self._limits.object_seconds:
                    self._end(model)
            if closing:
                self._objects.put(None)
                return
            full = self._held_bytes - self._stored_bytes > self._limits.held_bytes
            self._room = -1 if full else self._packed_bytes + self._limits.queued_bytes
            sleep(TICK)

    def _take(self, model: str, waiting: list[Entry]) -> int:
        """Make columns of the first that wait; of how many."""
        size = count = 0
        for entry in waiting:
            size, count = size + len(entry[NUMBERS]), count + 1
            if size >= PART_BYTES:
                break
        entries = waiting[:count]
        del waiting[: len(entries)]  # what add appended meanwhile stays
        self._taken += len(entries)
        for hour, some in by_hour(entries):
            batch = self._batch(model, hour)
            batch.write(self._layouts[model].part(some))
            if batch.size >= self._limits.object_bytes:
                self._end(model)
        return len(entries)

    def _batch(self, model: str, hour: int) -> Batch:
        if model in self._open and self._open[model].hour != hour:
            self._end(model)
        if model not in self._open:
            self._number += 1
            key = object_key(model, hour * 3600, self._writer, self._number)
            self._open[model] = Batch(key, hour, self._layouts[model])
        return self._open[model]

    def _end(self, model: str) -> None:
        batch = self._open.pop(model)
        data = batch.end()
        self._held_bytes += len(data)
        self._objects.put((batch, data))

    def _store(self) -> None:
        while (found := self._objects.get()) is not None:
            batch, data = found
            if not self._stored_at_last(batch, data):
                return
            self._stored += batch.requests
            self._stored_bytes += len(data)
            batch.layout.counts.logged += batch.requests

    def _stored_at_last(self, batch: Batch, data: bytes) -> bool:
        """False when the time to close is over."""
        pause = FIRST_PAUSE
        while monotonic() < self._deadline:
            try:
                self._put(batch.key, data)
            except Exception as error:  # noqa: BLE001 whatever keeps the store from taking it may pass
                batch.layout.counts.log_errors += 1
                if pause == FIRST_PAUSE:
                    logger.warning("the prediction log waits for its store: %s", _sentence(error))
                self._rest(pause * random.uniform(0.5, 1))
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return True
        return False

    def _rest(self, seconds: float) -> None:
        until = monotonic() + seconds
        sleep(TICK)
        while monotonic() < until and not self.leaving:
            sleep(TICK)


def _sentence(error: Exception) -> str:
    """The first line of a store's error, without queries, which may hold a signature."""
    first = str(error).partition("\n")[0].partition("Debug source")[0].strip()
    return f"{type(error).__name__}: {re.sub(r'[?][^ )]*', '', first)[:300]}"
