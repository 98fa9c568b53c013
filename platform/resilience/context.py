"""What a failover or a recovery works with, and how each event is notified once."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from intermodal.platform import ports
from intermodal.platform.errors import IntermodalError, NotFound
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Entry, Incident, Step
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.ports.registry import Identity
from intermodal.platform.resilience.failover_plan import current_round
from intermodal.platform.targets import Site, Target


@dataclass(frozen=True)
class FailoverContext:
    """The ports of one model's targets. ``deploying``: whether a run deploys a model now. ``now`` gives Unix seconds;
    ``pause`` waits, in seconds."""

    gateway: ports.Gateway
    incidents: ports.Incidents
    notifications: ports.Notifications
    deployment: ports.Deployment
    stores: Mapping[Site, ports.ObjectStore]
    targets: Mapping[Target, ports.EndpointTarget]
    images: Mapping[Site, ports.ImageRegistry] = field(default_factory=dict)
    registry: ports.ModelRegistry | None = None
    deploying: Callable[[str], bool] = lambda _: False
    log: logging.Logger = field(default=logging.getLogger(__name__))
    now: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep

    def note(self, incident: Incident, step: Step, key: str, text: str) -> Incident:
        """Add an entry to the incident, once for each step and key."""
        if not incident.has(step, key):
            self.log.info("%s: %s: %s", incident.id, step, text)
        return self.incidents.note(incident.id, Entry(self.now(), step, key, text))

    def open_incidents(self, model: str) -> dict[Target, Incident]:
        return {incident.target: incident for incident in self.incidents.all(model, open_only=True)}

    def unavailable(self, model: str) -> frozenset[Target]:
        """The targets with an open incident."""
        return frozenset(self.open_incidents(model))

    def not_serving(self, model: str) -> frozenset[Target]:
        """The targets with an open incident that do not have their share back: one whose recovery only has to scale
        others down, or to notify, serves."""
        known = self.open_incidents(model)
        return frozenset(
            target for target, incident in known.items() if not incident.has("share back", str(current_round(incident)))
        )

    def route(self, model: str) -> Route:
        route = self.gateway.route(model)
        if route is None:
            raise NotFound(f"The gateway has no route for '{model}'.", hint=f"Run the job deploy_{model} first.")
        return route

    def identity(self, model: str, version: str) -> Identity:
        """The version with the digest of the route, which is the version's if the route is."""
        route = self.gateway.route(model)
        return route.identity if route is not None and route.version == version else Identity(version)


def notify(
    ctx: FailoverContext, incident: Incident, key: str, notice: Notice, also: Iterable[Incident] = ()
) -> Incident:
    """Notify people once of ``key``, and note it in the incident. A failure stops nothing: the next run tries again.

    The notice goes out once because ``notifications`` knows its key; the entry is the timeline's record. ``also`` are
    other incidents that the notice covers: an entry there means that they need no notice of their own. They are noted
    first, so that a run that is killed in between sends none of theirs.
    """
    if incident.has("notified", key):
        return incident
    try:
        delivery = ctx.notifications.notify(notice)
    except IntermodalError as error:
        ctx.log.error("the notification failed: %s", error)
        return ctx.note(incident, "note", f"not-notified-{key}", f"the notification failed: {error.message}")
    text = notice.title
    if delivery == "no recipient":
        text = f"{text} (no recipient is configured: INTERMODAL_NOTIFY)"
    for covered in also:
        ctx.note(covered, "notified", key, text)
    return ctx.note(incident, "notified", key, text)


def listed(targets: Iterable[Target]) -> str:
    """Targets as text, in order."""
    return ", ".join(str(target) for target in sorted(targets))
