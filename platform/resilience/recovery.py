"""Failover → restore: a cloud that is back gets the current version first, then its traffic, then the helpers rest.

May be killed anywhere and repeated. An error means that the cloud does not serve yet: the incident stays open.
"""

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from intermodal.platform.deployment.copying import copy_of, is_whole
from intermodal.platform.deployment.requests import prefix
from intermodal.platform.errors import DeployFailed, IntermodalError, NotFound, Unavailable
from intermodal.platform.ports.endpoints import Endpoint, Upstream
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience import failover_plan
from intermodal.platform.resilience.capacity import Moved, again_when_moved, move, serve, take_over
from intermodal.platform.resilience.cleanup import leave, let_rest, reap_replaced, told_of_left
from intermodal.platform.resilience.context import FailoverContext, tell
from intermodal.platform.resilience.failover_plan import BACK, NOT_BACK, current_round, wanted
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import CLOUDS, Cloud

PROBES, PROBE_SECONDS = 15, 1.0
EARS_SECONDS = 120.0
"""How long people who cannot be told keep an incident open."""

FAILURES = 3
"""People are told when so many recoveries of an incident failed: a cloud that is coming back fails once or twice."""


def recover(ctx: FailoverContext, spec: ModelSpec, id: str) -> Incident:
    """Bring the incident's cloud to the current version, give it its share back, and close the incident."""
    known = ctx.incidents.get(id)
    if known is None:
        raise NotFound(f"There is no incident '{id}'.", hint="Look at the asset of the model's incidents.")
    if not known.is_open:
        return known
    try:
        incident = again_when_moved(lambda: _restore(ctx, spec, known))
    except Exception as error:
        _failed(ctx, spec, ctx.incidents.get(id) or known, error)
        raise
    minutes = (ctx.now() - incident.opened_at) / 60
    text = f"It serves {ctx.route(spec.name).version} again, {minutes:.1f} minutes after it stopped. Incident {id}."
    title = f"{incident.cloud} serves {spec.name} again"
    if incident.cloud not in failover_plan.order_of(spec):
        text = f"The spec names it no longer, and the other clouds have all of the traffic. Incident {id}."
        title = f"{incident.cloud} serves {spec.name} no more"
    incident = tell(ctx, incident, BACK, Notice("info", title, text, spec.owner, f"{id}-{BACK}"))
    _wait_for_ears(ctx, incident)
    return ctx.incidents.close(id, ctx.now())


def _failed(ctx: FailoverContext, spec: ModelSpec, incident: Incident, error: Exception) -> None:
    """Count it, whatever it was and in whichever round, and tell people once when it keeps failing. A cloud that has
    its share again serves: what is still to be done after that is no matter of bringing it back."""
    if incident.has("share back", str(current_round(incident))):
        return
    count = min(sum(entry.key.startswith(f"{NOT_BACK}-") for entry in incident.entries) + 1, FAILURES)
    why = error.message if isinstance(error, IntermodalError) else repr(error)
    incident = ctx.note(incident, "note", f"{NOT_BACK}-{count}", f"it could not be brought back: {why}")
    if count == FAILURES:
        title = f"{incident.cloud} answers, but cannot be brought back to serve {spec.name}"
        text = f"It failed {FAILURES} times and is tried again, later and later: {why} Incident {incident.id}."
        tell(ctx, incident, NOT_BACK, Notice("warning", title, text, spec.owner, f"{incident.id}-{NOT_BACK}"))


def _wait_for_ears(ctx: FailoverContext, incident: Incident) -> None:
    """Closed, nobody would tell people any more. So it stays open for a while, and the next run tries again."""
    first = next((entry.at for entry in incident.entries if entry.key == f"not-told-{BACK}"), None)
    if not incident.has("told", BACK) and first is not None and ctx.now() - first < EARS_SECONDS:
        raise Unavailable(
            f"Nobody could be told that {incident.cloud} serves {incident.model} again.",
            hint="The incident stays open, and it is tried again.",
        )


