"""Concurrent calls with a time limit: a tick must not wait for a cloud that does not answer."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Thread
from typing import Generic, TypeVar

from intermodal.platform.errors import IntermodalError

T = TypeVar("T")
CONCURRENT_CALLS = 16


@dataclass(frozen=True)
class Answers(Generic[T]):
    """The results by key, and for each call without one the reason."""

    found: Mapping[str, T]
    failed: Mapping[str, str]


def gather_with_timeout(calls: Mapping[str, Callable[[], T]], seconds: float) -> Answers[T]:
    """Make the calls in their order, ``CONCURRENT_CALLS`` at a time, and give up on those that have not ended after
    ``seconds``."""
    pool = ThreadPoolExecutor(CONCURRENT_CALLS, thread_name_prefix="tick")
    futures = {key: pool.submit(call) for key, call in calls.items()}
    done, _ = wait(futures.values(), timeout=seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    found, failed = dict[str, T](), dict[str, str]()
    for key, future in futures.items():
        if future not in done:
            failed[key] = f"no answer within {seconds:g} s"
            continue
        try:
            found[key] = future.result()
        except IntermodalError as error:
            failed[key] = error.message
        except Exception as error:  # noqa: BLE001 an SDK's own error must not lose the answers of the others
            failed[key] = repr(error)
    return Answers(found, failed)


class SingleFlight(Generic[T]):
    """At most one call per key is in progress, however long it takes: a later tick takes the result.

    Lives as long as the process that ticks; its threads keep no process alive.
    """

    def __init__(self) -> None:
        self._running: dict[str, Future[T]] = {}

    def gather(self, calls: Mapping[str, Callable[[], T]], seconds: float) -> Answers[T]:
        """All calls concurrently, for ``seconds`` in total. A result may be that of an earlier tick's call."""
        began = time.monotonic()
        for key, call in calls.items():
            if key not in self._running:
                self._running[key] = _start(call)
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


def _start(call: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 raised where the result is taken
            future.set_exception(error)

    Thread(target=run, daemon=True, name="single-flight").start()
    return future


def round_robin(items: Sequence[T], now: float) -> list[T]:
    """The items, beginning one further each second: each comes first some time, also when the first never answer."""
    start = int(now) % len(items) if items else 0
    return [*items[start:], *items[:start]]
