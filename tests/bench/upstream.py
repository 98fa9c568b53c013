"""An upstream of the gateway's bench: a process that answers at once, and misbehaves when its file says so.

``python -m tests.bench.upstream PORT FILE``. FILE holds a ``Behaviour`` as JSON, looked at every 10 ms. There is no
framework in it, so that what is measured is the gateway's own time.
"""

import asyncio
import itertools
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

BODY = b'{"model_name": "m", "outputs": [{"name": "p", "datatype": "FP64", "shape": [1], "data": [0.5]}]}'
REASONS = {200: "OK", 429: "Too Many Requests", 500: "Internal Server Error"}


@dataclass(frozen=True)
class Behaviour:
    """``bad_status`` for ``bad_percent`` of the requests; each waits ``delay`` seconds and takes ``work`` of a core."""

    delay: float = 0.0
    work: float = 0.0
    bad_status: int = 500
    bad_percent: int = 0

    def write(self, file: Path) -> None:
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(self)))
        new.rename(file)


def answer(status: int) -> bytes:
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\ncontent-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
    )
    return head.encode() + BODY


class Upstream(asyncio.Protocol):
    """One connection: requests one after another, each with a content-length."""

    behaviour = Behaviour()
    numbers = itertools.count()

    def __init__(self) -> None:
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if len(self.received) < end + 4 + length:
                return
            self.received = self.received[end + 4 + length :]
            self.respond()

    def respond(self) -> None:
        now = self.behaviour
        # Spread evenly: 37 and 100 have no common divisor.
        bad = next(self.numbers) * 37 % 100 < now.bad_percent
        if now.work:
            until = time.thread_time() + now.work
            while time.thread_time() < until:
                pass
        what = answer(now.bad_status if bad else 200)
        if now.delay:
            asyncio.get_running_loop().call_later(now.delay, self.send, what)
        else:
            self.send(what)

    def send(self, what: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(what)  # type: ignore[attr-defined]


async def serve(port: int, file: Path) -> None:
    await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=1024)
    seen = 0
    while True:
        changed = file.stat().st_mtime_ns
        if changed != seen:
            seen, Upstream.behaviour = changed, Behaviour(**json.loads(file.read_text()))
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
