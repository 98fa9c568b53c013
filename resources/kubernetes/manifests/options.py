"""What a cluster adds to the objects of its endpoints, as data of a cloud's adapter: manifests name no cloud."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from intermodal.platform.errors import SpecError

Json = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """``gateway_cidrs`` are the networks from which the gateway and Intermodal call; no other reaches a server.

    ``service_annotations`` make the load balancer internal on a cloud. ``service_account`` is the pods', ``pod_labels``
    are what a cloud's workload identity wants on them; ``secret`` is a Secret of the namespace whose entries become
    variables of the server: the object store's keys, which are in no manifest. ``variables`` are plain, such as the
    store's address. ``egress_ports`` are TCP ports of the object
    store and of the metadata service. ``cpu``, ``memory`` and ``temporary`` are Kubernetes quantities for one replica.
    """

    namespace: str
    gateway_cidrs: tuple[str, ...]
    service_annotations: Mapping[str, str] = field(default_factory=dict)
    service_account: str = ""
    pod_labels: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    egress_ports: tuple[int, ...] = (443,)
    cpu: str = "1"
    memory: str = "1Gi"
    temporary: str = "2Gi"

    def __post_init__(self) -> None:
        """SpecError for an empty list: Kubernetes takes it for every network, or every port."""
        if not self.gateway_cidrs or not self.egress_ports:
            raise SpecError(
                "Endpoints in a cluster have no networks that may call them, or no ports that they may call.",
                hint="Give the gateway's networks, and the object store's port.",
            )
