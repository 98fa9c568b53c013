"""A proxy on loopback that counts requests and can answer some of them itself, as an overloaded store would."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import web
from yarl import URL

from intermodal.sandbox.proxy import forward, new_session


@dataclass(frozen=True)
class Seen:
    """One request as it arrived; ``path`` with its query, percent-encoded."""

    method: str
    path: str


@dataclass
class Fault:
    """Answer ``status`` to the next ``times`` requests that ``match`` instead of handing them on.

    Status 0 cuts the connection: after ``after`` bytes of the true answer's body; or, with ``read``, after so many
    bytes of the request's body, which then never arrives.
    """

    status: int
    times: int = 1_000_000
    body: str = ""
    after: int = 0
    read: int = 0
    match: Callable[[Seen], bool] = lambda _: True


@dataclass
class FaultProxy:
    """Stands in front of ``upstream``. ``seen`` is written by its thread, ``faults`` by the test."""

    upstream: str
    seen: list[Seen] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    on_request: Callable[[Seen], None] = lambda _: None
    url: str = ""
    tls: ssl.SSLContext | None = None

    def reset(self) -> None:
        self.seen, self.faults, self.on_request = [], [], lambda _: None

    def sent(self, method: str, word: str = "") -> list[Seen]:
        return [request for request in self.seen if request.method == method and word in request.path]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request.method, request.raw_path)
        self.seen.append(seen)
        self.on_request(seen)
        for fault in self.faults:
            if fault.times > 0 and fault.match(seen):
                fault.times -= 1
                if fault.read:
                    return await self._drop(request, fault.read)
                await request.read()
                if not fault.status:
                    return await self._cut(request, fault.after)
                return web.Response(status=fault.status, text=fault.body, content_type="application/xml")
        return await forward(request, self._session, self.upstream + request.raw_path, drop=frozenset({"host"}))

    async def _drop(self, request: web.Request, read: int) -> web.StreamResponse:
        await request.content.readexactly(read)
        if request.transport is not None:
            request.transport.close()
        return web.Response(status=500)

    async def _cut(self, request: web.Request, after: int) -> web.StreamResponse:
        url, body = self.upstream + request.raw_path, await request.read()
        headers = {name: value for name, value in request.headers.items() if name != "Host"}
        answer = web.StreamResponse()
        auto = ("User-Agent", "Content-Type", "Accept", "Accept-Encoding")
        async with self._session.request(
            request.method, URL(url, encoded=True), headers=headers, data=body or None, skip_auto_headers=auto
        ) as upstream:
            answer.set_status(upstream.status)
            answer.headers.update(upstream.headers)
            if after:
                await answer.prepare(request)
                await answer.write(await upstream.content.readexactly(after))
        if request.transport is not None:
            request.transport.close()
        return answer

    async def _serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        async with new_session() as self._session:
            app = web.Application(client_max_size=8 << 30)
            app.router.add_route("*", "/{rest:.*}", self._handle)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.tls)
            await site.start()
            self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
            ready.set()
            await stop.wait()
            await runner.cleanup()


@contextmanager
def fault_proxy(upstream: str, tls: ssl.SSLContext | None = None) -> Iterator[FaultProxy]:
    """Run a proxy in a thread of its own; with ``tls`` it speaks https."""
    proxy, ready, stop, loop = (
        FaultProxy(upstream, tls=tls),
        threading.Event(),
        asyncio.Event(),
        asyncio.new_event_loop(),
    )
    thread = threading.Thread(target=loop.run_until_complete, args=(proxy._serve(ready, stop),), daemon=True)
    thread.start()
    if not ready.wait(10):
        raise RuntimeError("the fault proxy did not start")
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
