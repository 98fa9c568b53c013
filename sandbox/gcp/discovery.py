"""Google's own description of an API as a router and a validator: calls that are not in it are refused.

The documents are in google-api-python-client. Required fields stand only in descriptions ("Required. ..."); clients
may send enums as numbers (the generated REST clients do).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator

Json = dict[str, Any]
_FORMATS: dict[str, Json] = {
    "int64": {"type": ["string", "integer"], "pattern": r"^-?\d+$"},
    "uint64": {"type": ["string", "integer"], "pattern": r"^\d+$"},
    "int32": {"type": "integer"},
    "uint32": {"type": "integer", "minimum": 0},
    "double": {"type": ["number", "string"]},
    "float": {"type": ["number", "string"]},
    "byte": {"type": "string", "pattern": r"^[A-Za-z0-9+/_=-]*$"},
}


@dataclass(frozen=True)
class Method:
    """One method. ``path`` matches the URL's path and names its parameters; ``request`` is the body's schema.

    ``query`` are the names of its query parameters, ``choices`` the values of those that are enums.
    """

    id: str
    verb: str
    path: re.Pattern[str]
    query: frozenset[str]
    choices: Mapping[str, Sequence[str]]
    request: str


class Document:
    """One API, for instance ``run.v2``."""

    def __init__(self, api: str) -> None:
        folder = resources.files("googleapiclient") / "discovery_cache" / "documents"
        self._raw: Json = json.loads((folder / f"{api}.json").read_text("utf-8"))
        self.methods = list(_methods(self._raw))
        self.common_query = frozenset(self._raw["parameters"])
        self._definitions = {name: _schema(schema) for name, schema in self._raw["schemas"].items()}
        self._validator = cache(self._compile)

    def route(self, verb: str, path: str) -> tuple[Method, dict[str, str]] | None:
        for method in self.methods:
            if method.verb == verb and (match := method.path.fullmatch(path)):
                return method, match.groupdict()
        return None

    def problems(self, schema: str, body: object) -> list[str]:
        """What is wrong with a body, a sentence for each, with the field's path; empty when nothing is."""
        errors = self._validator(schema).iter_errors(body)
        return [f"Invalid value at '{'.'.join(map(str, e.absolute_path)) or 'body'}': {e.message}" for e in errors]

    def without_output_only(self, schema: str, body: Any) -> Any:
        """The body as the API takes it: fields that only the server writes are ignored."""
        return self._strip({"$ref": schema}, body)

    def _compile(self, schema: str) -> Draft202012Validator:
        return Draft202012Validator({"$defs": self._definitions, "$ref": f"#/$defs/{schema}"})

    def _strip(self, schema: Json, value: Any) -> Any:
        schema = self._raw["schemas"][schema["$ref"]] if "$ref" in schema else schema
        if isinstance(value, list):
            return [self._strip(schema.get("items", {}), item) for item in value]
        if not isinstance(value, dict) or "properties" not in schema:
            return value
        known = schema["properties"]
        kept = {key: item for key, item in value.items() if not known.get(key, {}).get("readOnly")}
        return {key: self._strip(known.get(key, {}), item) for key, item in kept.items()}


def _methods(resource: Json) -> list[Method]:
    found = []
    for method in resource.get("methods", {}).values():
        parameters = method.get("parameters", {})
        pattern = re.escape("/" + method["path"])
        for name, parameter in parameters.items():
            if parameter["location"] == "path":
                inner = parameter.get("pattern", "[^/:]+").strip("^$").replace("[^/]+", "[^/:]+")
                pattern = pattern.replace(re.escape(f"{{+{name}}}"), f"(?P<{name}>{inner})")
        query = {name: parameter for name, parameter in parameters.items() if parameter["location"] == "query"}
        choices = {name: parameter["enum"] for name, parameter in query.items() if "enum" in parameter}
        schema = method.get("request", {}).get("$ref", "")
        found.append(Method(method["id"], method["httpMethod"], re.compile(pattern), frozenset(query), choices, schema))
    for child in resource.get("resources", {}).values():
        found += _methods(child)
    return found


def _schema(source: Json) -> Json:
    if "$ref" in source:
        return {"$ref": f"#/$defs/{source['$ref']}"}
    kind = source.get("type")
    if kind == "any":
        return {}
    if kind == "array":
        return {"type": "array", "items": _schema(source["items"])}
    if kind == "object":
        return _object(source)
    if source.get("format") in _FORMATS:
        return _FORMATS[source["format"]]
    if "enum" in source:
        return {"anyOf": [{"enum": source["enum"]}, {"type": "integer", "minimum": 0}]}
    return {"type": kind}


def _object(source: Json) -> Json:
    if "additionalProperties" in source:
        return {"type": "object", "additionalProperties": _schema(source["additionalProperties"])}
    properties = source.get("properties", {})
    required = [
        name
        for name, field in properties.items()
        if field.get("description", "").startswith("Required") and not field.get("readOnly")
    ]
    known = {name: _schema(field) for name, field in properties.items()}
    return {"type": "object", "properties": known, "additionalProperties": False, "required": required}
