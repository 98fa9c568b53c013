"""Whether a request's document belongs to its URL, and what its types make of it."""

import copy
from collections.abc import Callable
from typing import Any

from intermodal.sandbox.kubernetes.errors import Cause, bad_request, invalid
from intermodal.sandbox.kubernetes.resources import Resource
from intermodal.sandbox.kubernetes.schemas import Schemas

Document = dict[str, Any]


def check_document(resource: Resource, document: Document, namespace: str, name: str = "") -> None:
    """400 unless kind, namespace and name are those of the URL; fills in the namespace."""
    if not isinstance(document, dict) or not isinstance(document.setdefault("metadata", {}), dict):
        raise bad_request("the object provided is unrecognized: it is no object with metadata")
    document.setdefault("kind", resource.kind)
    document.setdefault("apiVersion", resource.api_version)
    if not resource.of(document):
        given = f"{document['apiVersion']}, Kind={document['kind']}"
        wanted = f"{resource.api_version}, Kind={resource.kind}"
        raise bad_request(f"the API version in the data ({given}) does not match the expected API version ({wanted})")
    metadata = document["metadata"]
    if resource.namespaced:
        if namespace and metadata.setdefault("namespace", namespace) != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    else:
        metadata.pop("namespace", None)
    if name and metadata.setdefault("name", name) != name:
        given = metadata["name"]
        raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")


def check_types(
    schemas: Schemas, resource: Resource, document: Document, validation: str, warn: Callable[[str], None]
) -> Document:
    """400 for wrong types, 422 for values; unknown fields by ``validation``, and then left out of what is returned."""
    errors = schemas.validate(document, True)
    unknown = [error for error in errors if error.reason == "FieldUnknown"]
    if unknown and validation == "Strict":
        raise bad_request("strict decoding error: " + ", ".join(error.message for error in unknown))
    if validation == "Warn":
        for error in unknown:
            warn(error.message)
    mistyped = [error for error in errors if "in body must be of type" in error.message]
    if mistyped:
        listed = ", ".join(error.message for error in mistyped)
        version = f'{resource.kind} in version "{resource.version}"'
        raise bad_request(f"{version} cannot be handled as a {resource.kind}: {listed}")
    causes = [
        Cause(error.reason, error.message.removeprefix(f"{error.path}: "), error.path)
        for error in errors
        if error.reason != "FieldUnknown"
    ]
    if causes:
        raise invalid(resource, document["metadata"].get("name", ""), causes)
    bare: Document = _without_nulls(document)
    for error in unknown:
        _remove(bare, error.path)
    return bare


def _without_nulls(value: Any) -> Any:
    """Null equals an absent field."""
    if isinstance(value, dict):
        return {name: _without_nulls(child) for name, child in value.items() if child is not None}
    return [_without_nulls(child) for child in value] if isinstance(value, list) else copy.copy(value)


def _remove(document: Document, path: str) -> None:
    """Take out ``spec.containers[0].image``; keys of the path's last part may hold dots only in open maps."""
    parts = path.replace("[", ".[").split(".")
    holder: Any = document
    for part in parts[:-1]:
        holder = holder[int(part[1:-1])] if part.startswith("[") else holder.get(part, {})
    if isinstance(holder, dict):
        holder.pop(parts[-1], None)
