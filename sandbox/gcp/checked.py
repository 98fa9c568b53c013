"""An API that Google's discovery document routes and checks: what is not in it is refused before a handler sees it."""

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any

from aiohttp import web

from intermodal.sandbox.gcp.discovery import Document, Method
from intermodal.sandbox.gcp.errors import ApiError
from intermodal.sandbox.gcp.identity import PROJECT, REGION
from intermodal.sandbox.gcp.tokens import Tokens

Json = dict[str, Any]
PARENT = f"projects/{PROJECT}/locations/{REGION}"
HARMLESS_QUERY = frozenset({"alt", "$alt", "prettyPrint", "key"})
Handler = Callable[[dict[str, str], Any, Any], Awaitable[Json]]
"""(names in the path, query, body) → answer."""
Handlers = dict[str, tuple[Handler, set[str]]]
"""By the method's id below the prefix, each with the query parameters that it emulates."""


class CheckedApi:
    """``prefix`` begins the ids of the methods in ``handlers``. ``rules`` are those of the documentation that are not
    in the schema, by the schema of the request.
    """

    def __init__(
        self,
        api: str,
        host: str,
        prefix: str,
        tokens: Tokens,
        handlers: Handlers,
        rules: Mapping[str, Callable[[Json], None]],
    ) -> None:
        self._api, self._host, self._prefix = api, host, prefix
        self._tokens, self._handlers, self._rules = tokens, handlers, rules

    @cached_property
    def _document(self) -> Document:
        """Read by the first request: a large one takes a while."""
        return Document(self._api)

    async def handle(self, request: web.Request) -> web.Response:
        try:
            return web.json_response(await self._answer(request))
        except ApiError as error:
            return error.answer()

    async def _answer(self, request: web.Request) -> Json:
        self._tokens.require_access(request, self._host)
        found = self._document.route(request.method, request.path)
        if found is None:
            raise ApiError("NOT_FOUND", f"{self._api} has no method {request.method} {request.path}.")
        method, names = found
        resource = next(iter(names.values()))
        if not f"{resource}/".startswith(f"{PARENT}/"):
            raise ApiError(
                "PERMISSION_DENIED", f"The sandbox has one location, {PARENT}; permission denied on {resource}."
            )
        handler, query = self._handlers.get(method.id.removeprefix(self._prefix), (None, set[str]()))
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
        if rule := self._rules.get(method.request):
            rule(body)
        return body
