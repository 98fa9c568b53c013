"""A timeline: the events of a model in order. Incidents that began together share a line for each step."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from intermodal.platform.ports.incidents import Incident, Step
from intermodal.platform.resilience.context import listed
from intermodal.platform.resilience.failover import TOGETHER_SECONDS


@dataclass(frozen=True, order=True)
class TimelineEvent:
    """A line of the timeline. ``time`` is Unix seconds, ``what`` the subject (``route``, ``drift``, ``incident
    aws/eks``)."""

    time: float
    what: str
    text: str


@dataclass(frozen=True)
class StepOfGroup:
    """A step of one or several incidents. ``time`` is when the first of their targets did it, Unix seconds."""

    time: float
    step: Step
    targets: str
    text: str


@dataclass(frozen=True)
class IncidentGroup:
    """Incidents of one model and site that began together, the oldest first. Usually there is only one."""

    incidents: tuple[Incident, ...]

    @property
    def id(self) -> str:
        return self.incidents[0].id

    @property
    def targets(self) -> str:
        return listed(incident.target for incident in self.incidents)

    @property
    def opened_at(self) -> float:
        return self.incidents[0].opened_at

    @property
    def closed_at(self) -> float | None:
        """When the last of them was closed, Unix seconds. None while one is open."""
        return _last([incident.closed_at for incident in self.incidents])

    def time_of(self, step: Step) -> float | None:
        """When the last of them did a step, Unix seconds. None while one has not."""
        return _last([incident.time_of(step) for incident in self.incidents])

    @property
    def steps(self) -> list[StepOfGroup]:
        """Each step once, in order of time, with the targets that did it and all of their different texts."""
        entries = [(entry, incident.target) for incident in self.incidents for entry in incident.entries]
        found = []
        for step, key in dict.fromkeys((entry.step, entry.key) for entry, _ in entries):
            same = [(entry, target) for entry, target in entries if (entry.step, entry.key) == (step, key)]
            text = "; ".join(dict.fromkeys(entry.text for entry, _ in same))
            first = min(entry.time for entry, _ in same)
            found.append(StepOfGroup(first, step, listed({target for _, target in same}), text))
        return sorted(found, key=lambda step: step.time)


def grouped(incidents: Iterable[Incident]) -> list[IncidentGroup]:
    """Groups of incidents that began together, the oldest first. A group has at most one incident of a target."""
    groups: list[list[Incident]] = []
    for incident in sorted(incidents, key=lambda incident: incident.opened_at):
        group = next((group for group in groups if _belongs(incident, group)), None)
        if group is None:
            groups.append([incident])
        else:
            group.append(incident)
    return [IncidentGroup(tuple(group)) for group in groups]


def _belongs(incident: Incident, group: Sequence[Incident]) -> bool:
    first = group[0]
    same = (incident.model, incident.target.site) == (first.model, first.target.site)
    near = incident.opened_at - first.opened_at <= TOGETHER_SECONDS
    return same and near and incident.target not in [other.target for other in group]


def _last(times: Sequence[float | None]) -> float | None:
    known = [moment for moment in times if moment is not None]
    return max(known) if len(known) == len(times) else None


def incident_events(incidents: Iterable[Incident]) -> Iterator[TimelineEvent]:
    for group in grouped(incidents):
        for step in group.steps:
            yield TimelineEvent(step.time, f"incident {step.targets}", step.text)


def markdown(events: Iterable[TimelineEvent]) -> str:
    """A Markdown table of the events in order, with the seconds since the first."""
    ordered = sorted(events)
    lines = ["| UTC | + s | what | |", "| --- | ---: | --- | --- |"]
    for event in ordered:
        clock = datetime.fromtimestamp(event.time, UTC).strftime("%H:%M:%S")
        text = event.text.replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {clock} | {event.time - ordered[0].time:.1f} | {event.what} | {text} |")
    return "\n".join(lines)
