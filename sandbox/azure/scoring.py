"""The data plane: ``POST /online-endpoints/<endpoint>/score`` with a key, by the endpoint's traffic.

Status codes are Azure ML's: 401, 404 without traffic, 408, 424 for all that a model answers but 200, 429, 502, 503.
Source: https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints (HTTP status codes)
"""

import asyncio
import hmac
import random
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp import web

from intermodal.sandbox.azure.fleet import Fleet, Server
from intermodal.sandbox.azure.measures import Measures
from intermodal.sandbox.faults import Kind
from intermodal.sandbox.front import Context

DEPLOYMENT = "azureml-model-deployment"
MODEL_STATUS = "ms-azureml-model-error-statuscode"
MODEL_REASON = "ms-azureml-model-error-reason"
PASSED_ON = ("Content-Type", "Accept", "x-request-id", "x-ms-client-request-id", "traceparent")
FAULTS: Mapping[Kind, int] = {"refused": 403, "throttled": 429, "unavailable": 503}
NEVER_BACK = {"content-length", "transfer-encoding", "connection", "date", "server", "keep-alive"}


class Scoring:
    def __init__(self, context: Context, fleet: Fleet, measures: Measures) -> None:
        self._context, self._fleet, self._measures = context, fleet, measures
        self._session = context.session
        self._endpoints = context.state.table("endpoints")
        self._dice = random.Random()

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/online-endpoints/{endpoint}/score", self._score)]

    async def _score(self, request: web.Request) -> web.Response:
        name = request.match_info["endpoint"]
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            return refuse(404, f"The endpoint '{name}' does not exist.")
        delayed, began = self._context.faults.delay_seconds("endpoints"), time.perf_counter()
        answer = await self._answer(request, name, endpoint)
        of_model = int(answer.headers.get(MODEL_STATUS, "200" if answer.status == 200 else "0"))
        deployment = answer.headers.get(DEPLOYMENT, "")
        self._measures.request(name, deployment, answer.status, of_model, delayed + time.perf_counter() - began)
        return answer

    def count_fault(self, request: web.Request, kind: Kind) -> None:
        """What an endpoint answers by a fault is measured like all else that it answers."""
        name = request.path.split("/")[2]
        if name in self._endpoints:
            delayed = self._context.faults.delay_seconds("endpoints")
            self._measures.request(name, "", FAULTS[kind], 0, delayed)

    async def _answer(self, request: web.Request, name: str, endpoint: dict[str, Any]) -> web.Response:
        if not _authorized(request, endpoint["keys"]):
            return refuse(401, "Unauthorized. The key is missing or wrong.")
        deployment = request.headers.get(DEPLOYMENT) or self._choose(endpoint["doc"]["properties"].get("traffic") or {})
        if not deployment:
            return refuse(404, "The endpoint doesn't have any valid deployment with positive weight.")
        server = self._fleet.servers.get(f"{name}/{deployment}")
        if server is None:
            return refuse(503, f"No instance of deployment '{deployment}' is ready.")
        if server.busy >= server.limit:
            return refuse(429, "Too many pending requests.")
        server.busy += 1
        try:
            return await self._pass_on(request, server, deployment)
        except TimeoutError:
            return refuse(408, f"The model did not answer within {server.timeout:g} s (request_timeout).")
        except aiohttp.ClientError as error:
            return refuse(502, f"The model's container broke the connection: {error}")
        finally:
            server.busy -= 1

    def _choose(self, traffic: dict[str, int]) -> str:
        names = [name for name, share in traffic.items() if share > 0]
        if len(names) < 2:
            return names[0] if names else ""
        return self._dice.choices(names, [traffic[name] for name in names])[0]

    async def _pass_on(self, request: web.Request, server: Server, deployment: str) -> web.Response:
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        body = await request.read()
        url = server.container.url + server.scoring
        async with asyncio.timeout(server.timeout):
            async with self._session.post(url, data=body, headers=headers) as answer:
                data = await answer.read()
        back = {name: value for name, value in answer.headers.items() if name.lower() not in NEVER_BACK}
        back[DEPLOYMENT] = deployment
        if answer.status == 200:
            return web.Response(body=data, headers=back)
        back |= {MODEL_STATUS: str(answer.status), MODEL_REASON: answer.reason or ""}
        return web.Response(status=424, body=data, headers=back)


def refuse(status: int, message: str) -> web.Response:
    headers = {"x-ms-retry-after-ms": "100"} if status in (429, 503) else {}
    return web.json_response({"statusCode": status, "message": message}, status=status, headers=headers)


def _authorized(request: web.Request, keys: dict[str, str]) -> bool:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    good = [hmac.compare_digest(key.encode(), known.encode()) for known in keys.values()]
    return scheme.lower() == "bearer" and any(good)
