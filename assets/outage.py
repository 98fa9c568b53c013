"""Outage → failover: the lost cloud is drained, its capacity replaced, and people are told.

Needs the gateway, the incidents and the clouds that live; neither the dead cloud nor the registry is asked. It may be
killed anywhere and repeated: what is done is seen in the incident and in the clouds, and is not done twice.
"""

from dataclasses import dataclass

from intermodal.assets.capacity import Ports, again_when_moved, move, take_over, tell
from intermodal.platform.clouds import Cloud
from intermodal.platform.errors import IntermodalError
from intermodal.platform.failover import DOWN, current_round, recovering, wanted
from intermodal.platform.incidents import Incident
from intermodal.platform.notices import Notice
from intermodal.platform.spec import ModelSpec


@dataclass(frozen=True)
class Outage:
    """A cloud that cannot serve a model since ``onset`` (Unix seconds), under the id of its incident."""

    incident: str
    cloud: Cloud
    onset: float


def fail_over(at: Ports, spec: ModelSpec, outage: Outage) -> Incident:
    """Bring the model to where it serves without the cloud, and return the incident.

    Raises when capacity could not be replaced; people were told even so, and the next run tries again.
    """
    incident = opened(at, spec, outage)
    if not incident.is_open:
        at.log.info("%s is closed: the cloud came back since", incident.id)
        return incident
    if recovering(incident):
        key = f"again-{current_round(incident) + 1}"
        incident = at.note(incident, "note", key, f"{incident.cloud} stopped answering again while it was brought back")
    down = at.down(spec.name)
    if not wanted(spec, down):
        text = "No cloud is left. The weights stay, so that whichever comes back gets the requests."
        incident = at.note(incident, "note", f"nobody-{current_round(incident)}", text)
        return tell(at, incident, DOWN, _notice(spec, incident, text))
    try:
        incident = again_when_moved(lambda: _contain(at, spec, incident))
    except IntermodalError as error:
        known = at.note(incident, "note", f"no-capacity-{current_round(incident)}", f"capacity is missing: {error}")
        tell(at, known, DOWN, _notice(spec, incident, f"Its capacity could not be replaced yet: {error.message}"))
        raise
    text = next(entry.text for entry in reversed(incident.entries) if entry.step == "capacity")
    return tell(at, incident, DOWN, _notice(spec, incident, f"Its traffic went to the other clouds; {text}."))


def opened(at: Ports, spec: ModelSpec, outage: Outage) -> Incident:
    """The incident of this outage, opened once: another that is open for the cloud is the same event, seen with another
    onset by a watcher that had forgotten the first. A closed one is given back as it is."""
    known = at.incidents.all(spec.name, open_only=True)
    new = Incident(outage.incident, spec.name, outage.cloud, outage.onset)
    incident = next((one for one in known if one.cloud == outage.cloud), None) or at.incidents.open(new)
    if not incident.is_open:
        return incident
    return at.note(incident, "detected", "0", f"{incident.cloud} cannot serve {incident.model}")


def _contain(at: Ports, spec: ModelSpec, incident: Incident) -> Incident:
    key, down, version = str(current_round(incident)), at.down(spec.name), at.route(spec.name).version
    if move(at, spec, version, down, {}):
        incident = at.note(incident, "drained", key, f"no traffic to {', '.join(sorted(down))}")
    capacity = take_over(at, spec, version, down)
    move(at, spec, version, down, capacity.upstreams)
    incident = at.note(incident, "drained", key, f"no traffic to {', '.join(sorted(down))}")
    return at.note(incident, "capacity", key, capacity.text(spec, down))


def _notice(spec: ModelSpec, incident: Incident, text: str) -> Notice:
    title = f"{incident.cloud} cannot serve {spec.name}"
    return Notice("page", title, f"{text} Incident {incident.id}.", spec.owner, f"{incident.id}-{DOWN}")
