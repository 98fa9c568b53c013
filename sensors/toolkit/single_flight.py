"""Calls that may take longer than a tick: the tick goes on, and a later one takes the answer."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from threading import Thread
from typing import Generic, TypeVar

from intermodal.platform.errors import IntermodalError
from intermodal.sensors.toolkit.concurrency import Answers

T = TypeVar("T")


class Pending(Generic[T]):
    """One call at most is under way for each key, however long somebody does not answer. Lives as long as the process
    that ticks, and its threads keep no process alive."""

    def __init__(self) -> None:
        self._running: dict[str, Future[T]] = {}

    def ask(self, calls: Mapping[str, Callable[[], T]], seconds: float) -> Answers[T]:
        """All calls side by side, for so long in total. An answer may be to a call of an earlier tick."""
        began = time.monotonic()
        for key, call in calls.items():
            if key not in self._running:
                self._running[key] = _begun(call)
        wait([self._running[key] for key in calls], max(0.0, seconds - (time.monotonic() - began)))
        found, failed = dict[str, T](), dict[str, str]()
        for key in calls:
            if not self._running[key].done():
                failed[key] = f"no answer within {seconds:g} s"
                continue
            try:
                found[key] = self._running.pop(key).result()
            except IntermodalError as error:
                failed[key] = error.message
        return Answers(found, failed)


def _begun(call: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 whoever takes the answer gets it
            future.set_exception(error)

    Thread(target=run, daemon=True, name="pending").start()
    return future
