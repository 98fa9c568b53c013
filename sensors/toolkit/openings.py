"""Incidents of new outages are opened by the tick when no run can do it yet, so that nothing is lost meanwhile."""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import dagster as dg

from intermodal.assets.runs import EVENT_TAG
from intermodal.platform.ports import Incidents
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience.detection import UpstreamKey
from intermodal.platform.resilience.failover import Outage, opened
from intermodal.sensors.toolkit.run_requests import Event

OPENING_SECONDS = 1.0
"""How long one tick opens incidents; the next one goes on."""


def outages_to_open(
    events: Sequence[Event], planned: Sequence[dg.RunRequest], known: Mapping[UpstreamKey, Incident]
) -> list[Event]:
    """New outages whose incident the tick must open: all of a model that has several, and those that get no run now.

    Those of a model whose run starts now come first. Its first run then finds what failed together: it takes no
    capacity from a target that failed too, and one notice names all of them.
    """
    new = [event for event in events if event.verb == "failover" and (event.model, event.target) not in known]
    count = Counter(event.model for event in new)
    ids = {request.tags[EVENT_TAG] for request in planned}
    started = {event.model for event in events if event.id in ids}
    needed = [event for event in new if count[event.model] > 1 or event.id not in ids]
    return sorted(needed, key=lambda event: event.model not in started)


def open_incidents(incidents: Incidents, events: Sequence[Event], now: float) -> set[str]:
    """Open them, for ``OPENING_SECONDS``; returns the models of those that were left to the next tick."""
    until = time.monotonic() + OPENING_SECONDS
    for index, event in enumerate(events):
        if time.monotonic() > until:
            return {left.model for left in events[index:]}
        opened(incidents, event.model, Outage(event.incident, event.target, event.config["onset"]), now)
    return set()


def without(planned: Sequence[dg.RunRequest], events: Sequence[Event], models: Collection[str]) -> list[dg.RunRequest]:
    """The run requests but those of the events of these models."""
    held = {event.id for event in events if event.model in models}
    return [request for request in planned if request.tags[EVENT_TAG] not in held]
