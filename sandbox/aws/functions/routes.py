"""Which of Lambda's operations a request is, and its parameters, by the service model that botocore ships."""

import json
import re
from functools import cache
from typing import Any

from aiohttp import web
from botocore.model import OperationModel

from intermodal.sandbox.aws import contract
from intermodal.sandbox.aws.errors import AwsError

SERVICE = "lambda"


@cache
def _routes() -> list[tuple[str, re.Pattern[str], str]]:
    found = []
    for name in contract.model(SERVICE).operation_names:
        http = contract.operation(name, SERVICE).http
        path = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(http["requestUri"].partition("?")[0]))
        found.append((http["method"], re.compile(f"{path}/?"), name))
    return found


def matched(request: web.Request) -> tuple[str, dict[str, Any]]:
    """The operation and what its path says. Raises UnknownOperationException."""
    for method, pattern, name in _routes():
        if request.method == method and (found := pattern.fullmatch(request.path)):
            return name, found.groupdict()
    raise AwsError("UnknownOperationException", f"Lambda does not offer {request.method} {request.path}", 404)


def parameters(name: str, path: dict[str, Any], request: web.Request, body: bytes) -> dict[str, Any]:
    """Everything that the request says, checked. ``Payload`` is left out."""
    operation = contract.operation(name, SERVICE)
    own = {} if _has_payload(operation) else contract.parse(body)
    for member, shape in operation.input_shape.members.items():
        wire = shape.serialization.get("name", member)
        if shape.serialization.get("location") != "querystring" or wire not in request.query:
            continue
        own[member] = request.query.getall(wire) if shape.type_name == "list" else request.query[wire]
        if shape.type_name == "integer":
            own[member] = int(request.query[wire])
    own |= path
    try:
        contract.check(name, own, SERVICE)
    except AwsError as error:
        raise AwsError("InvalidParameterValueException", error.message) from error
    return own


def _has_payload(operation: OperationModel) -> bool:
    return "payload" in operation.input_shape.serialization


def answer(status: int, document: dict[str, Any] | None) -> web.Response:
    if document is None:
        return web.Response(status=status)
    return web.Response(status=status, text=json.dumps(document), content_type="application/json")
