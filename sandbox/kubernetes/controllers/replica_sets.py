"""ReplicaSet -> Pods: as many as it wants, and their counts. Pods are its own by owner reference alone."""

import copy

from intermodal.sandbox.kubernetes.controllers import parts
from intermodal.sandbox.kubernetes.controllers.events import Recorder
from intermodal.sandbox.kubernetes.errors import ApiError
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import POD, REPLICA_SET
from intermodal.sandbox.kubernetes.store import Document
from intermodal.sandbox.kubernetes.writes import Options

RETRY_SECONDS = 1.0


def available(pod: Document, minimum: int) -> bool:
    """Ready for at least ``minimum`` seconds."""
    ready = parts.condition(pod, "Ready")
    return ready.get("status") == "True" and (not minimum or parts.seconds_since(ready["lastTransitionTime"]) > minimum)


class ReplicaSets:
    def __init__(self, objects: Objects) -> None:
        self._objects, self._events = objects, Recorder(objects, "replicaset-controller")

    def sync(self) -> float | None:
        """Seconds until it must look again without a change; None when it need not."""
        again = [self._sync(found) for found in self._objects.list(REPLICA_SET)]
        return RETRY_SECONDS if any(again) else None

    def _sync(self, owner: Document) -> bool:
        pods = [pod for pod in parts.owned(self._objects, POD, owner) if not parts.is_over(pod)]
        active = [pod for pod in pods if not parts.leaving(pod)]
        failed = ""
        if not parts.leaving(owner):
            failed = self._replicate(owner, active)
            active = [pod for pod in parts.owned(self._objects, POD, owner)
                      if not parts.is_over(pod) and not parts.leaving(pod)]  # fmt: skip
        minimum = owner["spec"].get("minReadySeconds", 0)
        ready = sum(map(parts.is_ready, active))
        enough = sum(available(pod, minimum) for pod in active)
        counts = parts.nonzero(fullyLabeledReplicas=len(active), readyReplicas=ready, availableReplicas=enough)
        status = {"replicas": len(active), "observedGeneration": owner["metadata"]["generation"]} | counts
        conditions = parts.without_condition(owner.get("status", {}).get("conditions") or [], "ReplicaFailure")
        if failed:
            before = owner["status"].get("conditions") or []
            conditions = parts.with_condition(before, "ReplicaFailure", "True", "FailedCreate", failed)
        if conditions:
            status["conditions"] = conditions
        parts.write_status(self._objects, REPLICA_SET, owner, status)
        return bool(failed) or enough < ready

    def _replicate(self, owner: Document, active: list[Document]) -> str:
        """Create or delete what differs. Why a Pod was refused; empty when none was."""
        wanted = owner["spec"]["replicas"]
        for _ in range(wanted - len(active)):
            try:
                pod = self._objects.create(POD, new_pod(owner), owner["metadata"]["namespace"], Options(parts.MANAGER))
            except ApiError as error:
                self._events.warning(owner, "FailedCreate", f"Error creating: {error}")
                return str(error)
            self._events.normal(owner, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
        if len(active) > wanted:
            for pod in sorted(active, key=_worth)[: len(active) - wanted]:
                self._objects.delete(POD, *parts.key_of(pod))
                self._events.normal(owner, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
        return ""


def new_pod(owner: Document) -> Document:
    template, metadata = copy.deepcopy(owner["spec"]["template"]), owner["metadata"]
    about = {name: template["metadata"][name] for name in ("labels", "annotations") if name in template["metadata"]}
    about |= {"generateName": f"{metadata['name']}-", "namespace": metadata["namespace"]}
    about["ownerReferences"] = [parts.owner_reference(REPLICA_SET, owner)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": template["spec"]}


def _worth(pod: Document) -> tuple[bool, bool, bool, int, float]:
    """What is deleted first sorts first: without a node, not running, not ready, restarted, young.
    Source: ActivePodsWithRanks in pkg/controller/controller_utils.go."""
    status = pod.get("status", {})
    restarts = sum(item.get("restartCount", 0) for item in status.get("containerStatuses") or ())
    age = parts.seconds_since(pod["metadata"]["creationTimestamp"])
    return bool(pod["spec"].get("nodeName")), status.get("phase") == "Running", parts.is_ready(pod), -restarts, age
