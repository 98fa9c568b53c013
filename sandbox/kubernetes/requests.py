"""A request to the API, taken apart: resource, name, query and body."""

import json
from dataclasses import dataclass
from typing import Any, cast, get_args

import yaml
from aiohttp import web

from intermodal.sandbox.kubernetes import protobuf
from intermodal.sandbox.kubernetes.errors import bad_request, path_not_found
from intermodal.sandbox.kubernetes.resources import BY_PATH, Resource
from intermodal.sandbox.kubernetes.selectors import Filter, parse_fields, parse_labels
from intermodal.sandbox.kubernetes.writes import Options, Validation

_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("", "0", "f", "F", "false", "FALSE", "False")


class _Loader(yaml.SafeLoader):
    """Times stay text, as in JSON."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [item for item in resolvers if item[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@dataclass(frozen=True)
class Route:
    resource: Resource
    namespace: str
    name: str
    subresource: str


def parse_path(path: str) -> Route:
    """``/apis/apps/v1/namespaces/default/deployments/a/scale``. 404 for what no resource has."""
    parts = path.strip("/").split("/")
    group, version, names = ("", parts[1], parts[2:]) if parts[0] == "api" else (parts[1], parts[2], parts[3:])
    namespace = ""
    if names[0] == "namespaces" and len(names) > 2 and (group, version, names[2]) in BY_PATH:
        namespace, names = names[1], names[2:]
    resource = BY_PATH.get((group, version, names[0]))
    if resource is None or len(names) > 3 or bool(namespace) > resource.namespaced:
        raise path_not_found()
    name, subresource = (*names[1:], "", "")[:2]
    if (name and resource.namespaced and not namespace) or (subresource and subresource not in resource.subresources):
        raise path_not_found()
    return Route(resource, namespace, name, subresource)


def flag(query: "Any", name: str) -> bool:
    value = query.get(name, "")
    if value not in _TRUE and value not in _FALSE:
        raise bad_request(f'invalid value "{value}" for {name}')
    return value in _TRUE


def number(query: "Any", name: str) -> int:
    try:
        return int(query.get(name, "") or 0)
    except ValueError as error:
        raise bad_request(f"{name}: {error}") from error


def selection(route: Route, query: "Any") -> Filter:
    fields = parse_fields(query.get("fieldSelector", ""))
    return Filter(route.namespace, parse_labels(query.get("labelSelector", "")), fields)


def options(request: web.Request, warnings: list[str]) -> Options:
    """The manager of a client that names none is its user agent's first part, as the API server's."""
    query = request.query
    dry, validation = query.get("dryRun", ""), query.get("fieldValidation") or "Warn"
    if dry not in ("", "All"):
        raise bad_request(f'Invalid value: "{dry}": dryRun: Unsupported value: supported values: "All"')
    if validation not in get_args(Validation):
        raise bad_request(f'Invalid value: "{validation}": fieldValidation: Unsupported value')
    manager = query.get("fieldManager") or request.headers.get("User-Agent", "unknown").split("/")[0] or "unknown"
    return Options(manager[:128], dry == "All", cast(Validation, validation), warnings=warnings)


async def body(request: web.Request) -> Any:
    """JSON or YAML; of protobuf only what kubectl sends in no other way."""
    if request.content_type == protobuf.MEDIA_TYPE:
        return protobuf.decode(await request.read())
    text = await request.text()
    if not text.strip():
        return None
    try:
        if "yaml" in request.content_type and not text.lstrip().startswith("{"):
            return yaml.load(text, _Loader)
        return json.loads(text)
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
