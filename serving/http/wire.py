"""HTTP as far as the server needs it: reading a body within limits, writing an answer."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple

import msgspec

from intermodal.serving.dataplane import Media
from intermodal.serving.errors import RequestError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

JSON = b"application/json"
MAX_ID = 200
"""Bytes of a request's id; a longer one is none."""


GATEWAY_ID, SAGEMAKER_ID = b"x-request-id", b"x-amzn-sagemaker-custom-attributes"
"""Where the gateway writes a request's id. SageMaker passes no other header on to a container:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html"""


class Request(NamedTuple):
    """The body and its kind, and the id that the gateway gave the request ('' for none)."""

    body: bytes
    media: Media
    id: str


class Answer(NamedTuple):
    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = ()


class ClientGone(Exception):
    """The client left before its request was whole; nobody waits for an answer."""


def json_answer(data: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(data))


def refusal(error: RequestError) -> Answer:
    """The error form of the Open Inference Protocol."""
    return Answer(error.status, msgspec.json.encode({"error": error.message}), JSON, error.headers)


def _media(content_type: bytes) -> Media:
    """Which kind of body this is. Absent and octet-stream are JSON: boto3 sends the latter when not told otherwise."""
    kind, _, parameters = content_type.decode("latin-1").lower().partition(";")
    kind = kind.strip()
    charset = parameters.partition("charset=")[2].split(";")[0].strip(" \"'")
    if charset in ("", "utf-8", "utf8", "us-ascii"):
        if kind in ("", "application/json", "application/octet-stream") or kind.endswith("+json"):
            return "json"
        if kind == "text/csv":
            return "csv"
    raise RequestError("Unknown content type; expected application/json or text/csv, in UTF-8.", status=415)


def head(said: Mapping[bytes, bytes], limit: int) -> tuple[Media, str]:
    """The kind of body and the request's id, as in ``Request``; or RequestError. ``said``: a request's headers, of one
    that is there twice the last."""
    size = said.get(b"content-length", b"")
    if size.isdigit() and (len(size) > 18 or int(size) > limit):
        raise _too_large(limit)
    if said.get(b"content-encoding", b"identity").lower() != b"identity":
        raise RequestError("Compressed bodies are not taken; send it plain.", status=415)
    if b"inference-header-content-length" in said:
        raise RequestError("Binary tensors are not taken; send the tensors' data as JSON.", status=415)
    kind = said.get(b"content-type", JSON)
    id_ = said.get(GATEWAY_ID) or said.get(SAGEMAKER_ID, b"")
    known = id_.decode("latin-1") if len(id_) <= MAX_ID else ""
    return "json" if kind == JSON else _media(kind), known


def _too_large(limit: int) -> RequestError:
    return RequestError(f"The body is over {limit} bytes; send fewer rows at a time.", status=413)


async def read_body(scope: Scope, receive: Receive, limit: int) -> Request:
    """The whole body with what its head says. What the client says about its length is believed
    only when it is too long."""
    media, id_ = head(dict(scope["headers"]), limit)
    message = await receive()
    if message["type"] != "http.request":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        parts, size = [body], len(body)
        while message.get("more_body"):
            if size > limit:
                break
            message = await receive()
            if message["type"] != "http.request":
                raise ClientGone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        body = b"".join(parts)
    if len(body) > limit:
        raise _too_large(limit)
    return Request(body, media, id_)
