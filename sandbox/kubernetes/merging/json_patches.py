"""JSON patch (RFC 6902), with the texts of the API server's library (``evanphx/json-patch``)."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from intermodal.sandbox.kubernetes.merging.errors import PatchRefused

Change = Callable[[Any, str, Mapping[str, Any]], Any]
"""(document, pointer, operation) → new document."""


def json_patch(live: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """All operations in order, or none. Raises PatchRefused: 422 if one does not fit, 400 if it is none."""
    document = deepcopy(live)
    if not isinstance(operations, list):
        raise PatchRefused("json: cannot unmarshal a patch that is not a list of operations", 400)
    for operation in operations:
        if not isinstance(operation, Mapping) or not isinstance(operation.get("path"), str):
            raise PatchRefused("operation missing path field: missing value", 400)
        change = CHANGES.get(str(operation.get("op")))
        if change is None:
            raise PatchRefused(f"Unexpected kind: {operation.get('op')}", 400)
        document = change(document, operation["path"], operation)
    return document


def _add(document: Any, pointer: str, operation: Mapping[str, Any]) -> Any:
    return _put(document, pointer, _value(operation), operation["op"])


def _put(document: Any, pointer: str, value: Any, name: str) -> Any:
    if not (tokens := _tokens(pointer)):
        return value
    parent = _find(document, tokens[:-1], pointer, name)
    if isinstance(parent, dict):
        parent[tokens[-1]] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if tokens[-1] == "-" else _index(tokens[-1], len(parent) + 1, pointer, name), value)
    else:
        raise _missing(pointer, name)
    return document


def _remove(document: Any, pointer: str, operation: Mapping[str, Any]) -> Any:
    tokens = _tokens(pointer)
    if not tokens:
        return None
    _find(document, tokens, pointer, operation["op"])
    parent = _find(document, tokens[:-1], pointer, operation["op"])
    del parent[int(tokens[-1]) if isinstance(parent, list) else tokens[-1]]
    return document


def _replace(document: Any, pointer: str, operation: Mapping[str, Any]) -> Any:
    tokens, value = _tokens(pointer), _value(operation)
    if not tokens:
        return value
    _find(document, tokens, pointer, operation["op"])
    parent = _find(document, tokens[:-1], pointer, operation["op"])
    parent[int(tokens[-1]) if isinstance(parent, list) else tokens[-1]] = value
    return document


def _move(document: Any, pointer: str, operation: Mapping[str, Any]) -> Any:
    source = _source(operation)
    if pointer.startswith(f"{source}/"):
        raise PatchRefused(f"move operation does not apply: {pointer} is inside of {source}")
    value = _find(document, _tokens(source), source, "move")
    return _put(_remove(document, source, operation), pointer, value, "move")


def _copy(document: Any, pointer: str, operation: Mapping[str, Any]) -> Any:
    source = _source(operation)
    return _put(document, pointer, deepcopy(_find(document, _tokens(source), source, "copy")), "copy")


def _test(document: Any, pointer: str, operation: Mapping[str, Any]) -> Any:
    if not _equal(_find(document, _tokens(pointer), pointer, "test"), _value(operation)):
        raise PatchRefused(f"testing value {pointer} failed: test failed")
    return document


CHANGES: Mapping[str, Change] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def _tokens(pointer: str) -> list[str]:
    """RFC 6901. The empty pointer is the whole document."""
    if pointer and not pointer.startswith("/"):
        raise PatchRefused(f"the path {pointer!r} does not begin with '/'", 400)
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _find(document: Any, tokens: list[str], pointer: str, name: str) -> Any:
    for token in tokens:
        if isinstance(document, list):
            document = document[_index(token, len(document), pointer, name)]
        elif isinstance(document, dict) and token in document:
            document = document[token]
        else:
            raise _missing(pointer, name)
    return document


def _index(token: str, length: int, pointer: str, name: str) -> int:
    if not (token.isascii() and token.isdigit()) or (token != "0" and token.startswith("0")) or int(token) >= length:
        raise PatchRefused(f"{name} operation does not apply: unable to access index {token} of {pointer}")
    return int(token)


def _missing(pointer: str, name: str) -> PatchRefused:
    return PatchRefused(f"{name} operation does not apply: doc is missing path: {pointer}: missing value")


def _value(operation: Mapping[str, Any]) -> Any:
    if "value" not in operation:
        raise PatchRefused(f"operation {operation['op']} of {operation['path']} missing value field", 400)
    return deepcopy(operation["value"])


def _source(operation: Mapping[str, Any]) -> str:
    if not isinstance(source := operation.get("from"), str):
        raise PatchRefused(f"operation {operation['op']} of {operation['path']} missing from field", 400)
    return source


def _equal(left: Any, right: Any) -> bool:
    """Numbers by value, but never equal to a boolean, as in JSON."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[name], right[name]) for name in left)
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)
