"""The job ``reap``: remove one endpoint that is not in use, or scale one down, after looking again."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.failover_context import REQUIRED_RESOURCES, failover_context
from intermodal.assets.runs import REAP, busy_models
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience.orphans import Uses, surges_left
from intermodal.platform.resilience.scale_down import scale_down
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target, parse_target

KEYS = frozenset({ports.DEPLOYMENT, ports.GATEWAY, ports.INCIDENTS, ports.NOTIFICATIONS, ports.REGISTRY, ports.TARGETS})


class ReapConfig(dg.Config):
    """``target`` as ``aws/sagemaker``, ``name`` the endpoint's name there. With a ``spec`` (its model's, as JSON) it is
    not removed: it runs more than that says, since an incident, and is scaled down."""

    target: str
    name: str
    spec: str = ""


def uses(context: Any, champions: Mapping[str, str] | None, targets: Mapping[str, Sequence[Target]]) -> Uses:
    """What endpoints are for now. ``champions`` are the registry's, None when they are not known; ``targets`` those of
    the spec of each model whose surges are wanted. Unavailable when the gateway or the incidents cannot be read."""
    gateway = ports.gateway(context)
    routes = [gateway.route(model) for model in gateway.models()]
    canaries = {model: canary.route for model in gateway.models() if (canary := gateway.canary(model)) is not None}
    known, busy = ports.incidents(context).all(), busy_models(context.instance)
    return Uses(
        routed={route.model: route for route in routes if route is not None},
        champions=champions,
        busy=busy,
        unavailable={(incident.model, incident.target) for incident in known if incident.is_open},
        surges=surges_left(known, busy, targets),
        canaries=canaries,
    )


def _champions(context: dg.OpExecutionContext) -> Mapping[str, str] | None:
    try:
        return {name: champion.version for name, champion in ports.registry(context).champions().items()}
    except IntermodalError as error:
        context.log.warning("the registry does not give the champions: %s", error)
        return None


@dg.op(
    description="Delete the endpoint if it is still not in use, or scale it down if it still runs too much; may be "
    "run again at any time.",
    required_resource_keys=KEYS | REQUIRED_RESOURCES,
)
def reap_endpoint(context: dg.OpExecutionContext, config: ReapConfig) -> None:
    if config.spec:
        spec = ModelSpec.model_validate_json(config.spec)
        used = uses(context, _champions(context), {spec.name: spec.targets})
        ctx = failover_context(context, spec.targets)
        done = scale_down(ctx, parse_target(config.target), spec, used)
        context.log.info("'%s' on %s: %s", config.name, config.target, done or "it runs what is needed now")
        return
    adapter = ports.targets(context).get(parse_target(config.target))
    endpoint = adapter.describe(config.name)
    if endpoint is None:
        context.log.info("%s has no endpoint '%s' any more", config.target, config.name)
        return
    environment = ports.deployment(context).environment
    if endpoint.name != endpoint_name(endpoint.model, endpoint.version, environment):
        raise IntermodalError(
            f"'{config.name}' on {config.target} is not one of the environment '{environment}'.",
            hint="Run the job in the environment that the endpoint belongs to.",
        )
    if use := uses(context, _champions(context), {}).use_of(endpoint):
        context.log.info("'%s' on %s stays: %s", config.name, config.target, use)
        return
    adapter.delete(config.name)
    context.log.info("deleted '%s' on %s", config.name, config.target)
    notice = Notice(
        severity="info",
        title=f"{endpoint.name} on {config.target} was removed",
        text=f"It served {endpoint.model} {endpoint.version}, belonged to no route and to no run, and cost money.",
        owner="team:platform",
        key=f"reaped-{config.target}-{endpoint.name}-{context.run_id}",
    )
    try:
        ports.notifications(context).notify(notice)
    except IntermodalError as error:  # it is gone all the same, and this log says so
        context.log.error("the notification failed: %s", error)


@dg.job(name=REAP, description="Remove or scale down one endpoint that nothing needs; the sensor orphans requests it.")
def reap() -> None:
    reap_endpoint()
