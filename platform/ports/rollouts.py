"""Rollouts: how far a new version of a model has come, kept where every process finds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from intermodal.platform.ports.gateway import Tries
from intermodal.platform.ports.registry import Identity

Phase = Literal["progressing", "paused", "promoted", "aborted"]
"""As Argo Rollouts names them. ``promoted`` and ``aborted`` are ends."""


@dataclass(frozen=True)
class Entry:
    """What happened to a rollout. ``time`` is Unix seconds; ``person`` is empty for the platform itself."""

    time: float
    text: str
    person: str = ""


@dataclass(frozen=True)
class Rollout:
    """The way of version ``new`` to all traffic, which ``old`` has.

    ``steps`` are percentages, ``step`` the index of the current one, ``since`` when it began (Unix seconds), and
    ``before`` what each version (by its number) had answered until then. ``requested`` is what a person
    wants, which the next decision does.
    """

    model: str
    old: Identity
    new: Identity
    steps: tuple[int, ...]
    step: int
    since: float
    phase: Phase = "progressing"
    before: Mapping[str, Tries] = field(default_factory=dict)
    requested: Literal["", "promote", "abort"] = ""
    entries: tuple[Entry, ...] = ()

    @property
    def share(self) -> int:
        """Percent of requests that the new version gets now."""
        return {"progressing": self.steps[self.step], "paused": self.steps[self.step], "promoted": 100}.get(
            self.phase, 0
        )

    @property
    def is_open(self) -> bool:
        return self.phase in ("progressing", "paused")


class Rollouts(Protocol):
    """Where the latest rollout of each model is kept. Errors: Unavailable."""

    def get(self, model: str) -> Rollout | None: ...

    def put(self, rollout: Rollout, known: Rollout | None) -> bool:
        """Replace what is kept, ``known``, by this. False, and nothing changes, when another is kept by now."""

    def models(self) -> Sequence[str]:
        """Every model that has a rollout."""
