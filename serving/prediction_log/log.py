"""The prediction log: what was asked and answered, written in batches to the server's own cloud.

The event loop encodes an answered request as it comes, in under a microsecond. One thread compresses what became an
object, another stores it and tries again for as long as it takes; neither keeps a request waiting.

What was taken is only lost when the process ends before the store takes it. What is not in the sample
(sampler.py) is passed over. When the bytes of ``Limits`` wait, new requests are dropped and those that wait are
kept. Both are counted.
"""

import logging
import random
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import monotonic, sleep, time

from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.prediction_log import object_key
from intermodal.serving.answered import Answered
from intermodal.serving.metrics import Counts
from intermodal.serving.prediction_log.batch import HOUR, Batch, Layout
from intermodal.serving.settings import Settings

Put = Callable[[str, bytes], None]
"""Store one object under a key, or raise."""

TICK = 0.25
"""How often the threads look whether something is due. In seconds."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """``queued_bytes`` wait to be compressed, ``held_bytes`` of objects wait for the store. An object is ended after so
    many bytes (before they are compressed) or seconds; with many models sooner, so that all that are open together
    fill half of the queue at most."""

    queued_bytes: int = 16 << 20
    held_bytes: int = 32 << 20
    object_bytes: int = 2 << 20
    object_seconds: float = 10


class PredictionLog:
    """``leaving`` is set when the server is told to stop: from then on nothing waits for company."""

    def __init__(
        self, models: Mapping[Package, Counts], settings: Settings, put: Put, limits: Limits = Limits()
    ) -> None:
        self._layouts = {package.model: Layout(package, settings, counts) for package, counts in models.items()}
        self._put, self._limits = put, limits
        self._object_bytes = min(limits.object_bytes, limits.queued_bytes // (2 * len(models)))
        self._writer = uuid.uuid4().hex
        self._lock = Lock()  # of the six that follow
        self._open: dict[str, Batch] = {}
        self._number = self._taken = self._queued_bytes = self._held_bytes = 0
        self._full = False
        self._ended: SimpleQueue[Batch | None] = SimpleQueue()
        self._objects: SimpleQueue[tuple[Batch, bytes] | None] = SimpleQueue()
        self._stored = 0  # by the storing thread
        self.leaving = False
        self._deadline = float("inf")
        self._threads = [Thread(target=work, name="log", daemon=True) for work in (self._pack, self._store)]
        for thread in self._threads:
            thread.start()

    def add(self, model: str, id_: str, answered: Answered) -> None:
        """Take one answered request, if it is in the sample and can be held. ``id_`` is the one that the gateway gave
        it, or ''."""
        layout = self._layouts[model]
        if not layout.sampler.takes(answered.rows):
            layout.counts.passed_over += 1
            return
        with self._lock:
            if self._full:
                layout.counts.dropped += 1
                return
            at = time()
            batch = self._open.get(model)
            if batch is None or not batch.since <= at < batch.until:
                batch = self._begin(model, at)
            try:
                size = batch.add(at, id_, answered)
            except UnicodeEncodeError:
                layout.counts.dropped += 1
                return
            self._taken += 1
            if size >= self._object_bytes:
                self._end(model)

    def close(self, seconds: float) -> int:
        """Store what is left within so many seconds; how many requests were lost. Nothing may be added any more."""
        self._deadline = monotonic() + seconds
        self.leaving = True
        self._end_what_is_due()
        self._ended.put(None)
        for thread in self._threads:
            thread.join(max(0, self._deadline - monotonic()))
        return self._taken - self._stored

    def _begin(self, model: str, at: float) -> Batch:
        if model in self._open:
            self._end(model)
        self._number += 1
        key = object_key(model, at, self._writer, self._number)
        batch = self._open[model] = Batch(key, at // HOUR * HOUR, self._layouts[model])
        return batch

    def _end(self, model: str) -> None:
        batch = self._open.pop(model)
        batch.logged = batch.layout.share_of(batch.rows)
        self._hold(queued=batch.size)
        self._ended.put(batch)

    def _hold(self, queued: int, held: int = 0) -> None:
        self._queued_bytes += queued
        self._held_bytes += held
        limits = self._limits
        self._full = self._queued_bytes > limits.queued_bytes or self._held_bytes > limits.held_bytes

    def _end_what_is_due(self) -> None:
        oldest = monotonic() - (0 if self.leaving else self._limits.object_seconds)
        with self._lock:
            for model in [model for model, batch in self._open.items() if batch.opened <= oldest]:
                self._end(model)

    def _pack(self) -> None:
        while True:
            for layout in self._layouts.values():
                layout.sampler.adapt()
            self._end_what_is_due()
            try:
                batch = self._ended.get(timeout=TICK)
            except Empty:
                continue
            if batch is None:
                self._objects.put(None)
                return
            size, data = batch.size, batch.end()
            with self._lock:
                self._hold(queued=-size, held=len(data))
            self._objects.put((batch, data))

    def _store(self) -> None:
        while (found := self._objects.get()) is not None:
            batch, data = found
            if not self._stored_at_last(batch, data):
                return
            self._stored += batch.requests
            batch.layout.counts.logged += batch.requests
            with self._lock:
                self._hold(queued=0, held=-len(data))

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
