"""The job ``withdraw``: a model that is not to be served any more leaves the gateway and the clouds."""

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

PUSHED = ("drift", "monitor")
"""Groups of gauges that each model has."""


class WithdrawConfig(dg.Config):
    """``model`` is its name. ``drain_seconds``: how long its endpoints stay up for requests that are under way."""

    model: str
    drain_seconds: float = 2.0


def withdraw(served: Collection[str]) -> dg.JobDefinition:
    """``served``: the models that have a spec."""

    @dg.op(
        description="Take the route of a model that has no spec any more, then its endpoints, and close its incidents. "
        "Run it again when a cloud did not answer.",
        required_resource_keys={
            *(ports.DEPLOYMENT, ports.GATEWAY, ports.GAUGES, ports.INCIDENTS, ports.TARGETS),
        },
    )
    def withdraw_model(context: dg.OpExecutionContext, config: WithdrawConfig) -> None:
        if not re.fullmatch(NAME, config.model):
            raise SpecError(f"'{config.model}' is no model's name.", hint="They are like flight_delay.")
        if config.model in served:
            raise SpecError(
                f"'{config.model}' has a spec, so whatever deploys would bring it back.",
                hint="Take its folder out of models/ and reload the code location first.",
            )
        _withdraw(context, config.model, config.drain_seconds)

    return dg.GraphDefinition("withdraw", node_defs=[withdraw_model]).to_job(
        description="Stop serving a model that has no spec any more; 'intermodal withdraw MODEL' asks for it."
    )


def _withdraw(context: dg.OpExecutionContext, model: str, drain_seconds: float) -> None:
    """Versions, mirrors and logged requests stay: they are the record of what was served, and cost little."""
    gateway = ports.gateway(context)
    if others := at_work(context.instance, model) - {context.run_id}:
        raise IntermodalError(f"At work on '{model}': run {', '.join(sorted(others))}.", hint="Let it end, or end it.")
    route = gateway.route(model) if model in gateway.models() else None
    gateway.withdraw(model)  # also when it has no route: an earlier withdrawal may have been killed in the middle
    context.log.info("the gateway answers 404 for '%s'", model)
    if route is not None:
        time.sleep(drain_seconds)
    left, environment = list[str](), ports.deployment(context).environment
    adapters, incidents = ports.targets(context), ports.incidents(context)
    known = [*(route.weights if route else ()), *(one.target for one in incidents.all(model)), *adapters.enabled()]
    for target in dict.fromkeys(known):
        try:
            gone = _delete(adapters.get(target), environment, model)
            context.log.info("%s: %s", target, ", ".join(gone) or f"nothing of '{model}'")
        except IntermodalError as error:
            left.append(f"{target} ({error.message})")
    if left:
        raise Unavailable(f"Endpoints of '{model}' may be left on {'; '.join(left)}.", hint="Withdraw it again later.")
    now = time.time()
    for one in incidents.all(model, open_only=True):  # no model's name is empty, which would be all of them
        incidents.note(one.id, Entry(now, "closed", "withdrawn", f"{model} was withdrawn"))
        incidents.close(one.id, now)
    for group in PUSHED:
        ports.gauges(context).push(f"{group}-{model}", ())


def _delete(adapter: EndpointTarget, environment: str, model: str) -> list[str]:
    found = [endpoint.name for endpoint in adapter.list(environment, model) if endpoint.model == model]
    for name in found:
        adapter.delete(name)
    return [f"'{name}' was removed" for name in found]
