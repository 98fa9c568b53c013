"""The job ``withdraw``: remove a model that is no longer served from the gateway and the clouds."""

import re
import time
from collections.abc import Collection

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.runs import at_work
from intermodal.platform.errors import IntermodalError, SpecError, Unavailable
from intermodal.platform.ports import EndpointTarget
from intermodal.platform.ports.incidents import Entry
from intermodal.platform.spec import NAME

GAUGE_GROUPS = ("drift", "monitor")
"""The groups of gauges that are pushed for each model."""


class WithdrawConfig(dg.Config):
    """``model``: its name. ``drain_seconds``: how long its endpoints keep running, so that open requests can finish."""

    model: str
    drain_seconds: float = 2.0


def withdraw(served: Collection[str]) -> dg.JobDefinition:
    """The job. ``served``: the models that have a spec, which it refuses."""

    @dg.op(
        description="Deletes the route of a model that no longer has a spec, then its endpoints, and closes its "
        "incidents. Run it again if a cloud did not answer.",
        required_resource_keys={
            *(ports.DEPLOYMENT, ports.GATEWAY, ports.GAUGES, ports.INCIDENTS, ports.TARGETS),
        },
    )
    def withdraw_model(context: dg.OpExecutionContext, config: WithdrawConfig) -> None:
        if not re.fullmatch(NAME, config.model):
            raise SpecError(f"'{config.model}' is not a valid model name.", hint="Names are like flight_delay.")
        if config.model in served:
            raise SpecError(
                f"'{config.model}' has a spec, so the next deployment would restore it.",
                hint="Remove its folder from models/ and reload the code location first.",
            )
        _withdraw(context, config.model, config.drain_seconds)

    return dg.GraphDefinition("withdraw", node_defs=[withdraw_model]).to_job(
        description="Stop serving a model that no longer has a spec. Started by 'intermodal withdraw MODEL'."
    )


def _withdraw(context: dg.OpExecutionContext, model: str, drain_seconds: float) -> None:
    """Delete route, endpoints and gauges, and close incidents. Versions, mirrors and logged requests are kept: they
    record what was served, and cost little."""
    gateway = ports.gateway(context)
    if others := at_work(context.instance, model) - {context.run_id}:
        raise IntermodalError(
            f"Run {', '.join(sorted(others))} is working on '{model}'.", hint="Wait until it ends, or terminate it."
        )
    route = gateway.route(model) if model in gateway.models() else None
    gateway.withdraw(model)  # also without a route: an earlier withdrawal may have been killed half-way
    context.log.info("the gateway answers 404 for '%s'", model)
    if route is not None:
        time.sleep(drain_seconds)
    left, environment = list[str](), ports.deployment(context).environment
    adapters, incidents = ports.targets(context), ports.incidents(context)
    known = [
        *(route.weights if route else ()),
        *(incident.target for incident in incidents.all(model)),
        *adapters.enabled(),
    ]
    for target in dict.fromkeys(known):
        try:
            removed = _delete(adapters.get(target), environment, model)
            context.log.info("%s: %s", target, ", ".join(removed) or f"nothing of '{model}'")
        except IntermodalError as error:
            left.append(f"{target} ({error.message})")
    if left:
        raise Unavailable(f"Endpoints of '{model}' may be left on {'; '.join(left)}.", hint="Withdraw it again later.")
    now = time.time()
    for incident in incidents.all(model, open_only=True):  # an empty name would select all models, and is not valid
        incidents.note(incident.id, Entry(now, "closed", "withdrawn", f"{model} was withdrawn"))
        incidents.close(incident.id, now)
    for group in GAUGE_GROUPS:
        ports.gauges(context).push(f"{group}-{model}", ())


def _delete(adapter: EndpointTarget, environment: str, model: str) -> list[str]:
    found = [endpoint.name for endpoint in adapter.list(environment, model) if endpoint.model == model]
    for name in found:
        adapter.delete(name)
    return [f"'{name}' was removed" for name in found]
