"""Microsoft.Web of the management API, as azure-mgmt-web calls it for function apps and their slots."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from intermodal.sandbox.azure.arm import ArmError, Operations, not_found
from intermodal.sandbox.azure.functions.apps import Apps, Json, plan_document
from intermodal.sandbox.azure.functions.contract import problems
from intermodal.sandbox.azure.functions.workers import Workers
from intermodal.sandbox.azure.identity import FUNCTIONS_PLAN
from intermodal.sandbox.front import Context

API_VERSION = "2025-05-01"
PAGE = 50
SWAP_SECONDS = 0.2
Handler = Callable[[web.Request], Awaitable[web.Response]]


class Api:
    def __init__(self, context: Context, apps: Apps, workers: Workers, operations: Operations) -> None:
        self._context, self._apps, self._workers, self._operations = context, apps, workers, operations

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Below Microsoft.Web. Each call on an app is there for its slots too."""
        of_app: list[tuple[str, str, Handler]] = [
            ("GET", "", self._get),
            ("PUT", "", self._put),
            ("DELETE", "", self._delete),
            ("POST", "/config/appsettings/list", self._settings),
            ("POST", "/host/default/listkeys", self._keys),
            ("PUT", "/host/default/{kind}/{key}", self._put_key),
            ("POST", "/containerlogs", self._logs),
            ("POST", "/start", self._start),
            ("POST", "/stop", self._stop),
        ]
        named, slot = "/sites/{app}", "/sites/{app}/slots/{slot}"
        found = [(verb, prefix + path, _versioned(call)) for verb, path, call in of_app for prefix in (named, slot)]
        return [
            ("GET", "/serverfarms/{plan}", _versioned(self._plan)),
            ("GET", "/sites", _versioned(self._list)),
            ("GET", f"{named}/slots", _versioned(self._slots)),
            ("POST", f"{named}/slotsswap", _versioned(self._swap)),
            *found,
        ]

    async def _plan(self, request: web.Request) -> web.Response:
        if request.match_info["plan"] != FUNCTIONS_PLAN:
            raise not_found(request.path)
        return _answer("AppServicePlan", plan_document())

    async def _list(self, request: web.Request) -> web.Response:
        names = sorted(key for key in self._apps.table if "/" not in key)
        start = int(request.query.get("$skip", 0))
        page: Json = {"value": [self._apps.table[name]["doc"] for name in names[start : start + PAGE]]}
        if start + PAGE < len(names):
            page["nextLink"] = str(request.url.update_query({"$skip": str(start + PAGE)}))
        return web.json_response(page)

    async def _slots(self, request: web.Request) -> web.Response:
        self._apps.get(request.match_info["app"])
        found = self._apps.slots(request.match_info["app"])
        return web.json_response({"value": [self._apps.table[key]["doc"] for key in found]})

    async def _get(self, request: web.Request) -> web.Response:
        return _answer("Site", self._apps.get(_key(request))["doc"])

    async def _put(self, request: web.Request) -> web.Response:
        key, body = _key(request), await _body(request, "Site")
        if "/" in key:
            self._apps.get(request.match_info["app"])
        self._require_idle(key)
        self._apps.check(key, body)
        if self._apps.write(key, body):
            self._workers.begin(key)
        return _answer("Site", self._apps.get(key)["doc"])

    async def _delete(self, request: web.Request) -> web.Response:
        key = _key(request)
        self._apps.get(key)
        self._require_idle(key)
        for each in (key, *(self._apps.slots(key) if "/" not in key else ())):
            await self._workers.end(each)
            self._apps.table.pop(each, None)
        self._context.state.save()
        return web.Response(status=200)

    async def _settings(self, request: web.Request) -> web.Response:
        return _answer("StringDictionary", {"properties": self._apps.get(_key(request))["content"]["settings"]})

    async def _keys(self, request: web.Request) -> web.Response:
        keys = self._apps.get(_key(request))["keys"]
        return _answer("HostKeys", {"masterKey": "", "functionKeys": dict(keys), "systemKeys": {}})

    async def _put_key(self, request: web.Request) -> web.Response:
        body = await _body(request, "KeyInfo")
        if request.match_info["kind"].lower() != "functionkeys":
            raise ArmError(501, "NotImplemented", "The sandbox emulates the keys of functions.")
        self._apps.get(_key(request))["keys"][request.match_info["key"]] = body["value"]
        self._context.state.save()
        return web.json_response(body)

    async def _logs(self, request: web.Request) -> web.Response:
        key = _key(request)
        self._apps.get(key)
        worker = self._workers.running.get(key)
        if worker is None or not worker.log:
            return web.Response(status=204)
        return web.Response(body="\n".join(worker.log).encode(), content_type="application/octet-stream")

    async def _start(self, request: web.Request) -> web.Response:
        key = _key(request)
        self._apps.get(key)["doc"]["properties"]["state"] = "Running"
        self._workers.begin(key)
        return web.Response(status=200)

    async def _stop(self, request: web.Request) -> web.Response:
        key = _key(request)
        self._apps.get(key)["doc"]["properties"]["state"] = "Stopped"
        await self._workers.end(key)
        return web.Response(status=200)

    async def _swap(self, request: web.Request) -> web.Response:
        body = await _body(request, "CsmSlotEntity")
        app = request.match_info["app"]
        other = f"{app}/{body['targetSlot']}"
        for key in (app, other):
            self._apps.get(key)
            self._require_idle(key)
        for key in (app, other):
            self._apps.table[key]["busy"] = True
        operation = self._operations.begin()
        self._context.spawn(self._exchange(app, other, operation))
        headers = self._operations.headers(request, operation)
        return web.Response(status=202, headers={"Location": headers["Location"], "Retry-After": "1"})

    async def _exchange(self, app: str, other: str, operation: str) -> None:
        """Contents and containers are exchanged. Names, tags, keys and hosts stay."""
        await asyncio.sleep(SWAP_SECONDS)
        first, second = self._apps.table[app], self._apps.table[other]
        first["content"], second["content"] = second["content"], first["content"]
        self._workers.swap(app, other)
        first["busy"] = second["busy"] = False
        self._operations.end(operation)

    def _require_idle(self, key: str) -> None:
        if self._apps.table.get(key, {}).get("busy"):
            raise ArmError(409, "Conflict", f"Cannot modify this site because another operation is in progress: {key}.")


def _key(request: web.Request) -> str:
    app, slot = request.match_info["app"], request.match_info.get("slot", "")
    return f"{app}/{slot}" if slot else app


def _versioned(handler: Handler) -> Handler:
    async def versioned(request: web.Request) -> web.Response:
        if request.query["api-version"] != API_VERSION:
            raise ArmError(501, "NotImplemented", f"The sandbox emulates api-version {API_VERSION} of Microsoft.Web.")
        return await handler(request)

    return versioned


async def _body(request: web.Request, model: str) -> Json:
    """The body, checked against the SDK's model; ArmError 400 that lists everything wrong with it."""
    try:
        body: Any = json.loads(await request.read())
    except ValueError as error:
        raise ArmError(400, "InvalidRequestContent", f"The request content is not valid JSON: {error}") from error
    if wrong := problems(model, body):
        raise ArmError(400, "BadRequest", "; ".join(wrong), wrong)
    return dict(body)


def _answer(model: str, body: Json) -> web.Response:
    if wrong := problems(model, body):
        raise AssertionError(f"the sandbox answers what Azure would not: {wrong}")
    return web.json_response(body)
