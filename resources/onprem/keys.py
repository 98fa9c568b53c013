"""Keys of a site without a cloud, from the environment. They are in no settings class, whose values are displayed."""

import os
from dataclasses import dataclass, field

from intermodal.platform.errors import Refused
from intermodal.platform.targets import Site
from intermodal.resources.settings import regional_variable


@dataclass(frozen=True)
class Keys:
    """``secret`` is never displayed."""

    name: str
    secret: str = field(repr=False)


def keys_of(site: Site, name_variable: str, secret_variable: str) -> Keys | None:
    """A named region has its own, since its keys are of another store. None when neither variable is set; Refused, with
    the variable that lacks, when one is."""
    variables = [regional_variable(variable, site.region) for variable in (name_variable, secret_variable)]
    name, secret = (os.environ.get(variable, "") for variable in variables)
    if bool(name) != bool(secret):
        raise Refused(f"{site}: {variables[0 if secret else 1]} is not set.", hint="Set both, or neither.")
    return Keys(name, secret) if name else None
