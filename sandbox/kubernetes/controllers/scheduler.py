"""Pods get the node when it has the CPU and memory that they request, or a condition that says what lacks."""

from intermodal.sandbox.kubernetes.controllers import parts
from intermodal.sandbox.kubernetes.controllers.events import Recorder
from intermodal.sandbox.kubernetes.controllers.options import Options
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import NODE, POD
from intermodal.sandbox.kubernetes.store import Document
from intermodal.sandbox.kubernetes.writes import Options as WriteOptions

_PREEMPTION = "preemption: 0/1 nodes are available: {}"


def requested(pod: Document, name: str) -> float:
    """CPUs or bytes."""
    found = [(each.get("resources") or {}).get("requests") or {} for each in pod["spec"]["containers"]]
    return sum(parts.quantity(each.get(name, 0)) for each in found)


class Scheduler:
    def __init__(self, objects: Objects, options: Options) -> None:
        self._objects, self._events, self._options = objects, Recorder(objects, "default-scheduler"), options

    def sync(self) -> None:
        pods = self._objects.list(POD)
        placed = [pod for pod in pods if pod["spec"].get("nodeName") and not parts.is_over(pod)]
        for pod in pods:
            if pod["spec"].get("nodeName") or parts.leaving(pod) or parts.is_over(pod):
                continue
            if lack := self._lack(pod, placed):
                self._refuse(pod, lack)
            else:
                placed.append(self._assign(pod))

    def _lack(self, pod: Document, placed: list[Document]) -> str:
        """What the node lacks for this Pod, in the scheduler's words."""
        node = self._objects.get(NODE, "", self._options.node)
        if parts.condition(node, "Ready").get("status") != "True":
            taint = "{node.kubernetes.io/unreachable: }"
            return f"1 node(s) had untolerated taint(s) {taint}. no new claims to deallocate, " + _PREEMPTION.format(
                "1 Preemption is not helpful for scheduling."
            )
        labels = node["metadata"].get("labels") or {}
        if any(labels.get(key) != value for key, value in (pod["spec"].get("nodeSelector") or {}).items()):
            words = "1 Preemption is not helpful for scheduling."
            return "1 node(s) didn't match Pod's node affinity/selector. " + _PREEMPTION.format(words)
        full = []
        for name in ("cpu", "memory"):
            room = parts.quantity(node["status"]["allocatable"][name]) - sum(requested(each, name) for each in placed)
            if requested(pod, name) > room:
                full.append(f"1 Insufficient {name}")
        if len(placed) >= int(node["status"]["allocatable"]["pods"]):
            full.append("1 Too many pods")
        words = "1 No preemption victims found for incoming pod."
        return f"{', '.join(full)}. {_PREEMPTION.format(words)}" if full else ""

    def _refuse(self, pod: Document, lack: str) -> None:
        message = f"0/1 nodes are available: {lack}"
        if parts.condition(pod, "PodScheduled").get("message") == message:
            return
        before = pod["status"].get("conditions") or []
        conditions = parts.with_condition(before, "PodScheduled", "False", "Unschedulable", message)
        parts.write_status(self._objects, POD, pod, pod["status"] | {"conditions": conditions})
        self._events.warning(pod, "FailedScheduling", message)

    def _assign(self, pod: Document) -> Document:
        node = self._options.node

        def work(live: Document) -> Document:
            return live | {"spec": live["spec"] | {"nodeName": node}}

        pod = self._objects.change(POD, *parts.key_of(pod), work, WriteOptions("kube-scheduler"))
        conditions = parts.with_condition(pod["status"].get("conditions") or [], "PodScheduled", "True")
        pod = parts.write_status(self._objects, POD, pod, pod["status"] | {"conditions": conditions})
        namespace, name = parts.key_of(pod)
        self._events.normal(pod, "Scheduled", f"Successfully assigned {namespace}/{name} to {node}")
        return pod
