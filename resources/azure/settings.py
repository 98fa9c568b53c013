"""Settings of Azure at one site. Credentials are azure-identity's."""

from typing import ClassVar

from pydantic import Field

from intermodal.resources.settings import REGIONAL, SiteSettings


class AzureSettings(SiteSettings):
    cloud: ClassVar[str] = "azure"
    subscription_id: str = Field(validation_alias="INTERMODAL_AZURE_SUBSCRIPTION", description="The subscription's id.")
    resource_group: str = Field(
        validation_alias="INTERMODAL_AZURE_RESOURCE_GROUP", description="The resource group of the workspace."
    )
    workspace: str = Field(
        validation_alias="INTERMODAL_AZURE_WORKSPACE",
        description="The Azure ML workspace; it lies in one region.",
        json_schema_extra=REGIONAL,
    )
    region: str = Field(validation_alias="INTERMODAL_AZURE_REGION", description="The workspace's region: eastus.")
    storage_account: str = Field(
        validation_alias="INTERMODAL_AZURE_STORAGE_ACCOUNT",
        description="The storage account for mirrors and prediction logs.",
        json_schema_extra=REGIONAL,
    )
    container: str = Field(validation_alias="INTERMODAL_AZURE_CONTAINER", description="The container in it.")
    storage_endpoint: str = Field(
        default="",
        validation_alias="INTERMODAL_AZURE_STORAGE_ENDPOINT",
        description="The address of the account's blob service; empty: the account's own in Azure.",
        json_schema_extra=REGIONAL,
    )
    management_endpoint: str = Field(
        default="https://management.azure.com",
        validation_alias="INTERMODAL_AZURE_MANAGEMENT_ENDPOINT",
        description="Resource Manager's address, without a trailing slash.",
    )
    registry: str = Field(
        default="",
        validation_alias="INTERMODAL_AZURE_REGISTRY",
        description="Where images are pushed: <registry>.azurecr.io/<prefix>.",
        json_schema_extra=REGIONAL,
    )
    functions_plan: str = Field(
        default="",
        validation_alias="INTERMODAL_AZURE_FUNCTIONS_PLAN",
        description="The Linux App Service plan of `azure/functions`, in the resource group: Premium (EP1), or "
        "dedicated from Standard up.",
        json_schema_extra=REGIONAL,
    )
    functions_identity: str = Field(
        default="",
        validation_alias="INTERMODAL_AZURE_FUNCTIONS_IDENTITY",
        description="The resource id of the user-assigned identity of containers on `azure/functions`: it pulls images "
        "and reads mirrors.",
    )
    functions_identity_client: str = Field(
        default="",
        validation_alias="INTERMODAL_AZURE_FUNCTIONS_IDENTITY_CLIENT",
        description="That identity's client id.",
    )
    functions_base: str = Field(
        default="",
        validation_alias="INTERMODAL_AZURE_FUNCTIONS_BASE",
        description="The image with the Functions host, by digest, in the site's registry: `<repository>@sha256:...`. "
        "Images for `azure/functions` are derived from it. Empty: a version's image has the host itself.",
        json_schema_extra=REGIONAL,
    )
    functions_address: str = Field(
        default="https://{host}",
        validation_alias="INTERMODAL_AZURE_FUNCTIONS_ADDRESS",
        description="The address of a function app; `{host}` is its host name.",
    )
    monitor_delay_seconds: float = Field(
        default=240,
        validation_alias="INTERMODAL_MONITOR_DELAY_SECONDS",
        description="Delay of Azure Monitor, in seconds.",
    )
