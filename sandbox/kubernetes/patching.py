"""A patch by its content type."""

from collections.abc import Callable
from typing import Any

from intermodal.sandbox.kubernetes.errors import ApiError, not_emulated

Document = dict[str, Any]
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
JSON, APPLY = "application/json-patch+json", "application/apply-patch+yaml"
TYPES = (JSON, MERGE, STRATEGIC, APPLY)


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for k, v in patch.items():
        if v is None:
            target.pop(k, None)
        else:
            target[k] = _merge(target.get(k), v)
    return target


def patcher(content_type: str, patch: Any) -> Callable[[Document], Document]:
    if content_type == MERGE:
        return lambda live: _merge(live, patch)
    if content_type in TYPES:
        raise not_emulated(content_type)
    supported = ", ".join(TYPES)
    message = f"the body of the request was in an unknown format - accepted media types include: {supported}"
    raise ApiError(415, "UnsupportedMediaType", message)
