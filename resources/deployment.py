"""The environment's name, the image that its endpoints run, and the keys of packages that they load."""

import os

import dagster as dg

from intermodal.platform.catalogue import SETTINGS_PAGE
from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.keys import Key
from intermodal.platform.targets import Site
from intermodal.resources.settings import regional_variable
from intermodal.resources.signing import trusted_keys


class DeploymentSettings(dg.ConfigurableResource):  # type: ignore[type-arg]
    """``environment`` is sandbox, staging or production.

    ``INTERMODAL_<CLOUD>_IMAGE`` names one image for every version at the cloud's sites, for teams that bring their own.
    Without it, each version's image is built and pushed to the registry ``INTERMODAL_<CLOUD>_REGISTRY``.
    """

    environment: str

    def image(self, site: Site) -> str:
        """The reference of the team's own image; '' when images are built. SpecError names the variables that are not
        set."""
        if found := _regional(site, "IMAGE"):
            return found
        if not _regional(site, "REGISTRY"):
            raise SpecError(
                f"There is no image for {site}: {_variable(site, 'IMAGE')} is not set, and no registry to push one to "
                f"({_variable(site, 'REGISTRY')}).",
                hint=f"See {SETTINGS_PAGE}.",
            )
        return ""

    @property
    def trusted_keys(self) -> tuple[Key, ...]:
        return trusted_keys()


def _regional(site: Site, name: str) -> str:
    """The region's own value, else the cloud's; '' when neither is set."""
    names = (_variable(site, name), _variable(Site(site.cloud), name))
    return next((os.environ[variable] for variable in names if os.environ.get(variable)), "")


def _variable(site: Site, name: str) -> str:
    """``INTERMODAL_<CLOUD>_<NAME>``, followed by the region where one is named."""
    return regional_variable(f"INTERMODAL_{site.cloud.upper().replace('-', '_')}_{name}", site.region)
