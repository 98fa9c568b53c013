"""A Deployment's status from its ReplicaSets: counts, and the conditions Available, Progressing, ReplicaFailure.

Source: pkg/controller/deployment/progress.go and https://kubernetes.io/docs/concepts/workloads/controllers/deployment
"""

from collections.abc import Sequence

from intermodal.sandbox.kubernetes import identity
from intermodal.sandbox.kubernetes.controllers import parts
from intermodal.sandbox.kubernetes.store import Document

_AVAILABLE = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
_UNAVAILABLE = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
_NOTES = {
    "created": ("NewReplicaSetCreated", 'Created new replica set "{}"'),
    "found": ("FoundNewReplicaSet", 'Found new replica set "{}"'),
}


def status_of(
    deployment: Document, new: Document | None, sets: Sequence[Document], unavailable: int, note: str
) -> Document:
    """``unavailable`` may be missing; ``note`` is what was done with the newest ReplicaSet in this sync."""
    before, wanted = deployment.get("status") or {}, deployment["spec"]["replicas"]

    def total(name: str) -> int:
        return sum(each["status"].get(name, 0) for each in sets)

    enough = total("availableReplicas")
    counts = parts.nonzero(
        replicas=total("replicas"),
        updatedReplicas=new["status"].get("replicas", 0) if new else 0,
        readyReplicas=total("readyReplicas"),
        availableReplicas=enough,
        unavailableReplicas=max(0, sum(each["spec"]["replicas"] for each in sets) - enough),
        collisionCount=before.get("collisionCount", 0),
    )
    status: Document = {"observedGeneration": deployment["metadata"]["generation"]} | counts
    conditions = list(before.get("conditions") or [])
    conditions = _updated(conditions, "Available", *(_AVAILABLE if enough >= wanted - unavailable else _UNAVAILABLE))
    if not deployment["spec"].get("paused"):
        conditions = _progress(conditions, deployment, status, new, note)
    elif parts.condition_of(conditions, "Progressing").get("reason") != "DeploymentPaused":
        conditions = _updated(conditions, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
    failures = [found for each in sets if (found := parts.condition(each, "ReplicaFailure"))]
    conditions = [each for each in conditions if each["type"] != "ReplicaFailure" or failures]
    if failures:
        found = failures[0]
        conditions = _updated(conditions, "ReplicaFailure", found["status"], found["reason"], found["message"])
    return status | {"conditions": conditions}


def _progress(
    conditions: list[Document], deployment: Document, status: Document, new: Document | None, note: str
) -> list[Document]:
    name = f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
    last, before = parts.condition_of(conditions, "Progressing"), deployment.get("status") or {}
    if note and new:
        reason, text = _NOTES[note]
        conditions = _updated(conditions, "Progressing", "True", reason, text.format(new["metadata"]["name"]))
        last = parts.condition_of(conditions, "Progressing")
    elif last.get("reason") == "NewReplicaSetAvailable" and status.get("replicas") == status.get("updatedReplicas"):
        return conditions  # what a complete Deployment loses is no lack of progress
    if new and _complete(deployment["spec"]["replicas"], status):
        text = f"{name} has successfully progressed."
        return _updated(conditions, "Progressing", "True", "NewReplicaSetAvailable", text)
    if _moved(before, status):
        text = f"{name} is progressing."
        return _updated(conditions, "Progressing", "True", "ReplicaSetUpdated", text, again=True)
    deadline = deployment["spec"]["progressDeadlineSeconds"]
    if last and last["status"] == "True" and parts.seconds_since(last["lastUpdateTime"]) > deadline:
        text = f"{name} has timed out progressing."
        return _updated(conditions, "Progressing", "False", "ProgressDeadlineExceeded", text)
    return conditions


def _complete(wanted: int, status: Document) -> bool:
    return all(status.get(name, 0) == wanted for name in ("updatedReplicas", "replicas", "availableReplicas"))


def _moved(before: Document, after: Document) -> bool:
    def count(status: Document, name: str) -> int:
        return int(status.get(name, 0))

    old = [count(status, "replicas") - count(status, "updatedReplicas") for status in (before, after)]
    more = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return old[1] < old[0] or any(count(after, name) > count(before, name) for name in more)


def _updated(
    conditions: list[Document], kind: str, status: str, reason: str, message: str, *, again: bool = False
) -> list[Document]:
    """``again``: its time of update is now also when nothing differs."""
    last = parts.condition_of(conditions, kind)
    if not again and (last.get("status"), last.get("reason"), last.get("message")) == (status, reason, message):
        return conditions
    return parts.with_condition(conditions, kind, status, reason, message, lastUpdateTime=identity.now())
