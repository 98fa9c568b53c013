"""Azure ML managed online endpoints as a target (``azure/ml``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import dagster as dg
from pydantic import Field

from intermodal.platform.errors import DeployFailed, NotFound, Unavailable
from intermodal.platform.ports import ownership
from intermodal.platform.ports.endpoints import (
    DIGEST_TAG,
    MODEL_TAG,
    VERSION_TAG,
    BearerToken,
    DeployRequest,
    Endpoint,
    ErrorEnvelope,
    State,
    Upstream,
)
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Feature, Limits, Target
from intermodal.resources.azure.errors import translated
from intermodal.resources.azure.monitor import Monitor
from intermodal.resources.azure.settings import AzureSettings
from intermodal.resources.azure.targets.ml.documents import Documents
from intermodal.resources.azure.targets.ml.figures import AzureMlFigures
from intermodal.resources.azure.targets.ml.rollout import KIND, Rollout, state_of
from intermodal.resources.azure.targets.ml.scoring import Scoring
from intermodal.resources.azure.targets.ml.workspace import Workspace
from intermodal.resources.concurrency import succeeds_within
from intermodal.resources.polling import MAX_PAUSE_SECONDS, poll
from intermodal.resources.settings import environment

PROBE_SECONDS = 2.0
"""Limit of ``answers``, which asks whether Azure ML's API is up."""
ERRORS = ErrorEnvelope(status=424, status_header="ms-azureml-model-error-statuscode")
"""Azure ML answers 424 for every model response other than 200, with the model's own status in a header.
https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints"""


