"""Cloud Run as a target (``gcp/cloud-run``): one service for each endpoint."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Self

import dagster as dg
from pydantic import Field

from intermodal.platform.errors import DeployFailed, IntermodalError, NotFound, Refused, Throttled, Unavailable
from intermodal.platform.ports import ownership
from intermodal.platform.ports.endpoints import ENVIRONMENT_TAG, DeployRequest, Endpoint, Upstream
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Feature, Limits, Target
from intermodal.resources.concurrency import succeeds_within
from intermodal.resources.error_templates import Templates, from_status
from intermodal.resources.gcp import identity
from intermodal.resources.gcp.errors import translated
from intermodal.resources.gcp.settings import GcpSettings
from intermodal.resources.gcp.targets.cloud_run.client import Services
from intermodal.resources.gcp.targets.cloud_run.figures import CloudRunFigures
from intermodal.resources.gcp.targets.cloud_run.services import (
    ATTEMPT,
    endpoint_of,
    is_same,
    service_for,
    state_of,
)
from intermodal.resources.polling import poll
from intermodal.resources.settings import environment

KIND = "Cloud Run service"
PAUSE_GROWTH = 1.5
INVOKE_SECONDS = 65
PROBE_SECONDS = 2.0
"""Limit of ``answers``, which asks whether Cloud Run's API is up."""
RESPONSES: Templates = {
    Refused: ("{text}", "Give this identity roles/run.invoker on the service."),
    Throttled: ("{text}", "Deploy more replicas, or send less."),
    Unavailable: ("{text}", "Look at the logs of '{name}' in Cloud Run."),
    IntermodalError: ("{text}", "Correct the request."),
}


