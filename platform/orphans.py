"""Orphans: endpoints that bill on after the run that made them died."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from intermodal.platform.clouds import Cloud
from intermodal.platform.endpoints import Endpoint

GRACE_SECONDS = 900.0
"""An endpoint without a use is left alone for so long: between two runs of one deployment nothing runs."""


@dataclass(frozen=True)
class Uses:
    """What endpoints are for now. ``routed`` is each model's version at the gateway, ``champions`` the registry's
    (None: not known now), ``busy`` the models with a run in progress, ``away`` where an incident is open."""

    routed: Mapping[str, str]
    champions: Mapping[str, str] | None
    busy: Collection[str]
    away: Collection[tuple[str, Cloud]]

    def use_of(self, endpoint: Endpoint) -> str:
        """What the endpoint is for; '' when nobody uses it.

        A model without a route keeps its champion: when the gateway lost its state, everything would be an orphan.
        """
        model, version = endpoint.model, endpoint.version
        if self.routed.get(model) == version:
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
