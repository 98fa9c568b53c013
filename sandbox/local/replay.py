"""Callers: requests at a fixed rate, however slow the responses are (an open loop)."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp


@dataclass(frozen=True)
class Sent:
    """One request: when it was sent (Unix seconds), how long it took, and its response.

    ``status`` is 0 when there was no answer at all; then ``target`` is the reason.
    """

    sent_at: float
    seconds: float
    status: int
    target: str
    version: str


@dataclass
class Callers:
    """Sends in a thread of its own. ``sent`` grows as answers come."""

    url: str
    rate: float
    sent: list[Sent] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def failed(self) -> list[Sent]:
        return [request for request in self.sent if request.status != 200]

    def targets(self, since: float = 0.0) -> Counter[str]:
        """How many answers each target gave to requests sent since then."""
        return Counter(
            request.target for request in list(self.sent) if request.status == 200 and request.sent_at >= since
        )

    def play(self, bodies: Iterable[bytes]) -> None:
        """Send these and return when all are answered, or when ``stopping`` is set."""
        asyncio.run(self._play(bodies))

    @contextmanager
    def playing(self, bodies: Iterable[bytes]) -> Iterator[None]:
        """Send these in the background, until the block ends."""
        self.stopping.clear()
        thread = threading.Thread(target=self.play, args=(bodies,), name="callers")
        thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            thread.join()

    async def _play(self, bodies: Iterable[bytes]) -> None:
        running: set[asyncio.Task[None]] = set()
        loop, timeout = asyncio.get_running_loop(), aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
            started = time.perf_counter()
            for number, body in enumerate(bodies):
                if self.stopping.is_set():
                    break
                pause = number / self.rate - (time.perf_counter() - started)
                await asyncio.sleep(max(pause, 0))
                task = loop.create_task(self._send(session, body))
                running.add(task)
                task.add_done_callback(running.discard)
            await asyncio.gather(*running)

    async def _send(self, session: aiohttp.ClientSession, body: bytes) -> None:
        sent_at, started = time.time(), time.perf_counter()
        try:
            async with session.post(self.url, data=body, headers={"content-type": "application/json"}) as answer:
                await answer.read()
                status, target = answer.status, answer.headers.get("x-intermodal-target", "")
                version = answer.headers.get("x-intermodal-version", "")
        except (aiohttp.ClientError, TimeoutError) as error:
            status, target, version = 0, repr(error), ""
        self.sent.append(Sent(sent_at, time.perf_counter() - started, status, target, version))
