"""Checks of an object against its type: types, required fields, allowed values, unknown fields.

The texts are those of the API server (``apimachinery/pkg/util/validation/field`` and kube-openapi's validation). What
needs more than the schema, such as a selector that matches its template, is not checked here.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from intermodal.sandbox.kubernetes.field_types import INT_OR_STRING, QUANTITY, FieldType

Reason = Literal["FieldValueInvalid", "FieldValueRequired", "FieldValueNotSupported", "FieldUnknown"]
QUANTITY_TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")
QUANTITY_RULE = f"quantities must match the regular expression '^{QUANTITY_TEXT.pattern}$'"
TIME_TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "object": (Mapping,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
INTEGER_BITS = {"int32": 32, "int64": 64}


@dataclass(frozen=True)
class FieldError:
    """``message`` is complete and begins with the path; ``reason`` is that of a cause in a ``Status``."""

    path: str
    reason: Reason
    message: str


def errors_of(value: object, kind: FieldType, *, strict: bool, path: str = "") -> list[FieldError]:
    """Errors of ``value`` and of all below it, in the order of its fields."""
    return list(_errors(value, kind, path, strict))


def _errors(value: object, kind: FieldType, path: str, strict: bool) -> Iterator[FieldError]:
    if value is None:
        return  # The API server drops null: it equals an absent field.
    if fault := _fault(value, kind, path):
        yield fault
    elif kind.allowed and value not in kind.allowed:
        supported = ", ".join(json.dumps(allowed) for allowed in kind.allowed)
        message = f"{path}: Unsupported value: {json.dumps(value)}: supported values: {supported}"
        yield FieldError(path, "FieldValueNotSupported", message)
    elif isinstance(value, Mapping):
        yield from _errors_of_fields(value, kind, path, strict)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _errors(item, kind.items, f"{path}[{index}]", strict)


def _errors_of_fields(value: Mapping[str, Any], kind: FieldType, path: str, strict: bool) -> Iterator[FieldError]:
    for name in kind.required:
        if value.get(name) is None:
            yield FieldError(_below(path, name), "FieldValueRequired", f"{_below(path, name)}: Required value")
    for name, child in value.items():
        below = kind.field(name)
        if below is not None:
            yield from _errors(child, below, _below(path, name), strict)
        elif strict:
            yield FieldError(_below(path, name), "FieldUnknown", f'unknown field "{_below(path, name)}"')


def _fault(value: object, kind: FieldType, path: str) -> FieldError | None:
    """What is wrong with the value itself."""
    if kind.name == INT_OR_STRING:
        return None if _is(value, "integer") or _is(value, "string") else _wrong_type(path, "integer or string", value)
    if kind.name == QUANTITY:
        text = str(value) if _is(value, "number") else value
        return None if isinstance(text, str) and QUANTITY_TEXT.fullmatch(text) else _invalid(path, value, QUANTITY_RULE)
    if kind.json_type and not _is(value, kind.json_type):
        return _wrong_type(path, kind.json_type, value)
    if kind.format == "date-time" and not TIME_TEXT.fullmatch(str(value)):
        return _invalid(path, value, f"{path} in body must be of type date-time: {json.dumps(value)}")
    bits = INTEGER_BITS.get(kind.format)
    if bits and isinstance(value, int) and not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        return _invalid(path, value, f"{path} in body must be of type {kind.format}: {value}")
    return None


def _is(value: object, json_type: str) -> bool:
    if isinstance(value, bool):
        return json_type == "boolean"
    if json_type == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, PYTHON_TYPES[json_type])


def _wrong_type(path: str, expected: str, value: object) -> FieldError:
    found = next(name for name in ("boolean", "integer", "number", "string", "array", "object") if _is(value, name))
    return _invalid(path, found, f"{path} in body must be of type {expected}: {json.dumps(found)}")


def _invalid(path: str, printed: object, fault: str) -> FieldError:
    return FieldError(path, "FieldValueInvalid", f"{path}: Invalid value: {json.dumps(printed)}: {fault}")


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
