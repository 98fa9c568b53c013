"""A load client that keeps its rate however slow the responses are, and is much faster than the measured server.

``python -m tests.bench.open_loop URL BODYFILE RATE SECONDS`` prints a line for each request: seconds since the start at
which it was due, seconds by which it was sent late, seconds until its answer, status (0: none). A process of its own,
on bare sockets: ``tests.load`` takes most of a core at 2,000 requests/s.
"""

import asyncio
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

RESPONSE_SECONDS = 30.0
"""Limit for one response."""


@dataclass(frozen=True)
class Response:
    """The response to one request, in seconds. ``status`` is 0 without a complete response."""

    due: float
    late: float
    took: float
    status: int


class Connection(asyncio.Protocol):
    """A kept-alive connection; one request at a time."""

    def __init__(self) -> None:
        self.received, self.done = b"", asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def send(self, request: bytes) -> "asyncio.Future[int]":
        self.received, self.done = b"", asyncio.get_running_loop().create_future()
        self.transport.write(request)  # type: ignore[attr-defined]
        return self.done

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0 or self.done.done():
            return
        length = self.received[:end].lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        if len(self.received) >= end + 4 + int(length or 0):
            self.done.set_result(int(self.received[9:12]))

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(0)


async def load(url: str, body: bytes, rate: float, seconds: float) -> list[Response]:
    parts, loop, idle, responses = urlsplit(url), asyncio.get_running_loop(), list[Connection](), list[Response]()
    head = f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    started = loop.time() + 0.2

    async def request_at(due: float) -> None:
        sent, status = time.perf_counter(), 0
        late = loop.time() - started - due
        try:
            while idle and idle[-1].transport.is_closing():
                idle.pop()
            if idle:
                connection = idle.pop()
            else:
                connection = (await loop.create_connection(Connection, parts.hostname, parts.port))[1]
            async with asyncio.timeout(RESPONSE_SECONDS):
                status = await connection.send(request)
            if status:
                idle.append(connection)
        except (OSError, TimeoutError):
            status = 0
        responses.append(Response(due, late, time.perf_counter() - sent, status))

    running = set()
    for number in range(int(rate * seconds)):
        due = number / rate
        if (pause := started + due - loop.time()) > 0:
            await asyncio.sleep(pause)
        task = loop.create_task(request_at(due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return responses


class Client:
    """The client as a process, so that this one's threads do not slow it."""

    def __init__(self, url: str, body: Path, rate: float, seconds: float) -> None:
        command = [sys.executable, "-m", "tests.bench.open_loop", url, str(body), str(rate), str(seconds)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "started\n"

    def responses(self) -> list[Response]:
        """Wait for the last response and return them all."""
        text, _ = self._process.communicate()
        rows = [line.split() for line in text.splitlines()]
        return [Response(float(due), float(late), float(took), int(status)) for due, late, took, status in rows]


if __name__ == "__main__":
    sys.stdout.write("started\n")
    sys.stdout.flush()
    for found in uvloop.run(load(sys.argv[1], Path(sys.argv[2]).read_bytes(), float(sys.argv[3]), float(sys.argv[4]))):
        sys.stdout.write(f"{found.due:.6f} {found.late:.6f} {found.took:.6f} {found.status}\n")
