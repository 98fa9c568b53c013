"""Service -> EndpointSlice and Endpoints of its Pods, and a load balancer's address where the type wants one.

A ClusterIP is an address in documents only: nothing listens there.
"""

from typing import Any

from intermodal.platform.errors import IntermodalError
from intermodal.sandbox.kubernetes.controllers import parts, probes
from intermodal.sandbox.kubernetes.controllers.addresses import Addresses
from intermodal.sandbox.kubernetes.controllers.balancer import Backend, Balancer
from intermodal.sandbox.kubernetes.controllers.environment import ConfigError
from intermodal.sandbox.kubernetes.controllers.events import Recorder
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import ENDPOINT_SLICE, ENDPOINTS, POD, SERVICE, Resource
from intermodal.sandbox.kubernetes.selectors import Filter, from_spec
from intermodal.sandbox.kubernetes.store import Document
from intermodal.sandbox.kubernetes.writes import Options

RETRY_SECONDS = 5.0
NAME, MANAGED_BY = "kubernetes.io/service-name", "endpointslice.kubernetes.io/managed-by"


class Services:
    """``up`` False: the data path is out, so every connection is refused or cut."""

    def __init__(self, objects: Objects, addresses: Addresses) -> None:
        self._objects, self._addresses, self.up = objects, addresses, True
        self._balancers: dict[tuple[str, int], Balancer] = {}
        self._owners: set[str] = set()
        self._events = Recorder(objects, "service-controller")

    def endpoints(self) -> None:
        """Write which Pods belong to each Service."""
        for service in self._objects.list(SERVICE):
            if service["spec"].get("selector") and not parts.leaving(service):
                self._slice(service)

    def pods(self, service: Document) -> list[Document]:
        """That have an address and are not over."""
        selector = from_spec({"matchLabels": service["spec"]["selector"]})
        found = self._objects.list(POD, Filter(service["metadata"]["namespace"], selector))
        return [pod for pod in found if pod["status"].get("podIP") and not parts.is_over(pod)]

    def _slice(self, service: Document) -> None:
        pods, metadata = self.pods(service), service["metadata"]
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
        subset: Document = {"ports": [{name: value for name, value in port.items() if value} for port in ports]}
        for kind, wanted in (("addresses", True), ("notReadyAddresses", False)):
            if found := [_address(pod) for pod in pods if _serves(pod) is wanted and not parts.leaving(pod)]:
                subset[kind] = found
        subsets = [subset] if len(subset) > 1 else []
        stored = self._objects.store.get(ENDPOINTS, metadata["namespace"], metadata["name"])
        self._put(ENDPOINTS, stored, {"name": metadata["name"], "namespace": metadata["namespace"]},
            {"subsets": subsets})  # fmt: skip

    def _put(self, resource: Resource, stored: Document | None, metadata: Document, content: Document) -> None:
        if stored is None:
            self._objects.create(resource, {"metadata": metadata} | content, options=Options(parts.MANAGER))
        elif any((stored.get(name) or []) != value for name, value in content.items()):
            self._objects.update(resource, stored | content, Options(parts.MANAGER))

    async def balance(self) -> float | None:
        """Bring the load balancers to what Services and Pods say."""
        wanted: set[tuple[str, int]] = set()
        balanced, again = set[str](), False
        for service in self._objects.list(SERVICE):
            if service["spec"]["type"] != "LoadBalancer" or parts.leaving(service):
                if service["status"].get("loadBalancer"):
                    parts.write_status(self._objects, SERVICE, service, service["status"] | {"loadBalancer": {}})
                continue
            balanced.add(parts.uid_of(service))
            try:
                wanted |= await self._ensure(service)
            except (OSError, IntermodalError) as error:
                text = f"Error syncing load balancer: failed to ensure load balancer: {error}"
                self._events.warning(service, "SyncLoadBalancerFailed", text)
                again = True
        for key in self._balancers.keys() - wanted:
            await self._balancers.pop(key).stop()
        for owner in self._owners - balanced:
            self._addresses.release(owner)
        self._owners = balanced
        return RETRY_SECONDS if again else None

    async def _ensure(self, service: Document) -> set[tuple[str, int]]:
        before = (service["status"].get("loadBalancer") or {}).get("ingress") or [{}]
        address = self._addresses.of(parts.uid_of(service), before[0].get("ip", ""))
        pods = [pod for pod in self.pods(service) if _serves(pod) and not parts.leaving(pod)] if self.up else []
        sources, keys = service["spec"].get("loadBalancerSourceRanges") or (), set()
        for port in service["spec"]["ports"]:
            key = (address, port["port"])
            backends: list[Backend] = [
                (pod["status"]["podIP"], number) for pod in pods if (number := target(pod, port))
            ]
            balancer = self._balancers.setdefault(key, Balancer(*key))
            keys.add(key)
            await balancer.update(backends, sources)
        ingress: list[dict[str, Any]] = [{"ip": address, "ipMode": "VIP"}]
        if before != ingress:
            parts.write_status(
                self._objects, SERVICE, service, service["status"] | {"loadBalancer": {"ingress": ingress}}
            )
            self._events.normal(service, "EnsuredLoadBalancer", "Ensured load balancer")
        return keys

    async def cut(self) -> None:
        self.up = False
        for balancer in self._balancers.values():
            await balancer.stop()
        self._balancers.clear()


def _serves(pod: Document) -> bool:
    return parts.is_ready(pod)


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
    serving, ends = _serves(pod), parts.leaving(pod)
    conditions = {"ready": serving and not ends, "serving": serving, "terminating": ends}
    return {"addresses": [pod["status"]["podIP"]], "conditions": conditions, "nodeName": pod["spec"]["nodeName"],
        "targetRef": _reference(pod)}  # fmt: skip
