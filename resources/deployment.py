"""The environment's name, the image that its endpoints run, and the keys of packages that they load."""

import os

import dagster as dg

from intermodal.platform.catalogue import SETTINGS_PAGE
from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.signing import Key
from intermodal.platform.targets import Site
from intermodal.resources.settings import regional_variable
from intermodal.resources.signing import trusted_keys


class DeploymentSettings(dg.ConfigurableResource):  # type: ignore[type-arg]
    """``environment`` is sandbox, staging or production.

    Until there is an image asset, the image is the packaged server and the same for every version. Its reference in the
    site's registry is set by ``INTERMODAL_<CLOUD>_IMAGE``.
    """

    environment: str

    def image(self, site: Site) -> str:
        """The image's reference. SpecError names the variable that is not set."""
        variable = f"INTERMODAL_{site.cloud.upper().replace('-', '_')}_IMAGE"
        names = (regional_variable(variable, site.region), variable)
        found = next((os.environ[name] for name in names if os.environ.get(name)), "")
        if not found:
            raise SpecError(f"There is no image for {site}: {names[0]} is not set.", hint=f"See {SETTINGS_PAGE}.")
        return found

    @property
    def trusted_keys(self) -> tuple[Key, ...]:
        return trusted_keys()
