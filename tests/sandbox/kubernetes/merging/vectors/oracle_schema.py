"""The types of the vectors in the form of structured-merge-diff: ``python -m`` prints them as JSON. See README.md."""

import json
import sys
from typing import Any

from intermodal.sandbox.kubernetes.field_types import INT_OR_STRING, KEY_DEFAULTS, QUANTITY, FieldType
from intermodal.sandbox.kubernetes.schemas import Schemas

ROOTS = {"Deployment": "apps/v1", "Service": "v1", "ConfigMap": "v1"}
DEDUCED = {
    "name": "__untyped_deduced_",
    "scalar": "untyped",
    "list": {"elementType": {"namedType": "__untyped_atomic_"}, "elementRelationship": "atomic"},
    "map": {"elementType": {"namedType": "__untyped_deduced_"}, "elementRelationship": "separable"},
}
ATOMIC = {
    "name": "__untyped_atomic_",
    "scalar": "untyped",
    "list": {"elementType": {"namedType": "__untyped_atomic_"}, "elementRelationship": "atomic"},
    "map": {"elementType": {"namedType": "__untyped_atomic_"}, "elementRelationship": "atomic"},
}


def exported() -> dict[str, Any]:
    schemas, types = Schemas(), {"ATOMIC": ATOMIC, "DEDUCED": DEDUCED}
    for kind, version in ROOTS.items():
        found = schemas.of(version, kind)
        assert found is not None
        types[kind] = {"name": kind} | _atom(found, types)
    custom = _atom(schemas.custom, types)
    custom["map"]["elementType"] = {"namedType": DEDUCED["name"]}
    types["Custom"] = {"name": "Custom"} | custom
    return {"types": list(types.values())}


def _atom(kind: FieldType, types: dict[str, Any]) -> dict[str, Any]:
    if kind.name in (INT_OR_STRING, QUANTITY):
        return {"scalar": "untyped"}
    if kind.json_type == "object" or kind.fields:
        relation = {"elementRelationship": "atomic"} if kind.atomic else {}
        if kind.fields:
            names = {name: _reference(kind.field_or_open(name), types) for name in kind.fields}
            listed = [_field(name, reference) for name, reference in names.items()]
            return {"map": {"fields": listed} | relation}
        return {"map": {"elementType": _reference(kind.field_or_open("any"), types)} | relation}
    if kind.json_type == "array":
        relation = {"elementRelationship": "atomic" if kind.list_type == "atomic" else "associative"}
        keys = {"keys": list(kind.list_keys)} if kind.list_type == "map" else {}
        return {"list": {"elementType": _reference(kind.items, types)} | relation | keys}
    return {"scalar": {"string": "string", "boolean": "boolean"}.get(kind.json_type, "numeric")}


def _field(name: str, reference: dict[str, Any]) -> dict[str, Any]:
    default = {"default": KEY_DEFAULTS[name]} if name in KEY_DEFAULTS else {}
    return {"name": name, "type": reference} | default


def _reference(kind: FieldType, types: dict[str, Any]) -> dict[str, Any]:
    if not kind.name:
        return _atom(kind, types) if kind.json_type else {"namedType": DEDUCED["name"]}
    if kind.atomic and kind.json_type == "object" and "x-kubernetes-map-type" in kind.node:
        return _atom(kind, types)
    if kind.name not in types:
        types[kind.name] = {"name": kind.name}
        types[kind.name] |= _atom(kind, types)
    return {"namedType": kind.name}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(exported()))
