"""Any store that speaks S3: MinIO, Ceph, SeaweedFS, an appliance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field

from intermodal.platform.errors import Refused
from intermodal.platform.targets import Site
from intermodal.resources.onprem.keys import keys_of
from intermodal.resources.onprem.settings import OnpremSettings
from intermodal.resources.settings import regional_variable
from intermodal.resources.storage.object_store import ObstoreResource, client_options, retry_config

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Credential

KEY, SECRET = "INTERMODAL_ONPREM_ACCESS_KEY_ID", "INTERMODAL_ONPREM_SECRET_ACCESS_KEY"


class OnpremObjectStore(ObstoreResource):
    """A bucket at an address. Its keys are this cloud's own variables: ``AWS_ACCESS_KEY_ID`` is for AWS, and would be
    sent to a server that is not AWS's.

    The bucket is in the path of requests (``<endpoint>/<bucket>/<key>``), which needs no DNS name for each bucket.
    """

    kind: ClassVar[str] = "s3-compatible"
    kinds: ClassVar[frozenset[str]] = frozenset({"s3"})
    extra: ClassVar[str] = "kubernetes"
    package: ClassVar[str] = "kubernetes"

    bucket: str = Field(description="The bucket's name.")
    endpoint: str = Field(description="The address of the store, for example https://s3.acme.example.")
    region: str = Field(default="us-east-1", description="The region that requests are signed for.")
    named_region: str = Field(default="", description="The region in the site's name; empty: the default region.")

    @classmethod
    def of(cls, site: Site) -> Self:
        settings = OnpremSettings.of(site)
        return cls(
            bucket=settings.bucket,
            endpoint=settings.store_url,
            region=settings.store_region,
            named_region=site.region,
        )

    @classmethod
    def missing(cls, site: Site) -> tuple[str, ...]:
        return OnpremSettings.missing(site)

    @property
    def site(self) -> Site:
        return Site("onprem", self.named_region)

    @property
    def description(self) -> str:
        return f"bucket '{self.bucket}' (setting: bucket, at {self.endpoint})"

    def uri(self, prefix: str) -> str:
        return f"s3://{self.bucket}/{prefix.strip('/')}"

    def connect(self) -> Any:
        """obstore also reads the variables of AWS: ``AWS_SESSION_TOKEN`` is left out by a provider of credentials, and
        ``AWS_ENDPOINT_URL_S3``, which counts more than ``endpoint``, is set here."""
        from obstore.store import S3Store

        keys = keys_of(self.site, KEY, SECRET)
        if keys is None:
            variables = " and ".join(regional_variable(name, self.named_region) for name in (KEY, SECRET))
            raise Refused(f"There are no keys of the {self.description}.", hint=f"Set {variables}.")
        credential: S3Credential = {
            "access_key_id": keys.name,
            "secret_access_key": keys.secret,
            "token": None,
            "expires_at": None,
        }
        config: S3Config = {
            "region": self.region,
            "aws_endpoint_url_s3": self.endpoint,
            "virtual_hosted_style_request": False,
            "skip_signature": False,
        }
        return S3Store(
            self.bucket,
            config=config,
            credential_provider=lambda: credential,
            client_options=client_options(self.endpoint),
            retry_config=retry_config(self.retry_seconds),
        )
