"""The three patches of the Kubernetes API besides apply: JSON merge, JSON patch and strategic merge.

None changes its arguments.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from intermodal.sandbox.kubernetes.merging.json_patches import json_patch
from intermodal.sandbox.kubernetes.merging.strategic import strategic_merge

__all__ = ["json_merge", "json_patch", "strategic_merge"]


def json_merge(live: Any, patch: Any) -> Any:
    """RFC 7396: objects are merged, null removes, anything else replaces. Lists are replaced as a whole."""
    if not isinstance(patch, Mapping):
        return deepcopy(patch)
    merged = dict(live) if isinstance(live, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = json_merge(merged.get(name), value)
    return merged
