"""The jobs ``failover_<model>`` and ``recover_<model>``: one op each, around what may be killed and repeated."""

from collections.abc import Sequence

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.failover_context import failover_context, failover_resources
from intermodal.assets.keys import signed
from intermodal.assets.resilience.events import show, show_cloud
from intermodal.platform.resilience.failover import Outage, fail_over
from intermodal.platform.resilience.recovery import recover
from intermodal.platform.resilience.run_heartbeat import heartbeat
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target, parse_cloud


class FailoverConfig(dg.Config):
    """``incident`` is its id, ``cloud`` the one that cannot serve, ``onset`` since when (Unix seconds)."""

    incident: str
    cloud: str
    onset: float


class RecoveryConfig(dg.Config):
    """``incident`` is the id of the open incident whose cloud is back."""

    incident: str


def failover_job(spec: ModelSpec, targets: Sequence[Target]) -> dg.JobDefinition:
    @dg.op(
        name=f"fail_over_{spec.name}",
        description="Drain the cloud, replace its capacity, tell people. Run again at any time, it goes on from there.",
        required_resource_keys=failover_resources(targets),
    )
    @signed
    def _op(context: dg.OpExecutionContext, config: FailoverConfig) -> None:
        at = failover_context(context, targets)
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
        required_resource_keys={ports.REGISTRY, *failover_resources(targets)},
    )
    @signed
    def _op(context: dg.OpExecutionContext, config: RecoveryConfig) -> None:
        at = failover_context(context, targets, registry=True)
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
