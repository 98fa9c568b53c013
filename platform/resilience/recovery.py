"""Recovery: a target that is back gets the current version first, then its traffic; then surge is scaled down.

May be killed anywhere and repeated. An error means that the target does not serve yet: the incident stays open.
"""

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from intermodal.platform.deployment.image_push import copy_image, is_pushed
from intermodal.platform.errors import DeployFailed, IntermodalError, NotFound, Unavailable
from intermodal.platform.ports.endpoints import Endpoint, Upstream
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience.capacity import (
    RouteChanged,
    deploy_verified,
    replace_capacity,
    retry_when_route_changes,
    shift_traffic,
)
from intermodal.platform.resilience.cleanup import evict, notify_leftovers, remove_replaced, scale_down_surge
from intermodal.platform.resilience.context import FailoverContext, notify
from intermodal.platform.resilience.failover_plan import BACK, NOT_BACK, current_round, desired_replicas
from intermodal.platform.resilience.repair import ensure_mirror
from intermodal.platform.resilience.steps import undrained
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target, sites_of

PROBES, PROBE_SECONDS = 15, 1.0
NOTIFY_GRACE_SECONDS = 120.0
"""How long a failing notifier keeps an incident open."""

MAX_FAILURES = 3
"""People are notified when so many recoveries of an incident failed: a target that is coming back fails once or
twice."""


def recover(ctx: FailoverContext, spec: ModelSpec, id: str) -> Incident:
    """Bring the incident's target to the current version, give it its share back, and close the incident."""
    known = ctx.incidents.get(id)
    if known is None:
        raise NotFound(f"There is no incident '{id}'.", hint="Look at the asset of the model's incidents.")
    if not known.is_open:
        return known
    try:
        incident = retry_when_route_changes(lambda: _restore(ctx, spec, known))
    except Exception as error:
        _record_failure(ctx, spec, ctx.incidents.get(id) or known, error)
        raise
    incident = notify(ctx, incident, BACK, _back_notice(ctx, spec, incident))
    _await_notification(ctx, incident)
    return ctx.incidents.close(id, ctx.now())


def _back_notice(ctx: FailoverContext, spec: ModelSpec, incident: Incident) -> Notice:
    minutes = (ctx.now() - incident.opened_at) / 60
    version = ctx.route(spec.name).version
    title = f"{incident.target} serves {spec.name} again"
    text = f"It serves {version} again, {minutes:.1f} minutes after it stopped."
    if incident.target not in spec.targets:
        title = f"{incident.target} serves {spec.name} no more"
        text = "The spec no longer names it, and the other targets have all of the traffic."
    return Notice("info", title, f"{text} Incident {incident.id}.", spec.owner, f"{incident.id}-{BACK}")


def _record_failure(ctx: FailoverContext, spec: ModelSpec, incident: Incident, error: Exception) -> None:
    """Count any failure, in whichever round, and notify once when recovery keeps failing. A target that has its share
    again serves: what is still to be done after that is no failure of its recovery."""
    if incident.has("share back", str(current_round(incident))):
        return
    count = min(sum(entry.key.startswith(f"{NOT_BACK}-") for entry in incident.entries) + 1, MAX_FAILURES)
    why = error.message if isinstance(error, IntermodalError) else repr(error)
    incident = ctx.note(incident, "note", f"{NOT_BACK}-{count}", f"it could not be brought back: {why}")
    if count == MAX_FAILURES:
        title = f"{incident.target} answers, but cannot be brought back to serve {spec.name}"
        text = f"It failed {MAX_FAILURES} times and is tried again, later and later: {why} Incident {incident.id}."
        notify(ctx, incident, NOT_BACK, Notice("warning", title, text, spec.owner, f"{incident.id}-{NOT_BACK}"))


def _await_notification(ctx: FailoverContext, incident: Incident) -> None:
    """Once closed, the incident sends no notice. So it stays open for a while, and the next run tries again."""
    first = next((entry.time for entry in incident.entries if entry.key == f"not-notified-{BACK}"), None)
    if not incident.has("notified", BACK) and first is not None and ctx.now() - first < NOTIFY_GRACE_SECONDS:
        raise Unavailable(
            f"The notification that {incident.target} serves {incident.model} again was not delivered.",
            hint="The incident stays open, and it is tried again.",
        )


