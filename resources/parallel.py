"""The same work for many things on a few threads."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")


def parallel(work: Callable[[K], T], things: Sequence[K], workers: int) -> dict[K, T]:
    """Thing → result; after the first error nothing more is started, and it is raised.

    A worker takes the next thing itself: a future for each would cost 2 kB and two changes of threads.
    """
    waiting = deque(things)  # its popleft needs no lock
    done: dict[K, T] = {}

    def drain() -> None:
        while True:
            try:
                thing = waiting.popleft()
            except IndexError:
                return
            try:
                done[thing] = work(thing)
            except BaseException:
                waiting.clear()
                raise

    with ThreadPoolExecutor(workers, thread_name_prefix="parallel") as pool:
        try:
            for one in as_completed([pool.submit(drain) for _ in range(min(workers, len(things)))]):
                one.result()
        finally:
            waiting.clear()  # also when we are interrupted
    return done
