"""Outage → failover: the lost cloud is drained, its capacity replaced, and people are told.

Needs the gateway, the incidents and the clouds that live; neither the dead cloud nor the registry is asked. It may be
killed anywhere and repeated: what is done is seen in the incident and in the clouds, and is not done twice.
"""

from dataclasses import dataclass

from intermodal.platform import ports
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.incidents import Entry, Incident
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience.capacity import again_when_moved, move, take_over
from intermodal.platform.resilience.context import FailoverContext, tell
from intermodal.platform.resilience.failover_plan import (
    CAPACITY,
    DOWN,
    NO_CAPACITY,
    current_round,
    helpers,
    recovering,
    wanted,
)
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import CLOUDS, Cloud


@dataclass(frozen=True)
class Outage:
    """A cloud that cannot serve a model since ``onset`` (Unix seconds), under the id of its incident."""

    incident: str
    cloud: Cloud
    onset: float


def fail_over(ctx: FailoverContext, spec: ModelSpec, outage: Outage) -> Incident:
    """Bring the model to where it serves without the cloud, and return the incident.

    People are told as soon as the traffic is off the cloud: to replace its capacity can take half an hour, and what
    came of that they are told then. Raises when it could not be replaced, or whatever else failed; people were told
    even so, and the next run tries again.
    """
    try:
        return _fail_over(ctx, spec, outage)
    except Exception as error:
        _failed(ctx, spec, outage, error)
        raise


def _fail_over(ctx: FailoverContext, spec: ModelSpec, outage: Outage) -> Incident:
    incident = opened(ctx.incidents, spec.name, outage, ctx.now())
    if not incident.is_open:
        ctx.log.info("%s is closed: the cloud came back since", incident.id)
        return incident
    if recovering(incident):
        key = f"again-{current_round(incident) + 1}"
        incident = ctx.note(
            incident, "note", key, f"{incident.cloud} stopped answering again while it was brought back"
        )
    if not wanted(spec, ctx.down(spec.name)):
        text = "No cloud is left. The weights stay, so that whichever comes back gets the requests."
        incident = ctx.note(incident, "note", f"nobody-{current_round(incident)}", text)
        return tell(ctx, incident, DOWN, _notice(spec, incident, text))
    return again_when_moved(lambda: _contain(ctx, spec, opened(ctx.incidents, spec.name, outage, ctx.now())))


def opened(incidents: ports.Incidents, model: str, outage: Outage, now: float) -> Incident:
    """The incident of this outage, opened once: another that is open for the cloud is the same event, seen with another
    onset by a watcher that had forgotten the first. A closed one is given back as it is."""
    known = incidents.all(model, open_only=True)
    new = Incident(outage.incident, model, outage.cloud, outage.onset)
    incident = next((one for one in known if one.cloud == outage.cloud), None) or incidents.open(new)
    if not incident.is_open:
        return incident
    return incidents.note(incident.id, Entry(now, "detected", "0", f"{incident.cloud} cannot serve {model}"))


def _contain(ctx: FailoverContext, spec: ModelSpec, incident: Incident) -> Incident:
    key, down, version = str(current_round(incident)), ctx.down(spec.name), ctx.route(spec.name).version
    helped = helpers(spec, down)
    if move(ctx, spec, version, down, {}, unable=CLOUDS):  # nobody has taken over yet
        incident = ctx.note(incident, "drained", key, f"no traffic to {', '.join(sorted(down))}")
        text = "Its traffic went to the other clouds"
    else:
        text = "Nobody else serves it yet"
    text += f"; {' and '.join(helped)} will replace its capacity." if helped else "; nothing had to be replaced."
    incident = tell(ctx, incident, DOWN, _notice(spec, incident, text))
    capacity = take_over(ctx, spec, version, down)
    move(ctx, spec, version, down, capacity.upstreams, capacity.refused)
    incident = ctx.note(incident, "drained", key, f"no traffic to {', '.join(sorted(down))}")
    text = capacity.text(spec, down)
    if helped:  # told before it is noted: a run that is killed in between is repeated until it is noted
        title = f"{spec.name} has its capacity again without {incident.cloud}"
        notice = Notice("info", title, f"{text}. Incident {incident.id}.", spec.owner, f"{incident.id}-{CAPACITY}")
        incident = tell(ctx, incident, CAPACITY, notice)
    return ctx.note(incident, "capacity", key, text)


def _failed(ctx: FailoverContext, spec: ModelSpec, outage: Outage, error: Exception) -> None:
    """Tell people, whatever it was: a disk that is full is no error of ours. What fails here is only logged, for the
    first error is the one to be shown. Where nothing can be noted, each run that fails tells them again."""
    why, whole = (error.message, str(error)) if isinstance(error, IntermodalError) else (repr(error), repr(error))
    incident = Incident(outage.incident, spec.name, outage.cloud, outage.onset)
    try:
        incident = opened(ctx.incidents, spec.name, outage, ctx.now())
        if not incident.is_open:
            return
        key = f"{NO_CAPACITY}-{current_round(incident)}"
        incident = ctx.note(incident, "note", key, f"capacity is missing: {whole}")
    except Exception as other:  # noqa: BLE001
        ctx.log.error("%s cannot be noted in: %r", incident.id, other)
    key, notice = DOWN, _notice(spec, incident, f"What was to be done failed, and is tried again: {why}")
    if incident.has("told", DOWN):
        title, text = f"{spec.name} lacks the capacity of {incident.cloud}", f"It could not be replaced yet: {why}"
        key = NO_CAPACITY
        notice = Notice("page", title, f"{text} Incident {incident.id}.", spec.owner, f"{incident.id}-{key}")
    try:
        tell(ctx, incident, key, notice)
    except Exception as other:  # noqa: BLE001
        ctx.log.error("people may not have been told of %s: %r", incident.id, other)


def _notice(spec: ModelSpec, incident: Incident, text: str) -> Notice:
    title = f"{incident.cloud} cannot serve {spec.name}"
    return Notice("page", title, f"{text} Incident {incident.id}.", spec.owner, f"{incident.id}-{DOWN}")
