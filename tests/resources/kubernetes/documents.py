"""Documents as an API server of Kubernetes 1.37 writes them, and requests."""

from typing import Any

from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.platform.targets import Target
from intermodal.resources.kubernetes.manifests.options import Options

TARGET = Target("onprem", "kubernetes")
DIGEST = "c0ffee" + "0" * 58
REQUEST = DeployRequest(
    model="flight_delay",
    version="1.2.0",
    environment="production",
    owner="team:airline-operations",
    image=f"registry.example/intermodal/flight_delay@sha256:{'ab' * 32}",
    artifacts="s3://models/flight_delay/1.2.0",
    replicas=2,
    predictions="s3://models/logs",
    tags={"cost_centre": "ops 42"},
    digest=DIGEST,
)
OPTIONS = Options(
    namespace="models",
    gateway_cidrs=("10.0.0.0/24", "fd00::/64"),
    service_annotations={"networking.gke.io/load-balancer-type": "Internal"},
    service_account="server",
    secret="object-store",
)
NAME = REQUEST.name
WHEN = "2026-12-01T10:00:00Z"


def deployment(
    generation: int = 1,
    observed: int | None = None,
    replicas: int = 2,
    updated: int = 2,
    total: int | None = None,
    available: int = 2,
    conditions: list[dict[str, Any]] | None = None,
    revision: int = 1,
) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": NAME,
            "namespace": "models",
            "uid": "d-1",
            "generation": generation,
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
        },
        "spec": {"replicas": replicas},
        "status": {
            "observedGeneration": generation if observed is None else observed,
            "replicas": updated if total is None else total,
            "updatedReplicas": updated,
            "availableReplicas": available,
            "conditions": conditions or [],
        },
    }


def replica_set(revision: int, available: int = 1, owner: str = "d-1") -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"{NAME}-{revision}",
            "uid": f"r-{revision}",
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "ownerReferences": [{"kind": "Deployment", "uid": owner, "controller": True}],
        },
        "spec": {
            "replicas": 1,
            "template": {
                "metadata": {"creationTimestamp": None, "labels": {"a": "b", "pod-template-hash": f"h{revision}"}},
                "spec": {"containers": [{"name": "server"}]},
            },
        },
        "status": {"replicas": 1, "availableReplicas": available},
    }


def pod(
    waiting: dict[str, str] | None = None,
    ended: dict[str, Any] | None = None,
    restarts: int = 0,
    conditions: list[dict[str, Any]] | None = None,
    name: str = "pod-a",
    **status: Any,
) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "server",
        "ready": False,
        "restartCount": restarts,
        "state": {"waiting": waiting} if waiting else {"running": {"startedAt": WHEN}},
        "lastState": {"terminated": ended} if ended else {},
    }
    return {
        "metadata": {"name": name},
        "status": {"phase": "Pending", "conditions": conditions or [], "containerStatuses": [container], **status},
    }
