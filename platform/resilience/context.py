"""What a failover or a recovery works with, and how people are notified once of each event."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from intermodal.platform import ports
from intermodal.platform.errors import IntermodalError, NotFound
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Entry, Incident, Step
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.targets import Cloud


@dataclass(frozen=True)
class FailoverContext:
    """All that a failover works with. ``deploying``: whether a run deploys a model now. ``now`` gives Unix seconds;
    ``pause`` waits, in seconds."""

    gateway: ports.Gateway
    incidents: ports.Incidents
    notifier: ports.Notifier
    deployment: ports.Deployment
    stores: Mapping[Cloud, ports.ObjectStore]
    places: Mapping[Cloud, ports.EndpointTarget]
    registry: ports.ModelRegistry | None = None
    deploying: Callable[[str], bool] = lambda _: False
    log: logging.Logger = field(default=logging.getLogger(__name__))
    now: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep

    def note(self, incident: Incident, step: Step, key: str, text: str) -> Incident:
        if not incident.has(step, key):
            self.log.info("%s: %s: %s", incident.id, step, text)
        return self.incidents.note(incident.id, Entry(self.now(), step, key, text))

    def down(self, model: str) -> frozenset[Cloud]:
        """The clouds with an open incident."""
        return frozenset(one.cloud for one in self.incidents.all(model, open_only=True))

    def route(self, model: str) -> Route:
        route = self.gateway.route(model)
        if route is None:
            raise NotFound(f"The gateway has no route for '{model}'.", hint=f"Run the job deploy_{model} first.")
        return route


def tell(ctx: FailoverContext, incident: Incident, key: str, notice: Notice) -> Incident:
    """Tell people once. A notifier that fails keeps nothing from going on; whoever comes next tries again.

    Killed between telling and noting, people are told twice: better than never.
    """
    if incident.has("told", key):
        return incident
    try:
        told = ctx.notifier.tell(notice)
    except IntermodalError as error:
        ctx.log.error("telling people failed: %s", error)
        return ctx.note(incident, "note", f"not-told-{key}", f"telling people failed: {error.message}")
    text = notice.title if told else f"nobody is configured to be told (INTERMODAL_NOTIFY): {notice.title}"
    return ctx.note(incident, "told", key, text)
