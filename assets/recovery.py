"""Failover → restore: a cloud that is back gets the current version first, then its traffic, then the helpers rest.

May be killed anywhere and repeated. An error means that the cloud does not serve yet: the incident stays open.
"""

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from intermodal.assets.capacity import Moved, Ports, again_when_moved, move, serve, take_over, tell
from intermodal.assets.copying import copy_of, is_whole
from intermodal.assets.deploying import prefix
from intermodal.assets.recovered import leave, let_rest, reap_replaced, told_of_left
from intermodal.platform import failover
from intermodal.platform.clouds import CLOUDS, Cloud
from intermodal.platform.endpoints import Endpoint, Upstream
from intermodal.platform.errors import DeployFailed, IntermodalError, NotFound, Unavailable
from intermodal.platform.failover import BACK, NOT_BACK, current_round, wanted
from intermodal.platform.incidents import Incident
from intermodal.platform.notices import Notice
from intermodal.platform.spec import ModelSpec

PROBES, PROBE_SECONDS = 15, 1.0
EARS_SECONDS = 120.0
"""How long people who cannot be told keep an incident open."""

FAILURES = 3
"""People are told when so many recoveries of an incident failed: a cloud that is coming back fails once or twice."""


def recover(at: Ports, spec: ModelSpec, id: str) -> Incident:
    """Bring the incident's cloud to the current version, give it its share back, and close the incident."""
    known = at.incidents.get(id)
    if known is None:
        raise NotFound(f"There is no incident '{id}'.", hint="Look at the asset of the model's incidents.")
    if not known.is_open:
        return known
    try:
        incident = again_when_moved(lambda: _restore(at, spec, known))
    except Exception as error:
        _failed(at, spec, at.incidents.get(id) or known, error)
        raise
    minutes = (at.now() - incident.opened_at) / 60
    text = f"It serves {at.route(spec.name).version} again, {minutes:.1f} minutes after it stopped. Incident {id}."
    title = f"{incident.cloud} serves {spec.name} again"
    if incident.cloud not in failover.order_of(spec):
        text = f"The spec names it no longer, and the other clouds have all of the traffic. Incident {id}."
        title = f"{incident.cloud} serves {spec.name} no more"
    incident = tell(at, incident, BACK, Notice("info", title, text, spec.owner, f"{id}-{BACK}"))
    _wait_for_ears(at, incident)
    return at.incidents.close(id, at.now())


def _failed(at: Ports, spec: ModelSpec, incident: Incident, error: Exception) -> None:
    """Count it, whatever it was and in whichever round, and tell people once when it keeps failing. A cloud that has
    its share again serves: what is still to be done after that is no matter of bringing it back."""
    if incident.has("share back", str(current_round(incident))):
        return
    count = min(sum(entry.key.startswith(f"{NOT_BACK}-") for entry in incident.entries) + 1, FAILURES)
    why = error.message if isinstance(error, IntermodalError) else repr(error)
    incident = at.note(incident, "note", f"{NOT_BACK}-{count}", f"it could not be brought back: {why}")
    if count == FAILURES:
        title = f"{incident.cloud} answers, but cannot be brought back to serve {spec.name}"
        text = f"It failed {FAILURES} times and is tried again, later and later: {why} Incident {incident.id}."
        tell(at, incident, NOT_BACK, Notice("warning", title, text, spec.owner, f"{incident.id}-{NOT_BACK}"))


def _wait_for_ears(at: Ports, incident: Incident) -> None:
    """Closed, nobody would tell people any more. So it stays open for a while, and the next run tries again."""
    first = next((entry.at for entry in incident.entries if entry.key == f"not-told-{BACK}"), None)
    if not incident.has("told", BACK) and first is not None and at.now() - first < EARS_SECONDS:
        raise Unavailable(
            f"Nobody could be told that {incident.cloud} serves {incident.model} again.",
            hint="The incident stays open, and it is tried again.",
        )


