"""The jobs ``failover_<model>`` and ``recover_<model>``: one op each, around what may be killed and repeated."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from intermodal.assets import resources
from intermodal.assets.capacity import Ports
from intermodal.assets.common import signed
from intermodal.assets.heartbeat import heartbeat
from intermodal.assets.outage import Outage, fail_over
from intermodal.assets.recovery import recover
from intermodal.assets.runs import deploying
from intermodal.assets.shown import show, show_cloud
from intermodal.platform.clouds import Target, parse_cloud
from intermodal.platform.spec import ModelSpec


class FailoverConfig(dg.Config):
    """``incident`` is its id, ``cloud`` the one that cannot serve, ``onset`` since when (Unix seconds)."""

    incident: str
    cloud: str
    onset: float


class RecoveryConfig(dg.Config):
    """``incident`` is the id of the open incident whose cloud is back."""

    incident: str


def ports_of(context: Any, targets: Sequence[Target], registry: bool = False) -> Ports:
    return Ports(
        gateway=resources.gateway(context),
        incidents=resources.incidents(context),
        notifier=resources.notifier(context),
        deployment=resources.deployment(context),
        stores={target.cloud: resources.store(context, target.cloud) for target in targets},
        places={target.cloud: resources.place(context, target) for target in targets},
        registry=resources.registry(context) if registry else None,
        deploying=lambda model: deploying(context.instance, model),
        log=context.log,
    )


def keys_of(targets: Sequence[Target]) -> set[str]:
    """The resources that ``ports_of`` takes, without the registry."""
    return {
        *(resources.GATEWAY, resources.INCIDENTS, resources.NOTIFIER, resources.DEPLOYMENT),
        *(resources.store_key(target.cloud) for target in targets),
        *(resources.target_key(target) for target in targets),
    }


def failover_job(spec: ModelSpec, targets: Sequence[Target]) -> dg.JobDefinition:
    @dg.op(
        name=f"fail_over_{spec.name}",
        description="Drain the cloud, replace its capacity, tell people. Run again at any time, it goes on from there.",
        required_resource_keys=keys_of(targets),
    )
    @signed
    def _op(context: dg.OpExecutionContext, config: FailoverConfig) -> None:
        at = ports_of(context, targets)
        try:
            with heartbeat(context.log):
                fail_over(at, spec, Outage(config.incident, parse_cloud(config.cloud), config.onset))
        finally:
            show(context, at, spec)

    return _job(_op, f"failover_{spec.name}", f"What to do when a cloud cannot serve {spec.name}.")


def recover_job(spec: ModelSpec, targets: Sequence[Target]) -> dg.JobDefinition:
    @dg.op(
        name=f"bring_back_{spec.name}",
        description="Bring the cloud to the current version, then give it its traffic back and let the helpers rest.",
        required_resource_keys={resources.REGISTRY, *keys_of(targets)},
    )
    @signed
    def _op(context: dg.OpExecutionContext, config: RecoveryConfig) -> None:
        at = ports_of(context, targets, registry=True)
        known = at.incidents.get(config.incident)
        try:
            with heartbeat(context.log):
                incident = recover(at, spec, config.incident)
            if known is not None and known.is_open and incident.cloud in at.places:
                show_cloud(context, at, spec, incident)
        finally:
            show(context, at, spec)

    return _job(_op, f"recover_{spec.name}", f"What to do when a cloud can serve {spec.name} again.")


def _job(op: dg.OpDefinition, name: str, description: str) -> dg.JobDefinition:
    graph = dg.GraphDefinition(name=name, description=description, node_defs=[op])
    return graph.to_job(description=description, tags={"dagster/priority": "10"})
