"""What the server writes into metadata: names, ids, times, and addresses of Services."""

import ipaddress
import random
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from intermodal.sandbox.kubernetes.errors import bad_request

Document = dict[str, Any]
SERVER_FIELDS = (
    "uid",
    "creationTimestamp",
    "generation",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
SERVICE_NETWORK = ipaddress.ip_network("10.96.0.0/16")
NODE_PORTS = range(30000, 32768)


def now() -> str:
    """In whole seconds, as metav1.Time."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(document: Document) -> None:
    """Give a new object its name (from generateName), uid and time."""
    metadata = document["metadata"]
    if not metadata.get("name"):
        if not metadata.get("generateName"):
            raise bad_request("name or generateName is required")
        metadata["name"] = metadata["generateName"][:58] + "".join(random.choices(_LETTERS, k=5))
    for name in SERVER_FIELDS:
        metadata.pop(name, None)
    metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": now()}


def allocate(service: Document, others: Iterable[Document]) -> None:
    """Give a Service its cluster IP and node ports."""
    spec, specs = service["spec"], [other["spec"] for other in others]
    if spec["type"] == "ExternalName":
        return
    if not spec.get("clusterIP"):
        taken = {other.get("clusterIP") for other in specs}
        free = (str(address) for address in SERVICE_NETWORK.hosts() if str(address) not in taken)
        spec["clusterIP"] = next(free)
    spec["clusterIPs"] = [spec["clusterIP"]]
    if spec["type"] in ("NodePort", "LoadBalancer"):
        used = {port.get("nodePort") for other in specs for port in other.get("ports") or []}
        used |= {port.get("nodePort") for port in spec.get("ports") or []}
        unused = (number for number in NODE_PORTS if number not in used)
        for port in spec.get("ports") or []:
            if not port.get("nodePort"):
                port["nodePort"] = next(unused)
