"""The jobs ``failover_<model>`` and ``recover_<model>``: one op each. Both may be killed at any point and run again."""

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.failover_context import REQUIRED_RESOURCES, failover_context
from intermodal.assets.keys import with_cached_signature
from intermodal.assets.resilience.events import observe_model, observe_target
from intermodal.platform.resilience.failover import Outage, fail_over
from intermodal.platform.resilience.recovery import recover
from intermodal.platform.resilience.run_heartbeat import heartbeat
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import parse_target


class FailoverConfig(dg.Config):
    """``incident``: its id. ``target``: the unavailable target. ``onset``: when its outage began, Unix seconds."""

    incident: str
    target: str
    onset: float


class RecoveryConfig(dg.Config):
    """``incident``: the id of the open incident whose target answers again."""

    incident: str


def failover_job(spec: ModelSpec) -> dg.JobDefinition:
    @dg.op(
        name=f"fail_over_{spec.name}",
        description="Drains the target, replaces its capacity, notifies people. A repeated run continues.",
        required_resource_keys=set(REQUIRED_RESOURCES),
    )
    @with_cached_signature
    def _op(context: dg.OpExecutionContext, config: FailoverConfig) -> None:
        ctx = failover_context(context, spec.targets)
        try:
            with heartbeat(context.log):
                fail_over(ctx, spec, Outage(config.incident, parse_target(config.target), config.onset))
        finally:
            observe_model(context, ctx, spec)

    return _job(_op, f"failover_{spec.name}", f"Failover of {spec.name} from a target that cannot serve it.")


def recover_job(spec: ModelSpec) -> dg.JobDefinition:
    @dg.op(
        name=f"bring_back_{spec.name}",
        description="Deploys the current version on the target, returns its traffic and scales down the surge.",
        required_resource_keys={ports.REGISTRY, *REQUIRED_RESOURCES},
    )
    @with_cached_signature
    def _op(context: dg.OpExecutionContext, config: RecoveryConfig) -> None:
        ctx = failover_context(context, spec.targets, registry=True)
        known = ctx.incidents.get(config.incident)
        try:
            with heartbeat(context.log):
                incident = recover(ctx, spec, config.incident)
            if known is not None and known.is_open and incident.target in ctx.targets:
                observe_target(context, ctx, spec, incident)
        finally:
            observe_model(context, ctx, spec)

    return _job(_op, f"recover_{spec.name}", f"Recovery of {spec.name} on a target that can serve it again.")


def _job(op: dg.OpDefinition, name: str, description: str) -> dg.JobDefinition:
    graph = dg.GraphDefinition(name=name, description=description, node_defs=[op])
    return graph.to_job(description=description, tags={"dagster/priority": "10"})
