"""A target's endpoint as the gateway sees it: a small HTTP server that can misbehave, be killed and be restored."""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request, bytes], web.StreamResponse]


def predicted(_request: web.Request, _body: bytes) -> web.StreamResponse:
    output = {"name": "p", "datatype": "FP64", "shape": [1], "data": [0.5]}
    return web.json_response({"model_name": "m", "outputs": [output]})


def always(status: int, text: str = "no", **headers: str) -> Answer:
    """Answer everything like this; header names are written with '_'."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request, _body: web.Response(status=status, text=text, headers=named)


class FakeUpstream:
    """One endpoint on a port of its own, in a thread. The ``last_`` fields tell of its latest request."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answer: Answer = predicted
        self.hanging = False
        self.delay_seconds = 0.0
        self.work_seconds = 0.0
        """How long it works on a request, one at a time and whether or not the caller still waits: an overload."""
        self.count = 0
        self.last_headers: dict[str, str] = {}
        self.last_path = ""
        self.last_length = 0
        self.port = 0
        self._tls = tls
        self._turn = asyncio.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()

    @property
    def scheme(self) -> str:
        return "https" if self._tls else "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/score"

    def start(self) -> None:
        self._await(self._serve())

    def kill(self) -> None:
        """As with SIGKILL: every connection is cut and the port refuses."""
        self._await(self._cut())

    def close(self) -> None:
        self.kill()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        server = web.Server(self._handle)
        self._runner = web.ServerRunner(server, shutdown_timeout=0)
        await self._runner.setup()
        # aiohttp's own backlog of 128 is full when this thread is starved: Linux then drops tries to connect, which
        # is made again after 1 s, and the gateway gives it up as a target that does not answer.
        address = ("127.0.0.1", self.port)
        site = web.TCPSite(self._runner, *address, ssl_context=self._tls, reuse_address=True, backlog=2048)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    async def _cut(self) -> None:
        if self._runner.server:
            for connection in self._runner.server.connections:
                if connection.transport:
                    connection.transport.abort()
        self.hanging = False
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        self.count += 1
        self.last_headers = {name.lower(): value for name, value in request.headers.items()}
        self.last_path = request.raw_path
        self.last_length = len(body)
        while self.hanging:
            await asyncio.sleep(0.02)
        await asyncio.sleep(self.delay_seconds)
        if self.work_seconds:
            async with self._turn:
                await asyncio.sleep(self.work_seconds)
        return self.answer(request, body)  # type: ignore[arg-type]

    def _await(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)


def sagemaker_error(status: int, message: str) -> Answer:
    """How SageMaker wraps a container's answer that is not a 200."""
    body = {"ErrorCode": "ModelError", "OriginalStatusCode": status, "OriginalMessage": message, "Message": "Received"}
    return always(424, json.dumps(body), x_amzn_errortype="ModelError")
