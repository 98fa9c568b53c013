"""The PodDisruptionBudget of an endpoint."""

from collections.abc import Mapping

from intermodal.resources.kubernetes.labels import metadata, selector
from intermodal.resources.kubernetes.manifests.options import Json


def disruption_budget(name: str, namespace: str, tags: Mapping[str, str]) -> Json:
    """One pod at a time leaves a node that is drained. An endpoint of one replica can be moved, too: a budget of none
    would block the upgrade of its node for ever. Pods that are not ready are no reason to wait."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(name, namespace, tags),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": selector(name)},
        },
    }
