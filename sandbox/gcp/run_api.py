"""Cloud Run Admin API v2: every request is routed and checked by Google's discovery document before anything happens."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp import services
from intermodal.sandbox.gcp.discovery import Document, Method
from intermodal.sandbox.gcp.errors import ApiError
from intermodal.sandbox.gcp.identity import PROJECT, REGION, base_url
from intermodal.sandbox.gcp.operations import Operations
from intermodal.sandbox.gcp.revisions import Revisions
from intermodal.sandbox.gcp.services import SERVICE_TYPE
from intermodal.sandbox.gcp.tokens import Tokens

Json = dict[str, Any]
PARENT = f"projects/{PROJECT}/locations/{REGION}"
PREFIX = "run.projects.locations."
HARMLESS_QUERY = frozenset({"alt", "$alt", "prettyPrint", "key"})
Handler = Callable[[dict[str, str], Any, Any], Awaitable[Json]]


class RunApi:
    def __init__(self, context: Context, tokens: Tokens, operations: Operations, revisions: Revisions) -> None:
        self._context, self._tokens, self._operations, self._revisions = context, tokens, operations, revisions
        self._document = Document("run.v2")
        self._records = context.state.table("services")
        self._handlers: dict[str, tuple[Handler, set[str]]] = {
            "services.create": (self._create, {"serviceId"}),
            "services.get": (self._get, set()),
            "services.list": (self._list, {"pageSize", "pageToken"}),
            "services.patch": (self._patch, {"allowMissing"}),
            "services.delete": (self._delete, {"etag"}),
            "services.getIamPolicy": (self._get_policy, set()),
            "services.setIamPolicy": (self._set_policy, set()),
            "operations.get": (self._operation, set()),
            "operations.wait": (self._wait, set()),
        }

    async def handle(self, request: web.Request) -> web.Response:
        try:
            return web.json_response(await self._answer(request))
        except ApiError as error:
            return error.answer()

    async def _answer(self, request: web.Request) -> Json:
        self._tokens.require_access(request, "run.googleapis.com")
        found = self._document.route(request.method, request.path)
        if found is None:
            raise ApiError("NOT_FOUND", f"run.v2 has no method {request.method} {request.path}.")
        method, names = found
        place = next(iter(names.values()))
        if not f"{place}/".startswith(f"{PARENT}/"):
            raise ApiError("PERMISSION_DENIED", f"The sandbox has one place, {PARENT}; permission denied on {place}.")
        handler, query = self._handlers.get(method.id.removeprefix(PREFIX), (None, set[str]()))
        self._check_query(request, method, query)
        if handler is None:
            raise ApiError("UNIMPLEMENTED", f"The sandbox does not emulate {method.id}.")
        return await handler(names, request.query, await self._body(request, method))

    def _check_query(self, request: web.Request, method: Method, emulated: set[str]) -> None:
        for name in request.query.keys() - emulated - HARMLESS_QUERY:
            if name in method.query | self._document.common_query:
                raise ApiError("UNIMPLEMENTED", f"The sandbox does not emulate {method.id} with '{name}'.")
            raise ApiError("INVALID_ARGUMENT", f'Unknown name "{name}": Cannot bind query parameter.')

    async def _body(self, request: web.Request, method: Method) -> Any:
        if not method.request:
            return None
        try:
            body = json.loads(await request.read() or b"{}")
        except ValueError as error:
            raise ApiError("INVALID_ARGUMENT", f"Invalid JSON payload received: {error}") from error
        if problems := self._document.problems(method.request, body):
            raise ApiError("INVALID_ARGUMENT", "Invalid JSON payload received. " + "; ".join(problems))
        body = self._document.without_output_only(method.request, body)
        if method.request == "GoogleCloudRunV2Service":
            services.check(body)
        return body

    def _record(self, name: str) -> Json:
        if name not in self._records:
            raise ApiError(
                "NOT_FOUND", f"Resource '{name.rsplit('/', 1)[1]}' of kind 'SERVICE' in {PARENT} does not exist."
            )
        record: Json = self._records[name]
        return record

    async def _create(self, names: dict[str, str], query: Any, body: Json) -> Json:
        service_id = query.get("serviceId", "")
        services.check_id(service_id)
        name = f"{names['parent']}/services/{service_id}"
        if name in self._records:
            raise ApiError("ALREADY_EXISTS", f"Resource '{service_id}' already exists.")
        uri = f"{base_url(self._context.settings)}/run/{service_id}"
        self._records[name] = {"service": services.created(name, uri, body), "policy": {"version": 1, "etag": "ACAB"}}
        return self._begin(name)

    async def _patch(self, names: dict[str, str], query: Any, body: Json) -> Json:
        name = names["name"]
        if name not in self._records and query.get("allowMissing") == "true":
            return await self._create({"parent": PARENT}, {"serviceId": name.rsplit("/", 1)[1]}, body)
        record = self._record(name)
        old = record["service"]
        self._check_etag(old, body.get("etag"))
        record["service"] = services.changed(old, body)
        if record["service"]["latestCreatedRevision"] != old["latestCreatedRevision"] or old["reconciling"]:
            return self._begin(name, start=record["service"]["latestCreatedRevision"] != old["latestCreatedRevision"])
        settled = {"reconciling": False, "terminalCondition": old["terminalCondition"]}
        record["service"] |= settled | {"observedGeneration": record["service"]["generation"]}
        operation = self._operations.begin(record["service"])
        self._operations.finish(name, record["service"])
        self._context.state.save()
        return operation

    def _begin(self, name: str, *, start: bool = True) -> Json:
        operation = self._operations.begin(self._records[name]["service"])
        self._context.state.save()
        if start:
            self._context.spawn(self._revisions.roll_out(name))
        return operation

    async def _get(self, names: dict[str, str], _query: Any, _body: None) -> Json:
        return dict(self._record(names["name"])["service"])

    async def _list(self, _names: dict[str, str], query: Any, _body: None) -> Json:
        try:
            size, start = int(query.get("pageSize") or 100), int(query.get("pageToken") or 0)
        except ValueError as error:
            raise ApiError("INVALID_ARGUMENT", f"pageSize and pageToken: {error}") from error
        names = sorted(self._records)
        page = [self._records[name]["service"] for name in names[start : start + size]]
        return {"services": page} | ({"nextPageToken": str(start + size)} if start + size < len(names) else {})

    async def _delete(self, names: dict[str, str], query: Any, _body: None) -> Json:
        name = names["name"]
        record = self._record(name)
        self._check_etag(record["service"], query.get("etag"))
        del self._records[name]
        operation = self._operations.begin(record["service"] | {"deleteTime": services.now()})
        self._context.spawn(self._finish_delete(name, record, operation))
        self._context.state.save()
        return dict(operation)

    async def _finish_delete(self, name: str, record: Json, operation: Json) -> None:
        await self._revisions.remove(name, record.get("serving"))
        operation |= {"done": True, "response": {"@type": SERVICE_TYPE, **record["service"]}}
        self._context.state.save()

    async def _get_policy(self, names: dict[str, str], _query: Any, _body: None) -> Json:
        return dict(self._record(names["resource"])["policy"])

    async def _set_policy(self, names: dict[str, str], _query: Any, body: Json) -> Json:
        record = self._record(names["resource"])
        record["policy"] = {
            "version": 1,
            "etag": services.etag().strip('"'),
            "bindings": body["policy"].get("bindings", []),
        }
        self._context.state.save()
        return dict(record["policy"])

    async def _operation(self, names: dict[str, str], _query: Any, _body: None) -> Json:
        return self._operations.get(names["name"])

    async def _wait(self, names: dict[str, str], _query: Any, body: Json) -> Json:
        try:
            seconds = float(str(body.get("timeout", "60s")).removesuffix("s"))
        except ValueError as error:
            raise ApiError("INVALID_ARGUMENT", f"timeout: {error}") from error
        return await self._operations.wait(names["name"], min(seconds, 600))

    @staticmethod
    def _check_etag(service: Json, etag: str | None) -> None:
        if etag and etag != service["etag"]:
            raise ApiError("ABORTED", f"Conflict for resource '{service['name']}': the etag is not the current one.")
