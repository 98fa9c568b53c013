"""Errors as the API server writes them: a Status object with reason, code and causes.

Source: https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go
"""

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from intermodal.sandbox.faults import Kind
from intermodal.sandbox.kubernetes.resources import Resource


@dataclass(frozen=True)
class Cause:
    """One field at fault. ``reason`` is FieldValueInvalid, FieldValueRequired, FieldManagerConflict and so on."""

    reason: str
    message: str
    field: str = ""

    def document(self) -> dict[str, str]:
        return {"reason": self.reason, "message": self.message, "field": self.field}


@dataclass
class ApiError(Exception):
    """Answered as a Status. ``retry_after`` is in whole seconds."""

    code: int
    reason: str
    message: str
    details: dict[str, Any] = field(default_factory=dict)
    retry_after: int | None = None

    def __str__(self) -> str:
        return self.message

    def status(self) -> dict[str, Any]:
        details = dict(self.details)
        if self.retry_after is not None:
            details["retryAfterSeconds"] = self.retry_after
        document: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        document |= {"message": self.message, "reason": self.reason, "code": self.code}
        if not self.reason:
            del document["reason"]
        return document | ({"details": details} if details else {})

    def answer(self) -> web.Response:
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        text = json.dumps(self.status())
        return web.Response(status=self.code, text=text, content_type="application/json", headers=headers)


def _details(resource: Resource, name: str) -> dict[str, Any]:
    return {"name": name, "group": resource.group, "kind": resource.plural} if resource.group else {
        "name": name, "kind": resource.plural}  # fmt: skip


def not_found(resource: Resource, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{resource.qualified} "{name}" not found', _details(resource, name))


def already_exists(resource: Resource, name: str) -> ApiError:
    return ApiError(409, "AlreadyExists", f'{resource.qualified} "{name}" already exists', _details(resource, name))


def conflict(resource: Resource, name: str, why: str = "") -> ApiError:
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(resource, name))


def invalid(resource: Resource, name: str, causes: list[Cause]) -> ApiError:
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    texts = [f"{cause.field}: {cause.message}" for cause in causes]
    listed = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    details = _details(resource, name) | {"kind": resource.kind, "causes": [cause.document() for cause in causes]}
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {listed}', details)


def forbidden(resource: Resource, name: str, why: str) -> ApiError:
    quoted = f' "{name}"' if name else ""
    details = {key: value for key, value in _details(resource, name).items() if value}
    return ApiError(403, "Forbidden", f"{resource.qualified}{quoted} is forbidden: {why}", details)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def expired(message: str) -> ApiError:
    return ApiError(410, "Expired", message)


def not_emulated(what: str) -> ApiError:
    return ApiError(501, "NotImplemented", f"The sandbox does not emulate {what}.")


def path_not_found() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def method_not_allowed() -> ApiError:
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def fault(kind: Kind) -> ApiError:
    """What a client gets when the sandbox's faults strike."""
    if kind == "refused":
        return ApiError(403, "Forbidden", "forbidden (sandbox fault)")
    if kind == "throttled":
        return ApiError(429, "TooManyRequests", "too many requests, please try again later (sandbox fault)", {}, 1)
    return ApiError(500, "InternalError", "Internal error occurred: sandbox fault")
