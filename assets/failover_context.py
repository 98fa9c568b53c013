"""The FailoverContext of a Dagster run: the ports of a model's targets."""

from collections.abc import Sequence
from typing import Any

from intermodal.assets import ports
from intermodal.assets.runs import deploying
from intermodal.platform.resilience.context import FailoverContext
from intermodal.platform.targets import Target


def failover_context(context: Any, targets: Sequence[Target], registry: bool = False) -> FailoverContext:
    return FailoverContext(
        gateway=ports.gateway(context),
        incidents=ports.incidents(context),
        notifier=ports.notifier(context),
        deployment=ports.deployment(context),
        stores={target.cloud: ports.store(context, target.cloud) for target in targets},
        places={target.cloud: ports.place(context, target) for target in targets},
        registry=ports.registry(context) if registry else None,
        deploying=lambda model: deploying(context.instance, model),
        log=context.log,
    )


def failover_resources(targets: Sequence[Target]) -> set[str]:
    """The resources that ``failover_context`` takes, without the registry."""
    return {
        *(ports.GATEWAY, ports.INCIDENTS, ports.NOTIFIER, ports.DEPLOYMENT),
        *(ports.store_key(target.cloud) for target in targets),
        *(ports.target_key(target) for target in targets),
    }
