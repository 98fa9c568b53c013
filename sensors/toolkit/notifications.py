"""Notices are delivered beside the ticks: a tick waits for a limited time, and a later one takes the outcome.

An address that is silent costs apprise 8 s, a thousand models may have a notice at once, and a tick that is cut off
after 60 s loses everything: its notices and its run requests. What was delivered is known from the log behind
``ports.Notifications``; what this process keeps saves looking there at every tick.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Lock, Thread

import dagster as dg

from intermodal.assets import ports
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.notifications import Notice

DELIVERY_SECONDS = 0.3
"""How long a tick waits for its notices, all together; a longer wait would only see more of them delivered."""
PENDING = "notifications are still being delivered; the next tick goes on"


class NotificationQueue:
    """The notices of one sensor, delivered one after the other and pages first, by one thread at most. Lives as long as
    the process that ticks, and its thread keeps no process alive."""

    def __init__(self) -> None:
        self._lock, self._thread = Lock(), Thread()
        self._known, self._waiting, self._wanted = dict[str, Future[object]](), dict[str, Notice](), set[str]()

    def begin_tick(self, notify: Callable[[Notice], object]) -> None:
        """Forget what the last tick did not want: its event is over."""
        with self._lock:
            self._notify = notify
            for key in self._known.keys() - self._wanted:
                if key in self._waiting or self._known[key].done():
                    self._forget(key)
            self._wanted = set()

    def submit(self, notice: Notice) -> Future[object]:
        """The outcome of delivering it, which may have begun at an earlier tick."""
        with self._lock:
            self._wanted.add(notice.key)
            if notice.key not in self._known:
                self._known[notice.key], self._waiting[notice.key] = Future(), notice
            if self._waiting and not self._thread.is_alive():
                self._thread = Thread(target=self._work, daemon=True, name="notifications")
                self._thread.start()
            return self._known[notice.key]

    def retry(self, key: str) -> None:
        """It failed, and a tick has taken that outcome: the next one delivers it anew."""
        with self._lock:
            self._forget(key)

    def _forget(self, key: str) -> None:
        self._known.pop(key, None)
        self._waiting.pop(key, None)

    def _work(self) -> None:
        while entry := self._next():
            notice, future = entry
            try:
                future.set_result(self._notify(notice))
            except BaseException as error:  # noqa: BLE001 the tick that takes the outcome gets it
                future.set_exception(error)

    def _next(self) -> tuple[Notice, Future[object]] | None:
        with self._lock:
            if not self._waiting:
                self._thread = Thread()  # this one ends, and the next notice starts another
                return None
            notice = max(self._waiting.values(), key=lambda each: each.severity == "page")  # the first of them
            del self._waiting[notice.key]
            return notice, self._known[notice.key]


_queues: dict[str, NotificationQueue] = {}


class TickNotifier:
    """Delivers the notices of one tick of ``sensor``; ``messages`` gets what the tick has to report of that."""

    def __init__(self, context: dg.SensorEvaluationContext, sensor: str, messages: list[str]) -> None:
        self._queue = _queues.setdefault(sensor, NotificationQueue())
        self._queue.begin_tick(ports.notifications(context).notify)
        self._context, self._messages, self._seconds_left = context, messages, DELIVERY_SECONDS

    def deliver(self, notice: Notice) -> bool:
        """Whether it is delivered; never raises. Every tick delivers again for as long as the event lasts. A
        recipient gets a notice once; one that failed is sent again; one that no tick asks for any more is dropped."""
        future, began = self._queue.submit(notice), time.monotonic()
        wait([future], max(0.0, self._seconds_left))
        self._seconds_left -= time.monotonic() - began
        if not future.done():
            if PENDING not in self._messages:
                self._messages.append(PENDING)
            return False
        if (error := future.exception()) is None:
            return True
        self._queue.retry(notice.key)
        if not isinstance(error, IntermodalError):  # a bug: what else the tick decides does not depend on it
            self._context.log.error("the notification '%s' failed", notice.title, exc_info=error)
        self._messages.append(error.message if isinstance(error, IntermodalError) else repr(error))
        return False
