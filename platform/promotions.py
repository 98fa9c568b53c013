"""A person made another version champion: deploy it once, after giving the automation time to do so by itself."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

GRACE_SECONDS = 90.0
"""So long must nothing have run before we deploy: three ticks of the automation sensor, which deploys what a training
run made champion and starts its runs one after the other."""


@dataclass(frozen=True)
class Seen:
    """One model now. ``champion`` is the registry's, ``routed`` the gateway's version ('' when there is no route),
    ``busy`` whether a run of the model is in progress, ``failed`` whether one failed to deploy since the promotion."""

    champion: str
    routed: str
    busy: bool = False
    failed: bool = False


@dataclass(frozen=True)
class Promotion:
    """A champion that is not served yet. ``since`` is when that was first seen, ``quiet`` since when nothing ran,
    ``asked`` when we asked for its deployment. All Unix seconds."""

    version: str
    since: float
    quiet: float
    asked: float | None = None
    told: bool = False

    def key(self, model: str) -> str:
        """Names the event: the same version promoted again later is another one."""
        return f"{model}-{self.version}-{int(self.since)}"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Promotion":
        asked = data.get("asked")
        numbers = float(data["since"]), float(data["quiet"]), None if asked is None else float(asked)
        return cls(str(data["version"]), *numbers, told=bool(data.get("told", False)))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Decision:
    action: Literal["nothing", "wait", "deploy", "ask people"]
    reason: str = ""


def decide(known: Promotion | None, seen: Seen, now: float) -> tuple[Promotion | None, Decision]:
    """The decision, and what to remember once it was acted on (None: the champion is served)."""
    if seen.champion == seen.routed:
        return None, Decision("nothing")
    if known is None or known.version != seen.champion:
        known = Promotion(seen.champion, since=now, quiet=now)
    if seen.busy:
        return replace(known, quiet=now), Decision("wait", "a run is in progress")
    if known.told:
        return known, Decision("wait", "its deployment failed and people were told; it is not tried again")
    if seen.failed:
        return replace(known, told=True), Decision("ask people", "its deployment failed")
    if now - known.quiet < GRACE_SECONDS:
        return known, Decision("wait", "waiting for the automation to deploy it")
    if known.asked is not None:
        return replace(known, told=True), Decision("ask people", "its deployment ended, and the route is another")
    return replace(known, asked=now, quiet=now), Decision("deploy", "promoted in the registry")
