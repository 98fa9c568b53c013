"""Orphans: what costs money after the run that made it died: endpoints without a use, and surge replicas left over."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from intermodal.platform.ports.endpoints import Endpoint
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.targets import Target

GRACE_SECONDS = 900.0
"""An endpoint without a use is left alone for so long: between two runs of one deployment nothing runs."""
LEFT, SCALED_DOWN = "left-", "scaled-down-"
"""Keys in an incident: people were notified that surge replicas are left (cleanup.py); and, before a target's name,
that it runs what it should."""


@dataclass(frozen=True)
class Surge:
    """A target that may run more of a model than its spec says since ``incident`` (its id) was closed."""

    model: str
    target: Target
    incident: str


def surges_left(
    incidents: Iterable[Incident], busy: Collection[str], targets: Mapping[str, Sequence[Target]]
) -> tuple[Surge, ...]:
    """Surges that nothing needs: no incident of their model is open, and no run of it is in progress.

    ``targets`` are those of each model's spec. No target reports how many replicas an endpoint has, so it goes by what
    the recovery gave up, on any target but the incident's own, which was deployed to last.
    """
    known = list(incidents)
    needed = {incident.model for incident in known if incident.is_open} | set(busy)
    return tuple(
        Surge(incident.model, target, incident.id)
        for incident in known
        if incident.model not in needed and _gave_up(incident)
        for target in targets.get(incident.model, ())
        if target != incident.target and not incident.has("note", f"{SCALED_DOWN}{target}")
    )


def _gave_up(incident: Incident) -> bool:
    """People were notified, or the notification failed."""
    return any(
        (entry.step == "notified" and entry.key.startswith(LEFT)) or entry.key.startswith(f"not-notified-{LEFT}")
        for entry in incident.entries
    )


@dataclass(frozen=True)
class Uses:
    """What endpoints are for now. ``routed`` is each model's route at the gateway, ``champions`` the registry's
    (None: not known now), ``busy`` the models with a run in progress, ``unavailable`` the models and targets with an
    open incident, ``surges`` the targets that may run more than is needed."""

    routed: Mapping[str, Route]
    champions: Mapping[str, str] | None
    busy: Collection[str]
    unavailable: Collection[tuple[str, Target]]
    surges: tuple[Surge, ...] = ()

    def use_of(self, endpoint: Endpoint) -> str:
        """What the endpoint is for; '' when nothing uses it.

        A model without a route keeps its champion: when the gateway lost its state, everything would be an orphan.
        """
        model, version, target = endpoint.model, endpoint.version, endpoint.target
        route = self.routed.get(model)
        if route is not None and route.version == version and target in route.weights:
            return "its version is on the route"
        if model in self.busy:
            return f"a run of {model} is in progress"
        if (model, target) in self.unavailable:
            return f"an incident of {model} on {target} is open"
        if model not in self.routed and (self.champions is None or self.champions.get(model) == version):
            return f"{model} has no route, and this may be its champion"
        return "it is being deleted" if endpoint.state == "deleting" else ""


@dataclass(frozen=True)
class Orphan:
    """``since`` is when it was first seen without a use, ``requested`` when its removal was last requested, both in
    Unix seconds, and ``requests`` how often it was."""

    since: float
    requested: float | None = None
    requests: int = 0

    def removal_requested(self, now: float) -> "Orphan":
        return Orphan(self.since, now, self.requests + 1)

    @property
    def due(self) -> float:
        """When something is to be done about it: removed, and if it is still there as much later, notified."""
        return (self.since if self.requested is None else self.requested) + GRACE_SECONDS