def _restore(at: Ports, spec: ModelSpec, incident: Incident) -> Incident:
    cloud, key, version = incident.cloud, str(current_round(incident)), at.route(spec.name).version
    if cloud not in failover.order_of(spec):
        return leave(at, spec, incident, version, at.down(spec.name) - {cloud})
    others = at.down(spec.name) - {cloud}
    incident = at.note(incident, "recovering", key, f"{cloud} answers; it gets {version} before any traffic")
    count, upstreams = wanted(spec, others)[cloud], dict[Cloud, Upstream]()
    if not is_whole(at.stores[cloud], spec.name, version):
        _mirror(at, spec, cloud, version, others)
    if count:
        upstreams[cloud] = at.places[cloud].upstream(_most(at, spec, cloud, version, count, others))
        _probe(at, spec, version, cloud, upstreams[cloud])
    incident = at.note(
        incident, "current", key, f"{cloud} has {version}" + (f", {count} replicas" if count else ", cold")
    )
    if not count:
        at.log.info("%s stays cold", cloud)
    # Other clouds that are still away may now have another heir.
    unable: Collection[Cloud] = CLOUDS
    try:
        capacity = take_over(at, spec, version, others)
        unable = capacity.refused
        upstreams |= {one: up for one, up in capacity.upstreams.items() if one != cloud}
    except IntermodalError as error:  # less than is wanted, and still better with this cloud than without it
        incident = at.note(incident, "note", f"no-capacity-{key}", f"capacity is missing: {error.message}")
    move(at, spec, version, others, upstreams, unable, stay=False)
    incident = at.note(incident, "share back", key, f"{cloud} has its share again" if count else f"{cloud} waits")
    left = let_rest(at, spec, incident, version, others)
    incident = reap_replaced(at, spec, incident, version, keep=bool(count))
    return told_of_left(at, spec, incident, left) if left else incident


def _most(at: Ports, spec: ModelSpec, cloud: Cloud, version: str, count: int, down: Collection[Cloud]) -> Endpoint:
    """All that the cloud is wanted to run, with what it takes over from others; its own when it refuses so much."""
    try:
        return serve(at, spec, cloud, version, count, down)
    except DeployFailed as error:
        if count <= spec.replicas:
            raise
        at.log.warning("%s cannot run %d: %s", cloud, count, error)
        return serve(at, spec, cloud, version, spec.replicas, down)


def _mirror(at: Ports, spec: ModelSpec, cloud: Cloud, version: str, down: Collection[Cloud]) -> None:
    """From the registry; when that cannot give it, from a cloud that lives."""
    sources = [at.stores[one] for one in failover.order_of(spec) if one not in down and one != cloud]
    with TemporaryDirectory() as folder:
        source, manifest = copy_of(at.registry, sources, spec.name, version, Path(folder), at.log)
        at.stores[cloud].mirror(source, manifest, prefix(spec.name, version))


def _probe(at: Ports, spec: ModelSpec, version: str, cloud: Cloud, upstream: Upstream) -> None:
    """The gateway must see that the new upstream serves before anybody's request goes there."""
    route = at.route(spec.name)
    if route.version != version:
        raise Moved(f"'{spec.name}' went from {version} to {route.version} meanwhile.")
    if route.weights.get(cloud, 0) and at.gateway.upstream_health(spec.name).get(cloud):
        return  # it has its weight already, or never lost it because nobody else could be asked
    at.gateway.shift(spec.name, {**route.weights, cloud: route.weights.get(cloud, 0)}, [upstream])
    for _ in range(PROBES):
        if at.gateway.upstream_health(spec.name).get(cloud):
            return
        at.pause(PROBE_SECONDS)
    raise Unavailable(
        f"The gateway still gets no answer from {cloud} for '{spec.name}'.",
        hint="Its API answers and its endpoint runs: look at the way between the gateway and it.",
    )
