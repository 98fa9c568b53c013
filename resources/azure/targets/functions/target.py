"""Function apps of an image, called with a function key, as a target (``azure/functions``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import dagster as dg
from pydantic import Field

from intermodal.platform.errors import DeployFailed, NotFound, Unavailable
from intermodal.platform.ports import ownership
from intermodal.platform.ports.endpoints import (
    DIGEST_TAG,
    ENVIRONMENT_TAG,
    MODEL_TAG,
    VERSION_TAG,
    ApiKey,
    DeployRequest,
    Endpoint,
    State,
    Upstream,
)
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Feature, Limits, Target
from intermodal.resources.azure.errors import translated
from intermodal.resources.azure.images import AcrRegistry
from intermodal.resources.azure.monitor import Monitor
from intermodal.resources.azure.settings import AzureSettings
from intermodal.resources.azure.targets.functions.derivation import derive
from intermodal.resources.azure.targets.functions.documents import (
    READY_TAG,
    Documents,
    named_by,
    require_settings,
    require_usable,
)
from intermodal.resources.azure.targets.functions.figures import FunctionFigures
from intermodal.resources.azure.targets.functions.front import KEY_HEADER, Front
from intermodal.resources.azure.targets.functions.rollout import WHAT, Rollout
from intermodal.resources.azure.targets.functions.sites import Sites
from intermodal.resources.concurrency import succeeds_within
from intermodal.resources.polling import poll
from intermodal.resources.settings import environment

PROBE_SECONDS = 2.0
"""Limit of ``answers``."""


class FunctionsTarget(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Serves versions as function apps in containers, on one shared plan. Fulfils ``ports.EndpointTarget``.

    The plan is Premium (EP1) or a dedicated one with slots; it is shared, is billed whether it serves or not, and is
    never deleted. Limits: https://learn.microsoft.com/azure/azure-functions/functions-scale has 100 MB for a request
    and 230 s for an answer, the idle limit of the load balancer; Azure states no limit of an answer's size. 230 s for
    a start is WEBSITES_CONTAINER_START_TIME_LIMIT's default. Names have 60 characters, of which a hash takes 11.
    The identity needs Website Contributor, Managed Identity Operator on the containers' identity, and Monitoring
    Reader; the containers' identity needs AcrPull, Storage Blob Data Owner in the account of the host, and the reading
    of mirrors.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"azure", "functions"})
    extra: ClassVar[str] = "azure"
    default: ClassVar[bool] = False
    limits: ClassVar[Limits] = Limits(100_000_000, 100_000_000, answer_seconds=230, start_seconds=230, name_length=49)
    lacks: ClassVar[Mapping[Feature, str]] = {
        Feature.REPLICAS: "the plan's instances run all of its function apps, and the plan says how many there are"
    }
    reserved_headers: ClassVar[tuple[str, ...]] = ("x-functions-*", "x-arr-*", "x-ms-*")

    subscription_id: str
    resource_group: str
    region: str = Field(description="The plan's location, for example eastus.")
    plan: str = Field(
        default="", description="The App Service plan, Premium (EP1) or dedicated, in the resource group."
    )
    identity_id: str = Field(default="", description="The resource id of the containers' user-assigned identity.")
    identity_client_id: str = Field(default="", description="Its client id.")
    storage_account: str = Field(description="Where the Functions host keeps its keys and locks.")
    management_endpoint: str = Field(
        default="https://management.azure.com", description="Resource Manager's address, without a trailing slash."
    )
    base: str = Field(default="", description="The image with the Functions host; empty: images have it themselves.")
    address: str = Field(default="https://{host}", description="An app's address; {host} is its host name.")
    timeout_seconds: float = Field(default=900, description="Limit of deploy and delete, in seconds.")
    named_region: str = Field(default="", description="The region in the target's name; empty: the default region.")
    environment: str = Field(default="sandbox", description="Figures are of endpoints of this environment.")
    monitor_delay_seconds: float = Field(default=240, description="Delay of Azure Monitor, in seconds.")

    @classmethod
    def of(cls, target: Target) -> Self:
        """By the site's settings. SpecError names the variables that are missing."""
        azure = AzureSettings.of(target.site)
        return cls(
            subscription_id=azure.subscription_id,
            resource_group=azure.resource_group,
            region=azure.region,
            plan=azure.functions_plan,
            identity_id=azure.functions_identity,
            identity_client_id=azure.functions_identity_client,
            storage_account=azure.storage_account,
            management_endpoint=azure.management_endpoint,
            address=azure.functions_address,
            base=azure.functions_base,
            named_region=target.region,
            environment=environment(),
            monitor_delay_seconds=azure.monitor_delay_seconds,
        )

    @property
    def target(self) -> Target:
        return Target("azure", "functions", self.named_region)

    def deploy(self, request: DeployRequest) -> Endpoint:
        """Block until the container answered, in production. A changed version is swapped in, which ends the functions
        that are executing in the old container."""
        with translated(f"deploy endpoint '{request.name}'"):
            rollout = Rollout(self._sites, self._front, self._documents(request))
            if endpoint := poll(lambda: self.describe(request.name) if rollout.step() else None, self.timeout_seconds):
                return endpoint
        raise DeployFailed(
            f"{WHAT} '{request.name}' was not ready within {self.timeout_seconds:.0f} s: it is {rollout.state}.",
            hint="That continues. Deploy again to continue; if it never ends, delete it.",
        )

    def describe(self, name: str) -> Endpoint | None:
        with translated(f"describe endpoint '{name}'"):
            found = self._sites.get(self._sites.named(name))
        return self._endpoint(found) if found and ownership.is_named_so(name, found.tags or {}) else None

    def list(self, environment: str, model: str | None = None) -> Sequence[Endpoint]:
        with translated("list function apps"):
            return [self._endpoint(site) for site in self._ours(environment, model)]

    def delete(self, name: str) -> None:
        """With its slot, and wait until it is gone. The plan stays."""
        with translated(f"delete endpoint '{name}'"):
            if poll(lambda: self._deleted(name), self.timeout_seconds):
                return
        raise Unavailable(
            f"{WHAT} '{name}' was not deleted within {self.timeout_seconds:.0f} s.",
            hint="Delete it again, or look at it in Azure's portal.",
        )

    def invoke(self, name: str, body: bytes) -> bytes:
        """Raises SpecError, with the model's message, when the model itself refuses the body."""
        doing, site = f"invoke endpoint '{name}'", self._sites.named(name)
        with translated(doing):
            found = self._sites.get(site)
            if found is None:
                raise NotFound(f"There is no function app '{site}' of an endpoint '{name}'.", hint="Deploy it first.")
            return self._front.predict(doing, found.properties.default_host_name, self._sites.key(site), body)

    def upstream(self, endpoint: Endpoint) -> Upstream:
        with translated(f"read the key of endpoint '{endpoint.name}'"):
            key = self._sites.key(self._sites.named(endpoint.name))
        if not key:
            raise Unavailable(
                f"The function app of endpoint '{endpoint.name}' has no key yet, so the gateway cannot call it.",
                hint="Its host makes the key when it starts. Try again, or deploy again.",
            )
        return Upstream(self.target, endpoint.version, endpoint.url, ApiKey(KEY_HEADER, key))

    def answers(self) -> bool:
        """Whether Azure lists the function apps in time."""
        return succeeds_within(PROBE_SECONDS, lambda: self._sites.probe(PROBE_SECONDS))

    def figures(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """What Azure Monitor measured; see FunctionFigures."""
        with translated("list function apps"):
            sites = [*self._ours(self.environment, model or None)]
        return self._figures.read(sites, seconds) if sites else []

    @cached_property
    def _figures(self) -> FunctionFigures:
        monitor = Monitor(self.management_endpoint, self.subscription_id)
        return FunctionFigures(self.target, monitor, self.monitor_delay_seconds)

    @cached_property
    def _sites(self) -> Sites:
        return Sites(self.management_endpoint, self.subscription_id, self.resource_group)

    @cached_property
    def _front(self) -> Front:
        return Front(self.address)

    def _documents(self, request: DeployRequest) -> Documents:
        require_settings(self.plan, self.identity_id, self.identity_client_id)
        plan = self._sites.plan(self.plan)
        tier = str(plan.sku.tier)
        require_usable(self.plan, tier, bool(plan.properties.reserved))
        image = derive(AcrRegistry.of(self.target.site), self.base, request.image) if self.base else request.image
        return Documents(
            request=request,
            target=self.target,
            site=self._sites.named(request.name),
            region=self.region,
            plan_id=str(plan.id),
            tier=tier,
            identity_id=self.identity_id,
            identity_client_id=self.identity_client_id,
            storage_account=self.storage_account,
            image=image,
        )

    def _ours(self, environment: str, model: str | None) -> Iterator[Any]:
        """Apps whose name is that of their tags. An app with copied tags has another name."""
        for site in self._sites.list():
            tags = site.tags or {}
            if tags.get(ENVIRONMENT_TAG) != environment or model not in (None, tags.get(MODEL_TAG)):
                continue
            if tags.get(MODEL_TAG) and site.name == self._sites.named(named_by(tags)):
                yield site

    def _deleted(self, name: str) -> bool:
        from azure.core.exceptions import ResourceExistsError

        site = self._sites.named(name)
        found = self._sites.get(site)
        if found is None:
            return True
        ownership.require_own_name(name, found.tags or {}, WHAT)
        try:
            self._sites.delete(site)
        except ResourceExistsError:
            return False  # 409: another operation runs on it
        return self._sites.get(site) is None

    def _endpoint(self, found: Any) -> Endpoint:
        tags, reason = found.tags or {}, ""
        state: State = "ready" if READY_TAG in tags else "creating"
        if found.properties.state != "Running":
            state, reason = "failed", f"The function app is {found.properties.state}: start it, or deploy again."
        return Endpoint(
            target=self.target,
            name=found.name.rpartition("-")[0],
            model=tags.get(MODEL_TAG, ""),
            version=tags.get(VERSION_TAG, ""),
            url=self._front.url(found.properties.default_host_name),
            state=state,
            reason=reason,
            digest=tags.get(DIGEST_TAG, ""),
        )
