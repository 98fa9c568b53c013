"""A front's measurements of the requests that it passed on, kept for an hour for the cloud's own monitor.

They do not survive an outage, which ends the monitor too.
"""

import array
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

KEPT_SECONDS = 3600


@dataclass(frozen=True)
class Window:
    """The requests that ended in a span of time: HTTP status → how long each took, in seconds."""

    answers: Mapping[int, Sequence[float]]

    def count(self, low: int = 0, high: int = 1000) -> int:
        """Requests with a status from ``low`` to below ``high``."""
        return sum(len(taken) for status, taken in self.answers.items() if low <= status < high)

    def seconds(self, low: int = 0, high: int = 1000) -> list[float]:
        """How long they took, the quickest first."""
        return sorted(seconds for status, taken in self.answers.items() if low <= status < high for seconds in taken)


class Recorder:
    """Bounded by time: a request needs four bytes and is removed after an hour. ``clock`` gives Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._names: dict[str, deque[tuple[int, dict[int, array.array[float]]]]] = {}

    def add(self, name: str, status: int, seconds: float) -> None:
        """A request to ``name`` ended now with ``status``, after ``seconds``."""
        by = math.ceil(self._clock())
        kept = self._names.get(name)
        if kept is None:
            self._forget(by)
            kept = self._names[name] = deque()
        if not kept or kept[-1][0] != by:
            kept.append((by, {}))
            while kept[0][0] <= by - KEPT_SECONDS:
                kept.popleft()
        kept[-1][1].setdefault(status, array.array("f")).append(seconds)

    def window(self, name: str, start: float, end: float) -> Window:
        """Requests that ended after ``start`` and not after ``end``: Unix seconds, both rounded up to whole ones.

        Consecutive windows share no request, and one that ends now has all.
        """
        found: dict[int, list[float]] = {}
        for by, answers in self._names.get(name, ()):
            if start <= by - 1 < end:
                for status, taken in answers.items():
                    found.setdefault(status, []).extend(taken)
        return Window(found)

    def names(self) -> list[str]:
        """Everything that was requested in the last hour."""
        self._forget(math.ceil(self._clock()))
        return sorted(self._names)

    def _forget(self, now: int) -> None:
        for name in [name for name, kept in self._names.items() if kept[-1][0] <= now - KEPT_SECONDS]:
            del self._names[name]
