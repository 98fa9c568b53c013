"""What several controllers need of documents: owners, conditions, quantities, writes of a status."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from intermodal.sandbox.kubernetes import identity
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import Resource
from intermodal.sandbox.kubernetes.selectors import Filter
from intermodal.sandbox.kubernetes.store import Document
from intermodal.sandbox.kubernetes.writes import Options

MANAGER = "kube-controller-manager"
_SUFFIXES = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip


def quantity(value: object) -> float:
    """``500m`` is 0.5, ``1Gi`` is 2**30. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity"""
    text = str(value)
    for length in (2, 1):
        if text[-length:] in _SUFFIXES:
            return float(text[:-length]) * _SUFFIXES[text[-length:]]
    return float(text)


def key_of(document: Document) -> tuple[str, str]:
    return document["metadata"].get("namespace", ""), document["metadata"]["name"]


def uid_of(document: Document) -> str:
    return str(document["metadata"]["uid"])


def leaving(document: Document) -> bool:
    return "deletionTimestamp" in document["metadata"]


def owner_reference(resource: Resource, owner: Document) -> Document:
    return {
        "apiVersion": resource.api_version, "kind": resource.kind, "name": owner["metadata"]["name"],
        "uid": uid_of(owner), "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip


def owned(objects: Objects, resource: Resource, owner: Document) -> list[Document]:
    """Those that ``owner`` controls, by uid: labels may be copied."""
    namespace, uid = owner["metadata"].get("namespace", ""), uid_of(owner)
    return [
        each
        for each in objects.list(resource, Filter(namespace))
        if any(ref.get("controller") and ref["uid"] == uid for ref in each["metadata"].get("ownerReferences") or ())
    ]


def condition(document: Document, kind: str) -> Mapping[str, Any]:
    """Empty when there is none of this kind."""
    return condition_of((document.get("status") or {}).get("conditions") or (), kind)


def condition_of(conditions: Sequence[Document], kind: str) -> Mapping[str, Any]:
    return next((each for each in conditions if each["type"] == kind), {})


def with_condition(
    conditions: Sequence[Document], kind: str, status: str, reason: str = "", message: str = "", **more: Any
) -> list[Document]:
    """The conditions with this one; its transition time changes with its status alone."""
    before = condition_of(conditions, kind)
    same = before.get("status") == status
    fresh = {"type": kind, "status": status}
    fresh["lastTransitionTime"] = before["lastTransitionTime"] if same else identity.now()
    fresh |= {name: value for name, value in (("reason", reason), ("message", message)) if value} | more
    return [each for each in conditions if each["type"] != kind] + [fresh]


def without_condition(conditions: Sequence[Document], kind: str) -> list[Document]:
    return [each for each in conditions if each["type"] != kind]


def write_status(objects: Objects, resource: Resource, document: Document, status: Document) -> Document:
    """Nothing is written where nothing differs."""
    if document.get("status") == status:
        return document
    return objects.change(
        resource, *key_of(document), lambda live: live | {"status": status}, Options(MANAGER), "status"
    )


def replace_spec(objects: Objects, resource: Resource, document: Document, **changes: Any) -> Document:
    def work(live: Document) -> Document:
        return live | {"spec": live["spec"] | changes}

    return objects.change(resource, *key_of(document), work, Options(MANAGER))


def nonzero(**counts: int) -> dict[str, int]:
    """Counts as the API writes them: 0 is left out."""
    return {name: count for name, count in counts.items() if count}


def seconds_since(time: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()


def is_ready(pod: Document) -> bool:
    return condition(pod, "Ready").get("status") == "True"


def is_over(pod: Document) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
