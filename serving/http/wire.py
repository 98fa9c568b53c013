"""Requests and responses at the level of ASGI: reading a body within limits, writing a response."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

import msgspec

from intermodal.serving.dataplane import Media
from intermodal.serving.errors import RequestError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

JSON = b"application/json"
MAX_ID_BYTES = 200
"""A longer request id is ignored."""


class Request(NamedTuple):
    """A body, its media type, and the id that the gateway gave the request ('' for none)."""

    body: bytes
    media: Media
    id: str


class Response(NamedTuple):
    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = ()


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


def json_response(data: object, status: int = 200) -> Response:
    return Response(status, msgspec.json.encode(data))


def error_response(error: RequestError) -> Response:
    """The error form of the Open Inference Protocol."""
    return Response(error.status, msgspec.json.encode({"error": error.message}), JSON, error.headers)


class HeadReader:
    """Reads the headers of requests. One object serves all requests, because its settings do not change."""

    def __init__(self, max_body_bytes: int, id_headers: Sequence[bytes]) -> None:
        self.max_body_bytes = max_body_bytes
        self._first_id, self._second_id = (*id_headers, b"", b"")[:2]
        self._other_ids = tuple(id_headers[2:])

    def read(self, headers: Mapping[bytes, bytes]) -> tuple[Media, str]:
        """The media type and the request id. RequestError when the body is too large or of a type that is not served.

        ``headers`` has the last value of a header that was sent twice.
        """
        size = headers.get(b"content-length", b"")
        if size.isdigit() and (len(size) > 18 or int(size) > self.max_body_bytes):
            raise self.too_large()
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise RequestError("Compressed bodies are not taken; send it plain.", status=415)
        content_type = headers.get(b"content-type", JSON)
        # Unrolled for the two headers of the contract, because a loop would cost every request 100 ns.
        request_id = headers.get(self._first_id) or headers.get(self._second_id, b"")
        if self._other_ids and not request_id:
            request_id = next(filter(None, map(headers.get, self._other_ids)), b"")
        id_text = request_id.decode("latin-1") if len(request_id) <= MAX_ID_BYTES else ""
        return "json" if content_type == JSON else _media(content_type), id_text

    def too_large(self) -> RequestError:
        return RequestError(f"The body is over {self.max_body_bytes} bytes; send fewer rows at a time.", status=413)


def _media(content_type: bytes) -> Media:
    """The media type of a body. An absent type and octet-stream are JSON: some SDKs send the latter by default, and
    clients with binary tensors (protocol/binary.py) always do."""
    kind, _, parameters = content_type.decode("latin-1").lower().partition(";")
    kind = kind.strip()
    charset = parameters.partition("charset=")[2].split(";")[0].strip(" \"'")
    if charset in ("", "utf-8", "utf8", "us-ascii"):
        if kind in ("", "application/json", "application/octet-stream") or kind.endswith("+json"):
            return "json"
        if kind == "text/csv":
            return "csv"
    raise RequestError("Unknown content type; expected application/json or text/csv, in UTF-8.", status=415)


async def read_body(scope: Scope, receive: Receive, head: HeadReader) -> Request:
    """The whole request. The limit holds for the bytes that arrive, whatever content-length claims."""
    media, request_id = head.read(dict(scope["headers"]))
    message = await receive()
    if message["type"] != "http.request":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        parts, size = [body], len(body)
        while message.get("more_body"):
            if size > head.max_body_bytes:
                break
            message = await receive()
            if message["type"] != "http.request":
                raise ClientGone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        body = b"".join(parts)
    if len(body) > head.max_body_bytes:
        raise head.too_large()
    return Request(body, media, request_id)
