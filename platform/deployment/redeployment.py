"""A champion or a spec that is not served yet is deployed, once for each; people hear of it when that fails."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

ENDED_ELSEWHERE = (
    "its deployment ended, and something else is served (a run reads specs from disk: were the definitions reloaded?)"
)


def digest(stated: Mapping[str, str]) -> str:
    """Names what a spec states of each asset that deploys, in twelve characters."""
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Failure:
    """The run that deployed a model last, if it failed or was stopped, and when (Unix seconds)."""

    run: str
    at: float


@dataclass(frozen=True)
class Seen:
    """One model now. ``version`` is the champion's, ``spec`` the digest of what its spec states, ``served`` whether
    both are what was deployed last, ``busy`` whether a run that deploys it or moves its traffic is in progress,
    ``moved`` when its traffic was last moved by a failover or a recovery that went well (Unix seconds)."""

    version: str
    spec: str
    served: bool = False
    busy: bool = False
    failed: Failure | None = None
    moved: float | None = None


@dataclass(frozen=True)
class Due:
    """What was not served yet. ``since`` is when that was first seen, ``requested`` when its deployment last was,
    both in Unix seconds; ``notified`` whether people were notified that it failed, which ends the matter."""

    version: str
    spec: str
    since: float
    requested: float | None = None
    notified: bool = False

    def key(self, model: str) -> str:
        """Names what was requested: the same version or spec, put to use again later, is another event."""
        return f"{model}-{self.version}-{self.spec}-{int(self.requested or self.since)}"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Due":
        requested = None if data.get("requested") is None else float(data["requested"])
        notified = bool(data.get("notified", False))
        return cls(str(data["version"]), str(data["spec"]), float(data["since"]), requested, notified)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Decision:
    action: Literal["nothing", "wait", "deploy", "ask people"]
    reason: str = ""


def decide(known: Due | None, seen: Seen, now: float) -> tuple[Due | None, Decision]:
    """The decision, and what to remember once it was acted on; None when all that is wanted is served.

    A run that was requested is stored before the next look: when none is in progress, it has ended.
    """
    if known is not None and (known.version, known.spec) != (seen.version, seen.spec):
        known = None
    if seen.served:
        return _served(known, seen)
    due = known or Due(seen.version, seen.spec, since=now)
    if seen.busy:
        return due, Decision("wait", "a run is in progress")
    if due.requested is None:
        return replace(due, requested=now), Decision("deploy")
    if seen.moved is not None and seen.moved > due.requested:  # the cloud that failed it is left out now, or back
        return replace(due, requested=now, notified=False), Decision("deploy")
    if due.notified:
        return due, Decision("wait", "its deployment failed and people were notified; they or a failover try it again")
    failure = _failure(due, seen)
    reason = f"its deployment failed (run {failure.run})" if failure else ENDED_ELSEWHERE
    return replace(due, notified=True), Decision("ask people", reason)


def _served(known: Due | None, seen: Seen) -> tuple[Due | None, Decision]:
    """The run has published its route, and may fail yet: in the checks after it."""
    if known is None or known.notified:
        return None, Decision("nothing")
    if seen.busy:
        return known, Decision("wait", "a run is in progress")
    if failure := _failure(known, seen):
        reason = f"its deployment failed after the route was published (run {failure.run})"
        return replace(known, notified=True), Decision("ask people", reason)
    return None, Decision("nothing")


def _failure(due: Due, seen: Seen) -> Failure | None:
    return seen.failed if seen.failed is not None and seen.failed.at >= due.since else None
