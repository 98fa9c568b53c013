"""The prediction log: requests and predictions, written in batches to an object store of the server's own cloud.

The event loop encodes each prediction, in under a microsecond. One thread compresses complete batches, another stores
them and retries until the store accepts. No request waits for either thread.

A prediction that was accepted is lost only when the process ends before the store has it. A request outside the sample
(sampler.py) is passed over. When more bytes than ``Limits`` are waiting, new requests are dropped and the waiting ones
are kept. Both are counted.
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
from intermodal.serving.metrics import Counts
from intermodal.serving.prediction import Prediction
from intermodal.serving.prediction_log.batch import HOUR_SECONDS, Batch, Layout
from intermodal.serving.settings import Settings

Put = Callable[[str, bytes], None]
"""Store one object under a key, or raise."""

POLL_SECONDS = 0.25
"""How often the threads check for due work."""
FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.2, 10.0
MAX_ERROR_LENGTH = 300

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """``queued_bytes`` may wait for compression, ``held_bytes`` of objects may wait for the store.

    An object is complete after ``object_bytes`` (before compression) or ``object_seconds``. With many models it is
    complete earlier, so that all open objects together fill at most half of the queue.
    """

    queued_bytes: int = 16 << 20
    held_bytes: int = 32 << 20
    object_bytes: int = 2 << 20
    object_seconds: float = 10


class PredictionLog:
    """``stopping`` is set when the server receives the signal to stop. From then on open batches are stored at once."""

    def __init__(
        self, models: Mapping[Package, Counts], settings: Settings, put: Put, limits: Limits = Limits()
    ) -> None:
        self._layouts = {package.model: Layout(package, settings, counts) for package, counts in models.items()}
        self._put, self._limits = put, limits
        self._object_bytes = min(limits.object_bytes, limits.queued_bytes // (2 * len(models)))
        self._writer = uuid.uuid4().hex
        self._lock = Lock()  # guards the next six attributes
        self._open: dict[str, Batch] = {}
        self._number = self._taken = self._queued_bytes = self._held_bytes = 0
        self._full = False
        self._complete: SimpleQueue[Batch | None] = SimpleQueue()
        self._objects: SimpleQueue[tuple[Batch, bytes] | None] = SimpleQueue()
        self._stored = 0  # written by the storing thread
        self.stopping = False
        self._deadline = float("inf")
        loops = (self._compress_loop, self._store_loop)
        self._threads = [Thread(target=loop, name="log", daemon=True) for loop in loops]
        for thread in self._threads:
            thread.start()

    def add(self, model: str, request_id: str, prediction: Prediction) -> None:
        """Log one prediction, if it is in the sample and there is room. ``request_id`` is the gateway's, or ''."""
        layout = self._layouts[model]
        if not layout.sampler.takes(prediction.rows):
            layout.counts.passed_over += 1
            return
        with self._lock:
            if self._full:
                layout.counts.dropped += 1
                return
            timestamp = time()
            batch = self._open.get(model)
            if batch is None or not batch.since <= timestamp < batch.until:
                batch = self._open_batch(model, timestamp)
            try:
                size = batch.add(timestamp, request_id, prediction)
            except UnicodeEncodeError:
                layout.counts.dropped += 1
                return
            self._taken += 1
            if size >= self._object_bytes:
                self._complete_batch(model)

    def close(self, seconds: float) -> int:
        """Store what is left within so many seconds. Returns how many requests are lost. ``add`` must not be called
        afterwards."""
        self._deadline = monotonic() + seconds
        self.stopping = True
        self._complete_due_batches()
        self._complete.put(None)
        for thread in self._threads:
            thread.join(max(0, self._deadline - monotonic()))
        return self._taken - self._stored

    def _open_batch(self, model: str, timestamp: float) -> Batch:
        if model in self._open:
            self._complete_batch(model)
        self._number += 1
        key = object_key(model, timestamp, self._writer, self._number)
        batch = self._open[model] = Batch(key, timestamp // HOUR_SECONDS * HOUR_SECONDS, self._layouts[model])
        return batch

    def _complete_batch(self, model: str) -> None:
        batch = self._open.pop(model)
        batch.logged = batch.layout.share_of(batch.rows)
        self._add_bytes(queued=batch.size)
        self._complete.put(batch)

    def _add_bytes(self, queued: int, held: int = 0) -> None:
        self._queued_bytes += queued
        self._held_bytes += held
        limits = self._limits
        self._full = self._queued_bytes > limits.queued_bytes or self._held_bytes > limits.held_bytes

    def _complete_due_batches(self) -> None:
        opened_before = monotonic() - (0 if self.stopping else self._limits.object_seconds)
        with self._lock:
            for model in [model for model, batch in self._open.items() if batch.opened <= opened_before]:
                self._complete_batch(model)

    def _compress_loop(self) -> None:
        while True:
            for layout in self._layouts.values():
                layout.sampler.adapt()
            self._complete_due_batches()
            try:
                batch = self._complete.get(timeout=POLL_SECONDS)
            except Empty:
                continue
            if batch is None:
                self._objects.put(None)
                return
            size, data = batch.size, batch.finish()
            with self._lock:
                self._add_bytes(queued=-size, held=len(data))
            self._objects.put((batch, data))

    def _store_loop(self) -> None:
        while (item := self._objects.get()) is not None:
            batch, data = item
            if not self._put_with_retries(batch, data):
                return
            self._stored += batch.requests
            batch.layout.counts.logged += batch.requests
            with self._lock:
                self._add_bytes(queued=0, held=-len(data))

    def _put_with_retries(self, batch: Batch, data: bytes) -> bool:
        """Whether the object was stored before the deadline of ``close``."""
        pause = FIRST_RETRY_SECONDS
        while monotonic() < self._deadline:
            try:
                self._put(batch.key, data)
            except Exception as error:  # noqa: BLE001 any error of a store may be temporary
                batch.layout.counts.log_errors += 1
                if pause == FIRST_RETRY_SECONDS:
                    logger.warning("the prediction log waits for its store: %s", _summary(error))
                self._wait(pause * random.uniform(0.5, 1))
                pause = min(pause * 2, MAX_RETRY_SECONDS)
            else:
                return True
        return False

    def _wait(self, seconds: float) -> None:
        """Sleep so long, or until the server stops."""
        until = monotonic() + seconds
        sleep(POLL_SECONDS)
        while monotonic() < until and not self.stopping:
            sleep(POLL_SECONDS)


def _summary(error: Exception) -> str:
    """The first line of a store's error, without query strings, which may hold a signature."""
    first = str(error).partition("\n")[0].partition("Debug source")[0].strip()
    return f"{type(error).__name__}: {re.sub(r'[?][^ )]*', '', first)[:MAX_ERROR_LENGTH]}"
