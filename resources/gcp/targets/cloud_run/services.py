"""A deploy request as a Cloud Run service, and a service as an endpoint.

The model reaches the container as a read-only Cloud Storage volume, so the image needs no cloud SDK.
https://cloud.google.com/run/docs/configuring/services/cloud-storage-volume-mounts
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import DIGEST_TAG, MODEL_TAG, VERSION_TAG, DeployRequest, Endpoint, State
from intermodal.platform.targets import Target
from intermodal.resources.gcp.labels import labels

if TYPE_CHECKING:
    from google.cloud import run_v2

MODEL_PATH, PORT = "/mnt/model", 8080
CONTAINER_RESOURCES = {"cpu": "1", "memory": "1Gi"}
ATTEMPT = "intermodal-attempt"
LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"


def service_for(request: DeployRequest, target: Target) -> run_v2.Service:
    """The service that fulfils the request; raises SpecError when the artifacts are not in Cloud Storage."""
    from google.cloud import run_v2

    bucket, prefix = _bucket_and_prefix(request.artifacts)
    options = [f"only-dir={prefix}"] if prefix else []
    env = {
        "MODEL_URI": MODEL_PATH,
        "INTERMODAL_VERSION": request.version,
        "INTERMODAL_CLOUD": target.cloud,
        "INTERMODAL_TARGET": str(target),
        **request.variables,
    }
    return run_v2.Service(
        labels=labels(request.all_tags),
        annotations=request.all_tags,
        scaling=run_v2.ServiceScaling(scaling_mode=run_v2.ServiceScaling.ScalingMode.AUTOMATIC),
        traffic=[run_v2.TrafficTarget(type_=LATEST, percent=100)],
        template=run_v2.RevisionTemplate(
            labels=labels(request.all_tags),
            scaling=run_v2.RevisionScaling(
                min_instance_count=request.replicas, max_instance_count=max(request.replicas, 1)
            ),
            execution_environment=run_v2.ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN2,
            volumes=[
                run_v2.Volume(
                    name="model",
                    gcs=run_v2.GCSVolumeSource(bucket=bucket, read_only=True, mount_options=options),
                )
            ],
            containers=[
                run_v2.Container(
                    image=request.image,
                    env=[run_v2.EnvVar(name=name, value=value) for name, value in env.items()],
                    ports=[run_v2.ContainerPort(container_port=PORT)],
                    resources=run_v2.ResourceRequirements(limits=CONTAINER_RESOURCES, startup_cpu_boost=True),
                    volume_mounts=[run_v2.VolumeMount(name="model", mount_path=MODEL_PATH)],
                    startup_probe=_probe("/v2/health/ready", period=1, threshold=240),
                    liveness_probe=_probe("/v2/health/live", period=10, threshold=3),
                )
            ],
        ),
    )


def is_same(current: run_v2.Service, desired: run_v2.Service) -> bool:
    """Whether all fields that Intermodal sets are equal. Fields that the cloud adds do not count."""
    have, want = current.template, desired.template
    if not have.containers or not have.volumes:
        return False
    old, new = have.containers[0], want.containers[0]
    return (
        not changed_by_hand(current)
        and dict(current.labels).items() >= dict(desired.labels).items()
        and dict(current.annotations).items() >= dict(desired.annotations).items()
        and old.image == new.image
        and list(old.env) == list(new.env)
        and list(old.volume_mounts) == list(new.volume_mounts)
        and have.volumes[0].gcs == want.volumes[0].gcs
        and have.scaling == want.scaling
    )


def changed_by_hand(service: run_v2.Service) -> str:
    """Why the newest revision serves nothing or not all, though it may be ready: a person moved the traffic, or scaled
    the whole service. Empty: it serves.

    https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration and
    https://cloud.google.com/run/docs/configuring/services/manual-scaling
    """
    from google.cloud import run_v2

    if elsewhere := _elsewhere(service):
        shares = ", ".join(f"{entry.percent} % to revision '{entry.revision}'" for entry in elsewhere)
        return f"Its traffic does not go to the newest revision: {shares}."
    scaling = service.scaling
    if scaling.scaling_mode == run_v2.ServiceScaling.ScalingMode.MANUAL:
        return f"It is scaled by hand to {scaling.manual_instance_count} instances."
    if scaling.min_instance_count or 0 < scaling.max_instance_count < service.template.scaling.min_instance_count:
        return f"It is scaled by hand: {scaling.min_instance_count} to {scaling.max_instance_count or 'any'} instances."
    return ""  # a maximum above what is requested may be Google's default


def unserved(service: run_v2.Service) -> str:
    """Why the newest revision answers no request, or not all. Other numbers of instances still answer."""
    from google.cloud import run_v2

    manual = service.scaling.scaling_mode == run_v2.ServiceScaling.ScalingMode.MANUAL
    stopped = manual and not service.scaling.manual_instance_count
    return changed_by_hand(service) if stopped or _elsewhere(service) else ""


def _elsewhere(service: run_v2.Service) -> list[run_v2.TrafficTarget]:
    """Shares of the traffic that go to a revision by its name."""
    from google.cloud import run_v2

    latest = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
    return [entry for entry in service.traffic if entry.percent and entry.type_ != latest]


def endpoint_of(service: run_v2.Service, target: Target) -> Endpoint:
    state, reason = state_of(service)
    tags = service.annotations
    return Endpoint(
        target=target,
        name=service.name.rsplit("/", 1)[1],
        model=tags.get(MODEL_TAG, ""),
        version=tags.get(VERSION_TAG, ""),
        url=service.uri,
        state=state,
        reason=reason,
        digest=tags.get(DIGEST_TAG, ""),
    )


def state_of(service: run_v2.Service) -> tuple[State, str]:
    """Ready only when the newest revision serves. The reason is the cloud's."""
    from google.cloud import run_v2

    condition = service.terminal_condition
    if service.delete_time:
        return "deleting", ""
    if service.reconciling:
        return "creating", condition.message
    if condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED:
        return ("failed", reason) if (reason := unserved(service)) else ("ready", "")
    if condition.state == run_v2.Condition.State.CONDITION_FAILED:
        return "failed", condition.message
    return "creating", condition.message


def _bucket_and_prefix(artifacts: str) -> tuple[str, str]:
    parts = urlsplit(artifacts)
    if parts.scheme != "gs" or not parts.netloc:
        raise SpecError(
            f"Cloud Run serves artifacts from Cloud Storage, not from '{artifacts}'.",
            hint="Give the URI of the mirror in this cloud: gs://<bucket>/<prefix>.",
        )
    return parts.netloc, parts.path.strip("/")


def _probe(path: str, *, period: int, threshold: int) -> run_v2.Probe:
    from google.cloud import run_v2

    return run_v2.Probe(
        http_get=run_v2.HTTPGetAction(path=path, port=PORT),
        period_seconds=period,
        timeout_seconds=1,
        failure_threshold=threshold,
    )