class CloudRunTarget(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Serves versions as Cloud Run services, called with an ID token. Fulfils ``ports.EndpointTarget``.

    Limits: https://cloud.google.com/run/quotas (HTTP/1) and https://cloud.google.com/run/docs/container-contract.
    Credentials are Application Default Credentials; they need roles/run.admin and roles/iam.serviceAccountUser.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"gcp", "cloudrun"})
    extra: ClassVar[str] = "gcp"
    default: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(33_554_432, 33_554_432, answer_seconds=3600, start_seconds=240, name_length=49)
    lacks: ClassVar[Mapping[Feature, str]] = {}
    reserved_headers: ClassVar[tuple[str, ...]] = ("x-goog-*",)

    project: str = Field(description="The project's id.")
    region: str = Field(description="The region's name, for instance us-central1.")
    endpoint: str = Field(default="", description="Address of the Cloud Run Admin API; empty for Google's own.")
    timeout_seconds: float = Field(default=600, description="Limit of a deployment or a deletion, in seconds.")
    retry_seconds: float = Field(default=10, description="Limit of the retries of a failing call, in seconds.")
    named_region: str = Field(default="", description="The region in the target's name; empty: the default region.")
    environment: str = Field(default="sandbox", description="Figures are of services of this environment.")
    monitoring_endpoint: str = Field(default="", description="The Cloud Monitoring API; empty for Google's own.")
    monitor_delay_seconds: float = Field(default=240, description="Delay of Cloud Monitoring, in seconds.")

    @classmethod
    def of(cls, target: Target) -> Self:
        """By the site's settings. SpecError names the variables that are missing."""
        settings = GcpSettings.of(target.site)
        return cls(
            project=settings.project,
            region=settings.region,
            endpoint=settings.run_endpoint,
            named_region=target.region,
            environment=environment(),
            monitoring_endpoint=settings.monitoring_endpoint,
            monitor_delay_seconds=settings.monitor_delay_seconds,
        )

    @property
    def target(self) -> Target:
        return Target("gcp", "cloud-run", self.named_region)

    def deploy(self, request: DeployRequest) -> Endpoint:
        """Compare and correct until the service is as requested and ready.

        Each step starts from what there is, so the next deploy continues one that was killed.
        """
        desired, services, tried = service_for(request, self.target), self._services(), False
        seen = "creating"

        def step() -> Endpoint | None:
            nonlocal tried, seen
            current = services.find(request.name)
            if current is None:
                tried |= services.create(request.name, desired)
                return None
            ownership.require_requested(request, current.annotations, KIND)
            state, reason = state_of(current)
            seen = f"{state}. {reason}".rstrip(" .")
            if state in ("creating", "deleting"):
                tried |= is_same(current, desired)
            elif not is_same(current, desired):
                tried |= services.replace(current, desired)
            elif state == "ready":
                return endpoint_of(current, self.target)
            elif tried:
                raise _failure(services, request.name, current.latest_ready_revision, current.etag, reason)
            else:  # it failed in an earlier deploy: request a new revision of the same
                desired.template.annotations[ATTEMPT] = uuid.uuid4().hex
                tried |= services.replace(current, desired)
            return None

        if endpoint := poll(step, self.timeout_seconds, PAUSE_GROWTH):
            return endpoint
        raise DeployFailed(
            f"Cloud Run service '{request.name}' was not ready within {self.timeout_seconds:.0f} s: it is {seen}.",
            hint="It still exists. Deploy again to continue, or look at its logs in Cloud Run, or delete it.",
        )

    def describe(self, name: str) -> Endpoint | None:
        service = self._services().find(name)
        ours = service and ownership.is_named_so(name, service.annotations)
        return endpoint_of(service, self.target) if service and ours else None

    def list(self, environment: str, model: str | None = None) -> Sequence[Endpoint]:
        found = [s for s in self._services().list() if s.annotations.get(ENVIRONMENT_TAG) == environment]
        endpoints = (
            endpoint
            for service in found
            if ownership.is_named_so((endpoint := endpoint_of(service, self.target)).name, service.annotations)
        )
        return [endpoint for endpoint in endpoints if model is None or endpoint.model == model]

    def delete(self, name: str) -> None:
        """The service; Cloud Run deletes its revisions with it."""
        services = self._services()

        def gone() -> bool:
            current = services.find(name)
            if current is None:
                return True
            ownership.require_own_name(name, current.annotations, KIND)
            if not current.delete_time:
                services.delete(name, current.etag)  # exactly what was looked at
            return services.find(name) is None

        if not poll(gone, self.timeout_seconds, PAUSE_GROWTH):
            raise Unavailable(f"Cloud Run service '{name}' is still being deleted.", hint="Delete it again later.")

    def invoke(self, name: str, body: bytes) -> bytes:
        endpoint = self.describe(name)
        if endpoint is None:
            raise NotFound(f"No Cloud Run service '{name}' in {self.project}, {self.region}.", hint="Deploy it first.")
        from google.auth.transport.requests import AuthorizedSession

        with translated(f"call Cloud Run service '{name}'"):
            with AuthorizedSession(identity.caller(endpoint.url)) as session:  # type: ignore[no-untyped-call]
                headers = {"Content-Type": "application/json"}
                answer = session.post(_infer_url(endpoint), data=body, headers=headers, timeout=INVOKE_SECONDS)
        if answer.status_code == 200:
            return bytes(answer.content)
        text = f"Cloud Run service '{name}' answered {answer.status_code}: {answer.text[:500]}"
        raise from_status(answer.status_code, RESPONSES, text=text, name=name)

    def upstream(self, endpoint: Endpoint) -> Upstream:
        service = replace(endpoint, url=endpoint.url.removesuffix(_infer_path(endpoint)))
        return Upstream(self.target, endpoint.version, _infer_url(service), identity.id_token(service.url))

    def answers(self) -> bool:
        """Whether Cloud Run's API lists one service in time."""
        return succeeds_within(PROBE_SECONDS, lambda: self._services().probe(PROBE_SECONDS))

    def figures(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """What Cloud Monitoring measured, a row for each existing service; see CloudRunFigures."""
        return self._figures.read(self.list(self.environment, model or None), seconds)

    @property
    def _figures(self) -> CloudRunFigures:
        return CloudRunFigures(
            self.project, self.region, self.monitoring_endpoint, self.monitor_delay_seconds, self.retry_seconds
        )

    def _services(self) -> Services:
        return Services(self.project, self.region, self.endpoint, self.retry_seconds)


def _failure(services: Services, name: str, serving: str, etag: str, reason: str) -> DeployFailed:
    """The cloud's reason. A service that never served is deleted, unless it was changed meanwhile."""
    if serving:
        return DeployFailed(
            f"Cloud Run service '{name}' could not be updated: {reason}",
            hint="The revision before it keeps serving. Correct what the reason names and deploy again.",
        )
    services.delete(name, etag)
    return DeployFailed(
        f"Cloud Run service '{name}' did not become ready: {reason}",
        hint="It was deleted again. Correct what the reason names (image, artifacts, start-up) and deploy again.",
    )


def _infer_url(endpoint: Endpoint) -> str:
    return f"{endpoint.url.rstrip('/')}{_infer_path(endpoint)}"


def _infer_path(endpoint: Endpoint) -> str:
    return f"/v2/models/{endpoint.model}/infer"
