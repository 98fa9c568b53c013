"""Drills: deliberate outages at the gateway, their results, and when they are allowed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.platform.ports.gateway import Disturbance, Route
from intermodal.platform.targets import Target

if TYPE_CHECKING:  # the command line imports the kinds from here, and must not import pydantic
    from intermodal.platform.spec import Objectives

DrillKind = Literal["outage", "brownout", "throttle", "corrupt"]
MAX_DRILL_SECONDS, MAX_DRILL_RATE = 3600.0, 1000.0
"""The longest duration of a drill, and the most requests that it may send in a second."""
DRILL_KINDS: tuple[DrillKind, ...] = get_args(DrillKind)


DISTURBANCES: dict[DrillKind, Disturbance] = {
    "outage": Disturbance(abort_percent=100, abort_status=503),
    "brownout": Disturbance(abort_percent=30, abort_status=503, delay_percent=50, delay_ms=2000),
    "throttle": Disturbance(abort_percent=80, abort_status=429),
}
"""What each kind does to requests. ``corrupt`` damages a mirror instead."""


@dataclass(frozen=True)
class DrillResult:
    """What a drill measured. ``scope`` is the target, site or cloud that was disturbed. Seconds are since the start of
    the drill; None for what did not happen. ``requests``, ``failed`` and ``retried`` (answered by a second target) are
    of all affected models, with the drill's own requests."""

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
    """The kind of a drill. SpecError for an unknown one."""
    for kind in DRILL_KINDS:
        if kind == text:
            return kind
    raise SpecError(f"Unknown drill '{text}'.", hint=f"Known drills: {', '.join(DRILL_KINDS)}.")


def require_allowed(environment: str, allow_production: bool) -> None:
    """IntermodalError in production, unless a person has confirmed this drill."""
    if environment == "production" and not allow_production:
        raise IntermodalError(
            "A drill in production exposes real requests to an outage.",
            hint="Confirm this run: allow_production in its configuration, or --allow-production.",
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
    """IntermodalError with the reason if a drill of ``targets`` must not start now.

    ``handled``: an incident is open or another drill is active. At least one other target must be healthy.
    """
    require_allowed(environment, allow_production)
    named = ", ".join(str(target) for target in targets)
    if route is None or not set(targets) & set(route.serving):
        raise IntermodalError(f"{named} gets no traffic of this model now.", hint="Choose a target that serves it.")
    if handled:
        raise IntermodalError(
            "An incident or another drill is active.", hint="Wait until it ends; see: intermodal incident list."
        )
    if not any(health.get(other, False) for other in route.serving if other not in targets):
        raise IntermodalError(
            f"No other target can serve the requests for '{route.model}' instead of {named}.", hint="Repair one first."
        )


def judge(result: DrillResult, objectives: "Objectives") -> tuple[bool, tuple[str, ...]]:
    """Whether the drill met the spec's objectives, with a sentence for each. Only an outage removes capacity, so only
    it has limits in seconds."""
    reasons = [f"{result.failed} of {result.requests} requests failed."]
    passed = result.failed == 0 and (result.requests > 0 or result.kind == "corrupt")
    if result.kind == "outage":
        for outcome, seconds, limit in (
            ("drained", result.drained_seconds, objectives.drained_seconds),
            ("at full capacity again", result.capacity_seconds, objectives.capacity_seconds),
        ):
            if seconds is None:
                reasons.append(f"It was not {outcome} during the drill.")
            else:
                reasons.append(f"{outcome.capitalize()} after {seconds:.1f} s; the limit is {limit:g} s.")
            passed &= seconds is not None and seconds <= limit
    if result.kind == "corrupt":
        found = result.detected_seconds is not None and result.restored_seconds is not None
        reasons.append("The damage was found and repaired." if found else "The damage was not found and repaired.")
        passed &= found
    return passed, tuple(reasons)
