"""A client that asks at a steady rate while things happen to the gateway."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests import load
from tests.resources.envoy.conftest import GOLDEN


@dataclass
class Outcome:
    """``failed`` has a line for each failure, ``order`` the clouds that answered, in turn."""

    failed: list[str]
    order: list[str]

    @property
    def clouds(self) -> Counter[str]:
        return Counter(self.order)


def drive(url: str, seconds: float, rate: int, *events: Callable[[], None]) -> Outcome:
    """Ask ``rate`` times a second; the events happen, in other threads, at even distances in between."""
    acts: list[tuple[float, Callable[[], object]]] = [
        ((index + 1) * seconds / (len(events) + 1), event) for index, event in enumerate(events)
    ]
    sent = asyncio.run(load.send(url, GOLDEN.encode(), rate, seconds, acts)).sent
    failed = [f"{one.status} {one.cloud}" for one in sent if one.status != 200]
    return Outcome(failed, [one.cloud for one in sent if one.status == 200])
