"""What is done once a recovered cloud has its share again: helpers rest, and what was replaced meanwhile goes."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from intermodal.platform.errors import IntermodalError, NotFound, Unavailable
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience import failover_plan
from intermodal.platform.resilience.capacity import Moved, move, serve
from intermodal.platform.resilience.context import FailoverContext, tell
from intermodal.platform.resilience.failover_plan import current_round, wanted
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Cloud

DRAIN_SECONDS = 2.0
REST_SECONDS = 120.0
"""How long helpers that cannot go back to what they ran before keep an incident open."""


def leave(ctx: FailoverContext, spec: ModelSpec, incident: Incident, version: str, down: frozenset[Cloud]) -> Incident:
    """The spec names the incident's cloud no longer: the others get its traffic, and the route forgets it as soon as no
    other cloud is away. What it still runs is in nobody's use then, and the sensor ``orphans`` removes it."""
    cloud, key = incident.cloud, str(current_round(incident))
    incident = ctx.note(incident, "note", "left", f"the spec of {spec.name} names {cloud} no longer")
    if not move(ctx, spec, version, down, {}, unable=(), stay=False):
        hint = f"Run the job deploy_{spec.name}."
        raise Unavailable(f"No cloud that the spec of {spec.name} names serves it now.", hint=hint)
    incident = ctx.note(incident, "share back", key, f"the other clouds have {cloud}'s share")
    left = let_rest(ctx, spec, incident, version, down)
    return told_of_left(ctx, spec, incident, left) if left else incident


def let_rest(
    ctx: FailoverContext, spec: ModelSpec, incident: Incident, version: str, down: frozenset[Cloud]
) -> dict[Cloud, IntermodalError]:
    """Helpers go back to what they run without this incident; gives those that could not now, with the reason. Clouds
    that rest, and those that left the spec, leave the route."""
    before, after = wanted(spec, {*down, incident.cloud}), wanted(spec, down)
    cold = [one for one in spec.failover.cold if one in after and not after[one]]
    gone = [one for one in ctx.route(spec.name).weights if one not in failover_plan.order_of(spec)]
    _forget(ctx, spec, version, [*cold, *gone], down)
    name, left = endpoint_name(spec.name, version, ctx.deployment.environment), dict[Cloud, IntermodalError]()
    for cloud in failover_plan.order_of(spec):
        if cloud == incident.cloud or cloud in down or (down and before[cloud] == after[cloud]):
            continue
        try:
            if after[cloud]:
                serve(ctx, spec, cloud, version, after[cloud], down)
            elif ctx.places[cloud].describe(name) is not None:
                ctx.pause(DRAIN_SECONDS)  # requests that are under way
                ctx.places[cloud].delete(name)
        except IntermodalError as error:
            ctx.log.warning("%s still runs more than it should: %s", cloud, error)
            left[cloud] = error
    return left


def told_of_left(
    ctx: FailoverContext, spec: ModelSpec, incident: Incident, left: Mapping[Cloud, IntermodalError]
) -> Incident:
    """Helpers that run more than is needed: closed, nobody would look at them again. So it stays open for a while, and
    the next run tries again; then people are asked."""
    key, words = str(current_round(incident)), "; ".join(f"{one}: {error.message}" for one, error in left.items())
    incident = ctx.note(incident, "note", f"left-{key}", f"more than is needed still runs on {words}")
    back = next(one.at for one in incident.entries if (one.step, one.key) == ("share back", key))
    if ctx.now() - back < REST_SECONDS:
        hint = "The incident stays open, and it is tried again."
        raise Unavailable(f"More than is needed still runs on {words}", hint=hint)
    title = f"More of {spec.name} than is needed runs on {' and '.join(left)}"
    return tell(ctx, incident, f"left-{key}", Notice("warning", title, words, spec.owner, f"{incident.id}-left-{key}"))


def _forget(
    ctx: FailoverContext, spec: ModelSpec, version: str, idle: Collection[str], down: Collection[Cloud]
) -> None:
    """Take clouds out of the route that run nothing, where they would be probed in vain. Needs an upstream of all the
    others, so it waits until no cloud is away."""
    route = ctx.route(spec.name)
    if down or route.version != version or not set(idle) & set(route.weights):
        return
    weights = {cloud: weight for cloud, weight in route.weights.items() if cloud not in idle}
    name, held = endpoint_name(spec.name, version, ctx.deployment.environment), []
    for cloud in weights:
        served = ctx.places[cloud].describe(name)
        if served is None:
            raise NotFound(f"{cloud} has no endpoint '{name}'.", hint=f"Run the job deploy_{spec.name}.")
        held.append(ctx.places[cloud].upstream(served))
    _same_version(ctx, spec, version)  # the clouds took their time
    ctx.gateway.publish(replace(route, weights=weights), held)


def reap_replaced(ctx: FailoverContext, spec: ModelSpec, incident: Incident, version: str, keep: bool) -> Incident:
    """Remove what the cloud still runs of the model: other versions that were replaced while it was away. Not while a
    deploy is under way, which may have made one just now; what nobody uses after it, the sensor ``orphans`` removes."""
    place, environment = ctx.places[incident.cloud], ctx.deployment.environment
    name, text = endpoint_name(spec.name, version, environment), f"nothing else runs on {place.target}"
    for one in place.list(environment, spec.name):  # asked first: what a deploy makes that begins later is not in it
        if keep and one.name == name:
            continue
        if one.name != name and ctx.deploying(spec.name):
            text = f"{one.name} stays on {place.target}: a run deploys {spec.name}"
            continue
        _same_version(ctx, spec, version)
        place.delete(one.name)
        incident = ctx.note(incident, "note", f"reaped-{one.name}", f"{one.name} was left on {place.target}: removed")
    return ctx.note(incident, "reaped", str(current_round(incident)), text)


def _same_version(ctx: FailoverContext, spec: ModelSpec, version: str) -> None:
    """Raises Moved when another version was published meanwhile."""
    if (now := ctx.route(spec.name).version) != version:
        raise Moved(f"'{spec.name}' went from {version} to {now} meanwhile.")
