"""A client that sends at a steady rate while things happen to the gateway."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from intermodal.platform.targets import Target, parse_target
from tests import load
from tests.resources.envoy.conftest import GOLDEN


@dataclass
class Outcome:
    """``failed`` has a line for each failure, ``order`` the targets that answered, in turn."""

    failed: list[str]
    order: list[Target]

    @property
    def targets(self) -> Counter[Target]:
        return Counter(self.order)


def drive(url: str, seconds: float, rate: int, *events: Callable[[], None]) -> Outcome:
    """Send ``rate`` requests a second; the events happen, in other threads, at even distances in between."""
    acts: list[tuple[float, Callable[[], object]]] = [
        ((index + 1) * seconds / (len(events) + 1), event) for index, event in enumerate(events)
    ]
    sent = asyncio.run(load.send(url, GOLDEN.encode(), rate, seconds, acts)).sent
    failed = [f"{request.status} {request.target}{request.error}" for request in sent if request.status != 200]
    return Outcome(failed, [parse_target(request.target) for request in sent if request.status == 200])
