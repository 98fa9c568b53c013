"""What is done once a recovered cloud has its share again: helpers rest, and what was replaced meanwhile goes."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from intermodal.assets.capacity import Moved, Ports, move, serve, tell
from intermodal.platform import failover
from intermodal.platform.clouds import Cloud
from intermodal.platform.endpoints import endpoint_name
from intermodal.platform.errors import IntermodalError, NotFound, Unavailable
from intermodal.platform.failover import current_round, wanted
from intermodal.platform.incidents import Incident
from intermodal.platform.notices import Notice
from intermodal.platform.spec import ModelSpec

DRAIN_SECONDS = 2.0
REST_SECONDS = 120.0
"""How long helpers that cannot go back to what they ran before keep an incident open."""


def leave(at: Ports, spec: ModelSpec, incident: Incident, version: str, down: frozenset[Cloud]) -> Incident:
    """The spec names the incident's cloud no longer: the others get its traffic, and the route forgets it as soon as no
    other cloud is away. What it still runs is in nobody's use then, and the sensor ``orphans`` removes it."""
    cloud, key = incident.cloud, str(current_round(incident))
    incident = at.note(incident, "note", "left", f"the spec of {spec.name} names {cloud} no longer")
    if not move(at, spec, version, down, {}, unable=(), stay=False):
        hint = f"Run the job deploy_{spec.name}."
        raise Unavailable(f"No cloud that the spec of {spec.name} names serves it now.", hint=hint)
    incident = at.note(incident, "share back", key, f"the other clouds have {cloud}'s share")
    left = let_rest(at, spec, incident, version, down)
    return told_of_left(at, spec, incident, left) if left else incident


def let_rest(
    at: Ports, spec: ModelSpec, incident: Incident, version: str, down: frozenset[Cloud]
) -> dict[Cloud, IntermodalError]:
    """Helpers go back to what they run without this incident; gives those that could not now, with the reason. Clouds
    that rest, and those that left the spec, leave the route."""
    before, after = wanted(spec, {*down, incident.cloud}), wanted(spec, down)
    cold = [one for one in spec.failover.cold if one in after and not after[one]]  # type: ignore[index]
    gone = [one for one in at.route(spec.name).weights if one not in failover.order_of(spec)]
    _forget(at, spec, version, [*cold, *gone], down)
    name, left = endpoint_name(spec.name, version, at.deployment.environment), dict[Cloud, IntermodalError]()
    for cloud in failover.order_of(spec):
        if cloud == incident.cloud or cloud in down or (down and before[cloud] == after[cloud]):
            continue
        try:
            if after[cloud]:
                serve(at, spec, cloud, version, after[cloud], down)
            elif at.places[cloud].describe(name) is not None:
                at.pause(DRAIN_SECONDS)  # requests that are under way
                at.places[cloud].delete(name)
        except IntermodalError as error:
            at.log.warning("%s still runs more than it should: %s", cloud, error)
            left[cloud] = error
    return left


def told_of_left(at: Ports, spec: ModelSpec, incident: Incident, left: Mapping[Cloud, IntermodalError]) -> Incident:
    """Helpers that run more than is needed: closed, nobody would look at them again. So it stays open for a while, and
    the next run tries again; then people are asked."""
    key, words = str(current_round(incident)), "; ".join(f"{one}: {error.message}" for one, error in left.items())
    incident = at.note(incident, "note", f"left-{key}", f"more than is needed still runs on {words}")
    back = next(one.at for one in incident.entries if (one.step, one.key) == ("share back", key))
    if at.now() - back < REST_SECONDS:
        hint = "The incident stays open, and it is tried again."
        raise Unavailable(f"More than is needed still runs on {words}", hint=hint)
    title = f"More of {spec.name} than is needed runs on {' and '.join(left)}"
    return tell(at, incident, f"left-{key}", Notice("warning", title, words, spec.owner, f"{incident.id}-left-{key}"))


def _forget(at: Ports, spec: ModelSpec, version: str, idle: Collection[str], down: Collection[Cloud]) -> None:
    """Take clouds out of the route that run nothing, where they would be probed in vain. Needs an upstream of all the
    others, so it waits until no cloud is away."""
    route = at.route(spec.name)
    if down or route.version != version or not set(idle) & set(route.weights):
        return
    weights = {cloud: weight for cloud, weight in route.weights.items() if cloud not in idle}
    name, held = endpoint_name(spec.name, version, at.deployment.environment), []
    for cloud in weights:
        served = at.places[cloud].describe(name)
        if served is None:
            raise NotFound(f"{cloud} has no endpoint '{name}'.", hint=f"Run the job deploy_{spec.name}.")
        held.append(at.places[cloud].upstream(served))
    _same_version(at, spec, version)  # the clouds took their time
    at.gateway.publish(replace(route, weights=weights), held)


def reap_replaced(at: Ports, spec: ModelSpec, incident: Incident, version: str, keep: bool) -> Incident:
    """Remove what the cloud still runs of the model: other versions that were replaced while it was away. Not while a
    deploy is under way, which may have made one just now; what nobody uses after it, the sensor ``orphans`` removes."""
    place, environment = at.places[incident.cloud], at.deployment.environment
    name, text = endpoint_name(spec.name, version, environment), f"nothing else runs on {place.target}"
    for one in place.list(environment, spec.name):  # asked first: what a deploy makes that begins later is not in it
        if keep and one.name == name:
            continue
        if one.name != name and at.deploying(spec.name):
            text = f"{one.name} stays on {place.target}: a run deploys {spec.name}"
            continue
        _same_version(at, spec, version)
        place.delete(one.name)
        incident = at.note(incident, "note", f"reaped-{one.name}", f"{one.name} was left on {place.target}: removed")
    return at.note(incident, "reaped", str(current_round(incident)), text)


def _same_version(at: Ports, spec: ModelSpec, version: str) -> None:
    """Raises Moved when another version was published meanwhile."""
    if (now := at.route(spec.name).version) != version:
        raise Moved(f"'{spec.name}' went from {version} to {now} meanwhile.")
