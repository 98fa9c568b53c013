"""The ASGI application. No framework: at thousands of requests a second each layer would show."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from intermodal.serving.answered import Answered
from intermodal.serving.dataplane import DataPlane
from intermodal.serving.errors import RequestError, listed, shown
from intermodal.serving.http.routes import Read, Route, table
from intermodal.serving.http.wire import (
    Answer,
    ClientGone,
    Receive,
    Request,
    Scope,
    Send,
    json_answer,
    read_body,
    refusal,
)
from intermodal.serving.service import Service

INLINE_BYTES = 32_768
"""Up to here a body is read in the event loop (under a millisecond); a larger one goes to a thread."""

CLIENT_GONE = 499
"""nginx's code for it; only metrics see it."""

THREADS = "predict"

logger = logging.getLogger(__name__)


class App:
    """Answers every request with 2xx or with 4xx (503 before the model is ready) in V2's error form."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.routes = table(service)
        self._pool = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix=THREADS)
        who = service.settings.identity
        marks = ((b"x-intermodal-version", who.version), (b"x-intermodal-cloud", who.cloud))
        self.marks = [(name, value.encode()) for name, value in marks if value]
        """Headers of every answer."""

    def close(self, seconds: float) -> bool:
        """Wait so long for predictions that still run; whether all of them ended."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        running = [thread for thread in threading.enumerate() if thread.name.startswith(THREADS)]
        for thread in running:
            thread.join(seconds / len(running))
        return not any(thread.is_alive() for thread in running)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(f"only http is served, not {scope['type']}")
        started = perf_counter()
        route = self.routes.get(scope["path"])
        label = route.label if route else "other"
        counts = route.model.counts if route and route.model else self.service.counts
        counts.in_flight += 1
        try:
            try:
                answer = await self._answer(route, scope, receive)
            except RequestError as error:
                answer = refusal(error)
            except ClientGone:
                counts.answered(label, CLIENT_GONE, perf_counter() - started)
                return
            except Exception:
                logger.exception("%s %s failed", scope["method"], label)
                answer = json_answer({"error": "The server failed; its log says why."}, 500)
            headers = [
                (b"content-type", answer.content_type),
                (b"content-length", b"%d" % len(answer.body)),
                *self.marks,
                *answer.headers,
            ]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})
        finally:
            counts.in_flight -= 1
        counts.answered(label, answer.status, perf_counter() - started)

    async def _answer(self, route: Route | None, scope: Scope, receive: Receive) -> Answer:
        if route is None:
            raise self._unknown(scope["path"])
        method = scope["method"]
        if route.read and route.model and method == "POST":
            if route.model.plane is None:
                raise RequestError("The model is still loading.", status=503, headers=((b"retry-after", b"1"),))
            request = await read_body(scope, receive, self.service.settings.max_body_bytes)
            answered = await self._predict(route.model.plane, route.read, request)
            self.service.predicted(route.model, answered, request.id)
            return Answer(200, answered.body)
        if route.get and method in ("GET", "HEAD"):
            return route.get()
        allowed = ", ".join(route.methods)
        raise RequestError(f"This route takes {allowed}.", status=405, headers=((b"allow", allowed.encode()),))

    async def _predict(self, plane: DataPlane, read: Read, request: Request) -> Answered:
        """In the event loop when it is short, in a thread when it would keep health checks waiting."""
        body, media = request.body, request.media
        short = len(body) <= INLINE_BYTES
        answered = plane.plain_rows(body) if short and media == "json" else None
        if answered is None and short:
            call = read(plane, body, media)
            inline = call.table.rows <= plane.inline_rows
            answered = plane.answer(call) if inline else await self._in_thread(lambda: plane.answer(call))
        elif answered is None:
            answered = await self._in_thread(lambda: plane.answer(read(plane, body, media)))
        return answered

    async def _in_thread(self, work: Callable[[], Answered]) -> Answered:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _unknown(self, path: str) -> RequestError:
        models, version = [model.package.model for model in self.service.models], self.service.settings.identity.version
        if path.startswith("/v2/models/"):
            asked = path.split("/")[3]
            if asked not in models:
                return RequestError(f"No model {shown(asked)} here; this server has: {listed(models)}.", status=404)
            return RequestError(
                f"No such route; model {asked} has version {version} and takes infer and ready.", status=404
            )
        return RequestError(f"No such route; this server has: {listed(self.routes)}.", status=404)
