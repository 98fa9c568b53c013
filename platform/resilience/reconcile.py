"""A deploy takes its time: clouds that died or came back meanwhile are taken care of once its route is published."""

from intermodal.platform.ports.incidents import Entry, Incident, incident_id
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience.capacity import move, take_over
from intermodal.platform.resilience.context import FailoverContext, tell
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Cloud


def reconcile_after_deploy(ctx: FailoverContext, spec: ModelSpec, version: str, away: frozenset[Cloud]) -> None:
    """What changed while this was deploying: a cloud that died since is replaced and gets no traffic, and one that came
    back was left out, so it gets an incident again, whose recovery brings it to this version."""
    again = [_reopen_skipped(ctx, spec, cloud, version) for cloud in sorted(away - ctx.down(spec.name))]
    if gone := ctx.down(spec.name):
        capacity = take_over(ctx, spec, version, gone)
        if move(ctx, spec, version, gone, capacity.upstreams, capacity.refused):
            for one in again:
                ctx.note(one, "capacity", "0", capacity.text(spec, gone))
        ctx.log.info("traffic moved away from %s", ", ".join(sorted(gone)))


def _reopen_skipped(ctx: FailoverContext, spec: ModelSpec, cloud: Cloud, version: str) -> Incident:
    """An incident that waits for its recovery, opened with all of that in one piece: seen as one that nobody has
    contained, it would be failed over, and somebody woken for a cloud that is well."""
    now, text = ctx.now(), f"{cloud} came back while {version} was deployed without it"
    entries = (
        Entry(now, "detected", "0", text),
        Entry(now, "drained", "0", f"no traffic to {cloud}"),
        Entry(now, "recovering", "0", f"{cloud} gets {version} before any traffic"),
    )
    id = incident_id(spec.name, cloud, now)
    incident = ctx.incidents.open(Incident(id, spec.name, cloud, now, entries))
    said = f"It gets {version} when its API has answered for a while, and then its share. Incident {id}."
    title = f"{cloud} came back while {spec.name} {version} was deployed"
    return tell(ctx, incident, "left out", Notice("info", title, said, spec.owner, f"{id}-left-out"))
