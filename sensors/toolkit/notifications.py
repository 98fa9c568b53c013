"""People are told beside the ticks: a tick waits for so long and no longer, and a later one takes what came of it.

An address that is silent costs apprise 8 s, a thousand models may have something to tell at once, and of a tick that is
cut off after 60 s everything is lost: what it told, and what it asked for.
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

SECONDS = 0.3
"""So long may telling people keep a tick, all its notices together; a longer one would only hear of more of them."""
REMEMBERED = 600.0
"""So long is it known of a notice that it was told, in seconds, when no tick asks what came of it."""
LATER = "people are still being told; the next tick goes on"


class Telling:
    """What one sensor tells, one notice after the other and pages first, by one thread at most. Lives as long as the
    process that ticks, and its thread keeps no process alive."""

    def __init__(self) -> None:
        self._lock, self._thread = Lock(), Thread()
        self._known, self._waiting, self._asked = dict[str, Future[bool]](), dict[str, Notice](), set[str]()
        self._told = dict[str, float]()

    def __contains__(self, key: str) -> bool:
        """Whether a notice waits, is being told, or was told and no tick has heard of it yet."""
        return key in self._known

    def begin(self, tell: Callable[[Notice], bool]) -> None:
        """A tick begins. What the last one did not ask for is over: told again under its key, it is another event. But
        what was told is remembered for a while: that tick may only not have known."""
        with self._lock:
            self._tell, recent = tell, time.monotonic() - REMEMBERED
            for key in [key for key in self._known if key not in self._asked]:
                if key in self._waiting or (self._known[key].done() and self._told.get(key, -inf) < recent):
                    self._forget(key)
            self._asked = set()

    def ask(self, notice: Notice) -> Future[bool]:
        """What comes of telling it, which may have begun at an earlier tick."""
        with self._lock:
            self._asked.add(notice.key)
            if notice.key not in self._known:
                self._known[notice.key], self._waiting[notice.key] = Future(), notice
            if self._waiting and not self._thread.is_alive():
                self._thread = Thread(target=self._work, daemon=True, name="telling")
                self._thread.start()
            return self._known[notice.key]

    def taken(self, notice: Notice, future: Future[bool]) -> None:
        with self._lock:
            if self._known.get(notice.key) is future:
                self._forget(notice.key)

    def _forget(self, key: str) -> None:
        for each in (self._known, self._waiting, self._told):
            each.pop(key, None)  # type: ignore[attr-defined]

    def _work(self) -> None:
        while one := self._next():
            notice, future = one
            try:
                found = self._tell(notice)
                self._told[notice.key] = time.monotonic()
                future.set_result(found)
            except BaseException as error:  # noqa: BLE001 the tick that asks for it gets it
                future.set_exception(error)

    def _next(self) -> tuple[Notice, Future[bool]] | None:
        with self._lock:
            if not self._waiting:
                self._thread = Thread()  # this one ends, and whoever asks now begins another
                return None
            notice = max(self._waiting.values(), key=lambda one: one.severity == "page")  # the first of them
            del self._waiting[notice.key]
            return notice, self._known[notice.key]


_of: dict[str, Telling] = {}


class Tick:
    """One tick of ``sensor``, which may tell people. ``words`` gets what it has to say of that."""

    def __init__(self, context: dg.SensorEvaluationContext, sensor: str, words: list[str]) -> None:
        self._telling = _of.setdefault(sensor, Telling())
        self._telling.begin(ports.notifier(context).tell)
        self._context, self._words, self._left = context, words, SECONDS

    def __contains__(self, key: str) -> bool:
        """Whether the notice with this key was asked for, and what came of it is not known yet."""
        return key in self._telling

    def told(self, notice: Notice) -> bool:
        """Whether that is done; never raises. When not, remember that they were not, and a later tick asks again:
        it tells nobody a second time when they were told meanwhile, and tries again when that failed."""
        future, began = self._telling.ask(notice), time.monotonic()
        wait([future], max(0.0, self._left))
        self._left -= time.monotonic() - began
        if not future.done():
            if LATER not in self._words:
                self._words.append(LATER)
            return False
        self._telling.taken(notice, future)
        if (error := future.exception()) is None:
            return True
        if not isinstance(error, IntermodalError):  # a bug: what else the tick decides does not depend on it
            self._context.log.error("telling '%s' failed", notice.title, exc_info=error)
        self._words.append(error.message if isinstance(error, IntermodalError) else repr(error))
        return False
