"""Service -> a load balancer's address where the type wants one.

A ClusterIP is an address in documents only: nothing listens there.
"""

from typing import Any

from intermodal.platform.errors import IntermodalError
from intermodal.sandbox.kubernetes.controllers import parts
from intermodal.sandbox.kubernetes.controllers.addresses import Addresses
from intermodal.sandbox.kubernetes.controllers.balancer import Backend, Balancer
from intermodal.sandbox.kubernetes.controllers.endpoints import pods_of, target
from intermodal.sandbox.kubernetes.controllers.events import Recorder
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import SERVICE
from intermodal.sandbox.kubernetes.store import Document

RETRY_SECONDS = 5.0


class Services:
    """``up`` False: the data path is out, so every connection is refused or cut."""

    def __init__(self, objects: Objects, addresses: Addresses) -> None:
        self._objects, self._addresses, self.up = objects, addresses, True
        self._balancers: dict[tuple[str, int], Balancer] = {}
        self._owners: set[str] = set()
        self._events = Recorder(objects, "service-controller")

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
        pods = (
            [pod for pod in pods_of(self._objects, service) if parts.is_ready(pod) and not parts.leaving(pod)]
            if self.up
            else []
        )
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
