"""A worker: one of several processes that answer requests.

It is forked from the loader, with the models loaded. The parent gives it connections one by one, and closes that
channel when the worker has to drain. The end of the parent has the same effect.
"""

import asyncio
import contextlib
import signal
import socket
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from types import FrameType

import uvicorn

from intermodal.serving import lifecycle
from intermodal.serving.http.app import App
from intermodal.serving.processes.channel import read, write
from intermodal.serving.processes.connections import ConnectionServer
from intermodal.serving.processes.figures import of_this_process
from intermodal.serving.service import Service

FIRST_READ_SECONDS = 0.2
"""Draining starts so long after the last connection was given, so that its first request is read before."""
REPORT_SECONDS = 1.0
"""How often a worker reports its figures without a scrape. A worker that dies takes newer ones with it."""
SCRAPE_SECONDS = 5.0


class Worker(ConnectionServer):
    """uvicorn's server with connections from the parent. ``given`` carries connections, ``control`` messages."""

    def __init__(self, config: uvicorn.Config, service: Service, given: socket.socket, control: socket.socket) -> None:
        super().__init__(config, service)
        self._given, self._control = given, control
        self._connected = False
        self._scrapes: deque[asyncio.Future[bytes]] = deque()
        service.metrics_of_all = self._scrape

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        reader, self._writer = await asyncio.open_connection(sock=self._control)
        self.start_task(self._read_messages(reader))
        self._given.setblocking(False)
        self._loop.add_reader(self._given, self._take)
        self._connected = True
        write(self._writer, "ready")
        self._report_regularly()

    def handle_exit(self, sig: int, _: FrameType | None) -> None:
        """The parent decides when all drain. SIGTERM to one worker asks it to replace that one."""
        if sig == signal.SIGTERM and self._connected:
            self._loop.call_soon_threadsafe(lambda: write(self._writer, "drain"))

    def _take(self) -> None:
        """Take one connection. The parent keeps its own copy until it reads 'taken', for the case of a death before."""
        try:
            data, handles, _, _ = socket.recv_fds(self._given, 1, 1)
        except BlockingIOError:
            return
        except OSError:
            data, handles = b"", []
        if not data:
            self._drain()
            return
        write(self._writer, "taken")
        for handle in handles:
            self.serve_connection(socket.socket(fileno=handle))

    def _drain(self) -> None:
        self._loop.remove_reader(self._given)
        self._service.drain()
        self._loop.call_later(FIRST_READ_SECONDS, lambda: setattr(self, "should_exit", True))

    async def _read_messages(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                match await read(reader):
                    case "figures":
                        self._report(requested=True)
                    case ("metrics", text):
                        future = self._scrapes.popleft()
                        if not future.done():
                            future.set_result(text)
        except (EOFError, OSError):
            pass  # the end of the parent, which also ends the other channel

    def _report(self, *, requested: bool) -> None:
        write(self._writer, ("report", requested, self._service.all_counts, of_this_process()))

    def _report_regularly(self) -> None:
        self._report(requested=False)
        self._loop.call_later(REPORT_SECONDS, self._report_regularly)

    async def _scrape(self) -> bytes:
        """The metrics of all processes. A scrape fails rather than give the numbers of a part of them."""
        future: asyncio.Future[bytes] = self._loop.create_future()
        self._scrapes.append(future)
        write(self._writer, "scrape")
        return await asyncio.wait_for(future, SCRAPE_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self._report(requested=False)
        with contextlib.suppress(OSError):  # the end of the parent, or it does not read
            await asyncio.wait_for(self._writer.drain(), 1)


def serve(service: Service, given: socket.socket, control: socket.socket, environment: Mapping[str, str]) -> int:
    """Serve until the parent closes ``given``. Returns the exit code, as ``server.run`` does."""
    settings = service.settings
    rows = max(1, settings.rows_per_second // settings.processes)
    service.settings = replace(settings, rows_per_second=rows)
    if put := lifecycle.log_store(service.settings, environment):
        service.log = lifecycle.open_log(service, put)
    app = App(service)
    config = lifecycle.config_of(app, service.settings)
    server = Worker(config, service, given, control)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[]))
    return 0 if lifecycle.close(app, service) else 1
