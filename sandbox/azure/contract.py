"""Bodies of the management API, checked against the models of Microsoft's own SDK.

What the SDK knows is the contract: fields by their names on the wire, types, patterns, required fields, enums (named in
its docstrings) and which subclass a discriminator means. Read-only fields are ignored, as Azure ignores them.
"""

import functools
import re
from enum import EnumMeta
from typing import Any

from azure.mgmt.machinelearningservices import models

PLAIN: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")


def problems(model: str, body: object, path: str = "body", package: Any = models) -> list[str]:
    """Everything that is wrong with a body, one sentence each; empty when it fits ``model`` of an SDK's models."""
    if not isinstance(body, dict):
        return [f"{path} must be an object"]
    kind = _subclass(package, getattr(package, model), body, path)
    if isinstance(kind, str):
        return [kind]
    fields = {spec["key"]: (name, spec["type"]) for name, spec in kind._attribute_map.items()}
    rules = {name: kind._validation.get(name, {}) for name, _ in fields.values()}
    found = [f"{path}.{key} is not a field of {kind.__name__}" for key in body if key not in fields]
    for key, (name, type_name) in fields.items():
        value, rule, field_path = body.get(key), rules[name], f"{path}.{key}"
        if rule.get("readonly"):
            continue
        if value is None:
            if rule.get("required"):
                found.append(f"{field_path} is required")
            continue
        wrong = _value(package, type_name, value, field_path)
        if not wrong and isinstance(value, str):
            wrong = _text(rule, _enums(package, kind).get(name), value, field_path)
        found += wrong
    return found


def _subclass(package: Any, kind: Any, body: dict[str, Any], path: str) -> Any:
    """The class that the body's discriminator means, or a sentence that says what is wrong with it."""
    while choices := kind.__dict__.get("_subtype_map"):
        name, subclasses = next(iter(choices.items()))
        key = kind._attribute_map[name]["key"]
        if body.get(key) not in subclasses:
            return f"{path}.{key} must be one of {', '.join(sorted(subclasses))}"
        kind = getattr(package, subclasses[body[key]])
    return kind


def _value(package: Any, type_name: str, value: object, path: str) -> list[str]:
    if type_name in PLAIN:
        right = isinstance(value, PLAIN[type_name]) and (type_name == "bool" or not isinstance(value, bool))
        return [] if right else [f"{path} must be {type_name}"]
    if type_name == "duration":
        right = isinstance(value, str) and DURATION.fullmatch(value) is not None
        return [] if right else [f"{path} must be an ISO 8601 duration such as PT30S"]
    if type_name == "iso-8601":
        return [] if isinstance(value, str) else [f"{path} must be a time"]
    if type_name == "object":
        return []
    if type_name.startswith("{"):
        if not isinstance(value, dict):
            return [f"{path} must be an object"]
        return [p for key, item in value.items() for p in _value(package, type_name[1:-1], item, f"{path}.{key}")]
    if type_name.startswith("["):
        if not isinstance(value, list):
            return [f"{path} must be a list"]
        return [
            p for index, item in enumerate(value) for p in _value(package, type_name[1:-1], item, f"{path}[{index}]")
        ]
    return problems(type_name, value, path, package)


def _text(rule: dict[str, Any], choices: frozenset[str] | None, value: str, path: str) -> list[str]:
    if choices and value.lower() not in {choice.lower() for choice in choices}:
        return [f"{path} is '{value}'; known values: {', '.join(sorted(choices))}"]
    if len(value) < rule.get("min_length", 0):
        return [f"{path} is too short"]
    if "pattern" in rule and not re.search(rule["pattern"], value):
        return [f"{path} does not match {rule['pattern']}"]
    return []


@functools.cache
def _enums(package: Any, kind: Any) -> dict[str, frozenset[str]]:
    """Attribute → known values, for attributes that the SDK documents as an enum."""
    found = {}
    for name, enum_name in re.findall(r":vartype (\w+): str\s+or\s+~[\w.]+\.(\w+)", kind.__doc__ or ""):
        enum = getattr(package, enum_name, None)
        if isinstance(enum, EnumMeta):
            members: list[Any] = list(enum)
            found[name] = frozenset(member.value for member in members)
    return found
