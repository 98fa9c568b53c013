"""Orphans: what bills on after the run that made it died: endpoints that nobody uses, and helpers left scaled up."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from intermodal.platform.ports.endpoints import Endpoint
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.targets import CLOUDS, Cloud

GRACE_SECONDS = 900.0
"""An endpoint without a use is left alone for so long: between two runs of one deployment nothing runs."""
LEFT, RESTED = "left-", "rested-"
"""Keys in an incident: people were told that helpers run more than is needed (cleanup.py); and, before a
cloud's name, that it runs what it should."""


@dataclass(frozen=True)
class Helper:
    """A cloud that may run more of a model than its spec says since ``incident`` (its id) was closed."""

    model: str
    cloud: Cloud
    incident: str


def helpers_left(incidents: Iterable[Incident], busy: Collection[str]) -> tuple[Helper, ...]:
    """Helpers that nobody needs: no incident of their model is open, and no run of it is in progress.

    No target tells how many replicas an endpoint has, so it goes by what the recovery gave up, and on any cloud but
    the incident's own, which was deployed to last.
    """
    known = list(incidents)
    needed = {incident.model for incident in known if incident.is_open} | set(busy)
    return tuple(
        Helper(incident.model, cloud, incident.id)
        for incident in known
        if incident.model not in needed and _gave_up(incident)
        for cloud in CLOUDS
        if cloud != incident.cloud and not incident.has("note", f"{RESTED}{cloud}")
    )


def _gave_up(incident: Incident) -> bool:
    """Told, or nobody could be."""
    return any(
        (entry.step == "told" and entry.key.startswith(LEFT)) or entry.key.startswith(f"not-told-{LEFT}")
        for entry in incident.entries
    )


@dataclass(frozen=True)
class Uses:
    """What endpoints are for now. ``routed`` is each model's route at the gateway, ``champions`` the registry's
    (None: not known now), ``busy`` the models with a run in progress, ``away`` where an incident is open, ``left`` who
    may run more than is needed."""

    routed: Mapping[str, Route]
    champions: Mapping[str, str] | None
    busy: Collection[str]
    away: Collection[tuple[str, Cloud]]
    left: tuple[Helper, ...] = ()

    def use_of(self, endpoint: Endpoint) -> str:
        """What the endpoint is for; '' when nobody uses it.

        A model without a route keeps its champion: when the gateway lost its state, everything would be an orphan.
        """
        model, version = endpoint.model, endpoint.version
        route = self.routed.get(model)
        if route is not None and route.version == version and endpoint.cloud in route.weights:
            return "its version is on the route"
        if model in self.busy:
            return f"a run of {model} is in progress"
        if (model, endpoint.cloud) in self.away:
            return f"an incident of {model} on {endpoint.cloud} is open"
        if model not in self.routed and (self.champions is None or self.champions.get(model) == version):
            return f"{model} has no route, and this may be its champion"
        return "it is being deleted" if endpoint.state == "deleting" else ""


@dataclass(frozen=True)
class Orphan:
    """``since`` is when it was first seen without a use, ``asked`` when we asked for its removal. Unix seconds."""

    since: float
    asked: float | None = None
    told: bool = False

    @property
    def due(self) -> float:
        """When something is to be done about it: removed, and if it is still there as much later, told."""
        return (self.since if self.asked is None else self.asked) + GRACE_SECONDS
