"""The FailoverContext of a Dagster run: the ports of a model's targets."""

from collections.abc import Sequence
from typing import Any

from intermodal.assets import ports
from intermodal.assets.runs import deploying
from intermodal.platform.resilience.context import FailoverContext
from intermodal.platform.targets import Target, sites_of

REQUIRED_RESOURCES = frozenset(
    {ports.GATEWAY, ports.INCIDENTS, ports.NOTIFICATIONS, ports.DEPLOYMENT, ports.TARGETS, ports.STORES}
)
"""The resources that ``failover_context`` takes, without the registry."""


def failover_context(context: Any, targets: Sequence[Target], registry: bool = False) -> FailoverContext:
    adapters, stores = ports.targets(context), ports.stores(context)
    return FailoverContext(
        gateway=ports.gateway(context),
        incidents=ports.incidents(context),
        notifications=ports.notifications(context),
        deployment=ports.deployment(context),
        stores={site: stores.get(site) for site in sites_of(targets)},
        targets={target: adapters.get(target) for target in targets},
        registry=ports.registry(context) if registry else None,
        deploying=lambda model: deploying(context.instance, model),
        log=context.log,
    )
