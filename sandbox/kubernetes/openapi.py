"""/openapi/v3: an index, and a document for each group and version, made of the definitions of the types."""

import hashlib
import json
import re
from functools import cache
from typing import Any

from aiohttp import web

from intermodal.sandbox.kubernetes import openapi_v2
from intermodal.sandbox.kubernetes.errors import path_not_found
from intermodal.sandbox.kubernetes.resources import GROUPS, Resource
from intermodal.sandbox.kubernetes.schemas import Schemas

_REFERENCE = re.compile(r'"#/\$defs/([^"]+)"')
_METHODS = {"get": "get", "update": "put", "patch": "patch", "delete": "delete"}
_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
PATCHES = ("application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
    "application/apply-patch+yaml")  # fmt: skip


def _path_of(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _closed(names: set[str], definitions: Any) -> dict[str, Any]:
    """Definitions by name with all that they refer to."""
    found: dict[str, Any] = {}
    waiting = sorted(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = definitions[name]
            waiting += _REFERENCE.findall(json.dumps(definitions[name]))
    return found


def _plain(value: Any) -> Any:
    """OpenAPI 3.0 has one type, no null among them, and nothing beside a reference."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(reference := value.get("$ref"), str):
        target = {"$ref": reference.replace("#/$defs/", "#/components/schemas/")}
        described = {name: value[name] for name in ("description", "default") if name in value}
        return {"allOf": [target], **described} if described else target
    plain = {name: _plain(child) for name, child in value.items()}
    if isinstance(kinds := plain.get("type"), list):
        plain["type"] = next(kind for kind in kinds if kind != "null")
    return plain


class OpenApi:
    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._text = cache(self._make)

    async def index(self, _: web.Request) -> web.Response:
        paths = {}
        for group, version in GROUPS:
            path = _path_of(group, version)
            # The types of one version never change: its number is hash enough, and the documents are made when read.
            digest = hashlib.sha256(f"{self._schemas.version}{path}".encode()).hexdigest().upper()
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
        return web.json_response({"paths": paths})

    async def old(self, _: web.Request) -> web.Response:
        """/openapi/v2, for the one question that kubectl still has of it."""
        return web.Response(body=openapi_v2.DOCUMENT, content_type=openapi_v2.MEDIA_TYPE)

    async def document(self, request: web.Request) -> web.Response:
        known = {_path_of(group, version): (group, version) for group, version in GROUPS}
        if (path := request.match_info["path"]) not in known:
            raise path_not_found()
        return web.Response(text=self._text(*known[path]), content_type="application/json")

    def _make(self, group: str, version: str) -> str:
        names: set[str] = set()
        paths: dict[str, Any] = {}
        for resource in GROUPS[group, version]:
            kind = self._schemas.of(resource.api_version, resource.kind)
            if kind is not None:
                names.add(kind.name)
                paths |= _paths(resource, kind.name)
        components = {name: _plain(node) for name, node in _closed(names, self._schemas.definitions).items()}
        info = {"title": "Kubernetes", "version": f"v{self._schemas.version}.0"}
        document = {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": components}}
        return json.dumps(document)


def _operation(resource: Resource, action: str, definition: str) -> dict[str, Any]:
    schema = {"schema": {"$ref": f"#/components/schemas/{definition}"}}
    operation: dict[str, Any] = {
        "responses": {"200": {"description": "OK", "content": {"application/json": schema}}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {
            "group": resource.group, "version": resource.version, "kind": resource.kind,
        },
    }  # fmt: skip
    if action in ("post", "put", "patch"):
        types = PATCHES if action == "patch" else ("application/json",)
        body = {"schema": {"type": "object"}} if action == "patch" else schema
        operation["requestBody"] = {"content": dict.fromkeys(types, body)}
        operation["parameters"] = [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in _PARAMETERS
        ]
    return operation


def _paths(resource: Resource, definition: str) -> dict[str, Any]:
    base = f"{resource.path}/namespaces/{{namespace}}" if resource.namespaced else resource.path
    path = f"{base}/{resource.plural}"
    found: dict[str, Any] = {path: {}}
    if "list" in resource.verbs:
        found[path]["get"] = _operation(resource, "list", definition)
    if "create" in resource.verbs:
        found[path]["post"] = _operation(resource, "post", definition)
    named = {
        method: _operation(resource, method, definition)
        for verb, method in _METHODS.items() if verb in resource.verbs
    }  # fmt: skip
    return found | ({f"{path}/{{name}}": named} if named else {})
