"""The one body that kubectl sends as protobuf whatever the server offers: a SelfSubjectAccessReview (``auth can-i``).

An envelope (magic, then runtime.Unknown) holds the object. Field numbers are those of
https://github.com/kubernetes/api/blob/master/authorization/v1/generated.proto.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from intermodal.sandbox.kubernetes.errors import ApiError, bad_request

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\0"
Message = Mapping[int, "tuple[str, Message | None]"]

_ATTRIBUTES: Message = {
    number: (name, None)
    for number, name in enumerate(("namespace", "verb", "group", "version", "resource", "subresource", "name"), 1)
}
_PATH: Message = {1: ("path", None), 2: ("verb", None)}
_SPEC: Message = {1: ("resourceAttributes", _ATTRIBUTES), 2: ("nonResourceAttributes", _PATH)}
_REVIEW: Message = {2: ("spec", _SPEC)}
_TYPE: Message = {1: ("apiVersion", None), 2: ("kind", None)}


def decode(data: bytes) -> dict[str, Any]:
    """The review in an envelope; 415 for any other object."""
    if not data.startswith(MAGIC):
        raise bad_request("the body does not begin with the prefix of Kubernetes' protobuf")
    envelope = dict(_fields(data[len(MAGIC) :]))
    found = _message(envelope.get(1, b""), _TYPE)
    if found.get("kind") != "SelfSubjectAccessReview":
        message = f"the sandbox reads a {found.get('kind')} as application/json or application/yaml only"
        raise ApiError(415, "UnsupportedMediaType", message)
    return found | {"metadata": {}} | _message(envelope.get(2, b""), _REVIEW)


def _message(data: bytes, known: Message) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, value in _fields(data):
        if number in known:
            name, below = known[number]
            found[name] = value.decode() if below is None else _message(value, below)
    return found


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Length-delimited fields; a varint is passed over, and other types do not occur in a review."""
    offset = 0
    while offset < len(data):
        tag, offset = _varint(data, offset)
        length, offset = _varint(data, offset)
        if tag & 7 == 2:
            yield tag >> 3, data[offset : offset + length]
            offset += length
        elif tag & 7:
            raise bad_request(f"protobuf of wire type {tag & 7} is not expected here")


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    value = shift = 0
    while offset < len(data):
        value |= (data[offset] & 127) << shift
        shift, offset = shift + 7, offset + 1
        if data[offset - 1] < 128:
            return value, offset
    raise bad_request("protobuf ends within a number")
