"""Drills: an outage made on purpose, at the gateway, and what was measured meanwhile."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.platform.ports.gateway import Disturbance, Route
from intermodal.platform.targets import Target

if TYPE_CHECKING:  # the command line takes the kinds from here, and does not wait for pydantic
    from intermodal.platform.spec import Objectives

DrillKind = Literal["outage", "brownout", "throttle", "corrupt"]
MOST_SECONDS, MOST_RATE = 3600.0, 1000.0
"""How long a drill may last, and how many requests a second it may send."""
DRILL_KINDS: tuple[DrillKind, ...] = get_args(DrillKind)


DISTURBANCES: dict[DrillKind, Disturbance] = {
    "outage": Disturbance(abort_percent=100, abort_status=503),
    "brownout": Disturbance(abort_percent=30, abort_status=503, delay_percent=50, delay_ms=2000),
    "throttle": Disturbance(abort_percent=80, abort_status=429),
}
"""``corrupt`` damages a mirror, not requests."""


@dataclass(frozen=True)
class DrillResult:
    """``scope`` is the target, site or cloud that was disturbed. Seconds count from the start of the drill; None for
    what did not happen. ``requests``, ``failed`` and ``retried`` (answers that a second target gave) are of every model
    that was disturbed, and of the drill's own load."""

    kind: DrillKind
    scope: str
    model: str
    started_at: float
    requests: int
    failed: int
    retried: int
    detected_seconds: float | None
    drained_seconds: float | None
    capacity_seconds: float | None
    restored_seconds: float | None


def parse_drill(text: str) -> DrillKind:
    for kind in DRILL_KINDS:
        if kind == text:
            return kind
    raise SpecError(f"Unknown drill '{text}'.", hint=f"Known drills: {', '.join(DRILL_KINDS)}.")


def require_allowed(environment: str, allow_production: bool) -> None:
    """IntermodalError in production, unless somebody said yes to this one drill."""
    if environment == "production" and not allow_production:
        raise IntermodalError(
            "This is production, and a drill sends real requests into an outage.",
            hint="Allow it for this one run: allow_production in the run's config, or --allow-production.",
        )


def require_safe(
    route: Route | None,
    health: Mapping[Target, bool],
    targets: Collection[Target],
    *,
    environment: str,
    allow_production: bool,
    handled: bool,
) -> None:
    """IntermodalError, with the reason, when a drill of ``targets`` must not begin now.

    ``handled``: an incident or another drill is on. One other target must be able to serve.
    """
    require_allowed(environment, allow_production)
    named = ", ".join(str(target) for target in targets)
    if route is None or not set(targets) & set(route.serving):
        raise IntermodalError(f"{named} gets no traffic of this model now.", hint="Choose a target that serves it.")
    if handled:
        raise IntermodalError(
            "An incident or another drill is going on.", hint="Wait until it is over; see: intermodal incident list."
        )
    if not any(health.get(other, False) for other in route.serving if other not in targets):
        raise IntermodalError(
            f"No other target could take the requests for '{route.model}' from {named}.", hint="Mend the others first."
        )


def judge(result: DrillResult, objectives: "Objectives") -> tuple[bool, tuple[str, ...]]:
    """Whether the drill met the spec's objectives, a sentence for each. Only an outage loses a cloud's capacity."""
    reasons = [f"{result.failed} of {result.requests} requests failed."]
    passed = result.failed == 0 and (result.requests > 0 or result.kind == "corrupt")
    if result.kind == "outage":
        for word, seconds, limit in (
            ("drained", result.drained_seconds, objectives.drained_seconds),
            ("at full capacity again", result.capacity_seconds, objectives.capacity_seconds),
        ):
            if seconds is None:
                reasons.append(f"It was not {word} while the drill lasted.")
            else:
                reasons.append(f"{word.capitalize()} after {seconds:.1f} s, at most {limit:g} s are allowed.")
            passed &= seconds is not None and seconds <= limit
    if result.kind == "corrupt":
        found = result.detected_seconds is not None and result.restored_seconds is not None
        reasons.append("The damage was found and mended." if found else "The damage was not found and mended.")
        passed &= found
    return passed, tuple(reasons)
