"""Any image registry that fulfils the OCI distribution specification: Harbor, Zot, Nexus, GitLab, docker-registry."""

from typing import ClassVar, Self

from intermodal.platform.targets import Site
from intermodal.resources.images.address import Address
from intermodal.resources.images.login import Anonymous
from intermodal.resources.images.registry import OciRegistry
from intermodal.resources.onprem.keys import keys_of
from intermodal.resources.onprem.registry_login import RegistryLogin
from intermodal.resources.onprem.settings import OnpremSettings

USER, PASSWORD = "INTERMODAL_ONPREM_REGISTRY_USER", "INTERMODAL_ONPREM_REGISTRY_PASSWORD"
PERMISSIONS = f"{USER} may pull and push below the registry's address, and delete to withdraw a model"


class OnpremRegistry(OciRegistry):
    """Without a user it is called without a login."""

    kind: ClassVar[str] = "registry"
    kinds: ClassVar[frozenset[str]] = frozenset({"docker"})
    extra: ClassVar[str] = "kubernetes"

    @classmethod
    def of(cls, site: Site) -> Self:
        settings = OnpremSettings.of(site)
        address = Address.of(settings.registry, "INTERMODAL_ONPREM_REGISTRY", site)
        keys = keys_of(site, USER, PASSWORD)
        return cls(site, address, RegistryLogin(address, keys) if keys else Anonymous(), PERMISSIONS)
