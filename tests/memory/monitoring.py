"""Incidents, notifications, metrics and gauges in memory."""

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from intermodal.platform.errors import (
    NotFound,
    Unavailable,
)
from intermodal.platform.ports.incidents import Entry, Incident
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.ports.notifications import Delivery, Notice, Notifier, Receipt


class MemoryIncidents:
    def __init__(self) -> None:
        self.kept: dict[str, Incident] = {}
        self._lock = threading.Lock()

    def open(self, incident: Incident) -> Incident:
        return self.kept.setdefault(incident.id, incident)

    def note(self, id: str, entry: Entry) -> Incident:
        if id not in self.kept:
            raise NotFound(f"no incident {id}")
        with self._lock:
            self.kept[id] = self.kept[id].noted(entry)
            return self.kept[id]

    def close(self, id: str, closed_at: float) -> Incident:
        if id not in self.kept:
            raise NotFound(f"no incident {id}")
        with self._lock:
            self.kept[id] = self.kept[id].closed(closed_at)
            return self.kept[id]

    def get(self, id: str) -> Incident | None:
        return self.kept.get(id)

    def all(self, model: str = "", open_only: bool = False) -> Sequence[Incident]:
        found = [
            incident
            for incident in self.kept.values()
            if model in ("", incident.model) and (incident.is_open or not open_only)
        ]
        return sorted(found, key=lambda incident: (incident.opened_at, incident.id))


@dataclass
class MemoryNotifier:
    """``configured``: whether there is a recipient; ``refuses``: whether it takes nothing."""

    sent: list[Notice] = field(default_factory=list)
    configured: bool = True
    refuses: bool = False

    def send(self, notice: Notice, skip: Collection[str] = ()) -> Receipt:
        if self.refuses:
            return Receipt(failure=Unavailable(f"'{notice.title}' was not delivered.", hint="Let it take notices."))
        if "recipient" not in skip:
            self.sent.append(notice)
        return Receipt(frozenset({"recipient"} if self.configured else ()))


@dataclass
class MemoryNotifications:
    """``taken``: by key, who has the notice; ``delivered``: the keys of which that is enough."""

    notifier: Notifier = field(default_factory=MemoryNotifier)
    taken: dict[str, frozenset[str]] = field(default_factory=dict)
    delivered: set[str] = field(default_factory=set)

    def notify(self, notice: Notice) -> Delivery:
        if notice.key in self.delivered:
            return "delivered"
        receipt = self.notifier.send(notice, self.taken.get(notice.key, frozenset()))
        self.taken[notice.key] = receipt.recipients
        if receipt.failure is not None:
            raise receipt.failure
        if not receipt.recipients:
            return "no recipient"
        self.delivered.add(notice.key)
        return "delivered"


@dataclass
class MemoryMetrics:
    """``down`` makes it answer as a Prometheus that is not there."""

    source: str
    figures: list[Figures] = field(default_factory=list)
    down: bool = False

    def read(self, seconds: float, model: str = "") -> Sequence[Figures]:
        assert seconds > 0
        if self.down:
            raise Unavailable(f"{self.source} does not answer")
        return [figures for figures in self.figures if model in ("", figures.model)]


@dataclass
class MemoryGauges:
    """``down`` makes it answer as a Pushgateway that is not there."""

    pushed: dict[str, list[tuple[str, Mapping[str, str], float]]] = field(default_factory=dict)
    down: bool = False

    def push(self, group: str, gauges: Sequence[tuple[str, Mapping[str, str], float]]) -> None:
        if self.down:
            raise Unavailable("the Pushgateway does not answer")
        self.pushed[group] = list(gauges)
