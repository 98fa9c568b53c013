"""A Deployment's ReplicaSets: which is of its template, their revisions, and the names of new ones."""

import copy
import json
from collections.abc import Sequence

from intermodal.sandbox.kubernetes.controllers import parts
from intermodal.sandbox.kubernetes.resources import DEPLOYMENT
from intermodal.sandbox.kubernetes.store import Document

REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
HISTORY = "deployment.kubernetes.io/revision-history"
HASH = "pod-template-hash"
_NOT_COPIED = ("kubectl.kubernetes.io/last-applied-configuration", REVISION, DESIRED, MAXIMUM, HISTORY,
    "deprecated.deployment.rollback.to")  # fmt: skip
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def revision(document: Document) -> int:
    return int((document["metadata"].get("annotations") or {}).get(REVISION, "0"))


def template_of(document: Document) -> Document:
    """Without what the controller adds and the server fills in."""
    template: Document = copy.deepcopy(document["spec"]["template"])
    template["metadata"].pop("creationTimestamp", None)
    (template["metadata"].get("labels") or {}).pop(HASH, None)
    return template


def newest(deployment: Document, sets: Sequence[Document]) -> Document | None:
    """The ReplicaSet of the Deployment's template; of several, the oldest, as the controller chooses."""
    wanted = template_of(deployment)
    found = [each for each in sets if template_of(each) == wanted]
    return min(found, key=lambda each: each["metadata"]["creationTimestamp"], default=None)


def template_hash(template: Document, collisions: int) -> str:
    """FNV-1a in 32 bits, in letters that form no word."""
    value = 2166136261
    for byte in (json.dumps(template, sort_keys=True) + (str(collisions) if collisions else "")).encode():
        value = (value ^ byte) * 16777619 % 2**32
    return "".join(_LETTERS[ord(digit) % len(_LETTERS)] for digit in str(value))


def new_set(deployment: Document, replicas: int, maximum: int, number: int) -> Document:
    metadata, template = deployment["metadata"], template_of(deployment)
    label = {HASH: template_hash(template, deployment.get("status", {}).get("collisionCount", 0))}
    template["metadata"]["labels"] = (template["metadata"].get("labels") or {}) | label
    selector = copy.deepcopy(deployment["spec"]["selector"])
    selector["matchLabels"] = (selector.get("matchLabels") or {}) | label
    spec = {"replicas": replicas, "selector": selector, "template": template}
    if minimum := deployment["spec"].get("minReadySeconds"):
        spec["minReadySeconds"] = minimum
    about = {
        "name": f"{metadata['name']}-{label[HASH]}", "namespace": metadata["namespace"],
        "labels": template["metadata"]["labels"], "annotations": annotations(deployment, maximum, number),
        "ownerReferences": [parts.owner_reference(DEPLOYMENT, deployment)],
    }  # fmt: skip
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": about, "spec": spec}


def annotations(deployment: Document, maximum: int, number: int) -> dict[str, str]:
    own = deployment["metadata"].get("annotations") or {}
    copied = {name: value for name, value in own.items() if name not in _NOT_COPIED}
    return copied | {REVISION: str(number), DESIRED: str(deployment["spec"]["replicas"]), MAXIMUM: str(maximum)}
