"""Requests at a fixed rate, whatever the answers take (an open loop), and what became of each."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp


@dataclass(frozen=True)
class Sent:
    """One request: when it was sent (seconds since the start), how long it took, and what came back.

    ``target`` (text) gave the answer. ``status`` is 0 when there was no answer at all; then ``error`` is the reason.
    """

    sent_at: float
    seconds: float
    status: int
    target: str
    error: str = ""

    @property
    def cloud(self) -> str:
        return self.target.partition("/")[0]


@dataclass
class Load:
    """Everything that was sent, in order."""

    sent: list[Sent] = field(default_factory=list)

    @property
    def failed(self) -> list[Sent]:
        return [request for request in self.sent if request.status != 200]

    def targets(self, since: float = 0.0, until: float = float("inf")) -> Counter[str]:
        """How many answers each target gave to requests sent in a span of time."""
        return Counter(request.target for request in self._answered(since, until))

    def clouds(self, since: float = 0.0, until: float = float("inf")) -> Counter[str]:
        """How many answers each cloud gave to requests sent in a span of time."""
        return Counter(request.cloud for request in self._answered(since, until))

    def _answered(self, since: float, until: float) -> list[Sent]:
        return [request for request in self.sent if request.status == 200 and since <= request.sent_at < until]

    def quantile_ms(self, share: float) -> float:
        times = sorted(request.seconds for request in self.sent)
        return times[min(int(len(times) * share), len(times) - 1)] * 1000

    @property
    def p50_ms(self) -> float:
        return statistics.median(request.seconds for request in self.sent) * 1000


async def send(
    url: str, body: bytes, rate: float, seconds: float, acts: list[tuple[float, Callable[[], object]]] | None = None
) -> Load:
    """POST ``body`` ``rate`` times a second; ``acts`` are called in threads at their seconds since the start."""
    load, loop = Load(), asyncio.get_running_loop()
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        started = time.perf_counter()

        async def request() -> None:
            sent_at = time.perf_counter() - started
            try:
                async with session.post(url, data=body, headers={"content-type": "application/json"}) as answer:
                    await answer.read()
                    status, target, reason = answer.status, answer.headers.get("x-intermodal-target", ""), ""
            except (aiohttp.ClientError, TimeoutError) as error:
                status, target, reason = 0, "", repr(error)
            load.sent.append(Sent(sent_at, time.perf_counter() - started - sent_at, status, target, reason))

        doing = [loop.create_task(_act(after, act)) for after, act in acts or []]
        running = set()
        for number in range(int(rate * seconds)):
            pause = number / rate - (time.perf_counter() - started)
            if pause > 0:
                await asyncio.sleep(pause)
            task = loop.create_task(request())
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running, *doing)
    return load


async def _act(after: float, act: Callable[[], object]) -> None:
    await asyncio.sleep(after)
    await asyncio.to_thread(act)
