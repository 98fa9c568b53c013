"""The way from ``kubectl apply`` to ``kubectl apply --server-side``: what the annotation of the former holds.

Source: apimachinery ``managedfields/internal/lastappliedmanager.go`` and ``lastappliedupdater.go``.
"""

import json

from intermodal.sandbox.kubernetes.merging.errors import Cause
from intermodal.sandbox.kubernetes.merging.fields import show
from intermodal.sandbox.kubernetes.merging.walks import compare, fields_of
from intermodal.sandbox.kubernetes.schemas import Schemas
from intermodal.sandbox.kubernetes.store import Document

MANAGER = "kubectl"
ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def last_applied(live: Document) -> Document | None:
    text = (live["metadata"].get("annotations") or {}).get(ANNOTATION)
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def remaining(causes: list[Cause], live: Document, manager: str, schemas: Schemas) -> list[Cause]:
    """Conflicts of kubectl with itself are none: fields that its last client-side apply set, and that are still so."""
    last = last_applied(live) if manager == MANAGER else None
    if last is None:
        return causes
    kind = schemas.of_document(live)
    changed = compare(last, live, kind)
    own = {show(path) for path in fields_of(last, kind) - changed.modified - changed.added - changed.removed}
    return [cause for cause in causes if cause.field not in own]


def with_annotation(merged: Document, config: Document, live: Document | None, manager: str) -> Document:
    """kubectl's annotation follows its server-side apply, so that a client-side apply may come after it."""
    if manager != MANAGER or live is None or last_applied(live) is None:
        return merged
    metadata = merged["metadata"]
    text = json.dumps(config, separators=(",", ":"), sort_keys=True) + "\n"
    return merged | {"metadata": metadata | {"annotations": metadata.get("annotations", {}) | {ANNOTATION: text}}}
