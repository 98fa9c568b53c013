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
from typing import Any

import uvicorn

from intermodal.serving import lifecycle
from intermodal.serving.http.app import App
from intermodal.serving.processes.channel import read, write
from intermodal.serving.processes.figures import of_this_process
from intermodal.serving.service import Service

FIRST_READ_SECONDS = 0.2
"""Draining starts so long after the last connection was given, so that its first request is read before."""
REPORT_SECONDS = 1.0
"""How often a worker reports its figures without a scrape. A worker that dies takes newer ones with it."""
SCRAPE_SECONDS = 5.0


class Worker(lifecycle.Server):
    """uvicorn's server with connections from the parent. ``given`` carries connections, ``control`` messages."""

    def __init__(self, config: uvicorn.Config, service: Service, given: socket.socket, control: socket.socket) -> None:
        super().__init__(config, service)
        self._state, self._given, self._control = service, given, control
        self._connected = False
        self._tasks = set[asyncio.Task[Any]]()
        self._scrapes: deque[asyncio.Future[bytes]] = deque()
        service.metrics_of_all = self._scrape

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        reader, self._writer = await asyncio.open_connection(sock=self._control)
        self._start(self._read_messages(reader))
        self._given.setblocking(False)
        self._loop.add_reader(self._given, self._take)
        self._connected = True
        write(self._writer, "ready")
        self._report_regularly()

    def handle_exit(self, sig: int, _: FrameType | None) -> None:
        """The parent decides when all drain. SIGTERM to one worker asks it to replace that one."""
        if sig == signal.SIGTERM and self._connected:
            self._loop.call_soon_threadsafe(lambda: write(self._writer, "leave"))

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
            connection = socket.socket(fileno=handle)
            connection.setblocking(False)
            self._start(self._connect(connection))

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:  # the client is gone
            connection.close()

    def _protocol(self) -> asyncio.Protocol:
        protocol: Any = self.config.http_protocol_class
        made: asyncio.Protocol = protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state, _loop=self._loop
        )
        return made

    def _drain(self) -> None:
        self._loop.remove_reader(self._given)
        self._state.drain()
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
        write(self._writer, ("report", requested, self._state.all_counts, of_this_process()))

    def _report_regularly(self) -> None:
        self._report(requested=False)
        self._loop.call_later(REPORT_SECONDS, self._report_regularly)

    async def _scrape(self) -> bytes:
        """The metrics of all processes. A scrape fails rather than give the numbers of a part of them."""
        future: asyncio.Future[bytes] = self._loop.create_future()
        self._scrapes.append(future)
        write(self._writer, "scrape")
        return await asyncio.wait_for(future, SCRAPE_SECONDS)

    def _start(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