def _restore(ctx: FailoverContext, spec: ModelSpec, incident: Incident) -> Incident:
    cloud, key, version = incident.cloud, str(current_round(incident)), ctx.route(spec.name).version
    if cloud not in failover_plan.order_of(spec):
        return leave(ctx, spec, incident, version, ctx.down(spec.name) - {cloud})
    others = ctx.down(spec.name) - {cloud}
    incident = ctx.note(incident, "recovering", key, f"{cloud} answers; it gets {version} before any traffic")
    count, upstreams = wanted(spec, others)[cloud], dict[Cloud, Upstream]()
    if not is_whole(ctx.stores[cloud], spec.name, version):
        _mirror(ctx, spec, cloud, version, others)
    if count:
        upstreams[cloud] = ctx.places[cloud].upstream(_most(ctx, spec, cloud, version, count, others))
        _probe(ctx, spec, version, cloud, upstreams[cloud])
    incident = ctx.note(
        incident, "current", key, f"{cloud} has {version}" + (f", {count} replicas" if count else ", cold")
    )
    if not count:
        ctx.log.info("%s stays cold", cloud)
    # Other clouds that are still away may now have another heir.
    unable: Collection[Cloud] = CLOUDS
    try:
        capacity = take_over(ctx, spec, version, others)
        unable = capacity.refused
        upstreams |= {one: up for one, up in capacity.upstreams.items() if one != cloud}
    except IntermodalError as error:  # less than is wanted, and still better with this cloud than without it
        incident = ctx.note(incident, "note", f"no-capacity-{key}", f"capacity is missing: {error.message}")
    move(ctx, spec, version, others, upstreams, unable, stay=False)
    incident = ctx.note(incident, "share back", key, f"{cloud} has its share again" if count else f"{cloud} waits")
    left = let_rest(ctx, spec, incident, version, others)
    incident = reap_replaced(ctx, spec, incident, version, keep=bool(count))
    return told_of_left(ctx, spec, incident, left) if left else incident


def _most(
    ctx: FailoverContext, spec: ModelSpec, cloud: Cloud, version: str, count: int, down: Collection[Cloud]
) -> Endpoint:
    """All that the cloud is wanted to run, with what it takes over from others; its own when it refuses so much."""
    try:
        return serve(ctx, spec, cloud, version, count, down)
    except DeployFailed as error:
        if count <= spec.replicas:
            raise
        ctx.log.warning("%s cannot run %d: %s", cloud, count, error)
        return serve(ctx, spec, cloud, version, spec.replicas, down)


def _mirror(ctx: FailoverContext, spec: ModelSpec, cloud: Cloud, version: str, down: Collection[Cloud]) -> None:
    """From the registry; when that cannot give it, from a cloud that lives."""
    sources = [ctx.stores[one] for one in failover_plan.order_of(spec) if one not in down and one != cloud]
    with TemporaryDirectory() as folder:
        source, manifest = copy_of(ctx.registry, sources, spec.name, version, Path(folder), ctx.log)
        ctx.stores[cloud].mirror(source, manifest, prefix(spec.name, version))


def _probe(ctx: FailoverContext, spec: ModelSpec, version: str, cloud: Cloud, upstream: Upstream) -> None:
    """The gateway must see that the new upstream serves before anybody's request goes there."""
    route = ctx.route(spec.name)
    if route.version != version:
        raise Moved(f"'{spec.name}' went from {version} to {route.version} meanwhile.")
    if route.weights.get(cloud, 0) and ctx.gateway.upstream_health(spec.name).get(cloud):
        return  # it has its weight already, or never lost it because nobody else could be asked
    ctx.gateway.shift(spec.name, {**route.weights, cloud: route.weights.get(cloud, 0)}, [upstream])
    for _ in range(PROBES):
        if ctx.gateway.upstream_health(spec.name).get(cloud):
            return
        ctx.pause(PROBE_SECONDS)
    raise Unavailable(
        f"The gateway still gets no answer from {cloud} for '{spec.name}'.",
        hint="Its API answers and its endpoint runs: look at the way between the gateway and it.",
    )
