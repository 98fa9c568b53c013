"""The documents of one function app: its name, its site and its settings. No call is made here."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from intermodal.platform.catalogue import SETTINGS_PAGE
from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import ENVIRONMENT_TAG, MODEL_TAG, VERSION_TAG, DeployRequest, endpoint_name
from intermodal.platform.targets import Target
from intermodal.resources.azure.targets.ml.address import blob_address
from intermodal.resources.azure.targets.ml.documents import tags_of

READY_PATH, PREDICT_PATH = "/v2/health/ready", "/invocations"
KIND = "functionapp,linux,container"
REVISION = "INTERMODAL_REVISION"
"""The app setting with the hash of image and settings. A swap moves it along with the container that has it."""
READY_TAG = "intermodal-ready"
"""The revision that answered; without this tag a function app is still being created."""
START_SECONDS = 230
"""https://learn.microsoft.com/azure/app-service/reference-app-settings: WEBSITES_CONTAINER_START_TIME_LIMIT."""
WITHOUT_CONTAINERS = {"dynamic": "Consumption", "flexconsumption": "Flex Consumption"}
WITHOUT_SLOTS = ("free", "shared", "basic")
PREMIUM = "elasticpremium"


def site_name(endpoint: str, subscription: str, group: str) -> str:
    """The function app's name, 2 to 60 letters, digits and hyphens. It is part of a host name, so it is unique over all
    customers: a hash of subscription and resource group tells those of two customers apart.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftweb
    """
    return f"{endpoint}-{hashlib.sha256(f'{subscription}/{group}'.lower().encode()).hexdigest()[:10]}"


def named_by(tags: Mapping[str, str]) -> str:
    """The endpoint's name, by the tags of its function app."""
    return endpoint_name(tags.get(MODEL_TAG, ""), tags.get(VERSION_TAG, ""), tags.get(ENVIRONMENT_TAG, ""))


def require_settings(plan: str, identity: str, client: str) -> None:
    """SpecError names the variables that a deployment needs. A site without them has no function apps to deploy."""
    given = {
        "INTERMODAL_AZURE_FUNCTIONS_PLAN": plan,
        "INTERMODAL_AZURE_FUNCTIONS_IDENTITY": identity,
        "INTERMODAL_AZURE_FUNCTIONS_IDENTITY_CLIENT": client,
    }
    if missing := [name for name, value in given.items() if not value]:
        raise SpecError(
            f"azure/functions is not configured: {', '.join(missing)} not set.", hint=f"See {SETTINGS_PAGE}."
        )


def require_usable(name: str, tier: str, linux: bool) -> None:
    """SpecError for a plan that runs no container, or has no slot for a changed version."""
    plan, hint = f"The App Service plan '{name}'", "Name a Linux plan EP1, or Standard or better: see its tier."
    if tier.lower() in WITHOUT_CONTAINERS:
        kind = WITHOUT_CONTAINERS[tier.lower()]
        raise SpecError(f"{plan} is a {kind} plan, which runs no containers.", hint=hint)
    if tier.lower() in WITHOUT_SLOTS:
        raise SpecError(f"{plan} has the tier {tier}, which has no deployment slots for changed versions.", hint=hint)
    if not linux:
        raise SpecError(f"{plan} is a Windows plan; the image is for Linux.", hint=hint)


@dataclass(frozen=True)
class Documents:
    """``tier`` is the plan's. The identity is user-assigned: it has its roles before the function app exists."""

    request: DeployRequest
    target: Target
    site: str
    region: str
    plan_id: str
    tier: str
    identity_id: str
    identity_client_id: str
    storage_account: str
    image: str

    def __post_init__(self) -> None:
        blob_address(self.request.artifacts)  # a wrong address is refused before anything is created

    @property
    def tags(self) -> dict[str, str]:
        return tags_of(self.request.all_tags)

    @property
    def variables(self) -> dict[str, str]:
        """App settings, but for the revision. The host's own id is stated, because it is made of the first 32
        characters of the name otherwise, and two apps of one storage account must not share it.

        https://learn.microsoft.com/azure/azure-functions/storage-considerations#host-id-considerations
        """
        return {
            "FUNCTIONS_EXTENSION_VERSION": "~4",
            "FUNCTIONS_WORKER_RUNTIME": "custom",
            "WEBSITES_ENABLE_APP_SERVICE_STORAGE": "false",
            "WEBSITES_CONTAINER_START_TIME_LIMIT": str(START_SECONDS),
            "AzureFunctionsWebHost__hostid": hashlib.sha256(self.site.encode()).hexdigest()[:32],
            "AzureWebJobsStorage__accountName": self.storage_account,
            "AzureWebJobsStorage__credential": "managedidentity",
            "AzureWebJobsStorage__clientId": self.identity_client_id,
            "UAI_CLIENT_ID": self.identity_client_id,
            "MODEL_URI": self.request.artifacts,
            "INTERMODAL_VERSION": self.request.version,
            "INTERMODAL_CLOUD": self.target.cloud,
            "INTERMODAL_TARGET": str(self.target),
            **self.request.variables,
        }

    @property
    def revision(self) -> str:
        content = json.dumps([self.image, self.plan_id, self.variables], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def body(self) -> Any:
        """Of the site or of its slot. Always On is for dedicated plans: a Premium plan keeps an instance anyway."""
        from azure.mgmt.web import models

        return self._site(self.tags, self._config(models))

    def tagged(self, tags: Mapping[str, str]) -> Any:
        """The site with these tags. Settings that are not stated are kept. A PATCH of a site takes no tags."""
        return self._site(tags, None)

    def _config(self, models: Any) -> Any:
        settings = {**self.variables, REVISION: self.revision}
        return models.SiteConfig(
            linux_fx_version=f"DOCKER|{self.image}",
            acr_use_managed_identity_creds=True,
            acr_user_managed_identity_id=self.identity_client_id,
            app_settings=[models.NameValuePair(name=name, value=value) for name, value in sorted(settings.items())],
            health_check_path=READY_PATH,
            always_on=self.tier.lower() != PREMIUM,
            ftps_state="Disabled",
        )

    def _site(self, tags: Mapping[str, str], config: Any) -> Any:
        from azure.mgmt.web import models

        return models.Site(
            location=self.region,
            kind=KIND,
            tags=dict(tags),
            identity=models.ManagedServiceIdentity(
                type="UserAssigned",
                user_assigned_identities={self.identity_id: models.UserAssignedIdentity()},
            ),
            properties=models.SiteProperties(
                server_farm_id=self.plan_id,
                reserved=True,
                https_only=True,
                **({} if config is None else {"site_config": config}),
            ),
        )
