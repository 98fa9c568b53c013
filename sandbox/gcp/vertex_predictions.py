"""Requests to dedicated endpoints: ``/<dedicated domain>/v1/<endpoint>:rawPredict``, where Google has the host.

The body goes to the predict route of a deployed model, which is drawn by the traffic split. An error of the container
keeps its status and its body.
"""

import random
import re
import time
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from intermodal.sandbox.faults import Kind
from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp.checked import PARENT
from intermodal.sandbox.gcp.errors import ApiError, api_error
from intermodal.sandbox.gcp.tokens import Tokens
from intermodal.sandbox.gcp.vertex_deployments import Deployments, predict_route
from intermodal.sandbox.gcp.vertex_documents import DOMAIN
from intermodal.sandbox.gcp.vertex_metrics import VertexMetrics
from intermodal.sandbox.proxy import HOP_BY_HOP

PATH = "/{dns:[a-z0-9.-]+" + re.escape(DOMAIN) + "}/v1/{rest:.*}"
ENDPOINT = re.compile(rf"/([a-z0-9.-]+{re.escape(DOMAIN)})/v1/({PARENT}/endpoints/[a-z0-9-]+)(:.*)?")
MAX_BODY = 10_000_000
"""https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type"""
_DROPPED = HOP_BY_HOP | {"host", "content-length", "authorization"}


class Predictions:
    def __init__(self, context: Context, tokens: Tokens, deployments: Deployments, metrics: VertexMetrics) -> None:
        self._context, self._tokens, self._deployments, self._metrics = context, tokens, deployments, metrics
        self._endpoints, self._models = context.state.table("vertex_endpoints"), context.state.table("vertex_models")
        self._dice = random.Random()

    async def handle(self, request: web.Request) -> web.Response:
        try:
            return await self._answer(request)
        except ApiError as error:
            return error.answer()

    async def _answer(self, request: web.Request) -> web.Response:
        self._tokens.require_access(request, "aiplatform.googleapis.com")
        match = ENDPOINT.fullmatch(request.path)
        record = self._endpoints.get(match[2]) if match else None
        if match is None or record is None or record["endpoint"]["dedicatedEndpointDns"] != match[1]:
            raise ApiError("NOT_FOUND", f"The Endpoint {match[2] if match else request.path} is not found.")
        if request.method != "POST" or match[3] != ":rawPredict":
            raise ApiError("UNIMPLEMENTED", f"The sandbox does not emulate {request.method} '{match[3]}'.")
        body = await request.read()
        if len(body) > MAX_BODY:
            raise ApiError("INVALID_ARGUMENT", f"Request payload size exceeds the limit: {MAX_BODY} bytes.")
        deployed = self._drawn(record["endpoint"])
        container = self._deployments.live.get((match[2], deployed["id"]))
        if container is None:
            raise ApiError("UNAVAILABLE", "No replica of the deployed model is available.")
        spec = self._models[deployed["model"].partition("@")[0]]["model"]["containerSpec"]
        route = predict_route(spec, match[2].rsplit("/", 1)[1], deployed["id"])
        delayed, began = self._context.faults.delay_seconds("endpoints"), time.perf_counter()
        answer = await self._call(request, body, container.url + route)
        self._metrics.request(match[2], deployed["id"], answer.status, delayed + time.perf_counter() - began)
        answer.headers["X-Vertex-AI-Endpoint-Id"] = match[2].rsplit("/", 1)[1]
        answer.headers["X-Vertex-AI-Deployed-Model-Id"] = deployed["id"]
        return answer

    def count_fault(self, request: web.Request, kind: Kind) -> None:
        """An endpoint that fails is measured as its container failing; what is refused or throttled reaches none."""
        match = ENDPOINT.fullmatch(request.path)
        record = self._endpoints.get(match[2]) if match else None
        if kind == "unavailable" and match and record and record["endpoint"].get("trafficSplit"):
            deployed = self._drawn(record["endpoint"])
            self._metrics.request(match[2], deployed["id"], 503, self._context.faults.delay_seconds("endpoints"))

    def _drawn(self, endpoint: dict[str, Any]) -> dict[str, Any]:
        deployed: list[dict[str, Any]] = endpoint.get("deployedModels", [])
        shares = [int(endpoint.get("trafficSplit", {}).get(each["id"], 0)) for each in deployed]
        if not any(shares):
            raise ApiError("FAILED_PRECONDITION", f"{endpoint['name']} has no deployed model with traffic.")
        return self._dice.choices(deployed, shares)[0]

    async def _call(self, request: web.Request, body: bytes, url: str) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _DROPPED}
        try:
            async with self._context.session.post(
                URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
            ) as answer:
                kept = [(k, v) for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP | {"content-length"}]
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        except (TimeoutError, aiohttp.ClientError):
            return api_error("UNAVAILABLE", "The deployed model does not answer.")
