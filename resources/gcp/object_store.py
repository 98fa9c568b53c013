"""Google Cloud Storage."""

from typing import Any, ClassVar, Self

from pydantic import Field

from intermodal.platform.errors import MissingExtra
from intermodal.platform.targets import Site
from intermodal.resources.gcp import identity
from intermodal.resources.gcp.settings import GcpSettings
from intermodal.resources.storage.object_store import ObstoreResource, client_options, retry_config


class GcsObjectStore(ObstoreResource):
    """A bucket in Cloud Storage, through its XML API. Credentials are Application Default Credentials.

    Give the bucket a lifecycle rule that aborts incomplete multipart uploads: a killed mirror leaves hidden parts.
    """

    kind: ClassVar[str] = "gcs"
    kinds: ClassVar[frozenset[str]] = frozenset({"gcp", "gcs"})
    extra: ClassVar[str] = "gcp"
    package: ClassVar[str] = "google.cloud.run_v2"

    bucket: str = Field(description="The bucket's name.")
    endpoint: str = Field(default="", description="The address of the storage API; empty for Google Cloud itself.")

    named_region: str = Field(default="", description="The region in the site's name; empty: the default region.")

    @classmethod
    def of(cls, site: Site) -> Self:
        settings = GcpSettings.of(site)
        return cls(bucket=settings.bucket, endpoint=settings.storage_endpoint, named_region=site.region)

    @classmethod
    def missing(cls, site: Site) -> tuple[str, ...]:
        return GcpSettings.missing(site)

    @property
    def site(self) -> Site:
        return Site("gcp", self.named_region)

    @property
    def description(self) -> str:
        return f"Cloud Storage bucket '{self.bucket}' (setting: bucket, at {self.endpoint or 'Google Cloud'})"

    def uri(self, prefix: str) -> str:
        return f"gs://{self.bucket}/{prefix.strip('/')}"

    def connect(self) -> Any:
        from obstore.store import GCSStore

        try:
            from obstore.auth.google import GoogleCredentialProvider
        except ImportError as error:
            raise MissingExtra("google-auth", "gcp") from error
        # The provider's default has no scope, which Google's token endpoint refuses for a service account; a store
        # without a provider uses the metadata server. So the credentials are given.
        return GCSStore(
            self.bucket,
            config={"base_url": self.endpoint.rstrip("/")} if self.endpoint else {},
            credential_provider=GoogleCredentialProvider(identity.credentials()),
            client_options=client_options(self.endpoint),
            retry_config=retry_config(self.retry_seconds),
        )
