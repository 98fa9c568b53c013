"""How far a Deployment is, from its documents: done, failed with a reason, or on its way. Without I/O.

https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from intermodal.resources.kubernetes.manifests.options import Json
from intermodal.resources.kubernetes.pods import PodFailure, condition, first_failure, pending

REVISION = "deployment.kubernetes.io/revision"
TEMPLATE_HASH = "pod-template-hash"


def is_complete(deployment: Json, replicas: int = 1) -> bool:
    """Whether every replica has the newest template and is available, at least ``replicas`` of them, and no other is
    left. A status of an earlier generation says nothing."""
    status = deployment.get("status", {})
    wanted = max(deployment["spec"].get("replicas", 1), replicas)
    updated = status.get("updatedReplicas", 0)
    return (
        is_observed(deployment)
        and updated >= wanted
        and status.get("replicas", 0) == updated
        and status.get("availableReplicas", 0) >= wanted
    )


def is_observed(deployment: Json) -> bool:
    return bool(deployment.get("status", {}).get("observedGeneration", 0) >= deployment["metadata"]["generation"])


def failure(deployment: Json, pods: Sequence[Json], now: datetime) -> PodFailure | None:
    """Why the newest template cannot become available; None while it still may. ``pods`` are those of that template."""
    if not is_observed(deployment):
        return None
    if found := first_failure(pods, now):
        return found
    blocked = condition(deployment, "ReplicaFailure")
    if blocked.get("status") == "True":
        return PodFailure("", f"{blocked.get('reason', 'ReplicaFailure')}: {blocked.get('message', '')}")
    progress = condition(deployment, "Progressing")
    if progress.get("status") == "False" and progress.get("reason") == "ProgressDeadlineExceeded":
        seen = pending(pods) or str(progress.get("message", ""))
        return PodFailure("", f"ProgressDeadlineExceeded: {seen}")
    return None


def seen(deployment: Json, pods: Sequence[Json]) -> str:
    """What a deployment waits for, for the message when the time is over."""
    if not is_observed(deployment):
        return "the Deployment controller has not seen the change"
    if waits := pending(pods):
        return waits
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    return f"{updated} of {wanted} replicas have the new template, {available} are available"


def owned(documents: Sequence[Json], owner: Json) -> list[Json]:
    """Those that ``owner`` controls: labels may be copied, a uid not."""
    uid = owner["metadata"]["uid"]
    return [
        each
        for each in documents
        if any(ref.get("controller") and ref["uid"] == uid for ref in each["metadata"].get("ownerReferences", ()))
    ]


def revision(document: Json) -> int:
    """A Deployment's or ReplicaSet's; 0 before the controller numbered it."""
    annotations: Mapping[str, str] = document["metadata"].get("annotations") or {}
    return int(annotations.get(REVISION, "0"))


def newest(deployment: Json, replica_sets: Sequence[Json]) -> Json | None:
    """The ReplicaSet of the Deployment's template; None until the controller made or chose it."""
    if not is_observed(deployment):
        return None
    return next((each for each in replica_sets if revision(each) == revision(deployment)), None)


def serving_before(deployment: Json, replica_sets: Sequence[Json]) -> Json | None:
    """The newest earlier ReplicaSet with an available replica: what callers get while the new template fails.

    None when nothing serves: a first deployment, or one whose replicas are all gone."""
    serving = [
        each
        for each in replica_sets
        if revision(each) < revision(deployment) and each.get("status", {}).get("availableReplicas", 0)
    ]
    return max(serving, key=revision, default=None)


def template_of(replica_set: Json) -> Json:
    """The pod template that it was made from: without the label that the controller adds."""
    found = replica_set["spec"]["template"]
    labels = {key: value for key, value in found["metadata"]["labels"].items() if key != TEMPLATE_HASH}
    about = {key: value for key, value in found["metadata"].items() if key != "creationTimestamp"}
    return {**found, "metadata": {**about, "labels": labels}}
