"""The NetworkPolicy of an endpoint. It holds where the cluster's network plug-in enforces policies."""

from collections.abc import Mapping

from intermodal.resources.kubernetes.labels import metadata, selector
from intermodal.resources.kubernetes.manifests.options import Json, Options
from intermodal.resources.kubernetes.manifests.pod import PORT

DNS_PORT = 53


def network_policy(name: str, tags: Mapping[str, str], options: Options) -> Json:
    """In: the gateway to the server's port; probes of the own node are always allowed. Out: names, and the object store
    that has the model and takes the prediction log. Its addresses change, so only the port is limited."""
    sources = [{"ipBlock": {"cidr": cidr}} for cidr in options.gateway_cidrs]
    names = [{"port": DNS_PORT, "protocol": protocol} for protocol in ("UDP", "TCP")]
    stores = [{"port": port, "protocol": "TCP"} for port in options.egress_ports]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(name, options.namespace, tags),
        "spec": {
            "podSelector": {"matchLabels": selector(name)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": sources, "ports": [{"port": PORT, "protocol": "TCP"}]}],
            "egress": [{"ports": names}, {"ports": stores}],
        },
    }
