"""Threads: the same work on many items, and a call with a time limit."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")


def parallel(work: Callable[[K], T], items: Sequence[K], workers: int) -> dict[K, T]:
    """Results by item. The first error is raised, and no further item is started.

    Each worker takes its next item from a queue: a future for each item would cost 2 kB and two thread switches.
    """
    waiting = deque(items)  # popleft needs no lock
    done: dict[K, T] = {}

    def drain() -> None:
        while True:
            try:
                item = waiting.popleft()
            except IndexError:
                return
            try:
                done[item] = work(item)
            except BaseException:
                waiting.clear()
                raise

    with ThreadPoolExecutor(workers, thread_name_prefix="parallel") as pool:
        try:
            for worker in as_completed([pool.submit(drain) for _ in range(min(workers, len(items)))]):
                worker.result()
        finally:
            waiting.clear()  # also when this thread is interrupted
    return done


def succeeds_within(seconds: float, call: Callable[[], object]) -> bool:
    """Whether ``call`` returns within the time. An error of any kind is False.

    The limits of an SDK hold for each connection, read and token request; this limit holds for their sum. A thread that
    is left behind ends by the SDK's limits, and is a daemon, so it does not keep the process alive.
    """
    succeeded, ended = False, threading.Event()

    def run() -> None:
        nonlocal succeeded
        try:
            call()
            succeeded = True
        except Exception:  # noqa: BLE001 only success counts, not the reason
            succeeded = False
        finally:
            ended.set()

    threading.Thread(target=run, daemon=True).start()
    return ended.wait(seconds) and succeeded
