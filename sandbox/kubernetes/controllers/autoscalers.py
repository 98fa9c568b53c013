"""HorizontalPodAutoscaler: replicas by the CPU that the processes of a Deployment's Pods use, of what they request."""

import asyncio
import math

from intermodal.sandbox.kubernetes import identity
from intermodal.sandbox.kubernetes.controllers import parts, scaling_rule
from intermodal.sandbox.kubernetes.controllers.events import Recorder
from intermodal.sandbox.kubernetes.controllers.kubelet import Kubelet
from intermodal.sandbox.kubernetes.controllers.scheduler import requested
from intermodal.sandbox.kubernetes.errors import ApiError
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import AUTOSCALER, DEPLOYMENT, POD, REPLICA_SET
from intermodal.sandbox.kubernetes.selectors import Filter, from_spec
from intermodal.sandbox.kubernetes.store import Document

PERIOD_SECONDS, SHRINK_SECONDS = 15.0, 300
_SCALED = {"Deployment": DEPLOYMENT, "ReplicaSet": REPLICA_SET}


class Autoscalers:
    """Other metrics than CPU utilization are not emulated: they count as missing, and only the bounds hold."""

    def __init__(self, objects: Objects, kubelet: Kubelet, pace: float) -> None:
        self._objects, self._kubelet, self._pace = objects, kubelet, pace
        self._events = Recorder(objects, "horizontal-pod-autoscaler")
        self._due = 0.0
        self._samples: dict[str, tuple[float, float]] = {}
        self._wanted: dict[str, list[tuple[float, int]]] = {}

    def sync(self) -> float | None:
        found = self._objects.list(AUTOSCALER)
        now = asyncio.get_running_loop().time()
        if not found:
            return None
        bounds_hold = all(self._within(each) for each in found)
        if now < self._due and bounds_hold:
            return self._due - now
        self._due = now + PERIOD_SECONDS * self._pace
        for each in found:
            self._sync(each, now)
        return PERIOD_SECONDS * self._pace

    def _target(self, autoscaler: Document) -> Document | None:
        reference = autoscaler["spec"]["scaleTargetRef"]
        resource = _SCALED.get(reference["kind"])
        namespace = autoscaler["metadata"]["namespace"]
        return self._objects.store.get(resource, namespace, reference["name"]) if resource else None

    def _within(self, autoscaler: Document) -> bool:
        target, spec = self._target(autoscaler), autoscaler["spec"]
        if target is None or not target["spec"]["replicas"]:
            return True
        return bool(spec["minReplicas"] <= target["spec"]["replicas"] <= spec["maxReplicas"])

    def _sync(self, autoscaler: Document, now: float) -> None:
        spec, target = autoscaler["spec"], self._target(autoscaler)
        reference = spec["scaleTargetRef"]
        conditions = list((autoscaler.get("status") or {}).get("conditions") or [])
        if target is None:
            text = f"the HPA controller was unable to get the target's current scale: {reference['name']} not found"
            conditions = parts.with_condition(conditions, "AbleToScale", "False", "FailedGetScale", text)
            self._write(autoscaler, {"desiredReplicas": 0, "conditions": conditions})
            return
        replicas = target["spec"]["replicas"]
        if not replicas:
            text = "scaling is disabled since the replica count of the target is zero"
            conditions = parts.with_condition(conditions, "ScalingActive", "False", "ScalingDisabled", text)
            self._write(autoscaler, {"desiredReplicas": 0, "conditions": conditions})
            return
        percent, goal = self._usage(target, now), _goal(spec)
        status: Document = {}
        wanted = replicas
        if percent is None or goal is None:
            text = "the HPA was unable to compute the replica count: no metrics returned from resource metrics API"
            conditions = parts.with_condition(conditions, "ScalingActive", "False", "FailedGetResourceMetric", text)
        else:
            wanted = scaling_rule.desired(replicas, percent, goal)
            text = "the HPA was able to successfully calculate a replica count from cpu resource utilization"
            conditions = parts.with_condition(conditions, "ScalingActive", "True", "ValidMetricFound", text)
            current = {"averageUtilization": math.floor(percent), "averageValue": "0"}
            status["currentMetrics"] = [{"type": "Resource", "resource": {"name": "cpu", "current": current}}]
        wanted = self._stable(autoscaler, wanted, replicas, now)
        wanted = scaling_rule.bounded(replicas, wanted, spec["minReplicas"], spec["maxReplicas"])
        conditions = parts.with_condition(conditions, "AbleToScale", "True", "ReadyForNewScale",
            "recommended size matches current size")  # fmt: skip
        before = autoscaler.get("status") or {}
        if "lastScaleTime" in before:
            status["lastScaleTime"] = before["lastScaleTime"]
        if wanted != replicas:
            self._rescale(autoscaler, target, wanted)
            status["lastScaleTime"] = identity.now()
        current_replicas = target.get("status", {}).get("replicas", 0)
        counts = {"currentReplicas": current_replicas, "desiredReplicas": wanted}
        self._write(autoscaler, counts | status | {"conditions": conditions})

    def _rescale(self, autoscaler: Document, target: Document, wanted: int) -> None:
        why = "All metrics below target" if wanted < target["spec"]["replicas"] else (
            "cpu resource utilization (percentage of request) above target")  # fmt: skip
        if not self._within(autoscaler):
            why = "Current number of replicas is outside of spec.minReplicas and spec.maxReplicas"
        parts.replace_spec(self._objects, _SCALED[target["kind"]], target, replicas=wanted)
        self._events.normal(autoscaler, "SuccessfulRescale", f"New size: {wanted}; reason: {why}")

    def _stable(self, autoscaler: Document, wanted: int, replicas: int, now: float) -> int:
        down = (autoscaler["spec"].get("behavior") or {}).get("scaleDown") or {}
        window = (down.get("stabilizationWindowSeconds", SHRINK_SECONDS)) * self._pace
        known = self._wanted.get(parts.uid_of(autoscaler), [])
        known = [each for each in known if now - each[0] <= window]
        self._wanted[parts.uid_of(autoscaler)] = [*known, (now, wanted)]
        return scaling_rule.stabilised(wanted, replicas, [each[1] for each in known])

    def _usage(self, target: Document, now: float) -> float | None:
        """Percent of the requested CPU since the last look, on average; None where nothing is requested or known."""
        chosen = Filter(target["metadata"]["namespace"], from_spec(target["spec"]["selector"]))
        used = demand = 0.0
        for pod in self._objects.list(POD, chosen):
            uid = parts.uid_of(pod)
            if not parts.is_ready(pod) or parts.leaving(pod) or uid not in self._kubelet.running:
                continue
            before, seconds = self._samples.get(uid), self._kubelet.cpu_seconds(uid)
            self._samples[uid] = (now, seconds)
            if before is None or before[0] == now or not requested(pod, "cpu"):
                continue
            used += max(0.0, seconds - before[1]) / (now - before[0])
            demand += requested(pod, "cpu")
        return 100 * used / demand if demand else None

    def _write(self, autoscaler: Document, status: Document) -> None:
        try:
            parts.write_status(self._objects, AUTOSCALER, autoscaler, status)
        except ApiError as error:
            if error.code != 404:  # deleted meanwhile
                raise


def _goal(spec: Document) -> float | None:
    for metric in spec["metrics"]:
        resource = metric.get("resource") or {}
        if resource.get("name") == "cpu" and (percent := resource["target"].get("averageUtilization")):
            return float(percent)
    return None
