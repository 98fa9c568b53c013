"""A patch by its content type."""

from collections.abc import Callable
from typing import Any

from intermodal.sandbox.kubernetes.errors import ApiError, bad_request
from intermodal.sandbox.kubernetes.field_types import FieldType
from intermodal.sandbox.kubernetes.merging.errors import PatchRefused
from intermodal.sandbox.kubernetes.merging.patches import json_merge, json_patch, strategic_merge

Document = dict[str, Any]
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
JSON, APPLY = "application/json-patch+json", "application/apply-patch+yaml"
TYPES = (JSON, MERGE, STRATEGIC, APPLY)


def patcher(content_type: str, patch: Any, kind: FieldType) -> Callable[[Document], Document]:
    """What a patch makes of a document of this kind. 415 for an unknown type, 400 or 422 for a patch that fails."""
    if content_type not in TYPES or content_type == APPLY:
        listed = ", ".join(TYPES)
        message = f"the body of the request was in an unknown format - accepted media types include: {listed}"
        raise ApiError(415, "UnsupportedMediaType", message)
    if not isinstance(patch, list if content_type == JSON else dict):
        raise bad_request(f"the body is no {content_type}")
    given: Any = patch

    def work(live: Document) -> Document:
        try:
            if content_type == JSON:
                changed = json_patch(live, given)
            elif content_type == MERGE:
                changed = json_merge(live, given)
            else:
                changed = strategic_merge(live, given, kind)
        except PatchRefused as error:
            raise ApiError(error.code, "Invalid" if error.code == 422 else "BadRequest", str(error)) from error
        if not isinstance(changed, dict):
            raise bad_request("the patch leaves no object")
        return changed

    return work
