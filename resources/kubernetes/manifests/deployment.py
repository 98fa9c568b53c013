"""The Deployment of an endpoint."""

from collections.abc import Mapping

from intermodal.resources.kubernetes.labels import metadata, selector
from intermodal.resources.kubernetes.manifests.options import Json

PROGRESS_SECONDS = 600
KEPT_REVISIONS = 2
"""ReplicaSets of earlier templates that stay: a failed change is undone from one of them."""


def deployment(name: str, namespace: str, tags: Mapping[str, str], template: Json) -> Json:
    """It keeps every replica that serves until a new one is ready.

    ``replicas`` is left out: the autoscaler changes it, and a manager that applies it would take it back each time.
    https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership
    """
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(name, namespace, tags),
        "spec": {
            "selector": {"matchLabels": selector(name)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "revisionHistoryLimit": KEPT_REVISIONS,
            "progressDeadlineSeconds": PROGRESS_SECONDS,
            "template": template,
        },
    }
