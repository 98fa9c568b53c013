"""A uvicorn server whose connections come from another process, not from a listener of its own."""

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

from intermodal.serving import lifecycle


class ConnectionServer(lifecycle.Server):
    """Connections are given to ``serve_connection`` once ``startup`` has run."""

    _loop: asyncio.AbstractEventLoop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._tasks = set[asyncio.Task[Any]]()

    def serve_connection(self, connection: socket.socket) -> None:
        """Read requests from an accepted connection, as uvicorn does with those that it accepts itself."""
        connection.setblocking(False)
        self.start_task(self._connect(connection))

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

    def start_task(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run it in the event loop, which itself keeps no reference to a task."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
