"""What the API server fills in: https://github.com/kubernetes/kubernetes/tree/master/pkg/apis (defaults.go of each)."""

import base64
from collections.abc import Callable
from typing import Any

Document = dict[str, Any]


def _set(target: Document, **values: Any) -> None:
    for name, value in values.items():
        if target.get(name) is None:
            target[name] = value


def _probe(probe: Document) -> None:
    _set(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if probe.get("httpGet") is not None:
        _set(probe["httpGet"], path="/", scheme="HTTP")
    if probe.get("grpc") is not None:
        _set(probe["grpc"], service="")


def _pulled(image: str) -> str:
    """Always for the tag ``latest`` or no tag; a digest counts as a tag."""
    tail = image.rsplit("/", 1)[-1]
    always = "@" not in tail and (":" not in tail or tail.endswith(":latest"))
    return "Always" if always else "IfNotPresent"


def _container(container: Document) -> None:
    _set(container, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File", resources={})
    if image := container.get("image"):
        _set(container, imagePullPolicy=_pulled(image))
    for port in container.get("ports") or []:
        _set(port, protocol="TCP")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name) is not None:
            _probe(container[name])
    for variable in container.get("env") or []:
        if reference := (variable.get("valueFrom") or {}).get("fieldRef"):
            _set(reference, apiVersion="v1")
    resources = container["resources"]
    if resources.get("limits"):
        requests = resources.setdefault("requests", {})
        for name, value in resources["limits"].items():
            requests.setdefault(name, value)


def _pod_spec(spec: Document, *, stored: bool = False) -> None:
    """``stored``: of a Pod itself; a template does not copy limits into requests."""
    _set(spec, restartPolicy="Always", dnsPolicy="ClusterFirst", schedulerName="default-scheduler",
        terminationGracePeriodSeconds=30, securityContext={})  # fmt: skip
    for container in (spec.get("initContainers") or []) + (spec.get("containers") or []):
        if isinstance(container, dict):
            requests = (container.get("resources") or {}).get("requests")
            _container(container)
            if not stored and requests is None:
                container["resources"].pop("requests", None)
    for volume in spec.get("volumes") or []:
        for name, mode in (("secret", 420), ("configMap", 420), ("projected", 420), ("downwardAPI", 420)):
            if volume.get(name) is not None:
                _set(volume[name], defaultMode=mode)
        if "hostPath" in volume:
            _set(volume["hostPath"], type="")
    if account := spec.get("serviceAccountName"):
        _set(spec, serviceAccount=account)


def _template(spec: Document) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    if isinstance(template.get("spec"), dict):
        _pod_spec(template["spec"])


def _deployment(spec: Document) -> None:
    _set(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    _set(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        _set(spec["strategy"], rollingUpdate={})
        _set(spec["strategy"]["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")
    _template(spec)


def _replica_set(spec: Document) -> None:
    _set(spec, replicas=1)
    _template(spec)


def _pod(spec: Document) -> None:
    _pod_spec(spec, stored=True)
    _set(spec, serviceAccountName="default", enableServiceLinks=True, preemptionPolicy="PreemptLowerPriority",
        priority=0)  # fmt: skip
    _set(spec, serviceAccount=spec["serviceAccountName"])


def _service(spec: Document) -> None:
    _set(spec, type="ClusterIP", sessionAffinity="None")
    if spec["type"] != "ExternalName":
        _set(spec, internalTrafficPolicy="Cluster", ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _set(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        _set(spec, allocateLoadBalancerNodePorts=True)
    for port in spec.get("ports") or []:
        _set(port, protocol="TCP", targetPort=port.get("port"))


def _job(spec: Document) -> None:
    _set(spec, backoffLimit=6, completionMode="NonIndexed", suspend=False, manualSelector=False,
        podReplacementPolicy="TerminatingOrFailed")  # fmt: skip
    if spec.get("completions") is None and spec.get("parallelism") is None:
        _set(spec, completions=1)
    _set(spec, parallelism=1)
    _template(spec)


def _autoscaler(spec: Document) -> None:
    _set(spec, minReplicas=1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _network_policy(spec: Document) -> None:
    _set(spec, podSelector={}, policyTypes=["Ingress", *(["Egress"] if spec.get("egress") is not None else [])])
    for rule in (spec.get("ingress") or []) + (spec.get("egress") or []):
        for port in rule.get("ports") or []:
            _set(port, protocol="TCP")


_SPECS: dict[str, Callable[[Document], None]] = {
    "Deployment": _deployment, "ReplicaSet": _replica_set, "Pod": _pod, "Service": _service, "Job": _job,
    "HorizontalPodAutoscaler": _autoscaler, "NetworkPolicy": _network_policy,
}  # fmt: skip


def _subsets(document: Document) -> None:
    for subset in document.get("subsets") or []:
        for port in subset.get("ports") or []:
            _set(port, protocol="TCP")


def _secret(document: Document) -> None:
    _set(document, type="Opaque")
    for name, value in (document.pop("stringData", None) or {}).items():
        document.setdefault("data", {})[name] = base64.b64encode(value.encode()).decode()


def fill(document: Document) -> None:
    """Fill in the document itself. It has passed the check of types."""
    kind = document["kind"]
    if change := _SPECS.get(kind):
        change(document.setdefault("spec", {}))
    if kind == "Namespace":
        _set(document, spec={})
        _set(document["spec"], finalizers=["kubernetes"])
        labels = document["metadata"].setdefault("labels", {})
        labels["kubernetes.io/metadata.name"] = document["metadata"].get("name", "")
    elif kind == "Secret":
        _secret(document)
    elif kind == "Endpoints":
        _subsets(document)
    elif kind == "EndpointSlice":
        for port in document.get("ports") or []:
            _set(port, name="", protocol="TCP")


def first_status(document: Document) -> Document | None:
    """The status that the API server itself gives a new object."""
    if document["kind"] == "Namespace":
        return {"phase": "Active"}
    if document["kind"] == "Pod":
        return {"phase": "Pending", "qosClass": _quality(document["spec"])}
    if document["kind"] == "Service":
        return {"loadBalancer": {}}
    if document["kind"] in ("Deployment", "Job"):
        return {}
    if document["kind"] == "ReplicaSet":
        return {"replicas": 0}
    return None


def _quality(spec: Document) -> str:
    """https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/"""
    found = [container.get("resources") or {} for container in spec.get("containers") or []]
    if not any(resources.get("requests") or resources.get("limits") for resources in found):
        return "BestEffort"
    names = ("cpu", "memory")
    guaranteed = all(
        name in (item.get("limits") or {}) and (item.get("requests") or {}).get(name) == item["limits"][name]
        for item in found for name in names
    )  # fmt: skip
    return "Guaranteed" if guaranteed else "Burstable"
