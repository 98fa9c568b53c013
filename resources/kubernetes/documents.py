"""A Deployment and its Service as an endpoint."""

from collections.abc import Sequence
from datetime import datetime

from intermodal.platform.ports.endpoints import DIGEST_TAG, MODEL_TAG, VERSION_TAG, Endpoint, State
from intermodal.platform.targets import Target
from intermodal.resources.kubernetes import progress
from intermodal.resources.kubernetes.labels import tags_of
from intermodal.resources.kubernetes.manifests.options import Json
from intermodal.resources.kubernetes.manifests.service import SERVICE_PORT


def address_of(service: Json) -> str:
    """Where the load balancer answers, as a URL has it; empty while it has no address."""
    found = service.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    address = str(found[0].get("hostname") or found[0].get("ip") or "")
    return f"[{address}]" if ":" in address else address


def url_of(service: Json, model: str) -> str:
    return f"http://{address_of(service)}:{SERVICE_PORT}/v2/models/{model}/infer"


def endpoint_of(
    deployment: Json,
    service: Json | None,
    target: Target,
    replica_sets: Sequence[Json],
    pods: Sequence[Json],
    now: datetime,
) -> Endpoint:
    """``replica_sets`` are the Deployment's, and ``pods`` those of its newest template; both are needed only while it
    is not complete. The digest is that of what serves: an earlier template's until the newest one is alone."""
    before = None if progress.is_complete(deployment) else progress.serving_before(deployment, replica_sets)
    tags = tags_of(before or deployment)
    state, reason = _state(deployment, service, pods, now)
    return Endpoint(
        target=target,
        name=deployment["metadata"]["name"],
        model=tags.get(MODEL_TAG, ""),
        version=tags.get(VERSION_TAG, ""),
        url=url_of(service, tags.get(MODEL_TAG, "")) if service and address_of(service) else "",
        state=state,
        reason=reason,
        digest=tags.get(DIGEST_TAG, ""),
    )


def _state(deployment: Json, service: Json | None, pods: Sequence[Json], now: datetime) -> tuple[State, str]:
    if "deletionTimestamp" in deployment["metadata"]:
        return "deleting", ""
    if deployment.get("status", {}).get("availableReplicas", 0):
        if service is None:
            return "failed", "Its Service is gone: deploy again to restore it."
        return ("ready", "") if address_of(service) else ("creating", "Its Service has no address yet.")
    if found := progress.failure(deployment, pods, now):
        return "failed", found.reason
    return "creating", progress.seen(deployment, pods)
