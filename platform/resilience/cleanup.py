"""After a recovery: surge replicas are scaled down, and what was replaced meanwhile is removed."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from intermodal.platform.errors import IntermodalError, NotFound, Unavailable
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience.capacity import RouteChanged, deploy_verified, shift_traffic
from intermodal.platform.resilience.context import FailoverContext, notify
from intermodal.platform.resilience.failover_plan import current_round, desired_replicas
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target

DRAIN_SECONDS = 2.0
"""How long an endpoint stays up, after it left the route, for requests that are under way."""
SCALE_DOWN_GRACE_SECONDS = 120.0
"""How long targets that cannot be scaled down keep an incident open."""


def evict(
    ctx: FailoverContext, spec: ModelSpec, incident: Incident, version: str, unavailable: frozenset[Target]
) -> Incident:
    """The spec no longer names the incident's target: the others get its traffic, and the route drops it as soon as no
    other target is unavailable. What it still runs is an orphan then, and the sensor ``orphans`` removes it."""
    target, key = incident.target, str(current_round(incident))
    incident = ctx.note(incident, "note", "left", f"the spec of {spec.name} no longer names {target}")
    if not shift_traffic(ctx, spec, version, unavailable, {}, exhausted=(), keep_cold=False):
        hint = f"Run the job deploy_{spec.name}."
        raise Unavailable(f"No target that the spec of {spec.name} names serves it now.", hint=hint)
    incident = ctx.note(incident, "share back", key, f"the other targets have the share of {target}")
    left = scale_down_surge(ctx, spec, incident, version, unavailable)
    return notify_leftovers(ctx, spec, incident, left) if left else incident


def scale_down_surge(
    ctx: FailoverContext, spec: ModelSpec, incident: Incident, version: str, unavailable: frozenset[Target]
) -> dict[Target, IntermodalError]:
    """Targets go back to what they run without this incident; returns those that could not now, with the reason. Cold
    targets, and those that left the spec, leave the route."""
    before, after = desired_replicas(spec, {*unavailable, incident.target}), desired_replicas(spec, unavailable)
    cold = [target for target in spec.cold_targets if target in after and not after[target]]
    gone = [target for target in ctx.route(spec.name).weights if target not in spec.targets]
    _prune_route(ctx, spec, version, [*cold, *gone], unavailable)
    name, left = endpoint_name(spec.name, version, ctx.deployment.environment), dict[Target, IntermodalError]()
    for target in spec.failover_order:
        unchanged = bool(unavailable) and before.get(target) == after.get(target)
        if target == incident.target or target in unavailable or unchanged:
            continue
        try:
            if after[target]:
                deploy_verified(ctx, spec, target, version, after[target], unavailable)
            elif ctx.targets[target].describe(name) is not None:
                ctx.pause(DRAIN_SECONDS)
                ctx.targets[target].delete(name)
        except IntermodalError as error:
            ctx.log.warning("%s still runs more than it should: %s", target, error)
            left[target] = error
    return left


def notify_leftovers(
    ctx: FailoverContext, spec: ModelSpec, incident: Incident, left: Mapping[Target, IntermodalError]
) -> Incident:
    """Targets run more than is needed. Once the incident is closed nothing would look at them again, so it stays open
    for a while and the next run tries again; then people are notified."""
    key, text = str(current_round(incident)), "; ".join(f"{target}: {error.message}" for target, error in left.items())
    incident = ctx.note(incident, "note", f"left-{key}", f"more than is needed still runs on {text}")
    back = next(entry.time for entry in incident.entries if (entry.step, entry.key) == ("share back", key))
    if ctx.now() - back < SCALE_DOWN_GRACE_SECONDS:
        hint = "The incident stays open, and it is tried again."
        raise Unavailable(f"More than is needed still runs on {text}", hint=hint)
    title = f"More of {spec.name} than is needed runs on {' and '.join(map(str, left))}"
    notice = Notice("warning", title, text, spec.owner, f"{incident.id}-left-{key}")
    return notify(ctx, incident, f"left-{key}", notice)


def _prune_route(
    ctx: FailoverContext, spec: ModelSpec, version: str, idle: Collection[Target], unavailable: Collection[Target]
) -> None:
    """Take targets that run nothing out of the route, where they would be probed in vain. Needs an upstream of all the
    others, so it waits until no target is unavailable."""
    route = ctx.route(spec.name)
    if unavailable or route.version != version or not set(idle) & set(route.weights):
        return
    weights = {target: weight for target, weight in route.weights.items() if target not in idle}
    name, upstreams = endpoint_name(spec.name, version, ctx.deployment.environment), []
    for target in weights:
        endpoint = ctx.targets[target].describe(name)
        if endpoint is None:
            raise NotFound(f"{target} has no endpoint '{name}'.", hint=f"Run the job deploy_{spec.name}.")
        upstreams.append(ctx.targets[target].upstream(endpoint))
    _require_version(ctx, spec, version)  # describing took its time
    ctx.gateway.publish(replace(route, weights=weights), upstreams)


def remove_replaced(ctx: FailoverContext, spec: ModelSpec, incident: Incident, version: str, keep: bool) -> Incident:
    """Remove other versions that the target still runs: they were replaced while it was unavailable. Not the canary,
    whose rollout goes on, and not during a deployment, which may have made one just now; the sensor ``orphans`` removes
    what is left after it."""
    adapter, environment = ctx.targets[incident.target], ctx.deployment.environment
    name, text = endpoint_name(spec.name, version, environment), f"nothing else runs on {incident.target}"
    for endpoint in adapter.list(environment, spec.name):  # listed first: a deployment that begins later is not in it
        if keep and endpoint.name == name:
            continue
        canary = ctx.gateway.canary(spec.name)
        if canary is not None and endpoint.version == canary.route.version:
            text = f"{endpoint.name} stays on {incident.target}: it gets a share of the requests"
            continue
        if endpoint.name != name and ctx.deploying(spec.name):
            text = f"{endpoint.name} stays on {incident.target}: a run deploys {spec.name}"
            continue
        _require_version(ctx, spec, version)
        adapter.delete(endpoint.name)
        text_removed = f"{endpoint.name} was left on {incident.target}: removed"
        incident = ctx.note(incident, "note", f"reaped-{endpoint.name}", text_removed)
    return ctx.note(incident, "reaped", str(current_round(incident)), text)


def _require_version(ctx: FailoverContext, spec: ModelSpec, version: str) -> None:
    """Raises RouteChanged when another version was published meanwhile."""
    if (now := ctx.route(spec.name).version) != version:
        raise RouteChanged(f"'{spec.name}' went from {version} to {now} meanwhile.")
