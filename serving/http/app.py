"""The ASGI application. It uses no framework: at thousands of requests a second every layer costs throughput."""

import logging
import os
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from uuid import uuid4

from intermodal.serving.errors import RequestError, describe, join_names
from intermodal.serving.http.routes import BodyReader, Route, build_routes
from intermodal.serving.http.wire import (
    ClientGone,
    HeadReader,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    error_response,
    json_response,
    read_body,
)
from intermodal.serving.joined import Calls
from intermodal.serving.prediction import Prediction
from intermodal.serving.service import Model, Service

INLINE_BYTES = 32_768
"""The largest body that is parsed in the event loop (under a millisecond). Larger ones go to a thread."""

CLIENT_GONE = 499
"""nginx's status code for a client that left; it appears in metrics only."""

THREAD_PREFIX = "predict"
MAX_THREADS = 4

logger = logging.getLogger(__name__)


class App:
    """Answers every request with 2xx or 4xx (503 before the model is ready), errors in V2's form.

    ``response_headers`` are part of every response. ``head_reader`` is shared with the fast path.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.routes = build_routes(service)
        settings = service.settings
        self.head_reader = HeadReader(settings.max_body_bytes, settings.request_id_headers)
        workers = min(MAX_THREADS, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix=THREAD_PREFIX)
        self._calls = {model.package.model: Calls(self._pool, model.counts) for model in service.models}
        identity = settings.identity
        headers = ((b"x-intermodal-version", identity.version), (b"x-intermodal-cloud", identity.cloud))
        self.response_headers = [(name, value.encode()) for name, value in headers if value]

    def close(self, seconds: float) -> bool:
        """Wait at most so long for running predictions. Returns whether all of them ended."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        running = [thread for thread in threading.enumerate() if thread.name.startswith(THREAD_PREFIX)]
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
            response = await self._respond(route, label, scope, receive)
            status = response.status if response else CLIENT_GONE
            if response:
                await self._send(response, scope, send)
        finally:
            counts.in_flight -= 1
        counts.answered(label, status, perf_counter() - started)

    async def _respond(self, route: Route | None, label: str, scope: Scope, receive: Receive) -> Response | None:
        """The response to any request, errors included; None when the client is gone."""
        try:
            return await self._dispatch(route, scope, receive)
        except RequestError as error:
            return error_response(error)
        except ClientGone:
            return None
        except Exception as error:  # noqa: BLE001 every failure of the server is a 500 and a line of its log
            logger.error("%s %s failed: %s", scope["method"], label, self._described(error))
            return json_response({"error": "The server failed; its log says why."}, 500)

    def _described(self, error: Exception) -> str:
        """An error with its traceback. Its text may quote values, so it is left out where columns are sensitive."""
        service = self.service
        if service.settings.sensitive or any(model.package.sensitive for model in service.models):
            return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"
        return "".join(traceback.format_exception(error))

    async def _send(self, response: Response, scope: Scope, send: Send) -> None:
        headers = [
            (b"content-type", response.content_type),
            (b"content-length", b"%d" % len(response.body)),
            *self.response_headers,
            *response.headers,
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else response.body})

    async def _dispatch(self, route: Route | None, scope: Scope, receive: Receive) -> Response:
        if route is None:
            raise self._not_found(scope["path"])
        method = scope["method"]
        if route.read and route.model and method == "POST":
            if route.model.plane is None:
                raise RequestError("The model is still loading.", status=503, headers=((b"retry-after", b"1"),))
            request = await read_body(scope, receive, self.head_reader)
            try:
                prediction = await self._predict(route.model, route.read, request)
            except RequestError as error:
                raise self._for_caller(error, route.model, request.id) from error
            self.service.record(route.model, prediction, request.id)
            return Response(200, prediction.body)
        if route.get and method in ("GET", "HEAD"):
            answer = route.get()
            return answer if isinstance(answer, Response) else await answer
        allowed = ", ".join(route.methods)
        raise RequestError(f"This route takes {allowed}.", status=405, headers=((b"allow", allowed.encode()),))

    def _for_caller(self, error: RequestError, model: Model, request_id: str) -> RequestError:
        """The error as the caller sees it. The full text of a short one is logged, unless columns are sensitive."""
        if not self.service.settings.short_errors:
            return error
        request_id = request_id or uuid4().hex
        if model.plane and not model.plane.hidden:
            logger.warning("request %r was refused with %d: %s", request_id, error.status, error.message)
        message = f"The request is not valid. Request id: {request_id}"
        return RequestError(message, status=error.status, headers=error.headers)

    async def _predict(self, model: Model, read: BodyReader, request: Request) -> Prediction:
        """Predict in the event loop when that is short, else in a thread, so that health checks do not wait."""
        body, media, calls, plane = request.body, request.media, self._calls[model.package.model], model.plane
        assert plane is not None
        if len(body) > INLINE_BYTES:
            return await calls.alone(lambda: plane.answer(read(plane, body, media)))
        if media == "json" and (prediction := plane.plain_rows(body)):
            return prediction
        parsed = read(plane, body, media)
        if parsed.table.rows <= plane.inline_rows:
            return plane.answer(parsed)
        return await calls.answer(plane, parsed)

    def _not_found(self, path: str) -> RequestError:
        models, version = [model.package.model for model in self.service.models], self.service.settings.identity.version
        if not path.startswith("/v2/models/"):
            return RequestError(f"No such route; this server has: {join_names(self.routes)}.", status=404)
        model = path.split("/")[3]
        if model not in models:
            return RequestError(f"No model {describe(model)} here; this server has: {join_names(models)}.", status=404)
        return RequestError(
            f"No such route; model {model} has version {version} and takes infer and ready.", status=404
        )
