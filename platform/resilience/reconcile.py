"""A deployment takes its time: targets that failed or came back meanwhile are handled once its route is published."""

from intermodal.platform.ports.incidents import Entry, Incident, incident_id
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience.capacity import replace_capacity, shift_traffic
from intermodal.platform.resilience.context import FailoverContext, listed, notify
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target


def reconcile_after_deploy(ctx: FailoverContext, spec: ModelSpec, version: str, skipped: frozenset[Target]) -> None:
    """``skipped`` were unavailable when the deployment began. A target that failed since is replaced and drained. One
    that came back has missed the deployment: it gets an incident again, whose recovery brings it to this version. One
    that the spec does not name any more was only taken out of the route."""
    missed = sorted((skipped & set(spec.targets)) - ctx.unavailable(spec.name))
    reopened = [_reopen_skipped(ctx, spec, target, version) for target in missed]
    if unavailable := ctx.unavailable(spec.name):
        capacity = replace_capacity(ctx, spec, version, unavailable)
        if shift_traffic(ctx, spec, version, unavailable, capacity.upstreams, capacity.refused):
            for incident in reopened:
                ctx.note(incident, "capacity", "0", capacity.text(spec, unavailable))
        ctx.log.info("traffic shifted from %s", listed(unavailable))


def _reopen_skipped(ctx: FailoverContext, spec: ModelSpec, target: Target, version: str) -> Incident:
    """An incident that waits for its recovery, opened with all its entries at once: without them it would look like one
    that is not contained, and start a failover and a page for a target that is well."""
    now, text = ctx.now(), f"{target} came back while {version} was deployed without it"
    entries = (
        Entry(now, "detected", "0", text),
        Entry(now, "drained", "0", f"no traffic to {target}"),
        Entry(now, "recovering", "0", f"{target} gets {version} before any traffic"),
    )
    id = incident_id(spec.name, target, now)
    incident = ctx.incidents.open(Incident(id, spec.name, target, now, entries))
    text = f"It gets {version} when its API has answered for a while, and then its share. Incident {id}."
    title = f"{target} came back while {spec.name} {version} was deployed"
    return notify(ctx, incident, "left out", Notice("info", title, text, spec.owner, f"{id}-left-out"))
