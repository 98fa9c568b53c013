"""All objects of an endpoint, in the order in which they are applied."""

from collections.abc import Sequence

from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.platform.targets import Target
from intermodal.resources.kubernetes.manifests.autoscaler import autoscaler
from intermodal.resources.kubernetes.manifests.deployment import deployment
from intermodal.resources.kubernetes.manifests.disruption import disruption_budget
from intermodal.resources.kubernetes.manifests.network import network_policy
from intermodal.resources.kubernetes.manifests.options import Json, Options
from intermodal.resources.kubernetes.manifests.pod import template
from intermodal.resources.kubernetes.manifests.service import service


def objects(request: DeployRequest, target: Target, options: Options) -> Sequence[Json]:
    """The network is closed before a pod runs. The load balancer starts while the image is pulled."""
    name, tags, namespace = request.name, request.all_tags, options.namespace
    return (
        network_policy(name, tags, options),
        service(name, tags, options),
        deployment(name, namespace, tags, template(request, target, options)),
        disruption_budget(name, namespace, tags),
        autoscaler(name, namespace, tags, max(request.replicas, 1)),
    )
