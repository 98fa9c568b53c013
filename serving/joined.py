"""Calls of a model in threads. Requests that wait while a call runs are joined into the next one.

A call of a scikit-learn pipeline costs nearly the same for many rows as for one (ADR 36). A request is never delayed
in the hope of another: when no call runs, it starts one at once.

Everything here runs in the event loop, except ``DataPlane.answer_each``.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

from intermodal.serving.dataplane import Answers, DataPlane, ParsedRequest
from intermodal.serving.metrics import Counts
from intermodal.serving.prediction import Prediction
from intermodal.serving.protocol.joining import MAX_JOINED_ROWS

PATIENCE_SECONDS = 1.0
"""After this time a running call no longer holds up the waiting requests, which then start a call in another thread.
So one call that hangs does not stop the model."""


class Waiting(NamedTuple):
    request: ParsedRequest
    future: asyncio.Future[Prediction]


class Calls:
    """The calls of one model. A joined call starts when the one before it has ended; a large request starts one of its
    own at once."""

    def __init__(self, pool: Executor, counts: Counts) -> None:
        self._pool, self._counts = pool, counts
        self._waiting: deque[Waiting] = deque()
        self._running: asyncio.Future[Answers] | None = None

    async def answer(self, plane: DataPlane, request: ParsedRequest) -> Prediction:
        """Predict in a thread, perhaps together with other requests."""
        if not plane.joins or request.table.rows > MAX_JOINED_ROWS:
            return await self.alone(lambda: plane.answer(request))
        future: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(request, future))
        self._start(plane)
        return await future

    async def alone(self, work: Callable[[], Prediction]) -> Prediction:
        """Predict one request in a thread."""
        self._counts.calls += 1
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _start(self, plane: DataPlane) -> None:
        """Start a call with what waits, unless one runs."""
        if self._running or not (batch := self._take()):
            return
        loop = asyncio.get_running_loop()
        call = loop.run_in_executor(self._pool, plane.answer_each, [waiting.request for waiting in batch])
        self._running = call

        def release() -> None:
            if self._running is call:
                self._running = None
                self._start(plane)

        timer = loop.call_later(PATIENCE_SECONDS, release)

        def ended(_: object) -> None:
            timer.cancel()
            release()
            self._deliver(batch, call)

        call.add_done_callback(ended)

    def _take(self) -> list[Waiting]:
        """The longest waiting requests that fit into one call. Those that were cancelled are left out."""
        batch: list[Waiting] = []
        rows = 0
        while self._waiting:
            waiting = self._waiting[0]
            rows += waiting.request.table.rows
            if rows > MAX_JOINED_ROWS:
                break
            self._waiting.popleft()
            if waiting.future.done():
                rows -= waiting.request.table.rows
            else:
                batch.append(waiting)
        return batch

    def _deliver(self, batch: list[Waiting], call: asyncio.Future[Answers]) -> None:
        answers = call.result()
        self._counts.calls += answers.calls
        self._counts.joined_rows += answers.joined_rows
        for (_, future), outcome in zip(batch, answers.outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
