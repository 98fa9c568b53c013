"""How much processor time the processes behind endpoints use, looked at every few seconds and kept for an hour."""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Mapping

import psutil

PERIOD = 5.0
SHORTEST = 1.0
"""The least time between samples. Closer ones would be many and inaccurate."""
KEPT = int(3600 / PERIOD)


class Usage:
    """``live`` returns the present processes: name → process id."""

    def __init__(self, live: Callable[[], Mapping[str, int]]) -> None:
        self._live = live
        self._samples: dict[str, deque[tuple[float, int, float]]] = {}

    async def watch(self) -> None:
        """Take samples until it is cancelled."""
        while True:
            self.look()
            await asyncio.sleep(PERIOD)

    def look(self) -> None:
        """Take a sample of every process that lives now, unless there is one of a moment ago."""
        now = time.time()
        for name, pid in self._live().items():
            try:
                process = psutil.Process(pid)
                born, times = process.create_time(), process.cpu_times()
            except psutil.Error:
                continue  # it has just ended
            kept = self._samples.setdefault(name, deque(maxlen=KEPT))
            if not kept or kept[-1][1] != pid:
                kept.append((born, pid, 0.0))
            elif now - kept[-1][0] < SHORTEST:
                continue
            kept.append((now, pid, times.user + times.system))
        for name in [name for name, kept in self._samples.items() if kept[-1][0] < now - KEPT * PERIOD]:
            del self._samples[name]

    def cores(self, name: str, start: float, end: float) -> list[float]:
        """Processor seconds a second, a figure for each sample in the span, over the time since the one before it."""
        return [
            (later[2] - earlier[2]) / (later[0] - earlier[0])
            for earlier, later in itertools.pairwise(self._samples.get(name, ()))
            if start < later[0] <= end and earlier[1] == later[1] and later[0] > earlier[0]
        ]

    def lived(self, name: str, when: float) -> bool:
        """Whether it had a process at that time, give or take a period."""
        return any(abs(moment - when) <= PERIOD for moment, _, _ in self._samples.get(name, ()))
