"""Failover: an unavailable target is drained, its capacity replaced, and people are notified.

Needs the gateway, the incidents and the available targets; the registry is not called. The unavailable target and its
store are called when all is done, and only for the timeline: whether its package is damaged (``repair.note_damage``).
May be killed anywhere and repeated: what is done is visible in the incident and at the targets, and is not done twice.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from intermodal.platform import ports
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.incidents import Entry, Incident
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience.capacity import replace_capacity, retry_when_route_changes, shift_traffic
from intermodal.platform.resilience.context import FailoverContext, listed, notify
from intermodal.platform.resilience.failover_plan import (
    CAPACITY,
    DOWN,
    NO_CAPACITY,
    current_round,
    desired_replicas,
    recovering,
    surge_replicas,
)
from intermodal.platform.resilience.guard import refuse_under_overload
from intermodal.platform.resilience.repair import note_damage
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target

TOGETHER_SECONDS = 60.0
"""Targets of one site whose incidents began no further apart failed together."""


@dataclass(frozen=True)
class Outage:
    """A target that cannot serve a model since ``onset`` (Unix seconds), under the id of its incident."""

    incident: str
    target: Target
    onset: float


def fail_over(ctx: FailoverContext, spec: ModelSpec, outage: Outage) -> Incident:
    """Bring the model to where it serves without the target, and return the incident.

    People are notified as soon as the traffic has left the target, since replacing its capacity can take half an hour,
    and again of the outcome. Raises when the capacity could not be replaced, or whatever else failed; people were
    notified even so, and the next run tries again. Unavailable, and nothing is opened, moved or notified, when the
    other targets look bad too (``guard``).
    """
    refuse_under_overload(ctx, spec, outage.target)
    try:
        incident = _fail_over(ctx, spec, outage)
    except Exception as error:
        _record_failure(ctx, spec, outage, error)
        raise
    return note_damage(ctx, spec, incident) if incident.is_open else incident


def _fail_over(ctx: FailoverContext, spec: ModelSpec, outage: Outage) -> Incident:
    incident = opened(ctx.incidents, spec.name, outage, ctx.now())
    if not incident.is_open:
        ctx.log.info("%s is closed: the target came back since", incident.id)
        return incident
    if recovering(incident):
        key = f"again-{current_round(incident) + 1}"
        incident = ctx.note(incident, "note", key, f"{incident.target} failed again during its recovery")
    unavailable = ctx.not_serving(spec.name)
    if not desired_replicas(spec, unavailable):
        text = "No target is left. The weights stay, so that whichever comes back gets the requests."
        incident = ctx.note(incident, "note", f"none-left-{current_round(incident)}", text)
        return _notify_together(ctx, spec, incident, DOWN, text, unavailable)
    return retry_when_route_changes(lambda: _contain(ctx, spec, opened(ctx.incidents, spec.name, outage, ctx.now())))


def opened(incidents: ports.Incidents, model: str, outage: Outage, now: float) -> Incident:
    """The incident of this outage, opened once. Another open one of the target is the same event, seen with another
    onset by a watcher that had lost its cursor. A closed one is returned as it is."""
    known = incidents.all(model, open_only=True)
    new = Incident(outage.incident, model, outage.target, outage.onset)
    incident = next(
        (open_incident for open_incident in known if open_incident.target == outage.target), None
    ) or incidents.open(new)
    if not incident.is_open:
        return incident
    return incidents.note(incident.id, Entry(now, "detected", "0", f"{incident.target} cannot serve {model}"))


def _contain(ctx: FailoverContext, spec: ModelSpec, incident: Incident) -> Incident:
    key, version = str(current_round(incident)), ctx.route(spec.name).version
    unavailable = ctx.not_serving(spec.name)
    surge = surge_replicas(spec, unavailable)
    if shift_traffic(ctx, spec, version, unavailable, {}, exhausted=spec.targets):  # none has taken over yet
        incident = ctx.note(incident, "drained", key, f"no traffic to {listed(unavailable)}")
        text = "Its traffic went to the other targets"
    else:
        text = "No other target serves it yet"
    text += (
        f"; {' and '.join(map(str, surge))} will replace its capacity." if surge else "; nothing had to be replaced."
    )
    incident = _notify_together(ctx, spec, incident, DOWN, text, unavailable)
    capacity = replace_capacity(ctx, spec, version, unavailable)
    shift_traffic(ctx, spec, version, unavailable, capacity.upstreams, capacity.refused)
    incident = ctx.note(incident, "drained", key, f"no traffic to {listed(unavailable)}")
    text = capacity.text(spec, unavailable)
    if surge:  # before it is noted: a run that is killed in between is repeated until it is noted
        incident = _notify_together(ctx, spec, incident, CAPACITY, text, unavailable)
    return ctx.note(incident, "capacity", key, text)


def _notify_together(
    ctx: FailoverContext, spec: ModelSpec, incident: Incident, key: str, text: str, unavailable: Collection[Target]
) -> Incident:
    """One notice (``DOWN`` or ``CAPACITY``) for all targets of the site that failed together; it counts for each of
    their incidents, and its key names them all, so that it is the same notice whichever of their runs sends it. Only
    for those in ``unavailable``: another that failed since was neither drained nor replaced."""
    if incident.has("notified", key):
        return incident
    others = [other for other in failed_together(ctx.incidents, incident) if other.target in unavailable]
    targets = listed([incident.target, *(other.target for other in others)])
    if key == DOWN:
        notice = down_notice(spec, incident, targets, text)
    else:
        title = f"{spec.name} has its capacity again without {targets}"
        notice = Notice("info", title, f"{text}. Incident {incident.id}.", spec.owner, f"{incident.id}-{key}")
    ids = "+".join(sorted(each.id for each in (incident, *others)))
    return notify(ctx, incident, key, replace(notice, key=f"{ids}-{key}"), also=others)


def failed_together(incidents: ports.Incidents, incident: Incident) -> list[Incident]:
    """The other open incidents of the same model and site that began with this one."""
    return [
        other
        for other in incidents.all(incident.model, open_only=True)
        if other.id != incident.id
        and other.target.site == incident.target.site
        and abs(other.opened_at - incident.opened_at) <= TOGETHER_SECONDS
    ]


def _record_failure(ctx: FailoverContext, spec: ModelSpec, outage: Outage, error: Exception) -> None:
    """Notify people of any error: a full disk is none of ours. What fails here is only logged, since the first error is
    the one to show. Where nothing can be noted, each run that fails notifies again."""
    why, whole = (error.message, str(error)) if isinstance(error, IntermodalError) else (repr(error), repr(error))
    incident = Incident(outage.incident, spec.name, outage.target, outage.onset)
    try:
        incident = opened(ctx.incidents, spec.name, outage, ctx.now())
        if not incident.is_open:
            return
        key = f"{NO_CAPACITY}-{current_round(incident)}"
        incident = ctx.note(incident, "note", key, f"capacity is missing: {whole}")
    except Exception as other:  # noqa: BLE001
        ctx.log.error("%s cannot be noted in: %r", incident.id, other)
    key, text = DOWN, f"The failover failed, and is tried again: {why}"
    notice = down_notice(spec, incident, str(incident.target), text)
    if incident.has("notified", DOWN):
        title, text = f"{spec.name} lacks the capacity of {incident.target}", f"It could not be replaced yet: {why}"
        key = NO_CAPACITY
        notice = Notice("page", title, f"{text} Incident {incident.id}.", spec.owner, f"{incident.id}-{key}")
    try:
        notify(ctx, incident, key, notice)
    except Exception as other:  # noqa: BLE001
        ctx.log.error("the notification of %s may have failed: %r", incident.id, other)


def down_notice(spec: ModelSpec, incident: Incident, targets: str, text: str) -> Notice:
    title = f"{targets} cannot serve {spec.name}"
    return Notice("page", title, f"{text} Incident {incident.id}.", spec.owner, f"{incident.id}-{DOWN}")
