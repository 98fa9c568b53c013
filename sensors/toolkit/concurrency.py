"""Calls to things that may not answer, side by side and with an end: a tick must not wait for a dead cloud."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from intermodal.platform.errors import IntermodalError

T = TypeVar("T")
WORKERS = 16


@dataclass(frozen=True)
class Answers(Generic[T]):
    """What was answered, and why the others were not."""

    found: Mapping[str, T]
    failed: Mapping[str, str]


def ask_all(calls: Mapping[str, Callable[[], T]], seconds: float) -> Answers[T]:
    """Make the calls in their order, ``WORKERS`` at a time, and give up on what has not ended after ``seconds``."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="tick")
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
        except Exception as error:  # noqa: BLE001 one SDK's own must not lose the answers of the others
            failed[key] = repr(error)
    return Answers(found, failed)


def by_turns(all_of_them: Sequence[T], now: float) -> list[T]:
    """In an order that begins elsewhere each second: all are asked some time, also when the first never answer."""
    turn = int(now) % len(all_of_them) if all_of_them else 0
    return [*all_of_them[turn:], *all_of_them[:turn]]
