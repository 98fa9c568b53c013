"""Decode request bodies into typed structs. The general path parses JSON only here."""

import json
from typing import Any, NoReturn, TypeVar

import msgspec

from intermodal.serving.errors import RequestError
from intermodal.serving.protocol import binary
from intermodal.serving.protocol.input_tensor import Tensor

T = TypeVar("T")


class RequestedOutput(msgspec.Struct):
    """An output that the caller wants in the response."""

    name: str
    parameters: dict[str, Any] | None = None


class V2Body(msgspec.Struct):
    """``POST /v2/models/<model>/infer`` of the Open Inference Protocol."""

    inputs: list[Tensor]
    id: str | None = None
    outputs: list[RequestedOutput] | None = None
    parameters: dict[str, Any] | None = None


class Split(msgspec.Struct):
    """MLflow's ``dataframe_split``: column names, then rows as lists. An ``index`` is ignored."""

    columns: list[str]
    data: list[list[Any]]


class AnyBody(msgspec.Struct):
    """Every supported form of body. A valid body has exactly one of the first four fields."""

    inputs: list[Tensor] | dict[str, list[Any]] | None = None
    instances: list[Any] | None = None
    dataframe_split: Split | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    id: str | None = None
    outputs: list[RequestedOutput] | None = None
    parameters: Any = None


_V2 = msgspec.json.Decoder(V2Body)
_ANY = msgspec.json.Decoder(AnyBody)


def read_v2(body: bytes) -> V2Body:
    """Every tensor of the result has its data: binary ones have theirs from behind the JSON."""
    request, tail = _read(_V2, body)
    binary.attach(request.inputs, tail)
    return request


def read_any(body: bytes) -> AnyBody:
    request, tail = _read(_ANY, body)
    binary.attach(request.inputs if isinstance(request.inputs, list) else (), tail)
    return request


def _read(decoder: "msgspec.json.Decoder[T]", body: bytes) -> tuple[T, bytes]:
    """The decoded JSON, and the bytes behind it, if any."""
    try:
        # Bytes that are whitespace count as JSON's own, and may be those of binary tensors, such as 10 in INT8.
        return decoder.decode(body), body[len(body.rstrip(binary.WHITESPACE)) :]
    except msgspec.ValidationError as error:
        _reject(error)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        head, tail = _split(body)
        if tail:
            return _read(decoder, head)[0], tail
        if b"NaN" in body or b"Infinity" in body:
            return _read_python_json(decoder, body), b""
        raise RequestError(f"The body is not JSON: {error}.") from error
    except RecursionError as error:
        raise RequestError("The body is nested too deeply.") from error


def _split(body: bytes) -> tuple[bytes, bytes]:
    """The JSON and the bytes of binary tensors; nothing of the latter for any other body."""
    try:
        return binary.split(body) if binary.SIZE.encode() in body else (body, b"")
    except (ValueError, RecursionError):
        return body, b""


def _read_python_json(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """Decode JSON with NaN and Infinity. They are not valid JSON, but Python's own module writes them."""
    try:
        data = json.loads(body)
        msgspec.json.encode(data)  # refuses lone surrogates, which json.loads lets through
        return msgspec.convert(data, decoder.type)
    except msgspec.ValidationError as error:
        _reject(error)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"The body is not JSON: {str(error)[:200]}.") from error


def _reject(error: msgspec.ValidationError) -> NoReturn:
    raise RequestError(f"The body is not as expected: {error}.") from error
