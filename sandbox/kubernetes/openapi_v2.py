"""/openapi/v2, as small as kubectl needs it: whether a file with a v1 List may be validated by the server.

kubectl reads this document, in protobuf alone, when a file has a List; it looks for the parameters of a patch of a
Namespace. All else that it wants is in /openapi/v3. Field numbers are those of
https://github.com/google/gnostic/blob/main/openapiv2/OpenAPIv2.proto.
"""

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_KIND = "group: ''\nkind: Namespace\nversion: v1\n"


def _field(number: int, *parts: bytes | str) -> bytes:
    """A length-delimited field of the parts."""
    data = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    size, length = len(data), bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    return bytes(((number << 3) | 2,)) + bytes(length) + data


def _parameter(name: str) -> bytes:
    query = _field(2, "query") + _field(4, name)
    return _field(8, _field(1, _field(2, _field(3, query))))


def _document() -> bytes:
    extension = _field(13, _field(1, "x-kubernetes-group-version-kind"), _field(2, _field(2, _KIND)))
    patch = _field(8, *(_parameter(name) for name in PARAMETERS), extension)
    path = _field(2, _field(1, "/api/v1/namespaces/{name}"), _field(2, patch))
    information = _field(2, _field(1, "Kubernetes"), _field(2, "v1"))
    return _field(1, "2.0") + information + _field(8, path)


DOCUMENT = _document()
