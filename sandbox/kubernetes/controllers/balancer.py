"""A TCP load balancer of one Service port: connections go to its ready Pods in turn."""

import asyncio
import ipaddress
from collections.abc import Sequence

Backend = tuple[str, int]
CHUNK = 1 << 16


class Balancer:
    """It listens only while there is a backend, so a Service without ready Pods refuses connections. A connection
    stays with its backend. ``sources`` are networks (CIDR) whose connections are accepted; without them, all."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._backends: Sequence[Backend] = ()
        self._sources: Sequence[str] = ()
        self._server: asyncio.Server | None = None
        self._turn = 0
        self._open: set[asyncio.Task[None]] = set()

    async def update(self, backends: Sequence[Backend], sources: Sequence[str]) -> None:
        """OSError when the address cannot be bound."""
        self._backends, self._sources = backends, sources
        if backends and self._server is None:
            self._server = await asyncio.start_server(self._serve, self.host, self.port, backlog=512)
        elif not backends:
            self._close()

    async def stop(self) -> None:
        """Connections are cut."""
        self._close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._forward(reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()  # the client sees what happened to the backend: a reset
        finally:
            self._open.discard(task)
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source = ipaddress.ip_address(writer.get_extra_info("peername")[0])
        if self._sources and not any(source in ipaddress.ip_network(each) for each in self._sources):
            raise ConnectionRefusedError(f"{source} is not in loadBalancerSourceRanges")
        if not self._backends:
            raise ConnectionRefusedError("no ready Pod")
        self._turn += 1
        host, port = self._backends[self._turn % len(self._backends)]
        upstream, sink = await asyncio.open_connection(host, port)
        try:
            await asyncio.gather(_copy(reader, sink), _copy(upstream, writer))
        except BaseException:
            sink.transport.abort()
            raise
        finally:
            sink.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(CHUNK):
        sink.write(data)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()
