"""Service -> EndpointSlice and Endpoints of its Pods."""

from collections.abc import Sequence

from intermodal.sandbox.kubernetes.controllers import parts, probes
from intermodal.sandbox.kubernetes.controllers.environment import ConfigError
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import ENDPOINT_SLICE, ENDPOINTS, POD, SERVICE, Resource
from intermodal.sandbox.kubernetes.selectors import Filter, from_spec
from intermodal.sandbox.kubernetes.store import Document
from intermodal.sandbox.kubernetes.writes import Options

NAME, MANAGED_BY = "kubernetes.io/service-name", "endpointslice.kubernetes.io/managed-by"


class Endpoints:
    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def sync(self) -> None:
        """Write which Pods belong to each Service."""
        for service in self._objects.list(SERVICE):
            if service["spec"].get("selector") and not parts.leaving(service):
                self._slice(service)

    def _slice(self, service: Document) -> None:
        pods, metadata = pods_of(self._objects, service), service["metadata"]
        ports = [
            {"name": port.get("name", ""), "protocol": port["protocol"], "port": number}
            for port in service["spec"].get("ports") or ()
            if (number := next((found for pod in pods if (found := target(pod, port))), 0))
        ]
        about = {
            "namespace": metadata["namespace"],
            "labels": {NAME: metadata["name"], MANAGED_BY: "endpointslice-controller.k8s.io"},
            "ownerReferences": [parts.owner_reference(SERVICE, service)],
        }  # fmt: skip
        points = [_endpoint(pod) for pod in pods]
        existing = parts.owned(self._objects, ENDPOINT_SLICE, service)
        self._put(ENDPOINT_SLICE, existing[0] if existing else None, about | {"generateName": f"{metadata['name']}-"},
            {"addressType": "IPv4", "endpoints": points, "ports": ports})  # fmt: skip
        subsets = _subsets(pods, ports)
        stored = self._objects.store.get(ENDPOINTS, metadata["namespace"], metadata["name"])
        self._put(ENDPOINTS, stored, {"name": metadata["name"], "namespace": metadata["namespace"]},
            {"subsets": subsets})  # fmt: skip

    def _put(self, resource: Resource, stored: Document | None, metadata: Document, content: Document) -> None:
        if stored is None:
            self._objects.create(resource, {"metadata": metadata} | content, options=Options(parts.MANAGER))
        elif any((stored.get(name) or []) != value for name, value in content.items()):
            self._objects.update(resource, stored | content, Options(parts.MANAGER))


def pods_of(objects: Objects, service: Document) -> list[Document]:
    """A Service's, that have an address and are not over. None without a selector."""
    selector = from_spec({"matchLabels": service["spec"].get("selector") or {}})
    found = objects.list(POD, Filter(service["metadata"]["namespace"], selector)) if selector else []
    return [pod for pod in found if pod["status"].get("podIP") and not parts.is_over(pod)]


def _subsets(pods: Sequence[Document], ports: Sequence[Document]) -> list[Document]:
    staying = [pod for pod in pods if not parts.leaving(pod)]
    subset: Document = {}
    for kind, wanted in (("addresses", True), ("notReadyAddresses", False)):
        if found := [_address(pod) for pod in staying if parts.is_ready(pod) is wanted]:
            subset[kind] = found
    bare = [{name: value for name, value in port.items() if value} for port in ports]
    return [subset | {"ports": bare}] if subset else []


def target(pod: Document, port: Document) -> int:
    """The Pod's port behind a Service's; 0 where it has none of this name."""
    for container in pod["spec"]["containers"]:
        try:
            return probes.port_of(container, port["targetPort"])
        except ConfigError:
            continue
    return 0


def _reference(pod: Document) -> Document:
    metadata = pod["metadata"]
    return {"kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]}


def _address(pod: Document) -> Document:
    return {"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": _reference(pod)}


def _endpoint(pod: Document) -> Document:
    serving, ends = parts.is_ready(pod), parts.leaving(pod)
    conditions = {"ready": serving and not ends, "serving": serving, "terminating": ends}
    return {"addresses": [pod["status"]["podIP"]], "conditions": conditions, "nodeName": pod["spec"]["nodeName"],
        "targetRef": _reference(pod)}  # fmt: skip
