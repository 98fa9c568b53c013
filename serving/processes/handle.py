"""The parent's side of a worker."""

import asyncio
import socket
from collections import deque
from dataclasses import dataclass, field

from intermodal.serving.metrics import Counts
from intermodal.serving.processes.figures import Figures


@dataclass
class WorkerHandle:
    """``given`` is the channel of connections, and ``untaken`` are those that the worker has not taken yet. ``writer``
    is the channel of messages, and ``scrapes`` waits for the figures that were requested there."""

    process: int
    given: socket.socket
    ready: bool = False
    writer: asyncio.StreamWriter | None = None
    untaken: deque[socket.socket] = field(default_factory=deque)
    counts: list[Counts] = field(default_factory=list)
    figures: Figures = field(default_factory=dict)
    scrapes: deque[asyncio.Future[None]] = field(default_factory=deque)

    @property
    def reads_messages(self) -> bool:
        return self.writer is not None and not self.writer.is_closing()

    def give(self, connection: socket.socket) -> bool:
        """Whether the worker's channel had room for the connection."""
        try:
            socket.send_fds(self.given, [b"c"], [connection.fileno()])
        except OSError:
            return False
        self.untaken.append(connection)
        return True

    def drain(self) -> None:
        """Give it no more connections. The worker answers what it has, and ends."""
        self.ready = False
        self.given.close()
