"""The HorizontalPodAutoscaler of an endpoint. It keeps the requested replicas also without metrics."""

from collections.abc import Mapping

from intermodal.resources.kubernetes.labels import metadata
from intermodal.resources.kubernetes.manifests.options import Json

CPU_PERCENT = 70
"""Of the requested CPU, on average over the replicas."""
GROWTH = 3
"""The most replicas, as a multiple of the requested ones."""
SHRINK_SECONDS = 300


def autoscaler(name: str, namespace: str, tags: Mapping[str, str], replicas: int) -> Json:
    target = {"type": "Utilization", "averageUtilization": CPU_PERCENT}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(name, namespace, tags),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": replicas,
            "maxReplicas": GROWTH * replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": SHRINK_SECONDS}},
        },
    }