def _restore(ctx: FailoverContext, spec: ModelSpec, incident: Incident) -> Incident:
    target, key, version = incident.target, str(current_round(incident)), ctx.route(spec.name).version
    others = ctx.unavailable(spec.name) - {target}
    if target not in spec.targets:
        return evict(ctx, spec, incident, version, others)
    incident = ctx.note(incident, "recovering", key, f"{target} answers; it gets {version} before any traffic")
    count, upstreams = desired_replicas(spec, others)[target], dict[Target, Upstream]()
    incident = ensure_mirror(ctx, spec, incident, version, others)
    if not ctx.deployment.image(target.site):
        _push_image(ctx, spec, target, version, others)
    if count:
        endpoint = _deploy_most(ctx, spec, target, version, count, others)
        upstreams[target] = ctx.targets[target].upstream(endpoint)
        _await_health(ctx, spec, version, upstreams[target])
    text = f"{target} has {version}" + (f", {count} replicas" if count else ", cold")
    incident = ctx.note(incident, "current", key, text)
    # Other targets that are still unavailable may now have another successor.
    exhausted: Collection[Target] = spec.targets
    try:
        capacity = replace_capacity(ctx, spec, version, others)
        exhausted = capacity.refused
        upstreams |= {other: upstream for other, upstream in capacity.upstreams.items() if other != target}
    except IntermodalError as error:  # less than is needed, and still better with this target than without it
        incident = ctx.note(incident, "note", f"no-capacity-{key}", f"capacity is missing: {error.message}")
    drained = others - undrained(ctx, spec, others)
    shift_traffic(ctx, spec, version, drained, upstreams, exhausted, keep_cold=False, returning=target)
    text = f"{target} has its share again" if count else f"{target} stands by cold"
    incident = ctx.note(incident, "share back", key, text)
    left = scale_down_surge(ctx, spec, incident, version, others)
    incident = remove_replaced(ctx, spec, incident, version, keep=bool(count))
    return notify_leftovers(ctx, spec, incident, left) if left else incident


def _deploy_most(
    ctx: FailoverContext,
    spec: ModelSpec,
    target: Target,
    version: str,
    count: int,
    unavailable: Collection[Target],
) -> Endpoint:
    """All replicas that the target should run, with those it takes over; its baseline when it refuses so many."""
    try:
        return deploy_verified(ctx, spec, target, version, count, unavailable)
    except DeployFailed as error:
        if count <= spec.replicas:
            raise
        ctx.log.warning("%s cannot run %d: %s", target, count, error)
        return deploy_verified(ctx, spec, target, version, spec.replicas, unavailable)


def _push_image(
    ctx: FailoverContext, spec: ModelSpec, target: Target, version: str, unavailable: Collection[Target]
) -> None:
    """The image may not be there: its site was left out when the version was deployed, or lost its registry."""
    identity, site = ctx.identity(spec.name, version), target.site
    if is_pushed(ctx.images[site], ctx.stores[site], spec.name, identity):
        return
    sources = [each for each in sites_of(o for o in spec.failover_order if o not in unavailable) if each != site]
    with TemporaryDirectory() as folder:
        copy_image(spec.name, identity, site, sources, ctx.stores.__getitem__, ctx.images.__getitem__, Path(folder))


def _await_health(ctx: FailoverContext, spec: ModelSpec, version: str, upstream: Upstream) -> None:
    """The gateway must see that the new upstream serves before any request goes there."""
    route, target = ctx.route(spec.name), upstream.target
    if route.version != version:
        raise RouteChanged(f"'{spec.name}' went from {version} to {route.version} meanwhile.")
    if route.weights.get(target, 0) and ctx.gateway.upstream_health(spec.name).get(target):
        return  # it has its weight already, or kept it because no other could serve
    ctx.gateway.shift(spec.name, {**route.weights, target: route.weights.get(target, 0)}, [upstream])
    for _ in range(PROBES):
        if ctx.gateway.upstream_health(spec.name).get(target):
            return
        ctx.pause(PROBE_SECONDS)
    raise Unavailable(
        f"The gateway still gets no answer from {target} for '{spec.name}'.",
        hint="Its API answers and its endpoint runs: look at the network between the gateway and it.",
    )
