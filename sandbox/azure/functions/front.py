"""The data plane: a function app at its host name, with a stand-in for the Functions host.

The host of ``<app>.azurewebsites.net`` is the first segment of the path here: ``/function-apps/<host>/...``. The
stand-in does what the host does with ``enableProxyingHttpRequest``: it checks the key and hands the request on.
"""

import hmac
import time
from collections.abc import Mapping

import aiohttp
from aiohttp import web

from intermodal.sandbox.azure.functions.apps import Apps
from intermodal.sandbox.azure.functions.workers import READY_PATH, Workers
from intermodal.sandbox.faults import Kind
from intermodal.sandbox.front import Context
from intermodal.sandbox.invocations import Recorder

PATH = "/function-apps/"
KEY_HEADER = "x-functions-key"
ANONYMOUS = {READY_PATH}
"""Routes of the function ``health``; App Service's own check has no key."""
FUNCTIONS = {"/invocations": "POST", READY_PATH: "GET"}
MAX_BODY, ANSWER_SECONDS = 104_857_600, 230
FAULTS: Mapping[Kind, int] = {"refused": 401, "throttled": 429, "unavailable": 503}
DROPPED = {"host", "content-length", "connection", "transfer-encoding", KEY_HEADER}
NEVER_BACK = {"content-length", "transfer-encoding", "connection", "date", "server", "keep-alive"}


class Front:
    def __init__(self, context: Context, apps: Apps, workers: Workers) -> None:
        self._context, self._apps, self._workers = context, apps, workers
        self.requests = Recorder()

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", PATH + "{host}/{path:.*}", self._handle)]

    def fault(self, request: web.Request, kind: Kind) -> web.Response:
        """Azure Monitor counts what the app answers, also by a fault."""
        if key := self._apps.by_host(request.path.split("/")[2]):
            self.requests.add(key, FAULTS[kind], self._context.faults.delay_seconds("endpoints"))
        return web.Response(status=FAULTS[kind])

    async def _handle(self, request: web.Request) -> web.Response:
        key = self._apps.by_host(request.match_info["host"])
        if key is None:
            return web.Response(status=404, text="404 Web Site not found.")
        began = time.perf_counter()
        answer = await self._answer(request, key)
        if not (request.method == "GET" and answer.status in (200, 503)):  # a probe of health is no request of a caller
            self.requests.add(key, answer.status, time.perf_counter() - began)
        return answer

    async def _answer(self, request: web.Request, key: str) -> web.Response:
        record, path = self._apps.get(key), f"/{request.match_info['path']}"
        if record["doc"]["properties"]["state"] != "Running":
            return web.Response(status=403, text="Error 403 - This web app is stopped.")
        worker = self._workers.running.get(key)
        container = worker.container if worker else None
        if container is None or not container.alive:
            return web.Response(status=503, text="Service Unavailable")
        if FUNCTIONS.get(path) != request.method:
            return web.Response(status=404)
        given = request.headers.get(KEY_HEADER, request.query.get("code", ""))
        if path not in ANONYMOUS and not any(hmac.compare_digest(given, good) for good in record["keys"].values()):
            return web.Response(status=401)
        body = await request.read()
        if len(body) > MAX_BODY:
            return web.Response(status=413)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in DROPPED}
        limit = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with self._context.session.request(
                request.method, container.url + path, data=body, headers=headers, timeout=limit
            ) as answer:
                data, status = await answer.read(), answer.status
                back = {name: value for name, value in answer.headers.items() if name.lower() not in NEVER_BACK}
        except TimeoutError:
            return web.Response(status=504)
        except aiohttp.ClientError:
            return web.Response(status=502, text="The handler broke the connection.")
        return web.Response(status=status, body=data, headers=back)
