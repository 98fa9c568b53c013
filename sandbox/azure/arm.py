"""Conventions of Azure Resource Manager: addresses, errors, bearer tokens, long-running operations."""

import json
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from intermodal.sandbox.azure.contract import problems
from intermodal.sandbox.azure.identity import GROUP, REGION, SUBSCRIPTION, WORKSPACE
from intermodal.sandbox.azure.login import Login
from intermodal.sandbox.state import State

PROVIDER = "Microsoft.MachineLearningServices"
ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/{PROVIDER}/workspaces/{WORKSPACE}"
"""The one workspace; a request for another gets 404."""
OPERATIONS = f"/subscriptions/{SUBSCRIPTION}/providers/{PROVIDER}/locations/{REGION}/mfeOperationsStatus"
REMEMBERED = 200
RETRY_MS = "100"
Handler = Callable[[web.Request], Awaitable[web.Response]]


class ArmError(Exception):
    """An answer in Resource Manager's error form."""

    def __init__(self, status: int, code: str, message: str, details: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, list(details)

    def response(self) -> web.Response:
        details = [{"code": self.code, "message": text} for text in self.details]
        error = {"code": self.code, "message": self.message, "details": details}
        headers = {"x-ms-retry-after-ms": RETRY_MS} if self.status in (429, 503) else {}
        return web.json_response({"error": error}, status=self.status, headers=headers)


def not_found(path: str) -> ArmError:
    return ArmError(404, "ResourceNotFound", f"The Resource '{path}' was not found.")


def guarded(login: Login, handler: Handler) -> Handler:
    """Check token and API version before the handler; turn ArmError into an answer."""

    async def guard(request: web.Request) -> web.Response:
        try:
            if not login.valid(request):
                raise ArmError(401, "InvalidAuthenticationToken", "The access token is missing, invalid or expired.")
            if "api-version" not in request.query:
                raise ArmError(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
            return await handler(request)
        except ArmError as error:
            return error.response()

    return guard


async def body_of(request: web.Request, model: str) -> dict[str, Any]:
    """The body, checked against the SDK's model; ArmError 400 that lists everything wrong with it."""
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise ArmError(400, "InvalidRequestContent", f"The request content is not valid JSON: {error}") from error
    if wrong := problems(model, body):
        raise ArmError(400, "ValidationError", "; ".join(wrong), wrong)
    return dict(body)


class Operations:
    """Long-running operations: the state of each is at its Azure-AsyncOperation address."""

    def __init__(self, state: State) -> None:
        self._state = state

    def begin(self) -> str:
        """A new operation in progress; the oldest are forgotten."""
        table, name = self._state.table("operations"), uuid.uuid4().hex
        for old in list(table)[: max(0, len(table) - REMEMBERED)]:
            del table[old]
        table[name] = {"status": "InProgress"}
        return name

    def end(self, name: str, error: str = "") -> None:
        ended: dict[str, Any] = {"status": "Failed" if error else "Succeeded"}
        if error:
            ended["error"] = {"code": "DeploymentFailed", "message": error, "details": []}
        self._state.table("operations")[name] = ended
        self._state.save()

    def headers(self, request: web.Request, name: str) -> dict[str, str]:
        """Where a client may watch the operation, and how often."""
        address = f"{request.scheme}://{request.host}{OPERATIONS}/{name}?api-version={request.query['api-version']}"
        return {"Azure-AsyncOperation": address, "Location": address, "x-ms-retry-after-ms": RETRY_MS}

    async def get(self, request: web.Request) -> web.Response:
        name = request.match_info["operation"]
        found = self._state.table("operations").get(name)
        if found is None:
            raise not_found(request.path)
        return web.json_response({"name": name, **found}, headers={"x-ms-retry-after-ms": RETRY_MS})
