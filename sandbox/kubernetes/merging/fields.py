"""Sets of paths in an object, and their form in ``metadata.managedFields`` (FieldsV1).

A path is a tuple of elements, each in the form that FieldsV1 gives it: ``f:spec`` is a field, ``k:{"name":"a"}`` an
item of a list by its keys, ``v:"x"`` an item of a set, ``i:0`` an item by its index. Source: structured-merge-diff
``fieldpath``.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from intermodal.sandbox.kubernetes.field_types import KEY_DEFAULTS, FieldType, Json
from intermodal.sandbox.kubernetes.merging.errors import MalformedItem

Path = tuple[str, ...]
Fields = frozenset[Path]
"""The root has no path: no manager owns a whole object."""
_ORDER = {"f": 0, "k": 1, "v": 2, "i": 3}


def compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def item_element(item: object, kind: FieldType) -> str:
    """Element of one item of a list of type ``map`` or ``set``. Raises MalformedItem for an item without its keys."""
    if kind.list_type == "set":
        return f"v:{compact(item)}"
    if not isinstance(item, Mapping):
        raise MalformedItem("associative list with keys may not have non-map elements")
    keys = {}
    for name in kind.list_keys:
        if (value := item.get(name, KEY_DEFAULTS.get(name))) is None:
            raise MalformedItem(
                f'associative list with keys has an element that omits key field "{name}" '
                "(and doesn't have default value)"
            )
        keys[name] = value
    return f"k:{compact(keys)}"


def encode(fields: Fields) -> Json:
    """FieldsV1 of a set."""
    root: Json = {}
    for path in sorted(fields, key=_order_of):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    return _without_lonely_dots(root)


def _without_lonely_dots(node: Json) -> Json:
    """A leaf is written as ``{}``; ``.`` is only needed where there are children too."""
    return {name: {} if list(child) == ["."] else _without_lonely_dots(child) for name, child in node.items()}


def decode(encoded: Mapping[str, Any]) -> Fields:
    """Set of a FieldsV1. The opposite of ``encode``."""
    return frozenset(_paths(encoded, ()))


def _paths(node: Mapping[str, Any], above: Path) -> Iterable[Path]:
    for name, child in node.items():
        path = above if name == "." else (*above, _normal(name))
        if name == "." or not child:
            yield path
        else:
            yield from _paths(child, path)


def _normal(element: str) -> str:
    """Clients may write keys in another order or with spaces."""
    return element if element.startswith(("f:", "i:")) else element[:2] + compact(json.loads(element[2:]))


def show(path: Path) -> str:
    """As the API server prints it in conflicts: ``.spec.containers[name="a"].image``."""
    return "".join(_show(element) for element in path)


def _show(element: str) -> str:
    sort, remaining = element[0], element[2:]
    if sort == "f":
        return f".{remaining}"
    if sort == "k":
        return "[" + ",".join(f"{name}={compact(value)}" for name, value in sorted(json.loads(remaining).items())) + "]"
    return f"[={remaining}]" if sort == "v" else f"[{remaining}]"


def _order_of(path: Path) -> list[tuple[int, str]]:
    return [(_ORDER[element[0]], element) for element in path]


def below(fields: Fields, roots: Fields) -> Fields:
    """Those of ``fields`` that are in ``roots`` or under one of them."""
    return frozenset(path for path in fields if any(path[: length + 1] in roots for length in range(len(path))))
