"""Orphans: endpoints that nothing uses, and surge replicas that were not scaled down. Both cost money."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from intermodal.platform.ports.endpoints import Endpoint
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.targets import Target

GRACE_SECONDS = 900.0
"""How long an endpoint without a use is kept. Between two runs of a deployment nothing uses its new endpoints."""
LEFT, SCALED_DOWN = "left-", "scaled-down-"
"""Keys of an incident's entries: people were notified that surge replicas are left (cleanup.py); the target whose name
follows was scaled down."""


@dataclass(frozen=True)
class Surge:
    """A target that may still run more replicas than the spec says, after ``incident`` (its id) was closed."""

    model: str
    target: Target
    incident: str


def surges_left(
    incidents: Iterable[Incident], busy: Collection[str], targets: Mapping[str, Sequence[Target]]
) -> tuple[Surge, ...]:
    """Surges that nothing needs: their model has no open incident and no run in progress.

    ``targets`` are those of each model's spec. Targets do not report an endpoint's replicas, so these are the targets
    of incidents whose recovery could not scale down, except the incident's own, which the recovery deployed last.
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
    """Whether the recovery ended with surge left: people were notified of it, or that notification failed."""
    return any(
        (entry.step == "notified" and entry.key.startswith(LEFT)) or entry.key.startswith(f"not-notified-{LEFT}")
        for entry in incident.entries
    )


@dataclass(frozen=True)
class Uses:
    """What uses endpoints now. ``routed``: each model's route at the gateway, ``canaries``: that of its canary.
    ``champions``: the registry's (None:
    unknown). ``busy``: models with a run in progress. ``unavailable``: models and targets with an open incident.
    ``surges``: targets that may run more than is needed."""

    routed: Mapping[str, Route]
    champions: Mapping[str, str] | None
    busy: Collection[str]
    unavailable: Collection[tuple[str, Target]]
    surges: tuple[Surge, ...] = ()
    canaries: Mapping[str, Route] = field(default_factory=dict)

    def use_of(self, endpoint: Endpoint) -> str:
        """The use of the endpoint; '' if nothing uses it.

        A model without a route keeps its champion. Otherwise a gateway that lost its state would make everything an
        orphan.
        """
        model, version, target = endpoint.model, endpoint.version, endpoint.target
        route = self.routed.get(model)
        if route is not None and route.version == version and target in route.weights:
            return "its version is on the route"
        canary = self.canaries.get(model)
        if canary is not None and canary.version == version and target in canary.weights:
            return "its version is the canary"
        if model in self.busy:
            return f"a run of {model} is in progress"
        if (model, target) in self.unavailable:
            return f"an incident of {model} on {target} is open"
        if model not in self.routed and (self.champions is None or self.champions.get(model) == version):
            return f"{model} has no route, and this may be its champion"
        return "it is being deleted" if endpoint.state == "deleting" else ""


@dataclass(frozen=True)
class Orphan:
    """An endpoint without a use. ``since``: when that was first seen. ``requested``: when its removal was last
    requested. Both in Unix seconds. ``requests``: how often it was requested."""

    since: float
    requested: float | None = None
    requests: int = 0

    def removal_requested(self, now: float) -> "Orphan":
        return Orphan(self.since, now, self.requests + 1)

    @property
    def due(self) -> float:
        """When the next action is due: first its removal and, if it still exists after GRACE_SECONDS, a notice."""
        return (self.since if self.requested is None else self.requested) + GRACE_SECONDS
