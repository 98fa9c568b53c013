"""Requests to services: the ID token is checked as Cloud Run does, then the body goes to the container.

This path is hot, so a body is read once and written once, and nothing is parsed.
"""

import time

import aiohttp
from aiohttp import web
from yarl import URL

from intermodal.sandbox.containers import Container
from intermodal.sandbox.faults import Kind
from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp.checked import PARENT
from intermodal.sandbox.gcp.errors import page
from intermodal.sandbox.gcp.identity import EMAIL, base_url
from intermodal.sandbox.gcp.run_metrics import RunMetrics
from intermodal.sandbox.gcp.tokens import Tokens
from intermodal.sandbox.proxy import HOP_BY_HOP

PATH = "/run/"
MAX_BODY = 32 << 20
"""HTTP/1 requests: https://cloud.google.com/run/quotas"""
_DROPPED = HOP_BY_HOP | {"host", "content-length", "authorization"}


class Invocations:
    def __init__(self, context: Context, tokens: Tokens, live: dict[str, Container], metrics: RunMetrics) -> None:
        self._context, self._tokens, self._live, self._metrics = context, tokens, live, metrics
        self._records = context.state.table("services")
        self._base = base_url(context.settings)

    async def handle(self, request: web.Request) -> web.Response:
        path, mark, query = request.raw_path.removeprefix(PATH).partition("?")
        service, _, below = path.partition("/")
        name = f"{PARENT}/services/{service}"
        if name not in self._records:
            return page(404, "Page not found")
        if not self._allowed(request, name, service):
            code = 403 if "Authorization" not in request.headers else 401
            title = "Forbidden" if code == 403 else "Unauthorized"
            return page(code, title)
        if (request.content_length or 0) > MAX_BODY:
            return page(413, "Request Entity Too Large")
        container = self._live.get(name)
        if container is None:
            return page(503, "Service Unavailable")
        delayed, began = self._context.faults.delay_seconds("endpoints"), time.perf_counter()
        answer = await self._call(request, f"{container.url}/{below}{mark}{query}")
        self._metrics.request(name, answer.status, delayed + time.perf_counter() - began)
        return answer

    def count_fault(self, request: web.Request, kind: Kind) -> None:
        """A service that fails is measured as its container failing; what is refused or throttled reaches none."""
        name = f"{PARENT}/services/{request.path.removeprefix(PATH).partition('/')[0]}"
        if kind == "unavailable" and name in self._records:
            self._metrics.request(name, 503, self._context.faults.delay_seconds("endpoints"))

    def _allowed(self, request: web.Request, name: str, service: str) -> bool:
        """allUsers may come without a token; the sandbox's account owns the project and may always invoke."""
        record = self._records[name]
        if record["service"].get("invokerIamDisabled"):
            return True
        bindings = record["policy"].get("bindings", [])
        if any(b.get("role") == "roles/run.invoker" and "allUsers" in b.get("members", []) for b in bindings):
            return True
        return self._tokens.caller(request, f"{self._base}{PATH}{service}") == EMAIL

    async def _call(self, request: web.Request, url: str) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _DROPPED}
        body = await request.read() if request.body_exists else None
        try:
            async with self._context.session.request(
                request.method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
            ) as answer:
                kept = [(k, v) for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP | {"content-length"}]
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        except (TimeoutError, aiohttp.ClientError):
            return page(503, "Service Unavailable")
