"""The job ``reap``: remove one endpoint that nobody uses, or scale one back, after looking again."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.failover_context import failover_context
from intermodal.assets.runs import REAP, busy_models
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience.orphans import Uses, helpers_left
from intermodal.platform.resilience.scale_down import scale_down
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import CLOUDS, TARGETS, parse_target

KEYS = {
    *(ports.DEPLOYMENT, ports.GATEWAY, ports.INCIDENTS, ports.NOTIFIER, ports.REGISTRY),
    *(ports.target_key(target) for target in TARGETS),
}


class ReapConfig(dg.Config):
    """``target`` as ``aws/sagemaker``, ``name`` the endpoint's name there. With a ``spec`` (its model's, as JSON) it is
    not removed: it runs more than that says, since an incident, and is scaled back."""

    target: str
    name: str
    spec: str = ""


def uses(context: Any, champions: Mapping[str, str] | None) -> Uses:
    """What endpoints are for now. ``champions`` are the registry's, None when they are not known. Unavailable when the
    gateway or the incidents cannot be asked."""
    gateway = ports.gateway(context)
    routes = [gateway.route(model) for model in gateway.models()]
    known, busy = ports.incidents(context).all(), busy_models(context.instance)
    return Uses(
        routed={route.model: route for route in routes if route is not None},
        champions=champions,
        busy=busy,
        away={(incident.model, incident.cloud) for incident in known if incident.is_open},
        left=helpers_left(known, busy),
    )


def _champions(context: dg.OpExecutionContext) -> Mapping[str, str] | None:
    try:
        return ports.registry(context).champions()
    except IntermodalError as error:
        context.log.warning("the registry does not say what is champion: %s", error)
        return None


@dg.op(
    description="Delete the endpoint if it still belongs to nobody, or scale it back if it still runs too much; run it "
    "again at any time.",
    required_resource_keys=KEYS | {ports.store_key(cloud) for cloud in CLOUDS},
)
def reap_endpoint(context: dg.OpExecutionContext, config: ReapConfig) -> None:
    if config.spec:
        spec, used = ModelSpec.model_validate_json(config.spec), uses(context, _champions(context))
        ctx = failover_context(context, [parse_target(name) for name in spec.serve])
        done = scale_down(ctx, parse_target(config.target), spec, used)
        context.log.info("'%s' on %s: %s", config.name, config.target, done or "it runs what is needed now")
        return
    place = ports.place(context, parse_target(config.target))
    endpoint = place.describe(config.name)
    if endpoint is None:
        context.log.info("%s has no endpoint '%s' any more", config.target, config.name)
        return
    environment = ports.deployment(context).environment
    if endpoint.name != endpoint_name(endpoint.model, endpoint.version, environment):
        raise IntermodalError(
            f"'{config.name}' on {config.target} is not one of the environment '{environment}'.",
            hint="Run the job in the environment that the endpoint belongs to.",
        )
    if use := uses(context, _champions(context)).use_of(endpoint):
        context.log.info("'%s' on %s stays: %s", config.name, config.target, use)
        return
    place.delete(config.name)
    context.log.info("deleted '%s' on %s", config.name, config.target)
    notice = Notice(
        severity="info",
        title=f"{endpoint.name} on {config.target} was removed",
        text=f"It served {endpoint.model} {endpoint.version}, belonged to no route and to no run, and cost money.",
        owner="team:platform",
        key=f"reaped-{config.target}-{endpoint.name}",
    )
    try:
        ports.notifier(context).tell(notice)
    except IntermodalError as error:  # it is gone all the same, and this log says so
        context.log.error("nobody was told: %s", error)


@dg.job(name=REAP, description="Remove or scale back one endpoint that nobody needs; the sensor orphans asks for it.")
def reap() -> None:
    reap_endpoint()
