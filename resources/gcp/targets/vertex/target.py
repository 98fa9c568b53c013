"""Vertex AI, now Gemini Enterprise Agent Platform, as a target (``gcp/vertex``): one dedicated endpoint for each."""

from collections.abc import Mapping, Sequence
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
from intermodal.resources.gcp.api import CALL_SECONDS, Json
from intermodal.resources.gcp.errors import translated
from intermodal.resources.gcp.settings import GcpSettings
from intermodal.resources.gcp.targets.vertex.client import Vertex
from intermodal.resources.gcp.targets.vertex.documents import (
    INFERENCE_SECONDS,
    endpoint_of,
    serving,
    tags_of,
    wanted,
)
from intermodal.resources.gcp.targets.vertex.figures import VertexFigures
from intermodal.resources.gcp.targets.vertex.rollout import KIND, Removal, Rollout
from intermodal.resources.polling import poll
from intermodal.resources.settings import environment

PAUSE_GROWTH = 1.5
INVOKE_SECONDS = 65
PROBE_SECONDS = 2.0
"""Limit of ``answers``, which asks whether Vertex AI's API is up."""
RESPONSES: Templates = {
    Refused: ("{text}", "Give this identity roles/aiplatform.user in the project."),
    Throttled: ("{text}", "Deploy more replicas, or send less."),
    Unavailable: ("{text}", "Look at the logs of '{name}' in Vertex AI."),
    IntermodalError: ("{text}", "Correct the request."),
}


class VertexTarget(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Serves versions as dedicated endpoints of Vertex AI, called by rawPredict. Fulfils ``ports.EndpointTarget``.

    Limits: https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type (10 MB, where a shared endpoint has
    1.5 MB; the time is that of ``inferenceTimeout``). Credentials are Application Default Credentials; they need
    roles/aiplatform.user, and roles/iam.serviceAccountUser on the service account of the containers.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"gcp", "vertexai"})
    extra: ClassVar[str] = "gcp"
    default: ClassVar[bool] = False
    limits: ClassVar[Limits] = Limits(
        10_000_000, 10_000_000, answer_seconds=INFERENCE_SECONDS, start_seconds=1800, name_length=63
    )
    lacks: ClassVar[Mapping[Feature, str]] = {}
    reserved_headers: ClassVar[tuple[str, ...]] = ("x-goog-*", "x-vertex-ai-*")

    project: str = Field(description="The project's id.")
    region: str = Field(description="The region's name, for instance us-central1.")
    endpoint: str = Field(default="", description="Address of the Vertex AI API; empty for Google's own.")
    prediction_address: str = Field(default="https://{dns}", description="Where the dedicated domain {dns} answers.")
    service_account: str = Field(default="", description="The containers' service account; empty for Google's own.")
    timeout_seconds: float = Field(default=2400, description="Limit of a deployment or a deletion, in seconds.")
    retry_seconds: float = Field(default=10, description="Limit of the retries of a failing call, in seconds.")
    named_region: str = Field(default="", description="The region in the target's name; empty: the default region.")
    environment: str = Field(default="sandbox", description="Figures are of endpoints of this environment.")
    monitoring_endpoint: str = Field(default="", description="The Cloud Monitoring API; empty for Google's own.")
    monitor_delay_seconds: float = Field(default=240, description="Delay of Cloud Monitoring, in seconds.")

    @classmethod
    def of(cls, target: Target) -> Self:
        """By the site's settings. SpecError names the variables that are missing."""
        settings = GcpSettings.of(target.site)
        return cls(
            project=settings.project,
            region=settings.region,
            endpoint=settings.vertex_endpoint,
            prediction_address=settings.vertex_prediction_address,
            service_account=settings.vertex_service_account,
            named_region=target.region,
            environment=environment(),
            monitoring_endpoint=settings.monitoring_endpoint,
            monitor_delay_seconds=settings.monitor_delay_seconds,
        )

    @property
    def target(self) -> Target:
        return Target("gcp", "vertex", self.named_region)

    def deploy(self, request: DeployRequest) -> Endpoint:
        client = self._client()
        rollout = Rollout(client, request, wanted(request, self.target, self.service_account))
        if document := poll(rollout.step, self.timeout_seconds, PAUSE_GROWTH):
            return self._endpoint_of(document)
        seen = rollout.seen or client.prevented or "creating"
        raise DeployFailed(
            f"{KIND} '{request.name}' was not ready within {self.timeout_seconds:.0f} s: {seen.rstrip('.')}.",
            hint="It still exists. Deploy again to continue, or look at its logs in Vertex AI, or delete it.",
        )

    def describe(self, name: str) -> Endpoint | None:
        client = self._client()
        found = client.endpoint(name)
        if found is None or not ownership.is_named_so(name, tags_of(found)):
            return None
        return self._endpoint_of(found, () if serving(found) else client.operations(name))

    def list(self, environment: str, model: str | None = None) -> Sequence[Endpoint]:
        client, endpoints = self._client(), []
        for found in client.endpoints():
            if tags_of(found).get(ENVIRONMENT_TAG) != environment:
                continue
            endpoint = self._endpoint_of(found)
            if ownership.is_named_so(endpoint.name, tags_of(found)) and model in (None, endpoint.model):
                known = serving(found)
                endpoints.append(endpoint if known else self._endpoint_of(found, client.operations(endpoint.name)))
        return endpoints

    def delete(self, name: str) -> None:
        """What is deployed, the endpoint, and the models that were uploaded for it."""
        if not poll(Removal(self._client(), name).step, self.timeout_seconds, PAUSE_GROWTH):
            raise Unavailable(f"{KIND} '{name}' is still being deleted.", hint="Delete it again later.")

    def invoke(self, name: str, body: bytes) -> bytes:
        endpoint = self.describe(name)
        if endpoint is None:
            raise NotFound(f"No {KIND} '{name}' in {self.project}, {self.region}.", hint="Deploy it first.")
        from google.auth.transport.requests import AuthorizedSession

        with translated(f"call {KIND} '{name}'"):
            with AuthorizedSession(identity.credentials()) as session:  # type: ignore[no-untyped-call]
                headers = {"Content-Type": "application/json"}
                answer = session.post(endpoint.url, data=body, headers=headers, timeout=INVOKE_SECONDS)
        if answer.status_code == 200:
            return bytes(answer.content)
        text = f"{KIND} '{name}' answered {answer.status_code}: {answer.text[:500]}"
        raise from_status(answer.status_code, RESPONSES, text=text, name=name)

    def upstream(self, endpoint: Endpoint) -> Upstream:
        return Upstream(self.target, endpoint.version, endpoint.url, identity.access_token())

    def answers(self) -> bool:
        """Whether Vertex AI's API lists one endpoint in time."""
        return succeeds_within(PROBE_SECONDS, lambda: self._client(PROBE_SECONDS).probe())

    def figures(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """What Cloud Monitoring measured, a row for each existing endpoint; see VertexFigures."""
        found = VertexFigures(
            self.project, self.region, self.monitoring_endpoint, self.monitor_delay_seconds, self.retry_seconds
        )
        return found.read(self.list(self.environment, model or None), seconds)

    def _endpoint_of(self, document: Json, operations: Sequence[Json] = ()) -> Endpoint:
        return endpoint_of(document, self.target, self.prediction_address, operations)

    def _client(self, call_seconds: float = CALL_SECONDS) -> Vertex:
        return Vertex(self.project, self.region, self.endpoint, self.retry_seconds, call_seconds)
