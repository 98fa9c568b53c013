"""Cloud Run Admin API v2: every request is routed and checked by Google's discovery document first."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp import services
from intermodal.sandbox.gcp.discovery import Document, Method
from intermodal.sandbox.gcp.errors import ApiError
from intermodal.sandbox.gcp.operations import Operations
from intermodal.sandbox.gcp.revisions import Revisions
from intermodal.sandbox.gcp.service_methods import PARENT, ServiceMethods
from intermodal.sandbox.gcp.tokens import Tokens

Json = dict[str, Any]
PREFIX = "run.projects.locations."
HARMLESS_QUERY = frozenset({"alt", "$alt", "prettyPrint", "key"})
Handler = Callable[[dict[str, str], Any, Any], Awaitable[Json]]


class RunApi:
    def __init__(self, context: Context, tokens: Tokens, operations: Operations, revisions: Revisions) -> None:
        self._tokens, self._document = tokens, Document("run.v2")
        methods = ServiceMethods(context, operations, revisions)
        self._handlers: dict[str, tuple[Handler, set[str]]] = {
            "services.create": (methods.create, {"serviceId"}),
            "services.get": (methods.get, set()),
            "services.list": (methods.list, {"pageSize", "pageToken"}),
            "services.patch": (methods.patch, {"allowMissing"}),
            "services.delete": (methods.delete, {"etag"}),
            "services.getIamPolicy": (methods.get_policy, set()),
            "services.setIamPolicy": (methods.set_policy, set()),
            "operations.get": (methods.operation, set()),
            "operations.wait": (methods.wait, set()),
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
        resource = next(iter(names.values()))
        if not f"{resource}/".startswith(f"{PARENT}/"):
            raise ApiError(
                "PERMISSION_DENIED", f"The sandbox has one location, {PARENT}; permission denied on {resource}."
            )
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
