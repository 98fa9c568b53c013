"""Azure Blob Storage."""

import os
from typing import Any, ClassVar, Self

from pydantic import Field

from intermodal.platform.errors import MissingExtra
from intermodal.platform.targets import Site
from intermodal.resources.azure.settings import AzureSettings
from intermodal.resources.storage.object_store import ObstoreResource, client_options, retry_config

KEYS = ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY")
"""Variables with a key or a shared access signature; obstore reads them itself."""


class BlobObjectStore(ObstoreResource):
    """A container in a storage account. Credentials are azure-identity's, or an account key in the environment."""

    kind: ClassVar[str] = "blob"
    kinds: ClassVar[frozenset[str]] = frozenset({"azure", "blob"})
    extra: ClassVar[str] = "azure"
    package: ClassVar[str] = "azure.mgmt.machinelearningservices"

    account: str = Field(description="The storage account's name.")
    container: str = Field(description="The container's name.")
    endpoint: str = Field(
        default="",
        description="The blob service's address, what the SDK calls account_url; empty for the account in Azure.",
    )

    named_region: str = Field(default="", description="The region in the site's name; empty: the default region.")

    @classmethod
    def of(cls, site: Site) -> Self:
        settings = AzureSettings.of(site)
        return cls(
            account=settings.storage_account,
            container=settings.container,
            endpoint=settings.storage_endpoint,
            named_region=site.region,
        )

    @classmethod
    def missing(cls, site: Site) -> tuple[str, ...]:
        return AzureSettings.missing(site)

    @property
    def site(self) -> Site:
        return Site("azure", self.named_region)

    @property
    def description(self) -> str:
        return f"Blob container '{self.container}' (setting: container, at {self._address})"

    def uri(self, prefix: str) -> str:
        """The blobs' address over HTTPS: ``https://<account>.blob.core.windows.net/<container>/<prefix>``."""
        return f"{self._address}/{self.container}/{prefix.strip('/')}"

    @property
    def _address(self) -> str:
        return self.endpoint.rstrip("/") or f"https://{self.account}.blob.core.windows.net"

    def connect(self) -> Any:
        from obstore.store import AzureStore

        return AzureStore(
            self.container,
            config={"account_name": self.account, "endpoint": self._address},
            credential_provider=None if any(os.environ.get(name) for name in KEYS) else _identity(),
            client_options=client_options(self._address),
            retry_config=retry_config(self.retry_seconds),
        )


def _identity() -> Any:
    try:
        from obstore.auth.azure import AzureCredentialProvider
    except ImportError as error:
        raise MissingExtra("azure-identity", "azure") from error
    return AzureCredentialProvider()
