"""The job ``reap``: remove one endpoint that nobody uses, after looking again."""

from typing import Any

import dagster as dg

from intermodal.assets import resources
from intermodal.assets.runs import REAP, busy_models
from intermodal.platform.clouds import TARGETS, parse_target
from intermodal.platform.endpoints import endpoint_name
from intermodal.platform.errors import IntermodalError
from intermodal.platform.notices import Notice
from intermodal.platform.orphans import Uses

KEYS = {
    *(resources.DEPLOYMENT, resources.GATEWAY, resources.INCIDENTS, resources.NOTIFIER, resources.REGISTRY),
    *(resources.target_key(target) for target in TARGETS),
}


class ReapConfig(dg.Config):
    """``target`` as ``aws/sagemaker``, ``name`` the endpoint's name there."""

    target: str
    name: str


def uses(context: Any) -> Uses:
    """What endpoints are for now. Unavailable when the gateway or the incidents cannot be asked."""
    gateway = resources.gateway(context)
    routes = [gateway.route(model) for model in gateway.models()]
    try:
        champions = resources.registry(context).champions()
    except IntermodalError as error:
        context.log.warning("the registry does not say what is champion: %s", error)
        champions = None
    opened = resources.incidents(context).all(open_only=True)
    return Uses(
        routed={route.model: route.version for route in routes if route is not None},
        champions=champions,
        busy=busy_models(context.instance),
        away={(incident.model, incident.cloud) for incident in opened},
    )


@dg.op(
    description="Delete the endpoint if it still belongs to nobody; run it again at any time.",
    required_resource_keys=KEYS,
)
def reap_endpoint(context: dg.OpExecutionContext, config: ReapConfig) -> None:
    place = resources.place(context, parse_target(config.target))
    endpoint = place.describe(config.name)
    if endpoint is None:
        context.log.info("%s has no endpoint '%s' any more", config.target, config.name)
        return
    environment = resources.deployment(context).environment
    if endpoint.name != endpoint_name(endpoint.model, endpoint.version, environment):
        raise IntermodalError(
            f"'{config.name}' on {config.target} is not one of the environment '{environment}'.",
            hint="Run the job in the environment that the endpoint belongs to.",
        )
    if use := uses(context).use_of(endpoint):
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
        resources.notifier(context).tell(notice)
    except IntermodalError as error:  # it is gone all the same, and this log says so
        context.log.error("nobody was told: %s", error)


@dg.job(name=REAP, description="Remove one endpoint that nobody uses; the sensor orphans asks for it.")
def reap() -> None:
    reap_endpoint()