class AzureMlTarget(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Serves versions as managed online endpoints, called with a key. Fulfils ``ports.EndpointTarget``.

    Limits: https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas.
    Credentials are azure-identity's (DefaultAzureCredential). While a changed version rolls out, two deployments run:
    the workspace needs quota for twice the instances.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"azure", "azureml"})
    extra: ClassVar[str] = "azure"
    default: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(10_000_000, 10_000_000, answer_seconds=180, start_seconds=1800, name_length=32)
    lacks: ClassVar[Mapping[Feature, str]] = {}
    reserved_headers: ClassVar[tuple[str, ...]] = ("x-ms-*", "azureml-model-deployment")

    subscription_id: str
    resource_group: str
    workspace: str
    region: str = Field(description="The workspace's location, for example eastus.")
    management_endpoint: str = Field(
        default="https://management.azure.com", description="Resource Manager's address, without a trailing slash."
    )
    instance_type: str = Field(default="Standard_DS3_v2", description="The machine that each replica runs on.")
    timeout_seconds: float = Field(default=1800, description="Limit of deploy and delete, in seconds.")
    named_region: str = Field(default="", description="The region in the target's name; empty: the default region.")
    environment: str = Field(default="sandbox", description="Figures are of endpoints of this environment.")
    monitor_delay_seconds: float = Field(default=240, description="Delay of Azure Monitor, in seconds.")

    @classmethod
    def of(cls, target: Target) -> Self:
        """By the site's settings. SpecError names the variables that are missing."""
        settings = AzureSettings.of(target.site)
        return cls(
            subscription_id=settings.subscription_id,
            resource_group=settings.resource_group,
            workspace=settings.workspace,
            region=settings.region,
            management_endpoint=settings.management_endpoint,
            named_region=target.region,
            environment=environment(),
            monitor_delay_seconds=settings.monitor_delay_seconds,
        )

    @property
    def target(self) -> Target:
        return Target("azure", "ml", self.named_region)

    def deploy(self, request: DeployRequest) -> Endpoint:
        with translated(f"deploy endpoint '{request.name}'"):
            documents = Documents(request, self.target, self._workspace.id, self.region, self.instance_type)
            rollout = Rollout(self._workspace, documents)
            if endpoint := poll(lambda: self.describe(request.name) if rollout.step() else None, self.timeout_seconds):
                return endpoint
        raise DeployFailed(
            f"Azure ML endpoint '{request.name}' was not ready within {self.timeout_seconds:.0f} s: "
            f"it is {rollout.state}.",
            hint="That continues and may cost money. Deploy again to continue; if it never ends, delete it.",
        )

    def describe(self, name: str) -> Endpoint | None:
        with translated(f"describe endpoint '{name}'"):
            found = self._workspace.endpoint(name)
            return self._endpoint(found) if found and ownership.is_named_so(name, found.tags or {}) else None

    def list(self, environment: str, model: str | None = None) -> Sequence[Endpoint]:
        tags = f"intermodal-environment={environment}" + (f",intermodal-model={model}" if model else "")
        with translated("list endpoints"):
            endpoints = [
                self._endpoint(found)
                for found in self._workspace.endpoints(tags)
                if ownership.is_named_so(found.name, found.tags or {})
            ]
        # Azure reads a comma in a model's name as the end of the filter.
        return [endpoint for endpoint in endpoints if model in (None, endpoint.model)]

    def delete(self, name: str) -> None:
        """Remove it with its deployments and the assets registered for it, and wait until they are gone."""
        with translated(f"delete endpoint '{name}'"):
            if poll(lambda: self._deleted(name), self.timeout_seconds):
                self._workspace.delete_assets(name)
                return
        raise Unavailable(
            f"Azure ML endpoint '{name}' was not deleted within {self.timeout_seconds:.0f} s.",
            hint="It may still cost money: delete it again, or look at it in Azure ML studio.",
        )

    def invoke(self, name: str, body: bytes) -> bytes:
        doing = f"invoke endpoint '{name}'"
        with translated(doing):
            found = self._workspace.endpoint(name)
            if found is None:
                raise NotFound(
                    f"There is no endpoint '{name}' in workspace '{self.workspace}'.", hint="Deploy it first."
                )
            return self._scoring.score(doing, found.properties.scoring_uri, self._workspace.key(name), body)

    def upstream(self, endpoint: Endpoint) -> Upstream:
        with translated(f"read the key of endpoint '{endpoint.name}'"):
            key = self._workspace.key(endpoint.name)
        return Upstream(self.target, endpoint.version, endpoint.url, BearerToken(key), errors=ERRORS)

    def answers(self) -> bool:
        """Whether Azure ML's API lists one endpoint in time."""
        return succeeds_within(PROBE_SECONDS, lambda: self._workspace.probe(PROBE_SECONDS))

    def figures(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """What Azure Monitor measured; see AzureMlFigures."""
        return self._figures.read(seconds, model)

    @cached_property
    def _figures(self) -> AzureMlFigures:
        return AzureMlFigures(
            self.target,
            self._workspace,
            Monitor(self.management_endpoint, self.subscription_id),
            self.environment,
            self.monitor_delay_seconds,
        )

    @cached_property
    def _workspace(self) -> Workspace:
        return Workspace(self.management_endpoint, self.subscription_id, self.resource_group, self.workspace)

    @cached_property
    def _scoring(self) -> Scoring:
        return Scoring()

    def _deleted(self, name: str) -> bool:
        from azure.core.exceptions import ResourceExistsError

        found = self._workspace.endpoint(name)
        if found is None:
            return True
        ownership.require_own_name(name, found.tags or {}, KIND)
        try:
            self._workspace.delete_endpoint(name).wait(MAX_PAUSE_SECONDS)
        except ResourceExistsError:
            return False  # 409: another operation runs on it
        return self._workspace.endpoint(name) is None

    def _endpoint(self, found: Any) -> Endpoint:
        state, reason = self._state(found)
        tags, url = found.tags or {}, found.properties.scoring_uri or ""
        model, version = tags.get(MODEL_TAG, ""), tags.get(VERSION_TAG, "")
        return Endpoint(self.target, found.name, model, version, url, state, reason, tags.get(DIGEST_TAG, ""))

    def _state(self, endpoint: Any) -> tuple[State, str]:
        """The state of the deployment that has the traffic; "creating" until one has it."""
        if state_of(endpoint) == "Deleting":
            return "deleting", ""
        traffic = endpoint.properties.traffic or {}
        deployments = sorted(self._workspace.deployments(endpoint.name), key=lambda found: -traffic.get(found.name, 0))
        if not deployments:
            return ("failed", "Azure gives no reason.") if state_of(endpoint) == "Failed" else ("creating", "")
        first = deployments[0]
        if state_of(first) in ("Failed", "Canceled"):
            return "failed", self._workspace.logs(endpoint.name, first.name) or "Azure gives no reason."
        if not traffic.get(first.name):
            return "creating", "No deployment has traffic."
        return ("ready" if state_of(first) == "Succeeded" else "creating"), ""
