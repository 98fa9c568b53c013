"""Bodies of Microsoft.Web, checked against the models of azure-mgmt-web.

Its models are of another kind than those of ``azure/contract.py``: fields have names on the wire, types as hints, and a
visibility. What only Azure writes is ignored, as Azure ignores it.
"""

import functools
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any

from azure.mgmt.web import models
from azure.mgmt.web.models import _models

WRITABLE = {"create", "update"}


def problems(model: str, body: object, path: str = "body") -> list[str]:
    """Everything that is wrong with a body, one sentence each; empty when it fits the SDK's model."""
    return _of_model(getattr(models, model), body, path)


def _of_model(kind: Any, body: object, path: str) -> list[str]:
    if not isinstance(body, dict):
        return [f"{path} must be an object"]
    fields = _fields(kind)
    found = [f"{path}.{key} is not a field of {kind.__name__}" for key in body if key not in fields]
    for key, (hint, writable) in fields.items():
        value = body.get(key)
        if not writable:
            continue
        if value is not None:
            found += _value(hint, value, f"{path}.{key}")
        elif not _is_optional(hint):
            found.append(f"{path}.{key} is required")
    return found


@functools.cache
def _fields(kind: Any) -> Mapping[str, tuple[Any, bool]]:
    """Name on the wire → type and whether a client may write it."""
    kind({})  # the SDK makes its map of fields with the first instance
    hints = typing.get_type_hints(kind, vars(_models), {"_models": models})
    members = kind._attr_to_rest_field.items()
    return {f._rest_name: (hints[name], bool(WRITABLE & set(f._visibility or WRITABLE))) for name, f in members}


def _is_optional(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)


def _value(hint: Any, value: object, path: str) -> list[str]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [each for each in arguments if each is not type(None)]
        enums = [each for each in inner if isinstance(each, type) and issubclass(each, Enum)]
        if enums:
            known = [str(member.value) for member in enums[0]]
            right = isinstance(value, str) and value.lower() in {text.lower() for text in known}
            return [] if right else [f"{path} is '{value}'; known values: {', '.join(known)}"]
        tried = [_value(each, value, path) for each in inner]
        return [] if [] in tried else tried[0]
    if origin is list:
        if not isinstance(value, list):
            return [f"{path} must be a list"]
        return [wrong for n, item in enumerate(value) for wrong in _value(arguments[0], item, f"{path}[{n}]")]
    if origin is dict:
        if not isinstance(value, dict):
            return [f"{path} must be an object"]
        return [wrong for key, item in value.items() for wrong in _value(arguments[1], item, f"{path}.{key}")]
    if hasattr(hint, "_attr_to_rest_field") or (isinstance(hint, type) and issubclass(hint, _models._Model)):
        return _of_model(hint, value, path)
    if hint in (str, int, bool, float):
        right = isinstance(value, (int, float) if hint is float else hint)
        right = right and (hint is bool or not isinstance(value, bool))
        return [] if right else [f"{path} must be {hint.__name__}"]
    return []
