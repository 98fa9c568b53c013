"""A client that asks at a steady rate and counts every answer that is not a prediction."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from tests.resources.envoy.conftest import GOLDEN


@dataclass
class Outcome:
    """``failed`` has a line for each failure, ``clouds`` how many each answered, ``order`` who answered, in turn."""

    failed: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    @property
    def clouds(self) -> Counter[str]:
        return Counter(self.order)


def drive(url: str, seconds: float, rate: int, *events: Callable[[], None]) -> Outcome:
    """Ask ``rate`` times a second; the events happen, in other threads, at even distances in between."""
    return asyncio.run(_drive(url, seconds, rate, events))


async def _drive(url: str, seconds: float, rate: int, events: tuple[Callable[[], None], ...]) -> Outcome:
    outcome, tasks = Outcome(), []
    due = [(index + 1) * seconds / (len(events) + 1) for index in range(len(events))]
    running: list[asyncio.Task[None]] = []
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(30)) as session:
        start, sent = time.monotonic(), 0
        while (now := time.monotonic() - start) < seconds or sent < rate * seconds:
            while sent < now * rate and sent < rate * seconds:
                tasks.append(asyncio.create_task(_ask(session, url, outcome)))
                sent += 1
            if len(running) < len(events) and now >= due[len(running)]:
                running.append(asyncio.create_task(asyncio.to_thread(events[len(running)])))
            await asyncio.sleep(0.004)
        await asyncio.gather(*tasks, *running)
    return outcome


async def _ask(session: aiohttp.ClientSession, url: str, outcome: Outcome) -> None:
    try:
        async with session.post(url, data=GOLDEN) as answer:
            text = await answer.text()
            if answer.status == 200:
                outcome.order.append(answer.headers["x-intermodal-cloud"])
            else:
                outcome.failed.append(f"{answer.status} {text}")
    except (aiohttp.ClientError, TimeoutError) as error:
        outcome.failed.append(repr(error))
