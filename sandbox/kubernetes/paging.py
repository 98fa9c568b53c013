"""Lists in pages: every page is of the version at which the first was made."""

import base64
import binascii
import json
from typing import Any

from intermodal.sandbox.kubernetes.errors import bad_request
from intermodal.sandbox.kubernetes.resources import Resource
from intermodal.sandbox.kubernetes.selectors import Filter
from intermodal.sandbox.kubernetes.store import Store


def _token(version: int, after: str) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": after})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _parse(token: str) -> tuple[int, str]:
    try:
        data = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(data["rv"]), str(data["start"])
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error


def page(store: Store, resource: Resource, wanted: Filter, limit: int, token: str) -> dict[str, Any]:
    """A list document. ``limit`` 0 is without end."""
    if not limit and not token:
        metadata: dict[str, Any] = {"resourceVersion": str(store.version)}
        return _list(resource, metadata, store.list(resource, wanted))
    version, after = _parse(token) if token else (None, "")
    version, objects = store.snapshot(version)
    pairs = [(key, document) for key, document in store.pairs(resource, wanted, objects) if key > after]
    metadata = {"resourceVersion": str(version)}
    if limit and len(pairs) > limit:
        metadata["continue"] = _token(version, pairs[limit - 1][0])
        if not wanted.selects:
            metadata["remainingItemCount"] = len(pairs) - limit
        pairs = pairs[:limit]
    return _list(resource, metadata, [document for _, document in pairs])


def _list(resource: Resource, metadata: dict[str, Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    """The items of a typed list have no kind and apiVersion of their own, as the API server's."""
    bare = [{name: value for name, value in item.items() if name not in ("kind", "apiVersion")} for item in items]
    return {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata, "items": bare}
