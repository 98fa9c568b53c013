"""Incidents: a target that cannot serve a model, from the first sign to the last, with everything that was done."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from intermodal.platform.targets import Target

Step = Literal[
    "detected",
    "drained",
    "capacity",
    "notified",
    "note",
    "damaged",
    "repaired",
    "recovering",
    "current",
    "share back",
    "reaped",
    "closed",
]
"""What an entry is about. ``capacity``: another target took the lost capacity over; ``damaged``: the package in the
target's mirror differs from its manifest, and ``repaired``: it does no longer; ``current``: the target that came back
serves the current version; ``share back``: it has its weight again."""


@dataclass(frozen=True)
class Entry:
    """``time`` is Unix seconds. ``key`` makes an entry unique in its incident, so that a repeated step adds nothing."""

    time: float
    step: Step
    key: str
    text: str


@dataclass(frozen=True)
class Incident:
    """``id`` is ``<model>-<target>-<onset>`` (the onset in whole Unix seconds): one for each event, whichever run opens
    it."""

    id: str
    model: str
    target: Target
    opened_at: float
    entries: tuple[Entry, ...] = ()
    closed_at: float | None = None

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def last(self) -> str:
        """What was noted last."""
        return self.entries[-1].text if self.entries else ""

    def has(self, step: Step, key: str = "") -> bool:
        return any(entry.step == step and key in ("", entry.key) for entry in self.entries)

    def time_of(self, step: Step) -> float | None:
        """When a step was first done, Unix seconds."""
        return next((entry.time for entry in self.entries if entry.step == step), None)

    def noted(self, entry: Entry) -> "Incident":
        """With one entry more; the same when it has that entry already."""
        if any((known.step, known.key) == (entry.step, entry.key) for known in self.entries):
            return self
        return replace(self, entries=(*self.entries, entry))

    def closed(self, closed_at: float) -> "Incident":
        return self if not self.is_open else replace(self, closed_at=closed_at)


def incident_id(model: str, target: Target, onset: float) -> str:
    return f"{model}-{target.dotted}-{int(onset)}"


class Incidents(Protocol):
    """Where incidents are kept, outside of any cloud that they are about. Every call is atomic and idempotent."""

    def open(self, incident: Incident) -> Incident:
        """Keep a new incident; the one that is there when it was opened before."""

    def note(self, id: str, entry: Entry) -> Incident:
        """Add to the timeline, once for each step and key; NotFound for an unknown incident."""

    def close(self, id: str, closed_at: float) -> Incident: ...

    def get(self, id: str) -> Incident | None: ...

    def all(self, model: str = "", open_only: bool = False) -> Sequence[Incident]:
        """Oldest first."""
