"""The job ``withdraw``: remove a model that is no longer served from the gateway and the clouds."""

import json
import re
import time
from collections.abc import Collection
from itertools import takewhile

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.runs import at_work
from intermodal.platform.deployment.image_removal import remove_images
from intermodal.platform.errors import IntermodalError, SpecError, Unavailable
from intermodal.platform.ports import EndpointTarget
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Entry
from intermodal.platform.spec import NAME
from intermodal.platform.targets import Site, Target, parse_target, sites_of

GAUGE_GROUPS = ("drift", "monitor")
"""The groups of gauges that are pushed for each model."""


WITHDRAW = "withdraw"
TARGETS_TAG = "intermodal/withdrawn_from"
"""Of a run: the targets of the route that it deletes, as a JSON list. A withdrawal that was killed, or that failed at a
target, is repeated when no route names them any more."""


class WithdrawConfig(dg.Config):
    """``model``: its name. ``drain_seconds``: how long its endpoints keep running, so that open requests can finish.
    ``no_location_has_it``: whether the caller has seen that no code location defines the model; the run knows only the
    specs of its own."""

    model: str
    drain_seconds: float = 2.0
    no_location_has_it: bool = False


def withdraw(served: Collection[str]) -> dg.JobDefinition:
    """The job. ``served``: the models that have a spec, which it refuses."""

    @dg.op(
        description="Deletes the route of a model that no longer has a spec, then its endpoints and images, and "
        "closes its incidents. Run it again if a cloud did not answer.",
        required_resource_keys={
            *(ports.DEPLOYMENT, ports.GATEWAY, ports.GAUGES, ports.INCIDENTS, ports.TARGETS),
            *(ports.STORES, ports.IMAGES),
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
        if not config.no_location_has_it:
            _require_made_here(context, config.model)
        _withdraw(context, config.model, config.drain_seconds)

    return dg.GraphDefinition(WITHDRAW, node_defs=[withdraw_model]).to_job(
        description="Stop serving a model that no longer has a spec. Started by 'intermodal withdraw MODEL'."
    )


def _withdraw(context: dg.OpExecutionContext, model: str, drain_seconds: float) -> None:
    """Delete route, endpoints, images and gauges, and close incidents. Versions, mirrors and logged requests are kept:
    they record what was served, and cost little."""
    gateway = ports.gateway(context)
    if others := at_work(context.instance, model) - {context.run_id}:
        raise IntermodalError(
            f"Run {', '.join(sorted(others))} is working on '{model}'.", hint="Wait until it ends, or terminate it."
        )
    route = _route(context, model)
    routed = json.dumps([str(target) for target in route.weights] if route else [])
    context.instance.add_run_tags(context.run_id, {"model": model, TARGETS_TAG: routed})
    gateway.withdraw(model)  # also without a route: an earlier withdrawal may have been killed half-way
    context.log.info("the gateway answers 404 for '%s'", model)
    if route is not None:
        time.sleep(drain_seconds)
    left, environment = list[str](), ports.deployment(context).environment
    adapters, incidents = ports.targets(context), ports.incidents(context)
    known = {
        *(route.weights if route else ()),
        *_withdrawn_from(context.instance, model),
        *(incident.target for incident in incidents.all(model, open_only=True)),
        *adapters.defaults(),
    }
    past = {incident.target for incident in incidents.all(model)}
    for target in sorted({*known, *past, *adapters.enabled()}):
        try:
            removed = _delete(adapters.get(target), environment, model)
            context.log.info("%s: %s", target, ", ".join(removed) or f"nothing of '{model}'")
        except IntermodalError as error:
            # SpecError: the cloud is not enabled any more. Of a platform that no spec uses by itself nothing says that
            # the model was there, and this identity may have no right to look.
            if target not in known and (isinstance(error, SpecError) or target not in past):
                context.log.warning("%s is not looked at: %s", target, error)
                continue
            left.append(f"{target} ({error.message})")
    if left:
        raise Unavailable(f"Endpoints of '{model}' may be left on {'; '.join(left)}.", hint="Withdraw it again later.")
    _remove_images(context, model, sites_of(sorted(known)), sites_of(sorted({*past, *adapters.enabled()})))
    now = time.time()
    for incident in incidents.all(model, open_only=True):  # an empty name would select all models, and is not valid
        incidents.note(incident.id, Entry(now, "closed", "withdrawn", f"{model} was withdrawn"))
        incidents.close(incident.id, now)
    for group in GAUGE_GROUPS:
        ports.gauges(context).push(f"{group}-{model}", ())


def _remove_images(
    context: dg.OpExecutionContext, model: str, known: Collection[Site], others: Collection[Site]
) -> None:
    """Delete the model's images at every site, after the endpoints that run them. Unavailable when a site where the
    model was does not answer."""
    left = list[str]()
    for site in dict.fromkeys((*known, *others)):
        try:
            for kept in remove_images(ports.images(context), ports.stores(context).get(site), model):
                context.log.warning("%s: %s", site, kept)
        except IntermodalError as error:
            if site not in known or isinstance(error, SpecError):
                context.log.warning("the images at %s are not looked at: %s", site, error)
                continue
            left.append(f"{site} ({error.message})")
    if left:
        raise Unavailable(f"Images of '{model}' may be left at {'; '.join(left)}.", hint="Withdraw it again later.")


def _require_made_here(context: dg.OpExecutionContext, model: str) -> None:
    """SpecError when another code location made the model's route last: it may define the model still."""
    event = context.instance.get_latest_materialization_event(dg.AssetKey([model, "route"]))
    maker, here = (
        _location(context.instance, event.run_id if event else ""),
        _location(context.instance, context.run_id),
    )
    if maker and here and maker != here:
        raise SpecError(
            f"'{model}' was deployed by the code location {maker}, and this run knows only the specs of {here}.",
            hint=f"Run: intermodal withdraw {model}. It looks for the model in every code location.",
        )


def _location(instance: dg.DagsterInstance, run_id: str) -> str:
    """The code location of a run; '' when the run is not known, or was not launched from one."""
    run = instance.get_run_by_id(run_id) if run_id else None
    return run.remote_job_origin.location_name if run and run.remote_job_origin else ""


def _route(context: dg.OpExecutionContext, model: str) -> Route | None:
    """None also when the gateway's file of it is damaged, which withdrawing removes."""
    gateway = ports.gateway(context)
    try:
        return gateway.route(model) if model in gateway.models() else None
    except IntermodalError as error:
        context.log.warning("the route of '%s' cannot be read, so only enabled targets are looked at: %s", model, error)
        return None


def _withdrawn_from(instance: dg.DagsterInstance, model: str) -> list[Target]:
    """The targets of the routes that withdrawals of the model have deleted since the last one that succeeded."""
    runs = instance.get_runs(dg.RunsFilter(job_name=WITHDRAW, tags={"model": model}))  # newest first
    unfinished = takewhile(lambda run: run.status != dg.DagsterRunStatus.SUCCESS, runs)
    texts = [text for run in unfinished for text in json.loads(run.tags.get(TARGETS_TAG, "[]"))]
    return [parse_target(text) for text in dict.fromkeys(texts)]


def _delete(adapter: EndpointTarget, environment: str, model: str) -> list[str]:
    found = [endpoint.name for endpoint in adapter.list(environment, model) if endpoint.model == model]
    for name in found:
        adapter.delete(name)
    return [f"'{name}' was removed" for name in found]
