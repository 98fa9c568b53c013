"""The Service of an endpoint: an address inside the network, for the gateway only."""

from collections.abc import Mapping

from intermodal.resources.kubernetes.labels import metadata, selector
from intermodal.resources.kubernetes.manifests.options import Json, Options

SERVICE_PORT = 80


def service(name: str, tags: Mapping[str, str], options: Options) -> Json:
    """``externalTrafficPolicy: Local`` keeps the gateway's address as the source, by which the NetworkPolicy decides.
    https://kubernetes.io/docs/tutorials/services/source-ip"""
    about = metadata(name, options.namespace, tags)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {**about, "annotations": {**options.service_annotations, **about["annotations"]}},
        "spec": {
            "type": "LoadBalancer",
            "selector": selector(name),
            "ports": [{"name": "http", "port": SERVICE_PORT, "protocol": "TCP", "targetPort": "http"}],
            "loadBalancerSourceRanges": list(options.gateway_cidrs),
            "externalTrafficPolicy": "Local",
        },
    }
