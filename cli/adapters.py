"""The environment's adapters, for a command that needs some of them.

Each is built alone: a command does not wait for the imports of adapters that it does not use.
"""

import os
from typing import TYPE_CHECKING

from intermodal.platform.catalogue import SETTINGS_PAGE
from intermodal.platform.errors import SpecError

if TYPE_CHECKING:
    from intermodal.platform import ports


def gateway() -> "ports.Gateway":
    """SpecError names the variable that is not set."""
    from intermodal.resources.envoy.gateway import EnvoyGateway

    return EnvoyGateway(
        directory=required("INTERMODAL_GATEWAY_DIRECTORY"),
        url=required("INTERMODAL_GATEWAY_URL"),
        admin_url=required("INTERMODAL_GATEWAY_ADMIN_URL"),
        ca_bundle=os.environ.get("INTERMODAL_GATEWAY_CA_BUNDLE", ""),
    )


def incidents() -> "ports.Incidents":
    """SpecError names the variable that is not set."""
    from intermodal.resources.storage.incidents import JsonIncidents

    return JsonIncidents(address=required("INTERMODAL_INCIDENTS"))


def targets() -> "ports.Targets":
    """Each adapter is built when it is used first; then SpecError names what its settings lack."""
    from intermodal.resources.adapters import CatalogueTargets

    return CatalogueTargets()


def required(variable: str) -> str:
    value = os.environ.get(variable, "")
    if not value:
        raise SpecError(f"{variable} is not set.", hint=f"See {SETTINGS_PAGE}.")
    return value
