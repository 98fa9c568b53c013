"""A champion or a spec that is not served yet is deployed, once for each; people hear of it when that fails."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

GRACE_SECONDS = 90.0
"""So long may a run that was asked for be neither in progress nor failed nor done: the daemon makes runs one after the
other."""

ENDED_ELSEWHERE = (
    "its deployment ended, and something else is served (a run reads specs from disk: were the definitions reloaded?)"
)


def digest(stated: Mapping[str, str]) -> str:
    """Names what a spec states of each asset that deploys, in twelve characters."""
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Seen:
    """One model now. ``version`` is the champion's, ``spec`` the digest of what its spec states, ``served`` whether
    both are what was deployed last, ``busy`` whether a run of the model is in progress, ``failed`` when the newest run
    that failed to deploy it was made (Unix seconds; None: none)."""

    version: str
    spec: str
    served: bool = False
    busy: bool = False
    failed: float | None = None


@dataclass(frozen=True)
class Due:
    """What was not served yet. ``since`` is when that was first seen, ``quiet`` since when nothing of the model ran,
    ``asked`` when we asked for its deployment. All Unix seconds."""

    version: str
    spec: str
    since: float
    quiet: float
    asked: float | None = None
    told: bool = False

    def key(self, model: str) -> str:
        """Names the event: the same version or spec, put to use again later, is another one."""
        return f"{model}-{self.version}-{self.spec}-{int(self.since)}"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Due":
        asked = data.get("asked")
        numbers = float(data["since"]), float(data["quiet"]), None if asked is None else float(asked)
        return cls(str(data["version"]), str(data["spec"]), *numbers, told=bool(data.get("told", False)))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Decision:
    action: Literal["nothing", "wait", "deploy", "ask people"]
    reason: str = ""


def decide(known: Due | None, seen: Seen, now: float) -> tuple[Due | None, Decision]:
    """The decision, and what to remember once it was acted on; None when all that is wanted is served."""
    if seen.served:
        return _served(known, seen)
    if known is None or (known.version, known.spec) != (seen.version, seen.spec):
        known = Due(seen.version, seen.spec, since=now, quiet=now)
    if seen.busy:
        return replace(known, quiet=now), Decision("wait", "a run is in progress")
    if known.told:
        return known, Decision("wait", "its deployment failed and people were told; it is not tried again")
    if _failed(known, seen):
        return replace(known, told=True), Decision("ask people", "its deployment failed")
    if known.asked is None:
        return replace(known, asked=now, quiet=now), Decision("deploy")
    if now - known.quiet < GRACE_SECONDS:
        return known, Decision("wait", "its deployment was asked for")
    return replace(known, told=True), Decision("ask people", ENDED_ELSEWHERE)


def _served(known: Due | None, seen: Seen) -> tuple[Due | None, Decision]:
    """The run that we asked for has published its route, and may fail yet: in the checks after it."""
    if known is None or known.asked is None or known.told:
        return None, Decision("nothing")
    if seen.busy:
        return known, Decision("wait", "a run is in progress")
    if _failed(known, seen):
        return replace(known, told=True), Decision("ask people", "its deployment failed after the route was published")
    return None, Decision("nothing")


def _failed(known: Due, seen: Seen) -> bool:
    return seen.failed is not None and seen.failed >= known.since
