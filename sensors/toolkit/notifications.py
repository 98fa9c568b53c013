"""Notices are delivered beside the ticks: a tick waits for a limited time, and a later one takes the outcome.

An address that is silent costs apprise 8 s, a thousand models may have a notice at once, and a tick that is cut off
after 60 s loses everything: its notices and its run requests.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from math import inf
from threading import Lock, Thread

import dagster as dg

from intermodal.assets import ports
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.notifications import Notice

DELIVERY_SECONDS = 0.3
"""How long a tick waits for its notices, all together; a longer wait would only see more of them delivered."""
REMEMBERED_SECONDS = 600.0
"""How long a delivered notice is remembered when no tick takes its outcome."""
PENDING = "notifications are still being delivered; the next tick goes on"


class NotificationQueue:
    """The notices of one sensor, delivered one after the other and pages first, by one thread at most. Lives as long as
    the process that ticks, and its thread keeps no process alive."""

    def __init__(self) -> None:
        self._lock, self._thread = Lock(), Thread()
        self._known, self._waiting, self._wanted = dict[str, Future[bool]](), dict[str, Notice](), set[str]()
        self._delivered_at = dict[str, float]()

    def __contains__(self, key: str) -> bool:
        """Whether a notice waits, is being delivered, or was delivered and no tick has taken the outcome yet."""
        return key in self._known

    def begin_tick(self, send: Callable[[Notice], bool]) -> None:
        """Forget what the last tick did not want: its event is over, and the same key is another event. A delivered
        notice is remembered for a while: that tick may only not have known of the event."""
        with self._lock:
            self._send, recent = send, time.monotonic() - REMEMBERED_SECONDS
            for key in [key for key in self._known if key not in self._wanted]:
                if key in self._waiting or (self._known[key].done() and self._delivered_at.get(key, -inf) < recent):
                    self._forget(key)
            self._wanted = set()

    def submit(self, notice: Notice) -> Future[bool]:
        """The outcome of delivering it, which may have begun at an earlier tick."""
        with self._lock:
            self._wanted.add(notice.key)
            if notice.key not in self._known:
                self._known[notice.key], self._waiting[notice.key] = Future(), notice
            if self._waiting and not self._thread.is_alive():
                self._thread = Thread(target=self._work, daemon=True, name="notifications")
                self._thread.start()
            return self._known[notice.key]

    def take(self, notice: Notice, future: Future[bool]) -> None:
        """The outcome is known to a tick: the same key is a new notice from now on."""
        with self._lock:
            if self._known.get(notice.key) is future:
                self._forget(notice.key)

    def _forget(self, key: str) -> None:
        for each in (self._known, self._waiting, self._delivered_at):
            each.pop(key, None)  # type: ignore[attr-defined]

    def _work(self) -> None:
        while entry := self._next():
            notice, future = entry
            try:
                outcome = self._send(notice)
                self._delivered_at[notice.key] = time.monotonic()
                future.set_result(outcome)
            except BaseException as error:  # noqa: BLE001 the tick that takes the outcome gets it
                future.set_exception(error)

    def _next(self) -> tuple[Notice, Future[bool]] | None:
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
        self._queue.begin_tick(ports.notifier(context).tell)
        self._context, self._messages, self._seconds_left = context, messages, DELIVERY_SECONDS

    def __contains__(self, key: str) -> bool:
        """Whether the notice with this key was submitted, and its outcome is not known yet."""
        return key in self._queue

    def deliver(self, notice: Notice) -> bool:
        """Whether it is delivered; never raises. When not, the caller remembers that, and a later tick delivers again:
        nobody is notified twice when it arrived meanwhile, and it is tried again when that failed."""
        future, began = self._queue.submit(notice), time.monotonic()
        wait([future], max(0.0, self._seconds_left))
        self._seconds_left -= time.monotonic() - began
        if not future.done():
            if PENDING not in self._messages:
                self._messages.append(PENDING)
            return False
        self._queue.take(notice, future)
        if (error := future.exception()) is None:
            return True
        if not isinstance(error, IntermodalError):  # a bug: what else the tick decides does not depend on it
            self._context.log.error("the notification '%s' failed", notice.title, exc_info=error)
        self._messages.append(error.message if isinstance(error, IntermodalError) else repr(error))
        return False
