"""Artifact Registry: images of one site.

Login: https://cloud.google.com/artifact-registry/docs/docker/authentication#token
"""

import time
from datetime import UTC
from typing import ClassVar, Self

from intermodal.platform.targets import Site
from intermodal.resources.gcp import identity
from intermodal.resources.gcp.errors import translated
from intermodal.resources.gcp.settings import GcpSettings
from intermodal.resources.images.address import Address
from intermodal.resources.images.login import Header, basic
from intermodal.resources.images.registry import OciRegistry

PERMISSIONS = (
    "roles/artifactregistry.writer, and repoAdmin to withdraw a model, on the repository, which terraform creates"
)
USER = "oauth2accesstoken"


class ArtifactLogin:
    """An access token of Application Default Credentials, as a password. Fulfils ``Login``."""

    def header(self, repository: str, mount_from: str) -> Header:  # noqa: ARG002
        credentials = identity.credentials()
        with translated("log in to Artifact Registry"):
            from google.auth.transport.requests import Request

            credentials.refresh(Request())  # type: ignore[no-untyped-call]
        expiry = credentials.expiry.replace(tzinfo=UTC).timestamp() if credentials.expiry else time.time()
        return Header(basic(USER, str(credentials.token)), expiry)

    def prepare(self, repository: str) -> None:
        """The repository of an address (``<project>/<repository>``) exists; images below it need nothing."""


class ArtifactRegistry(OciRegistry):
    kind: ClassVar[str] = "artifact-registry"
    kinds: ClassVar[frozenset[str]] = frozenset({"gcp"})
    extra: ClassVar[str] = "gcp"

    @classmethod
    def of(cls, site: Site) -> Self:
        settings = GcpSettings.of(site)
        address = Address.of(settings.registry, "INTERMODAL_GCP_REGISTRY", site)
        return cls(site, address, ArtifactLogin(), PERMISSIONS)
