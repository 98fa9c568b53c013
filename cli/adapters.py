"""The environment's adapters for commands.

Each is built alone: a command does not wait for the imports of adapters that it does not use.
"""

import os
from typing import TYPE_CHECKING

from intermodal.platform.catalogue import SETTINGS_PAGE
from intermodal.platform.errors import SpecError

if TYPE_CHECKING:
    from intermodal.platform import ports
    from intermodal.resources.cost.queries import Charges
    from intermodal.resources.cost.store import ChargeStore


def gateway() -> "ports.Gateway":
    """SpecError names the variable that is not set."""
    from intermodal.resources.envoy.gateway import EnvoyGateway

    directory, url, admin_url = required(
        "INTERMODAL_GATEWAY_DIRECTORY", "INTERMODAL_GATEWAY_URL", "INTERMODAL_GATEWAY_ADMIN_URL"
    )
    return EnvoyGateway(
        directory=directory,
        url=url,
        admin_url=admin_url,
        ca_bundle=os.environ.get("INTERMODAL_GATEWAY_CA_BUNDLE", ""),
    )


def incidents() -> "ports.Incidents":
    """SpecError names the variable that is not set."""
    from intermodal.resources.storage.incidents import JsonIncidents

    (address,) = required("INTERMODAL_INCIDENTS")
    return JsonIncidents(address=address)


def rollouts() -> "ports.Rollouts":
    """SpecError names the variable that is not set."""
    from intermodal.resources.storage.rollouts import JsonRollouts

    (address,) = required("INTERMODAL_INCIDENTS")
    return JsonRollouts(address=address)


def targets() -> "ports.Targets":
    """Each adapter is built when it is used first; then SpecError names what its settings lack."""
    from intermodal.resources.adapters import CatalogueTargets

    return CatalogueTargets()


def charges() -> "Charges":
    """SpecError names the variable that is not set."""
    from intermodal.resources.cost.queries import Charges

    return Charges(charge_store())


def charge_store() -> "ChargeStore":
    """SpecError names the variable that is not set."""
    from intermodal.resources.cost.store import ChargeStore

    (address,) = required("INTERMODAL_CHARGES")
    return ChargeStore(address)


def required(*variables: str) -> list[str]:
    """Their values; SpecError names all that are not set."""
    if missing := [name for name in variables if not os.environ.get(name)]:
        raise SpecError(f"Not set in the environment: {', '.join(missing)}.", hint=f"See {SETTINGS_PAGE}.")
    return [os.environ[name] for name in variables]
