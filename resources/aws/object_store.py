"""Amazon S3."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field

from intermodal.platform.errors import MissingExtra, Refused
from intermodal.platform.targets import Site
from intermodal.resources.aws.settings import AwsSettings
from intermodal.resources.storage.object_store import ObstoreResource, client_options, retry_config

if TYPE_CHECKING:
    from obstore.store import S3Config


class S3ObjectStore(ObstoreResource):
    """A bucket in S3. Credentials are boto3's: environment, profile, role, instance or pod identity.

    Give the bucket a lifecycle rule that aborts incomplete multipart uploads: a killed mirror leaves hidden parts.
    """

    kind: ClassVar[str] = "s3"
    kinds: ClassVar[frozenset[str]] = frozenset({"aws", "s3"})
    extra: ClassVar[str] = "aws"
    package: ClassVar[str] = "boto3"

    bucket: str = Field(description="The bucket's name.")
    region: str = Field(description="The bucket's region, for example us-east-1.")
    endpoint: str = Field(
        default="",
        description="The S3 API's address; empty: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL if set, else AWS itself.",
    )

    named_region: str = Field(default="", description="The region in the site's name; empty: the default region.")

    @classmethod
    def of(cls, site: Site) -> Self:
        settings = AwsSettings.of(site)
        return cls(
            bucket=settings.bucket,
            region=settings.region,
            endpoint=settings.endpoint_url if site.region else "",
            named_region=site.region,
        )

    @classmethod
    def missing(cls, site: Site) -> tuple[str, ...]:
        return AwsSettings.missing(site)

    @property
    def site(self) -> Site:
        return Site("aws", self.named_region)

    @property
    def description(self) -> str:
        return f"S3 bucket '{self.bucket}' (setting: bucket, at {self._address or self.region})"

    def uri(self, prefix: str) -> str:
        return f"s3://{self.bucket}/{prefix.strip('/')}"

    @property
    def _address(self) -> str:
        variables = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        return self.endpoint or next((os.environ[name] for name in variables if os.environ.get(name)), "")

    def connect(self) -> Any:
        from obstore.store import S3Store

        try:
            import boto3
            from obstore.auth.boto3 import Boto3CredentialProvider
        except ImportError as error:
            raise MissingExtra("boto3", "aws") from error
        session = boto3.Session(region_name=self.region)
        if session.get_credentials() is None:
            raise Refused("There are no AWS credentials.", hint="Run: aws configure, or set AWS_PROFILE or a role.")
        config: S3Config = {"region": self.region}
        if self._address:
            config["endpoint"] = self._address
        return S3Store(
            self.bucket,
            config=config,
            credential_provider=Boto3CredentialProvider(session),
            client_options=client_options(self._address, ["AWS_CA_BUNDLE"]),
            retry_config=retry_config(self.retry_seconds),
        )
